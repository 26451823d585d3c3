"""Word vectors distilled from a sentence encoder.

A word's vector is what a teacher makes of the word alone: the average of its subwords' outputs. All
of them together are centred and turned to their principal components, of which the first are kept.
Nothing enters but the words themselves: no sentence that they stand in, no label. A row held out
for test can leave no trace but that its words exist.

Shapes: n words, hidden_size dimensions of the teacher's outputs, dim dimensions of a vector.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from wordgate.errors import DataError, SettingsError
from wordgate.runtime.progress import Progress

DEFAULT_DIM = 300
SPREAD = 0.1  # the root mean square of all numbers of the vectors
_AT_ONCE = 128  # words: larger batches are no faster
_ROWS_AT_ONCE = 4096  # in float64
_NO_VARIANCE = 1e-10  # of the squared length of an output: what float32 makes of equal outputs


@dataclass(frozen=True)
class WordOutputs:
    """What a teacher makes of words.

    Attributes:
        means: float32 [n, hidden_size], the average output of each word's subwords.
        known: bool [n], False where the teacher knows no subword of a word.
    """

    means: NDArray[np.float32]
    known: NDArray[np.bool_]


class WordEncoder(Protocol):
    """A model that can be asked what it makes of single words."""

    name: str
    hidden_size: int

    def count_subwords(self, words: Sequence[str]) -> list[int]:
        """Count the subwords that each word is cut into: what it costs."""

    def outputs(self, words: Sequence[str]) -> WordOutputs:
        """Pass each word through the teacher alone."""


@dataclass(frozen=True)
class WordVectors:
    """Words that have vectors.

    Attributes:
        words: The words, in the order they were given in.
        vectors: float32 [n, dim].
        unknown: Words left out, since the teacher knows no subword of them.
        variance: The share of the outputs' variance that the vectors keep.
    """

    words: list[str]
    vectors: NDArray[np.float32]
    unknown: list[str]
    variance: float


def distill_words(
    words: Sequence[str], teacher: WordEncoder, *, dim: int | None = None, progress: Progress
) -> WordVectors:
    """Give each word a vector.

    Args:
        words: The words, each once.
        teacher: The model to ask.
        dim: Dimensions of a vector; None for 300, or for as many as there can be.
        progress: Where to show how far it is.

    Returns:
        The vectors, of root mean square `SPREAD`.

    Raises:
        SettingsError: The size is below 1, or above what teacher and words can give.
        DataError: There are fewer than two words, or the teacher gives numbers that are no use.
    """
    _check_size(dim, teacher)
    outputs = _ask(words, teacher, progress)
    known = np.flatnonzero(outputs.known).tolist()
    most = min(teacher.hidden_size, len(known) - 1)
    if most < 1:
        raise DataError(
            f"the teacher '{teacher.name}' knows {len(known)} of {len(words):,} words: vectors"
            " need two words or more"
        )
    if dim is not None and dim > most:
        raise SettingsError(
            f"size is {dim}, but {len(known):,} words give {most} components at most"
        )
    means = outputs.means[known]
    if means.var(axis=0).sum() <= _NO_VARIANCE * np.square(means).sum(axis=1).max():
        raise DataError(f"the teacher '{teacher.name}' gives the same output for every word")
    vectors, variance = _principal_components(means, dim or min(DEFAULT_DIM, most))
    return WordVectors(
        words=[words[i] for i in known],
        vectors=vectors,
        unknown=[words[i] for i in np.flatnonzero(~outputs.known).tolist()],
        variance=variance,
    )


def _check_size(dim: int | None, teacher: WordEncoder) -> None:
    """Refuse before the work what would be refused after it."""
    if dim is not None and not 1 <= dim <= teacher.hidden_size:
        raise SettingsError(
            f"size is {dim}, but the outputs of the teacher '{teacher.name}' have"
            f" {teacher.hidden_size} numbers: give 1 to {teacher.hidden_size}"
        )


def _ask(words: Sequence[str], teacher: WordEncoder, progress: Progress) -> WordOutputs:
    """Pass all words through the teacher; words of as many subwords together, the longest first."""
    subwords = teacher.count_subwords(words)
    order = sorted(range(len(words)), key=lambda i: -subwords[i])
    batches = [order[i : i + _AT_ONCE] for i in range(0, len(order), _AT_ONCE)]
    means = np.zeros((len(words), teacher.hidden_size), np.float32)
    known = np.zeros(len(words), np.bool_)
    done = 0
    with progress.bar(len(batches)) as bar:
        for batch in batches:
            outputs = teacher.outputs([words[i] for i in batch])
            wrong = ~np.isfinite(outputs.means).all(axis=1)
            if wrong.any():
                word = words[batch[int(wrong.argmax())]]
                raise DataError(
                    f"the teacher '{teacher.name}' gives numbers that are not finite for the word"
                    f" '{word}': its weights are damaged"
                )
            means[batch], known[batch] = outputs.means, outputs.known
            done += len(batch)
            bar.advance(f"{done:,} of {len(words):,} words")
    return WordOutputs(means, known)


def _principal_components(rows: NDArray[np.float32], dim: int) -> tuple[NDArray[np.float32], float]:
    """Keep the directions of most variance.

    Args:
        rows: float32 [n, hidden_size].
        dim: How many directions.

    Returns:
        float32 [n, dim] of root mean square `SPREAD`, and the share of the variance kept.
    """
    centre = rows.mean(axis=0, dtype=np.float64)
    covariance = sum(block.T @ block for block in _centred(rows, centre)) / len(rows)
    variances, directions = np.linalg.eigh(covariance)
    kept, chosen = variances[::-1][:dim], directions[:, ::-1][:, :dim]
    # A direction and its opposite are as good: this rule makes them the same everywhere.
    chosen = chosen * np.sign(chosen[np.abs(chosen).argmax(axis=0), np.arange(dim)])
    chosen = chosen * (SPREAD / np.sqrt(kept.mean()))
    vectors = np.concatenate(
        [(block @ chosen).astype(np.float32) for block in _centred(rows, centre)]
    )
    return vectors, min(1.0, float(kept.sum() / variances.sum()))


def _centred(
    rows: NDArray[np.float32], centre: NDArray[np.float64]
) -> Iterator[NDArray[np.float64]]:
    """Give the rows less their centre, float64 [m, hidden_size], a block at a time."""
    for start in range(0, len(rows), _ROWS_AT_ONCE):
        yield rows[start : start + _ROWS_AT_ONCE] - centre
