"""The training loop: epochs of updates, each evaluated on validation, until the training ends.

It is the same for every family that is trained by gradients: early stopping, a deadline, a
progress line per epoch, and a checkpoint. A `ModelTrainer` has everything else.
"""

import math
import time
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from typing import Any, Generic

import numpy as np
import torch
from numpy.typing import NDArray

from wordgate.evaluation.metrics import Epoch, macro_f1
from wordgate.evaluation.multilabel import predicted_labels
from wordgate.runtime.display import counted
from wordgate.runtime.interrupt import Interruption, deferred_interruption
from wordgate.runtime.parallel import prefetch
from wordgate.runtime.progress import ProgressBar, beating
from wordgate.training.checkpoint import Checkpoint, TrainingState
from wordgate.training.data_parallel import ProcessGroup, replicated_updates
from wordgate.training.fitting import (
    TIME_LIMIT,
    CheckpointConfig,
    RunContext,
    validation_scores,
)
from wordgate.training.protocol import SnapshotT, TrainingPlan

EVALUATED_TEXTS_PER_SECOND = 4000.0
"""Assumed speed of validation in the first epoch; later epochs use the measured speed."""


@dataclass(frozen=True, kw_only=True)
class EarlyStopping:
    """Stores the snapshot of the best epoch in the training state, and ends the training.

    Attributes:
        patience: The number of epochs without a better score after which the training ends.
        warm_epochs: Number of first epochs, of a rising learning rate, that patience leaves out.
        ties: Of epochs of equal score, the one of lower ``loss`` is the best, or the ``first``.
        criterion: The score of an epoch: ``accuracy``; ``accuracy+macro-f1``, the mean of both; the
            ``loss``, of which lower is better; or ``last``, for the last epoch.
    """

    patience: int
    warm_epochs: float = 0.0
    ties: str = "loss"
    criterion: str = "accuracy"

    @property
    def keeps_last(self) -> bool:
        """Whether the last epoch is kept, regardless of its score."""
        return self.criterion == "last"

    @property
    def by_loss(self) -> bool:
        """Whether the validation loss is the score."""
        return self.criterion == "loss"

    def on_epoch_end(
        self, state: TrainingState[SnapshotT], epoch: Epoch, snapshot: SnapshotT
    ) -> None:
        """Compare an epoch with the earlier ones, and store its snapshot if it is the best."""
        best = state.history[state.best_epoch - 1] if state.best_epoch else None
        if best is None or self.keeps_last or self.score(epoch) > self.score(best):
            state.improved_epoch = epoch.epoch
        if best is None or self.keeps_last or self.rank(epoch) > self.rank(best):
            state.best_epoch, state.best = epoch.epoch, snapshot

    def should_stop(self, state: TrainingState[SnapshotT]) -> bool:
        """Return whether patience has run out."""
        counted_from = max(state.improved_epoch, math.ceil(self.warm_epochs))
        return len(state.history) - counted_from >= self.patience

    def score(self, epoch: Epoch) -> float:
        """Return the score by which epochs and candidates are compared."""
        if self.by_loss:
            return -epoch.valid_loss
        if self.criterion == "accuracy+macro-f1" and epoch.valid_macro_f1 is not None:
            return (epoch.valid_accuracy + epoch.valid_macro_f1) / 2.0
        return epoch.valid_accuracy

    def rank(self, epoch: Epoch) -> tuple[float, ...]:
        """Return a sort key that is higher for the better of two epochs."""
        if self.ties == "first":
            return (self.score(epoch),)
        return self.score(epoch), -epoch.valid_loss

    def remark(self) -> str:
        """Report that the training stopped early."""
        what = "loss" if self.by_loss else "accuracy"
        return f"No better validation {what} in {counted(self.patience, 'epoch')}: stopped early."

    def shown(self, epoch: Epoch) -> str:
        """Format the validation score: an accuracy, or "loss 0.123"."""
        if self.by_loss:
            return f"loss {epoch.valid_loss:.3f}"
        return f"{epoch.valid_accuracy:.3f}"


class TrainingLoop(Generic[SnapshotT]):
    """Trains until the last epoch, early stopping, the deadline or an interruption.

    Args:
        state: The initial state of the training; its trainer makes the updates.
        targets: int64 [n_valid] or [n_valid, labels], those of the validation texts.
        early_stopping: Selects the best epoch, and ends the training.
        context: Progress, and the deadline of training and validation.
        checkpoint: Where the state is saved; None for nowhere.

    Attributes:
        is_cut: Whether the deadline ended the last epoch early; after its validation, the training
            can't be saved any more.
    """

    def __init__(
        self,
        state: TrainingState[SnapshotT],
        targets: NDArray[np.int64],
        early_stopping: EarlyStopping,
        context: RunContext,
        checkpoint: Checkpoint | None,
    ):
        self.state = state
        self._trainer = state.trainer
        self._targets = targets
        self._early_stopping = early_stopping
        self._context = context
        self._checkpoint = checkpoint
        self._group = context.group or ProcessGroup()
        self._evaluation_seconds = len(targets) / EVALUATED_TEXTS_PER_SECOND
        self.is_cut = False
        self._late_after: float | None = None  # seconds until the start, if that was too late
        self._earlier_seconds = state.seconds
        self._earlier_wall_seconds = state.wall_seconds
        self._started = self._clock = time.perf_counter()

    def load_checkpoint(self) -> list[str]:
        """Load the checkpoint; return messages about it, and about differences.

        Raises:
            BundleError: The checkpoint can't be used.
        """
        if self._checkpoint is None:
            return []
        warnings = self._checkpoint.restore(self.state)
        self._earlier_seconds = self.state.seconds
        self._earlier_wall_seconds = self.state.wall_seconds
        plan = self._trainer.plan
        where = (
            f"Resumed from {self._checkpoint.file} after {self._trainer.updates:,} {plan.of}"
            f" {plan.updates:,} updates."
        )
        return [where, *warnings]

    def run(self) -> list[str]:
        """Train to the end.

        Returns:
            Why it ended before the last epoch, if it did.

        Raises:
            KeyboardInterrupt: The training was interrupted; its state is in the checkpoint.
            BundleError: The checkpoint can't be written.
        """
        plan, state = self._trainer.plan, self.state
        if not (state.history or state.batch) and time.monotonic() >= self._context.deadline:
            self._late_after = time.monotonic() - self._context.started
        deferred: AbstractContextManager[Interruption] = nullcontext(Interruption())
        if self._checkpoint is not None:
            deferred = deferred_interruption()
        planned = None if plan.open_end else plan.updates
        with (
            deferred as interruption,
            self._context.progress.bar(planned, done=self._trainer.updates) as bar,
        ):
            with replicated_updates(self._trainer, self._group):
                while (end := self._end()) is None:
                    self._run_epoch(bar, interruption)
                    with beating(bar, f"validation after epoch {self.state.epoch + 1}"):
                        self._end_epoch()
            self._stop_if_asked(interruption)
        self._context.progress.say(_training_line(self.state, plan, self._early_stopping))
        return end

    def is_late(self) -> bool:
        """Return whether there is only time left for validation and the predictions after it."""
        passes = 1.0 + self._context.predicted_after / max(1, len(self._targets))
        return time.monotonic() > self._context.deadline - passes * self._evaluation_seconds

    def _end(self) -> list[str] | None:
        """Return why the training ends early, [] if at its last epoch; None to continue."""
        plan, state = self._trainer.plan, self.state
        if state.batch or not state.history:
            return None
        if state.epoch == plan.epochs and not self.is_cut:
            return []
        if self.is_cut or self.is_late():
            return [self._time_is_up()]
        if self._early_stopping.should_stop(state):
            return [] if plan.open_end else [self._early_stopping.remark()]
        return None

    def _time_is_up(self) -> str:
        """Report that the time limit ended the training, or left no time for it."""
        if self._late_after is None or self.state.epoch > 1:
            return f"{TIME_LIMIT}ended the training in epoch {self.state.epoch}."
        n_updates = self._trainer.updates
        return (
            f"{TIME_LIMIT}left no time for training: the steps before the first epoch took"
            f" {self._late_after:.0f} s. The model has made {n_updates:,} of"
            f" {self._trainer.plan.updates:,} updates."
        )

    def _run_epoch(self, bar: ProgressBar, interruption: Interruption) -> None:
        """Make the remaining updates of an epoch, or those before the deadline."""
        trainer, state, plan = self._trainer, self.state, self._trainer.plan
        running = state.running
        sums = torch.tensor([running.loss, running.correct], dtype=torch.float64)
        sums = sums.to(trainer.device)
        label = f"epoch {state.epoch + 1} {plan.of} {plan.epochs}"
        if state.history:
            label += f", validation {self._early_stopping.shown(state.history[-1])}"
        self._clock = time.perf_counter()
        batches = trainer.batches(state.epoch, state.batch)
        with prefetch(batches, threads=torch.get_num_threads()) as prepared:
            for batch in prepared:
                if running.seen and self.is_late():
                    break
                self._group.next_update(more=True)
                sums += trainer.update(batch)
                state.batch += 1
                running.seen += len(batch.targets)
                self._expect_evaluation()
                bar.advance(label)
                if self._checkpoint and (interruption.asked or self._checkpoint.is_due()):
                    self._settle(sums)
                    self._stop_if_asked(interruption)
                    self.save()
        self._settle(sums)
        self.is_cut = state.batch < plan.updates_per_epoch
        if self.is_cut:
            self.save()  # after validation, the state does not show that it was cut

    def _end_epoch(self) -> None:
        """Evaluate the network, store it if it is the best so far, and report the epoch."""
        trainer, state, stopping = self._trainer, self.state, self._early_stopping
        started = time.perf_counter()
        snapshot = trainer.snapshot()
        log_proba = trainer.evaluate(snapshot)
        self._evaluation_seconds = time.perf_counter() - started
        epoch = self._epoch(log_proba)
        stopping.on_epoch_end(state, epoch, snapshot)
        state.end_epoch(epoch)
        self._context.progress.detail(_epoch_line(state, trainer.plan, stopping))

    def _epoch(self, log_proba: NDArray[np.float64]) -> Epoch:
        """Compute the metrics of an epoch from log-probabilities, float64 [n_valid, classes]."""
        running, targets = self.state.running, self._targets
        several = targets.ndim == 2
        predicted = predicted_labels(log_proba) if several else log_proba.argmax(axis=1)
        accuracy, loss = validation_scores(log_proba, targets)
        return Epoch(
            epoch=self.state.epoch + 1,
            seconds=running.seconds,
            texts_per_second=running.seen / running.seconds,
            learning_rate=self._trainer.learning_rate,
            train_loss=running.loss / running.seen,
            train_accuracy=running.correct / running.seen,
            valid_loss=loss,
            valid_accuracy=accuracy,
            valid_macro_f1=macro_f1(targets, predicted, log_proba.shape[1]),
        )

    def _expect_evaluation(self) -> None:
        """Estimate the duration of the first validation by that of the updates, if possible."""
        cost, running = self._trainer.evaluation_cost, self.state.running
        if cost is not None and not self.state.history:
            seconds = running.seconds + time.perf_counter() - self._clock
            self._evaluation_seconds = len(self._targets) * cost * seconds / running.seen

    def _settle(self, sums: torch.Tensor) -> None:
        """Update the running metrics of the epoch."""
        running = self.state.running
        loss, correct = sums.tolist()
        running.loss, running.correct = loss, int(correct)
        now = time.perf_counter()
        running.seconds += now - self._clock
        self._clock = now

    def save(self, checkpoint: Checkpoint | None = None) -> None:
        """Save the state in the checkpoint of the training, if it has one, or in another one.

        Raises:
            BundleError: The checkpoint can't be written.
        """
        checkpoint = checkpoint or self._checkpoint
        if checkpoint is not None:
            self.state.seconds = self._earlier_seconds + time.perf_counter() - self._started
            elapsed = time.monotonic() - self._context.started
            self.state.wall_seconds = self._earlier_wall_seconds + elapsed
            checkpoint.save(self.state)

    def _stop_if_asked(self, interruption: Interruption) -> None:
        if interruption.asked and self._checkpoint is not None:
            if not self.is_cut:
                self.save()
            raise KeyboardInterrupt(CheckpointConfig(self._checkpoint.file).remedy())


def _training_line(state: TrainingState[Any], plan: TrainingPlan, stopping: EarlyStopping) -> str:
    """Summarize a training that has ended in a line."""
    kept = state.history[state.best_epoch - 1]
    seconds = sum(epoch.seconds for epoch in state.history)
    early = " (stopped early)" if len(state.history) < plan.epochs else ""
    which = "" if stopping.keeps_last else "best "
    what = "" if stopping.by_loss else "accuracy "
    return (
        f"  {counted(len(state.history), 'epoch')}, {seconds:.0f} s{early}: {which}validation"
        f" {what}{stopping.shown(kept)} in epoch {kept.epoch}"
    )


def _epoch_line(state: TrainingState[Any], plan: TrainingPlan, stopping: EarlyStopping) -> str:
    """Summarize the last epoch in a line, with the time left if the number of epochs is fixed."""
    epoch = state.history[-1]
    left = sum(past.seconds for past in state.history) / len(state.history)
    left *= plan.epochs - epoch.epoch
    best = "best so far" if state.best_epoch == epoch.epoch else f"best: {state.best_epoch}"
    mark = "" if stopping.keeps_last else f" ({best})"
    number = f"{epoch.epoch:>{len(str(plan.epochs))}}"
    line = (
        f"epoch {number if plan.open_end else f'{number}/{plan.epochs}'}"
        f"  {epoch.seconds:5.1f} s  {epoch.texts_per_second:6,.0f} texts/s"
        f"  loss {epoch.train_loss:.3f}  train {epoch.train_accuracy:.3f}"
        f"  valid {stopping.shown(epoch)}{mark}"
    )
    return line if plan.open_end else f"{line}  {left:.0f} s left"
