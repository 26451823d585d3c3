"""Files and folders replaced as a whole, locks between processes, and errors of the system."""

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

# What a system or a file system answers that can't exchange two names in one step.
_CANT_EXCHANGE = (errno.ENOSYS, errno.EINVAL, errno.ENOTSUP, errno.EXDEV)
# And one that has no locks, such as some file systems of clusters.
_CANT_LOCK = (errno.ENOSYS, errno.ENOTSUP, errno.ENOLCK)
_NEW, _OLD = "new", "old"
_PATIENCE = 30.0  # seconds for a lock: a killed process may take a while to end
_PAUSE = 0.1


@contextmanager
def system_errors(kind: type[WordgateError], message: str) -> Iterator[None]:
    """Raise an error of this kind where the system refuses; its reason ends the message."""
    try:
        yield
    except OSError as error:
        raise kind(f"{message}: {error.strerror or error}") from error


@contextmanager
def atomic_write(file: Path) -> Iterator[Path]:
    """Return the path of a file to write beside another's place; then force it there.

    A file that is replaced leaves its permissions to the new one; of a link, what it leads to is
    replaced.

    Raises:
        OSError: The disk refuses. What stood in that place still stands there; if nothing but
            forcing the name to the disk failed, the new file stands there, whole.
    """
    file = resolve_link(file)
    aside, replaces = temporary_path(file), file.exists()
    aside.unlink(missing_ok=True)  # of a run that was killed, or a link to who knows where
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
    """Do as `atomic_write` does, for a file that the user has named: errors are a `DataError`."""
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
    """Give a file the permissions of another; do nothing if they are the same."""
    mode = stat.S_IMODE(old.stat().st_mode)
    if stat.S_IMODE(new.stat().st_mode) != mode:
        new.chmod(mode)


def remove(file: Path) -> None:
    """Remove a file of `atomic_write`, if it is there, and what a kill has left of it."""
    file.unlink(missing_ok=True)
    temporary_path(file).unlink(missing_ok=True)


def own_files(name: str) -> re.Pattern[str]:
    """Match files of `atomic_write` by a pattern of their names, and what a kill leaves of one."""
    return re.compile(rf"{name}|\.{name}\.new")


def remove_own(folder: Path, is_own: Callable[[Path], object], last: str = "") -> None:
    """Remove a folder's own files, and the folder if nothing else is in it.

    The file named `last`, if one is, goes after the others, so that it tells of a kill in between.
    """
    if not folder.is_dir():
        return
    for file in sorted(folder.iterdir(), key=lambda file: file.name == last):
        if is_own(file):
            file.unlink(missing_ok=True)
    if not any(folder.iterdir()):
        folder.rmdir()


def temporary_path(path: Path) -> Path:
    """Return the temporary path for writing a file, always the same one for a file."""
    return path.parent / f".{path.name}.new"


def check_file(path: Path, *, overwrite: bool) -> None:
    """Refuse before the work, by a `DataError`, a file that couldn't be written after it."""
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
    """Return what a link leads to, or the path itself."""
    return Path(os.path.realpath(path)) if os.path.islink(path) else path


def write_synced(file: Path, content: bytes) -> None:
    """Write a file that is not there yet, and force it to the disk."""
    with file.open("xb") as stream:
        stream.write(content)
        stream.flush()
        os.fsync(stream.fileno())


def sync_folder(folder: Path) -> None:
    """Force the names in a folder to the disk, where the system knows how (not on Windows)."""
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
    """Refuse before the work, by a `BundleError`, what `write_folder` would refuse after it.

    Messages name what the folder holds, such as a ``model``. `check_replaceable` raises where what
    is there may not be replaced.
    """
    place = resolve_link(path)
    if not os.path.isdir(place.parent):
        raise BundleError(no_folder_message(place, what))
    with suppress(OSError):  # where it can't be, writing can't, and tells
        _restore_old(place)
    if os.path.lexists(path) and not overwrite:
        raise BundleError(f"{path} exists; choose another --out, or replace it with --overwrite")
    if os.path.lexists(place):
        check_movable(place, BundleError)
        check_replaceable(place)
    working_folder = temporary_path(place)
    refused = system_errors(BundleError, f"the {what} cannot be written to {path}")
    with refused, suppress(FileExistsError):  # where one is, one can be made
        working_folder.mkdir(mode=0o700)
        working_folder.rmdir()


def write_folder(path: Path, what: str, contents: Mapping[str, bytes]) -> None:
    """Write a folder of files beside its place, force it to the disk, and only then move it there.

    What stands there, or where a link there leads to, is replaced; `check_folder` says whether it
    may be. A kill leaves the old folder or the new one, and perhaps a hidden one that the next
    writing takes away. A message names what the folder holds, such as a ``model``.

    Raises:
        BundleError: The disk refuses. What was there is there still; if nothing but forcing the
            name to the disk failed, the new folder is, whole.
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
    """Make a folder beside `path` that is gone in the end, and give `path` back what it took."""
    working_folder = temporary_path(path)
    _clear(path)
    working_folder.mkdir(mode=0o700)
    try:
        yield working_folder
    finally:
        _clear(path)


def _clear(path: Path) -> None:
    """Take the working folder away, of this run or of one that was killed, if it is one."""
    _restore_old(path)
    folder = temporary_path(path)
    if folder.is_dir() and {entry.name for entry in folder.iterdir()} <= {_NEW, _OLD}:
        shutil.rmtree(folder, ignore_errors=True)


def _restore_old(path: Path) -> None:
    """Bring back what was moved away by a run that could not go on."""
    before = temporary_path(path) / _OLD
    if os.path.exists(before) and not os.path.lexists(path):
        before.rename(path)


def _swap_in(fresh: Path, path: Path) -> None:
    """Move a folder to its place; what stands there goes to the working_folder."""
    if os.path.lexists(path) and not _exchange(fresh, path):
        path.rename(fresh.with_name(_OLD))  # if killed after this, the next run brings it back
    if not os.path.lexists(path):
        fresh.rename(path)


def _exchange(one: Path, other: Path) -> bool:
    """Exchange two names in one step; False where the system doesn't know how."""
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
    """See that no other process does the same at the same time, where the system knows how.

    The file of the lock is made, and stays. `what` names what is done.

    Raises:
        BundleError: Another process has been doing it for half a minute, or the file can't be made.
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
