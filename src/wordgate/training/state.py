"""The training state: all that a training is between two updates, in one object that can be kept.

Chance needs no state: every draw comes from a stream of its own, named by the run's seed, the epoch
and the update (`wordgate.training.noise`). So on a processor a training that is taken up from its
state ends in the same bits as one that was never stopped; CUDA's sums are not so strict.
"""

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from typing import Annotated, Any

import numpy as np
import torch
from numpy.typing import NDArray
from pydantic import BaseModel, ConfigDict, Field, NonNegativeInt

from wordgate.evaluation.metrics import Epoch
from wordgate.models.network import Network
from wordgate.settings import Settings
from wordgate.training import initialisation
from wordgate.training.adam import Adam, BatchRows, KerasRows
from wordgate.training.averaging import WeightAverage
from wordgate.training.candidates import Candidate
from wordgate.training.first_vectors import FirstVectors
from wordgate.training.identity import read_facts
from wordgate.training.noise import stream
from wordgate.training.recurrent import DirectionWeights, Weights

_BEST, _EARLIER = "best.", "earlier."


@dataclass
class Tally:
    """What the updates of an unfinished epoch came to.

    Attributes:
        loss: The sum of the texts' losses, in nats.
        right: How many texts were labelled right.
        seen: How many texts there were.
        seconds: How long it took.
    """

    loss: float = 0.0
    right: int = 0
    seen: int = 0
    seconds: float = 0.0


@dataclass
class State:
    """All that a training is between two updates.

    Attributes:
        weights: All weights but the word vectors.
        optimizer: Moves the weights; their moments.
        table: The word vectors and their moments.
        pooling: What the network pools.
        average: The running average of weights and word vectors; None if there is none.
        epoch: Epochs that are over.
        batch: Batches of the next epoch that are done.
        tally: What these came to.
        history: The epochs that are over.
        best_epoch: The number of the best of them, from 1; 0 if there is none.
        improved_epoch: The number of the last one that had a better validation accuracy.
        best: The network after the best epoch; None if there is none.
        seconds: What fitting has taken, in all the sittings there were.
        earlier: What the candidate before this one came to; None if this is the first.
    """

    weights: Weights
    optimizer: Adam
    table: BatchRows
    pooling: tuple[str, ...]
    average: WeightAverage | None = None
    epoch: int = 0
    batch: int = 0
    tally: Tally = field(default_factory=Tally)
    history: list[Epoch] = field(default_factory=list)
    best_epoch: int = 0
    improved_epoch: int = 0
    best: Network | None = None
    seconds: float = 0.0
    earlier: Candidate | None = None

    @classmethod
    def initial(
        cls,
        first: FirstVectors,
        n_classes: int,
        settings: Settings,
        seed: int,
        device: torch.device,
    ) -> "State":
        """Draw the other weights that a training begins with.

        Args:
            first: The word vectors to begin with; on a processor these very numbers are trained.
            n_classes: How many labels there are.
            settings: The recipe's settings.
            seed: The run's seed.
            device: Where the tensors live.
        """
        table = KerasRows if settings.embedding_updates == "keras" else BatchRows
        vectors = torch.from_numpy(first.vectors).to(device)
        pretrained = None
        if first.pretrained is not None:
            pretrained = torch.from_numpy(first.pretrained).to(device)
        weights = _initial_weights(n_classes, settings, seed, device)
        averaged = None
        if settings.weight_averaging:
            everything = {"embedding": vectors, **weights.named()}
            averaged = WeightAverage(everything, settings.weight_averaging)
        return cls(
            weights=weights,
            optimizer=Adam(weights.named(), settings.weight_decay),
            table=table(vectors, pretrained),
            pooling=settings.pooling,
            average=averaged,
        )

    def network(self) -> Network:
        """Copy the weights as they are now, or their average, into the network that predicts."""
        tensors = {"embedding": self.table.vectors, **self.weights.named()}
        arrays = _arrays(tensors if self.average is None else self.average.average)
        copies = {name: array.copy() for name, array in arrays.items()}
        return Network.from_arrays(copies, self.pooling)

    def best_network(self) -> Network:
        """Give the network after the best epoch.

        Raises:
            ValueError: No epoch is over.
        """
        if self.best is None:
            raise ValueError("no epoch is over, so none is the best")
        return self.best

    def arrays(self) -> dict[str, NDArray[np.float32]]:
        """Name all arrays, the best network's included; the next update changes them."""
        return {**_arrays(self._tensors()), **self._networks()}

    def size(self) -> int:
        """Count the bytes of all arrays, the best network's included once there is one."""
        return sum(tensor.nbytes for tensor in self._tensors().values()) + sum(
            array.nbytes for array in self._networks().values()
        )

    def facts(self) -> dict[str, Any]:
        """Give all the rest as plain JSON values."""
        return {
            "epoch": self.epoch,
            "batch": self.batch,
            "tally": asdict(self.tally),
            "history": [asdict(epoch) for epoch in self.history],
            "best_epoch": self.best_epoch,
            "improved_epoch": self.improved_epoch,
            "seconds": self.seconds,
            "updates": [self.optimizer.updates, self.table.updates],
            "earlier": self._earlier_facts(),
        }

    @torch.no_grad()
    def restore(self, arrays: Mapping[str, NDArray[np.float32]], facts: Mapping[str, Any]) -> None:
        """Become the state that `arrays` and `facts` were taken from.

        Raises:
            KeyError, TypeError, ValueError: They are of another training or incomplete.
        """
        for name, tensor in self._tensors().items():
            kept = torch.from_numpy(arrays[name])
            if kept.shape != tensor.shape or kept.dtype != tensor.dtype:
                raise ValueError(f"{name} is {kept.dtype} {list(kept.shape)}")
            tensor.copy_(kept)
        kept_facts = _checked(facts)
        self.epoch, self.batch = kept_facts.epoch, kept_facts.batch
        self.tally, self.history = kept_facts.tally, kept_facts.history
        self.best_epoch, self.improved_epoch = kept_facts.best_epoch, kept_facts.improved_epoch
        self.seconds = kept_facts.seconds
        self.optimizer.updates, self.table.updates = kept_facts.updates
        self.best = self._best_of(arrays)
        self.earlier = self._earlier_of(arrays, kept_facts.earlier)

    def _networks(self) -> dict[str, NDArray[np.float32]]:
        """Name the arrays of the networks that are kept."""
        kept = {_BEST: self.best, _EARLIER: None if self.earlier is None else self.earlier.network}
        return {
            f"{prefix}{name}": array
            for prefix, network in kept.items()
            if network is not None
            for name, array in network.arrays().items()
        }

    def _earlier_facts(self) -> dict[str, Any] | None:
        if self.earlier is None:
            return None
        history = [asdict(epoch) for epoch in self.earlier.history]
        return {"history": history, "best_epoch": self.earlier.best_epoch}

    def _earlier_of(
        self, arrays: Mapping[str, NDArray[np.float32]], facts: "_EarlierFacts | None"
    ) -> Candidate | None:
        """Build the candidate before this one of those arrays that are its network's."""
        if facts is None:
            return None
        named = {
            name.removeprefix(_EARLIER): array
            for name, array in arrays.items()
            if name.startswith(_EARLIER)
        }
        network = Network.from_arrays(named, self.pooling)
        return Candidate(facts.history, facts.best_epoch, network)

    def _tensors(self) -> dict[str, torch.Tensor]:
        """Name all tensors that an update changes."""
        averaged = {} if self.average is None else self.average.tensors()
        return {**self.table.tensors(), **self.optimizer.tensors(), **averaged}

    def _best_of(self, arrays: Mapping[str, NDArray[np.float32]]) -> Network | None:
        """Build the best network of those arrays that are its."""
        if not self.best_epoch:
            return None
        best = {}
        for name, array in self.network().arrays().items():
            best[name] = arrays[f"{_BEST}{name}"]
            if best[name].shape != array.shape or best[name].dtype != array.dtype:
                raise ValueError(f"the best {name} is {best[name].dtype} {list(best[name].shape)}")
        return Network.from_arrays(best, self.pooling)


class _EarlierFacts(BaseModel):
    """What a candidate came to, its network aside, when it comes out of a file."""

    model_config = ConfigDict(strict=True, extra="forbid")

    history: Annotated[list[Epoch], Field(min_length=1)]
    best_epoch: Annotated[int, Field(ge=1)]


class _Facts(BaseModel):
    """What `State.facts` gives, when it comes out of a file."""

    model_config = ConfigDict(strict=True, extra="forbid")

    epoch: NonNegativeInt
    batch: NonNegativeInt
    tally: Tally
    history: list[Epoch]
    best_epoch: NonNegativeInt
    improved_epoch: NonNegativeInt
    seconds: Annotated[float, Field(ge=0.0, allow_inf_nan=False)]
    updates: Annotated[list[NonNegativeInt], Field(min_length=2, max_length=2)]
    earlier: _EarlierFacts | None


def _checked(facts: Mapping[str, Any]) -> _Facts:
    """See that a state's facts are of the right types, and fit each other.

    Raises:
        ValueError: They are not, or don't.
    """
    kept = read_facts(_Facts, facts)
    numbers, bests = [epoch.epoch for epoch in kept.history], (kept.best_epoch, kept.improved_epoch)
    if kept.earlier and kept.earlier.best_epoch > len(kept.earlier.history):
        raise ValueError(f"the candidate before has no epoch {kept.earlier.best_epoch}")
    if kept.epoch != len(numbers) or numbers != list(range(1, len(numbers) + 1)):
        raise ValueError(f"{kept.epoch} epochs are over, and those told are {numbers[:10]}")
    if not all(min(1, kept.epoch) <= best <= kept.epoch for best in bests):
        raise ValueError(f"of {kept.epoch} epochs the best are {bests[0]} and {bests[1]}")
    tally = kept.tally
    if kept.batch and not (tally.seen > 0 and 0 <= tally.right <= tally.seen and tally.seconds > 0):
        raise ValueError(f"{kept.batch} batches are done, and they came to {tally}")
    if not kept.batch and tally != Tally():
        raise ValueError(f"no batch is done, and they came to {tally}")
    return kept


def _arrays(tensors: Mapping[str, torch.Tensor]) -> dict[str, NDArray[np.float32]]:
    return {name: tensor.detach().cpu().numpy() for name, tensor in tensors.items()}


def _initial_weights(
    n_classes: int, settings: Settings, seed: int, device: torch.device
) -> Weights:
    def parameter(array: NDArray[np.float32]) -> torch.Tensor:
        return torch.from_numpy(array).to(device).requires_grad_()

    hidden, directions = settings.hidden_size, []
    for index in range(2 if settings.bidirectional else 1):
        chance = stream(seed, "weights", index)
        arrays = (
            initialisation.glorot_uniform(chance, 4 * hidden, settings.embedding_size),
            initialisation.orthogonal(chance, 4 * hidden, hidden),
            initialisation.forget_gate_bias(hidden),
        )
        directions.append(DirectionWeights(*map(parameter, arrays)))
    features = hidden * len(directions) * len(settings.pooling)
    output = initialisation.glorot_uniform(stream(seed, "output weights"), n_classes, features)
    bias = np.zeros(n_classes, np.float32)
    return Weights(tuple(directions), parameter(output), parameter(bias))
