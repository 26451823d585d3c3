"""Training one or several candidates with one deadline and one checkpoint.

Which settings generalize best differs between data sets: for few or repeated texts, a small LSTM
whose word vectors have a low learning rate; for many different texts or many labels, a larger LSTM
with a higher rate. Averages of word vectors may give rare words a higher weight, or not. Candidates
are compared by their validation scores, as epochs are.
"""

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import TYPE_CHECKING, Any, Generic

import numpy as np
from numpy.typing import NDArray

from wordgate.errors import WordgateError
from wordgate.evaluation.metrics import Epoch
from wordgate.models.base import Model
from wordgate.runtime.progress import Recorder, Silent, stage
from wordgate.settings import Settings
from wordgate.storage.resumable import RunFingerprint
from wordgate.training.checkpoint import (
    Checkpoint,
    TrainedCandidate,
    TrainingState,
    count_earlier_candidates,
)
from wordgate.training.fitting import (
    TIME_LIMIT,
    CheckpointConfig,
    FitData,
    Fitted,
    RunContext,
    run_config,
)
from wordgate.training.loop import EarlyStopping, TrainingLoop
from wordgate.training.protocol import FloatArrays, ModelTrainer, SnapshotT
from wordgate.vectors.lookup import VocabularyCoverage

if TYPE_CHECKING:
    from wordgate.training.local_group import LocalGroup


@dataclass(frozen=True)
class Candidate(Generic[SnapshotT]):
    """A model before its first update."""

    trainer: ModelTrainer[Any, SnapshotT]  # makes the updates
    early_stopping: EarlyStopping  # selects the best epoch, and ends the training
    announcement: str  # the message before its training


@dataclass(frozen=True)
class Trained(Generic[SnapshotT]):
    """Results of all candidates.

    Attributes:
        candidates: The result of each; without later ones if the time limit left no time for them.
        early_stopping: Selects the best epoch of each, and the best candidate.
        remarks: Why the last training ended early, if it did.
        earlier_seconds: Seconds of fitting before an interruption; 0 without one.
        earlier_wall_seconds: Seconds of the earlier commands.
        engine: Device, precision, threads, processor and versions.
    """

    candidates: Sequence[TrainedCandidate[SnapshotT]]
    early_stopping: EarlyStopping
    remarks: Sequence[str]
    earlier_seconds: float
    earlier_wall_seconds: float
    engine: Mapping[str, str]

    def choose(self) -> int:
        """Return the position of the candidate with the best epoch; the first of equals."""
        ranks = [self.early_stopping.rank(each.best) for each in self.candidates]
        return ranks.index(max(ranks))

    def scores(self) -> list[float]:
        """Return the score of each candidate's best epoch."""
        return [self.early_stopping.score(each.best) for each in self.candidates]

    def fitted(
        self,
        model: Model,
        position: int,
        remarks: Sequence[str],
        coverage: VocabularyCoverage | None = None,
        settings: Settings | None = None,
    ) -> Fitted:
        """Return the model of the candidate at a position, with facts about its training.

        The remarks of the training are added to those given.
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
    start: Callable[[int, RunContext], Candidate[SnapshotT]],
    data: FitData,
    settings: Settings,
    digests: Callable[[], Mapping[str, str]],
    context: RunContext,
) -> Trained[SnapshotT]:
    """Train one candidate after the other; resume from the checkpoint if that is asked for.

    Two candidates are trained at the same time if there is another process.

    Args:
        names: The name of each candidate, as in "the lightly regularized candidate".
        start: Makes the candidate at a position, from 0, before its training; where there may be
            another process, it can be pickled.
        data: The training and validation data.
        settings: The recipe's settings.
        digests: Everything else that determines the result, by name, for the checkpoint.
        context: Seed, progress, deadline and checkpoint.

    Raises:
        BundleError: The checkpoint can't be written, or the one to resume from can't be used.
        KeyboardInterrupt: The training was interrupted, and is kept.
        WordgateError: Another process that trains has failed or ended.
    """
    kept, first, config = context.checkpoint, 0, {}
    if kept is not None:
        config = run_config(data.parts, data.n_classes, settings, context.seed, digests())
        if kept.resume:
            first = min(count_earlier_candidates(kept.file), len(names) - 1)
    runs = _CandidateRuns(start, config, data.valid.targets)
    if context.worker is not None and first == 0 and len(names) == 2:
        return _train_both(names, runs, context, context.worker)
    return _train_in_turn(names, first, runs, context)


@dataclass(frozen=True)
class _CandidateRuns(Generic[SnapshotT]):
    """Inputs of the training of candidates besides its context.

    Attributes:
        start: Makes the candidate at a position.
        config: Everything that determines the result, for the checkpoint.
        targets: int64 [n_valid] or [n_valid, labels], those of the validation texts.
    """

    start: Callable[[int, RunContext], Candidate[SnapshotT]]
    config: Mapping[str, str]
    targets: NDArray[np.int64]

    def checkpoint(self, kept: CheckpointConfig, state: TrainingState[SnapshotT]) -> Checkpoint:
        """Make the checkpoint of a candidate's training."""
        environment = {"processes": "1", **state.trainer.engine()}
        fingerprint = RunFingerprint(self.config, environment)
        return Checkpoint(kept.file, fingerprint, state.size())

    def loop(
        self,
        candidate: Candidate[SnapshotT],
        state: TrainingState[SnapshotT],
        context: RunContext,
        *,
        resume: bool,
    ) -> TrainingLoop[SnapshotT]:
        """Announce a candidate, and load its checkpoint if it is to be resumed."""
        kept = context.checkpoint
        checkpoint = None if kept is None else self.checkpoint(kept, state)
        stopping = candidate.early_stopping
        loop = TrainingLoop(state, self.targets, stopping, context, checkpoint)
        context.progress.say(candidate.announcement)
        if resume:
            context.progress.say("\n".join(loop.load_checkpoint()))
        return loop


def _train_in_turn(
    names: Sequence[str], first: int, runs: _CandidateRuns[SnapshotT], context: RunContext
) -> Trained[SnapshotT]:
    """Train the candidates from a position on, one after the other."""
    started, earlier_seconds, earlier_wall_seconds = time.perf_counter(), 0.0, 0.0
    resuming = context.checkpoint is not None and context.checkpoint.resume
    if context.checkpoint is not None and context.checkpoint.beside.resume:
        file = context.checkpoint.beside.file
        context.progress.say(f"{file} is not used: candidates are trained one after the other.")
    done: list[TrainedCandidate[SnapshotT]] = []
    for position in range(first, len(names)):
        candidate = runs.start(position, context)
        state = TrainingState(candidate.trainer, position=position, earlier=done)
        if done:
            state.seconds = earlier_seconds + time.perf_counter() - started
            state.wall_seconds = earlier_wall_seconds
        loop = runs.loop(candidate, state, context, resume=resuming)
        if resuming:
            earlier_seconds, earlier_wall_seconds = state.seconds, state.wall_seconds
            resuming = False
        remarks = loop.run()
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


def _train_both(
    names: Sequence[str], runs: _CandidateRuns[SnapshotT], context: RunContext, worker: "LocalGroup"
) -> Trained[SnapshotT]:
    """Train the first candidate here, and the second one at the same time in another process."""
    kept, progress = context.checkpoint, context.progress
    resumes = kept is not None and kept.resume
    if kept is not None and not resumes:
        kept.beside.file.unlink(missing_ok=True)  # that of another training
    there = replace(context, progress=Silent(), threads=None, worker=None)
    worker.send(partial(_train_second, names[1], runs, there))
    candidate = runs.start(0, context)
    state = TrainingState(candidate.trainer)
    loop = runs.loop(candidate, state, context, resume=resumes)
    earlier_seconds, earlier_wall_seconds = state.seconds, state.wall_seconds
    progress.say(f"Training {names[1]} at the same time, in another process.")
    remarks = loop.run()
    if not loop.is_cut:
        loop.save()
    first = state.candidate()
    try:
        with stage(progress, f"Waiting for {names[1]}"):
            result = _answer(worker)
    except KeyboardInterrupt:
        if kept is None:
            raise
        raise KeyboardInterrupt(kept.remedy()) from None
    for text in result.said:
        progress.say(text)
    if kept is not None:
        worker.send(None if loop.is_cut else _Result.of(first, remarks))
        _answer(worker)
    return Trained(
        [first, result.candidate(candidate.trainer)],
        candidate.early_stopping,
        list(dict.fromkeys([*(r for r in remarks if r.startswith(TIME_LIMIT)), *result.remarks])),
        earlier_seconds,
        earlier_wall_seconds,
        candidate.trainer.engine(),
    )


def _answer(worker: "LocalGroup") -> Any:
    """Receive the result of the other process, or raise its error."""
    answer = worker.receive()
    if isinstance(answer, WordgateError):
        raise answer
    return answer


def _train_second(
    name: str, runs: _CandidateRuns[SnapshotT], context: RunContext, group: "LocalGroup"
) -> None:
    """Train the second of two candidates in a process of its own, and send the result to rank 0.

    It has a checkpoint of its own until both are trained; then both are in the joint checkpoint, as
    if they had been trained one after the other.
    """
    joint, recorder = context.checkpoint, Recorder()
    own = None if joint is None else joint.beside
    context = replace(context, progress=recorder, checkpoint=own)
    try:
        candidate = runs.start(1, context)
        state = TrainingState(candidate.trainer)
        alone = replace(runs, config={**runs.config, "candidate": name})
        loop = alone.loop(candidate, state, context, resume=own is not None and own.resume)
        group.stop_with_rank_0()
        remarks = loop.run()
        if not loop.is_cut:
            loop.save()
        group.send(_Result.of(state.candidate(), remarks, recorder))
        if joint is None or own is None:
            return
        first = group.receive()
        if first is not None and not loop.is_cut:
            state.position, state.earlier = 1, [first.candidate(candidate.trainer)]
            loop.save(runs.checkpoint(joint, state))
            own.file.unlink(missing_ok=True)
        group.send(None)
    except WordgateError as error:
        group.send(error)


@dataclass(frozen=True)
class _Result:
    """Result of the training of a candidate, to be sent to another process."""

    history: list[Epoch]
    best_epoch: int
    arrays: FloatArrays
    remarks: Sequence[str]
    said: Sequence[str]  # the messages of its training, without details

    @classmethod
    def of(
        cls,
        trained: TrainedCandidate[Any],
        remarks: Sequence[str],
        recorder: Recorder | None = None,
    ) -> "_Result":
        """Return the result of a trained candidate."""
        arrays = dict(trained.network.arrays())
        said = [] if recorder is None else recorder.said()
        return cls(trained.history, trained.best_epoch, arrays, remarks, said)

    def candidate(self, trainer: ModelTrainer[Any, SnapshotT]) -> TrainedCandidate[SnapshotT]:
        """Return the trained candidate; `trainer` may be that of any candidate."""
        network = trainer.restore_snapshot(self.arrays)
        return TrainedCandidate(self.history, self.best_epoch, network)
