"""The audit as one web page: plain tables, no script, nothing fetched."""

from collections.abc import Sequence
from html import escape
from typing import TYPE_CHECKING

from wordgate.cli.audit_view import row_caption
from wordgate.report.figures import Section
from wordgate.workflows.audit_sections import advice, sections
from wordgate.workflows.pairs import Pair, differences

if TYPE_CHECKING:
    from wordgate.workflows.audit import Audit

_STYLE = """
:root { color-scheme: light dark; }
body { font: 16px/1.5 system-ui, sans-serif; max-width: 46rem; margin: 0 auto; padding: 1rem;
  overflow-wrap: anywhere; }
h1 { font-size: 1.4rem; } h2 { font-size: 1.1rem; margin-top: 2rem; }
table { border-collapse: collapse; width: 100%; overflow-wrap: normal; }
caption, th, td { text-align: left; padding: .3rem .5rem .3rem 0; vertical-align: top; }
th, td { border-bottom: 1px solid #8886; }
th + th, td.n { text-align: right; font-variant-numeric: tabular-nums; padding: .3rem 0 .3rem .5rem; }
.pair { border: 1px solid #8886; border-radius: .4rem; padding: .2rem .8rem; margin: 1rem 0; }
.pair p { margin: .5rem 0; } small { opacity: .75; }
mark.first { background: #d9480f33; color: inherit; } mark.second { background: #2b8a3e33;
  color: inherit; }
.advice { border-left: .3rem solid #1971c2; padding-left: 1rem; }
@media (max-width: 480px) { table { font-size: .82rem; } }
"""  # noqa: E501


def audit_page(audit: "Audit") -> str:
    """Show an audit as a self-contained HTML page; every text of the data is escaped."""
    source = escape(audit.reading.source)
    body = [
        f"<h1>Audit of {source}</h1>",
        f'<div class="advice">{_section(advice(audit))}</div>',
        *map(_section, sections(audit)),
    ]
    if audit.pairs:
        body.append("<h2>Near copies to look at</h2>")
        body += map(_pair, audit.pairs)
    body.append(_section(Section("How the data was read", audit.reading.lines())))
    return (
        '<!DOCTYPE html>\n<html lang="en"><head><meta charset="utf-8">'
        '<meta name="viewport" content="width=device-width, initial-scale=1">'
        f"<title>Audit of {source}</title><style>{_STYLE}</style></head><body>\n"
        + "\n".join(body)
        + "\n</body></html>\n"
    )


def _section(section: Section) -> str:
    parts = [f"<h2>{escape(section.title)}</h2>"]
    parts += [f"<p>{escape(sentence)}</p>" for sentence in section.sentences]
    if section.rows:
        head = "".join(f'<th scope="col">{escape(cell)}</th>' for cell in section.header)
        rows = "".join(_row(row) for row in section.rows)
        parts.append(f"<table><thead><tr>{head}</tr></thead><tbody>{rows}</tbody></table>")
    return "\n".join(parts)


def _row(cells: Sequence[str]) -> str:
    name, *numbers = cells
    return (
        f'<tr><th scope="row">{escape(name)}</th>'
        + "".join(f'<td class="n">{escape(number)}</td>' for number in numbers)
        + "</tr>"
    )


def _pair(pair: Pair) -> str:
    """Show two texts one below the other, what only one of them has marked."""
    pieces = differences(pair.first.text, pair.second.text)

    def text(own: str) -> str:
        return " ".join(
            escape(piece.words)
            if piece.where == "same"
            else f'<mark class="{own}">{escape(piece.words)}</mark>'
            for piece in pieces
            if piece.where in ("same", own)
        )

    heading = f"{escape(pair.why.capitalize())}: similarity {pair.similarity:.2f}"
    return (
        f'<div class="pair"><p>{heading}</p>'
        f"<p><small>{escape(row_caption(pair.first))}</small><br>{text('first')}</p>"
        f"<p><small>{escape(row_caption(pair.second))}</small><br>{text('second')}</p></div>"
    )
