"""The start time of a command whose time is limited: that of its process, for one command."""

import os
import sys
import time
from pathlib import Path

_started: float | None = None


def note_process_start() -> None:
    """Record the start of this process, which runs one command, as the start of the command."""
    global _started
    _started = _process_started()


def command_started() -> float:
    """Return the `time.monotonic()` of the start of the command; now, if it was not recorded."""
    return time.monotonic() if _started is None else _started


def _process_started() -> float:
    """Return the `time.monotonic()` of the start of this process; now, if it is unknown."""
    now = time.monotonic()
    if sys.platform != "linux":
        return now
    try:  # the name in the second field may contain spaces and parentheses
        fields = Path("/proc/self/stat").read_text(encoding="utf-8").rpartition(")")[2].split()
        started = int(fields[19]) / os.sysconf("SC_CLK_TCK")  # seconds since the system started
        return min(now, now - (time.clock_gettime(time.CLOCK_BOOTTIME) - started))
    except (OSError, ValueError, IndexError):
        return now
