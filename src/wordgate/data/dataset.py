"""A data set: texts with their targets."""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Targets = NDArray[np.int64] | NDArray[np.float32]
"""What texts should be given: int64 [n], one label each; or float32 [n, classes], probabilities."""


@dataclass(frozen=True)
class Dataset:
    """Texts with their targets: what a model is fitted on, or tested on.

    Attributes:
        texts: One string each.
        targets: int64 [n], each the number of a label; or int64 [n, labels] of 0 and 1, where a
            text may have several labels, or none.
        groups: One group each, or None: each text is its own.
        soft_targets: float32 [n, classes], the probabilities to learn in place of `targets`, as a
            teacher gives them; None to learn the targets themselves.
        weights: float32 [n], how much each text counts in a loss, of 0 and more; None if all count
            the same. Validation and evaluation count every text once.
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
        """Whether a text may have several labels."""
        return self.targets.ndim == 2

    @property
    def to_learn(self) -> Targets:
        """What a network learns: probabilities if there are some, else the targets."""
        if self.soft_targets is not None:
            return self.soft_targets
        return self.targets.astype(np.float32) if self.multilabel else self.targets

    def digest(self) -> str:
        """Give a SHA-256 that other texts, targets or groups, or another order, would change."""
        content = hashlib.sha256(self.targets.tobytes())
        for column in (self.texts, self.groups or ()):
            lengths = np.fromiter(map(len, column), np.int64)
            content.update(lengths.tobytes() + "".join(column).encode(errors="surrogatepass"))
        if self.soft_targets is not None:
            content.update(self.soft_targets.tobytes())
        if self.weights is not None:
            content.update(b"weights" + self.weights.tobytes())
        return content.hexdigest()

    def part(self, rows: NDArray[np.int64]) -> "Dataset":
        """Take the rows at int64 [m] positions, in their order."""
        chosen = rows.tolist()
        return Dataset(
            texts=[self.texts[row] for row in chosen],
            targets=self.targets[rows],
            groups=None if self.groups is None else [self.groups[row] for row in chosen],
            soft_targets=None if self.soft_targets is None else self.soft_targets[rows],
            weights=None if self.weights is None else self.weights[rows],
        )
