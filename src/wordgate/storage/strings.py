"""Sequences of strings that may be larger than memory."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from itertools import islice
from typing import TypeVar, cast, overload

import numpy as np
from numpy.typing import NDArray

from wordgate.storage.arrays import GrowingArray

_Value = TypeVar("_Value")
_AT_ONCE = 4096
_SHOWN = 3


class StringArray(Sequence[str]):
    """An immutable sequence of n strings as UTF-8 bytes, a memory-mapped temporary file if large.

    It is equal to a list of the same strings. Slices and selections refer to the same bytes.

    Args:
        content: uint8 [bytes], UTF-8; lone surrogates are encoded, too.
        starts: int64 [n], the offset of each string in the content.
        ends: int64 [n], the offset of its end.
    """

    __slots__ = ("_bytes", "_content", "_ends", "_starts")
    __hash__ = None  # type: ignore[assignment]

    def __init__(
        self, content: NDArray[np.uint8], starts: NDArray[np.int64], ends: NDArray[np.int64]
    ):
        self._content, self._starts, self._ends = content, starts, ends
        self._bytes = content.data

    @classmethod
    def of(cls, strings: Iterable[str]) -> StringArray:
        """Store strings; those of a `StringArray` are not copied.

        Raises:
            DataError: A temporary file cannot be written.
        """
        if isinstance(strings, StringArray):
            return strings
        content, lengths = GrowingArray(np.uint8), GrowingArray(np.int64)
        remaining = iter(strings)
        while part := [one.encode("utf-8", "surrogatepass") for one in islice(remaining, _AT_ONCE)]:
            content.append(np.frombuffer(b"".join(part), np.uint8))
            lengths.append(np.fromiter(map(len, part), np.int64, len(part)))
        return cls._of_lengths(content.array(), lengths.array())

    @classmethod
    def _of_lengths(cls, content: NDArray[np.uint8], lengths: NDArray[np.int64]) -> StringArray:
        ends = lengths.cumsum()
        return cls(content, ends - lengths, ends)

    def __len__(self) -> int:
        return len(self._starts)

    @overload
    def __getitem__(self, place: int) -> str: ...

    @overload
    def __getitem__(self, place: slice) -> StringArray: ...

    def __getitem__(self, place: int | slice) -> str | StringArray:
        starts, ends = self._starts[place], self._ends[place]
        if isinstance(place, slice):
            return StringArray(self._content, starts, ends)
        return str(self._bytes[starts:ends], "utf-8", "surrogatepass")

    def __iter__(self) -> Iterator[str]:
        content = self._bytes
        for first in range(0, len(self), _AT_ONCE):
            starts = self._starts[first : first + _AT_ONCE].tolist()
            ends = self._ends[first : first + _AT_ONCE].tolist()
            yield from [
                str(content[start:end], "utf-8", "surrogatepass")
                for start, end in zip(starts, ends, strict=True)
            ]

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, StringArray | list):
            return NotImplemented
        return self is other or (
            len(self) == len(other) and all(a == b for a, b in zip(self, other, strict=True))
        )

    def __repr__(self) -> str:
        first = ", ".join(map(repr, self[:_SHOWN]))
        return f"StringArray([{first}{', ...' if len(self) > _SHOWN else ''}], length {len(self)})"

    def __reduce__(self) -> tuple[object, ...]:
        """Pickle only the selected strings."""
        lengths = self._ends - self._starts
        content = b"".join(self._bytes[a:b] for a, b in zip(self._starts, self._ends, strict=True))
        return _restored, (content, lengths)

    def select(self, places: NDArray[np.int64]) -> StringArray:
        """Select the strings at positions, int64 [m], in this order; no string is copied."""
        return StringArray(self._content, self._starts[places], self._ends[places])


def _restored(content: bytes, lengths: NDArray[np.int64]) -> StringArray:
    grown = GrowingArray(np.uint8)
    grown.append(np.frombuffer(content, np.uint8))
    return StringArray._of_lengths(grown.array(), lengths)


def select(values: Sequence[_Value], places: NDArray[np.int64]) -> Sequence[_Value]:
    """Select the values at positions, int64 [m], in this order; a `StringArray` stays one."""
    if isinstance(values, StringArray):
        return cast(Sequence[_Value], values.select(places))
    return [values[place] for place in places.tolist()]
