"""How much of the processor this process may use."""

import math
import os
from pathlib import Path

_CGROUPS = Path("/sys/fs/cgroup")


def available_cores() -> int:
    """Count the cores this process may use, quotas of its control groups included."""
    affinity = getattr(os, "sched_getaffinity", None)
    cores = len(affinity(0)) if affinity else os.cpu_count() or 1
    return max(1, min([cores, *map(math.ceil, _quotas(Path("/proc/self/cgroup"), _CGROUPS))]))


def _quotas(own_groups: Path, root: Path) -> list[float]:
    """Read how many processors' time this process's control groups (version 2) may take."""
    try:
        lines = own_groups.read_text(encoding="utf-8").splitlines()
    except OSError:
        return []
    unified = [line.removeprefix("0::") for line in lines if line.startswith("0::")]
    quotas = []
    for name in unified:
        group = root / name.strip("/")
        for folder in (group, *group.parents):
            if not folder.is_relative_to(root):
                break
            quotas += _quota(folder / "cpu.max")
    return quotas


def _quota(file: Path) -> list[float]:
    """Read a limit such as ``150000 100000``: microseconds of work in so many of time."""
    try:
        allowed, period = file.read_text(encoding="utf-8").split()
        return [] if allowed == "max" else [int(allowed) / int(period)]
    except (OSError, ValueError, ZeroDivisionError):
        return []
