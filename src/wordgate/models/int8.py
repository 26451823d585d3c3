"""Int8 quantization of word vectors, row by row: a quarter of the size, with hardly any loss.

Shapes: ``vocabulary`` rows of ``dim`` dimensions.
"""

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from wordgate.errors import BundleError
from wordgate.models.base import Floats

_HIGHEST = 127
_SCALE_BITS = 16
"""Bits of a scale: few enough that 127 times the scale is exact; quantization is idempotent."""


def round_to_int8(rows: Floats) -> Floats:
    """Quantize and dequantize rows, float32 [vocabulary, dim].

    `int8_arrays` and `restore_int8` do not change the result any more.
    """
    return dequantize(*quantize(rows))


def int8_arrays(name: str, rows: Floats, *, int8: bool) -> dict[str, NDArray[Any]]:
    """Return the arrays of a table to save: itself, or int8 rows and their scales."""
    if not int8:
        return {name: rows}
    quantized, scales = quantize(rows)
    return {f"{name}.int8": quantized, f"{name}.scales": scales}


def restore_int8(
    name: str, arrays: Mapping[str, NDArray[Any]]
) -> tuple[dict[str, NDArray[Any]], bool]:
    """Restore a table that was saved as `int8_arrays`.

    Returns:
        All arrays, and whether the table was quantized.

    Raises:
        BundleError: Rows and scales are inconsistent, or there is also an unquantized table.
    """
    quantized, scales = arrays.get(f"{name}.int8"), arrays.get(f"{name}.scales")
    if quantized is None:
        return dict(arrays), False
    if scales is None:
        raise BundleError(f"the model has no part '{name}.scales'; train it again")
    is_valid = quantized.ndim == 2 and quantized.dtype == np.int8 and scales.dtype == np.float32
    if not is_valid or scales.shape != quantized.shape[:1]:
        raise BundleError(
            f"the model's {name} is {quantized.dtype} {list(quantized.shape)} with scales that are"
            f" {scales.dtype} {list(scales.shape)}, where int8 rows and a float32 for each belong"
        )
    if name in arrays:
        raise BundleError(f"the model has a part '{name}' that nothing needs; train it again")
    own = (f"{name}.int8", f"{name}.scales")
    others = {key: array for key, array in arrays.items() if key not in own}
    return {**others, name: dequantize(quantized, scales)}, True


def quantize(rows: Floats, highest: int = _HIGHEST) -> tuple[NDArray[np.int8], Floats]:
    """Quantize each row symmetrically, with a scale of its own.

    Args:
        rows: float32 [vocabulary, dim].
        highest: The largest integer.

    Returns:
        int8 [vocabulary, dim], and the scales, float32 [vocabulary]; 0 for rows of zeros.
    """
    largest = np.abs(rows).max(axis=1, initial=0.0).astype(np.float64) / highest
    fractions, exponents = np.frexp(largest)
    # Rounded up, so that no integer is above the highest.
    scales = np.ldexp(np.ceil(fractions * 2**_SCALE_BITS) / 2**_SCALE_BITS, exponents)
    steps = rows / np.where(scales > 0, scales, 1.0)[:, None]
    return np.rint(steps).astype(np.int8), scales.astype(np.float32)


def dequantize(quantized: NDArray[np.int8], scales: Floats) -> Floats:
    """Multiply each row by its scale, float32 [vocabulary, dim]."""
    return quantized.astype(np.float32) * scales[:, None]
