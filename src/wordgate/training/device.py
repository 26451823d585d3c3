"""The device, precision and threads of torch."""

import platform
import re

import numpy as np
import torch
from numpy.typing import NDArray

from wordgate.errors import SettingsError
from wordgate.runtime.cpu import multiplies_bfloat16, processor
from wordgate.runtime.display import counted
from wordgate.runtime.packages import installed_versions


def choose_device(name: str) -> torch.device:
    """Resolve ``auto``, ``cpu``, ``cuda`` or ``cuda:N``.

    Raises:
        SettingsError: The name is unknown, or there is no such device; or this process was forked
            from one that has used a GPU, after which it can use only the CPU.
    """
    if name != "cpu" and torch.cuda._is_in_bad_fork():
        raise SettingsError(
            f"device '{name}': this process was forked from one that has used a GPU, where CUDA"
            " does not work; start processes with multiprocessing.get_context('spawn'), or give"
            " device='cpu'"
        )
    if name == "auto":
        return torch.device("cuda" if torch.cuda.is_available() else "cpu")
    if name == "cpu":
        return torch.device("cpu")
    named = re.fullmatch(r"cuda(?::([0-9]+))?", name)
    if named is None:
        raise SettingsError(f"no device '{name}'; available: auto, cpu, cuda, cuda:N")
    index, found = int(named[1] or 0), torch.cuda.device_count()
    if index >= found:
        raise SettingsError(
            f"device '{name}' was requested, but torch {torch.__version__} sees"
            f" {found} CUDA devices; use --device cpu"
        )
    return torch.device("cuda", index)


def replica_device(device: torch.device) -> str:
    """Name the device of a replica, of which each process on a GPU has one of its own."""
    return "cpu" if device.type == "cpu" else "auto"


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
        native = multiplies_bfloat16()
    return torch.bfloat16 if native else torch.float32


def tensor_on(device: torch.device, array: NDArray[np.generic]) -> torch.Tensor:
    """Copy an array to a device; on a CPU the tensor shares its memory.

    To a GPU it is copied from page-locked memory, else the copy would wait for the kernels that
    were launched before it.
    """
    tensor = torch.from_numpy(array)
    if device.type == "cpu":
        return tensor
    return tensor.pin_memory().to(device, non_blocking=True)


def format_device(device: torch.device) -> str:
    """Describe the device of torch: a GPU, or the CPU and the number of threads."""
    if device.type != "cpu":
        return str(device)
    return f"{device}, {counted(torch.get_num_threads(), 'thread')}"


def engine(device: torch.device, precision: torch.dtype, *packages: str) -> dict[str, str]:
    """List device, precision and versions, which affect the last bits of a result.

    `packages` are those used besides numpy, torch, regex and wordgate.
    """
    return {
        "device": torch.cuda.get_device_name(device) if device.type == "cuda" else str(device),
        "precision": str(precision).removeprefix("torch."),
        "threads": str(torch.get_num_threads()),
        "processor": processor(),
        "python": platform.python_version(),
        **installed_versions("numpy", "torch", "regex", "wordgate", *packages),
    }
