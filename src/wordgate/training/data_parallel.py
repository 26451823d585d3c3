"""Data parallelism: each process of a group computes a part of every batch.

All processes have the same data, and draw the same batches by the same seed. In an update each one
computes the gradients of its texts, gathers those of the others, and sums them in the order of the
ranks: the same number of processes gives the same bits at every repetition. The process of rank 0
alone evaluates, keeps checkpoints and reports; `serve` is what the others do.

Processes, not threads, which would wait for Python's lock thousands of times a second.
"""

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from functools import partial, reduce
from itertools import chain, pairwise
from typing import Any

import torch
from torch import Tensor

from wordgate.errors import WordgateError
from wordgate.training.protocol import ModelTrainer


class LostProcessError(WordgateError):
    """Another process of the group has ended while it was needed."""

    def __init__(self, rank: int | None, size: int):
        which = "one" if rank is None else f"number {rank + 1}"
        super().__init__(
            f"of the {size} processes that train together, {which} has ended unexpectedly, such as"
            " for lack of memory"
        )


class ProcessGroup:
    """A single process; the groups of several are its subclasses.

    Attributes:
        rank: The number of this process, from 0.
        size: The number of processes.
        parts: The parts of all weights, out of `size`, that this process moves.
    """

    rank = 0
    size = 1

    @property
    def parts(self) -> Sequence[int]:
        """Give the parts of all weights, out of `size`, that this process moves."""
        return [self.rank]

    def engine(self) -> dict[str, str]:
        """Name what moves the last bits of a result: another number of processes does."""
        return {} if self.size == 1 else {"processes": str(self.size)}

    def send(self, message: object) -> None:
        """Send an object from rank 0 to all others."""

    def receive(self) -> Any:
        """Receive what rank 0 sends."""
        raise NotImplementedError

    def begin_update(self) -> None:
        """Have the others make the next update, too; called by rank 0."""

    def end_updates(self) -> None:
        """Tell the others that there are no more updates; called by rank 0."""

    def has_update(self) -> bool:
        """Wait for rank 0: True if it makes another update; called by the others."""
        return False

    def share(self, tensor: Tensor) -> Tensor:
        """Give a tensor with the values it has in rank 0, to be called by all."""
        return tensor

    def gather(self, own: Sequence[Tensor], lengths: Sequence[int]) -> list[Tensor]:  # noqa: ARG002
        """Gather flat tensors of all processes.

        Args:
            own: float32 tensors of any shape, which are concatenated.
            lengths: How many numbers each process has, by rank.

        Returns:
            float32 [length] of each process, by rank; valid until the next call but one.
        """
        return [torch.cat([tensor.flatten() for tensor in own])]

    def gather_parts(self, own: Tensor) -> Tensor:
        """Concatenate float32 [n] tensors about `parts` over all parts."""
        return own

    def meet(self) -> None:
        """Wait until all processes have moved what they move of the weights of this one."""

    def end_update(self) -> None:
        """Do the same in rank 0; the others do it when they wait for the next update."""


@contextmanager
def joined_updates(trainer: ModelTrainer[Any, Any], group: ProcessGroup) -> Iterator[None]:
    """Have the other processes take part in a trainer's updates for the time being.

    They get a copy of it as it is now. Where an error ends the context, they are left as they are:
    one of them may wait in the middle of an update.
    """
    if group.size > 1:
        group.send(partial(_take_part, trainer.replica()))
        trainer.share()
    yield
    group.end_updates()


def serve(group: ProcessGroup) -> None:
    """Do in a process other than rank 0 what that sends, functions of the group, until None."""
    while (work := group.receive()) is not None:
        work(group)


def _take_part(
    replica: Callable[[ProcessGroup], ModelTrainer[Any, Any]], group: ProcessGroup
) -> None:
    """Make a trainer's updates for as long as rank 0 does."""
    trainer = replica(group)
    trainer.share()
    epoch, done = divmod(trainer.updates, trainer.plan.updates_per_epoch)
    rest = (trainer.batches(number, 0) for number in range(epoch + 1, trainer.plan.epochs))
    for batch in chain(trainer.batches(epoch, done), *rest):
        if not group.has_update():
            return
        trainer.update(batch)
    group.has_update()  # it is told that there is no other


def sum_gradients(weights: Sequence[Tensor], metrics: Tensor, group: ProcessGroup) -> Tensor:
    """Replace the gradients of weights by their sums over all processes, in the order of the ranks.

    Args:
        weights: float32 tensors with gradients; a missing gradient counts as zeros.
        metrics: float64 [2], see `ModelTrainer.update`.
        group: The processes.

    Returns:
        The summed metrics.
    """
    if group.size == 1:
        return metrics
    gradients = [torch.zeros_like(each) if each.grad is None else each.grad for each in weights]
    own = [metrics.view(torch.float32), *gradients]
    sizes = [each.numel() for each in own]
    total = group.gather(own, [sum(sizes)] * group.size)
    of_metrics = [each[: sizes[0]].view(torch.float64) for each in total]
    summed = reduce(torch.add, [each[sizes[0] :] for each in total])
    for weight, part in zip(weights, torch.split(summed, sizes[1:]), strict=True):
        weight.grad = part.view_as(weight)
    return reduce(torch.add, of_metrics)


def own_texts(n_texts: int, group: ProcessGroup) -> slice | None:
    """Give the texts of a batch that this process computes; None if there are too few for it."""
    return slice(group.rank, None, group.size) if group.rank < n_texts else None


def even_slices(length: int, count: int) -> list[slice]:
    """Cut a length into slices that differ by at most one."""
    ends = [length * number // count for number in range(count + 1)]
    return [slice(*both) for both in pairwise(ends)]
