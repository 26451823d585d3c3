"""Lookup of a vocabulary in a table of word vectors, and its out-of-vocabulary rate.

Spellings in a table may differ: GoogleNews, for example, is case-sensitive and has ``#`` for the
digits of longer numbers. So a word is looked up in several spellings, the most similar first, and
the words found by each rule are counted.
"""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray
from pydantic import BaseModel, Field

from wordgate.vectors.vector_file import VectorFile

Spelling = Literal["exact", "any"]

RULES = ("exact", "lower", "title", "upper", "digits", "hashtag", "stretched")
"""Differences between a spelling and the word: none; case; digits as ``#``; no hashtag sign;
letters that are repeated three times or more are written twice, or once."""

MISSED_SHOWN = 20
_MISSED_NAMED = 10
_NUMBER = re.compile(r"\d{2,}")
_STRETCHED = re.compile(r"([^\W\d_])\1{2,}")


@dataclass(frozen=True)
class LookupResult:
    """Vectors of the words of a vocabulary.

    Attributes:
        vectors: float32 [words, dim]; zeros for a word that was not found.
        rules: int8 [words], the index in `RULES` of the rule that found the word; -1 for none.
    """

    vectors: NDArray[np.float32]
    rules: NDArray[np.int8]

    @property
    def known(self) -> NDArray[np.bool_]:
        """Whether each word was found, bool [words]."""
        return self.rules >= 0

    def first(self, n: int) -> "LookupResult":
        """Return the result of the first n words."""
        return LookupResult(self.vectors[:n], self.rules[:n])


def lookup_words(table: VectorFile, words: Sequence[str], spelling: Spelling) -> LookupResult:
    """Look up the words of a vocabulary in one pass over a table.

    The spelling ``exact`` finds words as they are; ``any`` also finds them in other spellings.

    Raises:
        DataError: The table's file is damaged.
    """
    wanted: dict[bytes, list[tuple[int, int, int]]] = {}  # by spelling: word, rank, rule
    for index, word in enumerate(words):
        for rank, (variant, rule_name) in enumerate(spellings(word, spelling).items()):
            key = variant.encode(errors="surrogatepass")
            wanted.setdefault(key, []).append((index, rank, RULES.index(rule_name)))
    result = LookupResult(
        vectors=np.zeros((len(words), table.dim), np.float32),
        rules=np.full(len(words), -1, np.int8),
    )
    best = np.full(len(words), np.iinfo(np.int64).max)
    for key, vector in table.wanted(wanted):
        for index, rank, rule in wanted[key]:
            if rank < best[index]:
                best[index], result.rules[index], result.vectors[index] = rank, rule, vector
    return result


def spellings(word: str, spelling: Spelling) -> dict[str, str]:
    """Return the spellings in which a word is looked up, the most similar first.

    Returns:
        The rule, of `RULES`, by the spelling.
    """
    rules = {word: "exact"}
    for base_rule, base in _bases(word) if spelling == "any" else ():
        cases = {
            "exact": base,
            "lower": base.lower(),
            "title": base.capitalize(),
            "upper": base.upper(),
        }
        for case, spelled in cases.items():
            rules.setdefault(spelled, case if base_rule == "exact" else base_rule)
    rules.pop("", None)
    return rules


def _bases(word: str) -> Iterator[tuple[str, str]]:
    """Yield rules and spellings with other changes than case, the smallest change first."""
    yield "exact", word
    yield "digits", _NUMBER.sub(lambda number: "#" * len(number.group()), word)
    if word.startswith("#"):
        for _, rest in _bases(word.lstrip("#")):
            yield "hashtag", rest
    yield "stretched", _STRETCHED.sub(r"\1\1", word)
    yield "stretched", _STRETCHED.sub(r"\1", word)


class TokenCount(BaseModel, frozen=True, extra="forbid"):
    """Number of distinct words, and of their occurrences in the training texts."""

    types: int
    tokens: int


class MissingWord(BaseModel, frozen=True, extra="forbid"):
    """A word of the vocabulary that has no pretrained vector."""

    word: str
    tokens: int


class VocabularyCoverage(BaseModel, frozen=True, extra="forbid"):
    """How many words of a vocabulary have a pretrained vector."""

    vocabulary: TokenCount
    found: TokenCount
    rules: dict[str, TokenCount] = Field(description="by the kind of spelling that was found")
    missed: list[MissingWord] = Field(description="the most frequent words without a vector")
    more: int = Field(description="words that the vocabulary got from the vector file")

    @classmethod
    def of(
        cls, words: Sequence[str], tokens: NDArray[np.int64], found: LookupResult, more: int = 0
    ) -> "VocabularyCoverage":
        """Count the words found, with their occurrences in the training texts, int64 [words].

        `more` is the number of words that were added from the table.
        """
        by_rule = {rule: _count(found.rules == number, tokens) for number, rule in enumerate(RULES)}
        without = np.flatnonzero(~found.known)
        most_frequent = without[np.argsort(-tokens[without], kind="stable")][:MISSED_SHOWN]
        return cls(
            vocabulary=_count(np.ones(len(words), bool), tokens),
            found=_count(found.known, tokens),
            rules={rule: count for rule, count in by_rule.items() if count.types},
            missed=[MissingWord(word=words[i], tokens=int(tokens[i])) for i in most_frequent],
            more=more,
        )

    def remarks(self) -> list[str]:
        """Warn if most words have no vector."""
        if 2 * self.found.tokens >= self.vocabulary.tokens:
            return []
        share = _share(self.found.tokens, self.vocabulary.tokens)
        return [
            f"Only {share} of the word occurrences have a vector: check that the vector file"
            " matches the language of the texts and the tokenizer."
        ]

    def lines(self) -> list[str]:
        """Return the report for a terminal."""
        found, vocabulary = self.found, self.vocabulary
        tokens = _share(found.tokens, vocabulary.tokens)
        lines = [
            f"{found.types:,} of {vocabulary.types:,} words have a vector"
            f" ({_share(found.types, vocabulary.types)}), which cover {tokens} of all word"
            " occurrences in the training texts."
        ]
        others = [f"{count.types:,} {rule}" for rule, count in self.rules.items()]
        if set(self.rules) - {"exact"}:
            lines.append(f"Found by another spelling: {', '.join(others)}.")
        if self.missed:
            missed = ", ".join(f"{m.word} ({m.tokens:,})" for m in self.missed[:_MISSED_NAMED])
            lines.append(f"Most frequent words without a vector: {missed}.")
        if self.more:
            lines.append(
                f"{self.more:,} more words of the vector file were added for future texts."
            )
        return lines


def _count(chosen: NDArray[np.bool_], tokens: NDArray[np.int64]) -> TokenCount:
    return TokenCount(types=int(chosen.sum()), tokens=int(tokens[chosen].sum()))


def _share(part: int, whole: int) -> str:
    return f"{part / whole:.1%}" if whole else "none"
