"""One hidden layer over averaged word vectors in training, in torch.

Shapes: ``n`` texts of which ``batch`` share an update, ``size`` numbers per average, ``hidden``
units, ``classes`` labels.
"""

import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from itertools import islice

import numpy as np
import torch
from numpy.typing import NDArray
from torch.nn import functional

from wordgate.models.base import Floats, class_log_proba
from wordgate.runtime.cpu import single_thread_environment
from wordgate.runtime.threads import torch_threads
from wordgate.settings import Settings
from wordgate.training.candidates import Candidate, Trained, train_candidates
from wordgate.training.data_parallel import ProcessGroup, own_part, sum_gradients
from wordgate.training.device import format_device
from wordgate.training.fitting import FitData, RunContext
from wordgate.training.loop import EarlyStopping
from wordgate.training.losses import Loss
from wordgate.training.optimizers import optimizer_arrays, restore_optimizer, tensor_arrays
from wordgate.training.protocol import FloatArrays, TrainingPlan
from wordgate.training.rng import dropout_mask, glorot_uniform, rng_for
from wordgate.training.weights import class_weights, label_log_odds, mean_one

THREADS = 1
"""Maximum threads; more would not be faster for such small products, and affect the last bits."""


@dataclass(frozen=True)
class Layers:
    """The weights of a hidden layer of rectified units and the layer over it."""

    hidden_weights: Floats  # float32 [hidden, size]
    hidden_bias: Floats  # float32 [hidden]
    output_weights: Floats  # float32 [classes, hidden]
    output_bias: Floats  # float32 [classes]

    @classmethod
    def drawn(cls, seed: int, size: int, hidden: int, classes: int) -> "Layers":
        """Draw weights (Glorot & Bengio 2010), with no bias."""
        rng = rng_for(seed, "mlp weights")
        return cls(
            glorot_uniform(rng, hidden, size),
            np.zeros(hidden, np.float32),
            glorot_uniform(rng, classes, hidden),
            np.zeros(classes, np.float32),
        )

    def log_proba(self, averages: Floats, *, multilabel: bool = False) -> NDArray[np.float64]:
        """Compute log-probabilities of averages float32 [n, size]: float64 [n, classes]."""
        hidden = np.maximum(averages @ self.hidden_weights.T + self.hidden_bias, 0.0)
        return class_log_proba(hidden @ self.output_weights.T + self.output_bias, multilabel)

    def arrays(self) -> dict[str, Floats]:
        """Name the weights."""
        return dict(vars(self))


def train_mlps(
    names: Sequence[str],
    averages: Callable[[int], tuple[Floats, Floats]],
    data: FitData,
    settings: Settings,
    context: RunContext,
    digests: Callable[[], Mapping[str, str]],
) -> Trained[Layers]:
    """Train layers on averages with one weighting after another, as `train_candidates` does.

    The best epoch has the highest validation accuracy; with several labels per text, the lowest log
    loss, see `EarlyStopping`. `averages` returns those of the training and of the validation texts
    for the number of a weighting, from 0, float32 [n, size] each.
    """

    def start(position: int, _: RunContext) -> Candidate[Layers]:
        trainer = MLPTrainer(*averages(position), data, settings, context.seed, context.group)
        announcement = f"Training on {format_device(trainer.device)}: {trainer.plan.sentence()}"
        stopping = EarlyStopping(
            patience=settings.mlp.patience, criterion="loss" if data.multilabel else "accuracy"
        )
        return Candidate(trainer, stopping, announcement)

    with torch_threads(torch, THREADS):
        return train_candidates(names, start, data, settings, digests, context)


@dataclass(frozen=True)
class MLPBatch:
    """Everything an update needs besides the weights."""

    averages: torch.Tensor  # float32 [batch, size], with dropout
    targets: torch.Tensor  # int64 [batch], or float32 [batch, classes]
    hidden_mask: torch.Tensor | None  # float32 [batch, hidden], of dropout; None without
    weights: torch.Tensor | None = None  # float32 [batch], or [batch, classes] of their labels


class MLPTrainer:
    """The layers in training, with the moments of Adam (Kingma & Ba 2015).

    Args:
        train: float32 [n, size], the averages of the training texts.
        valid: float32 [n_valid, size], the averages of the validation texts.
        data: Their targets.
        settings: The recipe's settings, of which those of the table ``mlp`` are used.
        seed: Random seed of the initial weights, the order and the dropout.
        group: The processes that compute a part of each batch; None for this one alone.
    """

    evaluation_cost = None

    def __init__(
        self,
        train: Floats,
        valid: Floats,
        data: FitData,
        settings: Settings,
        seed: int,
        group: ProcessGroup | None = None,
    ):
        self.device = torch.device("cpu")
        size, n_updates = settings.mlp.batch_size, math.ceil(len(train) / settings.mlp.batch_size)
        self.plan = TrainingPlan(size, settings.mlp.epochs, n_updates, open_end=True)
        self.updates = 0
        self._train, self._targets = torch.from_numpy(train), torch.from_numpy(data.train.to_learn)
        self._valid, self._data = valid, data
        self._settings, self._seed, self._group = settings, seed, group or ProcessGroup()
        weights, log_odds = mean_one(data.train), label_log_odds(data)
        self._loss = Loss.of(settings, class_weights(data, settings.class_weight), log_odds)
        self._text_weights = None if weights is None else torch.from_numpy(weights)
        drawn = Layers.drawn(seed, train.shape[1], settings.mlp.hidden_size, data.n_classes)
        if log_odds is not None:
            drawn.output_bias[:] = log_odds
        self._weights = {
            name: torch.from_numpy(array).requires_grad_() for name, array in drawn.arrays().items()
        }
        self._adam = torch.optim.Adam(self._weights.values(), settings.mlp.learning_rate)

    @property
    def learning_rate(self) -> float:
        """Return the learning rate, which is constant."""
        return self._settings.mlp.learning_rate

    def engine(self) -> dict[str, str]:
        """List device, precision and versions, which affect the last bits of a result."""
        return single_thread_environment("torch") | self._group.engine()

    def batches(self, epoch: int, start: int) -> Iterator[MLPBatch]:
        """Prepare the updates of an epoch, without the first `start`; see `ModelTrainer`."""
        return islice(self._batches(epoch), start, None)

    def update(self, batch: MLPBatch) -> torch.Tensor:
        """Make one update; see `ModelTrainer`."""
        own, metrics = own_part(batch, self._group), torch.zeros(2).double()
        self._adam.zero_grad()
        if own is not None:
            metrics = self._backward(own, batch)
        metrics = sum_gradients(list(self._weights.values()), metrics, self._group)
        self._adam.step()
        self.updates += 1
        return metrics

    def _backward(self, own: MLPBatch, whole: MLPBatch) -> torch.Tensor:
        """Compute the gradients and metrics of the texts of a batch that this process has."""
        weights = self._weights
        hidden = functional.linear(own.averages, weights["hidden_weights"], weights["hidden_bias"])
        hidden = _dropped(torch.relu(hidden), own.hidden_mask)
        logits = functional.linear(hidden, weights["output_weights"], weights["output_bias"])
        loss = self._loss.part(logits, own.targets, own.weights, whole.targets)
        loss.backward()  # type: ignore[no-untyped-call]
        return self._loss.metrics(loss, logits, own.targets, whole.targets)

    def replica(self) -> Callable[[ProcessGroup], "MLPTrainer"]:
        """Return a function that makes such a trainer in another process; see `ModelTrainer`."""
        train, data = self._train.numpy(), self._data.without_texts()
        return partial(MLPTrainer, train, train[:0], data, self._settings, self._seed)

    def snapshot(self) -> Layers:
        """Copy the weights as they are now."""
        weights = tensor_arrays(self._weights)
        return Layers(**{name: array.copy() for name, array in weights.items()})

    def evaluate(self, snapshot: Layers) -> NDArray[np.float64]:
        """Compute log-probabilities of the validation texts, float64 [n_valid, classes]."""
        return snapshot.log_proba(self._valid, multilabel=self._loss.multilabel)

    def arrays(self) -> FloatArrays:
        """Name all arrays that an update changes."""
        return optimizer_arrays(self._weights, self._adam)

    def restore(self, arrays: FloatArrays, updates: int) -> None:
        """Restore the state that `arrays` returned; see `ModelTrainer`."""
        restore_optimizer(self._weights, self._adam, arrays, updates)
        self.updates = updates

    def restore_snapshot(self, arrays: FloatArrays) -> Layers:
        """Build layers from their `arrays`."""
        return Layers(**arrays)

    def _batches(self, epoch: int) -> Iterator[MLPBatch]:
        """Prepare all updates of an epoch: their dropout is drawn from one generator."""
        settings = self._settings
        order = rng_for(self._seed, "mlp order", epoch).permutation(len(self._targets))
        rng = rng_for(self._seed, "mlp dropout", epoch)
        for first in range(0, len(order), settings.mlp.batch_size):
            rows = torch.from_numpy(order[first : first + settings.mlp.batch_size])
            averages = self._train[rows]
            input_mask = _mask(rng, settings.mlp.input_dropout, tuple(averages.shape))
            hidden_shape = (len(rows), settings.mlp.hidden_size)
            hidden_mask = _mask(rng, settings.mlp.output_dropout, hidden_shape)
            weights = None if self._text_weights is None else self._text_weights[rows]
            averages = _dropped(averages, input_mask)
            yield MLPBatch(averages, self._targets[rows], hidden_mask, weights)


def _mask(rng: np.random.Generator, rate: float, shape: tuple[int, ...]) -> torch.Tensor | None:
    return torch.from_numpy(dropout_mask(rng, shape, rate)) if rate else None


def _dropped(values: torch.Tensor, mask: torch.Tensor | None) -> torch.Tensor:
    return values if mask is None else values * mask
