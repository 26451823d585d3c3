"""Parallel loops over threads, prefetching in another, and limits on the threads of BLAS."""

from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from itertools import chain, islice
from threading import Event, Lock
from typing import TYPE_CHECKING, TypeVar

from threadpoolctl import ThreadpoolController

from wordgate.runtime.cpu import choose_threads

if TYPE_CHECKING:
    from types import TracebackType

Item = TypeVar("Item")


def parallel_for(
    work: Callable[[Item], None], items: Iterable[Item], *, threads: int | None
) -> None:
    """Call a function on every item from several threads, the calling one included.

    numpy releases the GIL while it computes. No more threads are started than there are
    items besides the first; none for one thread, or a single item, for which the cores aren't
    even counted. What goes wrong in any thread is raised here, and an interruption, too; no item
    is begun after.

    Args:
        work: The function; it is called from several threads.
        items: Its arguments, taken one by one.
        threads: In how many threads at most, as for `choose_threads`.

    Raises:
        SettingsError: That is no number of threads.
    """
    begun = iter(items)
    first = list(islice(begun, 2))
    count = choose_threads(threads) if len(first) == 2 else 1
    first += islice(begun, max(0, count - 2))
    rest = chain(first, begun)
    helpers = min(count, len(first)) - 1
    if helpers < 1:
        for item in rest:
            work(item)
        return
    taking, stopped = Lock(), Event()

    def take() -> list[Item]:
        with taking:
            return [] if stopped.is_set() else list(islice(rest, 1))

    def run() -> None:
        try:
            while item := take():
                work(*item)
        except BaseException:
            stopped.set()
            raise

    with ThreadPoolExecutor(helpers) as pool:
        running = [pool.submit(run) for _ in range(helpers)]
        run()
        for one in running:
            one.result()


@contextmanager
def prefetch(items: Iterable[Item], *, threads: int) -> Iterator[Iterator[Item]]:
    """Draw each next item in a thread of its own, one ahead of the one that is asked for.

    The thread has ended when the context has, however far the items were drawn. What making an
    item raises is raised where the item is asked for.

    Args:
        items: The items.
        threads: How many threads there may be; with one, each item is drawn when it is asked for.
    """
    source = iter(items)
    if threads == 1:
        yield source
        return
    with ThreadPoolExecutor(1, thread_name_prefix="wordgate-prepare") as pool:
        yield _one_ahead(source, pool)


def _one_ahead(source: Iterator[Item], pool: ThreadPoolExecutor) -> Iterator[Item]:
    end = object()
    coming: Future[Item | object] = pool.submit(next, source, end)
    while (item := coming.result()) is not end:
        coming = pool.submit(next, source, end)
        yield item  # type: ignore[misc]


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
