"""A search over families and settings: which trials are made, and which of them wins.

Every trial is fitted and scored on inner folds of the training rows; the test rows have no part in
it. The default recipes come first, the cheapest family first; then Optuna chooses settings, and
successive halving ends what is no good (Jamieson & Talwalkar 2016). Time is shared among the
families that are still in the race.
"""

import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Literal

import numpy as np

from wordgate.errors import SettingsError, WordgateError
from wordgate.evaluation.intervals import Interval
from wordgate.evaluation.search import (
    SearchFacts,
    SearchResult,
    SearchTrial,
    SecondBest,
    distinct_trials,
)
from wordgate.experiments.search_ranking import Ranking, score_of, spec_of
from wordgate.experiments.search_trials import (
    DEFAULT,
    FEW,
    MOST_FOLDS,
    SMALL,
    TAUGHT,
    TUNED,
    FoldAnswers,
    InnerFolds,
    Rung,
    SearchConfig,
    TrialSpec,
    fit_fold,
)
from wordgate.report.search_text import trial_line
from wordgate.search.budget import OTHER_SETTINGS, Budget, Costs
from wordgate.search.space import START_SMALL, Choices, space_of, suggest
from wordgate.search.study import SearchStudy

if TYPE_CHECKING:
    from optuna.trial import Trial

Ending = Literal["minutes", "trials", "interruption"]
Watch = Callable[[str, Sequence[SearchTrial], float], None]
"""Is shown the objective, all trials after each that has ended, and the `time.monotonic()` at which
the search ends."""

FAR_BEHIND = 0.01
"""A family is tried no further if the interval of its distance from the best begins beyond this."""
MOST_TUNED = 60
"""Trials of one family: more of them find what chance has made good."""
_DEFAULTS_SHARE = 0.5
"""Of the time, what the default recipes may be expected to take on all folds."""
_FIRST_SHARE = 0.5
"""Of the time, what the first fit of a family may take: the rest is for those that are quicker."""
_WEIGHTS = Choices(("none", "moderate", "balanced"))
"""Weights of labels, which macro F1 depends on more than accuracy does."""
_MOST_REPEATED = 20
_MOST_FAILED = 10


class _OutOfTimeError(Exception):
    """The time ended a trial."""


@dataclass(frozen=True)
class Found:
    """What a search has found.

    Attributes:
        trials: All trials.
        ranking: The trials that can win, the winner first.
        ended_by: What ended the search.
        seconds: What it took, earlier runs included.
        importances: Those of the settings of each family, by its name.
        left_out: A sentence for each family that was left out or dropped.
    """

    trials: tuple[SearchTrial, ...]
    ranking: tuple[SearchTrial, ...]
    ended_by: Ending
    seconds: float
    importances: dict[str, dict[str, float]]
    left_out: tuple[str, ...]

    def facts(self, config: SearchConfig, place: int = 0) -> SearchFacts:
        """Describe the search with the trial at a place of the ranking as the winner."""
        chosen, *others = self.ranking[place:]
        second = None
        if others:
            second = SecondBest(
                family=others[0].family,
                settings=dict(others[0].settings),
                score=score_of(others[0]),
            )
        finished = [trial for trial in self.trials if trial.state in ("complete", "pruned")]
        return SearchFacts(
            objective=config.objective,
            limits=config.limits,
            n_trials=len(distinct_trials(finished)),
            minutes=self.seconds / 60.0,
            ended_by=self.ended_by,
            settings=dict(chosen.settings),
            chosen_score=score_of(chosen),
            second=second,
            importances=self.importances.get(chosen.family, {}),
            left_out=list(self.left_out),
        )

    def result(
        self, config: SearchConfig, place: int = 0, tested: SearchFacts | None = None
    ) -> SearchResult:
        """Give the search with its trials.

        Args:
            config: What was searched.
            place: That of the winner in the ranking.
            tested: The search with the test of the winner; None if it was not trained.
        """
        facts = tested or self.facts(config, place)
        chosen, *others = self.ranking[place:]
        return SearchResult(
            objective=facts.objective,
            limits=facts.limits,
            trials=self.trials,
            chosen=chosen.number,
            second=others[0].number if others else None,
            chosen_score=facts.chosen_score,
            test_score=facts.test_score,
            interval=facts.test_interval or Interval.none("the test rows had no part in it"),
            importances=facts.importances,
            minutes=facts.minutes,
            ended_by=facts.ended_by,
            latency_ms=facts.latency_ms,
            megabytes=facts.megabytes,
            left_out=self.left_out,
        )


@dataclass
class _Attempt:
    """A trial on its way: what it has answered, and how far it is."""

    trial: "Trial"
    spec: TrialSpec
    answers: list[FoldAnswers] = field(default_factory=list)
    seconds: float = 0.0
    step: int = 0
    is_over_limits: bool = False
    ended: bool = False

    @property
    def scores(self) -> list[float]:
        """The score on each finished fold."""
        return [one.score for one in self.answers]


@dataclass
class Search:
    """A search over the training rows.

    Attributes:
        folds: The inner folds of the training rows.
        config: What is searched.
        budget: The time of the whole command.
        study: Keeps the trials.
        watch: Is shown the trials after each; None for a line of progress.
    """

    folds: InnerFolds
    config: SearchConfig
    budget: Budget
    study: SearchStudy
    watch: Watch | None = None
    _ranking: Ranking = field(init=False)
    _costs: Costs = field(init=False)
    _left_out: list[str] = field(init=False)
    _dropped: set[str] = field(default_factory=set)

    def __post_init__(self) -> None:
        self._ranking = Ranking(self.folds, self.config, self.study)
        self._costs = Costs.of(self.folds.fold(0).train)
        self._left_out = [*self.config.left_out]
        for trial in self.study.trials():
            if trial.fold_scores and trial.rows == 1.0 and trial.seconds:
                name = spec_of(trial).name
                self._costs.record(name, 1.0, trial.seconds / len(trial.fold_scores))

    def run(self) -> Found:
        """Make trials until the time is over.

        Returns:
            The trials, the winner first among those that can win.

        Raises:
            SettingsError: No trial has finished, or none keeps the limits.
            KeyboardInterrupt: It was interrupted before any trial had finished.
        """
        began, earlier = time.monotonic(), self.study.attributes.get("seconds", 0.0)
        ended_by: Ending = "minutes"
        try:
            ended_by = self._run()
        except _OutOfTimeError:
            pass
        except KeyboardInterrupt:
            if not self._ranking.finished():
                raise
            ended_by = "interruption"
        finally:
            seconds = earlier + time.monotonic() - began
            with suppress(KeyboardInterrupt):
                self.study.keep(seconds=seconds, left_out=self._left_out)
        ranking = tuple(self._ranking.ranked())
        self.study.keep(
            chosen=ranking[0].number, second=ranking[1].number if len(ranking) > 1 else None
        )
        importances = {
            family: self.study.importances([*self._space(family)])
            for family in {trial.family for trial in ranking}
        }
        return Found(
            self.study.trials(), ranking, ended_by, seconds, importances, tuple(self._left_out)
        )

    def _run(self) -> Ending:
        self._start_families()
        self._drop_families()
        return self._tune()

    # The default recipes.

    def _starts(self) -> Iterator[TrialSpec]:
        """Give the trials that come first and have not been made, cheapest family first."""
        done = {(trial.family, trial.recipe) for trial in self._ranking.finished()}
        specs = []
        for family in self.config.families:
            specs.append(TrialSpec(family, DEFAULT, {}))
            if self.config.is_limited and family in START_SMALL:
                own = self.config.own_overrides(family)
                changes = {n: v for n, v in START_SMALL[family].items() if n not in own}
                specs.append(TrialSpec(family, SMALL, changes))
            if family == "lstm" and self.config.teaching is not None:
                specs.append(TrialSpec(family, TAUGHT, {}))
        return (spec for spec in specs if (spec.family, spec.recipe) not in done)

    def _start_families(self) -> None:
        """Try the default recipes: all on one fold first, which tells how many folds there will be.

        Of an interruption or of the time limit, those begun are kept as far as they have come.
        """
        begun: list[_Attempt] = []
        try:
            for spec in self._starts():
                self._begin(spec, begun)
            self._decide_folds([attempt for attempt in begun if not attempt.ended])
            for attempt in begun:
                self._finish(attempt, must=not self._ranking.finished())
        finally:
            for attempt in begun:
                if not attempt.ended:
                    self._end(attempt)

    def _begin(self, spec: TrialSpec, begun: list[_Attempt]) -> None:
        """Make a trial on one fold, unless there is no time for it; the first one in any case."""
        rungs, is_first = self.folds.rungs(1), not begun and not self._ranking.finished()
        if not is_first and not self._fits(spec, rungs):
            self._leave_out(spec)
            return
        attempt = self._ask(spec)
        begun.append(attempt)
        try:
            self._climb(attempt, rungs, must=is_first)
        except _OutOfTimeError:
            if is_first:
                raise
            self._leave_out(spec)
        except SettingsError:
            raise
        except WordgateError as error:
            self._left_out.append(f"Left out: {spec.name}. {error}.")

    def _finish(self, attempt: _Attempt, *, must: bool) -> None:
        """Make the rest of a trial that was begun; that of the first one in any case."""
        try:
            self._climb(attempt, self._rungs(), must=must)
            self._complete(attempt)
        except _OutOfTimeError:
            self._leave_out(attempt.spec)

    def _decide_folds(self, begun: Sequence[_Attempt]) -> None:
        """Choose on how many folds all trials are judged, by the time that these take."""
        if "folds" in self.study.attributes:
            return
        each = [self._costs.seconds(attempt.spec.name) for attempt in begun]
        kept = max((self._kept_for(attempt.spec) for attempt in begun), default=0.0)
        left = self.budget.left()
        fitting, time_left = sum(each), min(_DEFAULTS_SHARE * left, left - kept)
        if len(self.folds.rows) < FEW:  # what is too slow for all folds is left out
            fitting, time_left = min(each, default=0.0), left - kept
        more = [n for n in range(MOST_FOLDS, 1, -1) if (n - 1) * fitting <= time_left]
        self.study.keep(folds=more[0] if more else 1)

    def _leave_out(self, spec: TrialSpec) -> None:
        needed = self._costs.seconds(spec.name) * self._ranking.n_folds()
        self._left_out.append(
            f"Left out: {spec.name}, {spec.recipe} settings: a trial takes about {needed:.0f} s,"
            " and the model as long again; give more --minutes."
        )

    def _drop_families(self) -> None:
        """Try no further the families whose default recipe is far behind."""
        starts = [
            trial
            for trial in self._ranking.candidates()
            if trial.recipe in (DEFAULT, SMALL, TAUGHT)
        ]
        if not starts:
            return
        best = max(starts, key=score_of)
        for family in {trial.family for trial in starts} - {best.family}:
            own = max((trial for trial in starts if trial.family == family), key=score_of)
            less = self._ranking.difference(best, own)
            if less.proven == "better" and less.low is not None and less.low > FAR_BEHIND:
                self._dropped.add(family)
                self._left_out.append(
                    f"Not tuned: {family}, whose default is {100 * less.difference:.1f} points"
                    f" behind that of {best.family}."
                )

    # The settings.

    def _tune(self) -> Ending:
        """Let Optuna choose settings until the time or the trials are over."""
        repeated = failed = 0
        while True:
            most = self.config.max_trials
            if most is not None and len(self._ranking.finished()) >= most:
                return "trials"
            alive = self._alive()
            if not alive or repeated >= _MOST_REPEATED:
                return "trials"
            family = self._next(alive)
            if family is None:
                return "minutes"
            trial = self.study.ask(family)
            changes = suggest(trial, self._space(family))
            spec = TrialSpec(family, TUNED, changes)
            if (same := self._same(spec)) is not None:
                self._repeat(trial, same)
                repeated += 1
                continue
            repeated = 0
            try:
                attempt = self._ask(spec, trial)
                self._climb(attempt, self._rungs(), prunable=True)
                self._complete(attempt)
                failed = 0
            except WordgateError:
                failed += 1
                if failed >= _MOST_FAILED:
                    raise

    def _space(self, family: str) -> Any:
        config = self.config
        weights = {"class_weight": _WEIGHTS} if config.objective == "macro_f1" else {}
        return space_of(
            family,
            {**weights, **(config.space or {})},
            fixed=config.own_overrides(family),
            vectors=config.vectors is not None,
            small=config.is_limited,
        )

    def _alive(self) -> list[str]:
        """Name the families that are still tuned."""
        tuned = [trial.family for trial in self._ranking.finished() if trial.recipe == TUNED]
        started = {trial.family for trial in self._ranking.finished()}
        return [
            family
            for family in self.config.families
            if family in started
            and family not in self._dropped
            and tuned.count(family) < MOST_TUNED
            and self._space(family)
        ]

    def _next(self, alive: Sequence[str]) -> str | None:
        """Give the family that has had the least time, the leading one twice as much as others."""
        best = max(self._ranking.candidates(), key=score_of, default=None)
        spent = dict.fromkeys(alive, 0.0)
        for trial in self._ranking.finished():
            if trial.recipe == TUNED and trial.family in spent:
                spent[trial.family] += trial.seconds
        if best is not None and best.family in spent:
            spent[best.family] /= 2.0
        rungs = self._rungs()
        fitting = [
            family
            for family in alive
            if self._fits(TrialSpec(family, TUNED, {}), rungs, OTHER_SETTINGS)
        ]
        return min(fitting, key=spent.__getitem__, default=None)

    def _same(self, spec: TrialSpec) -> SearchTrial | None:
        """Find a finished trial of the same family and settings."""
        same = (
            trial
            for trial in self._ranking.finished()
            if trial.family == spec.family and trial.settings == spec.changes
        )
        return next(same, None)

    def _repeat(self, trial: "Trial", same: SearchTrial) -> None:
        """End a trial as one with the same settings ended."""
        self._ask(spec_of(same), trial)
        self.study.note(
            trial,
            fold_scores=list(same.fold_scores),
            over_limits=list(same.over_limits),
            latency_ms=same.latency_ms,
            megabytes=same.megabytes,
            rows=same.rows,
            seconds=0.0,
        )
        if same.state == "complete":
            self.study.complete(trial, score_of(same), self.study.decisions(same.number))
        else:
            self.study.end(trial)

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
    ) -> None:
        """Take a trial from step to step, as far as it is good enough.

        Raises:
            _OutOfTimeError: There is no time for it.
            WordgateError: It can't be fitted.
        """
        try:
            while attempt.step < len(rungs) and not attempt.ended:
                left = rungs[attempt.step :]
                is_sure = not attempt.step or (must and attempt.answers)
                done = len(attempt.answers)
                if not is_sure and not self._fits(attempt.spec, left, done=done):
                    raise _OutOfTimeError
                is_worse = self._take(attempt, left[0], must=must)
                if attempt.is_over_limits or (prunable and is_worse and len(left) > 1):
                    self._end(attempt)
        except _OutOfTimeError:
            self._end(attempt, failed=not (must and attempt.step))
            raise
        except BaseException:
            with suppress(KeyboardInterrupt):
                self._end(attempt, failed=True)
            raise

    def _take(self, attempt: _Attempt, rung: Rung, *, must: bool) -> bool:
        """Take one step of a trial; tell whether others are better there."""
        is_whole = rung.share == 1.0
        for number in range(len(attempt.answers), rung.n_folds) if is_whole else [0]:
            found = self._fit(attempt, number, rung, must=must)
            if is_whole:
                attempt.answers.append(found)
        scores = attempt.scores or [found.score]
        measured = attempt.answers or [found]
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
        )
        attempt.step += 1
        return self.study.report(attempt.trial, float(np.mean(scores)), attempt.step - 1)

    def _complete(self, attempt: _Attempt) -> None:
        """End a trial that has come to its last step."""
        if attempt.ended:
            return
        decisions = np.concatenate([one.decisions for one in attempt.answers])
        self.study.complete(attempt.trial, float(np.mean(attempt.scores)), decisions)
        attempt.ended = True
        self._show()

    def _end(self, attempt: _Attempt, *, failed: bool = False) -> None:
        """End a trial early."""
        attempt.ended = True
        self.study.note(attempt.trial, seconds=attempt.seconds)
        self.study.end(attempt.trial, failed=failed)
        self._show()

    def _fit(self, attempt: _Attempt, number: int, rung: Rung, *, must: bool) -> FoldAnswers:
        spec, left = attempt.spec, max(0.0, self.budget.left() - self._kept_for(attempt.spec))
        if not must and not self._costs.is_known(spec.name):
            left *= _FIRST_SHARE
        found = fit_fold(spec, self.folds, number, rung.share, self.config, time.monotonic() + left)
        self._costs.record(spec.name, rung.share, found.seconds)
        attempt.seconds += found.seconds
        if found.is_cut and not must:
            raise _OutOfTimeError
        return found

    # Time.

    def _rungs(self) -> list[Rung]:
        return self.folds.rungs(self._ranking.n_folds())

    def _fits(
        self, spec: TrialSpec, rungs: Sequence[Rung], factor: float = 1.0, done: int = 0
    ) -> bool:
        """Tell whether the steps of a trial fit into the time, and the model after them."""
        needed, n_done = 0.0, done
        for rung in rungs:
            n_folds = 1 if rung.share < 1.0 else rung.n_folds - n_done
            n_done += n_folds if rung.share == 1.0 else 0
            needed += n_folds * self._costs.seconds(spec.name, rung.share)
        return factor * needed + self._kept_for(spec) <= self.budget.left()

    def _kept_for(self, spec: TrialSpec) -> float:
        """Give the seconds to keep for training the winner, and what it has to beat."""
        if not self.config.refits:
            return 0.0
        names = {spec.name, *(spec_of(trial).name for trial in self._leaders())}
        winner = max(self._costs.seconds(name) for name in names)
        baseline = 0.0 if names == {"count"} else self._costs.seconds("count")
        return OTHER_SETTINGS * self.folds.growth * (winner + baseline)

    def _leaders(self) -> list[SearchTrial]:
        candidates = self._ranking.candidates()
        return [max(candidates, key=score_of)] if candidates else []

    def _show(self) -> None:
        trials = self.study.trials()
        if self.watch is not None:
            self.watch(self.config.objective, trials, time.monotonic() + self.budget.left())
        elif trials:
            objective = self.config.objective
            self.config.context.progress.say(trial_line(trials[-1], objective, trials))
