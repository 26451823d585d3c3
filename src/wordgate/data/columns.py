"""Columns of a source: as flags name them, in the roles they play, and joined to one text.

The topic of a tweet is known when the tweet is, so it may stand in front of it:
``Borderlands | i am coming to the borders``. The tokenizer ``messages`` makes the marker a token
of its own; ``keras`` puts a space for it, so there it only parts the words. Nothing ever cuts a
text at its markers again: a cell that holds one is a text like any other.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

from wordgate.errors import DataError, did_you_mean
from wordgate.runtime.display import counted
from wordgate.tables import Cell, Records
from wordgate.tables.header import name_key

MARKER = " | "
"""Separator of joined columns; saved models depend on it, and users type it."""

Columns = str | int | Sequence[str | int]
"""What a user may write for the text or the label: one column, several with commas between, or a
list."""

_SEVERAL = {"text": "entity,text", "label": "toxic,threat"}  # roles that several columns may play

Flag = str | tuple[str, ...]
"""The same as strings: as typed, or column by column."""


class ColumnError(DataError):
    """A flag does not name the columns of this source, which were to be those of a role."""

    def __init__(self, role: str, message: str):
        super().__init__(message)
        self.role = role


@dataclass(frozen=True)
class Column:
    """A column by its 1-based number, and its name where the source names it."""

    number: int
    name: str | None

    def called(self) -> str:
        """Call it as messages do: ``2 'entity'``."""
        return f"{self.number} '{self.name}'" if self.name else str(self.number)

    def flag(self) -> str:
        """Name it as a flag does."""
        return self.name or str(self.number)


@dataclass(frozen=True)
class Choice:
    """Which column plays a role, and why.

    Attributes:
        role: ``"text"``, ``"label"``, ``"group"``, ``"split"`` or ``"weight"``.
        number: 1-based column number, or None where no column plays the role.
        name: The column's name, or None where the source names none.
        reason: One clause with figures.
        given: True where a flag said so, False where it was inferred.
        before: Further columns, in order: those whose cells are joined in front of this one's for
            the text, and those of other labels where each label has a column.
    """

    role: str
    number: int | None
    name: str | None
    reason: str
    given: bool
    before: list[Column] = field(default_factory=list)

    @property
    def columns(self) -> tuple[Column, ...]:
        """All columns that play the role, the main one last; none where no column does."""
        return () if self.number is None else (*self.before, Column(self.number, self.name))

    def short_line(self) -> str:
        """Return the columns alone: ``text = column 4``."""
        called = [column.called() for column in self.columns]
        number = "columns " if len(called) > 1 else "column "
        return f"{self.role} = {number + ', '.join(called) if called else 'none'}"

    def line(self) -> str:
        """Return the columns and the reason in one line."""
        *others, last = [column.called() for column in self.columns] or ["none"]
        if others:
            return f"{self.role}: columns {', '.join(others)} and {last} ({self.reason})"
        return f"{self.role}: {'column ' if self.columns else ''}{last} ({self.reason})"


def joined(fronts: Iterable[Cell], body: str) -> str:
    """Put the cells that are filled in front of a text: ``"Borderlands | i am coming"``."""
    return MARKER.join([*filter(None, ((cell or "").strip() for cell in fronts)), body])


def form(columns: Sequence[str]) -> str:
    """Show how a text of columns, by names or numbers, is written: ``entity | text``."""
    return MARKER.join(f"column {name}" if name.isdigit() else name for name in columns)


def as_flag(columns: Columns | None) -> Flag | None:
    """Take what a user wrote as strings."""
    if columns is None:
        return None
    if isinstance(columns, str) or not isinstance(columns, Iterable):
        return str(columns).strip()
    return tuple(str(column).strip() for column in columns)


def names_among(flags: Sequence[Flag | None]) -> set[str]:
    """Keep what can only be a column's name, by `name_key`; a number may stand in the data, too."""
    names: set[str] = set()
    for flag in flags:
        names.update([flag, *_cut(flag)] if isinstance(flag, str) else flag or ())
    return {
        name_key(name)
        for name in names
        if name and not name.replace(",", "").isdigit() and name.lower() != "none"
    }


def given_columns(records: Records, role: str, flag: Flag, source: str) -> list[int]:
    """Find the columns a flag names: their 0-based indices, in the order given.

    Args:
        records: What was read.
        role: ``"text"``, ``"label"``, ``"group"``, ``"split"`` or ``"weight"``, for messages. Only
            the text and the label may have several columns.
        flag: What the user wrote. A comma parts two columns, unless a column has the whole flag
            for its name; strings of a tuple are never cut. A name wins over a number.
        source: The source, for messages.

    Raises:
        ColumnError: No column or one of them twice is named, or one that isn't there, or a name
            that two columns have.
    """
    try:
        return _indices(records, role, flag, source)
    except DataError as error:
        raise ColumnError(role, str(error)) from None


def _indices(records: Records, role: str, flag: Flag, source: str) -> list[int]:
    parts: Sequence[str] = (flag,) if isinstance(flag, str) else flag
    if not parts:
        raise DataError(
            f"the list of {role} columns is empty: name one or several, or leave it out"
        )
    if isinstance(flag, str) and role in _SEVERAL and flag not in (records.names or ()):
        parts = _cut(flag)
        if len(parts) > 1 and not all(parts):
            raise DataError(
                f"the {role} columns '{flag}' have an empty name beside a comma: write names or"
                f" numbers such as {_SEVERAL[role]}"
            )
    indices: list[int] = []
    for part in parts:
        index = _given_column(records, role, part.strip(), source)
        if index in indices:
            raise DataError(
                f"{records.called(index)} is given twice for the {role}: give each column once"
            )
        indices.append(index)
    return indices


def _cut(flag: str) -> list[str]:
    return [part.strip() for part in flag.split(",")]


def _given_column(records: Records, role: str, wanted: str, source: str) -> int:
    names = records.names or []
    matches = [index for index, name in enumerate(names) if name == wanted]
    if not matches:
        matches = [i for i, name in enumerate(names) if name and name_key(name) == name_key(wanted)]
    if len(matches) > 1:
        numbers = " and ".join(str(index + 1) for index in matches)
        raise DataError(
            f"{source} has {len(matches)} columns '{wanted}': give the {role} by its number, "
            f"one of {numbers}"
        )
    if matches:
        return matches[0]
    count = len(records.columns)
    if wanted.isascii() and wanted.isdigit():
        if 1 <= int(wanted) <= count:
            return int(wanted) - 1
        there = counted(count, "column")
        raise DataError(f"no column {wanted} for the {role}: {source} has {there}")
    if records.names is None:
        raise DataError(
            f"no column '{wanted}' for the {role}: {source} has no header "
            f"({records.header_reason}); give a number from 1 to {count}"
        )
    raise DataError(f"no column '{wanted}'{did_you_mean(wanted, filter(None, names))}")
