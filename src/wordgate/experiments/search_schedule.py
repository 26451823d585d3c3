"""Several trials of a search at a time: as many as the engine has room for."""

import math
import time
from collections.abc import Callable, Generator, Sequence
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
        until: The `time.monotonic()` here until which it is waited for: a worker may have to start.
        must: Whether it is waited for even if it takes longer.
    """

    spec: TrialSpec
    number: int
    share: float
    seconds: float
    until: float
    must: bool


TrialSteps = Generator[Sequence[TrialFit], Sequence[FoldAnswers], None]
"""A trial: it yields the fits that it needs next, which can be made at the same time, and is sent
what they answer, or thrown the error of one."""


@dataclass(frozen=True, eq=False)
class _Step:
    """The fits that a trial waits for."""

    trial: TrialSteps
    fits: Sequence[TrialFit]
    until: float  # the `time.monotonic()` when it is waited for no longer
    answers: dict[TrialFit, FoldAnswers] = field(default_factory=dict)


@dataclass
class TrialSchedule:
    """Takes trials to their ends.

    Attributes:
        tasks: Makes the fits.
    """

    tasks: Tasks[Any, TrialFit, FoldAnswers]
    _running: dict[TrialFit, _Step] = field(default_factory=dict)
    _is_late: bool = False

    def run(self, trials: Generator[TrialSteps | None, None, None]) -> None:
        """Take trials to their ends; None in place of one that waits until another has ended.

        Raises:
            SearchTimeoutError: Of a trial. No other began after it; those under way have ended.
        """
        try:
            while True:
                while not self._is_late and len(self._running) < self.tasks.room():
                    trial = next(trials, None)
                    if trial is None:
                        break
                    self._go_on(trial, partial(next, trial))
                if not self._running:
                    break
                self._wait()
        finally:
            for step in {*self._running.values()}:
                self._leave(step)
                step.trial.close()
            trials.close()
        if self._is_late:
            raise SearchTimeoutError

    def _go_on(self, trial: TrialSteps, to_next: Callable[[], Sequence[TrialFit]]) -> None:
        """Take a trial to the next fits that it needs."""
        try:
            fits = to_next()
        except StopIteration:
            return
        except SearchTimeoutError:
            self._is_late = True
            return
        must = any(fit.must for fit in fits)
        until = math.inf if must else max(fit.until for fit in fits) + _GRACE
        step = _Step(trial, fits, until)
        for fit in fits:
            self._running[fit] = step
            self.tasks.start(fit)

    def _wait(self) -> None:
        """Wait until a fit has ended, or the time of one is over, and take its trial on."""
        until = min(step.until for step in self._running.values())
        done = self.tasks.wait(None if until == math.inf else until - time.monotonic())
        if done is None:
            for step in {step for step in self._running.values() if step.until <= until}:
                self._leave(step)
                self._go_on(step.trial, partial(step.trial.throw, SearchTimeoutError()))
            return
        fit, result = done
        step = self._running.pop(fit)
        try:
            step.answers[fit] = result()
        except BaseException as error:
            self._leave(step)
            self._go_on(step.trial, partial(step.trial.throw, error))
            return
        if len(step.answers) == len(step.fits):
            answers = [step.answers[one] for one in step.fits]
            self._go_on(step.trial, partial(step.trial.send, answers))

    def _leave(self, step: _Step) -> None:
        """Make those fits of a trial no further that have not ended."""
        for fit in step.fits:
            if self._running.pop(fit, None) is not None:
                self.tasks.cancel(fit)
