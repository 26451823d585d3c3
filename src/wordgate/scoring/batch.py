"""Some consecutive records of a source, whatever its format."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any, Protocol

if TYPE_CHECKING:
    import pyarrow as pa

EMPTY_TEXT = "the text is empty"


class Batch(Protocol):
    """Records in order, with those set apart that can't be scored."""

    @property
    def texts(self) -> list[str]:
        """The texts of the records that can be scored, in order."""

    @property
    def errors(self) -> dict[int, str]:
        """Why a record can't be scored, by its place in the batch from 0.

        Where it could not be taken apart the record itself follows after a colon, and it has no
        cells.
        """

    @property
    def end(self) -> int:
        """The source's position after the batch: where to begin to read the next."""

    @property
    def raws(self) -> list[str] | None:
        """The records as they stood, without the ends of their lines.

        One that could not be taken apart stands as one without cells. None where records have no
        lines.
        """

    def __len__(self) -> int:
        """Count the records, those with errors included."""

    def cells(self) -> Iterator[Sequence[str]]:
        """Give each record's cells, as many as the source has columns."""

    def objects(self) -> Iterator[dict[str, Any]]:
        """Give each record as values by the names of its columns; an empty one without cells."""

    def table(self) -> pa.Table:
        """Give the columns, named as in the reader's schema; null where a record has no cell."""


class Reader(Protocol):
    """A source whose columns are known."""

    @property
    def form(self) -> str:
        """``"csv"``, ``"tsv"``, ``"jsonl"`` or ``"parquet"``."""

    @property
    def names(self) -> list[str] | None:
        """The columns' names, or None without a header."""

    @property
    def width(self) -> int:
        """How many columns there are."""

    @property
    def delimiter(self) -> str | None:
        """What separates fields; None for a single column or another format."""

    @property
    def end_of_line(self) -> str:
        """How lines end."""

    @property
    def marked(self) -> bool:
        """Whether the source began with a byte-order mark."""

    @property
    def heading(self) -> str | None:
        """The header as it stood, without the end of its line; None where there is none."""

    def batches(self, start: int) -> Iterator[Batch]:
        """Give the records from a position on, 0 or the `end` of a batch.

        The same position always gives the same batches, unless the source is a pipe.
        """

    def schema(self) -> pa.Schema:
        """Give the columns with their types, each with a name of its own."""


def text_table(columns: Mapping[str, list[str | None]]) -> pa.Table:
    """Make a table of columns of strings."""
    import pyarrow as pa

    return pa.table({name: pa.array(cells, pa.string()) for name, cells in columns.items()})
