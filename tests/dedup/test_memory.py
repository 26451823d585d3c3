"""Tests of how much memory the comparison of many texts takes, and that files change nothing."""

import tracemalloc

import numpy as np
import pytest

from wordgate.dedup import shingles
from wordgate.dedup.fingerprints import Fingerprints
from wordgate.dedup.near_duplicates import find_near_duplicates
from wordgate.dedup.similarity import ShingledTexts
from wordgate.storage import arrays, sparse


def made_texts(n_texts):
    """Texts of twenty words; every fourth repeats most of the one before."""
    rng = np.random.default_rng(0)
    drawn = rng.integers(0, 3000, (n_texts, 20))
    drawn[3::4, :15] = drawn[2::4, :15]
    return [" ".join(f"word{number}" for number in row) for row in drawn.tolist()]


@pytest.fixture
def small_blocks(monkeypatch):
    monkeypatch.setattr(arrays, "IN_MEMORY", 1 << 14)
    monkeypatch.setattr(shingles, "CHUNK", 50)
    monkeypatch.setattr(shingles, "_FEATURES_AT_ONCE", 1 << 12)
    monkeypatch.setattr(sparse, "ROWS_AT_ONCE", 50)


def test_small_blocks_on_disk_change_nothing(request):
    texts = [*made_texts(400), "", "short", "short"]
    groups = [f"g{number % 90}" if number % 7 else "" for number in range(len(texts))]

    def results():
        found = [find_near_duplicates(texts, given) for given in (None, groups)]
        prints = Fingerprints.of(texts[:300], groups, test=texts[300:])
        arrays = [array for one in found for array in (one.pairs, one.similarity, one.text)]
        arrays += prints.arrays().values()
        return [one.joined for one in found], [array.tobytes() for array in arrays]

    expected = results()
    request.getfixturevalue("small_blocks")
    assert results() == expected
    assert expected[0][0].n_joined > 100


def test_vectors_and_bands_lie_on_disk(small_blocks, monkeypatch):
    """In memory they took 1,280 bytes a text of twenty words, and 4,480 at the peak."""
    monkeypatch.setattr(shingles, "BITS", 16)  # of tables that do not grow with the texts
    texts = made_texts(4000)
    ShingledTexts.of(texts[:100])  # imports
    tracemalloc.start()
    try:
        shingled = ShingledTexts.of(texts)
        kept, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert shingled.bands.nbytes + shingled.vectors.data.nbytes > 600 * len(texts)
    assert kept < 100 * len(texts)
    assert peak < 1000 * len(texts)
