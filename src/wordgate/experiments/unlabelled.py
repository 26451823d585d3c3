"""Unlabeled texts for a teacher, without duplicates of held-out rows."""

from collections.abc import Iterable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from wordgate.data import Table, read_table
from wordgate.data.dataset import Dataset
from wordgate.data.label_sets import NO_SEPARATOR
from wordgate.dedup.keys import normalized
from wordgate.dedup.near_duplicates import NearDuplicates, find_near_duplicates
from wordgate.errors import DataError
from wordgate.experiments.reading import called, column_flag, column_flags
from wordgate.runtime.progress import Progress, stage


@dataclass(frozen=True)
class Unlabelled:
    """U unlabeled texts, and L labeled ones.

    Attributes:
        texts: The U unlabeled texts, without exact duplicates of each other or of labeled texts.
        groups: The group of each, an empty string for none.
        labelled: The L labeled texts.
        labelled_groups: The group of each, as named in the data.
        copies: The near duplicates among all L + U main texts, which are the texts without joined
            columns.
    """

    texts: list[str]
    groups: list[str]
    labelled: Sequence[str]
    labelled_groups: Sequence[str]
    copies: NearDuplicates

    @classmethod
    def beside(
        cls,
        labelled: Sequence[str],
        labelled_groups: Sequence[str] | None,
        texts: Iterable[str],
        groups: Iterable[str] | None = None,
        *,
        labelled_bodies: Sequence[str] | None = None,
        bodies: Iterable[str] | None = None,
    ) -> "Unlabelled":
        """Combine unlabeled texts, without duplicates, with labeled ones.

        Bodies are the texts without joined columns; None if there are no such columns.
        """
        labelled_bodies = labelled if labelled_bodies is None else labelled_bodies
        known = set(map(normalized, [*labelled, *labelled_bodies]))
        chosen: dict[str, tuple[str, str, str]] = {}
        texts = list(texts)
        rows = zip(texts, groups or [""] * len(texts), bodies or texts, strict=True)
        for text, group, body in rows:
            if (key := normalized(body)) and key not in known:
                chosen.setdefault(key, (text, group, body))
        unique = list(chosen.values())
        return cls(
            texts=[text for text, _, _ in unique],
            groups=[group for _, group, _ in unique],
            labelled=labelled,
            labelled_groups=labelled_groups or [""] * len(labelled),
            copies=find_near_duplicates([*labelled_bodies, *(body for _, _, body in unique)], None),
        )

    def __len__(self) -> int:
        return len(self.texts)

    def without(self, *held_out: Dataset) -> list[str]:
        """Return the texts that share neither a near duplicate nor a group with held-out rows."""
        texts = {text for part in held_out for text in part.texts}
        rows = [row for row, text in enumerate(self.labelled) if text in texts]
        names = {self.labelled_groups[row] for row in rows} - {""}
        unlabelled = np.arange(len(self.labelled), len(self.labelled) + len(self.texts))
        copied: NDArray[np.bool_] = self.copies.has_duplicate_in(
            unlabelled, np.array(rows, np.int64)
        )
        return [
            text
            for text, group, is_copy in zip(self.texts, self.groups, copied.tolist(), strict=True)
            if not is_copy and group not in names
        ]


def read_unlabelled(
    files: Sequence[str | Path], table: Table, progress: Progress, *, encoding: str | None = None
) -> Unlabelled:
    """Read files of texts; labels are ignored."""
    texts: list[str] = []
    bodies: list[str] = []
    groups: list[str] = []
    for file in files:
        with stage(progress, f"Reading {called(file)}"):
            read = _read_unlabelled(file, table, encoding)
        progress.say("\n".join(read.reading.summary()))
        progress.detail("\n".join(["", "texts without labels:", *read.reading.lines()]))
        texts += read.texts
        bodies += read.bodies
        groups += read.named_groups() or [""] * len(read)
    with stage(progress, f"Finding near duplicates among {len(table) + len(texts):,} texts"):
        return Unlabelled.beside(
            table.texts,
            table.named_groups(),
            texts,
            groups,
            labelled_bodies=table.bodies,
            bodies=bodies,
        )


def _read_unlabelled(file: str | Path, table: Table, encoding: str | None) -> Table:
    """Read a file with the text and group columns of a table, the text column, or inferred ones."""
    text, group = column_flags(table, "text"), column_flag(table, "group")
    ignoring = partial(
        read_table, file, encoding=encoding, labelled=False, label_separator=NO_SEPARATOR
    )
    for names in (group, "none"):
        with suppress(DataError):  # the last attempt reports errors of the file itself
            return ignoring(text=text, group=names)
    return ignoring(group="none")
