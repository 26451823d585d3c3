"""Writer of safetensors files.

The writer of the library safetensors copies all arrays first, and creates a temporary file with a
random name, which remains if the process is killed.
"""

import json
import math
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

_TYPES = {"float32": "F32", "float64": "F64", "int8": "I8"}
_BYTES = {"F32": 4, "F64": 8, "I8": 1, "U8": 1, "I64": 8}
_LENGTH, _ALIGNED = 8, 8


def write_arrays(
    file: Path, arrays: Mapping[str, NDArray[Any]], metadata: Mapping[str, str]
) -> None:
    """Write arrays of float32, float64 and int8, and metadata, to a new or existing file."""
    tensors = {name: (_TYPES[array.dtype.name], array.shape) for name, array in arrays.items()}
    with file.open("wb") as stream:
        stream.write(safetensors_header(tensors, metadata))
        for array in arrays.values():
            little = array.astype(array.dtype.newbyteorder("<"), copy=False)
            stream.write(np.ascontiguousarray(little).data)


def safetensors_header(
    tensors: Mapping[str, tuple[str, Sequence[int]]],
    metadata: Mapping[str, str],
    *,
    size: int | None = None,
) -> bytes:
    """Build the header of a file whose tensors follow it in this order.

    Args:
        tensors: Type and shape of each, such as ``("F32", [2, 3])``.
        metadata: The metadata.
        size: The size in bytes, filled with spaces; None for the smallest aligned size.
    """
    header: dict[str, object] = {"__metadata__": dict(metadata)}
    end = 0
    for name, (dtype, shape) in tensors.items():
        start, end = end, end + math.prod(shape) * _BYTES[dtype]
        header[name] = {"dtype": dtype, "shape": list(shape), "data_offsets": [start, end]}
    content = json.dumps(header).encode()
    room = -(-len(content) // _ALIGNED) * _ALIGNED if size is None else size - _LENGTH
    return room.to_bytes(_LENGTH, "little") + content.ljust(room)
