"""Leakage of splits of a data set, and the recommended split."""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from wordgate.data import Table
from wordgate.dedup.keys import Factorized
from wordgate.dedup.near_duplicates import NearDuplicates
from wordgate.split.row_labels import RowLabels
from wordgate.split.splits import Split, grouped_split, random_split

_NOTABLE = 0.01  # share of the test rows above which leakage is reported
_MOSTLY = 0.5  # ... and above which a score mostly measures memorization
_SEEDS = (0, 1, 2)  # of the splits whose leakage is measured


@dataclass(frozen=True)
class MeasuredLeakage:
    """Fractions of the test rows that were seen during training, means over three splits.

    Attributes:
        split: How the rows were split.
        n_test: Number of test rows of the first split.
        by_group: Share with a row of their group in train; None if the data has no groups.
        by_exact_copy: Share with an exact duplicate in train, apart from case, whitespace and
            Unicode form.
        by_copy: Share with an exact or near duplicate in train.
        known: Share with any of these.
        problem: Why the requested split was impossible, or an empty string.
    """

    split: str
    n_test: int
    by_group: float | None
    by_exact_copy: float
    by_copy: float
    known: float
    problem: str


@dataclass(frozen=True)
class SplitAdvice:
    """The recommended value of `--split`, and the reasons."""

    split: str
    reasons: list[str]


def measured_leaks(table: Table, copies: NearDuplicates) -> list[MeasuredLeakage]:
    """Measure the leakage of splits at random, by the groups of the data, and by merged groups."""
    texts, labels = table.texts, table.row_labels() or [""] * len(table)
    if RowLabels.of(labels).counts().max(initial=0) < 2:
        return []
    own, merged = copies.keys, copies.joined.groups
    by_own, by_merged = "grouped by exact text", "grouped by duplicates"
    if copies.own_groups:
        by_own, by_merged = "grouped by group", "grouped, duplicates merged"
    return [
        _measured("random", copies, lambda seed: random_split(texts, labels, own, seed=seed)),
        _measured(by_own, copies, lambda seed: grouped_split(texts, labels, own, seed=seed)),
        _measured(by_merged, copies, lambda seed: grouped_split(texts, labels, merged, seed=seed)),
    ]


def _measured(name: str, copies: NearDuplicates, split: Callable[[int], Split]) -> MeasuredLeakage:
    group = Factorized.of(copies.keys).codes
    first = split(_SEEDS[0])
    shares = [_shares(first, group, copies)]
    shares += [_shares(split(seed), group, copies) for seed in _SEEDS[1:]]
    means = np.mean(shares, axis=0).tolist()
    is_fallback = name != "random" and first.kind == "random"
    return MeasuredLeakage(
        split=name,
        n_test=len(first.test),
        by_group=means[0] if copies.own_groups else None,
        by_exact_copy=means[1],
        by_copy=means[2],
        known=means[3],
        problem=first.warnings[0] if is_fallback else "",
    )


def _shares(split: Split, group: NDArray[np.int64], copies: NearDuplicates) -> list[float]:
    """Compute the shares of test rows seen by group, exact duplicate, any duplicate, or any."""
    by_group = np.isin(group[split.test], group[split.train])
    by_exact_copy = np.isin(copies.text[split.test], copies.text[split.train])
    by_copy = copies.has_duplicate_in(split.test, split.train)
    known = by_group | by_copy if copies.own_groups else by_copy
    n_test = max(1, len(split.test))
    return [found.sum() / n_test for found in (by_group, by_exact_copy, by_copy, known)]


def advised_split(
    leaks: list[MeasuredLeakage], *, own_groups: bool, templated: bool
) -> SplitAdvice:
    """Recommend a split by the measured leakage.

    Args:
        leaks: The result of `measured_leaks`.
        own_groups: Whether the data has groups.
        templated: Whether near duplicates look like texts made from templates.
    """
    if not leaks:
        return SplitAdvice(
            "grouped", ["There are too few rows to split them into training and test rows."]
        )
    at_random, by_own, joined = leaks
    if joined.problem:
        return SplitAdvice("random", [joined.problem, _random_leak(at_random, templated=templated)])
    reasons = [_random_leak(at_random, templated=templated)]
    if at_random.known < _NOTABLE:
        reasons.append("A grouped split has no disadvantage here and remains the default.")
        return SplitAdvice("grouped", reasons)
    unjoined = "the groups of the data" if own_groups else "exact texts"
    if by_own.known - joined.known >= _NOTABLE / 10:
        reasons.append(
            f"A split by {unjoined} alone would still leak {by_own.known:.1%} of the test rows"
            " through duplicates. wordgate merges groups with duplicates of each other, which"
            f" leaves {joined.known:.1%}."
        )
    else:
        reasons.append(
            f"A split that keeps groups and duplicates together leaks {joined.known:.1%} of them."
        )
    if joined.known >= _NOTABLE and joined.by_exact_copy > joined.known / 2:
        reasons.append(
            "Most of the remaining leakage is identical texts, such as very short ones, that occur"
            " in many groups. Merging groups because of them would join unrelated groups."
        )
    return SplitAdvice("grouped", reasons)


def _random_leak(at_random: MeasuredLeakage, *, templated: bool) -> str:
    share = f"{at_random.known:.1%} of the test rows"
    if at_random.known < _NOTABLE:
        return f"There are few duplicates: a random split would leak only {share}."
    how = "mostly" if at_random.known >= _MOSTLY else "partly"
    ways = [f"{at_random.by_copy:.1%} have an exact or near duplicate in the training set"]
    if at_random.by_group is not None:
        ways.insert(
            0, f"{at_random.by_group:.1%} have another row of their group in the training set"
        )
    facts = max(at_random.by_exact_copy, at_random.by_group or 0.0)
    if templated and facts < at_random.known * _MOSTLY:
        return (
            f"With a random split, {share} would have a similar text in the training set"
            f" ({', '.join(ways)})."
            " But the labels of near duplicates agree hardly more often than by chance: they look"
            " like texts made from templates, and memorizing them would not raise the score."
        )
    return (
        f"With a random split, {share} would have been seen during training ({', '.join(ways)}),"
        f" and the score would {how} measure memorization."
    )
