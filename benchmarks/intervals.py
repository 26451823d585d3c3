"""Coverage of the 95% intervals of accuracy and F1: `make bench-intervals`.

1,000 test sets are drawn, each of groups of six duplicates that are mostly right or wrong together
(beta-distributed fractions; the true accuracy is 0.6). The interval that resamples groups must
contain it in 93 to 97% of the test sets; its peer is the usual interval that resamples rows.

Then the same of micro and macro F1 for several labels per text: six duplicates have the same of
five labels, and each label is predicted for most of the rows that have it and for some that do not.
"""

import numpy as np

from printing import print_header, print_row
from wordgate.evaluation.error_analysis import Bins
from wordgate.evaluation.intervals import Interval, accuracy_interval, count_by_group, ratio
from wordgate.evaluation.multilabel import evaluate_multilabel
from wordgate.evaluation.multilabel_errors import micro_f1_by_bin

SIMULATIONS, COPIES, TRUTH = 1000, 6, 0.6
GROUPS = (8, 25, 150, 1000)
FREQUENCIES = np.array([0.4, 0.3, 0.2, 0.15, 0.1])
"""Of the labels, in the simulation of several a text."""
RECALL, FALL_OUT = 0.7, 0.1


def main() -> None:
    """Print the tables."""
    one_label()
    print()
    several_labels()


def one_label() -> None:
    """Print how often the interval of accuracy holds the truth."""
    print_header("groups", "rows", "groups resampled: coverage", "width",
                 "rows resampled: coverage", "width")  # fmt: skip
    for n_groups in GROUPS:
        by_group, by_row = zip(*(_intervals(n_groups, seed) for seed in range(SIMULATIONS)),
                               strict=True)  # fmt: skip
        rows = n_groups * COPIES
        print_row(f"{n_groups:,}", f"{rows:,}", *_told(by_group), *_told(by_row))


def _intervals(n_groups: int, seed: int) -> tuple[Interval, Interval]:
    """Draw one test and find its interval both ways."""
    rng = np.random.default_rng([n_groups, seed])
    of_group = rng.beta(TRUTH, 1 - TRUTH, size=n_groups)
    right = (rng.random((n_groups, COPIES)) < of_group[:, None]).astype(np.int64).ravel()
    groups = np.repeat(np.arange(n_groups), COPIES).astype(str).tolist()
    adds = np.stack([right, np.ones_like(right)], axis=1)
    by_group, by_row = (
        accuracy_interval(count_by_group(adds, unit), ratio, seed=seed) for unit in (groups, None)
    )
    return by_group, by_row


def several_labels() -> None:
    """Print how often the intervals of F1 hold the truth."""
    hits = FREQUENCIES * RECALL
    totals = FREQUENCIES + hits + (1 - FREQUENCIES) * FALL_OUT
    micro, macro = float(2 * hits.sum() / totals.sum()), float((2 * hits / totals).mean())
    print_header("groups", "rows", f"micro F1 {micro:.3f}: coverage", "width",
                 f"macro F1 {macro:.3f}: coverage", "width",
                 "rows resampled, micro F1: coverage")  # fmt: skip
    for n_groups in GROUPS[1:]:
        found = [_f1_intervals(n_groups, seed) for seed in range(SIMULATIONS)]
        of_micro, of_macro, by_row = zip(*found, strict=True)
        covered, _ = _told(by_row, micro)
        print_row(f"{n_groups:,}", f"{n_groups * COPIES:,}", *_told(of_micro, micro),
                  *_told(of_macro, macro), covered)  # fmt: skip


def _f1_intervals(n_groups: int, seed: int) -> tuple[Interval, Interval, Interval]:
    """Draw one test of several labels a text: intervals of micro and macro F1, and by rows."""
    rng = np.random.default_rng([n_groups, seed, len(FREQUENCIES)])
    borne = rng.random((n_groups, len(FREQUENCIES))) < FREQUENCIES
    share = np.where(
        borne,
        rng.beta(RECALL, 1 - RECALL, size=borne.shape),
        rng.beta(FALL_OUT, 1 - FALL_OUT, size=borne.shape),
    )
    given = rng.random((n_groups, COPIES, len(FREQUENCIES))) < share[:, None]
    true, given = np.repeat(borne, COPIES, axis=0), given.reshape(-1, len(FREQUENCIES))
    groups = np.repeat(np.arange(n_groups), COPIES).astype(str).tolist()
    labels = [f"label {number}" for number in range(len(FREQUENCIES))]
    log_proba = np.log(np.where(given, 0.9, 0.1))
    by_group = evaluate_multilabel(
        true.astype(np.int64), log_proba, labels, groups, seed=seed
    ).intervals
    all_rows = Bins(("all",), np.zeros(len(true), np.int64))
    [by_row] = micro_f1_by_bin(all_rows, true, given, None, seed=seed)
    return by_group.micro_f1, by_group.macro_f1, by_row.interval


def _told(intervals: tuple[Interval, ...], truth: float = TRUTH) -> tuple[str, str]:
    """Tell how many hold the truth, and how wide they are."""
    ends = np.array([(one.low, one.high) for one in intervals], dtype=np.float64)
    held = (ends[:, 0] <= truth) & (ends[:, 1] >= truth)
    return f"{held.mean():.1%}", f"{(ends[:, 1] - ends[:, 0]).mean():.3f}"


if __name__ == "__main__":
    main()
