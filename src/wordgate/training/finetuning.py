"""Fine-tuning: the passes over the training texts that make a pretrained network a classifier."""

import math
import time
from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
import torch
from numpy.typing import NDArray

from wordgate.evaluation.metrics import Epoch
from wordgate.models.transformer_network import TransformerNetwork, unmoved_chance
from wordgate.progress import Bar, Progress
from wordgate.settings import Settings
from wordgate.text.batches import bucketed
from wordgate.text.encoder import EncodedTexts
from wordgate.training.course import Course, epoch_line, out_of_patience, out_of_time
from wordgate.training.device import choose_precision
from wordgate.training.noise import stream
from wordgate.training.state import Tally
from wordgate.training.trainer import Plan

MOST_EPOCHS_FOR_SMALL_DATA = 20
LARGEST_GRADIENT = 1.0  # its norm, as fine-tuning has clipped it since BERT (Devlin et al. 2019)
_ROUND_TO = 8
_JUDGING_SHARE = 0.5  # of an update's time: judging goes forward only, a third, and has to end


@dataclass
class FineTuned:
    """All that a fine-tuning has come to; `State` says what the attributes are."""

    working: TransformerNetwork
    epoch: int = 0
    batch: int = 0
    tally: Tally = field(default_factory=Tally)
    history: list[Epoch] = field(default_factory=list)
    best_epoch: int = 0
    improved_epoch: int = 0
    best: TransformerNetwork | None = None

    def network(self) -> TransformerNetwork:
        """Copy the network as it is now."""
        return self.working.copy()


def draw_texts(
    groups: NDArray[np.int64], per_group: int, chance: np.random.Generator
) -> NDArray[np.int64]:
    """Draw some texts of each group.

    Args:
        groups: int64 [n], each text's group by number.
        per_group: How many of each at most.
        chance: Draws which.

    Returns:
        int64 [m], which texts, in their order.
    """
    shuffled = chance.permutation(len(groups))
    by_group = shuffled[np.argsort(groups[shuffled], kind="stable")]
    sizes = np.unique(groups, return_counts=True)[1]
    places = np.arange(len(groups)) - np.repeat(np.cumsum(sizes) - sizes, sizes)
    return np.sort(by_group[places < per_group])


def choose_texts_per_group(groups: NDArray[np.int64], settings: Settings) -> int:
    """Say how many texts of each group an epoch reads.

    As many as the settings say, doubled as long as the updates would be too few and there are
    others: the many texts of a few groups, such as authors, are no copies of each other.

    Args:
        groups: int64 [n], each text's group by number.
        settings: The recipe's settings.
    """
    sizes = np.unique(groups, return_counts=True)[1]
    updates = math.ceil(settings.transformer_min_updates / settings.transformer_epochs)
    wanted = updates * settings.transformer_batch_size
    per_group = settings.transformer_texts_per_group or int(sizes.max())
    while per_group < sizes.max() and np.minimum(sizes, per_group).sum() < wanted:
        per_group *= 2
    return per_group


def make_plan(groups: NDArray[np.int64], per_group: int, settings: Settings) -> Plan:
    """Fit the epochs to the data: small data is passed more often, up to a limit.

    Args:
        groups: int64 [n], each text's group by number.
        per_group: How many texts of each an epoch reads at most.
        settings: The recipe's settings.
    """
    sizes = np.unique(groups, return_counts=True)[1]
    n_texts = int(np.minimum(sizes, per_group).sum())
    updates = math.ceil(n_texts / settings.transformer_batch_size)
    wanted = min(math.ceil(settings.transformer_min_updates / updates), MOST_EPOCHS_FOR_SMALL_DATA)
    return Plan(settings.transformer_batch_size, max(settings.transformer_epochs, wanted), updates)


class FineTuning:
    """Runs a fine-tuning until it ends or its time is over.

    Args:
        network: What to fine-tune; its weights are moved.
        encoded: The training texts.
        targets: int64 [n], theirs.
        groups: Their groups; None where each text is its own.
        course: Judges the epochs.
        settings: The recipe's settings.
        seed: The run's seed.
        device: Where to compute.
    """

    def __init__(
        self,
        network: TransformerNetwork,
        encoded: EncodedTexts,
        targets: NDArray[np.int64],
        groups: Sequence[str] | None,
        course: Course[TransformerNetwork],
        settings: Settings,
        seed: int,
        device: torch.device,
    ):
        self._encoded = encoded
        self._targets = targets
        self._groups = numbered(groups, len(targets))
        self._course = course
        self._settings = settings
        self._seed = seed
        self._device = device
        self._cut = False
        network.modules.to(device)
        self._per_group = choose_texts_per_group(self._groups, settings)
        self.plan = make_plan(self._groups, self._per_group, settings)
        self.precision = choose_precision(settings.precision, device)
        self.state = FineTuned(network)
        self._optimizer = _optimizer(network, settings.transformer_weight_decay)

    @property
    def learning_rate(self) -> float:
        """Give the rate due now: it rises in a line, and falls in one to nothing."""
        done = self.state.epoch * self.plan.updates_per_epoch + self.state.batch
        warm = max(1, round(self._settings.transformer_warmup * self.plan.updates))
        if done < warm:
            factor = (done + 1) / warm
        else:
            factor = (self.plan.updates - done) / (self.plan.updates - warm + 1)
        return self._settings.transformer_learning_rate * factor

    def run(self, progress: Progress, deadline: float) -> list[str]:
        """Run to the end.

        Args:
            progress: Where the epochs are told.
            deadline: The `time.monotonic()` at which training and judging must have ended.

        Returns:
            Why it ended, if it was not because all epochs are over.
        """
        state = self.state
        with unmoved_chance(), progress.bar(self.plan.updates) as bar:
            while (end := self._end(deadline)) is None:
                # Dropout inside the encoder draws from torch's global stream alone.
                torch.manual_seed(int(stream(self._seed, "dropout", state.epoch).integers(2**62)))
                self._run_epoch(bar, deadline)
                self._course.judge(state, self.learning_rate)
                progress.say(epoch_line(state, self.plan.epochs))
        return end

    def _end(self, deadline: float) -> list[str] | None:
        """Say why the training ends here; nothing if all epochs are over; None to go on."""
        state = self.state
        if not state.history:
            return None
        if state.epoch == self.plan.epochs and not self._cut:
            return []
        if self._cut or self._is_late(deadline):
            return [out_of_time(state.epoch)]
        warm_epochs = self._settings.transformer_warmup * self.plan.epochs
        if self._course.has_stalled(state, warm_epochs):
            return [out_of_patience(self._course.patience)]
        return None

    def _is_late(self, deadline: float) -> bool:
        """Tell whether there is no time left but for judging."""
        return time.monotonic() > deadline - self._course.judging_seconds

    def _run_epoch(self, bar: Bar, deadline: float) -> None:
        """Pass over this epoch's texts, or over as many as there is time for."""
        state, plan = self.state, self.plan
        chance = stream(self._seed, "texts of a group", state.epoch)
        rows = draw_texts(self._groups, self._per_group, chance)
        batches = bucketed(
            self._encoded.select(rows),
            batch_size=plan.batch_size,
            rng=stream(self._seed, "order", state.epoch),
            round_to=_ROUND_TO,
        )
        label = f"epoch {state.epoch + 1} of {plan.epochs}"
        sums = torch.zeros(2, dtype=torch.float64, device=self._device)
        started = time.perf_counter()
        state.working.modules.train()
        for batch in batches:
            if state.tally.seen and self._is_late(deadline):
                break
            targets = self._tensor(self._targets[rows[batch.rows]])
            sums += self._update(self._tensor(batch.ids), self._tensor(batch.lengths), targets)
            state.batch += 1
            state.tally.seen += len(targets)
            state.tally.seconds = time.perf_counter() - started
            if not state.history:
                self._course.expect(_JUDGING_SHARE * state.tally.seconds / state.tally.seen)
            bar.advance(label)
        loss, right = sums.tolist()
        state.tally.loss, state.tally.right = loss, int(right)
        state.tally.seconds = time.perf_counter() - started
        self._cut = state.batch < plan.updates_per_epoch

    def _update(
        self, ids: torch.Tensor, lengths: torch.Tensor, targets: torch.Tensor
    ) -> torch.Tensor:
        """Make one update.

        Args:
            ids: int64 [batch, time].
            lengths: int64 [batch].
            targets: int64 [batch].

        Returns:
            float64 [2]: the summed loss of the batch, and how many of its texts were labelled
            right; still on the device.
        """
        in_bfloat16 = self.precision == torch.bfloat16
        with torch.autocast(self._device.type, torch.bfloat16, enabled=in_bfloat16):
            scores = self.state.working.logits(ids, lengths).float()
        loss = torch.nn.functional.cross_entropy(scores, targets)
        loss.backward()  # type: ignore[no-untyped-call]
        torch.nn.utils.clip_grad_norm_(self.state.working.modules.parameters(), LARGEST_GRADIENT)
        for group in self._optimizer.param_groups:
            group["lr"] = self.learning_rate
        self._optimizer.step()
        self._optimizer.zero_grad()
        right = (scores.detach().argmax(dim=1) == targets).sum()
        return torch.stack([loss.detach().double() * len(targets), right.double()])

    def _tensor(self, array: NDArray[np.int64]) -> torch.Tensor:
        return torch.from_numpy(array).to(self._device)


def numbered(groups: Sequence[str] | None, n_texts: int) -> NDArray[np.int64]:
    """Give each text's group by number, int64 [n]; its own where there are no groups."""
    if groups is None:
        return np.arange(n_texts)
    numbers: dict[str, int] = {}
    return np.array([numbers.setdefault(group, len(numbers)) for group in groups], np.int64)


def _optimizer(network: TransformerNetwork, weight_decay: float) -> torch.optim.Optimizer:
    """Make AdamW (Loshchilov and Hutter 2019); biases and norms are not decayed."""
    weights = [weight for weight in network.modules.parameters() if weight.requires_grad]
    groups = [
        {"params": [w for w in weights if w.ndim > 1], "weight_decay": weight_decay},
        {"params": [w for w in weights if w.ndim <= 1], "weight_decay": 0.0},
    ]
    return torch.optim.AdamW(groups, fused=True)
