"""Knowledge distillation: the texts that a teacher labels, and its predictions for them.

A student learns a teacher's probabilities as well as the labels (Hinton, Vinyals and Dean 2015,
"Distilling the knowledge in a neural network", arXiv 1503.02531). The texts it learns on, the
transfer set, are the training texts, texts without labels, and variations of both (Tang et al.
2019, "Distilling task-specific knowledge from BERT into simple neural networks", arXiv 1903.12136).
"""

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from wordgate.data.dataset import Dataset
from wordgate.settings import Settings
from wordgate.text.augmentation import Augmenter
from wordgate.training.fitting import RunContext
from wordgate.training.rng import rng_for

_AT_ONCE = 2048  # number of texts that are predicted between two checks of the deadline


class Teacher(Protocol):
    """A classifier that a student learns from."""

    @property
    def name(self) -> str:
        """The name that the user gave."""

    def log_proba(self, texts: Sequence[str]) -> NDArray[np.float64]:
        """Compute log-probabilities, float64 [n, classes]."""


@dataclass(frozen=True)
class TransferSet:
    """The texts that a teacher is to label: n in all.

    Attributes:
        texts: The training texts, then those without labels, then variations of either.
        groups: The group of each text; a variation has that of the text it was made of.
        n_labelled: How many of them are training texts.
        n_unlabelled: How many of them came without a label.
        order: int64 [n], the order of labeling: the training texts first, each kind shuffled.
    """

    texts: list[str]
    groups: list[str]
    n_labelled: int
    n_unlabelled: int
    order: NDArray[np.int64]

    @classmethod
    def of(
        cls,
        train: Dataset,
        unlabelled: Sequence[str],
        augmenter: Augmenter,
        settings: Settings,
        seed: int,
    ) -> "TransferSet":
        """Combine training texts, others and variations, at most `teacher.texts` in all.

        Of each text there are `teacher.variations` at most.
        """
        room = max(0, settings.teacher.texts - len(train.texts))
        rng = rng_for(seed, "transfer set")
        chosen = np.sort(rng.permutation(len(unlabelled))[:room]).tolist()
        texts = [*train.texts, *(unlabelled[i] for i in chosen)]
        groups = [
            *(train.groups or (f"text {i}" for i in range(len(train.texts)))),
            *(f"unlabelled {i}" for i in chosen),
        ]
        n_own = len(texts)
        n_varied = max(0, settings.teacher.texts - n_own)
        n_varied = min(n_varied, settings.teacher.variations * n_own)
        for source, text in augmenter.variations(texts[:n_own], n_varied, rng):
            texts.append(text)
            groups.append(groups[source])
        n_labelled = len(train.texts)
        kinds = np.split(np.arange(len(texts)), [n_labelled, n_own])
        order = np.concatenate([rng.permutation(kind) for kind in kinds])
        return cls(texts, groups, n_labelled, n_own - n_labelled, order)

    def __len__(self) -> int:
        """The number of texts."""
        return len(self.texts)

    @property
    def n_own(self) -> int:
        """Count the texts that are no variations."""
        return self.n_labelled + self.n_unlabelled

    def dataset(
        self,
        train: Dataset,
        log_proba: NDArray[np.float32],
        weight: float,
        class_weights: NDArray[np.float64] | None = None,
    ) -> Dataset:
        """Return the training texts of a student, with their targets.

        Class weights apply only to the labels' part of a target: the teacher's probabilities
        already reflect the weights with which it was trained. So a higher weight of a label
        increases its part in the target of a training text, and the weight of the text.

        Args:
            train: The training texts, as the set was made of them.
            log_proba: float32 [n, classes], the teacher's predictions; NaN where it made none.
            weight: The share of the teacher's probabilities in the target of a training text; its
                label has the rest, or its labels.
            class_weights: float64 [classes], the weights of the labels; None if all are 1.

        Returns:
            All texts that have a target: a training text without a prediction has that of its
            label; another is left out.
        """
        asked = answered(log_proba)
        soft = np.where(asked[:, None], np.exp(log_proba), 0.0).astype(np.float32)
        if train.multilabel:
            labels = train.targets.astype(np.float32)
        else:
            labels = np.eye(soft.shape[1], dtype=np.float32)[train.targets]
        n = self.n_labelled
        totals: NDArray[np.floating[Any]] = np.ones((n, 1), np.float32)
        shares = weight * asked[:n, None].astype(np.float32)
        of_labels = (1.0 - shares) * labels
        mixed = shares * soft[:n] + of_labels
        if class_weights is not None:
            added = of_labels * (class_weights.astype(np.float32) - 1.0)
            mixed += added
            totals = 1.0 + (added if train.multilabel else added.sum(axis=1, keepdims=True))
        soft[:n] = mixed / totals
        asked[:n] = True
        rows = np.flatnonzero(asked)
        targets = (soft >= 0.5).astype(np.int64) if train.multilabel else soft.argmax(axis=1)
        targets[:n] = train.targets
        weights = None
        if train.weights is not None or class_weights is not None:
            of_texts = np.ones(n, np.float32) if train.weights is None else train.weights
            # Other texts count as much as a training text does on average.
            weights = np.full((len(soft), totals.shape[1]), of_texts.mean(), np.float32)
            weights[:n] = of_texts[:, None] * totals
            weights = weights if weights.shape[1] > 1 else weights[:, 0]
        return Dataset(self.texts, targets, self.groups, soft, weights).part(rows)


def answered(log_proba: NDArray[np.float32]) -> NDArray[np.bool_]:
    """Return which texts a teacher has labeled, bool [n]; predictions float32 [n, classes]."""
    return np.asarray(np.isfinite(log_proba).all(axis=1))


def ask(
    teacher: Teacher,
    texts: Sequence[str],
    order: NDArray[np.int64],
    answers: NDArray[np.float32],
    context: RunContext,
    keep: Callable[[], None] = lambda: None,
) -> None:
    """Let a teacher predict all texts that have no prediction yet, until the deadline.

    Args:
        teacher: The teacher.
        texts: The texts.
        order: int64 [n], the order of the texts.
        answers: float32 [n, classes], log-probabilities; NaN for a text to be predicted, which is
            replaced.
        context: Progress and deadline.
        keep: Called after every block of texts.
    """
    left = order[~answered(answers[order])]
    blocks = [left[i : i + _AT_ONCE] for i in range(0, len(left), _AT_ONCE)]
    done = len(order) - len(left)
    with context.progress.bar(len(blocks)) as bar:
        for rows in blocks:
            if time.monotonic() >= context.deadline:
                return
            answers[rows] = teacher.log_proba([texts[row] for row in rows.tolist()])
            done += len(rows)
            bar.advance(f"the teacher labels: {done:,} of {len(order):,} texts")
            keep()
