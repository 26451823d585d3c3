"""`--family auto` beside other searches and default recipes: `make bench-search`.

    python benchmarks/search.py                        all data sets, 10 minutes each: hours
    python benchmarks/search.py --data reviews-200 --minutes 1
    python benchmarks/search.py --tables               only the tables of the results so far
    python benchmarks/search.py price --seeds 20       the selection bias
    python benchmarks/search.py folds --seeds 3        scores on 3, 5 and 10 inner folds of 200 rows

Tweets and movie reviews, each whole and with 1,000 and 200 rows for training (the test rows are
those of the whole); tweets with 20 emoji; and long texts, "threads": eight tweets of one topic
joined, labelled with their most frequent label (`searching/data.py`). All peers
have the same training rows, validation included, and the same test rows, of unseen groups:

- `auto`: `wordgate train --family auto --minutes M`
- `default FAMILY`: `wordgate train --family FAMILY` with its default recipe. `auto` is compared
  with the best of these on the test rows, which is not known beforehand.
- `fasttext`: fastText's autotune for M minutes on a validation set of a tenth of the rows
- `halving`: scikit-learn's HalvingGridSearchCV over TF-IDF and a linear model, 3 folds of groups

Differences are paired tests by group; the interval of a mean resamples data sets. Results are added
to a file as they come, and what is in it already is not run again, so that a run can be stopped.

`price` draws 1,000 rows, and trains `auto` on them with the ordinary split. The score it was chosen
by and the test score are compared with the accuracy on all rows of other groups.

WORDGATE_BENCH_FASTTEXT names an interpreter that has fastText; without it `make` sets up
.venv-fasttext.
"""

import argparse
import tempfile
import time
from pathlib import Path

import numpy as np

import wordgate
from command import RESULTS, circumstances, print_facts
from searching import data as sets
from searching import tables
from searching.noise import noise_table
from searching.peers import AbsentError, peers_of
from wordgate.runtime.progress import Silent

N_PRICE = 1000


def main() -> None:
    """Run the requested part."""
    options = parsed()
    if options.what == "price":
        price(options)
        return
    if options.what == "folds":
        print(noise_table(["reviews", "trec"], options.seeds))
        return
    peers = peers_of(options.families.split(","))
    names = [name for name in peers if not options.peer or name in options.peer]
    if not options.tables:
        for data in options.data or sets.SETS:
            compare(data, {name: peers[name] for name in names}, options)
    results = tables.latest(tables.read(options.out), options.minutes)
    if results:
        print(tables.results_table(results, list(peers)), end="\n\n")
        print(tables.differences_table(results), end="\n\n")
    print_facts(circumstances("wordgate", "scikit-learn", "torch", "optuna"))


def parsed() -> argparse.Namespace:
    """Read the command line."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("what", nargs="?", choices=["sets", "price", "folds"], default="sets")
    parser.add_argument("--minutes", type=float, default=10.0, help="for each search")
    parser.add_argument("--data", action="append", choices=list(sets.SETS), help="one data set")
    parser.add_argument("--peer", action="append", help="one peer, such as 'default lstm'")
    parser.add_argument("--families", default="count,lstm,transformer", help="for the defaults")
    parser.add_argument("--out", type=Path, default=RESULTS / "search.jsonl", help="results file")
    parser.add_argument("--again", action="store_true", help="run what is in the file, too")
    parser.add_argument("--tables", action="store_true", help="run nothing")
    parser.add_argument("--seeds", type=int, default=20, help="of price, or draws of folds")
    parser.add_argument("--first-seed", type=int, default=0, help="of price")
    parser.add_argument("--source", choices=list(sets.TABLES), default="reviews",
                        help="of price")  # fmt: skip
    return parser.parse_args()


def compare(name: str, peers, options: argparse.Namespace) -> None:
    """Run the peers on one data set, and keep their results."""
    known = tables.latest(tables.read(options.out), options.minutes)
    missing = {
        peer: run for peer, run in peers.items() if options.again or (name, peer) not in known
    }
    if not missing:
        return
    with tempfile.TemporaryDirectory() as folder:
        data = sets.SETS[name](Path(folder))
        for peer, run in missing.items():
            result = measured(data, run, Path(folder), options.minutes)
            line = {"data": name, "peer": peer, "minutes": options.minutes, **result}
            tables.append(options.out, line)
            print(f"{name}, {peer}: {tables.cell(line)}", flush=True)


def measured(data: sets.TrainTest, run, folder: Path, minutes: float) -> dict[str, object]:
    """Run one peer: its accuracy, which rows it labels correctly, the selection, the time."""
    sizes = {"n_train": len(data.train.texts), "n": len(data.test.texts)}
    started = time.monotonic()
    try:
        answers = run(data, folder, minutes)
    except AbsentError as error:
        return {**sizes, "absent": str(error)}
    correct = np.array(answers.labels, dtype=object) == np.array(data.test.labels, dtype=object)
    return {
        **sizes,
        "accuracy": float(correct.mean()),
        "chosen": answers.chosen,
        "seconds": time.monotonic() - started,
        "correct": tables.packed(correct),
        "groups": data.test.groups,
    }


def price(options: argparse.Namespace) -> None:
    """Measure how optimistic the score is that a model was chosen by, and whether test covers."""
    table = sets.TABLES[options.source]()
    rows = sets.Rows.of(table)
    seeds = range(options.first_seed, options.first_seed + options.seeds)
    key = {"price": options.source, "minutes": options.minutes}

    def lines() -> list[dict[str, object]]:
        return [one for one in tables.read(options.out) if key.items() <= one.items()]

    known = () if options.again else {one["seed"] for one in lines()}
    for seed in () if options.tables else [seed for seed in seeds if seed not in known]:
        tables.append(options.out, {**key, "seed": seed, **price_of(rows, seed, options.minutes)})
    found = {one["seed"]: one for one in lines()}
    if found:
        print(tables.price_table([one for _, one in sorted(found.items())]))


def price_of(rows: sets.Rows, seed: int, minutes: float) -> dict[str, object]:
    """Search on some rows, and evaluate the selected model on all rows of other groups."""
    rng = np.random.default_rng(seed)
    drawn = rng.permutation(len(rows.texts))[:N_PRICE].tolist()
    groups = rows.groups if rows.groups is not None else rows.texts
    known = {groups[i] for i in drawn}
    unseen = rows.take([i for i, group in enumerate(groups) if group not in known])
    with tempfile.TemporaryDirectory() as folder:
        file = rows.take(drawn).write(Path(folder) / "rows.csv")
        group = {} if rows.groups is None else {"group": "group"}
        training = wordgate.train(
            file,
            model="auto",
            minutes=minutes,
            seed=seed,
            progress=Silent(),
            **sets.COLUMNS,
            **group,
        )
    answers = training.predictor.predict(unseen.texts)
    interval = training.metrics.intervals.accuracy
    return {
        "chosen": training.bundle.config.family,
        "chosen_score": training.metrics.search.chosen_score,
        "test": training.metrics.accuracy,
        "low": interval.low,
        "high": interval.high,
        "truth": float(np.mean([a == b for a, b in zip(answers, unseen.labels, strict=True)])),
        "n_truth": len(answers),
    }


if __name__ == "__main__":
    main()
