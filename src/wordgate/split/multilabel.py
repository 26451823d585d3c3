"""Stratification of whole groups whose rows have several labels.

Iterative stratification (Sechidis, Tsoumakas and Vlahavas, ECML PKDD 2011) of the second order
(Szymański and Kajdanowicz, PMLR 74, 2017): rows of the rarest labels, and of the rarest pairs of
labels, are assigned first. Here whole groups are assigned, those that are large in front, each to
the part that its rows bring nearest to what is wanted of all of their labels; then single groups
move while that helps.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from wordgate.split.row_labels import RowLabels

_MOST_MOVES = 300  # after all groups are assigned
_LEAST_GAIN = 0.1  # of a move: less lacks of a label than 0.5% of the rows wanted, or one row
_LABEL_IMPORTANCE = 10.0  # of a label, against a pair of labels
_LARGE = 0.01  # a group of this share of the smallest part is assigned before smaller ones
_NO_ROWS = 1e-9


@dataclass(frozen=True)
class MultilabelGroups:
    """The groups of a data set, and how many of their rows are in each stratum.

    A stratum is the rows of a label, or of a pair of labels, those without labels, or all rows: a
    row is in several. Legend: R rows, G groups, C strata, P pairs of a group and a stratum that
    has rows of it.

    Attributes:
        group_of_row: int64 [R].
        labels: The labels of the rows.
        rank: uint64 [G]; among groups that have equal claims, lower ones go first.
        size: int64 [G], rows of each group.
        of_stratum: int64 [C], rows of each stratum; the labels come first.
        group: int64 [P], sorted.
        stratum: int64 [P].
        count: int64 [P], rows of the group in the stratum.
    """

    group_of_row: NDArray[np.int64]
    labels: RowLabels
    rank: NDArray[np.uint64]
    size: NDArray[np.int64]
    of_stratum: NDArray[np.int64]
    group: NDArray[np.int64]
    stratum: NDArray[np.int64]
    count: NDArray[np.int64]

    @classmethod
    def of(
        cls, group_of_row: NDArray[np.int64], labels: RowLabels, rank: NDArray[np.uint64]
    ) -> MultilabelGroups:
        """Count the rows of each group in each stratum.

        Args:
            group_of_row: int64 [R], numbers below G.
            labels: The labels of the rows.
            rank: uint64 [G].
        """
        n_labels, every = len(labels.names), np.arange(labels.n_rows)
        of_pair, pair = labels.pairs()
        pairs, pair = np.unique(pair, return_inverse=True)
        none = np.setdiff1d(every, labels.row)
        row = np.concatenate([labels.row, of_pair, none, every])
        stratum = np.concatenate(
            [
                labels.label,
                n_labels + pair,
                np.full(len(none), n_labels + len(pairs)),
                np.full(len(every), n_labels + len(pairs) + 1),
            ]
        )
        n_strata = n_labels + len(pairs) + 2
        keys, count = np.unique(group_of_row[row] * n_strata + stratum, return_counts=True)
        return cls(
            group_of_row=group_of_row,
            labels=labels,
            rank=rank,
            size=np.bincount(group_of_row, minlength=len(rank)),
            of_stratum=np.bincount(stratum, minlength=n_strata),
            group=keys // n_strata,
            stratum=keys % n_strata,
            count=count,
        )

    def without(self, taken: NDArray[np.bool_], rank: NDArray[np.uint64]) -> MultilabelGroups:
        """Drop the rows of some groups, bool [G], and rank the others anew."""
        left = np.flatnonzero(~taken[self.group_of_row])
        return MultilabelGroups.of(self.group_of_row[left], self.labels.part(left), rank)

    def take(self, share: float, *, every_label: bool) -> NDArray[np.bool_]:
        """Choose groups that together hold a share of the rows of each stratum.

        The largest group of each label is not among them: no label is to vanish from the rest.

        Args:
            share: The share wanted, between 0 and 1.
            every_label: Whether a label with two groups or more gets one at least, if one of them
                is no larger than all that is to be taken.

        Returns:
            Which groups are taken, bool [G].
        """
        reserved = np.zeros(len(self.rank), np.bool_)
        reserved[self._largest()] = True
        taken = np.asarray(self.assign([1 - share, share], reserved) == 1)
        if every_label:
            self._complete(taken, reserved, share)
        return taken

    def assign(
        self, shares: Sequence[float], in_first: NDArray[np.bool_] | None = None
    ) -> NDArray[np.int64]:
        """Assign each group to a part, so that parts have their shares of each stratum.

        What is made small is the sum, over parts and strata, of the squares of what lacks to the
        rows wanted, divided by these (Pearson's chi-squared). A pair of labels counts for less than
        a label, and for nothing if the smallest part is to have less than one row of it.

        Args:
            shares: The share of each part; their sum is 1.
            in_first: Groups that are in the first part, whatever the others are; bool [G].

        Returns:
            The part of each group, int64 [G]; -1 for one without rows.
        """
        return _Assignment(self, shares).run(in_first)

    def _largest(self) -> NDArray[np.int64]:
        """Give the largest group of each label that rows have."""
        of_label = self.stratum < len(self.labels.names)
        group, label = self.group[of_label], self.stratum[of_label]
        order = np.lexsort((self.rank[group], self.size[group]))
        largest = np.full(len(self.labels.names), -1)
        largest[label[order]] = group[order]
        return largest[largest >= 0]

    def _complete(
        self, taken: NDArray[np.bool_], reserved: NDArray[np.bool_], share: float
    ) -> None:
        """Take the smallest group of each label of which none is taken, the rarest label first."""
        n_labels, most = len(self.labels.names), share * self.size.sum()
        there = self.of_stratum[:n_labels] > 0
        there[self.stratum[taken[self.group] & (self.stratum < n_labels)]] = False
        lacking = np.flatnonzero(there)
        for label in lacking[np.argsort(self.of_stratum[lacking], kind="stable")].tolist():
            groups = self.group[self.stratum == label]
            free = groups[~reserved[groups] & (self.size[groups] <= most)]
            if len(free) and not taken[groups].any():
                taken[free[np.lexsort((self.rank[free], self.size[free]))[0]]] = True


class _Assignment:
    """Groups on their way into parts; what each part lacks of each stratum.

    Legend: K parts, further as in `MultilabelGroups`.
    """

    def __init__(self, groups: MultilabelGroups, shares: Sequence[float]):
        from scipy import sparse

        self._groups = groups
        n_labels, n_strata = len(groups.labels.names), len(groups.of_stratum)
        self._lacking = np.outer(groups.of_stratum, shares)  # float64 [C, K]
        is_pair = np.zeros(n_strata, np.bool_)
        is_pair[n_labels:-2] = True
        used = ~is_pair | (self._lacking.min(axis=1) >= 1)
        importance = np.where(is_pair, 1.0, _LABEL_IMPORTANCE) * used
        self._weight = importance[:, None] / np.maximum(self._lacking, _NO_ROWS)
        kept = used[groups.stratum]
        group, stratum, count = groups.group[kept], groups.stratum[kept], groups.count[kept]
        shape = (len(groups.rank), n_strata)
        self._counts = sparse.csr_matrix((count.astype(np.float64), (group, stratum)), shape)
        rarest = np.full(len(groups.rank), groups.labels.n_rows)
        np.minimum.at(rarest, group, groups.of_stratum[stratum])
        large = groups.size > _LARGE * min(shares) * groups.labels.n_rows
        order = np.lexsort((groups.rank, rarest, np.where(large, -groups.size, 0)))
        self._order = order[groups.size[order] > 0]

    def run(self, in_first: NDArray[np.bool_] | None) -> NDArray[np.int64]:
        """Assign all groups."""
        part = np.full(len(self._groups.rank), -1)
        movable = self._groups.size > 0
        if in_first is not None:
            part[in_first & movable] = 0
            self._lacking[:, 0] -= np.asarray(self._counts[in_first].sum(axis=0)).ravel()
            movable &= ~in_first
        self._assign_rarest_first(part, movable)
        self._improve(part, movable)
        return part

    def _assign_rarest_first(self, part: NDArray[np.int64], movable: NDArray[np.bool_]) -> None:
        """Assign groups one by one: large ones first, then those of the rarest stratum."""
        counts = self._counts
        ends, stratum, count = counts.indptr.tolist(), counts.indices.tolist(), counts.data.tolist()
        lacking, weight = self._lacking.T.tolist(), self._weight.T.tolist()
        parts = range(len(lacking))
        for group in self._order[movable[self._order]].tolist():
            own = slice(ends[group], ends[group + 1])
            pairs = list(zip(stratum[own], count[own], strict=True))
            changes = [
                sum([n * (n - 2 * lacks[one]) * weighs[one] for one, n in pairs])
                for lacks, weighs in zip(lacking, weight, strict=True)
            ]
            best = min(parts, key=changes.__getitem__)
            part[group] = best
            lacks = lacking[best]
            for one, n in pairs:
                lacks[one] -= n
        self._lacking = np.array(lacking).T

    def _improve(self, part: NDArray[np.int64], movable: NDArray[np.bool_]) -> None:
        """Move the group that this helps most, again and again."""
        free = np.flatnonzero(movable)
        counts = self._counts[free]
        squares = counts.multiply(counts) @ self._weight
        every = np.arange(len(free))
        for _ in range(_MOST_MOVES if len(free) else 0):
            slopes = 2 * (counts @ (self._lacking * self._weight))
            change = squares - slopes
            change += (squares + slopes)[every, part[free]][:, None]
            change[every, part[free]] = 0
            group, to = divmod(int(change.argmin()), change.shape[1])
            if change[group, to] > -_LEAST_GAIN:
                break
            n = counts[group].toarray().ravel()
            self._lacking[:, part[free[group]]] += n
            self._lacking[:, to] -= n
            part[free[group]] = to
