"""From a flag to a column: a name, or a number counted from 1."""

from __future__ import annotations

from wordgate.data.records import Records
from wordgate.errors import DataError, did_you_mean


def given_column(records: Records, role: str, flag: str, source: str) -> int:
    """Find the column a flag names; a name wins over a number.

    Args:
        records: What was read.
        role: ``"text"``, ``"label"``, ``"group"`` or ``"split"``, for messages.
        flag: What the user wrote.
        source: The source, for messages.

    Returns:
        Its 0-based index.

    Raises:
        DataError: No such column, or two of that name.
    """
    names = records.names or []
    wanted = flag.strip()
    matches = [index for index, name in enumerate(names) if name == wanted]
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
        plural = "" if count == 1 else "s"
        raise DataError(f"no column {wanted} for the {role}: {source} has {count} column{plural}")
    if records.names is None:
        raise DataError(
            f"no column '{wanted}' for the {role}: {source} has no header "
            f"({records.header_reason}); give a number from 1 to {count}"
        )
    raise DataError(f"no column '{wanted}'{did_you_mean(wanted, filter(None, names))}")
