"""Sources of bytes: files and pipes, read in blocks and unpacked if they are gzipped."""

from __future__ import annotations

import hashlib
import os
import sys
import zlib
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass, field
from itertools import chain
from pathlib import Path
from typing import BinaryIO

from wordgate.errors import DataError, address_message, near_miss
from wordgate.storage.files import expand_home
from wordgate.storage.places import place_of
from wordgate.storage.remote import RemoteFile

STANDARD = "-"
"""Represents standard input or output."""

GZIP_MAGIC = b"\x1f\x8b"
PARQUET_MAGIC = b"PAR1"
ZIP_MAGIC = b"PK\x03\x04"
OLE_MAGIC = b"\xd0\xcf\x11\xe0"
"""First bytes of .xls files, and of other files of Microsoft Office."""

UNPACKED_AT_LEAST = 2**26
"""Number of uncompressed bytes that any file may have."""
SWELLING = 200
"""Maximum compression ratio of a larger file; that of texts is 3 to 20."""

_BLOCK = 1 << 20  # bytes that are read at a time, and the capacity of a pipe, if it can be set
_HEAD = 1 << 20
_SUFFIXES = {
    ".csv": "csv",
    **dict.fromkeys((".tsv", ".tab"), "tsv"),
    **dict.fromkeys((".jsonl", ".ndjson", ".json"), "jsonl"),
    **dict.fromkeys((".parquet", ".pq"), "parquet"),
}

_WORKBOOKS = (".xlsx", ".xlsm", ".xlsb", ".xls", ".ods")

# The first bytes of files in other formats, and what to do about each.
_WORKBOOK_FORMS: list[tuple[bytes | tuple[bytes, ...], str, str]] = [
    (ZIP_MAGIC, "a zip archive or an Excel workbook", "unpack it, or save the sheet as CSV"),
    (OLE_MAGIC, "an old Excel workbook", "save the sheet as CSV"),
]
_FOREIGN: list[tuple[bytes | tuple[bytes, ...], str, str]] = [
    (
        (b"\x80\x02", b"\x80\x03", b"\x80\x04", b"\x80\x05"),
        "a pickle, which could run code",
        "write the table as CSV or Parquet",
    ),
    (
        tuple(b"BZh%d1AY&SY" % size for size in range(1, 10)),
        "compressed with bzip2",
        "unpack it, or use gzip",
    ),
    (b"\xfd7zXZ\x00", "compressed with xz", "unpack it, or use gzip"),
    (b"\x28\xb5\x2f\xfd", "compressed with zstd", "unpack it, or use gzip"),
    (b"SQLite format 3\x00", "an SQLite database", "export the table as CSV"),
    (b"ARROW1", "an Arrow (Feather) file", "write the table as Parquet"),
    (b"\x89HDF", "an HDF5 file", "write the table as CSV or Parquet"),
    (b"\x93NUMPY", "a numpy array", "write the table as CSV or Parquet"),
    (b"%PDF", "a PDF document", "copy its table to a CSV file"),
    ((b"\x89PNG", b"\xff\xd8\xff"), "an image", "give a table of texts"),
]


@dataclass
class Source:
    """A file or a pipe."""

    name: str  # as the user named it, for messages
    path: Path | RemoteFile | None  # None for a pipe, which can be read only once
    head: bytes  # the first bytes, unpacked
    compressed: bool  # whether the bytes are gzipped
    size: int | None  # in bytes, packed; None for a pipe, or if the server does not state it
    taken: int = 0  # bytes of `size` that were read
    is_whole: bool = False  # whether `head` is the whole content
    sheet: str | None = None  # of a workbook, if the user named one
    _rest: Iterator[bytes] = field(default_factory=lambda: iter(()))

    def blocks(self) -> Iterator[bytes]:
        """Return all bytes, unpacked; those of a pipe only once, unless `is_whole`.

        Raises:
            DataError: The file cannot be read, or is a damaged gzip file.
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


def open_source(
    source: str | os.PathLike[str],
    enough: Callable[[bytes], bool] | None = None,
    *,
    workbooks: bool = False,
) -> Source:
    """Open a source, and read its beginning.

    Args:
        source: A path, or ``-`` for standard input. Anything but an ordinary file, such as a named
            pipe, is read like standard input.
        enough: Returns whether the first bytes of a pipe are enough to begin with; otherwise more
            are read, until the pipe ends or a megabyte has arrived. None to read a whole pipe into
            memory.
        workbooks: Whether workbooks are accepted.

    Raises:
        DataError: There is no such file, it cannot be read, or it is in another format.
    """
    opened = _open(source, enough)
    for magic, what, remedy in _FOREIGN if workbooks else (*_WORKBOOK_FORMS, *_FOREIGN):
        if opened.head.startswith(magic):
            raise DataError(f"'{opened.name}' is {what}: {remedy}")
    return opened


def _open(source: str | os.PathLike[str], enough: Callable[[bytes], bool] | None) -> Source:
    if source == STANDARD:
        if sys.stdin is None:
            raise DataError("standard input is closed: name a file")
        return _piped(sys.stdin.buffer, "standard input", enough)
    if not str(source).strip():
        raise DataError("the name of the data is empty: give a file")
    file, sheet = split_sheet(source)
    if isinstance(path := place_of(file), RemoteFile):
        return _with_head(Source(path.name, path, b"", False, path.size, sheet=sheet))
    if not is_file(path):
        raise DataError(missing_file(path))
    if path.is_dir():
        names = _files(path)
        listed = f": {', '.join(names[:5])}" if names else " (it is empty)"
        more = ", ..." if len(names) > 5 else ""
        raise DataError(f"'{path}' is a folder; give one of its files{listed}{more}")
    try:
        if not path.is_file():
            return _piped(path.open("rb"), str(path), enough)
        size = path.stat().st_size
    except OSError as error:
        raise unreadable(path, error) from error
    return _with_head(Source(file, path, b"", False, size, sheet=sheet))


def split_sheet(name: str | os.PathLike[str]) -> tuple[str, str | None]:
    """Split the name of a workbook and its sheet, as in ``book.xlsx#Sheet 2``."""
    file, mark, sheet = str(name).rpartition("#")
    if mark and is_workbook(file) and not is_file(expand_home(name)):
        return file, sheet
    return str(name), None


def _with_head(file: Source) -> Source:
    """Read the first bytes of a file, and return it."""
    file.head = _read_head(file.blocks(), lambda head: len(head) >= _HEAD)
    if file.head.startswith(GZIP_MAGIC):
        file.compressed = True
        file.head = _read_head(file.blocks(), lambda head: len(head) >= _HEAD)
    return file


def format_of(name: str | os.PathLike[str]) -> str | None:
    """Return the format that a file extension implies, regardless of ``.gz``; None if unknown."""
    suffixes = [suffix.lower() for suffix in Path(name).suffixes if suffix.lower() != ".gz"]
    return _SUFFIXES.get(suffixes[-1]) if suffixes else None


def is_workbook(name: str) -> bool:
    """Return whether the file extension is that of a spreadsheet program."""
    return name.lower().endswith(_WORKBOOKS)


def version_of(path: Path | RemoteFile) -> str:
    """Identify the content of a file: by the version that the server states, or by its hash.

    Raises:
        DataError: It cannot be read.
    """
    if isinstance(path, RemoteFile) and (version := path.version()):
        return version
    content = hashlib.blake2b(digest_size=32)
    for block in _file_blocks(path):
        content.update(block)
    return content.hexdigest()


def is_file(path: Path) -> bool:
    """Return whether a path exists; False for a path that is not valid on this system."""
    try:
        return path.exists()
    except (OSError, ValueError):
        return False


def missing_file(path: Path) -> str:
    """Return the message that a file is missing, with a file of its folder of a similar name."""
    if (address := address_message(path)) is not None:
        return address
    message = f"no file '{path}'"
    folder = path.parent
    if not is_file(folder):
        return f"{message}: there is no folder '{folder}'"
    return message + near_miss(path.name, _files(folder))


def most_unpacked(packed: int) -> int:
    """Return the maximum number of bytes that `packed` bytes may unpack to."""
    return max(UNPACKED_AT_LEAST, SWELLING * packed)


def check_unpacked(unpacked: int, packed: int, name: str) -> None:
    """Refuse a number of unpacked bytes that is far too large for the packed ones."""
    if unpacked > (most := most_unpacked(packed)):
        raise DataError(
            f"'{name}' unpacks to more than {most:,} bytes from {packed:,}, which may be a"
            " decompression bomb: unpack it yourself if you trust it"
        )


def _arriving(stream: BinaryIO) -> Iterator[bytes]:
    """Yield the bytes of a buffered stream in blocks, as they arrive.

    It waits only while there are none: a fast pipe is read in large blocks, a slow one line by
    line.
    """
    with suppress(ImportError, AttributeError, OSError, ValueError):
        import fcntl

        # On Linux, the capacity of a pipe can be increased from its usual 64 kB.
        fcntl.fcntl(stream.fileno(), fcntl.F_SETPIPE_SZ, _BLOCK)
    read = stream.read1  # type: ignore[attr-defined]
    while block := read(_BLOCK):
        yield block


def _piped(stream: BinaryIO, name: str, enough: Callable[[bytes], bool] | None) -> Source:
    blocks = _arriving(stream)
    first = _read_head(blocks, lambda head: len(head) >= len(GZIP_MAGIC))
    blocks = chain([first] if first else [], blocks)
    compressed = first.startswith(GZIP_MAGIC)
    if compressed:
        blocks = _unpacked(blocks, name, None)
    if enough is None:
        head = b"".join(blocks)
    else:
        head = _read_head(blocks, lambda head: len(head) >= _HEAD or enough(head))
    is_whole = enough is None or (len(head) < _HEAD and not enough(head))
    return Source(name, None, head, compressed, None, is_whole=is_whole, _rest=blocks)


def _read_head(blocks: Iterator[bytes], enough: Callable[[bytes], bool]) -> bytes:
    """Concatenate blocks until they are enough."""
    head = b""
    for block in blocks:
        head += block
        if enough(head):
            break
    return head


def _file_blocks(path: Path | RemoteFile) -> Iterator[bytes]:
    if isinstance(path, RemoteFile):
        with path.open() as stream:
            while block := path.read_block(stream, _BLOCK):
                yield block
        return
    try:
        with path.open("rb", buffering=0) as stream:
            while block := stream.read(_BLOCK):
                yield block
    except OSError as error:
        raise unreadable(path, error) from error


def _unpacked(blocks: Iterator[bytes], name: str, size: int | None) -> Iterator[bytes]:
    """Unpack gzip data of any number of members; refuse too high a compression ratio.

    `size` is the number of packed bytes; None to use those that have arrived.
    """
    n_packed = n_unpacked = 0
    member = zlib.decompressobj(wbits=31)
    try:
        for block in blocks:
            n_packed += len(block)
            packed, is_full = block, False
            while packed or is_full:
                if member.eof:
                    packed = packed.lstrip(b"\0")  # padding at the end of some files
                    if not packed:
                        break
                    member = zlib.decompressobj(wbits=31)
                unpacked = member.decompress(packed, _BLOCK)
                is_full = len(unpacked) == _BLOCK and not member.eof  # and more may follow
                packed = member.unused_data if member.eof else member.unconsumed_tail
                if unpacked:
                    n_unpacked += len(unpacked)
                    check_unpacked(n_unpacked, size or n_packed, name)
                    yield unpacked
        if not member.eof:
            raise zlib.error("it ends too early")
    except zlib.error as error:
        raise DataError(f"'{name}' is a damaged gzip file ({error}): download it again") from error


def unreadable(path: Path, error: OSError) -> DataError:
    """Return the error that a file cannot be read."""
    return DataError(f"cannot read '{path}': {error.strerror or error}")


def _files(folder: Path) -> list[str]:
    try:
        return sorted(entry.name for entry in folder.iterdir())
    except OSError:
        return []
