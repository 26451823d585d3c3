"""Grouped cross-validation: what a recipe is worth on all rows, beside the model that is kept."""

import numpy as np
from numpy.typing import NDArray

from wordgate.bundle.metrics import CrossValidation, FoldScores
from wordgate.data import Table
from wordgate.errors import SettingsError
from wordgate.experiments.metrics import Evaluator
from wordgate.experiments.splits import DataSplits, all_rows, make_folds
from wordgate.experiments.students import TeacherConfig, fit_model
from wordgate.runtime.progress import Progress
from wordgate.settings import Settings
from wordgate.vectors.pretrained import PretrainedVectors


def check_folds(
    n_folds: int | None,
    settings: Settings,
    *,
    parts_given: bool,
    max_minutes: float | None,
) -> None:
    """Refuse options that cross-validation would contradict.

    Raises:
        SettingsError: The parts are given or dealt at random, or the time is limited.
    """
    check_n_folds(n_folds, parts_given=parts_given)
    if n_folds is None:
        return
    if settings.split == "random":
        raise SettingsError("--folds keeps groups and copies together; leave out --split random")
    if max_minutes is not None:
        raise SettingsError("--folds trains a model a fold; leave out --max-minutes")


def check_n_folds(n_folds: int | None, *, parts_given: bool) -> None:
    """Refuse a number that is none of folds, and folds where the parts are given.

    Raises:
        SettingsError: There are fewer than two folds, or the parts are given.
    """
    if n_folds is None:
        return
    if n_folds < 2:
        raise SettingsError(f"folds is {n_folds}; it must be 2 or more")
    if parts_given:
        raise SettingsError(
            "--folds deals all rows anew; leave out --valid, --test and --split-column"
        )


def cross_validate(
    table: Table,
    splits: DataSplits,
    n_folds: int,
    *,
    family: str,
    settings: Settings,
    seed: int,
    device: str,
    vectors: PretrainedVectors | None,
    progress: Progress,
    threads: int | None = None,
    teaching: TeacherConfig | None = None,
) -> tuple[CrossValidation, NDArray[np.float64]]:
    """Deal all rows to folds of whole groups; fit a model without each fold and test it there.

    Args:
        table: The rows.
        splits: The ordinary split of them, whose copies are used again.
        n_folds: How many folds.
        family: The family of the models.
        settings: The recipe's settings; `valid_size` of the rows to learn from choose the epoch.
        seed: Of split, training and intervals.
        device: ``auto``, ``cpu``, ``cuda`` or ``cuda:N``.
        vectors: The word vectors that each model begins with; None to draw them.
        progress: Where progress is shown.
        threads: In how many threads to compute, as for `wordgate.training.families.fit`.
        teaching: How each fold's model is taught, by a teacher of its own; None if it is not.

    Returns:
        What the folds came to, and each row's log-probabilities by the model that had not seen it,
        float64 [rows, classes].

    Raises:
        DataError: There are fewer groups than folds, or a fold has all groups of a label.
    """
    labels = splits.labels
    log_proba = np.zeros((len(table), len(labels)))
    folds = []
    rounds = make_folds(table, splits, n_folds, settings, seed)
    for number, each in enumerate(rounds, start=1):
        progress.say(f"fold {number} of {n_folds}: {len(each.rows):,} test rows")
        fitted, _ = fit_model(
            family,
            each.train,
            each.valid,
            each.test,
            labels,
            settings,
            teaching,
            seed=seed,
            device=device,
            progress=progress,
            vocabulary_of=splits.vocabulary_of,
            vectors=vectors,
            threads=threads,
        )
        log_proba[each.rows] = fitted.log_proba(each.test.texts)
        scores = Evaluator(each.test, labels, seed).scores(log_proba[each.rows])
        folds.append(
            FoldScores(
                n_train=len(each.train.texts) + len(each.valid.texts),
                n_test=len(each.rows),
                accuracy=scores.accuracy,
                macro_f1=scores.macro_f1,
            )
        )
    rows = all_rows(table, labels, splits.copies)
    everything = Evaluator(rows, labels, seed).scores(log_proba)
    validation = CrossValidation(
        accuracy=everything.accuracy, interval=everything.intervals.accuracy, folds=folds
    )
    return validation, log_proba
