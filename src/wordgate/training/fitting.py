"""Input and result of fitting, the same for every family."""

import math
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from wordgate.data.dataset import Dataset
from wordgate.errors import DataError
from wordgate.evaluation.metrics import Epoch
from wordgate.evaluation.multilabel import binary_log_loss, predicted_labels
from wordgate.models.base import Model
from wordgate.runtime.engine import Engine
from wordgate.runtime.progress import Progress
from wordgate.settings import Settings
from wordgate.text.encoder import EncodedTexts
from wordgate.vectors.lookup import VocabularyCoverage
from wordgate.vectors.pretrained import PretrainedVectors

if TYPE_CHECKING:
    from wordgate.training.data_parallel import ProcessGroup
    from wordgate.training.local_group import LocalGroup

TIME_LIMIT = "The time limit "
"""Start of every remark on something that the time limit ended early."""


@dataclass(frozen=True)
class CheckpointConfig:
    """Where a training is kept against an interruption.

    Attributes:
        file: The checkpoint.
        resume: Whether to go on from it.
    """

    file: Path
    resume: bool = False

    def remedy(self) -> str:
        """Describe how to continue an interrupted training."""
        return (
            f"the checkpoint is kept in {self.file}; run the same command with --resume to continue"
        )

    @property
    def beside(self) -> "CheckpointConfig":
        """Where a candidate is kept that another process trains at the same time."""
        file = self.file.with_name(f"{self.file.name}-2")
        return CheckpointConfig(file, self.resume and file.exists())


@dataclass(frozen=True)
class FitData:
    """The data that a model is fitted on.

    Attributes:
        train: What everything is fitted on.
        valid: What chooses among fits, such as the best epoch.
        labels: The labels by their numbers.
        vocabulary_of: What the vocabulary is fitted on; None for `train`.
        vectors: The word vectors to begin with; None to draw them.
    """

    train: Dataset
    valid: Dataset
    labels: Sequence[str]
    vocabulary_of: Dataset | None = None
    vectors: PretrainedVectors | None = None

    @property
    def multilabel(self) -> bool:
        """Whether a text may have several labels."""
        return self.train.multilabel

    @property
    def n_classes(self) -> int:
        """Count the labels."""
        return len(self.labels)

    @property
    def parts(self) -> list[Dataset]:
        """All data sets that have a part in the model."""
        more = [] if self.vocabulary_of is None else [self.vocabulary_of]
        return [self.train, self.valid, *more]

    def without_texts(self) -> "FitData":
        """Leave out the texts and word vectors, which encoded texts replace."""
        train, valid = (replace(part, texts=()) for part in (self.train, self.valid))
        return FitData(train, valid, self.labels)

    def check_not_empty(self, model: str, choice: str) -> None:
        """Refuse to fit "an LSTM" on nothing, and to choose "the best epoch" by nothing.

        Raises:
            DataError: There are no texts.
        """
        if not len(self.train):
            raise DataError(f"there are no texts to fit {model} on")
        if not len(self.valid):
            raise DataError(
                f"there are no validation texts to choose {choice} with: give more rows, or a"
                " larger share of them for validation (valid_size)"
            )


@dataclass(frozen=True)
class EncodedData:
    """The texts of `FitData` as ids."""

    train: EncodedTexts  # the training texts
    valid: EncodedTexts  # the validation texts
    source: FitData  # the texts as they were, with their targets and groups
    unknown: int | None = None  # the id of the unknown word; None where unknown words have none


@dataclass(frozen=True)
class RunContext:
    """Seed, device and limits of a fit, whatever it is of.

    Attributes:
        seed: The random seed.
        progress: Where progress is reported.
        device: ``auto``, ``cpu``, ``cuda`` or ``cuda:N``.
        threads: In how many threads to fit and predict, as for `choose_threads`; families that
            are fitted on the CPU alone take one.
        deadline: The `time.monotonic()` at which fitting must end.
        predicted_after: How many texts are predicted once fitting has ended, for which it leaves
            time, too.
        started: The `time.monotonic()` at which the command began.
        checkpoint: Where to keep the training against an interruption; None for nowhere. Only
            families that can resume are kept; the others are fitted in one piece.
        processes: In how many processes to train; None to choose.
        engine: Where these are: on this machine, or on a Ray cluster.
        group: The processes that train together; None for this one alone.
        worker: This process and another one, which can train another candidate; None for none.
    """

    seed: int
    progress: Progress
    device: str = "auto"
    threads: int | None = None
    deadline: float = math.inf
    checkpoint: CheckpointConfig | None = None
    predicted_after: int = 0
    started: float = field(default_factory=time.monotonic)
    processes: int | None = None
    engine: Engine = field(default_factory=Engine)
    group: "ProcessGroup | None" = None
    worker: "LocalGroup | None" = None


@dataclass(frozen=True)
class Fitted:
    """A fitted model and how it got there.

    Attributes:
        model: The model, as it was after its best epoch.
        history: The epochs; none for a family that has no epochs.
        best_epoch: The number of the best one, from 1; 0 without epochs.
        remarks: What a user should know: truncation, an early end.
        earlier_seconds: What fitting had taken before it was interrupted and resumed.
        earlier_wall_seconds: What the commands that were interrupted had taken, until the training
            was kept for the last time.
        engine: What computed: device, precision, threads, processor, versions.
        coverage: How many words had a pretrained vector; None if none were given.
        settings: Those of the LSTM that was chosen; None for other families, which have no choice.
    """

    model: Model
    history: Sequence[Epoch] = ()
    best_epoch: int = 0
    remarks: Sequence[str] = ()
    earlier_seconds: float = 0.0
    earlier_wall_seconds: float = 0.0
    engine: Mapping[str, str] = field(default_factory=dict)
    coverage: VocabularyCoverage | None = None
    settings: Settings | None = None


def prior_log_odds(
    targets: NDArray[Any], weights: NDArray[np.floating[Any]] | None = None
) -> NDArray[np.float64]:
    """Estimate how frequent labels are, by Laplace's rule of succession: never 0, never 1.

    Networks of several labels per text begin with these log-odds, so that the first updates are not
    spent on what most texts lack (Lin et al. 2017, "Focal loss for dense object detection").

    Args:
        targets: Numbers from 0 to 1 [n, labels].
        weights: How often each text counts [n], or each of its labels [n, labels]; None for once.

    Returns:
        float64 [labels], the logarithms of (k + 1) / (n - k + 1), for k of n texts.
    """
    counts = np.ones(len(targets)) if weights is None else weights.astype(np.float64)
    borne = counts @ targets if counts.ndim == 1 else (counts * targets).sum(axis=0)
    return np.asarray(np.log((borne + 1.0) / (counts.sum(axis=0) - borne + 1.0)))


def validation_scores(
    log_proba: NDArray[np.float64], targets: NDArray[np.int64]
) -> tuple[float, float]:
    """Score predictions, to choose among fits.

    Args:
        log_proba: float64 [n, classes], natural logarithms of the probabilities.
        targets: int64 [n], or [n, labels] of 0 and 1.

    Returns:
        The share of the texts that are labeled right, and the mean log loss in nats. With several
        labels a text is right if all of its labels are, given at a probability of 0.5 and more;
        the log loss is the mean over texts and labels.
    """
    if targets.ndim == 1:
        accuracy = float((log_proba.argmax(axis=1) == targets).mean())
        return accuracy, -float(log_proba[np.arange(len(targets)), targets].mean())
    accuracy = float((predicted_labels(log_proba) == targets).all(axis=1).mean())
    return accuracy, binary_log_loss(targets, log_proba)


def run_config(
    datasets: Sequence[Dataset],
    n_classes: int,
    settings: Settings,
    seed: int,
    others: Mapping[str, str],
) -> dict[str, str]:
    """List everything that determines what a fit comes to, to be kept with it.

    Others are, by name, the family and digests of word vectors, words, weights.
    """
    return {
        "data": "".join(dataset.digest() for dataset in datasets),
        "labels": f"{n_classes}, several per text" if datasets[0].multilabel else str(n_classes),
        **others,
        "seed": str(seed),
        "settings that were set": " ".join(sorted(settings.set_by_user)) or "none",
        **{name: str(value) for name, value in settings.flat().items()},
    }
