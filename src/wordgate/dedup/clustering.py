"""Agglomerative clustering by average linkage, a whole round of mergers at a time."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from wordgate.dedup.keys import distinct, distinct_pairs
from wordgate.dedup.similarity import row_dots
from wordgate.storage.sparse import multiply, select_rows

if TYPE_CHECKING:
    from scipy import sparse


@dataclass
class _Clusters:
    """K clusters and E edges between them; the first three as in `average_linkage`."""

    sums: sparse.csr_matrix
    n_texts: NDArray[np.float64]
    n_rows: NDArray[np.int64]
    edges: NDArray[np.int64]  # [E, 2], the smaller number first
    similarity: NDArray[np.float32]  # [E], the mean between the texts at both ends

    def measure(self, edges: NDArray[np.int64]) -> NDArray[np.float32]:
        """Return the mean similarity between the texts at both ends of edges."""
        between = self.n_texts[edges[:, 0]] * self.n_texts[edges[:, 1]]
        return (row_dots(self.sums, edges) / np.maximum(between, 1)).astype(np.float32)

    def keep(self, kept: NDArray[np.bool_]) -> None:
        """Drop the other edges."""
        self.edges, self.similarity = self.edges[kept], self.similarity[kept]


def average_linkage(
    sums: sparse.csr_matrix,
    n_texts: NDArray[np.float64],
    n_rows: NDArray[np.int64],
    edges: NDArray[np.int64],
    *,
    least: float,
    most_rows: int,
) -> NDArray[np.int64]:
    """Join clusters while the mean similarity between their texts reaches a level.

    The mean over *all* pairs of texts, not the nearest pair alone, must reach it: so a text that
    is a little like two strangers doesn't chain them together. In each round every cluster names
    its most similar neighbor, and those that name each other are joined. For average linkage
    this gives the same tree as joining the closest pair one at a time (reciprocal nearest
    neighbors; Murtagh, The Computer Journal 26(4), 1983).

    Args:
        sums: float32 CSR [K, features], the sum of the vectors of each cluster's texts, whose dot
            products are similarities.
        n_texts: float64 [K], how many vectors that is.
        n_rows: int64 [K], how many rows of data each cluster holds.
        edges: int64 [E, 2], pairs of clusters worth comparing; the others aren't joined directly.
        least: The mean similarity from which clusters are joined.
        most_rows: No joining makes a cluster of more rows than this.

    Returns:
        int64 [K], the cluster that each one ended in, named by its smallest member.
    """
    names = final = np.arange(len(n_rows))
    state = _Clusters(sums, n_texts, n_rows, edges, np.zeros(0, dtype=np.float32))
    state.edges = _edges_between(names, edges)
    state.similarity = state.measure(state.edges)
    state.keep(state.similarity >= least)
    while True:
        state.keep(state.n_rows[state.edges].sum(axis=1) <= most_rows)
        if not len(state.edges):
            return final
        names = names[_compress(state)]
        target = _mergers(state)
        # A joined cluster keeps the smaller name; those joined in earlier rounds follow it.
        renamed = np.arange(len(n_rows))
        renamed[names] = names[target]
        final = renamed[final]
        names = names[_merge(state, target)]
        state.keep(state.similarity >= least)


def _compress(state: _Clusters) -> NDArray[np.int64]:
    """Forget the clusters that no edge touches; return the numbers that the others had."""
    kept = distinct(state.edges.ravel())
    number = np.full(len(state.n_rows), -1)
    number[kept] = np.arange(len(kept))
    state.sums = select_rows(state.sums, kept)
    state.n_texts, state.n_rows = state.n_texts[kept], state.n_rows[kept]
    state.edges = number[state.edges]
    return kept


def _mergers(state: _Clusters) -> NDArray[np.int64]:
    """Return int64 [K]: for the larger of two that name each other the smaller, else itself."""
    ends = np.concatenate([state.edges, state.edges[:, ::-1]])
    similarity = np.concatenate([state.similarity, state.similarity])
    # Written from the least similar to the most, ties to the smallest number, so the best stays.
    order = np.lexsort((-ends[:, 1], similarity))
    best = np.full(len(state.n_rows), -1)
    best[ends[order, 0]] = ends[order, 1]
    own = np.arange(len(best))
    mutual = best[best] == own
    return np.where(mutual, np.minimum(own, best), own)


def _merge(state: _Clusters, target: NDArray[np.int64]) -> NDArray[np.int64]:
    """Join each cluster to its target; return the numbers of those that are left."""
    from scipy import sparse

    left = np.flatnonzero(target == np.arange(len(target)))
    number = np.searchsorted(left, target)
    grown = np.bincount(number) > 1
    ones = np.ones(len(number), dtype=np.float32)
    grouping = sparse.csr_matrix((ones, (number, np.arange(len(number)))))
    state.sums = multiply(grouping, state.sums)
    state.n_texts = np.bincount(number, weights=state.n_texts).astype(np.float64)
    state.n_rows = np.bincount(number, weights=state.n_rows).astype(np.int64)
    ends = np.sort(number[state.edges], axis=1)
    changed = grown[ends].any(axis=1)
    again = _edges_between(number, state.edges[changed])
    state.edges = np.concatenate([ends[~changed], again])
    state.similarity = np.concatenate([state.similarity[~changed], state.measure(again)])
    return left


def _edges_between(number: NDArray[np.int64], pairs: NDArray[np.int64]) -> NDArray[np.int64]:
    """Renumber the ends of edges; return the distinct ones that still have two."""
    ends = np.sort(number[pairs], axis=1)
    ends = ends[ends[:, 0] < ends[:, 1]]
    return distinct_pairs(ends[:, 0], ends[:, 1])
