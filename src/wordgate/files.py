"""Writing files so that a reader finds the old one whole or the new one whole."""

import os
import shutil
import tempfile
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

from wordgate.errors import BundleError, DataError


@contextmanager
def replacing(file: Path) -> Iterator[Path]:
    """Give the path of a file to write beside another's place; then force it there.

    Raises:
        OSError: The disk refuses; what stood in that place still stands there.
    """
    aside = file.with_name(f".{file.name}.new")  # one name: what a kill leaves, the next replaces
    try:
        yield aside
        with aside.open("rb+") as stream:
            os.fsync(stream.fileno())
        aside.replace(file)
    finally:
        aside.unlink(missing_ok=True)
    sync_folder(file.parent)


def check_file(path: Path, *, overwrite: bool) -> None:
    """Refuse before the work a file that couldn't be written after it.

    Raises:
        DataError: There is something at `path` that may not be replaced, or nothing can be
            written there.
    """
    folder = path.absolute().parent
    if not folder.is_dir():
        raise DataError(f"there is no folder '{path.parent}' to write '{path.name}' into")
    if path.is_dir():
        raise DataError(f"{path} is a folder; name a file")
    if os.path.lexists(path) and not overwrite:
        raise DataError(f"{path} exists; choose another --out, or replace it with --overwrite")
    if path.exists() and not path.is_file():
        raise DataError(f"{path} is not a file; choose another --out")
    if not os.access(folder, os.W_OK):
        raise DataError(f"{path} can't be written: its folder may not be written to")


def write_through(file: Path, content: bytes) -> None:
    """Write a file that is not there yet, and force it to the disk."""
    with file.open("xb") as stream:
        stream.write(content)
        stream.flush()
        os.fsync(stream.fileno())


def sync_folder(folder: Path) -> None:
    """Force the names in a folder to the disk, where the system knows how (not on Windows)."""
    if not hasattr(os, "O_DIRECTORY"):
        return
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def check_folder(
    path: Path, what: str, *, overwrite: bool, check_replaceable: Callable[[Path], None]
) -> None:
    """Refuse before the work what `write_folder` would refuse after it.

    Args:
        path: The folder to make.
        what: What it holds, such as ``model``.
        overwrite: Replace a folder that is there.
        check_replaceable: Raises where what is there may not be replaced.

    Raises:
        BundleError: There is something at `path` that may not be replaced, or nothing can be
            written there.
    """
    if not os.path.isdir(path.parent):
        raise BundleError(
            f"there is no folder '{path.parent}' to write the {what} '{path.name}' into"
        )
    if os.path.lexists(path):
        if not overwrite:
            raise BundleError(
                f"{path} exists; choose another --out, or replace it with --overwrite"
            )
        check_replaceable(path)
    try:
        with _workplace(path):
            pass
    except OSError as error:
        raise BundleError(f"the {what} can't be written to {path}: {error.strerror}") from error


def write_folder(path: Path, what: str, contents: Mapping[str, bytes]) -> None:
    """Write a folder of files beside its place, force it to the disk, and only then move it there.

    What stands there is replaced; `check_folder` says whether it may be.

    Args:
        path: The folder to make.
        what: What it holds, such as ``model``.
        contents: The files by their names.

    Raises:
        BundleError: The disk refuses; what was there is there still.
    """
    try:
        with _workplace(path) as workplace:
            _write_and_move(contents, path, workplace)
    except OSError as error:
        raise BundleError(f"the {what} could not be written to {path}: {error.strerror}") from error


@contextmanager
def _workplace(path: Path) -> Iterator[Path]:
    """Make a folder beside `path` that is gone in the end, and give `path` back what it took."""
    workplace = Path(tempfile.mkdtemp(prefix=f".{path.name}.", dir=path.parent))
    try:
        yield workplace
    finally:
        before = workplace / "old"
        if before.exists() and not os.path.lexists(path):
            before.rename(path)
        shutil.rmtree(workplace, ignore_errors=True)


def _write_and_move(contents: Mapping[str, bytes], path: Path, workplace: Path) -> None:
    fresh = workplace / "new"
    fresh.mkdir()
    for name, content in contents.items():
        write_through(fresh / name, content)
    sync_folder(fresh)
    if os.path.lexists(path):
        path.rename(workplace / "old")
    fresh.rename(path)
    sync_folder(path.parent)
