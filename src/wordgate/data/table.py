"""The table of labeled texts, and the report of how it was read."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass, replace
from itertools import chain
from pathlib import Path
from typing import Any

import numpy as np

from wordgate.data.columns import Choice
from wordgate.data.labels import match_labels
from wordgate.runtime.display import counted, shown
from wordgate.storage.strings import StringArray, select
from wordgate.tables import Malformed, SourceFormat

_MALFORMED_SHOWN = 5
_MALFORMED_IN_JSON = 100
_PREVIEW_ROWS = 3
_PREVIEW_CHARACTERS = 200
_PREVIEW_WIDTH = 72

EMPTY, WHITE_SPACE = "empty text", "whitespace-only text"
"""Reasons for leaving out rows without a text."""


@dataclass(frozen=True)
class TableRow:
    """One row of a table, with the 1-based number of its record; its text may be truncated."""

    row: int
    text: str
    label: str | tuple[str, ...] | None
    group: str | None

    def label_text(self) -> str | None:
        """Return the labels in one line, separated by commas; None without labels."""
        if isinstance(self.label, tuple):
            return ", ".join(self.label) or "no label"
        return self.label

    def line(self) -> str:
        """Return the row in one line without control characters, for a terminal."""
        group = "" if self.group is None else f" {shown(self.group, 20)}"
        text = self.label_text()
        label = "" if text is None else f" [{shown(text, 30)}]"
        return f"  row {self.row}:{group}{label} {shown(self.text, _PREVIEW_WIDTH)}"


@dataclass(frozen=True, kw_only=True)
class ReadReport(SourceFormat):
    """How a source was read; ``n_read == n_kept + sum(dropped) + len(malformed)``.

    Attributes:
        columns: The columns used, each with the reason.
        n_read: Number of records.
        n_kept: Number of rows of the table.
        dropped: Numbers of rows left out, by reason.
        malformed: Records skipped, in order.
        warnings: What may be wrong with the data.
        preview: The first few rows.
    """

    columns: list[Choice]
    n_read: int
    n_kept: int
    dropped: dict[str, int]
    malformed: list[Malformed]
    warnings: list[str]
    preview: list[TableRow]

    def choice(self, role: str) -> Choice | None:
        """Return the column of a role; None if the role was not requested."""
        return next((choice for choice in self.columns if choice.role == role), None)

    def lines(self) -> list[str]:
        """Return the full report, with the reasons, for a terminal."""
        kept = f"rows: {self.n_read:,} read, {self.n_kept:,} kept{self._dropped()}"
        lines = [*super().lines(), *(choice.line() for choice in self.columns), kept]
        lines += self._warnings()
        if self.preview:
            lines += ["the first rows as read:", *(row.line() for row in self.preview)]
        return lines

    def summary(self, n_labels: int | None = None, *, several: bool = False) -> list[str]:
        """Return the short report for a terminal: rows, columns, and what is unusual.

        Args:
            n_labels: The number of labels; None to leave it out.
            several: Whether a text can have several labels.
        """
        labels = "" if n_labels is None else f", {counted(n_labels, 'label')}"
        labels += " (multi-label)" if several else ""
        name = shown(Path(self.source).name, 60)
        return [
            f"{name}: {counted(self.n_kept, 'text')}{labels}{self._dropped()}",
            f"  {'   '.join(choice.short_line() for choice in self.columns)}"
            "   (-v shows the reasons)",
            *(f"  {line}" for line in (*self.unusual_lines(), *self._warnings())),
        ]

    def _dropped(self) -> str:
        parts = [f"{count:,} ({reason})" for reason, count in self.dropped.items()]
        return f"; dropped {', '.join(parts)}" if parts else ""

    def _warnings(self) -> list[str]:
        warnings = [f"warning: {warning}" for warning in self.warnings]
        if not self.malformed:
            return warnings
        first = [f"line {m.line}: {m.why}" for m in self.malformed[:_MALFORMED_SHOWN]]
        if len(self.malformed) > _MALFORMED_SHOWN:
            first.append("...")
        return [f"malformed: {len(self.malformed):,} skipped ({'; '.join(first)})", *warnings]

    def to_json(self) -> dict[str, object]:
        """Return the report as JSON values; long lists of malformed records are truncated."""
        facts = asdict(self)
        facts["n_malformed"] = len(self.malformed)
        facts["malformed"] = facts["malformed"][:_MALFORMED_IN_JSON]
        return facts


def own_group(row: int) -> str:
    """Return the name of the group of a row without a group, which has no other rows."""
    return f"(row {row})"


@dataclass(frozen=True)
class Table:
    """Texts with labels and groups; all columns have the same length and the order of the source.

    Attributes:
        texts: The texts to classify; several columns joined, if requested. They are a sequence of
            strings whose content is in a temporary file if it is large; ``list(table.texts)`` is
            a list.
        bodies: The main text of each row, without other columns joined to it. Duplicates are
            detected by the main text alone: the same tweet with another topic is a duplicate.
        labels: One label per text, or None if there are none or several per text.
        groups: The groups to keep together in a split, or None without a group column.
        rows: 1-based number of the record of each text; a header is not counted.
        parts: ``"train"``, ``"valid"`` or ``"test"`` if the source has a split column.
        reading: What was inferred, why, and what was dropped.
        label_sets: The labels of each text if it can have several, sorted and distinct, an empty
            tuple for a text without labels; None if each has one label, or if there are none.
        label_separator: The separator between labels in a cell; None for one label per text, lists
            of labels, and columns of 0 and 1.
        weights: The weight of each text in training; None if all are equal.
    """

    texts: StringArray
    bodies: StringArray
    labels: list[str] | None
    groups: list[str] | None
    rows: list[int]
    parts: list[str] | None
    reading: ReadReport
    label_sets: list[tuple[str, ...]] | None = None
    label_separator: str | None = None
    weights: list[float] | None = None

    def __len__(self) -> int:
        return len(self.texts)

    def __repr__(self) -> str:
        """Return sizes and source, without the texts."""
        sizes = f"{counted(len(self), 'row')}, {counted(len(self.label_names()), 'label')}"
        return f"Table({sizes}, data={self.reading.source})"

    def row_labels(self) -> Sequence[str] | Sequence[tuple[str, ...]] | None:
        """Return the label of each row, or its labels if there can be several; None without any."""
        return self.labels if self.label_sets is None else self.label_sets

    def label_names(self) -> list[str]:
        """Return the distinct labels, sorted."""
        return sorted({*(self.labels or ()), *chain.from_iterable(self.label_sets or ())})

    def row(self, index: int) -> TableRow:
        """Return one row, by its 0-based position in this table."""
        return TableRow(
            row=self.rows[index],
            text=self.texts[index],
            label=None if (labels := self.row_labels()) is None else labels[index],
            group=None if self.groups is None else self.groups[index],
        )

    def preview(self) -> list[TableRow]:
        """Return the first rows, with shortened texts."""
        rows = map(self.row, range(min(_PREVIEW_ROWS, len(self))))
        return [replace(row, text=shown(row.text, _PREVIEW_CHARACTERS)) for row in rows]

    def named_groups(self) -> list[str] | None:
        """The groups as in the source; empty for a row without a group."""
        if self.groups is None:
            return None
        pairs = zip(self.groups, self.rows, strict=True)
        return ["" if group == own_group(row) else group for group, row in pairs]

    def with_labels_of(self, known: Iterable[str]) -> Table:
        """Rename labels to known ones that are the same, and report it in `reading`."""
        labels, sets, remarks = self.labels, self.label_sets, list[str]()
        if labels is not None:
            labels, remarks = match_labels(labels, known)
        elif sets is not None:
            sets, remarks = match_labels(sets, known)
        reading = replace(self.reading, warnings=[*self.reading.warnings, *remarks])
        return replace(self, labels=labels, label_sets=sets, reading=reading)

    def select(self, indices: Iterable[int]) -> Table:
        """Select rows by their 0-based positions, in the given order; `reading` stays the same."""
        rows = np.fromiter(indices, np.int64)
        columns: dict[str, Any] = {
            name: select(column, rows)
            for name, column in vars(self).items()
            if isinstance(column, list | StringArray)
        }
        if self.bodies is self.texts:
            columns["bodies"] = columns["texts"]
        return replace(self, **columns)
