"""Confidence intervals and paired tests that resample whole groups.

Duplicates and paraphrases of one text tend to be correct or wrong together, so rows are not
independent, and an interval that resamples rows is too narrow. Groups are resampled instead: the
cluster bootstrap of Field & Welsh (2007), "Bootstrapping clustered data", and Cameron, Gelbach &
Miller (2008), "Bootstrap-based improvements for inference with clustered errors". With few groups,
a percentile interval is too narrow, too; the percentiles are moved outwards as proposed by
Hesterberg (2015), "What teachers should know about the bootstrap".

Groups with equal counts are interchangeable. They are drawn together, which is fast, and sorted by
their counts, so that results depend neither on the order of the rows nor on the groups' names.
"""

import itertools
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray
from pydantic import BaseModel, Field

from wordgate.dedup.keys import Factorized
from wordgate.errors import DataError
from wordgate.runtime.display import signed

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]
Bools = NDArray[np.bool_]
Statistic = Callable[[Floats], Floats]
"""A function of sums, float64 [draws, sums], that returns scores, float64 [draws]."""
LEVEL = 0.95
_CELLS_AT_ONCE = 4_000_000  # draws x groups held in memory at a time: 32 MB of float64


class Interval(BaseModel, frozen=True, extra="forbid"):
    """A 95% interval; bounds are null if there is none, for the reason in `method`."""

    low: float | None
    high: float | None
    method: str

    def __str__(self) -> str:
        """Format its bounds; a dash without bounds."""
        if self.low is None or self.high is None:
            return "–"
        return f"{self.low:.3f} to {self.high:.3f}"

    @classmethod
    def none(cls, reason: str) -> "Interval":
        """Return an interval without bounds, with the reason."""
        return cls(low=None, high=None, method=f"none: {reason}")

    def unless_constant(self) -> "Interval":
        """Remove the bounds if they are equal: such resamples say nothing about the score."""
        if self.low is not None and self.low == self.high:
            return self.none(f"every resample gives {self.low:g}")
        return self


class PairedDifference(BaseModel, frozen=True, extra="forbid"):
    """One model's score minus another one's on the same test rows, paired by group.

    The score is accuracy or F1.
    """

    difference: float
    low: float | None = Field(description="lower end of the 95% interval; null for a single group")
    high: float | None = Field(description="upper end of it; null for a single group")
    p_value: float | None = Field(description="two-sided, of a randomization test")
    method: str

    @property
    def proven(self) -> Literal["better", "worse"] | None:
        """Return whether the first model is significantly better or worse; None if neither.

        Both the p-value and the interval are required, because near the threshold they can differ.
        """
        if self.p_value is None or self.low is None or self.high is None:
            return None
        if self.p_value >= 1 - LEVEL:
            return None
        return "better" if self.low > 0 else "worse" if self.high < 0 else None

    def points(self) -> str:
        """Format the difference in percentage points, with its sign."""
        return signed(100 * self.difference, 1)

    def interval(self) -> str:
        """Format the interval in percentage points; a dash without one."""
        if self.low is None or self.high is None:
            return "–"
        return f"{signed(100 * self.low, 1)} to {signed(100 * self.high, 1)}"

    def p(self) -> str:
        """Format the p-value for a sentence; a dash without one."""
        if self.p_value is None:
            return "–"
        return "p < 0.001" if self.p_value < 0.001 else f"p = {self.p_value:.3f}"

    def evidence(self) -> str:
        """Format the interval and the p-value."""
        interval = "no interval" if self.low is None else f"95% interval {self.interval()}"
        return interval if self.p_value is None else f"{interval}, {self.p()}"


@dataclass(frozen=True)
class GroupCounts:
    """Each group's part in the sums from which a score is computed; equal groups are counted.

    Attributes:
        distinct: float64 [patterns, sums], sorted; whole numbers. A sparse array of SciPy for many
            sums that are mostly 0.
        multiplicity: int64 [patterns]; number of groups with each pattern.
        unit: What was counted: rows if there are no groups.
    """

    distinct: Any
    multiplicity: Ints
    unit: Literal["groups", "rows"]

    @property
    def n_groups(self) -> int:
        """The number of groups (or rows)."""
        return int(self.multiplicity.sum())

    def columns(self, *numbers: int) -> "GroupCounts":
        """Select some of the sums, by their positions, as a dense array."""
        columns = self.distinct[:, list(numbers)]
        dense = columns if isinstance(columns, np.ndarray) else columns.toarray()
        return GroupCounts(dense, self.multiplicity, self.unit)

    def with_any(self) -> "GroupCounts":
        """Select the groups whose part in the last sum is above 0."""
        positive = self.distinct[:, -1] > 0
        distinct, pattern = np.unique(self.distinct[positive], axis=0, return_inverse=True)
        multiplicity = np.bincount(
            pattern.ravel(), weights=self.multiplicity[positive], minlength=len(distinct)
        )
        return GroupCounts(distinct, multiplicity.astype(np.int64), self.unit)


def count_by_group(
    rows: Any, groups: Sequence[str] | None, *, as_dense: bool = False
) -> GroupCounts:
    """Sum the rows of each group.

    Args:
        rows: int64 [n, sums], each row's part in the sums; a sparse array of SciPy in CSR format
            for hundreds of labels, for which a dense one would be too large.
        groups: The group of each row; None if each row is its own group.
        as_dense: Whether to sort sparse sums as dense ones, so that draws are the same.

    Returns:
        The sums of every group, sparse if `rows` are.

    Raises:
        DataError: There are no rows, or not as many groups as rows.
    """
    n = rows.shape[0]
    if n == 0:
        raise DataError("there are no rows to evaluate")
    codes = None
    if groups is not None:
        if len(groups) != n:
            raise DataError(f"{len(groups):,} groups were given for {n:,} rows")
        codes = Factorized.of(groups).codes
    unit: Literal["groups", "rows"] = "rows" if groups is None else "groups"
    if not isinstance(rows, np.ndarray):
        return GroupCounts(*_distinct_sparse(rows, codes, as_dense), unit)
    if codes is not None:
        per_group = np.zeros((codes.max() + 1, rows.shape[1]), dtype=np.int64)
        np.add.at(per_group, codes, rows)
        rows = per_group
    distinct, multiplicity = np.unique(rows, axis=0, return_counts=True)
    return GroupCounts(distinct.astype(np.float64), multiplicity.astype(np.int64), unit)


def _distinct_sparse(rows: Any, codes: Ints | None, as_dense: bool) -> tuple[Any, Ints]:
    """Return the distinct sums of groups, sorted, and how many groups have each.

    The order is by the columns of the values above 0, and then by the values; or that of dense
    rows: by one pair after the other, where an earlier column is greater (the other row has 0).
    """
    from scipy.sparse import csr_array

    if codes is not None:
        n = rows.shape[0]
        rows = csr_array((np.ones(n, np.int64), (codes, np.arange(n)))) @ rows
    rows = csr_array(rows, dtype=np.float64)
    rows.sum_duplicates()  # sorts the columns of each row, too
    rows.eliminate_zeros()
    columns, values = rows.indices.astype(">u4"), rows.data.astype(">u4")
    pairs = np.stack([~columns, values], axis=1)
    patterns = np.empty(rows.shape[0], dtype=object)
    for row, (start, end) in enumerate(itertools.pairwise(rows.indptr.tolist())):
        if as_dense:
            patterns[row] = pairs[start:end].tobytes()
        else:
            patterns[row] = columns[start:end].tobytes() + values[start:end].tobytes()
    _, first, multiplicity = np.unique(patterns, return_index=True, return_counts=True)
    return rows[first], multiplicity.astype(np.int64)


def bootstrap_interval(
    counts: GroupCounts, statistic: Statistic, *, seed: int = 0, n_resamples: int = 2000
) -> Interval:
    """Compute the 95% bootstrap interval of a score; without bounds for a single group."""
    unit, n_groups = counts.unit, counts.n_groups
    if n_groups == 1:
        return Interval.none(f"a single one of the {unit} cannot be resampled")
    scores = statistic(_drawn_sums(counts, seed, n_resamples))
    tail = _tail_for_few_groups(n_groups)
    low, high = np.quantile(scores, [tail, 1 - tail])
    method = (
        f"bootstrap over {n_groups:,} {unit}, {n_resamples:,} resamples, small-sample correction"
    )
    return Interval(low=float(low), high=float(high), method=method)


def accuracy_interval(counts: GroupCounts, statistic: Statistic, *, seed: int = 0) -> Interval:
    """Compute the 95% interval of a fraction of correct rows, also if it is 0 or 1.

    Without any error (or any correct row), all resamples are equal. Then the fraction of groups
    with any is bounded exactly instead, as by Clopper & Pearson (1934). If the fraction is the same
    in all groups and neither 0 nor 1, there is no interval.
    """
    observed = float(statistic(_sums(counts))[0])
    if counts.n_groups == 1 or 0 < observed < 1:
        return bootstrap_interval(counts, statistic, seed=seed).unless_constant()
    bound = ((1 - LEVEL) / 2) ** (1 / counts.n_groups)
    low, high = (bound, 1.0) if observed == 1 else (0.0, 1 - bound)
    seen = "an error" if observed == 1 else "a correct row"
    method = f"exact binomial bound: {seen} in none of {counts.n_groups:,} {counts.unit}"
    return Interval(low=low, high=high, method=method)


def paired_difference(
    correct_a: Bools, correct_b: Bools, groups: Sequence[str] | None, *, seed: int = 0
) -> PairedDifference:
    """Compare the accuracies of two models on the same rows.

    The interval resamples groups. The p-value is two-sided and exact: under the null hypothesis,
    the predictions of the two models are exchangeable within a group, so each group's difference
    could equally have the other sign (Fisher's randomization test, 1935; Edgington & Onghena,
    "Randomization Tests", 2007).

    Args:
        correct_a: bool [n], where the first model is correct.
        correct_b: bool [n], where the second model is correct.
        groups: The group of each row; None if each row is its own group.
        seed: Random seed of the bootstrap.

    Returns:
        The difference of the accuracies, its interval and its p-value.

    Raises:
        DataError: There are no rows.
    """
    wins = np.asarray(correct_a, dtype=np.int64) - np.asarray(correct_b, dtype=np.int64)
    counts = count_by_group(np.stack([wins, np.ones_like(wins)], axis=1), groups)
    interval = bootstrap_interval(counts, ratio, seed=seed)
    return PairedDifference(
        difference=float(ratio(_sums(counts))[0]),
        low=interval.low,
        high=interval.high,
        p_value=_sign_flip_p_value(counts),
        method=f"interval: {interval.method}; p-value: exact sign-flip test over {counts.unit}",
    )


def paired_by_swaps(
    counts: GroupCounts, statistic: Statistic, *, seed: int = 0, n_swaps: int = 9999
) -> PairedDifference:
    """Compare two models by a score that is not a mean over rows, such as F1.

    The interval resamples groups. The p-value is two-sided, of an approximate randomization test:
    under the null hypothesis, the predictions of the two models are exchangeable within a group, so
    the models are swapped at random in half of the groups, many times (Noreen 1989,
    "Computer-Intensive Methods for Testing Hypotheses"; Yeh 2000, "More accurate tests for the
    statistical significance of result differences", for F1). The observed difference counts as one
    of the swaps, so the smallest p-value is 1 / (1 + n_swaps).

    Args:
        counts: Each group's part in the sums of the first model, followed by its part in those of
            the second one, in equally many columns.
        statistic: The score as a function of the sums of one model.
        seed: Random seed of the bootstrap and the swaps.
        n_swaps: Number of swaps.
    """
    half = counts.distinct.shape[1] // 2

    def difference(sums: Floats) -> Floats:
        return np.asarray(statistic(sums[:, :half]) - statistic(sums[:, half:]))

    interval = bootstrap_interval(counts, difference, seed=seed)
    return PairedDifference(
        difference=float(difference(_sums(counts))[0]),
        low=interval.low,
        high=interval.high,
        p_value=_swap_p_value(counts, difference, seed, n_swaps),
        method=f"interval: {interval.method}; p-value: randomization test, {n_swaps:,} swaps over"
        f" {counts.unit}",
    )


def _swap_p_value(counts: GroupCounts, difference: Statistic, seed: int, n_swaps: int) -> float:
    """Return the fraction of swaps whose difference is at least as large as the observed one."""
    half = counts.distinct.shape[1] // 2
    gains = counts.distinct[:, half:] - counts.distinct[:, :half]
    differ = np.asarray(abs(gains).sum(axis=1)).ravel() > 0
    gains, multiplicity = gains[np.flatnonzero(differ)], counts.multiplicity[differ]
    sums = _sums(counts)
    observed = abs(float(difference(sums)[0]))
    rng = np.random.default_rng(seed)
    at_once = max(1, _CELLS_AT_ONCE // max(1, len(multiplicity), sums.shape[1]))
    n_as_large = 0
    for start in range(0, n_swaps, at_once):
        shape = (min(at_once, n_swaps - start), len(multiplicity))
        moved = rng.binomial(multiplicity, 0.5, size=shape) @ gains
        swapped = sums + np.hstack([moved, -moved])
        n_as_large += int((np.abs(difference(swapped)) >= observed - 1e-12).sum())
    return (1 + n_as_large) / (1 + n_swaps)


def ratio(sums: Floats) -> Floats:
    """Divide the first of two sums by the second, float64 [draws, 2]: float64 [draws]."""
    return np.asarray(sums[:, 0] / sums[:, 1])


def _sums(counts: GroupCounts) -> Floats:
    """Sum over all groups: float64 [1, sums]."""
    return np.asarray(counts.multiplicity @ counts.distinct)[None, :]


def _drawn_sums(counts: GroupCounts, seed: int, n_resamples: int) -> Floats:
    """Draw as many groups as there are, with replacement: float64 [n_resamples, sums]."""
    # Whole numbers in float64 add up exactly: the threads of a matrix product can't change them.
    rng = np.random.default_rng(seed)
    share = counts.multiplicity / counts.n_groups
    at_once = max(1, _CELLS_AT_ONCE // len(share))
    drawn = [
        rng.multinomial(counts.n_groups, share, size=min(at_once, n_resamples - start))
        @ counts.distinct
        for start in range(0, n_resamples, at_once)
    ]
    return np.concatenate(drawn)


def _tail_for_few_groups(n_groups: int) -> float:
    """Return the tail probability of the interval at either end (Hesterberg 2015, section 4.3).

    A percentile interval corresponds to a normal interval whose variance is divided by n instead of
    n - 1. The tail probability for which it is as wide as Student's t interval with the correct
    variance is 0.025 for many groups, and lower for few: 0.0047 for 5.
    """
    from scipy.special import ndtr, stdtrit  # scipy.stats takes long to import

    quantile = stdtrit(n_groups - 1, (1 - LEVEL) / 2) * np.sqrt(n_groups / (n_groups - 1))
    return float(ndtr(quantile))


def _sign_flip_p_value(counts: GroupCounts) -> float:
    """Return the fraction of all sign patterns whose sum is at least as far from 0 as observed.

    The distribution of the sum is computed, not sampled: its characteristic function is the product
    of cos(d * angle) over the groups' differences d, and its Fourier transform is the probability
    of every sum. Accurate to about 1e-12, which is also the smallest value returned.
    """
    difference = counts.distinct[:, 0]
    observed = abs(float(difference @ counts.multiplicity))
    reach = int(np.abs(difference) @ counts.multiplicity)
    size = 2 * reach + 1
    angle = 2 * np.pi * np.arange(size) / size
    transform = np.ones(size)
    for d, copies in zip(np.abs(difference), counts.multiplicity, strict=True):
        if d:
            transform *= np.cos(d * angle) ** copies
    probability = np.fft.fft(transform).real / size
    sums = np.fft.fftfreq(size, 1 / size).round()
    return float(np.clip(probability[np.abs(sums) >= observed].sum(), 1e-12, 1.0))
