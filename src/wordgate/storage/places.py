"""Operations on local files and files at URLs.

Errors of listing, reading, writing and removing are a `DataError`.
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
    """Return the path or URL of a name; ``~`` is the home folder."""
    url = url_of(name)
    return expand_home(local_name(name)) if url is None else RemoteFile(url)


def shown_name(place: Path | RemoteFile) -> str:
    """Return the name of a path or URL for messages, without secrets."""
    return place.name if isinstance(place, RemoteFile) else str(place)


def name_of(place: Path | RemoteFile) -> str:
    """Return the name for which `place_of` returns this path or URL."""
    return place.url if isinstance(place, RemoteFile) else str(place)


def is_folder(place: Path | RemoteFile) -> bool:
    """Return whether a path or URL is a folder."""
    if isinstance(place, RemoteFile):
        return place.is_folder()
    try:
        return place.is_dir()
    except (OSError, ValueError):  # a name that is not valid on this system
        return False


def files_in(folder: Path | RemoteFile) -> dict[str, int]:
    """Return the sizes of all files below a folder, by their relative names, sorted."""
    if isinstance(folder, RemoteFile):
        return folder.files()
    return _sizes(folder, _walk(folder) if is_folder(folder) else ())


def files_matching(folder: Path | RemoteFile, pattern: str) -> dict[str, int]:
    """Return the sizes of the files below a folder that match a glob pattern, as `files_in`."""
    if isinstance(folder, RemoteFile):
        return folder.matches(pattern)
    names = glob.iglob(pattern, root_dir=folder, recursive=True)
    return _sizes(folder, (folder / name for name in names))


def _walk(folder: Path) -> Iterator[Path]:
    """Yield the files below a folder, links followed, each folder once."""
    visited = set()
    for inner, folders, names in os.walk(folder, onerror=_raise, followlinks=True):
        if (real := os.path.realpath(inner)) in visited:
            folders.clear()
            continue
        visited.add(real)
        yield from (Path(inner, name) for name in names)


def _raise(error: OSError) -> None:
    """Raise an error: os.walk would skip a folder that cannot be read."""
    raise error


def _sizes(folder: Path, paths: Iterable[Path]) -> dict[str, int]:
    try:
        sizes = {
            path.relative_to(folder).as_posix(): path.stat().st_size if path.exists() else 0
            for path in paths
            if path.is_file() or not path.exists()  # a broken link is an error when it is read
        }
    except OSError as error:
        raise DataError(
            f"cannot list '{error.filename or folder}': {error.strerror or error}"
        ) from error
    return dict(sorted(sizes.items()))


def read_small(place: Path | RemoteFile) -> bytes | None:
    """Return the content of a small file; None if it does not exist."""
    if isinstance(place, RemoteFile):
        return place.read()
    absent = suppress(FileNotFoundError, NotADirectoryError)
    with system_errors(DataError, f"cannot read '{place}'"), absent:
        return place.read_bytes()
    return None


def read_start(place: Path | RemoteFile, length: int) -> bytes:
    """Return the first bytes of a file; no bytes if it cannot be read."""
    with suppress(OSError, DataError), place.open("rb") as stream:
        return stream.read(length)
    return b""


def write_small(place: Path | RemoteFile, content: bytes) -> None:
    """Write a small file atomically; create its folder if needed."""
    if isinstance(place, RemoteFile):
        place.write(content)
        return
    make_folder(place.parent)
    with atomic_output(place) as aside:
        aside.write_bytes(content)


def make_folder(folder: Path) -> None:
    """Create a folder and its parents, if they do not exist."""
    with system_errors(DataError, f"cannot create the folder {folder}"):
        folder.mkdir(parents=True, exist_ok=True)


def move_to(place: Path | RemoteFile, file: Path) -> None:
    """Move a complete local file to its place atomically."""
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
    """Remove a file, if it exists."""
    if isinstance(place, RemoteFile):
        place.remove()
        return
    with system_errors(DataError, f"cannot remove {place}"):
        place.unlink(missing_ok=True)


def sha256_of(place: Path | RemoteFile) -> str | None:
    """Return the SHA-256 of a file; None if it cannot be read."""
    content = hashlib.sha256()
    with suppress(OSError, DataError), place.open("rb") as stream:
        while block := stream.read(_BLOCK):
            content.update(block)
        return content.hexdigest()
    return None
