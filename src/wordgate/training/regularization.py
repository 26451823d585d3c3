"""Regularization search for linear models: the C that does best on validation is kept."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from wordgate.runtime.progress import Progress
from wordgate.training.logistic import Linear, fit_path

if TYPE_CHECKING:
    from wordgate.training.logistic import Features


@dataclass(frozen=True)
class Trial:
    """A fit, and what it is worth on validation.

    Attributes:
        c: The inverse strength of the L2 penalty.
        linear: What was fitted.
        accuracy: Share of the validation texts that are labelled right.
        log_loss: Their mean log loss, in nats.
    """

    c: float
    linear: Linear
    accuracy: float
    log_loss: float

    def beats(self, other: Trial | None) -> bool:
        """Tell whether it is better: more right, or as many with the lower loss."""
        return other is None or (-self.accuracy, self.log_loss) < (-other.accuracy, other.log_loss)


@dataclass(frozen=True)
class RegularizationChoice:
    """The best of all fits.

    Attributes:
        best: The best on validation.
        tried: The strengths that were tried, strongest penalty first.
        left_out: How many were not, because time was up.
    """

    best: Trial
    tried: tuple[float, ...]
    left_out: int = 0

    def remarks(self) -> list[str]:
        """Say which strength was chosen, and from what."""
        tried = ", ".join(f"{c:g}" for c in self.tried)
        chosen = [
            f"Validation chose C = {self.best.c:g} (accuracy {self.best.accuracy:.3f}) of {tried}."
        ]
        if self.left_out:
            n = len(self.tried)
            chosen.append(f"Time was up after {n} of {n + self.left_out} values of C.")
        return chosen


def search_regularization(
    train: tuple[Features, NDArray[np.int64]],
    valid: tuple[Features, NDArray[np.int64]],
    n_classes: int,
    c_values: Sequence[float],
    *,
    progress: Progress,
    deadline: float,
) -> RegularizationChoice:
    """Fit a logistic regression for each strength, and keep the best on validation.

    Args:
        train: Features float32 [n, features] and targets int64 [n] to fit on.
        valid: The same of what chooses.
        n_classes: How many classes there are.
        c_values: Inverse strengths of the L2 penalty.
        progress: Where each fit is told.
        deadline: The `time.monotonic()` at which fitting must end; the first fit is cut short by
            it, and no further one is begun.
    """
    best: Trial | None = None
    tried: list[float] = []
    started = time.monotonic()
    for c, linear in fit_path(*train, n_classes, c_values, deadline=deadline):
        trial = _judged(c, linear, *valid)
        tried.append(c)
        best = trial if best is None or trial.beats(best) else best
        now = time.monotonic()
        progress.say(_line(trial, now - started, trial is best))
        if now >= deadline:
            break
        started = now
    if best is None:
        raise ValueError("there is no C to try")
    return RegularizationChoice(best, tuple(tried), len(set(c_values)) - len(tried))


def _judged(c: float, linear: Linear, features: Features, targets: NDArray[np.int64]) -> Trial:
    log_proba = linear.log_proba(features)
    accuracy = float((log_proba.argmax(axis=1) == targets).mean())
    return Trial(c, linear, accuracy, -float(log_proba[np.arange(len(targets)), targets].mean()))


def _line(trial: Trial, seconds: float, best: bool) -> str:
    mark = "  (best so far)" if best else ""
    return (
        f"C = {trial.c:<6g} {seconds:5.1f} s  valid {trial.accuracy:.3f},"
        f" log loss {trial.log_loss:.3f}{mark}"
    )
