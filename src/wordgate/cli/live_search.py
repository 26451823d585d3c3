"""The console while a search runs: its trials, the best first, and the time that is left."""

import time
from collections.abc import Sequence
from typing import TYPE_CHECKING

from wordgate.runtime.live import LiveTable

if TYPE_CHECKING:
    from wordgate.evaluation.search import SearchTrial


class LiveSearch(LiveTable):
    """Shows the trials of a search in a table; in a log file, each in a line."""

    _n_trials, _deadline = 0, 0.0

    def show(self, objective: str, trials: "Sequence[SearchTrial]", deadline: float) -> None:
        """Show the trials so far, of which one has just ended.

        Args:
            objective: The score that is maximized.
            trials: All trials; those still running are left out.
            deadline: When the search ends, as `time.monotonic` tells the time.
        """
        from wordgate.report.search_text import format_progress, trial_line

        ended = [trial for trial in trials if trial.state != "running"]
        self._n_trials, self._deadline = len(ended), deadline
        last = max(ended, key=lambda trial: trial.finished or 0.0)
        self.show_result(trial_line(last, objective, ended), lambda: format_progress(ended))

    def heading(self) -> str:
        """Write how many trials there are, and the time left."""
        from wordgate.report.search_text import format_minutes

        if not self._n_trials:
            return ""
        left = format_minutes(max(0.0, self._deadline - time.monotonic()) / 60)
        trials = "1 trial" if self._n_trials == 1 else f"{self._n_trials:,} trials"
        return f"{trials}, {left} left; * is the best so far"
