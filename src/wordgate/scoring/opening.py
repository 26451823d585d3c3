"""From a source to a reader whose columns are known, with all that was inferred said."""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import dataclass, replace

from wordgate.bundle.config import Config
from wordgate.data import Choice, ColumnError, Columns
from wordgate.data.delimited import read_delimited
from wordgate.data.flags import Flag, as_flag, names_among
from wordgate.data.jsonl import looks_like_jsonl, read_jsonl
from wordgate.data.reading import form_lines
from wordgate.data.records import Records
from wordgate.data.roles import choose_roles
from wordgate.errors import DataError
from wordgate.scoring.batch import Reader
from wordgate.scoring.characters import Characters, spelled_out
from wordgate.scoring.delimited import DelimitedReader
from wordgate.scoring.jsonl import JsonlReader, all_keys, keys_among
from wordgate.scoring.names import added_names, without_collisions
from wordgate.scoring.parquet import ParquetReader
from wordgate.scoring.source import Source, format_of, open_source
from wordgate.scoring.survey import Encoding, find_encoding
from wordgate.scoring.windows import WINDOW


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
        source: Where its bytes come from.
        reader: Its records.
        text: The columns of the text.
        lines: What was inferred.
        codec: How its bytes are read; None where none are.
    """

    source: Source
    reader: Reader
    text: Choice
    lines: list[str]
    codec: str | None

    def added(self, labels: tuple[str, ...], form: str) -> list[str]:
        """Name the columns that are added, so that they collide with none that is there.

        In JSON Lines a key may turn up in any record, so all of them are looked at; those of a
        pipe can't be, and a record that has a key of such a name is an error.

        Args:
            labels: The model's labels.
            form: The result's format.
        """
        reader, wanted = self.reader, added_names(labels)
        taken = set(reader.names or ())
        if not isinstance(reader, JsonlReader):
            return without_collisions(wanted, taken)
        chosen = without_collisions(wanted, taken)
        while form == "jsonl" and self.source.path is not None:
            met = keys_among(Characters(self.source.blocks(), self.codec or ""), chosen)
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
    found = open_source(source, _enough(flag, config, form))
    if found.is_parquet:
        return _open_parquet(found, config, asked, flag)
    if format_of(found.name) == "parquet":
        raise DataError(f"'{found.name}' is no Parquet file, or one that was cut: fetch it again")
    if not found.head:
        raise DataError(f"'{found.name}' is empty")
    encoding = find_encoding(found, asked.encoding)
    characters = Characters(found.blocks(), encoding.codec, live=found.path is None)
    characters.fill(min(WINDOW, len(found.head) + 1))  # one more, to see the end of a small file
    start = characters.pending
    if not characters.ended:
        start = start[: start.rfind("\n") + 1] or start
    if format_of(found.name) == "jsonl" or looks_like_jsonl(start):
        records = read_jsonl(start, found.name)
        text = choose_text(records, config, flag, found.name)
        reader: Reader = _jsonl_reader(found, characters, encoding, text, asked, form, start)
    else:
        cut = not characters.ended
        records = read_delimited(
            start, found.name, given=_names(flag, config), header=None, cut=cut
        )
        text = choose_text(records, config, flag, found.name)
        places = [column.number - 1 for column in text.columns]
        title = encoding.told.partition(" (")[0]
        reader = DelimitedReader(characters, records, places, asked.batch, title)
    lines = _lines(found, records, text, encoding)
    return Opened(found, reader, text, lines, encoding.codec)


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
        chosen = choose_roles(
            records, roles, known={}, split=None, labelled=False, source=f"'{name}'"
        )["text"]
    except ColumnError as error:
        if reason is None or (form := config.text_form()) is None:
            raise
        raise DataError(
            f"{error}\nThe model reads '{form}': name these columns of the data with --text"
        ) from error
    return chosen if reason is None else replace(chosen, reason=reason, given=False)


def _open_parquet(source: Source, config: Config, asked: Asked, flag: Flag | None) -> Opened:
    if asked.encoding is not None:
        raise DataError(f"an encoding has no effect on '{source.name}', a Parquet file")
    if source.path is None:
        raise DataError(f"Parquet can't be read from {source.name}: give the path of a file")
    reader = ParquetReader(source, asked.batch)
    records = reader.sample()
    text = choose_text(records, config, flag, source.name)
    reader.read_texts_from([column.number - 1 for column in text.columns])
    return Opened(source, reader, text, _lines(source, records, text, None), None)


def _jsonl_reader(
    source: Source,
    characters: Characters,
    encoding: Encoding,
    text: Choice,
    asked: Asked,
    form: str | None,
    start: str,
) -> JsonlReader:
    """Make the reader. Where keys become columns, all of them must be known beforehand."""
    converts = form not in (None, "jsonl")
    if converts and source.path is not None:
        keys = all_keys(Characters(source.blocks(), encoding.codec), source.name)
    else:
        beginning = spelled_out(start, escape="\\\\")[0].encode()
        keys = all_keys(Characters(iter([beginning]), "utf-8"), source.name)
    texts = [column.name or "" for column in text.columns]
    title = encoding.told.partition(" (")[0]
    reader = JsonlReader(characters, keys, texts, asked.batch, title)
    reader.closed = converts
    return reader


def _enough(flag: Flag | None, config: Config, form: str | None) -> Callable[[bytes], bool]:
    """Say how much of a pipe tells what it holds.

    Two lines do where the first of them has the names of the text's columns, as the user or the
    training gave them; one of JSON does, unless its keys are to become columns.
    """
    names = [name.encode() for name in _names(flag, config)]

    def enough(head: bytes) -> bool:
        first, *others = head.split(b"\n", 2)
        if not others or not names or not all(name in first for name in names):
            return False
        if first.lstrip().startswith(b"{"):
            return form in (None, "jsonl")
        return len(others) == 2

    return enough


def _names(flag: Flag | None, config: Config) -> set[str]:
    return names_among([flag if flag is not None else config.columns().get("text", ())])


def _lines(source: Source, records: Records, text: Choice, encoding: Encoding | None) -> list[str]:
    lines = form_lines(
        source.name,
        records.format,
        compressed=source.compressed,
        encoding=None if encoding is None else encoding.told,
        delimiter=records.delimiter,
        header=records.header,
        header_reason=records.header_reason,
    )
    return [*lines, text.line()]
