"""The audit of a data set: duplicates, conflicting labels, leakage, and which split to use."""

from collections import Counter
from dataclasses import asdict, dataclass

import numpy as np
from numpy.typing import NDArray

from wordgate.data import ReadReport, Table
from wordgate.data.table import EMPTY, WHITE_SPACE
from wordgate.dedup.keys import Factorized
from wordgate.dedup.near_duplicates import LabelAgreement, NearDuplicates
from wordgate.dedup.shingles import MIN_WORDS
from wordgate.split.advice import MeasuredLeakage, SplitAdvice, advised_split, measured_leaks
from wordgate.split.pairs import Pair, example_pairs
from wordgate.split.row_labels import RowLabels, label_keys


@dataclass(frozen=True)
class Lengths:
    """Lengths of the texts in words (sequences of letters and digits).

    If several columns are the text, only the last one is measured.

    Attributes:
        median: Median number of words.
        percentile_90: 90th percentile.
        percentile_99: 99th percentile.
        longest: Maximum.
        empty: Rows left out because their text is empty.
        blank: Rows left out because their text is only whitespace.
        short: Rows with fewer than five words, among which only exact duplicates are detected.
    """

    median: float
    percentile_90: float
    percentile_99: float
    longest: int
    empty: int
    blank: int
    short: int


@dataclass(frozen=True)
class LabelShare:
    """Number of rows with a label, and their share of all rows."""

    label: str
    rows: int
    share: float


@dataclass(frozen=True)
class Duplicates:
    """Numbers of exact and near duplicates.

    Attributes:
        exact_rows: Rows whose text occurs in another row, apart from case, whitespace and Unicode
            form (NFC and NFD).
        exact_texts: Distinct texts among them.
        near_rows: Rows with a near duplicate: a similar, but not identical text.
        near_pairs: Pairs of distinct texts that are near duplicates.
        rows: Rows with an exact or near duplicate.
    """

    exact_rows: int
    exact_texts: int
    near_rows: int
    near_pairs: int
    rows: int


@dataclass(frozen=True)
class Conflicts:
    """Duplicates with different labels, of which at most one can be correct.

    If several columns are the text, duplicates are those of the last column. With different values
    of the other columns, different labels can all be correct. If a text can have several labels,
    all of them count as one: `Disagreement` has each.

    Attributes:
        exact_rows: Rows whose text occurs in another row with another label.
        exact_texts: Distinct texts among them.
        near_pairs: Pairs of near duplicates that have no label in common.
        groups: Groups of the data that have more than one label; None without groups.
    """

    exact_rows: int
    exact_texts: int
    near_pairs: int
    groups: int | None


@dataclass(frozen=True)
class Disagreement:
    """Number of duplicates that disagree on a label: one has it, and another does not.

    Attributes:
        label: The label.
        exact_texts: Distinct texts of several rows, only some of which have the label.
        near_pairs: Pairs of near duplicates of which one has it in all its rows, the other in none.
    """

    label: str
    exact_texts: int
    near_pairs: int


@dataclass(frozen=True)
class LabelSetFacts:
    """Statistics of the numbers of labels, if a text can have several.

    Attributes:
        mean: Mean number of labels per text.
        most: Maximum number of labels of a text.
        without: Rows without labels.
        several: Rows with two labels or more.
        distinct: Different sets of labels, the empty one included.
        disagreements: The labels on which duplicates disagree, the most frequent first.
    """

    mean: float
    most: int
    without: int
    several: int
    distinct: int
    disagreements: list[Disagreement]


@dataclass(frozen=True)
class GroupSizes:
    """Number of groups, and their sizes in rows."""

    n_groups: int
    median: float
    largest: int


@dataclass(frozen=True)
class Groups:
    """The groups of the data, before and after groups with duplicates of each other are merged.

    Attributes:
        column: The column of group ids and why it was chosen, or why there is none.
        own: The groups of the data; None if it has none.
        joined: The merged groups, which a grouped split keeps together.
        rows_joined: Rows that were merged with rows of another group.
        rows_apart: Rows that still have a near duplicate in another group.
    """

    column: str
    own: GroupSizes | None
    joined: GroupSizes
    rows_joined: int
    rows_apart: int


@dataclass(frozen=True)
class Audit:
    """The result of `wordgate.audit`.

    Attributes:
        reading: How the data was read: columns, encoding, rows left out.
        n_rows: Number of rows audited.
        lengths: Lengths of the texts in words.
        labels: The labels, the most frequent first; None if none were found.
        duplicates: Numbers of exact and near duplicates.
        conflicts: Duplicates with different labels; None without labels.
        groups: The groups, before and after merging those with duplicates of each other.
        leaks: The leakage of a random split, a split by the groups of the data, and a split by
            merged groups; empty if there are too few rows to split.
        pairs: A few examples of near duplicates.
        advice: The recommended split, and the reasons.
        label_sets: How many labels texts have, and the labels on which duplicates disagree; None
            for one label per text.
    """

    reading: ReadReport
    n_rows: int
    lengths: Lengths
    labels: list[LabelShare] | None
    duplicates: Duplicates
    conflicts: Conflicts | None
    groups: Groups
    leaks: list[MeasuredLeakage]
    pairs: list[Pair]
    advice: SplitAdvice
    label_sets: LabelSetFacts | None = None

    def __repr__(self) -> str:
        """Show the number of rows and the recommended split."""
        return f"Audit({self.n_rows:,} rows, split={self.advice.split!r})"

    def facts(self) -> dict[str, object]:
        """Return the findings as JSON values, without any text of the data."""
        facts = {name: value for name, value in asdict(self).items() if name != "reading"}
        del facts["pairs"]
        if self.label_sets is None:
            del facts["label_sets"]
        return facts

    def to_json(self) -> dict[str, object]:
        """Return the findings as JSON values, including the example pairs."""
        pairs = [asdict(pair) for pair in self.pairs]
        return {"reading": self.reading.to_json(), **self.facts(), "pairs": pairs}


def audit_table(table: Table, copies: NearDuplicates) -> Audit:
    """Audit a table, with its duplicates."""
    leaks, conflicts = measured_leaks(table, copies), _conflicts(table, copies)
    templated = _is_templated(table, copies, conflicts)
    return Audit(
        reading=table.reading,
        n_rows=len(table),
        lengths=_lengths(table, copies),
        labels=_labels(table),
        duplicates=_duplicates(copies),
        conflicts=conflicts,
        groups=_groups(table, copies),
        leaks=leaks,
        pairs=example_pairs(table, copies),
        advice=advised_split(leaks, own_groups=copies.own_groups, templated=templated),
        label_sets=_label_sets(table, copies),
    )


def _lengths(table: Table, copies: NearDuplicates) -> Lengths:
    words = copies.n_words[copies.text]
    median, ninety, ninety_nine = np.percentile(words, [50, 90, 99]).tolist()
    return Lengths(
        median=median,
        percentile_90=ninety,
        percentile_99=ninety_nine,
        longest=int(words.max()),
        empty=table.reading.dropped.get(EMPTY, 0),
        blank=table.reading.dropped.get(WHITE_SPACE, 0),
        short=int((words < MIN_WORDS).sum()),
    )


def _labels(table: Table) -> list[LabelShare] | None:
    labels = table.row_labels()
    if labels is None:
        return None
    found = RowLabels.of(labels)
    numbers = zip(found.names, found.counts().tolist(), strict=True)
    counts = sorted(numbers, key=lambda item: (-item[1], item[0]))
    return [LabelShare(label, rows, rows / len(table)) for label, rows in counts]


def _duplicates(copies: NearDuplicates) -> Duplicates:
    rows_of_text = np.bincount(copies.text, minlength=len(copies.n_words))
    near = np.zeros(len(copies.n_words), dtype=np.bool_)
    near[copies.pairs.ravel()] = True
    repeated = rows_of_text > 1
    return Duplicates(
        exact_rows=int(rows_of_text[repeated].sum()),
        exact_texts=int(repeated.sum()),
        near_rows=int(rows_of_text[near].sum()),
        near_pairs=len(copies.pairs),
        rows=int(rows_of_text[near | repeated].sum()),
    )


def _conflicts(table: Table, copies: NearDuplicates) -> Conflicts | None:
    labels = table.row_labels()
    if labels is None:
        return None
    label = Factorized.of(label_keys(labels)).codes
    # The distinct pairs of a text and one of its labels.
    n_labels = int(label.max()) + 1
    pairs = np.unique(copies.text * n_labels + label)
    text, labels_of_text = pairs // n_labels, np.bincount(pairs // n_labels)
    mixed = labels_of_text > 1
    rows_of_text = np.bincount(copies.text)
    # Two texts with one label each conflict if these differ; texts with several always do.
    only = np.zeros(len(labels_of_text), dtype=np.int64)
    only[text] = pairs % n_labels
    ends = copies.pairs[~mixed[copies.pairs].any(axis=1)]
    group_labels = set(zip(table.groups or (), labels, strict=False))
    labels_of_group = Counter(group for group, _ in group_labels)
    return Conflicts(
        exact_rows=int(rows_of_text[mixed].sum()),
        exact_texts=int(mixed.sum()),
        near_pairs=int((only[ends[:, 0]] != only[ends[:, 1]]).sum()),
        groups=None if table.groups is None else sum(n > 1 for n in labels_of_group.values()),
    )


def _label_sets(table: Table, copies: NearDuplicates) -> LabelSetFacts | None:
    sets = table.label_sets
    if sets is None:
        return None
    sizes = np.array([len(one) for one in sets])
    return LabelSetFacts(
        mean=float(sizes.mean()),
        most=int(sizes.max()),
        without=int((sizes == 0).sum()),
        several=int((sizes > 1).sum()),
        distinct=len(set(sets)),
        disagreements=_disagreements(RowLabels.of(sets), copies),
    )


def _disagreements(labels: RowLabels, copies: NearDuplicates) -> list[Disagreement]:
    """Count the texts and pairs of texts that disagree on each label."""
    from scipy import sparse

    shape = (len(copies.n_words), len(labels.names))
    pairs, n_rows = np.unique(copies.text[labels.row] * shape[1] + labels.label, return_counts=True)
    text, label = pairs // max(1, shape[1]), pairs % max(1, shape[1])
    in_some = n_rows < np.bincount(copies.text)[text]

    def matrix(chosen: NDArray[np.bool_]) -> sparse.csr_matrix:
        return sparse.csr_matrix((np.ones(chosen.sum()), (text[chosen], label[chosen])), shape)

    in_any, in_all = matrix(np.ones_like(in_some)), matrix(~in_some)
    near = np.zeros(shape[1])
    for first, second in (copies.pairs.T, copies.pairs[:, ::-1].T):
        disagreeing = in_all[first] - in_all[first].multiply(in_any[second])
        near += np.asarray(disagreeing.sum(axis=0)).ravel()
    exact = np.bincount(label[in_some], minlength=shape[1])
    counts = zip(labels.names, exact.tolist(), near.astype(np.int64).tolist(), strict=True)
    disagreements = [Disagreement(*one) for one in counts]
    occurring = [one for one in disagreements if one.exact_texts or one.near_pairs]
    return sorted(occurring, key=lambda one: (-one.exact_texts, -one.near_pairs, one.label))


def _groups(table: Table, copies: NearDuplicates) -> Groups:
    choice = table.reading.choice("group")
    return Groups(
        column="group: none" if choice is None else choice.line(),
        own=_sizes(copies.keys) if copies.own_groups else None,
        joined=_sizes(copies.joined.groups),
        rows_joined=copies.joined.n_joined,
        rows_apart=copies.joined.n_apart,
    )


def _sizes(groups: list[str]) -> GroupSizes:
    sizes = list(Counter(groups).values())
    return GroupSizes(len(sizes), float(np.median(sizes)), max(sizes))


def _is_templated(table: Table, copies: NearDuplicates, conflicts: Conflicts | None) -> bool:
    """Return whether labels of near duplicates agree hardly more often than by chance."""
    n_pairs, labels = len(copies.pairs), table.row_labels()
    if labels is None or conflicts is None or not n_pairs:
        return False
    by_chance = n_pairs * sum((n / len(table)) ** 2 for n in sorted(Counter(labels).values()))
    return LabelAgreement(n_pairs, n_pairs - conflicts.near_pairs, by_chance).is_templated
