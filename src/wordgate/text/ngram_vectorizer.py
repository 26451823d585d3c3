"""Counts and TF-IDF weights of the n-grams of texts, by a fitted vocabulary.

Shapes: ``n`` texts, ``ngrams`` known n-grams, ``total`` entries of all texts together, end to end.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cached_property
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
        lengths: int64 [n], how many entries are each text's.
    """

    ids: NDArray[np.integer[Any]]
    values: NDArray[np.float64]
    lengths: NDArray[np.int64]


class NgramVectorizer:
    """Turns texts into counts or TF-IDF weights of known n-grams, of one kind.

    Args:
        analyzer: N-grams of ``words``, or of ``characters`` inside words.
        ngram_range: Shortest and longest n-gram.
        vocabulary: The known n-grams in the order of their ids.
        frequencies: int32 [ngrams], in how many training texts each n-gram occurs; None for plain
            counts.
        n_texts: How many training texts there were; 0 for plain counts.
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
        """Return one without the dictionary of n-grams, which the first text builds again."""
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
        """Learn the n-grams of this many texts or more, sorted: the order of rows changes nothing.

        `check` is called before each chunk of texts; an exception of it ends the work.

        Returns:
            The vectorizer, and the n-grams of the texts counted, which are read only once.

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
        """Count or weigh the known n-grams of texts, as `weigh` does."""
        return self.weigh(*self.lookup(texts))

    def weigh(self, ids: NDArray[np.int64], lengths: NDArray[np.int64]) -> SparseRows:
        """Count or weigh n-grams of texts that are ids already, as `lookup` gives them.

        Plain counts give an n-gram that occurs twice two entries of 1. TF-IDF gives it one,
        (1 + ln count) * (ln((1 + texts) / (1 + frequency)) + 1), and scales each text's entries to
        unit length (Salton & Buckley 1988, in scikit-learn's ``smooth_idf`` variant).
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
        """Weigh n-grams that are counted already, as `NgramCounts` has them."""
        if self.frequencies is None:
            return SparseRows(ids, counts.astype(np.float64), lengths)
        rows = row_indices(lengths)
        values = (1.0 + np.log(counts)) * self.idf[ids]
        squares = np.bincount(rows, values * values, minlength=len(lengths))
        values /= np.sqrt(squares)[rows]
        return SparseRows(ids, values, lengths)

    def lookup(self, texts: Sequence[str]) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
        """Look up the n-grams of all texts, one after another; unknown ones are left out.

        Returns:
            Their ids, int64 [total], and how many of them each text has, int64 [n].
        """
        if self.analyzer == "characters":
            return self._known_characters(texts)
        ids = self._ids
        found = [
            [ids[one] for one in word_ngrams(text, self.ngram_range) if one in ids]
            for text in texts
        ]
        lengths = np.fromiter(map(len, found), dtype=np.int64, count=len(texts))
        flat = (number for numbers in found for number in numbers)
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
        """Look up the n-grams in a word, once for all texts: most words stand in many."""
        known = self._cache.get(word)
        if known is None:
            ids = self._ids
            found = character_ngrams(word, self.ngram_range)
            known = np.array([ids[one] for one in found if one in ids], np.int64)
            if len(self._cache) >= _WORDS_CACHED:
                self._cache.clear()
            self._cache[word] = known
        return known
