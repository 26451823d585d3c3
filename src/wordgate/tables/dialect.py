"""Inference of the dialect of a CSV file from its first lines: delimiter and quotes."""

from __future__ import annotations

import io
import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import replace
from itertools import islice, product

from wordgate.tables.header import COMMENT_MARKS, known_names
from wordgate.tables.parsing import NO_DELIMITER, STAND_INS, Dialect, Profile, parse, parse_line

# The first wins a tie: tabs are rare in texts, commas frequent.
_CANDIDATES = ("\t", ",", ";", "|")
_RARE = "~^\x01\x1c\x1d\x1e\x1f"  # characters that hardly occur once in every text
_SAMPLE_CHARACTERS = 65_536
_SAMPLE_RECORDS = 200
_QUOTES_CHARACTERS = 1 << 18  # from which the meaning of quotes is inferred
_SEPARATOR_LINE = re.compile(r'"?sep=(.)"?\s*', re.IGNORECASE)
_MOST_BEFORE = 20  # lines before the header
_MOSTLY = 0.9


def infer_dialect(text: str, *, is_whole: bool) -> tuple[Dialect, Profile]:
    """Infer the dialect and the profile of records from the first complete lines."""
    delimiter = _infer_delimiter(_lines(text, _SAMPLE_CHARACTERS, is_whole=is_whole))
    lines = _lines(text, _QUOTES_CHARACTERS, is_whole=is_whole)
    dialect = _with_options(lines, delimiter)
    masked = _masked(lines[_n_marked_lines(lines) :], dialect)
    profile = _profile(masked, dialect)
    is_enough = is_whole or len(text) >= _SAMPLE_CHARACTERS
    if is_enough and _are_characters(masked, dialect, profile):
        dialect = replace(dialect, quotes=False)
    return dialect, profile


def _profile(lines: Sequence[str], dialect: Dialect) -> Profile:
    """Compute the profile of the records that have one line each."""
    parsed = parse(lines, dialect, None, to_end=True)
    single = [
        (record, own_lines[0])
        for place, (record, own_lines) in enumerate(parsed.spans(lines))
        if record and len(own_lines) == 1 and place not in parsed.stray
    ]
    records = [record for record, _ in single]
    if 2 * len(records) < len(lines):  # a stray quote may have joined the others
        records = [parse_line(line, dialect) for line in lines]
    openings = {line.startswith('"') for _, line in single[1:]}
    return Profile.of(records, dialect, opening=openings == {True})


def separator_line(line: str) -> str | None:
    """Return the delimiter of a line such as ``sep=;``; None for any other line."""
    match = _SEPARATOR_LINE.fullmatch(line)
    return None if match is None else match[1]


def _n_marked_lines(lines: Sequence[str]) -> int:
    """Count the first lines that are marked as something else than records: ``sep=;``, comments."""
    first = 1 if lines and separator_line(lines[0]) else 0
    count = first
    for line in lines[first : first + _MOST_BEFORE]:
        if not line.startswith(COMMENT_MARKS) and line.strip("\r\n"):
            break
        count += 1
    return count if count < len(lines) else first


def _lines(text: str, length: int, *, is_whole: bool) -> list[str]:
    """Return the lines of the first characters, without a last line that may be incomplete."""
    lines = list(io.StringIO(text[:length], newline=""))
    is_whole = is_whole and len(text) <= length
    return lines if is_whole or len(lines) < 2 or lines[-1].endswith("\n") else lines[:-1]


def _infer_delimiter(lines: list[str]) -> str:
    """Find the delimiter that splits the first records into equal numbers of fields."""
    named = separator_line(lines[0]) if lines else None
    if named is not None and any(named in line for line in lines[1:]):
        return named
    unmarked = lines[_n_marked_lines(lines) :]
    best = _best_delimiter(unmarked)
    if best == NO_DELIMITER and len(unmarked) < len(lines):  # comment marks may begin texts
        best = _best_delimiter(lines)
    return best


def _best_delimiter(lines: list[str]) -> str:
    """Find the delimiter for lines without comments before them."""
    best, best_share = Dialect(NO_DELIMITER), 0.0
    for delimiter in _CANDIDATES:
        dialect = _with_options(lines, delimiter)
        first, width, share = _uniformity(lines, dialect)
        # Commas also occur in plain sentences, but hardly in equal numbers.
        if width < 2 or (share < _MOSTLY and (len(first) != width or share < 0.3)):
            continue
        is_tie = share == best_share and _is_punctuation(best.delimiter, lines)
        if share > best_share or (is_tie and not _is_punctuation(delimiter, lines)):
            best, best_share = dialect, share
    return _unusual(lines, best) or best.delimiter


def _uniformity(lines: Sequence[str], dialect: Dialect) -> tuple[list[str], int, float]:
    """Return the first record, the most frequent number of fields, and its share of the records."""
    parsed = parse(_masked(lines, dialect), dialect, None, to_end=True)
    filled = (record for record in parsed.records if "".join(record).strip())
    records = list(islice(filled, _SAMPLE_RECORDS))
    if not records:
        return [], 0, 0.0
    width = Counter(map(len, records)).most_common(1)[0][0]
    records = records[_n_before(records, width) :]
    share = round(sum(len(record) == width for record in records) / len(records), 2)
    return records[0], width, share


def _unusual(lines: Sequence[str], usual: Dialect) -> str | None:
    """Find another delimiter: one that splits a header into known names, or a rare character."""
    heading = next((line.strip("\r\n") for line in lines if line.strip()), "")
    if known_names(parse_line(heading, usual)):
        return None
    is_none = usual.delimiter == NO_DELIMITER or _is_punctuation(usual.delimiter, lines)
    for delimiter in dict.fromkeys(heading):
        if delimiter.isalnum() or delimiter in (*_CANDIDATES, '"', "'"):
            continue
        cells = list(filter(None, parse_line(heading, Dialect(delimiter))))
        n_known = len(known_names(cells))
        is_named = n_known > 1 and (delimiter != " " or n_known == len(cells))
        if is_named or (is_none and delimiter in _RARE):
            _, width, share = _uniformity(lines, _with_options(lines, delimiter))
            if width > 1 and share >= (_MOSTLY if is_named else 1):
                return delimiter
    return None


def _is_punctuation(delimiter: str, lines: Sequence[str]) -> bool:
    """Return whether a character occurs mostly as in sentences and numbers: ``a lamp, 7,50``."""
    text = "".join(lines)
    count = text.count(f"{delimiter} ")
    if delimiter == ",":
        count += len(re.findall(r"(?<=\d),(?=\d)", text))
    return count >= _MOSTLY * text.count(delimiter)


def _n_before(records: Sequence[Sequence[str]], width: int) -> int:
    """Count the narrower records before a header of that width."""
    for place, record in enumerate(records[: _MOST_BEFORE + 1]):
        if len(record) == width:
            return place if len(known_names(record)) >= min(2, width) else 0
        if len(record) > width:
            break
    return 0


def _with_options(lines: Sequence[str], delimiter: str) -> Dialect:
    """Choose the meaning of quotes, spaces and backslashes that breaks the fewest lines."""
    quotes = "'\"" if _are_in_apostrophes(lines, delimiter) else '"'
    spaced = sum(f"{delimiter} " in line for line in lines)
    may_skip = 2 * spaced >= len(lines) and _holds(lines, [f"{delimiter} {q}" for q in quotes])
    n_escaped = sum(f"\\{delimiter}" in line for line in lines)
    is_rule = n_escaped >= min(2, len(lines) - 1) > 0  # a single one may be the end of a path
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
    """Return whether backslashes before quotes may escape them.

    They may if they are inside of a field in quotes, or the lines have no other quotes.
    """
    if not _holds(lines, [f"\\{quote}"]):
        return False
    dialect = Dialect(delimiter, escapes=True, apostrophes=quote == "'")
    masked, mark, escaped = "".join(_masked(lines, dialect)), re.escape(delimiter), STAND_INS[1]
    enclosed = rf'(?:^|[\r{mark}]) *"[^"{escaped}]*{escaped}[^"]*(?:""[^"]*)*" *(?=[{mark}\r\n]|\Z)'
    return '"' not in masked or re.search(enclosed, masked, re.MULTILINE) is not None


def _holds(lines: Sequence[str], parts: Sequence[str]) -> bool:
    return any(part in line for line in lines for part in parts)


def _are_in_apostrophes(lines: Sequence[str], delimiter: str) -> bool:
    """Return whether nearly all lines have a field in single quotes, and none in double quotes."""
    if not lines or any(line.startswith('"') or f'{delimiter}"' in line for line in lines):
        return False
    mark = re.escape(delimiter)
    enclosed = re.compile(rf"(?:^|{mark}) *'(?:.*[^\\])?' *(?:{mark}|$)", re.MULTILINE)
    count = sum(enclosed.search(line) is not None for line in lines)
    return 0 < count >= _MOSTLY * sum(map(bool, map(str.strip, lines[1:])))


def _n_broken(lines: Sequence[str], dialect: Dialect) -> int:
    """Count the lines of records with an unusual number of fields or a stray quote."""
    parsed = parse(_masked(lines, dialect), dialect, None, to_end=True)
    widths = Counter(map(len, filter(None, parsed.records)))
    width = widths.most_common(1)[0][0] if widths else 0
    n_broken = 0
    for place, (record, own_lines) in enumerate(parsed.spans(lines)):
        is_stray = place in parsed.stray and _has_stray_quote(record)
        is_padded = any(re.match(' +"', cell) for cell in record)  # a quoted field after spaces
        if record and (len(record) != width or is_stray or is_padded):
            n_broken += len(own_lines)
    return n_broken


def _has_stray_quote(record: Sequence[str]) -> bool:
    """Return whether a record of one line has a field that begins with a quote."""
    return any(cell.startswith('"') for cell in record)


def _are_characters(lines: Sequence[str], dialect: Dialect, profile: Profile) -> bool:
    """Return whether quotes are characters rather than enclose fields.

    They are if they break lines that are complete records without them, and no field needs them.
    """
    parsed = parse(lines, dialect, profile, to_end=True)
    stray = quoted = 0
    for place, (record, own_lines) in enumerate(parsed.spans(lines)):
        raw = "".join(own_lines)
        if '"' not in raw:
            continue
        if place not in parsed.stray:
            if len(own_lines) > 1 or _needs_quotes(raw, record, dialect):
                return False
            quoted += any(cell.startswith('"') for cell in raw.split(dialect.delimiter))
        elif not _has_stray_quote(record):
            return False
        elif not any(len(cell) > 1 and cell[0] == cell[-1] == '"' for cell in record):
            # Unless the sample may end inside of it.
            is_last = place + 1 == len(parsed.records) and not raw.endswith(("\n", "\r"))
            stray += not is_last and (profile.width == len(record) == 1 or profile.fits(record))
    return stray > quoted


def _needs_quotes(raw: str, record: Sequence[str], dialect: Dialect) -> bool:
    """Return whether a record of one line would have other fields without its quotes."""
    has_delimiter = raw.count(dialect.delimiter) >= len(record)
    return has_delimiter or ('""' in raw and any('"' in cell for cell in record))


def _masked(lines: Sequence[str], dialect: Dialect) -> Sequence[str]:
    return list(map(dialect.masked, lines)) if dialect.escapes or dialect.apostrophes else lines
