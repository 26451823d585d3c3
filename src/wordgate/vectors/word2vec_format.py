"""word2vec's binary format.

A header line of rows and dimensions; then, for each row, the word, a space and the numbers as
little-endian float32. The C program writes a line break after each vector, which a reader meets
before the next word; GoogleNews and gensim have none. A word can't hold a space.
"""

from __future__ import annotations

import re
import sys
from collections.abc import Callable, Collection, Iterator
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

from wordgate.errors import DataError
from wordgate.vectors.vector_file import (
    MAX_WORD_BYTES,
    VectorBatch,
    VectorFile,
    check_finite,
    open_stream,
    too_few,
    too_many,
)

_ROOM = 2**20  # bytes read at a time: a buffer that stays in the processor's cache
_AT_ONCE = 128  # rows that one match takes
_WHOLE = b"+" if sys.version_info >= (3, 11) else b""  # no step back is ever needed, nor kept
_GATHERED = 2**20  # numbers of a block
_PICKED = 256  # vectors that are checked together
# Rows that follow one another: their words, without the line breaks that ended the vectors before
# them; the match that found them, whose groups are the words; how many rows stand before them in
# the file; and at which of its bytes the buffer begins.
_Run: TypeAlias = "tuple[tuple[bytes, ...], re.Match[bytes], int, int]"
_Finder: TypeAlias = Callable[[bytearray, int, int], "re.Match[bytes] | None"]


class Word2VecFile(VectorFile):
    """A binary file, see `VectorFile`."""

    format = "word2vec"
    count: int

    def wanted(self, words: Collection[bytes]) -> Iterator[tuple[bytes, NDArray[np.float32]]]:
        """Read the vectors of some words, see `VectorFile`."""
        left = set(frozenset(words))  # a set made of a set is packed tightly: fewer cache misses
        picked = _Gathered(self)
        for run in self._runs():
            here = left.intersection(run[0])
            if here:
                left -= here
                for i in sorted(map(run[0].index, here)):
                    picked.add(run, i)
                if len(picked.words) >= _PICKED:
                    yield from picked.pairs()
        yield from picked.pairs()

    def batches(self) -> Iterator[VectorBatch]:
        """Read all rows, see `VectorFile`."""
        gathered = _Gathered(self)
        for run in self._runs():
            for i in range(len(run[0])):
                gathered.add(run, i)
            if len(gathered.words) * self.dim >= _GATHERED:
                yield gathered.block()
        if gathered.words:
            yield gathered.block()

    def words(self) -> Iterator[list[bytes]]:
        """Read the words alone, see `VectorFile`."""
        for words, *_ in self._runs():
            yield list(words)

    def _runs(self) -> Iterator[_Run]:
        """Walk the file in runs of whole rows; each is valid until the next is asked for."""
        # Runs are of one length, so rows at the buffer's end wait for more; the last rows of the
        # file come one by one, and so do those where the buffer is full of less than a run.
        longest = MAX_WORD_BYTES + 1 + 4 * self.dim
        at_once = max(1, min(_AT_ONCE, _ROOM // (4 * self.dim)))
        many, one = _finder(self.dim, at_once), _finder(self.dim, 1)
        buffer = bytearray(at_once * longest + _ROOM)
        view = memoryview(buffer)
        row = held = 0
        got = 1
        with open_stream(self.path) as source:
            source.read_fully(self._header)
            while got:
                got = source.readinto(view[held : held + _ROOM])
                end, used = held + got, 0
                position = source.position - end
                self.share_read = source.share_read
                room = at_once * longest if got else 0
                for found in _matches(many, one, buffer, end, room):
                    words = found.groups()
                    letters = b"".join(words)
                    if row + len(words) > self.count or len(letters) > MAX_WORD_BYTES:
                        self._check(words, found, row, position)
                    if b"\n" in letters:
                        words = tuple(word.lstrip(b"\n") for word in words)
                    yield words, found, row, position
                    row += len(words)
                    used = found.end()
                held = end - used
                if held > max(room, longest):
                    if row >= self.count:
                        raise too_many(self.path, self.count, position + used)
                    raise self._no_word(row, position + used)
                buffer[:held] = buffer[used:end]
            if row < self.count:
                raise too_few(self.path, self.count, row, source.position)
            if bytes(buffer[:held]).strip(b"\r\n"):
                raise too_many(self.path, self.count, source.position - held)

    def _check(
        self, words: tuple[bytes, ...], found: re.Match[bytes], row: int, position: int
    ) -> None:
        """Refuse rows beyond the last, and words that can't be words."""
        if row + len(words) > self.count:
            raise too_many(self.path, self.count, position + found.start(self.count - row + 1))
        for i, word in enumerate(words):
            if len(word) > MAX_WORD_BYTES:
                raise self._no_word(row + i, position + found.start(i + 1))

    def _no_word(self, row: int, position: int) -> DataError:
        return DataError(
            f"'{self.path}' has no word of up to {MAX_WORD_BYTES:,} bytes at row {row + 1:,} (byte"
            f" {position:,}): the file is damaged, or its header has the wrong size"
        )


class _Gathered:
    """Rows copied out of runs, until they are handed on."""

    def __init__(self, file: Word2VecFile):
        self._file, self._width = file, 4 * file.dim
        self._empty()

    def _empty(self) -> None:
        self.words: list[bytes] = []
        self._vectors: list[bytes] = []
        self._places: list[tuple[int, int]] = []

    def add(self, run: _Run, i: int) -> None:
        """Copy a row."""
        words, found, row, position = run
        start, end = found.span(i + 1)
        self.words.append(words[i])
        self._vectors.append(found.string[end + 1 : end + 1 + self._width])
        self._places.append((row + i + 1, position + start))

    def block(self) -> VectorBatch:
        """Hand on what was gathered, once it is known to be finite."""
        words, places = self.words, self._places
        numbers = np.frombuffer(bytearray().join(self._vectors), "<f4")
        vectors = numbers.astype(np.float32, copy=False).reshape(-1, self._file.dim)
        self._empty()
        check_finite(self._file.path, vectors, places.__getitem__)
        return VectorBatch(words, vectors)

    def pairs(self) -> Iterator[tuple[bytes, NDArray[np.float32]]]:
        """Hand on what was gathered, row by row."""
        block = self.block()
        return zip(block.words, block.vectors, strict=True)


def _matches(
    many: _Finder, one: _Finder, buffer: bytearray, end: int, room: int
) -> Iterator[re.Match[bytes]]:
    """Find whole rows in a buffer, one by one only where more than `room` bytes are left over."""
    at = 0
    while found := many(buffer, at, end):
        yield found
        at = found.end()
    if end - at > room:
        while found := one(buffer, at, end):
            yield found
            at = found.end()


def _finder(dim: int, rows: int) -> _Finder:
    """Make what finds the words of so many rows that follow one another."""
    # A regular expression takes the steps from word to word in C: in a loop of Python they would
    # take twice the time of all else.
    row = rb"([^ ]*%b) .{%d}%b" % (_WHOLE, 4 * dim, _WHOLE)
    return re.compile(row * rows, re.DOTALL).match
