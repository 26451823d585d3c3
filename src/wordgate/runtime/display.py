"""Values in messages and on a terminal: short, printable, and unable to move the cursor."""

import html
import json
import unicodedata
from collections.abc import Iterable, Sequence

_HARMLESS = "\u200d\ufe0f"  # an emoji's joiner and selector are "unprintable" to Python


def shown(value: str, width: int) -> str:
    r"""Shorten a value to a printable line of this many characters.

    Line breaks become spaces, and other unprintable characters ``\x1b``.
    """
    safe = escaped(" ".join(value[: 4 * width].split()))
    return safe if len(safe) <= width and len(value) <= 4 * width else safe[: width - 3] + "..."


def display_width(text: str) -> int:
    """Count the columns of a terminal: 2 for East Asian and emoji characters, 0 for marks."""
    return sum(
        0
        if unicodedata.category(c) in ("Mn", "Me", "Cf")
        else 1 + (unicodedata.east_asian_width(c) in "WF")
        for c in text
    )


def padded(text: str, width: int, *, left: bool = False) -> str:
    """Add spaces to a text up to a number of columns, behind it or to its left."""
    spaces = " " * (width - display_width(text))
    return spaces + text if left else text + spaces


def counted(number: int, one: str, several: str = "") -> str:
    """Write a number with a noun, ``1 file`` or ``2,000 files``, or with other forms of both."""
    return f"{number:,} {one if number == 1 else several or f'{one}s'}"


def unequal(n_texts: int, number: int, noun: str) -> str:
    """Write that there are not as many texts as labels, groups or the like."""
    verb = "is" if n_texts == 1 else "are"
    return f"there {verb} {counted(n_texts, 'text')} but {counted(number, noun)}"


def brief(value: object) -> str:
    """Write a value as Python does, shortened to one line."""
    return shown(repr(value), 60)


def escaped(text: str, *, keep: str = "") -> str:
    r"""Write unprintable characters, line breaks among them, as ``\x1b``, but for those to keep."""
    return "".join(
        c if c.isprintable() or c in _HARMLESS or c in keep else c.encode("unicode_escape").decode()
        for c in text
    )


def one_line(text: str) -> str:
    r"""Keep a text from moving the cursor: line breaks and control characters become ``\x1b``."""
    return escaped(text, keep="\t")


def in_list(name: str) -> str:
    """Quote a name that would look like several, or like more than itself, between commas."""
    is_plain = name == name.strip() and not any(part in name for part in (",", '"', "\t", "  "))
    return one_line(name if is_plain else json.dumps(name, ensure_ascii=False))


def encodable(text: str, encoding: str) -> str:
    r"""Write characters that an encoding lacks, and lone surrogates, as ``\u4f60``."""
    return text.encode(encoding, "backslashreplace").decode(encoding)


def signed(value: float, digits: int) -> str:
    """Write a number with its sign; one that rounds to zero gets a plus."""
    return f"{round(value, digits) + 0.0:+.{digits}f}"


def shown_size(n_bytes: int) -> str:
    """Write a size in megabytes, a small one in kilobytes."""
    return f"{n_bytes / 1e6:.1f} MB" if n_bytes >= 1e5 else f"{n_bytes / 1e3:.0f} kB"


def html_table(
    title: str, rows: Iterable[Sequence[str]], header: Sequence[str] = (), note: str = ""
) -> str:
    """Format rows as a table for a notebook: every text is escaped, and nothing is fetched.

    The first cell of a row names it; the note stands below the table.
    """
    lines = [("td", row) for row in rows]
    if header:
        lines.insert(0, ("th", header))
    body = "".join(
        f"<tr>{_cell('th', cells[0])}{''.join(_cell(tag, cell) for cell in cells[1:])}</tr>"
        for tag, cells in lines
    )
    below = f"<p>{_escaped(note)}</p>" if note else ""
    return f"<div><b>{_escaped(title)}</b><table><tbody>{body}</tbody></table>{below}</div>"


def _cell(tag: str, text: str) -> str:
    return f'<{tag} style="text-align:left">{_escaped(text)}</{tag}>'


def _escaped(text: str) -> str:
    return html.escape(one_line(text))
