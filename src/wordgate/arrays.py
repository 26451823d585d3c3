"""Writing arrays as a safetensors file, without the help of that library.

Its own writer makes a file of a name of its own beside the one that is asked for, which a kill
leaves there for ever; and it copies all arrays first.
"""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

_TYPES = {"float32": "F32", "float64": "F64"}
_ALIGNED = 8


def write_arrays(
    file: Path, arrays: Mapping[str, NDArray[Any]], metadata: Mapping[str, str]
) -> None:
    """Write arrays of float32 and float64 to a file that is there or not.

    Args:
        file: The file.
        arrays: The arrays by their names.
        metadata: What stands in its header besides.

    Raises:
        OSError: The disk refuses.
    """
    header: dict[str, object] = {"__metadata__": dict(metadata)}
    end = 0
    for name, array in arrays.items():
        start, end = end, end + array.nbytes
        entry = {"dtype": _TYPES[array.dtype.name], "shape": list(array.shape)}
        header[name] = {**entry, "data_offsets": [start, end]}
    told = json.dumps(header).encode()
    told += b" " * (-len(told) % _ALIGNED)
    with file.open("wb") as stream:
        stream.write(len(told).to_bytes(8, "little") + told)
        for array in arrays.values():
            little = array.astype(array.dtype.newbyteorder("<"), copy=False)
            stream.write(np.ascontiguousarray(little).data)
