"""Fitting `count` to several labels per text: `make bench-labels`.

Labels are the tweets' entities and sentiments, 36 together, two per tweet. Peer: scikit-learn's
OneVsRestClassifier of LogisticRegression, at its defaults, over the same n-grams and one value of
C. Seconds are CPU time in one thread, of fitting alone.
"""

import math
import time

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import csr_matrix
from sklearn.linear_model import LogisticRegression
from sklearn.multiclass import OneVsRestClassifier
from threadpoolctl import threadpool_limits

from printing import print_header, print_row
from real_data import tweet_records
from wordgate.settings import load_settings
from wordgate.text.ngram_vectorizer import NgramVectorizer
from wordgate.training.count import count_matrix
from wordgate.training.fitting import validation_scores
from wordgate.training.logistic import Linear, fit_path

N_TRAIN, N_VALID = 4000, 2000
STRENGTHS = (1.0, 30.0)


def main() -> None:
    """Print the table."""
    texts, targets = _tweets(N_TRAIN + N_VALID)
    vectorizers = [
        NgramVectorizer.fit(texts[:N_TRAIN], "words", (1, 3), 2, "tfidf")[0],
        NgramVectorizer.fit(texts[:N_TRAIN], "characters", (2, 5), 2, "tfidf")[0],
    ]
    features = count_matrix(vectorizers, texts)
    train, valid = features[:N_TRAIN], features[N_TRAIN:]
    print(f"{N_TRAIN:,} tweets, {features.shape[1]:,} n-grams, {targets.shape[1]} labels\n")
    print_header("fitted by", "C", "seconds", "log loss on unseen tweets")
    every = load_settings("default").count.c
    for name, fit, c_values in (
        *(("scikit-learn", _theirs, (c,)) for c in STRENGTHS),
        *(("wordgate", _ours, (c,)) for c in STRENGTHS),
        ("wordgate, all of its values of C", _ours, every),
    ):
        started = time.process_time()
        with threadpool_limits(1):
            layers = fit(train, targets[:N_TRAIN], c_values)
        seconds = time.process_time() - started
        loss = min(validation_scores(one.log_proba(valid), targets[N_TRAIN:])[1] for one in layers)
        strengths = ", ".join(f"{c:g}" for c in c_values)
        print_row(name, strengths, f"{seconds:.1f}", f"{loss:.4f}")


def _tweets(n: int) -> tuple[list[str], NDArray[np.int64]]:
    """Draw tweets, and the matrix of their entities and sentiments, int64 [n, labels]."""
    rows = list(tweet_records())
    drawn = [rows[i] for i in np.random.default_rng(0).permutation(len(rows))[:n]]
    pairs = np.array([row[1:3] for row in drawn])
    targets = np.hstack([column[:, None] == np.unique(column) for column in pairs.T])
    return [row[3] for row in drawn], targets.astype(np.int64)


def _ours(
    features: csr_matrix, targets: NDArray[np.int64], c_values: tuple[float, ...]
) -> list[Linear]:
    path = fit_path(features, targets, targets.shape[1], c_values, deadline=math.inf)
    return [linear for _, linear in path]


def _theirs(
    features: csr_matrix, targets: NDArray[np.int64], c_values: tuple[float, ...]
) -> list[Linear]:
    (c,) = c_values
    fitted = OneVsRestClassifier(LogisticRegression(C=c)).fit(features, targets).estimators_
    coefficients = np.concatenate([one.coef_ for one in fitted]).T.astype(np.float32)
    return [Linear(coefficients, np.concatenate([one.intercept_ for one in fitted]), True)]


if __name__ == "__main__":
    main()
