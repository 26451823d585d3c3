"""Classification metrics, computed from labels and probabilities.

Undefined scores are None, never 0: the precision of a label that was never predicted, recall and F1
of a label without rows. Averages are over the labels that have rows (``macro_over``). In them, an
undefined precision counts as 0, as in scikit-learn, so that a model gains nothing by never
predicting a label.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
from pydantic import BaseModel, Field

from wordgate.errors import DataError
from wordgate.evaluation.intervals import (
    Bools,
    Floats,
    GroupCounts,
    Interval,
    Ints,
    PairedDifference,
    accuracy_interval,
    bootstrap_interval,
    count_by_group,
    paired_by_swaps,
    ratio,
)

LOG_EPSILON = float(np.log(np.finfo(np.float64).eps))
"""Lower bound of log-probabilities, about -36, so that a single row does not dominate a loss."""
SKEWED_SHARE = 0.8
"""Share of the rows with the most frequent label from which labels count as skewed."""


class LabelScore(BaseModel, frozen=True, extra="forbid"):
    """One label's scores; null where undefined (never predicted, or not in the test rows)."""

    label: str
    precision: float | None
    recall: float | None
    f1: float | None
    support: int = Field(description="test rows of this label")


class Shares(NamedTuple):
    """Precision, recall and F1; None where undefined."""

    precision: float | None
    recall: float | None
    f1: float | None

    @classmethod
    def of(cls, hits: int, support: int, predicted: int) -> "Shares":
        """Compute them from counts of rows: correct, with the label, predicted as the label."""
        return cls(
            precision=hits / predicted if predicted else None,
            recall=hits / support if support else None,
            f1=2 * hits / (support + predicted) if support else None,
        )

    @classmethod
    def average(cls, per_class: Sequence[LabelScore], *, by_support: bool) -> "Shares":
        """Average over the labels that have rows, weighted by their rows or equally.

        All are None if no label has rows.
        """
        with_rows = [score for score in per_class if score.support]
        if not with_rows:
            return cls(None, None, None)
        weights = [score.support if by_support else 1 for score in with_rows]
        columns = zip(*((one.precision, one.recall, one.f1) for one in with_rows), strict=True)
        return cls(
            *(
                float(np.average([value or 0.0 for value in column], weights=weights))
                for column in columns
            )
        )


class MainScore(NamedTuple):
    """The score by which models are compared: its name, its value and its interval."""

    name: str
    value: float | None
    interval: Interval


class Intervals(BaseModel, frozen=True, extra="forbid"):
    """The 95% intervals of the main scores."""

    accuracy: Interval
    macro_f1: Interval


class AveragedScores(BaseModel, frozen=True, extra="forbid"):
    """Scores that exist with one label per text and with several."""

    accuracy: float
    macro_f1: float | None
    macro_precision: float | None
    macro_recall: float | None
    macro_over: list[str] = Field(description="labels that have test rows; the means are over them")
    weighted_f1: float | None


def averages(per_class: Sequence[LabelScore]) -> dict[str, Any]:
    """Compute the fields of `AveragedScores` except the accuracy."""
    macro = Shares.average(per_class, by_support=False)
    return {
        "macro_f1": macro.f1,
        "macro_precision": macro.precision,
        "macro_recall": macro.recall,
        "macro_over": [score.label for score in per_class if score.support],
        "weighted_f1": Shares.average(per_class, by_support=True).f1,
    }


class Scores(AveragedScores, frozen=True, extra="forbid"):
    """The scores of a model's predictions, from 0 to 1."""

    log_loss: float = Field(description="mean over the rows, in nats")
    intervals: Intervals
    per_class: list[LabelScore] = Field(description="in the labels' order")
    confusion: list[list[int]] = Field(description="rows true, columns predicted")
    n: int = Field(description="test rows")

    @property
    def main(self) -> MainScore:
        """Return the accuracy."""
        return MainScore("accuracy", self.accuracy, self.intervals.accuracy)

    @property
    def deciding(self) -> MainScore:
        """Return the score that decides which model is better: macro F1 if labels are skewed."""
        if not is_skewed([score.support for score in self.per_class]):
            return self.main
        return MainScore("macro F1", self.macro_f1, self.intervals.macro_f1)


def is_skewed(support: Sequence[int] | Ints) -> bool:
    """Return whether one of at least two labels has 80% of the rows or more.

    Accuracy then depends little on the other labels. `support` is the number of rows of each label.
    """
    rows = np.asarray(support)
    return bool((rows > 0).sum() > 1 and rows.max() >= SKEWED_SHARE * rows.sum())


def evaluate(
    true: Ints,
    log_proba: Floats,
    labels: Sequence[str],
    groups: Sequence[str] | None,
    *,
    predicted: Ints | None = None,
    seed: int = 0,
) -> Scores:
    """Compute the scores of a model's predictions.

    Args:
        true: int64 [n], the position of each row's label in ``labels``.
        log_proba: float64 [n, classes], natural logarithms of the probabilities.
        labels: The names of the classes.
        groups: The group of each row, for the intervals; None if rows are independent.
        predicted: int64 [n], the position of each predicted label; None for the most probable one,
            the first of them in a tie.
        seed: Random seed of the intervals.

    Raises:
        DataError: There are no rows, shapes do not match, a label is out of range, or a probability
            is not a number.
    """
    n_classes = len(labels)
    check_predictions(true, log_proba, n_classes)
    predicted = log_proba.argmax(axis=1) if predicted is None else predicted
    cell = true * n_classes + predicted
    confusion = np.bincount(cell, minlength=n_classes**2).reshape(n_classes, n_classes)
    counts = (confusion.diagonal(), confusion.sum(axis=1), confusion.sum(axis=0))
    per_class = [
        LabelScore(label=label, support=support, **Shares.of(hits, support, n)._asdict())
        for label, hits, support, n in zip(labels, *map(np.ndarray.tolist, counts), strict=True)
    ]
    by_group = counts_by_label(true, predicted, n_classes, groups)
    return Scores(
        accuracy=float(np.trace(confusion) / len(true)),
        **averages(per_class),
        log_loss=mean_log_loss(true, log_proba),
        intervals=Intervals(
            accuracy=accuracy_interval(by_group, _accuracy, seed=seed),
            macro_f1=macro_f1_interval(by_group, seed),
        ),
        per_class=per_class,
        confusion=confusion.tolist(),
        n=len(true),
    )


def check_predictions(true: Ints, log_proba: Floats, n_labels: int) -> None:
    """Check that predictions match their labels.

    Args:
        true: int64 [n], the true classes; or int64 [n, labels] of 0 and 1, several labels each.
        log_proba: float64 [n, labels], natural logarithms of the probabilities.
        n_labels: The number of labels.

    Raises:
        DataError: There are no rows, shapes do not match, a label is out of range, or a probability
            is not a number.
    """
    if len(true) == 0:
        raise DataError("there are no rows to evaluate")
    if true.ndim == 2:
        check_shape("true labels", true, (len(true), n_labels))
    check_shape("log-probabilities", log_proba, (len(true), n_labels))
    if true.ndim == 2 and not np.isin(true, (0, 1)).all():
        row, label = np.argwhere(~np.isin(true, (0, 1)))[0]
        raise DataError(
            f"the true labels of row {row} (counted from 0) have {true[row, label]} in column"
            f" {label}; with several labels per text each is 0 or 1"
        )
    if true.ndim == 1 and (true.min() < 0 or true.max() >= n_labels):
        worst = int(true.min() if true.min() < 0 else true.max())
        raise DataError(
            f"a true label is number {worst}; {n_labels} labels have the numbers 0 to"
            f" {n_labels - 1}"
        )
    if np.isnan(log_proba).any():
        row = int(np.isnan(log_proba).any(axis=1).argmax())
        raise DataError(f"the probabilities of row {row} (counted from 0) are not numbers")


def check_shape(name: str, array: Ints | Floats | Bools, expected: tuple[int, int]) -> None:
    """Raise a `DataError` if an array does not have the shape [rows, labels]."""
    if array.shape != expected:
        raise DataError(
            f"the {name} have the shape {array.shape}; {expected[0]:,} rows and {expected[1]}"
            f" labels need {expected}"
        )


def mean_log_loss(true: Ints, log_proba: Floats) -> float:
    """Compute the log loss; probabilities are at least 2.2e-16, as in scikit-learn."""
    of_true_class = log_proba[np.arange(len(true)), true]
    return float(-np.maximum(of_true_class, LOG_EPSILON).mean())


def counts_by_label(
    true: Ints | Bools, predicted: Ints | Bools, n_labels: int, groups: Sequence[str] | None
) -> GroupCounts:
    """Count, for each label, correct rows, rows with the label, and rows predicted as the label.

    Labels are numbers, int64 [n], or indicators of several labels per text, int64 or bool
    [n, labels]. Returns sparse sums [groups, 3 * labels].
    """
    rows = _row_counts(true, predicted, n_labels)
    return count_by_group(rows, groups, as_dense=true.ndim == 1)


def paired_macro_f1_difference(
    true: Ints,
    predicted: Ints | Bools,
    other: Ints | Bools,
    n_labels: int,
    groups: Sequence[str] | None,
    *,
    seed: int = 0,
) -> PairedDifference:
    """Compare two models' macro F1 on the same rows.

    Args:
        true: int64 [n], the label of each row; or int64 [n, labels] of 0 and 1, several each.
        predicted: int64 [n] or bool [n, labels], the predictions of the first model.
        other: The predictions of the second model, likewise.
        n_labels: The number of labels; the mean is over those that have rows.
        groups: The group of each row; None if each row is its own group.
        seed: Random seed of the bootstrap and the swaps.

    Returns:
        The first model's macro F1 minus the second one's, with a 95% interval and a p-value.
    """
    from scipy.sparse import hstack

    blocks = [_row_counts(true, one, n_labels) for one in (predicted, other)]
    counts = count_by_group(hstack(blocks, format="csr"), groups)
    return paired_by_swaps(counts, macro_f1_of_sums, seed=seed)


def _row_counts(true: Ints | Bools, predicted: Ints | Bools, n_labels: int) -> Any:
    """Return each row's part in the counts of `counts_by_label`: sparse int64 [n, 3 * labels]."""
    from scipy.sparse import csr_array, hstack

    if true.ndim == 2:
        true, predicted = true.astype(bool), predicted.astype(bool)
        blocks = (true & predicted, true, predicted)
        return hstack([csr_array(block, dtype=np.int64) for block in blocks], format="csr")
    n = len(true)
    correct = true == predicted
    columns = [true[correct], n_labels + true, 2 * n_labels + predicted]
    rows = np.concatenate([np.flatnonzero(correct), np.arange(n), np.arange(n)])
    ones = np.ones(len(rows), np.int64)
    return csr_array((ones, (rows, np.concatenate(columns))), shape=(n, 3 * n_labels))


def macro_f1(true: Ints, predicted: Ints | Bools, n_labels: int) -> float:
    """Compute the mean F1 of the labels that have rows; 0 if none has.

    Labels are numbers, int64 [n], or indicators of several labels per text, int64 or bool
    [n, labels].
    """
    if true.ndim == 1:
        columns = (true[true == predicted], true, predicted)
        sums = [np.bincount(one, minlength=n_labels) for one in columns]
    else:
        sums = [one.sum(axis=0) for one in (true * predicted, true, predicted)]
    return float(macro_f1_of_sums(np.concatenate(sums)[None, :])[0])


def macro_f1_interval(counts: GroupCounts, seed: int) -> Interval:
    """Compute the interval of macro F1 from the sums of `counts_by_label`."""
    interval = bootstrap_interval(counts, macro_f1_of_sums, seed=seed)
    if interval.low == interval.high == 1.0:
        return Interval.none("without an error every resample gives 1")
    return interval.unless_constant()


def _accuracy(sums: Floats) -> Floats:
    hits, support, _ = np.split(sums, 3, axis=1)
    return np.asarray(hits.sum(axis=1) / support.sum(axis=1))


def macro_f1_of_sums(sums: Floats | Ints) -> Floats:
    """Compute the mean F1 of the labels that have rows in a draw; 0 if none has.

    The sums are those of `counts_by_label`, [draws, 3 * labels]; returns float64 [draws].
    """
    hits, support, predicted = np.split(sums, 3, axis=1)
    f1 = 2 * hits / np.maximum(support + predicted, 1)
    n_labels = np.maximum((support > 0).sum(axis=1), 1)
    return np.asarray(f1.sum(axis=1, where=support > 0) / n_labels)


@dataclass(frozen=True)
class Epoch:
    """One pass over the training texts; losses in nats, scores from 0 to 1.

    `train_accuracy` is measured during the epoch, with dropout; `valid_macro_f1` is null for older
    models. With several labels per text, labels with a probability of at least 0.5 are predicted,
    accuracy is the fraction of texts whose labels are all correct, and losses are means over texts
    and labels.
    """

    epoch: int
    seconds: float
    texts_per_second: float
    learning_rate: float
    train_loss: float
    train_accuracy: float
    valid_loss: float
    valid_accuracy: float
    valid_macro_f1: float | None = None


@dataclass(frozen=True)
class ClassIntervals:
    """The 95% intervals of one label's scores.

    Attributes:
        label: Its name.
        precision: Without bounds if the label was never predicted.
        recall: Without bounds if no row has the label.
        f1: Without bounds if no row has the label, or if all resamples are equal.
    """

    label: str
    precision: Interval
    recall: Interval
    f1: Interval


def class_intervals(
    true: Ints,
    predicted: Ints | Bools,
    labels: Sequence[str],
    groups: Sequence[str] | None,
    *,
    seed: int = 0,
) -> list[ClassIntervals]:
    """Compute the intervals of each label's scores, in the labels' order.

    Only groups with rows that have the label (or are predicted as the label) are resampled, so that
    a label with five groups has as wide an interval as five groups imply, whatever the number of
    other groups.

    Args:
        true: int64 [n], the position of each row's label in ``labels``; or int64 [n, labels] of 0
            and 1, several labels each.
        predicted: int64 [n] or bool [n, labels], the predictions.
        labels: The names of the classes.
        groups: The group of each row; None if rows are independent.
        seed: Random seed of the resampling.

    Raises:
        DataError: There are no rows, or not as many groups as rows.
    """
    counts = counts_by_label(true, predicted, len(labels), groups)
    intervals = []
    for number, label in enumerate(labels):
        of_label = counts.columns(*range(number, 3 * len(labels), len(labels)))
        _, support, n_predicted = of_label.distinct.T
        f1 = Interval.none("no rows")
        if support.any():
            f1 = f1_interval(_hits_of(of_label, support + n_predicted), seed)
        precision = _share_interval(_hits_of(of_label, n_predicted), "never predicted", seed)
        recall = _share_interval(_hits_of(of_label, support), "no rows", seed)
        intervals.append(ClassIntervals(label, precision, recall, f1))
    return intervals


def _hits_of(counts: GroupCounts, total: Floats) -> GroupCounts:
    """Select the first sum and a total, float64 [patterns], of the groups whose total is not 0."""
    pairs = np.stack([counts.distinct[:, 0], total], axis=1)
    return GroupCounts(pairs, counts.multiplicity, counts.unit).with_any()


def f1_interval(counts: GroupCounts, seed: int) -> Interval:
    """Compute the interval of F1 from the sums of `f1_of_sums`."""
    return bootstrap_interval(counts, f1_of_sums, seed=seed).unless_constant()


def _share_interval(counts: GroupCounts, why_empty: str, seed: int) -> Interval:
    if not counts.n_groups:
        return Interval.none(why_empty)
    return accuracy_interval(counts, ratio, seed=seed)


def f1_of_sums(sums: Floats | Ints) -> Floats:
    """Compute F1 from [correct rows, rows with the label plus rows predicted as it] of each draw.

    Returns float64 [draws], 0 if there are no such rows.
    """
    return np.asarray(2 * sums[:, 0] / np.maximum(sums[:, 1], 1))
