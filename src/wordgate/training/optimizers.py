"""Adam as Keras and TensorFlow compute it, for all weights and for word vectors; the schedule.

The form is the efficient one at the end of section 2 of Kingma & Ba 2015, in which epsilon is
added before the bias of the second moment is corrected. Of a table of tens of thousands of word
vectors a batch reads some hundreds; `BatchRows` updates just these, as TensorFlow's LazyAdam and
torch's SparseAdam do, and `KerasRows` the whole table, as Keras does.
"""

import math
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from wordgate.training.protocol import check_array

MOMENTUM = 0.9
SECOND_MOMENTUM = 0.999
EPSILON = 1e-7
_MOMENTS = {"first_moment": "exp_avg", "second_moment": "exp_avg_sq"}  # ours: torch's
_ROWS_AT_ONCE = 2048  # whose vectors and moments stay in the processor's cache
AVERAGE_EVERY = 8
"""Updates between two additions to the average, because adding the whole table is slow."""


class Adam:
    """Named weights and their moments, with decoupled weight decay (Loshchilov & Hutter 2019).

    `torch.optim` has the other form of epsilon, and imports torch's compiler: 1.3 s a process. The
    weights are copied to one flat tensor, so that an update takes few operations.

    Attributes:
        weights: The weights by name, views of the flat tensor.
        first: Running means of the gradients, by name.
        second: Running means of their squares, by name.
        size: The number of all weights.
    """

    def __init__(self, weights: Mapping[str, Tensor], weight_decay: float):
        self.weights = dict(weights)
        self.weight_decay = weight_decay
        self._flat = torch.cat([tensor.detach().flatten() for tensor in weights.values()])
        self._first, self._second = torch.zeros_like(self._flat), torch.zeros_like(self._flat)
        self.size = len(self._flat)
        self.first, self.second = self._by_name(self._first), self._by_name(self._second)
        for name, view in self._by_name(self._flat).items():
            self.weights[name].data = view

    @torch.no_grad()
    def update(self, gradient: Tensor, learning_rate: float, updates: int) -> None:
        """Update the weights by a gradient, float32 [size]; the first update has number 1."""
        _move_moments(self._first, self._second, gradient)
        if self.weight_decay:
            self._flat.mul_(1.0 - learning_rate * self.weight_decay)
        _step(self._flat, self._first, self._second.sqrt(), learning_rate, updates)

    def tensors(self) -> dict[str, Tensor]:
        """Name all that an update changes, the count of updates aside."""
        return {
            **self.weights,
            **{f"{name}.first_moment": tensor for name, tensor in self.first.items()},
            **{f"{name}.second_moment": tensor for name, tensor in self.second.items()},
        }

    def _by_name(self, flat: Tensor) -> dict[str, Tensor]:
        parts = torch.split(flat, [tensor.numel() for tensor in self.weights.values()])
        named = zip(self.weights.items(), parts, strict=True)
        return {name: part.view(tensor.shape) for (name, tensor), part in named}


@dataclass(frozen=True)
class Rates:
    """The learning rates of word vectors at an update."""

    drawn: float  # of the numbers that were drawn at random
    pretrained: float = 0.0  # of those that were pretrained


class BatchRows:
    """A table of word vectors of which an update changes only those of the batch.

    Attributes:
        vectors: float32 [vocabulary, embedding].
        pretrained: bool [vocabulary, embedding], the numbers with their own learning rate; or None.
        first: float32 [vocabulary, embedding], running means of the gradients.
        second: float32 [vocabulary, embedding], running means of their squares.
        wants_squares: Whether `update` needs the squares of each occurrence's gradient.
    """

    wants_squares = False

    def __init__(self, vectors: Tensor, pretrained: Tensor | None = None):
        self.vectors = vectors
        self.pretrained = pretrained
        self.first = torch.zeros_like(vectors)
        self.second = torch.zeros_like(vectors)

    def rows(self, words: Tensor) -> Tensor:
        """Copy the vectors of int64 [distinct] words, with `requires_grad`."""
        return self.vectors.index_select(0, words).requires_grad_()

    @torch.no_grad()
    def update(
        self,
        words: Tensor,
        gradient: Tensor,
        squares: Tensor | None,  # noqa: ARG002 - only `KerasRows` wants them
        rates: Rates,
        updates: int,
    ) -> None:
        """Update word vectors by a gradient.

        Args:
            words: int64 [distinct], without repetition.
            gradient: float32 [distinct, embedding], summed over a word's occurrences.
            squares: float32 [distinct, embedding], the squares of the gradients of a word's
                occurrences, summed; None unless they are wanted.
            rates: The learning rates; vectors with a rate of 0 do not change.
            updates: The number of this update, from 1.
        """
        if not self._moves(rates):
            return
        first = self.first.index_select(0, words)
        second = self.second.index_select(0, words)
        vectors = self.vectors.index_select(0, words)
        _move_moments(first, second, gradient)
        self.first.index_copy_(0, words, first)
        self.second.index_copy_(0, words, second)
        _step(vectors, first, second.sqrt_(), self._rate(rates, words), updates)
        self.vectors.index_copy_(0, words, vectors)

    def _moves(self, rates: Rates) -> bool:
        """Return whether any vector changes at these rates."""
        return rates.drawn > 0.0 or (self.pretrained is not None and rates.pretrained > 0.0)

    def _rate(self, rates: Rates, rows: Tensor | slice) -> Tensor | float:
        """Return the rate of each component of some rows, [rows, embedding], or a single one."""
        if self.pretrained is None or rates.drawn == rates.pretrained:
            return rates.drawn
        both = self.vectors.new_tensor([rates.drawn, rates.pretrained])
        return torch.where(self.pretrained[rows], both[1], both[0])

    def tensors(self) -> dict[str, Tensor]:
        """Name all that an update changes, the count of updates aside."""
        return {
            "embedding": self.vectors,
            "embedding.first_moment": self.first,
            "embedding.second_moment": self.second,
        }


class KerasRows(BatchRows):
    """A table as Keras 3 updates it on TensorFlow.

    Every vector changes at every update, those of other words by their momentum alone. The gradient
    has a row for each occurrence of a word (`tf.IndexedSlices`); the rows are squared before they
    are summed: the step of a word that occurs n times in a batch is up to the square root of n
    times as long as with the original Adam.
    """

    wants_squares = True

    @torch.no_grad()
    def update(
        self,
        words: Tensor,
        gradient: Tensor,
        squares: Tensor | None,
        rates: Rates,
        updates: int,
    ) -> None:
        """Update the table; see `BatchRows.update`."""
        if not self._moves(rates):
            return
        if squares is None:
            raise ValueError("the squares of each occurrence's gradient are needed")
        self.first.mul_(MOMENTUM)
        self.first.index_add_(0, words, gradient, alpha=1.0 - MOMENTUM)
        self.second.mul_(SECOND_MOMENTUM)
        self.second.index_add_(0, words, squares, alpha=1.0 - SECOND_MOMENTUM)
        for start in range(0, len(self.vectors), _ROWS_AT_ONCE):
            some = slice(start, start + _ROWS_AT_ONCE)
            spread, rate = self.second[some].sqrt(), self._rate(rates, some)
            _step(self.vectors[some], self.first[some], spread, rate, updates)


def clipping_factor(norms: Tensor, largest_norm: float) -> Tensor:
    """Return the factor that limits the total norm of a gradient, by the norms of its parts."""
    factor: Tensor = (largest_norm / (torch.linalg.vector_norm(norms) + 1e-6)).clamp(max=1.0)
    return factor


def schedule_factor(schedule: str, progress: float, warmup: float) -> float:
    """Return the learning rate as a share of its maximum.

    Args:
        schedule: ``one-cycle`` (cosine up, cosine down to zero; Smith 2018), ``warm-constant``
            (cosine up, then constant) or ``constant``.
        progress: Share of the updates made, 0 to 1; may be more if the end is open.
        warmup: Share of the updates in which the rate rises.
    """
    if schedule == "constant":
        return 1.0
    if progress < warmup:
        lowest = 0.04
        return lowest + (1.0 - lowest) * (0.5 - 0.5 * math.cos(math.pi * progress / warmup))
    if schedule == "warm-constant":
        return 1.0
    falling = (progress - warmup) / (1.0 - warmup)
    return 0.5 + 0.5 * math.cos(math.pi * falling)


def _step(
    vectors: Tensor, first: Tensor, spread: Tensor, rate: Tensor | float, updates: int
) -> None:
    """Update vectors [rows, embedding] by their moments, with one rate or one for each number."""
    spread.add_(EPSILON)
    correction = _bias_correction(updates)
    if isinstance(rate, float):
        vectors.addcdiv_(first, spread, value=-rate * correction)
    else:
        vectors.addcdiv_(first * rate, spread, value=-correction)


def _bias_correction(updates: int) -> float:
    return math.sqrt(1.0 - SECOND_MOMENTUM**updates) / (1.0 - MOMENTUM**updates)


def _move_moments(first: Tensor, second: Tensor, gradient: Tensor) -> None:
    """Update the running means of gradients and of their squares."""
    first.lerp_(gradient, 1.0 - MOMENTUM)
    second.mul_(SECOND_MOMENTUM).addcmul_(gradient, gradient, value=1.0 - SECOND_MOMENTUM)


class WeightAverage:
    """A running average of tensors.

    Args:
        tensors: The tensors by name; updates change them in place.
        share: The average is about as old as a plain mean over this share of all updates so far,
            the latest ones; more than 0, at most 1.
    """

    def __init__(self, tensors: Mapping[str, Tensor], share: float):
        self._tensors = dict(tensors)
        self._exponent = 2.0 / share - 2.0
        self.average = {name: tensor.detach().clone() for name, tensor in tensors.items()}

    @torch.no_grad()
    def update(self, updates: int) -> None:
        """Update the average, if that is due after this many updates."""
        if updates > AVERAGE_EVERY and updates % AVERAGE_EVERY:
            return
        weight = 1.0
        if updates > AVERAGE_EVERY:
            weight = (self._exponent + 1.0) / (updates / AVERAGE_EVERY + self._exponent)
        for name, tensor in self._tensors.items():
            self.average[name].lerp_(tensor, weight)

    def tensors(self) -> dict[str, Tensor]:
        """Name all that an update changes."""
        return {f"average.{name}": tensor for name, tensor in self.average.items()}


def tensor_arrays(tensors: Mapping[str, Tensor]) -> dict[str, NDArray[np.float32]]:
    """Return tensors as arrays; on the CPU, they share memory."""
    return {name: tensor.detach().cpu().numpy() for name, tensor in tensors.items()}


def optimizer_arrays(
    weights: Mapping[str, Tensor], optimizer: torch.optim.Optimizer
) -> dict[str, NDArray[np.float32]]:
    """Name the weights and moments of an Adam of torch; zeros for moments that do not exist yet.

    The weights are those of the optimizer, in its order.
    """
    moments = {
        f"{name}.{kept}": optimizer.state.get(weight, {}).get(theirs, torch.zeros_like(weight))
        for name, weight in weights.items()
        for kept, theirs in _MOMENTS.items()
    }
    return tensor_arrays({**weights, **moments})


@torch.no_grad()
def restore_optimizer(
    weights: Mapping[str, Tensor],
    optimizer: torch.optim.Optimizer,
    arrays: Mapping[str, NDArray[np.float32]],
    updates: int,
) -> None:
    """Restore weights and moments from the `optimizer_arrays` of this many updates.

    Raises:
        KeyError, ValueError: They are of other weights, or incomplete.
    """
    state = {}
    for number, (name, array) in enumerate(tensor_arrays(weights).items()):
        for own in (name, *(f"{name}.{kept}" for kept in _MOMENTS)):
            check_array(own, arrays[own], array)
        weights[name].copy_(torch.from_numpy(arrays[name]))
        moments = {
            theirs: torch.from_numpy(arrays[f"{name}.{kept}"].copy())
            for kept, theirs in _MOMENTS.items()
        }
        state[number] = {"step": torch.tensor(float(updates)), **moments}
    groups = optimizer.state_dict()["param_groups"]
    optimizer.load_state_dict({"state": state, "param_groups": groups})
