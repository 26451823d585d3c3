"""The result of a search over families and settings, as `search.html` and `metrics.json` have it."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

from pydantic import BaseModel, Field

from wordgate.evaluation.intervals import Interval

SearchObjective = Literal["accuracy", "macro_f1", "micro_f1"]
"""The scores that a search can maximize."""
OBJECTIVE_NAMES: Mapping[str, str] = {
    "accuracy": "accuracy",
    "macro_f1": "macro F1",
    "micro_f1": "micro F1",
}


class SearchLimits(BaseModel, frozen=True, extra="forbid"):
    """The limits of a search; null for none."""

    minutes: float = Field(description="time limit for the whole command, in minutes")
    max_ms: float | None = Field(
        default=None, description="maximum latency of one text, in milliseconds"
    )
    max_mb: float | None = Field(default=None, description="maximum size on disk, in 10^6 bytes")


@dataclass(frozen=True)
class SearchTrial:
    """One model of a search, fitted on inner folds of the training rows.

    Attributes:
        number: Its number in the study, from 0.
        family: The family of the model.
        recipe: Where its settings begin: ``default``, ``small`` or ``taught``, which are tried
            first; ``tuned`` if the sampler has chosen them.
        settings: The settings that differ from the recipe, by their dotted names.
        state: ``complete`` on all folds; ``pruned`` before; ``failed``, with an error or killed;
            ``running``.
        score: Mean over the folds, of those finished if it was pruned; None if there is none.
        fold_scores: The score on each finished fold.
        rows: The share of the training rows that it was last fitted on.
        latency_ms: Median time to predict one text, in milliseconds; None if not measured.
        megabytes: Size of the model, in 10^6 bytes; None if not measured.
        seconds: Time of fitting and predicting.
        over_limits: The limits that it breaks: ``latency``, ``size``.
        finished: Seconds from the beginning of the search to its end; None while it runs.
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
    finished: float | None = None


@dataclass(frozen=True)
class SearchResult:
    """A finished search, and the test of its winner.

    Attributes:
        objective: The score that was maximized.
        limits: The limits that it kept.
        trials: All trials, in the order of their numbers.
        chosen: The number of the trial whose settings won.
        second: The number of the trial that would have won otherwise; None for a single one.
        chosen_score: The score on the inner folds by which it was chosen.
        test_score: The same score on the test rows, which no trial has seen; None if undefined.
        interval: The 95% interval of the test score, groups resampled.
        importances: The share of each setting in the variance of the scores, by Optuna, largest
            first; empty for too few trials.
        minutes: What the search took, earlier interrupted runs included.
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
    ended_by: Literal["minutes", "trials", "interruption"]
    latency_ms: float | None = None
    megabytes: float | None = None
    left_out: tuple[str, ...] = ()

    @property
    def difference(self) -> float | None:
        """The price of choosing: the score it was chosen by less the score on the test rows."""
        return None if self.test_score is None else self.chosen_score - self.test_score

    def trial(self, number: int) -> SearchTrial:
        """Give the trial of a number."""
        return next(trial for trial in self.trials if trial.number == number)
