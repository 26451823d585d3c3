"""Weights to begin with, drawn in numpy so that they are the same on every device."""

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float32]


def glorot_uniform(rng: np.random.Generator, rows: int, columns: int) -> Floats:
    """Draw float32 [rows, columns] (Glorot & Bengio 2010)."""
    limit = np.sqrt(6.0 / (rows + columns))
    return rng.uniform(-limit, limit, (rows, columns)).astype(np.float32)


def orthogonal(rng: np.random.Generator, rows: int, columns: int) -> Floats:
    """Draw float32 [rows, columns], rows >= columns, of orthonormal columns (Saxe et al. 2014)."""
    basis, triangle = np.linalg.qr(rng.normal(size=(rows, columns)))
    return (basis * np.sign(np.diag(triangle))).astype(np.float32)


def forget_gate_bias(hidden: int) -> Floats:
    """Give float32 [4 * hidden], 1 for the forget gate, else 0 (Jozefowicz et al. 2015)."""
    bias = np.zeros(4 * hidden, np.float32)
    bias[hidden : 2 * hidden] = 1.0
    return bias


def word_vectors(rng: np.random.Generator, words: int, size: int, scale: float) -> Floats:
    """Draw float32 [words, size] from a normal distribution; row 0, the padding, is zeros."""
    vectors = rng.normal(0.0, scale, (words, size)).astype(np.float32)
    vectors[0] = 0.0
    return vectors
