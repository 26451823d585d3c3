"""The training state between two updates, and the checkpoint that stores it in a file.

A checkpoint is one safetensors file, written atomically. It contains the arrays of the state. Its
metadata are JSON: the other facts of the state, the data and settings of the training, the
environment, and a digest of all.

The random draws need no state: each uses its own generator, determined by the seed, the epoch and
the update (`wordgate.training.rng`). So on a CPU, a resumed training is bit-identical to one that
was never interrupted; on CUDA, the order of sums may vary.
"""

import time
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Annotated, Any, Generic

from pydantic import BaseModel, ConfigDict, Field, NonNegativeInt
from safetensors import SafetensorError

from wordgate.evaluation.metrics import Epoch
from wordgate.storage.resumable import (
    CORRUPT_FILE_ERRORS,
    RunFingerprint,
    damaged,
    read_facts,
    read_resumable,
    read_resumable_facts,
    write_resumable,
)
from wordgate.training.protocol import FloatArrays, ModelTrainer, SnapshotT, check_array

_BEST, _EARLIER = "best.", "earlier."
# After a checkpoint that took t seconds, the next one follows 50 t later: a cost of 2% for every
# model and disk. Small ones are written every two seconds. The first one is due as on a slow disk,
# since a short training may end before a large checkpoint is useful.
_SHARE = 50.0
_SOONEST = 2.0
_BYTES_A_SECOND = 200e6


@dataclass
class RunningMetrics:
    """Sums over the updates of an unfinished epoch."""

    loss: float = 0.0  # the sum of the losses of the texts, in nats
    correct: int = 0  # number of texts classified correctly
    seen: int = 0  # number of texts
    seconds: float = 0.0  # duration


@dataclass(frozen=True)
class TrainedCandidate(Generic[SnapshotT]):
    """Result of the training of one candidate."""

    history: list[Epoch]  # its epochs
    best_epoch: int  # the number of the best one, from 1
    network: SnapshotT  # the network after it

    @property
    def best(self) -> Epoch:
        """The best epoch."""
        return self.history[self.best_epoch - 1]


@dataclass
class TrainingState(Generic[SnapshotT]):
    """State of a candidate in training between two updates, and results of earlier candidates."""

    trainer: ModelTrainer[Any, SnapshotT]  # the weights, and all else that updates change
    epoch: int = 0  # completed epochs
    batch: int = 0  # completed batches of the next epoch
    running: RunningMetrics = field(default_factory=RunningMetrics)  # the metrics of these
    history: list[Epoch] = field(default_factory=list)  # the completed epochs
    best_epoch: int = 0  # the number of the best of them, from 1; 0 if there is none
    improved_epoch: int = 0  # the number of the last one that had a better score
    best: SnapshotT | None = None  # the network after the best epoch
    seconds: float = 0.0  # of fitting, interrupted runs included
    wall_seconds: float = 0.0  # of the commands, interrupted ones included
    position: int = 0  # the number of the candidate, from 0
    earlier: list[TrainedCandidate[SnapshotT]] = field(default_factory=list)

    def end_epoch(self, epoch: Epoch) -> None:
        """Append an epoch to the history, and begin the next one."""
        self.history.append(epoch)
        self.epoch, self.batch, self.running = epoch.epoch, 0, RunningMetrics()

    def candidate(self) -> TrainedCandidate[SnapshotT]:
        """Return the result of the training, after at least one epoch."""
        if self.best is None:
            raise ValueError("no epoch is over, so none is the best")
        return TrainedCandidate(self.history, self.best_epoch, self.best)

    def arrays(self) -> FloatArrays:
        """Name all arrays, with those of stored networks; the next update changes them."""
        kept = {} if self.best is None else {_BEST: self.best}
        kept |= {f"{_EARLIER}{i}.": each.network for i, each in enumerate(self.earlier)}
        snapshots = {
            f"{prefix}{name}": array
            for prefix, network in kept.items()
            for name, array in network.arrays().items()
        }
        return {**self.trainer.arrays(), **snapshots}

    def size(self) -> int:
        """Count the bytes of all arrays, the best network's included once there is one."""
        return sum(array.nbytes for array in self.arrays().values())

    def facts(self) -> dict[str, Any]:
        """Return all the rest as plain JSON values."""
        return {
            **{name: getattr(self, name) for name in _OWN_FACTS},
            "running": asdict(self.running),
            "history": _plain(self.history),
            "updates": self.trainer.updates,
            "earlier": [
                {"history": _plain(each.history), "best_epoch": each.best_epoch}
                for each in self.earlier
            ],
        }

    def restore(self, arrays: FloatArrays, facts: Mapping[str, Any]) -> None:
        """Restore the state that `arrays` and `facts` returned.

        Raises:
            KeyError, TypeError, ValueError: They are of another training or incomplete.
        """
        kept = _checked(facts)
        plan = self.trainer.plan
        if (
            max(kept.epoch - plan.epochs, kept.batch - plan.updates_per_epoch) > 0
            or kept.updates != kept.epoch * plan.updates_per_epoch + kept.batch
        ):
            raise ValueError("its epochs and updates do not fit this training")
        if len(kept.earlier) != self.position:
            raise ValueError(f"{len(kept.earlier)} candidates come before this one")
        self.trainer.restore(arrays, kept.updates)
        for name in _OWN_FACTS:
            setattr(self, name, getattr(kept, name))
        self.best = None
        if kept.best_epoch:
            best, expected = _below(_BEST, arrays), self.trainer.snapshot().arrays()
            for name, array in expected.items():
                check_array(f"the best {name}", best[name], array)
            self.best = self.trainer.restore_snapshot({name: best[name] for name in expected})
        self.earlier = [
            TrainedCandidate(
                each.history,
                each.best_epoch,
                self.trainer.restore_snapshot(_below(f"{_EARLIER}{i}.", arrays)),
            )
            for i, each in enumerate(kept.earlier)
        ]


def _plain(history: Sequence[Epoch]) -> list[dict[str, Any]]:
    return [asdict(epoch) for epoch in history]


def _below(prefix: str, arrays: FloatArrays) -> FloatArrays:
    """Return the arrays whose names have a prefix, by their names without it."""
    return {
        name.removeprefix(prefix): array
        for name, array in arrays.items()
        if name.startswith(prefix)
    }


class _CandidateFacts(BaseModel):
    """A candidate without its network, as read from a file."""

    model_config = ConfigDict(strict=True, extra="forbid")

    history: Annotated[list[Epoch], Field(min_length=1)]
    best_epoch: Annotated[int, Field(ge=1)]


class _StateFacts(BaseModel):
    """The facts of a `TrainingState`, as read from a file."""

    model_config = ConfigDict(strict=True, extra="forbid")

    epoch: NonNegativeInt
    batch: NonNegativeInt
    running: RunningMetrics
    history: list[Epoch]
    best_epoch: NonNegativeInt
    improved_epoch: NonNegativeInt
    seconds: Annotated[float, Field(ge=0.0, allow_inf_nan=False)]
    wall_seconds: Annotated[float, Field(ge=0.0, allow_inf_nan=False)]
    updates: NonNegativeInt
    earlier: list[_CandidateFacts]


_OWN_FACTS = [name for name in _StateFacts.model_fields if name not in ("updates", "earlier")]
"""The names of the fields of the state that are stored as facts."""


def _checked(facts: Mapping[str, Any]) -> _StateFacts:
    """Refuse facts of a state that are of wrong types, or don't fit each other."""
    kept = read_facts(_StateFacts, facts)
    numbers, bests = [epoch.epoch for epoch in kept.history], (kept.best_epoch, kept.improved_epoch)
    for each in kept.earlier:
        if each.best_epoch > len(each.history):
            raise ValueError(f"a candidate before has no epoch {each.best_epoch}")
    if kept.epoch != len(numbers) or numbers != list(range(1, len(numbers) + 1)):
        raise ValueError(f"{kept.epoch} epochs are over, and those listed are {numbers[:10]}")
    if not all(min(1, kept.epoch) <= best <= kept.epoch for best in bests):
        raise ValueError(f"of {kept.epoch} epochs the best are {bests[0]} and {bests[1]}")
    running = kept.running
    is_begun = running.seen > 0 and 0 <= running.correct <= running.seen and running.seconds > 0
    if kept.batch and not is_begun:
        raise ValueError(f"{kept.batch} batches are done, and they came to {running}")
    if not kept.batch and running != RunningMetrics():
        raise ValueError(f"no batch is done, and they came to {running}")
    return kept


class Checkpoint:
    """A file in which the state of a training is saved every few seconds.

    Args:
        file: The file.
        fingerprint: Everything that determines the result, and the environment.
        size: The approximate number of bytes of the state.
    """

    def __init__(self, file: Path, fingerprint: RunFingerprint, size: int):
        self.file = file
        self.fingerprint = fingerprint
        self._due = _next(_SHARE * size / _BYTES_A_SECOND)

    def is_due(self) -> bool:
        """Return whether the next checkpoint is due."""
        return time.monotonic() >= self._due

    def save(self, state: TrainingState[Any]) -> None:
        """Save a state in the file.

        Raises:
            BundleError: The file can't be written; the previous checkpoint is left as it was.
        """
        started = time.monotonic()
        content = {**self.fingerprint.facts(), "state": state.facts()}
        write_resumable(self.file, content, state.arrays())
        self._due = _next(_SHARE * (time.monotonic() - started))

    def restore(self, state: TrainingState[Any]) -> list[str]:
        """Load the state in the file.

        Returns:
            Warnings of differences between the environments, which may change the result a little.

        Raises:
            BundleError: The file can't be read, is damaged, or is of another training.
        """
        content, arrays = read_resumable(self.file)
        try:
            warnings = self.fingerprint.check(content, "training", self.file)
            state.restore(arrays, content["state"])
        except CORRUPT_FILE_ERRORS as error:
            raise damaged(self.file, error) from error
        return warnings


def kept_histories(file: Path) -> list[list[dict[str, Any]]]:
    """Return the epochs that were complete when a training run was saved, as `Epoch` objects.

    Returns:
        Those of the candidate in training, and of each earlier one.

    Raises:
        OSError, SafetensorError, and those of `CORRUPT_FILE_ERRORS`: The file can't be read, or is
            no checkpoint.
    """
    state = read_resumable_facts(file)["state"]
    return [state["history"], *(each["history"] for each in state["earlier"])]


def count_earlier_candidates(file: Path) -> int:
    """Count the candidates that were trained when a training was kept; 0 if that can't be read."""
    try:
        return len(read_resumable_facts(file)["state"]["earlier"])
    except (OSError, SafetensorError, *CORRUPT_FILE_ERRORS):
        return 0  # `Checkpoint.restore` reports the error


def _next(seconds: float) -> float:
    return time.monotonic() + max(_SOONEST, seconds)
