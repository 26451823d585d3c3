"""Fitting the family `lstm`: from examples to the network of the best epoch."""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass

from wordgate.models.lstm import LSTMModel, Network
from wordgate.runtime.progress import Progress
from wordgate.settings import Settings
from wordgate.storage.resumable import VECTORS, WORDS
from wordgate.text.encoder import EncodedTexts, TextEncoder
from wordgate.training.candidates import Candidate, LoopOptions, train_candidates
from wordgate.training.device import choose_device, format_device
from wordgate.training.early_stopping import EarlyStopping
from wordgate.training.fitting import (
    CheckpointConfig,
    EncodedData,
    Examples,
    Fitted,
    check_not_empty,
    run_config,
)
from wordgate.training.initialization import (
    EmbeddingInit,
    pretrained_embeddings,
    random_embeddings,
)
from wordgate.training.lstm_trainer import LSTMTrainer
from wordgate.training.vocabulary import (
    fit_vocabulary,
    fit_vocabulary_with_vectors,
    vocabulary_digest,
    vocabulary_remarks,
)
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
        init: The word vectors to begin with.
        coverage: How many words have a pretrained vector; None if there are none.
    """

    encoder: TextEncoder
    encoded: EncodedTexts
    init: EmbeddingInit
    coverage: VocabularyCoverage | None = None

    def digest(self) -> str:
        """Give a SHA-256 that other vectors would change."""
        content = hashlib.sha256(self.init.vectors.data)
        if self.init.pretrained is not None:
            content.update(self.init.pretrained.data)
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
    checkpoint: CheckpointConfig | None,
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
        checkpoint: Where to keep the training against an interruption; None for nowhere.
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
    data = EncodedData(begun.encoded, begun.encoder.encode(valid.texts), train)
    config: dict[str, str] = {}
    if checkpoint is not None:
        parts = [train, valid, *([] if vocabulary_of is None else [vocabulary_of])]
        digests = {
            VECTORS: "drawn" if begun.coverage is None else begun.digest(),
            WORDS: vocabulary_digest(begun.encoder.vocabulary, data.train, data.valid),
        }
        config = run_config("lstm", parts, n_classes, settings, seed, digests)
    tried = candidate_settings(settings)
    vocabulary = begun.encoder.vocabulary

    def start(position: int) -> Candidate[Network]:
        is_last = position == len(tried) - 1
        init = begun.init if is_last else begun.init.copy()  # training changes them
        own = (tried[position], seed, torch_device, threads)
        trainer = LSTMTrainer(data, vocabulary.unknown, init, n_classes, *own)
        which = f" the {STRENGTHS[position]} regularised candidate" if len(tried) > 1 else ""
        return Candidate(
            trainer, _early_stopping(trainer), _announcement(len(vocabulary), trainer, which)
        )

    names = [f"the {strength} regularised candidate" for strength in STRENGTHS[: len(tried)]]
    options = LoopOptions(valid.targets, progress, deadline, checkpoint, config)
    trained = train_candidates(names, start, options)
    position = trained.choose()
    chosen, best = tried[position], trained.candidates[position]
    if len(trained.candidates) > 1:
        progress.say(_choice(position, chosen, trained.scores()))
    network = best.network.in_int8() if settings.vectors.stored == "int8" else best.network
    remarks = vocabulary_remarks(begun.encoded, vocabulary_of, settings)
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


def candidate_settings(settings: Settings) -> list[Settings]:
    """Give the settings of each LSTM to train, the most regularised first."""
    alone = settings.updated({"lstm.lighter_candidate": False})
    return [alone, alone.with_lighter_lstm()] if settings.lstm.lighter_candidate else [alone]


def _early_stopping(trainer: LSTMTrainer) -> EarlyStopping:
    settings = trainer.settings
    return EarlyStopping(
        patience=trainer.patience,
        warm_epochs=trainer.warm_epochs,
        ties=settings.lstm.epoch_ties,
        score=settings.lstm.epoch_score,
    )


def _choice(position: int, chosen: Settings, scores: Sequence[float]) -> str:
    """Say which candidate was chosen, and why."""
    strongly, lightly = scores
    return (
        f"Kept the {STRENGTHS[position]} regularised candidate"
        f" (hidden_size={chosen.lstm.hidden_size},"
        f" word_dropout={chosen.lstm.word_dropout:g}): validation scores {strongly:.3f}"
        f" ({STRENGTHS[0]}) and {lightly:.3f} ({STRENGTHS[1]})."
    )


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
        encoder, encoded = fit_vocabulary(train, vocabulary_of, settings)
        return Beginning(encoder, encoded, random_embeddings(encoder.vocabulary, settings, seed))
    known = fit_vocabulary_with_vectors(train, vocabulary_of, vectors, settings, progress)
    encoder, more = known.encoder, known.coverage.more
    first = pretrained_embeddings(encoder.vocabulary, known.found, settings, seed, n_more=more)
    return Beginning(encoder, known.encoded, first, known.coverage)


def _announcement(n_words: int, trainer: LSTMTrainer, which: str) -> str:
    device, precision = format_device(trainer.device), str(trainer.precision)
    return (
        f"Training{which} on {device}, {precision.removeprefix('torch.')}: {n_words:,} words,"
        f" {trainer.plan.sentence()}"
    )
