"""Reader of CSV and TSV: header, quoted fields over several lines, malformed records."""

from __future__ import annotations

import io
import re
import sys
from collections import Counter
from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass, field
from itertools import islice
from typing import NamedTuple

from wordgate.errors import DataError
from wordgate.runtime.display import counted, shown
from wordgate.tables.characters import WINDOW, Characters, TextReader, Window
from wordgate.tables.dialect import infer_dialect, separator_line
from wordgate.tables.encoding import (
    BYTE_ORDER_MARK,
    escape_undecoded,
    is_writable,
    undecoded_remark,
)
from wordgate.tables.header import infer_header, known_names, n_before_header, resembles_header
from wordgate.tables.parsing import NO_DELIMITER, format_record, parse, parse_line
from wordgate.tables.records import Batch, Cell

_MOSTLY = 0.9
_HEADER_RECORDS = 5_000
_GAP = re.compile(r"\s{2,}|\s*[^\w\s.,'-]+\s*")  # between names that no delimiter separates
_DASHES = re.compile(r" *:?(?:-{2,}|={2,}):? *")  # as databases and Markdown write them
# Before, Python's csv module stops at NUL.
_NUL_IS_READ = sys.version_info >= (3, 11)


@dataclass
class DelimitedBatch(Batch):
    """Records of a CSV file, as lists of cells; a rejected record may have any number of cells."""

    raws: list[str]
    records: list[list[str]] = field(default_factory=list)
    width: int = 0
    stray: set[int] = field(default_factory=set)  # with a stray quote: other readers may fail

    def column(self, index: int) -> list[Cell]:
        """Return a column's cells."""
        if not self.rejected:
            return [record[index] for record in self.records]
        cells = enumerate(self.records)
        return [None if place in self.rejected else record[index] for place, record in cells]

    def whole(self) -> Iterator[int]:
        """Return the positions of the records that are neither blank nor rejected."""
        return (i for i, record in enumerate(self.records) if record and i not in self.rejected)

    def select(self, kept: Sequence[int]) -> None:
        """Keep some of the records."""
        self.rejected = {i: self.rejected[k] for i, k in enumerate(kept) if k in self.rejected}
        self.stray = {i for i, k in enumerate(kept) if k in self.stray}
        self.records = [self.records[i] for i in kept]
        self.raws = [self.raws[i] for i in kept]
        self.lines = [self.lines[i] for i in kept]


class _ParsedStart(NamedTuple):
    """Records at the beginning of a text; an empty list represents a blank line."""

    batch: DelimitedBatch
    length: int  # in characters; 0 if no record is complete
    n_lines: int
    n_parsed: int = 0  # characters, those of incomplete records included


class DelimitedReader(TextReader[DelimitedBatch]):
    """Reads a CSV file from its characters.

    `given` are the column names that the user's flags mention; `header` is None to infer whether
    there is one.

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
        # A blank line of a single column is an empty text if each record needs a result.
        self._keeps_blank = characters.bounded
        beginning = characters.beginning()
        self.marked = characters.marked
        self._dialect, self._profile = infer_dialect(
            _readable(beginning), is_whole=characters.ended
        )
        self._delimiter = self._dialect.delimiter
        self._is_masked = self._dialect.escapes or self._dialect.apostrophes
        self.delimiter = None if self._delimiter == NO_DELIMITER else self._delimiter
        self.quoting = self._dialect.line()
        self.form = "tsv" if self._delimiter == "\t" else "csv"
        first_line = io.StringIO(beginning[:WINDOW], newline="").readline()
        self.end_of_line = "\r\n" if first_line.endswith("\r\n") else "\n"
        self._n_unnamed = 0  # empty fields at the end of each record that the header lacks
        self._is_numbered = False  # whether it lacks a name for row numbers, as in files of R
        self.width = 0  # until it is known
        self.names = None
        is_cut = characters.bounded and not characters.ended
        self._ahead = self._first()
        self._find_header(self._typical_records(is_cut=is_cut), given, header)
        for first in self._ahead:
            self._finish(first)

    def _typical_records(self, *, is_cut: bool) -> list[list[str]]:
        """Return the first records, up to a quote that is not closed."""
        records: list[list[str]] = []
        for batch in self._ahead:
            if is_cut and records and batch.rejected:
                break
            records += [batch.records[i] for i in batch.whole()]
        return records

    def _find_header(
        self, records: Sequence[list[str]], given: Collection[str], header: bool | None
    ) -> None:
        """Find the number of columns, and remove the header, if there is one."""
        if not records:
            raise self._no_records("whole record")
        filled = [record for record in records if "".join(record).strip()] or records
        widths = Counter(map(len, filled))
        n_before, named = 0, self._named_width(filled)
        self.width = max(widths, key=lambda width: (widths[width], width == named, width))
        if header is None:
            n_before = self._n_before(records, given)
        first, *others = records[n_before:]
        self._refuse_unseparated(first)
        self.blank = self._delimiter * (self.width - 1)
        self.header, self.header_reason = header, "known for this data set"
        if header is None:
            uniform = [r for r in others[:_HEADER_RECORDS] if len(r) == self.width]
            first = self._fitted(first, uniform, given, n_before)
        if header is None and len(first) != self.width:
            self.header = False
            self.header_reason = "the first record has another number of fields than most"
        elif header is None:
            self.header, self.header_reason = infer_header(first, uniform, given)
        if not self.header:
            n_before = 1 if self._separator_comes_first() else 0
        skipped = [self._without_first() for _ in range(n_before)]
        self.skipped_lines = len(skipped)
        if skipped:
            lines = ", ".join(repr(escape_undecoded(shown(line, 40))[0]) for line in skipped)
            self.header_reason += f"; left out before it: {counted(len(skipped), 'line')}, {lines}"
        if self.header:
            # A header cell may be empty: pandas writes its index under no name.
            self.names = [escape_undecoded(cell.strip())[0] for cell in first]
            self.heading = self._fitted_heading(escape_undecoded(self._without_first())[0])
            if others and any(others[0]) and all(map(_DASHES.fullmatch, filter(None, others[0]))):
                line = self._without_first()
                self.header_reason += f"; left out below it: {shown(line, 40)!r}"

    def _refuse_unseparated(self, first: list[str]) -> None:
        """Refuse a single column whose name contains the names of several."""
        if self.width > 1:
            return
        for cells, why in (
            (
                _GAP.split(first[0]),
                "no single character separates them in each line: write CSV, or name the character"
                " in a first line such as sep=~",
            ),
            (
                first[0].split(","),
                "its lines have different numbers of fields: put quotes around each cell that"
                " contains ','",
            ),
        ):
            names = known_names(cells)
            if len(set(names)) > 1:  # a text may repeat a word
                raise DataError(f"'{self.name}' names columns ({', '.join(names)}), but {why}")

    def _named_width(self, records: Sequence[list[str]]) -> int:
        """Return the number of fields according to the header; 0 without known names."""
        first, *others = records
        if not known_names(first):
            return 0
        count = max(i for i, cell in enumerate(first, 1) if cell.strip())
        wider = [record for record in others if len(record) > count]
        if any(cell.strip() for record in wider for cell in record[count:]):
            return count
        return max((len(record) for record in wider), default=count)

    def _n_before(self, records: Sequence[list[str]], given: Collection[str]) -> int:
        """Count the records before the header."""
        n_named = 1 if self._separator_comes_first() else 0
        return n_named + n_before_header(records[n_named:], self.width, given)

    def _separator_comes_first(self) -> bool:
        raws = (batch.raws[place] for batch in self._ahead for place in islice(batch.whole(), 1))
        return separator_line(next(raws, "")) is not None

    def _fitted(
        self,
        first: list[str],
        others: Sequence[list[str]],
        given: Collection[str],
        place: int,
    ) -> list[str]:
        """Adapt a header to records that end with more or fewer delimiters than it does."""
        count = len(first)
        if count == self.width or not others:
            return first
        fitted = first
        n_empty = sum(not any(map(str.strip, record[count:])) for record in others)
        if count < self.width and n_empty >= _MOSTLY * len(others):
            fitted = first + [""] * (self.width - count)
        elif not any(map(str.strip, first[self.width :])):
            fitted = first[: self.width]
        if count == self.width - 1 and _are_row_numbers([record[0] for record in others]):
            fitted = ["", *first]
            self._is_numbered = True
        if len(fitted) == self.width and infer_header(fitted, others, given)[0]:
            self._n_unnamed = max(0, self.width - count - self._is_numbered)
            return fitted
        if not resembles_header(first, others, given):
            return first
        fields = "1 field" if count == 1 else f"{count} fields"
        line = [batch.lines[i] for batch in self._ahead for i in batch.whole()][place]
        raise DataError(
            f"'{self.name}', line {line}: the header has {fields}"
            f" ({', '.join(shown(cell.strip(), 40) for cell in first)}), but most records have"
            f" {self.width}: name each column once, and put quotes around each cell that contains"
            f" {self._delimiter!r}"
        )

    def _fitted_heading(self, heading: str) -> str:
        """Return the line of the header with as many fields as the records."""
        heading = self._delimiter * self._is_numbered + heading + self._delimiter * self._n_unnamed
        while heading.count(self._delimiter) >= self.width:
            if not heading.rstrip(" ").endswith(self._delimiter):
                break
            heading = heading.rstrip(" ")[:-1]
        return heading

    def _without_first(self) -> str:
        """Remove the first complete record and the blank lines before it; return its lines."""
        for batch in self._ahead:
            first = next(batch.whole(), None)
            end = len(batch) if first is None else first + 1
            raw = batch.raws[end - 1] if batch.raws else ""
            batch.select([*(i for i in range(end) if i in batch.rejected), *range(end, len(batch))])
            if first is not None:
                return raw
        raise AssertionError("no record is complete")

    def _next(self, window: Window) -> DelimitedBatch:
        """Read the records of the first lines, or one record of as many lines as it needs."""
        most_lines = self._batch if self._characters.position else 1  # which may be a header
        while True:
            text = window.whole_lines("\n", "\r")
            start = self._blank_lines(text) or self._records(text, most_lines)
            if start.length:
                break
            if start.n_parsed < len(text):
                most_lines *= 2
            elif not window.grow():
                start = self._line_by_line(text, ended=window.at_end) if text else self._too_long()
                break
        self._characters.drop(start.length)
        self._line += start.n_lines
        start.batch.end = self._characters.position
        if self.width:
            self._finish(start.batch)
        return start.batch

    def _blank_lines(self, text: str) -> _ParsedStart | None:
        """Read all blank lines at the beginning, if they are not records."""
        length = len(text) - len(text.lstrip("\r\n"))
        if not length or (self.width == 1 and self._keeps_blank):
            return None
        n_lines = sum(1 for _ in io.StringIO(text[:length], newline=""))
        count = 0 if self.width else n_lines  # which may be texts
        lines = range(self._line, self._line + count)
        return _ParsedStart(
            DelimitedBatch([""] * count, lines, records=[[]] * count), length, n_lines
        )

    def _records(self, text: str, most_lines: int) -> _ParsedStart:
        lines = list(islice(io.StringIO(text, newline=""), most_lines))
        readable, nul = self._parseable(lines)
        parsed = parse(readable, self._dialect, self._profile)
        last = parsed.n_lines
        n_parsed = sum(map(len, lines))
        length = n_parsed if last == len(lines) else sum(map(len, lines[:last]))
        if last == len(parsed.records):  # one line per record
            numbers: Sequence[int] = range(self._line, self._line + last)
            raws = [line.rstrip("\r\n") for line in lines[:last]]
        else:
            spans = [slice(*span) for span in zip([0, *parsed.ends], parsed.ends, strict=False)]
            numbers = [self._line + span.start for span in spans]
            raws = ["".join(lines[span]).rstrip("\r\n") for span in spans]
        cells = self._cells(parsed.records, nul)
        batch = DelimitedBatch(raws, numbers, records=cells, stray=parsed.stray)
        return _ParsedStart(batch, length, last, n_parsed)

    def _line_by_line(self, text: str, *, ended: bool) -> _ParsedStart:
        """Reject a line with a stray quote, and read the following lines one by one."""
        # Any later quote that is not closed on its line is stray, too: it would have closed the
        # first.
        lines = list(islice(io.StringIO(text, newline=""), self._batch))
        readable, nul = self._parseable(lines)
        raws = [line.rstrip("\r\n") for line in lines]
        batch = DelimitedBatch(raws, range(self._line, self._line + len(lines)))
        length = 0
        for place, line in enumerate(lines):
            parsed = parse([readable[place]], self._dialect, self._profile)
            if parsed.stray:
                batch.stray.add(place)
            records = parsed.records
            if not records and self._are_records(readable[place : place + 2]):
                batch.stray.add(place)
                records = [parse_line(readable[place], self._dialect)]
            elif not records:
                limit = self._characters.largest - length
                within = "never closed" if ended else f"not closed in {limit:,} characters"
                batch.rejected[place] = f"a quote is opened and {within}"
            batch.records += self._cells(records, nul) or [[]]
            length += len(line)
        return _ParsedStart(batch, length, len(lines))

    def _are_records(self, lines: Sequence[str]) -> bool:
        """Return whether a tab-separated line with a stray quote, and the next, are records."""
        is_known = len(lines) > 1 and self._profile.by_width
        return is_known and self._profile.are_records(lines, self._dialect)

    def _parseable(self, lines: list[str]) -> tuple[list[str], str | None]:
        """Replace what the csv module would misread; return the replacement of NUL, too."""
        if self._is_masked:
            lines = list(map(self._dialect.masked, lines))
        if _NUL_IS_READ or not any("\0" in line for line in lines):
            return lines, None
        nul = _unused_character("".join(lines))
        return [line.replace("\0", nul) for line in lines], nul

    def _cells(self, records: list[list[str]], nul: str | None) -> list[list[str]]:
        """Undo the replacements of `_parseable`."""
        if not (self._is_masked or nul):
            return records
        table = self._dialect.unmasking()
        if nul is not None:
            table[ord(nul)] = "\0"
        return [[cell.translate(table) for cell in record] for record in records]

    def _too_long(self) -> _ParsedStart:
        start, why = self._drop_too_long()
        batch = DelimitedBatch([start], [self._line], rejected={0: why}, records=[[]])
        return _ParsedStart(batch, 0, 1)

    def _finish(self, batch: DelimitedBatch) -> None:
        """Remove blank lines, and reject records of another width."""
        batch.width = self.width
        if not all(batch.records):
            if self.width == 1 and self._keeps_blank:
                batch.records = [record or [""] for record in batch.records]
            else:
                batch.select([i for i, r in enumerate(batch.records) if r or i in batch.rejected])
        if self._characters.bounded and not is_writable("".join(batch.raws)):
            self._escape_undecoded(batch)
        if self._n_unnamed:
            self._reject_further_fields(batch)
        if self.names and sum(map(bool, self.names)) > 1:
            self._reject_further_headers(batch, self.names)
        if not {self.width}.issuperset(map(len, batch.records)):
            for place, record in enumerate(batch.records):
                if (count := len(record)) != self.width:
                    fields = "1 field" if count == 1 else f"{count} fields"
                    batch.rejected.setdefault(place, f"{fields} instead of {self.width}")

        for place in batch.stray.difference(batch.rejected):
            batch.raws[place] = format_record(batch.records[place], self._delimiter)

    def _reject_further_fields(self, batch: DelimitedBatch) -> None:
        """Reject records with more non-empty fields than the header names."""
        count = self.width - self._n_unnamed
        empty = "an empty one" if self._n_unnamed == 1 else f"{self._n_unnamed} empty ones"
        for place, record in enumerate(batch.records):
            if len(record) == self.width and any(map(str.strip, record[count:])):
                why = f"{self.width} fields instead of {count} and {empty}"
                batch.rejected.setdefault(place, why)

    def _reject_further_headers(self, batch: DelimitedBatch, names: list[str]) -> None:
        """Reject further copies of the header, as in concatenated files."""
        for place, record in enumerate(batch.records):
            if record and record[-1].strip() == names[-1]:
                first, *others = record
                if [first.strip(f'{BYTE_ORDER_MARK}" '), *map(str.strip, others)] == names:
                    batch.rejected.setdefault(place, "repeated header")

    def _escape_undecoded(self, batch: DelimitedBatch) -> None:
        for place, raw in enumerate(batch.raws):
            batch.raws[place], count = escape_undecoded(raw)
            if count:
                batch.records[place] = [escape_undecoded(cell)[0] for cell in batch.records[place]]
                batch.undecoded[place] = undecoded_remark(count, self._encoding)


def _are_row_numbers(cells: Sequence[str]) -> bool:
    """Return whether the cells are 1, 2, 3 and so on."""
    return len(cells) > 1 and all(cell == str(i) for i, cell in enumerate(cells, 1))


def _readable(text: str) -> str:
    """Replace NUL if this Python's csv module cannot read it."""
    return text if _NUL_IS_READ else text.replace("\0", _unused_character(text))


def _unused_character(text: str) -> str:
    """Return a character that does not occur in a text."""
    return next((chr(c) for c in range(0xFDD0, 0xFDF0) if chr(c) not in text), "\ufffd")
