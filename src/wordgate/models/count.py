"""The family `count`: a linear model of word and character n-grams.

Its features are words and neighboring words, not their order in the whole text: it is the baseline
for models of word order.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import accumulate, pairwise
from typing import Any

import numpy as np
from numpy.typing import NDArray

from wordgate.errors import BundleError
from wordgate.models.base import (
    Arrays,
    Description,
    class_log_proba,
    is_multilabel,
    multilabel_part,
    required,
)
from wordgate.storage.arrays import row_indices
from wordgate.text.encoder import EncodedTexts
from wordgate.text.ngram_vectorizer import NgramVectorizer, SparseRows
from wordgate.text.ngrams import ANALYZERS

# The logit of a class without training rows: its probability is 0 in float64, its logarithm finite.
ABSENT_LOGIT = -1e4
FIRST_ID = 1
"""Added to the ids of n-grams in encoded texts, in which 0 is padding."""

_TEXTS_AT_ONCE = 512


@dataclass(frozen=True, eq=False)
class CountModel:
    """A linear model of the weighted counts of known n-grams.

    Args:
        vectorizers: A vectorizer for each kind of n-grams.
        coefficients: float32 or float64 [ngrams, classes], of all vectorizers in their order.
        intercepts: float64 [classes].
        multilabel: Whether a text can have several labels.
    """

    vectorizers: Sequence[NgramVectorizer]
    coefficients: NDArray[np.floating[Any]]
    intercepts: NDArray[np.float64]
    multilabel: bool = False
    family = "count"
    n_threads = 1

    def log_proba(self, texts: Sequence[str]) -> NDArray[np.float64]:
        """Compute log-probabilities, float64 [n, classes]."""
        logits = np.tile(self.intercepts, (len(texts), 1))
        for start in range(0, len(texts), _TEXTS_AT_ONCE):
            part = texts[start : start + _TEXTS_AT_ONCE]
            for vectorizer, (first, end) in self.numbering():
                sums = _sum_by_text(self.coefficients[first:end], vectorizer.transform(part))
                logits[start : start + len(part)] += sums
        return class_log_proba(logits, self.multilabel)

    def log_proba_of(self, encoded: EncodedTexts) -> NDArray[np.float64]:
        """Compute log-probabilities of texts encoded by `encode`, float64 [n, classes]."""
        logits = np.tile(self.intercepts, (len(encoded), 1))
        rows, ngrams = encoded.rows, encoded.ids.astype(np.int64) - FIRST_ID
        for vectorizer, (first, end) in self.numbering():
            own = (first <= ngrams) & (ngrams < end)
            lengths = np.bincount(rows[own], minlength=len(encoded))
            weighed = vectorizer.weigh(ngrams[own] - first, lengths)
            logits += _sum_by_text(self.coefficients[first:end], weighed)
        return class_log_proba(logits, self.multilabel)

    def encode(self, texts: Sequence[str]) -> EncodedTexts:
        """Encode texts as ids of their known n-grams, repeated ones included, by kind."""
        lookups = [vectorizer.lookup(texts) for vectorizer in self.vectorizers]
        rows = [row_indices(lengths) for _, lengths in lookups]
        order = np.concatenate(rows).argsort(kind="stable")
        ids = [
            kind_ids + first + FIRST_ID
            for (kind_ids, _), (_, (first, _)) in zip(lookups, self.numbering(), strict=True)
        ]
        offsets = np.concatenate([[0], np.cumsum(sum(lengths for _, lengths in lookups))])
        return EncodedTexts(np.concatenate(ids)[order].astype(np.int32), offsets)

    def numbering(self) -> Iterator[tuple[NgramVectorizer, tuple[int, int]]]:
        """Return each vectorizer with the index of its first n-gram, and the end index."""
        ends = accumulate(map(len, self.vectorizers), initial=0)
        return zip(self.vectorizers, pairwise(ends), strict=True)

    def with_threads(self, threads: int | None) -> "CountModel":  # noqa: ARG002
        """Return the model itself, which predicts in one thread."""
        return self

    def state(self) -> tuple[Description, Arrays]:
        """Return the complete state of the model: JSON values and arrays."""
        blocks = [
            {
                "kind": vectorizer.analyzer,
                "ngrams": list(vectorizer.ngram_range),
                "n_texts": vectorizer.n_texts,
                "vocabulary": list(vectorizer.vocabulary),
            }
            for vectorizer in self.vectorizers
        ]
        arrays: dict[str, NDArray[Any]] = {
            "coefficients": self.coefficients,
            "intercepts": self.intercepts,
        }
        for vectorizer in self.vectorizers:
            if vectorizer.frequencies is not None:
                arrays[f"{vectorizer.analyzer}.frequencies"] = vectorizer.frequencies
        return {"blocks": blocks, **multilabel_part(self.multilabel)}, arrays

    @classmethod
    def from_state(cls, description: Description, arrays: Arrays) -> "CountModel":
        """Restore a model from its `state`.

        Raises:
            BundleError: A part is missing, or the parts are inconsistent.
        """
        blocks = required(description, "blocks")
        if not (
            isinstance(blocks, list) and blocks and all(isinstance(b, Mapping) for b in blocks)
        ):
            raise BundleError(
                f"the saved count model's setting 'blocks' is {blocks!r:.80};"
                " it must be a list of blocks"
            )
        vectorizers = [_vectorizer(block, arrays) for block in blocks]
        if len({vectorizer.analyzer for vectorizer in vectorizers}) != len(vectorizers):
            raise BundleError("the saved count model has two blocks of the same kind")
        coefficients, intercepts = required(arrays, "coefficients"), required(arrays, "intercepts")
        _check_shapes(sum(map(len, vectorizers)), coefficients, intercepts)
        multilabel = is_multilabel(description)
        return cls(vectorizers, coefficients, intercepts.astype(np.float64), multilabel)


def _sum_by_text(coefficients: NDArray[np.floating[Any]], rows: SparseRows) -> NDArray[np.float64]:
    """Multiply sparse rows by coefficients [ngrams, classes]: float64 [n, classes]."""
    products = coefficients[rows.ids] * rows.values[:, None]
    sums = np.zeros((len(rows.lengths), coefficients.shape[1]))
    filled = rows.lengths > 0  # reduceat needs non-empty segments
    starts = (np.cumsum(rows.lengths) - rows.lengths)[filled]
    if len(starts):
        sums[filled] = np.add.reduceat(products, starts, axis=0)
    return sums


def _vectorizer(block: Mapping[str, Any], arrays: Arrays) -> NgramVectorizer:
    kind, n_texts = required(block, "kind"), required(block, "n_texts")
    ngrams, vocabulary = required(block, "ngrams"), required(block, "vocabulary")
    if kind not in ANALYZERS:
        raise BundleError(
            f"the saved count model counts {kind!r:.80},"
            f" and this version of wordgate only {' and '.join(ANALYZERS)}"
        )
    match ngrams:
        case [int(shortest), int(longest)] if 1 <= shortest <= longest:
            pass
        case _:
            raise BundleError(
                f"the saved count model's setting 'ngrams' is {ngrams!r}; "
                "it must be the shortest and the longest n-gram, such as [1, 3]"
            )
    if not isinstance(vocabulary, list) or not all(isinstance(ngram, str) for ngram in vocabulary):
        raise BundleError("the saved count model's setting 'vocabulary' is not a list of texts")
    if len(set(vocabulary)) != len(vocabulary):
        raise BundleError("the saved count model's vocabulary contains the same n-gram twice")
    frequencies = arrays.get(f"{kind}.frequencies")
    _check_frequencies(frequencies, n_texts, len(vocabulary))
    return NgramVectorizer(kind, (shortest, longest), vocabulary, frequencies, n_texts)


def _check_frequencies(frequencies: NDArray[Any] | None, n_texts: object, n_ngrams: int) -> None:
    """Refuse frequencies that do not fit the number of texts and n-grams."""
    if type(n_texts) is not int or n_texts < 0 or (n_texts > 0) != (frequencies is not None):
        weighted = "frequencies" if frequencies is not None else "no frequencies"
        raise BundleError(
            f"the saved count model's setting 'n_texts' is {n_texts!r:.80}, with {weighted};"
            " it must be a whole number above 0 where there are some, and 0 where there are none"
        )
    if frequencies is None:
        return
    if frequencies.shape != (n_ngrams,) or frequencies.dtype != np.int32:
        raise BundleError(
            f"the saved count model's frequencies are {frequencies.dtype}"
            f" {list(frequencies.shape)} where int32 {[n_ngrams]} belongs"
        )
    if n_ngrams and not 1 <= frequencies.min() <= frequencies.max() <= n_texts:
        raise BundleError(
            f"the saved count model's frequencies go from {frequencies.min()} to"
            f" {frequencies.max()}; they must be between 1 and its {n_texts} texts"
        )


def _check_shapes(n_ngrams: int, coefficients: NDArray[Any], intercepts: NDArray[Any]) -> None:
    if intercepts.ndim != 1:
        raise BundleError(
            f"the saved count model's intercepts have the shape {intercepts.shape}; "
            "they must have one dimension, the classes"
        )
    expected = (n_ngrams, len(intercepts))
    if coefficients.shape != expected:
        raise BundleError(
            f"the saved count model's coefficients have the shape {coefficients.shape}; "
            f"its vocabulary and intercepts need {expected}"
        )
    for name, array in {"coefficients": coefficients, "intercepts": intercepts}.items():
        if array.dtype not in (np.float32, np.float64):
            raise BundleError(
                f"the saved count model's {name} are {array.dtype}, not float32 or float64"
            )
