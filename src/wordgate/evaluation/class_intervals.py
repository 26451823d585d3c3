"""How far each label's precision, recall and F1 can be trusted, by resampling groups."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from wordgate.evaluation.intervals import (
    GroupCounts,
    Interval,
    accuracy_interval,
    bootstrap_interval,
    count_by_group,
)
from wordgate.evaluation.metrics import hits_and_totals


@dataclass(frozen=True)
class ClassIntervals:
    """The 95 % intervals of one label's scores.

    Attributes:
        label: Its name.
        precision: Without ends where the label was never predicted.
        recall: Without ends where no row bears it.
        f1: Without ends where no row bears it, and where every draw gives the same.
    """

    label: str
    precision: Interval
    recall: Interval
    f1: Interval


def class_intervals(
    true: NDArray[np.int64],
    predicted: NDArray[np.int64],
    labels: Sequence[str],
    groups: Sequence[str] | None,
    *,
    seed: int = 0,
    n_resamples: int = 2000,
) -> list[ClassIntervals]:
    """Find the intervals of every label's scores.

    A score of a label is made of the groups that hold rows of it (or rows given it) alone; these
    are drawn, so that a label of five groups has the wide interval that five groups allow, however
    many groups there are without it.

    Args:
        true: int64 [n], the position of each row's label in ``labels``.
        predicted: int64 [n], the position of the label that each row was given.
        labels: The names of the classes.
        groups: The group of each row; ``None`` takes rows for independent.
        seed: Of the draws.
        n_resamples: How many draws.

    Returns:
        One entry a label, in the labels' order.

    Raises:
        DataError: There are no rows, or not as many groups as rows.
    """
    n_classes = len(labels)
    counts = count_by_group(hits_and_totals(true, predicted, n_classes), groups)

    def of(number: int, label: str) -> ClassIntervals:
        hits, support, given = number, n_classes + number, 2 * n_classes + number
        precision = _part(counts, hits, (given,))
        recall = _part(counts, hits, (support,))
        f1 = _part(counts, hits, (support, given))
        return ClassIntervals(
            label=label,
            precision=_share_interval(precision, "never predicted", seed, n_resamples),
            recall=_share_interval(recall, "no rows", seed, n_resamples),
            f1=_f1_interval(f1, recall, seed, n_resamples),
        )

    return [of(number, label) for number, label in enumerate(labels)]


def _part(counts: GroupCounts, hits: int, totals: tuple[int, ...]) -> GroupCounts:
    """Keep the sums [hits, total] of the groups whose total is not 0; alike groups together."""
    total = counts.distinct[:, totals].sum(axis=1)
    kept = total > 0
    pairs = np.stack([counts.distinct[kept, hits], total[kept]], axis=1)
    distinct, number = np.unique(pairs, axis=0, return_inverse=True)
    multiplicity = np.bincount(
        number.ravel(), weights=counts.multiplicity[kept], minlength=len(distinct)
    )
    return GroupCounts(distinct, multiplicity.astype(np.int64), counts.unit)


def _share_interval(part: GroupCounts, empty: str, seed: int, n_resamples: int) -> Interval:
    if part.n_groups == 0:
        return Interval(None, None, f"none: {empty}")
    return accuracy_interval(part, _share, seed=seed, n_resamples=n_resamples)


def _f1_interval(part: GroupCounts, recall: GroupCounts, seed: int, n_resamples: int) -> Interval:
    if recall.n_groups == 0:
        return Interval(None, None, "none: no rows")
    found = bootstrap_interval(part, _f1, seed=seed, n_resamples=n_resamples)
    if found.low is not None and found.low == found.high:
        return Interval(None, None, f"none: every draw gives {found.low:g}")
    return found


def _share(sums: NDArray[np.float64]) -> NDArray[np.float64]:
    return np.asarray(sums[:, 0] / sums[:, 1])


def _f1(sums: NDArray[np.float64]) -> NDArray[np.float64]:
    """F1 from right rows, and rows that bear a label plus rows given it: float64 [draws]."""
    return np.asarray(2 * sums[:, 0] / sums[:, 1])
