"""A table cut into the three parts that fitting and judging take."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from wordgate.data import Table
from wordgate.errors import DataError
from wordgate.settings import Settings
from wordgate.split.splits import Split, given_split, grouped_split, random_split
from wordgate.training.fitting import Examples


@dataclass(frozen=True)
class Study:
    """The labels, and who learns, who chooses and who judges.

    Attributes:
        labels: The labels by their numbers, sorted.
        split: How the rows were cut.
        train: What everything is fitted on.
        valid: What chooses the best epoch.
        test: What only the finished model sees.
    """

    labels: tuple[str, ...]
    split: Split
    train: Examples
    valid: Examples
    test: Examples


def make_study(table: Table, settings: Settings, seed: int) -> Study:
    """Cut a table as the settings say, or as the table itself names the parts.

    Raises:
        DataError: The rows can't be cut, or a label of test is unknown to train.
    """
    labels = tuple(sorted(set(table.labels or ())))
    split = _split(table, settings, seed)
    train, valid, test = (
        _examples(table, labels, rows) for rows in (split.train, split.valid, split.test)
    )
    _check_labels(labels, train)
    return Study(labels, split, train, valid, test)


def _split(table: Table, settings: Settings, seed: int) -> Split:
    rows = (table.texts, table.labels or [], table.groups)
    test_size, valid_size = settings.test_size, settings.valid_size
    if table.parts is not None:
        return given_split(
            *rows, table.parts, test_size=test_size, valid_size=valid_size, seed=seed
        )
    cut = random_split if settings.split == "random" else grouped_split
    return cut(*rows, test_size=test_size, valid_size=valid_size, seed=seed)


def _examples(table: Table, labels: tuple[str, ...], rows: NDArray[np.int64]) -> Examples:
    numbers = {label: number for number, label in enumerate(labels)}
    groups = table.groups
    return Examples(
        texts=[table.texts[row] for row in rows],
        targets=np.array([numbers[(table.labels or [])[row]] for row in rows], np.int64),
        groups=None if groups is None else [groups[row] for row in rows],
    )


def _check_labels(labels: tuple[str, ...], train: Examples) -> None:
    learned = set(train.targets.tolist())
    missing = [label for number, label in enumerate(labels) if number not in learned]
    if missing:
        raise DataError(
            f"no training row has the label '{missing[0]}', which stands in validation or test;"
            f" give it training rows, or leave it out with --drop-label '{missing[0]}'"
        )
