"""Accuracy with dropout masks shared by a batch: `make bench-masks`.

Recipe `notebook-fast` on the grouped split, with masks that a batch shares and with a mask for
each text (the peer, as Gal & Ghahramani 2016 draw them), everything else alike, in float32. Five
seeds, each with another split, initial weights and order. Equivalent means: the 90%
interval of the mean difference lies within 0.3 points either way (two one-sided t tests at 5%).
"""

import sys

import numpy as np
from scipy import stats

from printing import print_header, print_row
from real_data import read_tweets
from wordgate.experiments.splits import split_table
from wordgate.runtime.progress import Silent
from wordgate.settings import load_settings
from wordgate.training.families import fit
from wordgate.training.fitting import RunContext

RECIPE, MARGIN, SEEDS = "notebook-fast", 0.3, 5
WAYS = ("batch", "text")


def main() -> None:
    """Print an accuracy for each seed and way, and what they come to."""
    seeds = int(sys.argv[2]) if sys.argv[1:2] == ["--seeds"] else SEEDS
    table = read_tweets()
    print(f"Recipe {RECIPE}, grouped split: accuracy on test\n")
    print_header("seed", "one mask per batch", "one mask per text", "difference, points")
    differences = []
    for seed in range(seeds):
        splits = split_table(table, load_settings(RECIPE), seed)
        shared, own = (accuracy(splits, way, seed) for way in WAYS)
        differences.append(100 * (shared - own))
        print_row(seed, f"{shared:.4f}", f"{own:.4f}", f"{differences[-1]:+.2f}")
    print_conclusion(np.array(differences))


def accuracy(splits, way: str, seed: int) -> float:
    """Fit with masks drawn one way, and evaluate on test."""
    settings = load_settings(RECIPE, {"lstm.dropout_masks": way, "lstm.precision": "float32"})
    fitted = fit("lstm", splits.fit_data(None), settings, RunContext(seed, Silent(), "cpu"))
    chosen = fitted.model.log_proba(splits.test.texts).argmax(axis=1)
    return float((chosen == splits.test.targets).mean())


def print_conclusion(differences: np.ndarray) -> None:
    """Print whether the two are equivalent."""
    mean, error = differences.mean(), stats.sem(differences)
    low, high = stats.t.interval(0.9, len(differences) - 1, mean, error)
    inside = low > -MARGIN and high < MARGIN
    conclusion = "equivalent" if inside else "not shown to be equivalent"
    print(
        f"\nMask per batch minus mask per text: {mean:+.2f} points, 90% interval {low:+.2f} to"
        f" {high:+.2f}: {conclusion} within {MARGIN} points."
    )


if __name__ == "__main__":
    main()
