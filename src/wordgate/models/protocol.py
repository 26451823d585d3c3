"""What every family of classifiers offers: probabilities of texts, and a state to keep."""

from collections.abc import Mapping, Sequence
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

Arrays = Mapping[str, NDArray[Any]]
Description = Mapping[str, Any]


class Model(Protocol):
    """A fitted classifier over texts; which labels its columns mean is the bundle's to know."""

    @property
    def family(self) -> str:
        """Name the family."""

    @property
    def n_threads(self) -> int:
        """Count the threads it predicts in."""

    def log_proba(self, texts: Sequence[str]) -> NDArray[np.float64]:
        """Compute log-probabilities, float64 [n, classes]."""

    def state(self) -> tuple[Description, Arrays]:
        """Give all that a model is: what JSON can say, and its arrays."""
