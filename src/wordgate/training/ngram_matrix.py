"""Weighted n-grams of texts as a scipy sparse matrix."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from wordgate.text.ngrams import NgramVectorizer, SparseRows, text_chunks

if TYPE_CHECKING:
    from scipy.sparse import csr_matrix


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
