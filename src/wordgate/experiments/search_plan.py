"""Options of a search and the search space, resolved before any data is read."""

import math
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TypedDict, cast, get_args

from wordgate.arguments import option_name, positive_number, whole_number
from wordgate.data import Table
from wordgate.errors import DataError, SettingsError, did_you_mean, near_miss
from wordgate.evaluation.comparison import TAUGHT_LSTM
from wordgate.evaluation.metrics import is_skewed
from wordgate.evaluation.search import SearchLimits, SearchObjective, SearchTrial
from wordgate.experiments.fitting import context_of_task
from wordgate.experiments.reading import DataOptions, settings_called
from wordgate.experiments.resolving import (
    available_families,
    given_teachers,
    refuse_unread,
    resolve_settings,
    resolve_vectors,
)
from wordgate.experiments.students import ModelPlan, TeacherConfig, teacher_config
from wordgate.families import AUTO, FAMILIES
from wordgate.runtime.engine import LOCAL, Engine
from wordgate.runtime.packages import require_extra
from wordgate.runtime.progress import Progress
from wordgate.search.space import START_SMALL, Space, read_space
from wordgate.settings import Settings, load_settings
from wordgate.training.families import check_device, check_pretrained
from wordgate.training.fitting import RunContext
from wordgate.vectors.pretrained import PretrainedVectors

DEFAULT, SMALL, TAUGHT, TUNED = "default", "small", "taught", "tuned"
"""Starting points of the settings of a trial."""
OBJECTIVES: tuple[str, ...] = get_args(SearchObjective)
PRESETS = {"quick": 3.0, "good": 15.0, "best": 60.0}
"""Minutes by the name of a preset."""
DEFAULT_PRESET = "good"
Watch = Callable[[str, Sequence[SearchTrial], float], None]
"""Called after each trial with the objective, all trials, and the `time.monotonic()` at which the
search ends."""


class SearchOptions(TypedDict, total=False):
    """Options of a search over families and settings.

    Attributes:
        minutes: Time limit of the whole call, in minutes.
        preset: In place of `minutes`: ``quick`` (3 minutes), ``good`` (15, the default) or ``best``
            (60).
        max_ms: Maximum median latency of one text, in milliseconds on this machine.
        max_mb: Maximum size of the saved model, in 10^6 bytes.
        objective: The score to maximize: ``accuracy`` (the default), ``macro_f1`` (the default if
            one label has 80% of the rows or more), or, if a text can have several labels,
            ``micro_f1`` (the default there) or ``macro_f1``.
        trials: Maximum number of finished trials.
        watch: Called after every trial, with the objective, all trials, and the
            `time.monotonic()` at which the search ends.
    """

    minutes: float | None
    preset: str | None
    max_ms: float | None
    max_mb: float | None
    objective: str | None
    trials: int | None
    watch: Watch | None


class TrainingOptions(DataOptions, SearchOptions, total=False):
    """Options of the data, and those of a search over families and settings."""


def search_and_data(options: TrainingOptions) -> tuple[SearchOptions, DataOptions]:
    """Separate the options of a search from those of the data.

    Raises:
        TypeError: There is an option whose name is nearly that of another one, and of no setting.
    """
    of_search, known = SearchOptions.__optional_keys__, sorted(TrainingOptions.__optional_keys__)
    for name in options.keys() - set(known):
        if (hint := near_miss(name, known)) and not settings_called(name):
            raise TypeError(f"unexpected keyword argument {name!r}{hint}")
    search = {name: value for name, value in options.items() if name in of_search}
    data = {name: value for name, value in options.items() if name not in of_search}
    return cast(SearchOptions, search), cast(DataOptions, data)


def refuse_search(options: SearchOptions) -> None:
    """Raise a `SettingsError` for options of a search without one."""
    for name, value in options.items():
        if value is not None:
            raise SettingsError(
                f"{option_name(name)} has no effect without --family {AUTO}: leave it out, or"
                f" let a search choose the family with --family {AUTO}"
            )


def _limits(options: SearchOptions) -> SearchLimits:
    """Return the limits of a search; refuse invalid ones."""
    max_ms, max_mb, trials = options.get("max_ms"), options.get("max_mb"), options.get("trials")
    for name, value in (("max_ms", max_ms), ("max_mb", max_mb)):
        if value is not None:
            positive_number(value, option_name(name))
    if trials is not None:
        whole_number(trials, "--trials", "a whole number of at least 1")
    minutes = _minutes(options.get("minutes"), options.get("preset"))
    return SearchLimits(minutes=minutes, max_ms=max_ms, max_mb=max_mb)


def _minutes(minutes: float | None, preset: str | None) -> float:
    """Return the minutes of a search; by default, those of the preset `good`."""
    if minutes is not None and preset is not None:
        raise SettingsError("--minutes and --preset both limit the time: leave one out")
    if minutes is None:
        preset = preset or DEFAULT_PRESET
        if preset not in PRESETS:
            raise SettingsError(f"no preset '{preset}'{did_you_mean(preset, PRESETS)}")
        return PRESETS[preset]
    return positive_number(minutes, "minutes")


def _objective(asked: str | None, *, multilabel: bool, skewed: bool) -> SearchObjective:
    """Return the score to maximize: the one that was named, else the one that decides.

    That is accuracy, macro F1 if labels are skewed, or micro F1 of several labels per text.
    """
    if asked is None:
        return "micro_f1" if multilabel else "macro_f1" if skewed else "accuracy"
    if asked not in OBJECTIVES:
        raise SettingsError(f"a search has no objective '{asked}'{did_you_mean(asked, OBJECTIVES)}")
    if (asked == "micro_f1") != multilabel and asked != "macro_f1":
        others = "macro_f1, or micro_f1" if multilabel else "accuracy, or macro_f1"
        kind = "several labels" if multilabel else "one label"
        raise SettingsError(f"--objective {asked} is not for {kind} per text: use {others}")
    return asked  # type: ignore[return-value]


@dataclass(frozen=True)
class TrialSpec:
    """A family with the settings that differ from its recipe."""

    family: str
    recipe: str
    changes: Mapping[str, object]

    @property
    def name(self) -> str:
        """The name under which its costs are recorded."""
        return TAUGHT_LSTM if self.recipe == TAUGHT else self.family

    def sentence(self) -> str:
        """Describe it briefly."""
        settings = ", ".join(f"{name}={value}" for name, value in self.changes.items())
        return f"{self.name}, {settings or 'default recipe'}"


@dataclass(frozen=True)
class SearchConfig:
    """Configuration of a search.

    Attributes:
        families: The families, cheapest first.
        recipe: The recipe from which the settings of all trials differ.
        overrides: Settings of the user, fixed in all trials.
        settings: The settings of recipe and user, by which rows are read and split.
        objective: The score to maximize, after `for_labels`.
        vectors_name, teachers: As named by the user, for `vectors` and `teaching`.
        space: Ranges of the user, in place of wordgate's own.
        refits: Whether the best trial is trained on all rows, for which time is reserved.
        left_out: A sentence for each family that was left out.
        engine: The engine on which trials are fitted.
    """

    options: SearchOptions
    families: tuple[str, ...]
    recipe: str | Path
    overrides: Mapping[str, object]
    settings: Settings
    limits: SearchLimits
    context: RunContext
    objective: SearchObjective = "accuracy"
    vectors_name: str | Path | None = None
    vectors: PretrainedVectors | None = None
    teachers: tuple[str, ...] = ()
    teaching: TeacherConfig | None = None
    space: Space | None = None
    refits: bool = True
    left_out: tuple[str, ...] = ()
    engine: Engine = field(default_factory=Engine)

    @property
    def is_limited(self) -> bool:
        """Whether latency or size is limited."""
        return self.limits.max_ms is not None or self.limits.max_mb is not None

    def for_table(self, table: Table) -> "SearchConfig":
        """Choose the score to maximize, as `for_labels` does, by the labels of a table."""
        several = table.label_sets is not None
        return self.for_labels(None if several else [*Counter(table.labels or ()).values()])

    def for_labels(self, support: Sequence[int] | None) -> "SearchConfig":
        """Choose the score to maximize by the labels of the data; refuse one of other labels.

        `support` is the number of rows of each label; None if a text may have several labels.
        """
        asked, skewed = self.options.get("objective"), support is not None and is_skewed(support)
        objective = _objective(asked, multilabel=support is None, skewed=skewed)
        if asked is None and skewed and support is not None:
            self.context.progress.say(
                f"Labels are skewed ({max(support) / sum(support):.0%} of the rows have the same"
                " one), so macro F1 is maximized; to maximize accuracy, add --objective accuracy"
            )
        return replace(self, objective=objective)

    def sentence(self) -> str:
        """Describe the search and its time limit."""
        what = "training and testing the selected model" if self.refits else "reading the data"
        minutes = "1 minute" if self.limits.minutes == 1 else f"{self.limits.minutes:g} minutes"
        return f"Searching for {minutes}, including {what}: {', '.join(self.families)}"

    def own_overrides(self, family: str) -> dict[str, object]:
        """Return the settings of the user that a family reads."""
        return {
            name: value for name, value in self.overrides.items() if FAMILIES[family].reads(name)
        }

    @property
    def teaching_seconds(self) -> float:
        """Time limit for fine-tuning a teacher and labeling, in seconds."""
        minutes = None if self.teaching is None else self.teaching.minutes
        return math.inf if minutes is None else 60.0 * minutes

    def starts(self) -> list[TrialSpec]:
        """Return the first trials of a search: recipes, and small models under limits."""
        specs = []
        for family in self.families:
            specs.append(TrialSpec(family, DEFAULT, {}))
            if self.is_limited and family in START_SMALL:
                own = self.own_overrides(family)
                changes = {n: v for n, v in START_SMALL[family].items() if n not in own}
                specs.append(TrialSpec(family, SMALL, changes))
            if family == "lstm" and self.teaching is not None:
                specs.append(TrialSpec(family, TAUGHT, {}))
        return specs

    def plan_of(self, spec: TrialSpec) -> ModelPlan:
        """Resolve the settings of a trial, its word vectors and its teachers."""
        family, is_taught = spec.family, spec.recipe == TAUGHT
        overrides = {**self.own_overrides(family), **spec.changes}
        if is_taught:
            overrides["teacher.models"] = self.teachers
        name, vectors = self.vectors_name, self.vectors
        if FAMILIES[family].vectors == "none":
            name = vectors = None
        recipe = TAUGHT_LSTM if is_taught else self.recipe
        settings = resolve_settings(recipe, overrides, name, families=[family])
        if vectors is not None:
            settings = settings.with_vectors_of(vectors.dim)
        teaching = self.teaching if is_taught else None
        return ModelPlan(family, settings, vectors, teaching, str(recipe))

    def for_trials(self) -> "SearchConfig":
        """Return the part that tasks need, with the threads and the device of a task."""
        if self.engine.is_local:
            return self
        return replace(self, options={}, context=context_of_task(self.context, self.engine))

    def limits_text(self) -> str:
        """Format the limits of latency and size as options; empty without any."""
        limits = {"--max-ms": self.limits.max_ms, "--max-mb": self.limits.max_mb}
        return " and ".join(f"{name} {value:g}" for name, value in limits.items() if value)

    def over_limits(self, latency_ms: float, megabytes: float) -> list[str]:
        """Return the names of the limits that a model exceeds."""
        limits = self.limits
        exceeded = {
            "latency": limits.max_ms is not None and latency_ms > limits.max_ms,
            "size": limits.max_mb is not None and megabytes > limits.max_mb,
        }
        return [name for name, is_exceeded in exceeded.items() if is_exceeded]


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
    engine: str = LOCAL,
) -> SearchConfig:
    """Resolve and check the options of a search before any data is read."""
    require_extra("tune", "searching families and settings")
    limits, progress, recipe = _limits(options), context.progress, recipe or "default"
    teachers = given_teachers(teacher)
    left_out: tuple[str, ...] = ()
    if families is None:
        families, left_out = available_families(vectors)
    settings = load_settings(recipe, overrides)
    if settings.teacher.is_given:
        raise SettingsError(
            f"the recipe '{recipe}' has a teacher: start from another recipe, and give --teacher"
        )
    refuse_unread(overrides, families)
    available, reasons = _with_pretrained(families, settings, progress)
    _, pretrained = resolve_vectors(vectors, settings, progress)
    config = SearchConfig(
        options=options,
        families=available,
        recipe=recipe,
        overrides=overrides,
        settings=settings,
        limits=limits,
        context=context,
        vectors_name=vectors,
        vectors=pretrained,
        teachers=teachers,
        space=read_space(space, available),
        refits=refits,
        left_out=(*left_out, *reasons),
        engine=Engine.of(engine, context.threads, context.device),
    )
    for family in available:
        config.plan_of(TrialSpec(family, DEFAULT, {}))
        if not FAMILIES[family].cpu_alone or available == (family,):
            check_device(family, context.device, progress)
    taught = (
        config.plan_of(TrialSpec("lstm", TAUGHT, {})).settings
        if teachers and "lstm" in available
        else None
    )
    teaching = teacher_config(
        taught, teaching_minutes, has_unlabelled=has_unlabelled, progress=progress
    )
    if teachers and teaching is None:
        raise SettingsError("--teacher has no effect: only an LSTM is distilled in a search")
    return replace(config, teaching=teaching)


def _with_pretrained(
    families: Sequence[str], settings: Settings, progress: Progress
) -> tuple[tuple[str, ...], list[str]]:
    """Return the families whose pretrained network is available; a sentence for each other.

    A single family is always returned; the error is raised when it is fitted.
    """
    if len(families) == 1:
        return tuple(families), []
    available, reasons = [], []
    for family in families:
        try:
            check_pretrained(family, settings, progress)
        except DataError as error:
            reasons.append(f"Left out: {family}. {error}.")
            continue
        available.append(family)
    return tuple(available), reasons
