"""The dialect of a CSV file, as its first lines tell it: the delimiter, the meaning of quotes."""

from __future__ import annotations

import io
import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import replace
from itertools import islice, product

from wordgate.tables.header import COMMENT_MARKS, known_names
from wordgate.tables.parsing import NO_DELIMITER, STAND_INS, Dialect, Profile, by_itself, parse

# The first wins a tie: a tab hardly ever stands in a text, a comma often.
_CANDIDATES = ("\t", ",", ";", "|")
_RARE = "~^\x01\x1c\x1d\x1e\x1f"  # that hardly stand once in each text
_SAMPLE_CHARACTERS = 65_536
_SAMPLE_RECORDS = 200
_QUOTES_CHARACTERS = 1 << 18  # that tell what quotes mean
_SEPARATOR_LINE = re.compile(r'"?sep=(.)"?\s*', re.IGNORECASE)
_MOST_BEFORE = 20  # lines before the header
_MOSTLY = 0.9


def infer_dialect(text: str, *, is_whole: bool) -> tuple[Dialect, Profile]:
    """Find how records are written, and what they look like, by whole lines of the beginning."""
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
    """Return what records look like by those that are a line each."""
    parsed = parse(lines, dialect, None, to_end=True)
    whole = [
        (record, of[0])
        for place, (record, of) in enumerate(parsed.spans(lines))
        if record and len(of) == 1 and place not in parsed.alone
    ]
    single = [record for record, _ in whole]
    if 2 * len(single) < len(lines):  # a stray quote may have joined the others
        single = [by_itself(line, dialect) for line in lines]
    openings = {line.startswith('"') for _, line in whole[1:]}
    return Profile.of(single, dialect, opening=openings == {True})


def separator_line(line: str) -> str | None:
    """Return the delimiter that a line such as ``sep=;`` names; None where it is no such line."""
    found = _SEPARATOR_LINE.fullmatch(line)
    return None if found is None else found[1]


def _n_marked_lines(lines: Sequence[str]) -> int:
    """Count the first lines that are marked as no records: ``sep=;`` and comments."""
    first = 1 if lines and separator_line(lines[0]) else 0
    count = first
    for line in lines[first : first + _MOST_BEFORE]:
        if not line.startswith(COMMENT_MARKS) and line.strip("\r\n"):
            break
        count += 1
    return count if count < len(lines) else first


def _lines(text: str, length: int, *, is_whole: bool) -> list[str]:
    """Return the lines of the first characters, without a last one that may be incomplete."""
    lines = list(io.StringIO(text[:length], newline=""))
    is_whole = is_whole and len(text) <= length
    return lines if is_whole or len(lines) < 2 or lines[-1].endswith("\n") else lines[:-1]


def _infer_delimiter(lines: list[str]) -> str:
    """Find the delimiter that cuts the first records into equally many fields."""
    named = separator_line(lines[0]) if lines else None
    if named is not None and any(named in line for line in lines[1:]):
        return named
    unmarked = lines[_n_marked_lines(lines) :]
    found = _best_delimiter(unmarked)
    if found == NO_DELIMITER and len(unmarked) < len(lines):  # the mark of a comment may be a text
        found = _best_delimiter(lines)
    return found


def _best_delimiter(lines: list[str]) -> str:
    """Find the delimiter for lines without comments before them."""
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
    return _unusual(lines, best) or best.delimiter


def _uniformity(lines: Sequence[str], dialect: Dialect) -> tuple[list[str], int, float]:
    """Return the first record, the number of fields that most have, and the share of those."""
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
    """Find another delimiter: one that parts the names of a header, or a rare one in each line."""
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
            _, width, share = _uniformity(lines, _with_options(lines, delimiter))
            if width > 1 and share >= (_MOSTLY if is_named else 1):
                return delimiter
    return None


def _is_punctuation(delimiter: str, lines: Sequence[str]) -> bool:
    """Return whether a character stands as in sentences and numbers: ``a lamp, 7,50``."""
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
    """Return whether backslashes before quotes may escape them.

    They stand in a field that other quotes enclose, or the lines have no other quotes.
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
    """Return whether nearly all lines have a field in single quotes, and none in others."""
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
    broken = 0
    for place, (record, of) in enumerate(parsed.spans(lines)):
        is_stray = place in parsed.alone and _has_stray_quote(record)
        is_padded = any(re.match(' +"', cell) for cell in record)  # a quoted field behind spaces
        if record and (len(record) != width or is_stray or is_padded):
            broken += len(of)
    return broken


def _has_stray_quote(record: Sequence[str]) -> bool:
    """Return whether a line that was read by itself has a field that begins with a quote."""
    return any(cell.startswith('"') for cell in record)


def _are_characters(lines: Sequence[str], dialect: Dialect, profile: Profile) -> bool:
    """Return whether quotes can't be meant to enclose fields.

    They can't where they break lines that are whole without them, and no field needs them.
    """
    parsed = parse(lines, dialect, profile, to_end=True)
    stray = quoted = 0
    for place, (record, of) in enumerate(parsed.spans(lines)):
        raw = "".join(of)
        if '"' not in raw:
            continue
        if place not in parsed.alone:
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
    """Return whether a record of one line would be another without its quotes."""
    is_cut = raw.count(dialect.delimiter) >= len(record)
    return is_cut or ('""' in raw and any('"' in cell for cell in record))


def _masked(lines: Sequence[str], dialect: Dialect) -> Sequence[str]:
    return list(map(dialect.masked, lines)) if dialect.escapes or dialect.apostrophes else lines
