"""What a user asks of a search, resolved before any data is read."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields, replace
from pathlib import Path
from typing import get_args

from wordgate.data import Table
from wordgate.errors import DataError, SettingsError, did_you_mean
from wordgate.evaluation.search import SearchLimits, SearchObjective
from wordgate.experiments.resolving import (
    as_names,
    available_families,
    refuse_unread,
    resolve_vectors,
)
from wordgate.experiments.search import Watch
from wordgate.experiments.search_trials import DEFAULT, TAUGHT, SearchConfig, TrialSpec
from wordgate.experiments.students import teacher_config
from wordgate.families import FAMILIES
from wordgate.runtime.packages import require_extra
from wordgate.runtime.progress import Progress
from wordgate.search.budget import choose_minutes
from wordgate.search.space import read_space
from wordgate.settings import NO_TEACHER, Settings, load_settings
from wordgate.training.families import check_device, check_pretrained
from wordgate.training.fitting import RunContext

AUTO = "auto"
"""The name in place of a family that lets a search choose one."""
OBJECTIVES: tuple[str, ...] = get_args(SearchObjective)


@dataclass(frozen=True)
class SearchOptions:
    """What a user asks of a search; see `wordgate.train`."""

    minutes: float | None = None
    preset: str | None = None
    max_ms: float | None = None
    max_mb: float | None = None
    objective: str | None = None
    trials: int | None = None
    watch: Watch | None = None

    def refuse_idle(self) -> None:
        """Refuse all of it where no search is made."""
        for field in fields(self):
            if getattr(self, field.name) is not None:
                raise SettingsError(
                    f"{_flag(field.name)} has no effect without --family {AUTO}: leave it out, or"
                    f" let a search choose the family with --family {AUTO}"
                )

    def limits(self) -> SearchLimits:
        """Give the limits.

        Raises:
            SettingsError: One is impossible.
        """
        for name in ("max_ms", "max_mb"):
            value = getattr(self, name)
            if value is not None and not 0 < value < float("inf"):
                raise SettingsError(f"{_flag(name)} is {value}; it must be more than 0")
        if self.trials is not None and self.trials < 1:
            raise SettingsError(f"--trials is {self.trials}; it must be at least 1")
        minutes = choose_minutes(self.minutes, self.preset)
        return SearchLimits(minutes=minutes, max_ms=self.max_ms, max_mb=self.max_mb)

    def objective_for(self, *, multilabel: bool) -> SearchObjective:
        """Give the score to maximize: accuracy, or micro F1 of several labels per text.

        Raises:
            SettingsError: It is unknown, or not for such labels.
        """
        if self.objective is None:
            return "micro_f1" if multilabel else "accuracy"
        if self.objective not in OBJECTIVES:
            raise SettingsError(
                f"a search has no objective '{self.objective}'"
                f"{did_you_mean(self.objective, OBJECTIVES)}"
            )
        if (self.objective == "micro_f1") != multilabel and self.objective != "macro_f1":
            others = "macro_f1, or micro_f1" if multilabel else "accuracy, or macro_f1"
            kind = "several labels" if multilabel else "one label"
            raise SettingsError(
                f"--objective {self.objective} is not for {kind} per text: use {others}"
            )
        return self.objective  # type: ignore[return-value]


def _flag(name: str) -> str:
    return f"--{name.replace('_', '-')}"


@dataclass(frozen=True)
class SearchPlan:
    """A search before the data is read.

    Attributes:
        config: What is searched; its objective is that of the data only then.
        settings: The settings of reading and splitting.
        options: What the user asks.
    """

    config: SearchConfig
    settings: Settings
    options: SearchOptions

    def sentence(self) -> str:
        """Say what is about to be done, and how long it takes."""
        config = self.config
        what = "training and test of the winner included" if config.refits else "reading included"
        return (
            f"Searching for {config.limits.minutes:g} minutes, {what}: {', '.join(config.families)}"
        )

    def config_for(self, table: Table) -> SearchConfig:
        """Give what is searched in the rows of a table."""
        objective = self.options.objective_for(multilabel=table.label_sets is not None)
        return replace(self.config, objective=objective)


def plan_search(
    options: SearchOptions,
    context: RunContext,
    *,
    families: Sequence[str] | None = None,
    recipe: str | Path | None = None,
    overrides: Mapping[str, object],
    vectors: str | Path | None = None,
    teacher: str | Sequence[str] | None = None,
    teaching_minutes: float | None = None,
    has_unlabelled: bool = False,
    space: str | Path | None = None,
    refits: bool = True,
) -> SearchPlan:
    """Resolve what is asked of a search, and refuse what can't be, before any data is read.

    Raises:
        WordgateError: Settings, families, word vectors or teachers can't be used.
    """
    require_extra("tune", "searching families and settings")
    limits, progress, recipe = options.limits(), context.progress, recipe or "default"
    teachers = as_names(teacher) or ()
    teachers = () if teachers == (NO_TEACHER,) else teachers
    left_out: tuple[str, ...] = ()
    if families is None:
        families, left_out = available_families(vectors)
    settings = load_settings(recipe, overrides)
    if settings.teacher.is_given:
        raise SettingsError(
            f"the recipe '{recipe}' has a teacher: start from another recipe, and give --teacher"
        )
    refuse_unread(overrides, families)
    found, reasons = _with_pretrained(families, settings, progress)
    own = read_space(space, found)
    _, pretrained = resolve_vectors(vectors, settings, progress)
    config = SearchConfig(
        families=found,
        recipe=recipe,
        overrides=overrides,
        objective="accuracy",
        limits=limits,
        context=context,
        vectors_name=vectors,
        vectors=pretrained,
        teachers=teachers,
        space=own,
        max_trials=options.trials,
        refits=refits,
        left_out=(*left_out, *reasons),
    )
    for family in found:
        config.settings(TrialSpec(family, DEFAULT, {}))
        if not FAMILIES[family].cpu_alone or found == (family,):
            check_device(family, context.device, progress)
    taught = (
        config.settings(TrialSpec("lstm", TAUGHT, {})) if teachers and "lstm" in found else None
    )
    teaching = teacher_config(
        taught, teaching_minutes, has_unlabelled=has_unlabelled, progress=progress
    )
    if teachers and teaching is None:
        raise SettingsError("--teacher has no effect: only an LSTM is distilled in a search")
    return SearchPlan(replace(config, teaching=teaching), settings, options)


def _with_pretrained(
    families: Sequence[str], settings: Settings, progress: Progress
) -> tuple[tuple[str, ...], list[str]]:
    """Keep the families whose pretrained network is at hand; a sentence for each other."""
    found, reasons = [], []
    for family in families:
        reason = None if len(families) == 1 else _why_missing(family, settings, progress)
        if reason is None:
            found.append(family)
        else:
            reasons.append(reason)
    return tuple(found), reasons


def _why_missing(family: str, settings: Settings, progress: Progress) -> str | None:
    try:
        check_pretrained(family, settings, progress)
    except DataError as error:
        return f"Left out: {family}. {error}."
    return None
