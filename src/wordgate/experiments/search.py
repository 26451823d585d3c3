"""A search over families and settings: which trials are made, and which of them wins.

Every trial is fitted and scored on inner folds of the training rows; the test rows have no part in
it. The default recipes come first, the cheapest family first; then Optuna chooses settings, and
successive halving ends what is no good (Jamieson & Talwalkar 2016). Time is shared among the
families that are still in the race.
"""

import math
import time
from collections.abc import Callable, Generator, Iterator, Sequence
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

import numpy as np

from wordgate.errors import SettingsError, WordgateError
from wordgate.experiments.search_plan import TUNED, SearchConfig, TrialSpec
from wordgate.experiments.search_ranking import Ending, Found, Ranking, score_of, spec_of
from wordgate.experiments.search_schedule import (
    SearchTimeoutError,
    TrialFit,
    TrialSchedule,
    TrialSteps,
)
from wordgate.experiments.search_trials import (
    FEW,
    OTHER_SETTINGS,
    Costs,
    FoldAnswers,
    InnerFolds,
    Rung,
    fit_fold,
)
from wordgate.report.search_text import trial_line
from wordgate.runtime.engine import Tasks
from wordgate.runtime.progress import stage
from wordgate.search.space import Choices, Space, space_of, suggest
from wordgate.search.study import SearchStudy

if TYPE_CHECKING:
    from optuna.trial import Trial

FAR_BEHIND = 0.01
"""A family is dropped if the interval of its distance from the best one starts above this."""
MOST_TUNED = 60
"""Maximum number of trials of a family; more would mostly select by chance."""
_DEFAULTS_SHARE = 0.5
"""Maximum fraction of the time for the default recipes on all folds."""
_WEIGHTS = Choices(("none", "moderate", "balanced"))
"""Weights of labels, which macro F1 depends on more than accuracy does."""
_MOST_REPEATED = 20
_MOST_FAILED = 10


@dataclass
class _Attempt:
    """A trial on its way: what it has answered, and how far it is."""

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
        config: What is searched.
        study: Where the trials are kept.
        deadline: Returns the `time.monotonic()` at which the last fit must end, including the refit
            of the winner; its estimate changes during the search.
        n_predicted: Number of texts that the winner predicts after its fit.
    """

    def __init__(
        self,
        folds: InnerFolds,
        config: SearchConfig,
        study: SearchStudy,
        deadline: Callable[[], float],
        n_predicted: int = 0,
    ):
        self.folds, self.config, self.deadline, self.study = folds, config, deadline, study
        self._n_predicted = n_predicted
        self._ranking = Ranking(folds, config, study)
        self._costs = Costs(folds.fold(0).train.texts, len(folds.labels), config.teaching_seconds)
        self._left_out = [*config.left_out]
        self._dropped: set[str] = set()
        self._ended_by: Ending = "minutes"
        self._failed = 0
        self._error: WordgateError | None = None  # the first for which a family was left out
        for trial in study.trials():
            if trial.fold_scores and trial.rows == 1.0 and trial.seconds:
                name = spec_of(trial).name
                self._costs.record(name, 1.0, trial.seconds / len(trial.fold_scores))

    def run(self) -> Found:
        """Make trials until the time is over, or an interruption after the first has finished.

        Raises:
            SettingsError: No trial has finished, or none keeps the limits.
            WordgateError: No trial has finished, for this error.
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
        """Run trials on the engine, as many at a time as it has room for."""
        config = self.config
        with ExitStack() as stack:
            shared = self.folds, config.for_trials()
            tasks = stack.enter_context(Tasks(_fit, shared, config.engine))
            if not config.engine.is_local:  # in this process each fit shows its progress
                name = "Fitting trials on the Ray cluster"
                stack.enter_context(stage(config.context.progress, name))
            yield TrialSchedule(tasks)

    # The default recipes.

    def _starts(self) -> list[TrialSpec]:
        """Return the trials that come first and have not been made, the cheapest ones first."""
        done = {(trial.family, trial.recipe) for trial in self._ranking.finished()}
        specs = sorted(self.config.starts(), key=lambda spec: self._costs.order(spec.name))
        return [spec for spec in specs if (spec.family, spec.recipe) not in done]

    def _start_families(self, schedule: TrialSchedule) -> None:
        """Try the default recipes: all on one fold first, which tells how many folds there will be.

        With few rows the quickest of them tells that, and each other one is then tried on all folds
        while there is time, the next quickest first.
        """
        specs = self._starts()
        for together in [[spec] for spec in specs] if self._has_few_rows else [specs]:
            self._start(together, schedule)

    def _start(self, specs: Sequence[TrialSpec], schedule: TrialSchedule) -> None:
        """Try some default recipes; an interruption or the time limit keeps what they reached."""
        begun: list[_Attempt] = []
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
                if not attempt.ended:
                    self._end(attempt)

    def _begin(self, spec: TrialSpec, begun: list[_Attempt]) -> TrialSteps:
        """Make a trial on one fold, or on all if it is known how many there are.

        Without time for it the trial is left out, unless it is the first one.
        """
        rungs, is_first = self._rungs(), not begun and not self._ranking.finished()
        if not is_first and not self._fits(spec, rungs):
            self._leave_out(spec)
            return
        attempt = self._ask(spec)
        begun.append(attempt)
        try:
            yield from self._climb(attempt, rungs, must=is_first)
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

    def _finish(self, attempt: _Attempt, *, must: bool) -> TrialSteps:
        """Make the rest of a trial that was begun; that of the first one in any case."""
        try:
            yield from self._climb(attempt, self._rungs(), must=must)
            self._complete(attempt)
        except SearchTimeoutError:
            self._leave_out(attempt.spec)

    @property
    def _has_few_rows(self) -> bool:
        return len(self.folds.rows) < FEW

    @property
    def _knows_folds(self) -> bool:
        return "folds" in self.study.attributes

    def _decide_folds(self, begun: Sequence[_Attempt], room: int) -> None:
        """Choose on how many folds all trials are evaluated, by the time that these take.

        Where all have failed the next ones tell it.
        """
        if self._knows_folds or not (begun or self._ranking.finished()):
            return
        each = [self._costs.seconds(attempt.spec.name) for attempt in begun]
        kept = max((self._kept_for(attempt.spec) for attempt in begun), default=0.0)
        left = self._left()
        fitting, longest = sum(each) / room, max(each, default=0.0)
        time_left = min(_DEFAULTS_SHARE * left, left - kept)
        if self._has_few_rows:  # what is too slow for all folds is left out
            time_left = left - kept
            for attempt in begun:  # its first step may have more folds
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
        """Try no further the families whose default recipe is far behind."""
        starts = [trial for trial in self._ranking.candidates() if trial.recipe != TUNED]
        best = max(starts, key=score_of, default=None)
        for family in dict.fromkeys(trial.family for trial in starts):
            own = max((trial for trial in starts if trial.family == family), key=score_of)
            if best is None or own is best:
                continue
            less = self._ranking.difference(best, own)
            if less.proven == "better" and less.low is not None and less.low > FAR_BEHIND:
                self._dropped.add(family)
                self._left_out.append(
                    f"Not tuned: {family}, whose default recipe is {100 * less.difference:.1f}"
                    f" points behind that of {best.family}."
                )

    # The settings.

    def _tuned_trials(self) -> Generator[TrialSteps | None, None, None]:
        """Let Optuna choose settings until the time or the trials are over."""
        repeated, begun = 0, list[_Attempt]()
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
            if self._repeat(trial, spec):
                repeated += 1
                continue
            repeated = 0
            begun.append(self._ask(spec, trial))
            yield self._tune(begun[-1])

    def _tune(self, attempt: _Attempt) -> TrialSteps:
        """Make a trial of settings; of many in a row that fail, the last raises its error."""
        try:
            yield from self._climb(attempt, self._rungs(), prunable=True)
            self._complete(attempt)
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

    def _alive(self, live: Sequence[_Attempt]) -> list[str]:
        """List the families that are still tuned, of which running trials count, too."""
        tuned = [trial.family for trial in self._ranking.finished() if trial.recipe == TUNED]
        tuned += [attempt.spec.family for attempt in live]
        started = {trial.family for trial in self._ranking.finished()}
        return [
            family
            for family in self.config.families
            if family in started
            and family not in self._dropped
            and tuned.count(family) < MOST_TUNED
            and self._space(family)
        ]

    def _next(self, alive: Sequence[str], live: Sequence[_Attempt]) -> str | None:
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
        rungs = self._rungs()
        fitting = [
            family
            for family in alive
            if self._fits(TrialSpec(family, TUNED, {}), rungs, OTHER_SETTINGS)
        ]
        return min(fitting, key=lambda family: spent[family], default=None)

    def _repeat(self, trial: "Trial", spec: TrialSpec) -> bool:
        """End a trial as one with the same settings ended, if there is such a one."""
        finished = self._ranking.finished()
        equal = [
            one for one in finished if (one.family, one.settings) == (spec.family, spec.changes)
        ]
        if not equal:
            return False
        same = equal[0]
        self._ask(spec_of(same), trial)
        self.study.note(
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
            self.study.complete(trial, score_of(same), self.study.decisions(same.number))
        else:
            self.study.end(trial)
        return True

    # One trial.

    def _ask(self, spec: TrialSpec, trial: "Trial | None" = None) -> _Attempt:
        trial = trial or self.study.ask(spec.family)
        self.study.note(trial, recipe=spec.recipe, settings=dict(spec.changes))
        return _Attempt(trial, spec)

    def _climb(
        self,
        attempt: _Attempt,
        rungs: Sequence[Rung],
        *,
        prunable: bool = False,
        must: bool = False,
    ) -> TrialSteps:
        """Take a trial from step to step, as far as it is good enough and there is time."""
        try:
            while attempt.step < len(rungs) and not attempt.ended:
                left = rungs[attempt.step :]
                is_sure = not attempt.step or (must and bool(attempt.answers))
                if attempt.is_cut:  # each fit that is left has an equal share of the time
                    is_sure |= self._left() > self._kept_for(attempt.spec)
                done = len(attempt.answers)
                if not is_sure and not self._fits(attempt.spec, left, done=done):
                    raise SearchTimeoutError
                is_worse = yield from self._take(attempt, left, must=must)
                if attempt.is_over_limits or (prunable and is_worse and len(left) > 1):
                    self._end(attempt)
        except SearchTimeoutError:
            self._end(attempt, failed=not (must and attempt.step))
            raise
        except GeneratorExit:  # the search ends: its scores so far count if there are no others
            with suppress(KeyboardInterrupt):
                self._end(attempt, failed=not attempt.step or bool(self._ranking.candidates()))
            raise
        except BaseException:
            with suppress(KeyboardInterrupt):
                self._end(attempt, failed=True)
            raise

    def _take(
        self, attempt: _Attempt, rungs: Sequence[Rung], *, must: bool
    ) -> Generator[Sequence[TrialFit], Sequence[FoldAnswers], bool]:
        """Take the first remaining step of a trial; return whether others are better there.

        A fit that the time limit cuts is scored, too: by the best epoch that it has reached.
        """
        rung = rungs[0]
        is_whole = rung.share == 1.0
        left = range(len(attempt.answers), rung.n_folds) if is_whole else range(1)
        at_once = 1 if self.config.engine.is_local else max(1, len(left))
        for start in range(0, len(left), at_once):
            numbers = left[start : start + at_once]
            found = yield from self._fit(attempt, numbers, rungs, must=must)
            if is_whole:
                attempt.answers += found
        scores = attempt.scores or [one.score for one in found]
        measured = attempt.answers or found
        latency = min(one.latency_ms for one in measured)  # what else the machine does adds to it
        megabytes = max(one.megabytes for one in measured)
        broken = self.config.over_limits(latency, megabytes) if is_whole else []
        attempt.is_over_limits = bool(broken)
        self.study.note(
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
        if self._has_few_rows and not self._knows_folds:
            return False
        return self.study.report(attempt.trial, float(np.mean(scores)), attempt.step - 1)

    def _complete(self, attempt: _Attempt) -> None:
        """End a trial that has come to its last step."""
        if attempt.ended:
            return
        decisions = np.concatenate([one.decisions for one in attempt.answers])
        attempt.ended = True  # even if an interruption comes while that is noted
        self.study.complete(attempt.trial, float(np.mean(attempt.scores)), decisions)
        self._show(attempt.trial.number)

    def _end(self, attempt: _Attempt, *, failed: bool = False) -> None:
        """End a trial early, unless it has ended."""
        if attempt.ended:
            return
        self.study.note(attempt.trial, seconds=attempt.seconds)
        attempt.ended = True
        self.study.end(attempt.trial, failed=failed)
        self._show(attempt.trial.number)

    def _fit(
        self, attempt: _Attempt, numbers: Sequence[int], rungs: Sequence[Rung], *, must: bool
    ) -> Generator[Sequence[TrialFit], Sequence[FoldAnswers], Sequence[FoldAnswers]]:
        """Fit a trial on some folds, at the same time if the engine can."""
        spec, share = attempt.spec, rungs[0].share
        seconds = self._seconds_for_fit(spec, rungs, len(attempt.answers), must=must)
        own = max(0.0, seconds)  # a share of the time: when it is over, that of the search is not
        until = max(time.monotonic() + own, self.deadline() - self._kept_for(spec))
        answers = yield [TrialFit(spec, n, share, own, until, must=must) for n in numbers]
        for found in answers:
            self._costs.record(spec.name, share, found.seconds, found.predicting)
            attempt.seconds += found.seconds
            attempt.is_cut |= found.is_cut
        return answers

    # Time.

    def _left(self) -> float:
        """Return the seconds until the last fit must end."""
        return self.deadline() - time.monotonic()

    def _seconds_for_fit(
        self, spec: TrialSpec, rungs: Sequence[Rung], done: int, *, must: bool
    ) -> float:
        """Return the seconds that a fit may take, so that there is time for the final model.

        The remaining fits of a trial share the time. For a family that has not been fitted, the fit
        itself shows how long the model takes. The very first fit may take what one fold needs, even
        if the final model then has less time.
        """
        share = rungs[0].share
        fits = 1.0 if must else _whole_folds(rungs, done) / share
        if self._costs.is_known(spec.name):
            return (self._left() - self._kept_for(spec)) / fits
        left = self._left()
        if not self.config.refits:
            return left / fits
        if spec.name != "count" and not must:
            left -= OTHER_SETTINGS * self.folds.growth * self._costs.seconds("count")
            left -= self._n_predicted * self._costs.predicting(spec.name)
        refits = OTHER_SETTINGS * self.folds.growth / (1.0 if must else share)
        return left / (fits + refits)

    def _rungs(self) -> list[Rung]:
        return self.folds.rungs(self._ranking.n_folds())

    def _fits(
        self, spec: TrialSpec, rungs: Sequence[Rung], factor: float = 1.0, done: int = 0
    ) -> bool:
        """Return whether the steps of a trial fit into the time, and the model after them."""
        needed = 0.0
        for rung in rungs:
            n_folds = 1
            if rung.share == 1.0:
                n_folds, done = rung.n_folds - done, rung.n_folds
            needed += n_folds * self._costs.least(spec.name, rung.share)
        return factor * needed + self._kept_for(spec) <= self._left()

    def _kept_for(self, spec: TrialSpec) -> float:
        """Return the seconds to keep for training the winner, and what it has to beat."""
        if not self.config.refits:
            return 0.0
        best = self._ranking.best()
        names = {spec.name} if best is None else {spec.name, spec_of(best).name}
        winner = max(self._costs.least(name) for name in names)
        baseline = 0.0 if names == {"count"} else self._costs.least("count")
        predicting = self._n_predicted * max(self._costs.predicting(name) for name in names)
        return OTHER_SETTINGS * self.folds.growth * (winner + baseline) + predicting

    def _show(self, ended: int) -> None:
        """Show the trials after that of a number has ended."""
        trials = self.study.trials()
        watch, objective = self.config.options.get("watch"), self.config.objective
        if watch is not None:
            watch(objective, trials, self.deadline())
        else:
            (trial,) = (one for one in trials if one.number == ended)
            self.config.context.progress.say(trial_line(trial, objective, trials))


def _whole_folds(rungs: Sequence[Rung], done: int) -> float:
    """Count the fits that steps still need, where some folds are done, in fits on all rows."""
    parts = sum(rung.share for rung in rungs if rung.share < 1.0)
    return parts + max((rung.n_folds for rung in rungs if rung.share == 1.0), default=done) - done
