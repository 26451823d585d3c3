"""Error analysis where a text may bear several labels: curves, slices, wrong and missed labels."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from wordgate.evaluation.calibration import Calibration
from wordgate.evaluation.error_analysis import (
    Bins,
    PredictedRows,
    Slice,
    WordCounts,
    cut_text,
    first_of_groups,
    length_bins,
    unseen_bins,
)
from wordgate.evaluation.intervals import count_by_group
from wordgate.evaluation.metrics import ClassIntervals, f1_interval
from wordgate.evaluation.multilabel import (
    Cuts,
    MultilabelScores,
    given_labels,
    hits_and_totals,
    multilabel_class_intervals,
)

MOST_CURVES = 8
MICRO_AVERAGE = "micro average"
RECALLS = tuple(step / 40 for step in range(1, 41))
"""At which recalls a curve has its points: a page would not show more."""


@dataclass(frozen=True)
class LabelError:
    """A label that a test row is given wrongly, or that it bears and is not given.

    Attributes:
        row: The row's number in the user's file.
        label: The label.
        true: The labels that it bears.
        given: The labels that it is given.
        probability: Of the label, calibrated.
        text: The row's text, cut to 400 characters; ``None`` where texts are left out.
    """

    row: int
    label: str
    true: tuple[str, ...]
    given: tuple[str, ...]
    probability: float
    text: str | None


@dataclass(frozen=True)
class PrecisionRecallCurve:
    """Precision by recall of one label, or over all pairs of a row and a label.

    Attributes:
        name: The label, or ``micro average``.
        average_precision: The area under the curve, as a sum of steps.
        points: Recall and precision, where each of `RECALLS` is first reached.
        chosen: Recall and precision at the threshold; ``None`` where nothing is given, and of the
            average, whose labels have thresholds of their own.
    """

    name: str
    average_precision: float
    points: Sequence[tuple[float, float]]
    chosen: tuple[float, float] | None


@dataclass(frozen=True)
class MultilabelAnalysis:
    """The errors of a model on test rows that may bear several labels. Scores are shares of 1.

    Attributes:
        scores: Of the test rows.
        intervals: Each label's 95% intervals, in the labels' order.
        temperature: What logits are divided by; ``None`` where nothing is, or each fold has its
            own.
        before: Calibration before temperature scaling; ``None`` where there is none.
        after: Calibration of the probabilities that the model gives.
        curves: Precision by recall: over all labels, then of the 8 most frequent ones.
        by_length: Micro F1 by the words of a text.
        by_unseen: Micro F1 by the share of a text's words that training has not seen.
        false_positives: The labels wrongly given with the highest probability, one of each group.
        missed: The labels not given that have the lowest probability, one of each group.
        has_texts: Whether rows come with their texts.
    """

    scores: MultilabelScores
    intervals: Sequence[ClassIntervals]
    temperature: float | None
    before: Calibration | None
    after: Calibration
    curves: Sequence[PrecisionRecallCurve]
    by_length: Sequence[Slice]
    by_unseen: Sequence[Slice]
    false_positives: Sequence[LabelError]
    missed: Sequence[LabelError]
    has_texts: bool


def analyse_multilabel_errors(
    scores: MultilabelScores,
    predictions: PredictedRows,
    words: WordCounts,
    *,
    after: Calibration,
    thresholds: NDArray[np.float64] | None = None,
    temperature: float | None = None,
    before: Calibration | None = None,
    texts: bool = True,
    seed: int = 0,
) -> MultilabelAnalysis:
    """Analyse a model's predictions.

    Args:
        scores: Of the test rows; its labels are in the order of the probabilities.
        predictions: For the test rows.
        words: Their words.
        after: Calibration of these predictions.
        thresholds: float64 [labels] or [n, labels], at which labels are given; None for 0.5 each.
        temperature: What the model divides logits by; 1 is as good as none, and None where there
            is none or each fold has its own.
        before: Calibration before that.
        texts: Whether texts of the data may be shown.
        seed: Of the intervals' draws.

    Raises:
        DataError: There are no rows, or not as many of everything.
    """
    if temperature == 1.0:
        temperature = before = None
    predictions.check()
    labels = [score.label for score in scores.per_class]
    borne = predictions.targets.astype(bool)
    given = given_labels(predictions.log_proba, thresholds)
    groups, log_proba = predictions.groups, predictions.log_proba
    shown = _Errors(predictions, borne, given, labels, texts=texts)
    return MultilabelAnalysis(
        scores=scores,
        intervals=multilabel_class_intervals(predictions.targets, given, labels, groups, seed=seed),
        temperature=temperature,
        before=before,
        after=after,
        curves=_curves(scores, borne, log_proba),
        by_length=micro_f1_by_bin(length_bins(words.n_words), borne, given, groups, seed=seed),
        by_unseen=micro_f1_by_bin(unseen_bins(words.unseen), borne, given, groups, seed=seed),
        false_positives=shown.where(given & ~borne, -log_proba),
        missed=shown.where(borne & ~given, log_proba),
        has_texts=texts,
    )


def micro_f1_by_bin(
    bins: Bins,
    borne: NDArray[np.bool_],
    given: NDArray[np.bool_],
    groups: Sequence[str] | None,
    *,
    seed: int = 0,
) -> list[Slice]:
    """Find micro F1 in every bin whose rows bear labels, with an interval that resamples groups.

    Args:
        bins: The bin of each row.
        borne: bool [n, labels], the labels of each row.
        given: bool [n, labels], those that it is given.
        groups: The group of each row; ``None`` takes rows for independent.
        seed: Of the draws.

    Returns:
        The bins, in order, but for those without any label.
    """
    slices = []
    for name, rows, own in bins.parts(groups):
        if not borne[rows].any():
            continue
        sums = hits_and_totals(borne[rows], given[rows])
        hits, total = sums.sum(axis=0)
        interval = f1_interval(count_by_group(sums, own).with_any(), seed)
        slices.append(Slice(name, len(rows), float(2 * hits / total), interval))
    return slices


@dataclass(frozen=True)
class _Errors:
    """Test rows, their labels and the labels they are given: bool [n, labels]."""

    predictions: PredictedRows
    borne: NDArray[np.bool_]
    given: NDArray[np.bool_]
    labels: Sequence[str]
    texts: bool

    def where(self, wrong: NDArray[np.bool_], order: NDArray[np.float64]) -> list[LabelError]:
        """Show wrong pairs of a row and a label, the lowest of an order first: [n, labels]."""
        rows, numbers = np.nonzero(wrong)
        ordered = np.argsort(order[rows, numbers], kind="stable")
        rows, numbers = rows[ordered], numbers[ordered]
        chosen = first_of_groups(rows, self.predictions.groups)
        return [self._error(int(rows[place]), int(numbers[place])) for place in chosen]

    def _error(self, row: int, number: int) -> LabelError:
        predictions = self.predictions
        return LabelError(
            row=predictions.rows[row],
            label=self.labels[number],
            true=self._named(self.borne[row]),
            given=self._named(self.given[row]),
            probability=float(np.exp(predictions.log_proba[row, number])),
            text=cut_text(predictions.texts[row]) if self.texts else None,
        )

    def _named(self, which: NDArray[np.bool_]) -> tuple[str, ...]:
        return tuple(self.labels[number] for number in np.flatnonzero(which).tolist())


def _curves(
    scores: MultilabelScores, borne: NDArray[np.bool_], log_proba: NDArray[np.float64]
) -> list[PrecisionRecallCurve]:
    """Draw precision by recall over all labels, and of the most frequent ones."""
    if not borne.any():
        return []
    frequent = np.argsort([-score.support for score in scores.per_class], kind="stable")
    curves = [_curve(MICRO_AVERAGE, Cuts.of(borne.ravel(), log_proba.ravel()), None)]
    for number in frequent[:MOST_CURVES].tolist():
        score = scores.per_class[number]
        if score.support:
            cuts = Cuts.of(borne[:, number], log_proba[:, number])
            precision, recall = score.precision, score.recall
            chosen = None if precision is None or recall is None else (recall, precision)
            curves.append(_curve(score.label, cuts, chosen))
    return curves


def _curve(name: str, cuts: Cuts, chosen: tuple[float, float] | None) -> PrecisionRecallCurve:
    recall, precision = cuts.recall, cuts.precision
    at = np.searchsorted(recall, np.array(RECALLS) - 1e-12)
    points = zip(recall[at].tolist(), precision[at].tolist(), strict=True)
    return PrecisionRecallCurve(
        name, cuts.average_precision(), tuple(dict.fromkeys(points)), chosen
    )
