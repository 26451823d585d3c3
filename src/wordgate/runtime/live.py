"""A table of results in a terminal that is updated during the work."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager

from typing_extensions import Self

from wordgate.runtime.display import one_line
from wordgate.runtime.progress import Console, ProgressBar


class LiveTable(Console):
    """A console that shows results in a table below the messages.

    In a log file, a line is written for each result.
    """

    def __enter__(self) -> Self:
        from rich.live import Live
        from rich.text import Text

        self._running: Live | None = None
        self._table, self._status = "", ""
        self._text = Text
        if self._live:
            self._running = Live(console=self._console, refresh_per_second=4, transient=True)
            self._running.start()
        return self

    def __exit__(self, *_: object) -> None:
        if self._running is not None:
            self._running.stop()

    def heading(self) -> str:
        """Return a line above the results; empty for none."""
        return ""

    def show_result(self, line: str, table: Callable[[], str]) -> None:
        """Show one more result.

        Args:
            line: The result, for a log file.
            table: Returns all results so far, for a terminal.
        """
        if self._running is None:
            self.say(line)
            return
        self._table = table()
        self._draw()

    @contextmanager
    def bar(self, total: int | None, done: int = 0) -> Iterator[ProgressBar]:
        """Show the progress of the work in a line below the results."""
        if self._running is None:
            with super().bar(total, done) as bar:
                yield bar
            return
        self._total, self._done = total, done
        yield self
        self._status = ""
        self._draw()

    def advance(self, label: str) -> None:
        """Count one more unit of work."""
        self._done += 1
        share = "" if self._total is None else f"  {self._done / max(1, self._total):.0%}"
        self._status = label + share
        self._draw()

    def tick(self, label: str) -> None:
        """Describe the current work, without counting a unit."""
        self._status = label
        self._draw()

    def _draw(self) -> None:
        if self._running is not None:
            parts = (self.heading(), self._table, self._status)
            shown = "\n\n".join(filter(None, parts))
            lines = "\n".join(map(one_line, shown.split("\n")))
            self._running.update(self._text(lines, no_wrap=True, overflow="ellipsis"))
