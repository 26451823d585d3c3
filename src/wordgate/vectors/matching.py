"""Finding a vocabulary's words in a table of word vectors that may spell them otherwise.

GoogleNews, for one, knows cases apart and writes the digits of longer numbers as ``#``. So a word
is looked for under several spellings, the nearest to its own first; what each rule found is
counted.
"""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from wordgate.vectors.block import VectorFile

Spelling = Literal["exact", "any"]

RULES = ("exact", "lower", "title", "upper", "digits", "hashtag", "stretched")
"""How a spelling differs from the word: not at all; in case; digits as ``#``; without the sign of a
hashtag; letters that stand three times or more in a row standing twice, or once."""

_NUMBER = re.compile(r"\d{2,}")
_STRETCHED = re.compile(r"([^\W\d_])\1{2,}")


@dataclass(frozen=True)
class Found:
    """What a table has for the words of a vocabulary.

    Attributes:
        vectors: float32 [words, size]; zeros for a word that was not found.
        rules: int8 [words], the place in `RULES` of the rule that found the word; -1 for none.
    """

    vectors: NDArray[np.float32]
    rules: NDArray[np.int8]

    @property
    def known(self) -> NDArray[np.bool_]:
        """Which words were found: bool [words]."""
        return self.rules >= 0

    def first(self, n: int) -> "Found":
        """Give what was found for the first n words."""
        return Found(self.vectors[:n], self.rules[:n])


def find_words(table: VectorFile, words: Sequence[str], spelling: Spelling) -> Found:
    """Look a vocabulary's words up in one pass over a table.

    Args:
        table: The table.
        words: The words.
        spelling: ``exact`` takes a word as it is or not at all; ``any`` tries other spellings.

    Raises:
        DataError: The table's file is broken.
    """
    wanted = _wanted(words, spelling)
    found = Found(
        vectors=np.zeros((len(words), table.size), np.float32),
        rules=np.full(len(words), -1, np.int8),
    )
    nearest = np.full(len(words), np.iinfo(np.int64).max)
    for spelled, vector in table.wanted(wanted):
        for word, rank, rule in wanted[spelled]:
            if rank < nearest[word]:
                nearest[word], found.rules[word], found.vectors[word] = rank, rule, vector
    return found


def ways(word: str, spelling: Spelling) -> dict[str, str]:
    """Spell a word in all the ways it is looked for, nearest first.

    Returns:
        The rule, of `RULES`, by the spelling.
    """
    found = {word: "exact"}
    for base_rule, base in _bases(word) if spelling == "any" else ():
        cases = {
            "exact": base,
            "lower": base.lower(),
            "title": base.capitalize(),
            "upper": base.upper(),
        }
        for case, spelled in cases.items():
            found.setdefault(spelled, case if base_rule == "exact" else base_rule)
    found.pop("", None)
    return found


def _bases(word: str) -> Iterator[tuple[str, str]]:
    """Change more than the case of a word, least first."""
    yield "exact", word
    yield "digits", _NUMBER.sub(lambda number: "#" * len(number.group()), word)
    if word.startswith("#"):
        for _, rest in _bases(word.lstrip("#")):
            yield "hashtag", rest
    yield "stretched", _STRETCHED.sub(r"\1\1", word)
    yield "stretched", _STRETCHED.sub(r"\1", word)


def _wanted(words: Sequence[str], spelling: Spelling) -> dict[bytes, list[tuple[int, int, int]]]:
    """Say for each spelling which words it stands for: places of (word, rank, rule)."""
    wanted: dict[bytes, list[tuple[int, int, int]]] = {}
    for place, word in enumerate(words):
        for rank, (spelled, rule) in enumerate(ways(word, spelling).items()):
            key = spelled.encode(errors="surrogatepass")
            wanted.setdefault(key, []).append((place, rank, RULES.index(rule)))
    return wanted
