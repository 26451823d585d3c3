"""Columns of a source: selected by options, in their roles, and joined to one text.

If the topic of a tweet is known, it can be joined in front of the text:
``Borderlands | i am coming to the borders``. For the tokenizer ``messages`` the marker is a token;
``keras`` replaces it by a space. A text is never split at its markers again: a cell may contain
one.
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
"""Columns of the text or the label: one, several separated by commas, or a list."""

_SEVERAL = {"text": "entity,text", "label": "toxic,threat"}  # roles that can have several columns

Flag = str | tuple[str, ...]
"""The same as strings: one string as typed, or one for each column."""


class ColumnError(DataError):
    """An option names columns for a role that this source does not have."""

    def __init__(self, role: str, message: str):
        super().__init__(message)
        self.role = role


@dataclass(frozen=True)
class Column:
    """The 1-based number of a column, and its name if it has one."""

    number: int
    name: str | None

    def called(self) -> str:
        """Return the column for messages: ``2 'entity'``."""
        return f"{self.number} '{self.name}'" if self.name else str(self.number)

    def flag(self) -> str:
        """Return the column as the value of an option."""
        return self.name or str(self.number)


@dataclass(frozen=True)
class Choice:
    """The column chosen for a role, and the reason.

    Attributes:
        role: ``"text"``, ``"label"``, ``"group"``, ``"split"`` or ``"weight"``.
        number: 1-based column number; None if no column has the role.
        name: The name of the column; None if it has no name.
        reason: A clause with figures.
        given: Whether an option named it; False if it was inferred.
        before: Further columns, in order: for the text, those that are joined in front of it; for
            the label, those of other labels if each label has a column.
    """

    role: str
    number: int | None
    name: str | None
    reason: str
    given: bool
    before: list[Column] = field(default_factory=list)

    @property
    def columns(self) -> tuple[Column, ...]:
        """All columns of the role, the main one last; empty if no column has it."""
        return () if self.number is None else (*self.before, Column(self.number, self.name))

    def short_line(self) -> str:
        """Return the role and its columns: ``text = column 4``."""
        called = [column.called() for column in self.columns]
        number = "columns " if len(called) > 1 else "column "
        return f"{self.role} = {number + ', '.join(called) if called else 'none'}"

    def line(self) -> str:
        """Return the role, its columns and the reason in one line."""
        *others, last = [column.called() for column in self.columns] or ["none"]
        if others:
            return f"{self.role}: columns {', '.join(others)} and {last} ({self.reason})"
        return f"{self.role}: {'column ' if self.columns else ''}{last} ({self.reason})"


def joined(fronts: Iterable[Cell], body: str) -> str:
    """Join the non-empty cells in front of a text: ``"Borderlands | i am coming"``."""
    return MARKER.join([*filter(None, ((cell or "").strip() for cell in fronts)), body])


def form(columns: Sequence[str]) -> str:
    """Return the form of a text of several columns, by names or numbers: ``entity | text``."""
    return MARKER.join(f"column {name}" if name.isdigit() else name for name in columns)


def as_flag(columns: Columns | None) -> Flag | None:
    """Convert the columns of an argument to stripped strings."""
    if columns is None:
        return None
    if isinstance(columns, str) or not isinstance(columns, Iterable):
        return str(columns).strip()
    return tuple(str(column).strip() for column in columns)


def names_among(flags: Sequence[Flag | None]) -> set[str]:
    """Return the column names among options, by `name_key`; a number may be a value of the data."""
    names: set[str] = set()
    for flag in flags:
        names.update([flag, *_split(flag)] if isinstance(flag, str) else flag or ())
    return {
        name_key(name)
        for name in names
        if name and not name.replace(",", "").isdigit() and name.lower() != "none"
    }


def given_columns(records: Records, role: str, flag: Flag, source: str) -> list[int]:
    """Return the 0-based indices of the columns of an option, in its order.

    Args:
        records: The records.
        role: ``"text"``, ``"label"``, ``"group"``, ``"split"`` or ``"weight"``, for messages. Only
            the text and the label can have several columns.
        flag: The option. Commas separate columns, unless the whole string is the name of a column;
            strings of a tuple are never split. A name has precedence over a number.
        source: The source, for messages.

    Raises:
        ColumnError: A column does not exist or is named twice, two columns have its name, or there
            is none.
    """
    parts: Sequence[str] = (flag,) if isinstance(flag, str) else flag
    if not parts:
        raise ColumnError(
            role, f"the list of {role} columns is empty: name one or several, or leave it out"
        )
    if isinstance(flag, str) and role in _SEVERAL and flag not in (records.names or ()):
        parts = _split(flag)
        if len(parts) > 1 and not all(parts):
            raise ColumnError(
                role,
                f"the {role} columns '{flag}' have an empty name beside a comma: write names or"
                f" numbers such as {_SEVERAL[role]}",
            )
    indices: list[int] = []
    for part in parts:
        index = _given_column(records, role, part.strip(), source)
        if index in indices:
            raise ColumnError(
                role,
                f"{records.called(index)} is given twice for the {role}: give each column once",
            )
        indices.append(index)
    return indices


def _split(flag: str) -> list[str]:
    return [part.strip() for part in flag.split(",")]


def _given_column(records: Records, role: str, wanted: str, source: str) -> int:
    names = records.names or []
    matches = [index for index, name in enumerate(names) if name == wanted]
    if not matches:
        matches = [i for i, name in enumerate(names) if name and name_key(name) == name_key(wanted)]
    if len(matches) > 1:
        numbers = " and ".join(str(index + 1) for index in matches)
        raise ColumnError(
            role,
            f"{source} has {len(matches)} columns '{wanted}': give the {role} by its number, "
            f"one of {numbers}",
        )
    if matches:
        return matches[0]
    count = len(records.columns)
    if wanted.isascii() and wanted.isdigit():
        if 1 <= int(wanted) <= count:
            return int(wanted) - 1
        raise ColumnError(
            role, f"no column {wanted} for the {role}: {source} has {counted(count, 'column')}"
        )
    if records.names is None:
        raise ColumnError(
            role,
            f"no column '{wanted}' for the {role}: {source} has no header "
            f"({records.header_reason}); give a number from 1 to {count}",
        )
    raise ColumnError(role, f"no column '{wanted}'{did_you_mean(wanted, filter(None, names))}")
