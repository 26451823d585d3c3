"""The training of one hidden layer over averaged word vectors, in torch.

Shapes: ``n`` texts, ``size`` numbers an average, ``hidden`` units, ``classes`` labels.
"""

import time
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch.nn import functional

from wordgate.evaluation.metrics import Epoch, macro_f1
from wordgate.models.softmax import log_softmax
from wordgate.progress import Progress
from wordgate.settings import Settings
from wordgate.training.fitting import Targets
from wordgate.training.initialisation import Floats, glorot_uniform
from wordgate.training.noise import dropout_mask, stream

THREADS = 1
"""More would wait for each other in products this small, and move the last bits of the result."""


@dataclass(frozen=True)
class Layers:
    """The weights of a hidden layer of rectified units and the layer over it.

    Attributes:
        hidden_weights: float32 [hidden, size].
        hidden_bias: float32 [hidden].
        output_weights: float32 [classes, hidden].
        output_bias: float32 [classes].
    """

    hidden_weights: Floats
    hidden_bias: Floats
    output_weights: Floats
    output_bias: Floats

    @classmethod
    def drawn(cls, seed: int, size: int, hidden: int, classes: int) -> "Layers":
        """Draw weights (Glorot & Bengio 2010), with no bias."""
        chance = stream(seed, "mlp weights")
        return cls(
            glorot_uniform(chance, hidden, size),
            np.zeros(hidden, np.float32),
            glorot_uniform(chance, classes, hidden),
            np.zeros(classes, np.float32),
        )

    def log_proba(self, averages: Floats) -> NDArray[np.float64]:
        """Compute log-probabilities of averages float32 [n, size]: float64 [n, classes]."""
        hidden = np.maximum(averages @ self.hidden_weights.T + self.hidden_bias, 0.0)
        return log_softmax(hidden @ self.output_weights.T + self.output_bias)


@dataclass(frozen=True)
class Course:
    """What a training came to.

    Attributes:
        layers: Those of the best epoch.
        history: The epochs.
        best_epoch: The number of the best, from 1.
        out_of_time: Whether time ended it.
    """

    layers: Layers
    history: tuple[Epoch, ...]
    best_epoch: int
    out_of_time: bool

    @property
    def best(self) -> Epoch:
        """The best epoch."""
        return self.history[self.best_epoch - 1]

    def remarks(self, n_epochs: int) -> list[str]:
        """Say what a user should know: that time was up."""
        if not self.out_of_time:
            return []
        return [f"Time was up after {len(self.history)} of {n_epochs} epochs."]


def train_mlp(
    train: tuple[Floats, Targets],
    valid: tuple[Floats, NDArray[np.int64]],
    n_classes: int,
    settings: Settings,
    *,
    seed: int,
    progress: Progress,
    deadline: float,
) -> Course:
    """Train by Adam (Kingma & Ba 2015), and keep the epoch that does best on validation.

    Args:
        train: Averages float32 [n, size] and targets to fit on, int64 [n] or probabilities float32
            [n, classes].
        valid: Averages, and targets int64 [n], of what chooses the best epoch, and ends the
            training early.
        n_classes: How many classes there are.
        settings: The recipe's settings, of which those named ``mlp_`` matter.
        seed: Decides the weights to begin with, the order and the dropout.
        progress: Where the epochs are told.
        deadline: The `time.monotonic()` at which training must end; the first epoch is cut short
            by it, and none is begun that would not be done in time.
    """
    threads = torch.get_num_threads()
    torch.set_num_threads(THREADS)
    try:
        trainer = _Trainer(*train, n_classes, settings, seed)
        history: list[Epoch] = []
        best, best_layers, out_of_time = 0, trainer.layers(), False
        while len(history) < settings.mlp_epochs:
            history.append(trainer.epoch(len(history), deadline, valid))
            if best == 0 or _rank(history[-1]) > _rank(history[best - 1]):
                best, best_layers = len(history), trainer.layers()
            progress.say(_line(history, best, settings.mlp_epochs))
            if len(history) - _improved(history) >= settings.mlp_patience:
                break
            if time.monotonic() + history[-1].seconds > deadline:
                out_of_time = len(history) < settings.mlp_epochs
                break
        return Course(best_layers, tuple(history), best, out_of_time)
    finally:
        torch.set_num_threads(threads)


class _Trainer:
    """The weights in training, with Adam's moments."""

    def __init__(
        self,
        averages: Floats,
        targets: Targets,
        n_classes: int,
        settings: Settings,
        seed: int,
    ):
        self._averages, self._targets = torch.from_numpy(averages), torch.from_numpy(targets)
        self._settings, self._seed = settings, seed
        drawn = Layers.drawn(seed, averages.shape[1], settings.mlp_hidden_size, n_classes)
        self._weights = {
            name: torch.from_numpy(array).requires_grad_() for name, array in vars(drawn).items()
        }
        self._adam = torch.optim.Adam(self._weights.values(), settings.mlp_learning_rate)

    def layers(self) -> Layers:
        """Give a copy of the weights."""
        return Layers(**{name: w.detach().numpy().copy() for name, w in self._weights.items()})

    def epoch(self, number: int, deadline: float, valid: tuple[Floats, NDArray[np.int64]]) -> Epoch:
        """Pass once over the texts in a new order, as far as time goes, and judge the result."""
        started, seen, loss_sum, right = time.monotonic(), 0, 0.0, 0
        size = self._settings.mlp_batch_size
        order = stream(self._seed, "mlp order", number).permutation(len(self._targets))
        chance = stream(self._seed, "mlp dropout", number)
        for start in range(0, len(order), size):
            rows = torch.from_numpy(order[start : start + size])
            targets = self._targets[rows]
            loss, logits = self._update(self._averages[rows], targets, chance)
            seen += len(rows)
            loss_sum += loss * len(rows)
            wanted = targets if targets.ndim == 1 else targets.argmax(dim=1)
            right += int((logits.argmax(dim=1) == wanted).sum())
            if time.monotonic() >= deadline:
                break
        seconds = time.monotonic() - started
        log_proba = self.layers().log_proba(valid[0])
        predicted = log_proba.argmax(axis=1)
        return Epoch(
            epoch=number + 1,
            seconds=seconds,
            texts_per_second=seen / max(seconds, 1e-9),
            learning_rate=self._settings.mlp_learning_rate,
            train_loss=loss_sum / seen,
            train_accuracy=right / seen,
            valid_loss=-float(log_proba[np.arange(len(log_proba)), valid[1]].mean()),
            valid_accuracy=float((predicted == valid[1]).mean()),
            valid_macro_f1=macro_f1(valid[1], predicted, log_proba.shape[1]),
        )

    def _update(
        self, averages: torch.Tensor, targets: torch.Tensor, chance: np.random.Generator
    ) -> tuple[float, torch.Tensor]:
        """Take a step; give the batch's mean loss before it, and its logits [batch, classes]."""
        settings, weights = self._settings, self._weights
        averages = _dropped(averages, settings.mlp_input_dropout, chance)
        hidden = functional.linear(averages, weights["hidden_weights"], weights["hidden_bias"])
        hidden = _dropped(torch.relu(hidden), settings.mlp_output_dropout, chance)
        logits = functional.linear(hidden, weights["output_weights"], weights["output_bias"])
        loss = functional.cross_entropy(logits, targets)
        self._adam.zero_grad()
        loss.backward()  # type: ignore[no-untyped-call]
        self._adam.step()
        return float(loss.detach()), logits.detach()


def _dropped(values: torch.Tensor, rate: float, chance: np.random.Generator) -> torch.Tensor:
    if not rate:
        return values
    return values * torch.from_numpy(dropout_mask(chance, tuple(values.shape), rate))


def _rank(epoch: Epoch) -> tuple[float, float]:
    return epoch.valid_accuracy, -epoch.valid_loss


def _improved(history: list[Epoch]) -> int:
    """Give the number of the first epoch that had the highest accuracy so far."""
    return max(history, key=lambda epoch: (epoch.valid_accuracy, -epoch.epoch)).epoch


def _line(history: list[Epoch], best: int, n_epochs: int) -> str:
    entry = history[-1]
    mark = "best so far" if best == entry.epoch else f"best: {best}"
    return (
        f"epoch {entry.epoch:>{len(str(n_epochs))}}/{n_epochs}"
        f"  {entry.seconds:5.1f} s  {entry.texts_per_second:6,.0f} texts/s"
        f"  loss {entry.train_loss:.3f}  train {entry.train_accuracy:.3f}"
        f"  valid {entry.valid_accuracy:.3f} ({mark})"
    )
