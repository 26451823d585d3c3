"""A simulation, by discrete events, of shards that a cluster scores: for `make bench-cluster`.

It has the rules of `wordgate.scoring.sharded`: a task scores a shard into a file of its own, writes
the record of it, and moves the output to its place.
"""

import heapq
from collections import Counter
from dataclasses import dataclass, field

import numpy as np

MOVING = 0.05  # seconds between the record and the output in its place, on average


@dataclass
class World:
    """A cluster and its state.

    A worker that fails loses its shard. The driver learns of it after `notice` seconds and assigns
    the shard again; a worker that was only disconnected continues, and moves its output to its
    place, too. If the driver fails, all workers end; its successor repeats the shards without a
    record or without an output.

    Attributes:
        shards: Number of shards.
        rows: Rows of a shard.
        workers: Number of workers, of one core each.
        rate: Rows a second of an ordinary worker.
        failures: Failures of workers a minute, in the whole cluster.
        cut_off: Share of the failures in which the worker goes on unseen.
        stragglers: Share of the workers that are slow.
        slowness: How many times slower they are.
        driver_failures: When the driver fails, in seconds.
        tasks: Tasks a second that the driver hands out.
        notice: Seconds until a failure is noticed.
        seed: Random seed.
        outputs: How often the output of each shard was moved to its place.
        records: Shards that have a record.
        lost: Attempts that came to nothing.
    """

    shards: int
    rows: int
    workers: int = 10_000
    rate: float = 20_000.0
    failures: float = 10.0
    cut_off: float = 0.2
    stragglers: float = 0.01
    slowness: float = 5.0
    driver_failures: tuple[float, ...] = (60.0, 400.0)
    tasks: float = 1000.0
    notice: float = 30.0
    seed: int = 0
    outputs: Counter[int] = field(default_factory=Counter)
    records: set[int] = field(default_factory=set)
    lost: int = 0

    def run(self) -> dict[str, float]:
        """Run until all shards are finished.

        Returns:
            Seconds, seconds without any trouble, attempts lost, outputs moved twice, rows lost and
            doubled.
        """
        self._rng = np.random.default_rng(self.seed)
        self._speed = self.rate * self._rng.lognormal(0.0, 0.1, self.workers)
        self._speed[self._rng.random(self.workers) < self.stragglers] /= self.slowness
        self._now = self._handed = 0.0
        self._events: list[tuple[float, int, str, tuple[int, ...]]] = []
        self._count = self._epoch = 0
        self._busy: dict[int, int] = {}  # worker: shard
        self._attempt: Counter[int] = Counter()  # by worker; events of earlier ones are void
        self._finished: set[int] = set()
        self._waiting = list(range(self.shards))[::-1]
        self._idle = list(range(self.workers))[::-1]
        self._after(self._rng.exponential(60.0 / self.failures), "failure")
        for instant in self.driver_failures:
            self._after(instant, "driver_failure")
        self._hand_out()
        while len(self._finished) < self.shards:
            self._now, _, what, of = heapq.heappop(self._events)
            getattr(self, f"_on_{what}")(*of)
        return self._account()

    def _account(self) -> dict[str, float]:
        """Count the rows that stand in the outputs: one output a name, however often moved."""
        kept = [self.rows for shard in range(self.shards) if self.outputs[shard]]
        return {
            "seconds": self._now,
            "ideal": self.shards * self.rows / (self.workers * self.rate),
            "lost": self.lost,
            "moved_twice": sum(times > 1 for times in self.outputs.values()),
            "rows_lost": self.shards * self.rows - sum(kept),
            "rows_doubled": self.rows * (len(self.outputs) - len(kept)),
        }

    def _after(self, seconds: float, what: str, *of: int) -> None:
        self._count += 1
        heapq.heappush(self._events, (self._now + seconds, self._count, what, of))

    def _hand_out(self) -> None:
        """Give waiting shards to idle workers, as fast as the driver can."""
        while self._waiting and self._idle:
            worker, shard = self._idle.pop(), self._waiting.pop()
            self._handed = max(self._handed, self._now) + 1.0 / self.tasks
            self._busy[worker] = shard
            self._attempt[worker] += 1
            seconds = self._handed - self._now + self.rows / self._speed[worker]
            self._after(seconds, "scored", worker, self._attempt[worker])

    def _on_scored(self, worker: int, attempt: int) -> None:
        if self._attempt[worker] == attempt and worker in self._busy:
            self.records.add(self._busy[worker])
            self._after(self._rng.exponential(MOVING), "moved", worker, attempt)

    def _on_moved(self, worker: int, attempt: int) -> None:
        if self._attempt[worker] == attempt and worker in self._busy:
            shard = self._busy.pop(worker)
            self.outputs[shard] += 1
            self._finished.add(shard)
            self._idle.append(worker)
            self._hand_out()

    def _on_moved_unseen(self, shard: int) -> None:
        self.records.add(shard)
        self.outputs[shard] += 1

    def _on_failure(self) -> None:
        self._after(self._rng.exponential(60.0 / self.failures), "failure")
        worker = int(self._rng.integers(self.workers))
        if worker not in self._busy:
            return
        shard = self._busy.pop(worker)
        self.lost += 1
        if self._rng.random() < self.cut_off:
            self._after(self._rng.random() * self.rows / self._speed[worker], "moved_unseen", shard)
        self._after(self.notice, "noticed", shard, self._epoch)
        self._after(2.0 * self.notice, "back", worker, self._epoch)

    def _on_noticed(self, shard: int, epoch: int) -> None:
        if epoch == self._epoch:
            self._waiting.append(shard)
            self._hand_out()

    def _on_back(self, worker: int, epoch: int) -> None:
        if epoch == self._epoch:
            self._idle.append(worker)
            self._hand_out()

    def _on_driver_failure(self) -> None:
        self.lost += len(self._busy)
        for things in (self._busy, self._waiting, self._idle):
            things.clear()
        self._epoch += 1
        self._after(self.notice, "resumed")

    def _on_resumed(self) -> None:
        self._finished = {shard for shard in self.records if self.outputs[shard]}
        self._waiting = [n for n in reversed(range(self.shards)) if n not in self._finished]
        self._idle, self._handed = list(range(self.workers)), self._now
        self._hand_out()
