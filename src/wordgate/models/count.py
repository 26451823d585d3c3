"""Counts of words and short runs of words with a linear model over them: prediction in numpy.

It sees which words stand in a text and which stand side by side, and nothing that lies further
apart. That makes it the baseline a model that reads word order has to beat.
"""

import re
from collections.abc import Iterator, Sequence

import numpy as np

from wordgate.errors import BundleError

# Before softmax, of a class that had no rows in training: its probability is 0 in float64, its
# logarithm finite.
ABSENT_LOGIT = -1e4
_WORD = re.compile(r"\w+")
_TEXTS_AT_ONCE = 4096


class CountModel:
    """A linear model over how often each known run of words stands in a text.

    Args:
        ngrams: Shortest and longest run of words that is counted.
        vocabulary: The runs known, words joined by a space, in the order of the coefficients.
        coefficients: float64 [runs, classes].
        intercepts: float64 [classes].
    """

    family = "count"

    def __init__(
        self,
        ngrams: tuple[int, int],
        vocabulary: Sequence[str],
        coefficients: np.ndarray,
        intercepts: np.ndarray,
    ):
        self.ngrams = ngrams
        self.vocabulary = list(vocabulary)
        self.coefficients = coefficients
        self.intercepts = intercepts
        self._ids = {run: number for number, run in enumerate(self.vocabulary)}

    def log_proba(self, texts: Sequence[str]) -> np.ndarray:
        """Give the natural logarithm of every class's probability.

        Args:
            texts: The texts to judge.

        Returns:
            float64 [n, classes], one row a text.
        """
        logits = np.tile(self.intercepts, (len(texts), 1))
        for start in range(0, len(texts), _TEXTS_AT_ONCE):
            part = texts[start : start + _TEXTS_AT_ONCE]
            ids, lengths = known_runs(part, self.ngrams, self._ids)
            logits[start : start + len(part)] += _sum_by_text(self.coefficients[ids], lengths)
        highest = logits.max(axis=1, keepdims=True)
        total = np.exp(logits - highest).sum(axis=1, keepdims=True)
        return np.asarray(logits - highest - np.log(total))

    def state(self) -> tuple[dict[str, object], dict[str, np.ndarray]]:
        """Give what a saved model holds: settings that go into JSON, and arrays."""
        config: dict[str, object] = {"ngrams": list(self.ngrams), "vocabulary": self.vocabulary}
        return config, {"coefficients": self.coefficients, "intercepts": self.intercepts}

    @classmethod
    def from_state(cls, config: dict[str, object], arrays: dict[str, np.ndarray]) -> "CountModel":
        """Make the model again from what :meth:`state` gave.

        Args:
            config: ``ngrams`` and ``vocabulary``.
            arrays: ``coefficients`` and ``intercepts``.

        Returns:
            The model.

        Raises:
            BundleError: Something is missing or does not fit the rest.
        """
        for name in ("ngrams", "vocabulary"):
            if name not in config:
                raise BundleError(f"the saved count model has no setting '{name}'")
        for name in ("coefficients", "intercepts"):
            if name not in arrays:
                raise BundleError(f"the saved count model has no array '{name}'")
        ngrams = _checked_ngrams(config["ngrams"])
        vocabulary = _checked_vocabulary(config["vocabulary"])
        coefficients, intercepts = arrays["coefficients"], arrays["intercepts"]
        if intercepts.ndim != 1:
            raise BundleError(
                f"the saved count model's intercepts have the shape {intercepts.shape}; "
                "they must have one dimension, the classes"
            )
        expected = (len(vocabulary), len(intercepts))
        if coefficients.shape != expected:
            raise BundleError(
                f"the saved count model's coefficients have the shape {coefficients.shape}; "
                f"its vocabulary and intercepts need {expected}"
            )
        return cls(
            ngrams, vocabulary, coefficients.astype(np.float64), intercepts.astype(np.float64)
        )


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


def known_runs(
    texts: Sequence[str], ngrams: tuple[int, int], ids: dict[str, int]
) -> tuple[np.ndarray, np.ndarray]:
    """Look up the runs of words of all texts, one after another; unknown ones are left out.

    Args:
        texts: The texts.
        ngrams: Shortest and longest run.
        ids: The number of every known run.

    Returns:
        The numbers, int64 [total], and how many of them each text has, int64 [n].
    """
    found = [[ids[run] for run in word_runs(text, ngrams) if run in ids] for text in texts]
    lengths = np.fromiter(map(len, found), dtype=np.int64, count=len(texts))
    flat = (number for numbers in found for number in numbers)
    return np.fromiter(flat, dtype=np.int64, count=int(lengths.sum())), lengths


def _sum_by_text(values: np.ndarray, lengths: np.ndarray) -> np.ndarray:
    """Sum float64 [total, classes] over each text's rows: float64 [n, classes]."""
    sums = np.zeros((len(lengths), values.shape[1]))
    filled = lengths > 0  # reduceat gives an empty text its neighbour's first row
    starts = (np.cumsum(lengths) - lengths)[filled]
    if len(starts):
        sums[filled] = np.add.reduceat(values, starts, axis=0)
    return sums


def _checked_ngrams(ngrams: object) -> tuple[int, int]:
    match ngrams:
        case [int(shortest), int(longest)] if 1 <= shortest <= longest:
            return shortest, longest
    raise BundleError(
        f"the saved count model's setting 'ngrams' is {ngrams!r}; "
        "it must be the shortest and the longest run of words, such as [1, 3]"
    )


def _checked_vocabulary(vocabulary: object) -> list[str]:
    if not isinstance(vocabulary, list) or not all(isinstance(run, str) for run in vocabulary):
        raise BundleError("the saved count model's setting 'vocabulary' is not a list of texts")
    if len(set(vocabulary)) != len(vocabulary):
        raise BundleError("the saved count model's vocabulary holds the same run of words twice")
    return vocabulary
