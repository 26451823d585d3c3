"""What a run costs: its time, with the limit set on it, and its memory."""

import math
import sys
import time
from dataclasses import dataclass, field

from wordgate.errors import SettingsError

EVALUATION_SECONDS = 3.0
PREDICTED_TEXTS_PER_SECOND = 4000.0


@dataclass(frozen=True)
class Clock:
    """The time since the command began.

    Attributes:
        started: The `time.monotonic()` at the beginning.
        max_minutes: When the whole command must have ended; None for no limit.
        resumed: Whether it goes on with a training, of which 0 minutes make what there is.
    """

    started: float = field(default_factory=time.monotonic)
    max_minutes: float | None = None
    resumed: bool = False

    def __post_init__(self) -> None:
        if self.max_minutes is None or self.max_minutes > 0:
            return
        if not (self.resumed and self.max_minutes == 0):
            raise SettingsError(f"max_minutes is {self.max_minutes}; it must be more than 0")

    def elapsed(self) -> float:
        """Give the seconds since the beginning."""
        return time.monotonic() - self.started

    def fitting_deadline(self, n_predicted: int) -> float:
        """Give the `time.monotonic()` at which fitting must end to leave time to evaluate.

        Args:
            n_predicted: How many texts are predicted once fitting has ended.
        """
        if self.max_minutes is None:
            return math.inf
        evaluation = EVALUATION_SECONDS + n_predicted / PREDICTED_TEXTS_PER_SECOND
        return self.started + self.max_minutes * 60.0 - evaluation


def peak_memory_mb() -> float:
    """Give the largest resident size this process has had, in 10^6 bytes; 0 where unknown."""
    try:
        import resource
    except ModuleNotFoundError:  # Windows
        return 0.0
    largest = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    in_bytes = largest if sys.platform == "darwin" else largest * 1024
    return in_bytes / 1e6
