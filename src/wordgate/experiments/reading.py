"""Reading the data of an experiment: one source, or several that name the parts of a split."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, TypedDict

from typing_extensions import Unpack

from wordgate.data import Columns, ReadReport, Table, read_table
from wordgate.data.table import own_group
from wordgate.dedup.keys import normalized
from wordgate.errors import DataError, SettingsError


class ReadingOptions(TypedDict, total=False):
    """How to read labelled texts; whatever is left out is inferred, and said.

    Attributes:
        text: The column of the texts, by name or number. Several, in a list or with commas
            between, are joined as in ``entity | text``; the last is the text itself.
        label: The column of the labels.
        group: The column of the groups; ``none`` for no groups.
        drop_labels: Labels whose rows are left out.
        encoding: The file's encoding.
        limit: Read only so many rows.
    """

    text: Columns | None
    label: str | None
    group: str | None
    drop_labels: Sequence[str]
    encoding: str | None
    limit: int | None


@dataclass(frozen=True)
class Sources:
    """What was read to train on.

    Attributes:
        table: The rows of all sources; `parts` says which is which if there are several.
        others: How the files of validation and test were read, by part.
    """

    table: Table
    others: Mapping[str, ReadReport]

    def lines(self) -> list[str]:
        """Say what was read, what was inferred and why."""
        lines = self.table.reading.lines()
        for part, reading in self.others.items():
            lines += ["", f"for {part}:", *reading.lines()]
        return lines

    def facts(self) -> dict[str, object]:
        """Give the facts as plain JSON values, without any text: a model is not its data."""
        readings = {part: reading.to_json() for part, reading in self.others.items()}
        facts = self.table.reading.to_json()
        for reading in (facts, *readings.values()):
            del reading["preview"]
        return {**facts, "others": readings} if readings else facts


def read_parts(
    data: Any,
    *,
    valid: str | Path | None = None,
    test: str | Path | None = None,
    split_column: str | None = None,
    empty_text_as: str | None = None,
    **options: Unpack[ReadingOptions],
) -> Sources:
    """Read a source, and further files that are its validation and test.

    The further files are read by the same columns as the source, whatever they look like by
    themselves: a group must mean the same everywhere for a leak to be seen.

    Args:
        data: The source.
        valid: A file for validation.
        test: A file for test.
        split_column: A column of the source that names the parts.
        empty_text_as: What stands for an empty text; None to leave such rows out.
        **options: How to read all of them.

    Raises:
        DataError: A source can't be read.
        SettingsError: Both files and a column say who is in which part.
    """
    if split_column is not None and (valid is not None or test is not None):
        raise SettingsError("--split-column names the parts already; leave out --valid and --test")
    table = read_table(data, split_column=split_column, empty_text_as=empty_text_as, **options)
    files = {"valid": valid, "test": test}
    others = {
        part: _read_like(table, file, empty_text_as, options)
        for part, file in files.items()
        if file is not None
    }
    if not others:
        return Sources(table, {})
    joined = _joined({"train": table, **others})
    return Sources(joined, {part: other.reading for part, other in others.items()})


def _read_like(
    table: Table, file: str | Path, empty_text_as: str | None, options: ReadingOptions
) -> Table:
    """Read a file by the columns of a table; it may lack a group column that was inferred."""
    like = options.copy()
    like["text"] = column_flags(table, "text")
    like["label"], like["group"] = column_flag(table, "label"), column_flag(table, "group")

    def read() -> Table:
        return read_table(
            file, min_labels=1, drop_if_there=True, empty_text_as=empty_text_as, **like
        )

    try:
        return read()
    except DataError:
        if options.get("group") is not None or table.groups is None:
            raise
        like["group"] = "none"
        return read()


def column_flag(table: Table, role: str) -> str:
    """Give the name or number of the column that plays a role, ``none`` where there is none."""
    columns = column_flags(table, role)
    return columns[0] if columns else "none"


def column_flags(table: Table, role: str) -> list[str]:
    """Give the names or numbers of the columns that play a role; the text may have several."""
    choice = table.reading.choice(role)
    return [] if choice is None else [column.flag() for column in choice.columns]


def _joined(tables: Mapping[str, Table]) -> Table:
    return replace(
        tables["train"],
        texts=[text for table in tables.values() for text in table.texts],
        bodies=[body for table in tables.values() for body in table.bodies],
        labels=[label for table in tables.values() for label in table.labels or ()],
        groups=_joined_groups(tables),
        rows=[row for table in tables.values() for row in table.rows],
        parts=[part for part, table in tables.items() for _ in table.texts],
    )


def _joined_groups(tables: Mapping[str, Table]) -> list[str] | None:
    """Join the groups: the same name is the same group in every table.

    A row of a further file without a group joins the group of a training row of the same text.
    """
    train = tables["train"]
    if train.groups is None:
        return None
    of_text = dict(zip(map(normalized, train.bodies), train.groups, strict=True))
    groups = list(train.groups)
    for part, table in tables.items():
        if table is train:
            continue
        names = table.named_groups() or [""] * len(table)
        rows = zip(names, table.bodies, table.rows, strict=True)
        groups += [
            name or of_text.get(normalized(body), f"{part} {own_group(row)}")
            for name, body, row in rows
        ]
    return groups
