"""Agglomerative clustering by average linkage, with many mergers per round."""

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
    """K clusters and E edges between them; the first three attributes as in `average_linkage`."""

    sums: sparse.csr_matrix
    n_texts: NDArray[np.float64]
    n_rows: NDArray[np.int64]
    edges: NDArray[np.int64]  # [E, 2], the smaller index first
    similarity: NDArray[np.float32]  # [E], the mean over all pairs of texts of both clusters

    def measure(self, edges: NDArray[np.int64]) -> NDArray[np.float32]:
        """Compute the mean similarity between the texts of both clusters of edges."""
        n_pairs = self.n_texts[edges[:, 0]] * self.n_texts[edges[:, 1]]
        return (row_dots(self.sums, edges) / np.maximum(n_pairs, 1)).astype(np.float32)

    def keep(self, mask: NDArray[np.bool_]) -> None:
        """Keep the edges of a mask."""
        self.edges, self.similarity = self.edges[mask], self.similarity[mask]


def average_linkage(
    sums: sparse.csr_matrix,
    n_texts: NDArray[np.float64],
    n_rows: NDArray[np.int64],
    edges: NDArray[np.int64],
    *,
    least: float,
    most_rows: int,
) -> NDArray[np.int64]:
    """Merge clusters while the mean similarity between their texts is at least a threshold.

    The mean is over *all* pairs of texts, so that a text similar to two unrelated ones does not
    chain them. In each round, pairs of clusters that are each other's most similar neighbor are
    merged (reciprocal nearest neighbors; Murtagh, The Computer Journal 26(4), 1983). For average
    linkage this results in the same tree as merging the most similar pair one at a time.

    Args:
        sums: float32 CSR [K, features], the sum of the vectors of each cluster's texts, whose dot
            products are similarities.
        n_texts: float64 [K], the number of these vectors.
        n_rows: int64 [K], the number of rows of each cluster.
        edges: int64 [E, 2], the pairs of clusters to compare; others are not merged directly.
        least: Minimum mean similarity of merged clusters.
        most_rows: Maximum number of rows of a merged cluster.

    Returns:
        int64 [K], the final cluster of each one, identified by its smallest member.
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
        # A merged cluster has the smaller index; clusters merged in earlier rounds follow it.
        renamed = np.arange(len(n_rows))
        renamed[names] = names[target]
        final = renamed[final]
        names = names[_merge(state, target)]
        state.keep(state.similarity >= least)


def _compress(state: _Clusters) -> NDArray[np.int64]:
    """Drop the clusters without edges; return the previous indices of the others."""
    kept = distinct(state.edges.ravel())
    number = np.full(len(state.n_rows), -1)
    number[kept] = np.arange(len(kept))
    state.sums = select_rows(state.sums, kept)
    state.n_texts, state.n_rows = state.n_texts[kept], state.n_rows[kept]
    state.edges = number[state.edges]
    return kept


def _mergers(state: _Clusters) -> NDArray[np.int64]:
    """Return the cluster into which each is merged, int64 [K]: the smaller of a pair, or itself."""
    ends = np.concatenate([state.edges, state.edges[:, ::-1]])
    similarity = np.concatenate([state.similarity, state.similarity])
    # Assigned in order of similarity, the most similar last; ties go to the smallest index.
    order = np.lexsort((-ends[:, 1], similarity))
    best = np.full(len(state.n_rows), -1)
    best[ends[order, 0]] = ends[order, 1]
    own = np.arange(len(best))
    mutual = best[best] == own
    return np.where(mutual, np.minimum(own, best), own)


def _merge(state: _Clusters, target: NDArray[np.int64]) -> NDArray[np.int64]:
    """Merge each cluster into its target; return the previous indices of the remaining ones."""
    from scipy import sparse

    remaining = np.flatnonzero(target == np.arange(len(target)))
    number = np.searchsorted(remaining, target)
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
    return remaining


def _edges_between(number: NDArray[np.int64], pairs: NDArray[np.int64]) -> NDArray[np.int64]:
    """Renumber the ends of edges; return the distinct edges between different clusters."""
    ends = np.sort(number[pairs], axis=1)
    ends = ends[ends[:, 0] < ends[:, 1]]
    return distinct_pairs(ends[:, 0], ends[:, 1])
