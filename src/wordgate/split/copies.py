"""Which rows copy which: found once for a table, and asked by the split, the scores, the audit."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from wordgate.runtime.packages import require_extra
from wordgate.split.duplicates import NEAR, Compared, CopyGroups, join_copies
from wordgate.split.keys import group_keys


@dataclass(frozen=True)
class Copies:
    """The copies in a table; R rows, T distinct normalised texts, P pairs.

    Attributes:
        keys: The group of each row before joining: its own, or its exact copies'.
        joined: The groups with copies joined to them, and what stays apart.
        own_groups: Whether the rows came with groups.
        text: int64 [R], the number of each row's text.
        n_words: int64 [T]. Texts of fewer than five words have exact copies only.
        pairs: int64 [P, 2], numbers of texts that are near copies of each other, the smaller
            first.
        similarity: float32 [P], from `NEAR` to 1.
    """

    keys: list[str]
    joined: CopyGroups
    own_groups: bool
    text: NDArray[np.int64]
    n_words: NDArray[np.int64]
    pairs: NDArray[np.int64]
    similarity: NDArray[np.float32]

    def stand_in(self, asked: NDArray[np.int64], others: NDArray[np.int64]) -> NDArray[np.bool_]:
        """Tell which rows have an exact or near copy among others.

        Args:
            asked: int64 [n], the rows asked about.
            others: int64 [m], the rows among which their copies may stand.

        Returns:
            bool [n].
        """
        there = np.zeros(len(self.n_words), dtype=np.bool_)
        there[self.text[others]] = True
        copied = there.copy()
        first, second = self.pairs[:, 0], self.pairs[:, 1]
        copied[first[there[second]]] = True
        copied[second[there[first]]] = True
        return copied[self.text[asked]]

    def sentence(self) -> str:
        """Say what was joined, and what stays apart."""
        joined, n_apart = self.joined.n_joined, self.joined.n_apart
        if not joined:
            what = "no two groups copy each other"
        elif self.own_groups:
            what = f"{joined:,} rows stand in groups that copy each other and were joined"
        else:
            what = f"no column names groups, so {joined:,} rows were grouped with rows they copy"
        apart = "no row has" if not n_apart else f"{n_apart:,} rows still have"
        return f"Near copies: {what}; {apart} a near copy in another group."


def find_copies(texts: Sequence[str], groups: Sequence[str] | None) -> Copies:
    """Find the exact and near copies among rows, and join their groups.

    Args:
        texts: One text a row.
        groups: One group a row (an empty string: none), or None. Rows without a group begin with
            their exact copies.

    Returns:
        The copies. The order of the rows changes nothing but the order of what is returned.

    Raises:
        MissingExtraError: The extra `train` is not installed.
    """
    require_extra("train", "finding near copies")
    compared = Compared.of(texts)
    keys = group_keys(texts, groups)
    near = compared.similarity >= NEAR
    return Copies(
        keys=keys,
        joined=join_copies(compared, keys),
        own_groups=groups is not None,
        text=compared.text.number,
        n_words=compared.ready.n_words,
        pairs=compared.pairs[near],
        similarity=compared.similarity[near],
    )
