"""Loading of records from a file, several files, a named data set or a data frame."""

from __future__ import annotations

import os
from collections.abc import Collection, Sequence
from dataclasses import dataclass, field, replace
from itertools import chain
from pathlib import Path
from typing import Any

from wordgate.data.named import NAMED_SETS, NamedSet, fetch, unknown_name
from wordgate.errors import DataError
from wordgate.runtime.display import counted
from wordgate.storage.files import expand_home
from wordgate.storage.places import name_of, place_of, shown_name
from wordgate.storage.remote import RemoteFile
from wordgate.tables import Records, SourceFormat, collect_records, open_source, open_table
from wordgate.tables.encoding import without_surrogates
from wordgate.tables.listing import ListedFile, is_several, list_files
from wordgate.tables.records import concatenate_records, with_columns
from wordgate.tables.source import is_file, split_sheet
from wordgate.tables.typed import read_frame


@dataclass(frozen=True)
class Loaded:
    """Records with the format of their source, warnings, and known roles of columns."""

    form: SourceFormat
    records: Records
    warnings: tuple[str, ...] = ()
    known_roles: dict[str, str] = field(default_factory=dict)

    @property
    def called(self) -> str:
        """The source, for messages."""
        return f"'{self.form.source}'"


def load(source: Any, encoding: str | None, given: Collection[str]) -> Loaded:
    """Read all records of a source, as for `read_table`.

    `given` are the column names in the user's options, by `name_key`.
    """
    if isinstance(source, list | tuple) and source and all(isinstance(one, Path) for one in source):
        files = list(chain.from_iterable(map(list_files, source)))
        return _load_files(files, f"{source[0]} and others", encoding, given)
    if not isinstance(source, str | os.PathLike):
        if encoding is not None:
            raise DataError("an encoding has no effect on a DataFrame: leave it out")
        records, called = read_frame(source)
        return Loaded(SourceFormat(source=called, format="frame"), records)
    path, named = _locate(os.fspath(source))
    if named is None and is_several(path):
        return _load_files(list_files(path), shown_name(place_of(path)), encoding, given)
    loaded = _load_file(path, encoding, given, None if named is None else named.header)
    if named is None:
        return loaded
    called = f"{named.name} ({loaded.form.source})"
    return replace(loaded, form=replace(loaded.form, source=called), known_roles=named.roles)


def _load_file(
    path: str | Path, encoding: str | None, given: Collection[str], header: bool | None
) -> Loaded:
    source = open_source(path, workbooks=True)
    opened = open_table(source, encoding=encoding, given=given, header=header)
    records = collect_records(opened.reader, opened.reader.batches())
    return Loaded(
        replace(opened.form(), source=without_surrogates(opened.source.name)),
        records,
        () if opened.encoding is None else opened.encoding.remarks,
    )


def _load_files(
    files: Sequence[ListedFile], called: str, encoding: str | None, given: Collection[str]
) -> Loaded:
    """Read several files, and concatenate their records.

    Either all files have a header or none, as the first one; empty files are skipped.
    """
    filled = [file for file in files if file.size or isinstance(file.place, RemoteFile)]
    if not filled:
        raise DataError(f"there is no file with data in '{called}'")
    loaded: list[Loaded] = []
    for file in filled:
        header = loaded[0].form.header if loaded else None
        loaded.append(_load_file(name_of(file.place), encoding, given, header))
    parts = [(one.form.source, one.records) for one in loaded]
    if all(one.form.format == "jsonl" for one in loaded):
        names = list(dict.fromkeys(name for _, part in parts for name in part.names or ()))
        parts = [(source, with_columns(part, names)) for source, part in parts]
    warnings = [f"{one.form.source}: {text}" for one in loaded for text in one.warnings]
    if empty := len(files) - len(filled):
        warnings.append(f"{counted(empty, 'empty file')} skipped")
    form = replace(loaded[0].form, source=f"{called.rstrip('/')} ({counted(len(loaded), 'file')})")
    return Loaded(form, concatenate_records(parts), tuple(warnings))


def _locate(source: str) -> tuple[str | Path, NamedSet | None]:
    """Return the path or URL of a source, and its named data set; a file has precedence."""
    if not source.strip():
        raise DataError("the name of the data is empty: give a file or a named data set")
    if isinstance(path := place_of(source), RemoteFile):
        return path.url, None
    if is_file(path):
        return path, None
    if is_several(path) or is_file(expand_home(split_sheet(source)[0])):
        return source, None
    if source in NAMED_SETS:
        return fetch(NAMED_SETS[source], given_as="DATA"), NAMED_SETS[source]
    raise unknown_name(source, path, NAMED_SETS, "named data set")
