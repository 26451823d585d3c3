"""A block of features: known runs of words or of characters, counted and weighted.

Shapes: ``n`` texts, ``runs`` known runs, ``total`` entries of all texts together, laid end to end.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from wordgate.text.runs import character_runs, spaced_words, word_runs

Kind = Literal["words", "characters"]
KINDS: tuple[Kind, ...] = ("words", "characters")
_WORDS_REMEMBERED = 100_000


@dataclass(frozen=True)
class Entries:
    """What stands in texts: for each text its runs and their values.

    Attributes:
        ids: int64 [total], the numbers of runs.
        values: float64 [total].
        lengths: int64 [n], how many entries are each text's.
    """

    ids: NDArray[np.int64]
    values: NDArray[np.float64]
    lengths: NDArray[np.int64]


class Block:
    """Known runs of one kind, and what each is worth where it stands in a text.

    Args:
        kind: Runs of ``words``, or of ``characters`` inside words.
        ngrams: Shortest and longest run.
        vocabulary: The known runs in the order of their numbers.
        frequencies: int32 [runs], in how many training texts each run stands; None for plain
            counts.
        n_texts: How many training texts there were; 0 for plain counts.
    """

    def __init__(
        self,
        kind: Kind,
        ngrams: tuple[int, int],
        vocabulary: Sequence[str],
        frequencies: NDArray[np.int32] | None = None,
        n_texts: int = 0,
    ):
        self.kind = kind
        self.ngrams = ngrams
        self.vocabulary = list(vocabulary)
        self.frequencies = frequencies
        self.n_texts = n_texts
        self._ids = {run: number for number, run in enumerate(self.vocabulary)}
        self._remembered: dict[str, NDArray[np.int64]] = {}
        if frequencies is not None:
            self._rarity = np.log((1.0 + n_texts) / (1.0 + frequencies)) + 1.0

    def __len__(self) -> int:
        """The number of runs."""
        return len(self.vocabulary)

    def entries(self, texts: Sequence[str]) -> Entries:
        """Weigh the known runs of texts.

        Plain counts give a run that stands twice two entries of 1. TF-IDF gives it one,
        (1 + ln count) * (ln((1 + texts) / (1 + frequency)) + 1), and scales each text's entries to
        unit length (Salton & Buckley 1988, in scikit-learn's ``smooth_idf`` variant).
        """
        ids, lengths = self.known(texts)
        if self.frequencies is None:
            return Entries(ids, np.ones(len(ids)), lengths)
        rows, ids, counts = count_by_text(ids, lengths, len(self))
        values = (1.0 + np.log(counts)) * self._rarity[ids]
        squares = np.bincount(rows, values * values, minlength=len(texts))
        values /= np.sqrt(squares)[rows]
        return Entries(ids, values, np.bincount(rows, minlength=len(texts)))

    def known(self, texts: Sequence[str]) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
        """Look up the runs of all texts, one after another; unknown ones are left out.

        Returns:
            The numbers, int64 [total], and how many of them each text has, int64 [n].
        """
        return self._known_words(texts) if self.kind == "words" else self._known_characters(texts)

    def _known_words(self, texts: Sequence[str]) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
        ids = self._ids
        found = [[ids[run] for run in word_runs(text, self.ngrams) if run in ids] for text in texts]
        lengths = np.fromiter(map(len, found), dtype=np.int64, count=len(texts))
        flat = (number for numbers in found for number in numbers)
        return np.fromiter(flat, dtype=np.int64, count=int(lengths.sum())), lengths

    def _known_characters(
        self, texts: Sequence[str]
    ) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
        words = [spaced_words(text) for text in texts]
        parts = [self._runs_of(word) for text in words for word in text]
        if not parts:
            return np.zeros(0, np.int64), np.zeros(len(texts), np.int64)
        ends = np.cumsum([0, *map(len, parts)])
        last_words = np.cumsum([0, *map(len, words)])
        return np.concatenate(parts), np.diff(ends[last_words])

    def _runs_of(self, word: str) -> NDArray[np.int64]:
        """Look up the runs in a word, once for all texts: most words stand in many."""
        known = self._remembered.get(word)
        if known is None:
            ids = self._ids
            runs = character_runs(word, self.ngrams)
            known = np.array([ids[run] for run in runs if run in ids], np.int64)
            if len(self._remembered) >= _WORDS_REMEMBERED:
                self._remembered.clear()
            self._remembered[word] = known
        return known


def count_by_text(
    ids: NDArray[np.int64], lengths: NDArray[np.int64], n_runs: int
) -> tuple[NDArray[np.int64], NDArray[np.int64], NDArray[np.int64]]:
    """Count how often each run stands in each text.

    Args:
        ids: int64 [total], the runs of all texts.
        lengths: int64 [n], how many of them each text has.
        n_runs: How many runs are known.

    Returns:
        Text, run and count of each pair that stands, int64 [pairs], in the order of texts and runs.
    """
    keys = np.repeat(np.arange(len(lengths)), lengths) * n_runs + ids
    keys.sort()
    first = np.flatnonzero(np.diff(keys, prepend=-1))
    rows, runs = np.divmod(keys[first], max(1, n_runs))
    return rows, runs, np.diff(first, append=len(keys))
