"""Parsing of CSV records from lines, in a known dialect."""

from __future__ import annotations

import csv
import re
from collections import Counter
from collections.abc import Collection, Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import cache
from itertools import chain

from wordgate.tables.header import is_number

# Follows the last line that is parsed: if it becomes part of a record, a quote is still open.
_SENTINEL = "end"
NO_DELIMITER = "\udbfc"
"""Represents "no delimiter" (a file of one column); it occurs in no decoded text."""
STAND_INS = "\udbfd\udbfe\udbff"
"""Represent escaped characters while quotes are parsed; they occur in no decoded text."""
_SWAPPED = {ord('"'): "'", ord("'"): '"'}
# The largest value that fits a C long everywhere.
_LARGEST_FIELD = 2**31 - 1
_MOST_VALUES = 100  # distinct values of a column by which records are recognized
_VALUE_WORDS = 3  # maximum mean number of words of such values: longer ones are texts


@dataclass(frozen=True)
class Dialect:
    """The dialect of a CSV file."""

    delimiter: str
    quotes: bool = True  # whether quotes enclose fields; otherwise they are characters
    skips_spaces: bool = False  # whether spaces after a delimiter are ignored
    escapes: bool = False  # whether a backslash escapes a quote, delimiter or backslash
    apostrophes: bool = False  # whether quotes are single

    def line(self) -> str:
        """Describe what is unusual in a clause; return an empty string if nothing is."""
        clauses = [
            "" if self.quotes else "quotes are characters",
            "spaces before fields are ignored" if self.skips_spaces else "",
            rf"\{self.quote} is a quote" if self.escapes else "",
            "fields are in single quotes" if self.apostrophes else "",
        ]
        return ", ".join(filter(None, clauses))

    @property
    def quote(self) -> str:
        """The quote character."""
        return "'" if self.apostrophes else '"'

    def masked(self, text: str) -> str:
        """Replace escaped characters by `STAND_INS`, and swap single and double quotes."""
        if self.escapes:
            text = _escape(self).sub(lambda found: STAND_INS[self._escaped.index(found[1])], text)
        return text.translate(_SWAPPED) if self.apostrophes else text

    def unmasking(self) -> dict[int, str]:
        """Return the table for `str.translate` that undoes `masked`."""
        table = dict(_SWAPPED) if self.apostrophes else {}
        if self.escapes:
            table |= {ord(s): c for s, c in zip(STAND_INS, self._escaped, strict=True)}
        return table

    @property
    def _escaped(self) -> str:
        return f"\\{self.quote}{self.delimiter}"


@cache
def _escape(dialect: Dialect) -> re.Pattern[str]:
    return re.compile(rf"\\([{re.escape(dialect._escaped)}])")


@dataclass(frozen=True)
class Parsed:
    """Records of some lines."""

    records: list[list[str]] = field(default_factory=list)  # fields; an empty list: a blank line
    ends: list[int] = field(default_factory=list)  # the number of lines up to each record's end
    stray: set[int] = field(default_factory=set)  # positions of records with a stray quote

    @property
    def n_lines(self) -> int:
        """The number of parsed lines."""
        return self.ends[-1] if self.ends else 0

    def spans(self, lines: Sequence[str]) -> Iterator[tuple[list[str], Sequence[str]]]:
        """Yield each record with its lines."""
        starts = chain([0], self.ends)
        for record, start, end in zip(self.records, starts, self.ends, strict=False):
            yield record, lines[start:end]


@dataclass(frozen=True)
class Profile:
    """Statistics of records, by which a line is recognized as a complete record."""

    width: int  # the number of fields
    columns: dict[int, frozenset[str] | None]  # the few values of some columns; None for numbers
    by_width: bool  # whether the number of fields alone identifies a record, as with tabs
    opening: bool  # whether each record's line begins with a quote

    @classmethod
    def of(cls, records: Sequence[list[str]], dialect: Dialect, *, opening: bool) -> Profile:
        """Compute the profile of complete records."""
        widths = Counter(map(len, records))
        width = max(widths, key=lambda width: (widths[width], width), default=0)
        uniform = [record for record in records if len(record) == width][1:]  # without a header
        columns: dict[int, frozenset[str] | None] = {}
        for index in range(width if width > 1 else 0):
            cells = [record[index] for record in uniform]
            values = frozenset(cells)
            if cells and sum(map(is_number, cells)) >= 0.95 * len(cells):
                columns[index] = None
            elif _are_few(values, len(cells)):
                columns[index] = values
        return cls(width, columns, dialect.delimiter == "\t", opening)

    def fits(self, cells: Sequence[str]) -> bool:
        """Return whether the fields of a line fit the profile."""
        if len(cells) != self.width or self.width < 2:
            return False
        known = [
            is_number(cells[index]) if values is None else cells[index] in values
            for index, values in self.columns.items()
        ]
        return all(known) and (self.by_width or bool(known))

    def are_records(self, lines: Sequence[str], dialect: Dialect) -> bool:
        """Return whether lines that a quote has joined are single records."""
        fit = [
            (line.startswith('"') or not self.opening) and self.fits(parse_line(line, dialect))
            for line in lines
        ]
        return fit[0] and fit[-1] and 2 * sum(fit) > len(fit)


def _are_few(values: Collection[str], n_cells: int) -> bool:
    """Return whether values are few, short and frequent enough to recognize records by them."""
    n_words = sum(len(value.split()) for value in values)
    is_short = n_words <= _VALUE_WORDS * len(values)
    return len(values) <= _MOST_VALUES and 2 * len(values) <= n_cells and is_short


def parse(
    lines: Sequence[str], dialect: Dialect, profile: Profile | None, *, to_end: bool = False
) -> Parsed:
    """Parse records.

    A quote is a character if it is not closed before a delimiter or the end of a line, or if it
    joins lines that are single records.

    Args:
        lines: The lines with their ends.
        dialect: Their dialect.
        profile: The profile of the records; None if it is not known yet.
        to_end: Whether a quote that is still open at the end is a character, too; otherwise its
            record and the following lines are not parsed.
    """
    parsed = Parsed()
    with _fields_of_any_length():
        while (start := parsed.n_lines) < len(lines):
            is_closed = _parse_from(start, lines, dialect, profile, parsed)
            if not is_closed and not to_end:
                break
            # After a quote that is never closed, no other one is closed either.
            place = parsed.n_lines
            for line in lines[place : place + 1 if is_closed else None]:
                if '"' in line:
                    parsed.stray.add(len(parsed.records))
                parsed.records.append(parse_line(line, dialect) if line.strip("\r\n") else [])
                parsed.ends.append(parsed.n_lines + 1)
    return parsed


def _parse_from(
    start: int, lines: Sequence[str], dialect: Dialect, profile: Profile | None, parsed: Parsed
) -> bool:
    """Parse records up to the first stray quote; return False if a quote is open at the end."""
    following = chain(map(lines.__getitem__, range(start, len(lines))), (_SENTINEL,))
    reader = csv.reader(
        following,
        delimiter=dialect.delimiter,
        skipinitialspace=dialect.skips_spaces,
        quoting=csv.QUOTE_MINIMAL if dialect.quotes else csv.QUOTE_NONE,
        strict=True,
    )
    last = start
    try:
        for record in reader:
            end = start + reader.line_num
            if end > len(lines):  # the sentinel
                return True
            if end - last > 1 and profile and profile.are_records(lines[last:end], dialect):
                return True
            parsed.records.append(record)
            parsed.ends.append(end)
            last = end
    except csv.Error:
        return start + reader.line_num <= len(lines)
    return True


def parse_line(line: str, dialect: Dialect) -> list[str]:
    """Parse the fields of one line; a quote that is not closed in its field is a character."""
    content = line.rstrip("\r\n")
    if not dialect.quotes:
        return content.split(dialect.delimiter)
    field_at, cells, place = _field(dialect).match, [], 0
    while place <= len(content):
        match = field_at(content, place)
        assert match is not None  # noqa: S101 - its last alternative may be empty
        quoted, plain = match.groups()
        cells.append(plain if quoted is None else quoted.replace('""', '"'))
        place = match.end() + 1
    return cells


@cache
def _field(dialect: Dialect) -> re.Pattern[str]:
    delimiter, spaces = re.escape(dialect.delimiter), " *" if dialect.skips_spaces else ""
    quoted = rf'"((?:[^"]|"")*)" *(?={delimiter}|\Z)'
    return re.compile(rf"{spaces}(?:{quoted}|([^{delimiter}]*))")


def format_record(cells: Iterable[str], delimiter: str) -> str:
    """Format a record as CSV, with quotes around cells that need them."""
    special = ('"', "\r", "\n", delimiter)
    return delimiter.join(
        '"' + cell.replace('"', '""') + '"' if any(map(cell.__contains__, special)) else cell
        for cell in cells
    )


@contextmanager
def _fields_of_any_length() -> Iterator[None]:
    """Lift the csv module's limit of 131,072 characters per field in a context."""
    limit = csv.field_size_limit(_LARGEST_FIELD)
    try:
        yield
    finally:
        csv.field_size_limit(limit)
