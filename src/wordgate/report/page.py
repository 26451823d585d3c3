"""Parts of a page, and the templates that they fill: one file, no script, nothing fetched."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING

from markupsafe import Markup

from wordgate.svg import plain

if TYPE_CHECKING:
    from jinja2 import Environment


@dataclass(frozen=True)
class PageTable:
    """A table; the first cell of a row names it."""

    header: Sequence[str]
    rows: Sequence[Sequence[str]]


@dataclass(frozen=True)
class Figure:
    """A picture, and all that must stand around it.

    Attributes:
        title: What it shows, in a few words.
        picture: The picture.
        table: The numbers behind it, for who can't see it or wants them exactly; None where they
            stand in it or beside it.
        note: How to read it; may be empty.
        wide: Whether it takes the whole width.
    """

    title: str
    picture: Markup
    table: PageTable | None
    note: str = ""
    wide: bool = False


@dataclass(frozen=True)
class Section:
    """One subject: sentences, and perhaps a table, of which the first cell of a row names it."""

    title: str
    sentences: Sequence[str]
    header: Sequence[str] = ()
    rows: Sequence[Sequence[str]] = ()


def render(template: str, **values: object) -> str:
    """Fill one of the templates; every value is escaped, and a missing one is an error."""
    return _environment().get_template(template).render(**values)


@lru_cache(maxsize=1)
def _environment() -> Environment:
    from jinja2 import Environment, FileSystemLoader, StrictUndefined

    environment = Environment(
        loader=FileSystemLoader(Path(__file__).parent / "templates"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters["plain"] = plain
    return environment
