"""Selection of the best trial of a search, or the smallest of those that are equally good."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

from wordgate.errors import SettingsError
from wordgate.evaluation.intervals import Interval, PairedDifference
from wordgate.evaluation.search import Ending, SearchResult, SearchTrial, paired_scores, score_of
from wordgate.experiments.search_plan import SearchConfig, TrialSpec
from wordgate.experiments.search_trials import InnerFolds, Rung
from wordgate.search.study import SearchStudy

SAME, _ONE_ERROR = 0.005, 0.32
"""Of models within half a point of the best, and within one standard error of the difference (a
two-sided p-value of 0.32), the smallest is selected, whatever its recipe: the one-standard-error
rule of Breiman et al. (1984), with a limit of half a point."""
_MOST_TESTED = 5
"""Number of ranks determined by paired tests; the others are ordered by score."""


@dataclass(frozen=True)
class Found:
    """The result of a search before the test of the selected model.

    Attributes:
        trials: All trials.
        ranking: The trials that can be selected, the best first.
        ended_by: What ended the search.
        seconds: Duration, including earlier runs.
        importances: Importance of the settings of each family.
        left_out: A sentence for each family that was left out or dropped.
    """

    trials: tuple[SearchTrial, ...]
    ranking: tuple[SearchTrial, ...]
    ended_by: Ending
    seconds: float
    importances: dict[str, dict[str, float]]
    left_out: tuple[str, ...]

    def result(self, config: SearchConfig, rank: int = 0) -> SearchResult:
        """Return the result with the trial of a rank, from 0, selected but not tested."""
        chosen, *others = self.ranking[rank:]
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
        """Mark a trial whose model exceeds limits when it is trained on all rows."""
        marked = replace(trial, over_limits=tuple(broken))
        trials = (marked if one.number == trial.number else one for one in self.trials)
        return replace(self, trials=tuple(trials))


@dataclass(frozen=True)
class Ranking:
    """Compares the trials of a search by their predictions on the inner folds."""

    folds: InnerFolds
    config: SearchConfig
    study: SearchStudy

    def n_folds(self) -> int:
        """Return the number of folds of all trials of a search."""
        return int(self.study.attributes.get("folds", 1))

    @property
    def knows_folds(self) -> bool:
        """Whether the number of folds has been chosen."""
        return "folds" in self.study.attributes

    def rungs(self) -> list[Rung]:
        """Return the steps of a trial."""
        return self.folds.rungs(self.n_folds())

    def finished(self) -> list[SearchTrial]:
        """Return the trials that have ended without an error."""
        return [trial for trial in self.study.trials() if trial.is_finished]

    def candidates(self) -> list[SearchTrial]:
        """Return the trials that can be selected: complete, and within the limits."""
        return [trial for trial in self.study.trials() if trial.can_win]

    def best(self) -> SearchTrial | None:
        """Return the candidate with the highest score; None without one."""
        return max(self.candidates(), key=score_of, default=None)

    def ranked(self) -> Iterator[SearchTrial]:
        """Yield the candidates, the best first; from the sixth on, by their scores alone.

        Raises:
            SettingsError: There is none.
        """
        remaining = self.candidates() or self._unfinished_candidates()
        if not remaining:
            raise SettingsError(self._none_found())
        for _ in range(_MOST_TESTED):
            if not remaining:
                return
            chosen = self._winner(remaining)
            yield chosen
            remaining = [
                trial
                for trial in remaining
                if (spec_of(trial).name, trial.settings) != (spec_of(chosen).name, chosen.settings)
            ]
        yield from sorted(remaining, key=score_of, reverse=True)

    def _winner(self, candidates: Sequence[SearchTrial]) -> SearchTrial:
        """Return the best trial, or the smallest of those that are equally good within noise."""
        best = max(candidates, key=lambda trial: (score_of(trial), *_lightness(trial)))
        near = [trial for trial in candidates if score_of(best) - score_of(trial) <= SAME]
        for trial in sorted(near, key=_lightness, reverse=True):
            if _lightness(trial) <= _lightness(best) or best.state != "complete":
                break
            difference = self.difference(best, trial)
            if difference.p_value is None or difference.p_value > _ONE_ERROR:
                return trial
        return best

    def _unfinished_candidates(self) -> list[SearchTrial]:
        """Return the incomplete trials with a score on the largest fraction of the rows."""
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
        limits = self.config.limits_text()
        smallest = min(measured, key=lambda trial: trial.megabytes or 0.0)
        quickest = min(measured, key=lambda trial: trial.latency_ms or 0.0)
        return (
            f"{_none_of(len(measured))} within {limits}: the smallest is"
            f" {_measured(smallest)}, the fastest {_measured(quickest)}; relax the"
            " limits, or increase --minutes"
        )

    def difference(self, one: SearchTrial, other: SearchTrial) -> PairedDifference:
        """Compare the predictions of two trials in a paired test; groups are resampled."""
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
    """Return the family, recipe and settings of a trial."""
    return TrialSpec(trial.family, trial.recipe, trial.settings)


def _lightness(trial: SearchTrial) -> tuple[float, float]:
    """Return a sort key that is larger for smaller, then for faster models."""
    size, latency = trial.megabytes or 0.0, trial.latency_ms or 0.0
    return -round(size, 1), -round(latency, 2)
