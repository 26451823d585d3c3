"""The interface between the training loop and a family: plan, updates, validation, arrays.

Shapes: ``n`` texts of which ``batch`` share an update, ``classes`` labels.
"""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Protocol, TypeVar

import numpy as np
import torch
from numpy.typing import NDArray

from wordgate.runtime.display import counted

FloatArrays = Mapping[str, NDArray[np.float32]]


@dataclass(frozen=True)
class TrainingPlan:
    """Batches, epochs and updates of a training."""

    batch_size: int  # texts of an update; the last one of an epoch may have fewer
    epochs: int
    updates_per_epoch: int
    open_end: bool = False  # whether validation decides the number of epochs, which is but the most

    @property
    def updates(self) -> int:
        """Count the updates of the whole training."""
        return self.epochs * self.updates_per_epoch

    @property
    def of(self) -> str:
        """The words before a number of epochs or updates: "of" or "of at most"."""
        return "of at most" if self.open_end else "of"

    def sentence(self) -> str:
        """Describe how many epochs and updates there are, to end an announcement."""
        at_most = "at most " if self.open_end else ""
        return (
            f"{at_most}{counted(self.epochs, 'epoch')} of"
            f" {counted(self.updates_per_epoch, 'update')} with"
            f" {counted(self.batch_size, 'text')} each."
        )


class PreparedBatch(Protocol):
    """Everything an update needs besides the weights."""

    @property
    def targets(self) -> torch.Tensor:
        """The targets: int64 [batch], or float32 [batch, classes] for probabilities."""


class Snapshot(Protocol):
    """A copy of a network's weights as they were after some update."""

    def arrays(self) -> FloatArrays:
        """Name its arrays."""


BatchT = TypeVar("BatchT", bound=PreparedBatch)
SnapshotT = TypeVar("SnapshotT", bound=Snapshot)


class ModelTrainer(Protocol[BatchT, SnapshotT]):
    """The weights of a model in training, and all that is a family's own about their updates."""

    @property
    def plan(self) -> TrainingPlan:
        """Its batches, epochs and updates."""

    @property
    def device(self) -> torch.device:
        """Where it computes."""

    @property
    def updates(self) -> int:
        """The number of updates made."""

    @property
    def learning_rate(self) -> float:
        """The learning rate that is due now."""

    @property
    def evaluation_cost(self) -> float | None:
        """The time that evaluating a text takes, as a share of an update's; None if unknown."""

    def engine(self) -> dict[str, str]:
        """List what computes: it moves the last bits of a result."""

    def batches(self, epoch: int, start: int) -> Iterator[BatchT]:
        """Prepare the updates of an epoch, from 0, but for the first `start`, which are made.

        Another thread may draw them, so what updates change has no part in it.
        """

    def update(self, batch: BatchT, /) -> torch.Tensor:
        """Make one update.

        Returns:
            float64 [2]: the summed loss of the batch, and how many of its texts got the label of
            the highest target; still on the device, so that nobody has to wait for it.
        """

    def replica(self) -> Callable[[Any], "ModelTrainer[BatchT, SnapshotT]"]:
        """Return what makes a trainer of these texts and settings in another process of the group.

        It can be pickled. The trainer lacks what evaluating needs; its arrays are to be restored.
        """

    def snapshot(self) -> SnapshotT:
        """Copy the weights as they are now, as they are to be evaluated and kept."""

    def evaluate(self, snapshot: SnapshotT) -> NDArray[np.float64]:
        """Compute log-probabilities of the validation texts, float64 [n_valid, classes]."""

    def arrays(self) -> FloatArrays:
        """Name all arrays that an update changes; the next one may change these very arrays."""

    def restore(self, arrays: FloatArrays, updates: int) -> None:
        """Become what `arrays` were taken from, after this many updates.

        Raises:
            KeyError, TypeError, ValueError: They are of another model, or incomplete.
        """

    def restore_snapshot(self, arrays: FloatArrays) -> SnapshotT:
        """Build a snapshot of what its `arrays` gave.

        Raises:
            KeyError, TypeError, ValueError: They are of another model, or incomplete.
        """


def check_array(name: str, array: NDArray[np.generic], expected: NDArray[np.generic]) -> None:
    """Refuse a kept array of another shape or type than the one it is to replace.

    Raises:
        ValueError: It is.
    """
    if array.shape != expected.shape or array.dtype != expected.dtype:
        raise ValueError(f"{name} is {array.dtype} {list(array.shape)}")
