"""Grouped k-fold cross-validation, stratified by label, with near duplicates kept together."""

import heapq
from collections import Counter
from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from wordgate.arguments import whole_number
from wordgate.dedup.keys import Factorized, group_keys, hash_strings
from wordgate.dedup.near_duplicates import find_near_duplicates
from wordgate.errors import DataError
from wordgate.settings import checked_seed
from wordgate.split.assignment import GroupTable, check_lengths
from wordgate.split.multilabel import MultilabelGroups
from wordgate.split.row_labels import Labels, RowLabels, label_keys
from wordgate.tables.values import checked_column, checked_groups, checked_texts


class GroupedSplit:
    """A scikit-learn splitter: k folds of whole groups, stratified by label.

    Use it as the argument ``cv`` of scikit-learn, such as ``cross_val_score(model, texts, labels,
    cv=GroupedSplit(5), groups=ids)``. The folds do not depend on the order of the rows.

    Args:
        n_splits: Number of folds, at least 2.
        random_state: Random seed, a number: the folds are always the same.
        merge_duplicates: Whether to merge groups with near duplicates of each other first. Without
            groups, this keeps near duplicates together. Exact duplicates are always kept together.

    Raises:
        SettingsError: `n_splits` is not a whole number of at least 2, or `random_state` is not a
            valid seed.
    """

    def __init__(self, n_splits: int = 5, *, random_state: int = 0, merge_duplicates: bool = True):
        self.n_splits = whole_number(n_splits, "n_splits", "a whole number of at least 2", 2)
        self.random_state = checked_seed(random_state, "random_state")
        self.merge_duplicates = merge_duplicates

    def __repr__(self) -> str:
        return (
            f"GroupedSplit(n_splits={self.n_splits}, random_state={self.random_state},"
            f" merge_duplicates={self.merge_duplicates})"
        )

    def get_n_splits(self, X: Any = None, y: Any = None, groups: Any = None) -> int:  # noqa: ARG002, N803
        """Return the number of folds."""
        return self.n_splits

    def split(
        self,
        X: Any,  # noqa: N803
        y: Any = None,
        groups: Any = None,
    ) -> Iterator[tuple[NDArray[np.int64], NDArray[np.int64]]]:
        """Split the rows into folds.

        Args:
            X: The texts: a list, an array, a Series, or a frame, data set or mapping with one
                column.
            y: The labels, in any of these forms; None for no stratification. If a text
                can have several: an array with a column of 0 and 1 for each label, or a list of
                labels for each text.
            groups: The groups, of any type, in any of these forms; None if only duplicates form
                groups. A row whose group is missing or blank is a group of its own, together with
                its exact duplicates.

        Yields:
            The positions of the training rows and of the test rows, int64 [train] and int64
            [test]. Each row is a test row once.

        Raises:
            DataError: `X` does not contain texts, the columns differ in length, or there are fewer
                groups than folds.
        """
        texts = checked_texts(X, may_be_empty=True)
        labels = [""] * len(texts) if y is None else _checked_labels(y)
        names = checked_groups(groups, len(texts))
        check_lengths(len(texts), labels=label_keys(labels))
        keys = group_keys(texts, names)
        if self.merge_duplicates:
            keys = find_near_duplicates(texts, names).joined.groups
        fold = grouped_folds(keys, labels, self.n_splits, seed=self.random_state)
        for number in range(self.n_splits):
            yield np.flatnonzero(fold != number), np.flatnonzero(fold == number)


def _checked_labels(y: Any) -> Labels:
    """Convert labels: a column of labels or lists of labels, or columns of 0 and 1."""
    matrix = np.asarray(y.toarray() if hasattr(y, "toarray") else y) if _is_wide(y) else None
    if matrix is not None and matrix.dtype.kind in "biuf":
        return [tuple(map(str, np.flatnonzero(row))) for row in matrix]
    listed = checked_column(y, "labels")
    if listed and all(isinstance(one, list | tuple | set | frozenset) for one in listed):
        return [tuple(sorted(set(map(str, one)))) for one in listed]
    return list(map(str, listed))


def _is_wide(y: Any) -> bool:
    shape: tuple[int, ...] = getattr(y, "shape", ())
    return len(shape) == 2 and shape[1] > 1


def grouped_folds(
    groups: Sequence[str], labels: Labels, n_folds: int, *, seed: int
) -> NDArray[np.int64]:
    """Assign whole groups to folds of about equal size, stratified by label.

    Groups are assigned by their most frequent label, large groups first, each to the fold with the
    fewest rows of such groups; ties are broken by a hash, so that the order of the rows has no
    effect. Rows with several labels are stratified as in `multilabel`.

    Returns:
        The fold of each row, int64 [rows].

    Raises:
        DataError: There are fewer groups than folds.
    """
    group, label = Factorized.of(groups), RowLabels.of(labels)
    if len(group.names) < n_folds:
        raise DataError(
            f"{len(group.names)} groups cannot be assigned to {n_folds} folds: ask for fewer"
        )
    rank = hash_strings(group.names, key=f"fold {seed}")
    if label.several:
        several = MultilabelGroups.of(group.codes, label, rank)
        return several.assign([1 / n_folds] * n_folds)[group.codes]
    return _assign_groups(GroupTable.of(group.codes, label.label, rank), n_folds)[group.codes]


def _assign_groups(table: GroupTable, n_folds: int) -> NDArray[np.int64]:
    """Assign each group to a fold, int64 [groups]; see `grouped_folds`."""
    order = np.lexsort((table.rank, -table.size, table.stratum))
    fold_of_group = np.zeros(len(table.rank), dtype=np.int64)
    total = [0] * n_folds
    stratum, heap = -1, [(0, 0, 0)]
    for place in order.tolist():
        if table.stratum[place] != stratum:
            stratum = table.stratum[place]
            # Each label starts with the fold that is the smallest so far.
            heap = [(0, total[fold], fold) for fold in range(n_folds)]
            heapq.heapify(heap)
        n_rows, _, fold = heapq.heappop(heap)
        fold_of_group[place] = fold
        size = int(table.size[place])
        total[fold] += size
        heapq.heappush(heap, (n_rows + size, total[fold], fold))
    return fold_of_group


def random_folds(
    texts: Sequence[str], labels: Labels, n_folds: int, *, seed: int, stratify: bool = True
) -> NDArray[np.int64]:
    """Assign single rows to folds of about equal size, regardless of duplicates.

    Rows are ranked by text and label, so that their order has no effect.

    Returns:
        The fold of each row, int64 [rows].

    Raises:
        DataError: There are fewer rows than folds.
    """
    counts: Counter[tuple[str, str]] = Counter()
    names = []
    for row in zip(texts, label_keys(labels), strict=True):
        names.append(f"{counts[row]} {row[1]} {row[0]}")  # equal rows have different numbers
        counts[row] += 1
    return grouped_folds(names, labels if stratify else [""] * len(names), n_folds, seed=seed)
