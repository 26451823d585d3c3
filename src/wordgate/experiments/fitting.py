"""Fitting a model with a temperature, within a time limit; and what a run costs."""

import math
import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from wordgate.errors import SettingsError
from wordgate.evaluation.calibration import apply_temperature, fit_temperature
from wordgate.runtime.progress import stage
from wordgate.settings import Settings
from wordgate.training.families import fit
from wordgate.training.fitting import FitData, Fitted, RunContext

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


@dataclass(frozen=True)
class Calibrated:
    """A fitted model whose probabilities suit the validation rows.

    Attributes:
        fitted: The model and how it got there.
        temperature: What its log-probabilities are divided by; 1 leaves them as they are.
        seconds: What fitting took, interrupted runs included.
    """

    fitted: Fitted
    temperature: float
    seconds: float

    def log_proba(self, texts: Sequence[str]) -> NDArray[np.float64]:
        """Compute calibrated log-probabilities, float64 [n, classes]."""
        return apply_temperature(self.fitted.model.log_proba(texts), self.temperature)


def fit_calibrated(
    family: str, data: FitData, settings: Settings, context: RunContext
) -> Calibrated:
    """Fit a model of a family, and its temperature if the settings ask for one.

    Args and errors are those of `wordgate.training.families.fit`.
    """
    started = time.monotonic()
    fitted = fit(family, data, settings, context)
    seconds = fitted.earlier_seconds + time.monotonic() - started
    temperature = 1.0
    if settings.calibration == "temperature":
        valid = data.valid
        with stage(context.progress, f"Calibrating on {len(valid):,} validation texts"):
            temperature = fit_temperature(fitted.model.log_proba(valid.texts), valid.targets)
    return Calibrated(fitted, temperature, seconds)
