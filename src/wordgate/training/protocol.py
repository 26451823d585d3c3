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
    open_end: bool = False  # whether early stopping decides: then `epochs` is the maximum

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
    """A copy of the weights of a network after an update."""

    def arrays(self) -> FloatArrays:
        """Name its arrays."""


BatchT = TypeVar("BatchT", bound=PreparedBatch)
SnapshotT = TypeVar("SnapshotT", bound=Snapshot)


class ModelTrainer(Protocol[BatchT, SnapshotT]):
    """The weights of a model in training, and their updates, which differ by family."""

    @property
    def plan(self) -> TrainingPlan:
        """Its batches, epochs and updates."""

    @property
    def device(self) -> torch.device:
        """The device of the computation."""

    @property
    def updates(self) -> int:
        """The number of updates made."""

    @property
    def learning_rate(self) -> float:
        """The learning rate of the next update."""

    @property
    def evaluation_cost(self) -> float | None:
        """The time to evaluate a text, as a share of that in an update; None if unknown."""

    def engine(self) -> dict[str, str]:
        """List device, precision and versions, which affect the last bits of a result."""

    def batches(self, epoch: int, start: int) -> Iterator[BatchT]:
        """Prepare the updates of an epoch, from 0, without the first `start`, which are made.

        Another thread may call it, so it must not use what updates change.
        """

    def update(self, batch: BatchT, /) -> torch.Tensor:
        """Make one update.

        Returns:
            float64 [2]: the summed loss of the batch, and the number of its texts whose predicted
            label has the highest target; on the device, so that the caller need not wait.
        """

    def replica(self) -> Callable[[Any], "ModelTrainer[BatchT, SnapshotT]"]:
        """Return a function that makes a trainer of these texts and settings in another process.

        It can be pickled. That trainer can't evaluate, and its arrays have to be restored.
        """

    def snapshot(self) -> SnapshotT:
        """Copy the current weights, to be evaluated and stored."""

    def evaluate(self, snapshot: SnapshotT) -> NDArray[np.float64]:
        """Compute log-probabilities of the validation texts, float64 [n_valid, classes]."""

    def arrays(self) -> FloatArrays:
        """Name all arrays that an update changes; they are not copied."""

    def restore(self, arrays: FloatArrays, updates: int) -> None:
        """Restore the state that `arrays` returned after this many updates.

        Raises:
            KeyError, TypeError, ValueError: They are of another model, or incomplete.
        """

    def restore_snapshot(self, arrays: FloatArrays) -> SnapshotT:
        """Build a snapshot from its `arrays`.

        Raises:
            KeyError, TypeError, ValueError: They are of another model, or incomplete.
        """


def check_array(name: str, array: NDArray[np.generic], expected: NDArray[np.generic]) -> None:
    """Check that a stored array has the shape and type of the one that it replaces.

    Raises:
        ValueError: It has not.
    """
    if array.shape != expected.shape or array.dtype != expected.dtype:
        raise ValueError(f"{name} is {array.dtype} {list(array.shape)}")
