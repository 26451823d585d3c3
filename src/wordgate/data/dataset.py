"""A data set: texts with their targets."""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import chain
from typing import cast

import numpy as np
from numpy.typing import NDArray

from wordgate.storage.arrays import row_indices
from wordgate.storage.strings import select

Targets = NDArray[np.int64] | NDArray[np.float32]
"""Targets of training: int64 [n], the index of each text's label; int64 [n, labels] of 0 and 1, for
several labels per text; or float32 [n, classes], probabilities."""
_HASHED_AT_ONCE = 4096


@dataclass(frozen=True)
class Dataset:
    """Texts with their targets, to fit or test a model on.

    Attributes:
        texts: The n texts.
        targets: int64 [n], the index of each text's label; or int64 [n, labels] of 0 and 1, if a
            text can have several labels.
        groups: The group of each text; None if each text is its own group.
        soft_targets: float32 [n, classes], a teacher's probabilities, which are learned in place of
            `targets`; None to learn the targets.
        weights: float32 [n], the weight of each text in the loss, 0 or more; or float32
            [n, labels], that of each label of a text, with soft targets of several labels; None for
            equal weights. Validation and evaluation count every text once.
    """

    texts: Sequence[str]
    targets: NDArray[np.int64]
    groups: Sequence[str] | None = None
    soft_targets: NDArray[np.float32] | None = None
    weights: NDArray[np.float32] | None = None

    def __len__(self) -> int:
        return len(self.texts)

    @property
    def multilabel(self) -> bool:
        """Whether a text can have several labels, or none."""
        return self.targets.ndim == 2

    @property
    def to_learn(self) -> Targets:
        """The targets of a network: the soft targets if there are any, else the labels."""
        if self.soft_targets is not None:
            return self.soft_targets
        return self.targets.astype(np.float32) if self.multilabel else self.targets

    def digest(self) -> str:
        """Return a SHA-256 of texts, targets, groups and weights, in their order."""
        content = hashlib.sha256(self.targets.tobytes())
        for column in (self.texts, self.groups or ()):
            lengths = np.fromiter(map(len, column), np.int64)
            content.update(lengths.tobytes())
            for start in range(0, len(column), _HASHED_AT_ONCE):
                part = "".join(column[start : start + _HASHED_AT_ONCE])
                content.update(part.encode(errors="surrogatepass"))
        if self.soft_targets is not None:
            content.update(self.soft_targets.tobytes())
        if self.weights is not None:
            content.update(b"weights" + self.weights.tobytes())
        return content.hexdigest()

    def part(self, rows: NDArray[np.int64]) -> "Dataset":
        """Select the rows at positions, int64 [m], in this order."""
        return Dataset(
            texts=select(self.texts, rows),
            targets=self.targets[rows],
            groups=None if self.groups is None else select(self.groups, rows),
            soft_targets=None if self.soft_targets is None else self.soft_targets[rows],
            weights=None if self.weights is None else self.weights[rows],
        )


def encode_labels(
    rows: Sequence[str] | Sequence[tuple[str, ...]], labels: Sequence[str]
) -> NDArray[np.int64]:
    """Return the targets of a `Dataset` for the label of each text, or a tuple of its labels."""
    index = {label: i for i, label in enumerate(labels)}
    if not rows or isinstance(rows[0], str):
        return np.fromiter(
            (index[label] for label in cast(Sequence[str], rows)), np.int64, len(rows)
        )
    targets = np.zeros((len(rows), len(labels)), np.int64)
    columns = [index[label] for label in chain.from_iterable(rows)]
    targets[row_indices(np.fromiter(map(len, rows), np.int64, len(rows))), columns] = 1
    return targets


def label_counts(targets: NDArray[np.int64], n_labels: int) -> NDArray[np.int64]:
    """Count the texts with each label, int64 [labels]; `targets` are those of a `Dataset`."""
    if targets.ndim == 2:
        return np.asarray(targets.sum(axis=0))
    return np.bincount(targets, minlength=n_labels)


def labels_of(
    targets: NDArray[np.int64], labels: Sequence[str]
) -> list[str] | list[tuple[str, ...]]:
    """Return the label of each text, or its labels if it can have several."""
    if targets.ndim == 1:
        return [labels[target] for target in targets.tolist()]
    return [tuple(labels[i] for i in np.flatnonzero(row).tolist()) for row in targets]
