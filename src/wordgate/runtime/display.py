"""Values in messages and on a terminal: short, printable, and unable to move the cursor."""

_HARMLESS = "\u200d\ufe0f"  # an emoji's joiner and selector are "unprintable" to Python


def shown(value: str, width: int) -> str:
    r"""Shorten a value to one printable line.

    Args:
        value: Any text, control characters included.
        width: Characters at most.

    Returns:
        The text with line breaks as spaces and other unprintable characters as ``\x1b``.
    """
    safe = escaped(" ".join(value[: 4 * width].split()))
    return safe if len(safe) <= width and len(value) <= 4 * width else safe[: width - 3] + "..."


def brief(value: object) -> str:
    """Write a value as Python does, shortened to one line."""
    return shown(repr(value), 60)


def escaped(text: str, *, keep: str = "") -> str:
    r"""Write unprintable characters, line breaks among them, as ``\x1b``.

    Args:
        text: Any text.
        keep: Unprintable characters that may stay.
    """
    return "".join(
        c if c.isprintable() or c in _HARMLESS or c in keep else c.encode("unicode_escape").decode()
        for c in text
    )


def one_line(text: str) -> str:
    r"""Keep a text from moving the cursor: line breaks and control characters become ``\x1b``."""
    return escaped(text, keep="\t")


def encodable(text: str, encoding: str) -> str:
    r"""Write characters that an encoding lacks, and lone surrogates, as ``\u4f60``."""
    return text.encode(encoding, "backslashreplace").decode(encoding)
