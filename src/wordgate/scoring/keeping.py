"""What stands beside a result until it is whole, so that a kill costs seconds, not hours.

Beside ``scored.csv`` that is a folder, ``scored.csv.checkpoint``, with the rows written so far and
a note of how far they are good. The rows are forced to the disk before the note is, and the
note is replaced as a whole: whatever was written after it is cut off when the work goes on.
"""

import json
import os
import time
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any, BinaryIO

from wordgate.errors import BundleError
from wordgate.runtime.display import shown
from wordgate.storage.files import atomic_write, remove, sync_folder
from wordgate.storage.resumable import CORRUPT_FILE_ERRORS, RunFingerprint, check_digest, digest

_LAYOUT = 4
_ROWS, _NOTE, _BEGUN = "rows", "note.json", "begun"
# A note that took t seconds is followed by the next after fifty times t: a cost of 2 %.
_SHARE = 50.0
_FIRST_ERRORS = 5
_MOST_SHOWN = 1000  # characters of each


@dataclass
class Counts:
    """What was done so far.

    Attributes:
        rows: Records read, those with errors included.
        scored: Records that have probabilities.
        abstained: Those of them that have no label.
        errors: Records that could not be scored.
        first_errors: The first of them: the row's number and why.
    """

    rows: int = 0
    scored: int = 0
    abstained: int = 0
    errors: int = 0
    first_errors: list[tuple[int, str]] = field(default_factory=list)

    def add(self, rows: int, abstained: int, errors: Mapping[int, str]) -> None:
        """Count a batch."""
        room = _FIRST_ERRORS - len(self.first_errors)
        first = sorted(errors)[:room] if room else ()
        self.first_errors += [(self.rows + i + 1, errors[i][:_MOST_SHOWN]) for i in first]
        self.rows += rows
        self.scored += rows - len(errors)
        self.abstained += abstained
        self.errors += len(errors)


@dataclass(frozen=True)
class Mark:
    """How far a scoring has come.

    Attributes:
        position: Where the source's next batch begins.
        length: Bytes of the result so far.
        counts: What was done.
        warnings: What differs between then and now and may move the result a little.
    """

    position: int
    length: int
    counts: Counts
    warnings: list[str] = field(default_factory=list)


class Kept:
    """A result that is not whole yet.

    Args:
        out: Where the result is to stand.
        every: Seconds between two notes at least; 0 for a note after every batch.
    """

    def __init__(self, out: Path, every: float):
        self.out = out
        self.folder = Path(f"{out}.checkpoint")
        self.rows = self.folder / _ROWS
        self._every = every
        self._due = 0.0
        self._stream: BinaryIO | None = None
        self._claimed = False

    def __enter__(self) -> "Kept":
        return self

    def __exit__(self, *_: object) -> None:
        if self._stream is not None:
            self._stream.close()
        with suppress(OSError):  # it keeps something, or is gone
            if not self.is_there() and (self._claimed or self._stream is not None):
                self.rows.unlink(missing_ok=True)
                (self.folder / _BEGUN).unlink(missing_ok=True)
            self.folder.rmdir()

    def is_there(self) -> bool:
        """Tell whether an interrupted scoring left something to go on with."""
        return (self.folder / _NOTE).exists()

    def is_begun(self) -> bool:
        """Tell whether a scoring was begun that is to replace what stands in its place."""
        return (self.folder / _BEGUN).exists()

    def claim(self) -> None:
        """Say that what stands in the result's place is not it.

        Raises:
            BundleError: The disk refuses.
        """
        begun = self.folder / _BEGUN
        try:
            self.folder.mkdir(mode=0o700, exist_ok=True)
            if begun.is_symlink():
                begun.unlink()
            self._claimed |= not begun.exists()
            begun.touch()
            sync_folder(self.folder.parent)
        except OSError as error:
            raise _unwritten(self.folder, error) from error

    def begin(self, heading: bytes, fingerprint: RunFingerprint | None) -> None:
        """Begin anew, whatever was kept.

        Args:
            heading: What stands before the first row.
            fingerprint: What the scoring is; None where nothing can be gone on with.

        Raises:
            BundleError: The disk refuses.
        """
        self.claim()
        try:
            (self.folder / _NOTE).unlink(missing_ok=True)
            sync_folder(self.folder)
            self.rows.unlink(missing_ok=True)  # it may be a link to who knows where
            self._stream = self.rows.open("xb", buffering=0)
        except OSError as error:
            raise _unwritten(self.folder, error) from error
        self.write(heading)
        if fingerprint is not None:
            self.note(fingerprint, 0, Counts())

    def resume(self, mark: Mark) -> None:
        """Go on where the note says.

        Raises:
            BundleError: What is kept is damaged.
        """
        try:
            self._stream = open(self.rows, "rb+", buffering=0, opener=_no_link)  # noqa: SIM115
            there = os.fstat(self._stream.fileno()).st_size
            if there < mark.length:
                raise self._damaged(f"{there:,} bytes where {mark.length:,} were written")
            self._stream.truncate(mark.length)
            self._stream.seek(mark.length)
        except FileNotFoundError as error:
            raise self._damaged(f"its {_ROWS} are gone") from error
        except OSError as error:
            raise _unwritten(self.rows, error) from error
        self._due = time.monotonic() + self._every

    def write(self, content: bytes) -> None:
        """Add to the result.

        Raises:
            BundleError: The disk refuses.
        """
        assert self._stream is not None  # noqa: S101 - begin and resume open it
        view = memoryview(content)
        try:
            while view:
                view = view[self._stream.write(view) or 0 :]
        except OSError as error:
            raise _unwritten(self.rows, error) from error

    def is_due(self) -> bool:
        """Tell whether it is time for a note."""
        return time.monotonic() >= self._due

    def note(self, fingerprint: RunFingerprint, position: int, counts: Counts) -> None:
        """Note how far the result has come; all that was written before is on the disk then.

        Raises:
            BundleError: The disk refuses; the note before stays good.
        """
        assert self._stream is not None  # noqa: S101
        started = time.monotonic()
        note = {
            "layout": _LAYOUT,
            **fingerprint.facts(),
            "position": position,
            "length": self._stream.tell(),
            "counts": asdict(counts),
        }
        note["digest"] = digest(note, {})
        try:
            os.fsync(self._stream.fileno())
            with atomic_write(self.folder / _NOTE) as aside:
                aside.write_text(json.dumps(note), encoding="utf-8")
        except OSError as error:
            raise _unwritten(self.folder, error) from error
        ended = time.monotonic()
        self._due = ended + (max(self._every, _SHARE * (ended - started)) if self._every else 0.0)

    def close(self) -> None:
        """Force all that was written to the disk, and be done with writing.

        Raises:
            BundleError: The disk refuses.
        """
        if self._stream is None:
            return
        try:
            os.fsync(self._stream.fileno())
            self._stream.close()
        except OSError as error:
            raise _unwritten(self.rows, error) from error

    def clear(self) -> None:
        """Take away what is kept, now that the result is in its place.

        The note goes last: with the rows gone, it tells that nothing is left to do.
        """
        for name in (_ROWS, _BEGUN, _NOTE):
            remove(self.folder / name)
            sync_folder(self.folder)
        self.folder.rmdir()

    def mark(self, fingerprint: RunFingerprint) -> Mark:
        """Read the note.

        Args:
            fingerprint: What the scoring is that is to go on.

        Raises:
            BundleError: What is kept is of another work, or damaged.
        """
        file = self.folder / _NOTE
        if link := next((entry for entry in (file, self.rows) if entry.is_symlink()), None):
            raise self._damaged(f"{link.name} is a link")
        try:
            with open(file, "rb", opener=_no_link) as stream:
                note = json.load(stream)
            if note["layout"] != _LAYOUT:
                raise BundleError(
                    f"{file} is of layout {note['layout']!r:.80}, and this wordgate reads"
                    f" {_LAYOUT}; begin anew with --overwrite"
                )
            check_digest(note, {})
            mark = _as_mark(note)
        except OSError as error:
            raise BundleError(f"{file} can't be read: {error.strerror or error}") from error
        except CORRUPT_FILE_ERRORS as error:
            raise self._damaged(shown(str(error), _MOST_SHOWN)) from error
        return replace(mark, warnings=fingerprint.check(note, "scoring", self.folder))

    def _damaged(self, why: str) -> BundleError:
        return BundleError(f"{self.folder} is damaged ({why}); begin anew with --overwrite")


def _as_mark(note: Mapping[str, Any]) -> Mark:
    """Make of a note what it says.

    Raises:
        LookupError, TypeError, ValueError: It is not what `Kept.note` wrote.
    """
    counts = Counts(**note["counts"])
    counts.first_errors = [(int(row), str(why)) for row, why in counts.first_errors]
    position, length = note["position"], note["length"]
    numbers = [position, length, counts.rows, counts.scored, counts.abstained, counts.errors]
    if not all(type(number) is int and 0 <= number < 2**63 for number in numbers):
        raise ValueError(f"its numbers are {numbers}")
    if counts.scored + counts.errors != counts.rows or counts.abstained > counts.scored:
        raise ValueError(f"its counts are {numbers[2:]}")
    return Mark(position, length, counts)


def _no_link(path: str, flags: int) -> int:
    """Open a file, but no link to another, and without waiting for the other end of a pipe."""
    return os.open(path, flags | getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_NONBLOCK", 0))


def _unwritten(path: Path, error: OSError) -> BundleError:
    return BundleError(f"{path} can't be written: {error.strerror or error}")
