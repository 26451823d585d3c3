"""The shape of a column: how many values, how often each, how many words."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

from wordgate.runtime.display import shown
from wordgate.tables.header import is_number
from wordgate.tables.records import Records

_SAMPLE = 2_000
# A column of this share of numbers is numeric: a few cells may be damaged.
_MOSTLY = 0.95


@dataclass(frozen=True)
class Profile:
    """One column, measured.

    Attributes:
        index: 0-based position.
        called: How messages call it.
        name: Its name, or None.
        cells: Its cells that are not empty.
    """

    index: int
    called: str
    name: str | None
    cells: list[str]

    @cached_property
    def values(self) -> frozenset[str]:
        """The distinct values."""
        return frozenset(self.cells)

    @cached_property
    def distinct(self) -> int:
        """How many distinct values."""
        return len(self.values)

    @cached_property
    def sample(self) -> list[str]:
        """Some cells, evenly spaced."""
        return self.cells[:: max(1, len(self.cells) // _SAMPLE)]

    @cached_property
    def numeric(self) -> bool:
        """Whether the cells are numbers."""
        return bool(self.sample) and sum(map(is_number, self.sample)) >= _MOSTLY * len(self.sample)

    @cached_property
    def words(self) -> float:
        """Mean words in a cell; two characters count for one word in scripts without spaces."""
        if not self.sample:
            return 0.0
        return sum(map(_words, self.sample)) / len(self.sample)

    def line(self) -> str:
        """Show the column in a message that asks which one is meant."""
        first = dict.fromkeys(self.sample)
        examples = ", ".join(repr(shown(value, 30)) for value, _ in zip(first, range(3)))  # noqa: B905
        return f"  {self.called}: {self.distinct:,} distinct values, such as {examples or 'none'}"


def profiles(records: Records) -> list[Profile]:
    """Measure all columns.

    Args:
        records: What was read.

    Returns:
        One profile a column, in order.
    """
    return [
        Profile(i, records.called(i), records.name(i), [cell for cell in column if cell])
        for i, column in enumerate(records.columns)
    ]


def _words(cell: str) -> float:
    words = len(cell.split())
    if cell.isascii() or words > 1:
        return words
    return max(words, len(cell) / 2)
