r"""Robust standard output and standard error.

Python exits with status 120 if it cannot flush one of them at the end, and a warning of a library
can fail if nobody reads standard error. So both are replaced: writing to standard error never
fails, and writing to standard output fails once, with an `OutputError`. Characters that their
encoding lacks are escaped, such as ``\u4f60``, in JSON as JSON escapes.
"""

import errno
import io
import json
import os
import select
import shlex
import shutil
import sys
import textwrap
from collections.abc import Iterable, Iterator
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any, TextIO

import click

from wordgate.runtime.display import one_line

if TYPE_CHECKING:
    from typing_extensions import Buffer

_READER_GONE = (errno.EPIPE, errno.ECONNRESET)
_RAISING = ("strict", "surrogateescape", "surrogatepass")
"""Error handlers of encodings that can raise an error; others are kept."""


class OutputError(Exception):
    """Writing to standard output failed.

    It is not an OSError, because click and rich handle some of those themselves.

    Attributes:
        reader_gone: Whether the reader has closed it.
    """

    def __init__(self, error: OSError, *, reader_gone: bool):
        super().__init__(f"standard output cannot be written: {error.strerror or error}")
        self.reader_gone = reader_gone


class StandardStreams:
    """Replaces standard output and standard error permanently.

    Closed standard streams are opened on the null device; otherwise the next opened file would get
    their descriptor, and libraries would write errors into that file.
    """

    def __init__(self) -> None:
        for descriptor in range(3):
            _open_if_closed(descriptor)
        self._raws: list[_RawStream] = []
        for name in ("stdout", "stderr"):
            stream = self._replaced(getattr(sys, name), strict=name == "stdout")
            vars(sys).update({name: stream, f"__{name}__": stream})

    def _replaced(self, stream: io.TextIOWrapper | None, *, strict: bool) -> TextIO | None:
        """Return a replacement of a stream; None if it is closed."""
        if stream is None:
            return None
        encoding, line_buffering = stream.encoding, stream.line_buffering
        errors = "backslashreplace" if stream.errors in _RAISING else stream.errors
        buffer: Any = stream.detach()
        raw = _RawStream(buffer.detach() if hasattr(buffer, "raw") else buffer, strict=strict)
        self._raws.append(raw)
        return io.TextIOWrapper(io.BufferedWriter(raw), encoding, errors, None, line_buffering)

    def flush(self) -> None:
        """Flush both; from now on, writing never fails."""
        for raw in self._raws:
            raw.strict = False
        for stream in (sys.stdout, sys.stderr):
            if stream is not None:
                stream.flush()

    def discard(self) -> None:
        """Discard everything from now on, including buffered output."""
        for raw in self._raws:
            raw.discards = True


class _RawStream(io.RawIOBase):
    """The raw stream of a standard stream; after the first error, it discards its input.

    Attributes:
        strict: Whether the first error is raised, as an `OutputError`.
        discards: Whether everything is discarded.
    """

    def __init__(self, raw: io.FileIO, *, strict: bool):
        self._raw, self._was_terminal = raw, raw.isatty()
        self.strict, self.discards = strict, False

    def fileno(self) -> int:
        return self._raw.fileno()

    def isatty(self) -> bool:
        return self._raw.isatty()

    def writable(self) -> bool:
        return True

    def write(self, data: "Buffer", /) -> int:
        if not self.discards:
            try:
                return self._written(data)
            except OSError as error:
                self.discards = True
                if self.strict:
                    raise OutputError(error, reader_gone=self._reader_gone(error)) from error
            except KeyboardInterrupt:  # it may have waited for a reader that does not read
                self.discards = self.strict
                raise
        return memoryview(data).nbytes

    def _written(self, data: "Buffer") -> int:
        while (written := self._raw.write(data)) is None:  # a full non-blocking pipe
            select.select([], [self], [])
        return written

    def _reader_gone(self, error: OSError) -> bool:
        lost_terminal = error.errno == errno.EIO and self._was_terminal
        return error.errno in _READER_GONE or lost_terminal


def write_result(text: str) -> None:
    """Write a result and a line break to standard output, without buffering.

    click is not used, because it would write UTF-8 if the encoding is ASCII.
    """
    _write_line(sys.stdout, text)


def in_colour(text: str, colour: str | None) -> str:
    """Color a text if standard output is a terminal and NO_COLOR is not set."""
    if colour is None or os.environ.get("NO_COLOR") or sys.stdout is None:
        return text
    return click.style(text, fg=colour) if sys.stdout.isatty() else text


def line_width(stream: TextIO | None) -> int | None:
    """Return the number of characters of a line on a terminal; None for a file or a pipe."""
    if stream is None or not stream.isatty():
        return None
    return max(1, shutil.get_terminal_size().columns - 1)


def wrapped(text: str, indent: int = 0) -> str:
    """Break long lines between words if standard output is a terminal.

    Args:
        text: One or more lines.
        indent: Minimum number of spaces before the second and later parts of a line; there are at
            least as many as at its beginning.
    """
    return _wrapped(text, line_width(sys.stdout), indent)


def _wrapped(text: str, width: int | None, indent: int) -> str:
    if width is None:
        return text
    lines: list[str] = []
    for line in text.splitlines():
        margin = " " * max(indent, len(line) - len(line.lstrip(" ")))
        parts = textwrap.wrap(line, width, break_on_hyphens=False, subsequent_indent=margin)
        lines += parts or [""]
    return "\n".join(lines)


def remark(text: str) -> None:
    """Write a message to standard error; errors are ignored."""
    with suppress(OSError):
        _write_line(sys.stderr, _wrapped(text, line_width(sys.stderr), 0))


def _write_line(stream: TextIO | None, text: str) -> None:
    if stream is not None:  # None if it was closed
        stream.write(f"{text}\n")
        stream.flush()


def standard_input(encoding: str | None, *, waits_for_all: bool) -> Iterator[str]:
    """Yield the text of standard input as it arrives, decoded like a file.

    The encoding is detected from the first bytes, or from all of them with `waits_for_all`. A guess
    is reported, as are invalid bytes, which are replaced, once.

    Raises:
        DataError: It cannot be decoded, or is not text.
    """
    from wordgate.tables.characters import Characters
    from wordgate.tables.encoding import find_encoding, is_writable, without_surrogates
    from wordgate.tables.source import STANDARD, open_source

    source = open_source(STANDARD, None if waits_for_all else lambda head: b"\n" in head)
    found = find_encoding(source, encoding)
    if found.doubt:
        remark(f"wordgate: warning: {found.doubt}")
    characters, is_warned = Characters(source, found, bounded=True), False
    while True:
        characters.fill(1)
        if not (part := characters.pending):
            return
        characters.drop(len(part))
        if not is_writable(part):
            part = without_surrogates(part)
            if not is_warned:
                to_do = "" if found.requested else "; give its encoding with --encoding"
                remark(
                    f"wordgate: warning: standard input is not {found.name}: invalid bytes were"
                    f" read as \ufffd{to_do}"
                )
            is_warned = True
        yield part


def warn_of_changes(bundle: str, names: Iterable[str]) -> None:
    """Warn of changed files of a bundle."""
    for name in names:
        remark(
            f"wordgate: warning: {bundle}/{name} was changed or is missing; predictions do not"
            " depend on it"
        )


def remark_on_files(bundle: str, texts: Iterable[str]) -> None:
    """Write a hint for texts that are names of files, whose rows may have been meant."""
    from wordgate.tables.source import is_file

    for text in texts:
        if is_file(path := Path(text)) and path.is_file():
            remark(
                f"wordgate: '{one_line(text)}' is read as a text, not as a file. To score the"
                f" rows of the file: {command('score', bundle, text)}"
            )


def command(*words: str) -> str:
    """Format a command of wordgate for a shell."""
    return shlex.join(["wordgate", *words])


def print_json(result: object) -> None:
    """Print a result as one JSON object in one line."""
    write_result(to_json(result))


def to_json(result: object) -> str:
    """Serialize a result as JSON in one line, in ASCII if standard output lacks a character."""
    text = json.dumps(result, ensure_ascii=False)
    try:
        text.encode(getattr(sys.stdout, "encoding", None) or "utf-8")
    except UnicodeEncodeError:
        return json.dumps(result)
    return text


def argument_text(argument: str) -> str:
    """Return an argument as text; if the locale cannot decode it, it is decoded as UTF-8."""
    from wordgate.tables.encoding import is_writable, without_surrogates

    if is_writable(argument):
        return argument
    try:
        return os.fsencode(argument).decode("utf-8", "replace")
    except UnicodeEncodeError:  # not possible for an argument of the system
        return without_surrogates(argument)


def _open_if_closed(descriptor: int) -> None:
    """Open a descriptor on the null device; the lower ones must be open."""
    try:
        os.fstat(descriptor)
    except OSError:
        os.open(os.devnull, os.O_RDWR)  # takes the lowest number that is free
