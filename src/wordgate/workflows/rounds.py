"""The rounds of a judgement: one for an ordinary split, one a fold in a cross-validation."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from wordgate.data import Table
from wordgate.errors import DataError
from wordgate.settings import Settings
from wordgate.split.folds import grouped_folds, random_folds
from wordgate.training.fitting import Examples
from wordgate.workflows.study import Study, all_examples, hold_out


@dataclass(frozen=True)
class Round:
    """Who learns, who chooses and who judges, once.

    Attributes:
        train: What everything is fitted on.
        valid: What chooses among fits, and calibrates.
        test: What only the finished model sees.
        rows: int64 [n_test], where the test rows stand in the table.
    """

    train: Examples
    valid: Examples
    test: Examples
    rows: NDArray[np.int64]


def make_rounds(
    table: Table, study: Study, n_folds: int | None, settings: Settings, seed: int
) -> list[Round]:
    """Give the one round of an ordinary split, or deal all rows to folds.

    Args:
        table: The rows.
        study: The ordinary split of them, whose copies are used again.
        n_folds: How many folds; None for the ordinary split.
        settings: How to deal: whole groups or single rows, and how many of the rows to learn from
            are for validation.
        seed: Decides who is where.

    Returns:
        The rounds; with folds each row is judged in one of them.

    Raises:
        DataError: There are fewer groups than folds, or a fold has all groups of a label.
    """
    if n_folds is None:
        return [Round(study.train, study.valid, study.test, study.split.test)]
    rows = all_examples(table, study.labels, study.copies)
    labels = table.labels or []
    if settings.split == "random":
        fold_of_row = random_folds(table.texts, labels, n_folds, seed=seed)
    else:
        fold_of_row = grouped_folds(study.copies.joined.groups, labels, n_folds, seed=seed)
    _check_labels(fold_of_row, rows.targets, study.labels)
    rounds = []
    for number in range(n_folds):
        test = np.flatnonzero(fold_of_row == number)
        rest = rows.part(np.flatnonzero(fold_of_row != number))
        train, valid = hold_out(rest, study.labels, settings.valid_size, seed, settings.split)
        rounds.append(Round(train, valid, rows.part(test), test))
    return rounds


def _check_labels(
    fold: NDArray[np.int64], targets: NDArray[np.int64], labels: tuple[str, ...]
) -> None:
    """Refuse folds of which one holds all rows of a label: the rest can't learn it."""
    for number, label in enumerate(labels):
        if len(np.unique(fold[targets == number])) == 1:
            raise DataError(
                f"all rows of label '{label}' stand in one fold, so the model judged there can't"
                f" learn it; give it more groups, or leave it out with --drop-label '{label}'"
            )
