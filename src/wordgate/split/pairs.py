"""Examples of near duplicates, and the differences between two texts."""

import difflib
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from wordgate.data import Table, TableRow
from wordgate.dedup.near_duplicates import NearDuplicates

_SHOWN_CHARACTERS = 400


@dataclass(frozen=True)
class Pair:
    """Two rows that are near duplicates, in the order of their row numbers; texts may be truncated.

    Attributes:
        why: The kind of example.
        similarity: Similarity of their shingles, from 0.5 to 1.
    """

    why: str
    similarity: float
    first: TableRow
    second: TableRow


@dataclass(frozen=True)
class Piece:
    """Consecutive words that are in both texts, or only in one of them."""

    where: Literal["same", "first", "second"]
    words: str


def example_pairs(table: Table, copies: NearDuplicates) -> list[Pair]:
    """Choose examples: of low and high similarity, across groups, and with different labels.

    The chosen texts do not depend on the order of the rows.
    """
    first_row = np.unique(copies.text, return_index=True)[1][copies.pairs]  # int64 [pairs, 2]
    kinds = [
        ("just above the similarity threshold", copies.similarity < 0.55),
        ("very similar", copies.similarity >= 0.75),
    ]
    if copies.own_groups:
        kinds.append(("in different groups", _differ(copies.keys, first_row)))
    labels = table.row_labels()
    if labels is not None:
        kinds.append(("with different labels", _differ(labels, first_row)))
    rng = np.random.default_rng(0)
    chosen: list[int] = []
    pairs = []
    for why, mask in kinds:
        candidates = np.setdiff1d(np.flatnonzero(mask), chosen)
        if len(candidates):
            pair = int(rng.choice(candidates))
            chosen.append(pair)
            rows = [table.row(row) for row in sorted(first_row[pair].tolist())]
            first, second = (replace(row, text=row.text[:_SHOWN_CHARACTERS]) for row in rows)
            pairs.append(Pair(why, float(copies.similarity[pair]), first, second))
    return pairs


def differences(first: str, second: str) -> list[Piece]:
    """Align two texts word by word.

    >>> differences("so good", "so very bad")
    [Piece(where='same', words='so'), Piece(where='first', words='good'),\
 Piece(where='second', words='very bad')]
    """
    a, b = first.split(), second.split()
    pieces: list[Piece] = []
    matcher = difflib.SequenceMatcher(None, a, b, autojunk=False)
    for tag, a0, a1, b0, b1 in matcher.get_opcodes():
        if tag == "equal":
            pieces.append(Piece("same", " ".join(a[a0:a1])))
            continue
        if a1 > a0:
            pieces.append(Piece("first", " ".join(a[a0:a1])))
        if b1 > b0:
            pieces.append(Piece("second", " ".join(b[b0:b1])))
    return pieces


def _differ(values: Sequence[object], rows: NDArray[np.int64]) -> NDArray[np.bool_]:
    """Return which pairs of rows, int64 [pairs, 2], have different values: bool [pairs]."""
    ends = rows.tolist()
    return np.fromiter((values[a] != values[b] for a, b in ends), np.bool_, len(ends))
