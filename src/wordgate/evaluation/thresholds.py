"""Decision thresholds: minimum probabilities of predicted labels, chosen on validation rows.

A threshold of 0.5 minimizes the number of errors, but rarely maximizes F1: the optimal threshold
for F1 is half the optimal F1, so it is below 0.5 (Lipton, Elkan & Naryanaswamy 2014, "Optimal
thresholding of classifiers to maximize F1 measure"). A threshold chosen on few rows overfits: Yang
(2001), "A study of thresholding strategies for text categorization", found that this is harmful for
rare labels.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from pydantic import BaseModel, Field

from wordgate.errors import DataError, SettingsError
from wordgate.evaluation.intervals import Bools, Floats, Ints, PairedDifference
from wordgate.evaluation.metrics import Shares, check_predictions
from wordgate.evaluation.multilabel import (
    DEFAULT_THRESHOLD,
    Cuts,
    paired_micro_f1_difference,
    predicted_labels,
)

MIN_POSITIVES = 10
"""Minimum rows with a label for choosing a threshold: see docs/how-to/thresholds.md."""
COSTS_BY_LABEL = "costs by label"
OBJECTIVES = "f1, precision@P, recall@R such as recall@0.9, or cost@FALSE-POSITIVE:FALSE-NEGATIVE"


@dataclass(frozen=True)
class Objective:
    """The objective for which a threshold is chosen.

    Attributes:
        kind: ``f1``, ``precision``, ``recall`` or ``cost``.
        share: The precision or recall to reach.
        false_positive: The cost of a false positive, one for all labels or float64 [labels].
        missed: The cost of a false negative, likewise.
    """

    kind: str = "f1"
    share: float = 0.0
    false_positive: float | Floats = 1.0
    missed: float | Floats = 1.0

    @classmethod
    def parse(cls, text: str) -> "Objective":
        """Parse ``f1``, ``precision@0.9``, ``recall@0.9``, or ``cost@1:5``.

        Raises:
            SettingsError: It is none of these.
        """
        kind, _, value = text.partition("@")
        try:
            if kind == "f1" and not value:
                return cls()
            if kind in ("precision", "recall") and 0 < (share := float(value)) <= 1:
                return cls(kind, share)
            if kind == "cost":
                false_positive, missed = map(float, value.split(":"))
                if 0 < false_positive < np.inf and 0 < missed < np.inf:
                    return cls(kind, 0.0, false_positive, missed)
        except ValueError:
            pass
        raise SettingsError(f"the objective of thresholds is '{text}'; it can be {OBJECTIVES}")

    @classmethod
    def by_label(
        cls, costs: Mapping[str, Mapping[str, float]], labels: Sequence[str]
    ) -> "Objective":
        """Return the objective of costs by label, with several labels per text.

        `costs` has ``false_positive`` and ``false_negative`` by label; 1 if left out. `labels` are
        all labels in order.
        """
        false_positive, missed = (
            np.array([costs.get(label, {}).get(kind, 1.0) for label in labels])
            for kind in ("false_positive", "false_negative")
        )
        return cls("cost", 0.0, false_positive, missed)

    def __str__(self) -> str:
        """Format it for `parse`; costs that differ by label are not listed."""
        if self.kind == "f1":
            return "f1"
        if self.kind != "cost":
            return f"{self.kind}@{self.share:g}"
        costs = (self.false_positive, self.missed)
        if any(map(np.ndim, costs)):
            return COSTS_BY_LABEL
        return f"cost@{':'.join(f'{one:g}' for one in costs)}"

    def for_label(self, number: int) -> "Objective":
        """Return the objective of one label, by its position."""
        costs = (self.false_positive, self.missed)
        of_label = (float(one if np.ndim(one) == 0 else np.asarray(one)[number]) for one in costs)
        return Objective(self.kind, self.share, *of_label)

    def cost(self, actual: Bools, predicted: Bools) -> float:
        """Compute the total cost of all errors: bool [n, labels], true and predicted labels."""
        false_positives = (predicted & ~actual).sum(axis=0)
        missed = (actual & ~predicted).sum(axis=0)
        return float((self.false_positive * false_positives + self.missed * missed).sum())

    def best(self, cuts: Cuts) -> Ints:
        """Return the positions of the best cuts, at least one."""
        if self.kind == "precision":
            precision = cuts.precision
            reached = np.flatnonzero(precision >= min(self.share, precision.max()))
            return reached[-1:]  # the lowest threshold has the highest recall
        if self.kind == "recall":
            return np.flatnonzero(cuts.recall >= self.share)[:1]
        if self.kind == "cost":
            false_positives, missed = cuts.predicted - cuts.hits, cuts.support - cuts.hits
            value = -(self.false_positive * false_positives + self.missed * missed)
        else:
            value = cuts.f1
        return np.flatnonzero(value == value.max())


@dataclass(frozen=True)
class ScoredRows:
    """Rows with their labels and a model's probabilities.

    Attributes:
        true: int64 [n, labels] of 0 and 1; or int64 [n], one of two classes.
        log_proba: float64 [n, labels], natural logarithms, calibrated.
        groups: The group of each row; None if rows are independent.
    """

    true: Ints
    log_proba: Floats
    groups: Sequence[str] | None = None

    def binary(self) -> "ScoredRows":
        """Return indicators of the second of two classes; those of several labels unchanged.

        Raises:
            DataError: One label per text has more than two classes.
        """
        if self.true.ndim == 2:
            return self
        n_classes = self.log_proba.shape[1]
        if n_classes != 2:
            raise DataError(
                f"there are {n_classes} classes with one label per text, so the most probable label"
                " is predicted: thresholds are for two classes, or for several labels per text"
            )
        return ScoredRows(self.true[:, None], self.log_proba[:, [1]], self.groups)

    def column(self, number: int) -> "ScoredRows":
        """Select a single label."""
        return ScoredRows(self.true[:, [number]], self.log_proba[:, [number]], self.groups)


def choose_thresholds(true: Ints, log_proba: Floats, objective: str | Objective = "f1") -> Floats:
    """Choose each label's threshold on validation rows.

    A threshold is midway between two neighboring probabilities; among equally good thresholds, the
    one closest to 0.5 is chosen. ``f1`` is maximized and ``cost`` minimized. ``precision@0.9``
    chooses the lowest threshold with a precision of at least 0.9, which has the highest recall, or
    the threshold with the highest precision if none reaches 0.9. ``recall@0.9`` chooses the highest
    threshold with a recall of at least 0.9. A label with fewer than 10 rows keeps 0.5.

    Args:
        true: int64 [n, labels] of 0 and 1; or int64 [n] of 0 and 1, binary classification, where
            the second class is predicted if its probability is at least the threshold.
        log_proba: float64 [n, labels], natural logarithms of the probabilities, calibrated, of rows
            that the model was not trained on.
        objective: The objective, or text for `Objective.parse`.

    Returns:
        float64 [labels]; in binary classification the two sum to 1.

    Raises:
        DataError: There are no rows, shapes do not match, or there are more than two classes with
            one label per text.
        SettingsError: There is no such objective.
    """
    objective = Objective.parse(objective) if isinstance(objective, str) else objective
    check_predictions(true, log_proba, log_proba.shape[-1])
    rows = ScoredRows(true, log_proba).binary()
    thresholds = [
        _choose(actual, proba, objective.for_label(number))
        for number, (actual, proba) in enumerate(
            zip(rows.true.T.astype(bool), np.exp(rows.log_proba).T, strict=True)
        )
    ]
    return np.array(thresholds if true.ndim == 2 else [1 - thresholds[0], thresholds[0]])


def _choose(actual: Bools, proba: Floats, objective: Objective) -> float:
    """Choose one label's threshold: bool [n], whether a row has it; float64 [n]."""
    if actual.sum() < MIN_POSITIVES:
        return DEFAULT_THRESHOLD
    cuts = Cuts.of(actual, proba)
    below = np.append(cuts.score[1:], 0.0)
    if objective.kind == "cost" and cuts.score[0] < 1.0:  # never predicting it may be cheapest
        below = np.append(cuts.score[0], below)
        score, hits = np.append(1.0, cuts.score), np.append(0, cuts.hits)
        cuts = Cuts(score, hits, np.append(0, cuts.predicted), cuts.support)
    best = objective.best(cuts)
    middle = (cuts.score[best] + below[best]) / 2
    middle = np.where(middle > below[best], middle, cuts.score[best])  # of adjacent floats
    return float(middle[np.abs(middle - DEFAULT_THRESHOLD).argmin()])


class LabelThreshold(BaseModel, frozen=True, extra="forbid"):
    """Gain of one label's threshold over 0.5; F1 is null without rows of the label."""

    label: str
    threshold: float
    chosen: bool = Field(description="false if too few validation rows have the label")
    n_valid: int = Field(description="validation rows with the label")
    valid_f1_at_half: float | None
    valid_f1: float | None = Field(description="on the rows on which it was chosen, so optimistic")
    test_f1_at_half: float | None
    test_f1: float | None
    difference: PairedDifference | None = Field(
        description="of the F1 on the test rows; null without test rows of the label"
    )


class ThresholdGain(BaseModel, frozen=True, extra="forbid"):
    """Thresholds chosen on the validation rows, and what they gain on the test rows."""

    objective: str = Field(
        description="f1, precision@P, recall@R, cost@FP:MISSED or 'costs by label'"
    )
    values: list[float] = Field(description="the thresholds, in the labels' order")
    labels: list[LabelThreshold] = Field(
        description="in the labels' order; of two classes with one label per text the positive one"
    )
    difference: PairedDifference | None = Field(
        description="of micro F1 on the test rows, over 0.5 for each label; null if no row has a"
        " label"
    )
    test_cost: float | None = Field(
        None, description="of all errors on the test rows; null for an objective without costs"
    )
    test_cost_at_half: float | None = Field(None, description="the same with 0.5 each")
    remarks: list[str]

    def sentence(self) -> str:
        """Describe it in one sentence."""
        chosen = sum(one.chosen for one in self.labels)
        start = (
            f"Thresholds for {self.objective}, chosen on the validation rows for {chosen:,} of"
            f" {len(self.labels):,} labels"
        )
        gain = self.difference
        if chosen and self.test_cost is not None:
            return (
                f"{start}: cost {self.test_cost:,g} on the test rows, {self.test_cost_at_half:,g}"
                " with 0.5."
            )
        if gain is None or not chosen:
            return f"{start}."
        interval = "no interval" if gain.low is None else f"95% interval {gain.interval()}"
        return f"{start}: {gain.points()} points of F1 over 0.5 on the test rows ({interval})."


def measure_thresholds(
    thresholds: Floats,
    objective: str | Objective,
    labels: Sequence[str],
    valid: ScoredRows,
    test: ScoredRows,
    *,
    seed: int = 0,
) -> ThresholdGain:
    """Measure the gain of thresholds over 0.5.

    Args:
        thresholds: float64 [labels], from `choose_thresholds` on the validation rows.
        objective: The objective for which they were chosen.
        labels: The names of the labels.
        valid: The validation rows.
        test: The test rows.
        seed: Random seed of the intervals.
    """
    objective = Objective.parse(objective) if isinstance(objective, str) else objective
    values = thresholds.tolist()
    if valid.true.ndim == 1:
        thresholds, labels = thresholds[[1]], [labels[1]]
    valid, test = valid.binary(), test.binary()
    by_label = [
        _label_threshold(label, thresholds[[i]], valid.column(i), test.column(i), seed)
        for i, label in enumerate(labels)
    ]
    costs: list[float | None] = [None, None]
    if objective.kind == "cost":
        predictions = predicted_labels(test.log_proba, thresholds), predicted_labels(test.log_proba)
        costs = [objective.cost(test.true.astype(bool), one) for one in predictions]
    return ThresholdGain(
        objective=str(objective),
        values=values,
        labels=by_label,
        difference=_gain(test, thresholds, seed),
        test_cost=costs[0],
        test_cost_at_half=costs[1],
        remarks=_remarks(objective, by_label, valid, thresholds),
    )


def _gain(rows: ScoredRows, thresholds: Floats, seed: int) -> PairedDifference | None:
    """Compare micro F1 with thresholds and with 0.5; None if no row has a label."""
    if not rows.true.any():
        return None
    predictions = predicted_labels(rows.log_proba, thresholds), predicted_labels(rows.log_proba)
    return paired_micro_f1_difference(rows.true, *predictions, rows.groups, seed=seed)


def _f1(rows: ScoredRows, threshold: Floats | None = None) -> float | None:
    """Compute the F1 of a single label."""
    actual, predicted = rows.true.astype(bool), predicted_labels(rows.log_proba, threshold)
    return Shares.of(*(int(one.sum()) for one in (actual & predicted, actual, predicted))).f1


def _label_threshold(
    label: str, threshold: Floats, valid: ScoredRows, test: ScoredRows, seed: int
) -> LabelThreshold:
    """Measure the gain of one label's threshold, float64 [1], from rows with that label alone."""
    n_valid = int(valid.true.sum())
    return LabelThreshold(
        label=label,
        threshold=float(threshold[0]),
        chosen=n_valid >= MIN_POSITIVES,
        n_valid=n_valid,
        valid_f1_at_half=_f1(valid),
        valid_f1=_f1(valid, threshold),
        test_f1_at_half=_f1(test),
        test_f1=_f1(test, threshold),
        difference=_gain(test, threshold, seed),
    )


def _remarks(
    objective: Objective,
    by_label: Sequence[LabelThreshold],
    valid: ScoredRows,
    thresholds: Floats,
) -> list[str]:
    """Describe which labels keep 0.5, and which don't reach the requested precision."""
    remarks = []
    few = [one.label for one in by_label if not one.chosen]
    if few:
        keeps, label = (
            ("keeps", "this label") if len(few) == 1 else ("keep", "each of these labels")
        )
        remarks.append(
            f"{_named(few)} {keeps} the threshold 0.5: fewer than {MIN_POSITIVES} validation rows"
            f" have {label}."
        )
    if objective.kind == "precision":
        predicted = predicted_labels(valid.log_proba, thresholds)
        hits = (valid.true.astype(bool) & predicted).sum(axis=0)
        below = hits / np.maximum(predicted.sum(axis=0), 1) < objective.share
        missed = [
            one.label
            for one, is_below in zip(by_label, below, strict=True)
            if one.chosen and is_below
        ]
        if missed:
            remarks.append(
                f"No threshold gives {_named(missed)} the precision {objective.share:g} on the"
                " validation rows: the one with the highest precision was chosen."
            )
    return remarks


def _named(labels: Sequence[str]) -> str:
    """List labels, the first ten by name."""
    more = f" and {len(labels) - 10:,} more" if len(labels) > 10 else ""
    return ", ".join(f"'{label}'" for label in labels[:10]) + more
