"""The steps of one trial of a search: it is fitted on more folds while its score is high enough."""

import time
from collections.abc import Generator, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import numpy as np

from wordgate.evaluation.search import score_of
from wordgate.experiments.search_plan import TrialSpec
from wordgate.experiments.search_ranking import Ranking, spec_of
from wordgate.experiments.search_schedule import SearchTimeoutError, TrialFit, TrialSteps
from wordgate.experiments.search_time import SearchBudget
from wordgate.experiments.search_trials import FoldAnswers, Rung
from wordgate.report.search_text import trial_line

if TYPE_CHECKING:
    from optuna.trial import Trial


@dataclass
class Attempt:
    """The state of a trial: its predictions and its steps so far."""

    trial: "Trial"
    spec: TrialSpec
    answers: list[FoldAnswers] = field(default_factory=list)
    seconds: float = 0.0
    step: int = 0
    is_over_limits: bool = False
    is_cut: bool = False
    ended: bool = False

    @property
    def scores(self) -> list[float]:
        """The score on each finished fold."""
        return [one.score for one in self.answers]


class TrialRunner:
    """Runs the steps of trials, and stores them in the study."""

    def __init__(self, ranking: Ranking, budget: SearchBudget):
        self._ranking, self._budget = ranking, budget
        self._config, self._study = ranking.config, ranking.study

    def begin(self, spec: TrialSpec, trial: "Trial | None" = None) -> Attempt:
        """Start a trial, a new one of the study if none is given."""
        trial = trial or self._study.ask(spec.family)
        self._study.note(trial, recipe=spec.recipe, settings=dict(spec.changes))
        return Attempt(trial, spec)

    def climb(
        self,
        attempt: Attempt,
        rungs: Sequence[Rung],
        *,
        prunable: bool = False,
        must: bool = False,
    ) -> TrialSteps:
        """Run the steps of a trial while it is good enough and there is time.

        Raises:
            SearchTimeoutError: There is no time for the next step.
        """
        try:
            while attempt.step < len(rungs) and not attempt.ended:
                left = rungs[attempt.step :]
                is_sure = not attempt.step or (must and bool(attempt.answers))
                if attempt.is_cut:  # the remaining fits share the time equally
                    is_sure |= self._budget.left() > self._budget.kept_for(attempt.spec)
                done = len(attempt.answers)
                if not is_sure and not self._budget.is_enough_for(attempt.spec, left, done=done):
                    raise SearchTimeoutError
                is_worse = yield from self._take(attempt, left, must=must)
                if attempt.is_over_limits or (prunable and is_worse and len(left) > 1):
                    self.end(attempt)
        except SearchTimeoutError:
            self.end(attempt, failed=not (must and attempt.step))
            raise
        except GeneratorExit:  # the search ends: the scores so far count if there are no others
            with suppress(KeyboardInterrupt):
                self.end(attempt, failed=not attempt.step or bool(self._ranking.candidates()))
            raise
        except BaseException:
            with suppress(KeyboardInterrupt):
                self.end(attempt, failed=True)
            raise

    def _take(
        self, attempt: Attempt, rungs: Sequence[Rung], *, must: bool
    ) -> Generator[Sequence[TrialFit], Sequence[FoldAnswers], bool]:
        """Run the next step of a trial; return whether it should be pruned.

        A fit that is stopped by the time limit is scored by its best epoch so far.
        """
        rung = rungs[0]
        is_whole = rung.share == 1.0
        left = range(len(attempt.answers), rung.n_folds) if is_whole else range(1)
        at_once = 1 if self._config.engine.is_local else max(1, len(left))
        for start in range(0, len(left), at_once):
            numbers = left[start : start + at_once]
            found = yield from self._fit(attempt, numbers, rungs, must=must)
            if is_whole:
                attempt.answers += found
        scores = attempt.scores or [one.score for one in found]
        measured = attempt.answers or found
        latency = min(one.latency_ms for one in measured)  # other processes can only increase it
        megabytes = max(one.megabytes for one in measured)
        broken = self._config.over_limits(latency, megabytes) if is_whole else []
        attempt.is_over_limits = bool(broken)
        self._study.note(
            attempt.trial,
            fold_scores=scores,
            rows=rung.share,
            seconds=attempt.seconds,
            latency_ms=latency,
            megabytes=megabytes,
            over_limits=broken,
            is_cut=attempt.is_cut,
        )
        attempt.step += 1
        if self._ranking.folds.has_few_rows and not self._ranking.knows_folds:
            return False
        return self._study.report(attempt.trial, float(np.mean(scores)), attempt.step - 1)

    def _fit(
        self, attempt: Attempt, numbers: Sequence[int], rungs: Sequence[Rung], *, must: bool
    ) -> Generator[Sequence[TrialFit], Sequence[FoldAnswers], Sequence[FoldAnswers]]:
        """Fit a trial on folds, in parallel if the engine can."""
        spec, share, budget = attempt.spec, rungs[0].share, self._budget
        # The time limit of the fit, which is a part of that of the search.
        limit = max(0.0, budget.for_fit(spec, rungs, len(attempt.answers), must=must))
        until = max(time.monotonic() + limit, budget.deadline() - budget.kept_for(spec))
        answers = yield [TrialFit(spec, n, share, limit, until, must=must) for n in numbers]
        for found in answers:
            budget.costs.record(spec.name, share, found.seconds, found.predicting)
            attempt.seconds += found.seconds
            attempt.is_cut |= found.is_cut
        return answers

    def repeat(self, trial: "Trial", spec: TrialSpec) -> bool:
        """End a trial with the result of a finished one with the same settings, if there is one."""
        finished, key = self._ranking.finished(), (spec.family, spec.changes)
        same = next((one for one in finished if (one.family, one.settings) == key), None)
        if same is None:
            return False
        self.begin(spec_of(same), trial)
        self._study.note(
            trial,
            fold_scores=list(same.fold_scores),
            over_limits=list(same.over_limits),
            is_cut=same.is_cut,
            latency_ms=same.latency_ms,
            megabytes=same.megabytes,
            rows=same.rows,
            seconds=0.0,
        )
        if same.state == "complete":
            self._study.complete(trial, score_of(same), self._study.decisions(same.number))
        else:
            self._study.end(trial)
        return True

    def complete(self, attempt: Attempt) -> None:
        """End a trial after its last step."""
        if attempt.ended:
            return
        decisions = np.concatenate([one.decisions for one in attempt.answers])
        attempt.ended = True  # before it is stored, which can be interrupted
        self._study.complete(attempt.trial, float(np.mean(attempt.scores)), decisions)
        self._show(attempt.trial.number)

    def end(self, attempt: Attempt, *, failed: bool = False) -> None:
        """End a trial early, unless it has ended."""
        if attempt.ended:
            return
        self._study.note(attempt.trial, seconds=attempt.seconds)
        attempt.ended = True
        self._study.end(attempt.trial, failed=failed)
        self._show(attempt.trial.number)

    def _show(self, ended: int) -> None:
        """Show the trials after one has ended, by its number."""
        trials = self._study.trials()
        watch, objective = self._config.options.get("watch"), self._config.objective
        if watch is not None:
            watch(objective, trials, self._budget.deadline())
        else:
            (trial,) = (one for one in trials if one.number == ended)
            self._config.context.progress.say(trial_line(trial, objective, trials))
