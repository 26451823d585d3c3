"""The input of scoring: a source, its text columns, and the names of the new columns."""

from __future__ import annotations

import os
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass, replace
from functools import partial

from wordgate.bundle.config import Config
from wordgate.data import Choice, ColumnError
from wordgate.data.columns import Flag, as_flag, names_among
from wordgate.data.roles import choose_roles
from wordgate.errors import DataError
from wordgate.scoring.options import ScoreOptions
from wordgate.tables import OpenTable, Records, open_source, open_table
from wordgate.tables.header import name_key
from wordgate.tables.jsonl import JsonlReader, keys_among
from wordgate.tables.typed import ParquetReader
from wordgate.tables.workbook import is_workbook_content

_PREFIX = "predicted_"


@dataclass(frozen=True)
class OpenedInput:
    """An open source and its text columns; `lines` describe what was inferred."""

    table: OpenTable
    text: Choice
    lines: list[str]

    def added(self, wanted: Sequence[str], options: ScoreOptions) -> list[str]:
        """Return the names of the new columns, without collisions with existing ones.

        In JSON Lines, any record may have further keys, so all records are searched. In a pipe this
        is impossible, and a record with such a key is an error. `wanted` are the preferred names.
        """
        reader = self.table.reader
        taken = {*(reader.names or ()), *own_names(reader.names, reader.width)}
        chosen = without_collisions(wanted, taken)
        if not isinstance(reader, JsonlReader):
            return chosen
        while options.to == "jsonl" and self.table.source.path is not None:
            collisions = keys_among(self.table.characters(), chosen)
            if not collisions:
                break
            taken |= collisions
            chosen = without_collisions(wanted, taken)
        reader.refused = frozenset(chosen)
        return chosen


def open_input(
    source: str | os.PathLike[str], config: Config, options: ScoreOptions
) -> OpenedInput:
    """Open a source, and choose the text columns of a model.

    Raises:
        DataError: The source can't be read with these options.
    """
    form, flag = options.to, as_flag(options.text)
    names = names_among([flag if flag is not None else config.columns().get("text", ())])
    found = open_source(source, partial(_is_enough, names, form), workbooks=True)
    if found.path is None and not found.is_whole and is_workbook_content(found.head):
        raise DataError(f"a workbook cannot be read from {found.name}: give the path of a file")
    table = open_table(found, encoding=options.encoding, given=names, batch=options.batch)
    records = table.reader.sample()
    if isinstance(table.reader, ParquetReader) and form not in (None, "parquet"):
        table.reader.refuse_untextual(form)
    chosen = _choose_text(records, config, flag, found.name)
    if isinstance(table.reader, JsonlReader):
        converts = form not in (None, "jsonl")
        keys = table.all_keys() if converts and found.path is not None else []
        table.reader.fix_columns(keys, closed=converts)
    lines = table.form().lines()
    if table.encoding is not None and table.encoding.doubt:
        lines.append(f"warning: {table.encoding.doubt}")
    return OpenedInput(table, chosen, [*lines, chosen.line()])


def _choose_text(records: Records, config: Config, flag: Flag | None, name: str) -> Choice:
    """Choose the text columns: as given, else by their names in training, else inferred."""
    trained = config.columns().get("text", ())
    given, reason = flag, None
    names = set(map(name_key, records.names or ()))
    if given is None and (len(trained) > 1 or not names.isdisjoint(map(name_key, trained))):
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


def _is_enough(columns: Collection[str], form: str | None, head: bytes) -> bool:
    """Return whether the head of a pipe suffices to detect its format and columns.

    Two lines suffice if the first contains the names of the text columns, given by the user or from
    training; one line of JSON suffices, unless its keys become columns.
    """
    first, *others = head.split(b"\n", 2)
    if not others or not columns or not all(name.encode() in first for name in columns):
        return False
    if first.lstrip().startswith(b"{"):
        return form in (None, "jsonl")
    return len(others) == 2


def own_names(names: Sequence[str] | None, width: int) -> list[str]:
    """Make the names of columns unique.

    A missing name becomes ``column_3``, a repeated one ``text_2``; `names` is None without a
    header.
    """
    chosen: list[str] = []
    taken: set[str] = set()
    next_numbers: dict[str, int] = {}  # avoids quadratic time with many equal names
    for number in range(width):
        name = (names[number] if names else "") or f"column_{number + 1}"
        chosen.append(_numbered(name, taken, next_numbers))
        taken.add(_folded(chosen[-1]))
    return chosen


def added_names(config: Config, *, several: bool) -> list[str]:
    """Return the preferred names of the new columns.

    They are ``label``, ``probability``, one for each label, and ``error``; with several labels per
    text, ``labels`` in place of the first two.
    """
    first = ["labels"] if several else ["label", "probability"]
    return [*first, *(f"probability_{label}" for label in config.labels), "error"]


def without_collisions(wanted: Sequence[str], existing: Iterable[str]) -> list[str]:
    """Rename new columns whose names exist: ``predicted_label``, then ``label_2``."""
    taken, chosen = {_folded(name) for name in existing}, []
    for name in wanted:
        free = name
        if _folded(free) in taken:
            free = _PREFIX + name
        if _folded(free) in taken:
            free = _numbered(name, taken)
        taken.add(_folded(free))
        chosen.append(free)
    return chosen


def _numbered(name: str, taken: set[str], next_numbers: dict[str, int] | None = None) -> str:
    """Return the name, or the name with the first free number from 2."""
    numbers = {} if next_numbers is None else next_numbers
    free, key = name, _folded(name)
    while _folded(free) in taken:
        number = numbers.get(key, 2)
        free, numbers[key] = f"{name}_{number}", number + 1
    return free


def _folded(name: str) -> str:
    return name.strip().casefold()
