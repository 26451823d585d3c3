"""Grouped cross-validation: what a recipe is worth on all rows, beside the model that is kept."""

import math
from dataclasses import asdict

import numpy as np

from wordgate.bundle.metrics import CrossValidation, Fold, Interval
from wordgate.data import Table
from wordgate.errors import DataError, SettingsError
from wordgate.progress import Progress
from wordgate.settings import Settings
from wordgate.split.folds import grouped_folds
from wordgate.training.families import fit
from wordgate.training.fitting import Examples
from wordgate.vectors.pretrained import Pretrained
from wordgate.workflows.judging import Exam
from wordgate.workflows.study import Study, hold_out


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
    if n_folds is None:
        return
    if n_folds < 2:
        raise SettingsError(f"folds is {n_folds}; it must be 2 or more")
    if parts_given:
        raise SettingsError(
            "--folds deals all rows anew; leave out --valid, --test and --split-column"
        )
    if settings.split == "random":
        raise SettingsError("--folds keeps groups and copies together; leave out --split random")
    if max_minutes is not None:
        raise SettingsError("--folds trains a model a fold; leave out --max-minutes")


def cross_validate(
    table: Table,
    study: Study,
    n_folds: int,
    *,
    family: str,
    settings: Settings,
    seed: int,
    device: str,
    vectors: Pretrained | None,
    progress: Progress,
) -> CrossValidation:
    """Deal all rows to folds of whole groups; fit a model without each fold and judge it there.

    Args:
        table: The rows.
        study: The ordinary split of them, whose copies are used again.
        n_folds: How many folds.
        family: The family of the models.
        settings: The recipe's settings; `valid_size` of the rows to learn from choose the epoch.
        seed: Decides all that chance decides.
        device: ``auto``, ``cpu``, ``cuda`` or ``cuda:N``.
        vectors: The word vectors that each model begins with; None to draw them.
        progress: Where the way is told.

    Raises:
        DataError: There are fewer groups than folds, or a fold has all groups of a label.
    """
    labels, groups = study.labels, study.copies.joined.groups
    numbers = {label: number for number, label in enumerate(labels)}
    targets = np.array([numbers[label] for label in table.labels or ()], np.int64)
    rows = Examples(table.texts, targets, groups)
    fold_of_row = grouped_folds(groups, table.labels or [], n_folds, seed=seed)
    _check_labels(fold_of_row, targets, labels)
    log_proba = np.zeros((len(table), len(labels)))
    folds = []
    for number in range(n_folds):
        test = np.flatnonzero(fold_of_row == number)
        rest = rows.part(np.flatnonzero(fold_of_row != number))
        progress.say(f"fold {number + 1} of {n_folds}: {len(test):,} rows judge")
        train, valid = hold_out(rest, labels, settings.valid_size, seed)
        fitted = fit(
            family,
            train,
            valid,
            len(labels),
            settings,
            seed=seed,
            device=device,
            progress=progress,
            deadline=math.inf,
            vocabulary_of=study.vocabulary_of,
            vectors=vectors,
        )
        examined = rows.part(test)
        log_proba[test] = fitted.model.log_proba(examined.texts)
        scores = Exam(examined, labels, seed).scores(log_proba[test])
        folds.append(
            Fold(
                n_train=len(rest.texts),
                n_test=len(test),
                accuracy=scores.accuracy,
                macro_f1=scores.macro.f1,
            )
        )
    everything = Exam(rows, labels, seed).scores(log_proba)
    interval = Interval(**asdict(everything.intervals["accuracy"]))
    return CrossValidation(accuracy=everything.accuracy, interval=interval, folds=folds)


def _check_labels(fold: np.ndarray, targets: np.ndarray, labels: tuple[str, ...]) -> None:
    """Refuse folds of which one holds all rows of a label: the rest can't learn it."""
    for number, label in enumerate(labels):
        if len(np.unique(fold[targets == number])) == 1:
            raise DataError(
                f"all rows of label '{label}' stand in one fold, so the model judged there can't"
                f" learn it; give it more groups, or leave it out with --drop-label '{label}'"
            )
