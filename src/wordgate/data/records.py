"""What a source holds, column by column, before a role is given or a row dropped."""

from __future__ import annotations

from dataclasses import dataclass, field

from wordgate.data.reading import Malformed

Cell = str | None
"""A cell as read; "" where it is empty, None where the record lacks the key altogether."""


@dataclass(frozen=True)
class Records:
    """Well-formed records as columns of equal length.

    Attributes:
        format: As in ``Reading``.
        names: The columns' names, or None without a header.
        columns: One list of cells a column.
        rows: 1-based number of each record among all records, malformed ones included.
        lines: The line each record starts on, for messages.
        n_read: All records, malformed ones included.
        malformed: The records left out.
        delimiter: As in ``Reading``.
        header: As in ``Reading``.
        header_reason: As in ``Reading``.
        warnings: What the user should know.
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
    warnings: list[str] = field(default_factory=list)

    def name(self, index: int) -> str | None:
        """The name of a column by its 0-based index, None without a header."""
        return None if self.names is None else self.names[index]

    def called(self, index: int) -> str:
        """How messages call a column: ``column 2 'text'``."""
        name = self.name(index)
        return f"column {index + 1}" + (f" '{name}'" if name else "")
