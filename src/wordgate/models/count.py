"""Counts of short runs of words and characters, a linear model over them: prediction in numpy.

It sees which words stand in a text and which stand side by side, and nothing that lies further
apart. That makes it what a model that reads word order has to beat.
"""

from collections.abc import Mapping, Sequence
from itertools import pairwise
from typing import Any

import numpy as np
from numpy.typing import NDArray

from wordgate.errors import BundleError
from wordgate.models.block import KINDS, Block, Entries
from wordgate.models.protocol import Arrays, Description
from wordgate.models.softmax import log_softmax

# Before softmax, of a class that had no rows in training: its probability is 0 in float64, its
# logarithm finite.
ABSENT_LOGIT = -1e4
_TEXTS_AT_ONCE = 512


class CountModel:
    """A linear model over the weighted counts of known runs.

    Args:
        blocks: The kinds of runs; their runs are numbered one block after another.
        coefficients: float32 or float64 [runs, classes], of all blocks.
        intercepts: float64 [classes].
    """

    family = "count"
    n_threads = 1

    def __init__(
        self,
        blocks: Sequence[Block],
        coefficients: NDArray[np.floating[Any]],
        intercepts: NDArray[np.float64],
    ):
        self.blocks = tuple(blocks)
        self.coefficients = coefficients
        self.intercepts = intercepts

    def log_proba(self, texts: Sequence[str]) -> NDArray[np.float64]:
        """Give the natural logarithm of every class's probability.

        Args:
            texts: The texts to judge.

        Returns:
            float64 [n, classes], one row a text.
        """
        logits = np.tile(self.intercepts, (len(texts), 1))
        ends = np.cumsum([0, *map(len, self.blocks)])
        for start in range(0, len(texts), _TEXTS_AT_ONCE):
            part = texts[start : start + _TEXTS_AT_ONCE]
            for block, (first, end) in zip(self.blocks, pairwise(ends), strict=True):
                sums = _sum_by_text(self.coefficients[first:end], block.entries(part))
                logits[start : start + len(part)] += sums
        return log_softmax(logits)

    def state(self) -> tuple[Description, Arrays]:
        """Give what a saved model holds: settings that go into JSON, and arrays."""
        described = [
            {
                "kind": block.kind,
                "ngrams": list(block.ngrams),
                "n_texts": block.n_texts,
                "vocabulary": block.vocabulary,
            }
            for block in self.blocks
        ]
        arrays: dict[str, NDArray[Any]] = {
            "coefficients": self.coefficients,
            "intercepts": self.intercepts,
        }
        for block in self.blocks:
            if block.frequencies is not None:
                arrays[_frequencies(block.kind)] = block.frequencies
        return {"blocks": described}, arrays

    @classmethod
    def from_state(cls, description: Description, arrays: Arrays) -> "CountModel":
        """Make the model again from what :meth:`state` gave, or an earlier version of it.

        Args:
            description: ``blocks``; or, of plain counts of words, ``ngrams`` and ``vocabulary``.
            arrays: ``coefficients``, ``intercepts``, and the frequencies of weighted blocks.

        Returns:
            The model.

        Raises:
            BundleError: Something is missing or does not fit the rest.
        """
        blocks = [_block(block, arrays) for block in _described(description)]
        if len({block.kind for block in blocks}) != len(blocks):
            raise BundleError("the saved count model has two blocks of the same kind")
        for name in ("coefficients", "intercepts"):
            if name not in arrays:
                raise BundleError(f"the saved count model has no array '{name}'")
        coefficients, intercepts = arrays["coefficients"], arrays["intercepts"]
        _check_shapes(sum(map(len, blocks)), coefficients, intercepts)
        return cls(blocks, coefficients, intercepts.astype(np.float64))


def _frequencies(kind: str) -> str:
    """Name the array of a block's frequencies."""
    return f"{kind}.frequencies"


def _sum_by_text(coefficients: NDArray[np.floating[Any]], entries: Entries) -> NDArray[np.float64]:
    """Sum each text's values times their runs' coefficients [runs, classes]: [n, classes]."""
    products = coefficients[entries.ids] * entries.values[:, None]
    sums = np.zeros((len(entries.lengths), coefficients.shape[1]))
    filled = entries.lengths > 0  # reduceat gives an empty text its neighbour's first row
    starts = (np.cumsum(entries.lengths) - entries.lengths)[filled]
    if len(starts):
        sums[filled] = np.add.reduceat(products, starts, axis=0)
    return sums


def _described(description: Description) -> list[Mapping[str, Any]]:
    """List the descriptions of the blocks; before there were several, the one had no kind."""
    if "blocks" not in description:
        return [{"kind": "words", "n_texts": 0, **description}]
    blocks = description["blocks"]
    if not (isinstance(blocks, list) and blocks and all(isinstance(b, Mapping) for b in blocks)):
        raise BundleError(
            f"the saved count model's setting 'blocks' is {blocks!r:.80};"
            " it must be a list of blocks"
        )
    return blocks


def _block(described: Mapping[str, Any], arrays: Arrays) -> Block:
    for name in ("kind", "ngrams", "n_texts", "vocabulary"):
        if name not in described:
            raise BundleError(f"the saved count model has no setting '{name}'")
    kind = described["kind"]
    if kind not in KINDS:
        raise BundleError(
            f"the saved count model counts {kind!r:.80},"
            f" and this wordgate only {' and '.join(KINDS)}"
        )
    vocabulary = _checked_vocabulary(described["vocabulary"])
    frequencies, n_texts = arrays.get(_frequencies(kind)), described["n_texts"]
    _check_frequencies(frequencies, n_texts, len(vocabulary))
    return Block(kind, _checked_ngrams(described["ngrams"]), vocabulary, frequencies, n_texts)


def _checked_ngrams(ngrams: object) -> tuple[int, int]:
    match ngrams:
        case [int(shortest), int(longest)] if 1 <= shortest <= longest:
            return shortest, longest
    raise BundleError(
        f"the saved count model's setting 'ngrams' is {ngrams!r}; "
        "it must be the shortest and the longest run, such as [1, 3]"
    )


def _checked_vocabulary(vocabulary: object) -> list[str]:
    if not isinstance(vocabulary, list) or not all(isinstance(run, str) for run in vocabulary):
        raise BundleError("the saved count model's setting 'vocabulary' is not a list of texts")
    if len(set(vocabulary)) != len(vocabulary):
        raise BundleError("the saved count model's vocabulary holds the same run twice")
    return vocabulary


def _check_frequencies(frequencies: NDArray[Any] | None, n_texts: object, n_runs: int) -> None:
    """Refuse frequencies that are not those of a vocabulary among so many texts."""
    if type(n_texts) is not int or n_texts < 0 or (n_texts > 0) != (frequencies is not None):
        weighted = "frequencies" if frequencies is not None else "no frequencies"
        raise BundleError(
            f"the saved count model's setting 'n_texts' is {n_texts!r:.80}, with {weighted};"
            " it must be a whole number above 0 where there are some, and 0 where there are none"
        )
    if frequencies is None:
        return
    if frequencies.shape != (n_runs,) or frequencies.dtype != np.int32:
        raise BundleError(
            f"the saved count model's frequencies are {frequencies.dtype}"
            f" {list(frequencies.shape)} where int32 {[n_runs]} belongs"
        )
    if n_runs and not 1 <= frequencies.min() <= frequencies.max() <= n_texts:
        raise BundleError(
            f"the saved count model's frequencies go from {frequencies.min()} to"
            f" {frequencies.max()}; they must lie between 1 and its {n_texts} texts"
        )


def _check_shapes(n_runs: int, coefficients: NDArray[Any], intercepts: NDArray[Any]) -> None:
    if intercepts.ndim != 1:
        raise BundleError(
            f"the saved count model's intercepts have the shape {intercepts.shape}; "
            "they must have one dimension, the classes"
        )
    expected = (n_runs, len(intercepts))
    if coefficients.shape != expected:
        raise BundleError(
            f"the saved count model's coefficients have the shape {coefficients.shape}; "
            f"its vocabulary and intercepts need {expected}"
        )
    for name, array in {"coefficients": coefficients, "intercepts": intercepts}.items():
        if array.dtype not in (np.float32, np.float64):
            raise BundleError(
                f"the saved count model's {name} are {array.dtype}, not float32 or float64"
            )
