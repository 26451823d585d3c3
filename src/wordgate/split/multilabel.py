"""Stratification of whole groups whose rows have several labels.

Second-order iterative stratification (Sechidis, Tsoumakas and Vlahavas, ECML PKDD 2011; Szymański
and Kajdanowicz, PMLR 74, 2017): rows of the rarest labels, and of the rarest pairs of labels, are
assigned first. Here whole groups are assigned, large ones first, each to the part where it reduces
the differences from the desired numbers of rows most. A local search then moves and exchanges
groups.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import combinations

import numpy as np
from numpy.typing import NDArray

from wordgate.split.assignment import largest_groups
from wordgate.split.row_labels import RowLabels

_MOST_STEPS = 600  # of a local search: moves of a group, exchanges of two
_MOST_EXCHANGED = 1000  # the largest groups, which can be exchanged
_LEAST_GAIN = 1e-6  # of a step: the square of a thousandth of a label's desired rows
_MOST_TRIALS, _TRIALS_BY_GROUPS = 300, 300_000  # the maximum, and the maximum times groups
_TOLERANCE = 0.02  # relative difference from the desired rows at which the search ends
_FEW_ROWS = 100  # differences of smaller strata count less
_PAIR_IMPORTANCE = 0.002  # of a pair of labels, relative to a label, in the local search
_LABEL_IMPORTANCE = 10.0  # of a label, relative to a pair of labels, in the assignment
_LARGE = 0.01  # groups with this share of the smallest part are assigned before smaller ones
_NO_ROWS = 1e-9


@dataclass(frozen=True)
class MultilabelGroups:
    """The groups of a data set, and how many of their rows are in each stratum.

    A stratum is the rows with a label, those with a pair of labels, those without labels, or all
    rows; a row is in several. Legend: R rows, G groups, C strata, P pairs of a group and a stratum
    with rows of it.

    Attributes:
        group_of_row: int64 [R].
        labels: The labels of the rows.
        rank: uint64 [G]; of otherwise equal groups, the one of lower rank is assigned first.
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
        """Count the rows of each group in each stratum."""
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
        """Return the table without the rows of some groups, bool [G], and with another rank."""
        rows = np.flatnonzero(~taken[self.group_of_row])
        return MultilabelGroups.of(self.group_of_row[rows], self.labels.part(rows), rank)

    def take(self, share: float, *, every_label: bool) -> NDArray[np.bool_]:
        """Choose groups, bool [G], with a share of the rows of each stratum.

        The largest group of each label is not chosen, so that no label is lost from the rest. With
        `every_label`, at least one group of each label with two or more is chosen, unless all are
        larger than the share of all rows.
        """
        reserved = np.zeros(len(self.rank), np.bool_)
        of_label = self.stratum < len(self.labels.names)
        pairs = self.group[of_label], self.stratum[of_label]
        reserved[largest_groups(*pairs, self.size, self.rank)] = True
        taken = np.asarray(self.assign([1 - share, share], reserved) == 1)
        if every_label:
            self._complete(taken, reserved, share)
        return taken

    def assign(
        self, shares: Sequence[float], in_first: NDArray[np.bool_] | None = None
    ) -> NDArray[np.int64]:
        """Assign each group to a part, int64 [G], so that parts have their shares of each stratum.

        The first assignment minimizes Pearson's chi-squared: the sum, over parts and strata, of the
        squared differences from the desired rows, divided by these. Then see `_LocalSearch`. A pair
        of labels has less weight than a label, and none if the smallest part has a share of less
        than one row of it. Groups `in_first`, bool [G], are in the first part in any case; a group
        without rows is in part -1.
        """
        return _Assignment(self, shares).run(in_first)

    def _complete(
        self, taken: NDArray[np.bool_], reserved: NDArray[np.bool_], share: float
    ) -> None:
        """Add the smallest group of each label without a chosen group, the rarest label first."""
        n_labels, most = len(self.labels.names), share * self.size.sum()
        is_missing = self.of_stratum[:n_labels] > 0
        is_missing[self.stratum[taken[self.group] & (self.stratum < n_labels)]] = False
        missing = np.flatnonzero(is_missing)
        for label in missing[np.argsort(self.of_stratum[missing], kind="stable")].tolist():
            groups = self.group[self.stratum == label]
            free = groups[~reserved[groups] & (self.size[groups] <= most)]
            if len(free) and not taken[groups].any():
                taken[free[np.lexsort((self.rank[free], self.size[free]))[0]]] = True


class _Assignment:
    """Assigns groups to parts.

    Legend: K parts, others as in `MultilabelGroups`.

    Attributes:
        lacking: float64 [C, K], the rows that each part still needs of each stratum.
        is_pair: bool [C], whether a stratum is a pair of labels.
        used: bool [C], whether a stratum has any weight.
        counts: float64 CSR [G, C], rows of each group in each stratum.
    """

    def __init__(self, groups: MultilabelGroups, shares: Sequence[float]):
        from scipy import sparse

        self.groups = groups
        n_labels, n_strata = len(groups.labels.names), len(groups.of_stratum)
        self.lacking = np.outer(groups.of_stratum, shares)
        is_pair = np.zeros(n_strata, np.bool_)
        is_pair[n_labels:-2] = True
        used = ~is_pair | (self.lacking.min(axis=1) >= 1)
        self.shares, self.is_pair, self.used = np.asarray(shares), is_pair, used
        importance = np.where(is_pair, 1.0, _LABEL_IMPORTANCE) * used
        self._weight = importance[:, None] / np.maximum(self.lacking, _NO_ROWS)
        kept = used[groups.stratum]
        group, stratum, count = groups.group[kept], groups.stratum[kept], groups.count[kept]
        shape = (len(groups.rank), n_strata)
        self.counts = sparse.csr_matrix((count.astype(np.float64), (group, stratum)), shape)
        rarest = np.full(len(groups.rank), groups.labels.n_rows)
        np.minimum.at(rarest, group, groups.of_stratum[stratum])
        large = groups.size > _LARGE * min(shares) * groups.labels.n_rows
        order = np.lexsort((groups.rank, rarest, np.where(large, -groups.size, 0)))
        self._order = order[groups.size[order] > 0]

    def run(self, in_first: NDArray[np.bool_] | None) -> NDArray[np.int64]:
        """Assign all groups."""
        part = np.full(len(self.groups.rank), -1)
        movable = self.groups.size > 0
        if in_first is not None:
            part[in_first & movable] = 0
            self.lacking[:, 0] -= np.asarray(self.counts[in_first].sum(axis=0)).ravel()
            movable &= ~in_first
        self._assign_rarest_first(part, movable)
        free = np.flatnonzero(movable)
        if len(free):
            part[free] = _LocalSearch(self, free, part[free]).run()
        return part

    def _assign_rarest_first(self, part: NDArray[np.int64], movable: NDArray[np.bool_]) -> None:
        """Assign groups one by one: large ones first, then those of the rarest stratum."""
        counts = self.counts
        ends, stratum, count = counts.indptr.tolist(), counts.indices.tolist(), counts.data.tolist()
        lacking, weight = self.lacking.T.tolist(), self._weight.T.tolist()
        parts = range(len(lacking))
        for group in self._order[movable[self._order]].tolist():
            entries = slice(ends[group], ends[group + 1])
            rows = list(zip(stratum[entries], count[entries], strict=True))
            changes = [
                sum([n * (n - 2 * part_lacking[one]) * part_weight[one] for one, n in rows])
                for part_lacking, part_weight in zip(lacking, weight, strict=True)
            ]
            best = min(parts, key=changes.__getitem__)
            part[group] = best
            best_lacking = lacking[best]
            for one, n in rows:
                best_lacking[one] -= n
        self.lacking = np.array(lacking).T


class _LocalSearch:
    """Moves groups, or exchanges two, while that reduces the loss.

    The loss is the sum, over parts and strata, of the squared differences from the desired rows,
    relative to these. A single large group seldom fits, but the difference of two may. If no step
    reduces the loss, a few groups are moved at random, and the result is kept if it is better
    (iterated local search: Lourenço, Martin & Stützle 2003).

    Legend: n groups that can move, E the largest of them, K parts, C strata.
    """

    def __init__(self, assignment: _Assignment, free: NDArray[np.int64], part: NDArray[np.int64]):
        """Begin with the groups that can move, int64 [n], in parts, int64 [n]."""
        groups, shares = assignment.groups, assignment.shares
        is_large = (groups.of_stratum >= _FEW_ROWS) & ~assignment.is_pair
        tolerated = np.where(is_large, _TOLERANCE * groups.of_stratum, np.inf)
        rows = np.maximum(groups.of_stratum, _FEW_ROWS)
        importance = np.where(assignment.is_pair, assignment.used * _PAIR_IMPORTANCE, 1.0)
        weight = importance / rows**2
        self._counts = assignment.counts[free]  # [n, C]
        self._lacking, self._part = assignment.lacking, part  # [C, K], [n]
        self._tolerated = np.outer(tolerated, shares)  # [C, K]
        self._inverse = 1 / shares**2
        self._weight = weight[:, None] / shares**2  # [C, K]
        self._squares = self._counts.multiply(self._counts) @ self._weight  # [n, K]
        largest_first = np.lexsort((groups.rank[free], -groups.size[free]))
        self._large = largest_first[:_MOST_EXCHANGED]
        scaled = self._counts[self._large].multiply(np.sqrt(weight)).tocsr()
        self._products = (scaled @ scaled.T).toarray()  # [E, E]
        self._rng = np.random.default_rng(groups.rank)

    def run(self) -> NDArray[np.int64]:
        """Return the part of each group."""
        self._descend()
        for _ in range(min(_MOST_TRIALS, _TRIALS_BY_GROUPS // len(self._part))):
            if (np.abs(self._lacking) <= self._tolerated).all():
                break
            loss, part, lacking = self._loss(), self._part.copy(), self._lacking.copy()
            for group in self._rng.choice(self._large, min(3, len(self._large)), replace=False):
                self._move(int(group), int(self._rng.integers(lacking.shape[1])))
            self._descend()
            if self._loss() >= loss:
                self._part, self._lacking = part, lacking
        return self._part

    def _loss(self) -> float:
        return float((self._weight * self._lacking**2).sum())

    def _descend(self) -> None:
        """Make the best step until none reduces the loss."""
        every = np.arange(len(self._part))
        for _ in range(_MOST_STEPS):
            slopes = 2 * (self._counts @ (self._lacking * self._weight))
            change = self._squares - slopes
            change += (self._squares + slopes)[every, self._part][:, None]
            change[every, self._part] = 0
            group, to = divmod(int(change.argmin()), change.shape[1])
            steps = [(group, to)]
            if change[group, to] > -_LEAST_GAIN:
                steps = self._best_exchange(slopes[self._large])
            for group, to in steps:
                self._move(group, to)
            if not steps:
                return

    def _move(self, group: int, to: int) -> None:
        rows = self._counts[group].toarray().ravel()
        self._lacking[:, self._part[group]] += rows
        self._lacking[:, to] -= rows
        self._part[group] = to

    def _best_exchange(self, slopes: NDArray[np.float64]) -> list[tuple[int, int]]:
        """Return the two groups of the best exchange with their new parts; empty if none helps.

        Args:
            slopes: float64 [E, K], derivative of the loss for each group that leaves a part.
        """
        best, steps = -_LEAST_GAIN, []
        part, size = self._part[self._large], self._products.diagonal()
        for a, b in combinations(range(slopes.shape[1]), 2):
            first, second = np.flatnonzero(part == a), np.flatnonzero(part == b)
            if not (len(first) and len(second)):
                continue
            factor = self._inverse[a] + self._inverse[b]
            slope = slopes[:, a] - slopes[:, b]
            change = -2 * factor * self._products[np.ix_(first, second)]
            change += (factor * size + slope)[first][:, None]
            change += (factor * size - slope)[second]
            place = int(change.argmin())
            if change.flat[place] < best:
                best = float(change.flat[place])
                i, j = divmod(place, len(second))
                steps = [(first[i], b), (second[j], a)]
        return [(int(self._large[group]), to) for group, to in steps]
