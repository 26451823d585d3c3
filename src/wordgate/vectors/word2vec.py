"""word2vec's binary format.

A header line of rows and size; then, for each row, the word, a space and the numbers as
little-endian float32. The C program writes a line break after each vector, which a reader meets
before the next word; GoogleNews and gensim have none. A word can't hold a space.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Iterator
from itertools import accumulate, compress
from pathlib import Path
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

from wordgate.errors import DataError
from wordgate.vectors.block import LONGEST_WORD, Block, check_finite, too_few, too_many
from wordgate.vectors.source import open_source

# Bytes read at a time: a buffer that stays in the processor's cache when words are picked, and
# fewer, larger blocks when every row is kept.
_SWEEP, _GATHER = 2**19, 2**22
_AT_ONCE = (64, 8, 1)  # rows that one match takes
_Finder: TypeAlias = Callable[[bytearray, int, int], "re.Match[bytes] | None"]


class Word2VecFile:
    """A binary file, see `wordgate.vectors.block.VectorFile`."""

    format = "word2vec"

    def __init__(self, path: Path, *, compressed: bool, header: int, count: int, size: int):
        """Take over what recognising the file found; `header` is the bytes of its first line."""
        self.path, self.compressed, self.count, self.size = path, compressed, count, size
        self.share_read = 0.0
        self._header = header

    def wanted(self, words: Collection[bytes]) -> Iterator[tuple[bytes, NDArray[np.float32]]]:
        """Read the vectors of some words, see `VectorFile`."""
        left = set(words)
        for stretch in self._stretches(_SWEEP):
            here = left.intersection(stretch.words)
            if here:
                left -= here
                yield from self._picked(stretch, here)

    def blocks(self) -> Iterator[Block]:
        """Read all rows, see `VectorFile`."""
        for stretch in self._stretches(_GATHER):
            yield Block(stretch.words, self._vectors(stretch, range(len(stretch.words))))

    def rows(self) -> int:
        """Give the rows the header declares."""
        return self.count

    def _picked(
        self, stretch: _Stretch, here: set[bytes]
    ) -> Iterator[tuple[bytes, NDArray[np.float32]]]:
        """Give the first vector of each of some words of a stretch."""
        picked = list(compress(range(len(stretch.words)), map(here.__contains__, stretch.words)))
        if len(picked) > len(here):
            firsts = {stretch.words[i]: i for i in reversed(picked)}
            picked = sorted(firsts.values())
        yield from zip(
            map(stretch.words.__getitem__, picked), self._vectors(stretch, picked), strict=True
        )

    def _vectors(self, stretch: _Stretch, picked: Collection[int]) -> NDArray[np.float32]:
        """Copy vectors out of a stretch, float32 [len(picked), size]."""
        width = 4 * self.size
        after_words = stretch.vector_starts()
        starts = [after_words[i] + i * (width + 1) for i in picked]
        pieces = [stretch.buffer[start : start + width] for start in starts]
        vectors = np.frombuffer(b"".join(pieces), "<f4").astype(np.float32).reshape(-1, self.size)
        rows = list(picked)
        check_finite(
            self.path,
            vectors,
            lambda i: (stretch.row + rows[i], stretch.position + starts[i]),
        )
        return vectors

    def _stretches(self, room: int) -> Iterator[_Stretch]:
        """Walk the file; each stretch is valid until the next is asked for.

        A row longer than the buffer has room for is no row: its word can't be one.
        """
        finders = _finders(self.size)
        longest = LONGEST_WORD + 1 + 4 * self.size
        buffer = bytearray(longest + room)
        view = memoryview(buffer)
        row = held = 0
        with open_source(self.path) as source:
            source.read_fully(self._header)
            while got := source.readinto(view[held : held + room]):
                end = held + got
                position = source.position - end
                words, used = _find_words(finders, buffer, end)
                self.share_read = source.share_read
                if words:
                    letters = b"".join(words)
                    self._check(words, letters, row, position)
                    yield _Stretch(buffer, words, letters, row + 1, position)
                row += len(words)
                held = end - used
                if held > longest:
                    raise self._no_word(row, position + used)
                buffer[:held] = buffer[used:end]
            self._check_end(bytes(buffer[:held]), row, source.position)

    def _check(self, words: list[bytes], letters: bytes, row: int, position: int) -> None:
        """Refuse rows beyond the last, and words that can't be words."""
        if row + len(words) > self.count:
            after = words[: self.count - row]
            at = position + sum(map(len, after)) + len(after) * (4 * self.size + 1)
            raise too_many(self.path, self.count, at)
        if len(letters) > LONGEST_WORD and max(map(len, words)) > LONGEST_WORD:
            first = next(i for i, word in enumerate(words) if len(word) > LONGEST_WORD)
            at = position + sum(map(len, words[:first])) + first * (4 * self.size + 1)
            raise self._no_word(row + first, at)

    def _check_end(self, rest: bytes, row: int, position: int) -> None:
        """Refuse a file that ends within a row, or after more than its rows."""
        if row < self.count:
            raise too_few(self.path, self.count, row, position)
        if rest.strip(b"\r\n"):
            raise too_many(self.path, self.count, position - len(rest))

    def _no_word(self, row: int, position: int) -> DataError:
        return DataError(
            f"'{self.path}' has no word of up to {LONGEST_WORD:,} bytes at row {row + 1:,} (byte"
            f" {position:,}): the file is damaged, or its header has the wrong size"
        )


def _finders(size: int) -> list[_Finder]:
    """Make what finds the words of so many rows that follow one another.

    A regular expression takes the steps from word to word in C: in a loop of Python they would take
    twice the time of all else.
    """
    row = rb"([^ ]*) .{%d}" % (4 * size)
    return [re.compile(row * n, re.DOTALL).match for n in _AT_ONCE]


def _find_words(finders: list[_Finder], buffer: bytearray, end: int) -> tuple[list[bytes], int]:
    """Find the words of the whole rows in a buffer; tell where the last of these rows ends."""
    words: list[bytes] = []
    at = 0
    for find in finders:
        while found := find(buffer, at, end):
            words += found.groups()
            at = found.end()
    return words, at


class _Stretch:
    """Whole rows that stand in the buffer.

    Attributes:
        buffer: Begins with the first row.
        words: Their words, without the line breaks that ended the vectors before them.
        row: The number of the first in the file, from 1.
        position: The byte of the file at which the buffer begins.
    """

    def __init__(
        self, buffer: bytearray, found: list[bytes], letters: bytes, row: int, position: int
    ):
        self.buffer, self.row, self.position = buffer, row, position
        self._found = found
        self.words = [word.lstrip(b"\n") for word in found] if b"\n" in letters else found

    def vector_starts(self) -> list[int]:
        """Tell where vector `i` starts in the buffer, less `i` times a row without its word."""
        return list(accumulate(map(len, self._found), initial=1))[1:]
