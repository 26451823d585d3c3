import numpy as np
import pytest

from wordgate.errors import DataError
from wordgate.evaluation.error_analysis import accuracy_by_bin, length_bins, unseen_bins


def test_texts_are_binned_by_length_about_as_many_in_each():
    bins = length_bins(np.arange(1, 101))
    assert bins.names == ("1 to 20", "21 to 40", "41 to 60", "61 to 80", "over 80")
    assert np.bincount(bins.number).tolist() == [20] * 5


@pytest.mark.parametrize(
    ("n_words", "names"),
    [
        ([3, 3, 3], ("3",)),
        ([0, 1], ("0", "over 0")),
        ([1, 1, 1, 1, 9], ("1", "over 1")),
        ([7], ("7",)),
    ],
)
def test_equal_lengths_make_fewer_bins(n_words, names):
    bins = length_bins(np.array(n_words))
    assert bins.names == names
    assert set(bins.number.tolist()) == set(range(len(names)))


def test_unseen_words_have_fixed_bins():
    bins = unseen_bins(np.array([0.0, 0.01, 0.10, 0.11, 0.25, 0.26, 1.0]))
    assert bins.number.tolist() == [0, 1, 1, 2, 2, 3, 3]
    assert len(bins.names) == 4


def test_every_bin_has_its_accuracy_and_an_interval_by_groups():
    bins = unseen_bins(np.repeat([0.0, 0.5], [600, 300]))
    right = np.arange(900) % 5 != 0
    right[600:] = np.arange(300) % 2 == 0
    groups = [str(i // 3) for i in range(900)]
    first, second = accuracy_by_bin(bins, right, groups)
    assert (first.name, first.n, first.score) == ("none", 600, 0.8)
    assert (second.name, second.n, second.score) == ("over 25%", 300, 0.5)
    assert first.interval.low < 0.8 < first.interval.high
    assert second.interval.method.startswith("bootstrap over 100 groups")


def test_no_rows_are_refused():
    with pytest.raises(DataError):
        length_bins(np.zeros(0, np.int64))
