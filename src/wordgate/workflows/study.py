"""A table cut into the three parts that fitting and judging take."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from wordgate.data import Table
from wordgate.dedup.near_duplicates import NearDuplicates, find_near_duplicates
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
        copies: Which rows copy which. The groups of the three parts are its joined groups.
        train: What everything is fitted on.
        valid: What chooses the best epoch.
        test: What only the finished model sees.
        vocabulary_of: All rows, if the settings fit the vocabulary on them; else None.
    """

    labels: tuple[str, ...]
    split: Split
    copies: NearDuplicates
    train: Examples
    valid: Examples
    test: Examples
    vocabulary_of: Examples | None


def make_study(
    table: Table, settings: Settings, seed: int, copies: NearDuplicates | None = None
) -> Study:
    """Cut a table as the settings say, or as the table itself names the parts.

    Copies are sought in the bodies alone, so that a topic in front makes no two texts alike and
    hides no copy. (In the Kaggle tweets joined to their entities, with ids hidden, 1,945 rows would
    stand apart from the same tweet, and 520 groups instead of 370 would mix ids.)

    Groups that copy each other are joined before, so that copies are never parted by a grouped
    split, are counted as a leak by another, and stand together where an interval resamples groups.

    Args:
        table: The rows.
        settings: How to cut.
        seed: Decides who is where.
        copies: Which rows copy which, if that is known already.

    Raises:
        DataError: The rows can't be cut, or a label of validation or test is unknown to train.
    """
    labels = tuple(sorted(set(table.labels or ())))
    copies = copies or find_near_duplicates(table.bodies, table.groups)
    split = _split(table, copies, settings, seed)
    everything = all_examples(table, labels, copies)
    train, valid, test = map(everything.part, (split.train, split.valid, split.test))
    _check_labels(labels, train)
    vocabulary_of = everything if settings.vocabulary_from == "all" else None
    return Study(labels, split, copies, train, valid, test, vocabulary_of)


def all_examples(table: Table, labels: Sequence[str], copies: NearDuplicates) -> Examples:
    """Number the labels of all rows; the groups have copies joined to them."""
    numbers = {label: number for number, label in enumerate(labels)}
    targets = np.array([numbers[label] for label in table.labels or ()], np.int64)
    return Examples(table.texts, targets, copies.joined.groups)


def hold_out(
    examples: Examples, labels: Sequence[str], share: float, seed: int, kind: str = "grouped"
) -> tuple[Examples, Examples]:
    """Cut a share of the examples off, as a split cuts off test.

    Args:
        examples: The examples.
        labels: The labels by their numbers.
        share: The share to cut off.
        seed: Decides who is cut off.
        kind: ``grouped`` for whole groups, ``random`` for single rows.

    Returns:
        What is left, and what was cut off.
    """
    names = [labels[target] for target in examples.targets.tolist()]
    deal = random_split if kind == "random" else grouped_split
    split = deal(
        examples.texts, names, examples.groups, test_size=share, valid_size=share, seed=seed
    )
    left = np.sort(np.concatenate([split.train, split.valid]))
    return examples.part(left), examples.part(split.test)


def _split(table: Table, copies: NearDuplicates, settings: Settings, seed: int) -> Split:
    rows = (table.texts, table.labels or [], copies.joined.groups)
    test_size, valid_size = settings.test_size, settings.valid_size
    if table.parts is not None:
        return given_split(
            *rows, table.parts, test_size=test_size, valid_size=valid_size, seed=seed
        )
    if settings.split == "random":
        return random_split(
            *rows,
            test_size=test_size,
            valid_size=valid_size,
            seed=seed,
            stratify=settings.stratify,
        )
    split = grouped_split(*rows, test_size=test_size, valid_size=valid_size, seed=seed)
    return replace(split, reason=f"{split.reason} {copies.sentence()}")


def _check_labels(labels: tuple[str, ...], train: Examples) -> None:
    learned = set(train.targets.tolist())
    missing = [label for number, label in enumerate(labels) if number not in learned]
    if missing:
        raise DataError(
            f"no training row has the label '{missing[0]}', which stands in validation or test;"
            f" give it training rows, or leave it out with --drop-label '{missing[0]}'"
        )
