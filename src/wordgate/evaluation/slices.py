"""Accuracy in slices of the test rows: by the length of a text, and by words new to the model."""

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from wordgate.errors import DataError
from wordgate.evaluation.intervals import Interval, accuracy_interval, count_by_group, ratio

UNSEEN_BINS = ("none", "up to 10 %", "10 to 25 %", "over 25 %")
_UNSEEN_EDGES = (0.0, 0.10, 0.25)
_WORD = re.compile(r"\w+")


@dataclass(frozen=True)
class WordCounts:
    """How many words texts have, and how many of them are new to the model.

    Attributes:
        n_words: int64 [n], the words of each text.
        unseen: float64 [n], the share of them that stands in no training text.
    """

    n_words: NDArray[np.int64]
    unseen: NDArray[np.float64]


@dataclass(frozen=True)
class Slice:
    """The rows of one bin.

    Attributes:
        name: The bin, in words.
        n: How many rows it holds, at least one.
        accuracy: The share of them that is correct.
        interval: The 95 % interval of that share.
    """

    name: str
    n: int
    accuracy: float
    interval: Interval


@dataclass(frozen=True)
class Bins:
    """Which bin each row is in.

    Attributes:
        names: The bins, in order.
        number: int64 [n], the position of each row's bin in ``names``.
    """

    names: tuple[str, ...]
    number: NDArray[np.int64]


def count_words(texts: Sequence[str], training: Iterable[str]) -> WordCounts:
    r"""Count each text's words, and the share of them that stands in no training text.

    A word is a lower-cased run of ``\w``, whatever the tokenizer of the model takes for one, so
    that models can be compared.

    Args:
        texts: The texts to count, n of them.
        training: All texts that the model learned from.

    Returns:
        The words of each text, and the share of them unseen; 0 of no words.
    """
    seen: set[str] = set()
    for text in training:
        seen.update(_words(text))
    n_words = np.zeros(len(texts), np.int64)
    unseen = np.zeros(len(texts), np.float64)
    for row, text in enumerate(texts):
        words = _words(text)
        n_words[row] = len(words)
        unseen[row] = sum(word not in seen for word in words) / max(1, len(words))
    return WordCounts(n_words, unseen)


def length_bins(n_words: NDArray[np.int64], most: int = 5) -> Bins:
    """Bin rows by the words of their text, about as many rows in each.

    Args:
        n_words: int64 [n].
        most: At most so many bins; fewer where many texts are equally long.

    Returns:
        The bins, from short to long, named like ``"8 to 12"``.

    Raises:
        DataError: There are no rows.
    """
    if len(n_words) == 0:
        raise DataError("there are no rows to evaluate")
    cuts = np.quantile(n_words, np.arange(1, most) / most, method="lower").astype(np.int64)
    upper = [int(cut) for cut in np.unique(cuts) if cut < n_words.max()]
    lower = [int(n_words.min()), *(cut + 1 for cut in upper)]
    names = [_range(low, high) for low, high in zip(lower, upper, strict=False)]
    last = lower[-1]
    names.append(f"over {last - 1}" if upper else _range(last, int(n_words.max())))
    return Bins(tuple(names), np.searchsorted(upper, n_words).astype(np.int64))


def unseen_bins(unseen: NDArray[np.float64]) -> Bins:
    """Bin rows by the share of their words that training has not seen.

    Args:
        unseen: float64 [n], from 0 to 1.

    Returns:
        The bins: none, up to 10 %, up to 25 %, more.
    """
    return Bins(UNSEEN_BINS, np.searchsorted(_UNSEEN_EDGES, unseen).astype(np.int64))


def accuracy_by_bin(
    bins: Bins,
    correct: NDArray[np.bool_],
    groups: Sequence[str] | None,
    *,
    seed: int = 0,
    n_resamples: int = 2000,
) -> list[Slice]:
    """Find the accuracy in every bin that holds rows, with an interval that resamples groups.

    Args:
        bins: The bin of each row.
        correct: bool [n], which rows were given their label.
        groups: The group of each row; ``None`` takes rows for independent.
        seed: Of the draws.
        n_resamples: How many draws.

    Returns:
        The bins, in order, but for empty ones.
    """
    slices = []
    for number, name in enumerate(bins.names):
        rows = np.flatnonzero(bins.number == number)
        if len(rows):
            own = None if groups is None else [groups[row] for row in rows.tolist()]
            slices.append(_slice(name, correct[rows], own, seed, n_resamples))
    return slices


def _slice(
    name: str, correct: NDArray[np.bool_], groups: Sequence[str] | None, seed: int, n_resamples: int
) -> Slice:
    adds = np.stack([correct, np.ones_like(correct)], axis=1).astype(np.int64)
    interval = accuracy_interval(
        count_by_group(adds, groups), ratio, seed=seed, n_resamples=n_resamples
    )
    return Slice(name, len(correct), float(correct.mean()), interval)


def _range(low: int, high: int) -> str:
    return f"{low}" if low == high else f"{low} to {high}"


def _words(text: str) -> list[str]:
    return _WORD.findall(text.lower())
