"""Which rows remain: empty cells, labels left out, the limit; and what is odd about the rest."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from wordgate.data.joining import joined
from wordgate.data.reading import Choice, PreviewRow
from wordgate.data.table import own_group
from wordgate.errors import DataError, near_miss
from wordgate.runtime.display import shown
from wordgate.tables.records import Cell, Malformed, Records

PREVIEW_ROWS = 3

PARTS = {
    "train": "train",
    "training": "train",
    "valid": "valid",
    "validation": "valid",
    "val": "valid",
    "dev": "valid",
    "test": "test",
    "testing": "test",
}


@dataclass(frozen=True)
class Rows:
    """The rows that remain, as in ``Table``, with an account of those that don't."""

    texts: list[str]
    bodies: list[str]
    labels: list[str] | None
    groups: list[str] | None
    rows: list[int]
    parts: list[str] | None
    dropped: dict[str, int]
    malformed: list[Malformed]
    warnings: list[str]

    def preview(self) -> list[PreviewRow]:
        """The first few rows."""
        return [
            PreviewRow(
                self.rows[i],
                shown(self.texts[i], 200),
                None if self.labels is None else self.labels[i],
                None if self.groups is None else self.groups[i],
            )
            for i in range(min(PREVIEW_ROWS, len(self.texts)))
        ]


def keep_rows(
    records: Records,
    chosen: dict[str, Choice],
    *,
    source: str,
    drop_labels: list[str],
    labelled: bool,
    empty_text_as: str | None,
    limit: int | None,
    min_labels: int,
    drop_if_there: bool = False,
) -> Rows:
    """Leave out what can't be used, count it, and check that enough remains.

    Args:
        records: What was read.
        chosen: The column of each role.
        source: The source, for messages.
        drop_labels: Labels whose rows are left out.
        labelled: Whether a row needs a label.
        empty_text_as: What stands for an empty text; None to drop such rows.
        limit: How many rows to keep at most, or None.
        min_labels: How many different labels must remain.
        drop_if_there: Whether labels to drop may be absent without a remark.

    Returns:
        The rows that remain.

    Raises:
        DataError: No rows or too few labels remain, a label to drop was probably misspelt, or the
            split column holds something else than train, valid and test.
    """
    cells = _column(records, chosen, "text") or []
    labels = _column(records, chosen, "label")
    labels = None if labels is None else [None if v is None else v.strip() for v in labels]
    warnings = [] if drop_if_there else _check_drop_labels(drop_labels, labels, source)
    kept, dropped, lacking = _sieve(
        cells, labels, labelled=labelled, drop_labels=drop_labels, empty_text_as=empty_text_as
    )
    malformed = [
        Malformed(records.lines[i], f"no key '{chosen[role].name}'") for i, role in lacking
    ]
    if limit is not None and len(kept) > limit:
        dropped[f"beyond the limit of {limit:,}"] = len(kept) - limit
        kept = kept[:limit]
    if not kept:
        raise DataError(_nothing_left(source, dropped, malformed, records))
    groups, group_warnings = _groups(_column(records, chosen, "group"), kept, records.rows)
    bodies = [cells[i] or empty_text_as or "" for i in kept]
    texts, text_warnings = _texts(records, chosen["text"], bodies, kept)
    rows = Rows(
        texts=texts,
        bodies=bodies,
        labels=None if labels is None else [labels[i] or "" for i in kept],
        groups=groups,
        rows=[records.rows[i] for i in kept],
        parts=_parts(_column(records, chosen, "split"), kept, records, source),
        dropped=dropped,
        malformed=malformed,
        warnings=warnings + text_warnings + group_warnings,
    )
    _check_labels(rows, min_labels, source, chosen)
    rows.warnings.extend(_oddities(rows))
    return rows


def _column(records: Records, chosen: dict[str, Choice], role: str) -> list[Cell] | None:
    choice = chosen.get(role)
    if choice is None or choice.number is None:
        return None
    return records.columns[choice.number - 1]


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
                f"{missing:,} texts have nothing in column {column.called()}: they stand without it"
            )
    return texts, warnings


def _sieve(
    texts: Sequence[Cell],
    labels: Sequence[Cell] | None,
    *,
    labelled: bool,
    drop_labels: list[str],
    empty_text_as: str | None,
) -> tuple[list[int], dict[str, int], list[tuple[int, str]]]:
    """Part the rows that remain from those left out; a row is counted once, by the first reason.

    Returns:
        The indices that remain, counts by reason, and (index, role) where a record lacks a key.
    """
    dropped = {f"label '{label}'": 0 for label in drop_labels}
    dropped.update({"empty label": 0, "empty text": 0})
    lacking: list[tuple[int, str]] = []
    kept: list[int] = []
    unwanted = frozenset(drop_labels)
    for i, text in enumerate(texts):
        label = "" if labels is None else labels[i]
        if text is None:
            lacking.append((i, "text"))
        elif label is None and labelled:
            lacking.append((i, "label"))
        elif label in unwanted:
            dropped[f"label '{label}'"] += 1
        elif not label and labelled:
            dropped["empty label"] += 1
        elif not text and empty_text_as is None:
            dropped["empty text"] += 1
        else:
            kept.append(i)
    return kept, {reason: count for reason, count in dropped.items() if count}, lacking


def _check_drop_labels(
    drop_labels: list[str], labels: Sequence[Cell] | None, source: str
) -> list[str]:
    """Refuse a label to drop that is probably misspelt; remark on one that is simply absent."""
    if not drop_labels:
        return []
    if labels is None:
        raise DataError(f"no label can be dropped: {source} has no label column")
    there = sorted({label for label in labels if label})
    warnings = []
    for wanted in drop_labels:
        if wanted in there:
            continue
        hint = near_miss(wanted, there)
        if hint:
            raise DataError(f"no label '{wanted}' to drop in {source}{hint}")
        warnings.append(f"no row has the label '{wanted}' that was to be dropped")
    return warnings


def _groups(
    column: Sequence[Cell] | None, kept: list[int], numbers: list[int]
) -> tuple[list[str] | None, list[str]]:
    """Give each row its group; a row without one is a group of its own."""
    if column is None:
        return None, []
    groups = [(column[i] or "").strip() or own_group(numbers[i]) for i in kept]
    alone = sum(not (column[i] or "").strip() for i in kept)
    if not alone:
        return groups, []
    return groups, [f"{alone:,} rows have an empty group: each is a group of its own"]


def _parts(
    column: Sequence[Cell] | None, kept: list[int], records: Records, source: str
) -> list[str] | None:
    if column is None:
        return None
    parts = []
    for i in kept:
        value = (column[i] or "").strip()
        part = PARTS.get(value.lower())
        if part is None:
            raise DataError(
                f"the split column of {source} holds '{shown(value, 40)}' in row "
                f"{records.rows[i]}; it may hold train, valid and test"
            )
        parts.append(part)
    return parts


def _nothing_left(
    source: str, dropped: dict[str, int], malformed: list[Malformed], records: Records
) -> str:
    reasons = [f"{count:,} ({reason})" for reason, count in dropped.items()]
    broken = records.malformed + malformed
    if broken:
        reasons.append(f"{len(broken):,} (malformed; line {broken[0].line}: {broken[0].why})")
    if not reasons:
        return f"{source} has no rows below its header"
    return f"no rows are left of {source}: of {records.n_read:,}, left out {', '.join(reasons)}"


def _check_labels(rows: Rows, least: int, source: str, chosen: dict[str, Choice]) -> None:
    there = sorted(set(rows.labels or ()))
    if len(there) >= least:
        return
    if len(there) == 1:
        raise DataError(
            f"all {len(rows.texts):,} rows kept of {source} have the label '{shown(there[0], 40)}' "
            f"(column {chosen['label'].number}): a classifier needs two labels or more"
        )
    raise DataError(
        f"{source} has {len(there)} labels ({', '.join(there)}), fewer than the {least} needed"
    )


def _oddities(rows: Rows) -> list[str]:
    """Say what looks unintended about the rows kept."""
    warnings = []
    blank = sum(not body.strip() for body in rows.bodies)
    if blank:
        warnings.append(f"{blank:,} texts hold nothing but white space; they are kept")
    by_lower: dict[str, list[str]] = {}
    labels = sorted(set(rows.labels or ()))
    for label in labels:
        by_lower.setdefault(label.lower(), []).append(label)
    warnings += [
        f"the labels {' and '.join(map(repr, same))} differ in case only; they count as different"
        for same in by_lower.values()
        if len(same) > 1
    ]
    if len(labels) > max(20, len(rows.texts) // 2):
        warnings.append(f"{len(labels):,} labels on {len(rows.texts):,} rows: is this the label?")
    return warnings
