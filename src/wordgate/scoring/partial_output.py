"""A partial output beside its destination, so that a kill costs seconds, not hours.

Beside ``scored.csv`` that is a folder, ``scored.csv.checkpoint``, with the rows written so far and
a state that says how far they are good. The rows are forced to the disk before the state is, and
the state is replaced as a whole: whatever was written after it is cut off when the work goes on.
"""

import os
import time
from collections.abc import Mapping
from contextlib import AbstractContextManager, ExitStack, suppress
from pathlib import Path
from typing import Annotated, Any, BinaryIO

from pydantic import BaseModel, ConfigDict, Field

from wordgate.errors import BundleError, SettingsError, no_folder_message
from wordgate.scoring.options import ScoreOptions
from wordgate.storage.files import (
    check_movable,
    expand_home,
    lock,
    remove,
    resolve_link,
    sync_folder,
    system_errors,
)
from wordgate.storage.resumable import (
    CORRUPT_FILE_ERRORS,
    RunFingerprint,
    damaged,
    read_facts,
    read_resumable,
    write_resumable,
)

_ROWS, _STATE, _BEGUN, _LOCK = "rows", "state.safetensors", "begun", "lock"
_OLDER_STATE = "note.json"  # which said so in layouts before the fifth
# A state that took t seconds is followed by the next after fifty times t: a cost of 2%.
_SHARE = 50.0
_FIRST_ERRORS = 5
_MOST_SHOWN = 1000  # characters of each

Count = Annotated[int, Field(ge=0, lt=2**63)]


class Counts(BaseModel):
    """The records that were scored so far, by the names of `Scored`."""

    model_config = ConfigDict(strict=True, extra="forbid")

    rows: Count = 0
    scored: Count = 0
    abstained: Count = 0
    errors: Count = 0
    first_errors: list[tuple[int, str]] = Field(default_factory=list)

    def add(self, rows: int, abstained: int, errors: Mapping[int, str]) -> None:
        """Count a batch."""
        room = _FIRST_ERRORS - len(self.first_errors)
        first = sorted(errors)[:room] if room else ()
        self.first_errors += [(self.rows + i + 1, errors[i][:_MOST_SHOWN]) for i in first]
        self.rows += rows
        self.scored += rows - len(errors)
        self.abstained += abstained
        self.errors += len(errors)


class ScoringState(BaseModel):
    """The state of a scoring between two batches.

    Attributes:
        position: Where the source's next batch begins.
        length: Bytes of the result so far.
        counts: The records of these bytes.
    """

    model_config = ConfigDict(strict=True, extra="forbid")

    position: Count
    length: Count
    counts: Counts


class PartialOutput:
    """A result that is not whole yet.

    Args:
        out: Where the result is to stand.
        every: Seconds between two states at least; 0 for a state after every batch.
    """

    def __init__(self, out: Path, every: float):
        self.out = out
        self.folder = Path(f"{out}.checkpoint")
        self.rows = self.folder / _ROWS
        self.state = self.folder / _STATE
        self._begun = self.folder / _BEGUN
        self._lock_file = self.folder / _LOCK
        self._older_state = self.folder / _OLDER_STATE
        self._every = every
        self._due = 0.0
        self._stream: BinaryIO | None = None
        self._lock: BinaryIO | None = None
        self._claimed = False

    def __enter__(self) -> "PartialOutput":
        return self

    def __exit__(self, *_: object) -> None:
        if self._stream is not None:
            self._stream.close()
        with suppress(OSError):  # it keeps something, or is gone
            keeps = self.exists() or self._older_state.exists()
            if not keeps and (self._claimed or self._stream is not None):
                self.rows.unlink(missing_ok=True)
                self._begun.unlink(missing_ok=True)
            if self._lock is not None:
                self._release()
            self.folder.rmdir()

    def exists(self) -> bool:
        """Return whether an interrupted scoring left something to go on with."""
        return self.state.exists()

    def config(self) -> Mapping[str, Any]:
        """Read what decides the result of the scoring that was interrupted."""
        content, _ = read_resumable(self.state)
        config = content.get("config")
        return config if isinstance(config, Mapping) else {}

    def is_complete(self, options: ScoreOptions, source: Path | None, model: Path) -> bool:
        """Return whether nothing is left to do, and refuse what was not asked for.

        `source` is None where the input is no local file; `model` is a file of the model that is
        as old as it is.
        """
        self._check_place(source)
        if not options.overwrite and not self.exists() and self._older_state.exists():
            raise BundleError(
                f"{self.folder} contains an interrupted run in an older layout ({_OLDER_STATE}),"
                " which this version of wordgate cannot continue: finish it with the version that"
                " started it, move the folder away, or start over with --overwrite"
            )
        if self.exists():
            if not options.resume and not options.overwrite:
                raise BundleError(
                    f"scoring into {self.out} was interrupted and left {self.folder}: continue"
                    " it with --resume, or start over with --overwrite"
                )
            return False
        if options.overwrite and self.out.exists():
            self._claim()
        if not self.out.exists() or self._begun.exists():
            return False
        if not options.resume:
            raise BundleError(
                f"{self.out} exists; choose another file, or replace it with --overwrite"
            )
        for file in filter(None, (source, model)):
            if file.exists() and file.stat().st_mtime_ns > self.out.stat().st_mtime_ns:
                raise BundleError(
                    f"{self.out} is complete, and older than {file}: score again with --overwrite"
                )
        return True

    def _check_place(self, source: Path | None) -> None:
        out = self.out
        if not out.parent.is_dir():
            raise BundleError(no_folder_message(out))
        if out.is_dir():
            raise BundleError(
                f"{out} is a folder: name a file; or end the folder's name with / for a file in it"
                " of the input's name"
            )
        if self.folder.is_symlink():
            raise BundleError(f"{self.folder}, the working folder, is a link: remove it")
        with suppress(OSError):  # there is no result yet
            if source is not None and out.samefile(source):
                raise SettingsError(f"{out} is the input: write the result to another file")

    def _claim(self) -> None:
        """Note that what stands in the result's place is not it."""
        with writing(self.folder):
            self.folder.mkdir(mode=0o700, exist_ok=True)
            if self._begun.is_symlink():
                self._begun.unlink()
            self._claimed |= not self._begun.exists()
            self._begun.touch()
            sync_folder(self.folder.parent)

    def _acquire(self) -> None:
        """Keep other processes from writing the same result until this one has ended."""
        with ExitStack() as refused:
            with writing(self.folder):
                stream = refused.enter_context(open(self._lock_file, "ab", 0, opener=_no_link))
            lock(stream, self.folder, f"scoring into {self.out}")
            with suppress(FileNotFoundError):
                if os.path.samestat(os.fstat(stream.fileno()), self._lock_file.stat()):
                    self._lock = stream
                    refused.pop_all()
                    return
        raise BundleError(f"another process has just ended scoring into {self.out}: try again")

    def _release(self) -> None:
        if self._lock is not None and os.name == "nt":  # it has no locks, and removes no open file
            self._lock.close()
        self._lock_file.unlink(missing_ok=True)
        if self._lock is not None:
            self._lock.close()
            self._lock = None

    def begin(self, heading: bytes, fingerprint: RunFingerprint | None) -> None:
        """Begin anew, whatever was kept; without a fingerprint nothing can be gone on with."""
        self._claim()
        self._acquire()
        with writing(self.folder):
            for state in (self.state, self._older_state):
                state.unlink(missing_ok=True)
            sync_folder(self.folder)
            self.rows.unlink(missing_ok=True)  # it may be a link to who knows where
            self._stream = self.rows.open("xb", buffering=0)
        self.write(heading)
        if fingerprint is not None:
            self.save(fingerprint, 0, Counts())

    def resume(self, state: ScoringState) -> None:
        """Go on where the state says; refuse what is damaged."""
        self._acquire()
        with writing(self.rows):
            try:
                self._stream = open(self.rows, "rb+", buffering=0, opener=_no_link)  # noqa: SIM115
            except FileNotFoundError as error:
                raise damaged(self.folder, f"its {_ROWS} are gone") from error
            there = os.fstat(self._stream.fileno()).st_size
            if there < state.length:
                why = f"{there:,} bytes where {state.length:,} were written"
                raise damaged(self.folder, why)
            self._stream.truncate(state.length)
            self._stream.seek(state.length)
        self._due = time.monotonic() + self._every

    def write(self, content: bytes) -> None:
        """Add to the result."""
        assert self._stream is not None  # noqa: S101 - begin and resume open it
        view = memoryview(content)
        with writing(self.rows):
            while view:
                view = view[self._stream.write(view) or 0 :]

    def is_due(self) -> bool:
        """Return whether it is time to save again."""
        return time.monotonic() >= self._due

    def save(self, fingerprint: RunFingerprint, position: int, counts: Counts) -> None:
        """Save how far the result has come; all that was written before is on the disk then.

        If the disk refuses, the state before stays good.
        """
        assert self._stream is not None  # noqa: S101
        started = time.monotonic()
        state = ScoringState(position=position, length=self._stream.tell(), counts=counts)
        with writing(self.rows):
            os.fsync(self._stream.fileno())
        write_resumable(self.state, {**fingerprint.facts(), "state": state.model_dump()}, {})
        ended = time.monotonic()
        self._due = ended + (max(self._every, _SHARE * (ended - started)) if self._every else 0.0)

    def close(self) -> None:
        """Force all that was written to the disk, and be done with writing."""
        assert self._stream is not None  # noqa: S101
        with writing(self.rows):
            os.fsync(self._stream.fileno())
            self._stream.close()

    def clear(self) -> None:
        """Take away what is kept, now that the result is in its place.

        The state goes last: with the rows gone, it tells that nothing is left to do.
        """
        for file in (self.rows, self._begun):
            remove(file)
            sync_folder(self.folder)
        self._release()
        remove(self.state)
        sync_folder(self.folder)
        self.folder.rmdir()

    def load(self, fingerprint: RunFingerprint) -> tuple[ScoringState, list[str]]:
        """Read how far the result has come, and what differs now that may move it a little.

        Raises:
            BundleError: What is kept is of another work, or damaged.
        """
        for file in (self.state, self.rows):
            if file.is_symlink():
                raise damaged(self.folder, f"{file.name} is a link")
        if not self.state.is_file():  # a pipe would be waited for
            raise damaged(self.folder, f"{_STATE} is not a file")
        content, _ = read_resumable(self.state)
        try:
            return _checked_state(content), fingerprint.check(content, "scoring", self.folder)
        except CORRUPT_FILE_ERRORS as error:
            raise damaged(self.state, error) from error


def destination(out: str) -> Path:
    """Return the file that a result is written to: where a link leads, so that the link stays."""
    path = expand_home(out)
    if path.exists() and not path.is_file() and not path.is_dir():
        raise BundleError(f"{path} is not a file; give one, or - for standard output")
    if path.is_file():
        check_movable(path, BundleError)
    return resolve_link(path)


def _checked_state(content: Mapping[str, Any]) -> ScoringState:
    state = read_facts(ScoringState, content["state"])
    counts = state.counts
    if counts.scored + counts.errors != counts.rows or counts.abstained > counts.scored:
        raise ValueError(f"its counts are {counts}")
    return state


def _no_link(path: str, flags: int) -> int:
    """Open a file, but no link to another, and without waiting for the other end of a pipe."""
    return os.open(path, flags | getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_NONBLOCK", 0))


def writing(path: Path) -> AbstractContextManager[None]:
    """Report an error of the file system in one sentence."""
    return system_errors(BundleError, f"{path} can't be written")
