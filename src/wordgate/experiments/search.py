"""A search over families and settings: the choice of trials.

Every trial is fitted and scored on inner folds of the training rows; test rows are not used. The
default recipes are evaluated first, the cheapest family first. Then Optuna samples settings, and
successive halving prunes trials (Jamieson & Talwalkar 2016). The remaining families share the time.
"""

import math
import time
from collections.abc import Callable, Generator, Iterator, Sequence
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import replace

from wordgate.errors import SettingsError, WordgateError
from wordgate.evaluation.search import Ending, score_of
from wordgate.experiments.search_plan import TUNED, SearchConfig, TrialSpec
from wordgate.experiments.search_ranking import Found, Ranking, spec_of
from wordgate.experiments.search_schedule import (
    SearchTimeoutError,
    TrialFit,
    TrialSchedule,
    TrialSteps,
)
from wordgate.experiments.search_steps import Attempt, TrialRunner
from wordgate.experiments.search_time import OTHER_SETTINGS, Costs, SearchBudget
from wordgate.experiments.search_trials import FoldAnswers, InnerFolds, fit_fold
from wordgate.runtime.engine import Tasks
from wordgate.runtime.progress import stage
from wordgate.search.space import Choices, Space, space_of, suggest
from wordgate.search.study import SearchStudy

FAR_BEHIND = 0.01
"""A family is dropped if the interval of its difference from the best one starts above this."""
MOST_TUNED = 60
"""Maximum number of trials of a family; more would mostly select by chance."""
_DEFAULTS_SHARE = 0.5
"""Maximum fraction of the time for the default recipes on all folds."""
_WEIGHTS = Choices(("none", "moderate", "balanced"))
"""Weights of labels, which affect macro F1 more than accuracy."""
_MOST_REPEATED = 20
_MOST_FAILED = 10


def _fit(shared: tuple[InnerFolds, SearchConfig], fit: TrialFit) -> FoldAnswers:
    """Run a fit of a trial, in this process or on a worker."""
    (folds, config), now = shared, time.monotonic()
    if not config.engine.is_local:
        config = replace(config, context=replace(config.context, started=now))
    return fit_fold(fit.spec, folds, fit.number, fit.share, config, now + fit.seconds)


class Search:
    """A search over the training rows.

    Args:
        folds: The training rows and their inner folds.
        config: The configuration of the search.
        study: The study that stores the trials.
        deadline: As in `SearchBudget`.
        n_predicted: As in `SearchBudget`.
    """

    def __init__(
        self,
        folds: InnerFolds,
        config: SearchConfig,
        study: SearchStudy,
        deadline: Callable[[], float],
        n_predicted: int = 0,
    ):
        self.folds, self.config, self.study = folds, config, study
        self._ranking = Ranking(folds, config, study)
        self._costs = Costs(folds.fold(0).train.texts, len(folds.labels), config.teaching_seconds)
        self._budget = SearchBudget(self._ranking, self._costs, deadline, n_predicted)
        self._runner = TrialRunner(self._ranking, self._budget)
        self._left_out = [*config.left_out]
        self._dropped: set[str] = set()
        self._ended_by: Ending = "minutes"
        self._failed = 0
        self._error: WordgateError | None = None  # the first one that left a family out
        for trial in study.trials():
            if trial.fold_scores and trial.rows == 1.0 and trial.seconds:
                name = spec_of(trial).name
                self._costs.record(name, 1.0, trial.seconds / len(trial.fold_scores))

    def run(self) -> Found:
        """Run trials until the time limit, or an interruption after the first has finished.

        Raises:
            SettingsError: No trial has finished, or none is within the limits.
            WordgateError: The error because of which no trial has finished.
        """
        began, earlier = time.monotonic(), self.study.attributes.get("seconds", 0.0)
        try:
            with self._scheduling() as schedule:
                self._start_families(schedule)
                self._drop_families()
                schedule.run(self._tuned_trials())
        except SearchTimeoutError:
            pass
        except KeyboardInterrupt:
            if not self._ranking.finished():
                raise
            self._ended_by = "interruption"
        finally:
            seconds = earlier + time.monotonic() - began
            with suppress(KeyboardInterrupt):
                self.study.keep(seconds=seconds, left_out=self._left_out)
        if self._error is not None and not self._ranking.finished():
            raise self._error
        ranking = tuple(self._ranking.ranked())
        self.study.keep(
            chosen=ranking[0].number, second=ranking[1].number if len(ranking) > 1 else None
        )
        importances = {
            family: self.study.importances([*self._space(family)])
            for family in {trial.family for trial in ranking}
        }
        return Found(
            self.study.trials(),
            ranking,
            self._ended_by,
            seconds,
            importances,
            tuple(self._left_out),
        )

    @contextmanager
    def _scheduling(self) -> Iterator[TrialSchedule]:
        """Return a schedule of trials on the engine."""
        config = self.config
        with ExitStack() as stack:
            shared = self.folds, config.for_trials()
            tasks = stack.enter_context(Tasks(_fit, shared, config.engine))
            if not config.engine.is_local:  # in this process each fit shows its progress
                name = "Fitting trials on the Ray cluster"
                stack.enter_context(stage(config.context.progress, name))
            yield TrialSchedule(tasks)

    # The default recipes.

    def _start_families(self, schedule: TrialSchedule) -> None:
        """Evaluate the default recipes: all on one fold first, to choose the number of folds.

        With few rows, the fastest recipe determines that number, and each other one is then
        evaluated on all folds while there is time, the next fastest first. Recipes that an
        interrupted search has finished are not repeated.
        """
        done = {(trial.family, trial.recipe) for trial in self._ranking.finished()}
        specs = sorted(self.config.starts(), key=lambda spec: self._costs.order(spec.name))
        specs = [spec for spec in specs if (spec.family, spec.recipe) not in done]
        for together in [[spec] for spec in specs] if self.folds.has_few_rows else [specs]:
            self._start(together, schedule)

    def _start(self, specs: Sequence[TrialSpec], schedule: TrialSchedule) -> None:
        """Evaluate default recipes; an interruption or the time limit keeps the scores so far."""
        begun: list[Attempt] = []
        try:
            schedule.run(self._begin(spec, begun) for spec in specs)
            left = [attempt for attempt in begun if not attempt.ended]
            self._decide_folds(left, schedule.tasks.room())
            schedule.run(
                self._finish(attempt, must=attempt is left[0] and not self._ranking.finished())
                for attempt in left
            )
        finally:
            for attempt in begun:
                self._runner.end(attempt)

    def _begin(self, spec: TrialSpec, begun: list[Attempt]) -> TrialSteps:
        """Evaluate a trial on one fold, or on all if their number is known.

        Without enough time the trial is left out, unless it is the first one.
        """
        rungs, is_first = self._ranking.rungs(), not begun and not self._ranking.finished()
        if not is_first and not self._budget.is_enough_for(spec, rungs):
            self._leave_out(spec)
            return
        attempt = self._runner.begin(spec)
        begun.append(attempt)
        try:
            yield from self._runner.climb(attempt, rungs, must=is_first)
        except SearchTimeoutError:
            if is_first:
                raise
            self._leave_out(spec)
        except SettingsError:
            raise
        except WordgateError as error:
            self._error = self._error or error
            end = "" if str(error).endswith((".", "?")) else "."
            self._left_out.append(f"Left out: {spec.name}. {error}{end}")

    def _finish(self, attempt: Attempt, *, must: bool) -> TrialSteps:
        """Finish a trial; the first one regardless of the time."""
        try:
            yield from self._runner.climb(attempt, self._ranking.rungs(), must=must)
            self._runner.complete(attempt)
        except SearchTimeoutError:
            self._leave_out(attempt.spec)

    def _decide_folds(self, begun: Sequence[Attempt], room: int) -> None:
        """Choose the number of folds of all trials, by the durations of these.

        If all of them have failed, it is chosen after the next ones.
        """
        if self._ranking.knows_folds or not (begun or self._ranking.finished()):
            return
        seconds = [self._costs.seconds(attempt.spec.name) for attempt in begun]
        kept = max((self._budget.kept_for(attempt.spec) for attempt in begun), default=0.0)
        left = self._budget.left()
        fitting, longest = sum(seconds) / room, max(seconds, default=0.0)
        time_left = min(_DEFAULTS_SHARE * left, left - kept)
        if self.folds.has_few_rows:  # recipes too slow for all folds are left out
            time_left = left - kept
            for attempt in begun:  # their first step may have more folds
                attempt.step = 0
        most = self.folds.most
        more = [n for n in range(most, 1, -1) if max((n - 1) * fitting, longest) <= time_left]
        self.study.keep(folds=more[0] if more else 1)

    def _leave_out(self, spec: TrialSpec) -> None:
        needed = self._costs.seconds(spec.name) * self._ranking.n_folds()
        self._left_out.append(
            f"Left out: {spec.family}, {spec.recipe} settings: a trial takes about {needed:.0f} s,"
            " and training the final model about as long; increase --minutes."
        )

    def _drop_families(self) -> None:
        """Drop the families whose default recipe is far behind."""
        starts = [trial for trial in self._ranking.candidates() if trial.recipe != TUNED]
        best = max(starts, key=score_of, default=None)
        for family in dict.fromkeys(trial.family for trial in starts):
            trial = max((trial for trial in starts if trial.family == family), key=score_of)
            if best is None or trial is best:
                continue
            behind = self._ranking.difference(best, trial)
            if behind.proven == "better" and behind.low is not None and behind.low > FAR_BEHIND:
                self._dropped.add(family)
                self._left_out.append(
                    f"Not tuned: {family}, whose default recipe is {100 * behind.difference:.1f}"
                    f" points behind that of {best.family}."
                )

    # The settings.

    def _tuned_trials(self) -> Generator[TrialSteps | None, None, None]:
        """Sample settings with Optuna until the limit of time or trials."""
        repeated, begun = 0, list[Attempt]()
        while True:
            live = [attempt for attempt in begun if not attempt.ended]
            most = self.config.options.get("trials")
            n_left = math.inf if most is None else most - len(self._ranking.finished())
            if 0 < n_left <= len(live):  # one of them may fail
                yield None
                continue
            alive = self._alive(live)
            if n_left <= 0 or not alive or repeated >= _MOST_REPEATED:
                self._ended_by = "trials"
                return
            family = self._next(alive, live)
            if family is None:
                return
            trial = self.study.ask(family)
            spec = TrialSpec(family, TUNED, suggest(trial, self._space(family)))
            try:
                while any(one.spec == spec for one in begun if not one.ended):
                    yield None  # until the result of that one is known
            except GeneratorExit:
                self.study.end(trial, failed=True)
                raise
            if self._runner.repeat(trial, spec):
                repeated += 1
                continue
            repeated = 0
            begun.append(self._runner.begin(spec, trial))
            yield self._tune(begun[-1])

    def _tune(self, attempt: Attempt) -> TrialSteps:
        """Evaluate sampled settings; after many consecutive failures, raise the last error."""
        try:
            yield from self._runner.climb(attempt, self._ranking.rungs(), prunable=True)
            self._runner.complete(attempt)
            self._failed = 0
        except WordgateError:
            self._failed += 1
            if self._failed >= _MOST_FAILED:
                raise

    def _space(self, family: str) -> Space:
        config = self.config
        weights = {"class_weight": _WEIGHTS} if config.objective == "macro_f1" else {}
        return space_of(
            family,
            {**weights, **(config.space or {})},
            fixed=config.own_overrides(family),
            vectors=config.vectors is not None,
            small=config.is_limited,
        )

    def _alive(self, live: Sequence[Attempt]) -> list[str]:
        """Return the families that are still tuned; running trials count, too."""
        finished = self._ranking.finished()
        tuned = [trial.family for trial in finished if trial.recipe == TUNED]
        tuned += [attempt.spec.family for attempt in live]
        started = {trial.family for trial in finished}
        return [
            family
            for family in self.config.families
            if family in started
            and family not in self._dropped
            and tuned.count(family) < MOST_TUNED
            and self._space(family)
        ]

    def _next(self, alive: Sequence[str], live: Sequence[Attempt]) -> str | None:
        """Return the family with the least time so far; the leading one gets twice as much."""
        best = self._ranking.best()
        spent = dict.fromkeys(alive, 0.0)
        for trial in self._ranking.finished():
            if trial.recipe == TUNED and trial.family in spent:
                spent[trial.family] += trial.seconds
        for attempt in live:
            name, family = attempt.spec.name, attempt.spec.family
            if family in spent:
                spent[family] += self._ranking.n_folds() * self._costs.seconds(name)
        if best is not None and best.family in spent:
            spent[best.family] /= 2.0
        rungs = self._ranking.rungs()
        fitting = [
            family
            for family in alive
            if self._budget.is_enough_for(TrialSpec(family, TUNED, {}), rungs, OTHER_SETTINGS)
        ]
        return min(fitting, key=lambda family: spent[family], default=None)
