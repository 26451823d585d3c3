"""Leakage of a split, measured on real splits, not estimated."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from wordgate.dedup.near_duplicates import NearDuplicates
from wordgate.split.leakage import stands_in
from wordgate.split.splits import Split, grouped_split, random_split

SEEDS = (0, 1, 2)
RANDOM, BY_TEXT, BY_COPIES = "random", "grouped by exact text", "grouped by copies"
BY_GROUP, BY_BOTH = "grouped by group", "grouped, copies joined"


@dataclass(frozen=True)
class MeasuredLeakage:
    """Which share of the test rows training would know; means over `SEEDS`, shares of 1.

    Attributes:
        split: How the rows were dealt.
        n_test: Test rows of the first of the splits.
        by_group: Test rows whose own group also stands in train; None if the data has no groups.
        by_exact_copy: Test rows whose very text, but for case and spaces, also stands in train.
        by_copy: Test rows that have an exact or a near copy in train.
        known: Test rows that are any of these.
        problem: Why the split could not be made as asked, or an empty string.
    """

    split: str
    n_test: int
    by_group: float | None
    by_exact_copy: float
    by_copy: float
    known: float
    problem: str


def measure_leakage(
    texts: Sequence[str], labels: Sequence[str], copies: NearDuplicates
) -> list[MeasuredLeakage]:
    """Split rows at random, by their own groups and by groups with copies joined; count the leak.

    Args:
        texts: One text a row.
        labels: One label a row.
        copies: Which rows copy which.

    Returns:
        One leak for each of the three ways, in this order.

    Raises:
        DataError: The rows are too few to be split.
    """
    own, joined = copies.keys, copies.joined.groups
    numbers = np.unique(np.asarray(own, dtype=object), return_inverse=True)[1].astype(np.int64)

    def leak(name: str, deal: Callable[[int], Split]) -> MeasuredLeakage:
        splits = [deal(seed) for seed in SEEDS]
        shares = np.mean([_shares(split, numbers, copies) for split in splits], axis=0).tolist()
        fell_back = name != RANDOM and splits[0].kind == "random"
        return MeasuredLeakage(
            split=name,
            n_test=len(splits[0].test),
            by_group=shares[0] if copies.own_groups else None,
            by_exact_copy=shares[1],
            by_copy=shares[2],
            known=shares[3],
            problem=splits[0].warnings[0] if fell_back else "",
        )

    return [
        leak(RANDOM, lambda seed: random_split(texts, labels, own, seed=seed)),
        leak(
            BY_GROUP if copies.own_groups else BY_TEXT,
            lambda seed: grouped_split(texts, labels, own, seed=seed),
        ),
        leak(
            BY_BOTH if copies.own_groups else BY_COPIES,
            lambda seed: grouped_split(texts, labels, joined, seed=seed),
        ),
    ]


def _shares(split: Split, group: NDArray[np.int64], copies: NearDuplicates) -> list[float]:
    """Count test rows known by group, by exact copy, by any copy, by any of these; as shares."""
    by_group = stands_in(split.test, split.train, group)
    by_exact_copy = stands_in(split.test, split.train, copies.text)
    by_copy = copies.has_duplicate_in(split.test, split.train)
    known = by_group | by_copy if copies.own_groups else by_copy
    n_test = max(1, len(split.test))
    return [found.sum() / n_test for found in (by_group, by_exact_copy, by_copy, known)]
