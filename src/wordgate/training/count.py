"""Fitting the family `count`, the one that every other has to beat."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from wordgate.models.count import CountModel
from wordgate.runtime.cpu import single_thread_environment
from wordgate.runtime.progress import stage
from wordgate.settings import Settings
from wordgate.text.ngrams import Analyzer, NgramVectorizer, SparseRows, text_chunks
from wordgate.training.fitting import FitData, Fitted, RunContext
from wordgate.training.logistic import search_regularization
from wordgate.training.weights import loss_weights

if TYPE_CHECKING:
    from scipy.sparse import csr_matrix


def fit_count(data: FitData, settings: Settings, context: RunContext) -> Fitted:
    """Fit words and characters, as `wordgate.training.families.fit` does; nothing is random.

    Validation chooses the strength of regularization; with several labels per text that is one for
    all of them, by their mean log loss. A label without texts gets the probability 0, or, with
    several labels per text, always `prior_log_odds`.
    """
    data.check_not_empty("word counts", "the strength of regularization")
    train, valid = data.train, data.valid
    with stage(context.progress, "Finding n-grams"):
        vectorizers = _vectorizers(train.texts, settings)
    sizes = " and ".join(
        f"{len(vectorizer):,} {vectorizer.analyzer.removesuffix('s')} n-grams"
        for vectorizer in vectorizers
    )
    with stage(context.progress, f"Counting {sizes} in {len(train):,} texts"):
        of_train, of_valid = (count_matrix(vectorizers, part.texts) for part in (train, valid))
    choice = search_regularization(
        (of_train, train.targets),
        (of_valid, valid.targets),
        data.n_classes,
        settings.count.c,
        weights=loss_weights(data, settings.class_weight),
        progress=context.progress,
        deadline=context.deadline,
    )
    linear = choice.best.linear
    model = CountModel(vectorizers, linear.coefficients, linear.intercepts, data.multilabel)
    return Fitted(model, remarks=choice.remarks(), engine=single_thread_environment("scipy"))


def _vectorizers(texts: Sequence[str], settings: Settings) -> list[NgramVectorizer]:
    """Learn the n-grams that the settings ask for."""
    asked: dict[Analyzer, tuple[int, int]] = {
        "words": (1, settings.count.words),
        "characters": (2, settings.count.characters),
    }
    return [
        NgramVectorizer.fit(texts, kind, ngrams, settings.count.min_texts, settings.count.weights)
        for kind, ngrams in asked.items()
        if ngrams[1]
    ]


def count_matrix(
    vectorizers: Sequence[NgramVectorizer],
    texts: Sequence[str],
    dtype: type[np.floating[Any]] = np.float32,
) -> "csr_matrix":
    """Lay the values of all texts side by side: sparse [n, ngrams] of the type asked for."""
    from scipy.sparse import csr_matrix, hstack, vstack

    parts = []
    for part in text_chunks(texts):
        sides = [
            _matrix(vectorizer.transform(part), len(vectorizer), dtype)
            for vectorizer in vectorizers
        ]
        parts.append(hstack(sides, format="csr"))
    if not parts:
        return csr_matrix((0, sum(map(len, vectorizers))), dtype=dtype)
    return vstack(parts, format="csr")


def _matrix(rows: SparseRows, n_ngrams: int, dtype: type[np.floating[Any]]) -> "csr_matrix":
    from scipy.sparse import csr_matrix

    starts = np.concatenate([[0], np.cumsum(rows.lengths)])
    values = rows.values.astype(dtype)
    shape = (len(rows.lengths), n_ngrams)
    matrix = csr_matrix((values, rows.ids.astype(np.int32), starts.astype(np.int32)), shape)
    matrix.sum_duplicates()
    return matrix
