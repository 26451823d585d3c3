"""Deferred handling of SIGINT and SIGTERM, so that work ends between two steps."""

import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager

_SIGNALS = (signal.SIGINT, signal.SIGTERM)
_LEFT_ALONE = (None, signal.SIG_IGN)


class Interruption:
    """Whether SIGINT (Ctrl-C) or SIGTERM was received."""

    def __init__(self) -> None:
        self.asked = False


@contextmanager
def deferred_interruption() -> Iterator[Interruption]:
    """Record the first SIGINT or SIGTERM; a second one has its usual effect.

    Nothing is recorded outside the main thread, where Python receives no signals, nor are signals
    that this process ignores or that are not handled by Python.
    """
    interruption = Interruption()
    if threading.current_thread() is not threading.main_thread():
        yield interruption
        return
    current = {number: signal.getsignal(number) for number in _SIGNALS}
    handlers = {n: handler for n, handler in current.items() if handler not in _LEFT_ALONE}

    def restore() -> None:
        for number, handler in handlers.items():
            signal.signal(number, handler)

    def record(*_: object) -> None:
        interruption.asked = True
        restore()

    for number in handlers:
        signal.signal(number, record)
    try:
        yield interruption
    finally:
        restore()
