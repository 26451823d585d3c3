"""One LSTM direction made ready to read many texts fast, in numpy.

Shapes: ``batch`` texts, ``time`` steps, ``embedding`` numbers a word vector, ``hidden`` numbers a
state, ``vocabulary`` ids.

What makes it fast: the input projection stands in a table of all words, filled where it is read;
one tanh serves all gates, since sigmoid(x) = (1 + tanh(x / 2)) / 2, whose halves are put into the
weights beforehand, exactly; and each gate of a batch lies in one piece, so that a step is a dozen
passes over memory without a gap.
"""

from collections.abc import Iterator, Sequence

import numpy as np
from numpy.typing import NDArray

from wordgate.models.projection import Projection

Floats = NDArray[np.float32]
_ONE, _HALF = np.float32(1.0), np.float32(0.5)


class Reader:
    """An LSTM that reads texts from one end.

    Args:
        embedding: float32 [vocabulary, embedding].
        input_weights: float32 [4 * hidden, embedding], gates in the order input, forget, cell,
            output.
        hidden_weights: float32 [4 * hidden, hidden].
        bias: float32 [4 * hidden].
    """

    def __init__(
        self, embedding: Floats, input_weights: Floats, hidden_weights: Floats, bias: Floats
    ):
        hidden = hidden_weights.shape[1]
        order = np.arange(4 * hidden).reshape(4, hidden)[[0, 1, 3, 2]].ravel()
        halves = np.repeat(np.array([0.5, 0.5, 0.5, 1.0], np.float32), hidden)
        self._hidden = hidden
        self._projection = Projection(
            embedding, input_weights[order] * halves[:, None], bias[order] * halves
        )
        # States are kept doubled, as tanh leaves them: so these weights are halved once more.
        halves = halves[:, None] * np.float32(0.5)
        self._hidden_weights = np.ascontiguousarray((hidden_weights[order] * halves).T)

    def prepare(self, ids: NDArray[np.integer]) -> None:
        """Get ready for the words that will be read, int [...]."""
        self._projection.fill(ids)

    def pooled(
        self, ids: NDArray[np.int64], lengths: NDArray[np.int64], pooling: Sequence[str]
    ) -> list[Floats]:
        """Read a batch and pool its states.

        Args:
            ids: int64 [batch, time], longest text first, of words that were prepared.
            lengths: int64 [batch].
            pooling: What to pool: ``last``, ``max``, ``mean``.

        Returns:
            float32 [batch, hidden] for each; zeros for a text without words.
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
        """Take step after step, and yield how many texts have made it: the first ones.

        Args:
            ids: int64 [batch, time], longest text first.
            lengths: int64 [batch].
            state: float32 [batch, hidden], zeros; every step writes twice the hidden states into
                it, and what a text has at its end stays there.
        """
        batch, hidden = len(ids), self._hidden
        words = np.ascontiguousarray(ids.T)
        table = self._projection.table
        by_text, products, by_gate = np.empty((3, batch * 4 * hidden), np.float32)
        cell = np.zeros_like(state)
        reading = -1
        for step, still in enumerate(_reading(lengths)):
            if still != reading:  # texts have ended: go on in less room
                reading = still
                size, wide = reading * 4 * hidden, (reading, 4 * hidden)
                state, cell = state[:reading], cell[:reading]
                summed, product = by_text[:size].reshape(wide), products[:size].reshape(wide)
                summed_by_gate = summed.reshape(reading, 4, hidden).transpose(1, 0, 2)
                gates = by_gate[:size].reshape(4, reading, hidden)
                sigmoids, (opened_input, forget, opened_output, candidate) = gates[:3], gates
            table.take(words[step, :reading], 0, summed, "clip")
            np.matmul(state, self._hidden_weights, out=product)
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


def _reading(lengths: NDArray[np.int64]) -> list[int]:
    """Count the texts that have not ended before each step."""
    ended = np.bincount(lengths)
    left: list[int] = (len(lengths) - np.cumsum(ended))[:-1].tolist()
    return left
