"""Random streams: each drawn from the run's seed, a name and a position, never from a global one.

So a run can be taken up at any update, and changing one use of chance moves no other.
"""

import zlib

import numpy as np
from numpy.typing import NDArray


def stream(seed: int, name: str, *position: int) -> np.random.Generator:
    """Open the random stream of one use of chance.

    Args:
        seed: The run's seed, 0 or more.
        name: What the chance is for, such as "dropout".
        position: Where in the run, such as epoch and update.
    """
    return np.random.default_rng([seed, zlib.crc32(name.encode()), *position])


def dropout_mask(
    rng: np.random.Generator, shape: tuple[int, ...], rate: float
) -> NDArray[np.float32]:
    """Draw an inverted dropout mask: 0 with probability `rate`, else 1 / (1 - rate).

    Source: Srivastava et al. 2014, scaled at training time so that prediction needs none.
    """
    kept = rng.random(shape, dtype=np.float32) >= rate
    return kept.astype(np.float32) / np.float32(1.0 - rate)
