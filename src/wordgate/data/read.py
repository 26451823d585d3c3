"""``read_table``: from a file, a named data set or a data frame to a table."""

from __future__ import annotations

import os
from collections.abc import Collection, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from wordgate.data.flags import Columns, as_flag, names_among
from wordgate.data.named import NAMED_SETS, NamedSet, fetch
from wordgate.data.reading import Choice, Reading
from wordgate.data.roles import choose_roles
from wordgate.data.rows import Rows, keep_rows
from wordgate.data.table import Table
from wordgate.errors import DataError, did_you_mean, near_miss
from wordgate.tables import OpenTable, Records, gathered, open_source, open_table
from wordgate.tables.encoding import without_surrogates
from wordgate.tables.source import is_file, missing_file
from wordgate.tables.typed import read_frame

_TIDY_SHARE_MALFORMED = 0.05


@dataclass(frozen=True)
class _Loaded:
    """Records with what is known of where they came from."""

    source: str
    records: Records
    opened: OpenTable | None = None
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
    opened = open_table(open_source(path), encoding=encoding, given=given, header=header)
    records = gathered(opened.reader, opened.reader.batches())
    name = without_surrogates(opened.source.name)
    called = name if named is None else f"{named.name} ({name})"
    return _Loaded(called, records, opened, {} if named is None else named.roles)


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


def _account(loaded: _Loaded, chosen: dict[str, Choice], kept: Rows) -> Reading:
    records, opened = loaded.records, loaded.opened
    encoding = None if opened is None else opened.encoding
    malformed = sorted(records.malformed + kept.malformed, key=lambda m: m.line)
    warnings = [*(encoding.warnings if encoding else ()), *kept.warnings]
    if len(malformed) > _TIDY_SHARE_MALFORMED * records.n_read:
        share = len(malformed) / records.n_read
        warnings.append(f"{share:.0%} of the records are malformed: check their quotes and fields")
    order = ("text", "label", "group", "split")
    return Reading(
        source=loaded.source,
        format=records.format,
        compressed=opened is not None and opened.source.compressed,
        encoding=encoding.name if encoding else None,
        encoding_reason=encoding.reason if encoding else "",
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
