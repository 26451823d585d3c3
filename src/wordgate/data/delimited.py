"""CSV and its kin: delimiter, quoted fields over several lines, malformed records."""

from __future__ import annotations

import csv
import io
from collections import Counter
from collections.abc import Collection, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import chain, islice

from wordgate.data.header import infer_header
from wordgate.data.reading import Malformed
from wordgate.data.records import Records
from wordgate.errors import DataError

SENTINEL = "end"
"""Stands after the last line that is parsed: swallowed, it tells that a quote is still open."""
_NEVER_CLOSED = "a quote is opened and never closed"
# The unit separator stands for "no delimiter": a file of one column, commas included.
NO_DELIMITER = "\x1f"
# The first wins a tie: a tab hardly ever stands in a text, a comma often.
_CANDIDATES = ("\t", ",", ";", "|")
_SAMPLE_CHARACTERS = 65_536
_SAMPLE_RECORDS = 200
# The largest value that fits a C long everywhere.
_LARGEST_FIELD = 2**31 - 1


@dataclass
class _Parsed:
    """Records in order, the line each starts on, and those with a quote left open."""

    records: list[list[str]]
    lines: list[int]
    malformed: list[Malformed]


def read_delimited(
    text: str, name: str, *, given: Collection[str], header: bool | None, cut: bool = False
) -> Records:
    """Read CSV, TSV or the like.

    Args:
        text: The file's characters.
        name: The file, for messages.
        given: Column names that the user's flags mention.
        header: Whether there is one, where that is known; None to infer it.
        cut: Whether these are the first lines of more: then a quote that is open at the end ends
            the records, where there are any.

    Returns:
        The well-formed records by column. Blank lines are no records.

    Raises:
        DataError: No records.
    """
    text, nul = without_nul(text)
    delimiter = _infer_delimiter(text)
    with fields_of_any_length():
        parsed = _parse(text, delimiter, name, cut=cut)
    if not parsed.records:
        raise DataError(_no_records(name, parsed.malformed))
    if nul is not None:
        parsed.records = [[f.replace(nul, "\0") for f in record] for record in parsed.records]
    return _as_columns(parsed, delimiter, given, header)


def _as_columns(
    parsed: _Parsed, delimiter: str, given: Collection[str], header: bool | None
) -> Records:
    width = _usual_width(parsed.records)
    uniform = [record for record in parsed.records[:5_000] if len(record) == width]
    first = parsed.records[0]
    reason = "known of this data set"
    if header is None and len(first) != width:
        header, reason = False, "the first record has another number of fields than most"
    elif header is None:
        header, reason = infer_header(first, uniform[1:], given)
    records, rows, lines, malformed = _sort_out(parsed, width, skip_first=header)
    columns = [list(column) for column in zip(*records, strict=True)]
    return Records(
        format="tsv" if delimiter == "\t" else "csv",
        names=_names(first) if header else None,
        columns=columns or [[] for _ in range(width)],
        rows=rows,
        lines=lines,
        n_read=len(records) + len(malformed),
        malformed=malformed,
        delimiter=None if delimiter == NO_DELIMITER else delimiter,
        header=header,
        header_reason=reason,
    )


def _sort_out(
    parsed: _Parsed, width: int, *, skip_first: bool
) -> tuple[list[list[str]], list[int], list[int], list[Malformed]]:
    """Number all records in the file's order and part the well-formed from the others."""
    broken = sorted(parsed.malformed, key=lambda m: m.line)
    malformed: list[Malformed] = []
    kept: list[list[str]] = []
    rows: list[int] = []
    lines: list[int] = []
    number = passed = 0
    for record, line in zip(parsed.records[skip_first:], parsed.lines[skip_first:], strict=True):
        while passed < len(broken) and broken[passed].line < line:
            malformed.append(broken[passed])
            passed += 1
            number += 1
        number += 1
        if len(record) != width:
            malformed.append(Malformed(line, other_width(len(record), width)))
            continue
        kept.append(record)
        rows.append(number)
        lines.append(line)
    return kept, rows, lines, malformed + broken[passed:]


def other_width(count: int, width: int) -> str:
    """Say that a record has another number of fields than most."""
    return f"{'1 field' if count == 1 else f'{count} fields'} instead of {width}"


def _no_records(name: str, malformed: list[Malformed]) -> str:
    if not malformed:
        return f"'{name}' holds no records: it is empty or blank"
    return f"'{name}' holds no whole record; line {malformed[0].line}: {malformed[0].why}"


def _usual_width(records: list[list[str]]) -> int:
    widths = Counter(map(len, records))
    return max(widths, key=lambda width: (widths[width], width))


def _names(first: list[str]) -> list[str]:
    # A header cell may be empty: pandas writes its index under no name.
    return [cell.strip() for cell in first]


def _parse(text: str, delimiter: str, name: str, *, cut: bool) -> _Parsed:
    """Parse all records; where a quote is never closed, give up one line and go on after it.

    No quote that is opened later, and not closed on its line, is closed either: the one before it
    would have been closed in the same place. So what follows is parsed line by line.
    """
    parsed = _Parsed([], [], [])
    open_line = _parse_whole(text, delimiter, parsed, name)
    if open_line is not None and not (cut and parsed.records):
        parsed.malformed.append(Malformed(open_line, _NEVER_CLOSED))
        _parse_line_by_line(text, open_line, delimiter, parsed)
    return parsed


def _parse_whole(text: str, delimiter: str, parsed: _Parsed, name: str) -> int | None:
    """Add the records of a text to ``parsed``; return the line of a quote left open, if any."""
    lines = io.StringIO(text, newline="")
    reader = csv.reader(chain(lines, (SENTINEL,)), delimiter=delimiter)
    start, before = 0, 0
    try:
        for record in reader:
            start, before = before + 1, reader.line_num
            if record:
                parsed.records.append(record)
                parsed.lines.append(start)
    except csv.Error as error:
        raise DataError(f"'{name}', line {reader.line_num}: {error}") from error
    parsed.records.pop()  # the sentinel, or what swallowed it
    parsed.lines.pop()
    return start if start < before else None


def _parse_line_by_line(text: str, passed: int, delimiter: str, parsed: _Parsed) -> None:
    """Add the records of the lines after so many to ``parsed``, each line by itself."""
    lines = io.StringIO(text, newline="")
    for number, line in enumerate(islice(lines, passed, None), start=passed + 1):
        record = parsed_line(line, delimiter)
        if record is None:
            parsed.malformed.append(Malformed(number, _NEVER_CLOSED))
        elif record:
            parsed.records.append(record)
            parsed.lines.append(number)


def parsed_line(line: str, delimiter: str) -> list[str] | None:
    """Parse one line: an empty list where it is blank, None where it leaves a quote open."""
    record, *others = csv.reader((line, SENTINEL), delimiter=delimiter)
    return record if others else None


def _infer_delimiter(text: str) -> str:
    """Find the delimiter that cuts the first records into equally many fields."""
    sample, whole = text[:_SAMPLE_CHARACTERS], len(text) <= _SAMPLE_CHARACTERS
    best, best_share = NO_DELIMITER, 0.0
    for delimiter in _CANDIDATES:
        widths = _sample_widths(sample, delimiter, whole)
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


def _sample_widths(sample: str, delimiter: str, whole: bool) -> list[int]:
    with fields_of_any_length():
        reader = csv.reader(io.StringIO(sample, newline=""), delimiter=delimiter)
        widths = [len(record) for record in _at_most(reader, _SAMPLE_RECORDS + 1) if record]
    # The last record may be cut short by the end of the sample.
    return widths if whole else widths[:-1]


def _at_most(reader: Iterator[list[str]], count: int) -> list[list[str]]:
    return [record for _, record in zip(range(count), reader)]  # noqa: B905


def without_nul(text: str) -> tuple[str, str | None]:
    """Put a stand-in for NUL, at which Python 3.10's csv module stops.

    Returns:
        The text and the stand-in, a noncharacter that the text does not hold; or the text as it
        was and None.
    """
    if "\0" not in text:
        return text, None
    stand_in = next((chr(c) for c in range(0xFDD0, 0xFDF0) if chr(c) not in text), "\ufffd")
    return text.replace("\0", stand_in), stand_in


@contextmanager
def fields_of_any_length() -> Iterator[None]:
    """Lift the csv module's limit of 131,072 characters a field, and put it back."""
    before = csv.field_size_limit(_LARGEST_FIELD)
    try:
        yield
    finally:
        csv.field_size_limit(before)
