"""Numbers of threads: chosen by the user or by the cores, and set in torch, OpenMP and BLAS."""

import os
import re
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from threading import Lock
from types import ModuleType

from threadpoolctl import ThreadpoolController

from wordgate.arguments import whole_number
from wordgate.errors import SettingsError
from wordgate.runtime.cpu import available_cores

THREADS_VARIABLE = "WORDGATE_THREADS"
MOST_THREADS = 4096
"""Maximum number of threads; a larger number is a mistake and could overload the system."""

_NUMBERS = re.compile(r"\s*\+?[0-9]{1,9}\s*(,\s*\+?[0-9]{1,9}\s*)*")


def choose_threads(threads: int | None = None, *, at_most: int | None = None) -> int:
    """Choose the number of threads to compute in.

    It is the first of these that is set: the argument; the environment variable WORDGATE_THREADS;
    the variable OMP_NUM_THREADS (the first number of a list such as ``4,2``); the number of
    `available_cores`. Empty variables are ignored, and so is a malformed OMP_NUM_THREADS, as OpenMP
    ignores it.

    Args:
        threads: The number that the caller requests; None to use the environment.
        at_most: The number that a library was set to by other means. It limits the cores, not the
            argument or a variable.

    Raises:
        SettingsError: The argument or WORDGATE_THREADS is not a valid number of threads.
    """
    if threads is not None:
        needed = f"a whole number from 1 to {MOST_THREADS}"
        return whole_number(threads, "threads", needed, most=MOST_THREADS)
    requested = _own_variable() or _openmp_variable()
    if requested is not None:
        return requested
    cores = available_cores()
    return cores if at_most is None else min(cores, at_most)


def choose_torch_threads(threads: int | None) -> int:
    """Choose the number of threads of torch and of its processes, as `torch_threads` does.

    In a forked process, which itself can use only one, more must be requested.

    Raises:
        SettingsError: `threads` is not a valid number of threads.
    """
    torch = sys.modules.get("torch")
    if _was_forked and threads is None:
        return 1
    return choose_threads(threads, at_most=None if torch is None else torch.get_num_threads())


@contextmanager
def torch_threads(torch: ModuleType, threads: int | None) -> Iterator[int]:
    """Set the number of threads of torch in a context; more threads than cores slow it down.

    In a process that was forked from one with torch it is 1: OpenMP's threads do not exist in the
    child, and work for them would wait forever.

    Args:
        torch: The module, as an argument because most models predict without it.
        threads: As for `choose_threads`. A lower number that was set with `torch.set_num_threads`
            is kept if neither this nor the environment requests another.

    Yields:
        The number of threads.

    Raises:
        SettingsError: `threads` is not a valid number, or above 1 in a forked process.
    """
    before = torch.get_num_threads()
    chosen = choose_threads(threads, at_most=before)
    if chosen > 1 and _was_forked:
        if threads is not None:
            raise SettingsError(
                f"threads is {threads}, but torch can use only one in a process that was forked"
                " from one that has used it: give threads=1, or start processes with"
                " multiprocessing.get_context('spawn')"
            )
        chosen = before = 1
    torch.set_num_threads(chosen)
    try:
        yield chosen
    finally:
        torch.set_num_threads(before)


def wait_asleep() -> None:
    """Make OpenMP's threads sleep after a short wait; has an effect only before torch is imported.

    By default they spin. An LSTM synchronizes its threads thousands of times a second, so if
    another program uses a core, spinning threads take the time of the thread they wait for: on two
    busy cores training was ten times slower. A short spin costs nothing on an idle machine.
    Variables that the user has set are kept.
    """
    if "OMP_WAIT_POLICY" not in os.environ:
        os.environ.setdefault("GOMP_SPINCOUNT", "1000")


def _own_variable() -> int | None:
    value = os.environ.get(THREADS_VARIABLE, "").strip()
    if not value:
        return None
    if not (re.fullmatch(r"[0-9]{1,9}", value) and 1 <= int(value) <= MOST_THREADS):
        raise SettingsError(
            f"the environment variable {THREADS_VARIABLE} is {value!r:.80}; it must be a whole"
            f" number from 1 to {MOST_THREADS}"
        )
    return int(value)


def _openmp_variable() -> int | None:
    """Read OMP_NUM_THREADS, one number for each level of nesting; None if it is not valid."""
    value = os.environ.get("OMP_NUM_THREADS", "")
    if not _NUMBERS.fullmatch(value):
        return None
    numbers = [int(number) for number in value.split(",")]
    return numbers[0] if all(1 <= number <= MOST_THREADS for number in numbers) else None


@contextmanager
def limited_blas(threads: int) -> Iterator[None]:
    """Limit BLAS to this many threads in a context; a library with fewer threads keeps them."""
    pools = ThreadpoolController().select(user_api="blas")
    larger = [pool["filepath"] for pool in pools.info() if pool["num_threads"] > threads]
    with pools.select(filepath=larger).limit(limits=threads):
        yield


class SingleThreadedBLAS:
    """A context in which BLAS has one thread, for several callers at the same time.

    For small matrix products, starting threads costs more than the products. The limit is global
    to the process: the first caller sets it, the last one removes it.
    """

    def __init__(self) -> None:
        self._lock = Lock()
        self._n_callers = 0
        self._pools: ThreadpoolController | None = None

    def __enter__(self) -> None:
        with self._lock:
            self._n_callers += 1
            if self._n_callers == 1:
                self._pools = self._pools or ThreadpoolController()
                self._limit = self._pools.limit(limits=1, user_api="blas")

    def __exit__(self, *_: object) -> None:
        with self._lock:
            self._n_callers -= 1
            if not self._n_callers:
                self._limit.restore_original_limits()


SINGLE_THREADED_BLAS = SingleThreadedBLAS()
_was_forked = False
"""Whether this process was forked from one that had imported torch."""


def _after_fork() -> None:
    """Record in a child process that its parent's threads, and their locks, do not exist in it."""
    global _was_forked
    _was_forked = "torch" in sys.modules
    SINGLE_THREADED_BLAS.__init__()  # type: ignore[misc]


if hasattr(os, "register_at_fork"):  # there is none on Windows
    os.register_at_fork(after_in_child=_after_fork)
