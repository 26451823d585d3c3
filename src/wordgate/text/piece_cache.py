"""A cache of what is computed from pieces of texts: most texts consist of the same pieces."""

from collections.abc import Callable
from typing import Any, TypeVar

Value = TypeVar("Value")

_MOST_PIECES = 2**16
_LONGEST_PIECE = 100  # characters, which bounds the memory


class PieceCache(dict[str, Value]):
    """Values of pieces; ``cache[piece]`` computes a value that is not in it.

    A full cache is emptied, but what was used since the last time is not computed again. Several
    threads may use it at once. It is pickled without its values.

    Args:
        compute: Computes the value of a piece, the same one every time; it is never None.
    """

    def __init__(self, compute: Callable[[str], Value]):
        super().__init__()
        self._compute = compute
        self._before: dict[str, Value] = {}

    def __missing__(self, piece: str) -> Value:
        """Compute the value of a piece and keep it, unless the piece is long."""
        value = self._before.get(piece)
        if value is None:
            value = self._compute(piece)
        if len(piece) <= _LONGEST_PIECE:
            if len(self) >= _MOST_PIECES:
                self._before = self.copy()
                self.clear()
            self[piece] = value
        return value

    def __reduce__(self) -> tuple[Any, ...]:
        """Pickle the function alone."""
        return type(self), (self._compute,)
