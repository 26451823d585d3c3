"""Where torch computes, and with how many threads."""

import math
import os
import platform
import re
from pathlib import Path

import torch

from wordgate.errors import SettingsError

_CGROUPS = Path("/sys/fs/cgroup")


def choose_device(name: str) -> torch.device:
    """Resolve ``auto``, ``cpu``, ``cuda`` or ``cuda:N``.

    Raises:
        SettingsError: The name is unknown, or there is no such device.
    """
    if name == "auto":
        return torch.device("cuda" if torch.cuda.is_available() else "cpu")
    if name == "cpu":
        return torch.device("cpu")
    named = re.fullmatch(r"cuda(?::([0-9]+))?", name)
    if named is None:
        raise SettingsError(f"no device '{name}'; there are: auto, cpu, cuda, cuda:N")
    index, found = int(named[1] or 0), torch.cuda.device_count()
    if index >= found:
        raise SettingsError(
            f"device '{name}' was asked for, but torch {torch.__version__} sees"
            f" {found} CUDA devices; use --device cpu"
        )
    return torch.device("cuda", index)


def choose_precision(name: str, device: torch.device) -> torch.dtype:
    """Resolve ``auto``, ``float32`` or ``bfloat16``.

    ``auto`` takes bfloat16 where the hardware multiplies it natively: CUDA devices that do, and
    processors with AVX512-BF16 or AMX. Elsewhere it would be emulated, and slower.
    """
    if name != "auto":
        return torch.bfloat16 if name == "bfloat16" else torch.float32
    if device.type == "cuda":
        native = torch.cuda.is_bf16_supported(including_emulation=False)
    else:
        native = not processor_flags().isdisjoint(("avx512_bf16", "amx_bf16"))
    return torch.bfloat16 if native else torch.float32


def processor() -> str:
    """Name the processor's model, or its architecture where Linux doesn't tell the model."""
    names = _processor_lines("model name")
    return names[0] if names else platform.machine()


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


def use_available_cores() -> int:
    """Hold torch to the cores this process may use; more threads than cores slow it down.

    Those are the cores of its affinity, or fewer where a container's quota of processor time is
    worth fewer. Who has asked torch for fewer threads, by OMP_NUM_THREADS as joblib's workers do or
    by `torch.set_num_threads`, keeps them.

    Returns:
        The number of threads.
    """
    threads = min(available_cores(), torch.get_num_threads())
    torch.set_num_threads(threads)
    return threads


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
