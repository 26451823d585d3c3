"""What comes through a pipe, as soon as it has come."""

from collections.abc import Iterator
from contextlib import suppress
from typing import BinaryIO

AT_ONCE = 1 << 20
"""Bytes that are taken at most at a time; a pipe is made to hold as many, where it can be."""


def arriving(stream: BinaryIO) -> Iterator[bytes]:
    """Give what has come, in blocks, until the stream ends.

    It waits only while nothing has come. What comes in while a block is worked on is the next
    block, so that a fast pipe is read in large blocks and a slow one line by line.

    Args:
        stream: A buffered stream.
    """
    _widen(stream)
    read = stream.read1  # type: ignore[attr-defined]
    while block := read(AT_ONCE):
        yield block


def arriving_lines(stream: BinaryIO, at_most: int) -> Iterator[list[bytes]]:
    r"""Give the lines that have come, together, until the stream ends.

    Args:
        stream: A buffered stream.
        at_most: So many lines together at most.

    Yields:
        Whole lines without their ``\n``; the last line of the stream may lack it.
    """
    rest: list[bytes] = []  # of a line whose end has not come yet
    for block in arriving(stream):
        *lines, last = block.split(b"\n")
        if lines:
            lines[0] = b"".join([*rest, lines[0]])
            rest = []
        if last:
            rest.append(last)
        for start in range(0, len(lines), at_most):
            yield lines[start : start + at_most]
    if rest:
        yield [b"".join(rest)]


def _widen(stream: BinaryIO) -> None:
    """Let a pipe hold more than its usual 64 kB, where the system knows how (Linux)."""
    with suppress(ImportError, AttributeError, OSError, ValueError):
        import fcntl

        fcntl.fcntl(stream.fileno(), fcntl.F_SETPIPE_SZ, AT_ONCE)
