"""Fitting the family `transformer`: a pretrained network, fine-tuned one update at a time.

The loop over updates is in `wordgate.training.loop`. The dropout of an encoder uses only the global
generator of torch: it is seeded for each epoch, and its state is one of the arrays.
"""

import hashlib
import json
import math
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from functools import partial
from itertools import islice
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from wordgate.data.dataset import Targets
from wordgate.models.transformer import TransformerModel
from wordgate.models.transformer_network import TransformerNetwork, preserve_rng_state
from wordgate.runtime.progress import Silent, stage
from wordgate.settings import Settings
from wordgate.storage.resumable import WORDS
from wordgate.text.batches import bucketed
from wordgate.text.encoder import EncodedTexts
from wordgate.training.candidates import Candidate, train_candidates
from wordgate.training.data_parallel import ProcessGroup, own_part, sum_gradients
from wordgate.training.device import (
    choose_device,
    choose_precision,
    engine,
    format_device,
    replica_device,
    tensor_on,
)
from wordgate.training.fitting import EncodedData, FitData, Fitted, RunContext
from wordgate.training.loop import EarlyStopping
from wordgate.training.losses import Loss
from wordgate.training.optimizers import optimizer_arrays, restore_optimizer
from wordgate.training.pretrained_transformer import pretrained_transformer
from wordgate.training.protocol import FloatArrays, TrainingPlan
from wordgate.training.rng import rng_for
from wordgate.training.vocabulary import ids_digest
from wordgate.training.weights import class_weights, label_log_odds, mean_one

MOST_EPOCHS_FOR_SMALL_DATA = 20
LARGEST_GRADIENT = 1.0  # its norm, as fine-tuning has clipped it since BERT (Devlin et al. 2019)
_ROUND_TO = 8
_RNG = "torch's generator"


def fit_transformer(data: FitData, settings: Settings, context: RunContext) -> Fitted:
    """Fine-tune a pretrained transformer, as `wordgate.training.families.fit` does.

    The best epoch has the highest validation accuracy; with several labels per text, the lowest log
    loss, see `EarlyStopping`.
    """
    data.check_not_empty("a transformer", "the best epoch")
    choose_device(context.device)
    own, threads = settings.transformer, context.threads
    with stage(context.progress, f"Loading {own.model}"):
        encoder, network = pretrained_transformer(
            own.model, data.n_classes, own.max_tokens, context.seed, multilabel=data.multilabel
        )
    with stage(context.progress, f"Tokenizing {len(data.train) + len(data.valid):,} texts"):
        encoded, encoded_valid = (
            encoder.encode(part.texts, threads=threads) for part in (data.train, data.valid)
        )

    def start(_: int, context: RunContext) -> Candidate[TransformerNetwork]:
        texts = EncodedData(encoded, encoded_valid, data)
        trainer = TransformerTrainer(network, texts, settings, context)
        stopping = EarlyStopping(
            patience=own.patience,
            warm_epochs=own.warmup * trainer.plan.epochs,
            criterion="loss" if data.multilabel else "accuracy",
        )
        return Candidate(trainer, stopping, _announcement(trainer, own.model))

    def digests() -> dict[str, str]:
        read = ids_digest(encoded, encoded_valid)
        return {"family": "transformer", "pretrained weights": _digest(network), WORDS: read}

    data = replace(data, vocabulary_of=None)  # it has a vocabulary of its own
    with preserve_rng_state():
        trained = train_candidates(["the transformer"], start, data, settings, digests, context)
    (best,) = trained.candidates
    model = TransformerModel(encoder, best.network.to_cpu(), threads)
    return trained.fitted(model, 0, _truncation_remarks(encoded, encoder.max_tokens))


def _truncation_remarks(encoded: EncodedTexts, max_tokens: int) -> list[str]:
    if not encoded.n_truncated:
        return []
    return [
        f"{encoded.n_truncated:,} of {len(encoded):,} training texts are longer than {max_tokens}"
        " of the transformer's tokens and were truncated."
    ]


def engine_of(settings: Settings, device: torch.device) -> dict[str, str]:
    """List device, precision and versions, which affect the last bits of a result."""
    precision = choose_precision(settings.transformer.precision, device)
    return engine(device, precision, "transformers", "tokenizers")


def _digest(network: TransformerNetwork) -> str:
    """Return a SHA-256 of the encoder; the last layer is determined by the seed."""
    description = json.dumps([network.config, network.pad_id], sort_keys=True)
    content = hashlib.sha256(description.encode())
    for name, array in sorted(network.arrays().items()):
        if name.startswith("encoder."):
            content.update(name.encode() + array.tobytes())
    return content.hexdigest()


def _announcement(trainer: "TransformerTrainer", name: str) -> str:
    precision = str(trainer.precision).removeprefix("torch.")
    return (
        f"Fine-tuning {name} on {format_device(trainer.device)}, {precision}:"
        f" {trainer.n_weights / 1e6:.1f} million weights, {trainer.plan.sentence()}"
    )


def draw_texts(
    groups: NDArray[np.int64], per_group: int, rng: np.random.Generator
) -> NDArray[np.int64]:
    """Sample at most this many texts of each group, int64 [n]: int64 [m], in their order."""
    shuffled = rng.permutation(len(groups))
    by_group = shuffled[np.argsort(groups[shuffled], kind="stable")]
    sizes = np.unique(groups, return_counts=True)[1]
    places = np.arange(len(groups)) - np.repeat(np.cumsum(sizes) - sizes, sizes)
    return np.sort(by_group[places < per_group])


def choose_texts_per_group(groups: NDArray[np.int64], settings: Settings) -> int:
    """Return how many texts of each group an epoch reads; groups are numbers, int64 [n].

    As many as the settings say; unless a user set them, doubled as long as the updates would be too
    few and there are others: the many texts of a few groups, such as authors, are no copies of each
    other.
    """
    sizes = np.unique(groups, return_counts=True)[1]
    updates = math.ceil(settings.transformer.min_updates / settings.transformer.epochs)
    wanted = updates * settings.transformer.batch_size
    per_group = settings.transformer.texts_per_group or int(sizes.max())
    if "transformer.texts_per_group" in settings.set_by_user:
        return per_group
    while per_group < sizes.max() and np.minimum(sizes, per_group).sum() < wanted:
        per_group *= 2
    return per_group


def make_plan(groups: NDArray[np.int64], per_group: int, settings: Settings) -> TrainingPlan:
    """Choose the number of epochs: more for small data, unless a user set it.

    An epoch reads this many texts of each group at most; groups are numbers, int64 [n].
    """
    sizes = np.unique(groups, return_counts=True)[1]
    n_texts = int(np.minimum(sizes, per_group).sum())
    updates = math.ceil(n_texts / settings.transformer.batch_size)
    own, is_set = settings.transformer, settings.set_by_user
    epochs = own.epochs
    if "transformer.epochs" not in is_set:
        wanted = math.ceil(own.min_updates / updates)
        if "transformer.min_updates" not in is_set:
            wanted = min(wanted, MOST_EPOCHS_FOR_SMALL_DATA)
        epochs = max(epochs, wanted)
    return TrainingPlan(own.batch_size, epochs, updates)


@dataclass(frozen=True)
class TransformerBatch:
    """Everything an update needs besides the weights."""

    ids: torch.Tensor  # int64 [batch, time]
    lengths: torch.Tensor  # int64 [batch]
    targets: torch.Tensor  # int64 [batch], or float32 [batch, classes] of 0 and 1
    weights: torch.Tensor | None = None  # float32 [batch], of the texts; None if all weigh the same


class TransformerTrainer:
    """The weights of a transformer in fine-tuning, and its updates.

    Args:
        network: The network to fine-tune; its weights are changed.
        data: The training and validation texts.
        settings: The recipe's settings.
        context: Seed, device, and the number of threads for evaluation.
    """

    evaluation_cost = 0.5
    """Time of validation relative to an update: forward pass only."""

    def __init__(
        self,
        network: TransformerNetwork,
        data: EncodedData,
        settings: Settings,
        context: RunContext,
    ):
        self._network, self._data, source = network, data, data.source
        self._text_weights, log_odds = mean_one(source.train), label_log_odds(source)
        if log_odds is not None:
            with torch.no_grad():
                network.modules["head"].bias.copy_(torch.from_numpy(log_odds))  # type: ignore[operator]
        self._groups = numbered(source.train.groups, len(data.train))
        self._settings, self._seed, self._threads = settings, context.seed, context.threads
        self._group = context.group or ProcessGroup()
        self._per_group = choose_texts_per_group(self._groups, settings)
        self.device = choose_device(context.device)
        of_labels = class_weights(source, settings.class_weight)
        self._loss = Loss.of(settings, of_labels, log_odds, device=self.device)
        network.modules.to(self.device).train()
        self.plan = make_plan(self._groups, self._per_group, settings)
        self.precision = choose_precision(settings.transformer.precision, self.device)
        self.updates = 0
        named = network.modules.named_parameters()
        weights = {name: weight for name, weight in named if weight.requires_grad}
        # Biases and norms are not decayed, and come second in the optimizer.
        self._weights = dict(sorted(weights.items(), key=lambda named: named[1].ndim <= 1))
        self._optimizer = _optimizer(self._weights.values(), settings.transformer.weight_decay)

    @property
    def n_weights(self) -> int:
        """Return the number of weights."""
        return sum(weight.numel() for weight in self._network.modules.parameters())

    @property
    def learning_rate(self) -> float:
        """Return the learning rate of the next update: linear warmup, then linear decay to 0."""
        plan, warmup = self.plan, self._settings.transformer.warmup
        warm = max(1, round(warmup * plan.updates))
        if self.updates < warm:
            factor = (self.updates + 1) / warm
        else:
            factor = (plan.updates - self.updates) / (plan.updates - warm + 1)
        return self._settings.transformer.learning_rate * factor

    def engine(self) -> dict[str, str]:
        """List device, precision and versions, which affect the last bits of a result."""
        return engine_of(self._settings, self.device) | self._group.engine()

    def batches(self, epoch: int, start: int) -> Iterator[TransformerBatch]:
        """Prepare the updates of an epoch, without the first `start`; see `ModelTrainer`."""
        rng = rng_for(self._seed, "texts of a group", epoch)
        rows = draw_texts(self._groups, self._per_group, rng)
        batches = bucketed(
            self._data.train.select(rows),
            batch_size=self.plan.batch_size,
            rng=rng_for(self._seed, "order", epoch),
            round_to=_ROUND_TO,
        )
        targets = self._data.source.train.to_learn
        for batch in islice(batches, start, None):
            own = rows[batch.rows]
            parts = [batch.ids, batch.lengths, targets[own]]
            if self._text_weights is not None:
                parts.append(self._text_weights[own])
            yield TransformerBatch(*map(self._tensor, parts))

    def update(self, batch: TransformerBatch) -> torch.Tensor:
        """Make one update; see `ModelTrainer`."""
        own = own_part(batch, self._group)
        metrics = torch.zeros(2, dtype=torch.float64, device=self.device)
        if own is not None:
            self._seed_dropout()
            metrics = self._backward(own, batch)
        metrics = sum_gradients(list(self._weights.values()), metrics, self._group)
        torch.nn.utils.clip_grad_norm_(self._network.modules.parameters(), LARGEST_GRADIENT)
        for group in self._optimizer.param_groups:
            group["lr"] = self.learning_rate
        self._optimizer.step()
        self._optimizer.zero_grad()
        self.updates += 1
        return metrics

    def _seed_dropout(self) -> None:
        """Seed the dropout of an epoch; with several processes, of each update of each of them."""
        epoch, done = divmod(self.updates, self.plan.updates_per_epoch)
        several = self._group.world_size > 1
        if several or not done:
            place = (self.updates, self._group.rank) if several else ()
            torch.manual_seed(int(rng_for(self._seed, "dropout", epoch, *place).integers(2**62)))

    def _backward(self, own: TransformerBatch, whole: TransformerBatch) -> torch.Tensor:
        """Compute the gradients and metrics of the texts of a batch that this process has."""
        in_bfloat16 = self.precision == torch.bfloat16
        with torch.autocast(self.device.type, torch.bfloat16, enabled=in_bfloat16):
            scores = self._network.logits(own.ids, own.lengths).float()
        loss = self._loss.part(scores, own.targets, own.weights, whole.targets)
        loss.backward()  # type: ignore[no-untyped-call]
        return self._loss.metrics(loss, scores, own.targets, whole.targets)

    def replica(self) -> Callable[[ProcessGroup], "TransformerTrainer"]:
        """Return a function that makes such a trainer in another process; see `ModelTrainer`."""
        network = self._network
        form = network.config, network.pad_id, dict(network.arrays()), network.multilabel
        encoded = self._data.train
        data = EncodedData(encoded, encoded, self._data.source.without_texts())
        own = self._settings, self._seed, replica_device(self.device)
        return partial(_replica, form, data, *own)

    def snapshot(self) -> TransformerNetwork:
        """Copy the network as it is now."""
        return self._network.copy()

    def evaluate(self, snapshot: TransformerNetwork) -> NDArray[np.float64]:
        """Compute log-probabilities of the validation texts, float64 [n_valid, classes]."""
        return snapshot.log_proba(self._data.valid, threads=self._threads)

    def arrays(self) -> FloatArrays:
        """Name all arrays that an update changes, and the bytes of torch's generator."""
        generator = self._rng_state().numpy().astype(np.float32)
        return {**optimizer_arrays(self._weights, self._optimizer), _RNG: generator}

    def restore(self, arrays: FloatArrays, updates: int) -> None:
        """Restore the state that `arrays` returned; see `ModelTrainer`."""
        restore_optimizer(self._weights, self._optimizer, arrays, updates)
        self.updates = updates
        self._restore_rng(arrays[_RNG])

    def restore_snapshot(self, arrays: FloatArrays) -> TransformerNetwork:
        """Build a network from its `arrays`."""
        own = self._network
        return TransformerNetwork.from_arrays(
            own.config, own.pad_id, arrays, multilabel=own.multilabel
        )

    def _rng_state(self) -> torch.Tensor:
        """Return the state of the random generator of dropout, uint8 [bytes]."""
        if self.device.type == "cuda":
            return torch.cuda.get_rng_state(self.device)
        return torch.get_rng_state()

    def _restore_rng(self, kept: NDArray[np.float32]) -> None:
        """Set the state of the generator, float32 [bytes].

        States of CPU and GPU are not compatible: on another device, the generator is seeded by the
        number of the update, and the result differs a little, as it would anyway.
        """
        if kept.shape != self._rng_state().shape:
            torch.manual_seed(
                int(rng_for(self._seed, "dropout of another device", self.updates).integers(2**62))
            )
            return
        state = torch.from_numpy(kept.astype(np.uint8))
        try:
            if self.device.type == "cuda":
                torch.cuda.set_rng_state(state, self.device)
            else:
                torch.set_rng_state(state)
        except RuntimeError as error:
            raise ValueError(f"{_RNG} cannot take these bytes: {error}") from error

    def _tensor(self, array: Targets) -> torch.Tensor:
        return tensor_on(self.device, array)


def _replica(
    form: tuple[Any, int, FloatArrays, bool],
    data: EncodedData,
    settings: Settings,
    seed: int,
    device: str,
    group: ProcessGroup,
) -> TransformerTrainer:
    config, pad_id, arrays, multilabel = form
    network = TransformerNetwork.from_arrays(config, pad_id, arrays, multilabel=multilabel)
    context = RunContext(seed, Silent(), device, group=group)
    return TransformerTrainer(network, data, settings, context)


def numbered(groups: Sequence[str] | None, n_texts: int) -> NDArray[np.int64]:
    """Return each text's group by number, int64 [n]; its own where there are no groups."""
    if groups is None:
        return np.arange(n_texts)
    numbers: dict[str, int] = {}
    return np.array([numbers.setdefault(group, len(numbers)) for group in groups], np.int64)


def _optimizer(weights: Iterable[torch.Tensor], weight_decay: float) -> torch.optim.Optimizer:
    """Make AdamW (Loshchilov and Hutter 2019); biases and norms are not decayed."""
    weights = list(weights)
    groups = [
        {"params": [w for w in weights if w.ndim > 1], "weight_decay": weight_decay},
        {"params": [w for w in weights if w.ndim <= 1], "weight_decay": 0.0},
    ]
    return torch.optim.AdamW(groups, fused=True)
