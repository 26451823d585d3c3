"""Batches of texts of similar length, with little padding.

Shapes: ``batch`` texts of at most ``time`` tokens; a row is the position of a text in its data set.
"""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from wordgate.text.encoder import EncodedTexts
from wordgate.text.vocabulary import PADDING

# Shuffled rows are sorted by length within chunks of this many batches: enough for batches of
# nearly one length, few enough for different batches in each epoch.
_BATCHES_PER_CHUNK = 50


@dataclass(frozen=True)
class PaddedBatch:
    """A batch of texts as an array of ids, padded at the end.

    Args:
        rows: int64 [batch], the positions of the texts.
        ids: int64 [batch, time], ``PADDING`` beyond the length of each text.
        lengths: int64 [batch], number of tokens of each text; may be 0.
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
    """Split texts into batches of similar length; every text is in exactly one batch.

    Args:
        encoded: The texts.
        batch_size: Texts in a batch; one batch may have fewer.
        rng: For training, the generator of the batches and their order. None, for prediction:
            texts sorted by length, the longest first, so that the last batch that a thread
            computes is a small one.
        round_to: The time of a batch is the length of its longest text, rounded up to a multiple
            of this, at least this: many different shapes would fill oneDNN's primitive cache.
        similar: Whether batches have texts of similar length; otherwise they are random, by `rng`.
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
    """Return the order of rows, int64 [n], in which neighbors have similar lengths."""
    if rng is None:
        return (-lengths).argsort(kind="stable")
    shuffled = rng.permutation(len(lengths))
    # At least a few chunks, so that a small data set has different batches in each epoch.
    n_batches = -(-len(lengths) // batch_size)
    chunk = batch_size * max(1, min(_BATCHES_PER_CHUNK, n_batches // 4))
    return shuffled[np.lexsort((lengths[shuffled], np.arange(len(lengths)) // chunk))]


def _pad(encoded: EncodedTexts, rows: NDArray[np.int64], round_to: int) -> PaddedBatch:
    lengths = encoded.lengths[rows]
    time = max(1, -(-int(lengths.max()) // round_to)) * round_to
    ids = np.full((len(rows), time), PADDING, dtype=np.int64)
    ids[_inside(lengths, time)] = encoded.ids_of(rows, lengths)
    return PaddedBatch(rows=rows, ids=ids, lengths=lengths)


def _inside(lengths: NDArray[np.int64], time: int) -> NDArray[np.bool_]:
    """Return the mask of tokens that are not padding, bool [batch, time]."""
    return np.arange(time) < lengths[:, None]
