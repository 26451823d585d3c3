"""Splits of rows into train, validation and test: grouped, random or given."""

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from wordgate.dedup.keys import Factorized, group_keys, hash_strings, remix
from wordgate.errors import DataError, SettingsError
from wordgate.runtime.display import counted
from wordgate.split import leakage
from wordgate.split.assignment import GroupTable, check_lengths
from wordgate.split.leakage import SplitLeakage, SplitParts
from wordgate.split.multilabel import MultilabelGroups
from wordgate.split.row_labels import Labels, RowLabels, label_keys

Kind = Literal["grouped", "random", "given"]


@dataclass(frozen=True, kw_only=True)
class Split(SplitParts):
    """The rows of train, validation and test, and the leakage between them.

    Attributes:
        kind: How the rows were assigned.
        seed: The seed of the assignment.
        train: int64 [n_train], row positions, sorted; the three parts are disjoint.
        valid: int64 [n_valid].
        test: int64 [n_test].
        reason: A description of the split, with leakage and sizes.
        warnings: What is unreliable, one or two sentences each.
        n_test_groups: Groups with a row in test.
        leaked_by_group: Test rows whose group is also in train.
    """

    kind: Kind
    seed: int
    reason: str
    warnings: tuple[str, ...]
    n_test_groups: int
    leaked_by_group: int

    def summary(self) -> str:
        """Return kind and sizes in one line."""
        kind = "Given parts" if self.kind == "given" else f"{self.kind.capitalize()} split"
        return (
            f"{kind}: {len(self.train):,} train, {len(self.valid):,} validation and"
            f" {counted(len(self.test), 'test row')}"
        )


def grouped_split(
    texts: Sequence[str],
    labels: Labels,
    groups: Sequence[str] | None,
    *,
    test_size: float = 0.2,
    valid_size: float = 0.1,
    seed: int = 0,
) -> Split:
    """Assign whole groups, stratified by label as far as groups allow.

    The order of the rows has no effect: groups are ranked by a hash of their names and the seed.

    Args:
        texts: The text of each row.
        labels: The label of each row, or a tuple of labels, which may be empty.
        groups: The group of each row (an empty string: none), or None. Rows without a group are in
            a group with their exact duplicates.
        test_size: The share of the rows for test.
        valid_size: The share of the rest for validation.
        seed: The random seed.

    Returns:
        The split; of kind ``random``, with the reason, if there are too few groups to test on.

    Raises:
        SettingsError: A size is not between 0 and 1.
        DataError: The columns differ in length, or no label has two rows.
    """
    rows = _Rows.of(texts, labels, groups, test_size=test_size, valid_size=valid_size)
    rank = hash_strings(rows.group_names, key=f"group {seed}")
    parts = _assign(_table(rows.group, rows.labels, rank), test_size, valid_size)
    labels_in_test = int((rows.labels.counts(parts.test) > 0).sum())
    if labels_in_test < min(2, int((rows.labels.counts() >= 2).sum())):
        warning = leakage.explain_fallback(rows.labels, rows.group)
        parts = _assign_rows(rows, test_size, valid_size, seed, stratify=True)
        return rows.split("random", seed, parts, warnings=(warning,))
    return rows.split("grouped", seed, parts)


def random_split(
    texts: Sequence[str],
    labels: Labels,
    groups: Sequence[str] | None,
    *,
    test_size: float = 0.2,
    valid_size: float = 0.1,
    seed: int = 0,
    stratify: bool = True,
) -> Split:
    """Assign single rows, regardless of their groups, and count the leakage.

    The order of the rows has no effect: they are ranked by a hash of text, label and seed.
    Parameters and errors are those of `grouped_split`; `stratify` is whether to stratify by label.
    """
    rows = _Rows.of(texts, labels, groups, test_size=test_size, valid_size=valid_size)
    parts = _assign_rows(rows, test_size, valid_size, seed, stratify=stratify)
    return rows.split("random", seed, parts)


def given_split(
    texts: Sequence[str],
    labels: Labels,
    groups: Sequence[str] | None,
    parts: Sequence[str],
    *,
    test_size: float = 0.2,
    valid_size: float = 0.1,
    seed: int = 0,
) -> Split:
    """Use the parts in the data; split missing ones off train, in whole groups.

    Parameters and errors are those of `grouped_split`. The part of a row is ``"train"``,
    ``"valid"`` or ``"test"``; a `DataError` is raised if no row is in train.
    """
    rows = _Rows.of(texts, labels, groups, test_size=test_size, valid_size=valid_size)
    check_lengths(len(texts), parts=parts)
    if "train" not in parts:
        raise DataError("the training set is empty: no row is assigned to 'train'")
    named = np.array(parts)
    train, valid, test = (np.flatnonzero(named == part) for part in ("train", "valid", "test"))
    cut: list[str] = []
    rank = hash_strings(rows.group_names, key=f"group {seed}")
    if not len(test):
        cut.append("test")
        train, test = _cut(rows, train, rank, test_size, every_label=True)
    if not len(valid):
        cut.append("valid")
        train, valid = _cut(rows, train, remix(rank), valid_size, every_label=False)
    return rows.split("given", seed, SplitParts(train, valid, test), cut=tuple(cut))


@dataclass(frozen=True)
class _Rows:
    """The columns of the rows, with groups as integer codes, int64 [rows], of `group_names`."""

    texts: Sequence[str]
    keys: Sequence[str]
    labels: RowLabels
    group: NDArray[np.int64]
    group_names: list[str]
    own_groups: bool

    @classmethod
    def of(
        cls,
        texts: Sequence[str],
        labels: Labels,
        groups: Sequence[str] | None,
        *,
        test_size: float,
        valid_size: float,
    ) -> "_Rows":
        for name, share in (("test_size", test_size), ("valid_size", valid_size)):
            if not 0 < share < 1:
                raise SettingsError(
                    f"{name} is {share}; it must be a fraction between 0 and 1, such as 0.2"
                )
        keys = label_keys(labels)
        check_lengths(len(texts), labels=keys, groups=groups)
        row_labels = RowLabels.of(labels)
        if row_labels.counts().max(initial=0) < 2:
            n_labels = counted(len(row_labels.names), "label")
            raise DataError(
                f"{counted(len(texts), 'row')} with {n_labels} cannot be"
                " split: a label has a single row; each needs one for training and one for testing"
            )
        group = Factorized.of(group_keys(texts, groups))
        return cls(texts, keys, row_labels, group.codes, group.names, groups is not None)

    def split(
        self,
        kind: Kind,
        seed: int,
        parts: SplitParts,
        *,
        warnings: tuple[str, ...] = (),
        cut: tuple[str, ...] = (),
    ) -> Split:
        leaked = SplitLeakage.between(parts, self.group, own_groups=self.own_groups)
        return Split(
            kind=kind,
            seed=seed,
            **vars(parts),
            reason=leakage.explain_split(kind, parts, leaked, cut),
            warnings=(
                *warnings,
                *leakage.leakage_warnings(leaked, parts, kind),
                *leakage.scarcity_warnings(parts, self.labels, leaked, given=kind == "given"),
            ),
            n_test_groups=leaked.test_groups,
            leaked_by_group=leaked.test_rows_in_train,
        )


def _table(
    group: NDArray[np.int64], labels: RowLabels, rank: NDArray[np.uint64]
) -> GroupTable | MultilabelGroups:
    """Count the labels of groups, with one label per row or several."""
    if labels.several:
        return MultilabelGroups.of(group, labels, rank)
    return GroupTable.of(group, labels.label, rank)


def _assign(
    table: GroupTable | MultilabelGroups, test_size: float, valid_size: float
) -> SplitParts:
    """Choose the test groups, then the validation groups from the rest by an unrelated ranking."""
    in_test = table.take(test_size, every_label=True)
    in_valid = table.without(in_test, remix(table.rank)).take(valid_size, every_label=False)
    test, valid = in_test[table.group_of_row], in_valid[table.group_of_row]
    return SplitParts(np.flatnonzero(~test & ~valid), np.flatnonzero(valid), np.flatnonzero(test))


def _assign_rows(
    rows: _Rows, test_size: float, valid_size: float, seed: int, *, stratify: bool
) -> SplitParts:
    """Assign single rows, ranked by a hash of text, label and the number of equal rows before."""
    counts: Counter[tuple[str, str]] = Counter()

    def names() -> Iterator[str]:
        for text, label in zip(rows.texts, rows.keys, strict=True):
            counts[text, label] += 1
            yield f"{counts[text, label]}\0{label}\0{text}"

    rank = hash_strings(names(), key=f"row {seed}")
    group = np.arange(len(rank))
    if stratify:
        return _assign(_table(group, rows.labels, rank), test_size, valid_size)
    labels = np.zeros_like(group) if rows.labels.several else rows.labels.label
    table = GroupTable.of(group, labels, rank, stratified=False)
    return _assign(table, test_size, valid_size)


def _cut(
    rows: _Rows,
    train: NDArray[np.int64],
    rank: NDArray[np.uint64],
    share: float,
    *,
    every_label: bool,
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Split whole groups off the train rows; return the remaining rows and the others."""
    table = _table(rows.group[train], rows.labels.part(train), rank)
    taken = table.take(share, every_label=every_label)[table.group_of_row]
    return train[~taken], train[taken]
