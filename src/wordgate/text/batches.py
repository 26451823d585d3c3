"""Batches of texts of similar length, so that little of the work goes into padding.

Shapes: ``batch`` texts of at most ``time`` tokens; a row is a text's position in what was encoded.
"""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from wordgate.text.encoder import EncodedTexts
from wordgate.text.vocabulary import PADDING

# Rows are sorted by length within so many batches' worth of shuffled rows: enough that a batch is
# nearly of one length, few enough that every epoch mixes anew.
_BATCHES_A_CHUNK = 50


@dataclass(frozen=True)
class PaddedBatch:
    """Some texts as one rectangle of ids, padded at the right.

    Args:
        rows: int64 [batch], which texts these are.
        ids: int64 [batch, time], ``PADDING`` beyond each text's length.
        lengths: int64 [batch], tokens of each text; 0 for a text without any.
    """

    rows: NDArray[np.int64]
    ids: NDArray[np.int64]
    lengths: NDArray[np.int64]

    def __post_init__(self) -> None:
        if self.ids.ndim != 2 or not len(self.rows) == len(self.ids) == len(self.lengths):
            raise ValueError(
                f"rows, ids and lengths must be [batch], [batch, time] and [batch], but are "
                f"{list(self.rows.shape)}, {list(self.ids.shape)} and {list(self.lengths.shape)}"
            )
        time = self.ids.shape[1]
        if ((self.lengths < 0) | (self.lengths > time)).any():
            raise ValueError(f"lengths must be between 0 and time, {time}")
        if (self.ids < PADDING).any():
            raise ValueError("ids must not be negative")
        if ((self.ids != PADDING) != _inside(self.lengths, time)).any():
            raise ValueError(f"ids must be {PADDING} beyond a text's length and nowhere before it")


def bucketed(
    encoded: EncodedTexts,
    *,
    batch_size: int,
    rng: np.random.Generator | None,
    round_to: int = 4,
    similar: bool = True,
) -> Iterator[PaddedBatch]:
    """Cut texts into batches of similar length; every text stands in exactly one of them.

    Args:
        encoded: The texts.
        batch_size: Texts in a batch; one batch may have fewer.
        rng: For training: draws which texts share a batch and the order of the batches, anew at
            every call. None, for prediction: all texts in order of length, the longest first, so
            that no thread is left with the largest batch when the others are done.
        round_to: The time of a batch is its longest text's length, rounded up to a multiple of
            this (and at least this): many different shapes fill oneDNN's cache of primitives.
        similar: False to let chance alone, which is then needed, say who shares a batch.
    """
    if not similar and rng is not None:
        order = rng.permutation(len(encoded))
    else:
        order = _by_length(encoded.lengths, batch_size, rng)
    starts = np.arange(0, len(encoded), batch_size)
    if similar and rng is not None:
        rng.shuffle(starts)
    return (_pad(encoded, order[i : i + batch_size], round_to) for i in starts)


def _by_length(
    lengths: NDArray[np.int64], batch_size: int, rng: np.random.Generator | None
) -> NDArray[np.int64]:
    """Order rows so that neighbors have similar lengths: rows int64 [n]."""
    if rng is None:
        return (-lengths).argsort(kind="stable")
    shuffled = rng.permutation(len(lengths))
    # A few chunks at the least, else a small set would fall into the same batches every epoch.
    n_batches = -(-len(lengths) // batch_size)
    chunk = batch_size * max(1, min(_BATCHES_A_CHUNK, n_batches // 4))
    return shuffled[np.lexsort((lengths[shuffled], np.arange(len(lengths)) // chunk))]


def _pad(encoded: EncodedTexts, rows: NDArray[np.int64], round_to: int) -> PaddedBatch:
    lengths = encoded.lengths[rows]
    time = max(1, -(-int(lengths.max()) // round_to)) * round_to
    ids = np.full((len(rows), time), PADDING, dtype=np.int64)
    ids[_inside(lengths, time)] = encoded.ids_of(rows, lengths)
    return PaddedBatch(rows=rows, ids=ids, lengths=lengths)


def _inside(lengths: NDArray[np.int64], time: int) -> NDArray[np.bool_]:
    """Where a text has a token: bool [batch, time]."""
    return np.arange(time) < lengths[:, None]
