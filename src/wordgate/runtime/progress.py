"""Progress display: messages, and a progress bar.

The bar moves in a terminal and in a notebook. In a log file, a line is written from time to time.
"""

import importlib.util
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from threading import Event, Thread
from typing import Protocol

from wordgate.runtime.display import encodable

_SILENCE, _LONGEST_SILENCE = 1.9, 30.0  # 1.9, not 2: a beat may be a little early
"""Maximum seconds between lines in a log: at first, and after minutes."""
_BEAT = 1.0


class ProgressBar(Protocol):
    """A progress bar."""

    def advance(self, label: str) -> None:
        """Count one more unit of work, with a description of the current one."""


class Progress(Protocol):
    """Receives messages and progress of a running function; `Console` and `Silent` are examples."""

    def say(self, text: str) -> None:
        """Write a message."""

    def detail(self, text: str) -> None:
        """Write a message that only verbose output shows."""

    def begin(self, name: str) -> None:
        """Announce the next stage."""

    def bar(self, total: int | None, done: int = 0) -> AbstractContextManager[ProgressBar]:
        """Show a progress bar while a context is open.

        Args:
            total: Units of work; None if unknown.
            done: Units that are already done.
        """


class Silent:
    """Shows no progress and no messages: `wordgate.train(..., progress=wordgate.Silent())`."""

    def say(self, text: str) -> None:
        """Show nothing."""

    def detail(self, text: str) -> None:
        """Treat it as any other message."""
        self.say(text)

    def begin(self, name: str) -> None:
        """Treat it as any other message."""
        self.say(f"{name} ...")

    @contextmanager
    def bar(self, total: int | None, done: int = 0) -> Iterator[ProgressBar]:  # noqa: ARG002
        """Show nothing."""
        yield _NoBar()


class Recorder(Silent):
    """Keeps messages, to be shown later or by another process; stages and bars are left out.

    Attributes:
        messages: In their order; for each, whether it is a detail, and the text.
    """

    def __init__(self) -> None:
        self.messages: list[tuple[bool, str]] = []

    def say(self, text: str) -> None:
        """Keep a message."""
        self.messages.append((False, text))

    def detail(self, text: str) -> None:
        """Keep a message that only verbose output shows."""
        self.messages.append((True, text))

    def begin(self, name: str) -> None:
        """Leave out the stage."""

    def said(self) -> list[str]:
        """Return the messages that are no details."""
        return [text for is_detail, text in self.messages if not is_detail]

    def show(self, progress: Progress) -> None:
        """Show the messages."""
        for is_detail, text in self.messages:
            (progress.detail if is_detail else progress.say)(text)


class Console:
    """Shows progress on standard error: in a terminal, a notebook or a log file.

    If standard error cannot be written to, it shows nothing, and the work continues.

    Args:
        verbose: Whether to show details.
    """

    def __init__(self, *, verbose: bool = False) -> None:
        from rich.console import Console as RichConsole

        class Unread(RichConsole):
            def _check_buffer(self) -> None:  # called for everything that rich writes
                try:
                    super()._check_buffer()
                except (OSError, ValueError):  # of a stream that is closed
                    self.quiet = True

            def on_broken_pipe(self) -> None:
                self.quiet = True  # rich would exit

        self.said = time.monotonic()
        self._verbose = verbose
        self._console = Unread(stderr=True, highlight=False, emoji=False)
        self._live = self._console.is_terminal
        if self._console.is_jupyter:  # where rich needs widgets
            self._live = importlib.util.find_spec("ipywidgets") is not None

    def say(self, text: str) -> None:
        """Write a message, above the bar if there is one."""
        self.said = time.monotonic()
        shown = encodable(text, self._console.encoding)
        # In a terminal, lines are wrapped at words; in a log file, they are not wrapped.
        self._console.print(shown, markup=False, soft_wrap=not self._console.is_terminal)

    def detail(self, text: str) -> None:
        """Write a message if verbose."""
        if self._verbose:
            self.say(text)

    def begin(self, name: str) -> None:
        """Announce the next stage, unless a bar shows it."""
        if self._verbose or not self._live:
            self.say(f"{name} ...")

    @contextmanager
    def bar(self, total: int | None, done: int = 0) -> Iterator[ProgressBar]:
        """Show a progress bar, with the remaining time if it can be estimated."""
        if not self._live:
            in_log = _LogBar(self, total, done)
            with _every_beat(in_log.beat):
                yield in_log
            return
        from rich import progress as rich

        columns = [rich.TextColumn("{task.description}"), rich.BarColumn(bar_width=30)]
        if total is not None:
            percentage = rich.TextColumn("{task.percentage:>3.0f}%")
            columns += [percentage, rich.TimeRemainingColumn(compact=True), rich.TextColumn("left")]
        with rich.Progress(*columns, console=self._console, transient=True) as progress:
            task = progress.add_task("", total=total, completed=done)
            yield _RichBar(
                lambda label: progress.update(task, advance=1, description=label),
                lambda label: progress.update(task, description=label, refresh=True),
            )


@contextmanager
def stage(progress: Progress, name: str) -> Iterator[None]:
    """Announce a stage, such as "Reading tweets.csv", and show its duration on a bar."""
    progress.begin(name)
    with progress.bar(None) as bar, beating(bar, name):
        yield


@contextmanager
def beating(bar: ProgressBar, name: str) -> Iterator[None]:
    """Show the duration of work without units on a bar, every second."""
    tick: Callable[[str], None] | None = getattr(bar, "tick", None)
    if tick is None:
        yield
        return
    started = time.monotonic()
    tick(name)
    with _every_beat(lambda: tick(f"{name}: {time.monotonic() - started:.0f} s")):
        yield


@contextmanager
def _every_beat(call: Callable[[], None]) -> Iterator[None]:
    """Call a function every second in a thread, while a context is open."""
    done = Event()

    def beat() -> None:
        while not done.wait(_BEAT):
            call()

    thread = Thread(target=beat, daemon=True, name="wordgate-progress")
    thread.start()
    try:
        yield
    finally:
        done.set()
        thread.join()


class _NoBar:
    def advance(self, label: str) -> None:
        pass


class _LogBar:
    """A bar in a log file: a line whenever nothing was written for a while."""

    def __init__(self, console: Console, total: int | None, done: int):
        self._console, self._total, self._done = console, total, done
        self._started = time.monotonic()
        self._label: str | None = ""  # None while `beating` writes lines

    def advance(self, label: str) -> None:
        self._done += 1
        self._label = f"{label}: {self._reached()}"
        self._say_after_silence(self._label)

    def _reached(self) -> str:
        if self._total is None:
            return f"step {self._done:,}"
        return f"{self._done / max(1, self._total):.0%}"

    def beat(self) -> None:
        """Repeat the last message during a unit of work; nothing if there is none."""
        if self._label or (self._label is not None and self._total is not None):
            seconds = time.monotonic() - self._started
            self._say_after_silence(f"{self._label or self._reached()}, after {seconds:.0f} s")

    def tick(self, label: str) -> None:
        """Describe the current work, without counting a unit."""
        self._label = None
        self._say_after_silence(label)

    def _say_after_silence(self, label: str) -> None:
        now = time.monotonic()
        silence = min(_LONGEST_SILENCE, max(_SILENCE, (now - self._started) / 5))
        if now - max(self._console.said, self._started) >= silence:
            self._console.say(f"  {label}")


class _RichBar:
    def __init__(self, advance: Callable[[str], None], tick: Callable[[str], None]):
        self.advance = advance
        self.tick = tick
