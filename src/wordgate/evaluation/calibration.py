"""Calibration of probabilities: its measures, and temperature scaling.

A model whose predictions at 0.8 are correct eight times of ten is calibrated. Networks are mostly
overconfident; dividing all log-probabilities by one temperature, fitted on rows the model did not
learn from, mends most of it and changes no predicted label: Guo, Pleiss, Sun & Weinberger (2017),
"On calibration of modern neural networks".

Where a text has several labels, each label's probability stands by itself: every pair of a row
and a label is a prediction of its own, and the temperature divides the logits log p - log(1 - p).
"""

import numpy as np
from pydantic import BaseModel, Field

from wordgate.evaluation.intervals import Bools, Floats, Ints
from wordgate.evaluation.metrics import LOG_EPSILON, check_predictions, mean_log_loss
from wordgate.evaluation.multilabel import binary_log_loss, log_odds

LOWEST_TEMPERATURE, HIGHEST_TEMPERATURE = 0.05, 20.0
N_BINS = 15
_GRID = np.linspace(np.log(LOWEST_TEMPERATURE), np.log(HIGHEST_TEMPERATURE), 25)


class ReliabilityBin(BaseModel, frozen=True, extra="forbid"):
    """The test rows whose most probable label has a probability in a range.

    With several labels per text: the pairs of a row and a label whose probability is in it.
    """

    low: float = Field(description="excluded, but in the first bin")
    high: float = Field(description="included")
    n: int
    confidence: float = Field(
        description="mean probability of the predicted label (with several labels per text: of the"
        " label)"
    )
    accuracy: float = Field(
        description="fraction of them that are correct (with several labels per text: that have the"
        " label)"
    )


class Calibration(BaseModel, frozen=True, extra="forbid"):
    """Agreement of probabilities with accuracy, on the test rows."""

    log_loss: float
    brier: float = Field(
        description="Brier 1950, summed over labels: 0 to 2; with several labels per text, the mean"
        " over labels: 0 to 1"
    )
    ece: float = Field(description="expected calibration error, 15 bins of equal width")
    bins: list[ReliabilityBin] = Field(description="bins without rows are left out")


class TemperatureScaling(BaseModel, frozen=True, extra="forbid"):
    """Probabilities before and after temperature scaling, which validation rows decided."""

    temperature: float
    before: Calibration
    after: Calibration

    @classmethod
    def of(cls, log_proba: Floats, targets: Ints, temperature: float) -> "TemperatureScaling":
        """Measure calibration before and after log-probabilities are divided by a temperature.

        Args:
            log_proba: float64 [n, classes], uncalibrated.
            targets: As for `calibration`.
            temperature: Above 0.
        """
        before = calibration(log_proba, targets)
        after = before
        if temperature != 1.0:
            scaled = apply_temperature(log_proba, temperature, multilabel=targets.ndim == 2)
            after = calibration(scaled, targets)
        return cls(temperature=temperature, before=before, after=after)

    def sentence(self) -> str:
        """Write it as a sentence."""
        after, before = self.after, self.before
        if self.temperature == 1.0:
            return f"Calibration: ECE {after.ece:.3f}, Brier score {after.brier:.3f}."
        return (
            f"Calibration: ECE {after.ece:.3f} after temperature scaling"
            f" (T = {self.temperature:.2f}), {before.ece:.3f} before; Brier score"
            f" {after.brier:.3f}, {before.brier:.3f} before."
        )


def fit_temperature(log_proba: Floats, targets: Ints) -> float:
    """Find the temperature under which held-out rows are least surprising.

    The log loss of the scaled probabilities is minimized; with several labels per text, the binary
    one of all pairs of a row and a label. A few rows that are all correct would ask
    for a temperature of 0, that is for certainty: so the sum over the rows is joined by a weak
    prior, a normal distribution of the temperature's logarithm about 0 with deviation 1. It weighs
    as much as one row does and vanishes among hundreds.

    Args:
        log_proba: float64 [n, classes], natural logarithms of the probabilities of rows that the
            model did not learn from. One below the row's top by more than 36 (a factor of 2.2e-16)
            counts as that, so a single impossible row does not decide; and so does a logit beyond
            36 of a label that stands by itself.
        targets: int64 [n], the true classes; or int64 [n, labels] of 0 and 1, several labels each.

    Returns:
        The temperature, from 0.05 to 20: above 1 the model was too sure, below 1 not enough.

    Raises:
        DataError: There are no rows, or what was given doesn't fit.
    """
    from scipy.optimize import minimize_scalar

    check_predictions(targets, log_proba, log_proba.shape[-1])
    if targets.ndim == 2:
        logits = np.clip(log_odds(log_proba), LOG_EPSILON, -LOG_EPSILON)
        against_truth = np.where(targets, -logits, logits)
    else:
        below_top = np.maximum(log_proba - log_proba.max(axis=1, keepdims=True), LOG_EPSILON)
        of_truth = below_top[np.arange(len(targets)), targets]

    def surprise(log_temperature: float) -> float:
        scale = np.exp(-log_temperature)
        if targets.ndim == 2:
            losses = np.logaddexp(0.0, against_truth * scale)
        else:
            losses = np.log(np.exp(below_top * scale).sum(axis=1)) - of_truth * scale
        return float(losses.sum() + log_temperature**2 / 2)

    best = int(np.argmin([surprise(point) for point in _GRID]))
    around = (_GRID[max(0, best - 1)], _GRID[min(len(_GRID) - 1, best + 1)])
    found = minimize_scalar(surprise, bounds=around, method="bounded", options={"xatol": 1e-6})
    return float(np.exp(found.x))


def apply_temperature(log_proba: Floats, temperature: float, multilabel: bool = False) -> Floats:
    """Divide log-probabilities by a temperature and make them sum to 1 again.

    The order of a row's classes stays. Of labels that stand by themselves the logits are divided,
    and which of them are at least 0.5 stays.

    Args:
        log_proba: float64 [n, classes].
        temperature: Above 0; 1 changes nothing.
        multilabel: Whether a text has several labels, so that each probability stands by itself.

    Returns:
        float64 [n, classes], natural logarithms.
    """
    if temperature == 1.0:
        return log_proba
    if multilabel:
        return np.asarray(-np.logaddexp(0.0, -log_odds(log_proba) / temperature))
    scaled = (log_proba - log_proba.max(axis=1, keepdims=True)) / temperature
    return np.asarray(scaled - np.log(np.exp(scaled).sum(axis=1, keepdims=True)))


def calibration(log_proba: Floats, targets: Ints) -> Calibration:
    """Measure how well probabilities agree with accuracy.

    Args:
        log_proba: float64 [n, classes], natural logarithms of the probabilities.
        targets: int64 [n], the true classes; or int64 [n, labels] of 0 and 1, several labels each.

    Returns:
        The measures, and the bins of a reliability diagram; with several labels per text, over all
        pairs of a row and a label.

    Raises:
        DataError: There are no rows, or what was given doesn't fit.
    """
    check_predictions(targets, log_proba, log_proba.shape[-1])
    proba = np.exp(log_proba)
    if targets.ndim == 2:
        bins = _bins(proba.ravel(), targets.ravel().astype(bool))
        log_loss, brier = binary_log_loss(targets, log_proba), ((proba - targets) ** 2).mean()
    else:
        truth = np.eye(log_proba.shape[1])[targets]
        bins = _bins(proba.max(axis=1), proba.argmax(axis=1) == targets)
        log_loss = mean_log_loss(targets, log_proba)
        brier = ((proba - truth) ** 2).sum(axis=1).mean()
    apart = sum(one.n * abs(one.confidence - one.accuracy) for one in bins)
    ece = float(apart / targets.size)
    return Calibration(log_loss=log_loss, brier=float(brier), ece=ece, bins=bins)


def _bins(top: Floats, correct: Bools) -> list[ReliabilityBin]:
    """Put rows into equally wide bins of their top probability, float64 [n]; bool [n]."""
    number = np.clip(np.ceil(top * N_BINS).astype(np.int64) - 1, 0, N_BINS - 1)
    n = np.bincount(number, minlength=N_BINS)
    confidence = np.bincount(number, weights=top, minlength=N_BINS)
    hits = np.bincount(number, weights=correct, minlength=N_BINS)
    return [
        ReliabilityBin(
            low=i / N_BINS,
            high=(i + 1) / N_BINS,
            n=int(n[i]),
            confidence=float(confidence[i] / n[i]),
            accuracy=float(hits[i] / n[i]),
        )
        for i in np.flatnonzero(n).tolist()
    ]
