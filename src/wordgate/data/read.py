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
    flags = {"text": as_flag(text), "label": as_flag(label)}
    for role, column in (("group", group), ("split", split_column), ("weight", weight)):
        flags[role] = None if column is None else str(column).strip()
    loaded = load(source, encoding, names_among([*flags.values()]))
    if not loaded.records.rows:
        raise DataError(_no_rows_message(loaded, {}, loaded.records.malformed))
    sheet = f" ({loaded.form.quoting})" if "sheet '" in loaded.form.quoting else ""
    roles = choose_roles(
        loaded.records,
        flags,
        known=loaded.known_roles,
        labelled=labelled,
        source=loaded.called + sheet,
        usual=usual_columns,
    )
    labels = read_labels(
        loaded.records,
        roles["label"],
        label_separator,
        loaded.called,
        labelled=labelled,
        usual_separator=usual_separator,
    )
    records = _Records(loaded, roles, labels)
    listed = [drop_labels] if isinstance(drop_labels, str) else drop_labels
    names = (name if isinstance(name, str) else str(name) for name in listed)
    unwanted = {value_key(name): name for name in map(without_surrogates, names)}
    selection = _select_rows(
        records,
        unwanted,
        labelled=labelled,
        empty_text_as=empty_text_as,
        drop_if_there=drop_if_there,
    )
    row_labels = _labels_of_rows(labels, selection.places, unwanted, further=drop_if_there)
    _check_labels(records, row_labels, selection, min_labels if labelled else 0)
    return _table(records, selection, row_labels, empty_text_as or "")


@dataclass(frozen=True)
class _Records:
    """The records of a source, the columns of each role, and the cells of the label column."""

    loaded: Loaded
    roles: dict[str, Choice]
    labels: LabelColumn | None

    def cells(self, role: str) -> list[Cell] | None:
        """Return the cells of the main column of a role; None if no column has it."""
        choice = self.roles.get(role)
        if choice is None or choice.number is None:
            return None
        return self.loaded.records.columns[choice.number - 1]


@dataclass(frozen=True)
class _Selection:
    """The selected rows, by their places among the records, and the numbers of the others."""

    places: list[int]
    dropped: dict[str, int]
    malformed: list[Malformed]
    warnings: list[str]


def _select_rows(
    records: _Records,
    unwanted: Mapping[str, str],
    *,
    labelled: bool,
    empty_text_as: str | None,
    drop_if_there: bool,
) -> _Selection:
    """Select the rows that can be used; count each of the others once, by the first reason.

    `unwanted` are the labels to drop, by their `value_key`.
    """
    loaded, labels = records.loaded, None if records.labels is None else records.labels.cells
    texts = records.cells("text") or ()
    is_structured = has_structured(texts) or has_structured(labels or ())
    warnings = (
        [] if drop_if_there else _check_drop_labels([*unwanted.values()], labels, loaded.called)
    )
    dropped = {_dropped(label): 0 for label in unwanted.values()}
    dropped |= {"empty label": 0, EMPTY: 0, WHITE_SPACE: 0}
    reasons = {
        label: _dropped(match)
        for label in set(labels or ())
        if label
        and isinstance(label, str)
        and (match := unwanted.get(value_key(label))) is not None
    }
    malformed = loaded.records.malformed.copy()
    places: list[int] = []
    for i, text in enumerate(texts):
        label = "" if labels is None else labels[i]
        if text is None or (label is None and labelled):
            missing = records.roles["text" if text is None else "label"]
            malformed.append(loaded.records.malformed_at(i, _no_key(missing)))
        elif is_structured and (
            why := why_structured(text, "text")
            or (why_structured(label, "label") if labelled else None)
        ):
            malformed.append(loaded.records.malformed_at(i, why))
        elif isinstance(label, str) and label in reasons:
            dropped[reasons[label]] += 1
        elif label == "" and labelled:
            dropped["empty label"] += 1
        elif empty_text_as is None and is_empty(text):
            dropped[WHITE_SPACE if text else EMPTY] += 1
        else:
            places.append(i)
    dropped = {reason: count for reason, count in dropped.items() if count}
    if not places:
        raise DataError(_no_rows_message(loaded, dropped, malformed))
    return _Selection(places, dropped, malformed, warnings)


def _no_key(choice: Choice) -> str:
    if choice.role == "label" and choice.before:
        return "the key of a label is missing"
    return f"no key '{choice.name}'"


def _check_drop_labels(
    drop_labels: Sequence[str], labels: Sequence[LabelCell] | None, source: str
) -> list[str]:
    """Refuse a label to drop that is probably misspelled; warn of any other that is absent."""
    if not drop_labels:
        return []
    if labels is None:
        raise DataError(f"no label can be dropped: {source} has no label column")
    known = sorted(distinct_labels(label for label in labels if label))
    keys = set(map(value_key, known))
    absent = [label for label in drop_labels if value_key(label) not in keys]
    for label in absent:
        if hint := near_miss(label, known):
            raise DataError(f"no label '{label}' to drop in {source}{hint}")
    return [*map(nothing_dropped, absent)]


def nothing_dropped(label: str) -> str:
    """Return the warning that no row has a label that was to be dropped."""
    return f"no row has the label '{label}' that was to be dropped"


def has_dropped(report: ReadReport, label: str) -> bool:
    """Return whether the data of a report had a label that was to be dropped."""
    is_left_out = f"{_dropped(label)} is left out of "
    return _dropped(label) in report.dropped or any(
        warning.startswith(is_left_out) for warning in report.warnings
    )


def _dropped(label: str) -> str:
    return f"label '{label}'"


def _no_rows_message(loaded: Loaded, dropped: dict[str, int], malformed: list[Malformed]) -> str:
    omitted = _omitted_rows(loaded, dropped, malformed)
    if not omitted:
        below = "" if loaded.form.format == "frame" else " below its header"
        return f"{loaded.called} has no rows{below}"
    return f"no rows of {loaded.called} are left: {omitted}"


def _omitted_rows(loaded: Loaded, dropped: dict[str, int], malformed: list[Malformed]) -> str:
    """Return a clause with the numbers of rows left out, by reason; empty if there are none."""
    reasons = [f"{count:,} ({reason})" for reason, count in dropped.items()]
    if malformed:
        first = malformed[0]
        reasons.append(f"{len(malformed):,} (malformed; line {first.line}: {first.why})")
    return f"of {loaded.records.n_read:,}, left out {', '.join(reasons)}" if reasons else ""


@dataclass(frozen=True)
class _RowLabels:
    """The labels of the selected rows: one each, or several; None both without a label column."""

    single: list[str] | None = None
    sets: list[tuple[str, ...]] | None = None
    separator: str | None = None
    warnings: list[str] = field(default_factory=list)

    def all(self) -> list[str]:
        """List the labels of all rows."""
        return self.single or [*chain.from_iterable(self.sets or ())]

    def figures(self) -> str:
        """Describe several labels per text in a clause; return an empty string for one label."""
        if self.sets is None:
            return ""
        labels, n_rows = self.all(), max(1, len(self.sets))
        how = f" separated by {self.separator!r}" if self.separator else ""
        return (
            f"; several labels per text{how}: {counted(len(set(labels)), 'label')},"
            f" {len(labels) / n_rows:.2f} per text, {counted(self.sets.count(()), 'text')} without"
            " labels"
        )


def _labels_of_rows(
    column: LabelColumn | None, places: list[int], unwanted: Mapping[str, str], *, further: bool
) -> _RowLabels:
    """Return the labels of the selected rows, without the unwanted ones."""
    if column is None:
        return _RowLabels()
    cells = [column.cells[i] for i in places]
    if not column.several:
        words = [(cell or "").strip() for cell in cells if not isinstance(cell, tuple)]
        labels, remarks = join_labels(words)
        return _RowLabels(labels, warnings=[*column.warnings, *remarks])
    n_dropped = Counter[str]()
    rows = []
    for cell in cells:
        row = cell if isinstance(cell, tuple) else ()
        rows.append(tuple(label for label in row if value_key(label) not in unwanted))
        n_dropped.update({unwanted[value_key(label)] for label in {*row}.difference(rows[-1])})
    sets, remarks = join_labels(rows)
    warnings = list(column.warnings)
    for label, count in n_dropped.items():
        texts = counted(count, "text, which is", "texts, which are")
        warnings.append(f"{_dropped(label)} is left out of {texts} kept")
    warnings += remarks
    if not further and max(map(len, sets)) == 1:
        warnings.append(
            "no text has more than one label: if that is always so, give one label per text, for"
            " which models are more accurate"
        )
    return _RowLabels(sets=sets, separator=column.separator, warnings=warnings)


def _table(records: _Records, selection: _Selection, labels: _RowLabels, empty_text: str) -> Table:
    """Build the table of the selected rows, with the report of how it was read."""
    source, places = records.loaded.records, selection.places
    cells = records.cells("text") or ()
    bodies = StringArray.of(cells[i] or empty_text for i in places)
    texts, text_warnings = _texts(source, records.roles["text"], bodies, places)
    groups, group_warnings = _groups(records.cells("group"), places, source.rows)
    # New numbers, for the reason given in `_groups`.
    rows = np.array([source.rows[i] for i in places], np.int64).tolist()
    parts = _values(records, "split", places, _part, "train, valid or test")
    weights = _values(records, "weight", places, _weight, "a number of 0 or more in every row")
    warnings = [*selection.warnings, *text_warnings, *group_warnings, *labels.warnings]
    warnings += _oddities(bodies, labels)
    table = Table(
        texts,
        bodies,
        labels.single,
        groups,
        rows,
        parts,
        _report(records, selection, labels, warnings),
        label_sets=labels.sets,
        label_separator=labels.separator,
        weights=weights,
    )
    return replace(table, reading=replace(table.reading, preview=table.preview()))


def _report(
    records: _Records, selection: _Selection, labels: _RowLabels, warnings: list[str]
) -> ReadReport:
    """Report how the table was read, still without the first rows."""
    loaded, malformed = records.loaded, sorted(selection.malformed, key=lambda m: m.line)
    n_read = loaded.records.n_read
    warnings = [*loaded.warnings, *warnings]
    if len(malformed) > _TIDY_SHARE_MALFORMED * n_read:
        share = len(malformed) / n_read
        warnings.append(f"{share:.0%} of the records are malformed: check their quotes and fields")
    label = records.roles["label"]
    roles = {**records.roles, "label": replace(label, reason=label.reason + labels.figures())}
    return ReadReport(
        **vars(loaded.form),
        columns=[roles[role] for role in _ROLES if role in roles],
        n_read=n_read,
        n_kept=len(selection.places),
        dropped=selection.dropped,
        malformed=malformed,
        warnings=warnings,
        preview=[],
    )


def _texts(
    records: Records, choice: Choice, bodies: StringArray, places: list[int]
) -> tuple[StringArray, list[str]]:
    """Join the further text columns in front of the bodies; warn of their empty cells."""
    if not choice.before:
        return bodies, []
    fronts = [[records.columns[column.number - 1][i] for i in places] for column in choice.before]
    rows = zip(*fronts, bodies, strict=True)
    texts = StringArray.of(joined(cells, body) for *cells, body in rows)
    warnings = []
    for column, cells in zip(choice.before, fronts, strict=True):
        n_empty = sum(not (cell or "").strip() for cell in cells)
        if n_empty:
            warnings.append(
                f"{counted(n_empty, 'text has', 'texts have')} an empty cell in column"
                f" {column.called()}: {'it is' if n_empty == 1 else 'they are'} used without it"
            )
    return texts, warnings


def _groups(
    column: Sequence[Cell] | None, places: list[int], numbers: list[int]
) -> tuple[list[str] | None, list[str]]:
    """Return the group of each row; a row without a group is a group of its own."""
    if column is None:
        return None, []
    # Copies: the cells themselves would keep the memory of all others from being freed.
    copies = StringArray.of(group_name(column[i]) for i in places)
    interned: dict[str, str] = {}
    names = [interned.setdefault(name, name) for name in copies]
    groups = [name or own_group(numbers[i]) for name, i in zip(names, places, strict=True)]
    n_without = names.count("")
    if not n_without:
        return groups, []
    subject = counted(n_without, "row has no group: it", "rows have no group: each")
    return groups, [f"{subject} is a group of its own"]


def _values(
    records: _Records,
    role: str,
    places: list[int],
    parse: Callable[[str], _Value | None],
    allowed: str,
) -> list[_Value] | None:
    """Parse each cell of a role's column.

    Raises:
        DataError: `parse` returns None for a cell.
    """
    column = records.cells(role)
    if column is None:
        return None
    values = []
    for i in places:
        cell = (column[i] or "").strip()
        value = parse(cell)
        if value is None:
            raise DataError(
                f"the {role} column of {records.loaded.called} contains '{shown(cell, 40)}' in"
                f" {records.loaded.records.where(i)}; it must contain {allowed}"
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
    records: _Records, row_labels: _RowLabels, selection: _Selection, least: int
) -> None:
    """Refuse fewer different labels than `least`."""
    labels = sorted(set(row_labels.all()))
    if len(labels) >= least:
        return
    source, n_rows = records.loaded.called, len(selection.places)
    omitted = _omitted_rows(records.loaded, selection.dropped, selection.malformed)
    others = f" ({omitted})" if omitted else ""
    if len(labels) == 1 and row_labels.sets is not None:
        raise DataError(
            f"'{shown(labels[0], 40)}' is the only label of {source}, where a text can have"
            f" several: at least two labels are needed. For one label or none, give one label per"
            f" text, such as '{shown(labels[0], 40)}' and 'other'"
        )
    if len(labels) == 1:
        remaining = (
            f"the only remaining row of {source} has"
            if n_rows == 1
            else f"all {n_rows:,} remaining rows of {source} have"
        )
        raise DataError(
            f"{remaining} the label '{shown(labels[0], 40)}'"
            f" (column {records.roles['label'].number}): a classifier needs at least two"
            f" labels{others}"
        )
    raise DataError(
        f"{source} has {len(labels)} labels ({', '.join(labels)}), fewer than the {least} needed"
        f"{others}"
    )


def _oddities(bodies: Sequence[str], labels: _RowLabels) -> list[str]:
    """Warn of texts and labels that look unintended."""
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
