"""Records of a table, whatever its format: a batch at a time, or all of them by column."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from itertools import compress, repeat
from typing import TYPE_CHECKING, Any, TypeVar

if TYPE_CHECKING:
    import pyarrow as pa

_Value = TypeVar("_Value")

Cell = str | None
"""A cell as read; "" where it is empty, None where the record lacks the key altogether."""


class StructuredCell(str):
    """A list, an object, or bytes that are no text, as written: data, but no text or label."""

    __slots__ = ()

    @property
    def kind(self) -> str:
        """Call it a list, an object or bytes."""
        return _KINDS.get(self[:1], "a list")


class ListCell(StructuredCell):
    """A list, tuple, set or array as written, with what it holds.

    Attributes:
        values: Its items.
    """

    __slots__ = ("values",)
    values: Iterable[object]

    @classmethod
    def of(cls, values: Iterable[object], written: str) -> ListCell:
        """Make a cell of a list and how it is written."""
        cell = cls(written)
        cell.values = values
        return cell

    @property
    def kind(self) -> str:
        """Call it a list, whatever its brackets."""
        return "a list"


_KINDS = {"{": "an object", "b": "bytes that are not UTF-8"}


@dataclass(frozen=True)
class Malformed:
    """A record that could not be read: the line it starts on and what is wrong with it."""

    line: int
    why: str


@dataclass
class Batch(ABC):
    """Some consecutive records of a source, those that could not be taken apart included.

    Attributes:
        raws: The records as they stood, without the ends of their lines; None without lines.
        lines: The line each record starts on, or its number where a source has no lines.
        end: The source's position after the batch: where to begin to read the next.
        rejected: Why a record could not be taken apart, by its place in the batch from 0.
        misfits: Remarks on bytes of a record that could not be decoded, by its place.
    """

    raws: list[str] | None
    lines: Sequence[int]
    end: int = 0
    rejected: dict[int, str] = field(default_factory=dict)
    misfits: dict[int, str] = field(default_factory=dict)

    def __len__(self) -> int:
        """Count the records."""
        return len(self.lines)

    @property
    @abstractmethod
    def width(self) -> int:
        """How many columns there are."""

    @abstractmethod
    def column(self, index: int) -> list[Cell]:
        """Give a column's cells, by its number from 0; None in a record that was rejected."""

    def cells(self) -> Iterator[Sequence[str | None]]:
        """Give each record's cells as they are written, None for null, a cell for each column."""
        columns = [self.column(i) for i in range(self.width)]
        return zip(*columns, strict=True) if columns else repeat((), len(self))

    def objects(self, names: Sequence[str]) -> Iterator[dict[str, Any]]:
        """Give each record as values by the names of its columns; an empty one if rejected."""
        for place, cells in enumerate(self.cells()):
            yield {} if place in self.rejected else dict(zip(names, cells, strict=True))

    def table(self, names: Sequence[str]) -> pa.Table:
        """Give the columns under these names; null where a record has no cell."""
        import pyarrow as pa

        arrays = [pa.array(self.column(i), pa.string()) for i in range(self.width)]
        return pa.table(arrays, names=list(names))


class Reader(ABC):
    """A table that is being read.

    Attributes:
        form: ``"csv"``, ``"tsv"``, ``"jsonl"`` or ``"parquet"``; of a workbook its ending.
        names: The columns' names, or None without a header; in JSON Lines, those met so far.
        typed_names: They as they stand in a file of typed columns, spaces and doubles included.
        has_nulls: Whether it tells null from an empty string.
        width: How many columns there are.
        blank: A record without cells, as it would stand.
        marked: Whether the source began with a byte-order mark.
        delimiter: What separates fields; None for a single column or another format.
        quoting: What is unusual about quotes and spaces, as a clause; empty where nothing is.
        header: Whether the first record names the columns; None for another format.
        header_reason: Why so.
        skipped_lines: How many lines were left out before the first record.
        heading: The header as it stood, without the end of its line; None where there is none.
        end_of_line: How lines end.
    """

    form: str
    names: list[str] | None
    typed_names: list[str] | None = None
    has_nulls = False
    width: int
    blank: str
    marked = False
    delimiter: str | None = None
    quoting = ""
    header: bool | None = None
    header_reason = ""
    skipped_lines = 0
    heading: str | None = None
    end_of_line = "\n"

    @abstractmethod
    def sample(self) -> Records:
        """Give the first records; what is read next is not changed by that."""

    @abstractmethod
    def batches(self, start: int = 0) -> Iterator[Batch]:
        """Give the records from a position on, 0 or the `end` of a batch.

        The same position always gives the same batches, unless the source is a pipe.
        """

    def schema(self, names: Sequence[str]) -> pa.Schema:
        """Give the columns under these names with their types."""
        import pyarrow as pa

        return pa.schema([(name, pa.string()) for name in names])


@dataclass(frozen=True)
class Records:
    """Well-formed records as columns of equal length.

    Attributes:
        names: The columns' names, or None without a header.
        columns: One list of cells a column.
        rows: 1-based number of each record among all records, malformed ones included.
        lines: The line each record starts on, for messages.
        n_read: All records, malformed ones included.
        malformed: The records left out.
        header_reason: As in `Reader`.
    """

    names: list[str] | None
    columns: list[list[Cell]]
    rows: list[int]
    lines: list[int]
    n_read: int
    malformed: list[Malformed] = field(default_factory=list)
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
        rejected, numbers = batch.rejected, range(n_read + 1, n_read + 1 + len(batch))
        good = [i not in rejected for i in range(len(batch))] if rejected else None
        for index, column in enumerate(columns):
            column += _selected(batch.column(index), good)
        rows += _selected(numbers, good)
        lines += _selected(batch.lines, good)
        malformed += [Malformed(batch.lines[i], why) for i, why in sorted(rejected.items())]
        n_read += len(batch)
    return Records(
        names=None if reader.names is None else list(reader.names),
        columns=columns or [[] for _ in range(reader.width)],
        rows=rows,
        lines=lines,
        n_read=n_read,
        malformed=malformed,
        header_reason=reader.header_reason,
    )


def _selected(values: Iterable[_Value], chosen: Sequence[bool] | None) -> Iterable[_Value]:
    return values if chosen is None else compress(values, chosen)
