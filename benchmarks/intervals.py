"""How often the 95 % interval of accuracy holds the truth: `make bench-intervals`.

1,000 tests are drawn, each of so many groups of six copies that are mostly right or wrong together
(beta-distributed shares; the truth is 0.6). The interval that resamples groups must hold the truth
in 93 to 97 of a hundred tests; its peer, the usual interval that resamples rows, is what a test of
copies makes of an honest-looking figure.
"""

import numpy as np

from wordgate.evaluation.intervals import Interval, accuracy_interval, count_by_group

SIMULATIONS, COPIES, TRUTH = 1000, 6, 0.6
GROUPS = (8, 25, 150, 1000)


def main() -> None:
    """Print the table."""
    print("| groups | rows | groups resampled: held | width | rows resampled: held | width |")
    print("|---|---|---|---|---|---|")
    for n_groups in GROUPS:
        by_group, by_row = zip(*(_intervals(n_groups, seed) for seed in range(SIMULATIONS)),
                               strict=True)  # fmt: skip
        print(f"| {n_groups:,} | {n_groups * COPIES:,} | {_told(by_group)} | {_told(by_row)} |",
              flush=True)  # fmt: skip


def _intervals(n_groups: int, seed: int) -> tuple[Interval, Interval]:
    """Draw one test and find its interval both ways."""
    rng = np.random.default_rng([n_groups, seed])
    of_group = rng.beta(TRUTH, 1 - TRUTH, size=n_groups)
    right = (rng.random((n_groups, COPIES)) < of_group[:, None]).astype(np.int64).ravel()
    groups = np.repeat(np.arange(n_groups), COPIES).astype(str).tolist()
    adds = np.stack([right, np.ones_like(right)], axis=1)
    by_group, by_row = (
        accuracy_interval(count_by_group(adds, unit), _share, seed=seed) for unit in (groups, None)
    )
    return by_group, by_row


def _told(intervals: tuple[Interval, ...]) -> str:
    ends = np.array([(one.low, one.high) for one in intervals], dtype=np.float64)
    held = (ends[:, 0] <= TRUTH) & (ends[:, 1] >= TRUTH)
    return f"{held.mean():.1%} | {(ends[:, 1] - ends[:, 0]).mean():.3f}"


def _share(sums: np.ndarray) -> np.ndarray:
    return np.asarray(sums[:, 0] / sums[:, 1])


if __name__ == "__main__":
    main()
