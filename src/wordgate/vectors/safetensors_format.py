"""Word vectors in a safetensors file, our own format.

Tensors: ``vectors`` float32 or float16 [n, dim]; ``words`` uint8 [bytes], the concatenated words;
``word_ends`` int64 [n]. Metadata: ``format: wordgate-vectors`` and ``version: 1``.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from functools import partial
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from wordgate.errors import DataError
from wordgate.vectors.vector_file import (
    MAX_WORD_BYTES,
    Block,
    ByteStream,
    VectorFile,
    check_header,
)

METADATA = {"format": "wordgate-vectors", "version": "1"}
LENGTH_BYTES = 8  # of the header's length, before the header
LONGEST_HEADER = 2**16  # bytes; ours has a few hundred
_NUMBERS_AT_ONCE = 2**20


class SafetensorsFile(VectorFile):
    """A safetensors file; see `VectorFile`."""

    format = "safetensors"
    count: int

    def __init__(self, source: ByteStream, start: bytes):
        """Check the tensors of a file; `start` are its first bytes."""
        _check_length(source, start)
        with _opened(source.path) as file:
            count, dim, self._letters = _checked(source.path, file)
        super().__init__(source.path, count=count, dim=dim)

    def _blocks(self) -> Iterator[Block]:
        start, at_once = 0, max(1, _NUMBERS_AT_ONCE // self.dim)
        with _opened(self.path) as file:
            table, letters, ends = map(file.get_slice, ("vectors", "words", "word_ends"))
            for row in range(0, self.count, at_once):
                until = min(row + at_once, self.count)
                here = np.concatenate(([start], ends[row:until]))
                self._check_ends(here, row)
                end = int(here[-1])
                text = letters[start:end].tobytes() if end > start else b""
                words = [text[one:other] for one, other in pairwise((here - start).tolist())]
                self.share_read = until / self.count
                yield words, partial(self._vectors, table, row)
                start = end
        if start != self._letters:
            raise DataError(
                f"'{self.path}' has {self._letters:,} bytes of words, and its last word ends at"
                f" {start:,}: the file is damaged"
            )

    def _check_ends(self, ends: NDArray[np.int64], row: int) -> None:
        """Refuse words that end before they begin, are too long, or end after the last byte."""
        lengths = np.diff(ends)
        invalid = (lengths < 0) | (lengths > MAX_WORD_BYTES) | (ends[1:] > self._letters)
        if invalid.any():
            first = int(invalid.argmax())
            raise DataError(
                f"'{self.path}' has no word of up to {MAX_WORD_BYTES:,} bytes at row"
                f" {row + first + 1:,} (bytes {int(ends[first]):,} to {int(ends[first + 1]):,} of"
                f" {self._letters:,}): the file is damaged"
            )

    def _vectors(self, table: Any, row: int, places: Sequence[int]) -> NDArray[np.float32]:
        """Read rows of the table, by their offsets from `row`; consecutive rows at once."""
        rows = row + np.asarray(places)
        runs = np.split(rows, np.flatnonzero(np.diff(rows) > 1) + 1)
        vectors: NDArray[np.float32] = np.concatenate(
            [table[int(run[0]) : int(run[-1]) + 1] for run in runs]
        ).astype(np.float32)
        self._check_finite(vectors, lambda i: (int(rows[i]) + 1, self._first_byte(int(rows[i]))))
        return vectors

    def _first_byte(self, row: int) -> int:
        """Return the position of a vector in the file, which the library does not return."""
        with self.path.open("rb") as file:
            length = int.from_bytes(file.read(LENGTH_BYTES), "little")
            entry = json.loads(file.read(length))["vectors"]
        start, end = entry["data_offsets"]
        return int(LENGTH_BYTES + length + start + (end - start) // self.count * row)


def _check_length(source: ByteStream, start: bytes) -> None:
    """Refuse a header that is longer than the file or than the maximum of our files."""
    declared = int.from_bytes(start[:LENGTH_BYTES], "little")
    most = min(source.length - LENGTH_BYTES, LONGEST_HEADER)
    if declared > most:
        raise DataError(
            f"'{source.path}' declares a header of {declared:,} bytes, where up to {most:,} are"
            " possible: it is damaged, or not a file of word vectors"
        )


@contextmanager
def _opened(path: Path) -> Iterator[Any]:
    """Open the file; convert errors of the library to a `DataError`."""
    from safetensors import SafetensorError, safe_open

    try:
        with safe_open(path, framework="numpy") as file:
            yield file
    except SafetensorError as error:
        raise DataError(
            f"'{path}' is a damaged safetensors file ({error}): download it again"
        ) from error


def _checked(path: Path, file: Any) -> tuple[int, int, int]:
    """Check names, types and shapes of tensors; return rows, dimensions and bytes of words."""
    metadata = file.metadata() or {}
    if metadata.get("format") != METADATA["format"]:
        names = ", ".join(f"'{name}'" for name in sorted(file.keys())[:3]) or "nothing"
        raise DataError(
            f"'{path}' is a safetensors file without word vectors (it contains {names}); give one"
            " that 'wordgate vectors convert' wrote, or another format of word vectors"
        )
    if metadata.get("version") != METADATA["version"]:
        raise DataError(
            f"'{path}' has version '{metadata.get('version')}' of the format wordgate-vectors,"
            f" where {METADATA['version']} is known: update wordgate"
        )
    shapes = {}
    for name, types in (("vectors", ("F32", "F16")), ("words", ("U8",)), ("word_ends", ("I64",))):
        if name not in file.keys():  # noqa: SIM118 - the library's object is no mapping
            raise DataError(f"'{path}' lacks the tensor '{name}': the file is damaged")
        tensor = file.get_slice(name)
        shapes[name], found = tensor.get_shape(), tensor.get_dtype()
        rank = 2 if name == "vectors" else 1
        if found not in types or len(shapes[name]) != rank:
            raise DataError(
                f"'{path}' has a tensor '{name}' of type {found} and shape {shapes[name]}, where"
                f" {' or '.join(types)} of {rank} dimension{'s' * (rank > 1)} belongs: the file is"
                " damaged"
            )
    count, dim = shapes["vectors"]
    check_header(path, count, dim)
    if shapes["word_ends"] != [count]:
        raise DataError(
            f"'{path}' has {count:,} vectors and {shapes['word_ends'][0]:,} words: it is damaged"
        )
    return count, dim, shapes["words"][0]
