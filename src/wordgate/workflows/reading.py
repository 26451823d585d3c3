"""Reading what a workflow was given: one source, or several that name the parts of a split."""

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, TypedDict

from typing_extensions import Unpack

from wordgate.data import Table, read_table
from wordgate.errors import SettingsError


class ReadingOptions(TypedDict, total=False):
    """How to read labelled texts; whatever is left out is inferred, and said.

    Attributes:
        text: The column of the texts, by name or number.
        label: The column of the labels.
        group: The column of the groups; ``none`` for no groups.
        drop_labels: Labels whose rows are left out.
        encoding: The file's encoding.
        limit: Read only so many rows.
    """

    text: str | None
    label: str | None
    group: str | None
    drop_labels: Sequence[str]
    encoding: str | None
    limit: int | None


def read_parts(
    data: Any,
    *,
    valid: str | Path | None = None,
    test: str | Path | None = None,
    split_column: str | None = None,
    **options: Unpack[ReadingOptions],
) -> Table:
    """Read a source, and further files that are its validation and test.

    Raises:
        DataError: A source can't be read.
        SettingsError: Both files and a column say who is in which part.
    """
    if split_column is not None and (valid is not None or test is not None):
        raise SettingsError("--split-column names the parts already; leave out --valid and --test")
    table = read_table(data, split_column=split_column, **options)
    files = {"valid": valid, "test": test}
    others = {part: read_table(file, **options) for part, file in files.items() if file is not None}
    if not others:
        return table
    tables = {"train": table, **others}
    return replace(
        table,
        texts=[text for one in tables.values() for text in one.texts],
        labels=[label for one in tables.values() for label in one.labels or ()],
        groups=_joined_groups(tables),
        rows=[row for one in tables.values() for row in one.rows],
        parts=[part for part, one in tables.items() for _ in one.texts],
    )


def _joined_groups(tables: dict[str, Table]) -> list[str] | None:
    """Join the groups, if every table has them: the same name is the same group everywhere."""
    if any(table.groups is None for table in tables.values()):
        return None
    return [group for table in tables.values() for group in table.groups or ()]
