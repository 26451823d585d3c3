"""The dialect of a CSV file: its delimiter, and what quotes, spaces and backslashes mean."""

from __future__ import annotations

import csv
import io
import re
from collections import Counter
from collections.abc import Collection, Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from functools import cache
from itertools import chain, islice, product

from wordgate.tables.header import is_number, known_names

# Stands after the last line that is parsed: swallowed, it tells that a quote is still open.
_SENTINEL = "end"
NO_DELIMITER = "\udbfc"
"""Stands for "no delimiter", as no decoded text holds it: a file of one column, commas included."""
# The first wins a tie: a tab hardly ever stands in a text, a comma often.
_CANDIDATES = ("\t", ",", ";", "|")
_RARE = "~^\x01\x1c\x1d\x1e\x1f"  # that hardly stand once in each text
_SAMPLE_CHARACTERS = 65_536
_SAMPLE_RECORDS = 200
_QUOTES_CHARACTERS = 1 << 18  # that tell what quotes mean
# The largest value that fits a C long everywhere.
_LARGEST_FIELD = 2**31 - 1
_SEPARATOR_LINE = re.compile(r'"?sep=(.)"?\s*', re.IGNORECASE)
_MOST_BEFORE = 20  # lines before the header
_MOSTLY = 0.9
_MOST_VALUES = 100  # of a column by which a record is known
_VALUE_WORDS = 3  # in each, on average: else they are texts


@dataclass(frozen=True)
class Dialect:
    r"""How records are written.

    Attributes:
        delimiter: What separates fields.
        quotes: Whether a quote that opens a field is closed by another; else it is a character.
        skips_spaces: Whether spaces after a delimiter are no part of a field.
        escapes: Whether a quote, a delimiter or a backslash behind a backslash is a character.
        apostrophes: Whether quotes are single ones.
    """

    delimiter: str
    quotes: bool = True
    skips_spaces: bool = False
    escapes: bool = False
    apostrophes: bool = False

    def line(self) -> str:
        """Give what is unusual about it, as a clause; an empty string where nothing is."""
        clauses = [
            "" if self.quotes else "quotes are characters",
            "spaces before fields are ignored" if self.skips_spaces else "",
            rf"\{self.quote} is a quote" if self.escapes else "",
            "fields are in single quotes" if self.apostrophes else "",
        ]
        return ", ".join(filter(None, clauses))

    @property
    def quote(self) -> str:
        """What encloses a field."""
        return "'" if self.apostrophes else '"'

    def masked(self, text: str) -> str:
        """Put stand-ins for escaped characters, and double quotes for the single ones."""
        if self.escapes:
            text = _escape(self).sub(lambda found: _STAND_INS[self._escaped.index(found[1])], text)
        return text.translate(_SWAPPED) if self.apostrophes else text

    def meant(self) -> dict[int, str]:
        """Give what stands in a masked text for what, as `str.translate` takes it."""
        table = dict(_SWAPPED) if self.apostrophes else {}
        if self.escapes:
            table |= {ord(s): c for s, c in zip(_STAND_INS, self._escaped, strict=True)}
        return table

    @property
    def _escaped(self) -> str:
        return f"\\{self.quote}{self.delimiter}"


_STAND_INS = "\udbfd\udbfe\udbff"
"""Stand for escaped characters while quotes are looked for; no decoded text holds them."""
_SWAPPED = {ord('"'): "'", ord("'"): '"'}


@cache
def _escape(dialect: Dialect) -> re.Pattern[str]:
    return re.compile(rf"\\([{re.escape(dialect._escaped)}])")


@dataclass(frozen=True)
class Parsed:
    """Records of some lines.

    Attributes:
        records: Each one's fields; an empty list stands for a blank line.
        ends: The number of lines up to each record's end.
        alone: The places of records with a stray quote: lines that were read by themselves.
    """

    records: list[list[str]] = field(default_factory=list)
    ends: list[int] = field(default_factory=list)
    alone: list[int] = field(default_factory=list)

    @property
    def n_lines(self) -> int:
        """The number of lines that were taken."""
        return self.ends[-1] if self.ends else 0

    def spans(self, lines: Sequence[str]) -> Iterator[tuple[list[str], Sequence[str]]]:
        """Give each record with its lines."""
        starts = chain([0], self.ends)
        for record, start, end in zip(self.records, starts, self.ends, strict=False):
            yield record, lines[start:end]


@dataclass(frozen=True)
class Profile:
    """What records look like, so that a line can be known for a record by itself.

    Attributes:
        width: How many fields they have.
        columns: The values of columns that have few, by index; None where they are numbers.
        by_width: Whether the number of fields alone tells a record, as that of tabs does.
        opening: Whether each record's line begins with a quote.
    """

    width: int
    columns: dict[int, frozenset[str] | None]
    by_width: bool
    opening: bool

    @classmethod
    def of(cls, records: Sequence[list[str]], dialect: Dialect, *, opening: bool) -> Profile:
        """Take the profile of whole records."""
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
        """Tell whether the fields of a line are those of a record."""
        if len(cells) != self.width or self.width < 2:
            return False
        known = [
            is_number(cells[index]) if values is None else cells[index] in values
            for index, values in self.columns.items()
        ]
        return all(known) and (self.by_width or bool(known))

    def are_records(self, lines: Sequence[str], dialect: Dialect) -> bool:
        """Tell whether lines that a quote has joined are records, each by itself."""
        fit = [
            (line.startswith('"') or not self.opening) and self.fits(by_itself(line, dialect))
            for line in lines
        ]
        return fit[0] and fit[-1] and 2 * sum(fit) > len(fit)


def _are_few(values: Collection[str], n_cells: int) -> bool:
    """Tell whether short values stand so often that a record is known by them."""
    n_words = sum(len(value.split()) for value in values)
    is_short = n_words <= _VALUE_WORDS * len(values)
    return len(values) <= _MOST_VALUES and 2 * len(values) <= n_cells and is_short


def parse(
    lines: Sequence[str], dialect: Dialect, profile: Profile | None, *, to_end: bool = False
) -> Parsed:
    """Take records out of lines.

    A quote that is not closed as quotes are, before a delimiter or the end of a line, is a
    character of its line, and so is one that has joined lines that are records by themselves.

    Args:
        lines: With their ends.
        dialect: How they are written.
        profile: What records look like; None where that is unknown yet.
        to_end: Whether a quote that is open at the end is a character, too; else its record and
            what follows are not taken.
    """
    parsed = Parsed()
    with _fields_of_any_length():
        while (start := parsed.n_lines) < len(lines):
            is_closed = _parse_from(start, lines, dialect, profile, parsed)
            if not is_closed and not to_end:
                break
            # What is opened after a quote that is never closed is not closed either.
            place = parsed.n_lines
            for line in lines[place : place + 1 if is_closed else None]:
                if '"' in line:
                    parsed.alone.append(len(parsed.records))
                parsed.records.append(by_itself(line, dialect) if line.strip("\r\n") else [])
                parsed.ends.append(parsed.n_lines + 1)
    return parsed


def _parse_from(
    start: int, lines: Sequence[str], dialect: Dialect, profile: Profile | None, parsed: Parsed
) -> bool:
    """Take records up to the first stray quote; tell whether that is one, or is open at the end."""
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


def by_itself(line: str, dialect: Dialect) -> list[str]:
    """Read a line's fields; a quote that is not closed in its field is a character."""
    content = line.rstrip("\r\n")
    if not dialect.quotes:
        return content.split(dialect.delimiter)
    field_at, cells, place = _field(dialect).match, [], 0
    while place <= len(content):
        found = field_at(content, place)
        assert found is not None  # noqa: S101 - its last alternative may be empty
        quoted, plain = found.groups()
        cells.append(plain if quoted is None else quoted.replace('""', '"'))
        place = found.end() + 1
    return cells


@cache
def _field(dialect: Dialect) -> re.Pattern[str]:
    delimiter, spaces = re.escape(dialect.delimiter), " *" if dialect.skips_spaces else ""
    quoted = rf'"((?:[^"]|"")*)" *(?={delimiter}|\Z)'
    return re.compile(rf"{spaces}(?:{quoted}|([^{delimiter}]*))")


def written(cells: Iterable[str], delimiter: str) -> str:
    """Write a record, so that every reader of CSV finds the same cells."""
    special = ('"', "\r", "\n", delimiter)
    return delimiter.join(
        '"' + cell.replace('"', '""') + '"' if any(map(cell.__contains__, special)) else cell
        for cell in cells
    )


def infer_dialect(text: str, *, is_whole: bool) -> tuple[Dialect, Profile]:
    """Find how records are written, and what they look like.

    Args:
        text: The file's beginning: whole lines.
        is_whole: Whether that is all of the file.
    """
    sample = text[:_SAMPLE_CHARACTERS]
    lines = _lines(sample, is_whole=is_whole and len(sample) == len(text))
    dialect = _infer_delimiter(lines)
    sample = text[:_QUOTES_CHARACTERS]
    lines = _lines(sample, is_whole=is_whole and len(sample) == len(text))
    dialect = _with_options(lines, dialect.delimiter)
    lines = lines[n_marked_lines(lines) :]
    masked = _masked(lines, dialect)
    parsed = parse(masked, dialect, None, to_end=True)
    alone = set(parsed.alone)
    whole = [
        (record, of[0])
        for place, (record, of) in enumerate(parsed.spans(masked))
        if record and len(of) == 1 and place not in alone
    ]
    single = [record for record, _ in whole]
    if 2 * len(single) < len(lines):  # a stray quote may have joined the others
        single = [by_itself(line, dialect) for line in masked]
    openings = {line.startswith('"') for _, line in whole[1:]}
    profile = Profile.of(single, dialect, opening=openings == {True})
    is_enough = is_whole or len(text) >= _SAMPLE_CHARACTERS
    if is_enough and _are_characters(masked, dialect, profile):
        dialect = replace(dialect, quotes=False)
    return dialect, profile


def separator_line(line: str) -> str | None:
    """Give the delimiter that a line such as ``sep=;`` names; None where it is no such line."""
    found = _SEPARATOR_LINE.fullmatch(line)
    return None if found is None else found[1]


def n_marked_lines(lines: Sequence[str]) -> int:
    """Count the first lines that are marked as no records: ``sep=;`` and comments."""
    count = 0
    if lines and separator_line(lines[0]):
        count = 1
    marked = 0
    for line in lines[count : count + _MOST_BEFORE]:
        if not line.startswith("#") and line.strip("\r\n"):
            break
        marked += 1
    return count + (marked if count + marked < len(lines) else 0)


def _lines(text: str, *, is_whole: bool) -> list[str]:
    lines = list(io.StringIO(text, newline=""))
    # The last line may be cut short by the end of the sample.
    return lines if is_whole or len(lines) < 2 or lines[-1].endswith("\n") else lines[:-1]


def _infer_delimiter(lines: list[str]) -> Dialect:
    """Find the delimiter that cuts the first records into equally many fields."""
    named = separator_line(lines[0]) if lines else None
    if named is not None and any(named in line for line in lines[1:]):
        return Dialect(named)
    lines = lines[n_marked_lines(lines) :]
    best, best_share = Dialect(NO_DELIMITER), 0.0
    for delimiter in _CANDIDATES:
        dialect = _with_options(lines, delimiter)
        first, width, share = _uniformity(lines, dialect)
        # Commas also stand in plain sentences, but hardly equally many in each.
        if width < 2 or (share < _MOSTLY and (len(first) != width or share < 0.3)):
            continue
        is_tie = share == best_share and _is_punctuation(best.delimiter, lines)
        if share > best_share or (is_tie and not _is_punctuation(delimiter, lines)):
            best, best_share = dialect, share
    return _unusual(lines, best) or best


def _uniformity(lines: Sequence[str], dialect: Dialect) -> tuple[list[str], int, float]:
    """Give the first record, the number of fields that most have, and the share of those."""
    parsed = parse(_masked(lines, dialect), dialect, None, to_end=True)
    filled = (record for record in parsed.records if "".join(record).strip())
    records = list(islice(filled, _SAMPLE_RECORDS))
    if not records:
        return [], 0, 0.0
    width = Counter(map(len, records)).most_common(1)[0][0]
    records = records[_n_before(records, width) :]
    share = round(sum(len(record) == width for record in records) / len(records), 2)
    return records[0], width, share


def _unusual(lines: Sequence[str], usual: Dialect) -> Dialect | None:
    """Find another delimiter: one that parts the names of a header, or a rare one in each line.

    Args:
        lines: The first of the file.
        usual: Its dialect with a usual delimiter, or none.
    """
    heading = next((line.strip("\r\n") for line in lines if line.strip()), "")
    if known_names(by_itself(heading, usual)):
        return None
    is_none = usual.delimiter == NO_DELIMITER or _is_punctuation(usual.delimiter, lines)
    for delimiter in dict.fromkeys(heading):
        if delimiter.isalnum() or delimiter in (*_CANDIDATES, '"', "'"):
            continue
        cells = list(filter(None, by_itself(heading, Dialect(delimiter))))
        n_known = len(known_names(cells))
        is_named = n_known > 1 and (delimiter != " " or n_known == len(cells))
        if is_named or (is_none and delimiter in _RARE):
            dialect = _with_options(lines, delimiter)
            _, width, share = _uniformity(lines, dialect)
            if width > 1 and share >= (_MOSTLY if is_named else 1):
                return dialect
    return None


def _is_punctuation(delimiter: str, lines: Sequence[str]) -> bool:
    """Tell whether a character stands as in sentences and numbers: ``a lamp, 7,50``."""
    text = "".join(lines)
    spoken = text.count(f"{delimiter} ")
    if delimiter == ",":
        spoken += len(re.findall(r"(?<=\d),(?=\d)", text))
    return spoken >= _MOSTLY * text.count(delimiter)


def _n_before(records: Sequence[Sequence[str]], width: int) -> int:
    """Count the narrower records before one of that width that names columns."""
    for place, record in enumerate(records[: _MOST_BEFORE + 1]):
        if len(record) == width:
            return place if len(known_names(record)) >= min(2, width) else 0
        if len(record) > width:
            break
    return 0


def _with_options(lines: Sequence[str], delimiter: str) -> Dialect:
    """Choose what quotes, spaces and backslashes mean, by what breaks the fewest lines."""
    quotes = "'\"" if _are_in_apostrophes(lines, delimiter) else '"'
    spaced = sum(f"{delimiter} " in line for line in lines)
    may_skip = 2 * spaced >= len(lines) and _holds(lines, [f"{delimiter} {q}" for q in quotes])
    n_escaped = sum(f"\\{delimiter}" in line for line in lines)
    is_rule = n_escaped >= min(2, len(lines) - 1) > 0  # one among many may be a path's end
    may_escape = is_rule or any(_may_escape(quote, lines, delimiter) for quote in quotes)
    ways = product((False, True)[: 1 + may_escape], (False, True)[: 1 + may_skip], quotes)
    dialects = [
        Dialect(delimiter, skips_spaces=skips, escapes=escapes, apostrophes=quote == "'")
        for escapes, skips, quote in ways
    ]
    if len(dialects) == 1:
        return dialects[0]
    return min(dialects, key=lambda dialect: _n_broken(lines, dialect))


def _may_escape(quote: str, lines: Sequence[str], delimiter: str) -> bool:
    """Tell whether backslashes before quotes may escape them.

    They stand in a field that other quotes enclose, or the lines have no other quotes.
    """
    if not _holds(lines, [f"\\{quote}"]):
        return False
    dialect = Dialect(delimiter, escapes=True, apostrophes=quote == "'")
    masked, mark, escaped = "".join(_masked(lines, dialect)), re.escape(delimiter), _STAND_INS[1]
    enclosed = rf'(?:^|[\r{mark}]) *"[^"{escaped}]*{escaped}[^"]*(?:""[^"]*)*" *(?=[{mark}\r\n]|\Z)'
    return '"' not in masked or re.search(enclosed, masked, re.MULTILINE) is not None


def _holds(lines: Sequence[str], parts: Sequence[str]) -> bool:
    return any(part in line for line in lines for part in parts)


def _are_in_apostrophes(lines: Sequence[str], delimiter: str) -> bool:
    """Tell whether nearly all lines have a field in single quotes, and none begins with others."""
    if not lines or any(line.startswith('"') or f'{delimiter}"' in line for line in lines):
        return False
    mark = re.escape(delimiter)
    enclosed = re.compile(rf"(?:^|{mark}) *'(?:.*[^\\])?' *(?:{mark}|$)", re.MULTILINE)
    found = sum(enclosed.search(line) is not None for line in lines)
    return 0 < found >= _MOSTLY * sum(map(bool, map(str.strip, lines[1:])))


def _n_broken(lines: Sequence[str], dialect: Dialect) -> int:
    """Count the records that have another number of fields than most, or a stray quote."""
    parsed = parse(_masked(lines, dialect), dialect, None, to_end=True)
    widths = Counter(map(len, filter(None, parsed.records)))
    width = widths.most_common(1)[0][0] if widths else 0
    alone = set(parsed.alone)
    return sum(
        len(of)
        for place, (record, of) in enumerate(parsed.spans(lines))
        if record
        and (
            len(record) != width
            or (place in alone and _has_stray_quote(record))
            or any(map(_is_padded, record))
        )
    )


def _is_padded(cell: str) -> bool:
    """Tell whether a field is a quoted one behind spaces."""
    return cell.startswith(" ") and cell.lstrip(" ").startswith('"')


def _has_stray_quote(record: Sequence[str]) -> bool:
    """Tell whether a line that was read by itself has a field that begins with a quote."""
    return any(cell.startswith('"') for cell in record)


def _are_characters(lines: Sequence[str], dialect: Dialect, profile: Profile) -> bool:
    """Tell whether quotes can't be meant to enclose fields.

    They can't where they break lines that are whole without them, and no field needs them.
    """
    parsed = parse(lines, dialect, profile, to_end=True)
    alone, stray, quoted = set(parsed.alone), 0, 0
    for place, (record, of) in enumerate(parsed.spans(lines)):
        raw = "".join(of)
        if '"' not in raw:
            continue
        if place not in alone:
            if len(of) > 1 or _needs_quotes(raw, record, dialect):
                return False
            quoted += any(cell.startswith('"') for cell in raw.split(dialect.delimiter))
        elif not _has_stray_quote(record):
            return False
        elif not any(len(cell) > 1 and cell[0] == cell[-1] == '"' for cell in record):
            # Unless the file may have been cut in it.
            is_last = place + 1 == len(parsed.records) and not raw.endswith(("\n", "\r"))
            stray += not is_last and (profile.width == len(record) == 1 or profile.fits(record))
    return stray > quoted


def _needs_quotes(raw: str, record: Sequence[str], dialect: Dialect) -> bool:
    """Tell whether a record of one line would be another without its quotes."""
    is_cut = raw.count(dialect.delimiter) >= len(record)
    return is_cut or ('""' in raw and any('"' in cell for cell in record))


def _masked(lines: Sequence[str], dialect: Dialect) -> Sequence[str]:
    return list(map(dialect.masked, lines)) if dialect.escapes or dialect.apostrophes else lines


@contextmanager
def _fields_of_any_length() -> Iterator[None]:
    """Lift the csv module's limit of 131,072 characters a field, and put it back."""
    before = csv.field_size_limit(_LARGEST_FIELD)
    try:
        yield
    finally:
        csv.field_size_limit(before)
