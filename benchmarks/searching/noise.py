"""Correlation of scores on inner folds with accuracy: `benchmarks/search.py folds`.

The default recipe of `count` and 20 random settings are scored on the inner folds of 200 rows. A
model of each is also trained on all 200, and labels 2,000 texts of other groups.
"""

from dataclasses import dataclass

import numpy as np
import optuna

from printing import header, row
from searching import data as sets
from wordgate.data.dataset import Dataset
from wordgate.evaluation.search import SearchLimits, SearchTrial
from wordgate.experiments.search_plan import DEFAULT, TUNED, SearchConfig, TrialSpec
from wordgate.experiments.search_ranking import Ranking
from wordgate.experiments.search_trials import InnerFolds, fit_fold
from wordgate.experiments.splits import Fold, hold_out, split_table
from wordgate.experiments.students import fit_model
from wordgate.runtime.progress import Silent
from wordgate.search.space import space_of, suggest
from wordgate.settings import load_settings
from wordgate.training.fitting import RunContext

N_ROWS, N_UNSEEN, N_RANDOM, FOLDS = 200, 2000, 20, (3, 5, 10)
SETTINGS = load_settings("default")


@dataclass(frozen=True)
class Trials:
    """Trials in place of a study."""

    made: tuple[SearchTrial, ...]
    answers: list[np.ndarray]
    attributes: dict[str, int]

    def trials(self):
        """Give the trials."""
        return self.made

    def decisions(self, number: int):
        """Give the labels of a trial."""
        return self.answers[number]


def noise_table(names: list[str], draws: int) -> str:
    """Measure some draws of each data set, and lay out the means."""
    lines = [header("data", "folds", "correlation with the accuracy", "chosen by", "accuracy",
                    "default, best")]  # fmt: skip
    for name in names:
        splits = split_table(sets.TABLES[name](), SETTINGS, sets.SEED)
        learned = np.concatenate([splits.split.train, splits.split.valid])
        unseen = np.random.default_rng(99).permutation(splits.split.test)[:N_UNSEEN]
        found = []
        for draw in range(draws):
            chosen = np.random.default_rng(1000 + draw).permutation(learned)[:N_ROWS]
            parts = (splits.all_rows.part(np.sort(one)) for one in (chosen, unseen))
            found.append(_draw(*parts, splits.labels, draw))
        for n_folds, (correlation, score, truth, default, best) in zip(
            FOLDS, np.mean(found, axis=0), strict=True
        ):
            lines.append(row(name, n_folds, f"{correlation:.2f}", f"{score:.3f}", f"{truth:.3f}",
                             f"{default:.3f}, {best:.3f}"))  # fmt: skip
    return "\n".join(lines)


def _draw(rows: Dataset, unseen: Dataset, labels: tuple[str, ...], draw: int) -> np.ndarray:
    """Measure one draw: float64 [folds, 5], the columns of the table."""
    context = RunContext(sets.SEED, Silent())
    limits = SearchLimits(minutes=1)
    config = SearchConfig({}, ("count",), "default", {}, SETTINGS, limits, context)
    optuna.logging.set_verbosity(optuna.logging.ERROR)
    study = optuna.create_study(sampler=optuna.samplers.RandomSampler(seed=draw))
    space = space_of("count", {})
    specs = [TrialSpec("count", DEFAULT, {})]
    specs += [TrialSpec("count", TUNED, suggest(study.ask(), space)) for _ in range(N_RANDOM)]
    parts = hold_out(rows, labels, SETTINGS.valid_size, sets.SEED)
    whole = Fold(labels, *parts, unseen, np.arange(len(unseen)), None)
    truth = np.array([_accuracy(config, spec, whole) for spec in specs])
    found = []
    for n_folds in FOLDS:
        folds = InnerFolds.of(rows, labels, SETTINGS, sets.SEED, n_folds)
        trials, answers = [], []
        for number, spec in enumerate(specs):
            own = [fit_fold(spec, folds, n, 1.0, config, np.inf) for n in range(n_folds)]
            scores = tuple(one.score for one in own)
            answers.append(np.concatenate([one.decisions for one in own]))
            trials.append(
                SearchTrial(
                    number, "count", spec.recipe, spec.changes, "complete", float(np.mean(scores)),
                    scores, megabytes=max(one.megabytes for one in own),
                )
            )  # fmt: skip
        study_of = Trials(tuple(trials), answers, {"folds": n_folds})
        winner = next(Ranking(folds, config, study_of).ranked())
        correlation = np.corrcoef([trial.score for trial in trials], truth)[0, 1]
        row = (correlation, winner.score, truth[winner.number], truth[0], truth.max())
        found.append(row)
    return np.array(found)


def _accuracy(config: SearchConfig, spec: TrialSpec, fold: Fold) -> float:
    """Train on all rows, and label the unseen texts."""
    calibrated, _ = fit_model(config.plan_of(spec), fold, config.context)
    decisions = calibrated.output(fold.test.texts).decisions(multilabel=False)
    return float((decisions == fold.test.targets).mean())
