"""How much a split found without ids inflates a score: `make bench-inflation`.

The tweets' ids are hidden, near duplicates alone make the groups, and a model is evaluated on that
split; its peers are the same model on the split by ids and on a random one. The share of test rows
that have a paraphrase (a row of their id) in train shows what joining has missed; the accuracy on
the other rows of the same test set shows their effect without another test set.
"""

import dataclasses
import sys

import numpy as np

from printing import print_header, print_row
from real_data import read_tweets
from wordgate.experiments.splits import DataSplits, split_table
from wordgate.runtime.progress import Silent
from wordgate.settings import load_settings
from wordgate.training.families import fit
from wordgate.training.fitting import RunContext

SEEDS = (0, 1, 2)
FEWEST = 500  # rows for an accuracy to mean something
MODELS = (("count", "default"), ("lstm", "notebook-fast"))


def main(options: list[str]) -> None:
    """Print a table; `--seeds N` takes only the first N splits."""
    seeds = SEEDS[: int(options[1])] if options[:1] == ["--seeds"] else SEEDS
    with_ids = read_tweets()
    ids = np.array(with_ids.groups)
    without = dataclasses.replace(with_ids, groups=None)
    ways = [("by ids", with_ids, "grouped"), ("found without ids", without, "grouped"),
            ("random", with_ids, "random")]  # fmt: skip
    print_header("model", "split", "seed", "accuracy", "paraphrase in train",
                 "accuracy on the others")  # fmt: skip
    reached: dict[tuple[str, str], list[float]] = {}
    for seed in seeds:
        for way, table, kind in ways:
            settings = load_settings("default", {"split": kind})
            splits = split_table(table, settings, seed)
            known = np.isin(ids[splits.split.test], ids[splits.split.train])
            for family, recipe in MODELS:
                right = _right(splits, family, recipe, seed)
                others = f"{right[~known].mean():.3f}" if (~known).sum() >= FEWEST else ""
                print_row(f"{family} ({recipe})", way, seed, f"{right.mean():.3f}",
                          f"{known.mean():.1%}", others)  # fmt: skip
                reached.setdefault((family, way), []).append(float(right.mean()))
    for family, recipe in MODELS:
        honest = np.array(reached[family, "by ids"])
        for way in ("found without ids", "random"):
            points = 100 * (np.array(reached[family, way]) - honest)
            print(f"{family} ({recipe}), {way}: {points.mean():+.1f} points over the split by ids"
                  f" (splits: {', '.join(f'{one:+.1f}' for one in points)})")  # fmt: skip


def _right(splits: DataSplits, family: str, recipe: str, seed: int) -> np.ndarray:
    """Fit a model; return which test rows it labels correctly, bool [n_test]."""
    context = RunContext(seed, Silent())
    fitted = fit(family, splits.fit_data(None), load_settings(recipe), context)
    return fitted.model.log_proba(splits.test.texts).argmax(axis=1) == splits.test.targets


if __name__ == "__main__":
    main(sys.argv[1:])
