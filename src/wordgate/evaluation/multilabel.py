"""Several labels a text: what each label's probability by itself takes."""

import numpy as np
from numpy.typing import NDArray

_LEAST = np.finfo(np.float64).tiny


def log_complement(log_proba: NDArray[np.float64]) -> NDArray[np.float64]:
    """Give log(1 - p) of log p, exact where p is tiny or nearly 1.

    Args:
        log_proba: float64 of any shape, natural logarithms of probabilities.

    Returns:
        float64 of the same shape, -708 at least.
    """
    return np.asarray(np.log(np.maximum(-np.expm1(log_proba), _LEAST)))
