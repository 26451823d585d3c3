"""Sources whose columns have types: Parquet files, pandas and polars data frames."""

from __future__ import annotations

import io
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from wordgate.data.decoding import without_surrogates
from wordgate.data.records import Cell, Records
from wordgate.data.source import most_unpacked
from wordgate.errors import DataError
from wordgate.runtime.packages import require_extra

_FEW_CELLS = 10**7
"""Cells that any file may have; a larger one has a byte of its own for each."""


def read_parquet(raw: bytes, name: str) -> Records:
    """Read a Parquet file.

    Args:
        raw: The file's bytes.
        name: The file, for messages.

    Returns:
        Its rows by column; nulls are empty.

    Raises:
        DataError: The file is damaged or uses what this pyarrow can't read.
        MissingExtraError: pyarrow is not installed.
    """
    require_extra("parquet", "reading a Parquet file")
    from pyarrow import parquet

    with readable_parquet(name):
        file = parquet.ParquetFile(io.BytesIO(raw))
        _check_size(file.metadata, len(raw), name)
        table = file.read(use_threads=False)  # the cells' way to Python takes most of the time
        columns = [cells(column.to_pylist()) for column in table.columns]
    return typed_records("parquet", list(table.column_names), columns)


def _check_size(metadata: Any, length: int, name: str) -> None:
    """Refuse a small file that would fill the memory: a column of one value takes hardly a byte."""
    cells, unpacked = metadata.num_rows * metadata.num_columns, unpacked_size(metadata)
    if cells > _FEW_CELLS + length or unpacked > most_unpacked(length):
        raise DataError(
            f"'{name}' claims {cells:,} cells of {unpacked:,} bytes out of {length:,}, as no table"
            " of texts does"
        )


def unpacked_size(metadata: Any) -> int:
    """Say how many bytes the pages of a Parquet file claim to unpack to."""
    return sum(metadata.row_group(i).total_byte_size for i in range(metadata.num_row_groups))


@contextmanager
def readable_parquet(name: str) -> Iterator[None]:
    """Say in one sentence what pyarrow has against a file.

    Raises:
        DataError: The file is damaged or uses what this pyarrow can't read.
    """
    import pyarrow as pa

    try:
        yield
    except MemoryError as error:
        raise DataError(f"'{name}' needs more memory than there is") from error
    except (pa.ArrowException, ArithmeticError, LookupError, OSError, ValueError) as error:
        why = str(error).splitlines()[0].rstrip(". ") if str(error) else type(error).__name__
        raise DataError(f"'{name}' can't be read as Parquet: {why}") from error


def read_frame(frame: Any) -> tuple[Records, str]:
    """Read a data frame of pandas, polars or another library that narwhals knows.

    Args:
        frame: The frame.

    Returns:
        Its rows by column, missing values empty; and what to call it.

    Raises:
        DataError: It is no data frame, or one that is still lazy.
        MissingExtraError: The extra `train` is not installed.
    """
    require_extra("train", "reading a data frame")
    import narwhals as nw
    from narwhals.exceptions import NarwhalsError

    try:
        known = nw.from_native(frame)
        if isinstance(known, nw.LazyFrame):
            raise DataError("this data frame is lazy: collect() it first")
        names = [str(name) for name in known.columns]
        columns = [_series(known.get_column(name)) for name in known.columns]
    except (TypeError, NarwhalsError) as error:
        raise DataError(
            f"can't read a {type(frame).__name__}: give the path of a file, the name of a data "
            f"set, or a pandas or polars DataFrame with one name a column"
        ) from error
    library = type(frame).__module__.partition(".")[0]
    return typed_records("frame", names, columns), f"a {library} DataFrame"


def typed_records(kind: str, names: list[str], columns: list[list[Cell]]) -> Records:
    """Make records of a source that has no lines: row numbers stand for them."""
    count = len(columns[0]) if columns else 0
    numbers = list(range(1, count + 1))
    stripped = [name.strip() for name in names]
    return Records(kind, stripped, columns, rows=numbers, lines=numbers, n_read=count)


def _series(series: Any) -> list[Cell]:
    missing = series.is_null().to_list()
    values = series.to_list()
    return cells([None if gone else v for v, gone in zip(values, missing, strict=True)])


def cells(values: list[Any]) -> list[Cell]:
    """Make cells of a column's values; those that are missing are empty."""
    return [_cell(value) for value in values]


def _cell(value: Any) -> str:
    if isinstance(value, str):
        return without_surrogates(value)
    # A float that is not itself is NaN, the missing value of a frame.
    if value is None or (isinstance(value, float) and value != value):
        return ""
    if isinstance(value, bytes):
        return value.decode("utf-8", "replace")
    return without_surrogates(str(value))
