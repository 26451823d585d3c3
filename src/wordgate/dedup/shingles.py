"""Texts as sets of hashed words and character shingles, without a Python loop over words."""

import unicodedata
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from wordgate.dedup.keys import distinct, remix

MIN_WORDS = 5  # shorter texts are alike by chance
GRAM = 4  # characters of a shingle, the space between words included
BITS = 22  # features are numbers below 2**22: the few that collide do no harm
CHUNK = 20_000  # texts shingled at once: bounds the memory
NEAR = 0.5  # a pair of texts from here on is called a near copy
UNSHARED = 0.5  # of the rarest word's weight: what each text has that no other shares
_OUTSIDE, _WORD, _ALONE = 0, 1, 2  # what a character is: between words, in one, or one by itself
# Scripts written without spaces between words: each character counts as a word.
_SPACELESS = ((0x0E00, 0x0EFF), (0x1000, 0x109F), (0x1780, 0x17FF), (0x2E80, 0xA4CF),
              (0xF900, 0xFAFF), (0x20000, 0x3FFFF))  # fmt: skip


@dataclass(frozen=True)
class Shingles:
    """The distinct features of each text; N texts, F features in all."""

    features: NDArray[np.int32]  # [F], below 2**22; a text's stand together, sorted and distinct
    starts: NDArray[np.int64]  # [N + 1]; text i has ``features[starts[i]:starts[i + 1]]``

    @cached_property
    def numbered(self) -> tuple[NDArray[np.int64], NDArray[np.int32]]:
        """The distinct features, sorted, int64; and the number among them of each, int32 [F]."""
        occurs = np.zeros(1 << BITS, dtype=np.bool_)
        occurs[self.features] = True
        used = np.flatnonzero(occurs)
        number = np.empty(1 << BITS, dtype=np.int32)
        number[used] = np.arange(len(used), dtype=np.int32)
        return used, number[self.features]

    @property
    def frequencies(self) -> NDArray[np.int64]:
        """In how many texts each of the distinct features occurs, int64."""
        return np.bincount(self.numbered[1])


def shingle(texts: Sequence[str]) -> tuple[Shingles, Shingles, NDArray[np.int64]]:
    """Find the words and the character shingles of texts.

    Case, punctuation and whitespace count for nothing. A word is a run of letters, marks and
    digits; in scripts without spaces every character is one.

    Returns:
        Their distinct words; their distinct shingles of four characters, taken from the words
        joined by single spaces; and how many words each has, repeated ones included, int64 [N].
    """
    starts = range(0, max(1, len(texts)), CHUNK)
    parts = [_of_chunk(texts[start : start + CHUNK]) for start in starts]
    words, grams, counts = zip(*parts, strict=True)
    return _joined(words), _joined(grams), np.concatenate(counts)


def _of_chunk(texts: Sequence[str]) -> tuple[Shingles, Shingles, NDArray[np.int64]]:
    """Shingle some texts as one long array of characters."""
    # The space in front separates a text from the one before it.
    lowered = [f" {text.lower()}" for text in texts]
    lengths = np.fromiter(map(len, lowered), np.int64, len(lowered))
    joined = "".join(lowered).encode("utf-32-le", "surrogatepass")
    characters = np.frombuffer(joined, dtype="<u4")
    owner = np.repeat(np.arange(len(texts)), lengths)
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
    """Return the kind of each character, int8 [characters]; each is looked up only once."""
    occurring = np.flatnonzero(np.bincount(characters, minlength=1))
    table = np.zeros(int(occurring.max(initial=0)) + 1, dtype=np.int8)
    for code in occurring.tolist():
        if unicodedata.category(chr(code))[0] in "LMN":
            alone = any(low <= code <= high for low, high in _SPACELESS)
            table[code] = _ALONE if alone else _WORD
    return table[characters]


def _word_hashes(stream: NDArray[np.uint64], begins: NDArray[np.int64]) -> NDArray[np.uint64]:
    """Hash each word by the sum of its characters, each mixed with its place in the word."""
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
    """Hash every run of four characters within one text; a text's last run ends in its space."""
    # Characters take 21 bits, four of them 84: the oldest is folded in by a multiplication.
    if len(stream) < GRAM:
        return np.zeros(0, dtype=np.uint64), np.zeros(0, dtype=np.int64)
    runs = [stream[i : len(stream) - GRAM + 1 + i] for i in range(GRAM)]
    ends = owner[: len(runs[0])] == owner[GRAM - 1 :]
    packed = runs[0] * np.uint64(0x9E3779B97F4A7C15) + (
        runs[1] | (runs[2] << np.uint64(21)) | (runs[3] << np.uint64(42))
    )
    return remix(packed[ends]), owner[: len(runs[0])][ends]


def _distinct(hashes: NDArray[np.uint64], owner: NDArray[np.int64], n_texts: int) -> Shingles:
    """Keep each text's distinct hashes."""
    key = (owner.astype(np.uint64) << np.uint64(BITS)) | (hashes >> np.uint64(64 - BITS))
    key = distinct(key)
    counts = np.bincount((key >> np.uint64(BITS)).astype(np.int64), minlength=n_texts)
    starts = np.concatenate([[0], np.cumsum(counts)]).astype(np.int64)
    return Shingles((key & np.uint64((1 << BITS) - 1)).astype(np.int32), starts)


def _joined(parts: Sequence[Shingles]) -> Shingles:
    """Put the shingles of consecutive chunks into one."""
    offsets = np.cumsum([0] + [len(part.features) for part in parts])
    starts = [part.starts[:-1] + offset for part, offset in zip(parts, offsets, strict=False)]
    return Shingles(
        np.concatenate([part.features for part in parts]),
        np.concatenate([*starts, offsets[-1:]]).astype(np.int64),
    )


def waiting_times(
    features: NDArray[np.int64], rate: NDArray[np.float32], draw: int
) -> NDArray[np.float32]:
    """Draw each feature's exponential waiting time from a hash of itself, float32 [features]."""
    mixed = remix(features.astype(np.uint64) ^ (np.uint64(draw + 1) << np.uint64(40)))
    uniform = ((mixed >> np.uint64(40)).astype(np.float32) + np.float32(0.5)) / np.float32(1 << 24)
    waiting: NDArray[np.float32] = -np.log(uniform) / rate
    return waiting
