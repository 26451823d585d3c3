"""Shards of a folder, a glob pattern or several files: each an input and an output name."""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from wordgate.errors import BundleError, DataError, SettingsError
from wordgate.storage.places import name_of, place_of, shown_name
from wordgate.storage.remote import RemoteFile
from wordgate.tables.listing import MANIFEST, ListedFile, is_several, list_files
from wordgate.tables.source import STANDARD, format_of, is_workbook

Names = str | os.PathLike[str] | Sequence[str | os.PathLike[str]]


@dataclass(frozen=True)
class Shard:
    """One input of several.

    Attributes:
        input: Its name: a path or a URL.
        name: The name of the output, relative to the folder of all of them.
        size: Size of the input in bytes; 0 if unknown.
    """

    input: str
    name: str
    size: int

    @property
    def input_name(self) -> str:
        """The name of the input for messages, without secrets."""
        return shown_name(place_of(self.input))


def is_sharded(source: Names, out: str | os.PathLike[str]) -> bool:
    """Return whether the input is several files, a folder or a glob pattern.

    A single file is scored as a shard, too, if the name of the output ends like a folder.
    """
    if not isinstance(source, str | os.PathLike):
        return True
    if source == STANDARD or not str(source).strip():
        return False
    if str(out).endswith(("/", os.sep)):
        return True
    return is_several(source)


def plan_shards(source: Names, out: str, form: str | None) -> list[Shard]:
    """Find the inputs, sorted, and name their outputs.

    Hidden files, those that begin with an underscore, such as ``_SUCCESS``, and those in the output
    folder are left out.

    Raises:
        BundleError: Two outputs would have the same name.
        DataError: A file does not exist, or there is none.
        SettingsError: The output is not a folder, or an output would replace an input.
    """
    sources = [source] if isinstance(source, str | os.PathLike) else source
    if out == STANDARD or STANDARD in sources:
        raise SettingsError(
            "several files are scored into a folder: name one, such as scored/"
            if out == STANDARD
            else "standard input cannot be one of several inputs: name files"
        )
    folder = place_of(out)
    shards = [
        Shard(name_of(file.place), _output_name(file.name, form), file.size)
        for one in sources
        for file in _found(str(one), folder)
    ]
    if not shards:
        listed = ", ".join(shown_name(place_of(one)) for one in sources)
        raise DataError(f"there is no file in '{listed}' that could be scored")
    _check_outputs(shards, folder)
    return sorted(shards, key=lambda shard: shard.name)


def _found(name: str, out: Path | RemoteFile) -> list[ListedFile]:
    """List the files of an input, except those in the output folder."""
    if not is_several(name):
        return list_files(name)
    if _real(place_of(name)) == _real(out):
        raise SettingsError(f"{shown_name(out)} is the input: write the results to another folder")
    return [file for file in list_files(name) if not _is_inside(file.place, out)]


def _is_inside(file: Path | RemoteFile, folder: Path | RemoteFile) -> bool:
    return f"{_real(file)}/".startswith(f"{_real(folder).rstrip('/')}/")


def _real(place: Path | RemoteFile) -> str:
    """Return the canonical name of a place."""
    if isinstance(place, RemoteFile):
        return place.url.rstrip("/")
    return Path(os.path.realpath(place)).as_posix()


def _output_name(name: str, form: str | None) -> str:
    """Name the output after the input, with the extension of its format."""
    if form is None:
        return f"{name}.csv" if is_workbook(name) else name
    input_form = format_of(name)
    if input_form == form:
        return name
    if input_form is None:
        return f"{name}.{form}"
    packed = ".gz" if name.lower().endswith(".gz") else ""
    bare = name[: -len(packed)] if packed else name
    return str(PurePosixPath(bare).with_suffix(f".{form}")) + (packed if form != "parquet" else "")


def _check_outputs(shards: Sequence[Shard], folder: Path | RemoteFile) -> None:
    named: dict[str, Shard] = {}
    inputs = {_real(place_of(shard.input)) for shard in shards}
    for shard in shards:
        if _real(folder / shard.name) in inputs:
            raise SettingsError(
                f"{shown_name(folder / shard.name)} is the input: write the results to"
                " another folder"
            )
        if shard.name == MANIFEST:
            raise BundleError(
                f"the output of '{shard.input_name}' would be called {MANIFEST} as the list of all"
                " outputs is: rename it"
            )
        if (other := named.setdefault(shard.name, shard)) is not shard:
            raise BundleError(
                f"the outputs of '{other.input_name}' and '{shard.input_name}' would both be"
                f" '{shown_name(folder / shard.name)}': rename one, or score them into"
                " different folders"
            )
