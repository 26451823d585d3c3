"""N-grams of words and characters: extraction, vocabulary, counts and TF-IDF weights.

Shapes: ``n`` texts, ``ngrams`` known n-grams, ``total`` entries of all texts together, end to end.
"""

import re
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import accumulate
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from wordgate.dedup.keys import distinct
from wordgate.storage.arrays import GrowingArray
from wordgate.storage.strings import StringArray
from wordgate.text.token_lists import TokenLists

Analyzer = Literal["words", "characters"]
ANALYZERS: tuple[Analyzer, ...] = ("words", "characters")
Weighting = Literal["counts", "tfidf"]
_WORDS_CACHED = 100_000
_WORD = re.compile(r"\w+")
TEXTS_AT_ONCE, _CHARACTERS_AT_ONCE = 4096, 1_000_000
_KEYS_AT_ONCE = 1 << 20


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


@dataclass(frozen=True)
class NgramCounts:
    """How often n-grams occur in texts, row by row; large arrays are memory-mapped files.

    Attributes:
        ids: int32 [total], ids of n-grams; those of a text are distinct and ascend.
        counts: int32 [total].
        lengths: int64 [n] for each chunk of texts, how many entries are each text's.
    """

    ids: NDArray[np.int32]
    counts: NDArray[np.int32]
    lengths: Sequence[NDArray[np.int64]]

    @classmethod
    def of(cls, chunks: Iterable["CountsChunk"]) -> "NgramCounts":
        """Keep counts of chunks of texts.

        Raises:
            DataError: A temporary file cannot be written.
        """
        ids, counts, lengths = GrowingArray(np.int32), GrowingArray(np.int32), []
        for own_ids, own_counts, own_lengths in chunks:
            ids.append(own_ids)
            counts.append(own_counts)
            lengths.append(own_lengths)
        return cls(ids.array(), counts.array(), lengths)

    def chunks(self) -> Iterator["CountsChunk"]:
        """Return ids, counts and lengths of each chunk of texts."""
        first = 0
        for lengths in self.lengths:
            last = first + int(lengths.sum())
            yield self.ids[first:last], self.counts[first:last], lengths
            first = last

    def select(self, kept: NDArray[np.int64], n_ngrams: int) -> "NgramCounts":
        """Keep only some of `n_ngrams` n-grams, which are numbered anew; their ids ascend."""
        number = np.full(n_ngrams, -1, np.int32)
        number[kept] = np.arange(len(kept))

        def selected() -> Iterator[CountsChunk]:
            for ids, counts, lengths in self.chunks():
                new = number[ids]
                known = new >= 0
                rows = _rows(lengths)[known]
                yield new[known], counts[known], np.bincount(rows, minlength=len(lengths))

        return NgramCounts.of(selected())


CountsChunk = tuple[NDArray[np.integer[Any]], NDArray[np.integer[Any]], NDArray[np.int64]]
"""Ids and counts of n-grams [total], and int64 [n], how many of them are each text's."""


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
        count = _count_words if analyzer == "words" else _count_characters
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
        return self.weigh_counts(*_counts(ids, lengths, len(self)))

    def weigh_counts(
        self,
        ids: NDArray[np.integer[Any]],
        counts: NDArray[np.integer[Any]],
        lengths: NDArray[np.int64],
    ) -> SparseRows:
        """Weigh n-grams that are counted already, as `NgramCounts` has them."""
        if self.frequencies is None:
            return SparseRows(ids, counts.astype(np.float64), lengths)
        rows = _rows(lengths)
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


def _rows(lengths: NDArray[np.int64]) -> NDArray[np.int64]:
    """Return which text each entry is of, int64 [total]."""
    return np.repeat(np.arange(len(lengths)), lengths)


def _counts(ids: NDArray[np.int64], lengths: NDArray[np.int64], n_ngrams: int) -> CountsChunk:
    """Count n-grams of texts, of ids and lengths as `NgramVectorizer.lookup` gives them."""
    rows, ngrams, counts = count_by_text(ids, lengths, n_ngrams)
    return ngrams, counts, np.bincount(rows, minlength=len(lengths))


@dataclass(frozen=True)
class _Tokenized:
    """Texts cut into tokens, chunk by chunk as `text_chunks` has them.

    Attributes:
        tokens: The tokens of all texts.
        sizes: The number of texts of each chunk.
    """

    tokens: TokenLists
    sizes: list[int]

    @classmethod
    def of(
        cls, texts: Sequence[str], cut: Callable[[str], list[str]], check: Callable[[], None]
    ) -> "_Tokenized":
        """Cut texts; `check` is called before each chunk."""
        sizes: list[int] = []

        def token_lists() -> Iterator[list[str]]:
            for part in text_chunks(texts):
                check()
                sizes.append(len(part))
                yield from map(cut, part)

        return cls(TokenLists.of(token_lists()), sizes)

    def chunks(self) -> Iterator[tuple[slice, NDArray[np.int64]]]:
        """Return which tokens are those of each chunk, and how many each text has, int64 [n]."""
        first_text = first = 0
        for size in self.sizes:
            lengths = self.tokens.lengths[first_text : first_text + size]
            last = first + int(lengths.sum())
            yield slice(first, last), lengths
            first_text, first = first_text + size, last


def _count_words(
    texts: Sequence[str],
    ngram_range: tuple[int, int],
    min_texts: int,
    check: Callable[[], None],
) -> tuple[StringArray, NDArray[np.int32], NgramCounts]:
    """Find and count the word n-grams of at least `min_texts` texts.

    They are looked for length by length: both ends of one are n-grams of as many texts, too
    (Agrawal and Srikant, "Fast algorithms for mining association rules", VLDB 1994).

    Returns:
        The n-grams, sorted; the number of texts of each, int32; and their counts in each text.
    """
    read = _Tokenized.of(texts, words_of, check)
    n_texts = read.tokens.group_counts(None)
    kept = np.flatnonzero(n_texts >= min_texts)
    number = np.full(len(n_texts), -1, np.int32)
    number[kept] = np.arange(len(kept))
    ids = GrowingArray(np.int32)
    for part in read.tokens.parts():
        ids.append(number[part])
    words = _Ngrams(ids.array(), [read.tokens.words[i] for i in kept.tolist()], n_texts[kept])
    found = [words]
    for _ in range(1, ngram_range[1]):
        found.append(_longer_by_one(found[-1], words, read, len(found) + 1, min_texts))
    found = found[ngram_range[0] - 1 :]
    names = [name for one in found for name in one.names]
    order = sorted(range(len(names)), key=names.__getitem__)
    rank = np.empty(len(names), np.int64)
    rank[order] = np.arange(len(names))
    firsts = np.array([0, *accumulate(len(one.names) for one in found)][:-1])

    def chunks() -> Iterator[CountsChunk]:
        for part, lengths in read.chunks():
            numbers = np.stack([one.ids[part] for one in found], axis=1)
            known = numbers >= 0
            of_text = np.bincount(_rows(lengths), known.sum(axis=1), minlength=len(lengths))
            own = rank[(numbers + firsts)[known]]
            yield _counts(own, of_text.astype(np.int64), len(names))

    n_texts = np.concatenate([one.n_texts for one in found])[order]
    vocabulary = StringArray.of(names[i] for i in order)
    return vocabulary, n_texts.astype(np.int32), NgramCounts.of(chunks())


@dataclass(frozen=True)
class _Ngrams:
    """N-grams of words, of one length, that occur in enough texts.

    Attributes:
        ids: int32 [tokens], the number of the n-gram that begins with each token; -1 for none.
        names: The n-grams in the order of their numbers.
        n_texts: int64 [ngrams], in how many texts each occurs.
    """

    ids: NDArray[np.int32]
    names: list[str]
    n_texts: NDArray[np.int64]


def _longer_by_one(
    shorter: _Ngrams, words: _Ngrams, read: _Tokenized, length: int, min_texts: int
) -> _Ngrams:
    """Find the n-grams of some length by those that are shorter by one word."""
    n_words = len(words.names)

    def chunks() -> Iterator[tuple[slice, NDArray[np.int64], NDArray[np.int64], NDArray[np.int64]]]:
        """Find n-grams of which both ends are known: where they begin, keys, texts."""
        for part, lengths in read.chunks():
            row, ends = _rows(lengths), shorter.ids[part]
            at = np.arange(max(0, len(row) - length + 1))
            at = at[(row[at] == row[at + length - 1]) & (ends[at] >= 0) & (ends[at + 1] >= 0)]
            last = words.ids[part][at + length - 1]
            yield part, at, ends[at].astype(np.int64) * n_words + last, row[at]

    counted = _KeyCounts()
    for *_, keys, rows in chunks():
        n_rows = int(rows.max(initial=0)) + 1
        counted.add(distinct(keys * n_rows + rows) // n_rows)
    frequent, n_texts = counted.at_least(min_texts)
    ids = GrowingArray(np.int32)
    for part, at, keys, _ in chunks():
        own = np.full(part.stop - part.start, -1, np.int32)
        place = np.searchsorted(frequent, keys)
        known = np.append(frequent, -1)[place] == keys
        own[at[known]] = place[known]
        ids.append(own)
    pairs = zip(*(ends.tolist() for ends in np.divmod(frequent, max(1, n_words))), strict=True)
    names = [f"{shorter.names[first]} {words.names[last]}" for first, last in pairs]
    return _Ngrams(ids.array(), names, n_texts)


class _KeyCounts:
    """Counts keys from 0 on, int64, in little more memory than the distinct ones take."""

    def __init__(self) -> None:
        self._keys, self._counts = [np.zeros(0, np.int64)], [np.zeros(0, np.int64)]

    def add(self, keys: NDArray[np.int64]) -> None:
        """Count some keys."""
        found, counts = np.unique(keys, return_counts=True)
        self._keys.append(found)
        self._counts.append(counts)
        if sum(map(len, self._keys[1:])) > max(_KEYS_AT_ONCE, len(self._keys[0])):
            self._merge()

    def at_least(self, least: int) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
        """Return the keys that occur at least `least` times, sorted, and their counts."""
        self._merge()
        kept = self._counts[0] >= least
        return self._keys[0][kept], self._counts[0][kept]

    def _merge(self) -> None:
        keys, counts = np.concatenate(self._keys), np.concatenate(self._counts)
        order = keys.argsort(kind="stable")
        keys = keys[order]
        first = np.flatnonzero(np.diff(keys, prepend=-1))
        self._keys, self._counts = [keys[first]], [np.add.reduceat(counts[order], first)]


def _count_characters(
    texts: Sequence[str],
    ngram_range: tuple[int, int],
    min_texts: int,
    check: Callable[[], None],
) -> tuple[StringArray, NDArray[np.int32], NgramCounts]:
    """Find and count character n-grams, as `_count_words` does; each word is cut once."""
    read = _Tokenized.of(texts, spaced_words, check)
    grams = TokenLists.of([*character_ngrams(word, ngram_range)] for word in read.tokens.words)
    order = sorted(range(len(grams.words)), key=grams.words.__getitem__)
    rank = np.empty(len(order), np.int64)
    rank[order] = np.arange(len(order))
    starts = grams.lengths.cumsum() - grams.lengths

    def chunks() -> Iterator[CountsChunk]:
        for part, lengths in read.chunks():
            check()
            words = read.tokens.numbers[part]
            own = grams.lengths[words]
            at = np.arange(own.sum()) + (starts[words] - (own.cumsum() - own)).repeat(own)
            of_text = np.bincount(_rows(lengths), own, minlength=len(lengths))
            yield _counts(rank[grams.numbers[at]], of_text.astype(np.int64), len(order))

    every = NgramCounts.of(chunks())
    n_texts = np.zeros(len(order), np.int64)
    for ids, _, _ in every.chunks():
        n_texts += np.bincount(ids, minlength=len(order))
    kept = np.flatnonzero(n_texts >= min_texts)
    vocabulary = StringArray.of(grams.words[order[place]] for place in kept.tolist())
    return vocabulary, n_texts[kept].astype(np.int32), every.select(kept, len(order))


def word_ngrams(text: str, ngram_range: tuple[int, int]) -> Iterator[str]:
    """List a text's n-grams of words, lower-cased, shorter ones first.

    A word is a run of letters, digits and underscores; the words of an n-gram are joined by spaces:
    "Not bad!" gives "not", "bad", "not bad".
    """
    words = words_of(text)
    shortest, longest = ngram_range
    for length in range(shortest, min(longest, len(words)) + 1):
        if length == 1:
            yield from words
        else:
            shifted = (words[offset:] for offset in range(length))
            yield from map(" ".join, zip(*shifted, strict=False))


def words_of(text: str) -> list[str]:
    """Cut a text, lower-cased, into runs of letters, digits and underscores."""
    return _WORD.findall(text.lower())


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
