"""Text encoding with a compiled hash table from pieces of texts to ids.

A piece is a string between separators of the tokenizer, such as whitespace, and most texts consist
of the same pieces. Compiled code iterates over the UTF-8 bytes of many texts and looks up their
pieces without the GIL. Pieces that are not in the table are encoded by `TextEncoder` and added, so
the rules of tokenization are in one place. Very long texts are encoded by `TextEncoder`
as a whole, and so are those with a piece whose tokens depend on its neighbors, such as ``<br``
before ``/>``.

Shapes: ``n`` texts, ``total`` bytes of all of them, ``pieces`` of all of them, ``m`` new pieces.
"""

import os
import secrets
import weakref
from collections.abc import Callable, Iterable, Sequence
from dataclasses import replace
from itertools import chain, pairwise
from threading import Lock
from typing import Any, NamedTuple

import numpy as np
from numba import njit
from numpy.typing import NDArray

from wordgate.text.encoder import EncodedTexts, TextEncoder, as_offsets, checked, concatenate
from wordgate.text.tokenizers import Tokenizer

_ENTRIES, _KEY_BYTES, _VALUES = 2**18, 2**23, 2**21
_LONGEST_TEXT = 2**14
_LONGEST_PIECE = 255  # bytes; strings that collide under every multiplier are longer
_FEW = 32  # texts; for fewer, calls of compiled functions cost more than they save
_BYTES_AT_ONCE = 2**17  # of texts that are encoded together: at most half as many pieces
_WHOLE = _NOT_ALONE = -1
_NO_SEPARATOR, _SEPARATOR, _MAYBE = 0, 1, 2  # what can start at a byte


def _compiled(function: Callable[..., Any]) -> Any:
    """Compile a function; numba caches it for other processes if it finds a writable folder."""
    try:
        return njit(nogil=True, cache=True)(function)
    except RuntimeError:  # every such folder is read-only
        return njit(nogil=True)(function)


class _Table(NamedTuple):
    """A hash table from pieces to ids, with open addressing; entries are added and never changed.

    Attributes:
        slots: uint64 [slots], 0 for an empty slot; otherwise the upper 32 bits of a hash, and the
            index of an entry plus 1.
        entries: int32 [entries, 4], start and number of the bytes of a piece in `keys`, and of its
            ids in `values`.
        keys: uint8 [...], the bytes of all pieces.
        values: int32 [...], the ids of all pieces; -1 for a piece whose ids depend on the rest of
            the text.
        secret: uint64 [2], random initial value and multiplier of the hash function.
    """

    slots: NDArray[np.uint64]
    entries: NDArray[np.int32]
    keys: NDArray[np.uint8]
    values: NDArray[np.int32]
    secret: NDArray[np.uint64]

    def has_room(self, filled: NDArray[np.int64]) -> bool:
        """Return whether the table has room for this many entries, bytes and ids, int64 [3]."""
        return bool((filled <= (len(self.entries), len(self.keys), len(self.values))).all())


def _empty_table() -> _Table:
    """Return an empty table; the system allocates its memory as it fills."""
    return _Table(
        slots=np.zeros(2 * _ENTRIES, np.uint64),
        entries=np.zeros((_ENTRIES, 4), np.int32),
        keys=np.zeros(_KEY_BYTES, np.uint8),
        values=np.zeros(_VALUES, np.int32),
        secret=np.array([secrets.randbits(64), secrets.randbits(64) | 1], np.uint64),
    )


class CompiledEncoder:
    """Encodes texts as a `TextEncoder` does, but faster, and mostly without the GIL.

    Several threads may use it at once.

    Args:
        encoder: The encoder whose ids it gives.
    """

    def __init__(self, encoder: TextEncoder):
        self._encoder = encoder
        self._kinds = _separator_kinds(encoder.tokenizer)
        self._begin_anew()
        if hasattr(os, "register_at_fork"):  # not on Windows
            itself = weakref.ref(self)
            os.register_at_fork(after_in_child=lambda: _begin_anew_if_locked(itself()))

    def _begin_anew(self) -> None:
        self._table, self._filled = _empty_table(), np.zeros(3, np.int64)
        self._adding = Lock()

    def encode(self, texts: Iterable[str]) -> EncodedTexts:
        """Convert texts to word ids, as `TextEncoder.encode` does.

        Raises:
            DataError: Something among the texts is not a string.
        """
        texts = list(checked(texts))
        if len(texts) < _FEW:
            return self._encoder.encode(texts)
        raw = [text.encode("utf-8", "surrogatepass") for text in texts]
        sizes = np.fromiter(map(len, raw), np.int64, len(raw))
        parts = (sizes.cumsum() - 1) // _BYTES_AT_ONCE
        starts = [0, *(np.flatnonzero(np.diff(parts)) + 1).tolist(), len(texts)]
        rows = [slice(start, end) for start, end in pairwise(starts)]
        encoded = [self._encode_part(texts[own], raw[own], sizes[own]) for own in rows]
        return encoded[0] if len(encoded) == 1 else concatenate(encoded)

    def _encode_part(
        self, texts: Sequence[str], raw: Sequence[bytes], sizes: NDArray[np.int64]
    ) -> EncodedTexts:
        data, ends = np.frombuffer(b"".join(raw), np.uint8), as_offsets(sizes)
        table = self._table
        found, counts, missing = self._looked_up(table, data, ends)
        if len(missing):
            with self._adding:
                found, counts, missing = self._looked_up(self._table, data, ends)
                if len(missing) and self._add(data, missing):
                    found, counts, missing = self._looked_up(self._table, data, ends)
                table = self._table
            if len(missing):  # they do not fit, or a new table was started for them
                return self._encoder.encode(texts)
        whole = np.flatnonzero(counts == _WHOLE)
        counts[whole] = 0
        starts, n_ids = table.entries.take(found, axis=0)[:, 2:].T
        before = as_offsets(n_ids)
        ids = table.values[np.arange(before[-1]) + (starts - before[:-1]).repeat(n_ids)]
        encoded = self._encoder.truncated(ids, np.diff(before[as_offsets(counts)]))
        if not len(whole):
            return encoded
        both = concatenate([encoded, self._encoder.encode([texts[i] for i in whole.tolist()])])
        order = np.arange(len(texts))
        order[whole] = np.arange(len(texts), len(both))
        return replace(both.select(order), n_truncated=both.n_truncated)

    def _ids(self, piece: str) -> list[int]:
        """Return the ids of a piece, or -1 if they depend on the rest of the text."""
        if not self._encoder.tokenizer.reads_alone(piece):
            return [_NOT_ALONE]
        return self._encoder.vocabulary.ids(self._encoder.tokenizer(piece))

    def _add(self, data: NDArray[np.uint8], missing: NDArray[np.int64]) -> bool:
        """Add pieces to the table, or to a new one if they do not fit; the caller holds the lock.

        Returns:
            False if nothing was added, since they don't fit into any.
        """
        pieces = list(dict.fromkeys(data[start:end].tobytes() for start, end in missing.tolist()))
        lists = [self._ids(piece.decode("utf-8", "surrogatepass")) for piece in pieces]
        keys = np.frombuffer(b"".join(pieces), np.uint8)
        values = np.fromiter(chain.from_iterable(lists), np.int32)
        table, begin = self._table, self._filled
        end = begin + np.array([len(pieces), len(keys), len(values)])
        if not table.has_room(end):
            table, begin, end = _empty_table(), np.zeros(3, np.int64), end - begin
            if not table.has_room(end):
                return False
        added = table.entries[begin[0] : end[0]]
        for column, parts in (0, pieces), (2, lists):
            lengths = np.fromiter(map(len, parts), np.int32)
            added[:, column] = begin[1 + column // 2] + lengths.cumsum() - lengths
            added[:, column + 1] = lengths
        table.keys[begin[1] : end[1]] = keys
        table.values[begin[2] : end[2]] = values
        # An entry is found only from here on, when it is complete.
        _publish(table.slots, added, table.keys, table.secret, begin[0])
        self._table, self._filled = table, end
        return True

    def _looked_up(
        self, table: _Table, data: NDArray[np.uint8], ends: NDArray[np.int64]
    ) -> tuple[NDArray[np.int32], NDArray[np.int64], NDArray[np.int64]]:
        """Find the entries of the pieces of some texts.

        Args:
            table: The table.
            data: uint8 [total], the bytes of the texts.
            ends: int64 [n + 1], text i is ``data[ends[i]:ends[i + 1]]``.

        Returns:
            int32 [pieces], the entries; int64 [n], the number of each text's pieces, or -1 for a
            text that must be encoded as a whole; and int64 [m, 2], where pieces that have no entry
            begin and end.
        """
        most = len(data) // 2 + len(ends)
        found, counts = np.empty(most, np.int32), np.empty(len(ends) - 1, np.int64)
        missing = np.empty((most, 2), np.int64)
        n_found, n_missing = _look_up(data, ends, self._kinds, *table, found, counts, missing)
        return found[:n_found], counts, missing[:n_missing]


def _separator_kinds(tokenizer: Tokenizer) -> NDArray[np.uint8]:
    """Return for each byte, uint8 [256], whether it is or may start a separator.

    Separators beyond ASCII are all those of `str.isspace`, or none.
    """
    kinds = np.full(256, _NO_SEPARATOR, np.uint8)
    for separator in tokenizer.separators:
        first, *others = separator.encode()
        kinds[first] = _MAYBE if others else _SEPARATOR
    return kinds


def _begin_anew_if_locked(encoder: CompiledEncoder | None) -> None:
    """Start a new table in a forked process if a thread of its parent held the lock."""
    if encoder is not None and encoder._adding.locked():
        encoder._begin_anew()


@_compiled
def _look_up(  # type: ignore[no-untyped-def]
    data, ends, kinds, slots, entries, keys, values, secret, found, counts, missing
):
    n_found = n_missing = 0
    for text in range(len(counts)):
        begin, end = ends[text], ends[text + 1]
        before = n_found, n_missing
        whole = end - begin > _LONGEST_TEXT
        while begin < end and not whole:
            space = _separator(data, begin, kinds)
            if space:
                begin += space
                continue
            hashed, place = secret[0], begin
            while place < end and not _separator(data, place, kinds):
                hashed = (hashed ^ np.uint64(data[place])) * secret[1]
                place += 1
            entry = _find(data[begin:place], _mixed(hashed), slots, entries, keys)
            if entry < 0:
                whole = place - begin > _LONGEST_PIECE
                missing[n_missing] = begin, place
                n_missing += 1
            elif entries[entry, 3]:
                whole = values[entries[entry, 2]] < 0
            found[n_found] = entry
            n_found += 1
            begin = place
        if whole:
            n_found, n_missing = before
        counts[text] = _WHOLE if whole else n_found - before[0]
    return n_found, n_missing


@_compiled
def _separator(data, place, kinds):  # type: ignore[no-untyped-def]
    """Return the number of bytes of the separator at a position; 0 without one.

    The position is at the start of a character, or inside one.
    """
    byte = data[place]
    kind = kinds[byte]
    return _space(data, place, byte) if kind == _MAYBE else np.int64(kind)


@_compiled
def _space(data, place, byte):  # type: ignore[no-untyped-def]
    """Return the bytes of non-ASCII whitespace, as `str.split` defines it; 0 if there is none.

    The place's byte is what such whitespace begins with.
    """
    second = data[place + 1]
    if byte == 0xC2:  # U+0085, U+00A0
        return 2 if second == 0x85 or second == 0xA0 else 0
    third = data[place + 2]
    if byte == 0xE1:  # U+1680
        return 3 if second == 0x9A and third == 0x80 else 0
    if byte == 0xE3:  # U+3000
        return 3 if second == 0x80 and third == 0x80 else 0
    if second == 0x80:  # U+2000 to U+200A, U+2028, U+2029, U+202F
        return 3 if third <= 0x8A or third == 0xA8 or third == 0xA9 or third == 0xAF else 0
    return 3 if second == 0x81 and third == 0x9F else 0  # U+205F


@_compiled
def _mixed(hashed):  # type: ignore[no-untyped-def]
    """Let the upper half of a hash, which depends on all bytes, have a say in the lower one."""
    return hashed ^ (hashed >> np.uint64(32))


@_compiled
def _find(piece, hashed, slots, entries, keys):  # type: ignore[no-untyped-def]
    """Return a piece's entry, or -1."""
    last = np.uint64(len(slots) - 1)
    slot = hashed & last
    while slots[slot]:
        if slots[slot] >> np.uint64(32) == hashed >> np.uint64(32):
            entry = np.int64(slots[slot] & np.uint64(0xFFFFFFFF)) - 1
            first, length = entries[entry, 0], entries[entry, 1]
            same = 0
            if length == len(piece):
                while same < length and keys[first + same] == piece[same]:
                    same += 1
            if same == len(piece):
                return entry
        slot = (slot + np.uint64(1)) & last
    return -1


@_compiled
def _publish(slots, added, keys, secret, begun):  # type: ignore[no-untyped-def]
    """Put new entries, the first of which has the number ``begun``, into their slots."""
    last = np.uint64(len(slots) - 1)
    for number in range(len(added)):
        hashed = secret[0]
        for place in range(added[number, 0], added[number, 0] + added[number, 1]):
            hashed = (hashed ^ np.uint64(keys[place])) * secret[1]
        hashed = _mixed(hashed)
        slot = hashed & last
        while slots[slot]:
            slot = (slot + np.uint64(1)) & last
        tag = hashed >> np.uint64(32) << np.uint64(32)
        slots[slot] = tag | np.uint64(begun + number + 1)
