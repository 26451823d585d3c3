"""Several labels per text: lists, one column with a separator, or columns of 0 and 1."""

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
"""The labels of a record: a label or a tuple of several; "" or None for missing ones."""

NO_SEPARATOR = "none"
SEPARATORS = (";", "|", ", ", ",", "\t", "\uff1b", "\u3001", "\uff0c", "\u060c", "/", " ")
"""Separators that are detected automatically, the most likely first; four of them are the semicolon
and the commas of Chinese, Japanese and Arabic."""
_WITHIN_LABELS = ("/", " ")  # as in "n/a" and "very good"

_MOSTLY = 0.5
_FEWEST_TOGETHER = 5  # rows of several labels that show a separator
_FEW_LABELS = 20  # with more, on less than two rows each, `read` warns of a wrong column
_MOST_WORDS, _MOST_CHARACTERS = 4, 40  # of a label between separators
_TRUTH_VALUES = {
    **dict.fromkeys(("1", "1.0", "true", "yes"), True),
    **dict.fromkeys(("0", "0.0", "false", "no", ""), False),
}
_TWO_STRINGS = re.compile(r"""['"]\s+['"]""")  # in arrays of numpy; Python would join them


@dataclass(frozen=True)
class LabelColumn:
    """The labels of all records, before any is left out."""

    # With several labels per text, sorted tuples of distinct labels; "" for a missing label, None
    # for a missing key, a `StructuredCell` for what is not a label.
    cells: Sequence[LabelCell]
    several: bool = False  # whether texts have several labels
    separator: str | None = None  # between the labels of a cell
    warnings: list[str] = field(default_factory=list)  # about what was inferred


def read_labels(
    records: Records,
    choice: Choice,
    separator: str | None,
    source: str,
    *,
    labelled: bool,
    usual_separator: str | None = None,
) -> LabelColumn | None:
    """Read the label column, or the label columns of 0 and 1.

    Args:
        records: The records.
        choice: The column or columns of the labels.
        separator: The separator of the labels in a cell; ``"none"`` for one label per cell, None to
            infer it by `recognised_separator`.
        source: The source, for messages.
        labelled: Whether lists and objects that are not labels are refused.
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
        return _from_indicators(records, choice, source)
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
    """Find the separator of the labels in a cell; None unless it is nearly unambiguous.

    It is one of `SEPARATORS` for which: at least five rows have several labels, none of them twice;
    labels are short (at most four words and 40 characters) and never empty; there are at least
    twice as many combinations of labels as labels; and at least half of the labels (for slashes and
    spaces, all) are the only label of another row, apart from labels that every row has. So
    ``"sci-fi, fantasy"`` among other genres is one label, as are ``"yes; no"`` among yes and no, or
    ``"billing | refund"`` among categories with subcategories.
    """
    counts = _cell_counts(cells)
    return next((one for one in SEPARATORS if _SplitStatistics.of(one, counts).is_certain()), None)


def likely_separator(labels: Sequence[str]) -> str:
    """Return a separator other than a space in at least half of the labels; "" if there is none."""
    candidates = (one for one in SEPARATORS if one != " ")
    return next((s for s in candidates if 2 * sum(s in one for one in labels) >= len(labels)), "")


def separator_between(label: str, known: Collection[str]) -> str | None:
    """Return the separator that splits a label into known ones; None if there is none."""
    matches = (one for one in SEPARATORS if one in label and set(_parts(label, one)) <= {*known})
    return next(matches, None)


def labels_in(cell: ListCell) -> tuple[str, ...] | None:
    """Return the distinct labels of a list, sorted; None if it contains lists or objects.

    Null, NaN and empty strings are not labels.
    """
    labels = set()
    for item in cell.values:
        value: Any = item.item() if isinstance(item, np.generic) else item
        if value is None or (isinstance(value, float) and value != value):
            continue
        if not isinstance(value, str | int | float | Decimal):
            return None
        labels.add(without_surrogates(str(value)).strip())
    return tuple(sorted(labels - {""}))


def are_indicators(rows: Sequence[object]) -> bool:
    """Return whether lists are rows of an indicator matrix rather than lists of labels.

    They contain 0 and 1, and have the same length of at least 2. Lists of the labels 0 and 1 never
    contain one twice, and no data has both labels for every text.
    """
    lists = [list(row) for row in rows if _is_ordered(row)]
    is_matrix = len(lists) == len(rows) > 0 and {len(lists[0])} == set(map(len, lists))
    return is_matrix and len(lists[0]) > 1 and all(map(_is_indicator, chain.from_iterable(lists)))


def are_truth_values(values: Iterable[str]) -> bool:
    """Return whether all cells are truth values, as in label columns of 0 and 1."""
    return all(value.strip().lower() in _TRUTH_VALUES for value in values)


def _is_ordered(row: object) -> TypeGuard[Sequence[object]]:
    return isinstance(row, list | tuple) or (isinstance(row, np.ndarray) and row.ndim == 1)


def _is_indicator(value: object) -> bool:
    return isinstance(value, Number | np.bool_) and bool(value in (0, 1))


def _checked_separator(separator: str | None) -> str | None:
    if separator == "":
        raise DataError(
            "the label separator is empty: give the text between labels, such as ';', or"
            f" '{NO_SEPARATOR}' for one label per text"
        )
    none = separator is not None and separator.strip().lower() == NO_SEPARATOR
    return NO_SEPARATOR if none else separator


def _cell_counts(cells: Iterable[Cell]) -> Counter[str]:
    """Count the different non-empty cells."""
    words = (cell.strip() for cell in cells if cell and not isinstance(cell, StructuredCell))
    return Counter(word for word in words if word)


@dataclass(frozen=True)
class _SplitStatistics:
    """Statistics of cells that are split at a separator."""

    separator: str
    n_rows: int  # with several labels
    is_plausible: bool  # whether labels are short, and no cell has one twice
    n_labels: int  # distinct ones
    n_single: int  # labels that are the only one of a cell, apart from labels of every cell
    n_sets: int  # different combinations

    @classmethod
    def of(cls, separator: str, counts: Mapping[str, int]) -> _SplitStatistics:
        """Split the different cells, with the number of rows of each."""
        parts = {cell: _parts(cell, separator) for cell in counts}
        several = {cell: labels for cell, labels in parts.items() if len(labels) > 1}
        distinct = {label for labels in parts.values() for label in labels}
        always = distinct.intersection(*parts.values())
        others = [set(labels) - always for labels in parts.values()]
        return cls(
            separator,
            n_rows=sum(counts[cell] for cell in several),
            is_plausible=all(map(_is_short, distinct))
            and all(len(set(labels)) == len(labels) for labels in several.values()),
            n_labels=len(distinct),
            n_single=len(always.union(*(labels for labels in others if len(labels) == 1))),
            n_sets=len(set(map(frozenset, parts.values()))),
        )

    def is_certain(self) -> bool:
        """Return whether the separator is nearly unambiguous."""
        needed = 1.0 if self.separator in _WITHIN_LABELS else 0.5
        varied = 2 * self.n_labels <= self.n_sets and self.n_single >= needed * self.n_labels
        return self.is_plausible and self.n_rows >= _FEWEST_TOGETHER and varied

    def is_possible(self) -> bool:
        """Return whether cells may contain several labels, so that a warning is useful."""
        varied = self.n_labels < (self.n_sets / 2 if self.separator == " " else self.n_sets)
        enough = self.n_rows >= _FEWEST_TOGETHER and 2 * self.n_single >= self.n_labels
        return self.is_plausible and enough and varied


def _parts(cell: str, separator: str) -> list[str]:
    return [part.strip() for part in cell.split(separator)]


def _is_short(label: str) -> bool:
    return bool(label) and len(label) <= _MOST_CHARACTERS and len(label.split()) <= _MOST_WORDS


def _of_cells(cells: list[Cell], given: str | None) -> LabelColumn:
    """Split cells at the given or inferred separator; an empty cell is a text without labels."""
    separator = given or recognised_separator(cells)
    if separator is None:
        return LabelColumn(cells, warnings=_possible_separator(cells))
    if separator == NO_SEPARATOR:
        return LabelColumn(cells)
    sets = [_split(cell, separator) for cell in cells]
    warnings = []
    if given is None:
        distinct = {cell for cell in sets if isinstance(cell, tuple)}
        labels = {label for cell in distinct for label in cell}
        warnings.append(
            f"texts have several labels, separated by {separator!r}: {len(labels):,} labels in"
            f" {len(distinct):,} combinations. If each combination is one label, use"
            f" --label-separator {NO_SEPARATOR}"
        )
    return LabelColumn(sets, several=True, separator=separator, warnings=warnings)


def _possible_separator(cells: Sequence[Cell]) -> list[str]:
    """Warn of a separator if cells may contain several labels, but this is not certain."""
    counts = _cell_counts(cells)
    if len(counts) > max(_FEW_LABELS, counts.total() // 2):
        return []
    splits = (_SplitStatistics.of(one, counts) for one in SEPARATORS)
    split = next((one for one in splits if one.is_possible()), None)
    if split is None:
        return []
    return [
        f"the labels of {split.n_rows:,} rows contain {split.separator!r}, and each is read as one"
        f" label: if it separates several, use --label-separator {split.separator!r}; if not,"
        f" --label-separator {NO_SEPARATOR}"
    ]


def _split(cell: Cell, separator: str) -> LabelCell:
    if cell is None or isinstance(cell, StructuredCell):
        return cell
    return tuple(sorted(set(_parts(cell, separator)) - {""}))


def _from_indicators(records: Records, choice: Choice, source: str) -> LabelColumn:
    """Read label columns of 0 and 1, each named after its label."""
    sets: list[set[str]] = [set() for _ in records.rows]
    without_key: set[int] = set()
    n_empty = 0
    for column in choice.columns:
        for place, cell in enumerate(records.columns[column.number - 1]):
            if cell is None:
                without_key.add(place)
                continue
            has_label = _TRUTH_VALUES.get(cell.strip().lower())
            if has_label is None:
                raise DataError(
                    f"{records.called(column.number - 1)} of {source}, one of several label"
                    f" columns, contains '{shown(cell, 40)}' in {records.where(place)}: each such"
                    " column must contain 1, true or yes if the text has the label, and 0, false or"
                    " no if not"
                )
            n_empty += not cell.strip()
            if has_label:
                sets[place].add(column.flag())
    cells: list[LabelCell] = [tuple(sorted(labels)) for labels in sets]
    for place in without_key:
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
    """Return the labels of a column of lists; None for any other column.

    A word among lists is one label; a `StructuredCell` in the result is not a list of labels.
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
    """Refuse lists of 0 and 1, which do not name the labels."""
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
    """Return the labels of a list or of the source of a list; any other cell unchanged."""
    cell = _as_list(cell)
    labels = labels_in(cell) if isinstance(cell, ListCell) else None
    return cell if labels is None else labels


def _as_list(cell: Cell) -> Cell:
    """Parse a list in the notation of JSON, Python or numpy; return any other cell unchanged."""
    if not cell or isinstance(cell, StructuredCell):
        return cell
    cell = cell.strip()
    plain = plain_source(cell)
    if not plain.startswith(("[", "(", "{")):
        return cell
    may_be_python = _TWO_STRINGS.search(plain) is None
    value = literal(plain, may_be_python=may_be_python)
    if isinstance(value, dict) or (value is None and not may_be_python):
        return StructuredCell(cell)
    return ListCell.of(value, cell) if isinstance(value, list | tuple | set) else cell
