"""Writing files so that a reader finds the old one whole or the new one whole."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path


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
