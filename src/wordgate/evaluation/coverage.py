"""What silence buys: how many rows are answered, and how well, if unsure answers are withheld.

The risk-coverage curve of El-Yaniv & Wiener (2010), "On the foundations of noise-free selective
classification", with accuracy in place of risk.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from wordgate.errors import DataError

THRESHOLDS = (*(round(0.05 * step, 2) for step in range(20)), 0.99)
FEWEST_ANSWERS = 30
_STEPS = (0.7, 0.8, 0.9, 0.95, 0.99)


@dataclass(frozen=True)
class CoveragePoint:
    """What comes of answering only where the top probability reaches a threshold.

    Attributes:
        threshold: The least probability that is answered.
        n: How many rows are answered.
        coverage: The share of all rows that is answered.
        accuracy: The share of the answered rows that is right; ``None`` where none is answered.
    """

    threshold: float
    n: int
    coverage: float
    accuracy: float | None


def coverage_curve(
    log_proba: NDArray[np.float64],
    targets: NDArray[np.int64],
    thresholds: Sequence[float] = THRESHOLDS,
) -> list[CoveragePoint]:
    """Tell for some thresholds how many rows are answered, and how well.

    Args:
        log_proba: float64 [n, classes], natural logarithms of the probabilities.
        targets: int64 [n], the true classes.
        thresholds: The least probabilities answered, from 0 to 1.

    Returns:
        One point a threshold, in their order.

    Raises:
        DataError: There are no rows, or not as many targets.
    """
    if len(targets) == 0:
        raise DataError("there are no rows to judge")
    if len(log_proba) != len(targets):
        raise DataError(f"{len(log_proba):,} rows were answered and {len(targets):,} have a label")
    top = np.exp(log_proba.max(axis=1))
    right = log_proba.argmax(axis=1) == targets
    return [_point(threshold, top >= threshold, right) for threshold in thresholds]


def _point(
    threshold: float, answered: NDArray[np.bool_], right: NDArray[np.bool_]
) -> CoveragePoint:
    n = int(answered.sum())
    accuracy = float(right[answered].mean()) if n else None
    return CoveragePoint(threshold, n, n / len(right), accuracy)


def abstention_sentences(points: Sequence[CoveragePoint]) -> list[str]:
    """Say which P of ``--abstain-below`` reaches which accuracy, and what it costs.

    Fewer than 30 answers tell too little to choose by.
    """
    at = points[0].accuracy or 0.0
    told = {}
    for step in _STEPS:
        reached = [one for one in points if one.n >= FEWEST_ANSWERS and (one.accuracy or 0) >= step]
        if step > at and reached:
            told[reached[0].threshold] = reached[0]
    return [
        f"With --abstain-below {one.threshold:g} it answers {one.coverage:.0%} of the texts, right"
        f" on {one.accuracy:.0%} of these."
        for one in told.values()
    ][:3]
