"""Frequent n-grams of many texts, and their counts in each text, in little memory.

Shapes: ``n`` texts, ``ngrams`` n-grams, ``total`` entries of all texts, concatenated.
"""

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import accumulate
from typing import Any

import numpy as np
from numpy.typing import NDArray

from wordgate.dedup.keys import distinct
from wordgate.storage.arrays import GrowingArray, row_indices
from wordgate.storage.strings import StringArray
from wordgate.text.ngrams import character_ngrams, spaced_words, text_chunks, words_of
from wordgate.text.token_lists import TokenLists

_KEYS_AT_ONCE = 1 << 20
CountsChunk = tuple[NDArray[np.integer[Any]], NDArray[np.integer[Any]], NDArray[np.int64]]
"""Ids and counts of n-grams [total], and the number of entries of each text, int64 [n]."""


@dataclass(frozen=True)
class NgramCounts:
    """Counts of n-grams in texts, row by row; large arrays are memory-mapped files.

    Attributes:
        ids: int32 [total], ids of n-grams; distinct and sorted for each text.
        counts: int32 [total].
        lengths: For each chunk of texts, the number of entries of each text, int64 [n].
    """

    ids: NDArray[np.int32]
    counts: NDArray[np.int32]
    lengths: Sequence[NDArray[np.int64]]

    @classmethod
    def of(cls, chunks: Iterable[CountsChunk]) -> "NgramCounts":
        """Concatenate counts of chunks of texts.

        Raises:
            DataError: A temporary file cannot be written.
        """
        ids, counts, lengths = GrowingArray(np.int32), GrowingArray(np.int32), []
        for chunk_ids, chunk_counts, chunk_lengths in chunks:
            ids.append(chunk_ids)
            counts.append(chunk_counts)
            lengths.append(chunk_lengths)
        return cls(ids.array(), counts.array(), lengths)

    def chunks(self) -> Iterator[CountsChunk]:
        """Return ids, counts and lengths of each chunk of texts."""
        first = 0
        for lengths in self.lengths:
            last = first + int(lengths.sum())
            yield self.ids[first:last], self.counts[first:last], lengths
            first = last

    def select(self, kept: NDArray[np.int64], n_ngrams: int) -> "NgramCounts":
        """Select n-grams by sorted ids out of `n_ngrams`; their new ids begin at 0."""
        new_ids = np.full(n_ngrams, -1, np.int32)
        new_ids[kept] = np.arange(len(kept))

        def selected() -> Iterator[CountsChunk]:
            for ids, counts, lengths in self.chunks():
                new = new_ids[ids]
                known = new >= 0
                rows = row_indices(lengths)[known]
                yield new[known], counts[known], np.bincount(rows, minlength=len(lengths))

        return NgramCounts.of(selected())


def count_by_text(
    ids: NDArray[np.int64], lengths: NDArray[np.int64], n_ngrams: int
) -> tuple[NDArray[np.int64], NDArray[np.int64], NDArray[np.int64]]:
    """Count n-grams in each text; ids and lengths as returned by `NgramVectorizer.lookup`.

    Returns:
        Text, n-gram and count of each pair that occurs, int64 [pairs], sorted by text and n-gram.
    """
    keys = row_indices(lengths) * n_ngrams + ids
    keys.sort()
    first = np.flatnonzero(np.diff(keys, prepend=-1))
    rows, ngrams = np.divmod(keys[first], max(1, n_ngrams))
    return rows, ngrams, np.diff(first, append=len(keys))


def count_occurrences(
    ids: NDArray[np.int64], lengths: NDArray[np.int64], n_ngrams: int
) -> CountsChunk:
    """Count n-grams in each text as a `CountsChunk`; arguments as for `count_by_text`."""
    rows, ngrams, counts = count_by_text(ids, lengths, n_ngrams)
    return ngrams, counts, np.bincount(rows, minlength=len(lengths))


@dataclass(frozen=True)
class _Tokenized:
    """Tokenized texts, in the chunks of `text_chunks`.

    Attributes:
        tokens: The tokens of all texts.
        sizes: The number of texts of each chunk.
    """

    tokens: TokenLists
    sizes: list[int]

    @classmethod
    def of(
        cls, texts: Sequence[str], tokenize: Callable[[str], list[str]], check: Callable[[], None]
    ) -> "_Tokenized":
        """Tokenize texts; `check` is called before each chunk."""
        sizes: list[int] = []

        def token_lists() -> Iterator[list[str]]:
            for part in text_chunks(texts):
                check()
                sizes.append(len(part))
                yield from map(tokenize, part)

        return cls(TokenLists.of(token_lists()), sizes)

    def chunks(self) -> Iterator[tuple[slice, NDArray[np.int64]]]:
        """Yield the slice of the tokens of each chunk, and the lengths of its texts, int64 [n]."""
        first_text = first = 0
        for size in self.sizes:
            lengths = self.tokens.lengths[first_text : first_text + size]
            last = first + int(lengths.sum())
            yield slice(first, last), lengths
            first_text, first = first_text + size, last


def count_words(
    texts: Sequence[str],
    ngram_range: tuple[int, int],
    min_texts: int,
    check: Callable[[], None],
) -> tuple[StringArray, NDArray[np.int32], NgramCounts]:
    """Find and count the word n-grams that occur in at least `min_texts` texts.

    They are found by length: the first and the last n - 1 words of one occur in as many texts
    (Agrawal and Srikant, "Fast algorithms for mining association rules", VLDB 1994).

    Returns:
        The n-grams, sorted; the number of texts of each, int32; and their counts in each text.
    """
    tokenized = _Tokenized.of(texts, words_of, check)
    words = _frequent_words(tokenized, min_texts)
    by_length = [words]
    for length in range(2, ngram_range[1] + 1):
        by_length.append(_longer_by_one(by_length[-1], words, tokenized, length, min_texts))
    by_length = by_length[ngram_range[0] - 1 :]
    names = [name for ngrams in by_length for name in ngrams.names]
    order = sorted(range(len(names)), key=names.__getitem__)
    rank = np.empty(len(names), np.int64)
    rank[order] = np.arange(len(names))
    offsets = np.array([0, *accumulate(len(ngrams.names) for ngrams in by_length)][:-1])

    def chunks() -> Iterator[CountsChunk]:
        for part, lengths in tokenized.chunks():
            ids = np.stack([ngrams.ids[part] for ngrams in by_length], axis=1)
            known = ids >= 0
            n_known = np.bincount(row_indices(lengths), known.sum(axis=1), minlength=len(lengths))
            ranks = rank[(ids + offsets)[known]]
            yield count_occurrences(ranks, n_known.astype(np.int64), len(names))

    n_texts = np.concatenate([ngrams.n_texts for ngrams in by_length])[order]
    vocabulary = StringArray.of(names[i] for i in order)
    return vocabulary, n_texts.astype(np.int32), NgramCounts.of(chunks())


@dataclass(frozen=True)
class _Ngrams:
    """Frequent word n-grams of one length.

    Attributes:
        ids: int32 [tokens], the id of the n-gram that begins with each token; -1 for none.
        names: The n-grams in the order of their ids.
        n_texts: int64 [ngrams], the number of texts with each.
    """

    ids: NDArray[np.int32]
    names: list[str]
    n_texts: NDArray[np.int64]


def _frequent_words(tokenized: _Tokenized, min_texts: int) -> _Ngrams:
    """Find the words that occur in at least `min_texts` texts."""
    n_texts = tokenized.tokens.group_counts(None)
    kept = np.flatnonzero(n_texts >= min_texts)
    new_ids = np.full(len(n_texts), -1, np.int32)
    new_ids[kept] = np.arange(len(kept))
    ids = GrowingArray(np.int32)
    for part in tokenized.tokens.parts():
        ids.append(new_ids[part])
    return _Ngrams(ids.array(), [tokenized.tokens.words[i] for i in kept.tolist()], n_texts[kept])


def _longer_by_one(
    shorter: _Ngrams, words: _Ngrams, tokenized: _Tokenized, length: int, min_texts: int
) -> _Ngrams:
    """Find the frequent n-grams of a length by those that are shorter by one word."""
    n_words = len(words.names)

    def chunks() -> Iterator[tuple[slice, NDArray[np.int64], NDArray[np.int64], NDArray[np.int64]]]:
        """Yield the n-grams whose beginning and end are frequent: positions, keys, texts."""
        for part, lengths in tokenized.chunks():
            row, ends = row_indices(lengths), shorter.ids[part]
            at = np.arange(max(0, len(row) - length + 1))
            at = at[(row[at] == row[at + length - 1]) & (ends[at] >= 0) & (ends[at + 1] >= 0)]
            last = words.ids[part][at + length - 1]
            yield part, at, ends[at].astype(np.int64) * n_words + last, row[at]

    key_counts = _KeyCounts()
    for *_, keys, rows in chunks():
        n_rows = int(rows.max(initial=0)) + 1
        key_counts.add(distinct(keys * n_rows + rows) // n_rows)
    frequent, n_texts = key_counts.at_least(min_texts)
    ids = GrowingArray(np.int32)
    for part, at, keys, _ in chunks():
        part_ids = np.full(part.stop - part.start, -1, np.int32)
        place = np.searchsorted(frequent, keys)
        known = np.append(frequent, -1)[place] == keys
        part_ids[at[known]] = place[known]
        ids.append(part_ids)
    pairs = zip(*(ends.tolist() for ends in np.divmod(frequent, max(1, n_words))), strict=True)
    names = [f"{shorter.names[first]} {words.names[last]}" for first, last in pairs]
    return _Ngrams(ids.array(), names, n_texts)


class _KeyCounts:
    """Counts keys from 0 on, int64, in little more memory than the distinct keys need."""

    def __init__(self) -> None:
        self._keys, self._counts = [np.zeros(0, np.int64)], [np.zeros(0, np.int64)]

    def add(self, keys: NDArray[np.int64]) -> None:
        """Count keys."""
        unique, counts = np.unique(keys, return_counts=True)
        self._keys.append(unique)
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


def count_characters(
    texts: Sequence[str],
    ngram_range: tuple[int, int],
    min_texts: int,
    check: Callable[[], None],
) -> tuple[StringArray, NDArray[np.int32], NgramCounts]:
    """Find and count character n-grams as `count_words`; each distinct word is split once."""
    tokenized = _Tokenized.of(texts, spaced_words, check)
    grams = TokenLists.of([*character_ngrams(word, ngram_range)] for word in tokenized.tokens.words)
    order = sorted(range(len(grams.words)), key=grams.words.__getitem__)
    rank = np.empty(len(order), np.int64)
    rank[order] = np.arange(len(order))

    def chunks() -> Iterator[CountsChunk]:
        for part, lengths in tokenized.chunks():
            check()
            words = tokenized.tokens.numbers[part]
            of_text = np.bincount(
                row_indices(lengths), grams.lengths[words], minlength=len(lengths)
            )
            own = rank[grams.numbers[grams.places(words)]]
            yield count_occurrences(own, of_text.astype(np.int64), len(order))

    every = NgramCounts.of(chunks())
    n_texts = np.zeros(len(order), np.int64)
    for ids, _, _ in every.chunks():
        n_texts += np.bincount(ids, minlength=len(order))
    kept = np.flatnonzero(n_texts >= min_texts)
    vocabulary = StringArray.of(grams.words[order[place]] for place in kept.tolist())
    return vocabulary, n_texts[kept].astype(np.int32), every.select(kept, len(order))
