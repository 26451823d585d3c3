"""Fitting the family `lstm`: from texts to the network of the best epoch."""

from collections.abc import Sequence
from dataclasses import dataclass

from wordgate.models.lstm import LSTMModel, Network
from wordgate.runtime.progress import stage
from wordgate.settings import Settings
from wordgate.storage.resumable import VECTORS, WORDS
from wordgate.text.encoder import EncodedTexts, TextEncoder
from wordgate.training.candidates import Candidate, Trained, train_candidates
from wordgate.training.device import choose_device, format_device
from wordgate.training.fitting import EncodedData, FitData, Fitted, RunContext
from wordgate.training.loop import EarlyStopping
from wordgate.training.lstm_trainer import LSTMTrainer
from wordgate.training.rng import EmbeddingInit, pretrained_embeddings, random_embeddings
from wordgate.training.vocabulary import (
    fit_vocabulary,
    fit_vocabulary_with_vectors,
    vocabulary_digest,
    vocabulary_remarks,
)
from wordgate.vectors.lookup import VocabularyCoverage

STRENGTHS = ("strongly", "lightly")
"""The candidates, by their regularization."""


def fit_lstm(data: FitData, settings: Settings, context: RunContext) -> Fitted:
    """Fit an LSTM classifier and keep its best epoch; see `wordgate.training.families.fit`.

    That is the best by `lstm.epoch_score`; with several labels per text, unless a user set it, the
    one of the lowest log loss on validation: at 0.5 rare labels are given late or never, so neither
    accuracy nor F1 tells early epochs apart, and the log loss needs no threshold.
    """
    data.check_not_empty("an LSTM", "the best epoch")
    choose_device(context.device)
    encoder, train, first, coverage = _read_words(data, settings, context)
    vocabulary, valid = encoder.vocabulary, encoder.encode(data.valid.texts)
    encoded = EncodedData(train, valid, data.without_texts(), vocabulary.unknown)
    tried = candidate_settings(settings)
    names = [f"the {strength} regularized candidate" for strength in STRENGTHS[: len(tried)]]
    start = _Start(encoded, first, tried, names, _epoch_score(data, settings))

    def digests() -> dict[str, str]:
        vectors = "drawn" if coverage is None else first.digest()
        words = vocabulary_digest(vocabulary, train, valid)
        return {"family": "lstm", VECTORS: vectors, WORDS: words}

    trained = train_candidates(names, start, data, settings, digests, context)
    position = trained.choose()
    if len(trained.candidates) > 1:
        context.progress.say(_choice(position, tried[position], trained))
    network = trained.candidates[position].network
    if settings.vectors.stored == "int8":
        network = network.in_int8()
    remarks = vocabulary_remarks(data, train, settings)
    remarks += [] if coverage is None else coverage.remarks()
    model = LSTMModel(encoder, network, context.threads)
    return trained.fitted(model, position, remarks, coverage, tried[position])


@dataclass(frozen=True)
class _Start:
    """Makes the candidate at a position."""

    data: EncodedData
    first: EmbeddingInit
    tried: Sequence[Settings]
    names: Sequence[str]
    criterion: str

    def __call__(self, position: int, context: RunContext) -> Candidate[Network]:
        settings, is_last = self.tried[position], position == len(self.tried) - 1
        init = self.first if is_last else self.first.copy()  # training changes them
        trainer = LSTMTrainer(self.data, init, settings, context)
        which = f" {self.names[position]}" if len(self.tried) > 1 else ""
        stopping = EarlyStopping(
            patience=trainer.patience,
            warm_epochs=trainer.warm_epochs,
            ties=settings.lstm.epoch_ties,
            criterion=self.criterion,
        )
        return Candidate(trainer, stopping, _announcement(len(init.vectors), trainer, which))


def _read_words(
    data: FitData, settings: Settings, context: RunContext
) -> tuple[TextEncoder, EncodedTexts, EmbeddingInit, VocabularyCoverage | None]:
    """Fit the vocabulary; give the training texts' ids, and word vectors, drawn or pretrained."""
    if data.vectors is None:
        with stage(context.progress, f"Tokenizing {len(data.train):,} texts"):
            encoder, train = fit_vocabulary(data, settings)
        return encoder, train, random_embeddings(encoder.vocabulary, settings, context.seed), None
    known = fit_vocabulary_with_vectors(data, data.vectors, settings, context.progress)
    vocabulary, coverage = known.encoder.vocabulary, known.coverage
    first = pretrained_embeddings(vocabulary, known.found, settings, context.seed, coverage.more)
    return known.encoder, known.encoded, first, coverage


def candidate_settings(settings: Settings) -> list[Settings]:
    """Return the settings of each LSTM to train, the most regularized first."""
    alone = settings.updated({"lstm.lighter_candidate": False})
    return [alone, alone.with_lighter_lstm()] if settings.lstm.lighter_candidate else [alone]


def _epoch_score(data: FitData, settings: Settings) -> str:
    """Return the criterion by which an epoch is better than another, as for `EarlyStopping`."""
    asked = settings.lstm.epoch_score
    adapts = data.multilabel and "lstm.epoch_score" not in settings.set_by_user
    return "loss" if adapts and asked != "last" else asked


def _choice(position: int, chosen: Settings, trained: Trained[Network]) -> str:
    """Describe which candidate was chosen, and why."""
    scores = [abs(score) for score in trained.scores()]
    what = "loss" if trained.early_stopping.by_loss else "score"
    return (
        f"Kept the {STRENGTHS[position]} regularized candidate"
        f" (hidden_size={chosen.lstm.hidden_size},"
        f" word_dropout={chosen.lstm.word_dropout:g}): validation {what} {scores[position]:.3f},"
        f" compared with {scores[1 - position]:.3f} for the {STRENGTHS[1 - position]} regularized"
        " one."
    )


def _announcement(n_words: int, trainer: LSTMTrainer, which: str) -> str:
    device, precision = format_device(trainer.device), str(trainer.precision)
    return (
        f"Training{which} on {device}, {precision.removeprefix('torch.')}: {n_words:,} words,"
        f" {trainer.plan.sentence()}"
    )
