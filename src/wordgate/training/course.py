"""The course of a training: what each epoch is worth on validation, and when it is time to end."""

import math
import time
from typing import Generic, Protocol, TypeVar

import numpy as np
from numpy.typing import NDArray

from wordgate.text.encoder import EncodedTexts
from wordgate.training.fitting import Epoch
from wordgate.training.state import Tally

JUDGED_TEXTS_PER_SECOND = 4000.0
"""What the first epoch assumes of validation, to end in time; later ones know."""


class Judged(Protocol):
    """A network that can be judged."""

    def log_proba(self, encoded: EncodedTexts, *, threads: int | None) -> NDArray[np.float64]:
        """Compute log-probabilities in so many threads, float64 [n, classes]."""


NetworkT = TypeVar("NetworkT", bound=Judged)


class Standing(Protocol[NetworkT]):
    """What a training's state tells its judge, and is told by it; `State` says what each is."""

    epoch: int
    batch: int
    tally: Tally
    history: list[Epoch]
    best_epoch: int
    improved_epoch: int
    best: NetworkT | None

    def network(self) -> NetworkT:
        """Copy the network as it is now."""


class Told(Protocol):
    """What is told of the epochs so far."""

    history: list[Epoch]
    best_epoch: int


class Course(Generic[NetworkT]):
    """Judges epochs on the validation texts, and keeps the best one's network in the state.

    Args:
        encoded: The validation texts.
        targets: int64 [n], theirs.
        patience: After so many epochs without a better accuracy the training ends.
        ties: Between epochs of equal accuracy the lower ``loss`` is the best, or the ``first``.
        threads: In how many threads to judge, as for `choose_threads`.

    Attributes:
        judging_seconds: How long judging takes, as far as is known.
    """

    def __init__(
        self,
        encoded: EncodedTexts,
        targets: NDArray[np.int64],
        *,
        patience: int,
        ties: str,
        threads: int | None = None,
    ):
        self._encoded = encoded
        self._targets = targets
        self.patience = patience
        self._ties = ties
        self._threads = threads
        self.judging_seconds = len(encoded) / JUDGED_TEXTS_PER_SECOND

    def judge(self, state: Standing[NetworkT], learning_rate: float) -> None:
        """Close an epoch: score its network, and keep it if it is the best so far."""
        started = time.perf_counter()
        network, tally, targets = state.network(), state.tally, self._targets
        log_proba = network.log_proba(self._encoded, threads=self._threads)
        self.judging_seconds = time.perf_counter() - started
        entry = Epoch(
            epoch=state.epoch + 1,
            seconds=tally.seconds,
            texts_per_second=tally.seen / tally.seconds,
            learning_rate=learning_rate,
            train_loss=tally.loss / tally.seen,
            train_accuracy=tally.right / tally.seen,
            valid_loss=-float(log_proba[np.arange(len(targets)), targets].mean()),
            valid_accuracy=float((log_proba.argmax(axis=1) == targets).mean()),
        )
        best = state.history[state.best_epoch - 1] if state.best_epoch else None
        if best is None or entry.valid_accuracy > best.valid_accuracy:
            state.improved_epoch = entry.epoch
        if best is None or self._rank(entry) > self._rank(best):
            state.best_epoch, state.best = entry.epoch, network
        state.history.append(entry)
        state.epoch, state.batch, state.tally = entry.epoch, 0, Tally()

    def expect(self, seconds_per_text: float) -> None:
        """Say how long judging will take, for want of knowing."""
        self.judging_seconds = len(self._encoded) * seconds_per_text

    def has_stalled(self, state: Standing[NetworkT], warm_epochs: float) -> bool:
        """Tell whether patience is over; it is not asked for while the rate still rises."""
        counted_from = max(state.improved_epoch, math.ceil(warm_epochs))
        return len(state.history) - counted_from >= self.patience

    def _rank(self, entry: Epoch) -> tuple[float, ...]:
        if self._ties == "first":
            return (entry.valid_accuracy,)
        return entry.valid_accuracy, -entry.valid_loss


def out_of_time(epoch: int) -> str:
    """Say that the time limit ended a training in an epoch."""
    return f"The time limit ended the training in epoch {epoch}."


def out_of_patience(patience: int) -> str:
    """Say that a training ended for want of improvement in so many epochs."""
    return f"No better validation accuracy in {patience} epochs: stopped early."


def epoch_line(state: Told, n_epochs: int) -> str:
    """Put the last epoch in a line."""
    entry = state.history[-1]
    left = sum(past.seconds for past in state.history) / len(state.history)
    left *= n_epochs - entry.epoch
    best = "best so far" if state.best_epoch == entry.epoch else f"best: {state.best_epoch}"
    return (
        f"epoch {entry.epoch:>{len(str(n_epochs))}}/{n_epochs}"
        f"  {entry.seconds:5.1f} s  {entry.texts_per_second:6,.0f} texts/s"
        f"  loss {entry.train_loss:.3f}  train {entry.train_accuracy:.3f}"
        f"  valid {entry.valid_accuracy:.3f} ({best})  {left:.0f} s left"
    )
