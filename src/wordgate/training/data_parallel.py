"""Data parallelism on the processor: each thread computes a shard of every batch.

The fused LSTM kernel synchronizes its OpenMP threads at every step of the texts, some thousand
times a second, and they sleep while they wait. Shards meet a few times an update. Their gradients
are summed in their order, so the same number of threads gives the same bits at every repetition.
"""

from collections.abc import Callable, Sequence
from concurrent.futures import Future, ThreadPoolExecutor, wait
from itertools import pairwise
from typing import TypeVar

import torch

SMALLEST_SHARD = 64
"""Texts: the kernels of smaller shards end before the threads have waited for Python's lock."""

Item = TypeVar("Item")
Result = TypeVar("Result")


def count_shards(n_texts: int, threads: int) -> int:
    """Say into how many shards a batch is cut: one a thread, if they are large enough."""
    return max(1, min(threads, n_texts // SMALLEST_SHARD))


def even_slices(length: int, count: int) -> list[slice]:
    """Cut a length into slices that differ by at most one."""
    ends = [length * number // count for number in range(count + 1)]
    return [slice(*both) for both in pairwise(ends)]


class ShardThreads:
    """Threads that wait for shards; each calls torch's kernels without further threads.

    They are started when they are first needed, and end with this object.
    """

    def __init__(self) -> None:
        self._others: list[ThreadPoolExecutor] = []

    def map(self, work: Callable[[Item], Result], items: Sequence[Item]) -> list[Result]:
        """Call a function on all items at once, the first in the calling thread.

        A single item is computed in as many threads as torch has been set to.

        Returns:
            What it gave, in the order of the items.
        """
        if len(items) == 1:
            return [work(items[0])]
        while len(self._others) < len(items) - 1:
            self._others.append(ThreadPoolExecutor(1, "wordgate-shard", _use_one_thread))
        threads = torch.get_num_threads()
        torch.set_num_threads(1)
        running: list[Future[Result]] = []
        try:
            for thread, item in zip(self._others, items[1:], strict=False):
                running.append(thread.submit(work, item))
            results = [work(items[0])]
        finally:
            wait(running)
            torch.set_num_threads(threads)
        return results + [one.result() for one in running]


def _use_one_thread() -> None:
    """Hold torch's kernels to the thread that calls this."""
    torch.get_num_threads()  # takes torch's own number over, which would happen later else
    torch.set_num_threads(1)
