"""Metrics of several labels per text: indicator matrices and probabilities in, scores out.

The targets are a matrix of 0 and 1 with a column for each label, and each label's probability
stands by itself: those of a row don't sum to 1. A label is given to a text where its probability
reaches the label's threshold.

As for one label per text, what can't be computed is ``None``, never a silent 0, and averages are
over the labels that have rows (``macro_over`` names them).
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from pydantic import Field

from wordgate.errors import DataError
from wordgate.evaluation.intervals import (
    Bools,
    Floats,
    Interval,
    Ints,
    PairedDifference,
    accuracy_interval,
    count_by_group,
    paired_by_swaps,
    ratio,
)
from wordgate.evaluation.metrics import (
    LOG_EPSILON,
    AveragedScores,
    Intervals,
    LabelScore,
    MainScore,
    Scores,
    Shares,
    averages,
    check_predictions,
    check_shape,
    counts_by_label,
    f1_interval,
    f1_of_sums,
    macro_f1_interval,
)

DEFAULT_THRESHOLD = 0.5
_SMALLEST = float(np.finfo(np.float64).tiny)
_CELLS_AT_ONCE = 4_000_000  # rows x labels sorted at a time: 32 MB of float64


class MultilabelClassScore(LabelScore, frozen=True, extra="forbid"):
    """One label's scores where a text may have several."""

    average_precision: float | None = Field(
        description="area under the precision-recall curve, as a sum of steps; null without rows"
    )
    threshold: float = Field(
        description="the label is predicted if its probability is at least this"
    )


class MultilabelIntervals(Intervals, frozen=True, extra="forbid"):
    """The 95% intervals of the scores that are most looked at."""

    micro_f1: Interval


class MultilabelScores(AveragedScores, frozen=True, extra="forbid"):
    """The scores of a model that gives a text several labels, as shares of 1."""

    accuracy: float = Field(description="fraction of the rows whose labels are all correct")
    micro_f1: float | None = Field(description="F1 over all pairs of a row and a label")
    micro_precision: float | None
    micro_recall: float | None
    hamming_loss: float = Field(description="fraction of wrong pairs of a row and a label")
    label_ranking_average_precision: float | None = Field(
        description="from the ranking of each row's probabilities; a row with no label or all"
        " labels counts as 1, as in scikit-learn"
    )
    log_loss: float = Field(description="binary, mean over the rows and labels, in nats")
    intervals: MultilabelIntervals
    per_class: list[MultilabelClassScore] = Field(description="in the labels' order")
    cooccurrence: list[list[int]] = Field(description="test rows with both labels")
    n: int = Field(description="test rows")
    n_without_labels: int = Field(description="number of these without a label")

    @property
    def main(self) -> MainScore:
        """Return micro F1."""
        return MainScore("micro F1", self.micro_f1, self.intervals.micro_f1)

    @property
    def deciding(self) -> MainScore:
        """Return micro F1, which decides which model is better."""
        return self.main


AnyScores = Scores | MultilabelScores
"""Scores of one label per text, or of several."""


def log_complement(log_proba: Floats) -> Floats:
    """Compute log(1 - p) from log p, of the same shape; finite where p is 1, about -708."""
    return np.asarray(np.log(-np.expm1(np.minimum(log_proba, -_SMALLEST))))


def log_odds(log_proba: Floats) -> Floats:
    """Compute log p - log(1 - p), the logit of each probability, from log p; of the same shape."""
    return log_proba - log_complement(log_proba)


def given_labels(log_proba: Floats, thresholds: Floats | None = None) -> Bools:
    """Return which labels each text is given: bool [n, labels].

    Args:
        log_proba: float64 [n, labels], natural logarithms of the probabilities.
        thresholds: The least probability of each label that is given, float64 [labels], or
            [n, labels] where rows have their own; None for 0.5 each.
    """
    least = DEFAULT_THRESHOLD if thresholds is None else thresholds
    return np.asarray(np.exp(log_proba) >= least)


def decided_classes(
    proba: Floats,
    thresholds: Floats | None = None,
    decisive: int = 1,
) -> Ints:
    """Return the class of each text where it has one label: int64 [n].

    It is the most probable one; or, of two with thresholds, the decisive one if it is at least as
    probable as its threshold, and the other one otherwise.

    Args:
        proba: float64 [n, classes], the probabilities; without thresholds, their logarithms do.
        thresholds: float64 [2], or [n, 2] where rows have their own; None for none.
        decisive: The class whose threshold decides.
    """
    if thresholds is None:
        return np.asarray(proba.argmax(axis=1))
    is_given = proba[:, decisive] >= thresholds[..., decisive]
    return np.where(is_given, decisive, 1 - decisive)


def evaluate_multilabel(
    true: Ints,
    log_proba: Floats,
    labels: Sequence[str],
    groups: Sequence[str] | None,
    thresholds: Floats | None = None,
    *,
    seed: int = 0,
) -> MultilabelScores:
    """Score a model's probabilities against the true labels, several a text.

    Args:
        true: int64 [n, labels] of 0 and 1, the labels of each row.
        log_proba: float64 [n, labels], natural logarithms of each label's own probability.
        labels: The names of the labels.
        groups: The group of each row, for the intervals; ``None`` takes rows for independent.
        thresholds: float64 [labels], the least probability at which a label is given, or
            [n, labels], where folds have their own and the scores name their means; ``None`` for
            0.5 each.
        seed: Of the intervals' draws.

    Raises:
        DataError: No rows, shapes that don't fit, true labels other than 0 and 1, or a probability
            that is not a number.
    """
    check_predictions(true, log_proba, len(labels))
    if thresholds is None:
        thresholds = np.full(len(labels), DEFAULT_THRESHOLD)
    borne, given = true.astype(bool), given_labels(log_proba, thresholds)
    shown = np.atleast_2d(thresholds).mean(axis=0).tolist()
    hits, support, predicted = (one.sum(axis=0).tolist() for one in (borne & given, borne, given))
    per_class = [
        MultilabelClassScore(
            label=label,
            **Shares.of(hits[i], support[i], predicted[i])._asdict(),
            support=support[i],
            average_precision=Cuts.of(borne[:, i], log_proba[:, i]).average_precision(),
            threshold=shown[i],
        )
        for i, label in enumerate(labels)
    ]
    micro = Shares.of(sum(hits), sum(support), sum(predicted))
    as_number = borne.astype(np.float64)  # a product of integers would be slow
    return MultilabelScores(
        accuracy=float((borne == given).all(axis=1).mean()),
        **averages(per_class),
        micro_f1=micro.f1,
        micro_precision=micro.precision,
        micro_recall=micro.recall,
        hamming_loss=float((borne != given).mean()),
        label_ranking_average_precision=_ranking_precision(borne, log_proba),
        log_loss=binary_log_loss(true, log_proba),
        intervals=_intervals(borne, given, groups, seed),
        per_class=per_class,
        cooccurrence=(as_number.T @ as_number).astype(np.int64).tolist(),
        n=len(true),
        n_without_labels=int((~borne.any(axis=1)).sum()),
    )


def binary_log_loss(true: Ints, log_proba: Floats) -> float:
    """Average over rows and labels, [n, labels]; a probability below 2.2e-16 counts as that."""
    of_truth = np.where(true, log_proba, log_complement(log_proba))
    return float(-np.maximum(of_truth, LOG_EPSILON).mean())


def most_frequent_set(
    true: Ints,
) -> tuple[Floats, Floats]:
    """Make the simplest baseline: every text is given the labels that most often stand together.

    Args:
        true: int64 [n, labels] of 0 and 1, of the training rows.

    Returns:
        The log-probabilities of any text, float64 [labels], which are the labels' smoothed shares
        of the rows; and the thresholds, float64 [labels], by which just these labels are given.
    """
    shares = (true.sum(axis=0) + 1.0) / (len(true) + 2.0)
    log_proba = np.log(shares)
    sets, counts = np.unique(true, axis=0, return_counts=True)
    return log_proba, np.where(sets[counts.argmax()], np.exp(log_proba), 1.0)


def paired_micro_f1_difference(
    true: Ints,
    predicted: Bools,
    other: Bools,
    groups: Sequence[str] | None,
    *,
    seed: int = 0,
) -> PairedDifference:
    """Compare two models' micro F1 on the same rows.

    Args:
        true: int64 [n, labels] of 0 and 1, the labels of each row.
        predicted: bool [n, labels], those that the first model gives.
        other: bool [n, labels], those that the second model gives.
        groups: The group of each row; ``None`` makes each row its own group.
        seed: Of the bootstrap's draws and the swaps.

    Returns:
        The first model's micro F1 minus the second one's, with a 95% interval and a p-value.

    Raises:
        DataError: The shapes differ, or no row has a label, so that F1 is undefined.
    """
    for one in (predicted, other):
        check_shape("predicted labels", one, (len(true), true.shape[1]))
    borne = true.astype(bool)
    if not borne.any():
        raise DataError(
            "no row has a label, so F1 is undefined: compare models on rows with labels"
        )
    sums = [hits_and_totals(borne, one) for one in (predicted, other)]
    any_total = sums[0][:, 1:] + sums[1][:, 1:]
    counts = count_by_group(np.hstack([*sums, any_total]), groups).with_any()
    return paired_by_swaps(counts.columns(0, 1, 2, 3), f1_of_sums, seed=seed)


@dataclass(frozen=True)
class Cuts:
    """All that a threshold can do to one label: a cut below each distinct score.

    Attributes:
        score: float64 [cuts], the lowest score above each cut, falling.
        hits: int64 [cuts], rows above the cut that have the label.
        given: int64 [cuts], rows above the cut.
        support: Rows that have the label.
    """

    score: Floats
    hits: Ints
    given: Ints
    support: int

    @classmethod
    def of(cls, borne: Bools, score: Floats) -> "Cuts":
        """Sort rows by their scores: bool [n], whether a row has the label; float64 [n]."""
        order = np.argsort(-score, kind="stable")
        ordered = score[order]
        ends = np.flatnonzero(np.append(ordered[1:] != ordered[:-1], True))
        hits = borne[order].cumsum()
        return cls(ordered[ends], hits[ends], ends + 1, int(borne.sum()))

    @property
    def precision(self) -> Floats:
        """The share of the rows above each cut that have the label, float64 [cuts]."""
        return np.asarray(self.hits / self.given)

    @property
    def recall(self) -> Floats:
        """The share of the label's rows that are above each cut; there must be some."""
        return np.asarray(self.hits / self.support)

    @property
    def f1(self) -> Floats:
        """F1 of each cut, float64 [cuts]."""
        return np.asarray(2 * self.hits / (self.given + self.support))

    def average_precision(self) -> float | None:
        """Add up precision times what each cut adds to recall, as scikit-learn does.

        None if no row has the label.
        """
        if not self.support:
            return None
        return float(np.diff(self.recall, prepend=0.0) @ self.precision)


def _ranking_precision(borne: Bools, log_proba: Floats) -> float | None:
    """Compute the label ranking average precision; None where no row has a label.

    Tsoumakas, Katakis & Vlahavas (2010), "Mining multi-label data": of the labels that rank as high
    as a true one, the share that is true, averaged over a row's true labels and over the rows.
    """
    if not borne.any():
        return None
    n, n_labels = borne.shape
    at_once = max(1, _CELLS_AT_ONCE // n_labels)
    total = sum(
        _row_precisions(borne[start : start + at_once], log_proba[start : start + at_once]).sum()
        for start in range(0, n, at_once)
    )
    return float(total / n)


def _row_precisions(borne: Bools, log_proba: Floats) -> Floats:
    """Return each row's part in `_ranking_precision`: float64 [n]."""
    n_labels = borne.shape[1]
    order = np.argsort(-log_proba, axis=1, kind="stable")
    score = np.take_along_axis(log_proba, order, axis=1)
    true = np.take_along_axis(borne, order, axis=1)
    # Equal scores all have the last place of theirs.
    is_last = np.hstack([score[:, 1:] != score[:, :-1], np.ones((len(score), 1), bool)])
    place = np.where(is_last, np.arange(n_labels), n_labels)
    place = np.minimum.accumulate(place[:, ::-1], axis=1)[:, ::-1]
    precision = np.take_along_axis(true.cumsum(axis=1), place, axis=1) / (place + 1)
    n_true = true.sum(axis=1)
    mean = (precision * true).sum(axis=1) / np.maximum(n_true, 1)
    return np.where((n_true == 0) | (n_true == n_labels), 1.0, mean)


def _intervals(
    borne: Bools, given: Bools, groups: Sequence[str] | None, seed: int
) -> MultilabelIntervals:
    all_right = (borne == given).all(axis=1)
    rows = np.stack([all_right, np.ones_like(all_right)], axis=1).astype(np.int64)
    accuracy = accuracy_interval(count_by_group(rows, groups), ratio, seed=seed)
    macro_f1 = micro_f1 = Interval.none("no rows have a label")
    if borne.any():
        pairs = count_by_group(hits_and_totals(borne, given), groups).with_any()
        micro_f1 = f1_interval(pairs, seed)
        by_label = counts_by_label(borne, given, borne.shape[1], groups)
        macro_f1 = macro_f1_interval(by_label, seed)
    return MultilabelIntervals(accuracy=accuracy, macro_f1=macro_f1, micro_f1=micro_f1)


def hits_and_totals(borne: Bools, given: Bools) -> Ints:
    """Count each row's correct labels, and those it has plus those it is given: int64 [n, 2]."""
    hits, totals = (borne & given).sum(axis=1), borne.sum(axis=1) + given.sum(axis=1)
    return np.stack([hits, totals], axis=1).astype(np.int64)
