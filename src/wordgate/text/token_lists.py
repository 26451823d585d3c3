"""The tokens of many texts as indices into their distinct tokens: much smaller than strings.

Shapes: ``n`` texts, ``total`` tokens of all of them, concatenated.
"""

from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import chain, islice

import numpy as np
from numpy.typing import NDArray

from wordgate.dedup.keys import Factorized
from wordgate.runtime.display import unequal
from wordgate.storage.arrays import GrowingArray

TEXTS_AT_ONCE = 8192
_TOKENS_AT_ONCE = 1 << 18


@dataclass(frozen=True)
class TokenLists:
    """The tokens of n texts.

    Attributes:
        words: The distinct tokens, in the order in which they occur first.
        numbers: int32 [total], the place of each token in `words`.
        lengths: int64 [n], how many tokens each text has.
    """

    words: list[str]
    numbers: NDArray[np.int32]
    lengths: NDArray[np.int64]

    @classmethod
    def of(cls, token_lists: Iterable[Sequence[str]]) -> "TokenLists":
        """Number the tokens of texts.

        Raises:
            DataError: A temporary file cannot be written.
        """
        places: defaultdict[str, int] = defaultdict()
        places.default_factory = places.__len__
        numbers, lengths = GrowingArray(np.int32), GrowingArray(np.int64)
        remaining = iter(token_lists)
        while part := list(islice(remaining, TEXTS_AT_ONCE)):
            own = np.fromiter(map(len, part), np.int64, len(part))
            found = map(places.__getitem__, chain.from_iterable(part))
            numbers.append(np.fromiter(found, np.int32, int(own.sum())))
            lengths.append(own)
        return cls(list(places), numbers.array(), lengths.array())

    @cached_property
    def _starts(self) -> NDArray[np.int64]:
        return self.lengths.cumsum() - self.lengths

    def places(self, texts: NDArray[np.int32] | NDArray[np.int64]) -> NDArray[np.int64]:
        """Return where the tokens of texts, [m], stand in `numbers`, one text after another."""
        own = self.lengths[texts]
        moved: NDArray[np.int64] = self._starts[texts] - own.cumsum() + own
        return np.arange(int(own.sum())) + moved.repeat(own)

    def parts(self) -> Iterator[NDArray[np.int32]]:
        """Return the numbers in parts that take little memory."""
        starts = range(0, len(self.numbers), _TOKENS_AT_ONCE)
        return (self.numbers[start : start + _TOKENS_AT_ONCE] for start in starts)

    def counts(self) -> NDArray[np.int64]:
        """Count how often each word occurs, int64 [words]."""
        totals = np.zeros(len(self.words), np.int64)
        for part in self.parts():
            totals += np.bincount(part, minlength=len(totals))
        return totals

    def group_counts(self, groups: Sequence[str] | None) -> NDArray[np.int64]:
        """Count the distinct groups in which each word occurs, int64 [words].

        Args:
            groups: The group of each text; None if each text is its own.

        Raises:
            ValueError: There are not as many groups as texts.
        """
        n_texts, n_words = len(self.lengths), max(1, len(self.words))
        code = np.arange(n_texts)
        if groups is not None:
            if len(groups) != n_texts:
                raise ValueError(unequal(n_texts, len(groups), "group"))
            code = Factorized.of(groups).codes
        order = code.argsort(kind="stable")
        ends = self.lengths[order].cumsum()
        last = np.flatnonzero(np.diff(code[order], append=-1))  # the last text of each group
        totals = np.zeros(len(self.words), np.int64)
        first = 0
        while first < n_texts:
            done = int(ends[first - 1]) if first else 0
            place = int(np.searchsorted(ends[last], done + _TOKENS_AT_ONCE))
            end = int(last[min(place, len(last) - 1)]) + 1
            texts = order[first:end]
            own = code[texts].repeat(self.lengths[texts])
            pairs = np.unique(own * n_words + self.numbers[self.places(texts)])
            totals += np.bincount(pairs % n_words, minlength=len(totals))[: len(totals)]
            first = end
        return totals
