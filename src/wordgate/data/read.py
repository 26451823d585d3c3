"""``read_table``: from a file, a named data set or a data frame to a table."""

from __future__ import annotations

import math
import os
from collections import Counter
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field, replace
from itertools import chain
from pathlib import Path
from typing import Any

from wordgate.data.columns import Choice, Columns, Flag, as_flag, joined, names_among
from wordgate.data.label_sets import LabelCell, LabelColumn, likely_separator, read_labels
from wordgate.data.labels import alike_labels, join_label_sets, join_labels, missing_labels
from wordgate.data.named import NAMED_SETS, NamedSet, fetch
from wordgate.data.roles import choose_roles
from wordgate.data.structured import has_structured, why_structured
from wordgate.data.table import EMPTY, WHITE_SPACE, ReadReport, Table, own_group
from wordgate.errors import DataError, did_you_mean, near_miss
from wordgate.runtime.display import counted, shown
from wordgate.storage.places import name_of, place_of, shown_name
from wordgate.storage.remote import RemoteFile
from wordgate.tables import (
    Cell,
    Malformed,
    Records,
    SourceFormat,
    gathered,
    open_source,
    open_table,
)
from wordgate.tables.encoding import without_surrogates
from wordgate.tables.listing import ListedFile, is_several, list_files
from wordgate.tables.records import put_together, with_columns
from wordgate.tables.source import is_file, missing_file, split_sheet
from wordgate.tables.typed import read_frame
from wordgate.tables.values import group_name, is_empty, value_key

_TIDY_SHARE_MALFORMED = 0.05
_ROLES = ("text", "label", "group", "split", "weight")

_PARTS = {
    "train": "train",
    "training": "train",
    "valid": "valid",
    "validation": "valid",
    "val": "valid",
    "dev": "valid",
    "test": "test",
    "testing": "test",
}


def read_table(
    source: Any,
    *,
    text: Columns | None = None,
    label: Columns | None = None,
    group: str | int | None = None,
    drop_labels: Sequence[str] = (),
    encoding: str | None = None,
    split_column: str | int | None = None,
    labelled: bool = True,
    empty_text_as: str | None = None,
    min_labels: int = 2,
    drop_if_there: bool = False,
    label_separator: str | None = None,
    weight: str | int | None = None,
) -> Table:
    """Read labeled texts, infer what is not given, and count every row that is left out.

    Args:
        source: As for `wordgate.train`, or a list of `pathlib.Path`, whose files have the same
            columns.
        text: The text column, a name or a number counted from 1; None to infer it. Several, in a
            list or separated by commas, are joined by ``' | '``; the last is the main text: rows in
            which it is empty are left out, and only it is searched for duplicates.
        label: The label column, likewise. Several are columns of 0 and 1 (or true and false, yes
            and no; an empty cell is 0), each named after its label (multi-label data).
        group: The column of group ids, likewise; ``"none"`` for no groups.
        drop_labels: Labels whose rows are left out; if a text can have several labels, only the
            label is left out.
        encoding: The encoding of the file; None to detect it.
        split_column: A column that contains train, valid or test, if there is one.
        labelled: False for texts to predict: a label column may be missing, labels may be empty.
        empty_text_as: The replacement for an empty text; texts of only whitespace are then kept.
            None to leave out both.
        min_labels: Minimum number of different labels if ``labelled``.
        drop_if_there: Whether labels to drop may be absent without a remark, as in a further file
            of the same data.
        label_separator: The separator between the labels in a cell, such as ``";"`` (multi-label
            data); None to detect it where it is nearly unambiguous, ``"none"`` for one label per
            text. Lists are always several labels.
        weight: A column of weights of the texts in training, 0 or more.

    Returns:
        The table; its ``reading`` has what was inferred and why.

    Raises:
        DataError: The source cannot be read or used as requested: no rows or too few labels remain,
            a label to drop was probably misspelled, the split column contains something other than
            train, valid and test, or the weight column something other than numbers of 0 or more.
        MissingExtraError: A named data set must be downloaded and kagglehub is not installed.
    """
    given = {"text": as_flag(text), "label": as_flag(label)}
    given |= {"group": _flag(group), "split": _flag(split_column), "weight": _flag(weight)}
    loaded = _load(source, encoding, names_among([*given.values()]))
    if not loaded.records.rows:
        raise DataError(_nothing_left(loaded, {}, loaded.records.malformed))
    chosen, labels = _columns(loaded, given, label_separator, labelled=labelled)
    to_drop = list(map(without_surrogates, drop_labels))
    kept = _keep_rows(
        loaded,
        chosen,
        labels,
        to_drop,
        labelled=labelled,
        empty_text_as=empty_text_as,
        drop_if_there=drop_if_there,
    )
    found = _found_labels(labels, kept, to_drop, further=drop_if_there)
    least = min_labels if labelled else 0
    return _table(loaded, chosen, kept, found, empty_text_as or "", least)


def _flag(value: str | int | None) -> str | None:
    return None if value is None else str(value).strip()


@dataclass(frozen=True)
class _Loaded:
    """Records with what is known of where they came from."""

    form: SourceFormat
    records: Records
    warnings: tuple[str, ...] = ()
    known_roles: dict[str, str] = field(default_factory=dict)

    @property
    def called(self) -> str:
        """The source, for messages."""
        return f"'{self.form.source}'"

    def column(self, chosen: dict[str, Choice], role: str) -> list[Cell] | None:
        """The cells of the column that plays a role; None where none does."""
        choice = chosen.get(role)
        if choice is None or choice.number is None:
            return None
        return self.records.columns[choice.number - 1]


def _load(source: Any, encoding: str | None, given: Collection[str]) -> _Loaded:
    if isinstance(source, list | tuple) and source and all(isinstance(one, Path) for one in source):
        files = list(chain.from_iterable(map(list_files, source)))
        return _load_files(files, f"{source[0]} and others", encoding, given)
    if not isinstance(source, str | os.PathLike):
        if encoding is not None:
            raise DataError("an encoding has no effect on a DataFrame: leave it out")
        records, called = read_frame(source)
        return _Loaded(SourceFormat(source=called, format="frame"), records)
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
) -> _Loaded:
    source = open_source(path, workbooks=True)
    opened = open_table(source, encoding=encoding, given=given, header=header)
    records = gathered(opened.reader, opened.reader.batches())
    return _Loaded(
        replace(opened.form(), source=without_surrogates(opened.source.name)),
        records,
        () if opened.encoding is None else opened.encoding.remarks,
    )


def _load_files(
    files: Sequence[ListedFile], called: str, encoding: str | None, given: Collection[str]
) -> _Loaded:
    """Read several files, and put their records together.

    Whether the first one has a header holds for all of them; empty files are passed over.
    """
    filled = [file for file in files if file.size or isinstance(file.place, RemoteFile)]
    if not filled:
        raise DataError(f"there is no file with data in '{called}'")
    loaded: list[_Loaded] = []
    for file in filled:
        header = loaded[0].form.header if loaded else None
        loaded.append(_load_file(name_of(file.place), encoding, given, header))
    parts = [(one.form.source, one.records) for one in loaded]
    if all(one.form.format == "jsonl" for one in loaded):
        names = list(dict.fromkeys(name for _, part in parts for name in part.names or ()))
        parts = [(source, with_columns(part, names)) for source, part in parts]
    warnings = [f"{one.form.source}: {text}" for one in loaded for text in one.warnings]
    if empty := len(files) - len(filled):
        warnings.append(f"{counted(empty, 'empty file')} passed over")
    form = replace(loaded[0].form, source=f"{called.rstrip('/')} ({counted(len(loaded), 'file')})")
    return _Loaded(form, put_together(parts), tuple(warnings))


def _locate(source: str) -> tuple[str | Path, NamedSet | None]:
    """Turn what the user wrote into a path or a URL; a file wins over a named data set."""
    if not source.strip():
        raise DataError("the name of the data is empty: give a file or a named data set")
    if isinstance(path := place_of(source), RemoteFile):
        return path.url, None
    if is_file(path):
        return path, None
    if is_several(path) or is_file(Path(split_sheet(source)[0]).expanduser()):
        return source, None
    if source in NAMED_SETS:
        return fetch(NAMED_SETS[source], given_as="DATA"), NAMED_SETS[source]
    message = missing_file(path)
    hint = near_miss(source, list(NAMED_SETS))
    if path.suffix or len(path.parts) > 1 or ("did you mean" in message and not hint):
        raise DataError(message)
    raise DataError(
        f"no file or named data set '{source}'{hint or did_you_mean(source, NAMED_SETS)}"
    )


@dataclass(frozen=True)
class _Kept:
    """The rows that remain, by their places among the records, and an account of the others."""

    places: list[int]
    dropped: dict[str, int]
    malformed: list[Malformed]
    warnings: list[str]


def _columns(
    loaded: _Loaded, given: Mapping[str, Flag | None], separator: str | None, *, labelled: bool
) -> tuple[dict[str, Choice], LabelColumn | None]:
    """Choose the column of each role, and read the labels; None if there are none."""
    records = loaded.records
    chosen = choose_roles(
        records, given, known=loaded.known_roles, labelled=labelled, source=loaded.called
    )
    column = read_labels(records, chosen["label"], separator, loaded.called, labelled=labelled)
    return chosen, column


def _keep_rows(
    loaded: _Loaded,
    chosen: dict[str, Choice],
    column: LabelColumn | None,
    drop_labels: Sequence[str],
    *,
    labelled: bool,
    empty_text_as: str | None,
    drop_if_there: bool,
) -> _Kept:
    """Leave out what can't be used; a row is counted once, by the first reason."""
    records, labels = loaded.records, None if column is None else column.cells
    texts = loaded.column(chosen, "text") or ()
    is_structured = has_structured(texts) or has_structured(labels or ())
    warnings = [] if drop_if_there else _check_drop_labels(drop_labels, labels, loaded.called)
    dropped = {f"label '{label}'": 0 for label in drop_labels}
    unwanted = {value_key(label): label for label in drop_labels}
    single = {label for label in set(labels or ()) if label and isinstance(label, str)}
    to_drop = {label: unwanted.get(value_key(label)) for label in single}
    dropped.update({"empty label": 0, EMPTY: 0, WHITE_SPACE: 0})
    malformed = records.malformed.copy()
    kept: list[int] = []
    for i, text in enumerate(texts):
        label = "" if labels is None else labels[i]
        if text is None or (label is None and labelled):
            missing = chosen["text" if text is None else "label"]
            malformed.append(records.malformed_at(i, _no_key(missing)))
        elif is_structured and (why := _why_structured(text, label, labelled=labelled)):
            malformed.append(records.malformed_at(i, why))
        elif isinstance(label, str) and label and to_drop[label] is not None:
            dropped[f"label '{to_drop[label]}'"] += 1
        elif label == "" and labelled:
            dropped["empty label"] += 1
        elif empty_text_as is None and is_empty(text):
            dropped[WHITE_SPACE if text else EMPTY] += 1
        else:
            kept.append(i)
    dropped = {reason: count for reason, count in dropped.items() if count}
    if not kept:
        raise DataError(_nothing_left(loaded, dropped, malformed))
    return _Kept(kept, dropped, malformed, warnings)


def _no_key(choice: Choice) -> str:
    if choice.role == "label" and choice.before:
        return "the key of a label is missing"
    return f"no key '{choice.name}'"


def _why_structured(text: Cell, label: LabelCell, *, labelled: bool) -> str | None:
    why = why_structured(text, "text")
    if why is None and labelled and not isinstance(label, tuple):
        why = why_structured(label, "label")
    return why


def _check_drop_labels(
    drop_labels: Sequence[str], labels: Sequence[LabelCell] | None, source: str
) -> list[str]:
    """Refuse a label to drop that is probably misspelt; remark on one that is simply absent."""
    if not drop_labels:
        return []
    if labels is None:
        raise DataError(f"no label can be dropped: {source} has no label column")
    distinct = {label for label in labels if label}
    several = {label for one in distinct if isinstance(one, tuple) for label in one}
    there = sorted(several.union(one for one in distinct if isinstance(one, str)))
    warnings = []
    keys = set(map(value_key, there))
    for wanted in drop_labels:
        if value_key(wanted) in keys:
            continue
        hint = near_miss(wanted, there)
        if hint:
            raise DataError(f"no label '{wanted}' to drop in {source}{hint}")
        warnings.append(f"no row has the label '{wanted}' that was to be dropped")
    return warnings


def _nothing_left(loaded: _Loaded, dropped: dict[str, int], malformed: list[Malformed]) -> str:
    left_out = _left_out(loaded, dropped, malformed)
    if not left_out:
        below = "" if loaded.form.format == "frame" else " below its header"
        return f"{loaded.called} has no rows{below}"
    return f"no rows of {loaded.called} are left: {left_out}"


def _left_out(loaded: _Loaded, dropped: dict[str, int], malformed: list[Malformed]) -> str:
    """Count the rows left out, by reason; an empty string where there are none."""
    reasons = [f"{count:,} ({reason})" for reason, count in dropped.items()]
    if malformed:
        first = malformed[0]
        reasons.append(f"{len(malformed):,} (malformed; line {first.line}: {first.why})")
    return f"of {loaded.records.n_read:,}, left out {', '.join(reasons)}" if reasons else ""


@dataclass(frozen=True)
class _Labels:
    """The labels of the rows that remain: one each, or several; None both where there are none."""

    single: list[str] | None = None
    sets: list[tuple[str, ...]] | None = None
    separator: str | None = None
    warnings: list[str] = field(default_factory=list)

    def all(self) -> list[str]:
        """List the labels of all rows."""
        return self.single or [*chain.from_iterable(self.sets or ())]

    def figures(self) -> str:
        """Describe several labels per text as a clause to follow another; else nothing."""
        if self.sets is None:
            return ""
        labels, n_rows = self.all(), max(1, len(self.sets))
        how = f" separated by {self.separator!r}" if self.separator else ""
        return (
            f"; several labels per text{how}: {len(set(labels)):,} labels,"
            f" {len(labels) / n_rows:.2f} per text, {self.sets.count(()):,} texts without labels"
        )


def _found_labels(
    column: LabelColumn | None, kept: _Kept, drop_labels: Sequence[str], *, further: bool
) -> _Labels:
    """Take the labels of the rows that remain, those to drop aside."""
    if column is None:
        return _Labels()
    cells = [column.cells[i] for i in kept.places]
    if not column.several:
        words = [(cell or "").strip() for cell in cells if not isinstance(cell, tuple)]
        labels, remarks = join_labels(words)
        return _Labels(labels, warnings=[*column.warnings, *remarks])
    unwanted = {value_key(label): label for label in drop_labels}
    without = Counter[str]()
    found = []
    for cell in cells:
        labels_of_row = cell if isinstance(cell, tuple) else ()
        gone = {label for label in labels_of_row if value_key(label) in unwanted}
        without.update({unwanted[value_key(label)] for label in gone})
        found.append(tuple(label for label in labels_of_row if label not in gone))
    sets, remarks = join_label_sets(found)
    warnings = [
        *column.warnings,
        *(
            f"label '{one}' is left out of {n:,} texts, which are kept"
            for one, n in without.items()
        ),
        *remarks,
    ]
    if not further and max(map(len, sets)) == 1:
        warnings.append(
            "no text has more than one label: if none ever will, give one label per text, which is"
            " predicted better"
        )
    return _Labels(sets=sets, separator=column.separator, warnings=warnings)


def _table(
    loaded: _Loaded,
    chosen: dict[str, Choice],
    kept: _Kept,
    labels: _Labels,
    empty_text: str,
    min_labels: int,
) -> Table:
    """Take the rows that remain, and report what was read and what is odd about them."""
    records, places = loaded.records, kept.places
    cells, groups, parts, weights = (
        loaded.column(chosen, role) for role in ("text", "group", "split", "weight")
    )
    bodies = [(cells or ())[i] or empty_text for i in places]
    texts, text_warnings = _texts(records, chosen["text"], bodies, places)
    named_groups, group_warnings = _groups(groups, places, records.rows)
    rows = [records.rows[i] for i in places]
    kept_parts = _parts(parts, places, records, loaded.called)
    left_out = _left_out(loaded, kept.dropped, kept.malformed)
    _check_labels(labels, min_labels, loaded.called, len(rows), chosen, left_out)
    malformed = sorted(kept.malformed, key=lambda m: m.line)
    warnings = [*loaded.warnings, *kept.warnings, *text_warnings, *group_warnings]
    is_cut = labels.sets is not None
    warnings += labels.warnings + _oddities(bodies, labels.all(), is_cut=is_cut)
    if len(malformed) > _TIDY_SHARE_MALFORMED * records.n_read:
        share = len(malformed) / records.n_read
        warnings.append(f"{share:.0%} of the records are malformed: check their quotes and fields")
    label = replace(chosen["label"], reason=chosen["label"].reason + labels.figures())
    chosen = {**chosen, "label": label}
    reading = ReadReport(
        **vars(loaded.form),
        columns=[chosen[role] for role in _ROLES if role in chosen],
        n_read=records.n_read,
        n_kept=len(rows),
        dropped=kept.dropped,
        malformed=malformed,
        warnings=warnings,
        preview=[],
    )
    table = Table(
        texts,
        bodies,
        labels.single,
        named_groups,
        rows,
        kept_parts,
        reading,
        label_sets=labels.sets,
        label_separator=labels.separator,
        weights=_weights(weights, places, records, loaded.called),
    )
    return replace(table, reading=replace(reading, preview=table.preview()))


def _texts(
    records: Records, choice: Choice, bodies: list[str], kept: list[int]
) -> tuple[list[str], list[str]]:
    """Put the other columns of the text in front of the bodies; remark where one is empty."""
    if not choice.before:
        return bodies, []
    fronts = [[records.columns[column.number - 1][i] for i in kept] for column in choice.before]
    texts = [joined(cells, body) for *cells, body in zip(*fronts, bodies, strict=True)]
    warnings = []
    for column, cells in zip(choice.before, fronts, strict=True):
        missing = sum(not (cell or "").strip() for cell in cells)
        if missing:
            warnings.append(
                f"{missing:,} texts have an empty cell in column {column.called()}: they are used"
                " without it"
            )
    return texts, warnings


def _groups(
    column: Sequence[Cell] | None, kept: list[int], numbers: list[int]
) -> tuple[list[str] | None, list[str]]:
    """Give each row its group; a row without one is a group of its own."""
    if column is None:
        return None, []
    names = [group_name(column[i]) for i in kept]
    groups = [name or own_group(numbers[i]) for name, i in zip(names, kept, strict=True)]
    alone = names.count("")
    if not alone:
        return groups, []
    return groups, [f"{alone:,} rows have no group: each is a group of its own"]


def _parts(
    column: Sequence[Cell] | None, kept: list[int], records: Records, source: str
) -> list[str] | None:
    if column is None:
        return None
    parts = []
    for i in kept:
        value = (column[i] or "").strip()
        part = _PARTS.get(value.lower())
        if part is None:
            raise DataError(
                f"the split column of {source} contains '{shown(value, 40)}' in"
                f" {records.where(i)}; it must contain train, valid or test"
            )
        parts.append(part)
    return parts


def _weights(
    column: Sequence[Cell] | None, kept: list[int], records: Records, source: str
) -> list[float] | None:
    if column is None:
        return None
    weights = []
    for i in kept:
        value = (column[i] or "").strip()
        try:
            weight = float(value)
        except ValueError:
            weight = math.nan
        if not 0.0 <= weight < math.inf:
            raise DataError(
                f"the weight column of {source} contains '{shown(value, 40)}' in"
                f" {records.where(i)}; it must contain a number of 0 or more in every row"
            )
        weights.append(weight)
    return weights


def _check_labels(
    labels: _Labels,
    least: int,
    source: str,
    n_rows: int,
    chosen: dict[str, Choice],
    left_out: str,
) -> None:
    there = sorted(set(labels.all()))
    if len(there) >= least:
        return
    others = f" ({left_out})" if left_out else ""
    if len(there) == 1 and labels.sets is not None:
        raise DataError(
            f"'{shown(there[0], 40)}' is the only label of {source}, where a text can have several:"
            f" at least two labels are needed. For one label or none, give one label per text, such"
            f" as '{shown(there[0], 40)}' and 'other'"
        )
    if len(there) == 1:
        raise DataError(
            f"all {n_rows:,} remaining rows of {source} have the label '{shown(there[0], 40)}'"
            f" (column {chosen['label'].number}): a classifier needs at least two labels{others}"
        )
    raise DataError(
        f"{source} has {len(there)} labels ({', '.join(there)}), fewer than the {least} needed"
        f"{others}"
    )


def _oddities(bodies: list[str], labels: list[str], *, is_cut: bool) -> list[str]:
    """Warn of what looks unintended about the rows kept."""
    warnings = []
    blank = sum(map(is_empty, bodies))
    if blank:
        warnings.append(f"{blank:,} texts contain only whitespace; they are kept")
    distinct = sorted(set(labels))
    warnings += alike_labels(distinct) + missing_labels(labels)
    if len(distinct) > max(20, len(bodies) // 2):
        several = "" if is_cut else likely_separator(distinct)
        hint = (
            f" If its cells contain several, use --label-separator '{several}'" if several else ""
        )
        count = f"{len(distinct):,} labels on {len(bodies):,} rows"
        warnings.append(f"{count}: is this the label column?{hint}")
    return warnings
