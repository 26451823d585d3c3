"""Records of a table, whatever its format: a batch at a time, or all of them by column."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Protocol

if TYPE_CHECKING:
    import pyarrow as pa

Cell = str | None
"""A cell as read; "" where it is empty, None where the record lacks the key altogether."""


@dataclass(frozen=True)
class Malformed:
    """A record that could not be read: the line it starts on and what is wrong with it."""

    line: int
    why: str


class Batch(Protocol):
    """Some consecutive records of a source, those that could not be taken apart included."""

    @property
    def rejected(self) -> Mapping[int, str]:
        """Why a record could not be taken apart, by its place in the batch from 0."""

    @property
    def misfits(self) -> Mapping[int, str]:
        """What is said of bytes of a record that could not be decoded, by its place."""

    @property
    def lines(self) -> Sequence[int]:
        """The line each record starts on, or its number where a source has no lines."""

    @property
    def raws(self) -> Sequence[str] | None:
        """The records as they stood, without the ends of their lines; None without lines."""

    @property
    def end(self) -> int:
        """The source's position after the batch: where to begin to read the next."""

    def __len__(self) -> int:
        """Count the records."""

    def column(self, index: int) -> Sequence[Cell]:
        """Give a column's cells, by its number from 0; None in a record that was rejected."""

    def cells(self) -> Iterator[Sequence[str]]:
        """Give each record's cells, as many as the source has columns."""

    def objects(self, names: Sequence[str]) -> Iterator[dict[str, Any]]:
        """Give each record as values by the names of its columns; an empty one if rejected."""

    def table(self, names: Sequence[str]) -> pa.Table:
        """Give the columns under these names; null where a record has no cell."""


class Reader(Protocol):
    """A table that is being read, whose format is known."""

    @property
    def form(self) -> str:
        """``"csv"``, ``"tsv"``, ``"jsonl"`` or ``"parquet"``."""

    @property
    def names(self) -> Sequence[str] | None:
        """The columns' names, or None without a header; in JSON Lines, those met so far."""

    @property
    def width(self) -> int:
        """How many columns there are."""

    @property
    def delimiter(self) -> str | None:
        """What separates fields; None for a single column or another format."""

    @property
    def header(self) -> bool | None:
        """Whether the first record names the columns; None for another format."""

    @property
    def header_reason(self) -> str:
        """Why so."""

    @property
    def heading(self) -> str | None:
        """The header as it stood, without the end of its line; None where there is none."""

    @property
    def end_of_line(self) -> str:
        """How lines end."""

    @property
    def marked(self) -> bool:
        """Whether the source began with a byte-order mark."""

    @property
    def blank(self) -> str:
        """A record without cells, as it would stand."""

    def sample(self) -> Records:
        """Give the first records; what is read next is not changed by that."""

    def batches(self, start: int = 0) -> Iterator[Batch]:
        """Give the records from a position on, 0 or the `end` of a batch.

        The same position always gives the same batches, unless the source is a pipe.
        """

    def schema(self, names: Sequence[str]) -> pa.Schema:
        """Give the columns under these names with their types."""


@dataclass(frozen=True)
class Records:
    """Well-formed records as columns of equal length.

    Attributes:
        format: As `Reader.form`, or ``"frame"``.
        names: The columns' names, or None without a header.
        columns: One list of cells a column.
        rows: 1-based number of each record among all records, malformed ones included.
        lines: The line each record starts on, for messages.
        n_read: All records, malformed ones included.
        malformed: The records left out.
        delimiter: As in `Reader`.
        header: As in `Reader`.
        header_reason: As in `Reader`.
    """

    format: str
    names: list[str] | None
    columns: list[list[Cell]]
    rows: list[int]
    lines: list[int]
    n_read: int
    malformed: list[Malformed] = field(default_factory=list)
    delimiter: str | None = None
    header: bool | None = None
    header_reason: str = ""

    def name(self, index: int) -> str | None:
        """The name of a column by its 0-based index, None without a header."""
        return None if self.names is None else self.names[index]

    def called(self, index: int) -> str:
        """How messages call a column: ``column 2 'text'``."""
        name = self.name(index)
        return f"column {index + 1}" + (f" '{name}'" if name else "")


def gathered(reader: Reader, batches: Iterable[Batch]) -> Records:
    """Put batches together by column.

    Args:
        reader: Where they come from.
        batches: From its first record on.
    """
    columns: list[list[Cell]] = []
    rows: list[int] = []
    lines: list[int] = []
    malformed: list[Malformed] = []
    n_read = 0
    for batch in batches:
        columns += [[None] * len(rows) for _ in range(len(columns), reader.width)]
        rejected = batch.rejected
        good = [i for i in range(len(batch)) if i not in rejected] if rejected else None
        for index, column in enumerate(columns):
            cells = batch.column(index)
            column += cells if good is None else [cells[i] for i in good]
        places = range(len(batch)) if good is None else good
        rows += [n_read + 1 + i for i in places]
        lines += batch.lines if good is None else [batch.lines[i] for i in good]
        malformed += [Malformed(batch.lines[i], why) for i, why in sorted(rejected.items())]
        n_read += len(batch)
    return Records(
        format=reader.form,
        names=None if reader.names is None else list(reader.names),
        columns=columns or [[] for _ in range(reader.width)],
        rows=rows,
        lines=lines,
        n_read=n_read,
        malformed=malformed,
        delimiter=reader.delimiter,
        header=reader.header,
        header_reason=reader.header_reason,
    )


def text_table(names: Iterable[str], columns: Iterable[Sequence[Cell]]) -> pa.Table:
    """Make a table of columns of strings."""
    import pyarrow as pa

    arrays = [pa.array(cells, pa.string()) for cells in columns]
    return pa.table(arrays, names=list(names))
