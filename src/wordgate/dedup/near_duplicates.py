"""Detection of exact and near duplicates, and merging of their groups.

Candidates come from MinHash LSH over words and character shingles and are verified by their cosines
(`similarity`); groups of texts are merged by average linkage (`clustering`).

The thresholds below were chosen on the Kaggle tweets with their ids hidden (53,662 texts of five
words or more with 9,542 ids, about six paraphrases per id) and on 10,662 movie reviews, which have
hardly any duplicates. "Mixed" counts groups with several ids: many of these are duplicates of each
other, too.

======  ======================  =============  =====  ====================
JOINED  same-id pairs together  largest group  mixed  movie reviews joined
======  ======================  =============  =====  ====================
0.40    0.937                   155            197    1.1%
0.43    0.920                   152            167    0.7%
0.45    0.903                   146            156    0.5%
0.50    0.850                   139            133    0.3%
======  ======================  =============  =====  ====================

The threshold was chosen on these same data. At 0.43, of 100 random pairs joined across ids, 97 were
judged to be copies or instances of one template; but four large groups make most such pairs. Of one
pair from each of 40 mixed groups, 31 were; the unrelated ones are mostly short texts of common
words. (`benchmarks/joined_pairs.md` lists them, `benchmarks/copies.py` computes the table.) TF-IDF
weights (squares of inverse document frequencies) joined about twice as many movie reviews at the
same recall: those share rare names, not sentences.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from wordgate.dedup.clustering import average_linkage
from wordgate.dedup.keys import Factorized, distinct, distinct_pairs, group_keys, normalized
from wordgate.dedup.shingles import MIN_WORDS, NEAR
from wordgate.dedup.similarity import ShingledTexts, row_dots
from wordgate.runtime.display import counted
from wordgate.runtime.packages import require_extra
from wordgate.storage.sparse import multiply
from wordgate.storage.strings import StringArray

if TYPE_CHECKING:
    from scipy import sparse

JOINED = 0.43  # minimum mean similarity of merged groups
_MOST_OF_ROWS = 0.003  # maximum share of the rows in a merged group...
_MOST_AT_LEAST = 12  # ...or number of rows, if that is more...
_MOST_AT_ALL = 0.2  # ...but never more than this share: small data must still be split
_ENOUGH = 10  # minimum number of similar rows for a conclusion from their labels


@dataclass(frozen=True)
class MergedGroups:
    """Groups after those with duplicates of each other were merged."""

    groups: list[str]  # the group of each row, independent of the order of the rows
    n_joined: int  # rows of groups that were merged with others
    n_apart: int  # rows that still have a near duplicate in another group


@dataclass(frozen=True)
class LabelAgreement:
    """Number of rows with the same label as the rows that they are similar to.

    Attributes:
        rows: Rows that are similar to others.
        agreeing: Those of them with the label of most of these others.
        by_chance: Expected number of these if similarity and labels were independent.
    """

    rows: int
    agreeing: int
    by_chance: float

    @property
    def is_templated(self) -> bool:
        """Whether similarity hardly predicts labels (Cohen's kappa below 0.5), as for templates.

        It is False for few rows.
        """
        return self.rows >= _ENOUGH and self.agreeing - self.by_chance < 0.5 * (
            self.rows - self.by_chance
        )


@dataclass(frozen=True)
class NearDuplicates:
    """Exact and near duplicates among rows; R rows, T distinct normalized texts, P pairs.

    Attributes:
        keys: The group of each row before merging: its own, or that of its exact duplicates.
        joined: The merged groups, and the number of duplicates in different groups.
        own_groups: Whether the data has groups.
        text: int64 [R], the index of each row's text.
        n_words: int64 [T]. Texts of fewer than five words have exact duplicates only.
        pairs: int64 [P, 2], indices of texts that are near duplicates of each other, the smaller
            first.
        similarity: float32 [P], from `NEAR` to 1.
    """

    keys: list[str]
    joined: MergedGroups
    own_groups: bool
    text: NDArray[np.int64]
    n_words: NDArray[np.int64]
    pairs: NDArray[np.int64]
    similarity: NDArray[np.float32]

    def has_duplicate_in(
        self, rows: NDArray[np.int64], others: NDArray[np.int64]
    ) -> NDArray[np.bool_]:
        """Return which rows, int64 [n], have an exact or near duplicate among others, int64 [m]."""
        in_others = np.zeros(len(self.n_words), dtype=np.bool_)
        in_others[self.text[others]] = True
        duplicated = in_others.copy()
        first, second = self.pairs[:, 0], self.pairs[:, 1]
        duplicated[first[in_others[second]]] = True
        duplicated[second[in_others[first]]] = True
        return duplicated[self.text[rows]]

    def has_own_in(self, rows: NDArray[np.int64], others: NDArray[np.int64]) -> NDArray[np.bool_]:
        """Return which rows have an exact duplicate, or a row of their own group, among others."""
        result = np.zeros(len(rows), dtype=np.bool_)
        for codes in (self.text, Factorized.of(self.keys).codes):
            result |= np.isin(codes[rows], codes[others])
        return result

    def label_agreement(
        self, rows: NDArray[np.int64], others: NDArray[np.int64], targets: NDArray[np.int64]
    ) -> LabelAgreement:
        """Count the rows that are similar to others, and those that have their label.

        Similar rows are near duplicates and the rows of a merged group. A row whose exact text or
        own group is among the others is left out.

        Args:
            rows: int64 [n], the rows to count.
            others: int64 [m], the rows that they may be similar to.
            targets: int64 [R], the label of every row; or int64 [R, labels] of 0 and 1 if a row can
                have several, all of which must agree.
        """
        from scipy import sparse

        if targets.ndim == 2:
            targets = np.unique(targets, axis=0, return_inverse=True)[1].reshape(-1)
        group = Factorized.of(self.joined.groups).codes
        n_texts, n_groups = len(self.n_words), int(group.max(initial=0)) + 1
        n_labels, ones = int(targets.max(initial=0)) + 1, np.ones(len(others))

        def label_counts(codes: NDArray[np.int64], n: int) -> sparse.csr_matrix:
            """Count the other rows of each text or group with each label."""
            return sparse.csr_matrix((ones, (codes[others], targets[others])), (n, n_labels))

        ends = np.concatenate([self.pairs, self.pairs[:, ::-1]])
        near = sparse.csr_matrix((np.ones(len(ends)), (ends[:, 0], ends[:, 1])), (n_texts, n_texts))
        rows = rows[~self.has_own_in(rows, others)]
        labels = (near @ label_counts(self.text, n_texts))[self.text[rows]]
        labels += label_counts(group, n_groups)[group[rows]]
        n_similar = np.asarray(labels.sum(axis=1)).ravel()
        same = np.asarray(labels[np.arange(len(rows)), targets[rows]]).ravel()
        shares = np.bincount(targets[others], minlength=n_labels) / max(1, len(others))
        similar = n_similar > 0
        return LabelAgreement(
            rows=int(similar.sum()),
            agreeing=int((2 * same > n_similar)[similar].sum()),
            by_chance=float(shares[targets[rows[similar]]].sum()),
        )

    def sentence(self) -> str:
        """Return the numbers of merged rows, and of near duplicates in other groups, in words."""
        n_joined, n_apart = self.joined.n_joined, self.joined.n_apart
        if not n_joined:
            merged = "no groups were merged"
        elif self.own_groups:
            rows = counted(n_joined, "row is", "rows are")
            merged = f"{rows} in groups that were merged because of similar texts"
        else:
            rows = counted(n_joined, "row was", "rows were")
            merged = f"no group column, so {rows} grouped with similar rows"
        apart = (
            "no row has" if not n_apart else counted(n_apart, "row still has", "rows still have")
        )
        return f"Near duplicates: {merged}; {apart} a near duplicate in another group."


def find_near_duplicates(texts: Sequence[str], groups: Sequence[str] | None) -> NearDuplicates:
    """Find the exact and near duplicates among rows, and merge their groups.

    A row without a group (an empty string) is in a group with its exact duplicates. The result does
    not depend on the order of the rows.

    Raises:
        MissingExtraError: The extra `train` is not installed.
    """
    require_extra("train", "finding near duplicates")
    compared = ComparedTexts.of(texts)
    keys = group_keys(texts, groups)
    near = compared.similarity >= NEAR
    return NearDuplicates(
        keys=keys,
        joined=merge_groups(compared, keys),
        own_groups=groups is not None,
        text=compared.text,
        n_words=compared.shingled.n_words,
        pairs=compared.pairs[near],
        similarity=compared.similarity[near],
    )


@dataclass(frozen=True)
class ComparedTexts:
    """Distinct texts, and the pairs of them that are similar."""

    text: NDArray[np.int64]  # [rows], the index of each row's normalized text
    shingled: ShingledTexts  # of the distinct texts, in the order of their indices
    pairs: NDArray[np.int64]  # [pairs, 2], indices of similar texts, the smaller first, sorted
    similarity: NDArray[np.float32]  # [pairs]

    @classmethod
    def of(cls, texts: Sequence[str], *, least: float = min(JOINED, NEAR)) -> ComparedTexts:
        """Compare texts, one per row; keep the pairs whose similarity is at least a threshold."""
        factorized = Factorized.of([normalized(text) for text in texts])
        text, names = factorized.codes, StringArray.of(factorized.names)
        del factorized  # as large as the texts
        shingled = ShingledTexts.of(names)
        candidates = shingled.candidates()
        similarity = row_dots(shingled.vectors, candidates)
        kept = similarity >= least
        return cls(text, shingled, candidates[kept], similarity[kept])

    def similar(self, least: float) -> NDArray[np.int64]:
        """Return the pairs whose similarity is at least a threshold, int64 [pairs, 2]."""
        return self.pairs[self.similarity >= least]


def merge_groups(
    compared: ComparedTexts, keys: Sequence[str], *, least: float = JOINED
) -> MergedGroups:
    """Merge groups with duplicates of each other; `keys` are the groups of the rows.

    Two groups are merged if the mean similarity of all their texts is at least `least`, so that a
    single common text, or a phrase like "I can't wait", does not chain unrelated groups. Texts of
    fewer than five words are not compared. A merged group has at most 0.3% of the rows, or a dozen
    rows, but never more than a fifth of all. The texts must have been compared with a threshold of
    ``min(least, NEAR)``.
    """
    group, text, shingled = Factorized.of(keys), compared.text, compared.shingled
    members = distinct_pairs(text, group.codes)  # [pairs, 2]: a text and a group
    long_enough = members[shingled.n_words[members[:, 0]] >= MIN_WORDS]
    edges = _group_edges(long_enough, compared.similar(least), len(shingled.n_words))
    n_rows = np.bincount(group.codes, minlength=len(group.names)).astype(np.int64)
    cap = max(_MOST_AT_LEAST, int(_MOST_OF_ROWS * len(keys)))
    cap = min(cap, int(_MOST_AT_ALL * len(keys)))
    # Groups without edges stay unchanged.
    joined, with_edges = np.arange(len(n_rows)), distinct(edges.ravel())
    sums, n_texts = _group_sums(long_enough, shingled, with_edges)
    edges = np.searchsorted(with_edges, edges)
    cluster = average_linkage(sums, n_texts, n_rows[with_edges], edges, least=least, most_rows=cap)
    joined[with_edges] = with_edges[cluster]
    apart = _apart(joined[group.codes], text, compared.similar(NEAR), shingled)
    with_others = np.bincount(joined, minlength=len(group.names))[joined] > 1  # [groups]
    return MergedGroups(
        groups=[group.names[i] for i in joined[group.codes].tolist()],
        n_joined=int(n_rows[with_others].sum()),
        n_apart=int(apart.sum()),
    )


def _group_sums(
    members: NDArray[np.int64], shingled: ShingledTexts, groups: NDArray[np.int64]
) -> tuple[sparse.csr_matrix, NDArray[np.float64]]:
    """Sum the vectors of the texts of each group; also return the number of these texts."""
    from scipy import sparse

    members = members[np.isin(members[:, 1], groups)]
    number = np.searchsorted(groups, members[:, 1])
    ones = np.ones(len(members), dtype=np.float32)
    shape = (len(groups), shingled.vectors.shape[0])
    membership = sparse.csr_matrix((ones, (number, members[:, 0])), shape)
    counts = np.bincount(number, minlength=len(groups)).astype(np.float64)
    return multiply(membership, shingled.vectors), counts


def _group_edges(
    members: NDArray[np.int64], similar: NDArray[np.int64], n_texts: int
) -> NDArray[np.int64]:
    """Return the pairs of groups to compare: those with similar texts or a common text."""
    # A text represents its first group, with which its other groups are compared, so that a text
    # in many groups makes few pairs.
    texts, groups = members[:, 0], members[:, 1]
    first = np.full(n_texts, -1)
    first[texts[::-1]] = groups[::-1]
    shared = np.stack([first[texts], groups], axis=1)
    edges = np.concatenate([first[similar], shared])
    different: NDArray[np.int64] = edges[edges[:, 0] != edges[:, 1]]
    return different


def _apart(
    group_of_row: NDArray[np.int64],
    text_of_row: NDArray[np.int64],
    near: NDArray[np.int64],
    shingled: ShingledTexts,
) -> NDArray[np.bool_]:
    """Return which rows have a duplicate of at least five words in another group, bool [rows]."""
    n_texts = len(shingled.n_words)
    lowest = np.full(n_texts, np.iinfo(np.int64).max)
    highest = np.full(n_texts, -1)
    np.minimum.at(lowest, text_of_row, group_of_row)
    np.maximum.at(highest, text_of_row, group_of_row)
    apart = (lowest != highest) & (shingled.n_words >= MIN_WORDS)
    differ = lowest[near].min(axis=1) != highest[near].max(axis=1)
    apart[near[differ].ravel()] = True
    rows: NDArray[np.bool_] = apart[text_of_row]
    return rows
