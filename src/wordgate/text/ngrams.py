"""N-grams of words and characters: extraction, vocabulary, counts and TF-IDF weights.

Shapes: ``n`` texts, ``ngrams`` known n-grams, ``total`` entries of all texts together, end to end.
"""

import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from wordgate.storage.counting import StringCounter
from wordgate.storage.strings import StringArray, select

Analyzer = Literal["words", "characters"]
ANALYZERS: tuple[Analyzer, ...] = ("words", "characters")
Weighting = Literal["counts", "tfidf"]
_WORDS_CACHED = 100_000
_WORD = re.compile(r"\w+")
TEXTS_AT_ONCE, _CHARACTERS_AT_ONCE = 4096, 1_000_000


@dataclass(frozen=True)
class SparseRows:
    """The n-grams of texts and their values, row by row.

    Attributes:
        ids: int64 [total], ids of n-grams.
        values: float64 [total].
        lengths: int64 [n], how many entries are each text's.
    """

    ids: NDArray[np.int64]
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
    ) -> "NgramVectorizer":
        """Learn the n-grams of this many texts or more, sorted: the order of rows changes nothing.

        `check` is called before each chunk of texts; an exception of it ends the work.
        """
        count = _frequent_words if analyzer == "words" else _frequent_characters
        vocabulary, frequencies = count(texts, ngram_range, min_texts, check)
        if weighting == "counts":
            return cls(analyzer, ngram_range, vocabulary)
        return cls(analyzer, ngram_range, vocabulary, frequencies, len(texts))

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
        rows, ids, counts = count_by_text(ids, lengths, len(self))
        values = (1.0 + np.log(counts)) * self.idf[ids]
        squares = np.bincount(rows, values * values, minlength=len(lengths))
        values /= np.sqrt(squares)[rows]
        return SparseRows(ids, values, np.bincount(rows, minlength=len(lengths)))

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


def count_by_text(
    ids: NDArray[np.int64], lengths: NDArray[np.int64], n_ngrams: int
) -> tuple[NDArray[np.int64], NDArray[np.int64], NDArray[np.int64]]:
    """Count how often each n-gram occurs in each text, of ids and lengths as `lookup` gives them.

    Returns:
        Text, n-gram and count of each pair that occurs, int64 [pairs], ordered by text and n-gram.
    """
    keys = np.repeat(np.arange(len(lengths)), lengths) * n_ngrams + ids
    keys.sort()
    first = np.flatnonzero(np.diff(keys, prepend=-1))
    rows, ngrams = np.divmod(keys[first], max(1, n_ngrams))
    return rows, ngrams, np.diff(first, append=len(keys))


def text_chunks(texts: Sequence[str]) -> Iterator[Sequence[str]]:
    """Cut texts into chunks whose n-grams take little memory and time together."""
    start, n_characters = 0, 0
    for place, text in enumerate(texts):
        if place - start == TEXTS_AT_ONCE or (
            n_characters + len(text) > _CHARACTERS_AT_ONCE and place > start
        ):
            yield texts[start:place]
            start, n_characters = place, 0
        n_characters += len(text)
    if start < len(texts):
        yield texts[start:]


def _frequent_words(
    texts: Sequence[str],
    ngram_range: tuple[int, int],
    min_texts: int,
    check: Callable[[], None],
) -> tuple[StringArray, NDArray[np.int32]]:
    """Return the word n-grams of at least `min_texts` texts, sorted, and the number of texts."""
    found = StringCounter()
    for part in text_chunks(texts):
        check()
        found.update(ngram for text in part for ngram in set(word_ngrams(text, ngram_range)))
    return found.at_least(min_texts)


def _frequent_characters(
    texts: Sequence[str],
    ngram_range: tuple[int, int],
    min_texts: int,
    check: Callable[[], None],
) -> tuple[StringArray, NDArray[np.int32]]:
    """Return the same for character n-grams; each word is looked into once."""
    words = set[str]()
    for part in text_chunks(texts):
        check()
        words.update(word for text in part for word in spaced_words(text))
    ngrams = {ngram for word in words for ngram in character_ngrams(word, ngram_range)}
    every = NgramVectorizer("characters", ngram_range, StringArray.of(sorted(ngrams)))
    totals = np.zeros(len(every), np.int64)
    for part in text_chunks(texts):
        check()
        _, ids, _ = count_by_text(*every.lookup(part), len(every))
        totals += np.bincount(ids, minlength=len(every))
    kept = np.flatnonzero(totals >= min_texts)
    return StringArray.of(select(every.vocabulary, kept)), totals[kept].astype(np.int32)


def word_ngrams(text: str, ngram_range: tuple[int, int]) -> Iterator[str]:
    """List a text's n-grams of words, lower-cased, shorter ones first.

    A word is a run of letters, digits and underscores; the words of an n-gram are joined by spaces:
    "Not bad!" gives "not", "bad", "not bad".
    """
    words = _WORD.findall(text.lower())
    shortest, longest = ngram_range
    for length in range(shortest, min(longest, len(words)) + 1):
        if length == 1:
            yield from words
        else:
            shifted = (words[offset:] for offset in range(length))
            yield from map(" ".join, zip(*shifted, strict=False))


def spaced_words(text: str) -> list[str]:
    """Cut a text, lower-cased, at its whitespace; punctuation stays in the words."""
    return text.lower().split()


def character_ngrams(word: str, ngram_range: tuple[int, int]) -> Iterator[str]:
    """List the n-grams of characters in a word with a space on either side, shorter ones first.

    They are those of scikit-learn's analyzer ``char_wb``: "so" gives " s", "so", "o ", " so" ...
    A word, one of `spaced_words`, too short for the shortest n-gram is one itself.
    """
    padded = f" {word} "
    shortest, longest = ngram_range
    if len(padded) < shortest:
        yield padded
    for length in range(shortest, min(longest, len(padded)) + 1):
        for start in range(len(padded) - length + 1):
            yield padded[start : start + length]
