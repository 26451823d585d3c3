"""Words and character shingles of texts, as numbers."""

import numpy as np

from wordgate.dedup.shingles import shingle


def test_each_feature_is_found_by_its_number():
    for shingles in shingle(["We love the lamp", "", "we hate the lamp"])[:2]:
        used, numbers = shingles.numbered
        assert np.array_equal(used[numbers], shingles.features)
        assert np.array_equal(used, np.unique(shingles.features))


def test_no_text_has_no_features():
    words, grams, counts = shingle([])
    assert [len(part.numbered[0]) for part in (words, grams)] == [0, 0]
    assert len(counts) == 0
