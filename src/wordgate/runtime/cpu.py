"""The processor: the cores that this process may use, its name and its features."""

import math
import os
import platform
from pathlib import Path

from wordgate.runtime.packages import installed_versions

_CGROUPS = Path("/sys/fs/cgroup")


def available_cores() -> int:
    """Count the cores this process may use, limited by its affinity and control groups."""
    affinity = getattr(os, "sched_getaffinity", None)
    cores = len(affinity(0)) if affinity else os.cpu_count() or 1
    return max(1, min([cores, *map(math.ceil, _quotas(Path("/proc/self/cgroup"), _CGROUPS))]))


def _quotas(own_groups: Path, root: Path) -> list[float]:
    """Read the limits of this process's control groups (version 2), in cores."""
    try:
        lines = own_groups.read_text(encoding="utf-8").splitlines()
    except OSError:
        return []
    groups = [root / line[3:].strip("/") for line in lines if line.startswith("0::")]
    folders = [folder for group in groups for folder in (group, *group.parents)]
    own = [folder / "cpu.max" for folder in folders if folder.is_relative_to(root)]
    return [quota for file in own for quota in _quota(file)]


def _quota(file: Path) -> list[float]:
    """Read a limit such as ``150000 100000``: microseconds of processor time per period."""
    try:
        allowed, period = file.read_text(encoding="utf-8").split()
        return [] if allowed == "max" else [int(allowed) / int(period)]
    except (OSError, ValueError, ZeroDivisionError):
        return []


def processor() -> str:
    """Return the name of the processor's model, or its architecture if the name is unknown."""
    names = _processor_lines("model name")
    return names[0] if names else platform.machine()


def single_thread_environment(*solver: str) -> dict[str, str]:
    """Return the environment of a fit in one thread: device, precision, processor, versions.

    Args:
        solver: The package that minimizes the loss, if it is not numpy.
    """
    return {
        "device": "cpu",
        "precision": "float32",
        "threads": "1",
        "processor": processor(),
        "python": platform.python_version(),
        **installed_versions("numpy", *solver, "regex", "wordgate"),
    }


def processor_flags() -> set[str]:
    """Read the processor's features from Linux; empty on other systems."""
    return {flag for line in _processor_lines("flags") for flag in line.split()}


def multiplies_bfloat16() -> bool:
    """Return whether the processor multiplies bfloat16 natively (AVX512-BF16 or AMX)."""
    return not processor_flags().isdisjoint(("avx512_bf16", "amx_bf16"))


def _processor_lines(field: str) -> list[str]:
    """Read a field of /proc/cpuinfo for each processor; return an empty list on other systems."""
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
    except OSError:
        return []
    pairs = (line.partition(":") for line in lines)
    return [value.strip() for name, _, value in pairs if name.strip() == field]
