"""The gain of distilled word vectors on unseen groups: `make bench-pretrained`.

Recipe `default` with and without word vectors distilled from MiniLM, beside word counts with
logistic regression and TF-IDF of words and characters with a linear SVM, on the same folds of whole
groups: five of the tweets, near duplicates joined as by `wordgate train --folds 5`, and ten of the
movie reviews. The vectors of a fold are distilled for the words of its training texts alone. Every
row is a test row once; differences are paired by group.
"""

import hashlib
import sys
import time
from statistics import median

import numpy as np
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.pipeline import make_pipeline, make_union
from sklearn.svm import LinearSVC

from printing import print_header, print_row
from real_data import real_file
from word_vectors import distilled
from wordgate import WordgateClassifier
from wordgate.data import read_table
from wordgate.dedup.near_duplicates import find_near_duplicates
from wordgate.evaluation.intervals import paired_difference
from wordgate.split.folds import grouped_folds

OURS = "default with distilled vectors"
DATA = {
    "tweets": ("twitter_training.csv", {"drop_labels": ["Irrelevant"]}, 5),
    "reviews": ("movie_reviews.csv", {}, 10),
}


class SVM:
    """TF-IDF of 1 to 3 words and 2 to 5 characters with a linear SVM.

    `C` is the inverse of its regularisation: 1 is scikit-learn's default, 0.1 what our own word
    counts take.
    """

    def __init__(self, C=1.0):  # noqa: N803
        self.C = C

    def fit(self, texts, labels, groups):  # noqa: ARG002
        """Fit it; groups have no part."""
        words = TfidfVectorizer(ngram_range=(1, 3), sublinear_tf=True, min_df=2)
        characters = TfidfVectorizer(
            analyzer="char_wb", ngram_range=(2, 5), sublinear_tf=True, min_df=2
        )
        self.model = make_pipeline(make_union(words, characters), LinearSVC(C=self.C))
        self.model.fit(texts, labels)
        return self

    def predict(self, texts):
        """Give each text its label."""
        return self.model.predict(texts)


class Distilled(WordgateClassifier):
    """Recipe `default` over vectors distilled for the words of its training texts alone."""

    def fit(self, texts, labels, groups):
        """Distil, then train; the digest of the texts identifies them."""
        digest = hashlib.sha256("\0".join(texts).encode()).hexdigest()[:16]
        self.vectors = distilled(f"train-{digest}", texts)
        started = time.monotonic()
        super().fit(texts, labels, groups)
        self.seconds = time.monotonic() - started
        return self


PEERS = {
    OURS: Distilled,
    "default without": WordgateClassifier,
    "word counts + logistic regression": lambda: WordgateClassifier(model="count"),
    "TF-IDF of words and characters + linear SVM": SVM,
    "the same, regularised (C = 0.1)": lambda: SVM(C=0.1),
}


def main() -> None:
    """Print a table for each data set named, or for all."""
    for name in sys.argv[1:] or DATA:
        file, reading, n_folds = DATA[name]
        evaluate_models(name, read_table(real_file(file), **reading), n_folds)


def evaluate_models(name, table, n_folds) -> None:
    """Cross-validate every peer on the same folds, and print what they come to."""
    texts, labels = np.array(table.texts, object), np.array(table.labels)
    groups = np.array(find_near_duplicates(table.texts, table.groups).joined.groups, object)
    fold_of_row = grouped_folds(list(groups), table.labels, n_folds, seed=0)
    print(f"\n{name}: {len(texts):,} rows, {n_folds} folds of whole groups\n")
    print_header(
        "model", "accuracy", "each fold", "default with vectors minus this", "p", "s per fold"
    )
    right = {}
    for peer, made in PEERS.items():
        right[peer], seconds = np.zeros(len(texts), bool), []
        for fold in range(n_folds):
            test = fold_of_row == fold
            started = time.monotonic()
            model = made().fit(list(texts[~test]), labels[~test], list(groups[~test]))
            seconds.append(getattr(model, "seconds", time.monotonic() - started))
            right[peer][test] = model.predict(list(texts[test])) == labels[test]
        folds = [right[peer][fold_of_row == fold].mean() for fold in range(n_folds)]
        each = " ".join(f"{accuracy:.3f}" for accuracy in folds)
        less, p = "", ""
        if peer != OURS:
            paired = paired_difference(right[OURS], right[peer], list(groups), seed=0)
            points = [100 * share for share in (paired.difference, paired.low, paired.high)]
            less = "{:+.2f} ({:+.2f} to {:+.2f})".format(*points)
            p = f"{max(paired.p_value, 1e-4):.4f}"
        print_row(peer, f"{np.mean(folds):.4f}", each, less, p, f"{median(seconds):.0f}")


if __name__ == "__main__":
    main()
