"""Fitting the family `lstm`: epochs, early stopping, and the trainer that makes the updates."""

import math
import time
from dataclasses import dataclass, field

import numpy as np
import torch
from numpy.typing import NDArray

from wordgate.models.lstm import LSTMModel
from wordgate.models.network import Direction, Network
from wordgate.progress import Bar, Progress
from wordgate.settings import Settings
from wordgate.text.batches import Batch, bucketed
from wordgate.text.encoder import EncodedTexts, TextEncoder
from wordgate.training import initialisation, recurrent
from wordgate.training.adam import EPSILON, MOMENTUM, SECOND_MOMENTUM, RowAdam, schedule_factor
from wordgate.training.device import choose_device, choose_precision, use_available_cores
from wordgate.training.fitting import Epoch, Examples, Fitted
from wordgate.training.noise import dropout_mask, stream

SMALLEST_EPOCH = 20
"""Small data is cut into smaller batches so that an epoch makes at least so many updates."""
MOST_EPOCHS_FOR_SMALL_DATA = 40


@dataclass(frozen=True)
class Plan:
    """How the training texts are passed over."""

    batch_size: int
    epochs: int
    updates_per_epoch: int

    @classmethod
    def of(cls, n_texts: int, settings: Settings) -> "Plan":
        """Fit batches and epochs to the data: small data takes smaller batches, more passes."""
        batch_size = max(1, min(settings.batch_size, n_texts // SMALLEST_EPOCH))
        updates = math.ceil(n_texts / batch_size)
        wanted = min(math.ceil(settings.min_updates / updates), MOST_EPOCHS_FOR_SMALL_DATA)
        return cls(batch_size, max(settings.epochs, wanted), updates)

    @property
    def updates(self) -> int:
        """Count the updates of the whole training."""
        return self.epochs * self.updates_per_epoch


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
        SettingsError: The device doesn't exist.
    """
    use_available_cores()
    encoder, encoded = _fit_encoder(train, settings)
    encoded_valid = encoder.encode(valid.texts)
    plan = Plan.of(len(encoded), settings)
    trainer = Trainer(encoder, n_classes, settings, plan, seed, choose_device(device))
    trainer.weigh_classes(train.targets)
    course = _Course(encoded_valid, valid.targets, settings)
    remarks = _truncation(encoded, settings)
    progress.say(_announcement(encoder, plan, trainer))
    with progress.bar(plan.updates) as bar:
        for epoch in range(plan.epochs):
            record, complete = _run_epoch(trainer, encoded, train.targets, epoch, bar, deadline)
            course.judge(epoch, trainer.network(), record)
            progress.say(course.line(plan.epochs))
            if not complete:
                remarks.append(f"The time limit ended the training in epoch {epoch + 1}.")
                break
            if course.has_stalled(warm_epochs=settings.warmup * plan.epochs):
                remarks.append(
                    f"No better validation accuracy in {settings.patience} epochs: stopped early."
                )
                break
    model = LSTMModel(encoder, course.best_network)
    return Fitted(model, course.history, course.best_epoch, remarks)


class Trainer:
    """Weights, moments and schedule of one training, one update at a time."""

    def __init__(
        self,
        encoder: TextEncoder,
        n_classes: int,
        settings: Settings,
        plan: Plan,
        seed: int,
        device: torch.device,
    ):
        self.settings = settings
        self.plan = plan
        self.seed = seed
        self.device = device
        self.precision = choose_precision(settings.precision, device)
        self.unknown = encoder.vocabulary.unknown
        self.n_classes = n_classes
        vectors = initialisation.word_vectors(
            stream(seed, "word vectors"),
            len(encoder.vocabulary),
            settings.embedding_size,
            settings.embedding_scale,
        )
        self.embedding = RowAdam.of(self._tensor(vectors))
        self.weights = self._initial_weights()
        self.optimizer = torch.optim.AdamW(
            self.weights.tensors(),
            lr=settings.learning_rate,
            betas=(MOMENTUM, SECOND_MOMENTUM),
            eps=EPSILON,
            weight_decay=settings.weight_decay,
        )
        self.class_weights: torch.Tensor | None = None
        self.updates = 0

    def weigh_classes(self, targets: NDArray[np.int64]) -> None:
        """Give rare labels more weight in the loss, if the settings ask for it."""
        if self.settings.class_weight == "balanced":
            counts = np.maximum(np.bincount(targets, minlength=self.n_classes), 1)
            weights = len(targets) / (self.n_classes * counts)
            self.class_weights = self._tensor(weights.astype(np.float32))

    @property
    def learning_rate(self) -> float:
        """Give the rate due now."""
        return self.settings.learning_rate * self._factor()

    def update(self, batch: Batch, targets: NDArray[np.int64], epoch: int) -> tuple[float, int]:
        """Make one update.

        Args:
            batch: The texts.
            targets: int64 [batch].
            epoch: The epoch's number, from 0.

        Returns:
            The summed loss of the batch, and how many of its texts were labelled right.
        """
        factor = self._factor()
        chance = stream(self.seed, "dropout", epoch, self.updates)
        ids = self._without_some_words(batch, chance)
        distinct, positions = np.unique(ids, return_inverse=True)
        words = self._tensor(distinct)
        rows = self.embedding.rows(words)
        scores = recurrent.logits(
            rows,
            self._tensor(positions.reshape(ids.shape)),
            self._tensor(batch.lengths),
            self.weights,
            self.settings.pooling,
            self._masks(len(batch.rows), chance),
            self.precision,
        )
        loss = torch.nn.functional.cross_entropy(
            scores,
            self._tensor(targets),
            weight=self.class_weights,
            label_smoothing=self.settings.label_smoothing,
        )
        self.optimizer.zero_grad()
        loss.backward()  # type: ignore[no-untyped-call]
        torch.nn.utils.clip_grad_norm_([*self.weights.tensors(), rows], self.settings.gradient_clip)
        for group in self.optimizer.param_groups:
            group["lr"] = self.settings.learning_rate * factor
        self.optimizer.step()
        self.embedding.update(words, rows, self.settings.embedding_learning_rate * factor)
        self.updates += 1
        right = int((scores.detach().argmax(dim=1).cpu().numpy() == targets).sum())
        return loss.item() * len(targets), right

    def network(self) -> Network:
        """Copy the weights as they are now into the network that predicts."""
        directions = tuple(
            Direction(*(_array(tensor) for tensor in direction.tensors()))
            for direction in self.weights.directions
        )
        return Network(
            embedding=_array(self.embedding.table),
            directions=directions,
            output_weights=_array(self.weights.output_weights),
            output_bias=_array(self.weights.output_bias),
            pooling=self.settings.pooling,
        )

    def _factor(self) -> float:
        progress = self.updates / self.plan.updates
        return schedule_factor(self.settings.schedule, progress, self.settings.warmup)

    def _initial_weights(self) -> recurrent.Weights:
        settings = self.settings
        hidden = settings.hidden_size
        directions = []
        for index in range(2 if settings.bidirectional else 1):
            chance = stream(self.seed, "weights", index)
            arrays = (
                initialisation.glorot_uniform(chance, 4 * hidden, settings.embedding_size),
                initialisation.orthogonal(chance, 4 * hidden, hidden),
                initialisation.forget_gate_bias(hidden),
            )
            directions.append(recurrent.DirectionWeights(*map(self._parameter, arrays)))
        features = hidden * len(directions) * len(settings.pooling)
        chance = stream(self.seed, "output weights")
        output = initialisation.glorot_uniform(chance, self.n_classes, features)
        bias = np.zeros(self.n_classes, np.float32)
        return recurrent.Weights(tuple(directions), self._parameter(output), self._parameter(bias))

    def _without_some_words(self, batch: Batch, chance: np.random.Generator) -> NDArray[np.int64]:
        """Replace words at random by the unknown word, so that unknown words are no surprise."""
        if self.settings.word_dropout == 0.0 or self.unknown is None:
            return batch.ids
        dropped = chance.random(batch.ids.shape) < self.settings.word_dropout
        return np.where(dropped, self.unknown, batch.ids)

    def _masks(self, n_texts: int, chance: np.random.Generator) -> recurrent.Masks:
        settings = self.settings

        def mask(rate: float, *shape: int) -> torch.Tensor | None:
            return self._tensor(dropout_mask(chance, shape, rate)) if rate else None

        directions = range(len(self.weights.directions))
        return recurrent.Masks(
            inputs=[mask(settings.input_dropout, settings.embedding_size) for _ in directions],
            states=[mask(settings.recurrent_dropout, settings.hidden_size) for _ in directions],
            output=mask(settings.output_dropout, n_texts, self.weights.output_weights.shape[1]),
        )

    def _tensor(self, array: NDArray[np.generic]) -> torch.Tensor:
        return torch.from_numpy(array).to(self.device)

    def _parameter(self, array: NDArray[np.float32]) -> torch.Tensor:
        return self._tensor(array).requires_grad_()


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

    def judge(self, epoch: int, network: Network, record: dict[str, float]) -> None:
        """Score a network on validation, and keep it if it is the best so far."""
        log_proba = network.log_proba(self.encoded)
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
    deadline: float,
) -> tuple[dict[str, float], bool]:
    """Pass over the training texts once, or until the deadline; tell whether it was whole."""
    started = time.monotonic()
    order = stream(trainer.seed, "order", epoch)
    loss, right, seen = 0.0, 0, 0
    complete = True
    for batch in bucketed(encoded, batch_size=trainer.plan.batch_size, rng=order):
        batch_loss, batch_right = trainer.update(batch, targets[batch.rows], epoch)
        loss, right, seen = loss + batch_loss, right + batch_right, seen + len(batch.rows)
        bar.advance(f"epoch {epoch + 1} of {trainer.plan.epochs}")
        if time.monotonic() > deadline:
            complete = seen == len(encoded)
            break
    seconds = time.monotonic() - started
    record = {
        "seconds": seconds,
        "texts_per_second": seen / seconds,
        "learning_rate": trainer.learning_rate,
        "train_loss": loss / seen,
        "train_accuracy": right / seen,
    }
    return record, complete


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


def _array(tensor: torch.Tensor) -> NDArray[np.float32]:
    return tensor.detach().cpu().numpy().copy()
