"""Data-parallel training: each process computes a shard of every batch.

All processes hold the same weights, and draw the same batches by the same seed. In an update each
one computes the gradients of its texts, gathers those of the others, sums them in the order of the
ranks and applies them: the same number of processes gives the same bits at every repetition. Rank 0
alone evaluates, saves checkpoints and reports; the others run `serve`.

There are processes, not threads, which would wait for the GIL thousands of times a second.
"""

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from functools import partial, reduce
from itertools import chain
from typing import Any

import torch
from torch import Tensor

from wordgate.training.protocol import BatchT, FloatArrays, ModelTrainer


class ProcessGroup:
    """A single process; the groups of several are its subclasses.

    Attributes:
        rank: The number of this process, from 0.
        world_size: The number of processes.
    """

    rank = 0
    world_size = 1

    def engine(self) -> dict[str, str]:
        """List the number of processes, which affects the last bits of a result."""
        return {} if self.world_size == 1 else {"processes": str(self.world_size)}

    def send(self, message: object) -> None:
        """Send an object from rank 0 to all others."""

    def receive(self) -> Any:
        """Receive what rank 0 sends; None where there is no other process."""
        return None

    def next_update(self, *, more: bool = False) -> bool:
        """Tell all processes whether there is another update.

        Args:
            more: Whether there is, in rank 0; the others wait for it.
        """
        return more

    def all_gather(self, own: Sequence[Tensor]) -> list[Tensor]:
        """Gather tensors of all processes.

        Args:
            own: float32 tensors, in all processes of the same shapes.

        Returns:
            float32 [n] of each process by rank, its tensors flat and concatenated; valid until the
            next call but one.
        """
        return [torch.cat([tensor.flatten() for tensor in own])]


@contextmanager
def replicated_updates(trainer: ModelTrainer[Any, Any], group: ProcessGroup) -> Iterator[None]:
    """Let the other processes make the updates of a trainer on replicas of it.

    They are not told to end if an error ends the context: one of them may wait in an update.
    """
    if group.world_size > 1:
        arrays = dict(trainer.arrays())
        group.send(partial(_update_replica, trainer.replica(), arrays, trainer.updates))
    yield
    group.next_update(more=False)


def serve(group: ProcessGroup) -> None:
    """Call the functions that rank 0 sends, each with the group, until it sends None."""
    while (work := group.receive()) is not None:
        work(group)


def _update_replica(
    replica: Callable[[ProcessGroup], ModelTrainer[Any, Any]],
    arrays: FloatArrays,
    updates: int,
    group: ProcessGroup,
) -> None:
    """Make the updates of a trainer after the first `updates`, until rank 0 ends."""
    trainer = replica(group)
    trainer.restore(arrays, updates)
    epoch, done = divmod(trainer.updates, trainer.plan.updates_per_epoch)
    rest = (trainer.batches(number, 0) for number in range(epoch + 1, trainer.plan.epochs))
    for batch in chain(trainer.batches(epoch, done), chain.from_iterable(rest)):
        if not group.next_update():
            return
        trainer.update(batch)
    group.next_update()  # rank 0 reports that there is no other


def sum_over_ranks(
    metrics: Tensor, gradients: Sequence[Tensor], group: ProcessGroup
) -> tuple[Tensor, Sequence[Tensor]]:
    """Sum the metrics and gradients of all processes, in the order of the ranks.

    Args:
        metrics: float64 [2], see `ModelTrainer.update`.
        gradients: float32 tensors, in all processes of the same shapes.
        group: The processes.

    Returns:
        The sums, of the same shapes.
    """
    if group.world_size == 1:
        return metrics, gradients
    own = [metrics.view(torch.float32), *gradients]
    sizes = [each.numel() for each in own]
    gathered = group.all_gather(own)
    of_metrics = [each[: sizes[0]].view(torch.float64) for each in gathered]
    parts = torch.split(reduce(torch.add, [each[sizes[0] :] for each in gathered]), sizes[1:])
    summed = [part.view(own.shape) for part, own in zip(parts, gradients, strict=True)]
    return reduce(torch.add, of_metrics), summed


def sum_gradients(weights: Sequence[Tensor], metrics: Tensor, group: ProcessGroup) -> Tensor:
    """Replace the gradients of weights by their sums over all processes; return the summed metrics.

    A missing gradient counts as zeros.
    """
    if group.world_size == 1:
        return metrics
    gradients = [torch.zeros_like(each) if each.grad is None else each.grad for each in weights]
    metrics, summed = sum_over_ranks(metrics, gradients, group)
    for weight, gradient in zip(weights, summed, strict=True):
        weight.grad = gradient
    return metrics


def own_texts(n_texts: int, group: ProcessGroup) -> slice | None:
    """Return the texts of a batch that this process computes; None if there are too few for it."""
    return slice(group.rank, None, group.world_size) if group.rank < n_texts else None


def own_part(batch: BatchT, group: ProcessGroup) -> BatchT | None:
    """Return the part of a batch that this process computes; None if there are too few texts.

    Batches are dataclasses of tensors [batch, ...], or of None.
    """
    if group.world_size == 1:
        return batch
    rows = own_texts(len(batch.targets), group)
    if rows is None:
        return None
    own = {name: None if part is None else part[rows] for name, part in vars(batch).items()}
    return replace(batch, **own)  # type: ignore[type-var]
