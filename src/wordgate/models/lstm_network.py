"""The LSTM classifier in numpy: predicts, and evaluates every epoch.

Shapes: ``batch`` texts, ``time`` steps, ``embedding`` dimensions of a word vector, ``hidden`` of
a state, ``features`` after pooling (hidden x directions x poolings), ``classes`` labels.
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from wordgate.models.base import log_softmax
from wordgate.models.int8 import int8_arrays, restore_int8, round_to_int8
from wordgate.models.lstm_forward import NUMPY, LSTMForward, make_lstm_forward
from wordgate.runtime.cpu import SINGLE_THREADED_BLAS, parallel_for
from wordgate.text.batches import PaddedBatch, bucketed
from wordgate.text.encoder import EncodedTexts

Floats = NDArray[np.float32]
PREDICTION_BATCH = 512
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
        int8: Whether word vectors are kept in bytes; they are `int8.round_to_int8` then.
        kernel: What computes, of `KERNELS`.
    """

    embedding: Floats
    directions: tuple[Direction, ...]
    output_weights: Floats
    output_bias: Floats
    pooling: tuple[str, ...]
    int8: bool = False
    kernel: str = NUMPY

    @classmethod
    def from_arrays(cls, arrays: Mapping[str, Floats], pooling: tuple[str, ...]) -> "Network":
        """Build the network that `arrays` were taken from.

        Raises:
            KeyError: An array is missing.
            BundleError: Int8 word vectors lack their scales.
        """
        arrays, int8 = restore_int8("embedding", arrays)
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
            int8=int8,
        )

    def in_int8(self) -> "Network":
        """Give the same network with word vectors that a byte a number can keep."""
        return replace(self, embedding=round_to_int8(self.embedding), int8=True)

    def computed_by(self, kernel: str) -> "Network":
        """Give the same network, computed by another kernel; see `make_lstm_forward` for errors."""
        network = replace(self, kernel=kernel)
        network._forward_passes  # noqa: B018 - what can't compute fails here
        return network

    def arrays(self) -> dict[str, NDArray[Any]]:
        """Name all arrays."""
        arrays = {
            **int8_arrays("embedding", self.embedding, int8=self.int8),
            "output.weights": self.output_weights,
            "output.bias": self.output_bias,
        }
        for name, direction in zip(DIRECTIONS, self.directions, strict=False):
            arrays[f"{name}.input_weights"] = direction.input_weights
            arrays[f"{name}.hidden_weights"] = direction.hidden_weights
            arrays[f"{name}.bias"] = direction.bias
        return arrays

    def log_proba(
        self, encoded: EncodedTexts, *, threads: int | None = None
    ) -> NDArray[np.float64]:
        """Compute log-probabilities.

        A text's neighbours, its padding and the number of threads have no part in its result.

        Args:
            encoded: The texts.
            threads: In how many threads at most, as for `choose_threads`.

        Returns:
            float64 [n, classes].
        """
        logits = np.zeros((len(encoded), len(self.output_bias)), np.float64)

        def score(batch: PaddedBatch) -> None:
            logits[batch.rows] = self._logits(batch)

        with SINGLE_THREADED_BLAS:
            for one in self._forward_passes:
                one.prepare(encoded.ids)
            batches = bucketed(encoded, batch_size=PREDICTION_BATCH, rng=None)
            parallel_for(score, batches, threads=threads)
        return log_softmax(logits)

    @cached_property
    def _forward_passes(self) -> tuple[LSTMForward, ...]:
        return tuple(
            make_lstm_forward(
                self.kernel,
                self.embedding,
                weights.input_weights,
                weights.hidden_weights,
                weights.bias,
            )
            for weights in self.directions
        )

    def _logits(self, batch: PaddedBatch) -> Floats:
        """Score a batch whose longest text comes first: float32 [batch, classes]."""
        lengths = batch.lengths
        ids = batch.ids[:, : lengths[0]]
        forward, *backward = self._forward_passes
        pooled = forward.pooled_states(ids, lengths, self.pooling)
        for one in backward:
            pooled += one.pooled_states(_reversed(ids, lengths), lengths, self.pooling)
        logits: Floats = np.hstack(pooled) @ self.output_weights.T + self.output_bias
        return logits


def _reversed(ids: NDArray[np.int64], lengths: NDArray[np.int64]) -> NDArray[np.int64]:
    """Turn every row's tokens around and leave its padding at the end."""
    steps = np.arange(ids.shape[1])
    backwards = np.maximum(lengths[:, None] - 1 - steps, 0)
    return np.take_along_axis(ids, backwards, axis=1)
