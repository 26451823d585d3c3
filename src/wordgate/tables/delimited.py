"""CSV and its kin: delimiter, header, quoted fields over several lines, malformed records."""

from __future__ import annotations

import csv
import io
import sys
from collections import Counter
from collections.abc import Collection, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from itertools import chain, islice
from typing import NamedTuple

from wordgate.errors import DataError
from wordgate.tables.characters import (
    SHOWN_OF_LARGE,
    Characters,
    TextReader,
    Window,
    too_long,
)
from wordgate.tables.encoding import is_writable, misfits, spelled_out
from wordgate.tables.header import infer_header
from wordgate.tables.records import Batch, Cell

# Stands after the last line that is parsed: swallowed, it tells that a quote is still open.
_SENTINEL = "end"
# The unit separator stands for "no delimiter": a file of one column, commas included.
_NO_DELIMITER = "\x1f"
# The first wins a tie: a tab hardly ever stands in a text, a comma often.
_CANDIDATES = ("\t", ",", ";", "|")
_SAMPLE_CHARACTERS = 65_536
_SAMPLE_RECORDS = 200
_HEADER_RECORDS = 5_000
# The largest value that fits a C long everywhere.
_LARGEST_FIELD = 2**31 - 1
# Before, Python's csv module stops at NUL.
_NUL_IS_READ = sys.version_info >= (3, 11)


@dataclass
class DelimitedBatch(Batch):
    """Records of a CSV file, as lists of cells; those of a rejected one are whatever there is."""

    raws: list[str]
    records: list[list[str]] = field(default_factory=list)
    width: int = 0

    def column(self, index: int) -> list[Cell]:
        """Give a column's cells."""
        if not self.rejected:
            return [record[index] for record in self.records]
        cells = enumerate(self.records)
        return [None if place in self.rejected else record[index] for place, record in cells]

    def whole(self) -> Iterator[int]:
        """Give the places of the records that are neither blank nor rejected."""
        return (i for i, record in enumerate(self.records) if record and i not in self.rejected)

    def select(self, kept: Sequence[int]) -> None:
        """Keep some of the records."""
        self.rejected = {i: self.rejected[k] for i, k in enumerate(kept) if k in self.rejected}
        self.records = [self.records[i] for i in kept]
        self.raws = [self.raws[i] for i in kept]
        self.lines = [self.lines[i] for i in kept]


class _Taken(NamedTuple):
    """Records at the beginning of a text; an empty list stands for a blank line."""

    batch: DelimitedBatch
    length: int  # in characters; 0 where no record was whole
    n_lines: int
    looked_at: int = 0  # characters


class DelimitedReader(TextReader[DelimitedBatch]):
    """Reads a CSV file from its characters; the first four arguments are `TextReader`'s.

    Args:
        given: Column names that the user's flags mention.
        header: Whether there is one, where that is known; None to infer it.

    Raises:
        DataError: There are no records.
    """

    def __init__(
        self,
        characters: Characters,
        name: str,
        encoding: str,
        batch: int | None,
        *,
        given: Collection[str],
        header: bool | None,
    ):
        super().__init__(characters, name, encoding, batch)
        # A blank line of a single column holds the place of a text that is empty, where each
        # record has its place in a result.
        self._keeps_blank = characters.bounded
        beginning = characters.beginning()
        self.marked = characters.marked
        self._dialect = _infer_delimiter(_readable(beginning)[0])
        self.delimiter = None if self._dialect == _NO_DELIMITER else self._dialect
        self.form = "tsv" if self._dialect == "\t" else "csv"
        first_line = io.StringIO(beginning[:_SAMPLE_CHARACTERS], newline="").readline()
        self.end_of_line = "\r\n" if first_line.endswith("\r\n") else "\n"
        self.width = 0  # until it is known
        self.names = None
        is_cut = characters.bounded and not characters.ended
        self._ahead = self._first()
        self._find_header(self._typical_records(is_cut=is_cut), given, header)
        for first in self._ahead:
            self._finish(first)

    def _typical_records(self, *, is_cut: bool) -> list[list[str]]:
        """Give records of the beginning; where it is cut, none after a quote that isn't closed."""
        records: list[list[str]] = []
        for batch in self._ahead:
            if is_cut and records and batch.rejected:
                break
            records += [batch.records[i] for i in batch.whole()]
        return records

    def _find_header(
        self, records: Sequence[list[str]], given: Collection[str], header: bool | None
    ) -> None:
        """Find the number of columns, and take the header out, where there is one."""
        if not records:
            raise self._no_records("whole record")
        first, widths = records[0], Counter(map(len, records))
        self.width = max(widths, key=lambda width: (widths[width], width))
        self.blank = self._dialect * (self.width - 1)
        self.header, self.header_reason = header, "known of this data set"
        if header is None and len(first) != self.width:
            self.header = False
            self.header_reason = "the first record has another number of fields than most"
        elif header is None:
            uniform = [record for record in records[:_HEADER_RECORDS] if len(record) == self.width]
            self.header, self.header_reason = infer_header(first, uniform[1:], given)
        if self.header:
            # A header cell may be empty: pandas writes its index under no name.
            self.names = [spelled_out(cell.strip())[0] for cell in first]
            self.heading = spelled_out(self._without_first())[0]

    def _without_first(self) -> str:
        """Take out the first whole record, and the blank lines before; give it as it stood."""
        for batch in self._ahead:
            first = next(batch.whole(), None)
            end = len(batch) if first is None else first + 1
            raw = batch.raws[end - 1] if batch.raws else ""
            batch.select([*(i for i in range(end) if i in batch.rejected), *range(end, len(batch))])
            if first is not None:
                return raw
        raise AssertionError("no record is whole")

    def _next(self, window: Window) -> DelimitedBatch:
        """Take the records of the first lines, or one by looking at more and more of the text."""
        most_lines = self._batch if self._characters.position else 1  # which may be a header
        while True:
            text = window.whole_lines("\n", "\r")
            taken = self._blank_lines(text) or self._records(text, most_lines)
            if taken.length:
                break
            if taken.looked_at < len(text):
                most_lines *= 2
            elif not window.grow():
                taken = self._given_up(text, ended=window.at_end) if text else self._too_long()
                break
        self._characters.drop(taken.length)
        self._line += taken.n_lines
        taken.batch.end = self._characters.position
        if self.width:
            self._finish(taken.batch)
        return taken.batch

    def _blank_lines(self, text: str) -> _Taken | None:
        """Take all blank lines of the beginning at once, where they are no records."""
        length = len(text) - len(text.lstrip("\r\n"))
        if not length or (self.width == 1 and self._keeps_blank):
            return None
        n_lines = sum(1 for _ in io.StringIO(text[:length], newline=""))
        count = 0 if self.width else n_lines  # which may be texts
        lines = range(self._line, self._line + count)
        return _Taken(DelimitedBatch([""] * count, lines, records=[[]] * count), length, n_lines)

    def _records(self, text: str, most_lines: int) -> _Taken:
        text, nul = _readable(text)
        lines = list(islice(io.StringIO(text, newline=""), most_lines))
        records: list[list[str]] = []
        ends: list[int] = []
        with _fields_of_any_length():
            reader = csv.reader(chain(lines, (_SENTINEL,)), delimiter=self._dialect)
            try:
                for record in reader:
                    records.append(record)
                    ends.append(reader.line_num)
            except csv.Error as error:
                line = self._line + reader.line_num - 1
                raise DataError(f"'{self.name}', line {line}: {error}") from error
        records.pop()  # the sentinel, or what swallowed it
        ends.pop()
        last = ends[-1] if ends else 0
        looked_at = sum(map(len, lines))
        length = looked_at if last == len(lines) else sum(map(len, lines[:last]))
        if last == len(records):  # a line a record
            numbers: Sequence[int] = range(self._line, self._line + last)
            raws = [line.rstrip("\r\n") for line in lines[:last]]
        else:
            places = [slice(*place) for place in zip([0, *ends], ends, strict=False)]
            numbers = [self._line + place.start for place in places]
            raws = ["".join(lines[place]).rstrip("\r\n") for place in places]
        batch = _with_nul(DelimitedBatch(raws, numbers, records=records), nul)
        return _Taken(batch, length, last, looked_at)

    def _given_up(self, text: str, *, ended: bool) -> _Taken:
        """Pass over a line whose quote is stray, and go on after it, line by line."""
        # Whatever quote is opened later in the text, and not closed on its line, is stray, too:
        # the first would have been closed in the same place.
        text, nul = _readable(text)
        lines = list(islice(io.StringIO(text, newline=""), self._batch))
        raws = [line.rstrip("\r\n") for line in lines]
        batch = DelimitedBatch(raws, range(self._line, self._line + len(lines)))
        length = 0
        for place, line in enumerate(lines):
            with _fields_of_any_length():
                record, *others = csv.reader((line, _SENTINEL), delimiter=self._dialect)
            if not others:  # the quote has swallowed the sentinel
                record = []
                left = self._characters.largest - length
                within = "never closed" if ended else f"not closed in {left:,} characters"
                batch.rejected[place] = f"a quote is opened and {within}"
            batch.records.append(record)
            length += len(line)
        return _Taken(_with_nul(batch, nul), length, len(lines))

    def _too_long(self) -> _Taken:
        start = self._characters.pending[:SHOWN_OF_LARGE]
        self._characters.drop_line()
        batch = DelimitedBatch([start], [self._line], records=[[]])
        batch.rejected[0] = too_long(self._characters)
        return _Taken(batch, 0, 1)

    def _finish(self, batch: DelimitedBatch) -> None:
        """Leave out blank lines, and reject records of another width."""
        batch.width = self.width
        if not all(batch.records):
            if self.width == 1 and self._keeps_blank:
                batch.records = [record or [""] for record in batch.records]
            else:
                batch.select([i for i, r in enumerate(batch.records) if r or i in batch.rejected])
        if self._characters.bounded and not is_writable("".join(batch.raws)):
            self._spell_out(batch)
        if not {self.width}.issuperset(map(len, batch.records)):
            for place, record in enumerate(batch.records):
                if (count := len(record)) != self.width:
                    fields = "1 field" if count == 1 else f"{count} fields"
                    batch.rejected.setdefault(place, f"{fields} instead of {self.width}")

    def _spell_out(self, batch: DelimitedBatch) -> None:
        for place, raw in enumerate(batch.raws):
            batch.raws[place], count = spelled_out(raw)
            if count:
                batch.records[place] = [spelled_out(cell)[0] for cell in batch.records[place]]
                batch.misfits[place] = misfits(count, self._encoding)


def _infer_delimiter(text: str) -> str:
    """Find the delimiter that cuts the first records into equally many fields."""
    sample, whole = text[:_SAMPLE_CHARACTERS], len(text) <= _SAMPLE_CHARACTERS
    best, best_share = _NO_DELIMITER, 0.0
    for delimiter in _CANDIDATES:
        with _fields_of_any_length():
            reader = csv.reader(io.StringIO(sample, newline=""), delimiter=delimiter)
            widths = [len(record) for record in islice(reader, _SAMPLE_RECORDS + 1) if record]
        if not whole:
            widths = widths[:-1]  # the last record may be cut short by the end of the sample
        if not widths:
            continue
        width, count = Counter(widths).most_common(1)[0]
        share = round(count / len(widths), 2)
        # Commas also stand in plain sentences, but hardly equally many in each.
        if width < 2 or (share < 0.9 and (widths[0] != width or share < 0.3)):
            continue
        if share > best_share:
            best, best_share = delimiter, share
    return best


def _readable(text: str) -> tuple[str, str | None]:
    """Put a stand-in for NUL where this Python's csv module can't read it; give it, too."""
    if _NUL_IS_READ or "\0" not in text:
        return text, None
    stand_in = next((chr(c) for c in range(0xFDD0, 0xFDF0) if chr(c) not in text), "\ufffd")
    return text.replace("\0", stand_in), stand_in


def _with_nul(batch: DelimitedBatch, nul: str | None) -> DelimitedBatch:
    if nul is not None:
        batch.records = [[cell.replace(nul, "\0") for cell in record] for record in batch.records]
        batch.raws = [raw.replace(nul, "\0") for raw in batch.raws]
    return batch


@contextmanager
def _fields_of_any_length() -> Iterator[None]:
    """Lift the csv module's limit of 131,072 characters a field, and put it back."""
    before = csv.field_size_limit(_LARGEST_FIELD)
    try:
        yield
    finally:
        csv.field_size_limit(before)
