"""Conversion of Arrow values to plain Python values and to text without loss.

docs/formats.md has the text of each type, from which the values can be read back.
"""

from __future__ import annotations

import json
import math
import re
from collections.abc import Callable, Iterable
from itertools import pairwise
from typing import TYPE_CHECKING, Any

import numpy as np

from wordgate.tables.encoding import is_utf8

if TYPE_CHECKING:
    import pyarrow as pa

_NO_FRACTION = re.compile(r"\.0+$")
_SECONDS = {"s": 1, "ms": 10**3, "us": 10**6, "ns": 10**9}


def plain_values(array: pa.Array, *, between: str = " ", strict: bool = False) -> list[Any]:
    """Convert an array to values of JSON: None, booleans, numbers, strings, lists, objects.

    A float16 or float32 becomes the float64 with the same shortest decimal representation. NaN and
    infinities stay floats. A map becomes a list of pairs. `between` separates a date from its time.

    Raises:
        UnicodeDecodeError: Bytes are not UTF-8, and `strict` is true; otherwise they stay bytes.
        ValueError: A year has more than five digits.
        pyarrow.ArrowInvalid: A time zone is unknown on this system.
    """
    from pyarrow import types

    def plain(inner: pa.Array) -> list[Any]:
        return plain_values(inner, between=between, strict=strict)

    kind = array.type
    if hasattr(array, "storage"):
        return plain(array.storage)
    if types.is_dictionary(kind):
        return plain(array.dictionary_decode())
    if types.is_struct(kind):
        return _where_valid(array, _objects(array, plain))
    if types.is_fixed_size_list(kind):
        size = kind.list_size
        values = plain(array.values.slice(array.offset * size, len(array) * size))
        return _where_valid(array, (values[i * size : (i + 1) * size] for i in range(len(array))))
    if types.is_map(kind) or types.is_list(kind) or types.is_large_list(kind):
        return _where_valid(array, _lists(array, plain))
    if types.is_float16(kind) or types.is_float32(kind):
        shortest = array.to_numpy(zero_copy_only=False).astype(np.str_).tolist()
        return _where_valid(array, map(float, shortest))
    if types.is_temporal(kind):
        return _where_valid(array, _times(array, between))
    if types.is_decimal(kind):
        digits = ("" if value is None else format(value, "f") for value in array.to_pylist())
        return _where_valid(array, digits)
    return [
        value.decode() if isinstance(value, bytes) and (strict or is_utf8(value)) else value
        for value in array.to_pylist()
    ]


def finite(value: Any) -> Any:
    """Replace NaN and infinities in a value, also a nested one, by strings: JSON has none."""
    if isinstance(value, float):
        return value if math.isfinite(value) else number(value)
    if isinstance(value, dict):
        return {key: finite(item) for key, item in value.items()}
    return list(map(finite, value)) if isinstance(value, list) else value


def cell_text(value: Any) -> str | None:
    """Return the text of a plain value: JSON for a list or an object, None for None."""
    if value is None or isinstance(value, str):
        return value
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, float):
        return number(value)
    return str(value) if isinstance(value, int) else json.dumps(finite(value), ensure_ascii=False)


def number(value: float) -> str:
    """Return the shortest decimal representation, or ``NaN``, ``Infinity``, ``-Infinity``."""
    if math.isfinite(value):
        return repr(value)
    return "NaN" if math.isnan(value) else "Infinity" if value > 0 else "-Infinity"


def is_known(kind: pa.DataType) -> bool:
    """Return whether values of a type can be written as text."""
    from pyarrow import types

    inner = _inner_types(kind)
    if not inner and not types.is_nested(kind):
        is_plain = types.is_primitive(kind) or types.is_decimal(kind) or types.is_null(kind)
        return (is_plain and not types.is_interval(kind)) or _is_binary_or_string(kind)
    if types.is_struct(kind) and len({field.name for field in kind}) < len(inner):
        return False
    lists = (types.is_list, types.is_large_list, types.is_fixed_size_list)
    known = (types.is_struct, types.is_map, types.is_dictionary, *lists)
    is_one = hasattr(kind, "storage_type") or any(is_one(kind) for is_one in known)
    return is_one and all(map(is_known, inner))


def holds_bytes(kind: pa.DataType) -> bool:
    """Return whether values of a type are or contain bytes, which may not be text."""
    inner = _inner_types(kind)
    is_bytes = _is_binary_or_string(kind) and "binary" in str(kind)
    return any(map(holds_bytes, inner)) if inner else is_bytes


def _inner_types(kind: pa.DataType) -> list[pa.DataType]:
    """Return the types of the fields or items of a nested type; an empty list for others."""
    from pyarrow import types

    if hasattr(kind, "storage_type"):
        return [kind.storage_type]
    if types.is_dictionary(kind):
        return [kind.value_type]
    return [kind.field(number).type for number in range(kind.num_fields)]


def _is_binary_or_string(kind: pa.DataType) -> bool:
    return re.match("(large_|fixed_size_)?(string|binary)", str(kind)) is not None


def _where_valid(array: pa.Array, values: Iterable[Any]) -> list[Any]:
    valid = array.is_valid().to_pylist()
    return [value if is_valid else None for value, is_valid in zip(values, valid, strict=True)]


def _objects(array: pa.Array, plain: Callable[[pa.Array], list[Any]]) -> list[dict[str, Any]]:
    if not array.type.num_fields:
        return [{} for _ in range(len(array))]
    names = [field.name for field in array.type]
    columns = map(plain, array.flatten())
    return [dict(zip(names, row, strict=True)) for row in zip(*columns, strict=True)]


def _lists(array: pa.Array, plain: Callable[[pa.Array], list[Any]]) -> Iterable[list[Any]]:
    from pyarrow import types

    ends = array.offsets.to_pylist()
    first, length = ends[0], ends[-1] - ends[0]
    if types.is_map(array.type):
        halves = (plain(half.slice(first, length)) for half in (array.keys, array.items))
        values: list[Any] = list(map(list, zip(*halves, strict=True)))
    else:
        values = plain(array.values.slice(first, length))
    return (values[a - first : b - first] for a, b in pairwise(ends))


def _times(array: pa.Array, between: str) -> Iterable[str]:
    """Format dates and times as in ISO 8601, durations as ``1500 ms``."""
    import pyarrow as pa
    from pyarrow import compute, types

    kind = array.type
    if types.is_duration(kind):
        return (f"{count} {kind.unit}" for count in array.cast(pa.int64()).to_pylist())
    offsets: Iterable[str] = [""] * len(array)
    if types.is_timestamp(kind) and kind.tz is not None:
        local = compute.local_timestamp(array)
        offsets = _offsets(array.cast(pa.int64()), local.cast(pa.int64()), _SECONDS[kind.unit])
        array = local
    texts = [text or "" for text in array.cast(pa.string()).to_pylist()]
    if invalid := next((text for text in texts if text.startswith("<")), None):
        raise ValueError(f"{kind} {invalid.strip('<>')}")
    return (
        _NO_FRACTION.sub("", text).replace(" ", between) + offset
        for text, offset in zip(texts, offsets, strict=True)
    )


def _offsets(utc_times: pa.Array, local_times: pa.Array, second: int) -> Iterable[str]:
    """Format the offsets of local times from UTC, as ``+05:30``; `second` is in their unit."""
    for utc, local in zip(utc_times.to_pylist(), local_times.to_pylist(), strict=True):
        offset = 0 if utc is None else (local - utc) // second
        minutes, seconds = divmod(abs(offset), 60)
        text = f"{'-' if offset < 0 else '+'}{minutes // 60:02}:{minutes % 60:02}"
        yield f"{text}:{seconds:02}" if seconds else text
