"""Fitting the family `lstm`: from examples to the network of the best epoch."""

import hashlib
from dataclasses import dataclass

import torch

from wordgate.models.lstm import LSTMModel
from wordgate.models.network import Network
from wordgate.progress import Progress
from wordgate.settings import Settings
from wordgate.text.encoder import EncodedTexts, TextEncoder
from wordgate.training.checkpoint import Checkpoint
from wordgate.training.course import Course
from wordgate.training.device import choose_device, format_device
from wordgate.training.first_vectors import FirstVectors, drawn_vectors, pretrained_vectors
from wordgate.training.fitting import Examples, Fitted, Keeping, check_not_empty
from wordgate.training.identity import VECTORS, WORDS, Identity
from wordgate.training.sitting import Sitting
from wordgate.training.trainer import Trainer
from wordgate.training.words import learn_words, look_words_up, word_remarks, words_digest
from wordgate.vectors.coverage import Coverage
from wordgate.vectors.pretrained import Pretrained


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
    coverage: Coverage | None = None

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
    vectors: Pretrained | None,
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
    encoder, encoded = begun.encoder, begun.encoded
    trainer = Trainer(
        encoder.vocabulary.unknown,
        begun.first,
        train.targets,
        n_classes,
        settings,
        seed,
        torch_device,
    )
    judged = encoder.encode(valid.texts)
    course: Course[Network] = Course(
        judged,
        valid.targets,
        patience=settings.patience,
        ties=settings.epoch_ties,
        threads=threads,
    )
    checkpoint = None
    if keeping is not None:
        work = _work(train, valid, n_classes, vocabulary_of, begun, settings, seed)
        work[WORDS] = words_digest(encoder.vocabulary, encoded, judged)
        identity = Identity(work, trainer.engine())
        checkpoint = Checkpoint(keeping.file, identity, trainer.state.size())
    sitting = Sitting(
        trainer,
        course,
        encoded,
        train.to_learn,
        progress,
        deadline,
        checkpoint,
        threads=torch.get_num_threads(),
    )
    progress.say(_announcement(encoder, trainer))
    if checkpoint is not None and keeping is not None and keeping.resume:
        progress.say("\n".join(sitting.take_up(checkpoint)))
    earlier = trainer.state.seconds
    remarks = word_remarks(encoded, vocabulary_of, settings)
    remarks += [] if begun.coverage is None else begun.coverage.remarks()
    remarks += sitting.run()
    state = trainer.state
    best = state.best_network()
    network = best.in_int8() if settings.embedding_stored == "int8" else best
    model = LSTMModel(encoder, network, threads)
    return Fitted(
        model, state.history, state.best_epoch, remarks, earlier, trainer.engine(), begun.coverage
    )


def _begin(
    train: Examples,
    vocabulary_of: Examples | None,
    vectors: Pretrained | None,
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


def _announcement(encoder: TextEncoder, trainer: Trainer) -> str:
    device, plan = format_device(trainer.device), trainer.plan
    precision = str(trainer.precision).removeprefix("torch.")
    return (
        f"Training on {device}, {precision}: {len(encoder.vocabulary):,} words,"
        f" {plan.epochs} epochs of {plan.updates_per_epoch:,} updates with {plan.batch_size}"
        " texts each."
    )
