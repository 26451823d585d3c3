"""The LSTM in training: its weights, and one update at a time.

Preparation, forward and backward pass, and optimizer of an update; the loop over updates is in
`wordgate.training.loop`.
"""

import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from itertools import islice

import numpy as np
import torch
from numpy.typing import NDArray

from wordgate.data.dataset import Targets
from wordgate.models.lstm import Network
from wordgate.runtime.progress import Silent
from wordgate.settings import Settings
from wordgate.text.batches import PaddedBatch, bucketed
from wordgate.text.vocabulary import PADDING
from wordgate.training import recurrent
from wordgate.training.cuda_graphs import GraphedFunction
from wordgate.training.data_parallel import ProcessGroup, own_texts, sum_over_ranks
from wordgate.training.device import (
    choose_device,
    choose_precision,
    engine,
    replica_device,
    tensor_on,
)
from wordgate.training.fitting import EncodedData, RunContext
from wordgate.training.losses import Loss
from wordgate.training.optimizers import (
    Adam,
    BatchRows,
    KerasRows,
    Rates,
    WeightAverage,
    clipping_factor,
    schedule_factor,
    tensor_arrays,
)
from wordgate.training.protocol import FloatArrays, TrainingPlan, check_array
from wordgate.training.recurrent import DirectionWeights, Weights
from wordgate.training.rng import (
    EmbeddingInit,
    dropout_mask,
    forget_gate_bias,
    glorot_uniform,
    orthogonal,
    rng_for,
)
from wordgate.training.weights import (
    class_weights,
    label_log_odds,
    lstm_class_weight,
    mean_one,
)

SMALLEST_EPOCH = 20
"""Minimum updates per epoch; small data gets smaller batches."""
MOST_EPOCHS_FOR_SMALL_DATA = 40
FEWEST_EPOCHS_FOR_LARGE_DATA = 4
GATES = 4
ROUND_WORDS_TO = {"cpu": 1, "cuda": 128}
"""The words of a batch are padded to a multiple of this number: each shape needs its own graph."""
_PATIENCE = {"lstm.patience", "lstm.patience_updates"}


def make_plan(n_texts: int, settings: Settings) -> TrainingPlan:
    """Choose batch size and epochs for this many training texts.

    Small data gets smaller batches and more epochs, unless `min_updates` is 0; large data fewer
    epochs, unless `max_updates` is 0. Values that a user has set are not changed.
    """
    own, is_set = settings.lstm, settings.set_by_user
    batch_size = own.batch_size
    if own.min_updates and "lstm.batch_size" not in is_set:
        batch_size = max(1, min(batch_size, n_texts // SMALLEST_EPOCH))
    updates = math.ceil(n_texts / batch_size)
    least, most = math.ceil(own.min_updates / updates), math.ceil(own.max_updates / updates)
    epochs = own.epochs
    if "lstm.epochs" not in is_set:
        small = math.inf if "lstm.min_updates" in is_set else MOST_EPOCHS_FOR_SMALL_DATA
        epochs = max(epochs, int(min(least, small)))
    if own.max_updates and "lstm.max_updates" not in is_set:
        most = max(most, least, FEWEST_EPOCHS_FOR_LARGE_DATA)
    if own.max_updates:
        epochs = min(epochs, most)
    return TrainingPlan(
        batch_size, epochs, updates, open_end=settings.lstm.schedule == "warm-constant"
    )


@dataclass(frozen=True)
class BatchShard:
    """The texts of an update that this process computes; `batch` is their number."""

    positions: torch.Tensor  # int64 [batch, time], places in the words of the whole batch
    lengths: torch.Tensor  # int64 [batch]
    targets: torch.Tensor  # int64 [batch], or float32 [batch, classes]
    masks: recurrent.Masks
    weights: torch.Tensor | None  # float32 [batch], or [batch, classes] of their labels


@dataclass(frozen=True)
class Prepared:
    """Everything an update needs besides the weights."""

    words: torch.Tensor  # int64 [distinct], the batch's different words, ascending
    n_words: int  # those after them are padding
    targets: torch.Tensor  # int64 [batch], or float32 [batch, classes]
    own: BatchShard | None  # None where there are too few texts for this process


def precision_of(settings: Settings, device: torch.device) -> torch.dtype:
    """Return the precision in which an LSTM is trained."""
    if settings.lstm.states_have_own_masks:
        return torch.float32
    return choose_precision(settings.lstm.precision, device)


def engine_of(settings: Settings, device: torch.device) -> dict[str, str]:
    """List what trains an LSTM: it moves the last bits of a result."""
    return engine(device, precision_of(settings, device))


class LSTMTrainer:
    """The weights of an LSTM in training, and its updates.

    Args:
        data: The training and validation texts.
        init: The initial word vectors; on a CPU, training changes these arrays.
        settings: The recipe's settings.
        context: Seed, device, and the number of threads for evaluation.

    Attributes:
        weights: All weights but the word vectors.
        optimizer: Updates the weights; has their moments.
        embedding: The word vectors and their moments.
        average: The running average of weights and word vectors; None if there is none.
    """

    evaluation_cost = None

    def __init__(
        self, data: EncodedData, init: EmbeddingInit, settings: Settings, context: RunContext
    ):
        self.settings = settings
        self.plan = make_plan(len(data.train), settings)
        self.seed = context.seed
        self.device = choose_device(context.device)
        self.precision = precision_of(settings, self.device)
        self.updates = 0
        self.data = data
        self._threads = context.threads
        self._group = context.group or ProcessGroup()
        source = data.source
        self._text_weights, log_odds = mean_one(source.train), label_log_odds(source)
        self.loss = Loss.of(
            settings,
            class_weights(source, lstm_class_weight(settings, multilabel=source.multilabel)),
            log_odds,
            label_smoothing=settings.lstm.label_smoothing,
            device=self.device,
        )
        self.weights = _initial_weights(
            source.n_classes, settings, self.seed, self.device, log_odds
        )
        self.optimizer = Adam(self.weights.named(), settings.lstm.weight_decay)
        self.embedding = _embedding(init, settings, self.device)
        self.average = None
        if settings.lstm.weight_averaging:
            self.average = WeightAverage(self._network_tensors(), settings.lstm.weight_averaging)
        self._gradients: Callable[[Prepared], tuple[torch.Tensor, list[torch.Tensor]]]
        self._gradients = self._compute
        if self.device.type == "cuda":
            self._gradients = GraphedFunction(self._compute)

    @property
    def learning_rate(self) -> float:
        """Return the learning rate of the next update."""
        return self.settings.lstm.learning_rate * self._factor()

    @property
    def warm_epochs(self) -> float:
        """Return the number of first epochs that patience leaves out.

        In them, the learning rate rises. If the number of epochs is not fixed, patience can't run
        out before `min_updates`, unless a user set patience and not `min_updates`.
        """
        settings, is_set = self.settings.lstm, self.settings.set_by_user
        if settings.schedule == "constant":
            return 0.0
        if not self.plan.open_end:
            return settings.warmup * self.plan.epochs
        epochs = self._span / self.plan.updates_per_epoch
        if _PATIENCE & is_set and "lstm.min_updates" not in is_set:
            return settings.warmup * epochs
        return max(0.0, epochs - self.patience)

    def engine(self) -> dict[str, str]:
        """List device, precision and versions, which affect the last bits of a result."""
        return engine_of(self.settings, self.device) | self._group.engine()

    def batches(self, epoch: int, start: int) -> Iterator[Prepared]:
        """Prepare the updates of an epoch, without the first `start`; see `ModelTrainer`."""
        batches = bucketed(
            self.data.train,
            batch_size=self.plan.batch_size,
            rng=rng_for(self.seed, "order", epoch),
            similar=self.settings.lstm.batches == "similar",
        )
        targets, first = self.data.source.train.to_learn, epoch * self.plan.updates_per_epoch
        for number, batch in enumerate(islice(batches, start, None), start=first + start):
            weights = None if self._text_weights is None else self._text_weights[batch.rows]
            own = targets[batch.rows]
            yield self.prepare(batch, own, weights, epoch=epoch, update=number)

    def prepare(
        self,
        batch: PaddedBatch,
        targets: Targets,
        weights: NDArray[np.float32] | None = None,
        *,
        epoch: int,
        update: int,
    ) -> Prepared:
        """Prepare an update, without anything that updates change.

        The texts' targets are int64 [batch], or float32 [batch, classes]; their weights float32
        [batch], or [batch, classes] of their labels. The epoch's and the update's number in the
        whole training begin at 0.
        """
        rng = rng_for(self.seed, "dropout", epoch, update)
        ids = self._without_some_words(batch, rng)
        masks = self._masks(len(batch.rows), rng)
        words, positions = np.unique(ids, return_inverse=True)
        rounded = np.pad(
            words, (0, -len(words) % ROUND_WORDS_TO[self.device.type]), constant_values=PADDING
        )
        all_targets, own = self._tensor(targets), None
        rows = own_texts(len(ids), self._group)  # at regular intervals, for shards of equal length
        if rows is not None:
            own = BatchShard(
                positions=self._tensor(positions.reshape(ids.shape)[rows]),
                lengths=self._tensor(batch.lengths[rows]),
                targets=all_targets[rows],
                masks=masks if self._group.world_size == 1 else masks.of_texts(rows),
                weights=None if weights is None else self._tensor(weights[rows]),
            )
        return Prepared(self._tensor(rounded), len(words), all_targets, own)

    def update(self, prepared: Prepared) -> torch.Tensor:
        """Make one update; see `ModelTrainer`."""
        metrics, gradients = sum_over_ranks(*self._gradients(prepared), self._group)
        of_weights, of_words, *squares = gradients
        if largest := self.settings.lstm.gradient_clip:
            norms = [torch.linalg.vector_norm(gradient) for gradient in (of_weights, of_words)]
            factor = clipping_factor(torch.stack(norms), largest)
            of_weights.mul_(factor)
            of_words.mul_(factor)
            for each in squares:
                each.mul_(factor**2)
        number, rates = self.updates + 1, self._word_vector_rates(self._factor())
        self.optimizer.update(of_weights, self.learning_rate, number)
        real = slice(prepared.n_words)
        of_squares = squares[0][real] if squares else None
        self.embedding.update(prepared.words[real], of_words[real], of_squares, rates, number)
        self.updates = number
        if self.average is not None:
            self.average.update(number)
        return metrics

    def _compute(self, prepared: Prepared) -> tuple[torch.Tensor, list[torch.Tensor]]:
        """Compute this process's part of an update.

        Returns:
            Metrics float64 [2], see `ModelTrainer.update`; the gradients of all weights, float32
            [weights], and of word vectors, float32 [distinct, embedding]; if the table wants them,
            the squares of each occurrence's gradient, float32 [distinct, embedding].
        """
        rows, shard = self.embedding.rows(prepared.words), prepared.own
        squares = [torch.zeros_like(rows)] if self.embedding.wants_squares else []
        if shard is None:
            none = rows.new_zeros(self.optimizer.size)
            return none.new_zeros(2, dtype=torch.float64), [none, torch.zeros_like(rows), *squares]
        scores = recurrent.logits(
            rows,
            shard.positions,
            shard.lengths,
            self.weights,
            self.settings.lstm.pooling,
            shard.masks,
            precision=self.precision,
            squares=squares[0] if squares else None,
        )
        loss = self.loss.part(scores, shard.targets, shard.weights, prepared.targets)
        weights = self.optimizer.weights.values()
        gradient, *others = torch.autograd.grad(loss, [rows, *weights], materialize_grads=True)
        metrics = self.loss.metrics(loss, scores, shard.targets, prepared.targets)
        return metrics, [torch.cat([other.flatten() for other in others]), gradient, *squares]

    def replica(self) -> Callable[[ProcessGroup], "LSTMTrainer"]:
        """Return a function that makes such a trainer in another process; see `ModelTrainer`."""
        table, encoded = self.embedding, self.data.train
        data = EncodedData(encoded, encoded, self.data.source.without_texts(), self.data.unknown)
        pretrained = None if table.pretrained is None else table.pretrained.cpu().numpy()
        own = self.settings, self.seed, replica_device(self.device)
        return partial(_replica, data, table.vectors.shape, pretrained, *own)

    def snapshot(self) -> Network:
        """Copy the current weights, or their average, into the network that predicts."""
        average = self.average
        arrays = tensor_arrays(self._network_tensors() if average is None else average.average)
        copies = {name: array.copy() for name, array in arrays.items()}
        return self.restore_snapshot(copies)

    def evaluate(self, snapshot: Network) -> NDArray[np.float64]:
        """Compute log-probabilities of the validation texts, float64 [n_valid, classes]."""
        return snapshot.log_proba(self.data.valid, threads=self._threads)

    def arrays(self) -> FloatArrays:
        """Name all arrays that an update changes."""
        return tensor_arrays(self._tensors())

    @torch.no_grad()
    def restore(self, arrays: FloatArrays, updates: int) -> None:
        """Restore the state that `arrays` returned; see `ModelTrainer`."""
        for name, array in self.arrays().items():
            check_array(name, arrays[name], array)
        for name, tensor in self._tensors().items():
            tensor.copy_(torch.from_numpy(arrays[name]))
        self.updates = updates

    def restore_snapshot(self, arrays: FloatArrays) -> Network:
        """Build a network from its `arrays`."""
        return Network.from_arrays(
            arrays, self.settings.lstm.pooling, multilabel=self.loss.multilabel
        )

    @property
    def _span(self) -> int:
        """The updates that `warmup` is a share of: all, or the minimum with an open end."""
        if self.plan.open_end:
            return max(1, min(self.settings.lstm.min_updates, self.plan.updates))
        return self.plan.updates

    @property
    def patience(self) -> int:
        """Return the number of epochs without improvement that end the training."""
        settings, is_set = self.settings.lstm, self.settings.set_by_user
        updates = math.ceil(settings.patience_updates / self.plan.updates_per_epoch)
        if updates and is_set & _PATIENCE == {"lstm.patience_updates"}:
            return updates
        return max(settings.patience, updates)

    def _factor(self) -> float:
        progress = self.updates / self._span
        return schedule_factor(self.settings.lstm.schedule, progress, self.settings.lstm.warmup)

    def _word_vector_rates(self, factor: float) -> Rates:
        settings = self.settings
        epoch = self.updates // self.plan.updates_per_epoch
        frozen = epoch < settings.lstm.vectors_frozen_epochs
        return Rates(
            drawn=settings.lstm.embedding_learning_rate * factor,
            pretrained=0.0 if frozen else settings.lstm.vectors_learning_rate * factor,
        )

    def _without_some_words(
        self, batch: PaddedBatch, rng: np.random.Generator
    ) -> NDArray[np.int64]:
        """Replace words at random by the unknown word, so that its vector is trained."""
        if self.settings.lstm.word_dropout == 0.0 or self.data.unknown is None:
            return batch.ids
        dropped = rng.random(batch.ids.shape) < self.settings.lstm.word_dropout
        return np.where(dropped, self.data.unknown, batch.ids)

    def _masks(self, n_texts: int, rng: np.random.Generator) -> recurrent.Masks:
        settings = self.settings
        shared: tuple[int, ...] = ()
        if settings.lstm.dropout_masks != "batch":
            by_gate = settings.lstm.dropout_masks == "gate" and settings.lstm.states_have_own_masks
            shared = (n_texts, GATES if by_gate else 1)

        def mask(rate: float, *shape: int) -> torch.Tensor | None:
            return self._tensor(dropout_mask(rng, shape, rate)) if rate else None

        directions = range(len(self.weights.directions))
        embedding, hidden = settings.lstm.embedding_size, settings.lstm.hidden_size
        features = self.weights.output_weights.shape[1]
        return recurrent.Masks(
            inputs=[mask(settings.lstm.input_dropout, *shared, embedding) for _ in directions],
            states=[mask(settings.lstm.recurrent_dropout, *shared, hidden) for _ in directions],
            output=mask(settings.lstm.output_dropout, n_texts, features),
        )

    def _tensor(self, array: NDArray[np.generic]) -> torch.Tensor:
        return tensor_on(self.device, array)

    def _network_tensors(self) -> dict[str, torch.Tensor]:
        """Name the weights and word vectors, as the network that predicts does."""
        return {"embedding": self.embedding.vectors, **self.weights.named()}

    def _tensors(self) -> dict[str, torch.Tensor]:
        """Name all tensors that an update changes."""
        averaged = {} if self.average is None else self.average.tensors()
        return {**self.embedding.tensors(), **self.optimizer.tensors(), **averaged}


def _replica(
    data: EncodedData,
    shape: tuple[int, ...],
    pretrained: NDArray[np.bool_] | None,
    settings: Settings,
    seed: int,
    device: str,
    group: ProcessGroup,
) -> LSTMTrainer:
    init = EmbeddingInit(np.empty(shape, np.float32), pretrained)
    return LSTMTrainer(data, init, settings, RunContext(seed, Silent(), device, group=group))


def _embedding(init: EmbeddingInit, settings: Settings, device: torch.device) -> BatchRows:
    """Make the table of word vectors that the settings ask for."""
    table = KerasRows if settings.lstm.embedding_updates == "keras" else BatchRows
    vectors = torch.from_numpy(init.vectors).to(device)
    if init.pretrained is None:
        return table(vectors)
    return table(vectors, torch.from_numpy(init.pretrained).to(device))


def _initial_weights(
    n_classes: int,
    settings: Settings,
    seed: int,
    device: torch.device,
    output_bias: NDArray[np.float64] | None,
) -> Weights:
    """Draw all weights but the word vectors; biases of the last layer, [classes], or zeros."""

    def parameter(array: NDArray[np.float32]) -> torch.Tensor:
        return torch.from_numpy(array).to(device).requires_grad_()

    hidden, directions = settings.lstm.hidden_size, []
    for index in range(2 if settings.lstm.bidirectional else 1):
        rng = rng_for(seed, "weights", index)
        arrays = (
            glorot_uniform(rng, 4 * hidden, settings.lstm.embedding_size),
            orthogonal(rng, 4 * hidden, hidden),
            forget_gate_bias(hidden),
        )
        directions.append(DirectionWeights(*map(parameter, arrays)))
    features = hidden * len(directions) * len(settings.lstm.pooling)
    output = glorot_uniform(rng_for(seed, "output weights"), n_classes, features)
    bias = np.zeros(n_classes) if output_bias is None else output_bias
    return Weights(tuple(directions), parameter(output), parameter(bias.astype(np.float32)))
