"""The processor: its name and its features."""

import platform
from pathlib import Path

from wordgate.versions import installed


def processor() -> str:
    """Name the processor's model, or its architecture where Linux doesn't tell the model."""
    names = _processor_lines("model name")
    return names[0] if names else platform.machine()


def single_thread(solver: str) -> dict[str, str]:
    """Name what computes a fit on one thread of the processor, and what reads its texts.

    Args:
        solver: The package that minimises the loss.
    """
    return {
        "device": "cpu",
        "precision": "float32",
        "threads": "1",
        "processor": processor(),
        "python": platform.python_version(),
        **installed("numpy", solver, "regex", "wordgate"),
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
