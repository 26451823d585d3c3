"""Loops in several threads, and iterators that are prefetched by a thread."""

from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from itertools import chain, islice
from threading import Event, Lock
from typing import TypeVar

from wordgate.runtime.threads import choose_threads

_SMALLEST_PART = 64
"""Minimum items, such as texts, per thread; with fewer, a thread costs more than it saves."""

Item = TypeVar("Item")


def part_size(n_items: int, threads: int | None, most: int) -> int:
    """Choose the number of items per part so that every thread gets the same number of parts."""
    if n_items <= _SMALLEST_PART:
        return _SMALLEST_PART
    count = choose_threads(threads)
    n_parts = count * -(-n_items // (count * most))
    return max(_SMALLEST_PART, -(-n_items // n_parts))


def parallel_for(
    work: Callable[[Item], None], items: Iterable[Item], *, threads: int | None
) -> None:
    """Call a function on every item from several threads, the calling one included.

    numpy releases the GIL while it computes. There are at most as many threads as items; for a
    single item the cores are not even counted. An error or an interruption in any thread is raised
    here, and no further item is started.

    Args:
        work: The function.
        items: Its arguments, drawn one by one.
        threads: Maximum number of threads, as for `choose_threads`.

    Raises:
        SettingsError: `threads` is not a valid number of threads.
    """
    source = iter(items)
    first = list(islice(source, 2))
    n_threads = choose_threads(threads) if len(first) == 2 else 1
    first += islice(source, max(0, n_threads - 2))
    remaining = chain(first, source)
    n_helpers = min(n_threads, len(first)) - 1
    if n_helpers < 1:
        for item in remaining:
            work(item)
        return
    lock, stopped = Lock(), Event()

    def draw() -> list[Item]:
        with lock:
            return [] if stopped.is_set() else list(islice(remaining, 1))

    def run() -> None:
        try:
            while item := draw():
                work(*item)
        except BaseException:
            stopped.set()
            raise

    with ThreadPoolExecutor(n_helpers) as pool:
        futures = [pool.submit(run) for _ in range(n_helpers)]
        run()
        for future in futures:
            future.result()


@contextmanager
def prefetch(items: Iterable[Item], *, threads: int) -> Iterator[Iterator[Item]]:
    """Draw items in a thread of its own, one item ahead of the caller.

    The thread ends with the context, even if not all items were drawn. An error in drawing an item
    is raised where the caller draws it. With one thread, items are drawn by the caller.
    """
    source = iter(items)
    if threads == 1:
        yield source
        return
    with ThreadPoolExecutor(1, thread_name_prefix="wordgate-prepare") as pool:
        yield _one_ahead(source, pool)


def _one_ahead(source: Iterator[Item], pool: ThreadPoolExecutor) -> Iterator[Item]:
    end = object()
    future: Future[Item | object] = pool.submit(next, source, end)
    while (item := future.result()) is not end:
        future = pool.submit(next, source, end)
        yield item  # type: ignore[misc]
