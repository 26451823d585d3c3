"""Sparse matrices that outgrow memory."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

import numpy as np

from wordgate.storage.arrays import GrowingArray

if TYPE_CHECKING:
    from scipy.sparse import csr_matrix


def stack_rows(
    matrices: Iterable[csr_matrix], width: int, dtype: type[np.floating[Any]]
) -> csr_matrix:
    """Put matrices below each other, all `width` wide; many entries lie in temporary files.

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
