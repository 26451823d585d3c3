"""How much of a vocabulary a table of word vectors knows, by types and by tokens."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from wordgate.vectors.matching import RULES, Found

MISSED_SHOWN = 20
_MISSED_TOLD = 10


@dataclass(frozen=True)
class Count:
    """So many different words, which stand so often in the training texts."""

    types: int
    tokens: int


@dataclass(frozen=True)
class Missed:
    """A word that has no vector, and how often it stands in the training texts."""

    word: str
    tokens: int


@dataclass(frozen=True)
class Coverage:
    """What of a vocabulary was found.

    Attributes:
        vocabulary: All words of the vocabulary.
        found: Those that have a vector.
        rules: Those that each rule of `wordgate.vectors.matching.RULES` found, where it found any.
        missed: The most frequent words without a vector.
        more: Words that the vocabulary got from the table, not from the training texts.
    """

    vocabulary: Count
    found: Count
    rules: dict[str, Count]
    missed: list[Missed]
    more: int = 0

    @classmethod
    def of(
        cls, words: Sequence[str], tokens: NDArray[np.int64], found: Found, more: int = 0
    ) -> "Coverage":
        """Count what was found.

        Args:
            words: The words learned from the training texts.
            tokens: int64 [words], how often each stands in the training texts.
            found: What a table has for them.
            more: How many words the vocabulary got from the table.
        """
        by_rule = {rule: _count(found.rules == number, tokens) for number, rule in enumerate(RULES)}
        without = np.flatnonzero(~found.known)
        most_frequent = without[np.argsort(-tokens[without], kind="stable")][:MISSED_SHOWN]
        return cls(
            vocabulary=_count(np.ones(len(words), bool), tokens),
            found=_count(found.known, tokens),
            rules={rule: count for rule, count in by_rule.items() if count.types},
            missed=[Missed(words[i], int(tokens[i])) for i in most_frequent],
            more=more,
        )

    def remarks(self) -> list[str]:
        """Say what a user should know before trusting the model: that most words have no vector."""
        if 2 * self.found.tokens >= self.vocabulary.tokens:
            return []
        share = _share(self.found.tokens, self.vocabulary.tokens)
        return [
            f"Only {share} of the vocabulary's words, as often as they occur, have a vector: is the"
            " table of the same language, and is its spelling that of the tokenizer?"
        ]

    def lines(self) -> list[str]:
        """Say it for a terminal."""
        found, vocabulary = self.found, self.vocabulary
        tokens = _share(found.tokens, vocabulary.tokens)
        lines = [
            f"{found.types:,} of {vocabulary.types:,} words have a vector"
            f" ({_share(found.types, vocabulary.types)}), and with them {tokens} of their"
            " occurrences in the training texts."
        ]
        others = [f"{count.types:,} {rule}" for rule, count in self.rules.items()]
        if set(self.rules) - {"exact"}:
            lines.append(f"Found by their spelling: {', '.join(others)}.")
        if self.missed:
            told = ", ".join(f"{m.word} ({m.tokens:,})" for m in self.missed[:_MISSED_TOLD])
            lines.append(f"The most frequent without: {told}.")
        if self.more:
            lines.append(f"{self.more:,} more words of the table are known, for texts to come.")
        return lines


def _count(chosen: NDArray[np.bool_], tokens: NDArray[np.int64]) -> Count:
    return Count(int(chosen.sum()), int(tokens[chosen].sum()))


def _share(part: int, whole: int) -> str:
    return f"{part / whole:.1%}" if whole else "none"
