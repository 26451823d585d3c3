"""Error analysis where a text may have several labels: curves, slices, wrong and missed labels."""

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
"""Recalls of the points of a curve; a page could not show more."""


@dataclass(frozen=True)
class LabelError:
    """A label that a test row is given wrongly, has and is not given, or has wrongly itself.

    Attributes:
        row: The row's number in the user's file.
        label: The label.
        true: The labels that it has.
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
class MultilabelAnalysis(Analysis):
    """The errors of a model that may give a text several labels.

    Attributes:
        scores: Of the test rows.
        curves: Precision by recall: over all labels, then of the 8 most frequent ones.
        false_positives: The labels wrongly given with the highest probability, one of each group.
        missed: The labels not given that have the lowest probability, one of each group.
        suspects: The labels that rows most probably have or lack wrongly, one of each group.
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
    """Analyze a model's predictions, as `analyse_errors` does where a text has one label.

    The temperature is what the model divides logits by.
    """
    if temperature == 1.0:
        temperature = before = None
    suspected = suspected or predictions
    labels = [score.label for score in scores.per_class]
    targets, groups, log_proba = predictions.targets, predictions.groups, predictions.log_proba
    borne, given = targets.astype(np.bool_), predictions.given_labels
    issues, suspects_text = find_issues_by_label(suspected.log_proba, suspected.targets)
    own = np.where(suspected.targets, suspected.log_proba, log_complement(suspected.log_proba))
    return MultilabelAnalysis(
        scores=scores,
        intervals=class_intervals(targets, given, labels, groups, seed=seed),
        temperature=temperature,
        before=before,
        after=after,
        curves=_curves(scores, borne, log_proba),
        by_length=micro_f1_by_bin(length_bins(words.n_words), borne, given, groups, seed=seed),
        by_unseen=micro_f1_by_bin(unseen_bins(words.unseen), borne, given, groups, seed=seed),
        false_positives=_shown(predictions, given & ~borne, -log_proba, labels, texts=texts),
        missed=_shown(predictions, borne & ~given, log_proba, labels, texts=texts),
        suspects=_shown(suspected, issues, own, labels, texts=texts),
        suspects_text=suspects_text,
        has_texts=texts,
    )


def micro_f1_by_bin(
    bins: Bins, borne: Bools, given: Bools, groups: Sequence[str] | None, *, seed: int = 0
) -> list[Slice]:
    """Find micro F1 in every bin whose rows have labels, with an interval that resamples groups.

    `borne` and `given`, bool [n, labels], are the labels of each row and those that it is given.
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


def _shown(
    predictions: PredictedRows, wrong: Bools, order: Floats, labels: Sequence[str], *, texts: bool
) -> list[LabelError]:
    """Show wrong pairs of a row and a label, the lowest of an order first: [n, labels] each."""
    rows, numbers = np.nonzero(wrong)
    ordered = np.argsort(order[rows, numbers], kind="stable")
    rows, numbers = rows[ordered], numbers[ordered]
    given, shown = predictions.given_labels, []
    for place in first_of_groups(rows, predictions.groups):
        row, number = int(rows[place]), int(numbers[place])
        shown.append(
            LabelError(
                row=predictions.rows[row],
                label=labels[number],
                true=tuple(labels[i] for i in np.flatnonzero(predictions.targets[row]).tolist()),
                given=tuple(labels[i] for i in np.flatnonzero(given[row]).tolist()),
                probability=float(np.exp(predictions.log_proba[row, number])),
                text=predictions.text(row) if texts else None,
            )
        )
    return shown


def _curves(
    scores: MultilabelScores, borne: Bools, log_proba: Floats
) -> list[PrecisionRecallCurve]:
    """Draw precision by recall over all labels, and of the most frequent ones."""
    if not borne.any():
        return []
    frequent = np.argsort([-score.support for score in scores.per_class], kind="stable")
    curves = [_curve(MICRO_AVERAGE, borne.ravel(), log_proba.ravel(), None)]
    for number in frequent[:MOST_CURVES].tolist():
        score = scores.per_class[number]
        if score.support:
            chosen = None
            if score.precision is not None and score.recall is not None:
                chosen = score.recall, score.precision
            curves.append(_curve(score.label, borne[:, number], log_proba[:, number], chosen))
    return curves


def _curve(
    name: str, borne: Bools, score: Floats, chosen: tuple[float, float] | None
) -> PrecisionRecallCurve:
    """Draw the curve of a label that some rows have: bool and float64 [n]."""
    cuts = Cuts.of(borne, score)
    at = np.searchsorted(cuts.recall, np.array(RECALLS) - 1e-12)
    points = zip(cuts.recall[at].tolist(), cuts.precision[at].tolist(), strict=True)
    area = cuts.average_precision() or 0.0
    return PrecisionRecallCurve(name, area, tuple(dict.fromkeys(points)), chosen)
