"""Word vectors in the binary format of word2vec.

A header line of rows and dimensions; then, for each row, the word, a space and the numbers as
little-endian float32. In files of the C program, a line break follows each vector, which is read as
the beginning of the next word; files of GoogleNews and gensim have none. A word cannot contain a
space.
"""

from __future__ import annotations

import re
import sys
from collections.abc import Callable, Iterator, Sequence
from functools import partial
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

from wordgate.vectors.vector_file import MAX_WORD_BYTES, Block, VectorFile, open_stream

_ROOM = 2**20  # bytes read at a time: a buffer that fits into the processor's cache
_AT_ONCE = 128  # rows per match
_POSSESSIVE = b"+" if sys.version_info >= (3, 11) else b""  # no backtracking is needed
_WRONG_SIZE = ", or its header has the wrong size"
_Finder: TypeAlias = Callable[[bytearray, int, int], "re.Match[bytes] | None"]


class Word2VecFile(VectorFile):
    """A binary file; see `VectorFile`."""

    format = "word2vec"
    count: int

    def _blocks(self) -> Iterator[Block]:
        # A match has a fixed number of rows, so rows at the end of the buffer need more bytes; the
        # last rows of the file are read one by one, and so are rows so long that a match does not
        # fit into the buffer.
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
                    if b"\n" in letters:  # after the previous vectors
                        words = tuple(word.lstrip(b"\n") for word in words)
                    yield words, partial(self._vectors, found, row, position)
                    row += len(words)
                    used = found.end()
                held = end - used
                if held > max(room, longest):
                    if row >= self.count:
                        raise self._too_many(position + used)
                    raise self._no_word(row + 1, position + used, _WRONG_SIZE)
                buffer[:held] = buffer[used:end]
            if row < self.count:
                raise self._too_few(row, source.position)
            if bytes(buffer[:held]).strip(b"\r\n"):
                raise self._too_many(source.position - held)

    def _vectors(
        self, found: re.Match[bytes], row: int, position: int, places: Sequence[int]
    ) -> NDArray[np.float32]:
        """Copy vectors of a match, after this many rows and bytes of the file."""
        starts = [found.end(i + 1) + 1 for i in places]
        copied = bytearray().join(found.string[start : start + 4 * self.dim] for start in starts)
        vectors = np.frombuffer(copied, "<f4").astype(np.float32, copy=False).reshape(-1, self.dim)
        self._check_finite(
            vectors, lambda i: (row + places[i] + 1, position + found.start(places[i] + 1))
        )
        return vectors

    def _check(
        self, words: tuple[bytes, ...], found: re.Match[bytes], row: int, position: int
    ) -> None:
        """Refuse rows after the last declared one, and words that are too long."""
        if row + len(words) > self.count:
            raise self._too_many(position + found.start(self.count - row + 1))
        for i, word in enumerate(words):
            if len(word) > MAX_WORD_BYTES:
                raise self._no_word(row + i + 1, position + found.start(i + 1), _WRONG_SIZE)


def _matches(
    many: _Finder, one: _Finder, buffer: bytearray, end: int, room: int
) -> Iterator[re.Match[bytes]]:
    """Yield matches of complete rows; of single rows only while more than `room` bytes remain."""
    at = 0
    while found := many(buffer, at, end):
        yield found
        at = found.end()
    if end - at > room:
        while found := one(buffer, at, end):
            yield found
            at = found.end()


def _finder(dim: int, rows: int) -> _Finder:
    """Return a function that matches the words of this many consecutive rows."""
    # A regular expression finds the words in C: a loop in Python would take twice the time of
    # everything else.
    row = rb"([^ ]*%b) .{%d}%b" % (_POSSESSIVE, 4 * dim, _POSSESSIVE)
    return re.compile(row * rows, re.DOTALL).match
