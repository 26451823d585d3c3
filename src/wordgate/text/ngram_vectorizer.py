"""Counts and TF-IDF weights of the n-grams of texts, by a fitted vocabulary.

Shapes: ``n`` texts, ``ngrams`` known n-grams, ``total`` entries of all texts, concatenated.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import chain
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from wordgate.storage.arrays import row_indices
from wordgate.text.ngram_counts import (
    NgramCounts,
    count_characters,
    count_occurrences,
    count_words,
)
from wordgate.text.ngrams import Analyzer, character_ngrams, spaced_words, word_ngrams

Weighting = Literal["counts", "tfidf"]
_WORDS_CACHED = 100_000


@dataclass(frozen=True)
class SparseRows:
    """The n-grams of texts and their values, row by row.

    Attributes:
        ids: int64 or int32 [total], ids of n-grams.
        values: float64 [total].
        lengths: int64 [n], number of entries of each text.
    """

    ids: NDArray[np.integer[Any]]
    values: NDArray[np.float64]
    lengths: NDArray[np.int64]


class NgramVectorizer:
    """Converts texts to counts or TF-IDF weights of known n-grams of one kind.

    Args:
        analyzer: N-grams of ``words``, or of ``characters`` inside words.
        ngram_range: Minimum and maximum length of n-grams.
        vocabulary: The known n-grams in the order of their ids.
        frequencies: int32 [ngrams], number of training texts with each n-gram; None for plain
            counts.
        n_texts: Number of training texts; 0 for plain counts.
    """

    def __init__(
        self,
        analyzer: Analyzer,
        ngram_range: tuple[int, int],
        vocabulary: Sequence[str],
        frequencies: NDArray[np.int32] | None = None,
        n_texts: int = 0,
    ):
        self.analyzer = analyzer
        self.ngram_range = ngram_range
        self.vocabulary = vocabulary
        self.frequencies = frequencies
        self.n_texts = n_texts
        self._cache: dict[str, NDArray[np.int64]] = {}
        if frequencies is not None:
            self.idf: NDArray[np.float64] = np.log((1.0 + n_texts) / (1.0 + frequencies)) + 1.0

    @cached_property
    def _ids(self) -> dict[str, int]:
        return {ngram: number for number, ngram in enumerate(self.vocabulary)}

    def copy(self) -> "NgramVectorizer":
        """Return a copy without the dictionary of n-grams, which is built for the first text."""
        return NgramVectorizer(
            self.analyzer, self.ngram_range, self.vocabulary, self.frequencies, self.n_texts
        )

    @classmethod
    def fit(
        cls,
        texts: Sequence[str],
        analyzer: Analyzer,
        ngram_range: tuple[int, int],
        min_texts: int,
        weighting: Weighting,
        check: Callable[[], None] = lambda: None,
    ) -> tuple["NgramVectorizer", NgramCounts]:
        """Find the n-grams that occur in at least `min_texts` texts, sorted.

        `check` is called before each chunk of texts, and may raise an error to stop.

        Returns:
            The vectorizer, and the counts of the n-grams in the texts, which are read only once.

        Raises:
            DataError: A temporary file cannot be written.
        """
        count = count_words if analyzer == "words" else count_characters
        vocabulary, frequencies, counts = count(texts, ngram_range, min_texts, check)
        if weighting == "counts":
            return cls(analyzer, ngram_range, vocabulary), counts
        return cls(analyzer, ngram_range, vocabulary, frequencies, len(texts)), counts

    def __len__(self) -> int:
        """The number of known n-grams."""
        return len(self.vocabulary)

    def transform(self, texts: Sequence[str]) -> SparseRows:
        """Compute the counts or TF-IDF weights of texts; see `weigh`."""
        return self.weigh(*self.lookup(texts))

    def weigh(self, ids: NDArray[np.int64], lengths: NDArray[np.int64]) -> SparseRows:
        """Compute counts or TF-IDF weights from ids and lengths that `lookup` returned.

        With plain counts, an n-gram that occurs twice has two entries of 1. With TF-IDF, it has one
        of (1 + ln count) * (ln((1 + texts) / (1 + frequency)) + 1), and the entries of each text
        are scaled to unit length (Salton & Buckley 1988; as ``smooth_idf`` in scikit-learn).
        """
        if self.frequencies is None:
            return SparseRows(ids, np.ones(len(ids)), lengths)
        return self.weigh_counts(*count_occurrences(ids, lengths, len(self)))

    def weigh_counts(
        self,
        ids: NDArray[np.integer[Any]],
        counts: NDArray[np.integer[Any]],
        lengths: NDArray[np.int64],
    ) -> SparseRows:
        """Compute the values of n-grams from their counts, as in `NgramCounts`."""
        if self.frequencies is None:
            return SparseRows(ids, counts.astype(np.float64), lengths)
        rows = row_indices(lengths)
        values = (1.0 + np.log(counts)) * self.idf[ids]
        squares = np.bincount(rows, values * values, minlength=len(lengths))
        values /= np.sqrt(squares)[rows]
        return SparseRows(ids, values, lengths)

    def lookup(self, texts: Sequence[str]) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
        """Return the ids of the known n-grams of texts.

        Returns:
            The ids, int64 [total], and the number of ids of each text, int64 [n].
        """
        if self.analyzer == "characters":
            return self._known_characters(texts)
        ids = self._ids
        rows = [
            [ids[ngram] for ngram in word_ngrams(text, self.ngram_range) if ngram in ids]
            for text in texts
        ]
        lengths = np.fromiter(map(len, rows), dtype=np.int64, count=len(texts))
        flat = chain.from_iterable(rows)
        return np.fromiter(flat, dtype=np.int64, count=int(lengths.sum())), lengths

    def _known_characters(
        self, texts: Sequence[str]
    ) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
        words = [spaced_words(text) for text in texts]
        parts = [self._ngrams_of(word) for text in words for word in text]
        if not parts:
            return np.zeros(0, np.int64), np.zeros(len(texts), np.int64)
        ends = np.cumsum([0, *map(len, parts)])
        last_words = np.cumsum([0, *map(len, words)])
        return np.concatenate(parts), np.diff(ends[last_words])

    def _ngrams_of(self, word: str) -> NDArray[np.int64]:
        """Return the ids of the n-grams in a word, cached: most words occur in many texts."""
        known = self._cache.get(word)
        if known is None:
            ids = self._ids
            ngrams = character_ngrams(word, self.ngram_range)
            known = np.array([ids[ngram] for ngram in ngrams if ngram in ids], np.int64)
            if len(self._cache) >= _WORDS_CACHED:
                self._cache.clear()
            self._cache[word] = known
        return known
