"""One update at a time: what is prepared for it, what it computes, what it moves."""

import math
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray

from wordgate.settings import Settings
from wordgate.text.batches import PaddedBatch
from wordgate.training import recurrent
from wordgate.training.adam import Rates, clip_gradients, schedule_factor
from wordgate.training.device import choose_precision, engine
from wordgate.training.first_vectors import FirstVectors
from wordgate.training.fitting import Targets
from wordgate.training.noise import dropout_mask, stream
from wordgate.training.state import State

SMALLEST_EPOCH = 20
"""Small data is cut into smaller batches so that an epoch makes at least so many updates."""
MOST_EPOCHS_FOR_SMALL_DATA = 40
FEWEST_EPOCHS_FOR_LARGE_DATA = 4
GATES = 4


@dataclass(frozen=True)
class Plan:
    """How the training texts are passed over."""

    batch_size: int
    epochs: int
    updates_per_epoch: int

    @classmethod
    def of(cls, n_texts: int, settings: Settings) -> "Plan":
        """Fit batches and epochs to the data.

        Small data takes smaller batches and more passes, unless `min_updates` is 0; large data
        fewer passes, unless `max_updates` is 0.
        """
        batch_size = settings.batch_size
        if settings.min_updates:
            batch_size = max(1, min(batch_size, n_texts // SMALLEST_EPOCH))
        updates = math.ceil(n_texts / batch_size)
        wanted = min(math.ceil(settings.min_updates / updates), MOST_EPOCHS_FOR_SMALL_DATA)
        epochs = max(settings.epochs, wanted)
        if settings.max_updates:
            most = math.ceil(max(settings.max_updates, settings.min_updates) / updates)
            epochs = min(epochs, max(most, FEWEST_EPOCHS_FOR_LARGE_DATA))
        return cls(batch_size, epochs, updates)

    @property
    def updates(self) -> int:
        """Count the updates of the whole training."""
        return self.epochs * self.updates_per_epoch


@dataclass(frozen=True)
class Prepared:
    """Everything an update needs besides the weights.

    Attributes:
        words: int64 [distinct], the batch's different words.
        positions: int64 [batch, time], places in `words`.
        lengths: int64 [batch].
        targets: int64 [batch], or float32 [batch, classes].
        masks: The dropout masks.
    """

    words: torch.Tensor
    positions: torch.Tensor
    lengths: torch.Tensor
    targets: torch.Tensor
    masks: recurrent.Masks


def precision_of(settings: Settings, device: torch.device) -> torch.dtype:
    """Say what an LSTM is trained in."""
    if settings.states_have_own_masks:
        return torch.float32
    return choose_precision(settings.precision, device)


class Trainer:
    """Makes the updates of one training; what changes by them stands in its state.

    Args:
        unknown: The id of the unknown word; None where unknown words have none.
        first: The word vectors to begin with.
        targets: int64 [n], the targets of the training texts.
        n_classes: How many labels there are.
        settings: The recipe's settings.
        seed: The run's seed.
        device: Where to compute.
    """

    def __init__(
        self,
        unknown: int | None,
        first: FirstVectors,
        targets: NDArray[np.int64],
        n_classes: int,
        settings: Settings,
        seed: int,
        device: torch.device,
    ):
        self.settings = settings
        self.plan = Plan.of(len(targets), settings)
        self.seed = seed
        self.device = device
        self.precision = precision_of(settings, device)
        self.unknown = unknown
        self.state = State.initial(first, n_classes, settings, seed, device)
        self.class_weights = self._class_weights(targets, n_classes)

    @property
    def updates(self) -> int:
        """Count the updates made."""
        return self.state.epoch * self.plan.updates_per_epoch + self.state.batch

    @property
    def learning_rate(self) -> float:
        """Give the rate due now."""
        return self.settings.learning_rate * self._factor()

    @property
    def warm_epochs(self) -> float:
        """Give the number of epochs after which patience begins to count.

        In them the rate rises. Where the end is not planned, patience can't be over before
        `min_updates` are made.
        """
        if self.settings.schedule == "constant":
            return 0.0
        if self.settings.schedule == "warm-constant":
            return max(0.0, self._span / self.plan.updates_per_epoch - self.patience)
        return self.settings.warmup * self.plan.epochs

    def engine(self) -> dict[str, str]:
        """Name what computes: it moves the last bits of a result."""
        return engine(self.device, self.precision)

    def prepare(self, batch: PaddedBatch, targets: Targets, *, epoch: int, update: int) -> Prepared:
        """Prepare an update; nothing that updates change has a part in it.

        Args:
            batch: The texts.
            targets: Theirs: int64 [batch], or float32 [batch, classes].
            epoch: The epoch's number, from 0.
            update: The update's number in the whole training, from 0.
        """
        chance = stream(self.seed, "dropout", epoch, update)
        ids = self._without_some_words(batch, chance)
        words, positions = np.unique(ids, return_inverse=True)
        return Prepared(
            words=self._tensor(words),
            positions=self._tensor(positions.reshape(ids.shape)),
            lengths=self._tensor(batch.lengths),
            targets=self._tensor(targets),
            masks=self._masks(len(batch.rows), chance),
        )

    def update(self, prepared: Prepared) -> torch.Tensor:
        """Make one update.

        Returns:
            float64 [2]: the summed loss of the batch, and how many of its texts got the label of
            the highest target; still on the device, so that nobody has to wait for it.
        """
        state, factor = self.state, self._factor()
        rows = state.table.rows(prepared.words)
        squares = torch.zeros_like(rows) if state.table.wants_squares else None
        scores = recurrent.logits(
            rows,
            prepared.positions,
            prepared.lengths,
            state.weights,
            self.settings.pooling,
            prepared.masks,
            precision=self.precision,
            squares=squares,
        )
        loss = torch.nn.functional.cross_entropy(
            scores,
            prepared.targets,
            weight=self.class_weights,
            label_smoothing=self.settings.label_smoothing,
        )
        loss.backward()  # type: ignore[no-untyped-call]
        gradient = torch.zeros_like(rows) if rows.grad is None else rows.grad
        others = [tensor.grad for tensor in state.optimizer.weights.values()]
        gradients = [gradient, *(other for other in others if other is not None)]
        shrinkage = clip_gradients(gradients, self.settings.gradient_clip)
        if squares is not None:
            squares *= shrinkage**2
        state.optimizer.update(self.settings.learning_rate * factor)
        state.table.update(prepared.words, gradient, squares, self._word_vector_rates(factor))
        state.batch += 1
        if state.average is not None:
            state.average.update(self.updates)
        wanted = prepared.targets if prepared.targets.ndim == 1 else prepared.targets.argmax(dim=1)
        right = (scores.detach().argmax(dim=1) == wanted).sum()
        return torch.stack([loss.detach().double() * len(scores), right.double()])

    @property
    def has_open_end(self) -> bool:
        """Whether validation decides the number of epochs, and `plan.epochs` is but the most."""
        return self.settings.schedule == "warm-constant"

    @property
    def _span(self) -> int:
        """The updates that `warmup` is a share of: all, or the least where no end is planned."""
        if self.settings.schedule == "warm-constant":
            return max(1, min(self.settings.min_updates, self.plan.updates))
        return self.plan.updates

    @property
    def patience(self) -> int:
        """Give the number of epochs without improvement that end the training."""
        settings = self.settings
        updates = math.ceil(settings.patience_updates / self.plan.updates_per_epoch)
        return max(settings.patience, updates)

    def _factor(self) -> float:
        progress = self.updates / self._span
        return schedule_factor(self.settings.schedule, progress, self.settings.warmup)

    def _word_vector_rates(self, factor: float) -> Rates:
        settings = self.settings
        frozen = self.state.epoch < settings.vectors_frozen_epochs
        return Rates(
            drawn=settings.embedding_learning_rate * factor,
            pretrained=0.0 if frozen else settings.vectors_learning_rate * factor,
        )

    def _class_weights(self, targets: NDArray[np.int64], n_classes: int) -> torch.Tensor | None:
        """Give rare labels more weight in the loss, if the settings ask for it."""
        if self.settings.class_weight == "none":
            return None
        counts = np.maximum(np.bincount(targets, minlength=n_classes), 1)
        weights = len(targets) / (n_classes * counts)
        if self.settings.class_weight == "moderate":
            weights = weights**0.25
        return self._tensor(weights.astype(np.float32))

    def _without_some_words(
        self, batch: PaddedBatch, chance: np.random.Generator
    ) -> NDArray[np.int64]:
        """Replace words at random by the unknown word, so that unknown words are no surprise."""
        if self.settings.word_dropout == 0.0 or self.unknown is None:
            return batch.ids
        dropped = chance.random(batch.ids.shape) < self.settings.word_dropout
        return np.where(dropped, self.unknown, batch.ids)

    def _masks(self, n_texts: int, chance: np.random.Generator) -> recurrent.Masks:
        settings = self.settings
        shared: tuple[int, ...] = ()
        if settings.dropout_masks != "batch":
            by_gate = settings.dropout_masks == "gate" and settings.states_have_own_masks
            shared = (n_texts, GATES if by_gate else 1)

        def mask(rate: float, *shape: int) -> torch.Tensor | None:
            return self._tensor(dropout_mask(chance, shape, rate)) if rate else None

        directions = range(len(self.state.weights.directions))
        embedding, hidden = settings.embedding_size, settings.hidden_size
        features = self.state.weights.output_weights.shape[1]
        return recurrent.Masks(
            inputs=[mask(settings.input_dropout, *shared, embedding) for _ in directions],
            states=[mask(settings.recurrent_dropout, *shared, hidden) for _ in directions],
            output=mask(settings.output_dropout, n_texts, features),
        )

    def _tensor(self, array: NDArray[np.generic]) -> torch.Tensor:
        return torch.from_numpy(array).to(self.device)
