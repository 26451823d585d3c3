"""What one look at all of a file tells before its first record is read."""

import codecs
import hashlib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from wordgate.data.decoding import (
    BROKEN,
    BROKEN_AS_MARKS,
    marked,
    mostly_utf8,
    neither,
    refuse_binary,
    why_no_encoding,
)
from wordgate.errors import DataError
from wordgate.scoring.source import Source

_NOT_CP1252 = b"\x81\x8d\x8f\x90\x9d"
# More broken places than this to a line, and the file is of an encoding that nobody named.
_FEW = 0.01


@dataclass(frozen=True)
class Encoding:
    """How bytes are read.

    Attributes:
        codec: Its name for Python.
        told: Its name and the reason, for a line that says how a file was read.
    """

    codec: str
    told: str


def digest(path: Path) -> str:
    """Hash a file's bytes.

    Raises:
        OSError: It can't be read.
    """
    summed = hashlib.blake2b(digest_size=32)
    with path.open("rb", buffering=0) as stream:
        while block := stream.read(1 << 20):
            summed.update(block)
    return summed.hexdigest()


def find_encoding(source: Source, asked: str | None) -> Encoding:
    """Find how bytes are read, as the data to train on is read: see `wordgate.data.decoding`.

    Of a file all bytes are looked at, of a pipe those that have come. Bytes that don't fit make
    no error here, as long as they are few: the records that hold them will be told.

    Args:
        source: The bytes.
        asked: What the user asked for.

    Raises:
        DataError: An unknown encoding, or none that fits.
    """
    if asked is not None:
        _check(asked, source.name)
        return Encoding(asked, f"{asked} (as given)")
    if (mark := marked(source.head)) is not None:
        codec, title = mark
        return Encoding(codec, f"{title} (it begins with a byte-order mark)")
    refuse_binary(source.head, source.name)
    where = _first_misfit(_looked_at(source))
    if where is None:
        return Encoding("utf-8", "UTF-8 (it fits)")
    counts = _counted(_looked_at(source))
    if mostly_utf8(counts.valid, counts.broken):
        return Encoding("utf-8", f"UTF-8 (it fits but for {counts.broken:,} places)")
    if not counts.misfits_cp1252:
        return Encoding("cp1252", f"cp1252 ({where})")
    if counts.broken <= _FEW * counts.lines:
        return Encoding("utf-8", f"UTF-8 (it fits but for {counts.broken:,} places)")
    raise DataError(neither(source.name, where))


def _check(encoding: str, name: str) -> None:
    try:
        b"a".decode(encoding)
        codecs.getincrementaldecoder(encoding)
    except UnicodeError:
        return  # a byte of an encoding of several
    except (LookupError, ValueError) as error:
        raise DataError(why_no_encoding(error, encoding, name)) from error


def _looked_at(source: Source) -> Iterator[bytes]:
    """Give a file's bytes, or those of a pipe that have come, up to the last end of a line."""
    if source.path is not None:
        return source.blocks()
    end = source.head.rfind(b"\n") + 1
    return iter([source.head[: end or None]])


def _first_misfit(blocks: Iterator[bytes]) -> str | None:
    """Say which byte is the first that isn't UTF-8; None where there is none."""
    decoder, passed = codecs.getincrementaldecoder("utf-8")(), 0
    try:
        for block in blocks:
            decoder.decode(block)
            passed += len(block)
        block = b""
        decoder.decode(block, final=True)
    except UnicodeDecodeError as error:
        held_back = len(error.object) - len(block)
        position = passed - held_back + error.start
        return f"byte 0x{error.object[error.start]:02x} at position {position:,} is not UTF-8"
    return None


@dataclass
class _Counts:
    """What UTF-8 finds in bytes that it doesn't fit."""

    valid: int = 0
    broken: int = 0
    lines: int = 0
    misfits_cp1252: bool = False


def _counted(blocks: Iterator[bytes]) -> _Counts:
    decoder, counts = codecs.getincrementaldecoder("utf-8")(BROKEN_AS_MARKS), _Counts()
    for block in blocks:
        text = decoder.decode(block)
        broken = text.count(BROKEN)
        counts.broken += broken
        counts.valid += len(text) - len(text.encode("ascii", "ignore")) - broken
        counts.lines += block.count(b"\n")
        if not counts.misfits_cp1252:
            counts.misfits_cp1252 = any(block.find(byte) >= 0 for byte in _NOT_CP1252)
    counts.broken += decoder.decode(b"", final=True).count(BROKEN)
    return counts
