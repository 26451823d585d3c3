"""Similarity of texts: weighted cosines of the candidate pairs of MinHash LSH."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import chain
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from wordgate.dedup.keys import distinct, remix
from wordgate.dedup.shingles import (
    MIN_WORDS,
    UNSHARED,
    Shingles,
    ShinglesBlock,
    shingle,
    waiting_times,
)
from wordgate.storage.arrays import GrowingArray, row_indices
from wordgate.storage.sparse import stack_rows

if TYPE_CHECKING:
    from scipy import sparse

_WORD_BANDS, _GRAM_BANDS = 30, 8
_ROWS = 3  # minima that must all agree for two texts to share a bucket
_NEIGHBOURS = 3  # texts compared on either side within a bucket: keeps the work linear
_AT_ONCE = 20_000  # pairs compared at once: bounds the memory


@dataclass(frozen=True)
class ShingledTexts:
    """Texts as weighted vectors, and their LSH bands.

    The similarity of two texts is the mean of the cosines of their words and of their character
    shingles; the square of a feature's value is its inverse document frequency. Each text has one
    more feature that no other text has, with half the weight of the rarest word, so that short
    texts of common words must have more in common.
    """

    # float32 [texts, features]; the dot product of two rows is their texts' similarity
    vectors: sparse.csr_matrix
    n_words: NDArray[np.int64]  # [texts]
    bands: NDArray[np.uint64]  # [bands, texts], of both kinds of features

    @classmethod
    def of(cls, texts: Sequence[str]) -> ShingledTexts:
        """Compute shingles, their weights, vectors and LSH bands of texts."""
        from scipy import sparse

        words, grams, n_words = shingle(texts)
        word_weights, gram_weights = _feature_weights(words), _feature_weights(grams)
        bands = GrowingArray(np.uint64)
        for key in chain(
            _band_keys(words, word_weights, _WORD_BANDS),
            _band_keys(grams, gram_weights, _GRAM_BANDS),
        ):
            bands.append(key)
        n_features = (len(word_weights), len(gram_weights))
        rarest_word = np.log(max(2, len(texts)))

        def rows() -> Iterator[sparse.csr_matrix]:
            for word_block, gram_block in zip(words.blocks(), grams.blocks(), strict=True):
                word_rows, word_mass = _unit_rows(word_block, word_weights)
                gram_rows, _ = _unit_rows(gram_block, gram_weights)
                share = word_mass / (word_mass + UNSHARED * rarest_word)
                scale = sparse.diags(np.sqrt(share / 2).astype(np.float32))
                yield (scale @ sparse.hstack([word_rows, gram_rows])).tocsr()

        vectors = stack_rows(rows(), sum(n_features), np.float32)
        return cls(vectors, n_words, bands.array().reshape(_WORD_BANDS + _GRAM_BANDS, len(texts)))

    def candidates(self) -> NDArray[np.int64]:
        """Return the pairs of texts, of at least five words each, that share a bucket.

        Returns:
            int64 [pairs, 2], the smaller position first, sorted and distinct.
        """
        n = len(self.n_words)
        long_enough = np.flatnonzero(self.n_words >= MIN_WORDS)
        packed = np.zeros(0, dtype=np.int64)
        for first, second in _neighbours(key[long_enough] for key in self.bands):
            ends = np.sort(np.stack([long_enough[first], long_enough[second]], axis=1), axis=1)
            ends = ends[ends[:, 0] < ends[:, 1]]
            # Merged band by band, so that a pair of thirty bands is stored once.
            packed = distinct(np.concatenate([packed, ends[:, 0] * n + ends[:, 1]]))
        return np.stack([packed // max(1, n), packed % max(1, n)], axis=1)


def row_dots(matrix: sparse.csr_matrix, pairs: NDArray[np.int64]) -> NDArray[np.float32]:
    """Return the dot products, float32 [pairs], of pairs of rows of a matrix, int64 [pairs, 2]."""
    dots = [
        np.asarray(matrix[part[:, 0]].multiply(matrix[part[:, 1]]).sum(axis=1)).ravel()
        for part in np.split(pairs, range(_AT_ONCE, len(pairs), _AT_ONCE))
    ]
    return np.concatenate(dots).astype(np.float32)


def _feature_weights(shingles: Shingles) -> NDArray[np.float32]:
    """Compute the inverse document frequencies of the distinct features, float32 [distinct]."""
    n_texts = max(1, len(shingles.starts) - 1)
    # Above 0, so that features of all texts have a weight, too.
    return np.asarray(np.log(n_texts / shingles.frequencies) + 0.1, np.float32)


def _unit_rows(
    block: ShinglesBlock, weights: NDArray[np.float32]
) -> tuple[sparse.csr_matrix, NDArray[np.float64]]:
    """Return unit vectors, or zeros for a text without features; and the total weights."""
    from scipy import sparse

    weight = weights[block.numbers]
    counts = np.diff(block.starts)
    n_texts = len(counts)
    mass = np.bincount(row_indices(counts), weights=weight, minlength=n_texts).astype(np.float64)
    data = np.sqrt(weight / np.repeat(mass, counts)).astype(np.float32)
    return sparse.csr_matrix((data, block.numbers, block.starts), (n_texts, len(weights))), mass


def _band_keys(
    shingles: Shingles, weights: NDArray[np.float32], n_bands: int
) -> Iterator[NDArray[np.uint64]]:
    """Compute the keys of N texts for each LSH band; similar texts share buckets.

    A minimum of two texts agrees with a probability equal to their weighted Jaccard similarity:
    each feature has an exponential waiting time with its weight as the rate, and the feature with
    the shortest one is the minimum (consistent weighted sampling with weights by feature). The
    upper 32 bits of a key are the bucket, the lower ones another minimum, by which texts are sorted
    within a bucket.

    Yields:
        uint64 [N], the key of each text.
    """
    used, blocks = shingles.numbered[0], list(shingles.blocks())
    empty = np.flatnonzero(np.diff(shingles.starts) == 0)
    for band in range(n_bands):
        waiting = [
            waiting_times(used, weights, band * (_ROWS + 1) + row) for row in range(_ROWS + 1)
        ]
        keys = np.zeros(len(shingles.starts) - 1, dtype=np.uint64)
        for block in blocks:
            bucket = np.zeros(len(block.filled), dtype=np.uint64)
            for row in range(_ROWS + 1):
                minimum = block.minima(waiting[row]).view(np.uint32)
                if row < _ROWS:
                    bucket = remix(bucket ^ minimum)
            keys[block.texts][block.filled] = (bucket & np.uint64(0xFFFFFFFF00000000)) | minimum
        # Texts without features get buckets of their own.
        keys[empty] = remix(empty.astype(np.uint64) + np.uint64(1 << 62))
        yield keys


def _neighbours(
    keys: Iterable[NDArray[np.uint64]],
) -> Iterator[tuple[NDArray[np.int64], NDArray[np.int64]]]:
    """Yield the positions of neighboring texts in the buckets of each band."""
    for key in keys:
        order = np.argsort(key, kind="stable")
        ordered = key[order]
        place = np.searchsorted(ordered, key)
        first, second = [], []
        # One more after it, since a text is its own neighbor.
        for step in range(-_NEIGHBOURS, _NEIGHBOURS + 1):
            at = place + step
            inside = np.flatnonzero((at >= 0) & (at < len(ordered)))
            same = key[inside] ^ ordered[at[inside]] < np.uint64(1 << 32)
            first.append(inside[same])
            second.append(order[at[inside[same]]])
        yield np.concatenate(first), np.concatenate(second)
