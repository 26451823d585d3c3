"""Several labels per text: in lists, in one column with a separator, or in columns of 0 and 1."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from decimal import Decimal
from itertools import chain
from numbers import Number
from typing import Any, TypeGuard

import numpy as np

from wordgate.data.columns import Choice
from wordgate.data.structured import (
    StructuredColumnError,
    first_structured,
    literal,
    plain_source,
    refuse_structured,
)
from wordgate.errors import DataError
from wordgate.runtime.display import counted, shown
from wordgate.tables import Cell, ListCell, Records, StructuredCell
from wordgate.tables.encoding import without_surrogates

LabelCell = Cell | tuple[str, ...]
"""What stands for a record's labels: a label or a tuple of several; "" or None for missing ones."""

NO_SEPARATOR = "none"
SEPARATORS = (";", "|", ", ", ",", "\t", "\uff1b", "\u3001", "\uff0c", "\u060c", "/", " ")
"""Separators that are detected automatically, the most likely first; four of them are the semicolon
and the commas of Chinese, Japanese and Arabic."""
_WITHIN_LABELS = ("/", " ")  # as in "n/a" and "very good"

_MOSTLY = 0.5
_FEWEST_TOGETHER = 5  # rows of several labels that show a separator
_FEW_LABELS = 20  # of more, on less than two rows each, `read` asks whether they are labels
_MOST_WORDS, _MOST_CHARACTERS = 4, 40  # of a label between separators
_MARKS = {
    **dict.fromkeys(("1", "1.0", "true", "yes"), True),
    **dict.fromkeys(("0", "0.0", "false", "no", ""), False),
}
_TWO_STRINGS = re.compile(r"""['"]\s+['"]""")  # as numpy writes them; Python would join them


@dataclass(frozen=True)
class LabelColumn:
    """The labels of all records, before any is left out."""

    # Where a text has several labels, tuples of them, sorted and distinct; and still "" where they
    # are missing, None where the record lacks the key, a `StructuredCell` for what is no label.
    cells: Sequence[LabelCell]
    several: bool = False  # whether texts have several labels
    separator: str | None = None  # between the labels of a cell
    warnings: list[str] = field(default_factory=list)  # what was understood without being said


def read_labels(
    records: Records,
    choice: Choice,
    separator: str | None,
    source: str,
    *,
    labelled: bool,
    usual_separator: str | None = None,
) -> LabelColumn | None:
    """Read the column of the labels, or the columns of 0 and 1 that are named for them.

    Args:
        records: What was read.
        choice: The column or columns of the labels.
        separator: What stands between the labels of a cell; ``"none"`` for one label a cell, None
            for `recognised_separator`.
        source: The source, for messages.
        labelled: Whether lists and objects that are no labels are refused.
        usual_separator: The separator if none is given, which lists and columns of 0 and 1 ignore.

    Raises:
        DataError: The separator is empty or has no effect, a cell of several columns is neither 0
            nor 1, or most labels are objects or nested lists.
    """
    given = _checked_separator(separator)
    columns = [records.columns[column.number - 1] for column in choice.columns]
    lists = _listed(columns[0]) if len(columns) == 1 else None
    if lists is not None and labelled:
        _refuse_indicators(records, choice, source)
    kind = "has lists of labels" if lists is not None else ""
    if len(columns) != 1:
        kind = "has a column of 0 and 1 for each label" if columns else "has no label column"
    if kind and given not in (None, NO_SEPARATOR):
        raise DataError(f"a label separator has no effect here: {source} {kind}; leave it out")
    if not columns:
        return None
    if len(columns) > 1:
        return _of_marks(records, choice, source)
    if lists is not None:
        return LabelColumn(lists, several=True)
    if labelled:
        refuse_structured(records, choice, source)
    cells = [
        cell if cell is None or isinstance(cell, StructuredCell) else cell.strip()
        for cell in columns[0]
    ]
    return _of_cells(cells, usual_separator if given is None else given)


def recognised_separator(cells: Iterable[Cell]) -> str | None:
    """Find what separates the labels of a cell where hardly anything else can be meant.

    It is one of `SEPARATORS`, and all of this holds: five rows or more hold several labels, none of
    them twice; labels are short (four words and 40 characters at most) and never empty; the
    different combinations of labels are twice as many as the labels or more; and half of the labels
    or more also stand alone (labels of every text aside), all of them between slashes or spaces. So
    ``"sci-fi, fantasy"`` among other genres stays one label, as do ``"yes; no"`` beside yes and no,
    or ``"billing | refund"`` where every label has a place.
    """
    counts = _counted(cells)
    return next((one for one in SEPARATORS if _Cut.at(one, counts).is_certain()), None)


def likely_separator(labels: Sequence[str]) -> str:
    """Return one that stands in half of the labels or more, spaces aside; else an empty string."""
    usual = (one for one in SEPARATORS if one != " ")
    return next((s for s in usual if 2 * sum(s in one for one in labels) >= len(labels)), "")


def separator_between(label: str, known: Collection[str]) -> str | None:
    """Return what of `SEPARATORS` parts a label into known ones; None where nothing does."""
    found = (one for one in SEPARATORS if one in label and set(_parts(label, one)) <= {*known})
    return next(found, None)


def labels_in(cell: ListCell) -> tuple[str, ...] | None:
    """Return the labels of a list, sorted and distinct; None where it holds lists or objects.

    Null, NaN and empty strings in it are no labels.
    """
    found = set()
    for item in cell.values:
        value: Any = item.item() if isinstance(item, np.generic) else item
        if value is None or (isinstance(value, float) and value != value):
            continue
        if not isinstance(value, str | int | float | Decimal):
            return None
        found.add(without_surrogates(str(value)).strip())
    return tuple(sorted(found - {""}))


def are_indicators(rows: Sequence[object]) -> bool:
    """Return whether lists are rows of 0 and 1, one place for each label, rather than of labels.

    They have one length, 2 or more. Labels 0 and 1 are never repeated in a list, and no data has
    both of them on every text.
    """
    found = [list(row) for row in rows if _is_ordered(row)]
    is_even = len(found) == len(rows) > 0 and {len(found[0])} == set(map(len, found))
    return is_even and len(found[0]) > 1 and all(map(_is_mark, chain.from_iterable(found)))


def are_marks(values: Iterable[str]) -> bool:
    """Return whether cells state whether a text has a label, as in columns of 0 and 1."""
    return all(value.strip().lower() in _MARKS for value in values)


def _is_ordered(row: object) -> TypeGuard[Sequence[object]]:
    return isinstance(row, list | tuple) or (isinstance(row, np.ndarray) and row.ndim == 1)


def _is_mark(value: object) -> bool:
    return isinstance(value, Number | np.bool_) and bool(value in (0, 1))


def _checked_separator(separator: str | None) -> str | None:
    if separator == "":
        raise DataError(
            "the label separator is empty: give the text between labels, such as ';', or"
            f" '{NO_SEPARATOR}' for one label per text"
        )
    none = separator is not None and separator.strip().lower() == NO_SEPARATOR
    return NO_SEPARATOR if none else separator


def _counted(cells: Iterable[Cell]) -> Counter[str]:
    """Count the different cells that are not empty."""
    words = (cell.strip() for cell in cells if cell and not isinstance(cell, StructuredCell))
    return Counter(word for word in words if word)


@dataclass(frozen=True)
class _Cut:
    """Statistics of cells that are split at a separator."""

    separator: str
    n_rows: int  # with several labels
    is_plausible: bool  # whether labels are short, and no cell holds one twice
    labels: int  # different ones
    alone: int  # of them that also stand alone, but for labels that stand in every cell
    sets: int  # different combinations

    @classmethod
    def at(cls, separator: str, counts: Mapping[str, int]) -> _Cut:
        """Cut different cells, with the numbers of their rows."""
        parts = {cell: _parts(cell, separator) for cell in counts}
        several = {cell: found for cell, found in parts.items() if len(found) > 1}
        labels = {part for found in parts.values() for part in found}
        always = labels.intersection(*parts.values())
        others = [set(found) - always for found in parts.values()]
        return cls(
            separator,
            n_rows=sum(counts[cell] for cell in several),
            is_plausible=all(map(_is_short, labels))
            and all(len(set(found)) == len(found) for found in several.values()),
            labels=len(labels),
            alone=len(always.union(*(found for found in others if len(found) == 1))),
            sets=len(set(map(frozenset, parts.values()))),
        )

    def is_certain(self) -> bool:
        """Return whether hardly anything else can be meant."""
        needed = 1.0 if self.separator in _WITHIN_LABELS else 0.5
        varied = 2 * self.labels <= self.sets and self.alone >= needed * self.labels
        return self.is_plausible and self.n_rows >= _FEWEST_TOGETHER and varied

    def is_possible(self) -> bool:
        """Return whether a user should be asked, who may have meant several labels."""
        varied = self.labels < (self.sets / 2 if self.separator == " " else self.sets)
        enough = self.n_rows >= _FEWEST_TOGETHER and 2 * self.alone >= self.labels
        return self.is_plausible and enough and varied


def _parts(cell: str, separator: str) -> list[str]:
    return [part.strip() for part in cell.split(separator)]


def _is_short(label: str) -> bool:
    return bool(label) and len(label) <= _MOST_CHARACTERS and len(label.split()) <= _MOST_WORDS


def _of_cells(cells: list[Cell], given: str | None) -> LabelColumn:
    """Cut cells at the separator, given or recognized; an empty one is a text without labels."""
    separator = given or recognised_separator(cells)
    if separator is None:
        return LabelColumn(cells, warnings=_question(cells))
    if separator == NO_SEPARATOR:
        return LabelColumn(cells)
    cut = [_cut(cell, separator) for cell in cells]
    warnings = []
    if given is None:
        distinct = {cell for cell in cut if isinstance(cell, tuple)}
        labels = {label for cell in distinct for label in cell}
        warnings.append(
            f"texts have several labels, separated by {separator!r}: {len(labels):,} labels in"
            f" {len(distinct):,} combinations. If each combination is one label, use"
            f" --label-separator {NO_SEPARATOR}"
        )
    return LabelColumn(cut, several=True, separator=separator, warnings=warnings)


def _question(cells: Sequence[Cell]) -> list[str]:
    """Ask whether cells hold several labels where that may be, but need not."""
    counts = _counted(cells)
    if len(counts) > max(_FEW_LABELS, counts.total() // 2):
        return []
    possible = (_Cut.at(one, counts) for one in SEPARATORS)
    cut = next((one for one in possible if one.is_possible()), None)
    if cut is None:
        return []
    return [
        f"the labels of {cut.n_rows:,} rows contain {cut.separator!r}, and each is read as one"
        f" label: if it separates several, use --label-separator {cut.separator!r}; if not,"
        f" --label-separator {NO_SEPARATOR}"
    ]


def _cut(cell: Cell, separator: str) -> LabelCell:
    if cell is None or isinstance(cell, StructuredCell):
        return cell
    return tuple(sorted(set(_parts(cell, separator)) - {""}))


def _of_marks(records: Records, choice: Choice, source: str) -> LabelColumn:
    """Read columns of 0 and 1, each of which is called as its label."""
    found: list[list[str]] = [[] for _ in records.rows]
    lacking: set[int] = set()
    n_empty = 0
    for column in choice.columns:
        for place, cell in enumerate(records.columns[column.number - 1]):
            if cell is None:
                lacking.add(place)
                continue
            mark = _MARKS.get(cell.strip().lower())
            if mark is None:
                raise DataError(
                    f"{records.called(column.number - 1)} of {source}, one of several label"
                    f" columns, contains '{shown(cell, 40)}' in {records.where(place)}: each such"
                    " column must contain 1, true or yes if the text has the label, and 0, false or"
                    " no if not"
                )
            n_empty += not cell.strip()
            if mark:
                found[place].append(column.flag())
    cells: list[LabelCell] = [tuple(sorted(set(labels))) for labels in found]
    for place in lacking:
        cells[place] = None
    warnings = [
        counted(
            n_empty,
            "cell of the label columns is empty: it counts as 0",
            "cells of the label columns are empty: they count as 0",
        )
    ]
    return LabelColumn(cells, several=True, warnings=warnings if n_empty else [])


def _listed(cells: Sequence[Cell]) -> list[LabelCell] | None:
    """Take a column as lists of labels; None where it is no such column.

    A word among lists is a list of one label; what stays a `StructuredCell` is no labels.
    """
    if first_structured(cells, "label") is None:
        return None
    read = [_as_labels(cell) for cell in cells]
    n_lists = sum(isinstance(one, tuple) for one in read)
    if n_lists <= _MOSTLY * sum(map(bool, cells)):
        return None
    return [
        (one.strip(),)
        if isinstance(one, str) and one.strip() and not isinstance(one, StructuredCell)
        else one
        for one in read
    ]


def _refuse_indicators(records: Records, choice: Choice, source: str) -> None:
    """Refuse lists that mark labels by their places, which they do not name."""
    number = choice.columns[0].number - 1
    cells = [_as_list(cell) for cell in records.columns[number]]
    values = {i: [*cell.values] for i, cell in enumerate(cells) if isinstance(cell, ListCell)}
    rows = {place: row for place, row in values.items() if row}
    if not are_indicators([*rows.values()]):
        return
    place = min(rows)
    raise StructuredColumnError(
        f"{records.called(number)} of {source}, the label, contains lists of 0 and 1 of one length,"
        f" such as {shown(str(cells[place]), 60)} ({records.line(place)}), which do not name"
        " the labels: write the names of each text's labels in its list, or a column of 0 and 1 for"
        " each label, and name these columns with --label"
    )


def _as_labels(cell: Cell) -> LabelCell:
    """Return the labels of a list, or of a string that holds one; else the cell as it is."""
    cell = _as_list(cell)
    labels = labels_in(cell) if isinstance(cell, ListCell) else None
    return cell if labels is None else labels


def _as_list(cell: Cell) -> Cell:
    """Read a string that holds a list; give any other cell as it is."""
    if isinstance(cell, str) and not isinstance(cell, StructuredCell) and cell.strip():
        return _written_list(cell.strip())
    return cell


def _written_list(cell: str) -> Cell:
    """Read a list in the notation of JSON, Python or numpy; return any other string unchanged."""
    plain = plain_source(cell)
    if not plain.startswith(("[", "(", "{")):
        return cell
    may_be_python = _TWO_STRINGS.search(plain) is None
    value = literal(plain, may_be_python=may_be_python)
    if isinstance(value, dict) or (value is None and not may_be_python):
        return StructuredCell(cell)
    return ListCell.of(value, cell) if isinstance(value, list | tuple | set) else cell
