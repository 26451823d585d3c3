"""Calibration of probabilities: its measures, and temperature scaling.

A model is calibrated if 80% of its predictions with a probability of 0.8 are correct. Most networks
are overconfident; dividing all log-probabilities by one temperature, fitted on validation rows,
corrects most of this and changes no predicted label: Guo, Pleiss, Sun & Weinberger (2017), "On
calibration of modern neural networks".

If a text can have several labels, each pair of a row and a label is a separate binary prediction,
and the temperature divides the logits log p - log(1 - p).
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
    """The test rows whose most probable label has a probability within a range.

    With several labels per text: the pairs of a row and a label with such a probability.
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
    """Calibration before and after temperature scaling, which was fitted on the validation rows."""

    temperature: float
    before: Calibration
    after: Calibration

    @classmethod
    def of(cls, log_proba: Floats, targets: Ints, temperature: float) -> "TemperatureScaling":
        """Measure calibration before and after temperature scaling.

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
        """Describe it in a sentence."""
        after, before = self.after, self.before
        if self.temperature == 1.0:
            return f"Calibration: ECE {after.ece:.3f}, Brier score {after.brier:.3f}."
        return (
            f"Calibration: ECE {after.ece:.3f} after temperature scaling"
            f" (T = {self.temperature:.2f}), {before.ece:.3f} before; Brier score"
            f" {after.brier:.3f}, {before.brier:.3f} before."
        )


def fit_temperature(log_proba: Floats, targets: Ints) -> float:
    """Fit the temperature that minimizes the log loss of validation rows.

    With several labels per text, it is the binary log loss of all pairs of a row and a label. For a
    few rows that are all predicted correctly, the minimum would be at a temperature of 0. So a weak
    prior is added, a standard normal distribution of the logarithm of the temperature. Its weight
    is that of about one row.

    Args:
        log_proba: float64 [n, classes], natural logarithms of the probabilities of rows that the
            model was not trained on. Differences from the highest one of the row are clipped to 36
            (a factor of 2.2e-16), so that a single row does not dominate; with several labels per
            text, logits are clipped to 36.
        targets: int64 [n], the true classes; or int64 [n, labels] of 0 and 1, several labels each.

    Returns:
        The temperature, from 0.05 to 20: above 1 if the model is overconfident, else below 1.

    Raises:
        DataError: There are no rows, or the shapes do not match.
    """
    from scipy.optimize import minimize_scalar

    check_predictions(targets, log_proba, log_proba.shape[-1])
    if targets.ndim == 2:
        logits = np.clip(log_odds(log_proba), LOG_EPSILON, -LOG_EPSILON)
        negated = np.where(targets, -logits, logits)
    else:
        below_top = np.maximum(log_proba - log_proba.max(axis=1, keepdims=True), LOG_EPSILON)
        true_below_top = below_top[np.arange(len(targets)), targets]

    def penalized_loss(log_temperature: float) -> float:
        scale = np.exp(-log_temperature)
        if targets.ndim == 2:
            losses = np.logaddexp(0.0, negated * scale)
        else:
            losses = np.log(np.exp(below_top * scale).sum(axis=1)) - true_below_top * scale
        return float(losses.sum() + log_temperature**2 / 2)

    best = int(np.argmin([penalized_loss(point) for point in _GRID]))
    bounds = (_GRID[max(0, best - 1)], _GRID[min(len(_GRID) - 1, best + 1)])
    minimum = minimize_scalar(
        penalized_loss, bounds=bounds, method="bounded", options={"xatol": 1e-6}
    )
    return float(np.exp(minimum.x))


def apply_temperature(log_proba: Floats, temperature: float, multilabel: bool = False) -> Floats:
    """Divide log-probabilities by a temperature and normalize them, so that a row sums to 1 again.

    The ranking of a row's classes does not change. With several labels per text, logits are
    divided, which does not change what probabilities are at least 0.5.

    Args:
        log_proba: float64 [n, classes].
        temperature: Above 0; 1 changes nothing.
        multilabel: Whether a text can have several labels, so that probabilities are independent.

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
    """Measure calibration: log loss, Brier score, expected calibration error.

    Args:
        log_proba: float64 [n, classes], natural logarithms of the probabilities.
        targets: int64 [n], the true classes; or int64 [n, labels] of 0 and 1, several labels each.

    Returns:
        The measures, and the bins of a reliability diagram; with several labels per text, over all
        pairs of a row and a label.

    Raises:
        DataError: There are no rows, or the shapes do not match.
    """
    check_predictions(targets, log_proba, log_proba.shape[-1])
    proba = np.exp(log_proba)
    if targets.ndim == 2:
        bins = _bins(proba.ravel(), targets.ravel().astype(bool))
        log_loss, brier = binary_log_loss(targets, log_proba), ((proba - targets) ** 2).mean()
    else:
        one_hot = np.eye(log_proba.shape[1])[targets]
        bins = _bins(proba.max(axis=1), proba.argmax(axis=1) == targets)
        log_loss = mean_log_loss(targets, log_proba)
        brier = ((proba - one_hot) ** 2).sum(axis=1).mean()
    ece = float(sum(one.n * abs(one.confidence - one.accuracy) for one in bins) / targets.size)
    return Calibration(log_loss=log_loss, brier=float(brier), ece=ece, bins=bins)


def _bins(top: Floats, correct: Bools) -> list[ReliabilityBin]:
    """Bin rows by their highest probability, in bins of equal width: float64 [n]; bool [n]."""
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
