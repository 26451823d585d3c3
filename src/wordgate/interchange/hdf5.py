"""Reader of arrays in untrusted HDF5 files.

h5py, and thus Keras, writes the oldest layout of HDF5: superblock 0, groups as B-trees of names in
a local heap, contiguous arrays (HDF5 File Format Specification, sections II to IV). Only this is
supported here, with limits of sizes and steps. The HDF5 library supports far more: links to other
files, external data, filter plugins; and a file of 30 kB with a cyclic list of free heap space
makes it allocate all memory.
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
_LARGEST_PIECE = 2**20  # maximum bytes of metadata at once; arrays have no such limit
_MOST_NODES, _WIDEST = 1000, 1000  # maximum nodes of a group's tree, and members of a node
_MOST_MESSAGES = 1000  # maximum messages of an object
_SPACE, _TYPE, _FILES, _LAYOUT, _FILTERS, _MORE, _TABLE = 0x1, 0x3, 0x7, 0x8, 0xB, 0x10, 0x11
_LINKS = (0x2, 0x6)  # members of newer groups, which can be links to other files
_KNOWN = (_SPACE, _TYPE, _FILES, _LAYOUT, _FILTERS, _TABLE, *_LINKS)
_SOFT_LINK = 2
_SHARED = 0x2
# Class float of version 1, little-endian, with the IEEE 754 fields of 32 bits.
_FLOAT32 = bytes.fromhex("11201f0004000000 00002000 17080017 7f000000")


@dataclass(frozen=True)
class ArrayFile:
    """An HDF5 file to read arrays from."""

    file: IO[bytes]  # open for reading
    size: int  # in bytes; nothing is read beyond

    def read(
        self, path: str, shape: tuple[int, ...], *, rows: int | None = None
    ) -> NDArray[np.float32]:
        """Read an array, float32 [shape], or only its first rows, [rows, ...].

        Args:
            path: Names of groups and of the array, joined by ``/``.
            shape: The required shape, with at least one dimension.
            rows: The number of rows; None for all.

        Raises:
            BundleError: The array is missing, of another shape or type, not finite, or not stored
                contiguously.
        """
        address = self._root()
        for name in path.split("/"):
            address = self._member(address, name.encode(), path)
        start = self._start(address, path, shape)
        read_shape = (shape[0] if rows is None else min(rows, shape[0]), *shape[1:])
        self.file.seek(start)
        content = self.file.read(4 * math.prod(read_shape))
        array = np.frombuffer(content, "<f4").astype(np.float32).reshape(read_shape)
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
        """Return the address of an object in a group by its name."""
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
        """Traverse a group's tree; yield the name, address and kind of link of each member."""
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
        """Read the messages of an object by their kind; the first of each kind counts."""
        version, size = self._fields("<B7xI", address)
        if version != 1:
            raise _damage(address)
        messages: dict[int, bytes] = {}
        blocks = [(address + 16, size)]
        n_messages = 0
        while blocks:
            at, length = blocks.pop()
            block = self._at(at, length)
            offset = 0
            while offset + 8 <= length:
                n_messages += 1
                kind, size, flags = struct.unpack_from("<HHB", block, offset)
                content = block[offset + 8 : offset + 8 + size]
                if n_messages > _MOST_MESSAGES or len(content) < size:
                    raise _damage(at + offset)
                if kind == _MORE and size >= 16:
                    blocks.append(struct.unpack_from("<QQ", content))
                if kind in _KNOWN:
                    messages.setdefault(kind, b"" if flags & _SHARED else content)
                offset += 8 + size
        return messages

    def _start(self, address: int, path: str, shape: tuple[int, ...]) -> int:
        """Return the position of the first byte of an array; refuse an unexpected array."""
        messages = self._messages(address)
        if _TYPE not in messages:
            raise _no_array(path)
        if _FILES in messages or _FILTERS in messages:
            raise _not_plain(path)
        _check_type(messages[_TYPE], messages.get(_SPACE, b""), shape, path)
        layout, kind, start, stored = self._message("<BBQQ", messages.get(_LAYOUT), path)
        if (layout, kind) != (3, 1):  # 1: contiguous
            raise _not_plain(path)
        needed = 4 * math.prod(shape)
        present = min(stored, max(0, self.size - start))
        if present < needed:
            raise BundleError(
                f"the weights at '{path}' claim {needed:,} bytes, and only {present:,} are present"
            )
        return int(start)

    def _message(self, form: str, content: bytes | None, path: str) -> tuple[Any, ...]:
        """Unpack the fields of a required message."""
        if content is None:
            raise _no_array(path)
        if len(content) < struct.calcsize(form):
            raise _not_plain(path)
        return struct.unpack_from(form, content)

    def _fields(self, form: str, address: int) -> tuple[Any, ...]:
        return struct.unpack(form, self._at(address, struct.calcsize(form)))

    def _at(self, address: int, length: int) -> bytes:
        """Read metadata at an address."""
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
    """Return the name of a type for an error message."""
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
