"""The course of a training: what each epoch is worth on validation, and when it is time to end."""

import math
import time
from typing import Generic, Protocol, TypeVar

import numpy as np
from numpy.typing import NDArray

from wordgate.evaluation.metrics import Epoch, macro_f1
from wordgate.text.encoder import EncodedTexts
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
        patience: After so many epochs without a better score the training ends.
        ties: Between epochs of equal score the lower ``loss`` is the best, or the ``first``.
        score: What makes an epoch better: its ``accuracy``, the mean of accuracy and macro F1,
            ``accuracy+macro-f1``, or that it came ``last``.
        threads: In how many threads to judge, as for `choose_threads`.

    Attributes:
        judging_seconds: How long judging takes, as far as is known.
        keeps_last: Whether the last epoch is kept, whatever its score.
    """

    def __init__(
        self,
        encoded: EncodedTexts,
        targets: NDArray[np.int64],
        *,
        patience: int,
        ties: str,
        score: str = "accuracy",
        threads: int | None = None,
    ):
        self._encoded = encoded
        self._targets = targets
        self.patience = patience
        self._ties = ties
        self._score_name = score
        self.keeps_last = score == "last"
        self._threads = threads
        self.judging_seconds = len(encoded) / JUDGED_TEXTS_PER_SECOND

    def judge(self, state: Standing[NetworkT], learning_rate: float) -> None:
        """Close an epoch: score its network, and keep it if it is the best so far."""
        started = time.perf_counter()
        network, tally, targets = state.network(), state.tally, self._targets
        log_proba = network.log_proba(self._encoded, threads=self._threads)
        self.judging_seconds = time.perf_counter() - started
        predicted = log_proba.argmax(axis=1)
        entry = Epoch(
            epoch=state.epoch + 1,
            seconds=tally.seconds,
            texts_per_second=tally.seen / tally.seconds,
            learning_rate=learning_rate,
            train_loss=tally.loss / tally.seen,
            train_accuracy=tally.right / tally.seen,
            valid_loss=-float(log_proba[np.arange(len(targets)), targets].mean()),
            valid_accuracy=float((predicted == targets).mean()),
            valid_macro_f1=macro_f1(targets, predicted, log_proba.shape[1]),
        )
        best = state.history[state.best_epoch - 1] if state.best_epoch else None
        if best is None or self.keeps_last or self.score(entry) > self.score(best):
            state.improved_epoch = entry.epoch
        if best is None or self.keeps_last or self.rank(entry) > self.rank(best):
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

    def score(self, entry: Epoch) -> float:
        """Give the score that makes an epoch, or a candidate, better than another."""
        if self._score_name == "accuracy+macro-f1" and entry.valid_macro_f1 is not None:
            return (entry.valid_accuracy + entry.valid_macro_f1) / 2.0
        return entry.valid_accuracy

    def rank(self, entry: Epoch) -> tuple[float, ...]:
        """Give what is higher for the better of two epochs."""
        if self._ties == "first":
            return (self.score(entry),)
        return self.score(entry), -entry.valid_loss


TIME_LIMIT = "The time limit "
"""Begins every remark on what the time limit cut short."""


def out_of_time(epoch: int) -> str:
    """Say that the time limit ended a training in an epoch."""
    return f"{TIME_LIMIT}ended the training in epoch {epoch}."


def out_of_patience(patience: int) -> str:
    """Say that a training ended for want of improvement in so many epochs."""
    return f"No better validation accuracy in {patience} epochs: stopped early."


def epoch_line(
    state: Told, n_epochs: int, *, open_end: bool = False, keeps_last: bool = False
) -> str:
    """Put the last epoch in a line.

    Args:
        state: The epochs so far.
        n_epochs: How many there will be, or will be at most.
        open_end: Whether validation decides how many, so that no time left can be told.
        keeps_last: Whether the last epoch is kept, so that none is the best.
    """
    entry = state.history[-1]
    left = sum(past.seconds for past in state.history) / len(state.history)
    left *= n_epochs - entry.epoch
    best = "best so far" if state.best_epoch == entry.epoch else f"best: {state.best_epoch}"
    mark = "" if keeps_last else f" ({best})"
    number = f"{entry.epoch:>{len(str(n_epochs))}}"
    line = (
        f"epoch {number if open_end else f'{number}/{n_epochs}'}"
        f"  {entry.seconds:5.1f} s  {entry.texts_per_second:6,.0f} texts/s"
        f"  loss {entry.train_loss:.3f}  train {entry.train_accuracy:.3f}"
        f"  valid {entry.valid_accuracy:.3f}{mark}"
    )
    return line if open_end else f"{line}  {left:.0f} s left"
