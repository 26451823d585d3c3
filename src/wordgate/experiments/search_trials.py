"""One trial of a search: a family with settings, fitted and scored on inner folds.

The inner folds contain only training rows. No function here receives a test row.
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
from wordgate.evaluation.search import objective_score
from wordgate.experiments.fitting import Calibrated, context_for
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
_GROUPS_OF_A_FOLD, _FITS_OF_THREE_FOLDS = 4, 5  # the final training counts as two fits
_FOLDS_SHARE = 0.15
"""Maximum fraction of the time that the default recipes may take on this number of folds."""
PILOT = 8_000
"""Number of training rows of an inner fold from which a trial starts with a part of them."""
_PILOT_SHARE = 0.25
_LATENCY_TEXTS, _LATENCY_BLOCK, _LATENCY_SECONDS = 100, 10, 0.5
_PAGES_BYTES = 400_000
"""Approximate size of report, audit and model card in a bundle."""


@dataclass(frozen=True)
class Rung:
    """A step of a trial: a number of inner folds, and the fraction of their training rows."""

    share: float
    n_folds: int


@dataclass(frozen=True)
class InnerFolds:
    """The inner folds of the training rows, of which the first ones are used.

    Attributes:
        rows: The training rows, including validation rows.
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
        return int(self.numbers.max()) + 1 if self.has_few_rows else MOST_FOLDS

    @property
    def has_few_rows(self) -> bool:
        """Whether every trial is evaluated on all folds."""
        return len(self.rows) < FEW

    @property
    def growth(self) -> float:
        """Ratio of the final model's training rows to those of a fold."""
        fold = self.fold(0)
        return len(self.rows) / (len(fold.train) + len(fold.valid))

    def rungs(self, n_folds: int) -> list[Rung]:
        """Return the steps of a trial: a part of many rows, a third of the folds, all folds."""
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
    """Predictions of a trial for one fold, with score and costs.

    Attributes:
        decisions: int64 [n], the predicted classes; or bool [n, labels], the predicted labels.
        score: The score to maximize.
        latency_ms: Median time to predict one text.
        megabytes: Expected size of the bundle of a model trained on all training rows.
        seconds: Time of fitting and predicting.
        is_cut: Whether the time limit ended the fit; its best epoch so far was scored.
        predicting: Seconds per text when predicting many.
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

    The fit is stopped at the `time.monotonic()` of `until`.
    """
    context, plan = config.context, config.plan_of(spec)
    fold = folds.fold(number, share)
    started = time.monotonic()
    with context.progress.bar(None) as bar, beating(bar, f"Trial: {spec.sentence()}"):
        limited = replace(
            context_for(spec.family, context),
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

    It is the lowest of several medians, because other processes can only increase it.
    """
    medians: list[float] = []
    predictor.predict_proba([texts[0]])  # warm-up
    began = time.perf_counter()
    for start in range(0, _LATENCY_TEXTS, _LATENCY_BLOCK):
        seconds = []
        for number in range(start, start + _LATENCY_BLOCK):
            text = texts[number % len(texts)]
            started = time.perf_counter()
            predictor.predict_proba([text])
            seconds.append(time.perf_counter() - started)
        medians.append(median(seconds))
        if time.perf_counter() - began > _LATENCY_SECONDS:
            break
    return 1000.0 * min(medians)


def _expected_megabytes(calibrated: Calibrated, family: str, folds: InnerFolds) -> float:
    """Estimate the size of a bundle: vocabulary and hashes grow with the number of rows."""
    growth = 1.0 if family == "transformer" else folds.growth
    hashes = 12 * len(folds.rows)
    return (growth * model_bytes(calibrated.fitted.model) + hashes + _PAGES_BYTES) / 1e6
