"""Slowdown of this process because other programs use the processor."""

import time
from dataclasses import dataclass, field, replace

_MOST = 10.0  # above, the process waits for something else
_FEWEST_SECONDS = 0.5


@dataclass(frozen=True)
class Contention:
    """Measures elapsed time relative to the processor time of this process, since its creation.

    It is for work that computes all the time: for work that waits for a disk or a network the
    slowdown is overestimated.
    """

    started: float = field(default_factory=time.monotonic)
    cpu_started: float = field(default_factory=time.process_time)
    known: float | None = None  # the slowdown, if it is no longer measured

    def slowdown(self) -> float:
        """Return the elapsed seconds per second of processor time, from 1 to 10."""
        if self.known is not None:
            return self.known
        seconds = time.monotonic() - self.started
        if seconds < _FEWEST_SECONDS:
            return 1.0
        computed = max(time.process_time() - self.cpu_started, seconds / _MOST)
        return max(1.0, seconds / computed)

    def before_waiting(self) -> "Contention":
        """Return a copy with the current slowdown, for a process that will wait for a cluster."""
        return replace(self, known=self.slowdown())
