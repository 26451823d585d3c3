"""Base class of files of word vectors, their bytes (plain or gzipped), and common checks."""

from __future__ import annotations

import gzip
import os
import zlib
from abc import ABC, abstractmethod
from collections.abc import Callable, Collection, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from io import FileIO
from pathlib import Path
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

from wordgate.errors import DataError
from wordgate.tables.source import GZIP_MAGIC, check_unpacked, is_file, missing_file, unreadable

MAX_DIM = 65_536  # dimensions of a vector; real ones have 25 to 4,096
MAX_WORD_BYTES = 10_000  # a longer word means that the file is damaged


class ByteStream:
    """The bytes of a file, unpacked if it is gzipped.

    Attributes:
        path: The file.
        length: Its size on the disk in bytes.
        position: Number of unpacked bytes read so far.
        compressed: Whether it is gzipped.
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
        """The share of the file that was read, from 0 to 1."""
        return min(1.0, self._file.tell() / self.length) if self.length else 1.0

    def readinto(self, room: memoryview) -> int:
        """Fill a buffer; return the number of bytes, which is smaller only at the end.

        Raises:
            DataError: The file cannot be read, or its gzip data are damaged.
        """
        filled = 0
        while filled < len(room) and (n := self._checked_read(room[filled:])):
            filled += n
            self.position += n
            if self.compressed:
                check_unpacked(self.position, self.length, str(self.path))
        return filled

    def read_fully(self, n: int) -> bytes:
        """Return the next `n` bytes, or all remaining ones if they are fewer.

        Raises:
            DataError: As `readinto`.
        """
        content = bytearray(n)
        return bytes(content[: self.readinto(memoryview(content))])

    def _checked_read(self, room: memoryview) -> int:
        unpacked = f"after {self.position:,} bytes unpacked"
        try:
            return self._read_some(room) or 0
        except EOFError as error:
            fault = f"ends within its gzip data ({unpacked}): it is truncated"
            raise DataError(f"'{self.path}' {fault}; download it again") from error
        except (gzip.BadGzipFile, zlib.error) as error:
            fault = f"is a damaged gzip file ({error}, {unpacked})"
            if str(error).startswith("Not a gzipped file"):
                fault = f"has other data after its gzip data ({unpacked})"
            raise DataError(f"'{self.path}' {fault}: download it again") from error
        except OSError as error:
            raise unreadable(self.path, error) from error


@contextmanager
def open_stream(path: Path) -> Iterator[ByteStream]:
    """Open a file for one pass; gzip is detected by its first bytes.

    Raises:
        DataError: It is missing, a folder, or cannot be read.
    """
    if not is_file(path):
        raise DataError(missing_file(path))
    if path.is_dir():
        raise DataError(f"'{path}' is a folder; give the file of word vectors in it")
    if not path.is_file():
        raise DataError(f"'{path}' is not a regular file, and must be read more than once")
    with ExitStack() as stack:
        try:
            stream = ByteStream(path, stack.enter_context(path.open("rb", buffering=0)))
        except OSError as error:
            raise unreadable(path, error) from error
        yield stream


@dataclass(frozen=True)
class VectorBatch:
    """Consecutive rows of a file of word vectors.

    Attributes:
        words: The words as in the file.
        vectors: float32 [len(words), dim].
    """

    words: list[bytes]
    vectors: NDArray[np.float32]


Block: TypeAlias = tuple[Sequence[bytes], Callable[[Sequence[int]], NDArray[np.float32]]]
"""The words of consecutive rows, and a function that reads vectors of these rows by their positions
in the block, in increasing order: float32 [positions, dim]. It is valid until the next block is
read."""


class VectorFile(ABC):
    """Base class of files of word vectors, which can be read in any number of passes.

    Attributes:
        path: The path of the file.
        format: One of `wordgate.vectors.formats.FORMATS`.
        compressed: Whether it is gzipped.
        count: Number of rows in the header; None if the format has no header.
        dim: Dimensions of a vector.
        share_read: The share of the file that the current pass has read, from 0 to 1.
    """

    format: str

    def __init__(
        self, path: Path, *, count: int | None, dim: int, compressed: bool = False, header: int = 0
    ):
        """Set the facts found by detection; `header` is the number of bytes of the first line."""
        self.path, self.compressed, self.count, self.dim = path, compressed, count, dim
        self.share_read = 0.0
        self._header = header

    @abstractmethod
    def _blocks(self) -> Iterator[Block]:
        """Yield the rows in the order of the file, in bounded memory."""

    def wanted(self, words: Collection[bytes]) -> Iterator[tuple[bytes, NDArray[np.float32]]]:
        """Read the vectors of some words in one pass over the whole file.

        Yields:
            Each word in the file with its vector, float32 [dim], in the order of the file; for
            duplicates, the first vector, as in gensim.

        Raises:
            DataError: The file is damaged, or a wanted vector is not finite.
        """
        missing = set(frozenset(words))  # a set made of a set is packed tightly: fewer cache misses
        for block_words, vectors_of in self._blocks():
            if found := missing.intersection(block_words):
                missing -= found
                places = _first_places(block_words, found)
                yield from zip((block_words[i] for i in places), vectors_of(places), strict=True)

    def batches(self) -> Iterator[VectorBatch]:
        """Read all rows in batches, in the order of the file, in bounded memory.

        Raises:
            DataError: The file is damaged, or a number is not finite.
        """
        for words, vectors_of in self._blocks():
            yield VectorBatch(list(words), vectors_of(range(len(words))))

    def words(self) -> Iterator[list[bytes]]:
        """Read only the words in batches, in the order of the file.

        Raises:
            DataError: The file is damaged.
        """
        for words, _ in self._blocks():
            yield list(words)

    def rows(self) -> int:
        """Return the number of rows in the header, or count the rows in a pass."""
        return sum(map(len, self.words())) if self.count is None else self.count

    def _check_finite(
        self, vectors: NDArray[np.float32], place: Callable[[int], tuple[int, int]]
    ) -> None:
        """Refuse NaN and infinity; `place` returns the 1-based row and the offset of vector i."""
        finite = np.isfinite(vectors)
        if finite.all():
            return
        first = int(finite.all(axis=1).argmin())
        value = vectors[first][~finite[first]][0]
        row, position = place(first)
        raise DataError(
            f"'{self.path}' contains {value} in the vector of row {row:,} (byte {position:,}),"
            " where only finite numbers belong: the file is damaged or its training failed"
        )

    def _no_word(self, row: int, position: int, more: str = "") -> DataError:
        """Return the error that there is no valid word in a row, from 1."""
        return DataError(
            f"'{self.path}' has no word of up to {MAX_WORD_BYTES:,} bytes at row {row:,} (byte"
            f" {position:,}): the file is damaged{more}"
        )

    def _too_few(self, found: int, position: int) -> DataError:
        """Return the error that the file ends before its last declared row is complete."""
        return DataError(
            f"'{self.path}' ends at byte {position:,} within row {found + 1:,} of {self.count:,}:"
            " it is truncated; download it again"
        )

    def _too_many(self, position: int) -> DataError:
        """Return the error that the file continues after its last declared row."""
        return DataError(
            f"'{self.path}' declares {self.count:,} rows and goes on after them at byte"
            f" {position:,}: its header or a row is damaged"
        )


def _first_places(words: Sequence[bytes], wanted: set[bytes]) -> list[int]:
    """Return the positions of the first occurrences of words, which are removed from `wanted`."""
    places = []
    for i, word in enumerate(words):
        if word in wanted:
            wanted.remove(word)
            places.append(i)
    return places


def check_header(path: Path, count: int, dim: int) -> None:
    """Refuse a header that is not valid.

    Raises:
        DataError: There are no rows, no dimensions, or too many dimensions.
    """
    if not 1 <= dim <= MAX_DIM:
        raise DataError(
            f"'{path}' declares vectors of {dim:,} dimensions, where 1 to {MAX_DIM:,} are"
            " possible: its header is damaged"
        )
    if count < 1:
        raise DataError(f"'{path}' declares {count:,} rows: there is no vector in it")
