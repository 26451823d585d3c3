"""Ways to train pretrained word vectors: `make bench-embedding`.

Recipe `default` over word vectors distilled from MiniLM, each way on the same four inner folds of
whole groups of the rows that seed 0's split does not test with. `default` was chosen by the mean
accuracy on the validation parts of these folds; the folds themselves show whether the choice was
right. The vectors are distilled for the words of all these rows, those of the fold included.
"""

import numpy as np

from printing import print_header, print_row
from real_data import read_tweets
from word_vectors import distilled
from wordgate.data.dataset import Dataset
from wordgate.experiments.splits import hold_out, split_table
from wordgate.runtime.progress import Silent
from wordgate.settings import load_settings
from wordgate.split.folds import grouped_folds
from wordgate.training.families import fit
from wordgate.training.fitting import FitData, RunContext
from wordgate.vectors.pretrained import PretrainedVectors

FOLDS = 4
ALONE = {"lstm.vectors_extra_size": 0}
WAYS = {
    "no vectors": None,
    "frozen": {**ALONE, "lstm.vectors_learning_rate": 0},
    "at a lower rate, 1e-4": {**ALONE, "lstm.vectors_learning_rate": 1e-4},
    "trained as drawn ones are without, 5e-4": {**ALONE, "lstm.vectors_learning_rate": 5e-4},
    "frozen for 2 epochs, then 1e-4": {
        **ALONE, "lstm.vectors_learning_rate": 1e-4, "lstm.vectors_frozen_epochs": 2,
    },
    "frozen, beside 50 drawn numbers": {"lstm.vectors_learning_rate": 0},
    "**default**: at 1e-4, beside 50 drawn numbers": {},
    "default, the drawn numbers at 5e-4": {"lstm.vectors_random_learning_rate": 5e-4},
    "default, exact words alone": {"vectors.spelling": "exact"},
    "default, zeros for words without": {"lstm.vectors_missing": "zeros"},
    "default, no more words than train's": {"vectors.more_words": 0},
}  # fmt: skip


def main() -> None:
    """Print a row for each way."""
    table = read_tweets()
    splits = split_table(table, load_settings("default"), 0)
    kept = np.sort(np.concatenate([splits.split.train, splits.split.valid]))
    names = [table.labels[row] for row in kept]
    targets = np.array([splits.labels.index(name) for name in names], np.int64)
    groups = [splits.copies.joined.groups[row] for row in kept]
    rows = Dataset([table.texts[row] for row in kept], targets, groups)
    fold_of_row = grouped_folds(groups, names, FOLDS, seed=0)
    vectors = PretrainedVectors.open(distilled("tweets-inner", rows.texts), Silent())
    print(f"Tweets: {len(rows.texts):,} rows in {FOLDS} inner folds, accuracy\n")
    print_header("word vectors", "validation", "unseen fold", "each fold")
    for way, changes in WAYS.items():
        valid, test = [], []
        for fold in range(FOLDS):
            rest = rows.part(np.flatnonzero(fold_of_row != fold))
            examined = rows.part(np.flatnonzero(fold_of_row == fold))
            fitted = fit_way(rest, splits.labels, vectors, changes)
            valid.append(fitted.history[fitted.best_epoch - 1].valid_accuracy)
            chosen = fitted.model.log_proba(examined.texts).argmax(axis=1)
            test.append((chosen == examined.targets).mean())
        each = ", ".join(f"{accuracy:.4f}" for accuracy in test)
        print_row(way, f"{np.mean(valid):.4f}", f"{np.mean(test):.4f}", each)


def fit_way(rest, labels, vectors, changes):
    """Fit recipe `default` with some settings changed; without vectors if there are none."""
    settings = load_settings("default", changes)
    if changes is not None:
        settings = settings.with_vectors_of(vectors.dim)
    train, valid = hold_out(rest, labels, settings.valid_size, 0)
    data = FitData(train, valid, labels, vectors=None if changes is None else vectors)
    return fit("lstm", data, settings, RunContext(0, Silent(), "cpu"))


if __name__ == "__main__":
    main()
