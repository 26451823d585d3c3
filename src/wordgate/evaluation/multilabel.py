"""Metrics of several labels per text, computed from indicator matrices and probabilities.

The targets are a matrix of 0 and 1 with a column for each label. The probabilities of the labels
are independent: those of a row don't sum to 1. A label is predicted if its probability is at least
the label's threshold.

As for one label per text, undefined scores are None, never 0, and averages are over the labels that
have rows (``macro_over``).
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
    """One label's scores with several labels per text."""

    average_precision: float | None = Field(
        description="area under the precision-recall curve, as a sum of steps; null without rows"
    )
    threshold: float = Field(
        description="the label is predicted if its probability is at least this"
    )


class MultilabelIntervals(Intervals, frozen=True, extra="forbid"):
    """The 95% intervals of the main scores."""

    micro_f1: Interval


class MultilabelScores(AveragedScores, frozen=True, extra="forbid"):
    """The scores of a model with several labels per text, from 0 to 1."""

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
"""Scores with one label per text, or with several."""


def log_complement(log_proba: Floats) -> Floats:
    """Compute log(1 - p) from log p, of the same shape; finite where p is 1, about -708."""
    return np.asarray(np.log(-np.expm1(np.minimum(log_proba, -_SMALLEST))))


def log_odds(log_proba: Floats) -> Floats:
    """Compute log p - log(1 - p), the logit of each probability, from log p; of the same shape."""
    return log_proba - log_complement(log_proba)


def predicted_labels(log_proba: Floats, thresholds: Floats | None = None) -> Bools:
    """Return the predicted labels of each text: bool [n, labels].

    Args:
        log_proba: float64 [n, labels], natural logarithms of the probabilities.
        thresholds: Minimum probabilities of predicted labels, float64 [labels], or [n, labels] if
            rows have their own; None for 0.5 each.
    """
    minimum = DEFAULT_THRESHOLD if thresholds is None else thresholds
    return np.asarray(np.exp(log_proba) >= minimum)


def predicted_classes(
    proba: Floats,
    thresholds: Floats | None = None,
    decisive: int = 1,
) -> Ints:
    """Return the predicted class of each text with one label: int64 [n].

    It is the most probable one. With thresholds, of two classes the decisive one is predicted if
    its probability is at least its threshold, and else the other one.

    Args:
        proba: float64 [n, classes], the probabilities; without thresholds, also their logarithms.
        thresholds: float64 [2], or [n, 2] if rows have their own; None without thresholds.
        decisive: The class whose threshold decides.
    """
    if thresholds is None:
        return np.asarray(proba.argmax(axis=1))
    is_decisive = proba[:, decisive] >= thresholds[..., decisive]
    return np.where(is_decisive, decisive, 1 - decisive)


def evaluate_multilabel(
    true: Ints,
    log_proba: Floats,
    labels: Sequence[str],
    groups: Sequence[str] | None,
    thresholds: Floats | None = None,
    *,
    seed: int = 0,
) -> MultilabelScores:
    """Compute the scores of a model's predictions with several labels per text.

    Args:
        true: int64 [n, labels] of 0 and 1, the labels of each row.
        log_proba: float64 [n, labels], natural logarithms of the labels' probabilities.
        labels: The names of the labels.
        groups: The group of each row, for the intervals; None if rows are independent.
        thresholds: Minimum probabilities of predicted labels, float64 [labels], or [n, labels] if
            folds have their own, of which the scores have the means; None for 0.5 each.
        seed: Random seed of the intervals.

    Raises:
        DataError: There are no rows, shapes do not match, a true label is neither 0 nor 1, or a
            probability is not a number.
    """
    check_predictions(true, log_proba, len(labels))
    if thresholds is None:
        thresholds = np.full(len(labels), DEFAULT_THRESHOLD)
    actual, predicted = true.astype(bool), predicted_labels(log_proba, thresholds)
    mean_thresholds = np.atleast_2d(thresholds).mean(axis=0).tolist()
    hits, support, n_predicted = (
        rows.sum(axis=0).tolist() for rows in (actual & predicted, actual, predicted)
    )
    per_class = [
        MultilabelClassScore(
            label=label,
            **Shares.of(hits[i], support[i], n_predicted[i])._asdict(),
            support=support[i],
            average_precision=Cuts.of(actual[:, i], log_proba[:, i]).average_precision(),
            threshold=mean_thresholds[i],
        )
        for i, label in enumerate(labels)
    ]
    micro = Shares.of(sum(hits), sum(support), sum(n_predicted))
    as_floats = actual.astype(np.float64)  # a product of integers would be slow
    return MultilabelScores(
        accuracy=float((actual == predicted).all(axis=1).mean()),
        **averages(per_class),
        micro_f1=micro.f1,
        micro_precision=micro.precision,
        micro_recall=micro.recall,
        hamming_loss=float((actual != predicted).mean()),
        label_ranking_average_precision=_ranking_precision(actual, log_proba),
        log_loss=binary_log_loss(true, log_proba),
        intervals=_intervals(actual, predicted, groups, seed),
        per_class=per_class,
        cooccurrence=(as_floats.T @ as_floats).astype(np.int64).tolist(),
        n=len(true),
        n_without_labels=int((~actual.any(axis=1)).sum()),
    )


def binary_log_loss(true: Ints, log_proba: Floats) -> float:
    """Compute the binary log loss over rows and labels; probabilities are at least 2.2e-16."""
    of_true_value = np.where(true, log_proba, log_complement(log_proba))
    return float(-np.maximum(of_true_value, LOG_EPSILON).mean())


def most_frequent_set(
    true: Ints,
) -> tuple[Floats, Floats]:
    """Fit the simplest baseline, which always predicts the most frequent label set.

    Args:
        true: int64 [n, labels] of 0 and 1, of the training rows.

    Returns:
        The log-probabilities of every text, float64 [labels], which are the labels' smoothed
        frequencies; and the thresholds, float64 [labels], by which exactly this set is predicted.
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
        predicted: bool [n, labels], the predictions of the first model.
        other: bool [n, labels], the predictions of the second model.
        groups: The group of each row; None if each row is its own group.
        seed: Random seed of the bootstrap and the swaps.

    Returns:
        The first model's micro F1 minus the second one's, with a 95% interval and a p-value.

    Raises:
        DataError: The shapes differ, or no row has a label, so that F1 is undefined.
    """
    for one in (predicted, other):
        check_shape("predicted labels", one, (len(true), true.shape[1]))
    actual = true.astype(bool)
    if not actual.any():
        raise DataError(
            "no row has a label, so F1 is undefined: compare models on rows with labels"
        )
    sums = [hits_and_totals(actual, one) for one in (predicted, other)]
    any_total = sums[0][:, 1:] + sums[1][:, 1:]
    counts = count_by_group(np.hstack([*sums, any_total]), groups).with_any()
    return paired_by_swaps(counts.columns(0, 1, 2, 3), f1_of_sums, seed=seed)


@dataclass(frozen=True)
class Cuts:
    """The effect of every possible threshold of one label: a cut below each distinct score.

    Attributes:
        score: float64 [cuts], the lowest score above each cut, descending.
        hits: int64 [cuts], rows above the cut that have the label.
        predicted: int64 [cuts], rows above the cut.
        support: Rows that have the label.
    """

    score: Floats
    hits: Ints
    predicted: Ints
    support: int

    @classmethod
    def of(cls, actual: Bools, score: Floats) -> "Cuts":
        """Sort rows by their scores: bool [n], whether a row has the label; float64 [n]."""
        order = np.argsort(-score, kind="stable")
        ordered = score[order]
        ends = np.flatnonzero(np.append(ordered[1:] != ordered[:-1], True))
        hits = actual[order].cumsum()
        return cls(ordered[ends], hits[ends], ends + 1, int(actual.sum()))

    @property
    def precision(self) -> Floats:
        """The precision at each cut, float64 [cuts]."""
        return np.asarray(self.hits / self.predicted)

    @property
    def recall(self) -> Floats:
        """The recall at each cut, float64 [cuts]; some row must have the label."""
        return np.asarray(self.hits / self.support)

    @property
    def f1(self) -> Floats:
        """F1 at each cut, float64 [cuts]."""
        return np.asarray(2 * self.hits / (self.predicted + self.support))

    def average_precision(self) -> float | None:
        """Compute the sum of precisions, weighted by the increase in recall, as scikit-learn does.

        None if no row has the label.
        """
        if not self.support:
            return None
        return float(np.diff(self.recall, prepend=0.0) @ self.precision)


def _ranking_precision(actual: Bools, log_proba: Floats) -> float | None:
    """Compute the label ranking average precision; None if no row has a label.

    Tsoumakas, Katakis & Vlahavas (2010), "Mining multi-label data": the fraction of true labels
    among those ranked at least as high as a true one, averaged over the true labels of a row and
    over the rows.
    """
    if not actual.any():
        return None
    n, n_labels = actual.shape
    at_once = max(1, _CELLS_AT_ONCE // n_labels)
    total = sum(
        _row_precisions(actual[start : start + at_once], log_proba[start : start + at_once]).sum()
        for start in range(0, n, at_once)
    )
    return float(total / n)


def _row_precisions(actual: Bools, log_proba: Floats) -> Floats:
    """Compute the label ranking average precision of each row: float64 [n]."""
    n_labels = actual.shape[1]
    order = np.argsort(-log_proba, axis=1, kind="stable")
    score = np.take_along_axis(log_proba, order, axis=1)
    true = np.take_along_axis(actual, order, axis=1)
    # Equal scores all have the last of their ranks.
    is_last = np.hstack([score[:, 1:] != score[:, :-1], np.ones((len(score), 1), bool)])
    rank = np.where(is_last, np.arange(n_labels), n_labels)
    rank = np.minimum.accumulate(rank[:, ::-1], axis=1)[:, ::-1]
    precision = np.take_along_axis(true.cumsum(axis=1), rank, axis=1) / (rank + 1)
    n_true = true.sum(axis=1)
    mean = (precision * true).sum(axis=1) / np.maximum(n_true, 1)
    return np.where((n_true == 0) | (n_true == n_labels), 1.0, mean)


def _intervals(
    actual: Bools, predicted: Bools, groups: Sequence[str] | None, seed: int
) -> MultilabelIntervals:
    correct = (actual == predicted).all(axis=1)
    rows = np.stack([correct, np.ones_like(correct)], axis=1).astype(np.int64)
    accuracy = accuracy_interval(count_by_group(rows, groups), ratio, seed=seed)
    macro_f1 = micro_f1 = Interval.none("no rows have a label")
    if actual.any():
        pairs = count_by_group(hits_and_totals(actual, predicted), groups).with_any()
        micro_f1 = f1_interval(pairs, seed)
        by_label = counts_by_label(actual, predicted, actual.shape[1], groups)
        macro_f1 = macro_f1_interval(by_label, seed)
    return MultilabelIntervals(accuracy=accuracy, macro_f1=macro_f1, micro_f1=micro_f1)


def hits_and_totals(actual: Bools, predicted: Bools) -> Ints:
    """Count each row's correct labels, and its true plus predicted labels: int64 [n, 2]."""
    hits, totals = (actual & predicted).sum(axis=1), actual.sum(axis=1) + predicted.sum(axis=1)
    return np.stack([hits, totals], axis=1).astype(np.int64)
