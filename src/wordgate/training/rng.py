"""Random generators: each made from the run's seed, a name and a position; none is global.

So a run can be resumed at any update, and changing one use of randomness moves no other.
"""

import zlib

import numpy as np
from numpy.typing import NDArray


def rng_for(seed: int, name: str, *position: int) -> np.random.Generator:
    """Make the random generator of one purpose.

    Args:
        seed: The run's seed, 0 or more.
        name: What is drawn, such as "dropout".
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
