"""The hidden states of an LSTM after each word, and the predictions from them, for explanations.

Shapes: ``time`` words, ``embedding`` dimensions of a word vector, ``hidden`` of a state,
``classes`` labels.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from wordgate.models.base import class_log_proba
from wordgate.models.lstm import Network
from wordgate.models.lstm_forward import Direction
from wordgate.runtime.threads import SINGLE_THREADED_BLAS


@dataclass(frozen=True)
class HiddenStates:
    """The states of one direction after each word.

    Gates tell how far the input, the forget and the output gate stood open: means over the hidden
    units of values from 0 (shut) to 1 (open).
    """

    hidden: NDArray[np.float64]  # [time, hidden]
    cell: NDArray[np.float64]  # [time, hidden]
    gates: NDArray[np.float64]  # [time, 3]

    def memory_change(self) -> NDArray[np.float64]:
        """Average |cell - cell before| over the units, float64 [time]; initially 0."""
        change = np.diff(self.cell, axis=0, prepend=0.0)
        return np.asarray(np.abs(change).mean(axis=1))


def prefix_predictions(
    network: Network, ids: NDArray[np.int32]
) -> tuple[NDArray[np.float64], HiddenStates]:
    """Predict after each word of a text in a single pass.

    The states after a word depend on no later word, so the prediction after it is that on the text,
    int32 [time], that ends there.

    Returns:
        Log-probabilities after 0, 1, 2 ... words, float64 [time + 1, classes], and the states.

    Raises:
        ValueError: The network reads in two directions, and has no verdict before the end.
    """
    if len(network.directions) != 1:
        raise ValueError("a bidirectional LSTM has read a word from both sides only at the end")
    with SINGLE_THREADED_BLAS:
        states = hidden_states(network.directions[0], network.embedding[ids])
        pooled = np.hstack([_pooled(states.hidden, kind) for kind in network.pooling])
        logits = pooled @ network.output_weights.T + network.output_bias
    return class_log_proba(logits, network.multilabel), states


def hidden_states(direction: Direction, vectors: NDArray[np.float32]) -> HiddenStates:
    """Compute the states for word vectors, float32 [time, embedding], step by step in float64.

    `NumpyLSTMForward` computes the same for many texts at once, and a test holds both together.
    The equations are those of Hochreiter & Schmidhuber (1997) with the forget gate of Gers,
    Schmidhuber & Cummins (2000).
    """
    n_hidden = direction.hidden_weights.shape[1]
    hidden, cell = np.zeros((2, n_hidden))
    hiddens, cells = np.zeros((2, len(vectors), n_hidden))
    gates = np.zeros((len(vectors), 3))
    for step, vector in enumerate(vectors.astype(np.float64)):
        summed = direction.input_weights @ vector + direction.hidden_weights @ hidden
        summed += direction.bias
        input_sum, forget_sum, candidate_sum, output_sum = summed.reshape(4, n_hidden)
        input_gate, forget_gate = _sigmoid(input_sum), _sigmoid(forget_sum)
        output_gate = _sigmoid(output_sum)
        cell = forget_gate * cell + input_gate * np.tanh(candidate_sum)
        hidden = output_gate * np.tanh(cell)
        hiddens[step], cells[step] = hidden, cell
        gates[step] = [gate.mean() for gate in (input_gate, forget_gate, output_gate)]
    return HiddenStates(hiddens, cells, gates)


def _pooled(hidden: NDArray[np.float64], kind: str) -> NDArray[np.float64]:
    """Pool the states of each prefix of the text: [time + 1, hidden]; zeros for the empty one."""
    if kind == "max":
        pooled = np.maximum.accumulate(hidden, axis=0)
    elif kind == "mean":
        pooled = hidden.cumsum(axis=0) / np.arange(1, len(hidden) + 1)[:, None]
    else:
        pooled = hidden
    return np.vstack([np.zeros((1, hidden.shape[1])), pooled])


def _sigmoid(x: NDArray[np.float64]) -> NDArray[np.float64]:
    return 0.5 + 0.5 * np.tanh(0.5 * x)  # cannot overflow
