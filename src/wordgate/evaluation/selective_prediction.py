"""Selective prediction: coverage and accuracy if improbable labels are withheld.

The risk-coverage curve of El-Yaniv & Wiener (2010), "On the foundations of noise-free selective
classification", with accuracy in place of risk.
"""

from collections.abc import Sequence

import numpy as np
from pydantic import BaseModel, Field

from wordgate.evaluation.intervals import Floats, Ints
from wordgate.evaluation.metrics import check_predictions

THRESHOLDS = (*(round(0.05 * step, 2) for step in range(20)), 0.99)
MIN_ANSWERS = 30
_ACCURACIES = (0.7, 0.8, 0.9, 0.95, 0.99)


class CoveragePoint(BaseModel, frozen=True, extra="forbid"):
    """Coverage and accuracy if labels below a probability are withheld."""

    threshold: float = Field(description="labels with a lower probability are withheld")
    n: int = Field(description="test rows that get a label")
    coverage: float = Field(description="fraction of the test rows that get a label")
    accuracy: float | None = Field(description="on these rows; null if there are none")


def coverage_curve(
    log_proba: Floats,
    targets: Ints,
    thresholds: Sequence[float] = THRESHOLDS,
) -> list[CoveragePoint]:
    """Compute coverage and accuracy at each threshold.

    Args:
        log_proba: float64 [n, classes], natural logarithms of the probabilities.
        targets: int64 [n], the true classes.
        thresholds: Minimum probabilities of the predicted label, from 0 to 1.

    Raises:
        DataError: There are no rows, or the shapes do not match.
    """
    check_predictions(targets, log_proba, log_proba.shape[-1])
    top = np.exp(log_proba.max(axis=1))
    correct = log_proba.argmax(axis=1) == targets
    points = []
    for threshold in thresholds:
        answered = correct[top >= threshold]
        n, accuracy = len(answered), float(answered.mean()) if len(answered) else None
        coverage = n / len(correct)
        points.append(CoveragePoint(threshold=threshold, n=n, coverage=coverage, accuracy=accuracy))
    return points


def abstention_sentences(points: Sequence[CoveragePoint]) -> list[str]:
    """Write thresholds for ``--abstain-below`` with their coverage and accuracy.

    Thresholds with fewer than 30 labeled rows are left out.
    """
    if not points:
        return []
    overall = points[0].accuracy or 0.0
    chosen = {}
    for accuracy in _ACCURACIES:
        reached = [
            point
            for point in points
            if point.n >= MIN_ANSWERS and (point.accuracy or 0) >= accuracy
        ]
        if accuracy > overall and reached:
            chosen[reached[0].threshold] = reached[0]
    return [
        f"With --abstain-below {one.threshold:g}, {one.coverage:.0%} of the texts get a label, and"
        f" {one.accuracy:.0%} of these labels are correct."
        for one in chosen.values()
    ][:3]
