"""Scheduling of the trials of a search: as many at a time as the engine has capacity for."""

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
"""Seconds by which a fit in another process may exceed its time before it is canceled."""


class SearchTimeoutError(Exception):
    """The time limit of a trial has been reached."""


@dataclass(frozen=True, eq=False)
class TrialFit:
    """A fit that a trial requests, on a share of a fold's training rows, with a time limit.

    Attributes:
        seconds: The time limit.
        until: The `time.monotonic()` until which the trial waits: a worker may have to start.
        must: Whether the trial waits for it even if it takes longer.
    """

    spec: TrialSpec
    number: int
    share: float
    seconds: float
    until: float
    must: bool


TrialSteps = Generator[Sequence[TrialFit], Sequence[FoldAnswers], None]
"""A trial as a generator: it yields the fits that it needs next, which can run at the same time,
and is sent their results; an error of one of them is thrown into it."""


@dataclass(frozen=True, eq=False)
class _Step:
    """The fits that a trial waits for."""

    trial: TrialSteps
    fits: Sequence[TrialFit]
    until: float  # the `time.monotonic()` after which its fits are canceled
    answers: dict[TrialFit, FoldAnswers] = field(default_factory=dict)


@dataclass
class TrialSchedule:
    """Runs trials on an engine."""

    tasks: Tasks[Any, TrialFit, FoldAnswers]
    _running: dict[TrialFit, _Step] = field(default_factory=dict)
    _is_late: bool = False

    def run(self, trials: Generator[TrialSteps | None, None, None]) -> None:
        """Run all trials; None in place of a trial waits for a running one.

        Raises:
            SearchTimeoutError: The time limit of a trial was reached. No other trial was started
                after it, and the running ones have ended.
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
        """Continue a trial, and start the fits that it needs next."""
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
        """Wait until a fit has ended or its time is over, and continue its trial."""
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
        """Cancel the unfinished fits of a trial."""
        for fit in step.fits:
            if self._running.pop(fit, None) is not None:
                self.tasks.cancel(fit)
