r"""Standard output and standard error, whatever becomes of them while a command runs.

Python itself ends with the status 120 where it can't flush one of them in the end, and a library's
warning that nobody reads can end the work. So both are replaced: writing to standard error never
fails, and writing to standard output fails once, with an `OutputError`. A character that their
encoding lacks is escaped: ``\u4f60`` for one, in JSON as JSON has it.
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
"""Ways to treat a character that can't be encoded which raise an error over some; others stay."""


class OutputError(Exception):
    """Standard output doesn't take what is written there.

    It is no OSError: over some of those click and rich end the program in ways of their own.

    Attributes:
        reader_gone: Whether that is because nobody reads it any more.
    """

    def __init__(self, error: OSError, *, reader_gone: bool):
        super().__init__(f"standard output cannot be written: {error.strerror or error}")
        self.reader_gone = reader_gone


class StandardStreams:
    """Standard output and standard error, replaced for good.

    Descriptors of standard streams that are closed are opened on the null device: else the next
    file opened would have such a number, and what a library writes to standard error would go
    into that file.
    """

    def __init__(self) -> None:
        for descriptor in range(3):
            _open_if_closed(descriptor)
        self._raws: list[_RawStream] = []
        for name in ("stdout", "stderr"):
            stream = self._replaced(getattr(sys, name), strict=name == "stdout")
            vars(sys).update({name: stream, f"__{name}__": stream})

    def _replaced(self, stream: io.TextIOWrapper | None, *, strict: bool) -> TextIO | None:
        """Return a stream that writes where another did; None where that was closed already."""
        if stream is None:
            return None
        encoding, line_buffering = stream.encoding, stream.line_buffering
        errors = "backslashreplace" if stream.errors in _RAISING else stream.errors
        buffer: Any = stream.detach()
        raw = _RawStream(buffer.detach() if hasattr(buffer, "raw") else buffer, strict=strict)
        self._raws.append(raw)
        return io.TextIOWrapper(io.BufferedWriter(raw), encoding, errors, None, line_buffering)

    def flush(self) -> None:
        """Write out what they still hold; from now on no writing fails."""
        for raw in self._raws:
            raw.strict = False
        for stream in (sys.stdout, sys.stderr):
            if stream is not None:
                stream.flush()

    def discard(self) -> None:
        """Write nothing any more, not even what they still hold."""
        for raw in self._raws:
            raw.discards = True


class _RawStream(io.RawIOBase):
    """The system's side of a standard stream; after its first failure it discards what comes.

    Attributes:
        strict: Whether that failure is raised, as an `OutputError`.
        discards: Whether nothing is written any more.
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
            except KeyboardInterrupt:  # it may have waited for a reader who doesn't read
                self.discards = self.strict
                raise
        return memoryview(data).nbytes

    def _written(self, data: "Buffer") -> int:
        while (written := self._raw.write(data)) is None:  # a pipe that is full, and doesn't wait
            select.select([], [self], [])
        return written

    def _reader_gone(self, error: OSError) -> bool:
        lost_terminal = error.errno == errno.EIO and self._was_terminal
        return error.errno in _READER_GONE or lost_terminal


def write_result(text: str) -> None:
    """Write a result and the end of its line to standard output, at once.

    Not by click, which would write UTF-8 where the encoding is ASCII.
    """
    _write_line(sys.stdout, text)


def in_colour(text: str, colour: str | None) -> str:
    """Colour a text where standard output is a terminal, and NO_COLOR is not set."""
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
    broken: list[str] = []
    for line in text.splitlines():
        margin = " " * max(indent, len(line) - len(line.lstrip(" ")))
        parts = textwrap.wrap(line, width, break_on_hyphens=False, subsequent_indent=margin)
        broken += parts or [""]
    return "\n".join(broken)


def remark(text: str) -> None:
    """Write a message to standard error; a failure to write does not end the work."""
    with suppress(OSError):
        _write_line(sys.stderr, _wrapped(text, line_width(sys.stderr), 0))


def _write_line(stream: TextIO | None, text: str) -> None:
    if stream is not None:  # it was closed before
        stream.write(f"{text}\n")
        stream.flush()


def standard_input(encoding: str | None, *, waits_for_all: bool) -> Iterator[str]:
    """Return the text of standard input as it comes, read as a file is.

    A guess at its encoding is said, and once that some bytes don't fit, which are replaced. The
    encoding is found out by what comes first, or if it waits by all of it.

    Raises:
        DataError: It can't be read as asked, or is no text.
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
    """Warn of files of a bundle that are not as they were written."""
    for name in names:
        remark(
            f"wordgate: warning: {bundle}/{name} was changed or is missing; predictions do not"
            " depend on it"
        )


def remark_on_files(bundle: str, texts: Iterable[str]) -> None:
    """Remark on texts that are names of files, whose rows may have been meant."""
    from wordgate.tables.source import is_file

    for text in texts:
        if is_file(path := Path(text)) and path.is_file():
            remark(
                f"wordgate: '{one_line(text)}' is read as a text, not as a file. To score the"
                f" rows of the file: {command('score', bundle, text)}"
            )


def command(*words: str) -> str:
    """Write one of our commands as a shell takes it."""
    return shlex.join(["wordgate", *words])


def print_json(result: object) -> None:
    """Print a result as one JSON object in one line."""
    write_result(to_json(result))


def to_json(result: object) -> str:
    """Write a result as JSON in one line, in ASCII where standard output lacks a character."""
    written = json.dumps(result, ensure_ascii=False)
    try:
        written.encode(getattr(sys.stdout, "encoding", None) or "utf-8")
    except UnicodeEncodeError:
        return json.dumps(result)
    return written


def argument_text(argument: str) -> str:
    """Return a text of the command line; what the locale can't decode is UTF-8, as in files."""
    from wordgate.tables.encoding import is_writable, without_surrogates

    if is_writable(argument):
        return argument
    try:
        return os.fsencode(argument).decode("utf-8", "replace")
    except UnicodeEncodeError:  # no system gives such an argument
        return without_surrogates(argument)


def _open_if_closed(descriptor: int) -> None:
    """Open a descriptor on the null device; the lower ones must be open."""
    try:
        os.fstat(descriptor)
    except OSError:
        os.open(os.devnull, os.O_RDWR)  # takes the lowest number that is free
