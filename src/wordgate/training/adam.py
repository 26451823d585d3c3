"""Adam for all weights, for word vectors by the rows of the batch; the learning rate's schedule.

Of a table of tens of thousands of word vectors, a batch reads some hundreds. Updating the rest
as well, as a dense Adam does by its decaying moments, costs more than the LSTM. Source: Kingma &
Ba 2015; the rows' variant is what TensorFlow calls LazyAdam and torch SparseAdam.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

MOMENTUM = 0.9
SECOND_MOMENTUM = 0.999
EPSILON = 1e-7


@dataclass
class RowAdam:
    """A table of word vectors and its moments.

    Attributes:
        table: float32 [vocabulary, embedding].
        first: float32 [vocabulary, embedding], running mean of the gradients.
        second: float32 [vocabulary, embedding], running mean of their squares.
        updates: How many updates were made.
    """

    table: Tensor
    first: Tensor
    second: Tensor
    updates: int = 0

    @classmethod
    def of(cls, table: Tensor) -> "RowAdam":
        """Begin with no moments."""
        return cls(table, torch.zeros_like(table), torch.zeros_like(table))

    def rows(self, words: Tensor) -> Tensor:
        """Copy the rows of int64 [distinct] words, ready to receive a gradient."""
        return self.table[words].requires_grad_()

    @torch.no_grad()
    def update(self, words: Tensor, rows: Tensor, learning_rate: float) -> None:
        """Move the rows against their gradient.

        Args:
            words: int64 [distinct], without repetition.
            rows: What `rows` gave for them, after the backward pass.
            learning_rate: The step's length.
        """
        gradient = rows.grad
        self.updates += 1
        if gradient is None or learning_rate == 0.0:
            return
        first = self.first[words].lerp_(gradient, 1.0 - MOMENTUM)
        second = self.second[words].mul_(SECOND_MOMENTUM)
        second.addcmul_(gradient, gradient, value=1.0 - SECOND_MOMENTUM)
        self.first[words] = first
        self.second[words] = second
        step = learning_rate / (1.0 - MOMENTUM**self.updates)
        spread = (second / (1.0 - SECOND_MOMENTUM**self.updates)).sqrt_().add_(EPSILON)
        self.table[words] = rows.detach() - step * first / spread


class Adam:
    """Weights and their moments, with decoupled weight decay (Loshchilov & Hutter 2019).

    To the bit what `torch.optim.AdamW` computes, which imports torch's compiler: 1.3 s a process.
    """

    def __init__(self, weights: Sequence[Tensor], weight_decay: float):
        self.weights = weights
        self.first = [torch.zeros_like(tensor) for tensor in weights]
        self.second = [torch.zeros_like(tensor) for tensor in weights]
        self.weight_decay = weight_decay
        self.updates = 0

    @torch.no_grad()
    def update(self, learning_rate: float) -> None:
        """Move the weights against their gradients, and clear these."""
        self.updates += 1
        step = learning_rate / (1.0 - MOMENTUM**self.updates)
        second_bias = math.sqrt(1.0 - SECOND_MOMENTUM**self.updates)
        for tensor, first, second in zip(self.weights, self.first, self.second, strict=True):
            gradient, tensor.grad = tensor.grad, None
            if gradient is None:
                continue
            tensor.mul_(1.0 - learning_rate * self.weight_decay)
            first.lerp_(gradient, 1.0 - MOMENTUM)
            second.mul_(SECOND_MOMENTUM).addcmul_(gradient, gradient, value=1.0 - SECOND_MOMENTUM)
            spread = (second.sqrt() / second_bias).add_(EPSILON)
            tensor.addcdiv_(first, spread, value=-step)


def schedule_factor(schedule: str, progress: float, warmup: float) -> float:
    """Give the share of the highest learning rate that is due.

    Args:
        schedule: ``one-cycle`` (cosine up, cosine down to zero; Smith 2018) or ``constant``.
        progress: Share of the updates made, 0 to 1.
        warmup: Share of the updates in which the rate rises.
    """
    if schedule == "constant":
        return 1.0
    if progress < warmup:
        lowest = 0.04
        return lowest + (1.0 - lowest) * (0.5 - 0.5 * math.cos(math.pi * progress / warmup))
    falling = (progress - warmup) / (1.0 - warmup)
    return 0.5 + 0.5 * math.cos(math.pi * falling)
