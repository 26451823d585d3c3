"""Text formats: a word and its numbers on each line, separated by single spaces.

word2vec's and fastText's begin with a line of rows and dimensions, GloVe's does not. fastText ends
its lines with a space. A word can hold spaces, so numbers are counted from the right.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property, partial

import numpy as np
from numpy.typing import NDArray

from wordgate.errors import DataError
from wordgate.runtime.display import shown
from wordgate.vectors.vector_file import (
    MAX_WORD_BYTES,
    Block,
    ByteStream,
    VectorFile,
    open_stream,
)

_ROOM = 2**20  # bytes read at a time
_NUMBER_ROOM = 64  # bytes that one number can take on the average; float64's repr takes 25
_IN_NUMBERS = b"0123456789+-.eE "
_SPACE, _BREAK, _RETURN = b" \n\r"
# A last field of a word that was written as one of the numbers: 0.0123, but not version 3.5.
_STRAY_NUMBER = re.compile(rb"[-+]?\d*\.\d{3,}(?:[eE][-+]?\d+)?|[-+]?\d+(?:\.\d+)?[eE][-+]?\d+")


class TextFile(VectorFile):
    """A text file, see `VectorFile`."""

    @property
    def format(self) -> str:  # type: ignore[override]
        """One of `wordgate.vectors.formats.FORMATS`."""
        return "glove" if self.count is None else "word2vec-text"

    def _blocks(self) -> Iterator[Block]:
        for stretch in self._stretches():
            yield stretch.words, partial(self._vectors, stretch)

    def _vectors(self, stretch: _Stretch, picked: Sequence[int]) -> NDArray[np.float32]:
        """Parse the numbers of some lines, float32 [len(picked), dim]."""
        texts = [stretch.numbers(i) for i in picked]
        try:
            vectors = _parsed(b" ".join(texts), (len(picked), self.dim))
        except ValueError:
            raise self._no_number(stretch, picked, texts) from None
        self._check_finite(vectors, lambda i: stretch.place(picked[i]))
        return vectors

    def _no_number(self, stretch: _Stretch, picked: Sequence[int], texts: list[bytes]) -> DataError:
        """Name the first field that is no number."""
        i, field = next(
            (i, field)
            for i, text in zip(picked, texts, strict=True)
            for field in text.split(b" ")
            if not _is_number(field)
        )
        row, position = stretch.place(i)
        found = shown(field.decode("utf-8", "backslashreplace"), 40)
        return DataError(
            f"'{self.path}' has '{found}' among the numbers of row {row:,} (byte"
            f" {position:,}), where only finite numbers belong, each after one space"
        )

    def _stretches(self) -> Iterator[_Stretch]:
        """Walk the file in whole lines, each of which is known to have enough fields."""
        row, ended = 0, None  # the byte at which empty lines began
        with open_stream(self.path) as source:
            source.read_fully(self._header)
            for position, block in self._whole_lines(source):
                self.share_read = source.share_read
                last = len(block.rstrip(b" \r\n"))
                if last and ended is not None:
                    raise self._empty_line(row, ended)
                end = block.index(b"\n", last) + 1 if last else 0
                if end < len(block) and ended is None:
                    ended = position + end
                if not last:
                    continue
                stretch = self._cut(block[:end], row, position)
                n = len(stretch.starts)
                if self.count is not None and row + n > self.count:
                    raise self._too_many(stretch.place(self.count - row)[1])
                row += n
                yield stretch
            if self.count is not None and row < self.count:
                raise self._too_few(row, source.position)

    def _whole_lines(self, source: ByteStream) -> Iterator[tuple[int, bytes]]:
        """Yield pieces of the file that end with a line break, each with its position."""
        longest = MAX_WORD_BYTES + _NUMBER_ROOM * self.dim
        rest = b""
        while piece := source.read_fully(_ROOM):
            rest += piece
            end = rest.rfind(b"\n") + 1
            if end:
                yield source.position - len(rest), rest[:end]
                rest = rest[end:]
            if len(rest) > longest:
                raise DataError(
                    f"'{self.path}' has a line of more than {longest:,} bytes (at byte"
                    f" {source.position - len(rest):,}), too long for a word and {self.dim:,}"
                    " numbers: the file is damaged"
                )
        if rest:
            yield source.position - len(rest), rest + b"\n"

    def _cut(self, block: bytes, row: int, position: int) -> _Stretch:
        """Find where each line's word and numbers end, counting spaces of all lines at once."""
        array = np.frombuffer(block, np.uint8)
        breaks = np.flatnonzero(array == _BREAK)
        spaces = np.flatnonzero(array == _SPACE)
        starts = np.concatenate(([0], breaks[:-1] + 1))
        ends = breaks - (array[breaks - 1] == _RETURN)
        trailing = (array[ends - 1] == _SPACE).astype(np.int64)  # as fastText has it
        twice = (trailing == 1) & (array[np.maximum(ends - 2, 0)] == _SPACE)
        until = np.searchsorted(spaces, breaks)
        in_line = np.diff(until, prepend=0)
        usual = (in_line - trailing == self.dim) & ~twice
        word_ends = starts.copy()
        word_ends[usual] = spaces[(until - self.dim - trailing)[usual]]
        ends -= trailing
        stretch = _Stretch(block, starts, word_ends, ends, row + 1, position)
        for i in np.flatnonzero(~usual).tolist():
            self._cut_unusual(stretch, i)
        self._check_words(stretch)
        return stretch

    def _cut_unusual(self, stretch: _Stretch, i: int) -> None:
        """Cut a line whose word may hold spaces; refuse one with too many or few numbers."""
        start = int(stretch.starts[i])
        line = stretch.block[start : int(stretch.ends[i])].rstrip(b" \r")
        word, *numbers = line.rsplit(b" ", self.dim)
        row, position = stretch.place(i)
        if not line:
            raise self._empty_line(row - 1, position)
        if len(numbers) < self.dim:
            raise DataError(
                f"'{self.path}' has {len(numbers):,} of {self.dim:,} numbers in row {row:,}"
                f" (byte {position:,}): the file is damaged or cut off"
            )
        if has_stray_number(word):
            raise DataError(
                f"'{self.path}' has more than {self.dim:,} numbers in row {row:,} (byte"
                f" {position:,}), where {self.dim:,} belong: the file is damaged"
            )
        stretch.word_ends[i] = start + len(word)
        stretch.ends[i] = start + len(line)

    def _check_words(self, stretch: _Stretch) -> None:
        too_long = stretch.word_ends - stretch.starts > MAX_WORD_BYTES
        if too_long.any():
            row, position = stretch.place(int(too_long.argmax()))
            raise DataError(
                f"'{self.path}' has no word of up to {MAX_WORD_BYTES:,} bytes at row {row:,} (byte"
                f" {position:,}): the file is damaged"
            )

    def _empty_line(self, row: int, position: int) -> DataError:
        return DataError(
            f"'{self.path}' has an empty line after row {row:,} (byte {position:,}), and more rows"
            " below: the file is damaged"
        )


@dataclass
class _Stretch:
    """Whole lines."""

    block: bytes  # their bytes
    starts: NDArray[np.int64]  # where each begins, int64 [lines]
    word_ends: NDArray[np.int64]  # where its word ends, int64 [lines]
    ends: NDArray[np.int64]  # where its numbers end, int64 [lines]
    row: int  # the number of the first in the file, from 1
    position: int  # the byte of the file at which the block begins

    @cached_property
    def words(self) -> list[bytes]:
        """Their words."""
        pairs = zip(self.starts.tolist(), self.word_ends.tolist(), strict=True)
        return [self.block[start:end] for start, end in pairs]

    def numbers(self, i: int) -> bytes:
        """Return the text of a line's numbers."""
        return self.block[int(self.word_ends[i]) + 1 : int(self.ends[i])]

    def place(self, i: int) -> tuple[int, int]:
        """Return a line's row in the file, and the byte where it begins."""
        return self.row + i, self.position + int(self.starts[i])


def has_stray_number(word: bytes) -> bool:
    """Return whether what stands before a line's numbers ends in one more of them."""
    _, space, last = word.rpartition(b" ")
    return bool(space) and _STRAY_NUMBER.fullmatch(last) is not None


def _parsed(text: bytes, shape: tuple[int, ...]) -> NDArray[np.float32]:
    """Parse numbers that are separated by single spaces; raise ValueError if one is none."""
    # Python's float also takes ``nan`` and ``1_0``.
    if text.translate(None, _IN_NUMBERS):
        raise ValueError
    numbers = list(map(float, text.split(b" ")))
    with np.errstate(over="ignore"):  # the infinity this makes is refused
        return np.array(numbers, dtype=np.float32).reshape(shape)


def _is_number(field: bytes) -> bool:
    try:
        _parsed(field, (1,))
    except ValueError:
        return False
    return True
