"""SVG elements with escaped content, and text that fits into a width.

The width of a text is known only to the browser. So it is estimated, rather too wide than too
narrow, and longer text is truncated with an ellipsis.
"""

import unicodedata
from collections.abc import Iterable

from markupsafe import Markup, escape

TEXT_SIZE = 12.0
_NARROW, _MIDDLE, _BROAD, _WIDE = 0.36, 0.62, 0.95, 1.4  # of the font's size
_ELLIPSIS = "…"


def element(name: str, *content: str, **attributes: object) -> Markup:
    """Return an element; content that is not ``Markup`` is escaped.

    Args:
        name: The tag.
        *content: Its content.
        **attributes: ``stroke_width`` becomes ``stroke-width``, ``class_`` becomes ``class``;
            numbers are rounded to a tenth, ``None`` leaves the attribute out.
    """
    formatted = "".join(
        f' {key.rstrip("_").replace("_", "-")}="{escape(_short(value))}"'
        for key, value in attributes.items()
        if value is not None
    )
    inside = "".join(str(escape(part)) for part in content)
    return Markup(f"<{name}{formatted}>{inside}</{name}>")  # noqa: S704 - all parts are escaped above


def picture(parts: Iterable[Markup], *, width: float, height: float, label: str) -> Markup:
    """Return a scalable image of parts, with a label for screen readers."""
    return element(
        "svg",
        *parts,
        viewBox=f"0 0 {_short(width)} {_short(height)}",
        role="img",
        aria_label=plain(label),
    )


def text(content: str, x: float, y: float, *, class_: str | None = None) -> Markup:
    """Return a text whose baseline begins at a point; the class aligns and colors it."""
    return element("text", plain(content), x=x, y=y, class_=class_)


def line(x1: float, y1: float, x2: float, y2: float, *, class_: str) -> Markup:
    """Return a straight line."""
    return element("line", x1=x1, y1=y1, x2=x2, y2=y2, class_=class_)


def text_width(content: str) -> float:
    """Estimate the maximum width of a text, in units of the picture."""
    return TEXT_SIZE * sum(map(_character_width, content))


def fitted(content: str, width: float) -> str:
    """Truncate a text to a width, in units of the picture."""
    content = plain(content)
    if text_width(content) <= width:
        return content
    room = width - text_width(_ELLIPSIS)
    kept = 0
    for character in content:
        room -= text_width(character)
        if room < 0:
            break
        kept += 1
    return content[:kept].rstrip() + _ELLIPSIS


def plain(content: str) -> str:
    """Make a text safe to show: control characters visible, without marks of direction.

    A page cannot contain a NUL or a lone surrogate, and a mark that changes the direction of
    writing would also affect adjacent text.
    """
    return "".join(map(_plain_character, content))


def _plain_character(character: str) -> str:
    code = ord(character)
    if character in "\t\n\r":
        return " "
    if code < 0x20:
        return chr(0x2400 + code)
    if 0x7F <= code < 0xA0 or 0xD800 <= code < 0xE000 or (code & 0xFFFE) == 0xFFFE:
        return "\N{REPLACEMENT CHARACTER}"
    is_direction = (
        0x202A <= code <= 0x202E or 0x2066 <= code <= 0x2069 or code in (0x200E, 0x200F, 0x61C)
    )
    return "" if is_direction else character


def _character_width(character: str) -> float:
    if character in " .,:;!|'ijl()[]·":
        return _NARROW
    if unicodedata.combining(character):
        return 0.0
    if ord(character) >= 0x1100:
        return _WIDE
    return _BROAD if character.isupper() or character in "mw%@—…" or character > "ɏ" else _MIDDLE


def _short(value: object) -> str:
    if isinstance(value, float):
        return f"{value:.1f}".removesuffix(".0")
    return str(value)
