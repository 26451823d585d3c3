"""Formatting of values in messages and on a terminal: short, without control characters."""

import html
import json
import unicodedata
from collections.abc import Iterable, Sequence

_HARMLESS = "\u200d\ufe0f"  # joiner and selector of emoji, which Python counts as unprintable


def shown(value: str, width: int) -> str:
    r"""Shorten a value to a printable line of at most `width` characters.

    Line breaks become spaces, and other unprintable characters escapes such as ``\x1b``.
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
    """Pad a text with spaces to a number of columns, on its right or left."""
    spaces = " " * (width - display_width(text))
    return spaces + text if left else text + spaces


def counted(number: int, one: str, several: str = "") -> str:
    """Return a number with a noun, ``1 file`` or ``2,000 files``, or with the given plural."""
    return f"{number:,} {one if number == 1 else several or f'{one}s'}"


def unequal(n_texts: int, number: int, noun: str) -> str:
    """Return the message that the number of texts differs from that of labels or groups."""
    verb = "is" if n_texts == 1 else "are"
    return f"there {verb} {counted(n_texts, 'text')} but {counted(number, noun)}"


def brief(value: object) -> str:
    """Return the repr of a value, shortened to one line."""
    return shown(repr(value), 60)


def escaped(text: str, *, keep: str = "") -> str:
    r"""Escape unprintable characters and line breaks, as in ``\x1b``, except those of `keep`."""
    return "".join(
        c if c.isprintable() or c in _HARMLESS or c in keep else c.encode("unicode_escape").decode()
        for c in text
    )


def one_line(text: str) -> str:
    r"""Escape line breaks and control characters, which could move the cursor, as in ``\x1b``."""
    return escaped(text, keep="\t")


def in_list(name: str) -> str:
    """Quote a name for a list with commas if it has commas, quotes or outer spaces."""
    is_plain = name == name.strip() and not any(part in name for part in (",", '"', "\t", "  "))
    return one_line(name if is_plain else json.dumps(name, ensure_ascii=False))


def encodable(text: str, encoding: str) -> str:
    r"""Escape characters that an encoding lacks, and lone surrogates, as in ``\u4f60``."""
    return text.encode(encoding, "backslashreplace").decode(encoding)


def signed(value: float, digits: int) -> str:
    """Format a number with its sign; a rounded zero has a plus."""
    return f"{round(value, digits) + 0.0:+.{digits}f}"


def shown_size(n_bytes: int) -> str:
    """Format a size in megabytes, a small one in kilobytes."""
    return f"{n_bytes / 1e6:.1f} MB" if n_bytes >= 1e5 else f"{n_bytes / 1e3:.0f} kB"


def html_table(
    title: str, rows: Iterable[Sequence[str]], header: Sequence[str] = (), note: str = ""
) -> str:
    """Format rows as an HTML table for a notebook, with all texts escaped.

    The first cell of a row is its header; the note is below the table.
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
