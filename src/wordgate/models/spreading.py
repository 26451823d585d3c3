"""Work spread over the cores this process may use, a piece at a time."""

from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from itertools import chain, islice
from threading import Event, Lock
from typing import TYPE_CHECKING, TypeVar

from threadpoolctl import ThreadpoolController

from wordgate.cores import available_cores

if TYPE_CHECKING:
    from types import TracebackType

Piece = TypeVar("Piece")


def spread(work: Callable[[Piece], None], pieces: Iterable[Piece]) -> None:
    """Do some work on every piece, in as many threads as there are cores.

    Numpy lets other threads run while it computes. A single piece is worked on in this very thread.
    What goes wrong in any thread is raised here, and an interruption, too; no piece is begun after.

    Args:
        work: What to do; it is called from several threads.
        pieces: What to do it on, taken one by one.
    """
    begun = iter(pieces)
    first = list(islice(begun, 2))
    rest = chain(first, begun)
    helpers = available_cores() - 1 if len(first) == 2 else 0
    if not helpers:
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

    with ThreadPoolExecutor(helpers) as threads:
        running = [threads.submit(run) for _ in range(helpers)]
        run()
        for one in running:
            one.result()


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
