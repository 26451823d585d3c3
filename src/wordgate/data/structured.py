"""Lists, objects and bytes in columns of texts or labels: refused by name."""

from __future__ import annotations

import ast
import json
import re
from collections.abc import Callable, Iterable, Sequence

from wordgate.data.columns import Choice
from wordgate.errors import DataError
from wordgate.runtime.display import shown
from wordgate.tables import Cell, Records, StructuredCell

_MOSTLY = 0.5
_FEWEST = 3  # strings that show what a column holds
_LONGEST = 10_000  # characters that are taken apart
_ARRAY = re.compile(r"\[\s*(?:[-+]?\d[\d.e+-]*\s*)+\]")  # as numpy writes one
_PLURALS = {"a list": "lists", "an object": "objects"}
_TO_DO = {
    "text": "write each text as one string, such as its words with spaces between",
    "label": "give each text one label, as a string or a number, or a list of several",
}


class StructuredColumnError(DataError):
    """A column of texts or labels holds lists or objects."""


def refuse_structured(records: Records, choice: Choice, source: str) -> None:
    """Refuse a column of texts or labels that holds lists or objects.

    Args:
        records: What was read.
        choice: The columns of the text or the label; labels that are no lists of labels.
        source: The source, for messages.

    Raises:
        StructuredColumnError: Most cells of a column are lists or objects; or all are strings that
            hold them as JSON or Python writes them. A text may be an object so written.
    """
    for column in choice.columns:
        cells = records.columns[column.number - 1]
        place = first_structured(cells, choice.role)
        if place is not None:
            cell, line = cells[place] or "", records.lines[place]
            if not isinstance(cell, StructuredCell):
                cell = StructuredCell(cell.strip())
            kind = _PLURALS.get(cell.kind, cell.kind)
            to_do = _TO_DO[choice.role] if cell.kind in _PLURALS else "decode them to strings"
            raise StructuredColumnError(
                f"{records.called(column.number - 1)} of {source}, the {choice.role}, contains"
                f" {kind}, such as {shown(cell, 60)} (line {line}): {to_do}, or name another column"
                f" with --{choice.role}"
            )


def why_structured(cell: object, role: str) -> str | None:
    """Give why a cell can't be a text or a label; None where it is no list or object."""
    if not isinstance(cell, StructuredCell):
        return None
    return f"the {role} is {cell.kind}: {shown(cell, 60)}"


def has_structured(cells: Iterable[object]) -> bool:
    """Tell whether any cell is a list or an object."""
    return any(issubclass(kind, StructuredCell) for kind in set(map(type, cells)))


def first_structured(cells: Sequence[Cell], role: str) -> int | None:
    """Find the first list or object of a column, where most of its cells are such.

    Args:
        cells: The column. Strings count where all of them are lists or objects as JSON or Python
            writes these.
        role: ``"text"`` or ``"label"``. A text may be an object so written.

    Returns:
        Its place; None where there are no such cells, or few.
    """
    if has_structured(cells):
        structured = [i for i, cell in enumerate(cells) if isinstance(cell, StructuredCell)]
        return structured[0] if len(structured) > _MOSTLY * sum(map(bool, cells)) else None
    filled = (place for place, cell in enumerate(cells) if cell and cell.strip())
    opening = ("[", "{", "(") if role == "label" else ("[",)
    places = []
    for place in filled:
        if not _is_source(cells[place] or "", opening):
            return None
        places.append(place)
    return places[0] if len(places) >= _FEWEST else None


def _is_source(cell: str, opening: tuple[str, ...]) -> bool:
    """Tell whether a string is a list or an object as JSON or Python writes it."""
    cell = cell.strip()
    if not cell.startswith(opening) or not cell.endswith(("]", "}", ")")) or len(cell) > _LONGEST:
        return False
    if _ARRAY.fullmatch(cell):
        return True
    return any(_is_read_as_structure(cell, read) for read in (json.loads, ast.literal_eval))


def _is_read_as_structure(cell: str, read: Callable[[str], object]) -> bool:
    try:
        return isinstance(read(cell), list | tuple | dict | set)
    except (ValueError, SyntaxError, RecursionError, MemoryError):
        return False
