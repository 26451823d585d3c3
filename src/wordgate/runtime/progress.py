"""Progress display: lines that stay, and one live bar.

In a terminal and in a notebook the bar moves; in a log file only the lines are written.
"""

import importlib.util
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from typing import Protocol

from wordgate.runtime.display import encodable


class ProgressBar(Protocol):
    """A live bar."""

    def advance(self, label: str) -> None:
        """Count one more unit of work, and say what is being done."""


class Progress(Protocol):
    """Receives messages and progress while something runs."""

    def say(self, text: str) -> None:
        """Write lines that stay."""

    def bar(self, total: int | None, done: int = 0) -> AbstractContextManager[ProgressBar]:
        """Show a live bar over `total` units of work, of which some are done already.

        Where nobody knows how many there will be, `total` is None.
        """


class Silent:
    """Shows nothing."""

    def say(self, text: str) -> None:
        """Drop the text."""

    @contextmanager
    def bar(self, total: int | None, done: int = 0) -> Iterator[ProgressBar]:  # noqa: ARG002
        """Show nothing."""
        yield _NoBar()


class Console:
    """Writes to standard error: a terminal, a notebook cell or a log file.

    Where it can't be written to, as its reader is gone or its disk is full, it falls silent: that
    is no reason to end the work.
    """

    def __init__(self) -> None:
        from rich.console import Console as RichConsole

        class Unread(RichConsole):
            def _check_buffer(self) -> None:  # all that rich writes goes through here
                try:
                    super()._check_buffer()
                except (OSError, ValueError):  # of a stream that is closed
                    self.quiet = True

            def on_broken_pipe(self) -> None:
                self.quiet = True  # rich would end the program

        self._console = Unread(stderr=True, highlight=False, emoji=False)
        self._live = self._console.is_terminal
        if self._console.is_jupyter:  # where rich moves things by widgets
            self._live = importlib.util.find_spec("ipywidgets") is not None

    def say(self, text: str) -> None:
        """Write lines that stay, above the bar if there is one."""
        self._console.print(encodable(text, self._console.encoding), markup=False, soft_wrap=True)

    @contextmanager
    def bar(self, total: int | None, done: int = 0) -> Iterator[ProgressBar]:
        """Show a bar where something can move, with the time left where that can be told."""
        if not self._live:
            yield _NoBar()
            return
        from rich.progress import (
            BarColumn,
            Progress,
            ProgressColumn,
            TextColumn,
            TimeRemainingColumn,
        )

        columns: list[ProgressColumn] = [
            TextColumn("{task.description}"),
            BarColumn(bar_width=30),
        ]
        if total is not None:
            columns += [
                TextColumn("{task.percentage:>3.0f} %"),
                TimeRemainingColumn(compact=True),
                TextColumn("left"),
            ]
        with Progress(*columns, console=self._console, transient=True) as progress:
            task = progress.add_task("", total=total, completed=done)
            yield _RichBar(lambda label: progress.update(task, advance=1, description=label))


class _NoBar:
    def advance(self, label: str) -> None:
        pass


class _RichBar:
    def __init__(self, advance: Callable[[str], None]):
        self.advance = advance
