"""``read_table``: from a file, a named data set or a data frame to a table."""

from __future__ import annotations

import os
from collections.abc import Collection, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from wordgate.data.decoding import Decoded, decode, without_surrogates
from wordgate.data.delimited import read_delimited
from wordgate.data.flags import Columns, as_flag, names_among
from wordgate.data.jsonl import looks_like_jsonl, read_jsonl
from wordgate.data.named import NAMED_SETS, NamedSet, fetch
from wordgate.data.reading import Choice, Reading
from wordgate.data.records import Records
from wordgate.data.roles import choose_roles
from wordgate.data.rows import Rows, keep_rows
from wordgate.data.source import (
    PARQUET_MAGIC,
    FileBytes,
    is_file,
    missing_file,
    near_miss,
    read_file,
)
from wordgate.data.table import Table
from wordgate.data.typed import read_frame, read_parquet
from wordgate.errors import DataError, did_you_mean

_JSONL_SUFFIXES = (".jsonl", ".ndjson", ".json")
_PARQUET_SUFFIXES = (".parquet", ".pq")
_TIDY_SHARE_MALFORMED = 0.05


@dataclass(frozen=True)
class _Loaded:
    """Records with what is known of where they came from."""

    source: str
    records: Records
    decoded: Decoded | None = None
    compressed: bool = False
    known: dict[str, str] = field(default_factory=dict)


def read_table(
    source: Any,
    *,
    text: Columns | None = None,
    label: str | int | None = None,
    group: str | int | None = None,
    drop_labels: Sequence[str] = (),
    encoding: str | None = None,
    limit: int | None = None,
    split_column: str | int | None = None,
    labelled: bool = True,
    empty_text_as: str | None = None,
    min_labels: int = 2,
    drop_if_there: bool = False,
) -> Table:
    """Read labelled texts, infer what is not said, and account for every row left out.

    Args:
        source: The path of a CSV, TSV, JSONL or Parquet file, gzipped or not; the name of a data
            set; or a pandas or polars DataFrame.
        text: The text column, a name or a number counted from 1; None to infer it. Several, in a
            list or with commas between, are joined by `joining.MARKER`; the last is the text
            itself: where it is empty the row is left out, and copies are sought in it alone.
        label: The label column, a name or a number.
        group: The column whose equal values must stay together, likewise; ``"none"`` for none.
        drop_labels: Labels whose rows are left out.
        encoding: How the file's bytes are read; None to find out.
        limit: Keep only this many rows, the first ones.
        split_column: A column that says train, valid or test, if there is one.
        labelled: False for texts to predict: a label column may be missing, labels may be empty.
        empty_text_as: What stands for an empty text; None to drop such rows.
        min_labels: How many different labels must remain where ``labelled``.
        drop_if_there: True where labels to drop may be absent without a remark, as in a
            further file of the same data.

    Returns:
        The table; its ``reading`` says what was inferred and why.

    Raises:
        DataError: The source can't be read or used as asked.
        MissingExtraError: A named data set needs fetching and kagglehub isn't installed.
    """
    if limit is not None and limit < 1:
        raise DataError(f"the limit is {limit}: keep at least 1 row")
    given = {"text": as_flag(text), "label": _flag(label), "group": _flag(group)}
    split = _flag(split_column)
    loaded = _load(source, encoding, names_among((*given.values(), split)))
    records, called = loaded.records, f"'{loaded.source}'"
    chosen = choose_roles(
        records, given, known=loaded.known, split=split, labelled=labelled, source=called
    )
    kept = keep_rows(
        records,
        chosen,
        source=called,
        drop_labels=list(drop_labels),
        labelled=labelled,
        empty_text_as=empty_text_as,
        limit=limit,
        min_labels=min_labels if labelled else 0,
        drop_if_there=drop_if_there,
    )
    reading = _account(loaded, chosen, kept)
    return Table(
        texts=kept.texts,
        bodies=kept.bodies,
        labels=kept.labels,
        groups=kept.groups,
        rows=kept.rows,
        parts=kept.parts,
        reading=reading,
    )


def _flag(value: str | int | None) -> str | None:
    return None if value is None else str(value).strip()


def _load(source: Any, encoding: str | None, given: Collection[str]) -> _Loaded:
    if not isinstance(source, str | os.PathLike):
        if encoding is not None:
            raise DataError("an encoding has no effect on a DataFrame: leave it out")
        records, called = read_frame(source)
        return _Loaded(called, records)
    path, named = _locate(os.fspath(source))
    header = None if named is None else named.header
    file = read_file(path)
    records, decoded = _read_format(file, encoding, given, header)
    name = without_surrogates(file.name)
    called = name if named is None else f"{named.name} ({name})"
    return _Loaded(called, records, decoded, file.compressed, {} if named is None else named.roles)


def _locate(source: str) -> tuple[Path, NamedSet | None]:
    """Turn what the user wrote into a path; a file wins over a named data set."""
    path = Path(source).expanduser()
    if not source.strip():
        raise DataError("the name of the data is empty: give a file or a named data set")
    if is_file(path):
        return path, None
    if source in NAMED_SETS:
        return fetch(NAMED_SETS[source]), NAMED_SETS[source]
    if path.suffix or len(path.parts) > 1:
        raise DataError(missing_file(path))
    message = missing_file(path)
    hint = near_miss(source, list(NAMED_SETS))
    if "did you mean" in message and not hint:
        raise DataError(message)
    raise DataError(
        f"no file or named data set '{source}'{hint or did_you_mean(source, NAMED_SETS)}"
    )


def _read_format(
    file: FileBytes, encoding: str | None, given: Collection[str], header: bool | None
) -> tuple[Records, Decoded | None]:
    if file.raw.startswith(PARQUET_MAGIC):
        if encoding is not None:
            raise DataError(f"an encoding has no effect on '{file.name}', a Parquet file")
        return read_parquet(file.raw, file.name), None
    if file.suffix in _PARQUET_SUFFIXES:
        raise DataError(f"'{file.name}' is no Parquet file, or one that was cut: fetch it again")
    if not file.raw:
        raise DataError(f"'{file.name}' is empty")
    decoded = decode(file.raw, encoding, file.name)
    if file.suffix in _JSONL_SUFFIXES or looks_like_jsonl(decoded.text):
        return read_jsonl(decoded.text, file.name), decoded
    records = read_delimited(decoded.text, file.name, given=given, header=header)
    return records, decoded


def _account(loaded: _Loaded, chosen: dict[str, Choice], kept: Rows) -> Reading:
    records, decoded = loaded.records, loaded.decoded
    malformed = sorted(records.malformed + kept.malformed, key=lambda m: m.line)
    warnings = [*(decoded.warnings if decoded else []), *kept.warnings]
    if len(malformed) > _TIDY_SHARE_MALFORMED * records.n_read:
        share = len(malformed) / records.n_read
        warnings.append(f"{share:.0%} of the records are malformed: check their quotes and fields")
    order = ("text", "label", "group", "split")
    return Reading(
        source=loaded.source,
        format=records.format,
        compressed=loaded.compressed,
        encoding=decoded.encoding if decoded else None,
        encoding_reason=decoded.reason if decoded else "",
        delimiter=records.delimiter,
        header=records.header,
        header_reason=records.header_reason,
        columns=[chosen[role] for role in order if role in chosen],
        n_read=records.n_read,
        n_kept=len(kept.texts),
        dropped=kept.dropped,
        malformed=malformed,
        warnings=warnings,
        preview=kept.preview(),
    )
