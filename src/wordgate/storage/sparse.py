"""Sparse matrices that may be larger than memory."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from wordgate.storage.arrays import GrowingArray

if TYPE_CHECKING:
    from scipy.sparse import csr_matrix

ROWS_AT_ONCE = 5_000
"""Number of rows that are computed at a time, which limits the memory."""


def stack_rows(
    matrices: Iterable[csr_matrix], width: int, dtype: type[np.floating[Any]]
) -> csr_matrix:
    """Stack matrices with `width` columns each; large results are in temporary files.

    Raises:
        DataError: A temporary file cannot be written.
    """
    from scipy.sparse import csr_matrix

    values, columns = GrowingArray(dtype), GrowingArray(np.int32)
    lengths = [np.zeros(1, np.int64)]
    for matrix in matrices:
        values.append(matrix.data)
        columns.append(matrix.indices)
        lengths.append(np.diff(matrix.indptr))
    starts = np.cumsum(np.concatenate(lengths))
    return csr_matrix((values.array(), columns.array(), starts), (len(starts) - 1, width))


def select_rows(matrix: csr_matrix, rows: NDArray[np.int64]) -> csr_matrix:
    """Select rows, int64 [m], of a matrix, in this order; as in `stack_rows`."""
    parts = (matrix[part] for part in np.split(rows, range(ROWS_AT_ONCE, len(rows), ROWS_AT_ONCE)))
    return stack_rows(parts, matrix.shape[1], matrix.dtype.type)


def multiply(left: csr_matrix, right: csr_matrix) -> csr_matrix:
    """Multiply matrices, [m, k] and [k, n]; as in `stack_rows`."""
    starts = range(0, left.shape[0], ROWS_AT_ONCE)
    parts = (left[start : start + ROWS_AT_ONCE] @ right for start in starts)
    return stack_rows(parts, right.shape[1], right.dtype.type)
