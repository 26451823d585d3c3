"""The processor: its name, its features, and how much of it this process may use."""

import math
import os
import platform
from pathlib import Path

from wordgate.versions import installed

_CGROUPS = Path("/sys/fs/cgroup")


def processor() -> str:
    """Name the processor's model, or its architecture where Linux doesn't tell the model."""
    names = _processor_lines("model name")
    return names[0] if names else platform.machine()


def single_thread(solver: str) -> dict[str, str]:
    """Name what computes a fit on one thread of the processor: it moves the last bits of a result.

    Args:
        solver: The package that minimises the loss.
    """
    return {
        "device": "cpu",
        "precision": "float32",
        "threads": "1",
        "processor": processor(),
        **installed("numpy", solver, "wordgate"),
    }


def processor_flags() -> set[str]:
    """Read the processor's features from Linux; empty on other systems."""
    return {flag for line in _processor_lines("flags") for flag in line.split()}


def _processor_lines(field: str) -> list[str]:
    """Read a field of /proc/cpuinfo, one value a processor; none on other systems."""
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
    except OSError:
        return []
    pairs = (line.partition(":") for line in lines)
    return [value.strip() for name, _, value in pairs if name.strip() == field]


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
