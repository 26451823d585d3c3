"""Scored records as bytes, batch by batch, so that the output can be truncated after a batch.

All text is UTF-8. Probabilities have six decimals.
"""

from __future__ import annotations

import gzip
import json
import os
import re
import struct
from abc import ABC, abstractmethod
from collections.abc import Iterable, Iterator, Mapping, Sequence
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

import numpy as np
from numpy.typing import NDArray

from wordgate.errors import SettingsError
from wordgate.prediction.decision import Prediction
from wordgate.runtime.packages import require_extra
from wordgate.scoring.input import own_names
from wordgate.scoring.options import ScoreOptions
from wordgate.scoring.predictions import BatchPredictions, BatchTexts
from wordgate.storage.files import copy_mode, sync_folder, temporary_path
from wordgate.tables import Reader
from wordgate.tables.encoding import BYTE_ORDER_MARK
from wordgate.tables.header import is_number

if TYPE_CHECKING:
    import pyarrow as pa

# The beginning of a formula in spreadsheets, and characters that they skip before one.
_FORMULA = ("=", "+", "-", "@", "\t", "\r", "\n")
_PACKING = 3  # gzip level: most of the compression at a third of the usual cost
_LENGTH = struct.Struct("<Q")
_GROUP_ROWS = 1 << 16  # minimum rows of a row group of Parquet
_MOST_LABELS = 4096  # labels, and sets of them, whose cells are cached

_T = TypeVar("_T")


def make_writer(
    reader: Reader,
    added: Sequence[str],
    options: ScoreOptions,
    *,
    separator: str | None,
    packed: bool,
) -> Writer:
    """Create the writer for the format `to`; refuse options without effect on it.

    `added` are the names of the new columns. `separator` joins several labels in a cell; None with
    one label per text.
    """
    form = options.to or ""
    is_delimited = form in ("csv", "tsv")
    if options.escape_formulas and not is_delimited:
        raise SettingsError(
            f"--escape-formulas has no effect on {form.upper()}, which no spreadsheet opens as"
            " cells: leave it out"
        )
    if form == "parquet":
        if packed:
            raise SettingsError("Parquet is already compressed: leave .gz out")
        require_extra("parquet", "writing a Parquet file")
        return ParquetWriter(reader, added, several=separator is not None)
    writer: Writer = JsonlWriter(reader, added)
    if is_delimited:
        writer = DelimitedWriter(
            reader,
            added,
            _delimiter(reader, form),
            separator=separator or "",
            escape_formulas=options.escape_formulas,
        )
    return GzipWriter(writer) if packed else writer


def _delimiter(reader: Reader, form: str) -> str:
    """Return the delimiter of a CSV source, unless it may occur in numbers; else a comma."""
    if form == "tsv":
        return "\t"
    delimiter = reader.delimiter if reader.form == "csv" else None
    is_kept = delimiter is not None and delimiter.isascii() and not re.match(r"[\w.-]", delimiter)
    return delimiter if delimiter and is_kept else ","


class Writer(ABC):
    """Writes batches in one format, and finishes the file."""

    def heading(self) -> bytes:
        """Return the bytes before the first batch, if any."""
        return b""

    @abstractmethod
    def rows(self, texts: BatchTexts, predictions: BatchPredictions) -> bytes:
        """Return a batch's records, each with its prediction or its error."""

    def finish(self, written: Path, out: Path) -> None:
        """Move the heading and all batches, already synced to disk, to the destination.

        A file that is replaced keeps its permissions.
        """
        if out.exists():
            copy_mode(out, written)
        written.replace(out)
        sync_folder(out.parent)


class DelimitedWriter(Writer):
    """Writes CSV and TSV.

    If the source is such a file with the same delimiter and the usual quotes, records keep their
    characters, and the new cells follow. A cell with a stray quote is quoted, because the quote
    would otherwise include the next lines.
    """

    def __init__(
        self,
        reader: Reader,
        added: Sequence[str],
        delimiter: str,
        *,
        separator: str,
        escape_formulas: bool,
    ):
        self._reader = reader
        self._added = added
        self._delimiter, self._separator = delimiter, separator
        self._escapes = escape_formulas
        self._special = re.compile(f'["\r\n{re.escape(delimiter)}]')
        is_usual = reader.delimiter == delimiter and not reader.quoting
        self._keeps = is_usual and not escape_formulas
        self._empty = '""' if reader.has_nulls else ""
        self._label_text = lru_cache(_MOST_LABELS)(self._label_cell)

    def heading(self) -> bytes:
        """Return the header and the byte-order mark, if the source has them."""
        reader = self._reader
        mark = BYTE_ORDER_MARK if reader.marked else ""
        if reader.names is None:
            return mark.encode()
        names = self._line(reader.names)
        if self._keeps and reader.heading is not None:
            names = reader.heading
        cells = self._delimiter.join([names, self._line(self._added)])
        return f"{mark}{cells}{reader.end_of_line}".encode()

    def rows(self, texts: BatchTexts, predictions: BatchPredictions) -> bytes:
        """See `Writer.rows`."""
        before: Iterable[str] = texts.raws or ()
        if not self._keeps:
            before = map(self._record, texts.batch.cells())
        labels = map(self._label_text, predictions.labels)
        numbers = _rows_of_decimals(predictions.numbers, self._delimiter)
        delimiter, end = self._delimiter, self._reader.end_of_line
        cells = zip(labels, numbers, strict=True)
        after = [f"{delimiter}{label}{shares}{delimiter}{end}" for label, shares in cells]
        if texts.errors:
            empty = delimiter * len(self._added)
            failed = {i: f"{empty}{self._cell(why)}{end}" for i, why in texts.errors.items()}
            after = _in_order(after, failed, len(texts))
        return "".join([a + b for a, b in zip(before, after, strict=True)]).encode()

    def _label_cell(self, label: Prediction) -> str:
        """Format a label, or labels; no labels as ``""`` if the source distinguishes null."""
        if isinstance(label, tuple):
            return self._cell(self._separator.join(label)) or self._empty
        return "" if label is None else self._cell(label)

    def _record(self, cells: Iterable[str | None]) -> str:
        """Format a record; an empty string as ``""`` if the source distinguishes null."""
        written = ("" if cell is None else self._cell(cell) or self._empty for cell in cells)
        return self._delimiter.join(written)

    def _line(self, cells: Iterable[str]) -> str:
        return self._delimiter.join(map(self._cell, cells))

    def _cell(self, cell: str) -> str:
        if self._escapes and cell.startswith(_FORMULA) and not is_number(cell):
            cell = f"'{cell}"
        if self._special.search(cell) is None:
            return cell
        return '"' + cell.replace('"', '""') + '"'


class JsonlWriter(Writer):
    """Writes one JSON object per line; objects of JSON Lines are extended by the new keys."""

    def __init__(self, reader: Reader, added: Sequence[str]):
        self._keeps = reader.form == "jsonl"
        self._names = own_names(reader.names, reader.width)
        label, *numbers, error = (_json(name).replace("%", "%%") for name in added)
        shares = ", ".join(f"{name}: %s" for name in numbers)
        nulls = ", ".join(f"{name}: null" for name in (label, *numbers))
        self._scored = f"{label}: %s, {shares}, {error}: null}}\n"
        self._failed = f"{nulls}, {error}: %s}}\n"
        self._label_text = lru_cache(_MOST_LABELS)(_json)

    def rows(self, texts: BatchTexts, predictions: BatchPredictions) -> bytes:
        """See `Writer.rows`."""
        raws: Iterable[str] = texts.raws or ()
        if not self._keeps:
            raws = map(_json, texts.batch.objects(self._names))
        labels = map(self._label_text, predictions.labels)
        rows = zip(labels, decimals(predictions.numbers).tolist(), strict=True)
        after = [self._scored % (label, *numbers) for label, numbers in rows]
        if texts.errors:
            failed = {i: self._failed % _json(why) for i, why in texts.errors.items()}
            after = _in_order(after, failed, len(texts))
        lines = [_open_object(raw) + rest for raw, rest in zip(raws, after, strict=True)]
        return "".join(lines).encode()


class ParquetWriter(Writer):
    """Writes a Parquet file; columns keep their types.

    A Parquet file cannot be continued after an interruption. So the rows are first written to a
    file that can: for each batch, its length and an Arrow stream. It is converted at the end.
    """

    def __init__(self, reader: Reader, added: Sequence[str], *, several: bool):
        import pyarrow as pa

        self._names = reader.typed_names or own_names(reader.names, reader.width)
        schema = reader.schema(self._names)
        self._several = several
        label, *numbers, error = added
        fields = [
            pa.field(label, _label_type(several=several)),
            *(pa.field(name, pa.float64()) for name in numbers),
            pa.field(error, pa.string()),
        ]
        self._schema = pa.schema([*schema, *fields], metadata=schema.metadata)

    def rows(self, texts: BatchTexts, predictions: BatchPredictions) -> bytes:
        """See `Writer.rows`."""
        import pyarrow as pa

        existing = texts.batch.table(self._names)
        new = added_columns(texts, predictions, several=self._several)
        table = pa.table([*existing.columns, *new], schema=self._schema)
        sink = pa.BufferOutputStream()
        options = pa.ipc.IpcWriteOptions(compression="lz4", use_threads=False)
        with pa.ipc.new_stream(sink, self._schema, options=options) as stream:
            stream.write_table(table)
        content: bytes = sink.getvalue().to_pybytes()
        return _LENGTH.pack(len(content)) + content

    def finish(self, written: Path, out: Path) -> None:
        """Convert the batches to a Parquet file."""
        from pyarrow import parquet

        converted = temporary_path(written)
        converted.unlink(missing_ok=True)
        try:
            with parquet.ParquetWriter(converted, self._schema) as file:
                for group in _groups(_tables(written)):
                    file.write_table(group)
            with converted.open("rb+") as stream:
                os.fsync(stream.fileno())
            super().finish(converted, out)
        finally:
            converted.unlink(missing_ok=True)


def added_columns(
    texts: BatchTexts, predictions: BatchPredictions, *, several: bool
) -> Iterator[pa.Array]:
    """Return the new columns of a batch and their types: label or labels, probabilities, error."""
    import pyarrow as pa

    count = len(texts)
    failed = np.zeros(count, np.bool_)
    failed[list(texts.errors)] = True
    labels = _in_order(predictions.labels, dict.fromkeys(texts.errors), count)
    yield pa.array(labels, _label_type(several=several))
    numbers = np.zeros((count, predictions.numbers.shape[1]))
    numbers[~failed] = predictions.numbers
    for column in numbers.T:
        yield pa.array(np.ascontiguousarray(column), mask=failed)
    yield pa.array([texts.errors.get(i) for i in range(count)], pa.string())


def _label_type(*, several: bool) -> pa.DataType:
    import pyarrow as pa

    return pa.list_(pa.string()) if several else pa.string()


def _tables(written: Path) -> Iterator[pa.Table]:
    import pyarrow as pa

    options = pa.ipc.IpcReadOptions(use_threads=False)
    with written.open("rb") as stream:
        while head := stream.read(_LENGTH.size):
            content = stream.read(_LENGTH.unpack(head)[0])
            yield pa.ipc.open_stream(content, options=options).read_all()


def _groups(tables: Iterable[pa.Table]) -> Iterator[pa.Table]:
    """Concatenate consecutive tables to row groups of about `_GROUP_ROWS` rows."""
    import pyarrow as pa

    group: list[pa.Table] = []
    n_rows = 0
    for table in tables:
        group.append(table)
        n_rows += table.num_rows
        if n_rows >= _GROUP_ROWS:
            yield pa.concat_tables(group)
            group, n_rows = [], 0
    if group:
        yield pa.concat_tables(group)


class GzipWriter(Writer):
    """Compresses the output of another writer with gzip, one member per batch."""

    def __init__(self, writer: Writer):
        self._writer = writer

    def heading(self) -> bytes:
        """See `Writer.heading`."""
        return _packed(self._writer.heading())

    def rows(self, texts: BatchTexts, predictions: BatchPredictions) -> bytes:
        """See `Writer.rows`."""
        return _packed(self._writer.rows(texts, predictions))


def decimals(proba: NDArray[np.float64]) -> NDArray[np.str_]:
    """Format probabilities with six decimals: strings of eight characters, [n, k]."""
    return _digits(proba).view("S8")[:, :, 0].astype("U8")


def _rows_of_decimals(proba: NDArray[np.float64], delimiter: str) -> list[str]:
    """Format each row of probabilities as one string, with a delimiter before each number.

    Formatting them in Python would take longer than some models take to compute them.
    """
    digits = _digits(proba)
    before = np.full((*digits.shape[:2], 1), ord(delimiter), np.uint8)
    rows = np.concatenate([before, digits], axis=2).reshape(len(proba), proba.shape[1] * 9)
    written: list[str] = rows.view(f"S{rows.shape[1]}")[:, 0].astype(np.str_).tolist()
    return written


def _digits(proba: NDArray[np.float64]) -> NDArray[np.uint8]:
    """Return the characters of ``0.123456``: uint8 [n, k, 8]."""
    millionths = np.rint(proba * 1e6).astype(np.int64)
    characters = np.full((*proba.shape, 8), ord("."), np.uint8)
    for place in (7, 6, 5, 4, 3, 2, 0):
        millionths, digit = np.divmod(millionths, 10)
        characters[:, :, place] = digit + ord("0")
    return characters


def _in_order(scored: Iterable[_T], failed: Mapping[int, _T], count: int) -> list[_T]:
    """Put labels and errors in the order of their records."""
    following = iter(scored)
    return [failed[i] if i in failed else next(following) for i in range(count)]


def _packed(content: bytes) -> bytes:
    return gzip.compress(content, _PACKING, mtime=0) if content else b""


def _open_object(raw: str) -> str:
    """Remove the last brace of an object, so that keys can be added."""
    opened = raw[:-1].rstrip()
    return opened if opened == "{" else f"{opened}, "


_json = json.JSONEncoder(ensure_ascii=False).encode
