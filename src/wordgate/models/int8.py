"""Int8 quantization of word vectors, row by row: a quarter of the size, at hardly any loss.

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
    """Round each row's numbers to 127 steps either way of zero, up to its largest one.

    Of the result, float32 [vocabulary, dim], `int8_arrays` and `restore_int8` change nothing more.
    """
    return dequantize(*quantize(rows))


def int8_arrays(name: str, rows: Floats, *, int8: bool) -> dict[str, NDArray[Any]]:
    """Name the arrays to save of a table: itself, or int8 rows and a scale for each."""
    if not int8:
        return {name: rows}
    whole, scales = quantize(rows)
    return {f"{name}.int8": whole, f"{name}.scales": scales}


def restore_int8(
    name: str, arrays: Mapping[str, NDArray[Any]]
) -> tuple[dict[str, NDArray[Any]], bool]:
    """Restore a table that `int8_arrays` has quantized.

    Returns:
        All arrays, and whether the table was kept in bytes.

    Raises:
        BundleError: Its bytes and scales don't fit each other, or it stands there a second time.
    """
    whole, scales = arrays.get(f"{name}.int8"), arrays.get(f"{name}.scales")
    if whole is None:
        return dict(arrays), False
    if scales is None:
        raise BundleError(f"the model has no part '{name}.scales'; train it again")
    fitting = whole.ndim == 2 and whole.dtype == np.int8 and scales.dtype == np.float32
    if not fitting or scales.shape != whole.shape[:1]:
        raise BundleError(
            f"the model's {name} is {whole.dtype} {list(whole.shape)} with scales that are"
            f" {scales.dtype} {list(scales.shape)}, where int8 rows and a float32 for each belong"
        )
    if name in arrays:
        raise BundleError(f"the model has a part '{name}' that nothing needs; train it again")
    own = (f"{name}.int8", f"{name}.scales")
    others = {key: array for key, array in arrays.items() if key not in own}
    return {**others, name: dequantize(whole, scales)}, True


def quantize(rows: Floats, highest: int = _HIGHEST) -> tuple[NDArray[np.int8], Floats]:
    """Quantize each row symmetrically, by a scale of its own.

    Args:
        rows: float32 [vocabulary, dim].
        highest: The integer that a row's largest number becomes at most.

    Returns:
        int8 [vocabulary, dim], and the scales, float32 [vocabulary]; 0 for rows of zeros.
    """
    largest = np.abs(rows).max(axis=1, initial=0.0).astype(np.float64) / highest
    fractions, exponents = np.frexp(largest)
    # Rounded up, so that no number lies beyond the highest.
    scales = np.ldexp(np.ceil(fractions * 2**_SCALE_BITS) / 2**_SCALE_BITS, exponents)
    steps = rows / np.where(scales > 0, scales, 1.0)[:, None]
    return np.rint(steps).astype(np.int8), scales.astype(np.float32)


def dequantize(whole: NDArray[np.int8], scales: Floats) -> Floats:
    """Multiply each row by its scale, float32 [vocabulary, dim]."""
    return whole.astype(np.float32) * scales[:, None]
