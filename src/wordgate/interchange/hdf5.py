"""Reader of arrays in untrusted HDF5 files.

h5py, and so Keras, writes HDF5's oldest layout: superblock 0, groups that are B-trees of names in a
local heap, arrays in one piece (HDF5 File Format Specification, sections II to IV). That much is
read here, in bounds and steps that are counted, and nothing else. The HDF5 library reads far more:
links into other files, data kept elsewhere, filters from plugins; and a file of 30 kB whose list of
free heap space runs in a circle makes it take all memory there is.
"""

import math
import struct
from collections.abc import Iterator
from dataclasses import dataclass
from typing import IO, Any

import numpy as np
from numpy.typing import NDArray

from wordgate.errors import BundleError

SIGNATURE = b"\x89HDF\r\n\x1a\n"
_LARGEST_PIECE = 2**20  # of what describes arrays; the arrays themselves have no such bound
_MOST_NODES, _WIDEST = 1000, 1000  # of a group's tree, and members of one of them
_MOST_MESSAGES = 1000  # of an object
_SPACE, _TYPE, _FILES, _LAYOUT, _FILTERS, _MORE, _TABLE = 0x1, 0x3, 0x7, 0x8, 0xB, 0x10, 0x11
_LINKS = (0x2, 0x6)  # how newer groups keep their members, links into other files among them
_KNOWN = (_SPACE, _TYPE, _FILES, _LAYOUT, _FILTERS, _TABLE, *_LINKS)
_SOFT_LINK = 2
_SHARED = 0x2
# Class float of version 1, little-endian, with IEEE 754's fields for 32 bits.
_FLOAT32 = bytes.fromhex("11201f0004000000 00002000 17080017 7f000000")


@dataclass(frozen=True)
class ArrayFile:
    """An HDF5 file to read arrays from."""

    file: IO[bytes]  # the file, open for reading
    size: int  # its bytes: nothing is read beyond them

    def read(
        self, path: str, shape: tuple[int, ...], *, rows: int | None = None
    ) -> NDArray[np.float32]:
        """Read an array, float32 [shape], or only its first rows, [rows, ...].

        Args:
            path: Names of groups, and of the array in the end, joined by ``/``.
            shape: The shape it must have, of one dimension or more.
            rows: How many rows, if not all.

        Raises:
            BundleError: The array is missing, of another shape or type, not finite, or not plainly
                in the file.
        """
        here = self._root()
        for name in path.split("/"):
            here = self._member(here, name.encode(), path)
        start = self._start(here, path, shape)
        taken = (shape[0] if rows is None else min(rows, shape[0]), *shape[1:])
        self.file.seek(start)
        content = self.file.read(4 * math.prod(taken))
        array = np.frombuffer(content, "<f4").astype(np.float32).reshape(taken)
        if not np.isfinite(array).all():
            raise BundleError(f"the weights at '{path}' contain values that are not finite")
        return array

    def _root(self) -> int:
        if self.size < len(SIGNATURE) or self._at(0, len(SIGNATURE)) != SIGNATURE:
            raise BundleError("the weights are not an HDF5 file")
        superblock, offsets, lengths = self._fields("<8xB4xBB", 0)
        base, end, root = self._fields("<Q8xQ16xQ", 24)
        if (superblock, offsets, lengths, base) != (0, 8, 8, 0):
            raise BundleError("the weights are an HDF5 file of another layout than Keras writes")
        if end > self.size:
            raise BundleError(
                f"the weights are truncated: {self.size:,} of {end:,} bytes are present"
            )
        return int(root)

    def _member(self, group: int, name: bytes, path: str) -> int:
        """Find an object in a group by its name; give its address."""
        messages = self._messages(group)
        if any(kind in messages for kind in _LINKS):
            raise _other_links(path)
        tree, heap = self._message("<QQ", messages.get(_TABLE), path)
        magic, names_size, names_start = self._fields("<4s4xQ8xQ", heap)
        if magic != b"HEAP":
            raise _damage(heap)
        names = self._at(names_start, names_size)
        for name_at, address, kind in self._entries(tree):
            if names[name_at : name_at + len(name) + 1] == name + b"\0":
                if kind == _SOFT_LINK:
                    raise _other_links(path)
                return int(address)
        raise _no_array(path)

    def _entries(self, tree: int) -> Iterator[tuple[int, int, int]]:
        """Walk a group's tree; yield each member's name in the heap, address and kind of link."""
        waiting = [tree]
        for _ in range(_MOST_NODES):
            if not waiting:
                return
            node = waiting.pop()
            magic, kind, n = self._fields("<4sBxH", node)
            if n > _WIDEST or len(waiting) > _MOST_NODES:
                raise _damage(node)
            if magic == b"SNOD":
                yield from struct.iter_unpack("<QQI20x", self._at(node + 8, 40 * n))
            elif magic == b"TREE" and kind == 0:
                keys_and_children = struct.unpack(f"<{2 * n}Q", self._at(node + 24, 16 * n))
                waiting.extend(keys_and_children[1::2])
            else:
                raise _damage(node)
        raise _damage(tree)

    def _messages(self, address: int) -> dict[int, bytes]:
        """Read what describes an object, by the kind of message; the first of each kind counts."""
        version, size = self._fields("<B7xI", address)
        if version != 1:
            raise _damage(address)
        found: dict[int, bytes] = {}
        blocks = [(address + 16, size)]
        n_messages = 0
        while blocks:
            at, length = blocks.pop()
            block = self._at(at, length)
            place = 0
            while place + 8 <= length:
                n_messages += 1
                kind, size, flags = struct.unpack_from("<HHB", block, place)
                content = block[place + 8 : place + 8 + size]
                if n_messages > _MOST_MESSAGES or len(content) < size:
                    raise _damage(at + place)
                if kind == _MORE and size >= 16:
                    blocks.append(struct.unpack_from("<QQ", content))
                if kind in _KNOWN:
                    found.setdefault(kind, b"" if flags & _SHARED else content)
                place += 8 + size
        return found

    def _start(self, address: int, path: str, shape: tuple[int, ...]) -> int:
        """Return the position of the first byte of an array; refuse an unexpected array."""
        messages = self._messages(address)
        if _TYPE not in messages:
            raise _no_array(path)
        if _FILES in messages or _FILTERS in messages:
            raise _not_plain(path)
        _check_type(messages[_TYPE], messages.get(_SPACE, b""), shape, path)
        layout, kind, start, stored = self._message("<BBQQ", messages.get(_LAYOUT), path)
        if (layout, kind) != (3, 1):  # 1: in one piece
            raise _not_plain(path)
        needed = 4 * math.prod(shape)
        there = min(stored, max(0, self.size - start))
        if there < needed:
            raise BundleError(
                f"the weights at '{path}' claim {needed:,} bytes, and only {there:,} are present"
            )
        return int(start)

    def _message(self, form: str, content: bytes | None, path: str) -> tuple[Any, ...]:
        """Take the fields of a message that must be there."""
        if content is None:
            raise _no_array(path)
        if len(content) < struct.calcsize(form):
            raise _not_plain(path)
        return struct.unpack_from(form, content)

    def _fields(self, form: str, address: int) -> tuple[Any, ...]:
        return struct.unpack(form, self._at(address, struct.calcsize(form)))

    def _at(self, address: int, length: int) -> bytes:
        """Read a piece that describes arrays."""
        if length > _LARGEST_PIECE or address + length > self.size:
            raise _damage(address)
        self.file.seek(address)
        return self.file.read(length)


def _check_type(kind: bytes, space: bytes, shape: tuple[int, ...], path: str) -> None:
    found, expected = "of no shape", str(list(shape))
    if len(space) >= 8 and space[0] == 1 and len(space) >= 8 + 8 * space[1]:
        found = str(list(struct.unpack_from(f"<{space[1]}Q", space, 8)))
    if not kind.startswith(_FLOAT32) or found != expected:
        raise BundleError(
            f"the weights at '{path}' are {_type_name(kind)} {found}; they must be float32"
            f" {expected}"
        )


def _type_name(kind: bytes) -> str:
    """Name a type of numbers for a message."""
    names = {0: "int", 1: "float"}
    if len(kind) < 8 or kind[0] & 15 not in names:
        return "not numbers"
    order = "big-endian " if kind[1] & 1 else ""
    return f"{order}{names[kind[0] & 15]}{8 * int.from_bytes(kind[4:8], 'little')}"


def _no_array(path: str) -> BundleError:
    return BundleError(f"the weights have no array '{path}'")


def _other_links(path: str) -> BundleError:
    return BundleError(
        f"the weights at '{path}' are behind links that Keras never writes, such as to other files;"
        " such links are not followed"
    )


def _not_plain(path: str) -> BundleError:
    return BundleError(
        f"the weights at '{path}' are packed, cut into chunks or kept in other files, which Keras"
        " never does"
    )


def _damage(address: int) -> BundleError:
    return BundleError(f"the weights are damaged at byte {address:,}")
