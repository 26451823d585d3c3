"""Accuracy on random and grouped splits: `make bench-results`.

Peers, fitted on the same split in the same run: the most frequent label, and word counts with
logistic regression. Each row is one `wordgate train` in a process of its own; the movie reviews'
row is a ten-fold cross-validation of `WordgateClassifier`.
"""

import json
import subprocess
import tempfile
from pathlib import Path

import numpy as np
from sklearn.model_selection import StratifiedKFold, cross_val_score

from command import COMMAND
from printing import print_header, print_row
from real_data import real_file
from wordgate import WordgateClassifier
from wordgate.data import read_table

RUNS = [
    ("default, grouped", ()),
    ("default, random", ("--split", "random")),
    ("notebook-fast, grouped", ("--recipe", "notebook-fast")),
    ("notebook-fast, random", ("--recipe", "notebook-fast", "--split", "random")),
]
FOLDS = 10


def main() -> None:
    """Print the table."""
    print("Tweets, 3 labels, seed 0")
    print_header("recipe, split", "accuracy", "95% interval", "count", "most frequent label",
                 "group in train", "near duplicate in train", "fit s", "wall s",
                 "peak MB")  # fmt: skip
    for name, options in RUNS:
        print_row(name, *_cells(_train(options)))
    print(f"\nMovie reviews, {FOLDS} folds, accuracy")
    for model in ("lstm", "count"):
        scores = _cross_validate(model)
        print(
            f"{model}: mean {scores.mean():.4f}, from {scores.min():.4f} to {scores.max():.4f}",
            flush=True,
        )


def _train(options: tuple[str, ...]) -> dict[str, object]:
    with tempfile.TemporaryDirectory() as folder:
        command = [
            *COMMAND, "train", real_file("twitter_training.csv"), "--drop-label", "Irrelevant",
            "--seed", "0", "--out", Path(folder) / "model", "--json", *options,
        ]  # fmt: skip
        done = subprocess.run(command, capture_output=True, text=True, check=True)
    return json.loads(done.stdout)


def _cells(metrics: dict[str, object]) -> list[str]:
    interval = metrics["intervals"]["accuracy"]
    split, baselines = metrics["split"], metrics["baselines"]
    return [
        f"{metrics['accuracy']:.3f}",
        f"{interval['low']:.3f} to {interval['high']:.3f}",
        f"{baselines['count']['accuracy']:.3f}",
        f"{baselines['majority']['accuracy']:.3f}",
        f"{split['leaked_by_group'] / split['n_test']:.1%}",
        f"{split['near_duplicates_in_train'] / split['n_test']:.1%}",
        f"{metrics['train_seconds']:.0f}",
        f"{metrics['wall_seconds']:.0f}",
        f"{metrics['peak_memory_mb']:,.0f}",
    ]


def _cross_validate(model: str) -> np.ndarray:
    table = read_table(real_file("movie_reviews.csv"))
    folds = StratifiedKFold(FOLDS, shuffle=True, random_state=0)
    classifier = WordgateClassifier(model=model)
    return cross_val_score(classifier, np.array(table.texts), np.array(table.labels), cv=folds)


if __name__ == "__main__":
    main()
