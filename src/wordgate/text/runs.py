"""What counting sees of a text: runs of words, and runs of characters inside words."""

import re
from collections.abc import Iterator

_WORD = re.compile(r"\w+")


def word_runs(text: str, ngrams: tuple[int, int]) -> Iterator[str]:
    """List a text's runs of words, lower-cased, shorter runs first.

    Args:
        text: Any text. A word is a run of letters, digits and underscores.
        ngrams: Shortest and longest run to list.

    Yields:
        Each run, its words joined by a space: "Not bad!" gives "not", "bad", "not bad".
    """
    words = _WORD.findall(text.lower())
    shortest, longest = ngrams
    for length in range(shortest, min(longest, len(words)) + 1):
        if length == 1:
            yield from words
        else:
            shifted = (words[offset:] for offset in range(length))
            yield from map(" ".join, zip(*shifted, strict=False))


def spaced_words(text: str) -> list[str]:
    """Cut a text, lower-cased, at its white space; punctuation stays in the words."""
    return text.lower().split()


def character_runs(word: str, ngrams: tuple[int, int]) -> Iterator[str]:
    """List the runs of characters in one word with a space on either side, shorter runs first.

    Args:
        word: One of `spaced_words`.
        ngrams: Shortest and longest run to list.

    Yields:
        Each run, as scikit-learn's analyzer ``char_wb`` has them: "so" gives " s", "so", "o ",
        " so", "so ", " so ". A word too short for the shortest run is a run itself.
    """
    padded = f" {word} "
    shortest, longest = ngrams
    if len(padded) < shortest:
        yield padded
    for length in range(shortest, min(longest, len(padded)) + 1):
        for start in range(len(padded) - length + 1):
            yield padded[start : start + length]
