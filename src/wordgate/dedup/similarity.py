"""Similarity of texts: cosines of weighted words and character shingles, on MinHash candidates."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from wordgate.dedup.minhash import band_keys, idf_weights, neighbours
from wordgate.dedup.shingles import BITS, MIN_WORDS, Shingles, distinct, shingle

if TYPE_CHECKING:
    from scipy import sparse

WORD_BANDS, GRAM_BANDS = 30, 8
UNSHARED = 0.5  # of the rarest word's weight: what each text has that no other shares
_AT_ONCE = 50_000  # pairs compared at once: bounds the memory


@dataclass(frozen=True)
class ShingledTexts:
    """Texts as weighted vectors, and their LSH bands.

    The similarity of two texts is the mean of the cosines of their words and of their character
    shingles, where a feature's square is its inverse document frequency. Beside its own features
    each text counts as having one that nobody shares, of half the weight that the rarest word
    has: so short texts of common words must agree in more.

    Attributes:
        vectors: float32 CSR [texts, features]; the dot product of two rows is their similarity.
        n_words: int64 [texts].
        bands: uint64 [bands, texts], of ``band_keys``.
    """

    vectors: sparse.csr_matrix
    n_words: NDArray[np.int64]
    bands: NDArray[np.uint64]

    @classmethod
    def of(cls, texts: Sequence[str]) -> ShingledTexts:
        """Shingle, weigh and sketch texts."""
        from scipy import sparse

        words, grams, n_words = shingle(texts)
        word_weights, gram_weights = idf_weights(words), idf_weights(grams)
        bands = np.concatenate(
            [
                band_keys(words, word_weights, WORD_BANDS),
                band_keys(grams, gram_weights, GRAM_BANDS),
            ]
        )
        word_rows, word_mass = _unit_rows(words, word_weights)
        gram_rows, _ = _unit_rows(grams, gram_weights)
        rarest_word = np.log(max(2, len(texts)))
        own = word_mass / (word_mass + UNSHARED * rarest_word)
        scale = sparse.diags(np.sqrt(own / 2).astype(np.float32))
        return cls((scale @ sparse.hstack([word_rows, gram_rows])).tocsr(), n_words, bands)

    def similarity(self, pairs: NDArray[np.int64]) -> NDArray[np.float32]:
        """Compare the texts at pairs of positions, int64 [pairs, 2]; float32 [pairs], 0 to 1."""
        return row_dots(self.vectors, pairs)

    def candidates(self) -> NDArray[np.int64]:
        """Find pairs of texts that share a bucket; those of fewer than five words have none.

        Returns:
            int64 [pairs, 2], the smaller position first, sorted and distinct.
        """
        n = len(self.n_words)
        long_enough = np.flatnonzero(self.n_words >= MIN_WORDS)
        packed = np.zeros(0, dtype=np.int64)
        for one, other in neighbours(self.bands[:, long_enough]):
            ends = np.sort(np.stack([long_enough[one], long_enough[other]], axis=1), axis=1)
            ends = ends[ends[:, 0] < ends[:, 1]]
            # Merged band by band, so that a pair found thirty times is kept once.
            packed = distinct(np.concatenate([packed, ends[:, 0] * n + ends[:, 1]]))
        return np.stack([packed // max(1, n), packed % max(1, n)], axis=1)


def row_dots(matrix: sparse.csr_matrix, pairs: NDArray[np.int64]) -> NDArray[np.float32]:
    """Multiply rows of a matrix pairwise; pairs int64 [pairs, 2], result float32 [pairs]."""
    dots = [
        np.asarray(matrix[part[:, 0]].multiply(matrix[part[:, 1]]).sum(axis=1)).ravel()
        for part in np.split(pairs, range(_AT_ONCE, len(pairs), _AT_ONCE))
    ]
    return np.concatenate(dots).astype(np.float32)


def _unit_rows(
    shingles: Shingles, weights: NDArray[np.float32]
) -> tuple[sparse.csr_matrix, NDArray[np.float64]]:
    """Make rows of length 1, zeros for a text without features; and each row's total weight."""
    from scipy import sparse

    weight = weights[shingles.features]
    n_texts = len(shingles.starts) - 1
    counts = np.diff(shingles.starts)
    owner = np.repeat(np.arange(n_texts), counts)
    mass = np.bincount(owner, weights=weight, minlength=n_texts).astype(np.float64)
    data = np.sqrt(weight / np.repeat(mass, counts)).astype(np.float32)
    rows = sparse.csr_matrix((data, shingles.features, shingles.starts), (n_texts, 1 << BITS))
    return rows, mass
