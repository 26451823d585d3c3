"""Keys of texts and groups: normalization, codes and hashes that do not depend on row order."""

import hashlib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import TypeVar
from unicodedata import normalize

import numpy as np
from numpy.typing import NDArray

_Number = TypeVar("_Number", np.int64, np.uint64)


def normalized(text: str) -> str:
    """Return a text in lower case and NFC, with single spaces for whitespace, none at its ends.

    In Unicode, an accented letter is one character or two, which look the same.
    """
    return normalize("NFC", " ".join(text.lower().split()))


@dataclass(frozen=True)
class Factorized:
    """Keys of rows as integer codes in the order of the keys, as `pandas.factorize` with sorting.

    Attributes:
        names: The distinct keys, sorted.
        codes: int64 [rows], the index in `names` of each row's key.
    """

    names: list[str]
    codes: NDArray[np.int64]

    @classmethod
    def of(cls, keys: Sequence[str]) -> "Factorized":
        """Encode the keys of rows."""
        names = sorted(set(keys))
        code = {name: i for i, name in enumerate(names)}
        return cls(names, np.fromiter(map(code.__getitem__, keys), np.int64, len(keys)))


def group_keys(texts: Sequence[str], groups: Sequence[str] | None) -> list[str]:
    r"""Return the key of each row's group.

    The key of a row without a group (an empty string) is ``"\0"`` and its normalized text, so that
    exact duplicates are in one group.
    """
    if groups is None:
        return [f"\0{normalized(text)}" for text in texts]
    return [group or f"\0{normalized(text)}" for group, text in zip(groups, texts, strict=True)]


def hash_strings(keys: Iterable[str], *, key: str = "") -> NDArray[np.uint64]:
    """Hash strings by BLAKE2b with a key, uint64 [keys]; equal on all machines."""
    secret, blake2b = key.encode(), hashlib.blake2b
    digests = bytearray()
    for text in keys:
        encoded = text.encode("utf-8", "surrogatepass")
        digests += blake2b(encoded, digest_size=8, key=secret).digest()
    return np.frombuffer(digests, dtype="<u8").astype(np.uint64)


def distinct(keys: NDArray[_Number]) -> NDArray[_Number]:
    """Return the distinct keys, sorted; np.unique uses a hash table, ten times slower here."""
    ordered = np.sort(keys)
    first = np.ones(len(ordered), dtype=np.bool_)
    np.not_equal(ordered[1:], ordered[:-1], out=first[1:])
    return ordered[first]


def distinct_pairs(first: NDArray[np.int64], second: NDArray[np.int64]) -> NDArray[np.int64]:
    """Return the distinct pairs of numbers from 0 on, sorted, int64 [pairs, 2]."""
    width = int(second.max(initial=0)) + 1
    packed = distinct(first * width + second)
    return np.stack([packed // width, packed % width], axis=1)


def remix(hashes: NDArray[np.uint64]) -> NDArray[np.uint64]:
    """Map hashes one to one to others whose order is unrelated to theirs.

    This is the finalizer of SplitMix64 (Steele, Lea and Flood, OOPSLA 2014).
    """
    mixed = hashes + np.uint64(0x9E3779B97F4A7C15)
    mixed = (mixed ^ (mixed >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    mixed = (mixed ^ (mixed >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return mixed ^ (mixed >> np.uint64(31))
