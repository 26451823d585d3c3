"""The LSTM classifier in torch, for training: the fused kernels with dropout inside.

Shapes: ``batch`` texts, ``time`` steps, ``distinct`` different words of a batch, ``embedding``
numbers a word vector, ``hidden`` numbers a state, ``classes`` labels.

Dropout of the inputs and of the states uses masks that are fixed over time (Gal & Ghahramani
2016) and shared by the batch. Then ``(x * m) W = x (diag(m) W)``: the masks go into the weights,
and the fused kernel of oneDNN or cuDNN runs unchanged. Batches are right-padded; a state is read
at each text's own last step, so the kernel never needs a PackedSequence, which would leave it.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor


@dataclass
class DirectionWeights:
    """One LSTM's weights, gates in torch's order (input, forget, cell, output).

    Attributes:
        input_weights: float32 [4 * hidden, embedding].
        hidden_weights: float32 [4 * hidden, hidden].
        bias: float32 [4 * hidden].
    """

    input_weights: Tensor
    hidden_weights: Tensor
    bias: Tensor

    def tensors(self) -> list[Tensor]:
        """List the weights."""
        return [self.input_weights, self.hidden_weights, self.bias]


@dataclass
class Weights:
    """All weights but the word vectors.

    Attributes:
        directions: The forward LSTM, and the backward one if there is one.
        output_weights: float32 [classes, features].
        output_bias: float32 [classes].
    """

    directions: tuple[DirectionWeights, ...]
    output_weights: Tensor
    output_bias: Tensor

    def tensors(self) -> list[Tensor]:
        """List the weights."""
        directions = [tensor for direction in self.directions for tensor in direction.tensors()]
        return [*directions, self.output_weights, self.output_bias]


@dataclass(frozen=True)
class Masks:
    """Dropout masks of one update; None drops nothing.

    Attributes:
        inputs: For each direction, float32 [embedding], or None.
        states: For each direction, float32 [hidden], or None.
        output: float32 [batch, features], or None.
    """

    inputs: Sequence[Tensor | None]
    states: Sequence[Tensor | None]
    output: Tensor | None


def logits(
    word_vectors: Tensor,
    positions: Tensor,
    lengths: Tensor,
    weights: Weights,
    pooling: Sequence[str],
    masks: Masks,
    precision: torch.dtype = torch.float32,
) -> Tensor:
    """Compute the scores of the labels.

    Args:
        word_vectors: float32 [distinct, embedding], the batch's distinct words.
        positions: int64 [batch, time], rows of `word_vectors`, right-padded with any row.
        lengths: int64 [batch]; 0 is allowed.
        weights: The network's weights.
        pooling: Of ``last``, ``max`` and ``mean``.
        masks: The dropout masks of this update.
        precision: What the LSTMs compute in, forward and backward; all else is float32.

    Returns:
        float32 [batch, classes].
    """
    pooled = []
    for index, direction in enumerate(weights.directions):
        order = positions if index == 0 else _reversed(positions, lengths)
        inputs = torch.nn.functional.embedding(order, word_vectors)
        input_weights = _masked(direction.input_weights, masks.inputs[index])
        hidden_weights = _masked(direction.hidden_weights, masks.states[index])
        tensors = (inputs, input_weights, hidden_weights, direction.bias)
        states = _states(*(tensor.to(precision) for tensor in tensors)).float()
        pooled += [_pool(states, lengths, name) for name in pooling]
    features = torch.cat(pooled, dim=1)
    if masks.output is not None:
        features = features * masks.output
    return torch.nn.functional.linear(features, weights.output_weights, weights.output_bias)


def _masked(weights: Tensor, mask: Tensor | None) -> Tensor:
    """Drop columns of float32 [rows, columns] by a mask, float32 [columns]."""
    return weights if mask is None else weights * mask


def _states(inputs: Tensor, input_weights: Tensor, hidden_weights: Tensor, bias: Tensor) -> Tensor:
    """Run the fused LSTM: [batch, time, embedding] to [batch, time, hidden]."""
    start = inputs.new_zeros(1, len(inputs), hidden_weights.shape[1])
    states, _, _ = torch.lstm(
        inputs,
        (start, start),
        [input_weights, hidden_weights, bias, torch.zeros_like(bias)],
        has_biases=True,
        num_layers=1,
        dropout=0.0,
        train=True,
        bidirectional=False,
        batch_first=True,
    )
    return states


def _reversed(positions: Tensor, lengths: Tensor) -> Tensor:
    """Turn every row around and leave its padding at the end."""
    steps = torch.arange(positions.shape[1], device=positions.device)
    backwards = (lengths[:, None] - 1 - steps).clamp(min=0)
    return positions.gather(1, backwards)


def _pool(states: Tensor, lengths: Tensor, pooling: str) -> Tensor:
    """Pool float32 [batch, time, hidden] over each text's own steps; a text of none gives zeros."""
    reading = torch.arange(states.shape[1], device=states.device) < lengths[:, None]
    if pooling == "last":
        rows = torch.arange(len(states), device=states.device)
        return states[rows, (lengths - 1).clamp(min=0)] * (lengths > 0)[:, None]
    if pooling == "max":
        below_any_state = -2.0
        highest = states.masked_fill(~reading[:, :, None], below_any_state).amax(dim=1)
        return highest * (lengths > 0)[:, None]
    return (states * reading[:, :, None]).sum(dim=1) / lengths.clamp(min=1)[:, None]
