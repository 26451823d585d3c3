"""Word vectors in text formats: a word and its numbers on each line, separated by single spaces.

The formats of word2vec and fastText begin with a line of rows and dimensions, that of GloVe does
not. Lines of fastText end with a space. A word may contain spaces, so numbers are counted from the
right.
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
_NUMBER_ROOM = 64  # maximum mean bytes of a number; a float64 has up to 25
_IN_NUMBERS = b"0123456789+-.eE "
_SPACE, _BREAK, _RETURN = b" \n\r"
# A last field of a word that looks like one of the numbers: 0.0123, but not version 3.5.
_STRAY_NUMBER = re.compile(rb"[-+]?\d*\.\d{3,}(?:[eE][-+]?\d+)?|[-+]?\d+(?:\.\d+)?[eE][-+]?\d+")


class TextFile(VectorFile):
    """A text file; see `VectorFile`."""

    @property
    def format(self) -> str:  # type: ignore[override]
        """One of `wordgate.vectors.formats.FORMATS`."""
        return "glove" if self.count is None else "word2vec-text"

    def _blocks(self) -> Iterator[Block]:
        for lines in self._line_blocks():
            yield lines.words, partial(self._vectors, lines)

    def _vectors(self, lines: _Lines, picked: Sequence[int]) -> NDArray[np.float32]:
        """Parse the numbers of some lines, float32 [len(picked), dim]."""
        texts = [lines.numbers(i) for i in picked]
        try:
            vectors = _parsed(b" ".join(texts), (len(picked), self.dim))
        except ValueError:
            raise self._no_number(lines, picked, texts) from None
        self._check_finite(vectors, lambda i: lines.place(picked[i]))
        return vectors

    def _no_number(self, lines: _Lines, picked: Sequence[int], texts: list[bytes]) -> DataError:
        """Return the error for the first field that is not a number."""
        i, field = next(
            (i, field)
            for i, text in zip(picked, texts, strict=True)
            for field in text.split(b" ")
            if not _is_number(field)
        )
        row, position = lines.place(i)
        found = shown(field.decode("utf-8", "backslashreplace"), 40)
        return DataError(
            f"'{self.path}' has '{found}' among the numbers of row {row:,} (byte"
            f" {position:,}), where only finite numbers belong, each after one space"
        )

    def _line_blocks(self) -> Iterator[_Lines]:
        """Yield blocks of complete lines, each of which has enough fields."""
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
                lines = self._cut(block[:end], row, position)
                n = len(lines.starts)
                if self.count is not None and row + n > self.count:
                    raise self._too_many(lines.place(self.count - row)[1])
                row += n
                yield lines
            if self.count is not None and row < self.count:
                raise self._too_few(row, source.position)

    def _whole_lines(self, source: ByteStream) -> Iterator[tuple[int, bytes]]:
        """Yield parts of the file that end with a line break, each with its position."""
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

    def _cut(self, block: bytes, row: int, position: int) -> _Lines:
        """Find the ends of the word and the numbers of each line by counting spaces."""
        array = np.frombuffer(block, np.uint8)
        breaks = np.flatnonzero(array == _BREAK)
        spaces = np.flatnonzero(array == _SPACE)
        starts = np.concatenate(([0], breaks[:-1] + 1))
        ends = breaks - (array[breaks - 1] == _RETURN)
        trailing = (array[ends - 1] == _SPACE).astype(np.int64)  # in files of fastText
        twice = (trailing == 1) & (array[np.maximum(ends - 2, 0)] == _SPACE)
        until = np.searchsorted(spaces, breaks)
        in_line = np.diff(until, prepend=0)
        usual = (in_line - trailing == self.dim) & ~twice
        word_ends = starts.copy()
        word_ends[usual] = spaces[(until - self.dim - trailing)[usual]]
        ends -= trailing
        lines = _Lines(block, starts, word_ends, ends, row + 1, position)
        for i in np.flatnonzero(~usual).tolist():
            self._cut_unusual(lines, i)
        self._check_words(lines)
        return lines

    def _cut_unusual(self, lines: _Lines, i: int) -> None:
        """Split a line whose word may contain spaces; refuse too many or too few numbers."""
        start = int(lines.starts[i])
        line = lines.block[start : int(lines.ends[i])].rstrip(b" \r")
        word, *numbers = line.rsplit(b" ", self.dim)
        row, position = lines.place(i)
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
        lines.word_ends[i] = start + len(word)
        lines.ends[i] = start + len(line)

    def _check_words(self, lines: _Lines) -> None:
        too_long = lines.word_ends - lines.starts > MAX_WORD_BYTES
        if too_long.any():
            raise self._no_word(*lines.place(int(too_long.argmax())))

    def _empty_line(self, row: int, position: int) -> DataError:
        return DataError(
            f"'{self.path}' has an empty line after row {row:,} (byte {position:,}), and more rows"
            " below: the file is damaged"
        )


@dataclass
class _Lines:
    """A block of complete lines."""

    block: bytes  # their bytes
    starts: NDArray[np.int64]  # int64 [lines], the offset of each line
    word_ends: NDArray[np.int64]  # int64 [lines], the end of its word
    ends: NDArray[np.int64]  # int64 [lines], the end of its numbers
    row: int  # the 1-based number of the first line in the file
    position: int  # the offset of the block in the file

    @cached_property
    def words(self) -> list[bytes]:
        """Their words."""
        pairs = zip(self.starts.tolist(), self.word_ends.tolist(), strict=True)
        return [self.block[start:end] for start, end in pairs]

    def numbers(self, i: int) -> bytes:
        """Return the text of a line's numbers."""
        return self.block[int(self.word_ends[i]) + 1 : int(self.ends[i])]

    def place(self, i: int) -> tuple[int, int]:
        """Return the row of a line in the file, and its offset in bytes."""
        return self.row + i, self.position + int(self.starts[i])


def has_stray_number(word: bytes) -> bool:
    """Return whether the text before a line's numbers ends with another number."""
    _, space, last = word.rpartition(b" ")
    return bool(space) and _STRAY_NUMBER.fullmatch(last) is not None


def _parsed(text: bytes, shape: tuple[int, ...]) -> NDArray[np.float32]:
    """Parse numbers separated by single spaces; raise ValueError if a field is not a number."""
    # Python's float also accepts ``nan`` and ``1_0``.
    if text.translate(None, _IN_NUMBERS):
        raise ValueError
    numbers = list(map(float, text.split(b" ")))
    with np.errstate(over="ignore"):  # infinities are refused later
        return np.array(numbers, dtype=np.float32).reshape(shape)


def _is_number(field: bytes) -> bool:
    try:
        _parsed(field, (1,))
    except ValueError:
        return False
    return True
