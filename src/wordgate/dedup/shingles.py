"""Hashed words and character shingles of texts, computed without a Python loop over words."""

from __future__ import annotations

import unicodedata
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import TypeVar

import numpy as np
from numpy.typing import NDArray

from wordgate.dedup.keys import distinct, remix
from wordgate.storage.arrays import GrowingArray, row_indices

_Ordered = TypeVar("_Ordered", np.float32, np.uint64)

MIN_WORDS = 5  # shorter texts are similar by chance
GRAM = 4  # characters of a shingle, spaces between words included
BITS = 22  # features are hashes below 2**22: the few collisions have no effect
CHUNK = 5_000  # texts shingled at once: bounds the memory
_FEATURES_AT_ONCE = 1 << 22
NEAR = 0.5  # minimum similarity of near duplicates
UNSHARED = 0.5  # weight of the feature that no other text has, in weights of the rarest word
_OUTSIDE, _WORD, _ALONE = 0, 1, 2  # of a character: between words, in a word, a word by itself
# Scripts written without spaces between words: each character counts as a word.
_SPACELESS = ((0x0E00, 0x0EFF), (0x1000, 0x109F), (0x1780, 0x17FF), (0x2E80, 0xA4CF),
              (0xF900, 0xFAFF), (0x20000, 0x3FFFF))  # fmt: skip


@dataclass(frozen=True)
class Shingles:
    """The distinct features of each text; N texts, F features of all texts."""

    features: NDArray[np.int32]  # [F], below 2**22; sorted and distinct for each text
    starts: NDArray[np.int64]  # [N + 1]; text i has ``features[starts[i]:starts[i + 1]]``

    @cached_property
    def numbered(self) -> tuple[NDArray[np.int64], NDArray[np.int32]]:
        """The distinct features, sorted, int64; and the index among them of each, int32 [F]."""
        used = np.flatnonzero(self._counts)
        number = np.empty(1 << BITS, dtype=np.int32)
        number[used] = np.arange(len(used), dtype=np.int32)
        numbers = GrowingArray(np.int32)
        for part in self._parts():
            numbers.append(number[part])
        return used, numbers.array()

    @cached_property
    def frequencies(self) -> NDArray[np.int64]:
        """The number of texts with each of the distinct features, int64."""
        return self._counts[self._counts > 0]

    @cached_property
    def _counts(self) -> NDArray[np.int64]:
        """The number of texts with each possible feature, int64 [2**22]."""
        counts = np.zeros(1 << BITS, np.int64)
        for part in self._parts():
            counts += np.bincount(part, minlength=len(counts))
        return counts

    def _parts(self) -> Iterator[NDArray[np.int32]]:
        starts = range(0, len(self.features), _FEATURES_AT_ONCE)
        return (self.features[start : start + _FEATURES_AT_ONCE] for start in starts)

    def blocks(self) -> Iterator[ShinglesBlock]:
        """Return the texts in blocks that take little memory."""
        numbers = self.numbered[1]
        edges = [*self.starts[:-1:CHUNK], self.starts[-1]]
        scratch = np.empty(int(np.diff(edges).max(initial=0)), np.uint64)
        for first in range(0, len(self.starts) - 1, CHUNK):
            starts = self.starts[first : first + CHUNK + 1]
            own = numbers[starts[0] : starts[-1]]
            texts = slice(first, first + len(starts) - 1)
            yield ShinglesBlock(texts, own, starts - starts[0], scratch)


@dataclass(frozen=True)
class ShinglesBlock:
    """The features of n consecutive texts."""

    texts: slice  # of all texts
    numbers: NDArray[np.int32]  # indices of the distinct features, as in `Shingles.numbered`
    starts: NDArray[np.int64]  # [n + 1]; text i has ``numbers[starts[i]:starts[i + 1]]``
    scratch: NDArray[np.uint64]  # a buffer, at least as long as `numbers`, for `minima`

    @cached_property
    def filled(self) -> NDArray[np.int64]:
        """The positions in the block of the texts with features."""
        return np.flatnonzero(np.diff(self.starts) > 0)

    def minima(self, values: NDArray[_Ordered]) -> NDArray[_Ordered]:
        """Return the minimum value of each text's features, [filled texts]."""
        # Three times as fast as `values[self.numbers]`, which allocates megabytes each time.
        own = self.scratch.view(values.dtype)[: len(self.numbers)]
        values.take(self.numbers, out=own, mode="clip")
        return np.minimum.reduceat(own, self.starts[self.filled])


def shingle(texts: Sequence[str]) -> tuple[Shingles, Shingles, NDArray[np.int64]]:
    """Compute the words and the character shingles of texts.

    Case, punctuation and whitespace are ignored. A word is a run of letters, marks and digits; in
    scripts without spaces every character is a word.

    Returns:
        The distinct words of each text; its distinct shingles of four characters, from the words
        joined by single spaces; and its number of words, repeated ones included, int64 [N].
    """
    words, grams = _GrowingShingles(), _GrowingShingles()
    counts = [np.zeros(0, np.int64)]
    for start in range(0, len(texts), CHUNK):
        own_words, own_grams, own_counts = _of_chunk(texts[start : start + CHUNK])
        words.append(own_words)
        grams.append(own_grams)
        counts.append(own_counts)
    return words.shingles(), grams.shingles(), np.concatenate(counts)


def _of_chunk(texts: Sequence[str]) -> tuple[Shingles, Shingles, NDArray[np.int64]]:
    """Compute the shingles of texts in one array of characters."""
    # The space in front separates a text from the one before it.
    lowered = [f" {text.lower()}" for text in texts]
    lengths = np.fromiter(map(len, lowered), np.int64, len(lowered))
    joined = "".join(lowered).encode("utf-32-le", "surrogatepass")
    characters = np.frombuffer(joined, dtype="<u4")
    owner = row_indices(lengths)
    kind = _kinds(characters)

    inside = kind != _OUTSIDE
    before = np.concatenate([[_OUTSIDE], kind[:-1]])
    begins = inside & ((before == _OUTSIDE) | (before == _ALONE) | (kind == _ALONE))
    counts = np.bincount(owner[begins], minlength=len(texts)).astype(np.int64)

    # Words joined by single spaces: each character, and a space (0) before each word's first.
    kept = np.flatnonzero(inside)
    first = begins[kept]
    at = np.arange(len(kept)) + np.cumsum(first)
    stream = np.zeros(len(kept) + int(first.sum()), dtype=np.uint64)
    stream[at] = characters[kept]
    stream_owner = np.zeros(len(stream), dtype=np.int64)
    stream_owner[at] = owner[kept]
    stream_owner[at[first] - 1] = owner[kept[first]]

    words = _word_hashes(stream, at[first])
    grams, gram_owner = _gram_hashes(stream, stream_owner)
    n_texts = len(texts)
    return (
        _distinct(words, owner[kept[first]], n_texts),
        _distinct(grams, gram_owner, n_texts),
        counts,
    )


def _kinds(characters: NDArray[np.uint32]) -> NDArray[np.int8]:
    """Return the kind of each character, int8 [characters]; each distinct one is looked up once."""
    occurring = np.flatnonzero(np.bincount(characters, minlength=1))
    table = np.zeros(int(occurring.max(initial=0)) + 1, dtype=np.int8)
    for code in occurring.tolist():
        if unicodedata.category(chr(code))[0] in "LMN":
            alone = any(low <= code <= high for low, high in _SPACELESS)
            table[code] = _ALONE if alone else _WORD
    return table[characters]


def _word_hashes(stream: NDArray[np.uint64], begins: NDArray[np.int64]) -> NDArray[np.uint64]:
    """Hash each word by the sum of the hashes of its characters with their positions."""
    if not len(begins):
        return np.zeros(0, dtype=np.uint64)
    lengths = np.diff(begins, append=len(stream) + 1)  # the space after a word included
    place = np.arange(begins[0], begins[0] + lengths.sum()) - np.repeat(begins, lengths)
    characters = np.append(stream, np.uint64(0))[begins[0] :]
    mixed = remix((place.astype(np.uint64) << np.uint64(32)) | characters)
    mixed[characters == 0] = 0
    return remix(np.add.reduceat(mixed, begins - begins[0]))


def _gram_hashes(
    stream: NDArray[np.uint64], owner: NDArray[np.int64]
) -> tuple[NDArray[np.uint64], NDArray[np.int64]]:
    """Hash all n-grams of four characters within a text; also return their texts."""
    # A character has 21 bits, four have 84: the first is added by a multiplication.
    if len(stream) < GRAM:
        return np.zeros(0, dtype=np.uint64), np.zeros(0, dtype=np.int64)
    shifted = [stream[i : len(stream) - GRAM + 1 + i] for i in range(GRAM)]
    inside = owner[: len(shifted[0])] == owner[GRAM - 1 :]
    packed = shifted[0] * np.uint64(0x9E3779B97F4A7C15) + (
        shifted[1] | (shifted[2] << np.uint64(21)) | (shifted[3] << np.uint64(42))
    )
    return remix(packed[inside]), owner[: len(shifted[0])][inside]


def _distinct(hashes: NDArray[np.uint64], owner: NDArray[np.int64], n_texts: int) -> Shingles:
    """Return the distinct hashes of each text."""
    key = (owner.astype(np.uint64) << np.uint64(BITS)) | (hashes >> np.uint64(64 - BITS))
    key = distinct(key)
    counts = np.bincount((key >> np.uint64(BITS)).astype(np.int64), minlength=n_texts)
    starts = np.concatenate([[0], np.cumsum(counts)]).astype(np.int64)
    return Shingles((key & np.uint64((1 << BITS) - 1)).astype(np.int32), starts)


class _GrowingShingles:
    """Concatenates the shingles of consecutive chunks of texts."""

    def __init__(self) -> None:
        self._features = GrowingArray(np.int32)
        self._lengths = [np.zeros(1, np.int64)]

    def append(self, part: Shingles) -> None:
        self._features.append(part.features)
        self._lengths.append(np.diff(part.starts))

    def shingles(self) -> Shingles:
        return Shingles(self._features.array(), np.cumsum(np.concatenate(self._lengths)))


def waiting_times(
    features: NDArray[np.int64], rate: NDArray[np.float32], draw: int
) -> NDArray[np.float32]:
    """Compute an exponential waiting time of each feature from its hash, float32 [features]."""
    mixed = remix(features.astype(np.uint64) ^ (np.uint64(draw + 1) << np.uint64(40)))
    uniform = ((mixed >> np.uint64(40)).astype(np.float32) + np.float32(0.5)) / np.float32(1 << 24)
    waiting: NDArray[np.float32] = -np.log(uniform) / rate
    return waiting
