"""Fitting the family `lstm`: from examples to the network of the best epoch."""

import hashlib
from dataclasses import dataclass

import numpy as np
import torch

from wordgate.errors import DataError
from wordgate.models.lstm import LSTMModel
from wordgate.models.network import Network
from wordgate.progress import Progress
from wordgate.settings import Settings
from wordgate.text.encoder import EncodedTexts, TextEncoder
from wordgate.training.checkpoint import Checkpoint, Identity
from wordgate.training.course import Course
from wordgate.training.device import choose_device, use_available_cores
from wordgate.training.first_vectors import FirstVectors, drawn_vectors, pretrained_vectors
from wordgate.training.fitting import Examples, Fitted, Keeping
from wordgate.training.sitting import Sitting
from wordgate.training.trainer import Trainer
from wordgate.vectors.coverage import Coverage
from wordgate.vectors.matching import Found
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
        """Give a SHA-256 that another vocabulary or other vectors would change."""
        content = hashlib.sha256(self.first.vectors.data)
        if self.first.pretrained is not None:
            content.update(self.first.pretrained.data)
        words = "\0".join(self.encoder.vocabulary.words)
        content.update(words.encode(errors="surrogatepass"))
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

    Returns:
        The fitted model of the best epoch.

    Raises:
        DataError: There are no texts to fit on, or none to choose the best epoch by; or the file
            of word vectors can't be used.
        SettingsError: The device doesn't exist.
        BundleError: The checkpoint can't be written, or the one to resume from can't be used.
        KeyboardInterrupt: The training was interrupted, and is kept.
    """
    _check_not_empty(train, valid)
    use_available_cores()
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
    course: Course[Network] = Course(
        encoder.encode(valid.texts),
        valid.targets,
        patience=settings.patience,
        ties=settings.epoch_ties,
    )
    checkpoint = None
    if keeping is not None:
        work = _identity(train, valid, vocabulary_of, begun, settings, seed)
        checkpoint = Checkpoint(keeping.file, Identity(work, trainer.engine()))
    sitting = Sitting(trainer, course, encoded, train.targets, progress, deadline, checkpoint)
    progress.say(_announcement(encoder, trainer))
    if checkpoint is not None and keeping is not None and keeping.resume:
        progress.say("\n".join(sitting.take_up(checkpoint)))
    earlier = trainer.state.seconds
    remarks = [*_vocabulary_remark(vocabulary_of), *_truncation(encoded, settings)]
    remarks += [] if begun.coverage is None else begun.coverage.remarks()
    remarks += sitting.run()
    state = trainer.state
    model = LSTMModel(encoder, state.best_network())
    return Fitted(
        model, state.history, state.best_epoch, remarks, earlier, trainer.engine(), begun.coverage
    )


def _check_not_empty(train: Examples, valid: Examples) -> None:
    if not len(train.texts):
        raise DataError("there are no texts to fit an LSTM on")
    if not len(valid.texts):
        raise DataError("there are no validation texts to choose the best epoch by")


def _fit_encoder(
    train: Examples, vocabulary_of: Examples | None, settings: Settings
) -> tuple[TextEncoder, EncodedTexts]:
    source = train if vocabulary_of is None else vocabulary_of
    encoder, encoded = TextEncoder.fit(
        source.texts,
        groups=source.groups,
        tokenizer=settings.tokenizer,
        max_tokens=settings.max_tokens,
        truncate=settings.truncate,
        unknown=settings.unknown_words == "id",
        ties="first" if settings.tokenizer == "keras" else "word",
        min_groups=settings.min_groups,
        min_count=settings.min_count,
        max_words=settings.max_words,
    )
    return encoder, encoded if source is train else encoder.encode(train.texts)


def _begin(
    train: Examples,
    vocabulary_of: Examples | None,
    vectors: Pretrained | None,
    settings: Settings,
    seed: int,
    progress: Progress,
) -> Beginning:
    """Fit the vocabulary, and draw its vectors or find pretrained ones."""
    encoder, encoded = _fit_encoder(train, vocabulary_of, settings)
    if vectors is None:
        return Beginning(encoder, encoded, drawn_vectors(encoder.vocabulary, settings, seed))
    learned = encoder.vocabulary
    spelling, limit = settings.vectors_spelling, settings.vectors_more_words
    more = vectors.more_words(encoder.tokenizer, learned.index, limit, spelling)
    if more:
        encoder = encoder.knowing(more)
        encoded = encoder.encode(train.texts)
    found = vectors.look_up(encoder.vocabulary.words, spelling, progress)
    _check_found(found, len(learned.words), vectors)
    tokens = np.bincount(encoded.ids, minlength=len(learned))[learned.first_id : len(learned)]
    coverage = Coverage.of(learned.words, tokens, found.first(len(learned.words)), len(more))
    progress.say("\n".join(coverage.lines()))
    first = pretrained_vectors(encoder.vocabulary, found, settings, seed, n_more=len(more))
    return Beginning(encoder, encoded, first, coverage)


def _check_found(found: Found, n_learned: int, vectors: Pretrained) -> None:
    """Refuse a table that has none of the words learned from the training texts."""
    learned = found.first(n_learned) if n_learned else found
    if not learned.known.any():
        raise DataError(
            f"none of the vocabulary's {n_learned:,} words has a vector in {vectors.file.path}: are"
            " they of the same language, and in its spelling?"
        )


def _identity(
    train: Examples,
    valid: Examples,
    vocabulary_of: Examples | None,
    begun: Beginning,
    settings: Settings,
    seed: int,
) -> dict[str, str]:
    """Name all that decides what the training comes to; long values are digests."""
    parts = [train, valid, *([] if vocabulary_of is None else [vocabulary_of])]
    digests = "".join(part.digest() for part in parts)
    changeable = {name: str(value) for name, value in settings.model_dump(mode="json").items()}
    vectors = "drawn" if begun.coverage is None else begun.digest()
    return {"data": digests, "word vectors": vectors, "seed": str(seed), **changeable}


def _vocabulary_remark(vocabulary_of: Examples | None) -> list[str]:
    if vocabulary_of is None:
        return []
    return [
        "The vocabulary was fitted on all rows, not on train alone (vocabulary_from=all): the model"
        " knows words of the rows that judge it, as it could not know those of new texts."
    ]


def _truncation(encoded: EncodedTexts, settings: Settings) -> list[str]:
    if not encoded.n_truncated:
        return []
    return [
        f"{encoded.n_truncated:,} of {len(encoded):,} training texts are longer than"
        f" {settings.max_tokens} tokens and lost their {settings.truncate}."
    ]


def _announcement(encoder: TextEncoder, trainer: Trainer) -> str:
    threads = f", {torch.get_num_threads()} threads" if trainer.device.type == "cpu" else ""
    precision, plan = str(trainer.precision).removeprefix("torch."), trainer.plan
    return (
        f"Training on {trainer.device}{threads}, {precision}: {len(encoder.vocabulary):,} words,"
        f" {plan.epochs} epochs of {plan.updates_per_epoch:,} updates with {plan.batch_size}"
        " texts each."
    )
