"""Error analysis where a text may bear several labels: curves, slices, wrong and missed labels."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from wordgate.evaluation.calibration import Calibration
from wordgate.evaluation.error_analysis import (
    CHECK_BY_HAND,
    NO_ISSUES,
    Analysis,
    Bins,
    PredictedRows,
    Slice,
    WordCounts,
    checked_analysis,
    cut_text,
    find_label_issues,
    first_of_groups,
    length_bins,
    unseen_bins,
)
from wordgate.evaluation.intervals import count_by_group
from wordgate.evaluation.metrics import f1_interval
from wordgate.evaluation.multilabel import (
    Cuts,
    MultilabelScores,
    given_labels,
    hits_and_totals,
    log_complement,
    multilabel_class_intervals,
)

MOST_CURVES = 8
MICRO_AVERAGE = "micro average"
RECALLS = tuple(step / 40 for step in range(1, 41))
"""At which recalls a curve has its points: a page would not show more."""


@dataclass(frozen=True)
class LabelError:
    """A label that a test row is given wrongly, bears and is not given, or has wrongly itself.

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
class MultilabelAnalysis(Analysis):
    """The errors of a model that may give a text several labels.

    Attributes:
        scores: Of the test rows.
        curves: Precision by recall: over all labels, then of the 8 most frequent ones.
        false_positives: The labels wrongly given with the highest probability, one of each group.
        missed: The labels not given that have the lowest probability, one of each group.
        suspects: The labels that rows most probably bear or lack wrongly, one of each group.
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
    """Analyze a model's predictions.

    Args:
        scores: Of the test rows; its labels are in the order of the probabilities.
        predictions: For the test rows.
        words: Their words.
        after: Calibration of these predictions.
        temperature: What the model divides logits by; 1 is as good as none, and None where there
            is none or each fold has its own.
        before: Calibration before that.
        suspected: The rows among which wrong labels are sought; None for the test rows.
        texts: Whether texts of the data may be shown.
        seed: Of the intervals' draws.

    Raises:
        DataError: There are no rows, or not as many of everything.
    """
    suspected, temperature, before = checked_analysis(predictions, suspected, temperature, before)
    labels = [score.label for score in scores.per_class]
    shown = _Errors.of(predictions, labels, texts=texts)
    borne, given = shown.borne, shown.given
    groups, log_proba = predictions.groups, predictions.log_proba
    issues, suspects_text = find_issues_by_label(suspected.log_proba, suspected.targets)
    own = np.where(suspected.targets, suspected.log_proba, log_complement(suspected.log_proba))
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
        suspects=_Errors.of(suspected, labels, texts=texts).where(issues, own),
        suspects_text=suspects_text,
        has_texts=texts,
    )


def find_issues_by_label(
    log_proba: NDArray[np.float64], targets: NDArray[np.int64]
) -> tuple[NDArray[np.bool_], str]:
    """Find labels that rows probably bear or lack wrongly, each label by itself.

    Args:
        log_proba: float64 [n, labels], of rows the model did not learn from, calibrated.
        targets: int64 [n, labels] of 0 and 1.

    Returns:
        bool [n, labels], and a sentence on what was done and found, or why nothing could be.
    """
    found = [
        find_label_issues(np.stack([log_complement(own), own], axis=1), borne)
        for own, borne in zip(log_proba.T, targets.T, strict=True)
    ]
    wrong = np.zeros(targets.shape, np.bool_)
    for number, one in enumerate(found):
        wrong[one.rows, number] = True
    n_searched, n = sum(one.searched for one in found), int(wrong.sum())
    if not n_searched:
        return wrong, found[0].sentence
    if not n:
        return wrong, NO_ISSUES.format(len(targets))
    return wrong, (
        f"Confident learning (cleanlab), label by label, finds {n:,} probable label errors among"
        f" {len(targets):,} rows and {n_searched:,} labels: the model, which was not trained on"
        " these rows, gives a label a high probability in a row that lacks it, or a low one in a"
        f" row that has it. {CHECK_BY_HAND}"
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

    @classmethod
    def of(cls, predictions: PredictedRows, labels: Sequence[str], *, texts: bool) -> "_Errors":
        given = predictions.given
        given = given_labels(predictions.log_proba) if given is None else given.astype(np.bool_)
        return cls(predictions, predictions.targets.astype(np.bool_), given, labels, texts)

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
