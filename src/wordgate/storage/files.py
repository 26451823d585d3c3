"""Atomic replacement of files and folders, locks between processes, and system errors."""

import errno
import os
import re
import shutil
import stat
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import IO, Any

import platformdirs

from wordgate.errors import BundleError, DataError, WordgateError, no_folder_message

# Errors of systems and file systems that cannot exchange two names in one step.
_CANT_EXCHANGE = (errno.ENOSYS, errno.EINVAL, errno.ENOTSUP, errno.EXDEV)
# Errors of file systems without locks, such as some of clusters.
_CANT_LOCK = (errno.ENOSYS, errno.ENOTSUP, errno.ENOLCK)
_NEW, _OLD = "new", "old"
_PATIENCE = 30.0  # seconds to wait for a lock: a killed process may take a while to end
_PAUSE = 0.1


@contextmanager
def system_errors(kind: type[WordgateError], message: str) -> Iterator[None]:
    """Convert an `OSError` to an error of this kind, with the reason at the end of the message."""
    try:
        yield
    except OSError as error:
        raise kind(f"{message}: {error.strerror or error}") from error


@contextmanager
def atomic_write(file: Path) -> Iterator[Path]:
    """Yield the path of a temporary file; then sync it, and rename it to the file.

    A replaced file's permissions are kept; of a link, the target is replaced.

    Raises:
        OSError: It cannot be written. Then the previous file is unchanged; if only the sync of the
            folder failed, the new file is complete.
    """
    file = resolve_link(file)
    aside, replaces = temporary_path(file), file.exists()
    aside.unlink(missing_ok=True)  # of a killed run, or a link to another place
    try:
        if replaces:
            aside.touch(mode=0o600)
        yield aside
        with aside.open("rb+") as stream:
            os.fsync(stream.fileno())
        if replaces:
            copy_mode(file, aside)
        aside.replace(file)
    finally:
        aside.unlink(missing_ok=True)
    sync_folder(file.parent)


@contextmanager
def atomic_output(file: Path) -> Iterator[Path]:
    """Write a file that the user named by `atomic_write`; errors are a `DataError`."""
    with system_errors(DataError, f"{file} cannot be written"), atomic_write(file) as aside:
        yield aside


def expand_home(name: str | os.PathLike[str]) -> Path:
    """Return the path of a name in which ``~`` is the home, as in a shell: unknown ones stay."""
    return Path(os.path.expanduser(name))


def user_folder(kind: str) -> Path:
    """Return the folder of this user's files of a kind: ``cache``, ``data`` or ``state``.

    Raises:
        DataError: The user has no home, as in a container that runs with a bare user id.
    """
    try:
        folder = Path(getattr(platformdirs, f"user_{kind}_dir")("wordgate"))
    except RuntimeError:
        folder = Path()
    if not folder.is_absolute():
        raise DataError(
            f"the {kind} folder of this user is unknown: set HOME or XDG_{kind.upper()}_HOME"
        )
    return folder


def copy_mode(old: Path, new: Path) -> None:
    """Copy the permissions of a file to another, unless they are the same."""
    mode = stat.S_IMODE(old.stat().st_mode)
    if stat.S_IMODE(new.stat().st_mode) != mode:
        new.chmod(mode)


def remove(file: Path) -> None:
    """Remove a file of `atomic_write`, if it exists, and its temporary file."""
    file.unlink(missing_ok=True)
    temporary_path(file).unlink(missing_ok=True)


def own_files(name: str) -> re.Pattern[str]:
    """Return a pattern for the names of files of `atomic_write` and their temporary files."""
    return re.compile(rf"{name}|\.{name}\.new")


def remove_own(folder: Path, is_own: Callable[[Path], object], last: str = "") -> None:
    """Remove a folder's own files, and the folder if nothing else is in it.

    The file named `last` is removed last, so that an interrupted removal can be recognized.
    """
    if not folder.is_dir():
        return
    for file in sorted(folder.iterdir(), key=lambda file: file.name == last):
        if is_own(file):
            file.unlink(missing_ok=True)
    if not any(folder.iterdir()):
        folder.rmdir()


def temporary_path(path: Path) -> Path:
    """Return the temporary path for writing a file, always the same for a file."""
    return path.parent / f".{path.name}.new"


def check_file(path: Path, *, overwrite: bool) -> None:
    """Refuse, by a `DataError`, an output file that cannot be written, before the work is done."""
    if os.path.isdir(path):
        raise DataError(f"{path} is a folder; name a file")
    if os.path.lexists(path) and not overwrite:
        raise DataError(f"{path} exists; choose another --out, or replace it with --overwrite")
    path = resolve_link(path)
    if not path.absolute().parent.is_dir():
        raise DataError(no_folder_message(path))
    if os.path.exists(path) and not path.is_file():
        raise DataError(f"{path} is not a file; choose another --out")
    check_movable(path, DataError)
    aside = temporary_path(path)
    with system_errors(DataError, f"{path} cannot be written"):
        aside.unlink(missing_ok=True)
        aside.touch()
        aside.unlink()


def check_movable(path: Path, kind: type[WordgateError]) -> None:
    """Refuse by an error of this kind what no system replaces: a file or folder mounted there."""
    if os.path.ismount(path):
        raise kind(f"{path} is a mount point, which cannot be replaced; name a path inside a mount")


def resolve_link(path: Path) -> Path:
    """Return the target of a link, or the path itself."""
    return Path(os.path.realpath(path)) if os.path.islink(path) else path


def write_synced(file: Path, content: bytes) -> None:
    """Write a new file, and sync it to the disk."""
    with file.open("xb") as stream:
        stream.write(content)
        stream.flush()
        os.fsync(stream.fileno())


def sync_folder(folder: Path) -> None:
    """Sync the names in a folder to the disk, if the system supports that (not Windows)."""
    if not hasattr(os, "O_DIRECTORY"):
        return
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def check_folder(
    path: Path, what: str, *, overwrite: bool, check_replaceable: Callable[[Path], None]
) -> None:
    """Refuse, by a `BundleError`, a folder that `write_folder` cannot write, before the work.

    Args:
        path: The folder.
        what: Its content in messages, such as ``model``.
        overwrite: Whether an existing folder may be replaced.
        check_replaceable: Raises an error if the existing folder must not be replaced.
    """
    place = resolve_link(path)
    if not os.path.isdir(place.parent):
        raise BundleError(no_folder_message(place, what))
    with suppress(OSError):  # then writing fails below, with a message
        _restore_old(place)
    if os.path.lexists(path) and not overwrite:
        raise BundleError(f"{path} exists; choose another --out, or replace it with --overwrite")
    if os.path.lexists(place):
        check_movable(place, BundleError)
        check_replaceable(place)
    working_folder = temporary_path(place)
    refused = system_errors(BundleError, f"the {what} cannot be written to {path}")
    with refused, suppress(FileExistsError):  # an existing one shows that it can be created
        working_folder.mkdir(mode=0o700)
        working_folder.rmdir()


def write_folder(path: Path, what: str, contents: Mapping[str, bytes]) -> None:
    """Write a temporary folder of files, sync it to the disk, and then move it to its place.

    An existing folder, or the target of a link, is replaced; see `check_folder`. If the process is
    killed, there is the old folder or the new one, and perhaps a hidden one that is removed the
    next time. Messages name the content of the folder, such as a ``model``.

    Raises:
        BundleError: It cannot be written. Then the previous folder is unchanged; if only the sync
            of the parent failed, the new folder is complete.
    """
    path = resolve_link(path)
    refused = system_errors(BundleError, f"the {what} could not be written to {path}")
    with refused, _working_folder(path) as working_folder:
        fresh = working_folder / _NEW
        fresh.mkdir()
        for name, content in contents.items():
            write_synced(fresh / name, content)
        sync_folder(fresh)
        _swap_in(fresh, path)
        sync_folder(path.parent)


@contextmanager
def _working_folder(path: Path) -> Iterator[Path]:
    """Create a temporary folder next to `path`; remove it, and restore `path` if it was moved."""
    working_folder = temporary_path(path)
    _clear(path)
    working_folder.mkdir(mode=0o700)
    try:
        yield working_folder
    finally:
        _clear(path)


def _clear(path: Path) -> None:
    """Remove the temporary folder of this run or of a killed one."""
    _restore_old(path)
    folder = temporary_path(path)
    if folder.is_dir() and {entry.name for entry in folder.iterdir()} <= {_NEW, _OLD}:
        shutil.rmtree(folder, ignore_errors=True)


def _restore_old(path: Path) -> None:
    """Restore the folder that a killed run has moved away."""
    old = temporary_path(path) / _OLD
    if os.path.exists(old) and not os.path.lexists(path):
        old.rename(path)


def _swap_in(fresh: Path, path: Path) -> None:
    """Move a folder to its place, and an existing one there to the temporary folder."""
    if os.path.lexists(path) and not _exchange(fresh, path):
        path.rename(fresh.with_name(_OLD))  # if killed after this, the next run restores it
    if not os.path.lexists(path):
        fresh.rename(path)


def _exchange(one: Path, other: Path) -> bool:
    """Exchange two names in one step; return False if the system cannot."""
    import ctypes

    library: Any = ctypes.CDLL(None, use_errno=True) if sys.platform != "win32" else None
    names = os.fsencode(one), os.fsencode(other)
    swap = 2  # the flag has this value on both systems
    if hasattr(library, "renameat2"):  # Linux
        here = -100
        failed = library.renameat2(here, names[0], here, names[1], swap)
    elif hasattr(library, "renamex_np"):  # macOS
        failed = library.renamex_np(*names, swap)
    else:
        return False
    number = ctypes.get_errno()
    if failed and number not in _CANT_EXCHANGE:
        raise OSError(number, os.strerror(number), str(one), None, str(other))
    return not failed


@contextmanager
def exclusive(file: Path, what: str) -> Iterator[None]:
    """Hold a lock between processes in a context, if the system has locks.

    The lock file is created, and not removed. `what` is the locked work, for messages.

    Raises:
        BundleError: Another process has held the lock for half a minute, or the file cannot be
            created.
    """
    with system_errors(BundleError, f"{file} cannot be opened"):
        stream = file.open("ab")
    with stream:
        lock(stream, file, what)
        yield


def lock(stream: IO[Any], file: Path, what: str) -> None:
    """Lock an open file until it is closed, as `exclusive` does, where the system knows how."""
    try:
        import fcntl
    except ImportError:  # Windows
        return
    until = time.monotonic() + _PATIENCE
    while True:
        try:
            fcntl.flock(stream, fcntl.LOCK_EX | fcntl.LOCK_NB)
            break
        except BlockingIOError as error:
            if time.monotonic() > until:
                raise BundleError(
                    f"another process is busy with {what} ({file}): wait until it has ended"
                ) from error
            time.sleep(_PAUSE)
        except OSError as error:
            if error.errno not in _CANT_LOCK:
                raise BundleError(f"{file} cannot be locked: {error.strerror}") from error
            break
