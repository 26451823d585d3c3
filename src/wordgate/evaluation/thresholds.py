"""Decision thresholds: the least probability at which a label is given, chosen on validation rows.

0.5 makes the fewest errors, but seldom the best F1: the threshold of the best F1 is half that F1,
so it is below 0.5 (Lipton, Elkan & Naryanaswamy 2014, "Optimal thresholding of classifiers to
maximize F1 measure"). A threshold that few rows decide fits these rows alone: Yang (2001), "A study
of thresholding strategies for text categorization", found that of rare labels such ones do harm.
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
    given_labels,
    paired_micro_f1_difference,
)

MIN_POSITIVES = 10
"""Minimum rows with a label for choosing a threshold: see docs/how-to/thresholds.md."""
COSTS_BY_LABEL = "costs by label"
OBJECTIVES = "f1, precision@P, recall@R such as recall@0.9, or cost@FALSE-POSITIVE:FALSE-NEGATIVE"


@dataclass(frozen=True)
class Objective:
    """The objective for which a threshold is chosen.

    Attributes:
        kind: ``f1``; ``precision`` or ``recall``, of which a share is wanted; or ``cost``.
        share: The precision or recall to reach.
        false_positive: The cost of a text that is wrongly given the label, one for all labels or
            float64 [labels].
        missed: The cost of a text that should be given it and is not, likewise.
    """

    kind: str = "f1"
    share: float = 0.0
    false_positive: float | Floats = 1.0
    missed: float | Floats = 1.0

    @classmethod
    def parse(cls, written: str) -> "Objective":
        """Read ``f1``, ``precision@0.9``, ``recall@0.9``, or ``cost@1:5``.

        Raises:
            SettingsError: It is none of these.
        """
        kind, _, value = written.partition("@")
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
        raise SettingsError(f"the objective of thresholds is '{written}'; it can be {OBJECTIVES}")

    @classmethod
    def by_label(
        cls, costs: Mapping[str, Mapping[str, float]], labels: Sequence[str]
    ) -> "Objective":
        """Take the costs of labels where a text may have several, all of which are named in order.

        `costs` have, by label, ``false_positive`` and ``false_negative``, 1 where left out.
        """
        false_positive, missed = (
            np.array([costs.get(label, {}).get(kind, 1.0) for label in labels])
            for kind in ("false_positive", "false_negative")
        )
        return cls("cost", 0.0, false_positive, missed)

    def __str__(self) -> str:
        """Write it as `parse` reads it; costs that differ by label are not listed."""
        if self.kind == "f1":
            return "f1"
        if self.kind != "cost":
            return f"{self.kind}@{self.share:g}"
        costs = (self.false_positive, self.missed)
        if any(map(np.ndim, costs)):
            return COSTS_BY_LABEL
        return f"cost@{':'.join(f'{one:g}' for one in costs)}"

    def for_label(self, number: int) -> "Objective":
        """Take the costs of one label, by its position."""
        costs = (self.false_positive, self.missed)
        own = (float(one if np.ndim(one) == 0 else np.asarray(one)[number]) for one in costs)
        return Objective(self.kind, self.share, *own)

    def cost(self, borne: Bools, given: Bools) -> float:
        """Add up the costs of all errors: bool [n, labels], borne and given labels."""
        false_positives, missed = (given & ~borne).sum(axis=0), (borne & ~given).sum(axis=0)
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
            false_positives, missed = cuts.given - cuts.hits, cuts.support - cuts.hits
            worth = -(self.false_positive * false_positives + self.missed * missed)
        else:
            worth = cuts.f1
        return np.flatnonzero(worth == worth.max())


@dataclass(frozen=True)
class ScoredRows:
    """Rows with their labels and a model's probabilities.

    Attributes:
        true: int64 [n, labels] of 0 and 1; or int64 [n], one label of two classes each.
        log_proba: float64 [n, labels], natural logarithms, calibrated.
        groups: The group of each row; ``None`` takes rows for independent.
    """

    true: Ints
    log_proba: Floats
    groups: Sequence[str] | None = None

    def binary(self) -> "ScoredRows":
        """Take the second class of two for a label; several labels per text stay as they are.

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
        """Keep a single label."""
        return ScoredRows(self.true[:, [number]], self.log_proba[:, [number]], self.groups)


def choose_thresholds(true: Ints, log_proba: Floats, objective: str | Objective = "f1") -> Floats:
    """Choose each label's threshold on validation rows.

    A threshold lies midway between two probabilities that it divides; among equally good ones it is
    the nearest to 0.5. ``f1`` and ``cost`` are the best there is; ``precision@0.9`` is the lowest
    threshold whose precision is at least 0.9, which finds most, or that of the highest precision
    where none reaches it; ``recall@0.9`` the highest whose recall is. A label that fewer than 10
    rows have keeps 0.5.

    Args:
        true: int64 [n, labels] of 0 and 1; or int64 [n] of 0 and 1, two classes of which a text has
            one: the second where its probability reaches the threshold.
        log_proba: float64 [n, labels], natural logarithms of the probabilities, calibrated, of rows
            that the model did not learn from.
        objective: What is wanted, as `Objective.parse` reads it, or an `Objective`.

    Returns:
        float64 [labels]; of two classes with one label per text the two sum to 1.

    Raises:
        DataError: There are no rows, what was given doesn't fit, or one label per text has more
            than two classes, whose most probable one is given.
        SettingsError: There is no such objective.
    """
    objective = Objective.parse(objective) if isinstance(objective, str) else objective
    check_predictions(true, log_proba, log_proba.shape[-1])
    rows = ScoredRows(true, log_proba).binary()
    found = [
        _choose(borne, proba, objective.for_label(number))
        for number, (borne, proba) in enumerate(
            zip(rows.true.T.astype(bool), np.exp(rows.log_proba).T, strict=True)
        )
    ]
    return np.array(found if true.ndim == 2 else [1 - found[0], found[0]])


def _choose(borne: Bools, proba: Floats, objective: Objective) -> float:
    """Choose one label's threshold: bool [n], whether a row has it; float64 [n]."""
    if borne.sum() < MIN_POSITIVES:
        return DEFAULT_THRESHOLD
    cuts = Cuts.of(borne, proba)
    below = np.append(cuts.score[1:], 0.0)
    if objective.kind == "cost" and cuts.score[0] < 1.0:  # to give the label to nobody may be best
        below = np.append(cuts.score[0], below)
        columns = (np.append(1.0, cuts.score), np.append(0, cuts.hits), np.append(0, cuts.given))
        cuts = Cuts(*columns, cuts.support)
    best = objective.best(cuts)
    middle = (cuts.score[best] + below[best]) / 2
    middle = np.where(middle > below[best], middle, cuts.score[best])  # of neighbouring floats
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
        """Write it in one sentence."""
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
    """Measure what thresholds gain against 0.5.

    Args:
        thresholds: float64 [labels], from `choose_thresholds` on the validation rows.
        objective: What they were chosen for.
        labels: The names of the labels.
        valid: The validation rows.
        test: The test rows.
        seed: Of the intervals' draws.
    """
    objective = Objective.parse(objective) if isinstance(objective, str) else objective
    values = thresholds.tolist()
    if valid.true.ndim == 1:
        thresholds, labels = thresholds[[1]], [labels[1]]
    valid, test = valid.binary(), test.binary()
    found = [
        _label_threshold(label, thresholds[[i]], valid.column(i), test.column(i), seed)
        for i, label in enumerate(labels)
    ]
    costs: list[float | None] = [None, None]
    if objective.kind == "cost":
        given = given_labels(test.log_proba, thresholds), given_labels(test.log_proba)
        costs = [objective.cost(test.true.astype(bool), one) for one in given]
    return ThresholdGain(
        objective=str(objective),
        values=values,
        labels=found,
        difference=_gain(test, thresholds, seed),
        test_cost=costs[0],
        test_cost_at_half=costs[1],
        remarks=_remarks(objective, found, valid, thresholds),
    )


def _gain(rows: ScoredRows, thresholds: Floats, seed: int) -> PairedDifference | None:
    """Compare micro F1 with thresholds and with 0.5; None if no row has a label."""
    if not rows.true.any():
        return None
    given = given_labels(rows.log_proba, thresholds), given_labels(rows.log_proba)
    return paired_micro_f1_difference(rows.true, *given, rows.groups, seed=seed)


def _f1(rows: ScoredRows, threshold: Floats | None = None) -> float | None:
    """Compute the F1 of a single label."""
    borne, given = rows.true.astype(bool), given_labels(rows.log_proba, threshold)
    return Shares.of(*(int(one.sum()) for one in (borne & given, borne, given))).f1


def _label_threshold(
    label: str, threshold: Floats, valid: ScoredRows, test: ScoredRows, seed: int
) -> LabelThreshold:
    """Measure one label's threshold, float64 [1], on rows with that label alone."""
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
    found: Sequence[LabelThreshold],
    valid: ScoredRows,
    thresholds: Floats,
) -> list[str]:
    """Describe which labels keep 0.5, and which don't reach the precision that was wanted."""
    remarks = []
    few = [one.label for one in found if not one.chosen]
    if few:
        keeps, of = ("keeps", "this label") if len(few) == 1 else ("keep", "each of these labels")
        remarks.append(
            f"{_named(few)} {keeps} the threshold 0.5: fewer than {MIN_POSITIVES} validation rows"
            f" have {of}."
        )
    if objective.kind == "precision":
        given = given_labels(valid.log_proba, thresholds)
        hits = (valid.true.astype(bool) & given).sum(axis=0)
        short = hits / np.maximum(given.sum(axis=0), 1) < objective.share
        missed = [one.label for one, less in zip(found, short, strict=True) if one.chosen and less]
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
