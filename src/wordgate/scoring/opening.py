"""From a source to a reader whose columns are known, with all that was inferred said."""

from __future__ import annotations

import os
from collections.abc import Callable, Collection
from dataclasses import dataclass, replace

from wordgate.bundle.config import Config
from wordgate.data import Choice, ColumnError, Columns
from wordgate.data.columns import Flag, as_flag, names_among
from wordgate.data.roles import choose_roles
from wordgate.errors import DataError
from wordgate.scoring.writing import added_names, without_collisions
from wordgate.tables import OpenTable, Records, open_source, open_table
from wordgate.tables.jsonl import JsonlReader, keys_among


@dataclass(frozen=True)
class Asked:
    """What the user asked for.

    Attributes:
        text: The columns of the text; None to infer them.
        encoding: How bytes are read; None to find out.
        batch: Records together at most.
    """

    text: Columns | None
    encoding: str | None
    batch: int


@dataclass(frozen=True)
class Opened:
    """A source that is ready to be read.

    Attributes:
        table: Its records.
        text: The columns of the text.
        lines: What was inferred.
    """

    table: OpenTable
    text: Choice
    lines: list[str]

    def added(self, labels: tuple[str, ...], form: str) -> list[str]:
        """Name the columns that are added, so that they collide with none that is there.

        In JSON Lines a key may turn up in any record, so all of them are looked at; those of a
        pipe can't be, and a record that has a key of such a name is an error.

        Args:
            labels: The model's labels.
            form: The result's format.
        """
        reader, wanted = self.table.reader, added_names(labels)
        taken = set(reader.names or ())
        chosen = without_collisions(wanted, taken)
        if not isinstance(reader, JsonlReader):
            return chosen
        while form == "jsonl" and self.table.source.path is not None:
            met = keys_among(self.table.characters(), chosen)
            if not met:
                break
            taken |= met
            chosen = without_collisions(wanted, taken)
        reader.refused = frozenset(chosen)
        return chosen


def open_input(
    source: str | os.PathLike[str], config: Config, asked: Asked, form: str | None
) -> Opened:
    """Open a source and find the columns that a model reads.

    Args:
        source: A path, or ``-`` for standard input.
        config: The model's.
        asked: What the user asked for.
        form: The result's format, where it is another than the source's.

    Raises:
        DataError: The source can't be read as asked.
    """
    flag = as_flag(asked.text)
    names = names_among([flag if flag is not None else config.columns().get("text", ())])
    found = open_source(source, _enough(names, form))
    table = open_table(found, encoding=asked.encoding, given=names, batch=asked.batch)
    records = table.reader.sample()
    text = choose_text(records, config, flag, found.name)
    if isinstance(table.reader, JsonlReader):
        converts = form not in (None, "jsonl")
        keys = table.all_keys() if converts and found.path is not None else []
        table.reader.know(keys, closed=converts)
    return Opened(table, text, [*table.form().lines(), text.line()])


def choose_text(records: Records, config: Config, flag: Flag | None, name: str) -> Choice:
    """Choose the columns of the text: as asked, else by their names in training, else inferred.

    Raises:
        DataError: A flag names no column, or none stands out.
    """
    trained = config.columns().get("text", ())
    given, reason = flag, None
    if given is None and (len(trained) > 1 or set(trained) & set(records.names or ())):
        given, reason = trained, "as in training"
    roles: dict[str, Flag | None] = {"text": given, "label": None, "group": "none"}
    try:
        chosen = choose_roles(records, roles, known={}, labelled=False, source=f"'{name}'")["text"]
    except ColumnError as error:
        if reason is None or (form := config.text_form()) is None:
            raise
        raise DataError(
            f"{error}\nThe model reads '{form}': name these columns of the data with --text"
        ) from error
    return chosen if reason is None else replace(chosen, reason=reason, given=False)


def _enough(columns: Collection[str], form: str | None) -> Callable[[bytes], bool]:
    """Say how much of a pipe tells what it holds.

    Two lines do where the first of them has the names of the text's columns, as the user or the
    training gave them; one of JSON does, unless its keys are to become columns.
    """
    names = [name.encode() for name in columns]

    def enough(head: bytes) -> bool:
        first, *others = head.split(b"\n", 2)
        if not others or not names or not all(name in first for name in names):
            return False
        if first.lstrip().startswith(b"{"):
            return form in (None, "jsonl")
        return len(others) == 2

    return enough
