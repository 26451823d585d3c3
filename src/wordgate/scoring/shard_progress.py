"""Progress of the scoring of many files: one bar over all of them."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager

from wordgate.runtime.display import counted
from wordgate.runtime.progress import Progress, ProgressBar, Silent
from wordgate.scoring.shards import Shard

_STEPS = 1000  # of the bar


class ShardsProgress(Silent):
    """The progress of the shard that is scored, shown on a bar over the bytes of all shards.

    Args:
        shards: All shards.
        progress: Where messages go.
        bar: The bar, of `_STEPS` steps.
    """

    def __init__(self, shards: Sequence[Shard], progress: Progress, bar: ProgressBar):
        self._progress, self._bar = progress, bar
        self._n_shards, self._n_finished = len(shards), 0
        self._all_bytes = sum(map(_weight, shards))
        self._finished_bytes, self._shown = 0, 0
        self._shard = shards[0]
        self._first: Shard | None = None
        self._total, self._done = 1, 0

    def start(self, shard: Shard) -> None:
        """Set the shard that is being scored."""
        self._shard = shard

    def say(self, text: str) -> None:
        """Forward all messages of the first shard that has any, and the warnings of the others."""
        name = self._shard.input_name
        if text.startswith("warning: "):
            text = text.replace("warning: ", f"warning: {name}: ", 1)
        elif text.startswith("continuing "):
            text = f"{name}: {text}"
        elif (self._first or self._shard) is not self._shard:
            return
        else:
            self._first = self._shard
        self._progress.say(text)

    @contextmanager
    def bar(self, total: int | None, done: int = 0) -> Iterator[ProgressBar]:
        """Show the progress of the shard as its part of the bar."""
        self._total, self._done = total or 1, done
        yield self

    def advance(self, label: str) -> None:
        """Advance by one step of the shard."""
        self._done += 1
        self._reach(self._finished_bytes + _weight(self._shard) * self._done / self._total, label)

    def finish(self, label: str = "") -> None:
        """Mark the shard as finished."""
        self._finished_bytes += _weight(self._shard)
        self._n_finished += 1
        self._reach(self._finished_bytes, label)

    def _reach(self, n_bytes: float, label: str) -> None:
        reached = min(_STEPS, int(_STEPS * n_bytes / self._all_bytes))
        shards = f"{self._n_finished:,} of {counted(self._n_shards, 'file')}"
        for _ in range(self._shown, reached):
            self._bar.advance(f"{shards}, {label}" if label else shards)
        self._shown = max(self._shown, reached)


@contextmanager
def shards_progress(shards: Sequence[Shard], progress: Progress) -> Iterator[ShardsProgress]:
    """Show one progress bar over all shards in a context."""
    with progress.bar(_STEPS) as bar:
        yield ShardsProgress(shards, progress, bar)


class Listener(Silent):
    """Records messages, and forwards them.

    Attributes:
        lines: The messages.
    """

    def __init__(self, progress: Progress):
        self._progress = progress
        self.lines: list[str] = []

    def say(self, text: str) -> None:
        """Record and forward a message."""
        self.lines.append(text)
        self._progress.say(text)

    @contextmanager
    def bar(self, total: int | None, done: int = 0) -> Iterator[ProgressBar]:
        """Show a bar."""
        with self._progress.bar(total, done) as bar:
            yield bar


def _weight(shard: Shard) -> int:
    return max(1, shard.size)
