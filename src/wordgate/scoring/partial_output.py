"""A partial output next to its destination, from which an interrupted run continues.

For ``scored.csv`` it is a folder, ``scored.csv.checkpoint``, with the rows written so far and a
state with their length. The rows are synced to disk before the state, and the state is replaced
atomically: rows after it are truncated when the run continues.
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
_OLDER_STATE = "note.json"  # the state in layouts before the fifth
# A state that took t seconds to write is followed by the next after fifty times t: a cost of 2%.
_SHARE = 50.0
_FIRST_ERRORS = 5
_MOST_SHOWN = 1000  # characters of each

Count = Annotated[int, Field(ge=0, lt=2**63)]


class Counts(BaseModel):
    """Counts of the records scored so far, with the names of `Scored`."""

    model_config = ConfigDict(strict=True, extra="forbid")

    rows: Count = 0
    scored: Count = 0
    abstained: Count = 0
    errors: Count = 0
    first_errors: list[tuple[int, str]] = Field(default_factory=list)

    def add(self, rows: int, abstained: int, errors: Mapping[int, str]) -> None:
        """Add a batch."""
        room = _FIRST_ERRORS - len(self.first_errors)
        first = sorted(errors)[:room] if room else ()
        self.first_errors += [(self.rows + i + 1, errors[i][:_MOST_SHOWN]) for i in first]
        self.rows += rows
        self.scored += rows - len(errors)
        self.abstained += abstained
        self.errors += len(errors)


class ScoringState(BaseModel):
    """The state of a run between two batches.

    Attributes:
        position: Position of the next batch in the source.
        length: Number of bytes of the result so far.
        counts: The records in these bytes.
    """

    model_config = ConfigDict(strict=True, extra="forbid")

    position: Count
    length: Count
    counts: Counts


class PartialOutput:
    """An incomplete result.

    Args:
        out: The destination of the result.
        every: Minimum seconds between two states; 0 for a state after every batch.
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
        with suppress(OSError):  # the folder is not empty, or does not exist
            has_state = self.exists() or self._older_state.exists()
            if not has_state and (self._claimed or self._stream is not None):
                self.rows.unlink(missing_ok=True)
                self._begun.unlink(missing_ok=True)
            if self._lock is not None:
                self._release()
            self.folder.rmdir()

    def exists(self) -> bool:
        """Return whether there is a state from which to continue."""
        return self.state.exists()

    def config(self) -> Mapping[str, Any]:
        """Read the configuration of the interrupted run."""
        content, _ = read_resumable(self.state)
        config = content.get("config")
        return config if isinstance(config, Mapping) else {}

    def is_complete(self, options: ScoreOptions, source: Path | None, model: Path) -> bool:
        """Return whether the result is complete, and check it against the options.

        `source` is None if the input is not a local file; `model` is a file of the model whose
        modification time is compared.

        Raises:
            BundleError: There is a result or an interrupted run, and neither `resume` nor
                `overwrite` allows it; or the result is older than source or model.
            SettingsError: The output is the input.
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
                raise interrupted_error(f"{self.out} was interrupted and left {self.folder}")
            return False
        if options.overwrite and self.out.exists():
            self._claim()
        if not self.out.exists() or self._begun.exists():
            return False
        if not options.resume:
            raise exists_error(self.out, "file")
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
        """Mark an existing file at the destination as not being the result of this run."""
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
            claimed, self._claimed = self._claimed, False  # the files may be another process's
            lock(stream, self.folder, f"scoring into {self.out}")
            with suppress(FileNotFoundError):
                if os.path.samestat(os.fstat(stream.fileno()), self._lock_file.stat()):
                    self._lock, self._claimed = stream, claimed
                    refused.pop_all()
                    return
        raise BundleError(f"another process has just ended scoring into {self.out}: try again")

    def _release(self) -> None:
        try:
            self._lock_file.unlink(missing_ok=True)
        except PermissionError:  # Windows removes no open file
            if self._lock is None:
                raise
            self._lock.close()
            self._lock_file.unlink(missing_ok=True)
        if self._lock is not None:
            self._lock.close()
            self._lock = None

    def begin(self, heading: bytes, fingerprint: RunFingerprint | None) -> None:
        """Start from the beginning; without a fingerprint the run cannot be continued."""
        self._claim()
        self._acquire()
        with writing(self.folder):
            for state in (self.state, self._older_state):
                state.unlink(missing_ok=True)
            sync_folder(self.folder)
            self.rows.unlink(missing_ok=True)  # it may be a link
            self._stream = self.rows.open("xb", buffering=0)
        self.write(heading)
        if fingerprint is not None:
            self.save(fingerprint, 0, Counts())

    def resume(self, state: ScoringState) -> None:
        """Continue from a state.

        Raises:
            BundleError: There are fewer rows than in the state.
        """
        self._acquire()
        with writing(self.rows):
            try:
                self._stream = open(self.rows, "rb+", buffering=0, opener=_no_link)  # noqa: SIM115
            except FileNotFoundError as error:
                raise damaged(self.folder, f"its {_ROWS} are gone") from error
            size = os.fstat(self._stream.fileno()).st_size
            if size < state.length:
                why = f"{size:,} bytes where {state.length:,} were written"
                raise damaged(self.folder, why)
            self._stream.truncate(state.length)
            self._stream.seek(state.length)
        self._due = time.monotonic() + self._every

    def write(self, content: bytes) -> None:
        """Append to the result."""
        assert self._stream is not None  # noqa: S101 - begin and resume open it
        view = memoryview(content)
        with writing(self.rows):
            while view:
                view = view[self._stream.write(view) or 0 :]

    def is_due(self) -> bool:
        """Return whether the next state is due."""
        return time.monotonic() >= self._due

    def save(self, fingerprint: RunFingerprint, position: int, counts: Counts) -> None:
        """Sync the rows to disk, then save the state; if that fails, the earlier state remains."""
        assert self._stream is not None  # noqa: S101
        started = time.monotonic()
        state = ScoringState(position=position, length=self._stream.tell(), counts=counts)
        with writing(self.rows):
            os.fsync(self._stream.fileno())
        write_resumable(self.state, {**fingerprint.facts(), "state": state.model_dump()}, {})
        ended = time.monotonic()
        self._due = ended + (max(self._every, _SHARE * (ended - started)) if self._every else 0.0)

    def close(self) -> None:
        """Sync the rows to disk and close them."""
        assert self._stream is not None  # noqa: S101
        with writing(self.rows):
            os.fsync(self._stream.fileno())
            self._stream.close()

    def clear(self) -> None:
        """Delete the partial output after the result has been moved to its destination.

        The state is deleted last: a state without rows means that the result is complete.
        """
        for file in (self.rows, self._begun):
            remove(file)
            sync_folder(self.folder)
        self._release()
        remove(self.state)
        sync_folder(self.folder)
        self.folder.rmdir()

    def load(self, fingerprint: RunFingerprint) -> tuple[ScoringState, list[str]]:
        """Read the state, and warnings about differences of the environment.

        Raises:
            BundleError: The state is damaged, or that of a run with another configuration.
        """
        for file in (self.state, self.rows):
            if file.is_symlink():
                raise damaged(self.folder, f"{file.name} is a link")
        if not self.state.is_file():  # reading a pipe would block
            raise damaged(self.folder, f"{_STATE} is not a file")
        content, _ = read_resumable(self.state)
        try:
            return _checked_state(content), fingerprint.check(content, "scoring", self.folder)
        except CORRUPT_FILE_ERRORS as error:
            raise damaged(self.state, error) from error


def interrupted_error(name: str) -> BundleError:
    """Return the error over an interrupted run, if neither resume nor overwrite is set."""
    return BundleError(
        f"scoring into {name}: continue it with --resume, or start over with --overwrite"
    )


def exists_error(name: object, kind: str) -> BundleError:
    """Return the error over an existing output, a ``file`` or a ``folder``."""
    return BundleError(f"{name} exists; choose another {kind}, or replace it with --overwrite")


def destination(out: str) -> Path:
    """Return the file to which a result is written: the target of a symbolic link."""
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
    """Open a file, but not a symbolic link, and without blocking on a pipe."""
    return os.open(path, flags | getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_NONBLOCK", 0))


def writing(path: Path) -> AbstractContextManager[None]:
    """Raise errors of the file system as a `BundleError`."""
    return system_errors(BundleError, f"{path} can't be written")
