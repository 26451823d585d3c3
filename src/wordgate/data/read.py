"""``read_table``: from a file, a named data set or a data frame to a table."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from itertools import chain
from typing import Any, TypeVar

import numpy as np

from wordgate.data.columns import Choice, Columns, as_flag, joined, names_among
from wordgate.data.label_sets import LabelCell, LabelColumn, likely_separator, read_labels
from wordgate.data.labels import alike_labels, distinct_labels, join_labels, missing_labels
from wordgate.data.loading import Loaded, load
from wordgate.data.roles import choose_roles
from wordgate.data.structured import has_structured, why_structured
from wordgate.data.table import EMPTY, WHITE_SPACE, ReadReport, Table, own_group
from wordgate.errors import DataError, near_miss
from wordgate.runtime.display import counted, shown
from wordgate.storage.strings import StringArray
from wordgate.tables import Cell, Malformed, Records
from wordgate.tables.encoding import without_surrogates
from wordgate.tables.values import group_name, is_empty, value_key

_Value = TypeVar("_Value")

_TIDY_SHARE_MALFORMED = 0.05
_ROLES = ("text", "label", "group", "split", "weight")

_PARTS = {
    "train": ("train", "training"),
    "valid": ("valid", "validation", "val", "dev"),
    "test": ("test", "testing"),
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
    usual_separator: str | None = None,
    usual_columns: Mapping[str, str] | None = None,
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
        drop_labels: Labels whose rows are left out, or one label; if a text can have several
            labels, only the label is left out.
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
        usual_separator: The separator if none is given, such as that of the training data; lists
            and columns of 0 and 1 ignore it.
        usual_columns: The names of the text and label columns if none is given, such as those of
            the training data; they are inferred where the source has no such column.
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
    for role, column in (("group", group), ("split", split_column), ("weight", weight)):
        given[role] = None if column is None else str(column).strip()
    loaded = load(source, encoding, names_among([*given.values()]))
    records, called = loaded.records, loaded.called
    if not records.rows:
        raise DataError(_nothing_left(loaded, {}, records.malformed))
    chosen = choose_roles(
        records,
        given,
        known=loaded.known_roles,
        labelled=labelled,
        source=f"{called} ({loaded.form.quoting})" if "sheet '" in loaded.form.quoting else called,
        usual=usual_columns,
    )
    labels = read_labels(
        records,
        chosen["label"],
        label_separator,
        called,
        labelled=labelled,
        usual_separator=usual_separator,
    )
    to_drop = [drop_labels] if isinstance(drop_labels, str) else list(drop_labels)
    to_drop = [
        without_surrogates(label if isinstance(label, str) else str(label)) for label in to_drop
    ]
    kept = _keep_rows(
        loaded,
        chosen,
        labels,
        to_drop,
        labelled=labelled,
        empty_text_as=empty_text_as,
        drop_if_there=drop_if_there,
    )
    found = _kept_labels(labels, kept, to_drop, further=drop_if_there)
    least = min_labels if labelled else 0
    return _table(loaded, chosen, kept, found, empty_text_as or "", least)


@dataclass(frozen=True)
class _Kept:
    """The rows that remain, by their places among the records, and an account of the others."""

    places: list[int]
    dropped: dict[str, int]
    malformed: list[Malformed]
    warnings: list[str]


def _keep_rows(
    loaded: Loaded,
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
    texts = _cells(loaded, chosen, "text") or ()
    is_structured = has_structured(texts) or has_structured(labels or ())
    warnings = [] if drop_if_there else _check_drop_labels(drop_labels, labels, loaded.called)
    dropped = {_dropped(label): 0 for label in drop_labels}
    unwanted = {value_key(label): label for label in drop_labels}
    to_drop = {
        label: unwanted[value_key(label)]
        for label in set(labels or ())
        if label and isinstance(label, str) and value_key(label) in unwanted
    }
    dropped.update({"empty label": 0, EMPTY: 0, WHITE_SPACE: 0})
    malformed = records.malformed.copy()
    kept: list[int] = []
    for i, text in enumerate(texts):
        label = "" if labels is None else labels[i]
        if text is None or (label is None and labelled):
            missing = chosen["text" if text is None else "label"]
            malformed.append(records.malformed_at(i, _no_key(missing)))
        elif is_structured and (
            why := why_structured(text, "text")
            or (why_structured(label, "label") if labelled else None)
        ):
            malformed.append(records.malformed_at(i, why))
        elif isinstance(label, str) and label in to_drop:
            dropped[_dropped(to_drop[label])] += 1
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


def _cells(loaded: Loaded, chosen: dict[str, Choice], role: str) -> list[Cell] | None:
    """Return the cells of the main column of a role; None where no column plays it."""
    choice = chosen.get(role)
    if choice is None or choice.number is None:
        return None
    return loaded.records.columns[choice.number - 1]


def _check_drop_labels(
    drop_labels: Sequence[str], labels: Sequence[LabelCell] | None, source: str
) -> list[str]:
    """Refuse a label to drop that is probably misspelled; remark on one that is simply absent."""
    if not drop_labels:
        return []
    if labels is None:
        raise DataError(f"no label can be dropped: {source} has no label column")
    there = sorted(distinct_labels(label for label in labels if label))
    keys = set(map(value_key, there))
    absent = [label for label in drop_labels if value_key(label) not in keys]
    for label in absent:
        if hint := near_miss(label, there):
            raise DataError(f"no label '{label}' to drop in {source}{hint}")
    return [*map(nothing_dropped, absent)]


def nothing_dropped(label: str) -> str:
    """Write that no row has a label that was to be dropped."""
    return f"no row has the label '{label}' that was to be dropped"


def has_dropped(report: ReadReport, label: str) -> bool:
    """Return whether a label to drop was found where `report` comes from."""
    is_left_out = f"{_dropped(label)} is left out of "
    return _dropped(label) in report.dropped or any(
        warning.startswith(is_left_out) for warning in report.warnings
    )


def _dropped(label: str) -> str:
    return f"label '{label}'"


def _nothing_left(loaded: Loaded, dropped: dict[str, int], malformed: list[Malformed]) -> str:
    left_out = _left_out(loaded, dropped, malformed)
    if not left_out:
        below = "" if loaded.form.format == "frame" else " below its header"
        return f"{loaded.called} has no rows{below}"
    return f"no rows of {loaded.called} are left: {left_out}"


def _left_out(loaded: Loaded, dropped: dict[str, int], malformed: list[Malformed]) -> str:
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
            f"; several labels per text{how}: {counted(len(set(labels)), 'label')},"
            f" {len(labels) / n_rows:.2f} per text, {counted(self.sets.count(()), 'text')} without"
            " labels"
        )


def _kept_labels(
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
    left_out = Counter[str]()
    found = []
    for cell in cells:
        row = cell if isinstance(cell, tuple) else ()
        found.append(tuple(label for label in row if value_key(label) not in unwanted))
        left_out.update({unwanted[value_key(label)] for label in {*row}.difference(found[-1])})
    sets, remarks = join_labels(found)
    warnings = list(column.warnings)
    for label, count in left_out.items():
        texts = counted(count, "text, which is", "texts, which are")
        warnings.append(f"{_dropped(label)} is left out of {texts} kept")
    warnings += remarks
    if not further and max(map(len, sets)) == 1:
        warnings.append(
            "no text has more than one label: if that is always so, give one label per text, for"
            " which models are more accurate"
        )
    return _Labels(sets=sets, separator=column.separator, warnings=warnings)


def _table(
    loaded: Loaded,
    chosen: dict[str, Choice],
    kept: _Kept,
    labels: _Labels,
    empty_text: str,
    min_labels: int,
) -> Table:
    """Take the rows that remain, and report what was read and what is odd about them."""
    records, places = loaded.records, kept.places
    cells = _cells(loaded, chosen, "text") or ()
    bodies = StringArray.of(cells[i] or empty_text for i in places)
    texts, text_warnings = _texts(records, chosen["text"], bodies, places)
    groups, group_warnings = _groups(_cells(loaded, chosen, "group"), places, records.rows)
    # New numbers, for the reason given in `_groups`.
    rows = np.array([records.rows[i] for i in places], np.int64).tolist()
    parts = _values(loaded, chosen, "split", places, _part, "train, valid or test")
    left_out = _left_out(loaded, kept.dropped, kept.malformed)
    _check_labels(labels, min_labels, loaded.called, len(rows), chosen, left_out)
    malformed = sorted(kept.malformed, key=lambda m: m.line)
    warnings = [*loaded.warnings, *kept.warnings, *text_warnings, *group_warnings]
    warnings += labels.warnings + _oddities(bodies, labels)
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
        groups,
        rows,
        parts,
        reading,
        label_sets=labels.sets,
        label_separator=labels.separator,
        weights=_values(
            loaded, chosen, "weight", places, _weight, "a number of 0 or more in every row"
        ),
    )
    return replace(table, reading=replace(reading, preview=table.preview()))


def _texts(
    records: Records, choice: Choice, bodies: StringArray, kept: list[int]
) -> tuple[StringArray, list[str]]:
    """Put the other columns of the text in front of the bodies; remark where one is empty."""
    if not choice.before:
        return bodies, []
    fronts = [[records.columns[column.number - 1][i] for i in kept] for column in choice.before]
    rows = zip(*fronts, bodies, strict=True)
    texts = StringArray.of(joined(cells, body) for *cells, body in rows)
    warnings = []
    for column, cells in zip(choice.before, fronts, strict=True):
        missing = sum(not (cell or "").strip() for cell in cells)
        if missing:
            warnings.append(
                f"{counted(missing, 'text has', 'texts have')} an empty cell in column"
                f" {column.called()}: {'it is' if missing == 1 else 'they are'} used without it"
            )
    return texts, warnings


def _groups(
    column: Sequence[Cell] | None, kept: list[int], numbers: list[int]
) -> tuple[list[str] | None, list[str]]:
    """Assign each row to its group; a row without one is a group of its own."""
    if column is None:
        return None, []
    # Copies: the cells themselves would keep the memory of all others from being freed.
    copies = StringArray.of(group_name(column[i]) for i in kept)
    known: dict[str, str] = {}
    names = [known.setdefault(name, name) for name in copies]
    groups = [name or own_group(numbers[i]) for name, i in zip(names, kept, strict=True)]
    alone = names.count("")
    if not alone:
        return groups, []
    who = counted(alone, "row has no group: it", "rows have no group: each")
    return groups, [f"{who} is a group of its own"]


def _values(
    loaded: Loaded,
    chosen: dict[str, Choice],
    role: str,
    kept: list[int],
    read: Callable[[str], _Value | None],
    allowed: str,
) -> list[_Value] | None:
    """Read each cell of a role's column; refuse the first that gives None."""
    column = _cells(loaded, chosen, role)
    if column is None:
        return None
    values = []
    for i in kept:
        cell = (column[i] or "").strip()
        value = read(cell)
        if value is None:
            raise DataError(
                f"the {role} column of {loaded.called} contains '{shown(cell, 40)}' in"
                f" {loaded.records.where(i)}; it must contain {allowed}"
            )
        values.append(value)
    return values


def _part(cell: str) -> str | None:
    return next((part for part, names in _PARTS.items() if cell.lower() in names), None)


def _weight(cell: str) -> float | None:
    try:
        weight = float(cell)
    except ValueError:
        return None
    return weight if 0.0 <= weight < math.inf else None


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
        remaining = (
            f"the only remaining row of {source} has"
            if n_rows == 1
            else f"all {n_rows:,} remaining rows of {source} have"
        )
        raise DataError(
            f"{remaining} the label '{shown(there[0], 40)}'"
            f" (column {chosen['label'].number}): a classifier needs at least two labels{others}"
        )
    raise DataError(
        f"{source} has {len(there)} labels ({', '.join(there)}), fewer than the {least} needed"
        f"{others}"
    )


def _oddities(bodies: Sequence[str], labels: _Labels) -> list[str]:
    """Warn of what looks unintended about the rows kept."""
    warnings = []
    if blank := sum(map(is_empty, bodies)):
        warnings.append(
            counted(
                blank,
                "text contains only whitespace; it is kept",
                "texts contain only whitespace; they are kept",
            )
        )
    distinct = sorted(set(labels.all()))
    warnings += alike_labels(distinct) + missing_labels(labels.all())
    if len(distinct) > max(20, len(bodies) // 2):
        warning = f"{len(distinct):,} labels on {len(bodies):,} rows: is this the label column?"
        if labels.sets is None and (separator := likely_separator(distinct)):
            warning += f" If its cells contain several, use --label-separator '{separator}'"
        warnings.append(warning)
    return warnings
