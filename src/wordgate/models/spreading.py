"""Work spread over threads, a piece at a time, and the threads of BLAS."""

from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from itertools import chain, islice
from threading import Event, Lock
from typing import TYPE_CHECKING, TypeVar

from threadpoolctl import ThreadpoolController

from wordgate.cores import choose_threads

if TYPE_CHECKING:
    from types import TracebackType

Piece = TypeVar("Piece")


def spread(work: Callable[[Piece], None], pieces: Iterable[Piece], *, threads: int | None) -> None:
    """Do some work on every piece, in so many threads, this one included.

    Numpy lets other threads run while it computes. No more threads are started than there are
    pieces besides the first; none for one thread, or a single piece, for which the cores aren't
    even counted. What goes wrong in any thread is raised here, and an interruption, too; no piece
    is begun after.

    Args:
        work: What to do; it is called from several threads.
        pieces: What to do it on, taken one by one.
        threads: In how many threads at most, as for `choose_threads`.

    Raises:
        SettingsError: That is no number of threads.
    """
    begun = iter(pieces)
    first = list(islice(begun, 2))
    count = choose_threads(threads) if len(first) == 2 else 1
    first += islice(begun, max(0, count - 2))
    rest = chain(first, begun)
    helpers = min(count, len(first)) - 1
    if helpers < 1:
        for piece in rest:
            work(piece)
        return
    taking, stopped = Lock(), Event()

    def take() -> list[Piece]:
        with taking:
            return [] if stopped.is_set() else list(islice(rest, 1))

    def run() -> None:
        try:
            while piece := take():
                work(*piece)
        except BaseException:
            stopped.set()
            raise

    with ThreadPoolExecutor(helpers) as pool:
        running = [pool.submit(run) for _ in range(helpers)]
        run()
        for one in running:
            one.result()


@contextmanager
def limited_blas(threads: int) -> Iterator[None]:
    """Hold BLAS to so many threads for the time being; a library that has fewer keeps them.

    Args:
        threads: In how many threads a product may be computed at most.
    """
    pools = ThreadpoolController().select(user_api="blas")
    larger = [pool["filepath"] for pool in pools.info() if pool["num_threads"] > threads]
    with pools.select(filepath=larger).limit(limits=threads):
        yield


class SingleThreadedBLAS:
    """Keeps BLAS to one thread while any caller is inside.

    For products this small, handing out work costs more than the work. The limit is the process's
    own: the first caller in sets it, the last one out takes it away.
    """

    def __init__(self) -> None:
        self._changing = Lock()
        self._inside = 0
        self._pools: ThreadpoolController | None = None

    def __enter__(self) -> None:
        with self._changing:
            self._inside += 1
            if self._inside == 1:
                self._pools = self._pools or ThreadpoolController()
                self._limit = self._pools.limit(limits=1, user_api="blas")

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: "TracebackType | None",
    ) -> None:
        with self._changing:
            self._inside -= 1
            if not self._inside:
                self._limit.restore_original_limits()


SINGLE_THREADED_BLAS = SingleThreadedBLAS()
