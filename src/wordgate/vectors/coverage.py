"""Coverage of a vocabulary by pretrained word vectors, counted in types and in tokens."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray
from pydantic import BaseModel, Field

from wordgate.vectors.matching import RULES, Found

MISSED_SHOWN = 20
_MISSED_TOLD = 10


class WordCount(BaseModel, frozen=True, extra="forbid"):
    """So many different words of the vocabulary, and how often they stand in training texts."""

    types: int
    tokens: int


class MissedWord(BaseModel, frozen=True, extra="forbid"):
    """A word of the vocabulary that has no pretrained vector."""

    word: str
    tokens: int


class Coverage(BaseModel, frozen=True, extra="forbid"):
    """How many words of a vocabulary have a pretrained vector."""

    vocabulary: WordCount
    found: WordCount
    rules: dict[str, WordCount] = Field(description="by the spelling that was found")
    missed: list[MissedWord] = Field(description="the most frequent words without a vector")
    more: int = Field(description="words that the vocabulary got from the table")

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
            missed=[MissedWord(word=words[i], tokens=int(tokens[i])) for i in most_frequent],
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


def _count(chosen: NDArray[np.bool_], tokens: NDArray[np.int64]) -> WordCount:
    return WordCount(types=int(chosen.sum()), tokens=int(tokens[chosen].sum()))


def _share(part: int, whole: int) -> str:
    return f"{part / whole:.1%}" if whole else "none"
