"""Parquet in batches, from one group of rows after the other."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import date, time
from typing import TYPE_CHECKING, Any

from wordgate.data.joining import joined
from wordgate.data.records import Records
from wordgate.data.source import most_unpacked
from wordgate.data.typed import cells, readable_parquet, typed_records, unpacked_size
from wordgate.errors import DataError
from wordgate.runtime.packages import require_extra
from wordgate.scoring.batch import EMPTY_TEXT
from wordgate.scoring.names import own_names
from wordgate.scoring.source import Source

if TYPE_CHECKING:
    import pyarrow as pa


@dataclass
class ParquetBatch:
    """Rows of a Parquet file: see `Batch`.

    Attributes:
        rows: The rows.
        name: The file, for messages.
    """

    texts: list[str]
    errors: dict[int, str]
    end: int
    rows: pa.Table
    name: str
    raws: list[str] | None = None

    def __len__(self) -> int:
        return int(self.rows.num_rows)

    def cells(self) -> Iterator[Sequence[str]]:
        """Give each row's cells as strings; nulls are empty."""
        with readable_parquet(self.name):
            columns = [cells(column.to_pylist()) for column in self.rows.columns]
        return zip(*columns, strict=True)

    def objects(self) -> Iterator[dict[str, Any]]:
        """Give each row's values by their names."""
        with readable_parquet(self.name):
            rows = self.rows.to_pylist()
        return map(plain, rows)

    def table(self) -> pa.Table:
        """Give the columns."""
        return self.rows


class ParquetReader:
    """Reads a Parquet file: see `Reader`.

    Args:
        source: The file.
        batch: Rows read together at most.
    """

    form = "parquet"
    delimiter: str | None = None
    end_of_line = "\n"
    marked = False
    heading: str | None = None

    def __init__(self, source: Source, batch: int):
        require_extra("parquet", "reading a Parquet file")
        import pyarrow as pa
        from pyarrow import parquet

        self._source = source
        self._batch = batch
        self._texts: tuple[int, ...] = ()
        with readable_parquet(source.name):
            # Pages are read as they are needed: a group of rows may be as large as the file.
            self._file = parquet.ParquetFile(source.path, buffer_size=1 << 20, pre_buffer=False)
            stored = self._file.schema_arrow
        claimed, packed = unpacked_size(self._file.metadata), source.size or 0
        if claimed > most_unpacked(packed):
            self._file.close()
            raise DataError(
                f"'{source.name}' claims {claimed:,} bytes out of {packed:,}, as no table does:"
                " write it as CSV if you trust it"
            )
        names = own_names([name.strip() for name in stored.names], len(stored.names))
        fields = [field.with_name(name) for name, field in zip(names, stored, strict=True)]
        self._schema = pa.schema(fields, metadata=stored.metadata)
        self.names: list[str] | None = names
        self.width = len(names)
        self.n_rows = int(self._file.metadata.num_rows)

    def read_texts_from(self, columns: Sequence[int]) -> None:
        """Say which columns make the text, from 0."""
        self._texts = tuple(columns)

    def sample(self) -> Records:
        """Read the first rows."""
        table = next((rows for _, rows in self._tables(0)), self._schema.empty_table())
        with readable_parquet(self._source.name):
            columns = [cells(column.to_pylist()) for column in table.columns]
        return typed_records("parquet", self.names or [], columns)

    def schema(self) -> pa.Schema:
        """Give the columns with the types they have."""
        return self._schema

    def batches(self, start: int) -> Iterator[ParquetBatch]:
        """Give the rows from a row on."""
        for end, rows in self._tables(start):
            with readable_parquet(self._source.name):
                *fronts, bodies = (cells(rows.column(i).to_pylist()) for i in self._texts)
            batch = ParquetBatch([], {}, end, rows, self._source.name)
            for place, body in enumerate(bodies):
                if not (body or "").strip():
                    batch.errors[place] = EMPTY_TEXT
                elif fronts:
                    batch.texts.append(joined((front[place] for front in fronts), body or ""))
                else:
                    batch.texts.append(body or "")
            self._source.taken = end
            yield batch

    def _tables(self, start: int) -> Iterator[tuple[int, pa.Table]]:
        """Give rows and where they end. Batches begin anew with each group of rows."""
        import pyarrow as pa

        passed = 0
        with readable_parquet(self._source.name):
            for group in range(self._file.num_row_groups):
                count = self._file.metadata.row_group(group).num_rows
                if passed + count <= start:
                    passed += count
                    continue
                # A batch is unpacked in no time, beside its scoring: threads would save nothing.
                for rows in self._file.iter_batches(
                    self._batch, row_groups=[group], use_threads=False
                ):
                    passed += rows.num_rows
                    if passed > start:
                        table = pa.Table.from_batches([rows])
                        yield passed, table.rename_columns(self.names)


def plain(value: Any) -> Any:
    """Make of a typed value what JSON can say; what it can't is a string, and NaN is null."""
    if value is None or isinstance(value, str | bool | int):
        return value
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    if isinstance(value, dict):
        return {str(key): plain(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [plain(item) for item in value]
    if isinstance(value, bytes):
        return value.decode("utf-8", "replace")
    return value.isoformat() if isinstance(value, date | time) else str(value)
