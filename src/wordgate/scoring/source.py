"""Bytes in blocks, from a file or a pipe, unpacked where they were gzipped."""

import os
import sys
import zlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from itertools import chain
from pathlib import Path
from typing import BinaryIO

from wordgate.data.source import (
    GZIP_MAGIC,
    PARQUET_MAGIC,
    check_readable,
    check_unpacked,
    refuse_foreign,
)
from wordgate.errors import DataError
from wordgate.scoring.arrivals import arriving

STANDARD = "-"
"""What stands for standard input or output."""

_BLOCK = 1 << 20
_HEAD = 1 << 20
_SUFFIXES = {
    ".csv": "csv",
    ".tsv": "tsv",
    ".tab": "tsv",
    ".jsonl": "jsonl",
    ".ndjson": "jsonl",
    ".json": "jsonl",
    ".parquet": "parquet",
    ".pq": "parquet",
}


def format_of(name: str | os.PathLike[str]) -> str | None:
    """Name the format that a file's ending tells, ``.gz`` apart; None where it tells none."""
    suffixes = [suffix.lower() for suffix in Path(name).suffixes if suffix.lower() != ".gz"]
    return _SUFFIXES.get(suffixes[-1]) if suffixes else None


@dataclass
class Source:
    """Where bytes come from.

    Attributes:
        name: As the user named it, for messages.
        path: The file; None where the bytes come once, as they like.
        head: The first bytes, unpacked.
        compressed: Whether they were gzipped.
        size: Bytes of the file as it lies on the disk; None without a file.
        taken: Bytes taken so far of `size`.
    """

    name: str
    path: Path | None
    head: bytes
    compressed: bool
    size: int | None
    taken: int = 0
    _rest: Iterator[bytes] = field(default_factory=lambda: iter(()))

    @property
    def is_parquet(self) -> bool:
        """Whether this is a Parquet file, known by its first bytes."""
        return self.head.startswith(PARQUET_MAGIC)

    def blocks(self) -> Iterator[bytes]:
        """Give all bytes, unpacked; of a pipe only once.

        Raises:
            DataError: The file can't be read, or is a damaged gzip file.
        """
        if self.path is None:
            return chain([self.head] if self.head else [], self._rest)
        blocks = self._counted(_file_blocks(self.path))
        return _unpacked(blocks, self.name, self.size) if self.compressed else blocks

    def _counted(self, blocks: Iterator[bytes]) -> Iterator[bytes]:
        self.taken = 0
        for block in blocks:
            self.taken += len(block)
            yield block


def open_source(source: str | os.PathLike[str], enough: Callable[[bytes], bool]) -> Source:
    """Find a source and look at its beginning.

    Args:
        source: A path, or ``-`` for standard input. Something else than an ordinary file, such as
            a named pipe, is read as standard input is.
        enough: Tells of the first bytes of a pipe whether they are enough to begin with; a pipe
            is waited for until they are, or it has ended, or a megabyte has come.

    Raises:
        DataError: There is no such file, or it can't be read, or is of a foreign format.
    """
    if source == STANDARD:
        if sys.stdin is None:
            raise DataError("standard input is closed: name a file")
        return _piped(sys.stdin.buffer, "standard input", enough)
    path = Path(source).expanduser()
    check_readable(path)
    if not path.is_file():
        return _piped(path.open("rb"), str(path), enough)
    try:
        size = path.stat().st_size
        with path.open("rb") as stream:
            first = stream.read(len(GZIP_MAGIC))
    except OSError as error:
        raise DataError(f"can't read '{path}': {error.strerror or error}") from error
    found = Source(str(source), path, b"", first == GZIP_MAGIC, size)
    found.head = _gathered(found.blocks(), lambda _: False)[0]
    refuse_foreign(found.head, found.name)
    return found


def _piped(stream: BinaryIO, name: str, enough: Callable[[bytes], bool]) -> Source:
    blocks = arriving(stream)
    first = next(blocks, b"")
    while first and len(first) < len(GZIP_MAGIC) and (more := next(blocks, b"")):
        first += more
    blocks = chain([first] if first else [], blocks)
    compressed = first.startswith(GZIP_MAGIC)
    if compressed:
        blocks = _unpacked(blocks, name, None)
    head, rest = _gathered(blocks, enough)
    refuse_foreign(head, name)
    return Source(name, None, head, compressed, None, _rest=rest)


def _gathered(
    blocks: Iterator[bytes], enough: Callable[[bytes], bool]
) -> tuple[bytes, Iterator[bytes]]:
    head = b""
    for block in blocks:
        head += block
        if len(head) >= _HEAD or enough(head):
            break
    return head, blocks


def _file_blocks(path: Path) -> Iterator[bytes]:
    try:
        with path.open("rb", buffering=0) as stream:
            while block := stream.read(_BLOCK):
                yield block
    except OSError as error:
        raise DataError(f"can't read '{path}': {error.strerror or error}") from error


def _unpacked(blocks: Iterator[bytes], name: str, size: int | None) -> Iterator[bytes]:
    """Unpack gzip, and refuse what swells as no table does.

    Args:
        blocks: The packed bytes.
        name: What they are of, for messages.
        size: How many they are; None where nobody knows, and those count that have come.
    """
    come = given = 0

    def counted() -> Iterator[bytes]:
        nonlocal come
        for block in blocks:
            come += len(block)
            yield block

    for unpacked in _members(counted(), name):
        given += len(unpacked)
        check_unpacked(given, size or come, name)
        yield unpacked


def _members(blocks: Iterator[bytes], name: str) -> Iterator[bytes]:
    """Unpack gzip, one member or several, in blocks of bounded size."""
    member = zlib.decompressobj(wbits=31)
    try:
        for block in blocks:
            packed = block
            while packed:
                if member.eof:
                    packed = packed.lstrip(b"\0")  # what pads some files at their end
                    if not packed:
                        break
                    member = zlib.decompressobj(wbits=31)
                if unpacked := member.decompress(packed, _BLOCK):
                    yield unpacked
                while not member.eof and len(unpacked) == _BLOCK:
                    unpacked = member.decompress(member.unconsumed_tail, _BLOCK)
                    if unpacked:
                        yield unpacked
                packed = member.unused_data if member.eof else member.unconsumed_tail
    except zlib.error as error:
        raise _damaged(name, str(error)) from error
    if not member.eof:
        raise _damaged(name, "it ends too early")


def _damaged(name: str, why: str) -> DataError:
    return DataError(f"'{name}' is a damaged gzip file ({why}): fetch it again")
