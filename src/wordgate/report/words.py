"""What a text is made of, counted: its words, and how many of them training has seen."""

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

_WORD = re.compile(r"\w+")


@dataclass(frozen=True)
class WordCounts:
    """What texts are made of.

    Attributes:
        n_words: int64 [n], the words of each text.
        unseen: float64 [n], the share of them that stands in no training text.
    """

    n_words: NDArray[np.int64]
    unseen: NDArray[np.float64]


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


def _words(text: str) -> list[str]:
    return _WORD.findall(text.lower())
