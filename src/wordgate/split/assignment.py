"""Assignment of whole groups to a part, so that its size and its labels come out as asked."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from wordgate.errors import DataError


@dataclass(frozen=True)
class GroupTable:
    """The groups of a data set, and the labels of their rows.

    Legend: R rows, G groups, P distinct pairs of a group and a label of one of its rows.

    Attributes:
        group_of_row: int64 [R].
        label_of_row: int64 [R]; a smaller number is a label that sorts earlier.
        rank: uint64 [G]; groups of lower rank are set aside first.
        size: int64 [G], rows of each group.
        stratum: int64 [G], the commonest label of a group, the smallest of those that tie.
        pair_group: int64 [P].
        pair_label: int64 [P].
    """

    group_of_row: NDArray[np.int64]
    label_of_row: NDArray[np.int64]
    rank: NDArray[np.uint64]
    size: NDArray[np.int64]
    stratum: NDArray[np.int64]
    pair_group: NDArray[np.int64]
    pair_label: NDArray[np.int64]

    @classmethod
    def of(
        cls,
        group_of_row: NDArray[np.int64],
        label_of_row: NDArray[np.int64],
        rank: NDArray[np.uint64],
    ) -> "GroupTable":
        """Count the rows and labels of each group.

        Args:
            group_of_row: int64 [R], numbers below G.
            label_of_row: int64 [R].
            rank: uint64 [G].
        """
        n_groups = len(rank)
        n_labels = int(label_of_row.max(initial=0)) + 1
        pairs, counts = np.unique(group_of_row * n_labels + label_of_row, return_counts=True)
        pair_group, pair_label = pairs // n_labels, pairs % n_labels
        # Written from the weakest claim to the strongest, so that the strongest stays.
        weakest_first = np.lexsort((-pair_label, counts))
        stratum = np.full(n_groups, -1, dtype=np.int64)
        stratum[pair_group[weakest_first]] = pair_label[weakest_first]
        size = np.bincount(group_of_row, minlength=n_groups).astype(np.int64)
        return cls(group_of_row, label_of_row, rank, size, stratum, pair_group, pair_label)

    def without(self, taken: NDArray[np.bool_], rank: NDArray[np.uint64]) -> "GroupTable":
        """Drop the rows of some groups, and rank the others anew."""
        left = ~taken[self.group_of_row]
        return GroupTable.of(self.group_of_row[left], self.label_of_row[left], rank)

    def reserved_for_train(self) -> NDArray[np.bool_]:
        """Mark the largest group of each label, bool [G]: no label is to vanish from train."""
        order = np.lexsort((self.rank[self.pair_group], self.size[self.pair_group]))
        largest: NDArray[np.int64] = np.full(int(self.pair_label.max(initial=0)) + 1, -1)
        largest[self.pair_label[order]] = self.pair_group[order]
        kept = np.zeros(len(self.rank), dtype=np.bool_)
        kept[largest[largest >= 0]] = True
        return kept


def assign_groups(
    table: GroupTable, share: float, *, every_label: bool, stratify: bool = True
) -> NDArray[np.bool_]:
    """Choose groups that together hold a share of the rows, and of each label's rows.

    Small labels go first and what they take too much or too little is made up for by the next,
    within an average group's size, so that the sum comes out as asked too. Within a label, groups
    are taken by rank; one that would overshoot by more than it fills is passed over, so a giant
    stays in train.

    Args:
        table: The groups.
        share: The share of the rows wanted, between 0 and 1.
        every_label: Whether a label with two groups or more gets one at least.
        stratify: Whether each label has a quota of its own.

    Returns:
        Which groups are taken, bool [G]: none only where every group is the last of a label.
    """
    taken = np.zeros(len(table.rank), dtype=np.bool_)
    one_group = float(table.size.sum()) / max(1, int((table.size > 0).sum()))
    carried, labels_taken = 0.0, 0
    free = ~table.reserved_for_train() & (table.size > 0)
    for rows, choice in _strata(table, free, stratify=stratify):
        quota = share * rows + carried
        chosen = choice[_up_to(quota, table.size[choice])]
        if not len(chosen) and len(choice) and every_label:
            smallest = choice[np.argmin(table.size[choice])]
            size = table.size[smallest]
            if labels_taken < 2 or size <= min(quota + one_group, share * table.size.sum()):
                chosen = np.array([smallest])
        taken[chosen] = True
        labels_taken += int(len(chosen) > 0)
        carried = float(np.clip(quota - table.size[chosen].sum(), -one_group, one_group))
    if not taken.any() and free.any():
        taken[np.flatnonzero(free)[np.lexsort((table.rank[free], table.size[free]))[0]]] = True
    return taken


def _strata(
    table: GroupTable, free: NDArray[np.bool_], *, stratify: bool
) -> list[tuple[int, NDArray[np.int64]]]:
    """List each stratum's rows and its free groups by rank, the smallest stratum first."""
    stratum = table.stratum if stratify else np.zeros_like(table.stratum)
    there = np.flatnonzero(table.size > 0)
    there = there[np.lexsort((table.rank[there], stratum[there]))]
    starts = np.flatnonzero(np.diff(stratum[there], prepend=-1))
    members = np.split(there, starts[1:])
    strata = [(int(table.size[groups].sum()), groups[free[groups]]) for groups in members]
    return sorted(strata, key=lambda stratum: stratum[0])


def _up_to(quota: float, sizes: NDArray[np.int64]) -> list[int]:
    """Take sizes in order while each brings the sum nearer to the quota; their positions."""
    chosen: list[int] = []
    left, smallest = quota, int(sizes.min(initial=1))
    for position, size in enumerate(sizes.tolist()):
        if 2 * left < smallest:
            break
        if size <= 2 * left:
            chosen.append(position)
            left -= size
    return chosen


def check_lengths(n_rows: int, **columns: Sequence[str] | None) -> None:
    """Refuse columns of another length than the texts.

    Raises:
        DataError: With the name of the first.
    """
    for name, column in columns.items():
        if column is not None and len(column) != n_rows:
            raise DataError(f"there are {n_rows} texts but {len(column)} {name}")
