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
    """Where the checkpoint of a training is saved.

    Attributes:
        file: The checkpoint.
        resume: Whether to resume from it.
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
        """Where a candidate that another process trains at the same time has its checkpoint."""
        file = self.file.with_name(f"{self.file.name}-2")
        return CheckpointConfig(file, self.resume and file.exists())


@dataclass(frozen=True)
class FitData:
    """The data that a model is fitted on.

    Attributes:
        train: The training set.
        valid: The validation set, which selects among fits, such as the best epoch.
        labels: The labels by their numbers.
        vocabulary_of: The data that the vocabulary is fitted on; None for `train`.
        vectors: Pretrained word vectors; None for random ones.
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
        """All data sets that influence the model."""
        more = [] if self.vocabulary_of is None else [self.vocabulary_of]
        return [self.train, self.valid, *more]

    def without_texts(self) -> "FitData":
        """Return a copy without texts and word vectors, which encoded texts replace."""
        train, valid = (replace(part, texts=()) for part in (self.train, self.valid))
        return FitData(train, valid, self.labels)

    def check_not_empty(self, model: str, choice: str) -> None:
        """Refuse an empty training or validation set; `model` and `choice` are for the message.

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
    source: FitData  # the texts, with their targets and groups
    unknown: int | None = None  # the id of the unknown word; None where unknown words have none


@dataclass(frozen=True)
class RunContext:
    """Seed, device and limits of a fit, the same for every family.

    Attributes:
        seed: The random seed.
        progress: Receives messages and progress.
        device: ``auto``, ``cpu``, ``cuda`` or ``cuda:N``.
        threads: Number of threads for fitting and predicting, as for `choose_threads`; families
            that are fitted only on the CPU use one.
        deadline: The `time.monotonic()` at which fitting must end.
        predicted_after: Number of texts that are predicted after the fit, within the deadline.
        started: The `time.monotonic()` at which the command began.
        checkpoint: Where to save checkpoints; None for nowhere. Only families that can resume have
            checkpoints.
        processes: Number of processes that train; None to choose.
        engine: Where these run: on this machine, or on a Ray cluster.
        group: The processes that train together; None for this process alone.
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
    """A fitted model, and facts about its fit.

    Attributes:
        model: The model after its best epoch.
        history: The epochs; none for a family that has no epochs.
        best_epoch: The number of the best one, from 1; 0 without epochs.
        remarks: Remarks for the user, such as on truncation or an early end.
        earlier_seconds: Seconds of fitting before an interruption; 0 without one.
        earlier_wall_seconds: Seconds of the interrupted commands, until their last checkpoint.
        engine: Device, precision, threads, processor and versions.
        coverage: Number of words that had a pretrained vector; None if no vectors were given.
        settings: Those of the selected LSTM; None for other families.
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
    """Estimate the frequency of labels by Laplace's rule of succession, so that none is 0 or 1.

    Networks for several labels per text are initialized with these log-odds, so that the first
    updates need not learn that most labels are rare (Lin et al. 2017, "Focal loss for dense object
    detection").

    Args:
        targets: Numbers from 0 to 1 [n, labels].
        weights: The weight of each text [n], or of each of its labels [n, labels]; None for 1.

    Returns:
        float64 [labels], the logarithms of (k + 1) / (n - k + 1), for k of n texts.
    """
    counts = np.ones(len(targets)) if weights is None else weights.astype(np.float64)
    borne = counts @ targets if counts.ndim == 1 else (counts * targets).sum(axis=0)
    return np.asarray(np.log((borne + 1.0) / (counts.sum(axis=0) - borne + 1.0)))


def validation_scores(
    log_proba: NDArray[np.float64], targets: NDArray[np.int64]
) -> tuple[float, float]:
    """Score predictions, to select among fits.

    Args:
        log_proba: float64 [n, classes], natural logarithms of the probabilities.
        targets: int64 [n], or [n, labels] of 0 and 1.

    Returns:
        The accuracy, and the mean log loss in nats. With several labels per text, a text is correct
        if all of its labels are, at a threshold of 0.5; the log loss is the mean over texts and
        labels.
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
    """List everything that determines the result of a fit, to be stored in its checkpoint.

    `others` are, by name, the family and digests of word vectors, words and weights.
    """
    return {
        "data": "".join(dataset.digest() for dataset in datasets),
        "labels": f"{n_classes}, several per text" if datasets[0].multilabel else str(n_classes),
        **others,
        "seed": str(seed),
        "settings that were set": " ".join(sorted(settings.set_by_user)) or "none",
        **{name: str(value) for name, value in settings.flat().items()},
    }
