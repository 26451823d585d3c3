"""The choice between a strongly and a lightly regularised LSTM, by the validation texts.

What generalises best differs between data sets: few or repeated texts want a small network whose
word vectors move slowly, many different texts or many labels a larger and faster one.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from wordgate.models.network import Network
from wordgate.settings import Settings
from wordgate.training.fitting import Epoch
from wordgate.training.noise import stream

RESAMPLES = 200
"""Draws of the bootstrap: enough for a standard error, if not for the ends of an interval."""


@dataclass(frozen=True)
class Candidate:
    """What the training of a candidate came to.

    Attributes:
        history: Its epochs.
        best_epoch: The number of the best one, from 1.
        network: The network after it.
    """

    history: list[Epoch]
    best_epoch: int
    network: Network


@dataclass(frozen=True)
class Comparison:
    """How a candidate does on the validation texts, compared with the one before it.

    Attributes:
        first: The score of the one before.
        second: The candidate's own.
        error: The standard error of the difference.
    """

    first: float
    second: float
    error: float

    @property
    def second_is_better(self) -> bool:
        """Whether it is better by more than chance explains (Breiman et al. 1984, section 3.4.3).

        By the one-standard-error rule the first, which is smaller and more regularised, is kept as
        long as the second is not better by more than one standard error.
        """
        return self.second - self.first > self.error

    def sentence(self, first: Settings, second: Settings) -> str:
        """Say which one is kept, and why."""
        which = "lightly" if self.second_is_better else "strongly"
        kept = second if self.second_is_better else first
        return (
            f"Kept the {which} regularised candidate (hidden_size={kept.hidden_size},"
            f" word_dropout={kept.word_dropout:g}): validation scores {self.first:.3f} (strongly)"
            f" and {self.second:.3f} (lightly), standard error of the difference"
            f" {self.error:.3f}."
        )


def lstm_candidates(settings: Settings) -> list[Settings]:
    """Give the settings of each LSTM to train, the most regularised first."""
    alone = settings.model_copy(update={"lighter_candidate": False})
    return [alone, alone.lighter()] if settings.lighter_candidate else [alone]


def compare_candidates(
    first: NDArray[np.int64],
    second: NDArray[np.int64],
    targets: NDArray[np.int64],
    groups: Sequence[str] | None,
    n_classes: int,
    epoch_score: str,
    seed: int,
) -> Comparison:
    """Compare two candidates by their answers to the same texts; the error resamples groups.

    Args:
        first: int64 [n], the labels that the first one gives.
        second: int64 [n], those of the second.
        targets: int64 [n], the true ones.
        groups: The texts' groups; None where each text is its own.
        n_classes: How many labels there are.
        epoch_score: ``accuracy``, or ``accuracy+macro-f1`` for the mean of both.
        seed: The run's seed.
    """
    everything = np.ones(len(targets))
    scores = [
        _score(answers, targets, everything, n_classes, epoch_score) for answers in (first, second)
    ]
    numbers = np.arange(len(targets))
    if groups is not None:
        numbers = np.unique(np.asarray(groups, dtype=str), return_inverse=True)[1]
    n_groups = int(numbers.max()) + 1
    chance = stream(seed, "choice of a candidate")
    differences = []
    for _ in range(RESAMPLES):
        drawn = np.bincount(chance.integers(n_groups, size=n_groups), minlength=n_groups)
        weights = drawn[numbers].astype(np.float64)
        if weights.any():
            one, other = (
                _score(answers, targets, weights, n_classes, epoch_score)
                for answers in (first, second)
            )
            differences.append(other - one)
    return Comparison(scores[0], scores[1], float(np.std(differences)))


def _score(
    answers: NDArray[np.int64],
    targets: NDArray[np.int64],
    weights: NDArray[np.float64],
    n_classes: int,
    epoch_score: str,
) -> float:
    """Score answers, each text counting by its weight, float64 [n]."""
    right = weights * (answers == targets)
    accuracy = float(right.sum() / weights.sum())
    if epoch_score == "accuracy":
        return accuracy
    hits, support, given = (
        np.bincount(numbers, each, n_classes)
        for numbers, each in ((targets, right), (targets, weights), (answers, weights))
    )
    f1 = 2.0 * hits / np.maximum(support + given, 1.0)
    return (accuracy + float(f1[support > 0].mean())) / 2.0
