"""Where torch computes, and with how many threads."""

import os

import torch

from wordgate.errors import SettingsError


def choose_device(name: str) -> torch.device:
    """Resolve ``auto``, ``cpu``, ``cuda`` or ``cuda:N``.

    Raises:
        SettingsError: The name is unknown, or there is no such device.
    """
    if name == "auto":
        return torch.device("cuda" if torch.cuda.is_available() else "cpu")
    kind, _, index = name.partition(":")
    if kind not in ("cpu", "cuda") or (index and not index.isdigit()):
        raise SettingsError(f"no device '{name}'; there are: auto, cpu, cuda, cuda:N")
    if kind == "cuda" and int(index or 0) >= torch.cuda.device_count():
        raise SettingsError(
            f"device '{name}' was asked for, but torch {torch.__version__} sees"
            f" {torch.cuda.device_count()} CUDA devices; use --device cpu"
        )
    return torch.device(name)


def use_available_cores() -> int:
    """Give torch as many threads as cores this process may use; more would slow it down."""
    affinity = getattr(os, "sched_getaffinity", None)
    cores = len(affinity(0)) if affinity else os.cpu_count() or 1
    torch.set_num_threads(cores)
    return cores
