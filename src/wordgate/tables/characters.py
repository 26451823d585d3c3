"""Text of any length, of which a window is in memory, and the base class of its readers."""

from __future__ import annotations

import sys
from abc import abstractmethod
from collections.abc import Iterable, Iterator
from itertools import chain
from typing import Generic, TypeVar

from wordgate.errors import DataError
from wordgate.tables.encoding import BYTE_ORDER_MARK, Decoder, Encoding
from wordgate.tables.records import Batch, Reader, Records, collect_records
from wordgate.tables.source import Source

WINDOW = 1 << 20
"""Number of characters that are parsed together, unless a record is longer."""
LARGEST_RECORD = 1 << 23
"""Maximum characters of a record; in a longer one a quote counts as stray, the line is skipped."""
SHOWN_OF_LARGE = 1000
_SAMPLE_IN_MEMORY = 1 << 24


class Characters:
    """Text of any length, of which only a part is in memory.

    Args:
        source: The bytes.
        encoding: Their encoding.
        bounded: Whether a record is limited to `LARGEST_RECORD` characters, and bytes that cannot
            be decoded are kept as lone surrogates. Otherwise a record may fill the memory, and such
            bytes are refused or replaced.

    Attributes:
        live: Whether the bytes come from a pipe; then a complete line is used without waiting for
            more.
        pending: The characters that were read and not yet dropped.
        ended: Whether nothing follows `pending`.
        position: Number of characters dropped so far.
        marked: Whether the text began with a byte-order mark, which is removed.
    """

    def __init__(self, source: Source, encoding: Encoding, *, bounded: bool):
        self._blocks = source.blocks()
        self._decoder = Decoder(encoding, source.name, keep_bytes=bounded)
        self.live = source.path is None and not source.is_whole
        self._started = False
        self.pending = ""
        self.ended = False
        self.position = 0
        self.marked = encoding.codec in ("utf-8-sig", "utf-16", "utf-32")
        self.bounded = bounded
        self.window = WINDOW
        self.largest = LARGEST_RECORD if bounded else sys.maxsize

    def fill(self, count: int) -> None:
        """Read until this many characters are pending, or the end; from a pipe, the next block."""
        parts, length = [self.pending], len(self.pending)
        while length < count and not self.ended:
            part = self._next()
            parts.append(part)
            length += len(part)
            if self.live and part:
                break
        self.pending = "".join(parts)

    def beginning(self) -> str:
        """Return the first characters of the text, in complete lines if there are more."""
        if not self.pending:
            self.fill(self.window)
        return self.pending if self.ended else self.pending[: self.pending.rfind("\n") + 1 or None]

    def drop(self, count: int) -> None:
        """Drop this many pending characters."""
        self.pending = self.pending[count:]
        self.position += count

    def skip_to(self, position: int) -> None:
        """Drop characters up to a later position."""
        while self.position < position:
            self.fill(1)
            if not self.pending:
                return
            self.drop(min(len(self.pending), position - self.position))

    def drop_line(self) -> None:
        r"""Drop characters up to and including the next ``\n``, which may not be pending yet."""
        while True:
            end = self.pending.find("\n") + 1
            self.drop(end or len(self.pending))
            if end or self.ended:
                return
            self.fill(1)

    def _next(self) -> str:
        block = next(self._blocks, None)
        self.ended = block is None
        text = self._decoder.decode(block)
        if text and not self._started:
            self._started = True
            # If the codec has removed a mark, a second one is a character.
            if not self.marked:
                self.marked = text.startswith(BYTE_ORDER_MARK)
                return text.removeprefix(BYTE_ORDER_MARK)
        return text


class Window:
    """The part of a text from which the next records are read.

    Its content depends only on its position, so that a reader that restarts at the same position
    returns the same batches: the texts of a batch affect the last bits of each other's
    probabilities.
    """

    def __init__(self, characters: Characters):
        self._characters = characters
        self._size = characters.window

    @property
    def at_end(self) -> bool:
        """Whether the text ends with the window."""
        return self._characters.ended and len(self._characters.pending) <= self._size

    def whole_lines(self, *ends: str) -> str:
        r"""Return the complete lines of the window; the last line of the text is complete.

        Args:
            ends: The line ends, the usual one first; a last ``\r`` may be part of a ``\r\n``.
        """
        text = self._characters.pending[: self._size]
        if self.at_end:
            return text
        for end in ends:
            last = text.rfind(end, 0, len(text) - (end == "\r"))
            if last >= 0:
                return text[: last + 1]
        return ""

    def grow(self) -> bool:
        """Enlarge the window; return False if it is at its maximum or at the end of the text."""
        characters = self._characters
        length = min(len(characters.pending), self._size)
        if self.at_end or length >= characters.largest:
            return False
        if length == self._size:
            self._size = min(2 * self._size, characters.largest)
        characters.fill(self._size)
        return True


def arriving_lines(parts: Iterable[str], at_most: int) -> Iterator[list[str]]:
    r"""Yield the complete lines of a text without their ``\n``, in chunks of limited size."""
    rest: list[str] = []  # of an incomplete line
    for part in parts:
        *lines, last = part.split("\n")
        if lines:
            lines[0] = "".join([*rest, lines[0]])
            rest = []
        if last:
            rest.append(last)
        for start in range(0, len(lines), at_most):
            yield lines[start : start + at_most]
    if rest:
        yield ["".join(rest)]


_Records = TypeVar("_Records", bound=Batch)


class TextReader(Reader, Generic[_Records]):
    """Base class of readers of text.

    A batch has at most `batch` lines; None for all lines of a window. `encoding` is the name of the
    encoding, for remarks on bytes that cannot be decoded.
    """

    def __init__(self, characters: Characters, name: str, encoding: str, batch: int | None):
        self.name = name
        self._characters = characters
        self._encoding = encoding
        self._batch = batch or sys.maxsize
        self._line = 1
        self._ahead: list[_Records] = []

    @abstractmethod
    def _next(self, window: Window) -> _Records:
        """Read the records of the first lines of the window, and drop their characters."""

    def sample(self) -> Records:
        """Return the first records."""
        return collect_records(self, self._ahead)

    def batches(self, start: int = 0) -> Iterator[_Records]:
        """Return the records from a position on; see `Reader.batches`."""
        ahead, self._ahead = self._ahead, []
        self._characters.skip_to(start)
        for batch in chain(ahead, self._following()):
            if batch.end > start and len(batch):
                yield batch

    def _drop_too_long(self) -> tuple[str, str]:
        """Drop a line that is too long; return its beginning, and why it is rejected."""
        start = self._characters.pending[:SHOWN_OF_LARGE]
        self._characters.drop_line()
        return start, (
            f"the line has more than {self._characters.largest:,} characters, of which these are"
            f" the first {SHOWN_OF_LARGE:,}"
        )

    def _no_records(self, what: str) -> DataError:
        for batch in self._ahead:
            for place, why in batch.rejected.items():
                line = batch.lines[place]
                return DataError(f"'{self.name}' contains no {what}; line {line}: {why}")
        return DataError(f"'{self.name}' contains no records: it is empty or blank")

    def _first(self) -> list[_Records]:
        first: list[_Records] = []
        length = len(self._characters.beginning())
        if not self._characters.bounded:
            length = max(length, _SAMPLE_IN_MEMORY)
        while self._characters.position < length and (batch := next(self._following(), None)):
            first.append(batch)
        return first

    def _following(self) -> Iterator[_Records]:
        characters = self._characters
        while True:
            if not (characters.live and "\n" in characters.pending):
                characters.fill(characters.window)
            if not characters.pending:
                return
            yield self._next(Window(characters))
