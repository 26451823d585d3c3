"""What stands on a page: a picture with the numbers behind it, a table, a section of sentences."""

from collections.abc import Sequence
from dataclasses import dataclass, field

from markupsafe import Markup


@dataclass(frozen=True)
class Table:
    """A table.

    Attributes:
        header: The heads of its columns.
        rows: Its rows; the first cell names the row.
    """

    header: Sequence[str]
    rows: Sequence[Sequence[str]]


@dataclass(frozen=True)
class Figure:
    """A picture, and all that must stand around it.

    Attributes:
        title: What it shows, in a few words.
        svg: The picture.
        table: The numbers behind it, for who can't see it or wants them exactly.
        note: How to read it; may be empty.
    """

    title: str
    svg: Markup
    table: Table
    note: str = ""


@dataclass(frozen=True)
class Section:
    """One subject: sentences, and perhaps a table.

    Attributes:
        title: What it is about.
        sentences: What is to be said.
        header: The heads of the table's columns, if there is a table.
        rows: The table's rows; the first cell names the row.
    """

    title: str
    sentences: Sequence[str]
    header: Sequence[str] = ()
    rows: Sequence[Sequence[str]] = field(default_factory=tuple)


def share(value: float | None) -> str:
    """Write a share of 1 with three digits; a dash where it is undefined."""
    return "–" if value is None else f"{value:.3f}"


def span(low: float | None, high: float | None) -> str:
    """Write an interval; a dash where there is none."""
    return "–" if low is None or high is None else f"{low:.3f} to {high:.3f}"


def p_text(p_value: float | None) -> str:
    """Write a p-value; below a thousandth says so."""
    if p_value is None:
        return "–"
    return "below 0.001" if p_value < 0.001 else f"{p_value:.3f}"


def p_told(p_value: float) -> str:
    """Say a p-value in a sentence, as `p_text` writes it in a table."""
    return "p < 0.001" if p_value < 0.001 else f"p = {p_value:.3f}"
