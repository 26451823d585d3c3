"""The time budget of a search: expected durations of fits, and time for the final model."""

import math
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from statistics import median

import numpy as np
from numpy.typing import NDArray

from wordgate.evaluation.comparison import TAUGHT_LSTM
from wordgate.experiments.search_plan import TrialSpec
from wordgate.experiments.search_ranking import Ranking, spec_of
from wordgate.experiments.search_trials import Rung

OTHER_SETTINGS = 1.3
"""Maximum factor by which a fit with other settings takes longer than earlier ones."""
_MOST_SLOWNESS = 4.0  # a higher value is mostly the start-up time of a small fit


@dataclass(frozen=True)
class _Guess:
    """An initial estimate of the duration of a fit: constant, per character, maximum length."""

    seconds: float
    per_character: float
    longest: int
    predicting: float = 1e-6  # seconds per character of a text to predict
    least_characters: float = 0.0  # minimum number of characters, for small data
    per_label: bool = False  # whether the time per character is multiplied by the number of labels


_GUESSES = {
    "count": _Guess(0.2, 1.5e-6, 100_000, per_label=True),
    "logreg": _Guess(1.0, 1.0e-6, 1500),
    "mlp": _Guess(3.0, 2.0e-6, 1500),
    "lstm": _Guess(12.0, 3.0e-6, 1500),
    "transformer": _Guess(7.0, 7.0e-5, 600, predicting=1.2e-5),
    "taught": _Guess(60.0, 1.4e-4, 600, least_characters=6e5),
}
"""On two cores of 2020; corrected by the times of finished fits."""
_UNSURE = 0.6
"""Factor by which a family without a finished fit may be faster than expected."""


@dataclass
class Costs:
    """Costs of fits, estimated from finished ones.

    Attributes:
        texts: The training texts of an inner fold.
        n_labels: The number of labels.
        teaching_seconds: Time limit for fine-tuning a teacher and labeling.
    """

    texts: Sequence[str]
    n_labels: int = 2
    teaching_seconds: float = math.inf
    _seen: dict[str, list[float]] = field(default_factory=dict)  # ratios to the initial estimates
    _predicting: dict[str, float] = field(default_factory=dict)  # latest seconds per text

    def record(
        self, name: str, share: float, seconds: float, predicting: float | None = None
    ) -> None:
        """Record the seconds of a fit on a fraction of the rows, also if it was stopped early.

        `predicting` is the time to predict a text, in seconds.
        """
        if predicting is not None:
            self._predicting[name] = predicting
        self._seen.setdefault(name, []).append(seconds / self._guessed(name, share))

    def seconds(self, name: str, share: float = 1.0) -> float:
        """Estimate the seconds of a fit on a fraction of an inner fold's training rows."""
        seen = self._seen.get(name)
        slowness = max(median(seen), median(seen[-3:])) if seen else self._slowness()
        seconds = slowness * self._guessed(name, share)
        if name == TAUGHT_LSTM and not seen and self.teaching_seconds < seconds:
            return min(seconds, self.teaching_seconds + self.seconds("lstm", share))
        return seconds

    def predicting(self, name: str) -> float:
        """Estimate the seconds per text when predicting many."""
        if name in self._predicting:
            return self._predicting[name]
        guess = _GUESSES[name]
        mean_length = self._n_characters(guess.longest) / max(1, len(self.texts))
        return (
            mean_length
            * guess.predicting
            * (median(self._seen[name]) if name in self._seen else self._slowness())
        )

    def order(self, name: str) -> tuple[bool, float]:
        """Return the sort key of default recipes: `count` first, then the fastest.

        It does not depend on finished fits.
        """
        return name != "count", self._guessed(name, 1.0)

    def least(self, name: str, share: float = 1.0) -> float:
        """Estimate the minimum seconds of a fit."""
        return (1.0 if self.is_known(name) else _UNSURE) * self.seconds(name, share)

    def is_known(self, name: str) -> bool:
        """Return whether a family has a finished fit."""
        return name in self._seen

    def _slowness(self) -> float:
        """Return the lowest ratio of a fit to its estimate, from 1 to a maximum."""
        least = min((min(seen) for seen in self._seen.values()), default=1.0)
        return min(max(least, 1.0), _MOST_SLOWNESS)

    def _guessed(self, name: str, share: float) -> float:
        guess = _GUESSES[name]
        n_characters = self._n_characters(guess.longest) * share
        per_character = guess.per_character * (self.n_labels if guess.per_label else 1)
        return guess.seconds + per_character * max(n_characters, guess.least_characters)

    @cached_property
    def _lengths(self) -> NDArray[np.int64]:
        """The number of characters of each text, int64 [n]; cached, as texts must be decoded."""
        return np.fromiter(map(len, self.texts), np.int64, len(self.texts))

    def _n_characters(self, longest: int) -> int:
        """Count the characters of all texts, at most `longest` of each."""
        return int(np.minimum(self._lengths, longest).sum())


@dataclass(frozen=True)
class SearchBudget:
    """The time budget of a search, shared by its fits and the training of the final model.

    Attributes:
        ranking: The trials so far.
        costs: The expected costs of fits.
        deadline: Returns the `time.monotonic()` at which the last fit must end, including that of
            the final model; its estimate changes during the search.
        n_predicted: Number of texts that the final model predicts after its fit.
    """

    ranking: Ranking
    costs: Costs
    deadline: Callable[[], float]
    n_predicted: int = 0

    def left(self) -> float:
        """Return the seconds until the last fit must end."""
        return self.deadline() - time.monotonic()

    def for_fit(
        self, spec: TrialSpec, rungs: Sequence[Rung], done: int = 0, *, must: bool
    ) -> float:
        """Return the time limit of a fit in seconds, with time left for the final model.

        The remaining fits of a trial with `done` finished folds share the time. For a family
        without a finished fit, the fit itself shows the duration of the final one. The very first
        fit has the time for one fold, even if the final model then has less time.
        """
        share, growth = rungs[0].share, self.ranking.folds.growth
        fits = 1.0 if must else _whole_folds(rungs, done) / share
        if self.costs.is_known(spec.name):
            return (self.left() - self.kept_for(spec)) / fits
        left = self.left()
        if not self.ranking.config.refits:
            return left / fits
        if spec.name != "count" and not must:
            left -= OTHER_SETTINGS * growth * self.costs.seconds("count")
            left -= self.n_predicted * self.costs.predicting(spec.name)
        refits = OTHER_SETTINGS * growth / (1.0 if must else share)
        return left / (fits + refits)

    def is_enough_for(
        self, spec: TrialSpec, rungs: Sequence[Rung], factor: float = 1.0, done: int = 0
    ) -> bool:
        """Return whether there is time for the steps of a trial and the final model."""
        needed = 0.0
        for rung in rungs:
            n_folds = 1
            if rung.share == 1.0:
                n_folds, done = rung.n_folds - done, rung.n_folds
            needed += n_folds * self.costs.least(spec.name, rung.share)
        return factor * needed + self.kept_for(spec) <= self.left()

    def kept_for(self, spec: TrialSpec) -> float:
        """Return the seconds to reserve for training the final model and its baseline."""
        if not self.ranking.config.refits:
            return 0.0
        best = self.ranking.best()
        names = {spec.name} if best is None else {spec.name, spec_of(best).name}
        winner = max(self.costs.least(name) for name in names)
        baseline = 0.0 if names == {"count"} else self.costs.least("count")
        predicting = self.n_predicted * max(self.costs.predicting(name) for name in names)
        return OTHER_SETTINGS * self.ranking.folds.growth * (winner + baseline) + predicting


def _whole_folds(rungs: Sequence[Rung], done: int) -> float:
    """Return the number of remaining fits of steps, in fits on all rows, after `done` folds."""
    parts = sum(rung.share for rung in rungs if rung.share < 1.0)
    return parts + max((rung.n_folds for rung in rungs if rung.share == 1.0), default=done) - done
