"""Assignment of whole groups to a part, so that its size and its labels come out as asked."""

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
        label_of_row: int64 [R]; a smaller number is a label that sorts earlier.
        rank: uint64 [G]; groups of lower rank are set aside first.
        size: int64 [G], rows of each group.
        stratum: int64 [G], the commonest label of a group, the smallest of those that tie.
        pair_group: int64 [P], sorted.
        pair_label: int64 [P].
        stratified: Whether each label is to have its share; else all groups are of one stratum.
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
        """Count the rows and labels of each group, by numbers below G."""
        n_groups = len(rank)
        n_labels = int(label_of_row.max(initial=0)) + 1
        pairs, counts = np.unique(group_of_row * n_labels + label_of_row, return_counts=True)
        pair_group, pair_label = pairs // n_labels, pairs % n_labels
        # Written from the weakest claim to the strongest, so that the strongest stays.
        weakest_first = np.lexsort((-pair_label, counts))
        stratum = np.full(n_groups, -1, dtype=np.int64)
        stratum[pair_group[weakest_first]] = pair_label[weakest_first] if stratified else 0
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
        """Drop the rows of some groups, bool [G], and rank the others anew."""
        left = ~taken[self.group_of_row]
        groups, labels = self.group_of_row[left], self.label_of_row[left]
        return GroupTable.of(groups, labels, rank, stratified=self.stratified)

    def take(self, share: float, *, every_label: bool) -> NDArray[np.bool_]:
        """Choose groups that together hold a share of the rows, and of each label's rows.

        Small labels go first and what they take too much or too little is made up for by the next,
        within an average group's size, so that the sum comes out as asked too. Within a label,
        groups are taken by rank; one that would overshoot by more than it fills is passed over, so
        a giant stays in train, as does the largest group of each label. If every label is asked
        for, one with two groups or more gets one at least.

        Returns:
            Which groups are taken, bool [G]: none only where every group is the last of a label.
        """
        taken = np.zeros(len(self.rank), dtype=np.bool_)
        one_group = float(self.size.sum()) / max(1, int((self.size > 0).sum()))
        carried, labels_taken = 0.0, 0
        free = self.size > 0
        free[largest_groups(self.pair_group, self.pair_label, self.size, self.rank)] = False
        for rows, choice in self._strata(free):
            quota = share * rows + carried
            chosen = choice[_up_to(quota, self.size[choice])]
            if not len(chosen) and len(choice) and every_label:
                smallest = choice[np.argmin(self.size[choice])]
                size = self.size[smallest]
                if labels_taken < 2 or size <= min(quota + one_group, share * self.size.sum()):
                    chosen = np.array([smallest])
            taken[chosen] = True
            labels_taken += int(len(chosen) > 0)
            carried = float(np.clip(quota - self.size[chosen].sum(), -one_group, one_group))
        if not taken.any() and free.any():
            taken[np.flatnonzero(free)[np.lexsort((self.rank[free], self.size[free]))[0]]] = True
        return taken

    def _strata(self, free: NDArray[np.bool_]) -> list[tuple[int, NDArray[np.int64]]]:
        """List each stratum's rows and its free groups by rank, the smallest stratum first."""
        there = np.flatnonzero(self.size > 0)
        there = there[np.lexsort((self.rank[there], self.stratum[there]))]
        starts = np.flatnonzero(np.diff(self.stratum[there], prepend=-1))
        members = np.split(there, starts[1:])
        strata = [(int(self.size[groups].sum()), groups[free[groups]]) for groups in members]
        return sorted(strata, key=lambda stratum: stratum[0])

    def sample(self, limit: int) -> NDArray[np.bool_]:
        """Choose groups of this many rows at most together, bool [G], and each label in proportion.

        Every label comes first with one group that fits, the rarest label before the others; then
        all labels grow at one pace. Within a label, groups are taken by rank, and one that doesn't
        fit any more is passed over.
        """
        chosen = np.zeros(len(self.rank), dtype=np.bool_)
        by_label = np.lexsort((self.rank[self.pair_group], self.pair_label))
        labels, groups = self.pair_label[by_label], self.pair_group[by_label]
        left, covered = limit, set[int]()
        for label in np.argsort(np.bincount(self.label_of_row), kind="stable").tolist():
            if label in covered:
                continue
            own = groups[slice(*np.searchsorted(labels, (label, label + 1)))]
            for group in own[self.size[own] <= left][:1].tolist():
                chosen[group] = True
                labels_of_group = slice(*np.searchsorted(self.pair_group, (group, group + 1)))
                covered.update(self.pair_label[labels_of_group].tolist())
                left -= int(self.size[group])
        for group in self._at_one_pace():
            if not chosen[group] and self.size[group] <= left:
                chosen[group] = True
                left -= int(self.size[group])
        return chosen

    def _at_one_pace(self) -> list[int]:
        """Order groups so that all strata are used up at one pace, each of them by rank."""
        there = np.lexsort((self.rank, self.stratum))
        stratum, size = self.stratum[there], self.size[there]
        of_stratum = np.bincount(stratum, weights=size)
        before = np.cumsum(size) - size
        first = before[np.searchsorted(stratum, stratum)]
        middle = (before - first + size / 2) / of_stratum[stratum]
        order: list[int] = there[np.lexsort((self.rank[there], middle))].tolist()
        return order


def largest_groups(
    group: NDArray[np.int64],
    label: NDArray[np.int64],
    size: NDArray[np.int64],
    rank: NDArray[np.uint64],
) -> NDArray[np.int64]:
    """Return the largest group of each label: no label is to vanish from train.

    Shapes as in `GroupTable`: pairs int64 [P]; rows of a group int64 [G]; rank uint64 [G].
    """
    order = np.lexsort((rank[group], size[group]))
    largest: NDArray[np.int64] = np.full(int(label.max(initial=0)) + 1, -1)
    largest[label[order]] = group[order]
    return largest[largest >= 0]


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
            raise DataError(unequal(n_rows, len(column), name.removesuffix("s")))
