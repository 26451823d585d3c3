"""Prefetching: the next item is prepared while the present one is worked on."""

from collections.abc import Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from typing import TypeVar

T = TypeVar("T")


@contextmanager
def prefetch(items: Iterable[T], *, threads: int) -> Iterator[Iterator[T]]:
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


def _one_ahead(source: Iterator[T], pool: ThreadPoolExecutor) -> Iterator[T]:
    end = object()
    coming: Future[T | object] = pool.submit(next, source, end)
    while (item := coming.result()) is not end:
        coming = pool.submit(next, source, end)
        yield item  # type: ignore[misc]
