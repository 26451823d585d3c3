"""Assignment of whole groups to a part of a given size, stratified by label."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from wordgate.errors import DataError
from wordgate.runtime.display import unequal


@dataclass(frozen=True)
class GroupTable:
    """The groups of a data set, and the labels of their rows.

    Legend: R rows, G groups, P distinct pairs of a group and a label of one of its rows.

    Attributes:
        group_of_row: int64 [R].
        label_of_row: int64 [R].
        rank: uint64 [G]; groups of lower rank are assigned first.
        size: int64 [G], rows of each group.
        stratum: int64 [G], the most frequent label of each group, the smallest one of a tie.
        pair_group: int64 [P], sorted.
        pair_label: int64 [P].
        stratified: Whether to stratify by label; otherwise all groups are in one stratum.
    """

    group_of_row: NDArray[np.int64]
    label_of_row: NDArray[np.int64]
    rank: NDArray[np.uint64]
    size: NDArray[np.int64]
    stratum: NDArray[np.int64]
    pair_group: NDArray[np.int64]
    pair_label: NDArray[np.int64]
    stratified: bool

    @classmethod
    def of(
        cls,
        group_of_row: NDArray[np.int64],
        label_of_row: NDArray[np.int64],
        rank: NDArray[np.uint64],
        *,
        stratified: bool = True,
    ) -> "GroupTable":
        """Count the rows and labels of each group."""
        n_groups = len(rank)
        n_labels = int(label_of_row.max(initial=0)) + 1
        pairs, counts = np.unique(group_of_row * n_labels + label_of_row, return_counts=True)
        pair_group, pair_label = pairs // n_labels, pairs % n_labels
        # Assigned in order of frequency, so that the most frequent label is the last.
        order = np.lexsort((-pair_label, counts))
        stratum = np.full(n_groups, -1, dtype=np.int64)
        stratum[pair_group[order]] = pair_label[order] if stratified else 0
        return cls(
            group_of_row=group_of_row,
            label_of_row=label_of_row,
            rank=rank,
            size=np.bincount(group_of_row, minlength=n_groups),
            stratum=stratum,
            pair_group=pair_group,
            pair_label=pair_label,
            stratified=stratified,
        )

    def without(self, taken: NDArray[np.bool_], rank: NDArray[np.uint64]) -> "GroupTable":
        """Return the table without the rows of some groups, bool [G], and with another rank."""
        rows = ~taken[self.group_of_row]
        groups, labels = self.group_of_row[rows], self.label_of_row[rows]
        return GroupTable.of(groups, labels, rank, stratified=self.stratified)

    def take(self, share: float, *, every_label: bool) -> NDArray[np.bool_]:
        """Choose groups with a share of all rows, and of the rows of each label.

        Labels are processed from the smallest; the difference from the share of one is added to
        that of the next, up to the mean group size, so that the total is right, too. Within a
        label, groups are chosen by rank; a group that would overshoot by more than it fills is
        skipped, so that very large groups stay in train, as does the largest group of each label.
        With `every_label`, at least one group of each label with two or more is chosen.

        Returns:
            The chosen groups, bool [G]; none only if every group is the largest of a label.
        """
        taken = np.zeros(len(self.rank), dtype=np.bool_)
        mean_size = float(self.size.sum()) / max(1, int((self.size > 0).sum()))
        carried, n_labels_taken = 0.0, 0
        free = self.size > 0
        free[largest_groups(self.pair_group, self.pair_label, self.size, self.rank)] = False
        for rows, choice in self._strata(free):
            quota = share * rows + carried
            chosen = choice[_up_to(quota, self.size[choice])]
            if not len(chosen) and len(choice) and every_label:
                smallest = choice[np.argmin(self.size[choice])]
                size = self.size[smallest]
                if n_labels_taken < 2 or size <= min(quota + mean_size, share * self.size.sum()):
                    chosen = np.array([smallest])
            taken[chosen] = True
            n_labels_taken += int(len(chosen) > 0)
            carried = float(np.clip(quota - self.size[chosen].sum(), -mean_size, mean_size))
        if not taken.any() and free.any():
            taken[np.flatnonzero(free)[np.lexsort((self.rank[free], self.size[free]))[0]]] = True
        return taken

    def _strata(self, free: NDArray[np.bool_]) -> list[tuple[int, NDArray[np.int64]]]:
        """Return the number of rows and the free groups, by rank, of each stratum, by size."""
        filled = np.flatnonzero(self.size > 0)
        filled = filled[np.lexsort((self.rank[filled], self.stratum[filled]))]
        starts = np.flatnonzero(np.diff(self.stratum[filled], prepend=-1))
        members = np.split(filled, starts[1:])
        strata = [(int(self.size[groups].sum()), groups[free[groups]]) for groups in members]
        return sorted(strata, key=lambda stratum: stratum[0])

    def sample(self, limit: int) -> NDArray[np.bool_]:
        """Sample groups with at most `limit` rows in total, bool [G], in proportion to the labels.

        First one group that fits is chosen for each label, the rarest label first; then groups of
        all labels in proportion. Within a label, groups are chosen by rank, and groups that do not
        fit are skipped.
        """
        chosen = np.zeros(len(self.rank), dtype=np.bool_)
        by_label = np.lexsort((self.rank[self.pair_group], self.pair_label))
        labels, groups = self.pair_label[by_label], self.pair_group[by_label]
        n_free, covered = limit, set[int]()
        for label in np.argsort(np.bincount(self.label_of_row), kind="stable").tolist():
            if label in covered:
                continue
            own = groups[slice(*np.searchsorted(labels, (label, label + 1)))]
            for group in own[self.size[own] <= n_free][:1].tolist():
                chosen[group] = True
                labels_of_group = slice(*np.searchsorted(self.pair_group, (group, group + 1)))
                covered.update(self.pair_label[labels_of_group].tolist())
                n_free -= int(self.size[group])
        for group in self._in_proportion():
            if not chosen[group] and self.size[group] <= n_free:
                chosen[group] = True
                n_free -= int(self.size[group])
        return chosen

    def _in_proportion(self) -> list[int]:
        """Order groups so that any beginning has all strata in proportion, each by rank."""
        by_stratum = np.lexsort((self.rank, self.stratum))
        stratum, size = self.stratum[by_stratum], self.size[by_stratum]
        stratum_size = np.bincount(stratum, weights=size)
        before = np.cumsum(size) - size
        first = before[np.searchsorted(stratum, stratum)]
        middle = (before - first + size / 2) / stratum_size[stratum]
        order: list[int] = by_stratum[np.lexsort((self.rank[by_stratum], middle))].tolist()
        return order


def largest_groups(
    group: NDArray[np.int64],
    label: NDArray[np.int64],
    size: NDArray[np.int64],
    rank: NDArray[np.uint64],
) -> NDArray[np.int64]:
    """Return the largest group of each label, which stays in train so that no label is lost.

    Shapes as in `GroupTable`: group and label int64 [P]; size int64 [G]; rank uint64 [G].
    """
    order = np.lexsort((rank[group], size[group]))
    largest: NDArray[np.int64] = np.full(int(label.max(initial=0)) + 1, -1)
    largest[label[order]] = group[order]
    return largest[largest >= 0]


def _up_to(quota: float, sizes: NDArray[np.int64]) -> list[int]:
    """Return the positions of sizes, in order, that bring their sum nearer to the quota."""
    chosen: list[int] = []
    missing, smallest = quota, int(sizes.min(initial=1))
    for position, size in enumerate(sizes.tolist()):
        if 2 * missing < smallest:
            break
        if size <= 2 * missing:
            chosen.append(position)
            missing -= size
    return chosen


def check_lengths(n_rows: int, **columns: Sequence[str] | None) -> None:
    """Refuse columns of another length than the texts.

    Raises:
        DataError: A column has another length; the message has its name.
    """
    for name, column in columns.items():
        if column is not None and len(column) != n_rows:
            raise DataError(unequal(n_rows, len(column), name.removesuffix("s")))
