"""Several trials of a search at a time: as many as the engine has room for."""

import math
import time
from collections.abc import Callable, Generator, Iterable
from dataclasses import dataclass, field
from functools import partial
from typing import Any

from wordgate.experiments.search_plan import TrialSpec
from wordgate.experiments.search_trials import FoldAnswers
from wordgate.runtime.engine import Tasks

_GRACE = 1.0
"""Seconds that a fit of another process may end too late, before it is waited for no longer."""


class SearchTimeoutError(Exception):
    """The time ended a trial."""


@dataclass(frozen=True, eq=False)
class TrialFit:
    """A fit that a trial asks for: on a share of a fold's training rows, in so many seconds.

    Attributes:
        must: Whether it is waited for even if it takes longer.
    """

    spec: TrialSpec
    number: int
    share: float
    seconds: float
    must: bool


TrialSteps = Generator[TrialFit, FoldAnswers, None]
"""A trial: it yields the fits that it needs, and is sent what each answers, or thrown its error."""


@dataclass
class TrialSchedule:
    """Takes trials to their ends.

    Attributes:
        tasks: Makes the fits.
    """

    tasks: Tasks[Any, TrialFit, FoldAnswers]
    _running: dict[TrialFit, TrialSteps] = field(default_factory=dict)
    _until: dict[TrialFit, float] = field(default_factory=dict)
    _is_late: bool = False

    def run(self, trials: Iterable[TrialSteps | None]) -> None:
        """Take trials to their ends; None in place of one that waits until another has ended.

        Raises:
            SearchTimeoutError: Of a trial. No other began after it; those under way have ended.
        """
        waiting = iter(trials)
        try:
            while True:
                while not self._is_late and len(self._running) < self.tasks.room():
                    trial = next(waiting, None)
                    if trial is None:
                        break
                    self._go_on(trial, partial(next, trial))
                if not self._running:
                    break
                self._wait()
        finally:
            for fit, trial in self._running.items():
                self.tasks.cancel(fit)
                trial.close()
            self._running.clear()
        if self._is_late:
            raise SearchTimeoutError

    def _go_on(self, trial: TrialSteps, step: Callable[[], TrialFit]) -> None:
        """Take a trial to the next fit that it needs."""
        try:
            fit = step()
        except StopIteration:
            return
        except SearchTimeoutError:
            self._is_late = True
            return
        self._running[fit] = trial
        self._until[fit] = math.inf if fit.must else time.monotonic() + fit.seconds + _GRACE
        self.tasks.start(fit)

    def _wait(self) -> None:
        """Wait until a fit has ended, or its time is over, and take its trial on."""
        until = min(self._until[fit] for fit in self._running)
        done = self.tasks.wait(None if until == math.inf else until - time.monotonic())
        if done is None:
            for fit in [fit for fit in self._running if self._until[fit] <= until]:
                self.tasks.cancel(fit)
                trial = self._running.pop(fit)
                self._go_on(trial, partial(trial.throw, SearchTimeoutError()))
            return
        fit, result = done
        trial = self._running.pop(fit)
        try:
            found = result()
        except BaseException as error:
            self._go_on(trial, partial(trial.throw, error))
        else:
            self._go_on(trial, partial(trial.send, found))
