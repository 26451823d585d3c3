"""Parts of a page, and rendering of templates to self-contained HTML."""

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
    """A table; the first cell of a row is its name."""

    header: Sequence[str]
    rows: Sequence[Sequence[str]]


@dataclass(frozen=True)
class Figure:
    """A picture with its title, table and note.

    Attributes:
        title: A short title.
        picture: The picture.
        table: The exact numbers, also for screen readers; None if they are in the picture or
            elsewhere.
        note: An explanation; may be empty.
        wide: Whether it has the whole width.
    """

    title: str
    picture: Markup
    table: PageTable | None
    note: str = ""
    wide: bool = False


@dataclass(frozen=True)
class Section:
    """One subject: sentences, and optionally a table; the first cell of a row is its name."""

    title: str
    sentences: Sequence[str]
    header: Sequence[str] = ()
    rows: Sequence[Sequence[str]] = ()


def render(template: str, **values: object) -> str:
    """Render a template; all values are escaped, and a missing one is an error."""
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
