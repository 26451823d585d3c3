"""Several files as one input: those of a folder, or those that a glob pattern matches."""

from __future__ import annotations

import glob
import os
import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Any

from wordgate.errors import DataError
from wordgate.storage.places import (
    files_in,
    files_matching,
    is_folder,
    name_of,
    place_of,
    read_start,
    shown_name,
)
from wordgate.storage.remote import RemoteFile
from wordgate.tables.source import is_file, missing_file
from wordgate.tables.values import column_names

MANIFEST = "_manifest.json"
"""The manifest that `score` writes next to its outputs, which is not data."""
_ABOUT = re.compile(r"(^|/)(README|LICEN[CS]E|[^/]*(?=\.md))(\.\w+)?$", re.IGNORECASE)
"""Files of a folder that are not data."""
MANIFEST_START = b'{\n "wordgate_manifest":'


@dataclass(frozen=True)
class ListedFile:
    """A file of several."""

    place: Path | RemoteFile
    name: str  # relative to the folder, or to the beginning of the pattern
    size: int  # in bytes; 0 if unknown


def given_names(value: Any, what: str) -> tuple[str, ...]:
    """Return one name or several, of files or the like, as a tuple.

    Args:
        value: A string or path, or several of these.
        what: What the names are of, such as ``the file``, for a message.

    Raises:
        DataError: It is something else, such as a data frame, whose columns would be used as
            names.
    """
    if isinstance(value, str | os.PathLike):
        return (os.fspath(value),)
    is_of_names = isinstance(value, Iterable) and not hasattr(value, "read")
    if is_of_names and column_names(value) is None:
        names = list(value)
        if all(isinstance(name, str | os.PathLike) for name in names):
            return tuple(map(os.fspath, names))
    raise DataError(
        f"{what} must be a string or a path, or a list of these, not a {type(value).__name__}"
    )


def is_several(name: str | os.PathLike[str]) -> bool:
    """Return whether a name is that of a folder, or a glob pattern that no file has as its name."""
    place = place_of(name)
    return is_folder(place) or _is_pattern(place)


def list_files(name: str | os.PathLike[str]) -> list[ListedFile]:
    """List the files of a folder or of a glob pattern, sorted by name, or a single file.

    Files and folders whose names begin with a dot or an underscore, such as ``_SUCCESS``, are left
    out, and so are files that describe the data of a folder, such as ``README.md``.

    Raises:
        DataError: There is none, or they cannot be listed.
    """
    if not str(name).strip():
        raise DataError("the name of the data is empty: give a file")
    place = place_of(name)
    if is_folder(place):
        files = list(_data(place, files_in(place)))
        return [file for file in files if not _ABOUT.search(file.name)] or files
    if _is_pattern(place):
        folder, pattern = _split_pattern(place)
        if not (sizes := files_matching(folder, pattern)):
            raise DataError(f"no file matches '{shown_name(place)}'")
        return list(_data(folder, sizes))
    if isinstance(place, Path) and not is_file(place):
        raise DataError(missing_file(place))
    size = place.size if isinstance(place, RemoteFile) else place.stat().st_size
    return [ListedFile(place, PurePosixPath(shown_name(place)).name, size or 0)]


def _data(folder: Path | RemoteFile, sizes: dict[str, int]) -> Iterator[ListedFile]:
    for name, size in sizes.items():
        file = folder / name
        is_manifest = name == MANIFEST and read_start(file, len(MANIFEST_START)) == MANIFEST_START
        if not (_is_hidden(name) or is_manifest):
            yield ListedFile(file, name, size)


def _is_pattern(place: Path | RemoteFile) -> bool:
    if isinstance(place, RemoteFile):
        return glob.has_magic(place.name) and not place.url.lower().startswith("http")
    return glob.has_magic(str(place)) and not is_file(place)


def _split_pattern(place: Path | RemoteFile) -> tuple[Path | RemoteFile, str]:
    """Split a pattern into the folder before its first wildcard, and the rest."""
    parts = name_of(place).split("/") if isinstance(place, RemoteFile) else list(place.parts)
    first = next(number for number, part in enumerate(parts) if glob.has_magic(part))
    pattern = "/".join(parts[first:])
    if isinstance(place, RemoteFile):
        return RemoteFile("/".join(parts[:first])), pattern
    return Path(*parts[:first]), pattern


def _is_hidden(name: str) -> bool:
    """Return whether Spark and Hadoop ignore a file; ``_part=1`` is the folder of a partition."""
    return any(
        part.startswith(".") or (part.startswith("_") and "=" not in part)
        for part in name.split("/")
    )
