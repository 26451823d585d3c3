"""When the command began whose time is limited: with its process, if that runs one command."""

import os
import sys
import time
from pathlib import Path

_started: float | None = None


def note_process_start() -> None:
    """Let the command begin at the start of this process, which runs nothing else."""
    global _started
    _started = _process_started()


def command_started() -> float:
    """Return the `time.monotonic()` at which the command began; now, if none has been noted."""
    return time.monotonic() if _started is None else _started


def _process_started() -> float:
    """Return the `time.monotonic()` of the start of this process; now, where that is unknown."""
    now = time.monotonic()
    if sys.platform != "linux":
        return now
    try:  # the name in the second field may have spaces and brackets
        fields = Path("/proc/self/stat").read_text(encoding="utf-8").rpartition(")")[2].split()
        started = int(fields[19]) / os.sysconf("SC_CLK_TCK")  # seconds since the system started
        return min(now, now - (time.clock_gettime(time.CLOCK_BOOTTIME) - started))
    except (OSError, ValueError, IndexError):
        return now
