"""A file's bytes as a stream, plain or out of gzip, that knows where it is."""

from __future__ import annotations

import os
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from io import FileIO
from pathlib import Path

from wordgate.errors import DataError
from wordgate.tables.source import GZIP_MAGIC, check_unpacked, is_file, missing_file

_PIECE = 2**14  # packed bytes read at a time: a file of tiny members copies them often
_GZIP_WINDOW = 31  # zlib's word for: gzip, with its header and its checksum


class Source:
    """A plain file.

    Attributes:
        path: The file.
        length: Its bytes on the disk.
        position: How many bytes were given out so far, unpacked.
        compressed: Whether they come out of gzip.
    """

    compressed = False

    def __init__(self, path: Path, file: FileIO):
        self.path = path
        self.length = os.fstat(file.fileno()).st_size
        self.position = 0
        self._file = file
        self._taken = 0  # of the bytes on the disk

    @property
    def share_read(self) -> float:
        """How much of the file was read, from 0 to 1."""
        return min(1.0, self._taken / self.length) if self.length else 1.0

    def read(self, n: int) -> bytes:
        """Give at most `n` bytes, and none only at the end.

        Raises:
            DataError: The file can't be read, or its gzip data are damaged.
        """
        piece = self._packed(n)
        self.position += len(piece)
        return piece

    def readinto(self, room: memoryview) -> int:
        """Fill `room`, or what one read of the disk gives; return how much: 0 only at the end.

        Raises:
            DataError: As `read`.
        """
        try:
            n = self._file.readinto(room) or 0
        except OSError as error:
            raise _unreadable(self.path, error) from error
        self._taken += n
        self.position += n
        return n

    def read_fully(self, n: int) -> bytes:
        """Give `n` bytes, or all there are where they are fewer."""
        pieces = []
        while n > 0 and (piece := self.read(n)):
            pieces.append(piece)
            n -= len(piece)
        return b"".join(pieces)

    def _packed(self, n: int) -> bytes:
        """Read bytes as they stand on the disk."""
        try:
            piece = self._file.read(n)
        except OSError as error:
            raise _unreadable(self.path, error) from error
        self._taken += len(piece)
        return piece


class _GzipSource(Source):
    """A gzipped file: one member or several, each whole."""

    compressed = True

    def __init__(self, path: Path, file: FileIO):
        super().__init__(path, file)
        self._member = zlib.decompressobj(_GZIP_WINDOW)
        self._input = b""

    def read(self, n: int) -> bytes:
        while True:
            if self._member.eof and not self._next_member():
                return b""
            try:
                piece = self._member.decompress(self._input, n)
            except zlib.error as error:
                raise DataError(
                    f"'{self.path}' is a damaged gzip file ({error}, after {self.position:,} bytes"
                    " unpacked): fetch it again"
                ) from error
            self._input = self._member.unconsumed_tail or self._member.unused_data
            if piece:
                self.position += len(piece)
                check_unpacked(self.position, self.length, str(self.path))
                return piece
            if not self._member.eof and not self._input and not self._refill():
                raise DataError(
                    f"'{self.path}' stops within its gzip data (after {self.position:,} bytes"
                    " unpacked): it was cut off; fetch it again"
                )

    def readinto(self, room: memoryview) -> int:
        filled = 0
        while filled < len(room) and (piece := self.read(len(room) - filled)):
            room[filled : filled + len(piece)] = piece
            filled += len(piece)
        return filled

    def _refill(self) -> bool:
        """Read more packed bytes, if there are any."""
        more = self._packed(_PIECE)
        self._input += more
        return bool(more)

    def _next_member(self) -> bool:
        """Begin what follows a member's end, if anything does; zeros may fill up a file."""
        while True:
            self._input = self._input.lstrip(b"\0")
            if len(self._input) >= len(GZIP_MAGIC) or not self._refill():
                break
        if not self._input:
            return False
        if not self._input.startswith(GZIP_MAGIC):
            raise DataError(
                f"'{self.path}' has something else after its gzip data (after {self.position:,}"
                " bytes unpacked): fetch it again"
            )
        self._member = zlib.decompressobj(_GZIP_WINDOW)
        return True


@contextmanager
def open_source(path: Path) -> Iterator[Source]:
    """Open a file for one pass; gzip is known by its first bytes.

    Raises:
        DataError: It is missing, a folder, or can't be read.
    """
    if not is_file(path):
        raise DataError(missing_file(path))
    if path.is_dir():
        raise DataError(f"'{path}' is a folder; give the file of word vectors in it")
    if not path.is_file():
        raise DataError(f"'{path}' is no regular file; it has to be read more than once")
    with _opened(path) as file:
        packed = _first_bytes(path, file) == GZIP_MAGIC
        yield (_GzipSource if packed else Source)(path, file)


def _opened(path: Path) -> FileIO:
    try:
        return path.open("rb", buffering=0)
    except OSError as error:
        raise _unreadable(path, error) from error


def _first_bytes(path: Path, file: FileIO) -> bytes:
    """Look at a file's first two bytes and go back to its beginning."""
    try:
        first = file.read(len(GZIP_MAGIC))
        file.seek(0)
    except OSError as error:
        raise _unreadable(path, error) from error
    return first


def _unreadable(path: Path, error: OSError) -> DataError:
    return DataError(f"can't read '{path}': {error.strerror or error}")
