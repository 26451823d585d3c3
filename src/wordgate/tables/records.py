"""Records of a table, regardless of its format: a batch at a time, or all of them by column."""

from __future__ import annotations

from abc import ABC, abstractmethod
from bisect import bisect_right
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from itertools import compress, repeat
from operator import itemgetter
from typing import TYPE_CHECKING, Any, TypeVar

from wordgate.errors import DataError
from wordgate.runtime.display import counted, shown

if TYPE_CHECKING:
    import pyarrow as pa

_LISTED = 200  # characters
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
    """A list, tuple, set or array as written, with its items."""

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
        """Call it a list, regardless of its brackets."""
        return "a list"


_KINDS = {"{": "an object", "b": "bytes that are not UTF-8"}


@dataclass(frozen=True)
class Malformed:
    """A record that could not be read: the line it starts on and what is wrong with it."""

    line: int
    why: str


@dataclass
class Batch(ABC):
    """Some consecutive records of a source, those that could not be taken apart included."""

    raws: list[str] | None  # as they stood, without the ends of their lines; None without lines
    lines: Sequence[int]  # on which each record starts; its number where a source has no lines
    end: int = 0  # the source's position after the batch: where to begin to read the next
    # By the place of a record in the batch from 0: why it could not be taken apart, and remarks on
    # bytes that could not be decoded.
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
        """Return a column's cells, by its number from 0; None in a record that was rejected."""

    def cells(self) -> Iterator[Sequence[str | None]]:
        """Return each record's cells as they are written, None for null, a cell for each column."""
        columns = [self.column(i) for i in range(self.width)]
        return zip(*columns, strict=True) if columns else repeat((), len(self))

    def objects(self, names: Sequence[str]) -> Iterator[dict[str, Any]]:
        """Return each record as values by the names of its columns; an empty one if rejected."""
        for place, cells in enumerate(self.cells()):
            yield {} if place in self.rejected else dict(zip(names, cells, strict=True))

    def table(self, names: Sequence[str]) -> pa.Table:
        """Return the columns under these names; null where a record has no cell."""
        import pyarrow as pa

        columns = zip(*self.cells(), strict=True) if len(self) else repeat((), self.width)
        return pa.table([pa.array(cells, pa.string()) for cells in columns], names=list(names))


class Reader(ABC):
    """A table that is being read; what has no comment here is an attribute of `SourceFormat`."""

    form: str
    names: list[str] | None  # None without a header; in JSON Lines, those met so far
    typed_names: list[str] | None = None  # as they stand in a Parquet file, spaces included
    has_nulls = False  # whether it tells null from an empty string
    width: int  # how many columns there are
    blank: str  # a record without cells, as it would stand
    marked = False  # whether the source began with a byte-order mark
    delimiter: str | None = None
    quoting = ""
    header: bool | None = None
    header_reason = ""
    skipped_lines = 0
    heading: str | None = None  # the header as it stood, without the end of its line
    end_of_line = "\n"

    @abstractmethod
    def sample(self) -> Records:
        """Return the first records; what is read next is not changed by that."""

    @abstractmethod
    def batches(self, start: int = 0) -> Iterator[Batch]:
        """Return the records from a position on, 0 or the `end` of a batch.

        The same position always gives the same batches, unless the source is a pipe.
        """

    def schema(self, names: Sequence[str]) -> pa.Schema:
        """Return the columns under these names with their types."""
        import pyarrow as pa

        return pa.schema([(name, pa.string()) for name in names])


@dataclass(frozen=True)
class Records:
    """Well-formed records as columns of equal length."""

    names: list[str] | None  # of the columns; None without a header
    columns: list[list[Cell]]
    rows: list[int]  # number of each record from 1 among all, malformed ones included
    lines: list[int]  # on which each record starts, for messages
    n_read: int  # all records, malformed ones included
    malformed: list[Malformed] = field(default_factory=list)
    header_reason: str = ""
    delimited: bool = False  # whether a character separates the fields of a line
    files: list[tuple[int, str]] = field(default_factory=list)  # of several: begin, and name

    def where(self, place: int) -> str:
        """Return the position of a record: ``row 3``, with its file if there are several."""
        row = f"row {self.rows[place]}"
        return f"{row} ({self.line(place)})" if self.files else row

    def line(self, place: int) -> str:
        """Return the line on which a record starts: ``line 4``, or ``line 4 of 'a.csv'``."""
        file = self._file(place)
        line = f"line {self.lines[place]}"
        return line if file is None else f"{line} of '{file}'"

    def malformed_at(self, place: int, why: str) -> Malformed:
        """Note that a record is malformed, by its place in the columns."""
        file = self._file(place)
        return Malformed(self.lines[place], why if file is None else _in_file(why, file))

    def _file(self, place: int) -> str | None:
        number = bisect_right(self.files, place, key=itemgetter(0))
        return self.files[number - 1][1] if self.files else None

    def name(self, index: int) -> str | None:
        """The name of a column by its 0-based index, None without a header."""
        return None if self.names is None else self.names[index]

    def called(self, index: int) -> str:
        """Name of a column in messages: ``column 2 'text'``."""
        name = self.name(index)
        return f"column {index + 1}" + (f" '{name}'" if name else "")


def gathered(reader: Reader, batches: Iterable[Batch]) -> Records:
    """Put a reader's batches, from its first record on, together by column."""
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
        delimited=reader.form in ("csv", "tsv"),
    )


def put_together(parts: Sequence[tuple[str, Records]]) -> Records:
    """Put the records of several files, each with its name, together in their order.

    Raises:
        DataError: A file has other columns than the first.
    """
    first_name, first = parts[0]
    columns: list[list[Cell]] = [[] for _ in first.columns]
    joined = replace(first, columns=columns, rows=[], lines=[], malformed=[], files=[])
    n_read = 0
    for name, records in parts:
        joined.files.append((len(joined.rows), name))
        ordered = _in_order(first_name, first, name, records)
        for column, more in zip(columns, ordered, strict=True):
            column += more
        joined.rows.extend(n_read + row for row in records.rows)
        joined.lines.extend(records.lines)
        for one in records.malformed:
            joined.malformed.append(Malformed(one.line, _in_file(one.why, name)))
        n_read += records.n_read
    return replace(joined, n_read=n_read)


def with_columns(records: Records, names: Sequence[str]) -> Records:
    """Rearrange records to these columns; None where a column is missing."""
    there = dict(zip(records.names or (), records.columns, strict=True))
    nothing: list[Cell] = [None] * len(records.rows)
    return replace(records, names=list(names), columns=[there.get(name, nothing) for name in names])


def _in_order(first_name: str, first: Records, name: str, records: Records) -> list[list[Cell]]:
    """Return the columns of a file in the order of those of the first."""
    if first.names is None or records.names is None:
        if first.names is records.names and len(first.columns) == len(records.columns):
            return records.columns
        raise DataError(
            f"'{name}' has {_called(records)}, and '{first_name}' has {_called(first)}: give each"
            " file the same columns"
        )
    if records.names == first.names:
        return records.columns
    missing = [one for one in first.names if one not in records.names]
    further = [one for one in records.names if one not in first.names]
    n_names = len(first.names)
    if missing or further or not n_names == len(records.names) == len({*first.names}):
        lacks = [f"lacks {_listed(missing)}"] if missing else []
        has = [f"has {_listed(further)}"] if further else []
        differs = " and ".join([*lacks, *has]) or f"has {len(records.names)} columns"
        if not missing and not further and n_names == len(records.names):
            differs = "has them in another order"
        raise DataError(
            f"'{name}' has other columns than '{first_name}': it {differs}; give each file the same"
            " columns"
        )
    by_name = dict(zip(records.names, records.columns, strict=True))
    return [by_name[one] for one in first.names]


def _called(records: Records) -> str:
    if records.names is None:
        return f"{counted(len(records.columns), 'column')} without a header"
    return f"the columns {_listed(records.names)}"


def _listed(names: Sequence[str]) -> str:
    return shown(", ".join(f"'{name}'" for name in names), _LISTED)


def _in_file(why: str, file: str) -> str:
    return f"{why} (in '{file}')"


def _selected(values: Iterable[_Value], chosen: Sequence[bool] | None) -> Iterable[_Value]:
    return values if chosen is None else compress(values, chosen)
