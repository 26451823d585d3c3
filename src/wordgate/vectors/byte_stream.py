"""A file's bytes as a stream, plain or gzipped, that knows its position."""

from __future__ import annotations

import gzip
import os
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from io import FileIO
from pathlib import Path

from wordgate.errors import DataError
from wordgate.tables.source import GZIP_MAGIC, check_unpacked, is_file, missing_file


class ByteStream:
    """The bytes of a file, unpacked where it is gzipped.

    Attributes:
        path: The file.
        length: Its bytes on the disk.
        position: How many bytes were given out so far, unpacked.
        compressed: Whether they come out of gzip.
    """

    def __init__(self, path: Path, file: FileIO):
        self.path = path
        self.length = os.fstat(file.fileno()).st_size
        self.position = 0
        self.compressed = file.read(len(GZIP_MAGIC)) == GZIP_MAGIC
        file.seek(0)
        self._file = file
        self._read_some = (
            gzip.GzipFile(fileobj=file).readinto1 if self.compressed else file.readinto
        )

    @property
    def share_read(self) -> float:
        """How much of the file was read, from 0 to 1."""
        return min(1.0, self._file.tell() / self.length) if self.length else 1.0

    def readinto(self, room: memoryview) -> int:
        """Fill a buffer; return how much, which is less only at the end.

        Raises:
            DataError: The file can't be read, or its gzip data are damaged.
        """
        filled = 0
        while filled < len(room) and (n := self._checked_read(room[filled:])):
            filled += n
            self.position += n
            if self.compressed:
                check_unpacked(self.position, self.length, str(self.path))
        return filled

    def read_fully(self, n: int) -> bytes:
        """Give `n` bytes, or all there are where they are fewer.

        Raises:
            DataError: As `readinto`.
        """
        content = bytearray(n)
        return bytes(content[: self.readinto(memoryview(content))])

    def _checked_read(self, room: memoryview) -> int:
        """Read once; what goes wrong becomes a sentence."""
        unpacked = f"after {self.position:,} bytes unpacked"
        try:
            return self._read_some(room) or 0
        except EOFError as error:
            raise DataError(
                f"'{self.path}' stops within its gzip data ({unpacked}): it was cut off; fetch it"
                " again"
            ) from error
        except (gzip.BadGzipFile, zlib.error) as error:
            if str(error).startswith("Not a gzipped file"):
                raise DataError(
                    f"'{self.path}' has something else after its gzip data ({unpacked}): fetch it"
                    " again"
                ) from error
            raise DataError(
                f"'{self.path}' is a damaged gzip file ({error}, {unpacked}): fetch it again"
            ) from error
        except OSError as error:
            raise _unreadable(self.path, error) from error


@contextmanager
def open_stream(path: Path) -> Iterator[ByteStream]:
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
    try:
        file = path.open("rb", buffering=0)
    except OSError as error:
        raise _unreadable(path, error) from error
    with file:
        try:
            stream = ByteStream(path, file)
        except OSError as error:
            raise _unreadable(path, error) from error
        yield stream


def _unreadable(path: Path, error: OSError) -> DataError:
    return DataError(f"can't read '{path}': {error.strerror or error}")
