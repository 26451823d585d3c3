"""Which trial of a search wins: the best, or the smallest of those that are as good; the result."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

from wordgate.errors import SettingsError
from wordgate.evaluation.intervals import Interval, PairedDifference
from wordgate.evaluation.search import Ending, SearchResult, SearchTrial, paired_scores, score_of
from wordgate.experiments.search_plan import SearchConfig, TrialSpec
from wordgate.experiments.search_trials import InnerFolds, Rung
from wordgate.search.study import SearchStudy

SAME, _ONE_ERROR = 0.005, 0.32
"""Within half a point of the best, and within one standard error of the difference (a two-sided
p-value of 0.32), the smallest model is chosen, whatever its recipe: the one-standard-error rule of
Breiman et al. (1984), but no more than half a point is given up for size."""
_MOST_TESTED = 5
"""Places of the ranking that paired tests decide; the others follow by their scores."""


@dataclass(frozen=True)
class Found:
    """The findings of a search.

    Attributes:
        ranking: The trials that can win, the winner first.
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

    def result(self, config: SearchConfig, place: int = 0) -> SearchResult:
        """Return the search with the trial at a place of the ranking as the winner, untested."""
        chosen, *others = self.ranking[place:]
        return SearchResult(
            objective=config.objective,
            limits=config.limits,
            trials=self.trials,
            chosen=chosen.number,
            second=others[0].number if others else None,
            chosen_score=score_of(chosen),
            test_score=None,
            interval=Interval.none("the test rows were not used"),
            importances=self.importances.get(chosen.family, {}),
            minutes=self.seconds / 60.0,
            ended_by=self.ended_by,
            left_out=self.left_out,
        )

    def with_broken_limits(self, trial: SearchTrial, broken: Sequence[str]) -> "Found":
        """Note that the model of a trial breaks limits when it is trained on all rows."""
        noted = replace(trial, over_limits=tuple(broken))
        trials = (noted if one.number == trial.number else one for one in self.trials)
        return replace(self, trials=tuple(trials))


@dataclass(frozen=True)
class Ranking:
    """The trials of a search, compared by what they answer on the inner folds."""

    folds: InnerFolds
    config: SearchConfig
    study: SearchStudy

    def n_folds(self) -> int:
        """Return the number of folds that trials are evaluated on, the same for all of a search."""
        return int(self.study.attributes.get("folds", 1))

    @property
    def knows_folds(self) -> bool:
        """Whether that number has been chosen."""
        return "folds" in self.study.attributes

    def rungs(self) -> list[Rung]:
        """Return the steps of a trial."""
        return self.folds.rungs(self.n_folds())

    def finished(self) -> list[SearchTrial]:
        """Return the trials that have ended, but not by an error."""
        return [trial for trial in self.study.trials() if trial.is_finished]

    def candidates(self) -> list[SearchTrial]:
        """Return the trials that can win: complete, and within the limits."""
        return [trial for trial in self.study.trials() if trial.can_win]

    def best(self) -> SearchTrial | None:
        """Return the trial of the highest score; None if there is none that can win."""
        return max(self.candidates(), key=score_of, default=None)

    def ranked(self) -> Iterator[SearchTrial]:
        """Return the trials that can win, the winner first; those far behind by their scores alone.

        Raises:
            SettingsError: There is none.
        """
        left = self.candidates() or self._unfinished_candidates()
        if not left:
            raise SettingsError(self._none_found())
        for _ in range(_MOST_TESTED):
            if not left:
                return
            chosen = self._winner(left)
            yield chosen
            left = [
                trial
                for trial in left
                if (spec_of(trial).name, trial.settings) != (spec_of(chosen).name, chosen.settings)
            ]
        yield from sorted(left, key=score_of, reverse=True)

    def _winner(self, candidates: Sequence[SearchTrial]) -> SearchTrial:
        """Choose the best, or the smallest of those that are as good within noise."""
        best = max(candidates, key=lambda trial: (score_of(trial), *_lightness(trial)))
        near = [trial for trial in candidates if score_of(best) - score_of(trial) <= SAME]
        for trial in sorted(near, key=_lightness, reverse=True):
            if _lightness(trial) <= _lightness(best) or best.state != "complete":
                break
            less = self.difference(best, trial)
            if less.p_value is None or less.p_value > _ONE_ERROR:
                return trial
        return best

    def _unfinished_candidates(self) -> list[SearchTrial]:
        """Return what has a score, where no trial is complete, of the largest share of the rows."""
        scored = [
            trial for trial in self.finished() if trial.score is not None and not trial.over_limits
        ]
        most = max((trial.rows for trial in scored), default=0.0)
        return [trial for trial in scored if trial.rows == most]

    def _none_found(self) -> str:
        measured = [trial for trial in self.finished() if trial.over_limits]
        if not measured:
            return (
                f"no trial ended within {self.config.limits.minutes:g} minutes: increase --minutes"
            )
        given = self.config.limits_text()
        smallest = min(measured, key=lambda trial: trial.megabytes or 0.0)
        quickest = min(measured, key=lambda trial: trial.latency_ms or 0.0)
        return (
            f"{_none_of(len(measured))} within {given}: the smallest is"
            f" {_measured(smallest)}, the fastest {_measured(quickest)}; relax the"
            " limits, or increase --minutes"
        )

    def difference(self, one: SearchTrial, other: SearchTrial) -> PairedDifference:
        """Test the predictions of a trial against those of another, groups resampled."""
        rows = self.folds.tested(self.n_folds())
        return paired_scores(
            self.config.objective,
            rows.targets,
            self.study.decisions(one.number),
            self.study.decisions(other.number),
            rows.groups,
            len(self.folds.labels),
            seed=self.config.context.seed,
        )


def _none_of(n_trials: int) -> str:
    return "the only trial is not" if n_trials == 1 else f"none of {n_trials:,} trials is"


def _measured(trial: SearchTrial) -> str:
    return (
        f"{spec_of(trial).sentence()} ({trial.megabytes or 0.0:.1f} MB,"
        f" {trial.latency_ms or 0.0:.2f} ms)"
    )


def spec_of(trial: SearchTrial) -> TrialSpec:
    """Return family, recipe and settings of a trial."""
    return TrialSpec(trial.family, trial.recipe, trial.settings)


def _lightness(trial: SearchTrial) -> tuple[float, float]:
    """Return what is larger for the smaller, and then for the quicker model."""
    size, latency = trial.megabytes or 0.0, trial.latency_ms or 0.0
    return -round(size, 1), -round(latency, 2)
