"""Arrays that may be larger than memory: large ones are memory-mapped temporary files."""

import mmap
import tempfile
import weakref
from contextlib import AbstractContextManager
from typing import IO, Any, Generic, TypeVar

import numpy as np
from numpy.typing import NDArray

from wordgate.errors import DataError
from wordgate.storage.files import system_errors

IN_MEMORY = 1 << 24
"""Number of bytes from which an array is stored in a file."""
_Scalar = TypeVar("_Scalar", bound=np.generic)


class GrowingArray(Generic[_Scalar]):
    """An array [n], or [n, width], to which parts are appended, and which is then read as a whole.

    From 16 MB on, it is stored in a temporary file in the folder TMPDIR. The file has no name if
    the operating system supports that, and is deleted with the array or the process.

    Args:
        dtype: The type of the numbers.
        width: The number of columns; None for one dimension.
    """

    def __init__(self, dtype: type[_Scalar], width: int | None = None):
        self._dtype = np.dtype(dtype)
        self._shape = (-1,) if width is None else (-1, width)
        self._parts: list[NDArray[_Scalar]] = []
        self._n_bytes = 0
        self._file: IO[bytes] | None = None

    def append(self, part: NDArray[Any]) -> None:
        """Add rows at the end, converted to the type of the array.

        Raises:
            DataError: The disk is full, or the folder of temporary files cannot be written.
        """
        # A copy: it may be a view of a large array, or of one that changes.
        part = np.array(part, self._dtype, order="C").reshape(self._shape)
        self._parts.append(part)
        self._n_bytes += part.nbytes
        if self._n_bytes >= IN_MEMORY:
            self._write()

    def array(self) -> NDArray[_Scalar]:
        """Return all rows that were appended, read-only; a file is memory-mapped.

        Raises:
            DataError: The disk is full.
        """
        if self._file is None:
            array = np.concatenate([np.zeros((0, *self._shape[1:]), self._dtype), *self._parts])
            array.flags.writeable = False
            return array
        self._write()
        with temporary_file_errors():
            self._file.flush()
            # Read-only: for a writable map, the system would reserve memory for all of it.
            mapped = mmap.mmap(self._file.fileno(), 0, access=mmap.ACCESS_READ)
        return np.frombuffer(mapped, self._dtype).reshape(self._shape)

    def _write(self) -> None:
        with temporary_file_errors():
            if self._file is None:
                self._file = tempfile.TemporaryFile(prefix="wordgate-")  # noqa: SIM115
                weakref.finalize(self, self._file.close)
            for part in self._parts:
                self._file.write(part.data)
        self._parts.clear()


def row_indices(lengths: NDArray[np.int64]) -> NDArray[np.int64]:
    """Return the row of each entry, int64 [total], of rows with these lengths, end to end."""
    return np.repeat(np.arange(len(lengths)), lengths)


def temporary_file_errors() -> AbstractContextManager[None]:
    """Convert errors of writing a temporary file to a `DataError` with a remedy."""
    return system_errors(
        DataError,
        "a temporary file cannot be written: free some space on the disk, or set TMPDIR to a folder"
        " with more space",
    )
