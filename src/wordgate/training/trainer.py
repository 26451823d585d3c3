"""The trainer of the family `lstm`: weights, moments and schedule, one update at a time."""

import math
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray

from wordgate.models.network import Direction, Network
from wordgate.settings import Settings
from wordgate.text.batches import Batch
from wordgate.text.encoder import TextEncoder
from wordgate.training import initialisation, recurrent
from wordgate.training.adam import Adam, RowAdam, schedule_factor
from wordgate.training.device import choose_precision
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
        self.optimizer = Adam(self.weights.tensors(), settings.weight_decay)
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

    @property
    def warm_epochs(self) -> float:
        """Give the number of epochs in which the rate still rises."""
        one_cycle = self.settings.schedule == "one-cycle"
        return self.settings.warmup * self.plan.epochs if one_cycle else 0.0

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
            precision=self.precision,
        )
        loss = torch.nn.functional.cross_entropy(
            scores,
            self._tensor(targets),
            weight=self.class_weights,
            label_smoothing=self.settings.label_smoothing,
        )
        loss.backward()  # type: ignore[no-untyped-call]
        torch.nn.utils.clip_grad_norm_([*self.weights.tensors(), rows], self.settings.gradient_clip)
        self.optimizer.update(self.settings.learning_rate * factor)
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


def _array(tensor: torch.Tensor) -> NDArray[np.float32]:
    return tensor.detach().cpu().numpy().copy()
