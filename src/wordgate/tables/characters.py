"""A text of any length, read a window at a time, and the reader of records from it."""

from __future__ import annotations

import sys
from abc import abstractmethod
from collections.abc import Iterable, Iterator
from itertools import chain
from typing import Generic, TypeVar

from wordgate.errors import DataError
from wordgate.tables.encoding import BYTE_ORDER_MARK, Decoder, Encoding
from wordgate.tables.records import Batch, Reader, Records, gathered
from wordgate.tables.source import Source

WINDOW = 1 << 20
"""Characters that are parsed together, unless a record is longer."""
LARGEST_RECORD = 1 << 23
"""Maximum characters of a record; beyond it, a quote counts as stray, the line is skipped."""
SHOWN_OF_LARGE = 1000
_SAMPLE_IN_MEMORY = 1 << 24


class Characters:
    """A text of any length, of which a part is held at a time.

    Args:
        source: Its bytes.
        encoding: How they are decoded.
        bounded: Whether no record may be longer than `LARGEST_RECORD`, and bytes that can't be
            decoded are kept as marks. Else a record may fill the memory, and such bytes are
            refused or replaced.

    Attributes:
        live: Whether they come through a pipe: where a line has come, none are waited for.
        pending: What has been read and not been dropped.
        ended: Whether nothing follows `pending`.
        position: Characters dropped so far.
        marked: Whether the text began with a byte-order mark, which is no part of it.
    """

    def __init__(self, source: Source, encoding: Encoding, *, bounded: bool):
        self._blocks = source.blocks()
        self._decoder = Decoder(encoding, source.name, marks=bounded)
        self.live = source.path is None and not source.is_whole
        self._begun = False
        self.pending = ""
        self.ended = False
        self.position = 0
        self.marked = encoding.codec in ("utf-8-sig", "utf-16", "utf-32")
        self.bounded = bounded
        self.window = WINDOW
        self.largest = LARGEST_RECORD if bounded else sys.maxsize

    def fill(self, wanted: int) -> None:
        """Read until this many characters are pending, or the end; of a pipe, what comes next."""
        parts, length = [self.pending], len(self.pending)
        while length < wanted and not self.ended:
            part = self._next()
            parts.append(part)
            length += len(part)
            if self.live and part:
                break
        self.pending = "".join(parts)

    def beginning(self) -> str:
        """Return what is pending at first, up to the end of a line where there is more."""
        if not self.pending:
            self.fill(self.window)
        return self.pending if self.ended else self.pending[: self.pending.rfind("\n") + 1 or None]

    def drop(self, count: int) -> None:
        """Drop this many of the pending characters."""
        self.pending = self.pending[count:]
        self.position += count

    def skip_to(self, position: int) -> None:
        """Drop characters up to a position, which lies ahead."""
        while self.position < position:
            self.fill(1)
            if not self.pending:
                return
            self.drop(min(len(self.pending), position - self.position))

    def drop_line(self) -> None:
        r"""Drop characters up to the end of a line, its ``\n`` included, however far that is."""
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
        if text and not self._begun:
            self._begun = True
            # Where the codec has taken a mark off, a second one is a character.
            if not self.marked:
                self.marked = text.startswith(BYTE_ORDER_MARK)
                return text.removeprefix(BYTE_ORDER_MARK)
        return text


class Window:
    """The part of a text that is looked at for the next records, from where they begin.

    What it holds depends on where it begins and on nothing else, so that a reader that begins
    again at the same place finds the same batches: their neighbors move a probability's last bits.
    """

    def __init__(self, characters: Characters):
        self._characters = characters
        self._size = characters.window

    @property
    def at_end(self) -> bool:
        """Whether the text ends with the window."""
        return self._characters.ended and len(self._characters.pending) <= self._size

    def whole_lines(self, *ends: str) -> str:
        r"""Return the lines that are whole; at the end of the text the last one is.

        Args:
            ends: What ends a line, the usual first; a ``\r`` that comes last may be half an end.
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
        """Make the window larger; return whether it could be."""
        characters = self._characters
        held = min(len(characters.pending), self._size)
        if self.at_end or held >= characters.largest:
            return False
        if held == self._size:
            self._size = min(2 * self._size, characters.largest)
        characters.fill(self._size)
        return True


def arriving_lines(parts: Iterable[str], at_most: int) -> Iterator[list[str]]:
    r"""Yield the complete lines of a text without their ``\n``, in chunks of limited size."""
    rest: list[str] = []  # of a line whose end has not come yet
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
    """Reads a table from its characters, whatever the format of its lines.

    It reads at most `batch` lines together; None for all of a window. `encoding` is the name of the
    encoding, for remarks on bytes that don't fit.
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
        """Take the next records out of the characters: those of the window's first lines."""

    def sample(self) -> Records:
        """Return the first records."""
        return gathered(self, self._ahead)

    def batches(self, start: int = 0) -> Iterator[_Records]:
        """Return the records from a position on, as the base class says."""
        ahead, self._ahead = self._ahead, []
        self._characters.skip_to(start)
        for batch in chain(ahead, self._following()):
            if batch.end > start and len(batch):
                yield batch

    def _drop_too_long(self) -> tuple[str, str]:
        """Drop a line that is longer than may be; give its beginning, and why it is rejected."""
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
