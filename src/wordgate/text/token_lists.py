"""The tokens of many texts as indices of distinct tokens, which need less memory than strings.

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
        words: The distinct tokens, in the order of their first occurrence.
        numbers: int32 [total], the index of each token in `words`.
        lengths: int64 [n], number of tokens of each text.
    """

    words: list[str]
    numbers: NDArray[np.int32]
    lengths: NDArray[np.int64]

    @classmethod
    def of(cls, token_lists: Iterable[Sequence[str]]) -> "TokenLists":
        """Encode the tokens of texts.

        Raises:
            DataError: A temporary file cannot be written.
        """
        index: defaultdict[str, int] = defaultdict()
        index.default_factory = index.__len__
        numbers, lengths = GrowingArray(np.int32), GrowingArray(np.int64)
        remaining = iter(token_lists)
        while part := list(islice(remaining, TEXTS_AT_ONCE)):
            part_lengths = np.fromiter(map(len, part), np.int64, len(part))
            indices = map(index.__getitem__, chain.from_iterable(part))
            numbers.append(np.fromiter(indices, np.int32, int(part_lengths.sum())))
            lengths.append(part_lengths)
        return cls(list(index), numbers.array(), lengths.array())

    @cached_property
    def _starts(self) -> NDArray[np.int64]:
        return self.lengths.cumsum() - self.lengths

    def places(self, texts: NDArray[np.int32] | NDArray[np.int64]) -> NDArray[np.int64]:
        """Return the positions in `numbers` of the tokens of texts, [m], concatenated."""
        lengths = self.lengths[texts]
        shifts: NDArray[np.int64] = self._starts[texts] - lengths.cumsum() + lengths
        return np.arange(int(lengths.sum())) + shifts.repeat(lengths)

    def parts(self) -> Iterator[NDArray[np.int32]]:
        """Return `numbers` in parts of limited size."""
        starts = range(0, len(self.numbers), _TOKENS_AT_ONCE)
        return (self.numbers[start : start + _TOKENS_AT_ONCE] for start in starts)

    def counts(self) -> NDArray[np.int64]:
        """Count the occurrences of each word, int64 [words]."""
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
