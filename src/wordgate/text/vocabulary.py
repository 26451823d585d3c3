"""The vocabulary: known words and their ids.

Id 0 is padding. Where unknown words are kept they share id 1 and known words begin at 2; where they
are dropped, as the notebook drops them, known words begin at 1. So an unknown word never looks like
padding.
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
        unknown: The id that all other words share, 1; or None, and they have none.
    """

    words: tuple[str, ...]
    unknown: int | None = UNKNOWN
    index: dict[str, int] = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        if self.unknown not in (UNKNOWN, None):
            raise ValueError(f"unknown must be {UNKNOWN} or None, not {self.unknown!r}")
        index = {word: i for i, word in enumerate(self.words, start=self.first_id)}
        if len(index) != len(self.words):
            twice = next(word for word, n in Counter(self.words).items() if n > 1)
            raise ValueError(f"the word {twice!r} occurs more than once in the vocabulary")
        object.__setattr__(self, "index", index)

    def __len__(self) -> int:
        """The number of ids, padding and unknown included: the rows an embedding needs."""
        return self.first_id + len(self.words)

    @property
    def first_id(self) -> int:
        """The id of the first word: 2, or 1 where unknown words have no id."""
        return PADDING + 1 if self.unknown is None else UNKNOWN + 1

    def id(self, word: str) -> int | None:
        """The id of a word; of a word not known, ``unknown``."""
        return self.index.get(word, self.unknown)

    def ids(self, words: "Iterable[str]") -> list[int]:
        """The ids of words, without those that have none."""
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
        """Take the words of the training texts, the most frequent first.

        Args:
            token_lists: The tokens of each text.
            groups: The group of each text. The six paraphrases of one tweet are one group: a word
                that only they have teaches that tweet and nothing else. None: each text is its own.
            min_count: How often a word must stand in all texts together.
            min_groups: In how many groups a word must stand.
            max_words: Keep this many words at most.
            unknown: Whether words not known get an id; else they are dropped.
            ties: Among words of equal count, ``"word"`` puts them in order of code points, so that
                the order of the texts changes nothing; ``"first"`` puts the one that was read
                first before the others, as Keras does.

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
