"""What a model says of a batch's texts."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from wordgate.prediction.predictor import Predictor
from wordgate.scoring.batch import Batch

ABSTAINED = -1


@dataclass(frozen=True)
class Answers:
    """Answers on the records of a batch that can be scored, in order.

    Attributes:
        labels: The most probable label's place among the model's labels; `ABSTAINED` where it is
            not probable enough.
        proba: float64 [n, classes].
    """

    labels: list[int]
    proba: NDArray[np.float64]

    def __len__(self) -> int:
        return len(self.labels)

    def with_top(self) -> NDArray[np.float64]:
        """Give each text's highest probability, then all: float64 [n, 1 + classes]."""
        top = self.proba.max(axis=1, initial=0.0, keepdims=True)
        return np.concatenate([top, self.proba], axis=1)

    @property
    def abstained(self) -> int:
        """How many texts have no label."""
        return self.labels.count(ABSTAINED)


def answers(predictor: Predictor, batch: Batch, abstain_below: float) -> Answers:
    """Ask a model for all texts of a batch.

    Args:
        predictor: The model.
        batch: The batch.
        abstain_below: Give no label where the most probable one is less probable than this.
    """
    if not batch.texts:
        return Answers([], np.empty((0, len(predictor.labels))))
    proba = predictor.predict_proba(batch.texts)
    labels = proba.argmax(axis=1)
    labels[proba.max(axis=1) < abstain_below] = ABSTAINED
    return Answers(labels.tolist(), proba)
