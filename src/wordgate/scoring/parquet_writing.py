"""Scored records as Parquet, which can be written only in one go.

On the way they stand in a file that can be cut and continued: a stream of Arrow's own format for
each batch, behind its length. In the end the Parquet file is made of it.
"""

from __future__ import annotations

import os
import struct
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from wordgate.scoring.answers import Answers, Texts
from wordgate.scoring.writing import moved, own_names
from wordgate.storage.files import temporary_path
from wordgate.tables import Reader

if TYPE_CHECKING:
    import pyarrow as pa

_LENGTH = struct.Struct("<Q")
_ROWS_A_GROUP = 1 << 16


class ParquetWriter:
    """Writes a Parquet file: see `Writer`.

    Args:
        reader: Where the records come from; columns keep their types.
        labels: The model's labels.
        added: The names of the new columns.
    """

    def __init__(self, reader: Reader, labels: Sequence[str], added: Sequence[str]):
        import pyarrow as pa

        self._names = own_names(reader.names, reader.width)
        there = reader.schema(self._names)
        self._labels = np.array([*labels, None], dtype=object)  # the last is for ABSTAINED
        label, *numbers, error = added
        fields = [
            pa.field(label, pa.string()),
            *(pa.field(name, pa.float64()) for name in numbers),
            pa.field(error, pa.string()),
        ]
        self._schema = pa.schema([*there, *fields], metadata=there.metadata)

    def heading(self) -> bytes:
        """Give nothing: every batch carries the columns."""
        return b""

    def rows(self, texts: Texts, answers: Answers) -> bytes:
        """Give the rows, each with its answer or its error, as a stream of Arrow's."""
        import pyarrow as pa

        there = texts.batch.table(self._names)
        table = pa.table([*there.columns, *self._new(texts, answers)], schema=self._schema)
        sink = pa.BufferOutputStream()
        options = pa.ipc.IpcWriteOptions(compression="lz4", use_threads=False)
        with pa.ipc.new_stream(sink, self._schema, options=options) as stream:
            stream.write_table(table)
        content: bytes = sink.getvalue().to_pybytes()
        return _LENGTH.pack(len(content)) + content

    def finish(self, written: Path, out: Path) -> None:
        """Make the Parquet file of the batches, and put it in its place as a whole."""
        import pyarrow as pa
        from pyarrow import parquet

        made = temporary_path(written)
        made.unlink(missing_ok=True)
        try:
            with parquet.ParquetWriter(made, self._schema) as file:
                group: list[pa.Table] = []
                for table in _tables(written):
                    group.append(table)
                    if sum(part.num_rows for part in group) >= _ROWS_A_GROUP:
                        file.write_table(pa.concat_tables(group))
                        group = []
                if group:
                    file.write_table(pa.concat_tables(group))
            with made.open("rb+") as stream:
                os.fsync(stream.fileno())
            moved(made, out)
        finally:
            made.unlink(missing_ok=True)

    def _new(self, texts: Texts, answers: Answers) -> Iterator[pa.Array]:
        import pyarrow as pa

        count, n_classes = len(texts), answers.proba.shape[1]
        failed = np.zeros(count, np.bool_)
        failed[list(texts.errors)] = True
        labels = np.full(count, None, dtype=object)
        labels[~failed] = self._labels[answers.labels]
        yield pa.array(labels, pa.string())
        proba = np.zeros((count, n_classes))
        proba[~failed] = answers.proba
        yield pa.array(proba.max(axis=1), mask=failed)
        for column in proba.T:
            yield pa.array(np.ascontiguousarray(column), mask=failed)
        yield pa.array([texts.errors.get(i) for i in range(count)], pa.string())


def _tables(written: Path) -> Iterator[pa.Table]:
    import pyarrow as pa

    options = pa.ipc.IpcReadOptions(use_threads=False)
    with written.open("rb") as stream:
        while head := stream.read(_LENGTH.size):
            content = stream.read(_LENGTH.unpack(head)[0])
            yield pa.ipc.open_stream(content, options=options).read_all()
