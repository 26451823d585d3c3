"""Weighted MinHash and locality-sensitive hashing (LSH): candidate pairs of similar texts."""

from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

from wordgate.dedup.keys import remix
from wordgate.dedup.shingles import BITS, Shingles

ROWS = 3  # minima that must all agree for two texts to share a bucket
NEIGHBOURS = 3  # texts looked at on either side within a bucket: keeps the work linear


def idf_weights(shingles: Shingles) -> NDArray[np.float32]:
    """Weigh features by their inverse document frequency, so that rare ones weigh most.

    Returns:
        float32 [2**22], the weight of each feature.
    """
    n_texts = len(shingles.starts) - 1
    counts = np.bincount(shingles.features, minlength=1 << BITS)
    # A little more than nothing, so that what all texts share still weighs something.
    weights: NDArray[np.float64] = np.log(max(1, n_texts) / np.maximum(counts, 1)) + 0.1
    return weights.astype(np.float32)


def band_keys(shingles: Shingles, weights: NDArray[np.float32], n_bands: int) -> NDArray[np.uint64]:
    """Sketch texts so that alike ones fall into the same buckets.

    A minimum agrees between two texts with the probability of their weighted Jaccard similarity:
    each feature draws an exponential waiting time at the rate of its weight, and the first one
    stands for the text (consistent weighted sampling for weights that belong to the feature).

    Args:
        shingles: The features of N texts.
        weights: float32 [2**22], the weight of each feature.
        n_bands: How many sketches of ROWS minima to make.

    Returns:
        uint64 [n_bands, N]: the upper 32 bits name the bucket, the lower sort within it by one
        more minimum, so that the most alike stand side by side.
    """
    used = np.flatnonzero(np.bincount(shingles.features, minlength=1))
    compact = np.zeros(int(used.max(initial=0)) + 1, dtype=np.int32)
    compact[used] = np.arange(len(used), dtype=np.int32)
    numbers = compact[shingles.features]
    rate = weights[used]
    filled = np.flatnonzero(np.diff(shingles.starts) > 0)
    starts = shingles.starts[filled]
    keys = np.zeros((n_bands, len(shingles.starts) - 1), dtype=np.uint64)
    for band in range(n_bands):
        bucket = np.zeros(len(filled), dtype=np.uint64)
        for row in range(ROWS + 1):
            waiting = _waiting_times(used, rate, band * (ROWS + 1) + row)
            minimum = np.minimum.reduceat(waiting[numbers], starts).view(np.uint32)
            if row < ROWS:
                bucket = remix(bucket ^ minimum)
        keys[band, filled] = (bucket & np.uint64(0xFFFFFFFF00000000)) | minimum
        # Texts without features get buckets of their own.
    empty = np.flatnonzero(np.diff(shingles.starts) == 0)
    keys[:, empty] = remix(empty.astype(np.uint64) + np.uint64(1 << 62))
    return keys


def minima(shingles: Shingles, n_minima: int) -> NDArray[np.uint64]:
    """Name the features that stand for each text, all features weighing the same.

    Args:
        shingles: The features of N texts.
        n_minima: How many independent choices to make.

    Returns:
        uint64 [n_minima, N], hashes; two texts agree in one with the probability of the Jaccard
        similarity of their features. 0 for a text without features.
    """
    filled = np.flatnonzero(np.diff(shingles.starts) > 0)
    chosen = np.zeros((n_minima, len(shingles.starts) - 1), dtype=np.uint64)
    features = shingles.features.astype(np.uint64)
    for draw in range(n_minima if len(filled) else 0):
        mixed = remix(features ^ (np.uint64(draw + 1) << np.uint64(40)))
        # Mixed again: the smallest of many has leading zeros.
        chosen[draw, filled] = remix(np.minimum.reduceat(mixed, shingles.starts[filled]))
    return chosen


def neighbours(
    keys: NDArray[np.uint64],
) -> Iterator[tuple[NDArray[np.int64], NDArray[np.int64]]]:
    """Pair texts with those beside them in the same bucket.

    Args:
        keys: uint64 [bands, N], of ``band_keys``.

    Yields:
        For each band, positions of texts and of others that share their bucket, at most NEIGHBOURS
        before each and as many after it; a text is among its own.
    """
    for key in keys:
        order = np.argsort(key, kind="stable")
        ordered = key[order]
        place = np.searchsorted(ordered, key)
        ones, others = [], []
        # One more after it, since a text finds itself there.
        for step in range(-NEIGHBOURS, NEIGHBOURS + 1):
            at = place + step
            inside = np.flatnonzero((at >= 0) & (at < len(ordered)))
            same = key[inside] ^ ordered[at[inside]] < np.uint64(1 << 32)
            ones.append(inside[same])
            others.append(order[at[inside[same]]])
        yield np.concatenate(ones), np.concatenate(others)


def _waiting_times(
    features: NDArray[np.int64], rate: NDArray[np.float32], draw: int
) -> NDArray[np.float32]:
    """Draw each feature's exponential waiting time from a hash of itself, float32 [features]."""
    mixed = remix(features.astype(np.uint64) ^ (np.uint64(draw + 1) << np.uint64(40)))
    uniform = ((mixed >> np.uint64(40)).astype(np.float32) + np.float32(0.5)) / np.float32(1 << 24)
    waiting: NDArray[np.float32] = -np.log(uniform) / rate
    return waiting
