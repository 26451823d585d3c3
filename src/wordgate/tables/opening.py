"""Selection of the reader of a source, by its content first and its name second."""

from __future__ import annotations

import re
from collections.abc import Collection
from dataclasses import dataclass

from wordgate.errors import DataError
from wordgate.tables.characters import Characters
from wordgate.tables.delimited import DelimitedReader
from wordgate.tables.encoding import Encoding, find_encoding
from wordgate.tables.jsonl import JsonlReader, looks_like_json_array, looks_like_jsonl
from wordgate.tables.source import PARQUET_MAGIC, Source, format_of
from wordgate.tables.typed import ParquetReader
from wordgate.tables.workbook import WorkbookReader, is_workbook_content

_AT_ONCE = 8192  # records
_MOST_KEYS = 1000
_LONGEST_START = 10_000  # characters by which such a file is recognized


# Beginnings of texts that are not tables, and what to do about each.
_NO_TABLES = [
    (r"<!doctype html|<html[^>]*>\s*<head", "an HTML page", "download the file that it shows"),
    (r"<\?xml ", "XML", "write the table as CSV"),
    (r"\{'.*\}\s*$", "a file of Python dictionaries", "write each with json.dumps (JSON Lines)"),
    (
        r"(__label__\S+ +)+\S",
        "in fastText's format",
        "write the labels and the text as columns, such as those of CSV",
    ),
    (r"version https://git-lfs", "a Git LFS pointer", "fetch the file itself: git lfs pull"),
]

_DELIMITER_NAMES = {",": "commas", ";": "semicolons", "\t": "tabs", "|": "vertical bars"}


@dataclass(frozen=True, kw_only=True)
class SourceFormat:
    """The format of a source.

    Attributes:
        source: The file as the user named it, a named data set, or the kind of frame.
        format: ``"csv"``, ``"tsv"``, ``"jsonl"``, ``"parquet"`` or ``"frame"``; for a workbook its
            file extension, such as ``"xlsx"``.
        compressed: Whether the file was gzipped.
        encoding: The encoding; None if nothing was decoded.
        encoding_reason: Why this encoding was chosen.
        delimiter: The delimiter of fields; None for a single column or another format.
        quoting: What is unusual about quotes and spaces, in a clause; for a workbook with several
            sheets, which one was read.
        header: Whether the first record is a header; None for another format.
        header_reason: The reason for `header`.
        skipped_lines: Number of lines left out before the first record.
    """

    source: str
    format: str
    compressed: bool = False
    encoding: str | None = None
    encoding_reason: str = ""
    delimiter: str | None = None
    quoting: str = ""
    header: bool | None = None
    header_reason: str = ""
    skipped_lines: int = 0

    def lines(self) -> list[str]:
        """Return the format in one line or two, for a terminal."""
        lines = [self._form_line()]
        return lines if self.header is None else [*lines, self._header_line()]

    def unusual_lines(self) -> list[str]:
        """Return the `lines` that report anything besides UTF-8 and a header."""
        is_usual = self.encoding in (None, "UTF-8") and not self.quoting
        lines = [] if is_usual else [self._form_line()]
        if self.header is False or self.skipped_lines:
            lines.append(self._header_line())
        return lines

    def _form_line(self) -> str:
        details = [self.format.upper() if self.format != "frame" else "data frame"]
        if self.compressed:
            details[0] += " (gzip)"
        if self.encoding_reason == "valid":
            details.append(f"valid {self.encoding}")
        elif self.encoding is not None:
            details.append(f"{self.encoding} ({self.encoding_reason})")
        if self.delimiter is not None:
            name = _DELIMITER_NAMES.get(self.delimiter, repr(self.delimiter))
            details.append(f"fields separated by {name}")
        if self.quoting:
            details.append(self.quoting)
        return f"read {self.source}: {', '.join(details)}"

    def _header_line(self) -> str:
        return f"header: {'yes' if self.header else 'none'} ({self.header_reason})"


@dataclass(frozen=True)
class OpenTable:
    """A source with its reader."""

    source: Source
    encoding: Encoding | None  # None if no bytes are decoded
    reader: DelimitedReader | JsonlReader | ParquetReader | WorkbookReader

    def form(self) -> SourceFormat:
        """Return the format of the source."""
        reader, encoding = self.reader, self.encoding
        return SourceFormat(
            source=self.source.name,
            format=reader.form,
            compressed=self.source.compressed,
            encoding=None if encoding is None else encoding.name,
            encoding_reason="" if encoding is None else encoding.reason,
            delimiter=reader.delimiter,
            quoting=reader.quoting,
            header=reader.header,
            header_reason=reader.header_reason,
            skipped_lines=reader.skipped_lines,
        )

    def characters(self) -> Characters:
        """Return the characters of a file from its beginning."""
        assert self.encoding is not None  # noqa: S101 - a Parquet file has none
        return Characters(self.source, self.encoding, bounded=True)

    def all_keys(self) -> list[str]:
        """Collect the keys of all records of a JSON Lines file, in order of first appearance.

        Raises:
            DataError: There are too many for columns.
        """
        assert self.encoding is not None  # noqa: S101
        reader = JsonlReader(self.characters(), self.source.name, self.encoding.name, _AT_ONCE)
        for _ in reader.batches():
            if reader.width > _MOST_KEYS:
                raise DataError(
                    f"the objects of '{reader.name}' have more than {_MOST_KEYS:,} keys, too many"
                    " for columns: write JSONL"
                )
        return list(reader.names or ())


def open_table(
    source: Source,
    *,
    encoding: str | None = None,
    given: Collection[str] = (),
    header: bool | None = None,
    batch: int | None = None,
) -> OpenTable:
    """Find the format and the encoding of a source, and read its first records.

    Args:
        source: The bytes.
        encoding: The encoding; None to detect it.
        given: Column names in the user's options, by `name_key`.
        header: Whether a CSV file has a header; None to infer it.
        batch: Maximum number of records in a batch, for reading in bounded memory: records that are
            too long are rejected, bytes that cannot be decoded are kept, and a blank line of a
            single column is an empty text, so that every record has a result. None to read all
            records into memory; then such bytes are refused, or replaced with a warning.

    Raises:
        DataError: It cannot be read as requested.
        MissingExtraError: It is a Parquet file or a workbook, and the package that reads it is not
            installed.
    """
    name, form = source.name, format_of(source.name)
    if source.head.startswith(PARQUET_MAGIC):
        if encoding is not None:
            raise DataError(f"an encoding has no effect on '{name}', a Parquet file")
        return OpenTable(source, None, ParquetReader(source, batch))
    if is_workbook_content(source.head):
        if encoding is not None:
            raise DataError(f"an encoding has no effect on '{name}', a workbook")
        return OpenTable(source, None, WorkbookReader(source, batch, given=given, header=header))
    if form == "parquet":
        raise DataError(f"'{name}' is not a Parquet file, or is truncated: download it again")
    if not source.head:
        raise DataError(f"'{name}' is empty")
    detected = find_encoding(source, encoding)
    characters = Characters(source, detected, bounded=batch is not None)
    beginning = characters.beginning()
    if form == "jsonl" or looks_like_jsonl(beginning) or looks_like_json_array(beginning):
        return OpenTable(source, detected, JsonlReader(characters, name, detected.name, batch))
    _refuse_no_table(beginning, name)
    reader = DelimitedReader(characters, name, detected.name, batch, given=given, header=header)
    return OpenTable(source, detected, reader)


def _refuse_no_table(beginning: str, name: str) -> None:
    """Refuse a text whose first characters are those of another kind of file."""
    first = beginning.lstrip()[:_LONGEST_START]
    for start, what, remedy in _NO_TABLES:
        if re.match(start, first, re.IGNORECASE | re.MULTILINE):
            raise DataError(f"'{name}' is {what}: {remedy}")
