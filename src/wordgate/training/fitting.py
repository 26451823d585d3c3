"""What fitting takes and gives, the same for every family."""

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from wordgate.errors import DataError
from wordgate.evaluation.metrics import Epoch
from wordgate.models.base import Model
from wordgate.settings import Settings
from wordgate.text.encoder import EncodedTexts
from wordgate.vectors.lookup import VocabularyCoverage

Targets = NDArray[np.int64] | NDArray[np.float32]
"""What texts should be given: int64 [n], one label each; or float32 [n, classes], probabilities."""


TIME_LIMIT = "The time limit "
"""Begins every remark on what the time limit cut short, and so made no end of its own."""


@dataclass(frozen=True)
class Examples:
    """Texts with their targets.

    Attributes:
        texts: One string each.
        targets: int64 [n], each the number of a label.
        groups: One group each, or None: each text is its own.
        soft_targets: float32 [n, classes], the probabilities to learn in place of `targets`, as a
            teacher gives them; None to learn the targets themselves.
    """

    texts: Sequence[str]
    targets: NDArray[np.int64]
    groups: Sequence[str] | None
    soft_targets: NDArray[np.float32] | None = None

    @property
    def to_learn(self) -> Targets:
        """What a network learns: probabilities if there are some, else the targets."""
        return self.targets if self.soft_targets is None else self.soft_targets

    def digest(self) -> str:
        """Give a SHA-256 that other texts, targets or groups, or another order, would change."""
        content = hashlib.sha256(self.targets.tobytes())
        for column in (self.texts, self.groups or ()):
            lengths = np.fromiter(map(len, column), np.int64)
            content.update(lengths.tobytes() + "".join(column).encode(errors="surrogatepass"))
        if self.soft_targets is not None:
            content.update(self.soft_targets.tobytes())
        return content.hexdigest()

    def part(self, rows: NDArray[np.int64]) -> "Examples":
        """Take the examples at int64 [m] positions, in their order."""
        chosen = rows.tolist()
        return Examples(
            texts=[self.texts[row] for row in chosen],
            targets=self.targets[rows],
            groups=None if self.groups is None else [self.groups[row] for row in chosen],
            soft_targets=None if self.soft_targets is None else self.soft_targets[rows],
        )


@dataclass(frozen=True)
class EncodedData:
    """Training and validation texts as ids.

    Attributes:
        train: The training texts.
        valid: The validation texts.
        examples: The training texts as they were, with their targets and groups.
    """

    train: EncodedTexts
    valid: EncodedTexts
    examples: Examples


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
class Fitted:
    """A fitted model and how it got there.

    Attributes:
        model: The model, as it was after its best epoch.
        history: The epochs; none for a family that has no epochs.
        best_epoch: The number of the best one, from 1; 0 without epochs.
        remarks: What a user should know: truncation, an early end.
        earlier_seconds: What fitting had taken before it was interrupted and resumed.
        engine: What computed: device, precision, threads, processor, versions.
        coverage: How many words had a pretrained vector; None if none were given.
        settings: Those of the LSTM that was chosen; None for other families, which have no choice.
    """

    model: Model
    history: Sequence[Epoch] = ()
    best_epoch: int = 0
    remarks: Sequence[str] = ()
    earlier_seconds: float = 0.0
    engine: Mapping[str, str] = field(default_factory=dict)
    coverage: VocabularyCoverage | None = None
    settings: Settings | None = None


def check_not_empty(train: Examples, valid: Examples, model: str, choice: str) -> None:
    """Refuse to fit on nothing, and to choose by nothing.

    Args:
        train: What a model is fitted on.
        valid: What chooses.
        model: What is fitted, as in "an LSTM".
        choice: What is chosen, as in "the best epoch".

    Raises:
        DataError: There are no texts.
    """
    if not len(train.texts):
        raise DataError(f"there are no texts to fit {model} on")
    if not len(valid.texts):
        raise DataError(f"there are no validation texts to choose {choice} by")


def run_config(
    family: str,
    parts: Sequence[Examples],
    n_classes: int,
    settings: Settings,
    seed: int,
    digests: Mapping[str, str],
) -> dict[str, str]:
    """Name all that decides what a training comes to, for its checkpoint.

    Args:
        family: The family of the model.
        parts: All texts that have a part in it.
        n_classes: How many labels there are.
        settings: The recipe's settings.
        seed: The run's seed.
        digests: What else decides it, by name: digests of word vectors, words, weights.
    """
    return {
        "family": family,
        "data": "".join(part.digest() for part in parts),
        "labels": str(n_classes),
        **digests,
        "seed": str(seed),
        **{name: str(value) for name, value in settings.flat().items()},
    }
