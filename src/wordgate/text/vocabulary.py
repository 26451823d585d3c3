"""The vocabulary: known words and their ids.

Id 0 is padding. If unknown words are kept, they have id 1, and known words begin at 2; if they are
dropped, as in the source notebook, known words begin at 1.
"""

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Literal

import numpy as np

from wordgate.text.token_lists import TokenLists

PADDING = 0
UNKNOWN = 1


@dataclass(frozen=True)
class Vocabulary:
    """Known words in the order of their ids.

    Args:
        words: Known words, each once. Word i has the id ``first_id + i``.
        unknown: The id of all other words, 1; None if they have no id.
    """

    words: tuple[str, ...]
    unknown: int | None = UNKNOWN
    index: dict[str, int] = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        if self.unknown not in (UNKNOWN, None):
            raise ValueError(f"unknown must be {UNKNOWN} or None, not {self.unknown!r}")
        index = {word: i for i, word in enumerate(self.words, start=self.first_id)}
        if len(index) != len(self.words):
            duplicate = next(word for word, n in Counter(self.words).items() if n > 1)
            raise ValueError(f"the word {duplicate!r} occurs more than once in the vocabulary")
        object.__setattr__(self, "index", index)

    def __len__(self) -> int:
        """The number of ids, padding and unknown included: the rows of an embedding."""
        return self.first_id + len(self.words)

    @property
    def first_id(self) -> int:
        """The id of the first word: 2, or 1 if unknown words have no id."""
        return PADDING + 1 if self.unknown is None else UNKNOWN + 1

    def id(self, word: str) -> int | None:
        """Return the id of a word; ``unknown`` for an unknown word."""
        return self.index.get(word, self.unknown)

    def ids(self, words: Iterable[str]) -> list[int]:
        """Return the ids of words, without those that have none."""
        return [number for number in map(self.id, words) if number is not None]

    @classmethod
    def fit(
        cls,
        token_lists: "Iterable[Sequence[str]] | TokenLists",
        *,
        groups: Sequence[str] | None = None,
        min_count: int = 1,
        min_groups: int = 1,
        max_words: int | None = None,
        unknown: bool = True,
        ties: Literal["word", "first"] = "word",
    ) -> "Vocabulary":
        """Build the vocabulary of the training texts, the most frequent words first.

        Args:
            token_lists: The tokens of each text.
            groups: The group of each text, such as the paraphrases of one tweet, whose own words
                do not generalize. None if each text is its own group.
            min_count: Minimum number of occurrences of a word.
            min_groups: Minimum number of groups with a word.
            max_words: Maximum number of words.
            unknown: Whether unknown words have an id; otherwise they are dropped.
            ties: The order of equally frequent words: ``"word"``, by code points, so that the order
                of the texts has no effect; ``"first"``, by their first occurrence, as in Keras.

        Raises:
            ValueError: There are not as many groups as texts.
        """
        tokens = token_lists if isinstance(token_lists, TokenLists) else TokenLists.of(token_lists)
        totals = tokens.counts()
        spread = tokens.group_counts(groups) if min_groups > 1 else totals
        enough = np.flatnonzero((totals >= min_count) & (spread >= min_groups)).tolist()
        counts = dict(zip(tokens.words, totals.tolist(), strict=True))
        kept = [tokens.words[number] for number in enough]
        if ties == "word":
            kept.sort()
        kept.sort(key=counts.__getitem__, reverse=True)  # stable: ties stay as they are
        return cls(words=tuple(kept[:max_words]), unknown=UNKNOWN if unknown else None)
