"""Input and result of fitting, the same for every family."""

import math
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from wordgate.data.dataset import Dataset
from wordgate.errors import DataError
from wordgate.evaluation.metrics import Epoch
from wordgate.models.base import Model
from wordgate.runtime.progress import Progress
from wordgate.settings import Settings
from wordgate.text.encoder import EncodedTexts
from wordgate.vectors.lookup import VocabularyCoverage
from wordgate.vectors.pretrained import PretrainedVectors

TIME_LIMIT = "The time limit "
"""Begins every remark on what the time limit cut short, and so made no end of its own."""


@dataclass(frozen=True)
class CheckpointConfig:
    """Where a training is kept against an interruption.

    Attributes:
        file: The checkpoint.
        resume: Whether to go on from it.
    """

    file: Path
    resume: bool = False


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
    def n_classes(self) -> int:
        """Count the labels."""
        return len(self.labels)

    @property
    def parts(self) -> list[Dataset]:
        """All data sets that have a part in the model."""
        more = [] if self.vocabulary_of is None else [self.vocabulary_of]
        return [self.train, self.valid, *more]

    def check_not_empty(self, model: str, choice: str) -> None:
        """Refuse to fit on nothing, and to choose by nothing.

        Args:
            model: What is fitted, as in "an LSTM".
            choice: What is chosen, as in "the best epoch".

        Raises:
            DataError: There are no texts.
        """
        if not len(self.train):
            raise DataError(f"there are no texts to fit {model} on")
        if not len(self.valid):
            raise DataError(f"there are no validation texts to choose {choice} by")


@dataclass(frozen=True)
class EncodedData:
    """The texts of `FitData` as ids.

    Attributes:
        train: The training texts.
        valid: The validation texts.
        source: The texts as they were, with their targets and groups.
        unknown: The id of the unknown word; None where unknown words have none.
    """

    train: EncodedTexts
    valid: EncodedTexts
    source: FitData
    unknown: int | None = None


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
    """

    seed: int
    progress: Progress
    device: str = "auto"
    threads: int | None = None
    deadline: float = math.inf
    checkpoint: CheckpointConfig | None = None
    predicted_after: int = 0
    started: float = field(default_factory=time.monotonic)


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


def run_config(
    datasets: Sequence[Dataset],
    n_classes: int,
    settings: Settings,
    seed: int,
    others: Mapping[str, str],
) -> dict[str, str]:
    """Name all that decides what a fit comes to, to be kept with it.

    Args:
        datasets: All texts that have a part in it.
        n_classes: How many labels there are.
        settings: The recipe's settings.
        seed: The run's seed.
        others: What else decides it, by name: the family, digests of word vectors, words, weights.
    """
    return {
        "data": "".join(dataset.digest() for dataset in datasets),
        "labels": str(n_classes),
        **others,
        "seed": str(seed),
        "settings that were set": " ".join(sorted(settings.set_by_user)) or "none",
        **{name: str(value) for name, value in settings.flat().items()},
    }
