"""The audit as a terminal shows it."""

import textwrap
from typing import TYPE_CHECKING

from wordgate.errors import shown
from wordgate.report.figures import Section
from wordgate.workflows.audit_sections import advice, sections
from wordgate.workflows.pairs import Pair, ShownRow, differences

if TYPE_CHECKING:
    from wordgate.workflows.audit import Audit

LINE_WIDTH = 96


def audit_view(audit: "Audit") -> str:
    """Show an audit in a terminal."""
    parts = [_section(section) for section in sections(audit)]
    if audit.pairs:
        parts.append("\n\n".join([_PAIRS_TITLE, *map(_pair, audit.pairs)]))
    return "\n\n".join([*parts, _section(advice(audit))])


def row_caption(row: ShownRow) -> str:
    """Name a row of a pair: its number, label and group."""
    label = "" if row.label is None else f", {shown(row.label, 30)}"
    group = "" if row.group is None else f", group {shown(row.group, 20)}"
    return f"row {row.row:,}{label}{group}"


_PAIRS_TITLE = "NEAR COPIES TO LOOK AT  [-only in the first-] {+only in the second+}"


def _section(section: Section) -> str:
    lines = [section.title.upper()]
    for sentence in section.sentences:
        lines += _wrapped(sentence, indent=2)
    widths = [max(len(row[i]) for row in [section.header, *section.rows])
              for i in range(len(section.header))]  # fmt: skip
    for row in [section.header, *section.rows] if section.rows else []:
        name, *cells = row
        numbers = [cell.rjust(width) for cell, width in zip(cells, widths[1:], strict=True)]
        lines.append("  " + "   ".join([name.ljust(widths[0]), *numbers]).rstrip())
    return "\n".join(lines)


def _pair(pair: Pair) -> str:
    """Show two texts as one, with what only one of them has in brackets."""
    marks = {"same": "{}", "first": "[-{}-]", "second": "{{+{}+}}"}
    words = [
        marks[piece.where].format(shown(piece.words, LINE_WIDTH * 5))
        for piece in differences(pair.first.text, pair.second.text)
    ]
    captions = f"{row_caption(pair.first)} and {row_caption(pair.second)}"
    lines = [
        f"  {pair.why} ({pair.similarity:.2f}): {captions}",
        *_wrapped(" ".join(words), indent=4),
    ]
    return "\n".join(lines)


def _wrapped(text: str, *, indent: int) -> list[str]:
    margin = " " * indent
    hanging = margin + "  " if text.startswith("- ") else margin
    return textwrap.wrap(
        text, LINE_WIDTH, initial_indent=margin, subsequent_indent=hanging, break_on_hyphens=False
    )
