"""Deferred SIGINT and SIGTERM, so that work ends between two steps."""

import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager

_SIGNALS = (signal.SIGINT, signal.SIGTERM)
_LEFT_ALONE = (None, signal.SIG_IGN)


class Interruption:
    """Whether the user has asked to stop, by SIGINT (Ctrl-C) or SIGTERM."""

    def __init__(self) -> None:
        self.asked = False


@contextmanager
def deferred_interruption() -> Iterator[Interruption]:
    """Note the first SIGINT or SIGTERM instead of acting on it; a second one acts at once.

    Outside the main thread, where Python takes no signals, nothing is ever noted; nor is a signal
    that this process was started to ignore, or that something besides Python handles.
    """
    interruption = Interruption()
    if threading.current_thread() is not threading.main_thread():
        yield interruption
        return
    handlers = {number: signal.getsignal(number) for number in _SIGNALS}
    before = {n: handler for n, handler in handlers.items() if handler not in _LEFT_ALONE}

    def restore() -> None:
        for number, handler in before.items():
            signal.signal(number, handler)

    def note(*_: object) -> None:
        interruption.asked = True
        restore()

    for number in before:
        signal.signal(number, note)
    try:
        yield interruption
    finally:
        restore()
