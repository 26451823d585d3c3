"""The result of a search over families and settings."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
from pydantic import BaseModel, Field

from wordgate.evaluation.intervals import (
    Bools,
    Interval,
    Ints,
    PairedDifference,
    paired_difference,
)
from wordgate.evaluation.metrics import f1_of_sums, macro_f1, paired_macro_f1_difference
from wordgate.evaluation.multilabel import hits_and_totals, paired_micro_f1_difference
from wordgate.runtime.display import counted

SearchObjective = Literal["accuracy", "macro_f1", "micro_f1"]
"""The scores that a search can maximize."""
OBJECTIVE_NAMES: Mapping[str, str] = {
    "accuracy": "accuracy",
    "macro_f1": "macro F1",
    "micro_f1": "micro F1",
}
FEWEST_FOR_IMPORTANCES = 10
"""Minimum finished trials for estimating the importance of settings."""
Ending = Literal["minutes", "trials", "interruption"]
"""What can end a search."""


class SearchLimits(BaseModel, frozen=True, extra="forbid"):
    """The limits of a search; null for none."""

    minutes: float = Field(description="time limit for the whole command, in minutes")
    max_ms: float | None = Field(
        default=None, description="maximum latency of one text, in milliseconds"
    )
    max_mb: float | None = Field(default=None, description="maximum size on disk, in 10^6 bytes")


class SecondBest(BaseModel, frozen=True, extra="forbid"):
    """The second-best model of a search."""

    family: str
    settings: dict[str, Any] = Field(description="settings that differ from the recipe")
    score: float = Field(description="on the inner folds")


class SearchFacts(BaseModel, frozen=True, extra="forbid"):
    """The search that chose family and settings; scores from 0 to 1."""

    objective: SearchObjective
    limits: SearchLimits
    n_trials: int = Field(description="finished trials, those ended early included")
    minutes: float = Field(description="duration of the search, including interrupted runs")
    ended_by: Ending
    settings: dict[str, Any] = Field(
        description="settings of the selected model that differ from the recipe"
    )
    chosen_score: float = Field(
        description="score on inner folds of the training rows, by which it was chosen; optimistic,"
        " because it is the highest of several scores"
    )
    test_score: float | None = Field(
        default=None, description="the same score on the test rows, which no trial has seen"
    )
    test_interval: Interval | None = Field(default=None, description="its 95% interval")
    difference: float | None = Field(
        default=None, description="`chosen_score` minus `test_score`: the selection bias"
    )
    second: SecondBest | None = Field(
        default=None, description="the second-best model; null for a single trial"
    )
    importances: dict[str, float] = Field(
        description="share of each setting of the selected family in the variance of its scores"
        " (fANOVA, Hutter et al. 2014); empty for fewer than 10 trials"
    )
    latency_ms: float | None = Field(
        default=None, description="median time to predict one text with the saved model"
    )
    megabytes: float | None = Field(
        default=None, description="size of the saved model on disk, 10^6 bytes"
    )
    left_out: list[str] = Field(description="families that were left out, and why")

    @classmethod
    def of(cls, result: "SearchResult") -> "SearchFacts":
        """Summarize a search whose selected model was tested."""
        chosen, second = result.trial(result.chosen), None
        if result.second is not None:
            other = result.trial(result.second)
            second = SecondBest(
                family=other.family, settings=dict(other.settings), score=score_of(other)
            )
        finished = [trial for trial in result.trials if trial.is_finished]
        shared = {name: value for name, value in vars(result).items() if name in cls.model_fields}
        own = {
            "n_trials": len(distinct_trials(finished)),
            "settings": dict(chosen.settings),
            "test_interval": result.interval,
            "difference": result.difference,
            "second": second,
        }
        return cls.model_validate({**shared, **own})


@dataclass(frozen=True)
class SearchTrial:
    """One model of a search, fitted on inner folds of the training rows.

    Attributes:
        number: Its number in the study, from 0.
        family: The family of the model.
        recipe: The starting point of its settings: ``default``, ``small`` or ``taught``, which are
            tried first; ``tuned`` if the sampler has chosen them.
        settings: The settings that differ from the recipe, by their dotted names.
        state: ``complete`` on all folds; ``pruned``; ``failed``, with an error or killed; or
            ``running``.
        score: Mean over the finished folds; None if there is none.
        fold_scores: The score on each finished fold.
        rows: The fraction of the training rows in its last fit.
        latency_ms: Median time to predict one text, in milliseconds; None if not measured.
        megabytes: Size of the model, in 10^6 bytes; None if not measured.
        seconds: Time of fitting and predicting.
        over_limits: The limits that it exceeds: ``latency``, ``size``.
        is_cut: Whether the time limit stopped one of its fits, so that the best epoch up to then
            was scored.
        finished: Seconds from the start of the search to the end of the trial; None while it runs.
    """

    number: int
    family: str
    recipe: str
    settings: Mapping[str, object]
    state: Literal["complete", "pruned", "failed", "running"]
    score: float | None = None
    fold_scores: tuple[float, ...] = ()
    rows: float = 1.0
    latency_ms: float | None = None
    megabytes: float | None = None
    seconds: float = 0.0
    over_limits: tuple[str, ...] = ()
    is_cut: bool = False
    finished: float | None = None

    @property
    def is_finished(self) -> bool:
        """Whether it has ended without an error."""
        return self.state in ("complete", "pruned")

    @property
    def can_win(self) -> bool:
        """Whether it is complete and within the limits."""
        return self.state == "complete" and not self.over_limits


@dataclass(frozen=True)
class SearchResult:
    """A finished search, and the test scores of the selected model.

    Attributes:
        objective: The score that was maximized.
        limits: The limits of the search.
        trials: All trials, in the order of their numbers.
        chosen: The number of the selected trial.
        second: The number of the second-best trial; None for a single one.
        chosen_score: The score on the inner folds by which it was chosen.
        test_score: The same score on the test rows, which no trial has seen; None if undefined.
        interval: The 95% interval of the test score, groups resampled.
        importances: The share of each setting in the variance of the scores, by Optuna, largest
            first; empty for too few trials.
        minutes: Duration of the search, including earlier interrupted runs.
        ended_by: What ended it: ``minutes``, ``trials`` or ``interruption``.
        latency_ms: Median time to predict one text with the saved model, in milliseconds.
        megabytes: Size of the saved model on disk, in 10^6 bytes.
        left_out: A sentence for each family that was left out or dropped.
    """

    objective: SearchObjective
    limits: SearchLimits
    trials: tuple[SearchTrial, ...]
    chosen: int
    second: int | None
    chosen_score: float
    test_score: float | None
    interval: Interval
    importances: Mapping[str, float]
    minutes: float
    ended_by: Ending
    latency_ms: float | None = None
    megabytes: float | None = None
    left_out: tuple[str, ...] = ()

    def __repr__(self) -> str:
        """Show the selected trial and its score."""
        chosen, score = self.trial(self.chosen), f"{self.objective}={self.chosen_score:.3f}"
        n_trials = counted(len(distinct_trials(self.trials)), "trial")
        return f"SearchResult({chosen.family}, trial {chosen.number} of {n_trials}, {score})"

    @property
    def difference(self) -> float | None:
        """The selection bias: the score it was selected by minus the score on the test rows."""
        return None if self.test_score is None else self.chosen_score - self.test_score

    def trial(self, number: int) -> SearchTrial:
        """Return the trial with this number."""
        return next(trial for trial in self.trials if trial.number == number)


def score_of(trial: SearchTrial) -> float:
    """Return the score of a trial; -1 without one."""
    return -1.0 if trial.score is None else trial.score


def distinct_trials(trials: Sequence[SearchTrial]) -> list[SearchTrial]:
    """Leave out trials with the family and settings of an earlier one."""
    by_settings: dict[str, SearchTrial] = {}
    for trial in trials:
        key = f"{trial.family} {trial.recipe} {sorted(trial.settings.items())}"
        by_settings.setdefault(key, trial)
    return list(by_settings.values())


def objective_score(
    objective: SearchObjective,
    targets: Ints,
    decisions: Ints | Bools,
    n_labels: int,
) -> float:
    """Compute the score of predictions in the shape of the targets: int64 [n] or [n, labels].

    Accuracy is for one label per text, and micro F1 for several.
    """
    if objective == "accuracy":
        return float((targets == decisions).mean())
    if objective == "macro_f1":
        return macro_f1(targets, decisions, n_labels)
    sums = hits_and_totals(targets.astype(bool), decisions.astype(bool)).sum(axis=0, keepdims=True)
    return float(f1_of_sums(sums.astype(np.float64))[0]) if sums[0, 1] else 0.0


def paired_scores(
    objective: SearchObjective,
    targets: Ints,
    decisions: Ints | Bools,
    other: Ints | Bools,
    groups: Sequence[str] | None,
    n_labels: int,
    *,
    seed: int,
) -> PairedDifference:
    """Compare two models on the same rows by an `objective_score`; groups are resampled."""
    if objective == "accuracy":
        return paired_difference(targets == decisions, targets == other, groups, seed=seed)
    if objective == "macro_f1":
        return paired_macro_f1_difference(targets, decisions, other, n_labels, groups, seed=seed)
    predictions = decisions.astype(bool), other.astype(bool)
    return paired_micro_f1_difference(targets, *predictions, groups, seed=seed)
