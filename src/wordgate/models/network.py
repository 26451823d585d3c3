"""The LSTM classifier's computation in numpy: what predicts, and what judges every epoch.

Shapes: ``batch`` texts, ``time`` steps, ``embedding`` numbers a word vector, ``hidden`` numbers
a state, ``features`` pooled numbers (hidden x directions x poolings), ``classes`` labels.
"""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from functools import cache

import numpy as np
from numpy.typing import NDArray
from threadpoolctl import ThreadpoolController

from wordgate.models.softmax import log_softmax
from wordgate.text.batches import Batch, bucketed
from wordgate.text.encoder import EncodedTexts

Floats = NDArray[np.float32]
PREDICTION_BATCH = 256
POOLINGS = ("last", "max", "mean")
DIRECTIONS = ("forward", "backward")


@dataclass(frozen=True)
class Direction:
    """One LSTM that reads a text from one end.

    The gates stand in the order of Hochreiter & Schmidhuber's 1997 network as torch lays it out:
    input, forget, cell, output.

    Attributes:
        input_weights: float32 [4 * hidden, embedding].
        hidden_weights: float32 [4 * hidden, hidden].
        bias: float32 [4 * hidden].
    """

    input_weights: Floats
    hidden_weights: Floats
    bias: Floats


@dataclass(frozen=True)
class Network:
    """Word vectors, one or two LSTMs, and a linear layer over their pooled states.

    Attributes:
        embedding: float32 [vocabulary, embedding]; row 0 is padding and never read.
        directions: The forward LSTM, and the backward one if the network has it.
        output_weights: float32 [classes, features].
        output_bias: float32 [classes].
        pooling: What is pooled over time, of `POOLINGS`, in this order.
    """

    embedding: Floats
    directions: tuple[Direction, ...]
    output_weights: Floats
    output_bias: Floats
    pooling: tuple[str, ...]

    @classmethod
    def from_arrays(cls, arrays: Mapping[str, Floats], pooling: tuple[str, ...]) -> "Network":
        """Build the network that `arrays` were taken from.

        Raises:
            KeyError: An array is missing.
        """
        both = any(name.startswith("backward.") for name in arrays)
        directions = tuple(
            Direction(
                input_weights=arrays[f"{name}.input_weights"],
                hidden_weights=arrays[f"{name}.hidden_weights"],
                bias=arrays[f"{name}.bias"],
            )
            for name in DIRECTIONS[: 1 + both]
        )
        return cls(
            embedding=arrays["embedding"],
            directions=directions,
            output_weights=arrays["output.weights"],
            output_bias=arrays["output.bias"],
            pooling=pooling,
        )

    def arrays(self) -> dict[str, Floats]:
        """Name all arrays."""
        arrays = {
            "embedding": self.embedding,
            "output.weights": self.output_weights,
            "output.bias": self.output_bias,
        }
        for name, direction in zip(DIRECTIONS, self.directions, strict=False):
            arrays[f"{name}.input_weights"] = direction.input_weights
            arrays[f"{name}.hidden_weights"] = direction.hidden_weights
            arrays[f"{name}.bias"] = direction.bias
        return arrays

    def log_proba(self, encoded: EncodedTexts) -> NDArray[np.float64]:
        """Compute log-probabilities.

        A text's neighbours and its padding have no part in its result.

        Returns:
            float64 [n, classes].
        """
        logits = np.zeros((len(encoded), len(self.output_bias)), np.float64)
        with _single_threaded_blas():
            for batch in bucketed(encoded, batch_size=PREDICTION_BATCH, rng=None):
                logits[batch.rows] = self._logits(batch)
        return log_softmax(logits)

    def _logits(self, batch: Batch) -> Floats:
        longest_first = np.argsort(-batch.lengths, kind="stable")
        lengths = batch.lengths[longest_first]
        ids = batch.ids[longest_first, : lengths[0]]
        orders = (ids, _reversed(ids, lengths))
        pooled = [
            part
            for direction, order in zip(self.directions, orders, strict=False)
            for part in _pooled(direction, self.embedding, order, lengths, self.pooling)
        ]
        logits = np.empty((len(ids), len(self.output_bias)), np.float32)
        logits[longest_first] = np.hstack(pooled) @ self.output_weights.T + self.output_bias
        return logits


def _single_threaded_blas() -> AbstractContextManager[object]:
    """Keep BLAS to one thread: for products this small, handing out work costs more than work."""
    limited: AbstractContextManager[object] = _thread_pools().limit(limits=1, user_api="blas")
    return limited


@cache
def _thread_pools() -> ThreadpoolController:
    return ThreadpoolController()


def _reversed(ids: NDArray[np.int64], lengths: NDArray[np.int64]) -> NDArray[np.int64]:
    """Turn every row's tokens around and leave its padding at the end."""
    steps = np.arange(ids.shape[1])
    backwards = np.maximum(lengths[:, None] - 1 - steps, 0)
    return np.take_along_axis(ids, backwards, axis=1)


def _pooled(
    direction: Direction,
    embedding: Floats,
    ids: NDArray[np.int64],
    lengths: NDArray[np.int64],
    pooling: Sequence[str],
) -> list[Floats]:
    """Read a batch, longest text first, and pool its states; each float32 [batch, hidden]."""
    hidden = direction.hidden_weights.shape[1]
    last = np.zeros((len(ids), hidden), np.float32)
    highest = np.where(lengths[:, None] > 0, np.float32(-np.inf), np.float32(0.0))
    highest = np.repeat(highest, hidden, axis=1)
    total = np.zeros_like(last)
    for state in _states(direction, embedding, ids, lengths):
        reading = slice(len(state))
        last[reading] = state
        if "max" in pooling:
            np.maximum(highest[reading], state, out=highest[reading])
        if "mean" in pooling:
            total[reading] += state
    mean = total / np.maximum(lengths, 1)[:, None].astype(np.float32)
    return [{"last": last, "max": highest, "mean": mean}[name] for name in pooling]


def _states(
    direction: Direction,
    embedding: Floats,
    ids: NDArray[np.int64],
    lengths: NDArray[np.int64],
) -> Iterator[Floats]:
    """Yield the hidden states after each step, for the texts that have not ended yet.

    Each distinct word of the batch is projected once. One tanh serves all gates, since
    sigmoid(x) = (1 + tanh(x / 2)) / 2: the gates' weights are halved beforehand, exactly.
    """
    order, halves = _gate_layout(direction.hidden_weights.shape[1])
    input_weights = direction.input_weights[order] * halves[:, None]
    hidden_weights = np.ascontiguousarray((direction.hidden_weights[order] * halves[:, None]).T)
    words, positions = np.unique(ids, return_inverse=True)
    projected = embedding[words] @ input_weights.T + direction.bias[order] * halves
    positions = positions.reshape(ids.shape)

    hidden = len(hidden_weights)
    state = np.zeros((len(ids), hidden), np.float32)
    cell = np.zeros_like(state)
    for step in range(ids.shape[1]):
        reading = int(np.count_nonzero(lengths > step))
        state, cell = state[:reading], cell[:reading]
        gates = projected[positions[:reading, step]]
        gates += state @ hidden_weights
        np.tanh(gates, out=gates)
        candidate = gates[:, 3 * hidden :]
        opened = gates[:, : 3 * hidden]
        opened *= 0.5
        opened += 0.5
        cell = opened[:, hidden : 2 * hidden] * cell + opened[:, :hidden] * candidate
        state = opened[:, 2 * hidden :] * np.tanh(cell)
        yield state


def _gate_layout(hidden: int) -> tuple[NDArray[np.int64], Floats]:
    """Order the gates input, forget, output, cell, and halve all but the cell's."""
    rows = np.arange(4 * hidden).reshape(4, hidden)
    halves = np.repeat(np.array([0.5, 0.5, 0.5, 1.0], np.float32), hidden)
    return rows[[0, 1, 3, 2]].reshape(-1), halves
