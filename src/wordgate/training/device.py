"""Where torch computes, and with how many threads."""

import os
import re

import torch

from wordgate.errors import SettingsError


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


def use_available_cores() -> int:
    """Hold torch to the cores this process may use; more threads than cores slow it down.

    Who has asked torch for fewer threads, by OMP_NUM_THREADS as joblib's workers do or by
    `torch.set_num_threads`, keeps them.

    Returns:
        The number of threads.
    """
    affinity = getattr(os, "sched_getaffinity", None)
    cores = len(affinity(0)) if affinity else os.cpu_count() or 1
    threads = min(cores, torch.get_num_threads())
    torch.set_num_threads(threads)
    return threads
