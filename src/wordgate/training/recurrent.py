"""The LSTM classifier in torch, for training: fused kernels with dropout.

Shapes: ``batch`` texts, ``time`` steps, ``distinct`` different words of a batch, ``embedding``
numbers per word vector, ``hidden`` numbers per state, ``classes`` labels; ``total`` tokens of all
texts: all first tokens, then all second ones and so on, each time that of the longest text first
(as in torch's PackedSequence); ``masked`` 1 if the gates of a text share its mask, else 4.

Dropout of the inputs and of the states uses masks that are fixed over time (Gal & Ghahramani
2016). Shared by the batch, they go into the weights, since ``(x * m) W = x (diag(m) W)``, and the
fused kernel of oneDNN or cuDNN runs unchanged. oneDNN's is called with its own backward function,
without torch's many small steps around it, which take as long for few texts as for many. Batches
are right-padded; a state is read at each text's own last step, so the kernel never needs a
PackedSequence, which would leave it. States with a mask for each text, which no fused kernel knows,
are computed step by step over packed tokens: slower, and exact.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, TypeAlias

import torch
from torch import Tensor
from torch.nn.functional import embedding, linear

from wordgate.models.lstm import named_layers
from wordgate.models.lstm_forward import LSTMWeights

DirectionWeights: TypeAlias = LSTMWeights[Tensor]

_SMALLEST = -1e-30  # a difference between states that are not equal is below it
_HAS_ONEDNN: bool = torch.backends.mkldnn.is_available()  # type: ignore[no-untyped-call]
_LSTM_MODE = 2  # among torch's kinds of recurrent layers


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

    def named(self) -> dict[str, Tensor]:
        """Name the weights as the network that predicts does."""
        return named_layers(self.directions, self.output_weights, self.output_bias)


@dataclass(frozen=True)
class Masks:
    """Dropout masks of one update, float32; None drops nothing.

    Those of a direction are for the whole batch or for each text: ``masked`` is 1 if the gates of a
    text share a mask, else 4.
    """

    inputs: Sequence[Tensor | None]  # of each direction, [embedding] or [batch, masked, embedding]
    states: Sequence[Tensor | None]  # of each direction, [hidden] or [batch, masked, hidden]
    output: Tensor | None  # [batch, features]

    def of_texts(self, rows: slice) -> "Masks":
        """Return the masks of some texts of the batch."""

        def cut(masks: Sequence[Tensor | None]) -> list[Tensor | None]:
            return [mask[rows] if mask is not None and mask.ndim == 3 else mask for mask in masks]

        output = None if self.output is None else self.output[rows]
        return Masks(cut(self.inputs), cut(self.states), output)


def logits(
    word_vectors: Tensor,
    positions: Tensor,
    lengths: Tensor,
    weights: Weights,
    pooling: Sequence[str],
    masks: Masks,
    precision: torch.dtype = torch.float32,
    squares: Tensor | None = None,
) -> Tensor:
    """Compute the scores of the labels.

    Args:
        word_vectors: float32 [distinct, embedding], the batch's distinct words.
        positions: int64 [batch, time], rows of `word_vectors`, right-padded with any row.
        lengths: int64 [batch]; 0 is allowed.
        weights: The network's weights.
        pooling: Of ``last``, ``max`` and ``mean``.
        masks: The dropout masks of this update.
        precision: That of the fused LSTMs, forward and backward; all else is float32.
        squares: float32 [distinct, embedding], to which the backward pass adds the squares of the
            gradients of each word's occurrences; None if they are not needed.

    Returns:
        float32 [batch, classes].
    """
    pooled = []
    for index, direction in enumerate(weights.directions):
        order = positions if index == 0 else _reversed(positions, lengths)
        input_mask, state_mask = masks.inputs[index], masks.states[index]
        words = Words(word_vectors, order.T, squares)
        if state_mask is not None and state_mask.ndim == 3:
            states = _packed(words, lengths, direction, input_mask, state_mask)
        else:
            states = _fused(words, direction, input_mask, state_mask, precision)
        pooled += [_pool(states, lengths, name).float() for name in pooling]
    features = torch.cat(pooled, dim=1)
    if masks.output is not None:
        features = features * masks.output
    return linear(features, weights.output_weights, weights.output_bias)


@dataclass(frozen=True)
class Words:
    """The words of a batch in the order they are read; the fields are those of `logits`."""

    vectors: Tensor
    positions: Tensor  # [time, batch]
    squares: Tensor | None

    def at(self, positions: Tensor, precision: torch.dtype = torch.float32) -> Tensor:
        """Look up word vectors: [..., embedding]."""
        found: Tensor = _Lookup.apply(  # type: ignore[no-untyped-call]
            self.vectors, positions, precision, self.squares
        )
        return found


class _Lookup(torch.autograd.Function):
    """Looks up word vectors in a precision, and sums the squares of the gradients if needed."""

    @staticmethod
    def forward(
        ctx: Any, vectors: Tensor, positions: Tensor, precision: torch.dtype, squares: Tensor | None
    ) -> Tensor:
        ctx.positions, ctx.squares, ctx.n_words = positions, squares, len(vectors)
        return embedding(positions, vectors.to(precision))

    @staticmethod
    def backward(ctx: Any, upstream: Tensor) -> tuple[Tensor | None, ...]:
        places, gradients = ctx.positions.reshape(-1), upstream.flatten(end_dim=-2).float()
        if ctx.squares is not None:
            ctx.squares.index_add_(0, places, gradients * gradients)
        summed = gradients.new_zeros(ctx.n_words, gradients.shape[1])
        return summed.index_add_(0, places, gradients), None, None, None


def _fused(
    words: Words,
    direction: DirectionWeights,
    input_mask: Tensor | None,
    state_mask: Tensor | None,
    precision: torch.dtype,
) -> Tensor:
    """Run the fused kernel over padded texts: [time, batch, hidden]."""
    if input_mask is not None and input_mask.ndim == 3:
        inputs = (words.at(words.positions) * input_mask.transpose(0, 1)).to(precision)
        input_mask = None
    else:
        inputs = words.at(words.positions, precision)
    weights = direction.input_weights, direction.hidden_weights, direction.bias
    if not inputs.is_cuda and _HAS_ONEDNN:
        states: Tensor = _OneDNN.apply(  # type: ignore[no-untyped-call]
            inputs, *weights, input_mask, state_mask
        )
        return states
    given = _as_given(*weights, input_mask, state_mask, precision)
    start = inputs.new_zeros(1, inputs.shape[1], direction.hidden_weights.shape[1])
    states, _, _ = torch.lstm(
        inputs,
        (start, start),
        _in_one_block(given) if inputs.is_cuda else given,
        has_biases=True,
        num_layers=1,
        dropout=0.0,
        train=True,
        bidirectional=False,
        batch_first=False,
    )
    return states


def _as_given(
    input_weights: Tensor,
    hidden_weights: Tensor,
    bias: Tensor,
    input_mask: Tensor | None,
    state_mask: Tensor | None,
    precision: torch.dtype,
) -> list[Tensor]:
    """Return the weights that a fused kernel reads, multiplied by the dropout masks."""
    if input_mask is not None:
        input_weights = input_weights * input_mask
    if state_mask is not None:
        hidden_weights = hidden_weights * state_mask
    given = [weight.to(precision) for weight in (input_weights, hidden_weights, bias)]
    return [*given, torch.zeros_like(given[2])]


class _OneDNN(torch.autograd.Function):
    """One LSTM layer of oneDNN in the precision of its inputs: [time, batch, hidden].

    Inputs are [time, batch, embedding], weights float32 as in `DirectionWeights`, masks those of
    the whole batch.
    """

    @staticmethod
    def forward(
        ctx: Any,
        inputs: Tensor,
        input_weights: Tensor,
        hidden_weights: Tensor,
        bias: Tensor,
        input_mask: Tensor | None,
        state_mask: Tensor | None,
    ) -> Tensor:
        weights = _as_given(
            input_weights, hidden_weights, bias, input_mask, state_mask, inputs.dtype
        )
        start = inputs.new_zeros(1, inputs.shape[1], hidden_weights.shape[1])
        given = [tensor.detach() for tensor in (inputs.contiguous(), *weights, start, start)]
        with torch.enable_grad():  # else the kernel stores nothing for its derivative
            results = torch.ops.aten.mkldnn_rnn_layer(
                *given, False, [], _LSTM_MODE, start.shape[2], 1, True, False, False, True
            )
        ctx.save_for_backward(*given, *results)
        ctx.masks = input_mask, state_mask
        states: Tensor = results[0]
        return states

    @staticmethod
    def backward(ctx: Any, upstream: Tensor) -> tuple[Tensor | None, ...]:
        *given, states, last_state, last_cell, workspace = ctx.saved_tensors
        nothing, hidden = torch.zeros_like(last_state), last_state.shape[-1]
        of_inputs, *of_weights, of_bias, _, _, _ = torch.ops.aten.mkldnn_rnn_layer_backward(
            *given,
            *(states, last_state, last_cell, upstream.contiguous(), nothing, nothing),
            *(False, _LSTM_MODE, hidden, 1, True, True, False, [], False, workspace),
        )
        of_weights = [
            gradient.float() if mask is None else gradient.float().mul_(mask)
            for gradient, mask in zip(of_weights, ctx.masks, strict=True)
        ]
        return of_inputs, *of_weights, of_bias.float(), None, None


def _in_one_block(weights: Sequence[Tensor]) -> list[Tensor]:
    """Concatenate weights in memory as cuDNN reads them; it warns of other layouts."""
    block = torch.cat([weight.flatten() for weight in weights])
    parts = torch.split(block, [weight.numel() for weight in weights])
    return [part.view_as(weight) for part, weight in zip(parts, weights, strict=True)]


def _packed(
    words: Words,
    lengths: Tensor,
    direction: DirectionWeights,
    input_mask: Tensor | None,
    state_mask: Tensor,
) -> Tensor:
    """Run the LSTM whose states have a mask for each text: float32 [time, batch, hidden]."""
    time, batch = words.positions.shape
    if lengths.is_cuda:
        packing = Packing.padded(batch, time, lengths.device)
    else:
        packing = Packing.of(lengths)
    hidden = direction.hidden_weights.shape[1]
    padded = words.vectors.new_zeros(time, batch, hidden)
    if not packing.counts:
        return padded
    order, step = packing.order, packing.step
    rows = order[packing.text]
    inputs = words.at(words.positions[step, rows])[:, None]
    if input_mask is not None:
        inputs = inputs * input_mask[rows]
    weights = direction.input_weights.view(inputs.shape[1], -1, inputs.shape[2])
    parts = [linear(*both) for both in zip(inputs.unbind(1), weights, strict=True)]
    projected = torch.cat(parts, dim=1) + direction.bias
    states = packed_states(projected, direction.hidden_weights, state_mask[order], packing)
    return padded.index_put((step, rows), states)


def _reversed(positions: Tensor, lengths: Tensor) -> Tensor:
    """Reverse every row, with its padding still at the end."""
    steps = torch.arange(positions.shape[1], device=positions.device)
    backwards = (lengths[:, None] - 1 - steps).clamp(min=0)
    return positions.gather(1, backwards)


def _pool(states: Tensor, lengths: Tensor, pooling: str) -> Tensor:
    """Pool [time, batch, hidden] over each text's own steps; a text of none gives zeros."""
    if pooling == "last":
        rows = torch.arange(len(lengths), device=states.device)
        return states[(lengths - 1).clamp(min=0), rows] * (lengths > 0)[:, None]
    padding = torch.arange(len(states), device=states.device)[:, None] >= lengths
    if pooling == "max":
        highest: Tensor = _Highest.apply(states, padding)  # type: ignore[no-untyped-call]
        return highest * (lengths > 0)[:, None]
    return (states * ~padding[:, :, None]).float().sum(dim=0) / lengths.clamp(min=1)[:, None]


class _Highest(torch.autograd.Function):
    """The maximum over time of states above -1, without padding, bool [time, batch].

    As `amax`, equal states share the gradient; its own derivative takes five times as long.
    """

    @staticmethod
    def forward(ctx: Any, states: Tensor, padding: Tensor) -> Tensor:
        below_any_state = states + (padding * -4.0).to(states.dtype)[:, :, None]
        highest = below_any_state.amax(dim=0)
        ctx.save_for_backward(below_any_state.sub_(highest))
        return highest

    @staticmethod
    def backward(ctx: Any, upstream: Tensor) -> tuple[Tensor, None]:
        (below,) = ctx.saved_tensors
        is_highest = torch.ops.aten.threshold_backward(torch.ones_like(below), below, _SMALLEST)
        return is_highest.mul_(upstream / is_highest.sum(dim=0)), None


@dataclass(frozen=True)
class Packing:
    """The positions of the tokens of a batch when they are packed step by step."""

    order: Tensor  # int64 [batch], the texts, longest first
    text: Tensor  # int64 [total], each token's text: a place in `order`
    step: Tensor  # int64 [total], each token's place in its text
    counts: tuple[int, ...]  # number of texts at each step; the sum is ``total``
    earlier: Tensor  # int64 [total - counts[0]], where the token before each token is

    @classmethod
    def of(cls, lengths: Tensor) -> "Packing":
        """Pack texts of int64 [batch] lengths; those of length 0 have no token."""
        order = torch.argsort(lengths, descending=True, stable=True)
        longest_first = lengths[order]
        reading = torch.arange(int(longest_first[0]))[:, None] < longest_first
        step, text = reading.nonzero(as_tuple=True)
        counts = reading.sum(dim=1)
        later = step > 0
        earlier = (counts.cumsum(0) - counts)[step[later] - 1] + text[later]
        return cls(order, text, step, tuple(counts.tolist()), earlier)

    @classmethod
    def padded(cls, batch: int, time: int, device: torch.device) -> "Packing":
        """Pack texts with their padding: on a GPU, where fewer launches count, not fewer tokens.

        Nothing depends on the lengths, so that a CUDA graph serves all batches of this shape.
        """
        texts, steps = (torch.arange(n, device=device) for n in (batch, time))
        return cls(
            order=texts,
            text=texts.repeat(time),
            step=steps.repeat_interleave(batch, output_size=batch * time),
            counts=(batch,) * time,
            earlier=torch.arange(batch * (time - 1), device=device),
        )


def packed_states(
    projected: Tensor, hidden_weights: Tensor, mask: Tensor, packing: Packing
) -> Tensor:
    """Run an LSTM.

    Args:
        projected: [total, 4 * hidden], the inputs times their weights, bias added; gates in
            torch's order (input, forget, cell, output).
        hidden_weights: [4 * hidden, hidden].
        mask: [batch, masked, hidden], the dropout mask of a text's state for each gate.
        packing: Where the tokens are.

    Returns:
        The states, [total, hidden].
    """
    states: Tensor = _Recurrence.apply(  # type: ignore[no-untyped-call]
        projected, hidden_weights, mask, packing
    )
    return states


class _Recurrence(torch.autograd.Function):
    """The recurrence and its derivative, by steps over all texts of sufficient length."""

    @staticmethod
    def forward(
        ctx: Any,
        projected: Tensor,
        hidden_weights: Tensor,
        mask: Tensor,
        packing: Packing,
    ) -> Tensor:
        total, hidden = len(projected), hidden_weights.shape[1]
        gates = projected.clone().view(total, 4, hidden)
        states, cells = gates.new_empty(total, hidden), gates.new_empty(total, hidden)
        squashed = torch.empty_like(cells)
        masks, weights = _by_gates(mask, hidden_weights)
        before, start = 0, 0
        for step, count in enumerate(packing.counts):
            now, past = slice(start, start + count), slice(before, before + count)
            if step:
                seen = torch.bmm(states[past] * masks[:, :count], weights.mT)
                gates[now] += seen.transpose(0, 1).reshape(count, 4, hidden)
            gates[now, :2].sigmoid_()
            gates[now, 2].tanh_()
            gates[now, 3].sigmoid_()
            taken, kept, candidate, given = gates[now].unbind(1)
            torch.mul(taken, candidate, out=cells[now])
            if step:
                cells[now].addcmul_(kept, cells[past])
            torch.tanh(cells[now], out=squashed[now])
            torch.mul(given, squashed[now], out=states[now])
            before, start = start, start + count
        ctx.save_for_backward(gates, states, cells, squashed, weights, masks)
        ctx.packing = packing
        return states

    @staticmethod
    def backward(ctx: Any, upstream: Tensor) -> tuple[Tensor, Tensor, None, None]:
        gates, states, cells, squashed, weights, masks = ctx.saved_tensors
        total, _, hidden = gates.shape
        packing = ctx.packing
        counts, text, earlier = packing.counts, packing.text, packing.earlier
        slopes = _slopes(gates, cells, squashed, earlier)
        through_cell = (1.0 - squashed * squashed) * gates[:, 3]
        state_grad, cell_grad = upstream.new_zeros((2, counts[0], hidden))
        start = total
        for step, count in reversed(list(enumerate(counts))):
            start -= count
            now = slice(start, start + count)
            arrived, cell = state_grad[:count].add_(upstream[now]), cell_grad[:count]
            cell.addcmul_(arrived, through_cell[now])
            slopes[now, :3] *= cell[:, None]
            slopes[now, 3] *= arrived
            cell *= gates[now, 1]
            if step:
                seen = torch.bmm(_by_mask(slopes[now], masks), weights) * masks[:, :count]
                torch.sum(seen, dim=0, out=arrived)
        later = slice(counts[0], total)
        seen = states[earlier] * masks[:, text[later]]
        weights_gradient = torch.bmm(_by_mask(slopes[later], masks).mT, seen).view(
            4 * hidden, hidden
        )
        return slopes.view(total, -1), weights_gradient, None, None


def _by_gates(mask: Tensor, hidden_weights: Tensor) -> tuple[Tensor, Tensor]:
    """Move the axis of gates to the front, for matrix products: both [masked, ..., hidden]."""
    masks = mask.transpose(0, 1).contiguous()
    return masks, hidden_weights.view(len(masks), -1, hidden_weights.shape[1])


def _by_mask(slopes: Tensor, masks: Tensor) -> Tensor:
    """Arrange [count, 4, hidden] likewise: [masked, count, rest]."""
    masked, rest = len(masks), 4 // len(masks) * slopes.shape[-1]
    return slopes.view(len(slopes), masked, rest).transpose(0, 1)


def _slopes(gates: Tensor, cells: Tensor, squashed: Tensor, earlier: Tensor) -> Tensor:
    """Compute what a gate's input adds to its cell (output gate: to its state): [total, 4, hidden].

    All that the derivative needs and the steps don't pass on, for all steps at once.
    """
    taken, _, candidate, _ = gates.unbind(1)
    slopes = gates * (1.0 - gates)
    slopes[:, 0] *= candidate
    slopes[len(slopes) - len(earlier) :, 1] *= cells[earlier]
    slopes[: len(slopes) - len(earlier), 1] = 0.0
    torch.mul(1.0 - candidate * candidate, taken, out=slopes[:, 2])
    slopes[:, 3] *= squashed
    return slopes
