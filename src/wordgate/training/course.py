"""The course of a training: what each epoch is worth on validation, and when it is time to end."""

import math
import time

import numpy as np
from numpy.typing import NDArray

from wordgate.settings import Settings
from wordgate.text.encoder import EncodedTexts
from wordgate.training.fitting import Epoch
from wordgate.training.state import State, Tally

JUDGED_TEXTS_PER_SECOND = 4000.0
"""What the first epoch assumes of validation, to end in time; later ones know."""


class Course:
    """Judges epochs on the validation texts, and keeps the best one's network in the state.

    Attributes:
        judging_seconds: How long judging takes, as far as is known.
    """

    def __init__(self, encoded: EncodedTexts, targets: NDArray[np.int64], settings: Settings):
        self._encoded = encoded
        self._targets = targets
        self._settings = settings
        self.judging_seconds = len(encoded) / JUDGED_TEXTS_PER_SECOND

    def judge(self, state: State, learning_rate: float) -> None:
        """Close an epoch: score its network, and keep it if it is the best so far."""
        started = time.perf_counter()
        network, tally, targets = state.network(), state.tally, self._targets
        log_proba = network.log_proba(self._encoded)
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

    def has_stalled(self, state: State, warm_epochs: float) -> bool:
        """Tell whether patience is over; it is not asked for while the rate still rises."""
        counted_from = max(state.improved_epoch, math.ceil(warm_epochs))
        return len(state.history) - counted_from >= self._settings.patience

    def _rank(self, entry: Epoch) -> tuple[float, ...]:
        if self._settings.epoch_ties == "first":
            return (entry.valid_accuracy,)
        return entry.valid_accuracy, -entry.valid_loss


def epoch_line(state: State, n_epochs: int) -> str:
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
