"""Exact and near copies: finding them, and keeping them together without chaining strangers.

Candidates come from MinHash LSH over words and character shingles (`sketches`), are verified by
their real similarity (`likeness`) and are joined by average linkage (`linkage`).

The levels below were chosen on the Kaggle tweets with their ids hidden (53,662 texts of five words
or more in 9,542 ids, about six paraphrases an id) and on 10,662 movie reviews, which hold hardly
any copies. "Mixed" counts groups that hold several ids: many of them copy each other, too.

======  ======================  =============  =====  ====================
JOINED  same-id pairs together  largest group  mixed  movie reviews joined
======  ======================  =============  =====  ====================
0.40    0.937                   155            197    1.1 %
0.43    0.920                   152            167    0.7 %
0.45    0.903                   146            156    0.5 %
0.50    0.850                   139            133    0.3 %
======  ======================  =============  =====  ====================

The level was chosen on these same data. At 0.43, of 100 random pairs joined across ids, 97 were
read as copies or fill-ins of one template; but four groups of many rows make most such pairs. Of
one pair from each of 40 mixed groups, 31 were; the strangers are mostly short texts of common
words. (`benchmarks/joined_pairs.md` has them all, `benchmarks/copies.py` makes the table.) Weights
as TF-IDF has them (squares of inverse document frequencies) joined about twice as many movie
reviews at the same recall: those share rare names, not sentences.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from wordgate.split.keys import group_keys, normalised
from wordgate.split.likeness import Texts
from wordgate.split.linkage import average_linkage
from wordgate.split.shingles import MIN_WORDS, distinct

if TYPE_CHECKING:
    from scipy import sparse

NEAR = 0.5  # a pair of texts from here on is called a near copy
JOINED = 0.43  # groups whose texts are this alike on average are joined
MOST_OF_ROWS = 0.003  # no joined group is larger than this share of the rows...
MOST_AT_LEAST = 12  # ...or this many rows, where that is more...
MOST_AT_ALL = 0.2  # ...unless it is more than this share: little data must still be split


@dataclass(frozen=True)
class CopyGroups:
    """Groups that copies have been joined to.

    Attributes:
        groups: One group a row, the same whatever the order of the rows.
        n_joined: Rows that now share a group with rows they didn't share one with before.
        n_apart: Rows that still have a near copy in another group.
        largest: Rows of the largest group.
        largest_joined: Rows of the largest group that joining made, 0 if it made none.
    """

    groups: list[str]
    n_joined: int
    n_apart: int
    largest: int
    largest_joined: int


def near_copies(
    texts_a: Sequence[str], texts_b: Sequence[str], *, least: float = NEAR
) -> NDArray[np.bool_]:
    """Tell which texts have an exact or near copy among others.

    Args:
        texts_a: The texts asked about.
        texts_b: Where their copies may stand.
        least: The similarity from which a text is a near copy. Texts of fewer than five words
            have exact copies only.

    Returns:
        bool [len(texts_a)].
    """
    names_a, names_b = [normalised(t) for t in texts_a], [normalised(t) for t in texts_b]
    there = set(names_b)
    unlike = sorted({name for name in names_a if name not in there})
    # Sorted and distinct, so that neither order nor repetition changes what is found.
    known = sorted(there)
    both = Texts.of(unlike + known)
    positions = np.arange(len(unlike) + len(known))
    pairs = both.candidates(positions[: len(unlike)], positions[len(unlike) :])
    found = np.unique(pairs[both.similarity(pairs) >= least, 0])
    copied = there.union(unlike[i] for i in found.tolist())
    return np.fromiter((name in copied for name in names_a), np.bool_, len(names_a))


def near_pairs(
    texts: Sequence[str], *, least: float = NEAR
) -> tuple[NDArray[np.int64], NDArray[np.float32]]:
    """Find pairs of exact and near copies.

    Exact copies (after lower-casing, trimming and collapsing white space) are as one: each is
    paired with the first of them, which alone is paired with near copies.

    Args:
        texts: The texts.
        least: The similarity from which a pair is returned. Texts of fewer than five words have
            exact copies only.

    Returns:
        Positions int64 [pairs, 2], the smaller first, sorted; similarity float32 [pairs], 1 for
        exact copies.
    """
    compared = Compared.of(texts, least=least)
    text, first = compared.text, compared.text.first_row
    again = np.flatnonzero(first[text.number] != np.arange(len(texts)))
    exact = np.stack([first[text.number[again]], again], axis=1)
    near = np.sort(first[compared.pairs], axis=1)
    pairs = np.concatenate([exact, near])
    values = np.concatenate([np.ones(len(exact), dtype=np.float32), compared.similarity])
    order = np.lexsort((pairs[:, 1], pairs[:, 0]))
    return pairs[order], values[order]


def copy_groups(
    texts: Sequence[str],
    groups: Sequence[str] | None,
    *,
    least: float = JOINED,
    most_of_rows: float = MOST_OF_ROWS,
) -> CopyGroups:
    """Join groups whose texts copy each other.

    Two groups are joined where the mean similarity of all their texts reaches a level, so that a
    single text in common, or a phrase like "I can't wait", chains no strangers together. Texts of
    fewer than five words say nothing about their groups.

    Args:
        texts: One text a row.
        groups: One group a row (an empty string: none), or None. Rows without a group begin with
            their exact copies.
        least: The mean similarity from which groups are joined.
        most_of_rows: No joining makes a group larger than this share of the rows; a dozen
            rows are always allowed, but never more than a fifth of all.

    Returns:
        The groups, and what was joined and what stays apart.
    """
    compared = Compared.of(texts, least=min(least, NEAR))
    return join_copies(compared, group_keys(texts, groups), least=least, most_of_rows=most_of_rows)


def join_copies(
    compared: Compared,
    keys: Sequence[str],
    *,
    least: float = JOINED,
    most_of_rows: float = MOST_OF_ROWS,
) -> CopyGroups:
    """Join groups as `copy_groups` does, of texts that have been compared before.

    Args:
        compared: The texts, compared from ``min(least, NEAR)`` on.
        keys: One group a row, none empty.
        least: The mean similarity from which groups are joined.
        most_of_rows: See `copy_groups`.

    Returns:
        The groups, and what was joined and what stays apart.
    """
    group, text, ready = Numbered.of(keys), compared.text, compared.ready
    members = _members(text, group)
    said = members[ready.n_words[members[:, 0]] >= MIN_WORDS]
    sums, n_texts = _sums(said, ready, len(group.names))
    n_rows = np.bincount(group.number, minlength=len(group.names)).astype(np.int64)
    cap = max(MOST_AT_LEAST, int(most_of_rows * len(keys)))
    cap = min(cap, int(MOST_AT_ALL * len(keys)))
    joined = average_linkage(
        sums,
        n_texts,
        n_rows,
        _group_edges(said, compared.alike(least), len(text.names)),
        least=least,
        most_rows=cap,
    )
    apart = _apart(joined[group.number], text.number, compared.alike(NEAR), ready)
    size = np.bincount(joined, weights=n_rows, minlength=len(group.names)).astype(np.int64)
    grown = size[joined] > n_rows  # [groups]: whether others were joined to it
    return CopyGroups(
        groups=[group.names[i] for i in joined[group.number].tolist()],
        n_joined=int(n_rows[grown].sum()),
        n_apart=int(apart.sum()),
        largest=int(size.max(initial=0)),
        largest_joined=int(size[joined][grown].max(initial=0)),
    )


@dataclass(frozen=True)
class Numbered:
    """Keys of rows as numbers that follow the keys' order, whatever the order of the rows.

    Attributes:
        names: The distinct keys, sorted.
        number: int64 [rows].
        first_row: int64 [names], the first row of each key.
    """

    names: list[str]
    number: NDArray[np.int64]
    first_row: NDArray[np.int64]

    @classmethod
    def of(cls, keys: Sequence[str]) -> Numbered:
        """Number keys, one a row."""
        names = sorted(set(keys))
        place = {name: i for i, name in enumerate(names)}
        number = np.fromiter((place[key] for key in keys), np.int64, len(keys))
        first_row = np.zeros(len(names), dtype=np.int64)
        first_row[number[::-1]] = np.arange(len(keys))[::-1]
        return cls(names, number, first_row)


@dataclass(frozen=True)
class Compared:
    """Distinct texts, and which of them are alike: found once, for all that is asked of it.

    Attributes:
        text: The normalised texts, numbered.
        ready: The distinct ones, ready to be compared, in the order of their numbers.
        pairs: int64 [pairs, 2], numbers of texts that are alike, the smaller first, sorted.
        similarity: float32 [pairs].
    """

    text: Numbered
    ready: Texts
    pairs: NDArray[np.int64]
    similarity: NDArray[np.float32]

    @classmethod
    def of(cls, texts: Sequence[str], *, least: float = min(JOINED, NEAR)) -> Compared:
        """Compare texts, one a row; keep the pairs whose similarity is at least so much."""
        text = Numbered.of([normalised(text) for text in texts])
        ready = Texts.of(text.names)
        candidates = ready.candidates()
        similarity = ready.similarity(candidates)
        kept = similarity >= least
        return cls(text, ready, candidates[kept], similarity[kept])

    def alike(self, least: float) -> NDArray[np.int64]:
        """Give the pairs whose similarity is at least so much, int64 [pairs, 2]."""
        return self.pairs[self.similarity >= least]


def _members(text: Numbered, group: Numbered) -> NDArray[np.int64]:
    """List the distinct pairs of a text and a group that has it, int64 [pairs, 2], sorted."""
    n_groups = max(1, len(group.names))
    packed = distinct(text.number * n_groups + group.number)
    return np.stack([packed // n_groups, packed % n_groups], axis=1)


def _sums(
    members: NDArray[np.int64], ready: Texts, n_groups: int
) -> tuple[sparse.csr_matrix, NDArray[np.float64]]:
    """Sum the vectors of each group's texts; return the sums and how many vectors they hold."""
    from scipy import sparse

    ones = np.ones(len(members), dtype=np.float32)
    shape = (n_groups, ready.vectors.shape[0])
    membership = sparse.csr_matrix((ones, (members[:, 1], members[:, 0])), shape)
    counts = np.bincount(members[:, 1], minlength=n_groups).astype(np.float64)
    return membership @ ready.vectors, counts


def _group_edges(
    members: NDArray[np.int64], similar: NDArray[np.int64], n_texts: int
) -> NDArray[np.int64]:
    """Turn alike texts, and texts that several groups have, into pairs of groups to compare.

    A text stands for its first group here: the other groups that have it are compared with that
    one, so that a text in many groups makes few pairs.
    """
    texts, groups = members[:, 0], members[:, 1]
    first = np.full(n_texts, -1)
    first[texts[::-1]] = groups[::-1]
    shared = np.stack([first[texts], groups], axis=1)
    edges = np.concatenate([first[similar], shared])
    between: NDArray[np.int64] = edges[edges[:, 0] != edges[:, 1]]
    return between


def _apart(
    group_of_row: NDArray[np.int64],
    text_of_row: NDArray[np.int64],
    near: NDArray[np.int64],
    ready: Texts,
) -> NDArray[np.bool_]:
    """Mark the rows that have a copy of at least five words in another group, bool [rows]."""
    n_texts = len(ready.n_words)
    lowest = np.full(n_texts, np.iinfo(np.int64).max)
    highest = np.full(n_texts, -1)
    np.minimum.at(lowest, text_of_row, group_of_row)
    np.maximum.at(highest, text_of_row, group_of_row)
    apart = (lowest != highest) & (ready.n_words >= MIN_WORDS)
    differ = lowest[near].min(axis=1) != highest[near].max(axis=1)
    apart[near[differ].ravel()] = True
    of_row: NDArray[np.bool_] = apart[text_of_row]
    return of_row
