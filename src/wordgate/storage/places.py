"""Files on the disk and at URLs alike, by their names.

What can't be listed, read, written or removed is a `DataError`.
"""

from __future__ import annotations

import glob
import hashlib
import os
from collections.abc import Iterable, Iterator
from contextlib import suppress
from pathlib import Path

from wordgate.errors import DataError
from wordgate.storage.files import atomic_output, copy_mode, expand_home, sync_folder, system_errors
from wordgate.storage.remote import RemoteFile, local_name, url_of

_BLOCK = 1 << 20


def place_of(name: str | os.PathLike[str]) -> Path | RemoteFile:
    """Return the file or folder of a name: a path, in which ``~`` is the home, or a URL."""
    url = url_of(name)
    return expand_home(local_name(name)) if url is None else RemoteFile(url)


def shown_name(place: Path | RemoteFile) -> str:
    """Return the name of a place for messages, without secrets."""
    return place.name if isinstance(place, RemoteFile) else str(place)


def name_of(place: Path | RemoteFile) -> str:
    """Return the name from which `place_of` makes a place."""
    return place.url if isinstance(place, RemoteFile) else str(place)


def is_folder(place: Path | RemoteFile) -> bool:
    """Return whether a place is a folder."""
    if isinstance(place, RemoteFile):
        return place.is_folder()
    try:
        return place.is_dir()
    except (OSError, ValueError):  # a name that no system can have
        return False


def files_in(folder: Path | RemoteFile) -> dict[str, int]:
    """List the files of a folder and of the folders in it, sorted: relative names, and sizes."""
    if isinstance(folder, RemoteFile):
        return folder.files()
    return _sizes(folder, _walk(folder) if is_folder(folder) else ())


def files_matching(folder: Path | RemoteFile, pattern: str) -> dict[str, int]:
    """List the files of a folder whose relative names match a glob pattern, as `files_in` does."""
    if isinstance(folder, RemoteFile):
        return folder.matches(pattern)
    found = glob.iglob(pattern, root_dir=folder, recursive=True)
    return _sizes(folder, (folder / name for name in found))


def _walk(folder: Path) -> Iterator[Path]:
    """Return all that is in a folder and in the folders in it, each of them once."""
    known = set()
    for inner, folders, names in os.walk(folder, onerror=_refuse, followlinks=True):
        if (real := os.path.realpath(inner)) in known:
            folders.clear()
            continue
        known.add(real)
        yield from (Path(inner, name) for name in names)


def _refuse(error: OSError) -> None:
    """Raise an error: a folder that can't be read would be passed over in silence."""
    raise error


def _sizes(folder: Path, paths: Iterable[Path]) -> dict[str, int]:
    try:
        sizes = {
            path.relative_to(folder).as_posix(): path.stat().st_size if path.exists() else 0
            for path in paths
            if path.is_file() or not path.exists()  # a link to nothing is an error when it is read
        }
    except OSError as error:
        raise DataError(
            f"cannot list '{error.filename or folder}': {error.strerror or error}"
        ) from error
    return dict(sorted(sizes.items()))


def read_small(place: Path | RemoteFile) -> bytes | None:
    """Read a small file; None where there is none."""
    if isinstance(place, RemoteFile):
        return place.read()
    absent = suppress(FileNotFoundError, NotADirectoryError)
    with system_errors(DataError, f"cannot read '{place}'"), absent:
        return place.read_bytes()
    return None


def read_start(place: Path | RemoteFile, length: int) -> bytes:
    """Read the first bytes of a file; none where it can't be read."""
    with suppress(OSError, DataError), place.open("rb") as stream:
        return stream.read(length)
    return b""


def write_small(place: Path | RemoteFile, content: bytes) -> None:
    """Write a small file, whole or not at all, and the folders to it."""
    if isinstance(place, RemoteFile):
        place.write(content)
        return
    make_folder(place.parent)
    with atomic_output(place) as aside:
        aside.write_bytes(content)


def make_folder(folder: Path) -> None:
    """Make a folder, and those to it, where there is none."""
    with system_errors(DataError, f"cannot create the folder {folder}"):
        folder.mkdir(parents=True, exist_ok=True)


def move_to(place: Path | RemoteFile, file: Path) -> None:
    """Move a finished local file to its place, where it appears whole."""
    if isinstance(place, RemoteFile):
        place.upload(file)
        file.unlink()
        return
    make_folder(place.parent)
    with system_errors(DataError, f"{place} cannot be written"):
        if place.exists():
            copy_mode(place, file)
        file.replace(place)
        sync_folder(place.parent)


def remove_file(place: Path | RemoteFile) -> None:
    """Remove a file, if it is there."""
    if isinstance(place, RemoteFile):
        place.remove()
        return
    with system_errors(DataError, f"cannot remove {place}"):
        place.unlink(missing_ok=True)


def sha256_of(place: Path | RemoteFile) -> str | None:
    """Hash a file's bytes; None where there is none, or where it can't be read."""
    summed = hashlib.sha256()
    with suppress(OSError, DataError), place.open("rb") as stream:
        while block := stream.read(_BLOCK):
            summed.update(block)
        return summed.hexdigest()
    return None
