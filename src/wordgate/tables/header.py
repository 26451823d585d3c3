"""Usual names of columns, and detection of headers."""

from __future__ import annotations

import re
from collections.abc import Collection, Sequence
from unicodedata import normalize

from wordgate.runtime.display import counted, shown

TEXT_NAMES = (
    "text", "texts", "tweet", "tweets", "twit", "review", "reviews", "sentence", "message",
    "content", "comment", "body", "post", "utterance", "document", "query", "question",
    "headline", "title", "description", "phrase", "snippet", "sms",
)  # fmt: skip
LABEL_NAMES = (
    "label", "labels", "sentiment", "target", "class", "category", "polarity", "emotion",
    "intent", "rating", "stars", "score", "y",
)  # fmt: skip
CLASS_NAMES = ("label", "labels", "target", "class", "category", "intent")
"""Names of columns whose numbers are classes, even if many; others may be measurements."""
# In this order: names for groups, for identifiers, for authors.
GROUP_NAMES = (
    "group", "groups", "id", "ids", "uid", "uuid", "guid", "no", "number", "thread",
    "conversation", "session", "user", "username", "author", "customer",
)  # fmt: skip
SPLIT_NAMES = ("split", "part", "fold", "subset")
LABEL_VALUES = frozenset(
    (
        "positive", "negative", "neutral", "mixed", "irrelevant", "pos", "neg", "neu", "spam",
        "ham", "toxic", "hate", "offensive", "joy", "anger", "fear", "sadness", "surprise",
        "love", "disgust", "sarcastic",
    )
)  # fmt: skip
KNOWN_NAMES = frozenset((*TEXT_NAMES, *LABEL_NAMES, *GROUP_NAMES, *SPLIT_NAMES))

COMMENT_MARKS = ("#", "%", "//")
"""Prefixes of comment lines before a header."""

_AROUND_NAMES = "\u200b\ufeff \t\r\n\xa0"
_NUMBER = re.compile(r"[-+]?(\d+(?:\.\d*)?|\.\d+)(e[-+]?\d+)?", re.IGNORECASE | re.ASCII)
_NAME_WORD = re.compile(r"[A-Z]?[a-z]+|[A-Z]+|\d+")


def name_key(name: str) -> str:
    """Return a key that is equal for column names that differ only in spaces and Unicode form.

    A letter with an accent has two forms in Unicode (NFC and NFD). Non-breaking spaces and line
    breaks count as spaces.
    """
    return " ".join(normalize("NFC", name.strip(_AROUND_NAMES)).split())


def is_number(cell: str) -> bool:
    """Return whether a cell is a plain number, as in ``2401`` or ``-0.5e3``."""
    return _NUMBER.fullmatch(cell.strip()) is not None


def rank(name: str | None, known: tuple[str, ...]) -> int | None:
    """Return the rank of a column's name among known names: 0 for the first, which is clearest.

    A name matches in full (``label``) or by its last word (``airline_sentiment``, ``tweetId``); a
    full match ranks before any last word. None if the name matches none, or there is no name.
    """
    if name is None:
        return None
    whole = name_key(name).lower()
    if whole in known:
        return known.index(whole)
    words = _NAME_WORD.findall(name)
    if words and words[-1].lower() in known:
        return len(known) + known.index(words[-1].lower())
    return None


# A cell with more words is a text, not a name.
_NAME_WORDS = 8
_NAME_CHARACTERS = 60
_SAMPLE = 2_000
_MOST_BEFORE = 20  # records before a header
_MOST_TITLES = 2  # of them that have as many fields as the header


def infer_header(
    first: Sequence[str], rest: Sequence[Sequence[str]], given: Collection[str]
) -> tuple[bool, str]:
    """Infer from the following records whether the first is a header.

    Args:
        first: The cells of the first record.
        rest: The following records, each as long as `first`.
        given: Column names in the user's options, by `name_key`.

    Returns:
        Whether it is one, and the reason in a clause.
    """
    cells = [cell.strip() for cell in first]
    others = rest[:_SAMPLE]
    if len(cells) > 1 and known_names(cells):  # repeated in concatenated files
        others = [other for other in others if other != first]
    below = [[record[i].strip() for record in others] for i in range(len(cells))]
    named = next((cell for cell in cells if cell and name_key(cell) in given), None)
    if named is not None:
        return True, f"the first record contains the name '{shown(named, 40)}' that was requested"
    return (
        _numbers_below(cells, below, first_is_number=True)
        or _questions(cells, below)
        or _long_cell(cells)
        or _known_names(cells, least=2)
        or _recurs(cells, below)
        or _known_names(cells, least=1)
        or _numbers_below(cells, below, first_is_number=False)
        or _heads_few(cells, below)
        or (False, "the first record looks like the others")
    )


def n_before_header(records: Sequence[Sequence[str]], width: int, given: Collection[str]) -> int:
    """Count the records before a header: comments, titles, empty cells; 0 if no header is found.

    Args:
        records: The first records of a file, of any width.
        width: The most frequent width.
        given: Column names in the user's options, by `name_key`.
    """
    others = 0  # before it that look like records
    first = records[: _MOST_BEFORE + 1]
    is_named_later = any(len(one) == width and len(known_names(one)) >= 2 for one in first)
    for place, record in enumerate(first):
        names = known_names(record)
        if len(record) == width and (len(names) >= 2 or any(name_key(c) in given for c in record)):
            return place
        is_comment = len(record) != width or not names or is_named_later
        is_marked = record[0].startswith(COMMENT_MARKS) and is_comment
        if is_marked or 0 < len(record) < width or not any(cell.strip() for cell in record):
            continue
        uniform = [other for other in records[place + 1 :] if len(other) == width]
        is_plain = any(len(other) == width for other in records[:place])
        if place and not others and len(record) == width and not (is_plain and not names):
            return place if infer_header(record, uniform, given)[0] else 0
        others += 1
        if others > _MOST_TITLES:
            break
    return 0


def resembles_header(
    cells: Sequence[str], others: Sequence[Sequence[str]], given: Collection[str]
) -> bool:
    """Return whether a record is a header, though the others have another width."""
    stripped = [cell.strip() for cell in cells]
    if _long_cell(stripped) or any(map(is_number, stripped)):
        return False
    if known_names(stripped) or not set(given).isdisjoint(map(name_key, stripped)):
        return True
    values = {cell.strip() for record in others[:_SAMPLE] for cell in record}
    return len(cells) > 1 and all(stripped) and values.isdisjoint(stripped)


def _numbers_below(
    cells: list[str], below: list[list[str]], *, first_is_number: bool
) -> tuple[bool, str] | None:
    """Compare the first cell of each numeric column with the others: is it a number, too?"""
    for i, (cell, column) in enumerate(zip(cells, below, strict=True)):
        filled = [value for value in column if value]
        if not cell or not filled or is_number(cell) is not first_is_number:
            continue
        if sum(map(is_number, filled)) < 0.95 * len(filled):
            continue
        if first_is_number:
            return (
                False,
                f"the first record contains the number {cell} in the numeric column {i + 1}",
            )
        return True, f"'{shown(cell, 40)}' is above the numbers of column {i + 1}"
    return None


def _long_cell(cells: list[str]) -> tuple[bool, str] | None:
    for i, cell in enumerate(cells):
        if len(cell.split()) > _NAME_WORDS or len(cell) > _NAME_CHARACTERS:
            return False, f"the first record contains a text, not a name, in column {i + 1}"
    return None


def _questions(cells: list[str], below: list[list[str]]) -> tuple[bool, str] | None:
    """Look for a header of questions, as in surveys; some are as long as texts."""
    if not _long_cell(cells) or _recurs(cells, below):
        return None
    short = [
        place
        for place, cell in enumerate(cells)
        if cell.endswith(("?", "\uff1f", ":")) and not _long_cell([cell])
    ]
    return _numbers_below(cells, below, first_is_number=False) or _heads_few(
        [cells[place] for place in short], [below[place] for place in short], short
    )


def known_names(cells: Sequence[str]) -> list[str]:
    """Return the cells that are known names of columns."""
    return [cell.strip() for cell in cells if name_key(cell).lower() in KNOWN_NAMES]


def _known_names(cells: list[str], least: int) -> tuple[bool, str] | None:
    known = known_names(cells)
    if len(known) < least:
        return None
    return True, f"the first record names columns: {', '.join(known)}"


def _recurs(cells: list[str], below: list[list[str]]) -> tuple[bool, str] | None:
    """Look for a first cell that recurs in its column: it is a value."""
    for i, (cell, column) in enumerate(zip(cells, below, strict=True)):
        if cell and cell in column:
            return False, f"'{shown(cell, 40)}' is a value of column {i + 1} in other records too"
    return None


def _heads_few(
    cells: list[str], below: list[list[str]], places: Sequence[int] | None = None
) -> tuple[bool, str] | None:
    """Look for a first cell that differs from the few, frequent values of its column.

    `places` are the indices of the columns if some are left out.
    """
    filled = [cell for cell in cells if cell]
    if len(set(filled)) < len(filled):
        return None
    numbers = range(len(cells)) if places is None else places
    for i, cell, column in zip(numbers, cells, below, strict=True):
        values = set(column)
        if cell and len(column) >= 3 * len(values) > 0 and cell not in values and len(values) <= 20:
            others = counted(len(values), "other value")
            return True, f"'{shown(cell, 40)}' differs from the {others} in column {i + 1}"
    return None
