"""What a text is made of, counted: its words, and how many of them training has seen."""

import re
from collections.abc import Iterable, Sequence

import numpy as np
from numpy.typing import NDArray

_WORD = re.compile(r"\w+")


def count_words(
    texts: Sequence[str], training: Iterable[str]
) -> tuple[NDArray[np.int64], NDArray[np.float64]]:
    r"""Count each text's words, and the share of them that stands in no training text.

    A word is a lower-cased run of ``\w``, whatever the tokenizer of the model takes for one, so
    that models can be compared.

    Args:
        texts: The texts to count, n of them.
        training: All texts that the model learned from.

    Returns:
        The number of words, int64 [n], and the share unseen, float64 [n]; 0 of no words.
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
    return n_words, unseen


def _words(text: str) -> list[str]:
    return _WORD.findall(text.lower())
