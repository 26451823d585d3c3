"""From bytes to characters: which encoding, and why."""

from __future__ import annotations

import codecs
from dataclasses import dataclass

from wordgate.data.source import near_miss
from wordgate.errors import DataError

_COMMON = ["utf-8", "utf-16", "utf-16-le", "utf-16-be", "cp1252", "latin-1", "shift_jis", "gb18030"]
_SNIFFED_BYTES = 65_536
# Control characters that no text has, NUL apart (a stray NUL in a field is read as it is).
_CONTROLS = bytes([*range(1, 7), *range(14, 27), *range(28, 32)])

BYTE_ORDER_MARK = "\ufeff"
BROKEN = "\ud800"
"""Stands for a broken byte sequence: U+FFFD stands in many files as a character of its own."""
BROKEN_AS_MARKS = "wordgate-broken"
"""How to decode so that it does, as an error handler."""


def _as_mark(error: UnicodeError) -> tuple[str, int]:
    if not isinstance(error, UnicodeDecodeError):
        raise error
    return BROKEN, error.end


codecs.register_error(BROKEN_AS_MARKS, _as_mark)


@dataclass(frozen=True)
class Decoded:
    """Characters, and how they were found.

    Attributes:
        text: Without a byte-order mark or lone surrogates.
        encoding: The name to show.
        reason: Why this encoding.
        warnings: What was lost.
    """

    text: str
    encoding: str
    reason: str
    warnings: list[str]


def decode(raw: bytes, encoding: str | None, name: str) -> Decoded:
    """Decode a file: as asked; else by its mark, UTF-8 where it fits, else cp1252.

    Args:
        raw: The bytes.
        encoding: What the user asked for.
        name: The file, for messages.

    Returns:
        The characters and the reason.

    Raises:
        DataError: An unknown encoding, bytes that don't fit it, or no text at all.
    """
    if encoding is not None:
        return _as_asked(raw, encoding, name)
    if (mark := marked(raw)) is not None:
        return _marked(raw, *mark, name)
    refuse_binary(raw, name)
    try:
        return Decoded(raw.decode("utf-8"), "UTF-8", "it fits", [])
    except UnicodeDecodeError as error:
        return _not_quite_utf8(raw, error, name)


def marked(head: bytes) -> tuple[str, str] | None:
    """Give the codec and the name of the encoding that a file's byte-order mark tells, if any."""
    if head.startswith(codecs.BOM_UTF8):
        return "utf-8-sig", "UTF-8"
    if head.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
        return "utf-16", "UTF-16"
    return None


def mostly_utf8(valid: int, broken: int) -> bool:
    """Tell UTF-8 with a few broken bytes from cp1252.

    One broken byte in a UTF-8 file must not turn every emoji of it into cp1252 letters:
    sequences of several bytes that are valid UTF-8 hardly ever stand in cp1252 text.

    Args:
        valid: Sequences of several bytes that are valid UTF-8.
        broken: Sequences that are not.
    """
    return valid >= 10 * broken


def without_surrogates(text: str) -> str:
    r"""Replace lone surrogates, which nothing can write again, by U+FFFD.

    Args:
        text: Any string, as from a JSON escape like ``\ud83d``.

    Returns:
        The same string where it has none.
    """
    try:
        text.encode("utf-8")
    except UnicodeEncodeError:
        return text.encode("utf-16", "surrogatepass").decode("utf-16", "replace")
    return text


def _as_asked(raw: bytes, encoding: str, name: str) -> Decoded:
    try:
        text = raw.decode(encoding)
    except (LookupError, ValueError) as error:
        raise DataError(why_no_encoding(error, encoding, name)) from error
    text = without_surrogates(text.removeprefix(BYTE_ORDER_MARK))
    return Decoded(text, encoding, "as given", [])


def why_no_encoding(error: Exception, encoding: str, name: str) -> str:
    """Say why a file can't be read in the encoding asked for."""
    if isinstance(error, UnicodeDecodeError):
        byte = error.object[error.start]
        return (
            f"'{name}' is not {encoding}: byte 0x{byte:02x} at position {error.start:,} "
            f"({error.reason}); leave --encoding out to have it found"
        )
    if isinstance(error, UnicodeError):
        return f"'{name}' is not {encoding} ({error}); leave --encoding out to have it found"
    return f"no encoding '{encoding}'{near_miss(encoding, _COMMON)}"


def _marked(raw: bytes, codec: str, title: str, name: str) -> Decoded:
    try:
        text = raw.decode(codec)
    except UnicodeDecodeError as error:
        raise DataError(
            f"'{name}' begins with the byte-order mark of {title} but breaks it at byte "
            f"{error.start:,} ({error.reason}): save it as UTF-8, or name its --encoding"
        ) from error
    return Decoded(text, title, "it begins with a byte-order mark", [])


def refuse_binary(raw: bytes, name: str) -> None:
    """Refuse what is no text, by its first bytes.

    Args:
        raw: The file's bytes, or the first of them.
        name: The file, for the message.

    Raises:
        DataError: With what to do.
    """
    head = raw[:_SNIFFED_BYTES]
    if head.count(0) > 0.3 * len(head):
        order = "le" if head[1::2].count(0) >= head[::2].count(0) else "be"
        raise DataError(
            f"'{name}' looks like UTF-16 without a byte-order mark, or is no text: "
            f"if it is text, say --encoding utf-16-{order}"
        )
    controls = len(head) - len(head.translate(None, _CONTROLS))
    if controls > 0.02 * len(head):
        raise DataError(
            f"'{name}' is not text ({controls:,} control bytes in its first {len(head):,}): "
            f"give CSV, TSV, JSONL or Parquet, or name its --encoding"
        )


def _not_quite_utf8(raw: bytes, error: UnicodeDecodeError, name: str) -> Decoded:
    """Choose between UTF-8 with a few broken bytes and cp1252."""
    marked_text = raw.decode("utf-8", BROKEN_AS_MARKS)
    broken, text = marked_text.count(BROKEN), marked_text.replace(BROKEN, "\ufffd")
    valid = len(text) - len(text.encode("ascii", "ignore")) - broken
    where = f"byte 0x{raw[error.start]:02x} at position {error.start:,} is not UTF-8"
    if mostly_utf8(valid, broken):
        warning = f"{broken:,} broken byte sequences were read as \ufffd ({where})"
        return Decoded(text, "UTF-8", f"it fits but for {broken:,} places", [warning])
    try:
        return Decoded(raw.decode("cp1252"), "cp1252", where, [])
    except UnicodeDecodeError as second:
        also = f"byte 0x{raw[second.start]:02x} at position {second.start:,} is not cp1252"
        raise DataError(neither(name, f"{where}; {also}")) from second


def neither(name: str, why: str) -> str:
    """Say that a file is in none of the encodings that are tried."""
    return f"'{name}' is neither UTF-8 nor cp1252 ({why}): name its --encoding, latin-1 for one"
