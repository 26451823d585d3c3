"""Integer codes of the labels of rows, with one label per row or several."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import chain
from typing import cast

import numpy as np
from numpy.typing import NDArray

from wordgate.dedup.keys import Factorized
from wordgate.storage.arrays import row_indices

Labels = Sequence[str] | Sequence[tuple[str, ...]]
"""The label of each row, or a tuple of its labels if rows can have several or none."""


def have_several(labels: Labels) -> bool:
    """Return whether rows can have several labels, by the type of the first."""
    return bool(labels) and isinstance(labels[0], tuple)


def label_keys(labels: Labels) -> Sequence[str]:
    """Return one string for the labels of each row; equal strings have equal labels."""
    if have_several(labels):
        return ["\x1f".join(one) for one in labels]
    return cast(Sequence[str], labels)


@dataclass(frozen=True)
class RowLabels:
    """The labels of R rows; M pairs of a row and one of its labels.

    Attributes:
        names: The L distinct labels, sorted.
        row: int64 [M], sorted; 0 to R - 1 if each row has one label.
        label: int64 [M], the index of the label in `names`.
        n_rows: R.
        several: Whether a row can have several labels, or none.
    """

    names: list[str]
    row: NDArray[np.int64]
    label: NDArray[np.int64]
    n_rows: int
    several: bool

    @classmethod
    def of(cls, labels: Labels) -> RowLabels:
        """Encode the labels of rows."""
        n_rows = len(labels)
        if not have_several(labels):
            single = Factorized.of(cast(Sequence[str], labels))
            return cls(single.names, np.arange(n_rows), single.codes, n_rows, several=False)
        every = Factorized.of([*chain.from_iterable(labels)])
        row = row_indices(np.fromiter(map(len, labels), np.int64, n_rows))
        return cls(every.names, row, every.codes, n_rows, several=True)

    def counts(self, rows: NDArray[np.int64] | None = None) -> NDArray[np.int64]:
        """Count the rows of each label, int64 [L]: all rows, or those at positions int64 [n]."""
        label = self.label if rows is None else self.part(rows).label
        return np.bincount(label, minlength=len(self.names))

    def part(self, rows: NDArray[np.int64]) -> RowLabels:
        """Select the rows at positions, int64 [n], sorted and distinct."""
        position = np.full(self.n_rows, -1)
        position[rows] = np.arange(len(rows))
        kept = position[self.row] >= 0
        row = position[self.row[kept]]
        return RowLabels(self.names, row, self.label[kept], len(rows), self.several)

    def pairs(self) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
        """Return the row of each pair of labels of a row, int64 [n], and a code of the pair."""
        rows, pairs, n_labels = [], [], len(self.names)
        for apart in range(1, int(np.bincount(self.row, minlength=1).max(initial=0))):
            same = self.row[apart:] == self.row[:-apart]
            first, second = self.label[:-apart][same], self.label[apart:][same]
            rows.append(self.row[apart:][same])
            pairs.append(np.minimum(first, second) * n_labels + np.maximum(first, second))
        empty = np.empty(0, np.int64)
        return np.concatenate([empty, *rows]), np.concatenate([empty, *pairs])
