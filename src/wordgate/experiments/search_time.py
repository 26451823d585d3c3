"""The time of a search: what fits are expected to take, and what is kept for the final model."""

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
_MOST_SLOWNESS = 4.0  # more is rather the start-up of a small fit


@dataclass(frozen=True)
class _Guess:
    """What a fit takes, by a first guess: seconds, those per character, and its longest text."""

    seconds: float
    per_character: float
    longest: int
    predicting: float = 1e-6  # seconds per character of a text to predict
    least_characters: float = 0.0  # what it reads at least, however small the data
    per_label: bool = False  # whether each label takes as long again


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
        n_labels: How many labels there are.
        teaching_seconds: How long a teacher may be fine-tuned and asked.
    """

    texts: Sequence[str]
    n_labels: int = 2
    teaching_seconds: float = math.inf
    _seen: dict[str, list[float]] = field(default_factory=dict)  # how much slower than guessed
    _predicting: dict[str, float] = field(default_factory=dict)  # seconds per text, the last ones

    def record(
        self, name: str, share: float, seconds: float, predicting: float | None = None
    ) -> None:
        """Record how long a fit on a share of the rows took, or when the time limit stopped it.

        `predicting` is the time to predict a text, in seconds.
        """
        if predicting is not None:
            self._predicting[name] = predicting
        self._seen.setdefault(name, []).append(seconds / self._guessed(name, share))

    def seconds(self, name: str, share: float = 1.0) -> float:
        """Expect the seconds of a fit on a share of an inner fold's training rows, or more."""
        seen = self._seen.get(name)
        slowness = max(median(seen), median(seen[-3:])) if seen else self._slowness()
        seconds = slowness * self._guessed(name, share)
        if name == TAUGHT_LSTM and not seen and self.teaching_seconds < seconds:
            return min(seconds, self.teaching_seconds + self.seconds("lstm", share))
        return seconds

    def predicting(self, name: str) -> float:
        """Expect the seconds to predict a text among many."""
        if name in self._predicting:
            return self._predicting[name]
        guess = _GUESSES[name]
        each = self._n_characters(guess.longest) / max(1, len(self.texts)) * guess.predicting
        return each * (median(self._seen[name]) if name in self._seen else self._slowness())

    def order(self, name: str) -> tuple[bool, float]:
        """Return what is smaller for what is tried first: `count`, then what takes the least time.

        It is the same whatever fits have been made.
        """
        return name != "count", self._guessed(name, 1.0)

    def least(self, name: str, share: float = 1.0) -> float:
        """Return the seconds below which a fit is not expected to end."""
        return (1.0 if self.is_known(name) else _UNSURE) * self.seconds(name, share)

    def is_known(self, name: str) -> bool:
        """Return whether any fit of a family has been made."""
        return name in self._seen

    def _slowness(self) -> float:
        """Return how much slower than estimated the fastest fit was, from 1 to a maximum."""
        least = min((min(seen) for seen in self._seen.values()), default=1.0)
        return min(max(least, 1.0), _MOST_SLOWNESS)

    def _guessed(self, name: str, share: float) -> float:
        guess = _GUESSES[name]
        n_characters = self._n_characters(guess.longest) * share
        each = guess.per_character * (self.n_labels if guess.per_label else 1)
        return guess.seconds + each * max(n_characters, guess.least_characters)

    @cached_property
    def _lengths(self) -> NDArray[np.int64]:
        """The characters of each text, int64 [n]: texts in a file are decoded to count them."""
        return np.fromiter(map(len, self.texts), np.int64, len(self.texts))

    def _n_characters(self, longest: int) -> int:
        """Count the characters of all texts, of each at most so many."""
        return int(np.minimum(self._lengths, longest).sum())


@dataclass(frozen=True)
class SearchBudget:
    """The time of a search, which its fits and the training of the winner share.

    Attributes:
        ranking: The trials so far.
        costs: The expected costs of fits.
        deadline: Returns the `time.monotonic()` at which the last fit must end, including the refit
            of the winner; its estimate changes during the search.
        n_predicted: Number of texts that the winner predicts after its fit.
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
        """Return the seconds that a fit may take, so that there is time for the final model.

        The remaining fits of a trial, of which `done` folds are finished, share the time. For a
        family that has not been fitted, the fit itself shows how long the model takes. The very
        first fit may take what one fold needs, even if the final model then has less time.
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
        """Return whether the steps of a trial fit into the time, and the model after them."""
        needed = 0.0
        for rung in rungs:
            n_folds = 1
            if rung.share == 1.0:
                n_folds, done = rung.n_folds - done, rung.n_folds
            needed += n_folds * self.costs.least(spec.name, rung.share)
        return factor * needed + self.kept_for(spec) <= self.left()

    def kept_for(self, spec: TrialSpec) -> float:
        """Return the seconds to keep for training the winner, and what it has to beat."""
        if not self.ranking.config.refits:
            return 0.0
        best = self.ranking.best()
        names = {spec.name} if best is None else {spec.name, spec_of(best).name}
        winner = max(self.costs.least(name) for name in names)
        baseline = 0.0 if names == {"count"} else self.costs.least("count")
        predicting = self.n_predicted * max(self.costs.predicting(name) for name in names)
        return OTHER_SETTINGS * self.ranking.folds.growth * (winner + baseline) + predicting


def _whole_folds(rungs: Sequence[Rung], done: int) -> float:
    """Count the fits that steps still need, where some folds are done, in fits on all rows."""
    parts = sum(rung.share for rung in rungs if rung.share < 1.0)
    return parts + max((rung.n_folds for rung in rungs if rung.share == 1.0), default=done) - done
