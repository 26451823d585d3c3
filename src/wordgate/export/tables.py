"""The table of words, in float32 or with 8 bits a number, and how a graph reads its rows."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from wordgate.export.graph import Graph
from wordgate.models.lstm_network import Floats

Bytes = NDArray[np.int8]


def quantized(rows: Floats, highest: int = 127) -> tuple[Bytes, Floats]:
    """Write each row as whole numbers and what they are to be multiplied by.

    Args:
        rows: float32 [n, numbers].
        highest: The number that stands for a row's largest; 127 takes all of the 8 bits.

    Returns:
        int8 [n, numbers], and float32 [n], 1 for rows of zeros.
    """
    largest = np.abs(rows).max(axis=1, initial=0.0)
    scales = np.where(largest > 0, largest / highest, 1.0).astype(np.float32)
    scales[scales == 0] = 1.0  # a row that small is a row of zeros
    return np.rint(rows / scales[:, None]).astype(np.int8), scales


def without_padding(rows: Floats) -> Floats:
    """Put zeros into the row of the id 0, which is padding and means nothing."""
    rows = rows.copy()
    rows[0] = 0
    return rows


def gathered(graph: Graph, ids: str, name: str, rows: Floats, *, int8: bool) -> str:
    """Look up rows: float32, the ids' shape and one axis more.

    Args:
        graph: What to add to.
        ids: int64 of any shape.
        name: What the table is called in the file.
        rows: float32 [vocabulary, numbers].
        int8: Keep the table in 8 bits a number.
    """
    from onnx import TensorProto

    if not int8:
        return graph.add("Gather", graph.array(name, rows), ids)
    numbers, scales = quantized(rows)
    found = graph.add("Gather", graph.array(name, numbers), ids)
    found = graph.add("Cast", found, to=TensorProto.FLOAT)
    scale = graph.add("Gather", graph.array(f"{name}_scales", scales[:, None]), ids)
    return graph.add("Mul", found, scale)
