"""Early stopping: which epoch is the best on validation, and when to wait for no better one."""

import math

from wordgate.evaluation.metrics import Epoch
from wordgate.training.protocol import SnapshotT
from wordgate.training.state import TrainingState


class EarlyStopping:
    """Keeps the best epoch's snapshot in the training's state, and ends a training that stalls.

    Args:
        patience: After so many epochs without a better score the training ends.
        warm_epochs: Patience doesn't count epochs before this one, in which the rate rises.
        ties: Between epochs of equal score the lower ``loss`` is the best, or the ``first``.
        score: What makes an epoch better: its ``accuracy``, the mean of accuracy and macro F1,
            ``accuracy+macro-f1``, or that it came ``last``.

    Attributes:
        keeps_last: Whether the last epoch is kept, whatever its score.
    """

    def __init__(
        self,
        *,
        patience: int,
        warm_epochs: float = 0.0,
        ties: str = "loss",
        score: str = "accuracy",
    ):
        self._patience = patience
        self._warm_epochs = warm_epochs
        self._ties = ties
        self._score_name = score
        self.keeps_last = score == "last"

    def on_epoch_end(
        self, state: TrainingState[SnapshotT], epoch: Epoch, snapshot: SnapshotT
    ) -> None:
        """Note an epoch's improvement, and keep its snapshot if it is the best so far.

        Args:
            state: The training; its history ends with the epoch before.
            epoch: What the epoch came to.
            snapshot: The network after it.
        """
        best = state.history[state.best_epoch - 1] if state.best_epoch else None
        if best is None or self.keeps_last or self.score(epoch) > self.score(best):
            state.improved_epoch = epoch.epoch
        if best is None or self.keeps_last or self.rank(epoch) > self.rank(best):
            state.best_epoch, state.best = epoch.epoch, snapshot

    def should_stop(self, state: TrainingState[SnapshotT]) -> bool:
        """Tell whether patience is over."""
        counted_from = max(state.improved_epoch, math.ceil(self._warm_epochs))
        return len(state.history) - counted_from >= self._patience

    def score(self, epoch: Epoch) -> float:
        """Give the score that makes an epoch, or a candidate, better than another."""
        if self._score_name == "accuracy+macro-f1" and epoch.valid_macro_f1 is not None:
            return (epoch.valid_accuracy + epoch.valid_macro_f1) / 2.0
        return epoch.valid_accuracy

    def rank(self, epoch: Epoch) -> tuple[float, ...]:
        """Give what is higher for the better of two epochs."""
        if self._ties == "first":
            return (self.score(epoch),)
        return self.score(epoch), -epoch.valid_loss

    def remark(self) -> str:
        """Say that the training ended early."""
        return f"No better validation accuracy in {self._patience} epochs: stopped early."
