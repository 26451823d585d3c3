"""What a model's answers are worth: labels and probabilities in, scores out.

What can't be computed is ``None``, never a silent 0: the precision of a label that was never
predicted, recall and F1 of a label without rows. Averages are over the labels that have rows
(``macro_over`` names them), and in them, as in scikit-learn, a precision without predictions
counts as 0: a model must not gain by never saying a label.
"""

from collections.abc import Sequence
from dataclasses import asdict, dataclass

import numpy as np

from wordgate.errors import DataError
from wordgate.evaluation.intervals import (
    GroupCounts,
    Interval,
    accuracy_interval,
    bootstrap_interval,
    count_by_group,
)


@dataclass(frozen=True)
class ClassScore:
    """How one label fares.

    Attributes:
        label: Its name.
        precision: Of the rows given this label, the share that bear it; ``None`` if none was.
        recall: Of the rows that bear it, the share that were given it; ``None`` without rows.
        f1: Harmonic mean of both; ``None`` without rows.
        support: How many rows bear it.
    """

    label: str
    precision: float | None
    recall: float | None
    f1: float | None
    support: int


@dataclass(frozen=True)
class Average:
    """Precision, recall and F1 averaged over the labels that have rows."""

    precision: float
    recall: float
    f1: float


@dataclass(frozen=True)
class Scores:
    """Everything that the labels and a model's probabilities say about it.

    Attributes:
        n: How many rows were judged.
        accuracy: The share of rows given their label.
        macro: Mean over labels, each counting the same.
        weighted: Mean over labels, each counting as many times as it has rows.
        macro_over: The labels that have rows: those the means are over.
        log_loss: Mean negative log-probability of the true label, in nats.
        intervals: 95 % intervals of ``accuracy`` and ``macro_f1``.
        per_class: One entry a label, in the labels' order.
        confusion: How many rows of a label (row) were given a label (column).
    """

    n: int
    accuracy: float
    macro: Average
    weighted: Average
    macro_over: list[str]
    log_loss: float
    intervals: dict[str, Interval]
    per_class: list[ClassScore]
    confusion: list[list[int]]

    def as_dict(self) -> dict[str, object]:
        """Give the scores under the names they have in ``metrics.json``."""
        return {
            "accuracy": self.accuracy,
            "macro_f1": self.macro.f1,
            "macro_precision": self.macro.precision,
            "macro_recall": self.macro.recall,
            "macro_over": list(self.macro_over),
            "weighted_f1": self.weighted.f1,
            "log_loss": self.log_loss,
            "intervals": {name: asdict(interval) for name, interval in self.intervals.items()},
            "per_class": [asdict(score) for score in self.per_class],
            "confusion": [list(row) for row in self.confusion],
            "n": self.n,
        }


def evaluate(
    true: np.ndarray,
    log_proba: np.ndarray,
    labels: Sequence[str],
    groups: Sequence[str] | None,
    *,
    seed: int = 0,
    n_resamples: int = 2000,
) -> Scores:
    """Judge a model's probabilities against the true labels.

    The label predicted is the most probable one, the first of them in a tie.

    Args:
        true: int64 [n], the position of each row's label in ``labels``.
        log_proba: float64 [n, classes], natural logarithms of the probabilities.
        labels: The names of the classes.
        groups: The group of each row, for the intervals; ``None`` takes rows for independent.
        seed: Of the intervals' draws.
        n_resamples: How many draws.

    Returns:
        The scores.

    Raises:
        DataError: No rows, shapes that don't fit, a label out of range or a probability that is
            not a number.
    """
    _check(true, log_proba, labels)
    predicted = log_proba.argmax(axis=1)
    confusion = _confusion(true, predicted, len(labels))
    per_class = _per_class(true, predicted, labels)
    counts = count_by_group(hits_and_totals(true, predicted, len(labels)), groups)
    return Scores(
        n=len(true),
        accuracy=float(np.trace(confusion) / len(true)),
        macro=_average(per_class, by_support=False),
        weighted=_average(per_class, by_support=True),
        macro_over=[score.label for score in per_class if score.support],
        log_loss=_log_loss(true, log_proba),
        intervals=_intervals(counts, seed, n_resamples),
        per_class=per_class,
        confusion=confusion.tolist(),
    )


def _check(true: np.ndarray, log_proba: np.ndarray, labels: Sequence[str]) -> None:
    if len(true) == 0:
        raise DataError("there are no rows to judge")
    if log_proba.shape != (len(true), len(labels)):
        raise DataError(
            f"the log-probabilities have the shape {log_proba.shape}; {len(true):,} rows "
            f"and {len(labels)} labels need {(len(true), len(labels))}"
        )
    if true.min() < 0 or true.max() >= len(labels):
        worst = int(true.min() if true.min() < 0 else true.max())
        raise DataError(
            f"a true label is number {worst}; {len(labels)} labels have the numbers "
            f"0 to {len(labels) - 1}"
        )
    if np.isnan(log_proba).any():
        row = int(np.isnan(log_proba).any(axis=1).argmax())
        raise DataError(f"the probabilities of row {row} (counted from 0) are not numbers")


def _confusion(true: np.ndarray, predicted: np.ndarray, n_classes: int) -> np.ndarray:
    """Count true labels against predicted ones: int64 [classes, classes]."""
    cell = true * n_classes + predicted
    return np.bincount(cell, minlength=n_classes**2).reshape(n_classes, n_classes)


def _per_class(true: np.ndarray, predicted: np.ndarray, labels: Sequence[str]) -> list[ClassScore]:
    from sklearn.metrics import precision_recall_fscore_support

    numbers = np.arange(len(labels))
    precision, recall, f1, support = precision_recall_fscore_support(
        true, predicted, labels=numbers, zero_division=0
    )
    was_predicted = np.isin(numbers, predicted)
    return [
        ClassScore(
            label=label,
            precision=float(precision[i]) if was_predicted[i] else None,
            recall=float(recall[i]) if support[i] else None,
            f1=float(f1[i]) if support[i] else None,
            support=int(support[i]),
        )
        for i, label in enumerate(labels)
    ]


def _average(per_class: list[ClassScore], *, by_support: bool) -> Average:
    judged = [score for score in per_class if score.support]
    weights = [score.support if by_support else 1 for score in judged]

    def mean(values: list[float | None]) -> float:
        return float(np.average([value or 0.0 for value in values], weights=weights))

    return Average(
        precision=mean([score.precision for score in judged]),
        recall=mean([score.recall for score in judged]),
        f1=mean([score.f1 for score in judged]),
    )


def _log_loss(true: np.ndarray, log_proba: np.ndarray) -> float:
    """Average over the rows; a probability below 2.2e-16 counts as that, as in scikit-learn."""
    of_truth = log_proba[np.arange(len(true)), true]
    return float(-np.maximum(of_truth, np.log(np.finfo(np.float64).eps)).mean())


def hits_and_totals(true: np.ndarray, predicted: np.ndarray, n_classes: int) -> np.ndarray:
    """Give what each row adds to the sums behind both scores: int64 [n, 3 * classes].

    For each class: right rows, rows that bear it, rows given it. A confusion matrix has more cells
    than accuracy and F1 use.
    """
    one_hot = np.eye(n_classes, dtype=np.int64)
    return np.hstack([one_hot[true] * one_hot[predicted], one_hot[true], one_hot[predicted]])


def macro_f1(true: np.ndarray, predicted: np.ndarray, n_classes: int) -> float:
    """Average F1 over the labels that have rows; a precision without predictions counts as 0.

    Args:
        true: int64 [n], the true labels' numbers.
        predicted: int64 [n], those that were given.
        n_classes: How many labels there are.
    """
    sums = hits_and_totals(true, predicted, n_classes).sum(axis=0, keepdims=True)
    return float(_macro_f1(sums)[0])


def _intervals(counts: GroupCounts, seed: int, n_resamples: int) -> dict[str, Interval]:
    accuracy = accuracy_interval(counts, _accuracy, seed=seed, n_resamples=n_resamples)
    macro_f1 = bootstrap_interval(counts, _macro_f1, seed=seed, n_resamples=n_resamples)
    if macro_f1.low == macro_f1.high == 1.0:
        macro_f1 = Interval(None, None, "none: without an error every draw gives 1")
    return {"accuracy": accuracy, "macro_f1": macro_f1}


def _accuracy(sums: np.ndarray) -> np.ndarray:
    hits, support, _ = np.split(sums, 3, axis=1)
    return np.asarray(hits.sum(axis=1) / support.sum(axis=1))


def _macro_f1(sums: np.ndarray) -> np.ndarray:
    """Average F1 over the labels that have rows in the draw: float64 [draws]."""
    hits, support, predicted = np.split(sums, 3, axis=1)
    f1 = 2 * hits / np.maximum(support + predicted, 1)
    return np.asarray(f1.sum(axis=1, where=support > 0) / (support > 0).sum(axis=1))
