"""Files of word vectors: their bytes, plain or gzipped, their interface, checks of all formats."""

from __future__ import annotations

import gzip
import os
import zlib
from abc import ABC, abstractmethod
from collections.abc import Callable, Collection, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from io import FileIO
from itertools import compress
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

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
                f"'{self.path}' ends within its gzip data ({unpacked}): it is truncated; download"
                " it again"
            ) from error
        except (gzip.BadGzipFile, zlib.error) as error:
            if str(error).startswith("Not a gzipped file"):
                raise DataError(
                    f"'{self.path}' has other data after its gzip data ({unpacked}): download it"
                    " again"
                ) from error
            raise DataError(
                f"'{self.path}' is a damaged gzip file ({error}, {unpacked}): download it again"
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
        raise DataError(f"'{path}' is not a regular file, and must be read more than once")
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
    return DataError(f"cannot read '{path}': {error.strerror or error}")


MAX_DIM = 65_536  # dimensions of a vector; real ones have 25 to 4,096
MAX_WORD_BYTES = 10_000  # bytes; a longer one means that the file is not read where it should be


@dataclass(frozen=True)
class VectorBatch:
    """Some rows of a file of word vectors.

    Attributes:
        words: Their words, as they stand in the file.
        vectors: float32 [len(words), dim].
    """

    words: list[bytes]
    vectors: NDArray[np.float32]


class VectorFile(ABC):
    """A file of word vectors whose format is known; reading it begins anew with every pass.

    Attributes:
        path: Where it lies.
        format: One of `wordgate.vectors.formats.FORMATS`.
        compressed: Whether it is gzipped.
        count: Rows that the header declares; None where the format has no header.
        dim: Dimensions of a vector.
        share_read: How much of the file the pass under way has read, from 0 to 1.
    """

    format: str

    def __init__(
        self, path: Path, *, count: int | None, dim: int, compressed: bool = False, header: int = 0
    ):
        """Take over what recognising the file found; `header` is the bytes of its first line."""
        self.path, self.compressed, self.count, self.dim = path, compressed, count, dim
        self.share_read = 0.0
        self._header = header

    @abstractmethod
    def wanted(self, words: Collection[bytes]) -> Iterator[tuple[bytes, NDArray[np.float32]]]:
        """Read the vectors of some words in one pass over the whole file.

        Args:
            words: The words, as bytes; any other is passed over.

        Yields:
            Each word that is there, in the file's order, with its vector, float32 [dim]; where a
            word occurs again, the first vector counts, as in gensim.

        Raises:
            DataError: The file is damaged, or a wanted vector is not finite.
        """

    @abstractmethod
    def batches(self) -> Iterator[VectorBatch]:
        """Read all rows, some at a time.

        Yields:
            Blocks of rows in the file's order, in bounded memory.

        Raises:
            DataError: The file is damaged, or a number is not finite.
        """

    @abstractmethod
    def words(self) -> Iterator[list[bytes]]:
        """Read the words alone, some at a time, in the file's order.

        Raises:
            DataError: The file is damaged.
        """

    def rows(self) -> int:
        """Give the rows the header declares; where there is none, count them in a pass."""
        return sum(map(len, self.words())) if self.count is None else self.count


def take_first(left: set[bytes], words: Sequence[bytes]) -> list[int]:
    """Take the words of a file, in its order, out of those still looked for.

    Returns:
        The place where each word that was found first stands.
    """
    here = left.intersection(words)
    left -= here
    places = []
    for i in compress(range(len(words)), map(here.__contains__, words)):
        if words[i] in here:  # and not a second time
            here.remove(words[i])
            places.append(i)
    return places


def check_finite(
    path: Path, vectors: NDArray[np.float32], place: Callable[[int], tuple[int, int]]
) -> None:
    """Refuse vectors with NaN or infinity.

    Args:
        path: The file, for the message.
        vectors: float32 [m, dim].
        place: Gives the row in the file, from 1, and the first byte of vector `i`.

    Raises:
        DataError: With the place of the first one.
    """
    finite = np.isfinite(vectors)
    if finite.all():
        return
    first = int(np.flatnonzero(~finite.all(axis=1))[0])
    value = vectors[first][~finite[first]][0]
    row, position = place(first)
    raise DataError(
        f"'{path}' contains {value} in the vector of row {row:,} (byte {position:,}), where only"
        " finite numbers belong: the file is damaged or its training failed"
    )


def check_header(path: Path, count: int, dim: int) -> None:
    """Refuse a header that no file of word vectors can have.

    Raises:
        DataError: No rows, no numbers, or more dimensions of a vector than there can be.
    """
    if not 1 <= dim <= MAX_DIM:
        raise DataError(
            f"'{path}' declares vectors of {dim:,} dimensions, where 1 to {MAX_DIM:,} are"
            " possible: its header is damaged"
        )
    if count < 1:
        raise DataError(f"'{path}' declares {count:,} rows: there is no vector in it")


def too_few(path: Path, declared: int, found: int, position: int) -> DataError:
    """Say that a file ends before its last declared row is whole."""
    return DataError(
        f"'{path}' ends at byte {position:,} within row {found + 1:,} of {declared:,}: it is"
        " truncated; download it again"
    )


def too_many(path: Path, declared: int, position: int) -> DataError:
    """Say that a file goes on after its last declared row."""
    return DataError(
        f"'{path}' declares {declared:,} rows and goes on after them at byte {position:,}: its"
        " header or a row is damaged"
    )
