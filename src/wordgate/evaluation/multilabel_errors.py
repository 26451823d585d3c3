"""Error analysis with several labels per text: curves, slices, false positives and negatives."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from wordgate.evaluation.calibration import Calibration
from wordgate.evaluation.error_analysis import (
    Analysis,
    Bins,
    PredictedRows,
    Slice,
    WordCounts,
    first_of_groups,
    length_bins,
    unseen_bins,
)
from wordgate.evaluation.intervals import Bools, Floats, count_by_group
from wordgate.evaluation.label_issues import find_issues_by_label
from wordgate.evaluation.metrics import class_intervals, f1_interval
from wordgate.evaluation.multilabel import (
    Cuts,
    MultilabelScores,
    hits_and_totals,
    log_complement,
)

MOST_CURVES = 8
MICRO_AVERAGE = "micro average"
RECALLS = tuple(step / 40 for step in range(1, 41))
"""Recalls of the points of a curve."""


@dataclass(frozen=True)
class LabelError:
    """A false positive, a false negative or a probable label error.

    Attributes:
        row: The row's number in the user's file.
        label: The label.
        true: The true labels of the row.
        predicted: Its predicted labels.
        probability: The calibrated probability of the label.
        text: The text, truncated to 400 characters; None if texts are left out.
    """

    row: int
    label: str
    true: tuple[str, ...]
    predicted: tuple[str, ...]
    probability: float
    text: str | None


@dataclass(frozen=True)
class PrecisionRecallCurve:
    """Precision by recall of one label, or over all pairs of a row and a label.

    Attributes:
        name: The label, or ``micro average``.
        average_precision: The area under the curve, as a sum of steps.
        points: Recall and precision at the first cut that reaches each of `RECALLS`.
        chosen: Recall and precision at the threshold; None if the label is never predicted, and for
            the micro average, because each label has its own threshold.
    """

    name: str
    average_precision: float
    points: Sequence[tuple[float, float]]
    chosen: tuple[float, float] | None


@dataclass(frozen=True)
class MultilabelAnalysis(Analysis):
    """Error analysis of a model with several labels per text.

    Attributes:
        scores: The scores on the test rows.
        curves: Precision-recall curves: the micro average, then the 8 most frequent labels.
        false_positives: The false positives with the highest probability, one per group.
        missed: The false negatives with the lowest probability, one per group.
        suspects: The most probable label errors, one per group.
    """

    scores: MultilabelScores
    curves: Sequence[PrecisionRecallCurve]
    false_positives: Sequence[LabelError]
    missed: Sequence[LabelError]
    suspects: Sequence[LabelError]


def analyse_multilabel_errors(
    scores: MultilabelScores,
    predictions: PredictedRows,
    words: WordCounts,
    *,
    after: Calibration,
    temperature: float | None = None,
    before: Calibration | None = None,
    suspected: PredictedRows | None = None,
    texts: bool = True,
    seed: int = 0,
) -> MultilabelAnalysis:
    """Analyze a model's predictions, as `analyse_errors` does with one label per text.

    The temperature is the divisor of the logits.
    """
    if temperature == 1.0:
        temperature = before = None
    suspected = suspected or predictions
    labels = [score.label for score in scores.per_class]
    targets, groups, log_proba = predictions.targets, predictions.groups, predictions.log_proba
    actual, predicted = targets.astype(np.bool_), predictions.labels
    issues, suspects_text = find_issues_by_label(suspected.log_proba, suspected.targets)
    log_confidence = np.where(
        suspected.targets, suspected.log_proba, log_complement(suspected.log_proba)
    )
    return MultilabelAnalysis(
        scores=scores,
        intervals=class_intervals(targets, predicted, labels, groups, seed=seed),
        temperature=temperature,
        before=before,
        after=after,
        curves=_curves(scores, actual, log_proba),
        by_length=micro_f1_by_bin(length_bins(words.n_words), actual, predicted, groups, seed=seed),
        by_unseen=micro_f1_by_bin(unseen_bins(words.unseen), actual, predicted, groups, seed=seed),
        false_positives=_first_errors(
            predictions, predicted & ~actual, -log_proba, labels, texts=texts
        ),
        missed=_first_errors(predictions, actual & ~predicted, log_proba, labels, texts=texts),
        suspects=_first_errors(suspected, issues, log_confidence, labels, texts=texts),
        suspects_text=suspects_text,
        has_texts=texts,
    )


def micro_f1_by_bin(
    bins: Bins, actual: Bools, predicted: Bools, groups: Sequence[str] | None, *, seed: int = 0
) -> list[Slice]:
    """Compute micro F1 in each bin whose rows have labels, with an interval that resamples groups.

    `actual` and `predicted`, bool [n, labels], are the true and the predicted labels of each row.
    """
    slices = []
    for name, rows, bin_groups in bins.parts(groups):
        if not actual[rows].any():
            continue
        sums = hits_and_totals(actual[rows], predicted[rows])
        hits, total = sums.sum(axis=0)
        interval = f1_interval(count_by_group(sums, bin_groups).with_any(), seed)
        slices.append(Slice(name, len(rows), float(2 * hits / total), interval))
    return slices


def _first_errors(
    predictions: PredictedRows, wrong: Bools, order: Floats, labels: Sequence[str], *, texts: bool
) -> list[LabelError]:
    """Return wrong pairs of a row and a label, the lowest of an order first: [n, labels] each."""
    rows, numbers = np.nonzero(wrong)
    ordered = np.argsort(order[rows, numbers], kind="stable")
    rows, numbers = rows[ordered], numbers[ordered]
    predicted, errors = predictions.labels, []
    for position in first_of_groups(rows, predictions.groups):
        row, number = int(rows[position]), int(numbers[position])
        errors.append(
            LabelError(
                row=predictions.rows[row],
                label=labels[number],
                true=tuple(labels[i] for i in np.flatnonzero(predictions.targets[row]).tolist()),
                predicted=tuple(labels[i] for i in np.flatnonzero(predicted[row]).tolist()),
                probability=float(np.exp(predictions.log_proba[row, number])),
                text=predictions.text(row) if texts else None,
            )
        )
    return errors


def _curves(
    scores: MultilabelScores, actual: Bools, log_proba: Floats
) -> list[PrecisionRecallCurve]:
    """Compute the precision-recall curves of the micro average and the most frequent labels."""
    if not actual.any():
        return []
    frequent = np.argsort([-score.support for score in scores.per_class], kind="stable")
    curves = [_curve(MICRO_AVERAGE, actual.ravel(), log_proba.ravel(), None)]
    for number in frequent[:MOST_CURVES].tolist():
        score = scores.per_class[number]
        if score.support:
            chosen = None
            if score.precision is not None and score.recall is not None:
                chosen = score.recall, score.precision
            curves.append(_curve(score.label, actual[:, number], log_proba[:, number], chosen))
    return curves


def _curve(
    name: str, actual: Bools, score: Floats, chosen: tuple[float, float] | None
) -> PrecisionRecallCurve:
    """Compute the curve of a label that some rows have: bool and float64 [n]."""
    cuts = Cuts.of(actual, score)
    reached = np.searchsorted(cuts.recall, np.array(RECALLS) - 1e-12)
    points = zip(cuts.recall[reached].tolist(), cuts.precision[reached].tolist(), strict=True)
    area = cuts.average_precision() or 0.0
    return PrecisionRecallCurve(name, area, tuple(dict.fromkeys(points)), chosen)
