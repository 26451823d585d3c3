"""What an LSTM's reading can be computed by, to be chosen by name."""

from collections.abc import Sequence
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from wordgate.errors import SettingsError, did_you_mean
from wordgate.models.reader import Reader
from wordgate.runtime.packages import require_extra

Floats = NDArray[np.float32]
NUMPY = "numpy"
KERNELS = (NUMPY, "numba", "numba-int8")


class AnyReader(Protocol):
    """One LSTM direction that reads batches; `Reader` tells of the arguments."""

    def prepare(self, ids: NDArray[np.integer]) -> None:
        """Get ready for the words that will be read."""

    def pooled(
        self, ids: NDArray[np.int64], lengths: NDArray[np.int64], pooling: Sequence[str]
    ) -> list[Floats]:
        """Read a batch and pool its states."""


def check_kernel(kernel: str) -> None:
    """See that a kernel is known and installed.

    Raises:
        SettingsError: There is no such kernel.
        MissingExtraError: It needs numba, which is not installed.
    """
    if kernel not in KERNELS:
        raise SettingsError(f"no kernel '{kernel}'{did_you_mean(kernel, KERNELS)}")
    if kernel != NUMPY:
        require_extra("numba", f"kernel '{kernel}'")


def make_reader(
    kernel: str, embedding: Floats, input_weights: Floats, hidden_weights: Floats, bias: Floats
) -> AnyReader:
    """Make the reader of one direction; its arrays are those of `Reader`.

    Raises:
        SettingsError: There is no such kernel, or the processor lacks what it needs.
        MissingExtraError: It needs numba, which is not installed.
    """
    check_kernel(kernel)
    if kernel == NUMPY:
        return Reader(embedding, input_weights, hidden_weights, bias)
    from wordgate.models.compiled_reader import CompiledReader, step_for

    return CompiledReader(embedding, input_weights, hidden_weights, bias, step_for(kernel))
