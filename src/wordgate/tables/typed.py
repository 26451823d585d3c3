"""Readers of sources with typed columns: Parquet files, pandas and Polars data frames."""

from __future__ import annotations

import io
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import islice, repeat
from pathlib import Path
from typing import TYPE_CHECKING, Any, BinaryIO

import numpy as np

from wordgate.errors import DataError
from wordgate.runtime.display import shown
from wordgate.runtime.packages import require_extra
from wordgate.storage.remote import RemoteFile
from wordgate.tables.arrow import cell_text, finite, holds_bytes, is_known, plain_values
from wordgate.tables.encoding import is_utf8, without_surrogates
from wordgate.tables.records import (
    Batch,
    Cell,
    ListCell,
    Reader,
    Records,
    StructuredCell,
    collect_records,
)
from wordgate.tables.source import Source, most_unpacked
from wordgate.tables.values import columns_by_name, is_missing

if TYPE_CHECKING:
    import pyarrow as pa

_FEW_CELLS = 10**7
"""Number of cells that any file may have; a larger file needs at least one byte for each."""
_ROWS = 1 << 16  # default size of a batch


@dataclass
class ParquetBatch(Batch):
    """Rows of a Parquet file; its name is for messages."""

    rows: pa.Table = None
    name: str = ""

    @property
    def width(self) -> int:
        """The number of columns."""
        return int(self.rows.num_columns)

    def column(self, index: int) -> list[Cell]:
        """Return the cells of a column as strings; null is an empty string."""
        with _readable_parquet(self.name):
            return list(map(_cell, self._values(index)))

    def cells(self) -> Iterator[Sequence[str | None]]:
        """Return the values of each row as text; see `wordgate.tables.arrow`."""
        columns = (map(cell_text, self._values(index)) for index in range(self.width))
        return self._rows(columns)

    def objects(self, names: Sequence[str]) -> Iterator[dict[str, Any]]:
        """Return the values of each row by the names of the columns."""
        columns = (map(finite, self._values(index, between="T")) for index in range(self.width))
        return (dict(zip(names, row, strict=True)) for row in self._rows(columns))

    def table(self, names: Sequence[str]) -> pa.Table:
        """Return the columns under these names."""
        return self.rows.rename_columns(list(names))

    def _values(self, index: int, *, between: str = " ") -> list[Any]:
        chunks = self.rows.column(index).chunks
        return [value for chunk in chunks for value in plain_values(chunk, between=between)]

    def _rows(self, columns: Iterable[Iterable[Any]]) -> Iterator[tuple[Any, ...]]:
        with _readable_parquet(self.name):
            values = list(map(list, columns))
        return zip(*values, strict=True) if values else repeat((), len(self))


class ParquetReader(Reader):
    """Reads a Parquet file in batches of at most `batch` rows; None to read all into memory.

    Raises:
        DataError: The file is damaged, this version of pyarrow cannot read it, or its declared size
            is far too large.
        MissingExtraError: pyarrow is not installed.
    """

    form = "parquet"
    blank = ""
    has_nulls = True

    def __init__(self, source: Source, batch: int | None):
        require_extra("parquet", "reading a Parquet file")
        from pyarrow import parquet

        if batch is not None and source.path is None:
            raise DataError(f"Parquet cannot be read from {source.name}: give the path of a file")
        if batch is not None and source.compressed:
            raise DataError(f"'{source.name}' is a gzipped Parquet file: unpack it first")
        self._source = source
        self._batch = batch or _ROWS
        file: Path | BinaryIO | None
        file = source.path.open(ranges=True) if isinstance(source.path, RemoteFile) else source.path
        packed = source.size or 0
        if file is None or source.compressed:
            content = b"".join(source.blocks())
            file, packed = io.BytesIO(content), len(content)
        with _readable_parquet(source.name):
            # Pages are read as they are needed: a row group may be as large as the file.
            self._file = parquet.ParquetFile(file, buffer_size=1 << 20, pre_buffer=False)
            self._schema = self._file.schema_arrow
        self._check_size(packed, in_memory=batch is None)
        self.n_rows = int(self._file.metadata.num_rows)
        self.typed_names = list(self._schema.names)
        self.names = [name.strip() for name in self.typed_names]
        self.width = len(self.names)

    def sample(self) -> Records:
        """Return the first rows."""
        return collect_records(self, islice(self.batches(), 1))

    def schema(self, names: Sequence[str]) -> pa.Schema:
        """Return the columns with their types, under these names."""
        import pyarrow as pa

        fields = [field.with_name(name) for name, field in zip(names, self._schema, strict=True)]
        return pa.schema(fields, metadata=self._schema.metadata)

    def batches(self, start: int = 0) -> Iterator[ParquetBatch]:
        """Return the rows from a row on. A batch never contains rows of two row groups."""
        import pyarrow as pa

        passed = 0
        for group in range(self._file.num_row_groups):
            count = self._file.metadata.row_group(group).num_rows
            if passed + count <= start:
                passed += count
                continue
            # Unpacking takes little time compared with scoring: threads would save nothing.
            batches = self._file.iter_batches(self._batch, row_groups=[group], use_threads=False)
            while True:
                with _readable_parquet(self._source.name):
                    rows = next(batches, None)
                if rows is None:
                    break
                passed += rows.num_rows
                if passed > start:
                    self._source.taken = passed
                    numbers = range(passed - rows.num_rows + 1, passed + 1)
                    table = pa.Table.from_batches([rows])
                    yield ParquetBatch(None, numbers, passed, rows=table, name=self._source.name)

    def refuse_untextual(self, form: str) -> None:
        """Refuse a column whose values cannot be written in a text format.

        Raises:
            DataError: There is such a column.
        """
        import pyarrow as pa

        for number, field in enumerate(self._schema, 1):
            why = "whose values cannot be converted" if not is_known(field.type) else ""
            try:
                if not why:
                    plain_values(pa.nulls(1, field.type))
                    if holds_bytes(field.type) and not self._is_utf8(number - 1):
                        why = "and contains bytes that are not UTF-8"
            except pa.ArrowException as error:  # an unknown time zone
                why = f"which cannot be written ({error})"
            if why:
                raise DataError(
                    f"column {number} '{shown(field.name, 60)}' of '{self._source.name}' is of type"
                    f" {shown(str(field.type), 100)}, {why}: {form.upper()} cannot represent it;"
                    " write Parquet, or leave the column out"
                )

    def _is_utf8(self, index: int) -> bool:
        """Return whether all bytes in a column are UTF-8."""
        name = self._schema.names[index]
        columns = [name] if self._schema.names.count(name) == 1 else None
        options = {"columns": columns, "use_threads": False}
        try:
            with _readable_parquet(self._source.name):
                for rows in self._file.iter_batches(self._batch, **options):
                    plain_values(rows.column(name if columns else index), strict=True)
        except DataError as error:
            if isinstance(error.__cause__, UnicodeDecodeError):
                return False
            raise
        return True

    def _check_size(self, packed: int, *, in_memory: bool) -> None:
        """Refuse a small file that would fill the memory: a packed value can take a few bits."""
        metadata = self._file.metadata
        cells = metadata.num_rows * metadata.num_columns
        groups = range(metadata.num_row_groups)
        unpacked = sum(metadata.row_group(group).total_byte_size for group in groups)
        if unpacked <= most_unpacked(packed) and not (in_memory and cells > _FEW_CELLS + packed):
            return
        self._file.close()
        declared = f"{cells:,} cells of {unpacked:,} bytes" if in_memory else f"{unpacked:,} bytes"
        raise DataError(
            f"'{self._source.name}' claims {declared} from {packed:,}, which may be a decompression"
            " bomb: write it as CSV if you trust it"
        )


@contextmanager
def _readable_parquet(name: str) -> Iterator[None]:
    """Convert errors of pyarrow to a `DataError` of one sentence."""
    import pyarrow as pa

    try:
        yield
    except MemoryError as error:
        raise DataError(f"'{name}' needs more memory than is available") from error
    except (pa.ArrowException, ArithmeticError, LookupError, OSError, ValueError) as error:
        why = str(error).splitlines()[0].rstrip(". ") if str(error) else type(error).__name__
        raise DataError(f"'{name}' cannot be read as Parquet: {why}") from error


def read_frame(frame: Any) -> tuple[Records, str]:
    """Read a data frame that narwhals supports, or data as for `columns_by_name`.

    Returns:
        The columns, with empty strings for missing values; and the name of the frame in messages.

    Raises:
        DataError: It is not a table, or a lazy one.
        MissingExtraError: The extra `train` is not installed.
    """
    require_extra("train", "reading a data frame")
    import narwhals as nw
    from narwhals.exceptions import NarwhalsError

    called = f"a {type(frame).__module__.partition('.')[0]} DataFrame"
    try:
        wrapped = nw.from_native(frame)
        if isinstance(wrapped, nw.LazyFrame):
            raise DataError("this data frame is lazy: collect() it first")
        names = [str(name) for name in wrapped.columns]
        columns: list[list[Cell]] = []
        for name in wrapped.columns:
            series = wrapped.get_column(name)
            values = zip(series.to_list(), series.is_null().to_list(), strict=True)
            cell = _short_cell if series.dtype == nw.Float32 else _cell
            columns.append(["" if is_null else cell(value) for value, is_null in values])
    except (TypeError, NarwhalsError) as error:
        by_name = columns_by_name(frame)
        if by_name is None:
            raise DataError(
                f"cannot read a {type(frame).__name__}: give the path of a file, the name of a data"
                " set, or a pandas or Polars DataFrame with one name per column"
            ) from error
        called, names = f"a {type(frame).__name__}", list(by_name)
        columns = [
            ["" if is_missing(value) else _cell(value) for value in column]
            for column in by_name.values()
        ]
    numbers = list(range(1, len(columns[0]) + 1 if columns else 1))
    stripped = [name.strip() for name in names]
    records = Records(stripped, columns, numbers, lines=numbers, n_read=len(numbers))
    return records, called


def _short_cell(value: float) -> str:
    """Format a float32 as in a Parquet file: 0.1, not 0.10000000149."""
    return _cell(float(str(np.float32(value))))


def _cell(value: Any) -> str:
    if isinstance(value, str):
        return without_surrogates(value)
    # A float that differs from itself is NaN, the missing value of a frame.
    if value is None or (isinstance(value, float) and value != value):
        return ""
    if isinstance(value, bytes | bytearray | memoryview):
        raw = bytes(value)
        return raw.decode() if is_utf8(raw) else StructuredCell(repr(raw))
    if isinstance(value, list | tuple | set | frozenset) or bool(getattr(value, "shape", None)):
        return ListCell.of(value, without_surrogates(str(value)))
    if isinstance(value, dict):
        return StructuredCell(without_surrogates(str(value)))
    return without_surrogates(str(value))
