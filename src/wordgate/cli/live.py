"""A live table of the results of a search or comparison in the console."""

import sys
import time
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, TypeVar

from wordgate.cli import params
from wordgate.cli.streams import line_width
from wordgate.runtime.display import counted
from wordgate.runtime.live import LiveTable

if TYPE_CHECKING:
    from wordgate.evaluation.comparison import Comparison
    from wordgate.evaluation.search import SearchTrial

Result = TypeVar("Result")


class LiveSearch(LiveTable):
    """Shows the trials of a search, the best first; in a log file, each in a line."""

    _n_trials, _deadline = 0, 0.0

    def show(self, objective: str, trials: "Sequence[SearchTrial]", deadline: float) -> None:
        """Show the trials so far, of which one has just ended.

        Args:
            objective: The score that is maximized.
            trials: All trials; those still running are left out.
            deadline: The `time.monotonic()` at which the search ends.
        """
        from wordgate.report.search_text import format_progress, trial_line

        ended = [trial for trial in trials if trial.state != "running"]
        self._n_trials, self._deadline = len(ended), deadline
        last = max(ended, key=lambda trial: trial.finished or 0.0)
        self.show_result(trial_line(last, objective, ended), lambda: format_progress(ended))

    def heading(self) -> str:
        """Format the number of trials and the remaining time."""
        from wordgate.report.search_text import format_minutes

        if not self._n_trials:
            return ""
        left = format_minutes(max(0.0, self._deadline - time.monotonic()) / 60)
        return f"{counted(self._n_trials, 'trial')}, {left} left; * is the best so far"


class LiveComparison(LiveTable):
    """Shows the results of a comparison; in a log file, each in a line."""

    def show(self, comparison: "Comparison") -> None:
        """Show the results so far."""
        from wordgate.report.comparison import format_results
        from wordgate.report.text import format_share

        last = comparison.results[-1]
        name, value, _ = last.scores.main
        self.show_result(
            f"{last.family}, {last.kind} split: {name} {format_share(value)},"
            f" {last.train_seconds:.1f} s",
            lambda: format_results(comparison, line_width(sys.stderr)),
        )


def run_live(
    run: Callable[..., Result],
    console: type[LiveSearch | LiveComparison],
    *,
    verbose: bool,
    quiet: bool,
) -> Result:
    """Run a search or a comparison with a live table of its results."""
    progress = params.progress_of(verbose=verbose, quiet=quiet, console=console)
    if not isinstance(progress, LiveSearch | LiveComparison):
        return run(progress=progress)
    with progress:
        return run(progress=progress, watch=progress.show)
