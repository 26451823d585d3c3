"""A comparison in a terminal while it runs: the table of results grows."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from wordgate.cli.views import one_line
from wordgate.report.comparison import format_results
from wordgate.runtime.progress import Console, ProgressBar

if TYPE_CHECKING:
    from types import TracebackType

    from wordgate.evaluation.comparison import Comparison


class LiveComparison(Console):
    """The console while a comparison runs: the results stand below the remarks, and grow.

    In a log file a line is written for each model instead.
    """

    def __enter__(self) -> "LiveComparison":
        from rich.live import Live
        from rich.text import Text

        self._running: Live | None = None
        self._table, self._status = "", ""
        self._text = Text
        if self._live:
            self._running = Live(console=self._console, refresh_per_second=4, transient=True)
            self._running.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: "TracebackType | None",
    ) -> None:
        if self._running is not None:
            self._running.stop()

    def show(self, comparison: "Comparison") -> None:
        """Show the results so far."""
        if self._running is None:
            last = comparison.results[-1]
            self.say(
                f"{last.family}, {last.kind} split: accuracy {last.scores.accuracy:.3f},"
                f" {last.train_seconds:.1f} s"
            )
            return
        self._table = format_results(comparison)
        self._draw()

    @contextmanager
    def bar(self, total: int | None, done: int = 0) -> Iterator[ProgressBar]:
        """Show how far the model at work is, in a line below the results."""
        counted = done

        def advance(label: str) -> None:
            nonlocal counted
            counted += 1
            self._status = label
            if total is not None:
                self._status += f"  {counted / max(1, total):.0%}"
            self._draw()

        yield _StatusProgressBar(advance)
        self._status = ""
        self._draw()

    def _draw(self) -> None:
        if self._running is not None:
            lines = [line for line in (self._table, self._status) if line]
            self._running.update(self._text("\n\n".join(map(_harmless, lines))))


def _harmless(lines: str) -> str:
    return "\n".join(map(one_line, lines.split("\n")))


class _StatusProgressBar:
    def __init__(self, advance: Callable[[str], None]):
        self._advance = advance

    def advance(self, label: str) -> None:
        self._advance(label)
