"""N-grams of words and characters in texts."""

import re
from collections.abc import Iterator, Sequence
from typing import Literal

Analyzer = Literal["words", "characters"]
ANALYZERS: tuple[Analyzer, ...] = ("words", "characters")
_WORD = re.compile(r"\w+")
TEXTS_AT_ONCE, _CHARACTERS_AT_ONCE = 4096, 1_000_000


def text_chunks(texts: Sequence[str]) -> Iterator[Sequence[str]]:
    """Split texts into chunks of limited size."""
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


def word_ngrams(text: str, ngram_range: tuple[int, int]) -> Iterator[str]:
    """Yield the lower-case word n-grams of a text, shorter ones first.

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
    """Return the runs of letters, digits and underscores in a lower-cased text."""
    return _WORD.findall(text.lower())


def spaced_words(text: str) -> list[str]:
    """Split a lower-cased text at whitespace; punctuation stays in the words."""
    return text.lower().split()


def character_ngrams(word: str, ngram_range: tuple[int, int]) -> Iterator[str]:
    """Yield the character n-grams of a word with a space on either side, shorter ones first.

    They are those of scikit-learn's analyzer ``char_wb``: "so" gives " s", "so", "o ", " so" ...
    A padded word that is too short for the shortest n-gram is one itself.
    """
    padded = f" {word} "
    shortest, longest = ngram_range
    if len(padded) < shortest:
        yield padded
    for length in range(shortest, min(longest, len(padded)) + 1):
        for start in range(len(padded) - length + 1):
            yield padded[start : start + length]
