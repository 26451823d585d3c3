"""A data set: texts with their targets."""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from wordgate.storage.strings import select

Targets = NDArray[np.int64] | NDArray[np.float32]
"""What texts should be given: int64 [n], one label each; int64 [n, labels] of 0 and 1, several; or
float32 [n, classes], probabilities."""
_HASHED_AT_ONCE = 4096


@dataclass(frozen=True)
class Dataset:
    """Texts with their targets: what a model is fitted on, or tested on.

    Attributes:
        texts: One string each.
        targets: int64 [n], each the number of a label; or int64 [n, labels], 1 for each label that
            a text has, and 0 for each other, where it may have several.
        groups: One group each, or None: each text is its own.
        soft_targets: float32 [n, classes], the probabilities to learn in place of `targets`, as a
            teacher gives them; None to learn the targets themselves.
        weights: float32 [n], how much each text counts in a loss, of 0 and more; or float32
            [n, labels], each of its labels, with probabilities of several; None if all count the
            same. Validation and evaluation count every text once.
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
        """Whether a text may have several labels, or none."""
        return self.targets.ndim == 2

    @property
    def to_learn(self) -> Targets:
        """The targets of a network: probabilities if there are some, else the labels."""
        if self.soft_targets is not None:
            return self.soft_targets
        return self.targets.astype(np.float32) if self.multilabel else self.targets

    def digest(self) -> str:
        """Return a SHA-256 that other texts, targets or groups, or another order, would change."""
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
        """Take the rows at int64 [m] positions, in their order."""
        return Dataset(
            texts=select(self.texts, rows),
            targets=self.targets[rows],
            groups=None if self.groups is None else select(self.groups, rows),
            soft_targets=None if self.soft_targets is None else self.soft_targets[rows],
            weights=None if self.weights is None else self.weights[rows],
        )


def indicator_matrix(sets: Sequence[tuple[str, ...]], labels: Sequence[str]) -> NDArray[np.int64]:
    """Mark the labels of each text, int64 [n, labels] of 0 and 1, in the order of `labels`."""
    numbers = {label: number for number, label in enumerate(labels)}
    targets = np.zeros((len(sets), len(labels)), np.int64)
    for row, one in zip(targets, sets, strict=True):
        row[[numbers[label] for label in one]] = 1
    return targets


def label_counts(targets: NDArray[np.int64], n_labels: int) -> NDArray[np.int64]:
    """Count the texts that have each label, int64 [labels], by targets of either form."""
    if targets.ndim == 2:
        return np.asarray(targets.sum(axis=0))
    return np.bincount(targets, minlength=n_labels)


def labels_of(
    targets: NDArray[np.int64], labels: Sequence[str]
) -> list[str] | list[tuple[str, ...]]:
    """Name the label of each text, or its labels where it may have several."""
    if targets.ndim == 1:
        return [labels[target] for target in targets.tolist()]
    return [tuple(labels[number] for number in np.flatnonzero(row).tolist()) for row in targets]
