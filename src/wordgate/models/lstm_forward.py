"""The forward pass of one LSTM direction over batches of texts, in numpy; the names of kernels.

Shapes: ``batch`` texts, ``time`` steps, ``embedding`` dimensions of a word vector, ``hidden`` of a
state, ``width`` of the gates (4 * hidden), ``vocabulary`` ids.

Three techniques make it fast. The input projection is a table of all words, which is computed only
for words that occur. One tanh computes all gates, since sigmoid(x) = (1 + tanh(x / 2)) / 2; the
halves are multiplied into the weights beforehand, which is exact. Each gate of a batch is
contiguous, so that a step is about a dozen passes over contiguous memory.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Generic, TypeAlias, TypeVar

import numpy as np
from numpy.typing import NDArray

from wordgate.errors import SettingsError, did_you_mean
from wordgate.models.base import Floats
from wordgate.runtime.packages import require_extra

NUMPY = "numpy"
KERNELS = (NUMPY, "numba", "numba-int8")
"""Kernels of an LSTM; the first one is the default of every family."""
TRANSFORMER_KERNELS = ("torch-bfloat16", "onnx-int8")
_ONE, _HALF = np.array(1.0, np.float32), np.array(0.5, np.float32)  # faster than scalars
_BLOCK = 16
"""Words projected together: always the same ones, so that the last bits of the projection of a word
do not depend on earlier texts."""
_BLOCKS_AT_ONCE = 64


ArrayT = TypeVar("ArrayT")


@dataclass(frozen=True)
class LSTMWeights(Generic[ArrayT]):
    """The weights of an LSTM in one direction: numpy arrays, or torch tensors.

    The gates are in the order of torch: input, forget, cell, output.

    Attributes:
        input_weights: float32 [4 * hidden, embedding].
        hidden_weights: float32 [4 * hidden, hidden].
        bias: float32 [4 * hidden].
    """

    input_weights: ArrayT
    hidden_weights: ArrayT
    bias: ArrayT


Direction: TypeAlias = LSTMWeights[Floats]


def check_kernel(kernel: str) -> None:
    """Check that a kernel is known and installed.

    Raises:
        SettingsError: The kernel is unknown.
        MissingExtraError: The kernel needs numba or ONNX Runtime, which is not installed.
    """
    known = (*KERNELS, *TRANSFORMER_KERNELS)
    if kernel not in known:
        raise SettingsError(f"no kernel '{kernel}'{did_you_mean(kernel, known)}")
    extra = kernel.partition("-")[0]
    if extra in ("numba", "onnx"):
        require_extra(extra, f"kernel '{kernel}'")


class NumpyLSTMForward:
    """The forward pass of one direction in numpy.

    Args:
        embedding: float32 [vocabulary, embedding].
        direction: The weights.
    """

    def __init__(self, embedding: Floats, direction: Direction):
        hidden = direction.hidden_weights.shape[1]
        order = np.arange(4 * hidden).reshape(4, hidden)[[0, 1, 3, 2]].ravel()
        halves = np.repeat(np.array([0.5, 0.5, 0.5, 1.0], np.float32), hidden)
        self._hidden = hidden
        self._projection = InputProjection(
            embedding,
            direction.input_weights[order] * halves[:, None],
            direction.bias[order] * halves,
        )
        # Hidden states are stored times 2, so these weights are halved once more.
        halves = halves[:, None] * np.float32(0.5)
        self._hidden_weights = np.ascontiguousarray((direction.hidden_weights[order] * halves).T)

    def prepare(self, ids: NDArray[np.integer]) -> None:
        """Compute the projections of words that will occur, ids int [...]."""
        self._projection.fill(ids)

    def pooled_states(
        self, ids: NDArray[np.int64], lengths: NDArray[np.int64], pooling: Sequence[str]
    ) -> list[Floats]:
        """Compute the pooled hidden states of a batch.

        Args:
            ids: int64 [batch, time], longest text first, of words passed to `prepare`.
            lengths: int64 [batch].
            pooling: Kinds of pooling: ``last``, ``max``, ``mean``.

        Returns:
            float32 [batch, hidden] for each kind; zeros for a text without words.
        """
        shape = (len(ids), self._hidden)
        last, total = np.zeros((2, *shape), np.float32)
        highest = np.full(shape, -np.inf, np.float32)
        highest[lengths == 0] = 0.0
        for reading in self._read(ids, lengths, last):
            state = last[:reading]
            if "max" in pooling:
                np.maximum(highest[:reading], state, out=highest[:reading])
            if "mean" in pooling:
                total[:reading] += state
        total /= np.maximum(lengths, 1)[:, None].astype(np.float32)
        doubled: dict[str, Floats] = {"last": last, "max": highest, "mean": total}
        return [doubled[name] * _HALF for name in pooling]

    def _read(
        self, ids: NDArray[np.int64], lengths: NDArray[np.int64], state: Floats
    ) -> Iterator[int]:
        """Compute the time steps, and yield after each the number of texts that have this step.

        Texts are sorted by length, so these are the first ones. Each step writes the hidden states
        times 2 into `state`, float32 [batch, hidden], initially zeros; the last state of a text
        remains there.
        """
        batch, hidden = len(ids), self._hidden
        words = np.ascontiguousarray(ids.T)
        table = self._projection.table
        by_text, products, by_gate = np.empty((3, batch * 4 * hidden), np.float32)
        cell = np.zeros_like(state)
        reading = -1
        still_reading = (batch - np.cumsum(np.bincount(lengths)))[:-1].tolist()  # before each step
        for step, still in enumerate(still_reading):
            if still != reading:  # some texts have ended: use smaller views
                reading = still
                size, wide = reading * 4 * hidden, (reading, 4 * hidden)
                state, cell = state[:reading], cell[:reading]
                summed, product = by_text[:size].reshape(wide), products[:size].reshape(wide)
                summed_by_gate = summed.reshape(reading, 4, hidden).transpose(1, 0, 2)
                gates = by_gate[:size].reshape(4, reading, hidden)
                sigmoids, (opened_input, forget, opened_output, candidate) = gates[:3], gates
            table.take(words[step, :reading], 0, summed, "clip")
            if step:  # in the first step, all states are zero
                np.dot(state, self._hidden_weights, out=product)  # faster than matmul for one text
                summed += product
            np.tanh(summed_by_gate, out=gates)
            sigmoids += _ONE
            opened_input *= candidate
            cell *= forget
            cell += opened_input
            cell *= _HALF
            np.tanh(cell, out=candidate)
            np.multiply(opened_output, candidate, out=state)
            yield reading


class InputProjection:
    """A table of word vectors times input weights, plus bias.

    Args:
        embedding: float32 [vocabulary, embedding].
        weights: float32 [width, embedding].
        bias: float32 [width].
    """

    def __init__(self, embedding: Floats, weights: Floats, bias: Floats):
        self._embedding = embedding
        self._weights = np.ascontiguousarray(weights.T)
        self._bias = bias
        n_blocks = -(-len(embedding) // _BLOCK)
        self._blocks = np.zeros((n_blocks, _BLOCK, len(bias)), np.float32)
        self._is_filled = np.zeros(n_blocks, np.bool_)

    def fill(self, ids: NDArray[np.integer]) -> None:
        """Compute the rows of words, ids int [...], that have not been computed yet.

        Several threads can call this at once: they write the same values.
        """
        blocks_of = ids // _BLOCK
        if self._is_filled[blocks_of].all():
            return
        needed = np.zeros_like(self._is_filled)
        needed[blocks_of] = True
        missing = np.flatnonzero(needed & ~self._is_filled)
        for start in range(0, len(missing), _BLOCKS_AT_ONCE):
            blocks = missing[start : start + _BLOCKS_AT_ONCE]
            words = blocks[:, None] * _BLOCK + np.arange(_BLOCK)
            vectors = self._embedding[np.minimum(words, len(self._embedding) - 1)]
            self._blocks[blocks] = np.matmul(vectors, self._weights) + self._bias
            self._is_filled[blocks] = True

    @property
    def table(self) -> Floats:
        """The table, float32 [vocabulary or a few more, width]; zeros for other words."""
        return self._blocks.reshape(-1, self._blocks.shape[2])
