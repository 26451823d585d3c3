"""Records of a table of any format, in batches or as columns."""

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
"""A cell: "" if it is empty, None if the record lacks the key."""


class StructuredCell(str):
    """The source of a list, an object, or bytes that are not text: no text or label."""

    __slots__ = ()

    @property
    def kind(self) -> str:
        """Its kind in messages: a list, an object or bytes."""
        return _KINDS.get(self[:1], "a list")


class ListCell(StructuredCell):
    """The source of a list, tuple, set or array, with its items."""

    __slots__ = ("values",)
    values: Iterable[object]

    @classmethod
    def of(cls, values: Iterable[object], written: str) -> ListCell:
        """Build a cell from the items of a list and its source."""
        cell = cls(written)
        cell.values = values
        return cell

    @property
    def kind(self) -> str:
        """Its kind in messages, regardless of its brackets."""
        return "a list"


_KINDS = {"{": "an object", "b": "bytes that are not UTF-8"}


@dataclass(frozen=True)
class Malformed:
    """A record that could not be read: its first line, and what is wrong with it."""

    line: int
    why: str


@dataclass
class Batch(ABC):
    """Consecutive records of a source, malformed ones included."""

    raws: list[str] | None  # the source of each, without its line end; None without lines
    lines: Sequence[int]  # the first line of each; its number if the source has no lines
    end: int = 0  # the position in the source after the batch, where the next one begins
    # By the index of a record in the batch: why it is malformed, and remarks on bytes that could
    # not be decoded.
    rejected: dict[int, str] = field(default_factory=dict)
    undecoded: dict[int, str] = field(default_factory=dict)

    def __len__(self) -> int:
        """The number of records."""
        return len(self.lines)

    @property
    @abstractmethod
    def width(self) -> int:
        """The number of columns."""

    @abstractmethod
    def column(self, index: int) -> list[Cell]:
        """Return the cells of a column, by its 0-based index; None in a rejected record."""

    def cells(self) -> Iterator[Sequence[str | None]]:
        """Return the cells of each record as written, one for each column, None for null."""
        columns = [self.column(i) for i in range(self.width)]
        return zip(*columns, strict=True) if columns else repeat((), len(self))

    def objects(self, names: Sequence[str]) -> Iterator[dict[str, Any]]:
        """Return the values of each record by the names of the columns; empty if it is rejected."""
        for place, cells in enumerate(self.cells()):
            yield {} if place in self.rejected else dict(zip(names, cells, strict=True))

    def table(self, names: Sequence[str]) -> pa.Table:
        """Return the columns under these names as an Arrow table; null for a missing cell."""
        import pyarrow as pa

        columns = zip(*self.cells(), strict=True) if len(self) else repeat((), self.width)
        return pa.table([pa.array(cells, pa.string()) for cells in columns], names=list(names))


class Reader(ABC):
    """Base class of readers of a table; attributes without a comment are as in `SourceFormat`."""

    form: str
    names: list[str] | None  # None without a header; in JSON Lines, the keys so far
    typed_names: list[str] | None = None  # the names in a Parquet file, spaces included
    has_nulls = False  # whether null differs from an empty string
    width: int  # the number of columns
    blank: str  # the source of a record of empty cells
    marked = False  # whether the source began with a byte-order mark
    delimiter: str | None = None
    quoting = ""
    header: bool | None = None
    header_reason = ""
    skipped_lines = 0
    heading: str | None = None  # the line of the header, without its end
    end_of_line = "\n"

    @abstractmethod
    def sample(self) -> Records:
        """Return the first records, which `batches` returns again."""

    @abstractmethod
    def batches(self, start: int = 0) -> Iterator[Batch]:
        """Return the records from a position on: 0 or the `end` of a batch.

        The batches from a position are always the same, unless the source is a pipe.
        """

    def schema(self, names: Sequence[str]) -> pa.Schema:
        """Return the Arrow types of the columns, under these names."""
        import pyarrow as pa

        return pa.schema([(name, pa.string()) for name in names])


@dataclass(frozen=True)
class Records:
    """Well-formed records as columns of equal length."""

    names: list[str] | None  # of the columns; None without a header
    columns: list[list[Cell]]
    rows: list[int]  # the 1-based number of each record, malformed ones included
    lines: list[int]  # the first line of each record, for messages
    n_read: int  # the number of records, malformed ones included
    malformed: list[Malformed] = field(default_factory=list)
    header_reason: str = ""
    delimited: bool = False  # whether a character separates the fields of a line
    files: list[tuple[int, str]] = field(default_factory=list)  # index of each first record, name

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
        """Return the entry of a malformed record, by its index in the columns."""
        file = self._file(place)
        return Malformed(self.lines[place], why if file is None else _in_file(why, file))

    def _file(self, place: int) -> str | None:
        number = bisect_right(self.files, place, key=itemgetter(0))
        return self.files[number - 1][1] if self.files else None

    def name(self, index: int) -> str | None:
        """Return the name of a column by its 0-based index; None without a header."""
        return None if self.names is None else self.names[index]

    def called(self, index: int) -> str:
        """Return the name of a column for messages: ``column 2 'text'``."""
        name = self.name(index)
        return f"column {index + 1}" + (f" '{name}'" if name else "")


def collect_records(reader: Reader, batches: Iterable[Batch]) -> Records:
    """Concatenate the batches of a reader, from its first record on, as columns."""
    columns: list[list[Cell]] = []
    rows: list[int] = []
    lines: list[int] = []
    malformed: list[Malformed] = []
    n_read = 0
    for batch in batches:
        columns += [[None] * len(rows) for _ in range(len(columns), reader.width)]
        rejected, numbers = batch.rejected, range(n_read + 1, n_read + 1 + len(batch))
        mask = [i not in rejected for i in range(len(batch))] if rejected else None
        for index, column in enumerate(columns):
            column += _selected(batch.column(index), mask)
        rows += _selected(numbers, mask)
        lines += _selected(batch.lines, mask)
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


def concatenate_records(parts: Sequence[tuple[str, Records]]) -> Records:
    """Concatenate the records of several files, each with its name, in their order.

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
    """Return the records with these columns; a missing column has None in every record."""
    by_name = dict(zip(records.names or (), records.columns, strict=True))
    missing: list[Cell] = [None] * len(records.rows)
    columns = [by_name.get(name, missing) for name in names]
    return replace(records, names=list(names), columns=columns)


def _in_order(first_name: str, first: Records, name: str, records: Records) -> list[list[Cell]]:
    """Return the columns of a file in the order of those of the first."""
    if first.names is None or records.names is None:
        if first.names is records.names and len(first.columns) == len(records.columns):
            return records.columns
        raise DataError(
            f"'{name}' has {_list_columns(records)}, and '{first_name}' has"
            f" {_list_columns(first)}: give each file the same columns"
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


def _list_columns(records: Records) -> str:
    if records.names is None:
        return f"{counted(len(records.columns), 'column')} without a header"
    return f"the columns {_listed(records.names)}"


def _listed(names: Sequence[str]) -> str:
    return shown(", ".join(f"'{name}'" for name in names), _LISTED)


def _in_file(why: str, file: str) -> str:
    return f"{why} (in '{file}')"


def _selected(values: Iterable[_Value], mask: Sequence[bool] | None) -> Iterable[_Value]:
    return values if mask is None else compress(values, mask)
