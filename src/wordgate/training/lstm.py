"""Fitting the family `lstm`: from examples to the network of the best epoch."""

import hashlib
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import torch

from wordgate.models.lstm import LSTMModel
from wordgate.models.lstm_network import Network
from wordgate.runtime.progress import Progress
from wordgate.settings import Settings
from wordgate.text.encoder import EncodedTexts, TextEncoder
from wordgate.training.candidates import Candidate, lstm_candidates
from wordgate.training.checkpoint import Checkpoint, keeps_second_candidate
from wordgate.training.course import TIME_LIMIT, Course
from wordgate.training.device import choose_device, format_device
from wordgate.training.first_vectors import FirstVectors, drawn_vectors, pretrained_vectors
from wordgate.training.fitting import Examples, Fitted, Keeping, check_not_empty
from wordgate.training.identity import VECTORS, WORDS, Identity
from wordgate.training.sitting import Sitting
from wordgate.training.trainer import Trainer
from wordgate.training.words import learn_words, look_words_up, word_remarks, words_digest
from wordgate.vectors.lookup import VocabularyCoverage
from wordgate.vectors.pretrained import PretrainedVectors

STRENGTHS = ("strongly", "lightly")
"""How the candidates are regularised."""


@dataclass(frozen=True)
class Beginning:
    """What is known before the first update.

    Attributes:
        encoder: What turns texts into ids.
        encoded: The training texts.
        first: The word vectors to begin with.
        coverage: How many words have a pretrained vector; None if there are none.
    """

    encoder: TextEncoder
    encoded: EncodedTexts
    first: FirstVectors
    coverage: VocabularyCoverage | None = None

    def digest(self) -> str:
        """Give a SHA-256 that other vectors would change."""
        content = hashlib.sha256(self.first.vectors.data)
        if self.first.pretrained is not None:
            content.update(self.first.pretrained.data)
        return content.hexdigest()


def fit_lstm(
    train: Examples,
    valid: Examples,
    n_classes: int,
    settings: Settings,
    *,
    vocabulary_of: Examples | None,
    vectors: PretrainedVectors | None,
    seed: int,
    device: str,
    progress: Progress,
    deadline: float,
    keeping: Keeping | None,
    threads: int | None,
) -> Fitted:
    """Fit an LSTM classifier and keep its best epoch.

    Args:
        train: What the weights are fitted on.
        valid: What chooses the best epoch, and ends the training early.
        n_classes: How many labels there are.
        settings: The recipe's settings.
        vocabulary_of: What the vocabulary is fitted on; None for `train`.
        vectors: The word vectors to begin with; None to draw them.
        seed: Decides the weights to begin with, the order and the dropout.
        device: ``auto``, ``cpu``, ``cuda`` or ``cuda:N``.
        progress: Where the epochs are told.
        deadline: The `time.monotonic()` at which training must end; `math.inf` for none.
        keeping: Where to keep the training against an interruption; None for nowhere.
        threads: In how many threads to judge the epochs and to predict, as for `choose_threads`;
            torch has its own already.

    Returns:
        The fitted model of the best epoch.

    Raises:
        DataError: There are no texts to fit on, or none to choose the best epoch by; or the file
            of word vectors can't be used.
        SettingsError: The device doesn't exist.
        BundleError: The checkpoint can't be written, or the one to resume from can't be used.
        KeyboardInterrupt: The training was interrupted, and is kept.
    """
    check_not_empty(train, valid, "an LSTM", "the best epoch")
    torch_device = choose_device(device)
    begun = _begin(train, vocabulary_of, vectors, settings, seed, progress)
    judged = begun.encoder.encode(valid.texts)
    work: dict[str, str] = {}
    if keeping is not None:
        work = _work(train, valid, n_classes, vocabulary_of, begun, settings, seed)
        work[WORDS] = words_digest(begun.encoder.vocabulary, begun.encoded, judged)
    task = _Task(
        train=train,
        valid=valid,
        judged=judged,
        n_classes=n_classes,
        begun=begun,
        candidates=lstm_candidates(settings),
        seed=seed,
        device=torch_device,
        progress=progress,
        deadline=deadline,
        keeping=keeping,
        work=work,
        threads=threads,
    )
    trained = _train_candidates(task)
    chosen, best = _choose(task, trained)
    network = best.network.in_int8() if settings.embedding_stored == "int8" else best.network
    remarks = word_remarks(begun.encoded, vocabulary_of, settings)
    remarks += [] if begun.coverage is None else begun.coverage.remarks()
    return Fitted(
        LSTMModel(begun.encoder, network, threads),
        best.history,
        best.best_epoch,
        [*remarks, *trained.remarks],
        trained.earlier_seconds,
        trained.engine,
        begun.coverage,
        chosen,
    )


@dataclass(frozen=True)
class _Task:
    """What all candidates are trained on, and how; what is not said here is said by `fit_lstm`.

    Attributes:
        judged: The validation texts, encoded.
        begun: What is known before the first update.
        candidates: The settings of each candidate.
        work: What the training is, for its checkpoint.
    """

    train: Examples
    valid: Examples
    judged: EncodedTexts
    n_classes: int
    begun: Beginning
    candidates: Sequence[Settings]
    seed: int
    device: torch.device
    progress: Progress
    deadline: float
    keeping: Keeping | None
    work: Mapping[str, str]
    threads: int | None


@dataclass(frozen=True)
class _Trained:
    """What training the candidates came to.

    Attributes:
        candidates: What each came to; the time limit may have left the second one out.
        course: What judged them.
        remarks: Why the last training ended, if it was before its end.
        earlier_seconds: What fitting had taken before it was interrupted and resumed.
        engine: What computed.
    """

    candidates: Sequence[Candidate]
    course: Course[Network]
    remarks: Sequence[str]
    earlier_seconds: float
    engine: Mapping[str, str]


def _train_candidates(task: _Task) -> _Trained:
    """Train one candidate after the other, from where a checkpoint stands if there is one."""
    started, earlier_seconds = time.perf_counter(), 0.0
    position, n_candidates = _first_position(task), len(task.candidates)
    earlier: Candidate | None = None
    resuming = task.keeping is not None and task.keeping.resume
    while True:
        trainer = _trainer(task, position)
        if earlier is not None:
            trainer.state.earlier = earlier
            trainer.state.seconds = earlier_seconds + time.perf_counter() - started
        course = _course(task, trainer)
        checkpoint = _checkpoint(task, trainer)
        sitting = Sitting(
            trainer,
            course,
            task.begun.encoded,
            task.train.to_learn,
            task.progress,
            task.deadline,
            checkpoint,
            threads=torch.get_num_threads(),
        )
        task.progress.say(_announcement(task.begun.encoder, trainer, position, n_candidates))
        if checkpoint is not None and resuming:
            task.progress.say("\n".join(sitting.take_up(checkpoint)))
            earlier_seconds, resuming = trainer.state.seconds, False
        remarks = sitting.run()
        state = trainer.state
        candidate = Candidate(state.history, state.best_epoch, state.best_network())
        out_of_time = sitting.is_late() or any(line.startswith(TIME_LIMIT) for line in remarks)
        if position == n_candidates - 1 or out_of_time:
            break
        earlier, position = candidate, position + 1
    both = [candidate] if state.earlier is None else [state.earlier, candidate]
    if len(both) < n_candidates:
        remarks = [*remarks, f"{TIME_LIMIT}left no time for the lightly regularised candidate."]
    return _Trained(both, course, remarks, earlier_seconds, trainer.engine())


def _first_position(task: _Task) -> int:
    """Say which candidate to begin with: the one in which a checkpoint was kept, or the first."""
    if task.keeping is None or not task.keeping.resume or len(task.candidates) == 1:
        return 0
    return int(keeps_second_candidate(task.keeping.file))


def _trainer(task: _Task, position: int) -> Trainer:
    first, is_last = task.begun.first, position == len(task.candidates) - 1
    return Trainer(
        task.begun.encoder.vocabulary.unknown,
        first if is_last else first.copy(),  # training changes them
        task.train.targets,
        task.n_classes,
        task.candidates[position],
        task.seed,
        task.device,
    )


def _course(task: _Task, trainer: Trainer) -> Course[Network]:
    settings = trainer.settings
    return Course(
        task.judged,
        task.valid.targets,
        patience=trainer.patience,
        ties=settings.epoch_ties,
        score=settings.epoch_score,
        threads=task.threads,
    )


def _checkpoint(task: _Task, trainer: Trainer) -> Checkpoint | None:
    if task.keeping is None:
        return None
    identity = Identity(task.work, trainer.engine())
    return Checkpoint(task.keeping.file, identity, trainer.state.size())


def _choose(task: _Task, trained: _Trained) -> tuple[Settings, Candidate]:
    """Choose the candidate whose best epoch is better, the first of equals, and say why."""
    candidates, course = trained.candidates, trained.course
    if len(candidates) == 1:
        return task.candidates[0], candidates[0]
    first, second = (course.rank(candidate.best) for candidate in candidates)
    position = int(second > first)
    chosen = task.candidates[position]
    of_first, of_second = (course.score(candidate.best) for candidate in candidates)
    task.progress.say(
        f"Kept the {STRENGTHS[position]} regularised candidate (hidden_size={chosen.hidden_size},"
        f" word_dropout={chosen.word_dropout:g}): validation scores {of_first:.3f}"
        f" ({STRENGTHS[0]}) and {of_second:.3f} ({STRENGTHS[1]})."
    )
    return chosen, candidates[position]


def _begin(
    train: Examples,
    vocabulary_of: Examples | None,
    vectors: PretrainedVectors | None,
    settings: Settings,
    seed: int,
    progress: Progress,
) -> Beginning:
    """Fit the vocabulary, and draw its vectors or find pretrained ones."""
    if vectors is None:
        encoder, encoded = learn_words(train, vocabulary_of, settings)
        return Beginning(encoder, encoded, drawn_vectors(encoder.vocabulary, settings, seed))
    known = look_words_up(train, vocabulary_of, vectors, settings, progress)
    encoder, more = known.encoder, known.coverage.more
    first = pretrained_vectors(encoder.vocabulary, known.found, settings, seed, n_more=more)
    return Beginning(encoder, known.encoded, first, known.coverage)


def _work(
    train: Examples,
    valid: Examples,
    n_classes: int,
    vocabulary_of: Examples | None,
    begun: Beginning,
    settings: Settings,
    seed: int,
) -> dict[str, str]:
    """Name all that decides what the training comes to, words aside; long values are digests."""
    parts = [train, valid, *([] if vocabulary_of is None else [vocabulary_of])]
    digests = "".join(part.digest() for part in parts)
    changeable = {name: str(value) for name, value in settings.model_dump(mode="json").items()}
    vectors = "drawn" if begun.coverage is None else begun.digest()
    return {
        "data": digests,
        "labels": str(n_classes),
        VECTORS: vectors,
        "seed": str(seed),
        **changeable,
    }


def _announcement(encoder: TextEncoder, trainer: Trainer, position: int, n_candidates: int) -> str:
    device, plan = format_device(trainer.device), trainer.plan
    which = STRENGTHS[position]
    candidate = f" the {which} regularised candidate" if n_candidates > 1 else ""
    precision = str(trainer.precision).removeprefix("torch.")
    epochs = f"at most {plan.epochs}" if trainer.has_open_end else str(plan.epochs)
    return (
        f"Training{candidate} on {device}, {precision}: {len(encoder.vocabulary):,} words,"
        f" {epochs} epochs of {plan.updates_per_epoch:,} updates with {plan.batch_size} texts each."
    )
