"""What a recurrence adds at each word, in a table of all words, filled where it is read.

Shapes: ``vocabulary`` ids, ``embedding`` numbers a word vector, ``width`` of the recurrence.
"""

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float32]
_BLOCK = 16
"""Words projected together: always the same ones, so that a word's numbers don't depend, in their
last bits, on what was read before."""
_BLOCKS_AT_ONCE = 64


class Projection:
    """Word vectors times a recurrence's input weights.

    Args:
        embedding: float32 [vocabulary, embedding].
        weights: float32 [width, embedding].
        bias: float32 [width].
    """

    def __init__(self, embedding: Floats, weights: Floats, bias: Floats):
        self._embedding = embedding
        self._weights = np.ascontiguousarray(weights.T)
        self._bias = bias
        n_blocks = -(-len(embedding) // _BLOCK)
        self._blocks = np.zeros((n_blocks, _BLOCK, len(bias)), np.float32)
        self._is_filled = np.zeros(n_blocks, np.bool_)

    def fill(self, ids: NDArray[np.integer]) -> None:
        """Project the words that will be read, int [...]; those that were before are known.

        Two threads may do so at once: what both fill, both fill with the same.
        """
        blocks_of = ids // _BLOCK
        if self._is_filled[blocks_of].all():
            return
        needed = np.zeros_like(self._is_filled)
        needed[blocks_of] = True
        missing = np.flatnonzero(needed & ~self._is_filled)
        for start in range(0, len(missing), _BLOCKS_AT_ONCE):
            blocks = missing[start : start + _BLOCKS_AT_ONCE]
            words = blocks[:, None] * _BLOCK + np.arange(_BLOCK)
            vectors = self._embedding[np.minimum(words, len(self._embedding) - 1)]
            self._blocks[blocks] = np.matmul(vectors, self._weights) + self._bias
            self._is_filled[blocks] = True

    @property
    def table(self) -> Floats:
        """Give the table, float32 [vocabulary or a few more, width]; zeros where not filled."""
        return self._blocks.reshape(-1, self._blocks.shape[2])
