"""Training one or several candidates, one after the other, with one deadline and one checkpoint.

What generalises best differs between data sets: few or repeated texts want a small LSTM whose word
vectors move slowly, many different texts or many labels a larger and faster one; averages of word
vectors may weigh rare words more, or not. Validation chooses between candidates as it chooses
between epochs.
"""

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Generic

from wordgate.errors import WordgateError
from wordgate.models.base import Model
from wordgate.settings import Settings
from wordgate.storage.resumable import RunFingerprint
from wordgate.training.checkpoint import (
    Checkpoint,
    TrainedCandidate,
    TrainingState,
    count_earlier_candidates,
)
from wordgate.training.data_parallel import LostProcessError
from wordgate.training.fitting import TIME_LIMIT, FitData, Fitted, RunContext, run_config
from wordgate.training.loop import EarlyStopping, TrainingLoop
from wordgate.training.protocol import ModelTrainer, SnapshotT
from wordgate.vectors.lookup import VocabularyCoverage


@dataclass(frozen=True)
class Candidate(Generic[SnapshotT]):
    """A model before its first update."""

    trainer: ModelTrainer[Any, SnapshotT]  # makes the updates
    early_stopping: EarlyStopping  # keeps its best epoch, and ends its training when it stalls
    announcement: str  # says what is about to be trained


@dataclass(frozen=True)
class Trained(Generic[SnapshotT]):
    """Results of all candidates.

    Attributes:
        candidates: What each came to; the time limit may have left later ones out.
        early_stopping: What chose their best epochs, and chooses between them.
        remarks: Why the last training ended, if it was before its end.
        earlier_seconds: What fitting had taken before it was interrupted and resumed.
        earlier_wall_seconds: What the commands before had taken.
        engine: What computed.
    """

    candidates: Sequence[TrainedCandidate[SnapshotT]]
    early_stopping: EarlyStopping
    remarks: Sequence[str]
    earlier_seconds: float
    earlier_wall_seconds: float
    engine: Mapping[str, str]

    def choose(self) -> int:
        """Give the position of the candidate whose best epoch is the best; the first of equals."""
        ranks = [self.early_stopping.rank(each.best) for each in self.candidates]
        return ranks.index(max(ranks))

    def scores(self) -> list[float]:
        """Give the score of each candidate's best epoch."""
        return [self.early_stopping.score(each.best) for each in self.candidates]

    def fitted(
        self,
        model: Model,
        position: int,
        remarks: Sequence[str],
        coverage: VocabularyCoverage | None = None,
        settings: Settings | None = None,
    ) -> Fitted:
        """Give the model of the candidate at a position with how it got there, as `Fitted` has it.

        What a user should know of the training comes behind the remarks given.
        """
        best = self.candidates[position]
        return Fitted(
            model,
            best.history,
            best.best_epoch,
            [*remarks, *self.remarks],
            self.earlier_seconds,
            self.earlier_wall_seconds,
            self.engine,
            coverage,
            settings,
        )


def train_candidates(
    names: Sequence[str],
    start: Callable[[int], Candidate[SnapshotT]],
    data: FitData,
    settings: Settings,
    digests: Callable[[], Mapping[str, str]],
    context: RunContext,
) -> Trained[SnapshotT]:
    """Train one candidate after the other, from where a checkpoint stands if there is one.

    Args:
        names: What each candidate is called, as in "the lightly regularised candidate".
        start: Makes the candidate at a position, from 0, when its turn has come.
        data: What they are trained on.
        settings: The recipe's settings.
        digests: What decides the result besides these and the seed, by name, for the checkpoint.
        context: Progress, deadline, and where the training is kept.

    Raises:
        BundleError: The checkpoint can't be written, or the one to resume from can't be used.
        WordgateError: Another process that took part has ended.
        KeyboardInterrupt: The training was interrupted, and is kept.
    """
    started, earlier_seconds, earlier_wall_seconds = time.perf_counter(), 0.0, 0.0
    kept, first, config = context.checkpoint, 0, {}
    resuming = kept is not None and kept.resume
    if kept is not None:
        config = run_config(data.parts, data.n_classes, settings, context.seed, digests())
    if kept is not None and resuming:
        first = min(count_earlier_candidates(kept.file), len(names) - 1)
    done: list[TrainedCandidate[SnapshotT]] = []
    for position in range(first, len(names)):
        candidate = start(position)
        state = TrainingState(candidate.trainer, position=position, earlier=done)
        if done:
            state.seconds = earlier_seconds + time.perf_counter() - started
            state.wall_seconds = earlier_wall_seconds
        checkpoint = None
        if kept is not None:
            fingerprint = RunFingerprint(config, candidate.trainer.engine())
            checkpoint = Checkpoint(kept.file, fingerprint, state.size())
        loop = TrainingLoop(
            state, data.valid.targets, candidate.early_stopping, context, checkpoint
        )
        context.progress.say(candidate.announcement)
        if resuming:
            context.progress.say("\n".join(loop.load_checkpoint()))
            resuming = False
            earlier_seconds, earlier_wall_seconds = state.seconds, state.wall_seconds
        remarks = _run(loop, checkpoint)
        done = [*state.earlier, state.candidate()]
        if loop.is_late() or any(line.startswith(TIME_LIMIT) for line in remarks):
            break
    late = [f"{TIME_LIMIT}left no time for {name}." for name in names[len(done) :]]
    return Trained(
        done,
        candidate.early_stopping,
        [*remarks, *late],
        earlier_seconds,
        earlier_wall_seconds,
        candidate.trainer.engine(),
    )


def _run(loop: TrainingLoop[Any], checkpoint: Checkpoint | None) -> list[str]:
    """Run a loop; if another process is lost, say how to continue."""
    try:
        return loop.run()
    except LostProcessError as error:
        if checkpoint is None or not checkpoint.file.exists():
            raise
        raise WordgateError(f"{error}; {checkpoint.remedy()}") from error
