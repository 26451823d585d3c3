"""From a flag to columns: names, or numbers counted from 1."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from wordgate.errors import DataError, did_you_mean
from wordgate.tables.records import Records

Columns = str | int | Sequence[str | int]
"""What a user may write for the text: one column, several with commas between, or a list."""

Flag = str | tuple[str, ...]
"""The same as strings: as typed, or column by column."""


class ColumnError(DataError):
    """A flag does not name the columns of this source.

    Attributes:
        role: What the columns were to be.
    """

    def __init__(self, role: str, message: str):
        super().__init__(message)
        self.role = role


def as_flag(columns: Columns | None) -> Flag | None:
    """Take what a user wrote as strings."""
    if columns is None:
        return None
    if isinstance(columns, str) or not isinstance(columns, Iterable):
        return str(columns).strip()
    return tuple(str(column).strip() for column in columns)


def names_among(flags: Sequence[Flag | None]) -> set[str]:
    """Keep what can only be a column's name; a number may stand in the data as well."""
    names: set[str] = set()
    for flag in flags:
        names.update([flag, *_cut(flag)] if isinstance(flag, str) else flag or ())
    return {
        name
        for name in names
        if name and not name.replace(",", "").isdigit() and name.lower() != "none"
    }


def given_columns(records: Records, role: str, flag: Flag, source: str) -> list[int]:
    """Find the columns a flag names.

    Args:
        records: What was read.
        role: As in `given_column`. Only the text may have several columns.
        flag: What the user wrote. A comma parts two columns, unless a column has the whole flag
            for its name; strings of a tuple are never cut.
        source: The source, for messages.

    Returns:
        Their 0-based indices, in the order given.

    Raises:
        ColumnError: No column or one of them twice is named, or one that isn't there.
    """
    parts = _parts(records, role, flag)
    indices = [given_column(records, role, part, source) for part in parts]
    for position, index in enumerate(indices):
        if index in indices[:position]:
            raise ColumnError(
                role,
                f"{records.called(index)} is named twice for the {role}: name each column once",
            )
    return indices


def _parts(records: Records, role: str, flag: Flag) -> Sequence[str]:
    if isinstance(flag, tuple):
        if not flag:
            raise ColumnError(
                role, f"the list of {role} columns is empty: name one or several, or leave it out"
            )
        return flag
    if role != "text" or "," not in flag or flag in (records.names or ()):
        return (flag,)
    parts = _cut(flag)
    if not all(parts):
        raise ColumnError(
            role,
            f"the {role} columns '{flag}' lack a name beside a comma: write names or numbers "
            "such as entity,text",
        )
    return parts


def _cut(flag: str) -> list[str]:
    return [part.strip() for part in flag.split(",")]


def given_column(records: Records, role: str, flag: str, source: str) -> int:
    """Find the column a flag names; a name wins over a number.

    Args:
        records: What was read.
        role: ``"text"``, ``"label"``, ``"group"`` or ``"split"``, for messages.
        flag: A name or a number.
        source: The source, for messages.

    Returns:
        Its 0-based index.

    Raises:
        ColumnError: No such column, or two of that name.
    """
    names = records.names or []
    wanted = flag.strip()
    matches = [index for index, name in enumerate(names) if name == wanted]
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
        plural = "" if count == 1 else "s"
        raise ColumnError(
            role, f"no column {wanted} for the {role}: {source} has {count} column{plural}"
        )
    if records.names is None:
        raise ColumnError(
            role,
            f"no column '{wanted}' for the {role}: {source} has no header "
            f"({records.header_reason}); give a number from 1 to {count}",
        )
    raise ColumnError(role, f"no column '{wanted}'{did_you_mean(wanted, filter(None, names))}")
