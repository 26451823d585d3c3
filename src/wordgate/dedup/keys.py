"""Keys of texts and groups: normalized, numbered and hashed, independent of the row order."""

import hashlib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import TypeVar
from unicodedata import normalize

import numpy as np
from numpy.typing import NDArray

_Number = TypeVar("_Number", np.int64, np.uint64)


def normalized(text: str) -> str:
    """Return a text lower-cased and trimmed, with every run of whitespace as one space, in NFC.

    Unicode writes a letter with an accent in one character or in two, which look the same.
    """
    return normalize("NFC", " ".join(text.lower().split()))


@dataclass(frozen=True)
class Factorized:
    """Keys of rows as numbers that follow the keys' order, regardless of the order of the rows.

    Attributes:
        names: The distinct keys, sorted.
        codes: int64 [rows], the place of each row's key in `names`.
    """

    names: list[str]
    codes: NDArray[np.int64]

    @classmethod
    def of(cls, keys: Sequence[str]) -> "Factorized":
        """Number keys, one a row."""
        names = sorted(set(keys))
        place = {name: i for i, name in enumerate(names)}
        return cls(names, np.fromiter(map(place.__getitem__, keys), np.int64, len(keys)))


def group_keys(texts: Sequence[str], groups: Sequence[str] | None) -> list[str]:
    r"""Name the group of every row, which is an empty string where it has none.

    A row without a group stands with the rows of the same normalized text, so that exact duplicates
    stay together: its key is ``"\0"`` and this text.
    """
    if groups is None:
        return [f"\0{normalized(text)}" for text in texts]
    return [group or f"\0{normalized(text)}" for group, text in zip(groups, texts, strict=True)]


def hash_strings(keys: Iterable[str], *, key: str = "") -> NDArray[np.uint64]:
    """Hash strings by BLAKE2b, uint64 [keys], the same everywhere; another key's are unrelated."""
    secret, blake2b = key.encode(), hashlib.blake2b
    digests = bytearray()
    for text in keys:
        encoded = text.encode("utf-8", "surrogatepass")
        digests += blake2b(encoded, digest_size=8, key=secret).digest()
    return np.frombuffer(digests, dtype="<u8").astype(np.uint64)


def distinct(keys: NDArray[_Number]) -> NDArray[_Number]:
    """Sort keys and drop repeated ones; np.unique hashes instead, ten times slower here."""
    ordered = np.sort(keys)
    first = np.ones(len(ordered), dtype=np.bool_)
    np.not_equal(ordered[1:], ordered[:-1], out=first[1:])
    return ordered[first]


def distinct_pairs(first: NDArray[np.int64], second: NDArray[np.int64]) -> NDArray[np.int64]:
    """Sort pairs of numbers from 0 on and drop repeated ones, int64 [pairs, 2]."""
    width = int(second.max(initial=0)) + 1
    packed = distinct(first * width + second)
    return np.stack([packed // width, packed % width], axis=1)


def remix(hashes: NDArray[np.uint64]) -> NDArray[np.uint64]:
    """Turn hashes into others that are unrelated to them in rank, one to one.

    This is the finaliser of SplitMix64 (Steele, Lea and Flood, OOPSLA 2014).
    """
    mixed = hashes + np.uint64(0x9E3779B97F4A7C15)
    mixed = (mixed ^ (mixed >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    mixed = (mixed ^ (mixed >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return mixed ^ (mixed >> np.uint64(31))
