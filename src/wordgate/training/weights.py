"""Weights of labels in the loss.

Shapes: ``n`` texts, ``classes`` labels.
"""

import numpy as np
from numpy.typing import NDArray

from wordgate.training.fitting import FitData

LARGEST_POSITIVE_WEIGHT = 100.0
"""Of the texts that bear one of several labels: more would leave updates to a text or two."""
_MODERATE = 0.25


def class_weights(kind: str, data: FitData) -> NDArray[np.float64] | None:
    """Weigh labels by how rare they are.

    With one label a text, ``balanced`` weighs a label by n / (classes * its texts), as scikit-learn
    does, so that all labels weigh the same together. With several, it weighs the texts that bear a
    label by how many there are without it for each of them, at most `LARGEST_POSITIVE_WEIGHT`.
    ``moderate`` takes the fourth root of these weights.

    Args:
        kind: ``none``, ``moderate`` or ``balanced``.
        data: The training texts.

    Returns:
        float64 [classes]; None where all weigh the same.
    """
    if kind == "none":
        return None
    targets, n_texts = data.train.targets, len(data.train)
    if data.multilabel:
        borne = targets.sum(axis=0)
        weights = (n_texts - borne) / np.maximum(borne, 1)
        weights = np.clip(weights, 1.0 / LARGEST_POSITIVE_WEIGHT, LARGEST_POSITIVE_WEIGHT)
    else:
        counts = np.maximum(np.bincount(targets, minlength=data.n_classes), 1)
        weights = n_texts / (data.n_classes * counts)
    return np.asarray(weights**_MODERATE if kind == "moderate" else weights)
