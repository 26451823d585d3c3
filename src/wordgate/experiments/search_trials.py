"""One trial of a search: a family with settings, fitted and scored on inner folds.

The inner folds are made of the training rows alone. No function here is given a test row.
"""

import math
import time
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from statistics import median
from typing import Any

import numpy as np
from numpy.typing import NDArray

from wordgate.bundle.summary import model_bytes
from wordgate.data.dataset import Dataset, labels_of
from wordgate.dedup.keys import group_keys
from wordgate.evaluation.comparison import TAUGHT_LSTM
from wordgate.evaluation.search import objective_score
from wordgate.experiments.fitting import Calibrated
from wordgate.experiments.search_plan import SearchConfig, TrialSpec
from wordgate.experiments.splits import Fold, fold_numbers, fold_of, hold_out
from wordgate.experiments.students import fit_model
from wordgate.prediction.predictor import Predictor
from wordgate.runtime.progress import Silent, beating
from wordgate.settings import Settings
from wordgate.training.fitting import TIME_LIMIT

LARGE = 20_000
"""Number of training rows from which one inner fold, a fifth of them, is sufficient."""
FEW = 3_000
"""Number of training rows below which every trial is evaluated on all folds."""
MOST_FOLDS = 3
"""Maximum number of inner folds of a trial, unless there are few rows."""
_FOLDS_OF_FEW = (10, 5)
"""Numbers of inner folds for few rows, if there is time: each fit then has more of the rows, which
makes scores less biased and less variable than repeating three folds does (Kohavi 1995)."""
_GROUPS_OF_A_FOLD, _FITS_OF_THREE_FOLDS = 4, 5  # the model that is trained at the end is two fits
_FOLDS_SHARE = 0.15
"""Maximum fraction of the time that the default recipes may take on this number of folds."""
PILOT = 8_000
"""Number of training rows of an inner fold from which a trial starts with a part of them."""
_PILOT_SHARE = 0.25
_MOST_SLOWNESS = 4.0  # more is rather the start-up of a small fit
OTHER_SETTINGS = 1.3
"""Maximum factor by which a fit with other settings takes longer than earlier ones."""
_LATENCY_TEXTS, _LATENCY_BLOCK, _LATENCY_SECONDS = 100, 10, 0.5
_PAGES_BYTES = 400_000
"""Approximate size of report, audit and model card in a bundle."""


@dataclass(frozen=True)
class Rung:
    """A step of a trial: so many inner folds, on a share of their training rows."""

    share: float
    n_folds: int


@dataclass(frozen=True)
class InnerFolds:
    """The folds of the training rows, of which the first ones are used.

    Attributes:
        rows: The training rows, validation rows among them.
        numbers: int64 [n], the fold of each row.
    """

    rows: Dataset
    labels: tuple[str, ...]
    numbers: NDArray[np.int64]
    settings: Settings
    seed: int
    _made: dict[tuple[int, float], Fold] = field(default_factory=dict)

    @classmethod
    def of(
        cls,
        rows: Dataset,
        labels: tuple[str, ...],
        settings: Settings,
        seed: int,
        n_folds: int = MOST_FOLDS,
    ) -> "InnerFolds":
        """Assign the rows to folds: groups and near duplicates stay together."""
        names = labels_of(rows.targets, labels)
        return cls(rows, labels, fold_numbers(rows, names, n_folds, settings, seed), settings, seed)

    @property
    def most(self) -> int:
        """Return the maximum number of folds of a trial: with few rows, all."""
        return int(self.numbers.max()) + 1 if len(self.rows) < FEW else MOST_FOLDS

    @property
    def growth(self) -> float:
        """How many times the training rows of a fold the winner is trained on."""
        fold = self.fold(0)
        return len(self.rows) / (len(fold.train) + len(fold.valid))

    def rungs(self, n_folds: int) -> list[Rung]:
        """Return the steps of a trial: a part of many rows, a third of the folds, then all."""
        pilot = [Rung(_PILOT_SHARE, 1)] if len(self.fold(0).train) > PILOT else []
        first = math.ceil(n_folds / 3)
        return [*pilot, Rung(1.0, first), *([Rung(1.0, n_folds)] if n_folds > 1 else [])]

    def fold(self, number: int, share: float = 1.0) -> Fold:
        """Return a fold, on a share of its training rows in whole groups."""
        if (number, share) not in self._made:
            if share < 1.0:
                fold = self.fold(number)
                train, _ = hold_out(fold.train, self.labels, 1.0 - share, self.seed)
                made = replace(fold, train=train)
            else:
                made = fold_of(
                    self.rows, self.labels, self.numbers, number, self.settings, self.seed
                )
            self._made[number, share] = made
        return self._made[number, share]

    def tested(self, n_folds: int) -> Dataset:
        """Return the test rows of the first folds, fold by fold."""
        return self.rows.part(np.concatenate([self.fold(one).rows for one in range(n_folds)]))


def number_of_folds(rows: Dataset, fit_seconds: Sequence[float], seconds: float) -> int:
    """Choose the number of inner folds of the training rows.

    Args:
        rows: The training rows; a fold has several of their groups.
        fit_seconds: The expected time of a fit of each default recipe. Recipes for which there is
            no time even on three folds are ignored.
        seconds: The time limit of the whole command.
    """
    if len(rows) >= FEW:
        return 5 if len(rows) >= LARGE else MOST_FOLDS
    n_groups = len({*group_keys(rows.texts, rows.groups)})
    tried = [one for one in fit_seconds if _FITS_OF_THREE_FOLDS * one <= seconds]
    most = n_groups / _GROUPS_OF_A_FOLD
    if tried:
        most = min(most, _FOLDS_SHARE * seconds / sum(tried))
    return next((n for n in _FOLDS_OF_FEW if n <= most), MOST_FOLDS)


@dataclass(frozen=True)
class FoldAnswers:
    """Predictions of a trial for one fold, and how long they took.

    Attributes:
        decisions: int64 [n], the labels' numbers; or bool [n, labels], the labels.
        score: The score that is searched for.
        latency_ms: Median time to predict one text.
        megabytes: Expected size of the bundle of a model trained on all training rows.
        seconds: Time of fitting and predicting.
        is_cut: Whether the time limit ended the fit; its best epoch so far was scored.
        predicting: Seconds to predict a text among many.
    """

    decisions: NDArray[Any]
    score: float
    latency_ms: float
    megabytes: float
    seconds: float
    is_cut: bool
    predicting: float


def fit_fold(
    spec: TrialSpec,
    folds: InnerFolds,
    number: int,
    share: float,
    config: SearchConfig,
    until: float,
) -> FoldAnswers:
    """Fit a trial on a share of one inner fold, from 0, and score it on the fold's test rows.

    Fitting must end at the `time.monotonic()` of `until`.
    """
    context, plan = config.context, config.plan_of(spec)
    fold = folds.fold(number, share)
    started = time.monotonic()
    with context.progress.bar(None) as bar, beating(bar, f"Trial: {spec.sentence()}"):
        limited = replace(
            config.context_of(spec.family),
            progress=Silent(),
            deadline=until,
            predicted_after=len(fold.test),
        )
        calibrated, taught = fit_model(plan, fold, limited)
        fitted = time.monotonic()
        output = calibrated.output(fold.test.texts)
        predicting = (time.monotonic() - fitted) / len(fold.test)
        decisions = output.decisions(multilabel=fold.test.multilabel)
        described = plan.config(calibrated, taught, labels=fold.labels, seed=context.seed, data={})
        latency = median_latency(Predictor(calibrated.fitted.model, described), fold.test.texts)
    return FoldAnswers(
        decisions,
        objective_score(config.objective, fold.test.targets, decisions, len(fold.labels)),
        latency,
        _expected_megabytes(calibrated, spec.family, folds),
        time.monotonic() - started,
        any(remark.startswith(TIME_LIMIT) for remark in calibrated.fitted.remarks),
        predicting,
    )


def median_latency(predictor: Predictor, texts: Sequence[str]) -> float:
    """Measure the median time to predict one text, in milliseconds, on up to 100 of the texts.

    It is the least of several medians: what else the machine does meanwhile only adds to it.
    """
    medians: list[float] = []
    predictor.predict_proba([texts[0]])  # makes ready what the others use
    began = time.perf_counter()
    for start in range(0, _LATENCY_TEXTS, _LATENCY_BLOCK):
        taken = []
        for place in range(start, start + _LATENCY_BLOCK):
            text = texts[place % len(texts)]
            started = time.perf_counter()
            predictor.predict_proba([text])
            taken.append(time.perf_counter() - started)
        medians.append(median(taken))
        if time.perf_counter() - began > _LATENCY_SECONDS:
            break
    return 1000.0 * min(medians)


def _expected_megabytes(calibrated: Calibrated, family: str, folds: InnerFolds) -> float:
    """Expect the size of a bundle: its words or n-grams grow with the rows, its hashes, too."""
    growth = 1.0 if family == "transformer" else folds.growth
    hashes = 12 * len(folds.rows)
    return (growth * model_bytes(calibrated.fitted.model) + hashes + _PAGES_BYTES) / 1e6


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
        n_characters = sum(min(len(text), guess.longest) for text in self.texts)
        each = n_characters / max(1, len(self.texts)) * guess.predicting
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
        n_characters = sum(min(len(text), guess.longest) for text in self.texts) * share
        each = guess.per_character * (self.n_labels if guess.per_label else 1)
        return guess.seconds + each * max(n_characters, guess.least_characters)
