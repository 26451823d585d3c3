"""Stratification of whole groups whose rows have several labels.

Iterative stratification (Sechidis, Tsoumakas and Vlahavas, ECML PKDD 2011) of the second order
(Szymański and Kajdanowicz, PMLR 74, 2017): rows of the rarest labels, and of the rarest pairs of
labels, are assigned first. Here whole groups are assigned, each to the part that its rows bring
nearest to what is wanted of all of their labels; then single groups move while that helps.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from wordgate.split.row_labels import RowLabels

_SWEEPS = 5  # in which groups may move
_LEAST_GAIN = 1e-9


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
        rows wanted, divided by these (Pearson's chi-squared). A pair of labels of which the
        smallest part is to have less than one row counts for nothing.

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
    """Groups on their way into parts; what each part lacks of each stratum."""

    def __init__(self, groups: MultilabelGroups, shares: Sequence[float]):
        self._groups, self._n_parts = groups, len(shares)
        n_labels, n_strata = len(groups.labels.names), len(groups.of_stratum)
        wanted = np.outer(groups.of_stratum, shares)
        counts = np.ones(n_strata, np.bool_)
        counts[n_labels : n_strata - 2] = wanted[n_labels : n_strata - 2].min(axis=1) >= 1
        used = counts[groups.stratum]
        group, stratum, count = groups.group[used], groups.stratum[used], groups.count[used]
        ends = np.searchsorted(group, np.arange(len(groups.rank) + 1)).tolist()
        pairs = list(zip(stratum.tolist(), count.tolist(), strict=True))
        self._strata_of = [pairs[start:end] for start, end in pairwise(ends)]
        self._lacking: list[list[float]] = wanted.tolist()
        with np.errstate(divide="ignore"):
            self._weight: list[list[float]] = (1 / wanted).tolist()
        rarest = np.full(len(groups.rank), groups.labels.n_rows)
        np.minimum.at(rarest, group, groups.of_stratum[stratum])
        order = np.lexsort((groups.rank, rarest))
        self._order: list[int] = order[groups.size[order] > 0].tolist()

    def run(self, in_first: NDArray[np.bool_] | None) -> NDArray[np.int64]:
        """Assign all groups."""
        n_groups = len(self._groups.rank)
        fixed = [False] * n_groups if in_first is None else in_first.tolist()
        chosen: list[int | None] = [None] * n_groups
        for group in self._order:
            if fixed[group]:
                self._move(group, chosen, 0)
        free = [group for group in self._order if not fixed[group]]
        for _ in range(1 + _SWEEPS):
            before = chosen.copy()
            for group in free:
                self._move(group, chosen, self._best(group, chosen[group]))
            if chosen == before:
                break
        return np.array([-1 if part is None else part for part in chosen], np.int64)

    def _best(self, group: int, part: int | None) -> int:
        """Find the part that lacks a group most; the one it is in, where none does clearly more."""
        best, least = part, -_LEAST_GAIN
        leaving = 0.0
        if part is not None:
            for stratum, n in self._strata_of[group]:
                leaving += n * (n + 2 * self._lacking[stratum][part]) * self._weight[stratum][part]
        for other in range(self._n_parts):
            if other == part:
                continue
            change = leaving
            for stratum, n in self._strata_of[group]:
                change += n * (n - 2 * self._lacking[stratum][other]) * self._weight[stratum][other]
            if best is None or change < least:
                best, least = other, change
        return 0 if best is None else best

    def _move(self, group: int, chosen: list[int | None], after: int) -> None:
        before = chosen[group]
        if before == after:
            return
        chosen[group] = after
        for stratum, n in self._strata_of[group]:
            self._lacking[stratum][after] -= n
            if before is not None:
                self._lacking[stratum][before] += n
