"""Detection of encodings, and decoding of bytes in blocks."""

from __future__ import annotations

import codecs
import re
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from typing import Literal

from wordgate.errors import DataError, near_miss
from wordgate.tables.detection import escaped_encoding, guess_encoding, non_ascii_lines
from wordgate.tables.source import Source

_COMMON = ["utf-8", "utf-16", "utf-16-le", "utf-16-be", "cp1252", "latin-1", "shift_jis", "gb18030"]
_SNIFFED_BYTES = 65_536
# Control characters that do not occur in text, except NUL, which is read as it is.
_CONTROLS = bytes([*range(1, 7), *range(14, 27), *range(28, 32)])
_NOT_CP1252 = re.compile(rb"[\x81\x8d\x8f\x90\x9d]")
_LEAVE_OUT = "; leave out --encoding to detect it"
# Invalid sequences per line above which the file is in another encoding.
_FEW = 0.01

BYTE_ORDER_MARK = "\ufeff"
_MARKS = {  # UTF-16's is the beginning of UTF-32's
    "utf-8-sig": (codecs.BOM_UTF8,),
    "utf-32": (codecs.BOM_UTF32_LE, codecs.BOM_UTF32_BE),
    "utf-16": (codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE),
}
# Represents an invalid byte sequence: U+FFFD occurs in many files as a character.
_INVALID = "\ud800"
_INVALID_AS_ONE, _BYTES_AS_MARKS = "wordgate-broken", "wordgate-marks"
_LONE = re.compile("[\ud800-\udfff]")


def _register(name: str, replace: Callable[[bytes], str]) -> None:
    """Register an error handler that replaces bytes that cannot be decoded."""

    def handle(error: UnicodeError) -> tuple[str, int]:
        if not isinstance(error, UnicodeDecodeError):
            raise error
        return replace(error.object[error.start : error.end]), error.end

    codecs.register_error(name, handle)


_register(_INVALID_AS_ONE, lambda _: _INVALID)
# Each byte is kept as a lone surrogate, U+DC00 plus the byte.
_register(_BYTES_AS_MARKS, lambda raw: "".join(chr(0xDC00 + byte) for byte in raw))


@dataclass(frozen=True)
class Encoding:
    """A text encoding, and how it was determined."""

    codec: str  # the name of the Python codec
    name: str  # the name in messages
    reason: str  # why it was chosen
    requested: bool = False  # whether the user named it
    warnings: tuple[str, ...] = ()  # that invalid bytes are replaced
    doubt: str = ""  # that it is a guess, and how to give another encoding

    @property
    def remarks(self) -> tuple[str, ...]:
        """Warnings about characters that may be wrong."""
        return (*filter(None, [self.doubt]), *self.warnings)


class Decoder:
    r"""Decodes the bytes of a source, block by block.

    With `keep_bytes`, a byte that cannot be decoded is kept as a lone surrogate, which does not
    occur in decoded text otherwise, so that records keep their borders; `escape_undecoded` writes
    it as ``\xff``. Otherwise such bytes are refused, or replaced if the encoding warns of them.
    """

    def __init__(self, encoding: Encoding, name: str, *, keep_bytes: bool):
        self._encoding = encoding
        self._name = name
        self._keep_bytes = keep_bytes
        errors = _BYTES_AS_MARKS if keep_bytes else "replace" if encoding.warnings else "strict"
        self._decoder = codecs.getincrementaldecoder(encoding.codec)(errors)
        self._n_decoded = 0

    def decode(self, block: bytes | None) -> str:
        """Decode the next bytes; None at the end.

        Raises:
            DataError: They cannot be decoded.
        """
        try:
            text = self._decoder.decode(block or b"", final=block is None)
        except (LookupError, ValueError) as error:
            raise self._refusal(error, len(block or b"")) from error
        self._n_decoded += len(block or b"")
        if self._encoding.requested and not self._keep_bytes:
            return without_surrogates(text)  # which a few codecs return
        return text

    def _refusal(self, error: Exception, length: int) -> DataError:
        encoding = self._encoding
        if not isinstance(error, UnicodeDecodeError):
            return _unusable(error, encoding.codec, self._name)
        place = self._n_decoded - (len(error.object) - length) + error.start
        if encoding.requested:
            byte = error.object[error.start]
            return DataError(
                f"'{self._name}' is not {encoding.name}: {_byte_at(byte, place)} ({error.reason})"
                f"{_LEAVE_OUT}"
            )
        return DataError(
            f"'{self._name}' begins with the byte order mark of {encoding.name} but breaks it at"
            f" byte {place:,} ({error.reason}): save it as UTF-8, or give its --encoding"
        )


def find_encoding(source: Source, requested: str | None) -> Encoding:
    """Find the encoding: the requested one, that of a byte-order mark, UTF-8 if valid, or a guess.

    All bytes of a file are examined, and of a pipe those that have arrived. A few invalid bytes
    are accepted.

    Raises:
        DataError: The encoding is unknown, no encoding fits, or the bytes are not text.
    """
    if requested is not None:
        return Encoding(_checked(requested, source), requested, "as given", requested=True)
    for codec in _MARKS:
        if _is_marked(source.head, codec):
            name = codec.removesuffix("-sig").upper()
            return Encoding(codec, name, "it begins with a byte order mark")
    where = _first_invalid(_available(source))  # also raises if it unpacks to too much
    escaped = escaped_encoding(source.head) if where is None else None
    if escaped is not None and not _counted(_available(source), escaped).invalid:
        is_certain = b"\x1b" in source.head
        doubt = "" if is_certain else _doubt(escaped, "since the bytes may be plain ASCII")
        return Encoding(escaped, escaped, "it has its escape sequences", doubt=doubt)
    _refuse_binary(source.head, source.name)
    if where is None:
        return Encoding("utf-8", "UTF-8", "valid")
    return _not_quite_utf8(source, where)


def _is_marked(head: bytes, codec: str) -> bool:
    """Return whether bytes begin with the byte order mark of an encoding.

    The mark of UTF-32 is also that of UTF-16 before a NUL; then few units are valid in UTF-32.
    """
    if not head.startswith(_MARKS[codec]):
        return False
    if codec != "utf-32":
        return True
    order: Literal["little", "big"] = "little" if head[:1] == b"\xff" else "big"
    units = [int.from_bytes(head[i : i + 4], order) for i in range(4, min(len(head), 400) - 3, 4)]
    return 2 * sum(unit <= sys.maxunicode for unit in units) >= len(units)


def without_surrogates(text: str) -> str:
    r"""Replace lone surrogates, such as from the JSON escape ``\ud83d``, by U+FFFD."""
    try:
        text.encode("utf-8")
    except UnicodeEncodeError:
        return text.encode("utf-16", "surrogatepass").decode("utf-16", "replace")
    return text


def is_utf8(raw: bytes) -> bool:
    """Return whether bytes are UTF-8."""
    try:
        raw.decode()
    except UnicodeDecodeError:
        return False
    return True


def is_writable(text: str) -> bool:
    """Return whether a text has no lone surrogates, which represent undecoded bytes."""
    return text.isascii() or without_surrogates(text) == text


def escape_undecoded(text: str, *, escape: str = "\\") -> tuple[str, int]:
    r"""Replace bytes that could not be decoded by ``\xff``; return their number, too.

    `escape` is the backslash as it is written: in JSON, two.
    """
    return _LONE.subn(lambda match: escape + _hex(ord(match[0])), text)


def undecoded_remark(count: int, encoding: str) -> str:
    r"""Return the remark that bytes could not be decoded, and how they are written."""
    what = "a byte is" if count == 1 else f"{count:,} bytes are"
    return rf"{what} not {encoding}, and written as \x and two digits"


def _hex(code: int) -> str:
    return f"x{code - 0xDC00:02x}" if 0xDC00 <= code < 0xDD00 else f"u{code:04x}"


def _checked(encoding: str, source: Source) -> str:
    """Refuse what is not a text encoding; return the codec to use, with a byte order if needed."""
    try:
        b"a".decode(encoding)
        codecs.getincrementaldecoder(encoding)
    except UnicodeError:
        pass  # one byte of a multi-byte encoding
    except (LookupError, ValueError) as error:
        raise _unusable(error, encoding, source.name) from error
    canonical = codecs.lookup(encoding).name
    if canonical in ("utf-16", "utf-32") and not source.head.startswith(_MARKS[canonical]):
        return f"{canonical}-{sys.byteorder[0]}e"
    return encoding


def _unusable(error: Exception, encoding: str, name: str) -> DataError:
    if isinstance(error, UnicodeError):
        return DataError(f"'{name}' is not {encoding} ({error}){_LEAVE_OUT}")
    return DataError(f"no encoding '{encoding}'{near_miss(encoding, _COMMON)}")


def _refuse_binary(raw: bytes, name: str) -> None:
    head = raw[:_SNIFFED_BYTES]
    order = _utf16_order(head)
    if order is None and head.count(0) > 0.3 * len(head):
        order = "le" if head[1::2].count(0) >= head[::2].count(0) else "be"
    if order is not None:
        raise DataError(
            f"'{name}' looks like UTF-16 without a byte order mark, or is not text: if it is text,"
            f" use --encoding utf-16-{order}"
        )
    controls = len(head) - len(head.translate(None, _CONTROLS))
    # A single one may separate fields.
    if controls > 0.02 * len(head) and sum(code in head for code in _CONTROLS) > 1:
        raise DataError(
            f"'{name}' is not text ({controls:,} control bytes in its first {len(head):,}): "
            "give CSV, TSV, JSONL or Parquet, or its --encoding"
        )


def _utf16_order(head: bytes) -> str | None:
    """Return the byte order, ``le`` or ``be``, of lines in UTF-16; None if they are not UTF-16."""
    for order in ("le", "be") if 0 in head else ():
        text = codecs.getincrementaldecoder(f"utf-16-{order}")("replace").decode(head)
        n_ends = text.count("\n")
        if 0 < head.count(b"\n") <= 2 * n_ends and all(
            c.isprintable() or c.isspace() for c in text
        ):
            return order
    return None


def _not_quite_utf8(source: Source, where: str) -> Encoding:
    """Choose between UTF-8 with a few invalid bytes and a guess."""
    # One invalid byte in a UTF-8 file must not turn all its emoji into cp1252 letters: multi-byte
    # sequences that are valid UTF-8 are very rare in text of single-byte encodings.
    counts = _counted(_available(source), "utf-8")
    is_few = counts.invalid <= _FEW * counts.lines
    if counts.valid >= 10 * counts.invalid or (is_few and counts.not_cp1252):
        return _replacing("utf-8", "UTF-8", counts, where)
    codec = guess_encoding(non_ascii_lines(_available(source)))
    if codec is not None and codec != "cp1252":
        other = _counted(_available(source), codec)
        if not other.invalid:
            return Encoding(codec, codec, where, doubt=_doubt(codec))
        if other.invalid <= _FEW * other.lines:
            return replace(_replacing(codec, codec, other, where), doubt=_doubt(codec))
    if counts.not_cp1252 is None:
        return Encoding("cp1252", "cp1252", where, doubt=_doubt("cp1252"))
    raise DataError(
        f"'{source.name}' is neither UTF-8 nor cp1252 ({where}; {counts.not_cp1252} is not cp1252):"
        " give its --encoding, such as latin-1"
    )


def _replacing(codec: str, name: str, counts: _Counts, where: str) -> Encoding:
    """Return an encoding that replaces a few invalid bytes."""
    warning = f"{counts.invalid:,} invalid byte sequences were read as \ufffd ({where})"
    reason = f"valid except in {counts.invalid:,} places"
    return Encoding(codec, name, reason, warnings=(warning,))


def _doubt(codec: str, why: str = "since the bytes are not UTF-8") -> str:
    return (
        f"the encoding {codec} is a guess, {why}: if letters look wrong, give the right one with"
        " --encoding"
    )


def _available(source: Source) -> Iterator[bytes]:
    """Return the bytes of a file, or the complete lines that have arrived through a pipe."""
    if source.path is not None or source.is_whole:
        return source.blocks()
    end = source.head.rfind(b"\n") + 1
    return iter([source.head[: end or None]])


def _first_invalid(blocks: Iterator[bytes]) -> str | None:
    """Describe the first byte that is not UTF-8; None if there is none."""
    decoder, n_decoded = codecs.getincrementaldecoder("utf-8")(), 0
    try:
        for block in blocks:
            decoder.decode(block)
            n_decoded += len(block)
        block = b""
        decoder.decode(block, final=True)
    except UnicodeDecodeError as error:
        place = n_decoded - (len(error.object) - len(block)) + error.start
        return f"{_byte_at(error.object[error.start], place)} is not UTF-8"
    return None


def _byte_at(byte: int, place: int) -> str:
    return f"byte 0x{byte:02x} at position {place:,}"


@dataclass
class _Counts:
    valid: int = 0  # non-ASCII characters
    invalid: int = 0  # byte sequences
    lines: int = 0
    not_cp1252: str | None = None  # the first byte that is not cp1252, and its position


def _counted(blocks: Iterator[bytes], codec: str) -> _Counts:
    decoder, counts, n_decoded = codecs.getincrementaldecoder(codec)(_INVALID_AS_ONE), _Counts(), 0
    for block in blocks:
        text = decoder.decode(block)
        n_invalid = text.count(_INVALID)
        counts.invalid += n_invalid
        counts.valid += len(text) - len(text.encode("ascii", "ignore")) - n_invalid
        counts.lines += block.count(b"\n")
        if counts.not_cp1252 is None and (match := _NOT_CP1252.search(block)):
            counts.not_cp1252 = _byte_at(match[0][0], n_decoded + match.start())
        n_decoded += len(block)
    counts.invalid += decoder.decode(b"", final=True).count(_INVALID)
    return counts
