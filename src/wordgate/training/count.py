"""Fitting the family `count`, the one that every other has to beat."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from wordgate.models.count import CountModel
from wordgate.runtime.cpu import single_thread_environment
from wordgate.runtime.progress import stage
from wordgate.settings import Settings
from wordgate.text.ngrams import Analyzer, NgramVectorizer, text_chunks
from wordgate.training.fitting import TIME_LIMIT, FitData, Fitted, RunContext
from wordgate.training.logistic import in_time, search_regularization
from wordgate.training.weights import loss_weights

if TYPE_CHECKING:
    from scipy.sparse import csr_matrix


def fit_count(data: FitData, settings: Settings, context: RunContext) -> Fitted:
    """Fit words and characters, as `wordgate.training.families.fit` does; nothing is random.

    Validation chooses the strength of regularization; with several labels per text that is one for
    all of them, by their mean log loss. A label without texts gets the probability 0, or, with
    several labels per text, always `prior_log_odds`. Once time is up, a second kind of n-grams is
    left out: after the one step of the solver that there is then, it would make the model worse.
    """
    from scipy.sparse import hstack

    data.check_not_empty("word counts", "the strength of regularization")
    train, valid = data.train, data.valid
    ranges: dict[Analyzer, tuple[int, int]] = {
        "words": (1, settings.count.words),
        "characters": (2, settings.count.characters),
    }
    kinds = [kind for kind, (_, longest) in ranges.items() if longest]
    min_texts, weights = settings.count.min_texts, settings.count.weights
    with stage(context.progress, "Finding n-grams"):
        vectorizers = [
            NgramVectorizer.fit(train.texts, kind, ranges[kind], min_texts, weights)
            for kind in in_time(kinds, context.deadline)
        ]
    sizes = " and ".join(
        f"{len(vectorizer):,} {vectorizer.analyzer.removesuffix('s')} n-grams"
        for vectorizer in vectorizers
    )
    with stage(context.progress, f"Counting {sizes} in {len(train):,} texts"):
        blocks = [
            count_matrix([vectorizer], train.texts)
            for vectorizer in in_time(vectorizers, context.deadline)
        ]
        vectorizers = vectorizers[: len(blocks)]
        of_train = hstack(blocks, format="csr")
        of_valid = count_matrix(vectorizers, valid.texts)
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
    late = [
        f"{TIME_LIMIT}left no time for n-grams of {kind}." for kind in kinds[len(vectorizers) :]
    ]
    return Fitted(
        CountModel(vectorizers, linear.coefficients, linear.intercepts, data.multilabel),
        remarks=[*choice.remarks(), *late],
        engine=single_thread_environment("scipy"),
    )


def count_matrix(
    vectorizers: Sequence[NgramVectorizer],
    texts: Sequence[str],
    dtype: type[np.floating[Any]] = np.float32,
) -> "csr_matrix":
    """Lay the values of all texts side by side: sparse [n, ngrams] of the type asked for."""
    from scipy.sparse import hstack

    return hstack([_block(one, texts, dtype) for one in vectorizers], format="csr")


def _block(
    vectorizer: NgramVectorizer, texts: Sequence[str], dtype: type[np.floating[Any]]
) -> "csr_matrix":
    from scipy.sparse import csr_matrix, vstack

    parts = [csr_matrix((0, len(vectorizer)), dtype=dtype)]
    for part in text_chunks(texts):
        rows = vectorizer.transform(part)
        starts = np.concatenate([[0], np.cumsum(rows.lengths)]).astype(np.int32)
        data = (rows.values.astype(dtype), rows.ids.astype(np.int32), starts)
        matrix = csr_matrix(data, (len(part), len(vectorizer)))
        matrix.sum_duplicates()
        parts.append(matrix)
    return vstack(parts, format="csr")
