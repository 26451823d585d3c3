"""An LSTM over texts of any lengths with dropout masks of each text's own, and no padding at all.

The fused kernels know no mask inside the recurrence, so this one is written out. It is slower than
they are, and exact where they can't follow: a mask for each text, or for each text and gate.

Shapes: ``total`` tokens of all texts together, first all first tokens, then all second ones and so
on, each time the longest text's first (as in torch's PackedSequence); ``batch`` texts in that
order; ``masked`` 1 if the gates of a text share its mask, else 4.
"""

from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor


@dataclass(frozen=True)
class Packing:
    """Where the tokens of a batch go when they are laid end to end, step by step.

    Attributes:
        order: int64 [batch], the texts, longest first.
        text: int64 [total], each token's text: a place in `order`.
        step: int64 [total], each token's place in its text.
        counts: How many texts read at each step; the sum is ``total``.
        earlier: int64 [total - those of the first step], where the token before each token is.
    """

    order: NDArray[np.int64]
    text: NDArray[np.int64]
    step: NDArray[np.int64]
    counts: tuple[int, ...]
    earlier: NDArray[np.int64]

    @classmethod
    def of(cls, lengths: NDArray[np.int64]) -> "Packing":
        """Pack texts of int64 [batch] lengths; those of length 0 have no token."""
        order = np.argsort(-lengths, kind="stable")
        longest_first = lengths[order]
        reading = np.arange(longest_first[0])[:, None] < longest_first
        step, text = np.nonzero(reading)
        counts = reading.sum(axis=1)
        later = step > 0
        earlier = (np.cumsum(counts) - counts)[step[later] - 1] + text[later]
        return cls(order, text, step, tuple(counts.tolist()), earlier)


def packed_states(
    projected: Tensor, hidden_weights: Tensor, mask: Tensor, packing: Packing
) -> Tensor:
    """Run an LSTM.

    Args:
        projected: [total, 4 * hidden], the inputs times their weights, bias added; gates in
            torch's order (input, forget, cell, output).
        hidden_weights: [4 * hidden, hidden].
        mask: [batch, masked, hidden], what of a text's state each gate may see.
        packing: Where the tokens are.

    Returns:
        The states, [total, hidden].
    """
    states: Tensor = _Recurrence.apply(  # type: ignore[no-untyped-call]
        projected, hidden_weights, mask, packing
    )
    return states


class _Recurrence(torch.autograd.Function):
    """The recurrence and its derivative, in whole steps over all texts that still read."""

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
        counts, text = ctx.packing.counts, ctx.packing.text
        earlier = torch.from_numpy(ctx.packing.earlier).to(gates.device)
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
    """Put the gates that share a mask first, for products of each: both [masked, ..., hidden]."""
    masks = mask.transpose(0, 1).contiguous()
    return masks, hidden_weights.view(len(masks), -1, hidden_weights.shape[1])


def _by_mask(slopes: Tensor, masks: Tensor) -> Tensor:
    """Lay [count, 4, hidden] out likewise: [masked, count, rest]."""
    masked, rest = len(masks), 4 // len(masks) * slopes.shape[-1]
    return slopes.view(len(slopes), masked, rest).transpose(0, 1)


def _slopes(gates: Tensor, cells: Tensor, squashed: Tensor, earlier: Tensor) -> Tensor:
    """What a gate's input adds to its cell (the output gate's: to its state): [total, 4, hidden].

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
