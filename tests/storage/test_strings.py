"""Tests of sequences of strings that outgrow memory."""

import os
import pickle
import tracemalloc
from pathlib import Path

import numpy as np
import pytest

from wordgate.errors import DataError
from wordgate.storage import arrays
from wordgate.storage.strings import StringArray, select

STRINGS = ["", "a", "b b\n", "é", "\ud800", "\ud83d\ude00", "\U0001f600", "\0", "", "x" * 700]


@pytest.fixture(params=[1, 1 << 24])
def strings(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> StringArray:
    """Return the strings, in a file or in memory."""
    monkeypatch.setattr(arrays, "IN_MEMORY", request.param)
    return StringArray.of(iter(STRINGS))


def test_it_is_a_sequence_of_strings(strings: StringArray) -> None:
    assert len(strings) == len(STRINGS)
    assert list(strings) == list(reversed(list(reversed(strings)))) == STRINGS
    assert [strings[place] for place in range(-10, 10)] == 2 * STRINGS
    assert strings[np.int64(3)] == "é"
    assert ("é" in strings, "ö" in strings, strings.index("\ud800"), strings.count("")) == (
        True, False, 4, 2,
    )  # fmt: skip
    for place in (10, -11):
        with pytest.raises(IndexError):
            strings[place]
    assert StringArray.of(strings) is strings


def test_it_equals_a_list_of_the_same_strings(strings: StringArray) -> None:
    assert strings == STRINGS
    assert STRINGS == strings  # noqa: SIM300
    assert strings == StringArray.of(STRINGS)
    for other in (STRINGS[:-1], [*STRINGS[:-1], "x"], tuple(STRINGS), None):
        assert strings != other
    assert StringArray.of([]) == []
    with pytest.raises(TypeError, match="unhashable"):
        hash(strings)


@pytest.mark.parametrize(
    "part", [slice(2, 5), slice(None, None, 3), slice(None, None, -1), slice(8, 2), slice(-2, 99)]
)
def test_slices_are_those_of_a_list(strings: StringArray, part: slice) -> None:
    assert isinstance(strings[part], StringArray)
    assert strings[part] == STRINGS[part]
    assert strings[part][:2] == STRINGS[part][:2]


def test_a_selection_is_in_the_order_asked(strings: StringArray) -> None:
    places = np.array([9, 3, 3, 0])
    expected = [STRINGS[place] for place in places]
    chosen = select(strings, places)
    assert isinstance(chosen, StringArray)
    assert chosen == select(STRINGS, places) == expected
    assert select(chosen, np.array([2, 0])) == [expected[2], expected[0]]
    assert select(chosen, np.zeros(0, np.int64)) == []


def test_a_pickle_has_the_selected_strings_alone(strings: StringArray) -> None:
    written = pickle.dumps(strings.select(np.array([3, 1])))
    assert pickle.loads(written) == ["é", "a"]
    assert len(written) < 600
    assert pickle.loads(pickle.dumps(strings)) == STRINGS


def test_strings_take_little_memory(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(arrays, "IN_MEMORY", 1 << 16)
    tracemalloc.start()
    try:
        strings = StringArray.of(f"{number:100}" for number in range(50_000))
        assert strings[49_999].endswith(" 49999")
        assert tracemalloc.get_traced_memory()[1] < 2_500_000  # of 5,000,000
    finally:
        tracemalloc.stop()


def test_a_file_is_left_to_nobody(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(arrays, "IN_MEMORY", 1)
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    strings = StringArray.of(STRINGS)[1:]
    assert not os.listdir(tmp_path)
    assert strings == STRINGS[1:]


def test_a_folder_that_is_missing_is_reported(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(arrays, "IN_MEMORY", 1)
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path / "missing"))
    with pytest.raises(DataError, match=r"temporary file cannot be written: .*: No such file"):
        StringArray.of(STRINGS)
