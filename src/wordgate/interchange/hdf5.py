"""Arrays out of an HDF5 file that nobody trusts.

HDF5 can lead out of itself (links into other files, data kept elsewhere, filters from plugins) and
can claim shapes it has no bytes for. So every step of a path is looked at before it is followed,
and an array's shape, type and stored bytes before it is read.
"""

import math
from collections.abc import Iterator
from contextlib import contextmanager
from typing import IO, TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from wordgate.data.reading import shown
from wordgate.errors import BundleError, MissingExtraError

if TYPE_CHECKING:
    import h5py

# What h5py raises over damaged files.
_DAMAGE = (OSError, LookupError, TypeError, ValueError, RuntimeError, ArithmeticError)


class ArrayFile:
    """An open HDF5 file.

    Args:
        file: The file as h5py opened it.
        size: Its bytes: no array can hold more.
    """

    def __init__(self, file: "h5py.File", size: int):
        self._file = file
        self._size = size

    def read(
        self, path: str, shape: tuple[int, ...], *, rows: int | None = None
    ) -> NDArray[np.float32]:
        """Read an array.

        Args:
            path: Names of groups, and of the array in the end, joined by ``/``.
            shape: The shape it must have.
            rows: Read only so many of its first rows.

        Returns:
            float32 [shape], or [rows, ...]; all finite.

        Raises:
            BundleError: The array is missing, of another shape or type, not finite, or not plainly
                in the file.
        """
        try:
            dataset = self._find(path)
            self._check(dataset, path, shape)
            array = np.asarray(dataset[:rows])
        except _DAMAGE as error:
            raise BundleError(
                f"the weights are damaged at '{path}': {shown(str(error), 200)}"
            ) from error
        if not np.isfinite(array).all():
            raise BundleError(f"the weights at '{path}' hold values that are not finite")
        return array

    def _find(self, path: str) -> "h5py.Dataset":
        import h5py

        here: Any = self._file
        for name in path.split("/"):
            if not isinstance(here, h5py.Group) or name not in here:
                raise BundleError(f"the weights have no array '{path}'")
            link = here.get(name, getlink=True)
            if not isinstance(link, h5py.HardLink):
                raise BundleError(
                    f"the weights at '{path}' are a {type(link).__name__} to somewhere else, which"
                    " is not followed"
                )
            here = here[name]
        if not isinstance(here, h5py.Dataset):
            raise BundleError(f"the weights have no array '{path}'")
        return here

    def _check(self, dataset: "h5py.Dataset", path: str, shape: tuple[int, ...]) -> None:
        """Refuse an array before any memory is set aside for it."""
        if dataset.is_virtual or dataset.external:
            raise BundleError(
                f"the weights at '{path}' are kept in another file, which is not read"
            )
        if dataset.shape != shape or dataset.dtype != np.float32:
            found = list(dataset.shape) if dataset.shape is not None else "nothing"
            raise BundleError(
                f"the weights at '{path}' are {shown(str(dataset.dtype), 40)} {found} where"
                f" float32 {list(shape)} belongs"
            )
        if dataset.id.get_create_plist().get_nfilters():
            raise BundleError(f"the weights at '{path}' are packed, which Keras never does")
        needed, stored = 4 * math.prod(shape), dataset.id.get_storage_size()
        if min(stored, self._size) < needed:
            raise BundleError(
                f"the weights at '{path}' claim {needed:,} bytes, and only"
                f" {min(stored, self._size):,} are there"
            )


@contextmanager
def open_arrays(file: IO[bytes], size: int) -> Iterator[ArrayFile]:
    """Open an HDF5 file.

    Args:
        file: The file, open for reading.
        size: Its bytes.

    Raises:
        MissingExtraError: h5py is not installed.
        BundleError: It is no HDF5 file.
    """
    check_installed()
    import h5py

    try:
        opened = h5py.File(file, "r")
    except _DAMAGE as error:
        raise BundleError(f"the weights are no HDF5 file: {shown(str(error), 200)}") from error
    with opened:
        yield ArrayFile(opened, size)


def check_installed() -> None:
    """Refuse to begin without h5py.

    Raises:
        MissingExtraError: It is not installed.
    """
    try:
        import h5py  # noqa: F401
    except ImportError as error:
        raise MissingExtraError("importing a Keras model", "keras") from error
