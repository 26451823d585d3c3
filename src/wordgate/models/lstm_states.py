"""Hidden states of a one-directional LSTM after every word: slow and plain, gates included.

`NumpyLSTMForward` computes the same for many texts at once and keeps only what it pools. A test
holds both together.

Shapes: ``time`` words, ``embedding`` numbers a word vector, ``hidden`` numbers a state, ``classes``
labels.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from wordgate.models.base import log_softmax
from wordgate.models.lstm_network import Direction, Network
from wordgate.runtime.cpu import SINGLE_THREADED_BLAS

Numbers = NDArray[np.float64]


@dataclass(frozen=True)
class HiddenStates:
    """An LSTM's states after each word.

    Attributes:
        hidden: float64 [time, hidden].
        cell: float64 [time, hidden], its memory.
        gates: float64 [time, 3], how far the input, the forget and the output gate stood open:
            means over the hidden units of values from 0 (shut) to 1 (open).
    """

    hidden: Numbers
    cell: Numbers
    gates: Numbers

    def memory_change(self) -> Numbers:
        """How much each word changed the memory: mean over units of |cell - cell before|, [time].

        The memory before the first word is 0.
        """
        before = np.vstack([np.zeros_like(self.cell[:1]), self.cell[:-1]])
        change: Numbers = np.abs(self.cell - before).mean(axis=1)
        return change


@dataclass(frozen=True)
class PrefixPredictions:
    """How an LSTM's verdict came about.

    Attributes:
        log_proba: float64 [time + 1, classes], after 0, 1, 2 ... words.
        gates: float64 [time, 3], see `HiddenStates`.
        memory_change: float64 [time], see `HiddenStates`.
    """

    log_proba: Numbers
    gates: Numbers
    memory_change: Numbers


def prefix_predictions(network: Network, ids: NDArray[np.int32]) -> PrefixPredictions:
    """Read a text once and give the verdict after every word.

    The states after a word depend on no later word. So the verdict after it is that on the text
    that ends there.

    Args:
        network: An LSTM of one direction.
        ids: int32 [time], the text's words.

    Raises:
        ValueError: The network reads in two directions, and has no verdict before the end.
    """
    if len(network.directions) != 1:
        raise ValueError("a bidirectional LSTM has read a word from both sides only at the end")
    with SINGLE_THREADED_BLAS:
        states = hidden_states(network.directions[0], network.embedding[ids])
        pooled = np.hstack([_pooled(states.hidden, kind) for kind in network.pooling])
        logits = pooled @ network.output_weights.T + network.output_bias
    return PrefixPredictions(log_softmax(logits), states.gates, states.memory_change())


def hidden_states(direction: Direction, vectors: NDArray[np.float32]) -> HiddenStates:
    """Read word vectors, [time, embedding], one after another.

    The equations are those of Hochreiter & Schmidhuber (1997) with the forget gate of Gers,
    Schmidhuber & Cummins (2000).
    """
    n_hidden = direction.hidden_weights.shape[1]
    hidden, cell = np.zeros((2, n_hidden))
    hiddens, cells, gates = [], [], []
    for vector in vectors.astype(np.float64):
        summed = direction.input_weights @ vector + direction.hidden_weights @ hidden
        summed += direction.bias
        input_sum, forget_sum, candidate_sum, output_sum = summed.reshape(4, n_hidden)
        input_gate, forget_gate = _sigmoid(input_sum), _sigmoid(forget_sum)
        output_gate = _sigmoid(output_sum)
        cell = forget_gate * cell + input_gate * np.tanh(candidate_sum)
        hidden = output_gate * np.tanh(cell)
        hiddens.append(hidden)
        cells.append(cell)
        gates.append([gate.mean() for gate in (input_gate, forget_gate, output_gate)])
    return HiddenStates(_rows(hiddens, n_hidden), _rows(cells, n_hidden), _rows(gates, 3))


def _pooled(hidden: Numbers, kind: str) -> Numbers:
    """Pool the states of each beginning of the text: [time + 1, hidden]; zeros for no word."""
    if kind == "max":
        pooled = np.maximum.accumulate(hidden, axis=0)
    elif kind == "mean":
        pooled = hidden.cumsum(axis=0) / np.arange(1, len(hidden) + 1)[:, None]
    else:
        pooled = hidden
    return np.vstack([np.zeros((1, hidden.shape[1])), pooled])


def _sigmoid(x: Numbers) -> Numbers:
    opened: Numbers = 0.5 + 0.5 * np.tanh(0.5 * x)  # which can't overflow
    return opened


def _rows(rows: Sequence[object], width: int) -> Numbers:
    return np.array(rows, np.float64).reshape(-1, width)
