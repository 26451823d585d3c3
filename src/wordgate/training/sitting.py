"""One sitting of a training: from where its state stands to its end, or to an interruption."""

import time
from collections.abc import Iterator
from contextlib import AbstractContextManager, nullcontext
from itertools import islice

import torch

from wordgate.errors import BundleError
from wordgate.models.lstm_network import Network
from wordgate.runtime.interrupt import Interruption, deferred_interruption
from wordgate.runtime.progress import Progress, ProgressBar
from wordgate.text.batches import bucketed
from wordgate.text.encoder import EncodedTexts
from wordgate.training.ahead import prepared_ahead
from wordgate.training.checkpoint import Checkpoint
from wordgate.training.course import Course, epoch_line, out_of_patience, out_of_time
from wordgate.training.fitting import Targets
from wordgate.training.noise import stream
from wordgate.training.trainer import Prepared, Trainer


class Sitting:
    """Runs a training until it ends, its time is over, or somebody interrupts it.

    Args:
        trainer: Makes the updates; its state says how far the training is.
        course: Judges the epochs.
        encoded: The training texts.
        targets: Theirs: int64 [n], or float32 [n, classes] for probabilities to learn.
        progress: Where the epochs are told.
        deadline: The `time.monotonic()` at which training and judging must have ended.
        checkpoint: Where the state is kept; None for nowhere.
        threads: In how many threads torch computes; with one, nothing else has a thread.
    """

    def __init__(
        self,
        trainer: Trainer,
        course: Course[Network],
        encoded: EncodedTexts,
        targets: Targets,
        progress: Progress,
        deadline: float,
        checkpoint: Checkpoint | None,
        *,
        threads: int,
    ):
        self._trainer = trainer
        self._course = course
        self._encoded = encoded
        self._targets = targets
        self._progress = progress
        self._deadline = deadline
        self._checkpoint = checkpoint
        self._threads = threads
        self._cut = False
        self._earlier = trainer.state.seconds
        self._started = self._clock = time.perf_counter()

    def take_up(self, checkpoint: Checkpoint) -> list[str]:
        """Go to where a checkpoint is; say where that is, and what may differ.

        Raises:
            BundleError: The checkpoint can't be used.
        """
        state, plan = self._trainer.state, self._trainer.plan
        warnings = checkpoint.restore(state)
        past = state.epoch > plan.epochs or state.batch > plan.updates_per_epoch
        if past or {state.optimizer.updates, state.table.updates} != {self._trainer.updates}:
            raise BundleError(
                f"{checkpoint.file} is damaged: its epochs and updates don't fit this training;"
                " begin anew with --overwrite"
            )
        self._earlier = state.seconds
        where = (
            f"Resumed from {checkpoint.file} after {self._trainer.updates:,} {self._of()}"
            f" {plan.updates:,} updates."
        )
        return [where, *warnings]

    def run(self) -> list[str]:
        """Run to the end.

        Returns:
            Why it ended, if it was not because all epochs are over.

        Raises:
            KeyboardInterrupt: The training was interrupted, and its state is in the checkpoint.
            BundleError: The checkpoint can't be written.
        """
        trainer, state = self._trainer, self._trainer.state
        deferred: AbstractContextManager[Interruption] = nullcontext(Interruption())
        if self._checkpoint is not None:
            deferred = deferred_interruption()
        planned = None if trainer.has_open_end else trainer.plan.updates
        with (
            deferred as interruption,
            self._progress.bar(planned, done=trainer.updates) as bar,
        ):
            while (end := self._end()) is None:
                self._run_epoch(bar, interruption)
                self._course.judge(state, trainer.learning_rate)
                self._progress.say(
                    epoch_line(
                        state,
                        trainer.plan.epochs,
                        open_end=trainer.has_open_end,
                        keeps_last=self._course.keeps_last,
                    )
                )
            self._stop_if_asked(interruption)
        return end

    def _end(self) -> list[str] | None:
        """Say why the training ends before it was to; nothing if it was to; None to go on."""
        trainer, state = self._trainer, self._trainer.state
        if state.batch or not state.history:
            return None
        if state.epoch == trainer.plan.epochs and not self._cut:
            return []
        if self._cut or self.is_late():
            return [out_of_time(state.epoch)]
        if self._course.has_stalled(state, trainer.warm_epochs):
            return [] if trainer.has_open_end else [out_of_patience(self._course.patience)]
        return None

    def _of(self) -> str:
        return "of at most" if self._trainer.has_open_end else "of"

    def is_late(self) -> bool:
        """Tell whether there is no time left but for judging."""
        return time.monotonic() > self._deadline - self._course.judging_seconds

    def _run_epoch(self, bar: ProgressBar, interruption: Interruption) -> None:
        """Pass over the rest of the training texts, or until the time is over."""
        trainer, state = self._trainer, self._trainer.state
        sums = torch.tensor([state.tally.loss, state.tally.right], dtype=torch.float64)
        sums = sums.to(trainer.device)
        label = f"epoch {state.epoch + 1} {self._of()} {trainer.plan.epochs}"
        self._clock = time.perf_counter()
        with prepared_ahead(self._prepared(), threads=self._threads) as updates:
            for prepared in updates:
                if state.tally.seen and self.is_late():
                    break
                sums += trainer.update(prepared)
                state.tally.seen += len(prepared.targets)
                bar.advance(label)
                if self._is_time_to_keep(interruption):
                    self._settle(sums)
                    self._stop_if_asked(interruption)
                    self._keep()
        self._settle(sums)
        self._cut = state.batch < trainer.plan.updates_per_epoch
        if self._cut:
            self._keep()  # as it is now: once it is judged, nothing tells that it was cut

    def _prepared(self) -> Iterator[Prepared]:
        """Prepare the updates of this epoch that are not made yet."""
        trainer, state = self._trainer, self._trainer.state
        epoch, done, first = state.epoch, state.batch, trainer.updates
        batches = bucketed(
            self._encoded,
            batch_size=trainer.plan.batch_size,
            rng=stream(trainer.seed, "order", epoch),
            similar=trainer.settings.batches == "similar",
        )
        for update, batch in enumerate(islice(batches, done, None), start=first):
            yield trainer.prepare(batch, self._targets[batch.rows], epoch=epoch, update=update)

    def _settle(self, sums: torch.Tensor) -> None:
        """Write down what the epoch has come to so far."""
        tally = self._trainer.state.tally
        loss, right = sums.tolist()
        tally.loss, tally.right = loss, int(right)
        now = time.perf_counter()
        tally.seconds += now - self._clock
        self._clock = now

    def _is_time_to_keep(self, interruption: Interruption) -> bool:
        return self._checkpoint is not None and (interruption.asked or self._checkpoint.is_due())

    def _keep(self) -> None:
        if self._checkpoint is not None:
            self._trainer.state.seconds = self._earlier + time.perf_counter() - self._started
            self._checkpoint.save(self._trainer.state)

    def _stop_if_asked(self, interruption: Interruption) -> None:
        if interruption.asked and self._checkpoint is not None:
            if not self._cut:
                self._keep()
            raise KeyboardInterrupt(
                f"the training is kept in {self._checkpoint.file};"
                " the same command with --resume goes on from there"
            )
