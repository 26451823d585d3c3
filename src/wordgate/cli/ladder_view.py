"""The ladder as a terminal shows it: growing while it runs, and whole at the end."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from wordgate.cli.views import one_line
from wordgate.evaluation.report_text import UNDEFINED
from wordgate.runtime.progress import Console, ProgressBar
from wordgate.workflows.ladder_told import HEADER, measured, scores_row, step_told

if TYPE_CHECKING:
    from types import TracebackType

    from wordgate.workflows.ladder import Comparison


def ladder_view(ladder: "Comparison") -> str:
    """Show the whole ladder: scores and costs, each step, what leaks, and what to make of it."""
    parts = [_rungs(ladder)]
    if ladder.steps:
        parts.append(_steps(ladder))
    if _both_kinds(ladder):
        parts.append(_gaps(ladder))
    parts.append("\n".join([*(ladder.leaks or {}).values(), *ladder.left_out]))
    parts.append("\n".join(measured(ladder)))
    if ladder.advice is not None:
        parts.append("\n".join(ladder.advice.sentences))
    return "\n\n".join(parts)


def _rungs(ladder: "Comparison") -> str:
    blocks = []
    for kind in ladder.kinds:
        rows = [
            scores_row(rung)
            for family in ladder.families
            if (rung := ladder.rung(family, kind)) is not None
        ]
        blocks.append(_table([(f"{kind} split", *HEADER), *rows]))
    return "\n\n".join(blocks)


def _steps(ladder: "Comparison") -> str:
    rows: list[tuple[str, ...]] = [("each step, in points of accuracy", *ladder.kinds)]
    for below, family in zip(ladder.families, ladder.families[1:], strict=False):
        steps = [ladder.step(family, kind) for kind in ladder.kinds]
        told = [UNDEFINED if step is None else step_told(step.difference) for step in steps]
        rows.append((f"{family} over {below}", *told))
    return _table(rows)


def _gaps(ladder: "Comparison") -> str:
    """Show what each family gains by a random split: memory."""
    rows: list[tuple[str, ...]] = [("accuracy", "random", "grouped", "difference")]
    for family in ladder.families:
        shown, honest = ladder.rung(family, "random"), ladder.rung(family, "grouped")
        if shown is None or honest is None:
            continue
        accuracies = (shown.scores.accuracy, honest.scores.accuracy)
        gap = f"{100 * (accuracies[0] - accuracies[1]):+.1f} points"
        rows.append((family, *(f"{accuracy:.3f}" for accuracy in accuracies), gap))
    return _table(rows)


def _both_kinds(ladder: "Comparison") -> bool:
    return {"random", "grouped"} <= set(ladder.kinds)


def _table(rows: list[tuple[str, ...]]) -> str:
    """Lay rows out: the first column to the left, the others to the right."""
    widths = [max(len(cell) for cell in column) for column in zip(*rows, strict=True)]
    return "\n".join(
        "  ".join(
            cell.rjust(width) if place else cell.ljust(width)
            for place, (cell, width) in enumerate(zip(row, widths, strict=True))
        ).rstrip()
        for row in rows
    )


class LiveLadder(Console):
    """The console while a comparison runs: the ladder stands below the remarks, and grows.

    In a log file a line is written for each rung instead.
    """

    def __enter__(self) -> "LiveLadder":
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

    def show(self, ladder: "Comparison") -> None:
        """Show the ladder as it stands."""
        if self._running is None:
            rung = ladder.rungs[-1]
            self.say(
                f"{rung.family}, {rung.kind} split: accuracy {rung.scores.accuracy:.3f},"
                f" {rung.train_seconds:.1f} s"
            )
            return
        self._table = _rungs(ladder)
        self._draw()

    @contextmanager
    def bar(self, total: int | None, done: int = 0) -> Iterator[ProgressBar]:
        """Show how far the model at work is, in a line below the ladder."""
        counted = done

        def advance(label: str) -> None:
            nonlocal counted
            counted += 1
            self._status = label
            if total is not None:
                self._status += f"  {counted / max(1, total):.0%}"
            self._draw()

        yield _StatusBar(advance)
        self._status = ""
        self._draw()

    def _draw(self) -> None:
        if self._running is not None:
            lines = [line for line in (self._table, self._status) if line]
            self._running.update(self._text("\n\n".join(map(_harmless, lines))))


def _harmless(lines: str) -> str:
    return "\n".join(map(one_line, lines.split("\n")))


class _StatusBar:
    def __init__(self, advance: Callable[[str], None]):
        self._advance = advance

    def advance(self, label: str) -> None:
        self._advance(label)
