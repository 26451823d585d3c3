"""Detection of lists, objects and bytes in columns of texts or labels."""

from __future__ import annotations

import ast
import json
import re
from collections.abc import Iterable, Sequence
from contextlib import suppress

from wordgate.data.columns import Choice
from wordgate.errors import DataError
from wordgate.runtime.display import shown
from wordgate.tables import Cell, Records, StructuredCell

_MOSTLY = 0.5
_FEWEST = 3  # strings that are enough to recognize a column
_LONGEST = 10_000  # characters of a string that is parsed
# The notation of numpy arrays, and of Python types other than list.
_STRING = r"""'(?:[^'\\]|\\.)*'|"(?:[^"\\]|\\.)*\""""
_ITEM = re.compile(rf"[-+]?\d[\d.e+-]*|\.{{3}}|{_STRING}")
_ARRAY = re.compile(rf"\[\s*(?:(?:{_ITEM.pattern})(?:\s+|(?=\])))+\]")
_OF_TYPE = re.compile(
    r"(?:np\.)?(?:array|frozenset|set)\((.*?)(?:,\s*dtype=[^\s,()]+)?\)", re.DOTALL
)
_SCALAR = re.compile(rf"({_STRING}|['\"].*)|\bnp\.\w+\(({_STRING}|[^()'\"]*)\)", re.DOTALL)
_BYTES = ("b'", 'b"')
_PLURALS = {"a list": "lists", "an object": "objects"}
_TO_DO = {
    "text": "write each text as one string, such as its words with spaces between",
    "label": "give each text one label, as a string or a number, or a list of several",
}


class StructuredColumnError(DataError):
    """A column of texts or labels contains lists or objects."""


def refuse_structured(records: Records, choice: Choice, source: str) -> None:
    """Refuse columns of texts or labels that contain lists or objects; see `first_structured`.

    Raises:
        StructuredColumnError: There is such a column.
    """
    for column in choice.columns:
        cells = records.columns[column.number - 1]
        place = first_structured(cells, choice.role)
        if place is None:
            continue
        cell = cells[place] or ""
        is_written = not isinstance(cell, StructuredCell)
        if not isinstance(cell, StructuredCell):
            cell = StructuredCell(cell.strip())
        kind = _PLURALS.get(cell.kind, "Python bytes literals" if is_written else cell.kind)
        to_do = _TO_DO[choice.role] if cell.kind in _PLURALS else "decode them to strings"
        raise StructuredColumnError(
            f"{records.called(column.number - 1)} of {source}, the {choice.role}, contains"
            f" {kind}, such as {shown(cell, 60)} ({records.line(place)}): {to_do}, or name"
            f" another column with --{choice.role}"
        )


def why_structured(cell: object, role: str) -> str | None:
    """Return why a cell cannot be a text or a label; None if it is not a list or an object."""
    if not isinstance(cell, StructuredCell):
        return None
    return f"the {role} is {cell.kind}: {shown(cell, 60)}"


def has_structured(cells: Iterable[object]) -> bool:
    """Return whether any cell is a list or an object."""
    return any(issubclass(kind, StructuredCell) for kind in set(map(type, cells)))


def first_structured(cells: Sequence[Cell], role: str) -> int | None:
    """Return the index of a column's first list or object if most cells are; None otherwise.

    Strings count if all of them are lists, objects or bytes in the notation of JSON or Python; but
    a text may be an object in this notation.
    """
    if has_structured(cells):
        structured = [i for i, cell in enumerate(cells) if isinstance(cell, StructuredCell)]
        return structured[0] if len(structured) > _MOSTLY * sum(map(bool, cells)) else None
    opening = ("[", *_BYTES, *("{(" if role == "label" else ""))
    sources = []
    for i, cell in enumerate(cells):
        if not cell or cell.isspace():
            continue
        if not _is_source(cell.strip(), opening):
            return None
        sources.append(i)
    return sources[0] if len(sources) >= _FEWEST else None


def _is_source(cell: str, opening: tuple[str, ...]) -> bool:
    """Return whether a string is the source of a list, an object or bytes in JSON or Python."""
    if not cell.endswith(("]", "}", ")", "'", '"')) or len(cell) > _LONGEST:
        return False
    plain = plain_source(cell)
    if not plain.startswith(opening):
        return False
    return isinstance(literal(plain), list | tuple | dict | set | bytes)


def plain_source(cell: str) -> str:
    """Convert the notation of numpy arrays, sets and the like to that of Python lists.

    This converts ``['a' 'b']``, ``array(['a', 'b'], dtype=object)``, ``frozenset({'a', 'b'})`` and
    ``[np.str_('a'), np.str_('b')]``; any other string is unchanged.
    """
    if typed := _OF_TYPE.fullmatch(cell):
        cell = typed[1] or "[]"
    cell = _SCALAR.sub(lambda match: match[1] or match[2], cell)  # strings are unchanged
    return f"[{', '.join(_ITEM.findall(cell))}]" if _ARRAY.fullmatch(cell) else cell


def literal(cell: str, *, may_be_python: bool = True) -> object:
    """Parse a value in the notation of JSON or Python; return None if it is neither."""
    for parse in (json.loads, ast.literal_eval)[: 1 + may_be_python]:
        with suppress(ValueError, SyntaxError, RecursionError, MemoryError):
            return parse(cell)
    return None
