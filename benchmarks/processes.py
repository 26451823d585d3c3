"""Fitting an LSTM in several processes: `make bench-processes`.

The peer is the same fit in one process. The fits alternate, and include the start of the processes.
Texts are the first tweets of *twitter-entity-sentiment*.

    python benchmarks/processes.py --recipe notebook-fast --texts 12000 --epochs 1 --repeats 3

With `--accuracy` it trains one candidate in 1, 2 and 4 processes of one thread each, on two splits
by groups of as many tweets, and prints their accuracies on the test rows.

    python benchmarks/processes.py --accuracy --texts 12000
"""

import argparse
import statistics
import time

import numpy as np

from printing import print_header, print_row
from real_data import read_tweets
from training.rows import tweets
from wordgate.data.dataset import Dataset
from wordgate.experiments.reading import limit_rows
from wordgate.runtime.cpu import available_cores, processor
from wordgate.runtime.progress import Silent
from wordgate.settings import load_settings
from wordgate.split.splits import grouped_split
from wordgate.training.families import fit
from wordgate.training.fitting import FitData, RunContext

LABELS = ["Negative", "Neutral", "Positive"]
WORLD_SIZES = (1, 2, 4)


def main() -> None:
    """Print a table of the ways to fit a recipe."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--recipe", default="default")
    parser.add_argument("--texts", type=int, default=12_000)
    parser.add_argument("--epochs", type=int, default=1)
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument("--accuracy", action="store_true")
    options = parser.parse_args()
    if options.accuracy:
        print_accuracies(options.recipe, options.texts)
        return
    settings = load_settings(options.recipe, {"lstm.epochs": options.epochs, "lstm.min_updates": 0})
    data, cores = first_texts(options.texts), available_cores()
    ways = {
        "one process, one thread": (1, 1),
        f"one process, {cores} threads": (cores, 1),
        f"{cores} processes, a part of every batch each": (cores, cores),
        "wordgate's choice": (cores, None),
    }
    seconds_of(first_texts(1000), settings, cores, 1)  # imports torch
    seconds = [
        [seconds_of(data, settings, *way) for way in ways.values()] for _ in range(options.repeats)
    ]
    print(f"{processor()}, {cores} cores; recipe {options.recipe}, {options.texts:,} texts,")
    print(f"{options.epochs} epochs of each candidate; medians of {options.repeats}\n")
    print_header("fit", "s", "speed relative to one thread")
    for number, way in enumerate(ways):
        taken = [run[number] for run in seconds]
        ratio = statistics.median(run[0] / run[number] for run in seconds)
        print_row(way, f"{statistics.median(taken):.1f}", f"{ratio:.2f}")


def print_accuracies(recipe, count):
    """Print a table of test accuracies by seed and number of processes."""
    settings = load_settings(recipe, {"lstm.lighter_candidate": False})
    table = read_tweets()
    print_header("seed", *(f"processes: {n}" for n in WORLD_SIZES), "test rows")
    for seed in (0, 1):
        own = limit_rows(table, count, seed)
        split = grouped_split(own.texts, own.labels, own.groups, seed=seed)
        targets = np.array([LABELS.index(label) for label in own.labels])
        rows = Dataset(own.texts, targets, own.groups)
        data = FitData(rows.part(split.train), rows.part(split.valid), LABELS)
        test = rows.part(split.test)
        accuracies = []
        for size in WORLD_SIZES:
            context = RunContext(seed, Silent(), "cpu", size, processes=size)
            predicted = fit("lstm", data, settings, context).model.log_proba(test.texts)
            accuracies.append(float((predicted.argmax(axis=1) == test.targets).mean()))
        print_row(seed, *(f"{accuracy:.3f}" for accuracy in accuracies), f"{len(test):,}")


def first_texts(count):
    """Give so many tweets to train on, and a tenth of that to validate on."""
    table, targets = tweets()
    everything = Dataset(table.texts, targets, table.groups)
    rows = np.arange(count + count // 10)
    return FitData(everything.part(rows[:count]), everything.part(rows[count:]), LABELS)


def seconds_of(data, settings, threads, processes):
    """Time a fit."""
    context = RunContext(0, Silent(), "cpu", threads, processes=processes)
    started = time.perf_counter()
    fit("lstm", data, settings, context)
    return time.perf_counter() - started


if __name__ == "__main__":
    main()
