"""Batching of requests that arrive together, in one thread beside the event loop.

The cost of a request is in texts: the number of its texts, or, for an explanation, the number of
words of the text, since each word takes a prediction without it.
"""

import asyncio
import math
import re
import time
from collections import deque
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from itertools import islice
from typing import Any, Generic, TypeVar

from wordgate.prediction.predictor import Predictor
from wordgate.serve.limits import Limits
from wordgate.serve.prometheus import ServerMetrics
from wordgate.serve.responses import HTTPError, overloaded

Result = TypeVar("Result")

_LONGEST_BATCH = 0.1
"""Maximum expected seconds of a batch: a slow model gets small batches."""
_FEWEST = 8
_DECAY = 0.9
_WARM_UP_TEXTS = ["a text to warm up with"] * 64
# A word in a script that has spaces between words; any other character by itself.
_WORD = re.compile(r"[^\W\u0e00-\u0eff\u1000-\u109f\u1780-\u17ff\u3040-\u30ff\u3400-\u9fff]+|\S")


class Throughput:
    """The recent speed of predictions."""

    def __init__(self) -> None:
        self._texts, self._seconds = 0.0, 0.0

    def note(self, texts: int, seconds: float) -> None:
        """Add a batch to the exponential moving averages."""
        self._texts = _DECAY * self._texts + texts
        self._seconds = _DECAY * self._seconds + seconds

    def seconds(self, texts: float) -> float:
        """Estimate the seconds for this many texts; 0 before the first measurement."""
        return texts * self._seconds / self._texts if self._texts else 0.0

    def texts(self, seconds: float) -> float:
        """Estimate the number of texts in this time; infinite before the first measurement."""
        return seconds * self._texts / self._seconds if self._seconds else math.inf


class Job(Generic[Result]):
    """The work of one request: texts to predict, or one text to explain."""

    def __init__(
        self, texts: Sequence[str], cost: int, *, explains: bool = False, label: str | None = None
    ):
        self.texts, self.cost, self.explains, self.label = texts, cost, explains, label
        self.result: asyncio.Future[Result] = asyncio.get_running_loop().create_future()
        self.is_queued = True


class Batcher:
    """The queue before the model, and the single thread that processes it."""

    def __init__(self, model: Predictor, limits: Limits, metrics: ServerMetrics):
        self._model, self._limits, self._metrics = model, limits, metrics
        self._queue: deque[Job[Any]] = deque()
        self._waiting = 0
        self._latest_cost = 1
        self._throughput = Throughput()
        self._arrived = asyncio.Event()
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="predict")
        self._running: asyncio.Task[None] | None = None
        metrics.queue_texts.set_function(lambda: self._waiting)

    def start(self) -> None:
        """Warm up the model, and start processing; must be called in the event loop."""
        self._model.predict_proba(_WARM_UP_TEXTS[:1])  # may compile a kernel for a single text
        self._predicted([Job(_WARM_UP_TEXTS, len(_WARM_UP_TEXTS))])
        self._running = asyncio.get_running_loop().create_task(self._run())

    def close(self) -> None:
        """Stop; waiting requests get no response."""
        if self._running is not None:
            self._running.cancel()
        self._thread.shutdown(wait=False, cancel_futures=True)

    def refusal_if_full(self) -> HTTPError | None:
        """Return the refusal of a request that would not fit if it were as large as the latest."""
        return self._refusal(self._latest_cost)

    def refuse_if_full(self) -> None:
        """Raise the refusal that `refusal_if_full` returns."""
        _raise(self.refusal_if_full())

    async def predict(self, texts: list[str]) -> list[list[float]]:
        """Return probabilities, [n, classes]; refuse if the queue is full or it takes too long."""
        return await self._result(Job(texts, len(texts)))

    async def explain(self, text: str, label: str | None = None) -> dict[str, Any]:
        """Explain a text, as `Predictor.explain` does; refuse as `predict` does."""
        cost = min(1 + len(_WORD.findall(text)), self._limits.max_queue)
        return await self._result(Job([text], cost, explains=True, label=label))

    async def _result(self, job: Job[Result]) -> Result:
        _raise(self._refusal(job.cost))
        self._latest_cost = job.cost
        self._waiting += job.cost
        self._queue.append(job)
        self._arrived.set()
        # Faster than asyncio.wait_for, which matters since every request needs it.
        timer = asyncio.get_running_loop().call_later(self._limits.timeout, self._give_up, job)
        try:
            return await job.result
        finally:
            timer.cancel()
            self._leave(job)

    def _give_up(self, job: Job[Any]) -> None:
        text = (
            f"there was no response within {self._limits.timeout:g} s; send fewer or shorter texts,"
            " or try again later"
        )
        _fail(job, HTTPError("timed_out", text))

    def _refusal(self, cost: int) -> HTTPError | None:
        """Return the refusal of a job that does not fit into the queue; None if it fits."""
        wait = self._throughput.seconds(self._waiting)
        # An empty queue accepts any job; a job that is too slow reaches the time limit.
        if self._waiting and (
            self._waiting + cost > self._limits.max_queue or wait > self._limits.timeout / 2
        ):
            return overloaded(
                f"texts that are already waiting: {self._waiting:,}; try again later",
                max(1, math.ceil(wait)),
            )
        return None

    def _leave(self, job: Job[Any]) -> None:
        """Remove a job from the count; a job that reached its time limit is skipped later."""
        if job.is_queued:
            job.is_queued = False
            self._waiting -= job.cost

    async def _run(self) -> None:
        """Process batches of the jobs that have arrived, without end."""
        loop = asyncio.get_running_loop()
        while True:
            if not self._queue:
                self._arrived.clear()
                await self._arrived.wait()
                if self._waiting < self._limits.max_batch:
                    await asyncio.sleep(self._limits.batch_wait)
            batch = self._taken()
            if batch:
                await loop.run_in_executor(self._thread, self._do, batch, loop)

    def _taken(self) -> list[Job[Any]]:
        """Take the next jobs: one explanation, or as many predictions as fit into a batch."""
        most = min(self._limits.max_batch, max(_FEWEST, self._throughput.texts(_LONGEST_BATCH)))
        batch: list[Job[Any]] = []
        size = 0
        while self._queue:
            job = self._queue[0]
            if batch and job.is_queued and (job.explains or size + job.cost > most):
                break
            self._queue.popleft()
            if not job.is_queued:  # it reached its time limit
                continue
            self._leave(job)
            batch.append(job)
            size += job.cost
            if job.explains:
                break
        return batch

    def _do(self, batch: list[Job[Any]], loop: asyncio.AbstractEventLoop) -> None:
        """Process a batch in the thread; if it fails, job by job, so that others do not fail."""
        try:
            results = self._explained(batch) if batch[0].explains else self._predicted(batch)
        except Exception as error:
            if len(batch) == 1:
                loop.call_soon_threadsafe(_fail, batch[0], error)
                return
            for job in batch:
                self._do([job], loop)
        else:
            loop.call_soon_threadsafe(_deliver, batch, results)

    def _predicted(self, batch: list[Job[Any]]) -> list[Any]:
        texts = [text for job in batch for text in job.texts]
        rows = self._timed(len(texts), lambda: self._model.predict_proba(texts).tolist())
        self._metrics.count_batch(len(texts))
        remaining = iter(rows)
        return [list(islice(remaining, job.cost)) for job in batch]

    def _explained(self, batch: list[Job[Any]]) -> list[Any]:
        (job,) = batch
        (text,) = job.texts
        return [self._timed(job.cost, lambda: self._model.explain(text, label=job.label).to_json())]

    def _timed(self, cost: int, work: Callable[[], Result]) -> Result:
        started = time.perf_counter()
        result = work()
        self._throughput.note(cost, time.perf_counter() - started)
        return result


def _raise(refusal: HTTPError | None) -> None:
    if refusal is not None:
        raise refusal


def _deliver(batch: list[Job[Any]], results: list[Any]) -> None:
    for job, result in zip(batch, results, strict=True):
        if not job.result.done():
            job.result.set_result(result)


def _fail(job: Job[Any], error: Exception) -> None:
    if not job.result.done():
        job.result.set_exception(error)
