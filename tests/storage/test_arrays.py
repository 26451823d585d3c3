"""Tests of arrays that outgrow memory."""

import os
import tracemalloc
from pathlib import Path

import numpy as np
import pytest

from wordgate.errors import DataError
from wordgate.storage import arrays
from wordgate.storage.arrays import GrowingArray


@pytest.mark.parametrize("in_memory", [1, 100, 1 << 24])
@pytest.mark.parametrize("width", [None, 3])
def test_appended_bytes_are_written(
    in_memory: int, width: int | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(arrays, "IN_MEMORY", in_memory)
    rng = np.random.default_rng(0)
    shapes = [(n,) if width is None else (n, width) for n in (5, 0, 40, 1)]
    parts = [rng.integers(0, 100, shape) for shape in shapes]
    grown = GrowingArray(np.int32, width)
    for part in parts:
        grown.append(part)
        part[:] = -1  # what was appended was copied
    rng = np.random.default_rng(0)
    expected = np.concatenate([rng.integers(0, 100, shape) for shape in shapes])
    np.testing.assert_array_equal(grown.array(), expected)
    assert grown.array().dtype == np.int32


@pytest.mark.parametrize("width", [None, 3])
@pytest.mark.parametrize("n_parts", [0, 1])
def test_nothing_is_an_empty_array(width: int | None, n_parts: int) -> None:
    grown = GrowingArray(np.float32, width)
    for _ in range(n_parts):
        grown.append(np.zeros(0))
    assert grown.array().shape == ((0,) if width is None else (0, width))


def test_a_large_array_takes_little_memory(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(arrays, "IN_MEMORY", 1 << 16)
    part = np.arange(1 << 12)
    tracemalloc.start()
    try:
        grown = GrowingArray(np.int64)
        for _ in range(512):
            grown.append(part)
        array = grown.array()
        assert array[1 << 12] == 0
        assert array.nbytes == 1 << 24
        assert tracemalloc.get_traced_memory()[1] < 1 << 18
    finally:
        tracemalloc.stop()


def test_a_file_is_left_to_nobody(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(arrays, "IN_MEMORY", 1)
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    grown = GrowingArray(np.int64)
    grown.append(np.arange(10))
    array = grown.array()
    assert not os.listdir(tmp_path)
    del grown
    assert array.sum() == 45


@pytest.mark.parametrize("in_memory", [1, 100])
def test_an_array_is_read_only(in_memory: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(arrays, "IN_MEMORY", in_memory)
    grown = GrowingArray(np.int64)
    grown.append(np.arange(3))
    with pytest.raises(ValueError, match="read-only"):
        grown.array()[0] = 7


def test_a_folder_that_is_missing_is_reported(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(arrays, "IN_MEMORY", 1)
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path / "missing"))
    expected = r"temporary file cannot be written: .* set TMPDIR .*: No such file"
    with pytest.raises(DataError, match=expected):
        GrowingArray(np.int64).append(np.arange(3))


@pytest.mark.skipif(not os.path.exists("/dev/full"), reason="no /dev/full here")
def test_a_full_disk_is_reported(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(arrays, "IN_MEMORY", 1)
    full = Path("/dev/full").open("wb", buffering=0)  # noqa: SIM115
    monkeypatch.setattr("tempfile.TemporaryFile", lambda **_: full)
    with pytest.raises(DataError, match=r"set TMPDIR .*: No space left on device"):
        GrowingArray(np.int64).append(np.arange(1 << 20))
