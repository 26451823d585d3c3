"""Fitting the family `lstm`: from texts to the network of the best epoch."""

from wordgate.models.lstm import LSTMModel, Network
from wordgate.runtime.progress import stage
from wordgate.settings import Settings
from wordgate.storage.resumable import VECTORS, WORDS
from wordgate.training.candidates import Candidate, Trained, train_candidates
from wordgate.training.device import choose_device, format_device
from wordgate.training.fitting import EncodedData, FitData, Fitted, RunContext
from wordgate.training.loop import EarlyStopping
from wordgate.training.lstm_trainer import LSTMTrainer
from wordgate.training.rng import pretrained_embeddings, random_embeddings
from wordgate.training.vocabulary import (
    fit_vocabulary,
    fit_vocabulary_with_vectors,
    vocabulary_digest,
    vocabulary_remarks,
)

STRENGTHS = ("strongly", "lightly")
"""The candidates, by their regularization."""


def fit_lstm(data: FitData, settings: Settings, context: RunContext) -> Fitted:
    """Fit an LSTM classifier and keep its best epoch.

    That is the best by `lstm.epoch_score`; with several labels a text, unless a user set it, the
    one of the lowest log loss on validation: at 0.5 rare labels are given late or never, so neither
    accuracy nor F1 tells early epochs apart, and the log loss needs no threshold.

    Args:
        data: What it is fitted on.
        settings: The recipe's settings.
        context: Seed, device, deadline, checkpoint; its threads evaluate and predict, torch has
            its own already.

    Returns:
        The fitted model of the best epoch.

    Raises:
        DataError: There are no texts to fit on, or none to choose the best epoch by; or the file
            of word vectors can't be used.
        SettingsError: The device doesn't exist.
        BundleError: The checkpoint can't be written, or the one to resume from can't be used.
        KeyboardInterrupt: The training was interrupted, and is kept.
    """
    data.check_not_empty("an LSTM", "the best epoch")
    choose_device(context.device)
    coverage, seed = None, context.seed
    if data.vectors is None:
        with stage(context.progress, f"Reading the words of {len(data.train):,} texts"):
            encoder, train = fit_vocabulary(data, settings)
        first = random_embeddings(encoder.vocabulary, settings, seed)
    else:
        known = fit_vocabulary_with_vectors(data, data.vectors, settings, context.progress)
        encoder, train, coverage = known.encoder, known.encoded, known.coverage
        first = pretrained_embeddings(
            encoder.vocabulary, known.found, settings, seed, coverage.more
        )
    vocabulary, valid = encoder.vocabulary, encoder.encode(data.valid.texts)
    encoded = EncodedData(train, valid, data, vocabulary.unknown)
    tried = candidate_settings(settings)

    def start(position: int) -> Candidate[Network]:
        is_last = position == len(tried) - 1
        init = first if is_last else first.copy()  # training changes them
        trainer = LSTMTrainer(encoded, init, tried[position], context)
        which = f" the {STRENGTHS[position]} regularized candidate" if len(tried) > 1 else ""
        stopping = EarlyStopping(
            patience=trainer.patience,
            warm_epochs=trainer.warm_epochs,
            ties=settings.lstm.epoch_ties,
            score=_epoch_score(data, settings),
        )
        return Candidate(trainer, stopping, _announcement(len(vocabulary), trainer, which))

    def digests() -> dict[str, str]:
        vectors = "drawn" if coverage is None else first.digest()
        words = vocabulary_digest(vocabulary, train, valid)
        return {"family": "lstm", VECTORS: vectors, WORDS: words}

    names = [f"the {strength} regularized candidate" for strength in STRENGTHS[: len(tried)]]
    trained = train_candidates(names, start, data, settings, digests, context)
    position = trained.choose()
    chosen, best = tried[position], trained.candidates[position]
    if len(trained.candidates) > 1:
        context.progress.say(_choice(position, chosen, trained))
    network = best.network.in_int8() if settings.vectors.stored == "int8" else best.network
    remarks = vocabulary_remarks(data, train, settings)
    remarks += [] if coverage is None else coverage.remarks()
    return Fitted(
        LSTMModel(encoder, network, context.threads),
        best.history,
        best.best_epoch,
        [*remarks, *trained.remarks],
        trained.earlier_seconds,
        trained.earlier_wall_seconds,
        trained.engine,
        coverage,
        chosen,
    )


def candidate_settings(settings: Settings) -> list[Settings]:
    """Give the settings of each LSTM to train, the most regularised first."""
    alone = settings.updated({"lstm.lighter_candidate": False})
    return [alone, alone.with_lighter_lstm()] if settings.lstm.lighter_candidate else [alone]


def _epoch_score(data: FitData, settings: Settings) -> str:
    """Name what makes an epoch better than another, as for `EarlyStopping`."""
    asked = settings.lstm.epoch_score
    adapts = data.multilabel and "lstm.epoch_score" not in settings.set_by_user
    return "loss" if adapts and asked != "last" else asked


def _choice(position: int, chosen: Settings, trained: Trained[Network]) -> str:
    """Say which candidate was chosen, and why."""
    strongly, lightly = map(abs, trained.scores())
    what = "losses" if trained.early_stopping.by_loss else "scores"
    return (
        f"Kept the {STRENGTHS[position]} regularized candidate"
        f" (hidden_size={chosen.lstm.hidden_size},"
        f" word_dropout={chosen.lstm.word_dropout:g}): validation {what} {strongly:.3f}"
        f" ({STRENGTHS[0]}) and {lightly:.3f} ({STRENGTHS[1]})."
    )


def _announcement(n_words: int, trainer: LSTMTrainer, which: str) -> str:
    device, precision = format_device(trainer.device), str(trainer.precision)
    return (
        f"Training{which} on {device}, {precision.removeprefix('torch.')}: {n_words:,} words,"
        f" {trainer.plan.sentence()}"
    )
