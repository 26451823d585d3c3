"""Locks between processes, by files that the system unlocks when a process ends."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from wordgate.errors import BundleError

_PATIENCE = 30.0  # seconds: a killed process may take a while to end
_PAUSE = 0.1


@contextmanager
def exclusive(file: Path, what: str) -> Iterator[None]:
    """See that no other process does the same at the same time, where the system knows how.

    Args:
        file: The file of the lock, which is made and stays.
        what: What is done.

    Raises:
        BundleError: Another process has been doing it for half a minute.
    """
    try:
        import fcntl
    except ImportError:  # Windows
        yield
        return
    with file.open("ab") as stream:
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
        yield
