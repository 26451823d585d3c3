"""Fitting the family `lstm`: epochs, early stopping, the time limit, the best epoch."""

import math
import time
from dataclasses import dataclass, field

import numpy as np
import torch
from numpy.typing import NDArray

from wordgate.errors import DataError
from wordgate.models.lstm import LSTMModel
from wordgate.models.network import Network
from wordgate.progress import Bar, Progress
from wordgate.settings import Settings
from wordgate.text.batches import bucketed
from wordgate.text.encoder import EncodedTexts, TextEncoder
from wordgate.training.device import choose_device, use_available_cores
from wordgate.training.fitting import Epoch, Examples, Fitted
from wordgate.training.noise import stream
from wordgate.training.trainer import Plan, Trainer

JUDGED_TEXTS_PER_SECOND = 4000.0
"""What the first epoch assumes of validation, to end in time; later ones know."""


def fit_lstm(
    train: Examples,
    valid: Examples,
    n_classes: int,
    settings: Settings,
    *,
    seed: int,
    device: str,
    progress: Progress,
    deadline: float,
) -> Fitted:
    """Fit an LSTM classifier and keep its best epoch.

    Args:
        train: What the vocabulary and the weights are fitted on.
        valid: What chooses the best epoch, and ends the training early.
        n_classes: How many labels there are.
        settings: The recipe's settings.
        seed: Decides the weights to begin with, the order and the dropout.
        device: ``auto``, ``cpu``, ``cuda`` or ``cuda:N``.
        progress: Where the epochs are told.
        deadline: The `time.monotonic()` at which training must end; `math.inf` for none.

    Returns:
        The fitted model of the best epoch.

    Raises:
        DataError: There are no texts to fit on, or none to choose the best epoch by.
        SettingsError: The device doesn't exist.
    """
    _check_not_empty(train, valid)
    use_available_cores()
    torch_device = choose_device(device)
    encoder, encoded = _fit_encoder(train, settings)
    encoded_valid = encoder.encode(valid.texts)
    plan = Plan.of(len(encoded), settings)
    trainer = Trainer(encoder, n_classes, settings, plan, seed, torch_device)
    trainer.weigh_classes(train.targets)
    course = _Course(encoded_valid, valid.targets, settings)
    remarks = _truncation(encoded, settings)
    progress.say(_announcement(encoder, plan, trainer))
    with progress.bar(plan.updates) as bar:
        for epoch in range(plan.epochs):
            last_update = deadline - course.judging_seconds
            record = _run_epoch(trainer, encoded, train.targets, epoch, bar, last_update)
            course.judge(epoch, trainer.network(), record)
            progress.say(course.line(plan.epochs))
            if trainer.updates == plan.updates:
                break
            cut_short = trainer.updates < (epoch + 1) * plan.updates_per_epoch
            if cut_short or time.monotonic() > deadline - course.judging_seconds:
                remarks.append(f"The time limit ended the training in epoch {epoch + 1}.")
                break
            if course.has_stalled(trainer.warm_epochs):
                remarks.append(
                    f"No better validation accuracy in {settings.patience} epochs: stopped early."
                )
                break
    model = LSTMModel(encoder, course.best_network)
    return Fitted(model, course.history, course.best_epoch, remarks)


@dataclass
class _Course:
    """The epochs so far, judged on validation, and the best network among them.

    Between epochs of the same accuracy the lower loss is the better; patience asks for accuracy.
    """

    encoded: EncodedTexts
    targets: NDArray[np.int64]
    settings: Settings
    history: list[Epoch] = field(default_factory=list)
    best_epoch: int = 0
    improved_epoch: int = 0
    best_network: Network = field(init=False)
    judging_seconds: float = field(init=False)

    def __post_init__(self) -> None:
        self.judging_seconds = len(self.encoded) / JUDGED_TEXTS_PER_SECOND

    def judge(self, epoch: int, network: Network, record: dict[str, float]) -> None:
        """Score a network on validation, and keep it if it is the best so far."""
        started = time.perf_counter()
        log_proba = network.log_proba(self.encoded)
        self.judging_seconds = time.perf_counter() - started
        loss = -float(log_proba[np.arange(len(self.targets)), self.targets].mean())
        accuracy = float((log_proba.argmax(axis=1) == self.targets).mean())
        entry = Epoch(epoch + 1, valid_loss=loss, valid_accuracy=accuracy, **record)
        self.history.append(entry)
        best = self.history[self.best_epoch - 1] if self.best_epoch else None
        if best is None or entry.valid_accuracy > best.valid_accuracy:
            self.improved_epoch = entry.epoch
        if best is None or _rank(entry) > _rank(best):
            self.best_epoch, self.best_network = entry.epoch, network

    def has_stalled(self, warm_epochs: float) -> bool:
        """Tell whether patience is over; it is not asked for while the rate still rises."""
        counted_from = max(self.improved_epoch, math.ceil(warm_epochs))
        return len(self.history) - counted_from >= self.settings.patience

    def line(self, n_epochs: int) -> str:
        """Put the last epoch in a line."""
        entry = self.history[-1]
        left = sum(past.seconds for past in self.history) / len(self.history)
        left *= n_epochs - entry.epoch
        best = "best so far" if self.best_epoch == entry.epoch else f"best: {self.best_epoch}"
        return (
            f"epoch {entry.epoch:>{len(str(n_epochs))}}/{n_epochs}"
            f"  {entry.seconds:5.1f} s  {entry.texts_per_second:6,.0f} texts/s"
            f"  loss {entry.train_loss:.3f}  train {entry.train_accuracy:.3f}"
            f"  valid {entry.valid_accuracy:.3f} ({best})  {left:.0f} s left"
        )


def _rank(entry: Epoch) -> tuple[float, float]:
    return entry.valid_accuracy, -entry.valid_loss


def _run_epoch(
    trainer: Trainer,
    encoded: EncodedTexts,
    targets: NDArray[np.int64],
    epoch: int,
    bar: Bar,
    last_update: float,
) -> dict[str, float]:
    """Pass over the training texts once, or until the `time.monotonic()` of the last update."""
    started = time.perf_counter()
    order = stream(trainer.seed, "order", epoch)
    loss, right, seen = 0.0, 0, 0
    for batch in bucketed(encoded, batch_size=trainer.plan.batch_size, rng=order):
        batch_loss, batch_right = trainer.update(batch, targets[batch.rows], epoch)
        loss, right, seen = loss + batch_loss, right + batch_right, seen + len(batch.rows)
        bar.advance(f"epoch {epoch + 1} of {trainer.plan.epochs}")
        if time.monotonic() > last_update:
            break
    seconds = time.perf_counter() - started
    return {
        "seconds": seconds,
        "texts_per_second": seen / seconds,
        "learning_rate": trainer.learning_rate,
        "train_loss": loss / seen,
        "train_accuracy": right / seen,
    }


def _check_not_empty(train: Examples, valid: Examples) -> None:
    if not len(train.texts):
        raise DataError("there are no texts to fit an LSTM on")
    if not len(valid.texts):
        raise DataError("there are no validation texts to choose the best epoch by")


def _fit_encoder(train: Examples, settings: Settings) -> tuple[TextEncoder, EncodedTexts]:
    return TextEncoder.fit(
        train.texts,
        groups=train.groups,
        tokenizer=settings.tokenizer,
        max_tokens=settings.max_tokens,
        truncate=settings.truncate,
        unknown=settings.unknown_words == "id",
        ties="first" if settings.tokenizer == "keras" else "word",
        min_groups=settings.min_groups,
        min_count=settings.min_count,
        max_words=settings.max_words,
    )


def _truncation(encoded: EncodedTexts, settings: Settings) -> list[str]:
    if not encoded.n_truncated:
        return []
    return [
        f"{encoded.n_truncated:,} of {len(encoded):,} training texts are longer than"
        f" {settings.max_tokens} tokens and lost their {settings.truncate}."
    ]


def _announcement(encoder: TextEncoder, plan: Plan, trainer: Trainer) -> str:
    threads = f", {torch.get_num_threads()} threads" if trainer.device.type == "cpu" else ""
    precision = str(trainer.precision).removeprefix("torch.")
    return (
        f"Training on {trainer.device}{threads}, {precision}: {len(encoder.vocabulary):,} words,"
        f" {plan.epochs} epochs of {plan.updates_per_epoch:,} updates with {plan.batch_size}"
        " texts each."
    )
