"""Slowdown of this process because other programs use the processor."""

import time
from dataclasses import dataclass, field, replace

_MOST = 10.0  # beyond, the process waits for something else
_FEWEST_SECONDS = 0.5


@dataclass(frozen=True)
class Contention:
    """Compares the time that passes with the processor time that this process gets.

    It is for work that computes all the time, from when this is made: of work that waits for a disk
    or a network it says too much.
    """

    started: float = field(default_factory=time.monotonic)
    cpu_started: float = field(default_factory=time.process_time)
    known: float | None = None  # the slowdown, once it is no longer measured

    def slowdown(self) -> float:
        """Return the seconds that pass for a second of processor time: 1 or more, at most 10."""
        if self.known is not None:
            return self.known
        seconds = time.monotonic() - self.started
        if seconds < _FEWEST_SECONDS:
            return 1.0
        computed = max(time.process_time() - self.cpu_started, seconds / _MOST)
        return max(1.0, seconds / computed)

    def before_waiting(self) -> "Contention":
        """Keep the slowdown as it is now: from now on this process waits, such as for a cluster."""
        return replace(self, known=self.slowdown())
