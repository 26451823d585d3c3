"""Searching what to train: `train` with the family ``auto``, and `tune` for one family."""

import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, fields, replace
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, Literal, get_args

import numpy as np
from typing_extensions import Unpack

from wordgate.bundle.folder import Bundle, write_bundle
from wordgate.data import Table
from wordgate.data.dataset import Dataset
from wordgate.errors import BundleError, DataError, SettingsError, did_you_mean
from wordgate.evaluation.search import (
    OBJECTIVE_NAMES,
    SearchFacts,
    SearchLimits,
    SearchObjective,
    SearchResult,
)
from wordgate.experiments.fitting import Clock, check_settings
from wordgate.experiments.reading import (
    DataOptions,
    ReadingOptions,
    Sources,
    called,
    near_duplicates_of,
)
from wordgate.experiments.resolving import (
    as_names,
    available_families,
    refuse_unread,
    resolve_vectors,
    with_options,
)
from wordgate.experiments.resuming import (
    check_place,
    check_resume,
    kept_beside,
    telling_what_is_kept,
)
from wordgate.experiments.search import Found, Search, Watch, spec_of
from wordgate.experiments.search_trials import (
    DEFAULT,
    TAUGHT,
    InnerFolds,
    SearchConfig,
    TrialSpec,
    median_latency,
)
from wordgate.experiments.splits import DataSplits, split_table
from wordgate.experiments.students import teacher_config
from wordgate.experiments.training_run import Plan, PreparedData, prepare, train_on_table
from wordgate.families import FAMILIES
from wordgate.prediction.predictor import load
from wordgate.report.search import search_page
from wordgate.runtime.cpu import choose_threads, limited_blas
from wordgate.runtime.packages import require_extra
from wordgate.runtime.progress import Console, Progress
from wordgate.search.budget import Budget, choose_minutes
from wordgate.search.space import read_space
from wordgate.search.study import SearchStudy, clear_trials
from wordgate.settings import (
    NO_TEACHER,
    Settings,
    checked_seed,
    load_settings,
    own_recipe_toml,
)
from wordgate.storage.files import atomic_write, check_file
from wordgate.storage.resumable import VECTORS, RunFingerprint, as_it_is
from wordgate.training.families import check_device, check_family, check_pretrained, engine_of
from wordgate.training.fitting import RunContext

AUTO = "auto"
"""The name in place of a family that lets a search choose one."""
OBJECTIVES: tuple[str, ...] = get_args(SearchObjective)
_WHAT = "search"
_FINISH_SECONDS, _FINISH_SHARE = 4.0, 0.3
"""What follows the last fit: seconds, and as a share of what came before the search."""
_WRITING_SECONDS = 0.5
_ROOM_MB = 0.002  # by which the numbers measured last may lengthen the files


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


@dataclass(frozen=True)
class AutoTraining:
    """What `train_auto` gives: the model, and the search that chose it."""

    bundle: Bundle
    search: SearchResult


def train_auto(
    data: DataOptions,
    plan: SearchPlan,
    *,
    out: Path | None,
    resume: bool,
    no_texts: bool,
    started: float,
    write: Callable[[Bundle], None],
) -> AutoTraining:
    """Search family and settings on the training rows, train the winner, and test it once.

    Args:
        data: The rows.
        plan: What is searched.
        out: The folder of the model, beside which trials are kept; None for memory alone.
        resume: Whether to go on with the trials that are kept.
        no_texts: Whether to leave the texts of test rows out of the report.
        started: The `time.monotonic()` at which the command began.
        write: Writes the model, before the trials that are kept are deleted.

    Raises:
        WordgateError: The rows can't be used, or no model keeps the limits.
        KeyboardInterrupt: It was interrupted twice, or before any trial had finished.
    """
    context, limits = plan.config.context, plan.config.limits
    clock = Clock(started, limits.minutes)
    context.progress.say(plan.sentence())
    sources = data.read(
        plan.settings,
        plan.config.overrides,
        context.progress,
        grouped=plan.settings.split == "grouped",
        remarks=plan.config.left_out,
    )
    config = plan.config_for(sources.table)
    if config.teaching is not None:
        teaching = config.teaching.beside(sources.table, data, context.progress)
        config = replace(config, teaching=teaching)
    with limited_blas(choose_threads(context.threads)):
        before = time.monotonic()
        prepared = prepare(sources.table, plan.settings, context, config.teaching)
        finish = _FINISH_SECONDS + _FINISH_SHARE * (time.monotonic() - before)
        rows = training_rows(prepared.splits)
        folds = InnerFolds.of(rows, prepared.splits.labels, plan.settings, context.seed)
        with _open_study(config, rows, out, resume=resume) as study:
            budget = Budget(started, limits.minutes, finish)
            found = Search(folds, config, budget, study, plan.options.watch).run()
            if found.ended_by == "interruption":
                context.progress.say(_INTERRUPTED)
            winner = _Winner(sources, config, found, prepared, clock, no_texts)
            training = winner.trained()
            write(training.bundle)
            study.clear()
    return training


def search_dataset(
    plan: SearchPlan, rows: Dataset, labels: tuple[str, ...]
) -> tuple[SearchConfig, Found]:
    """Search family and settings on the rows of a data set, which has no test rows.

    Returns:
        What was searched, and what was found.

    Raises:
        WordgateError: No trial has finished, or none keeps the limits.
        KeyboardInterrupt: It was interrupted before any trial had finished.
    """
    objective = plan.options.objective_for(multilabel=rows.multilabel)
    config = replace(plan.config, objective=objective)
    folds = InnerFolds.of(rows, labels, plan.settings, config.context.seed)
    with _open_study(config, rows, None, resume=False) as study:
        budget = Budget(config.context.started, config.limits.minutes, _WRITING_SECONDS)
        return config, Search(folds, config, budget, study, plan.options.watch).run()


_INTERRUPTED = (
    "Interrupted: the best of the finished trials is trained now. A second Ctrl-C stops at once;"
    " finished trials are kept until the model is written."
)


def training_rows(splits: DataSplits) -> Dataset:
    """Give the rows of a split that a search may see: all but the test rows."""
    split = splits.split
    return splits.all_rows.part(np.sort(np.concatenate([split.train, split.valid])))


@dataclass(frozen=True)
class _Winner:
    """Trains what a search has found, on all training rows."""

    sources: Sources
    config: SearchConfig
    found: Found
    prepared: PreparedData
    clock: Clock
    no_texts: bool

    def trained(self) -> AutoTraining:
        """Train the winner; the next one in its place where it breaks a limit once it is written.

        Raises:
            SettingsError: None keeps the limits.
        """
        measured = []
        for place, trial in enumerate(self.found.ranking):
            bundle, facts = self._train(place)
            latency, megabytes = facts.latency_ms or 0.0, facts.megabytes or 0.0
            broken = self.config.over_limits(latency, megabytes + _ROOM_MB)
            if not broken:
                result = self.found.result(self.config, place, facts)
                page = search_page(result, self.sources.table.reading.source)
                return AutoTraining(replace(bundle, search=page), result)
            measured.append(f"{trial.family} ({latency:.2f} ms, {megabytes:.1f} MB)")
            self.config.context.progress.say(
                f"Over the limit of {' and '.join(broken)} once trained on all rows:"
                f" {measured[-1]}. The next best trial takes its place."
            )
        raise SettingsError(
            f"no model keeps {self.config.limits_text()} once it is trained on all training rows:"
            f" {', '.join(measured)}; allow more, or give more --minutes"
        )

    def _train(self, place: int) -> tuple[Bundle, SearchFacts]:
        """Train and test a trial as `wordgate.train` does, and measure its bundle."""
        config, context = self.config, self.config.context
        spec = spec_of(self.found.ranking[place])
        device = "auto" if FAMILIES[spec.family].cpu_alone else context.device
        context.progress.say(f"Training the winner on all training rows: {spec.sentence()}.")
        plan = Plan(
            spec.family,
            str(config.recipe_of(spec)),
            config.settings(spec),
            replace(context, device=device, started=self.clock.started),
            config.vectors_of(spec.family),
            no_texts=self.no_texts,
            teaching=config.teaching_of(spec),
            search=self.found.facts(config, place),
        )
        sources = self.sources
        bundle = train_on_table(sources.table, sources.facts(), plan, self.clock, self.prepared)
        return _measured(bundle, self.prepared.splits.valid.texts, context.threads)


def _measured(
    bundle: Bundle, texts: Sequence[str], threads: int | None
) -> tuple[Bundle, SearchFacts]:
    """Measure a bundle, and note that with its search."""
    metrics = bundle.metrics
    assert metrics is not None  # noqa: S101 - a training is evaluated
    assert metrics.search is not None  # noqa: S101 - it was given
    latency, megabytes = measure_bundle(bundle, texts, threads)
    facts = metrics.search.model_copy(update={"latency_ms": latency, "megabytes": megabytes})
    return replace(bundle, metrics=metrics.model_copy(update={"search": facts})), facts


def measure_bundle(
    bundle: Bundle, texts: Sequence[str], threads: int | None
) -> tuple[float, float]:
    """Write and load a bundle; give the latency of one of the texts in ms, and its size in MB."""
    with TemporaryDirectory() as folder:
        path = Path(folder) / "model"
        write_bundle(bundle, path)
        megabytes = sum(file.stat().st_size for file in path.iterdir()) / 1e6
        return median_latency(load(path, threads=threads), texts), megabytes


@contextmanager
def _open_study(
    config: SearchConfig, rows: Dataset, out: Path | None, *, resume: bool
) -> Iterator[SearchStudy]:
    """Open the study beside the output, or in a folder for the while.

    Raises:
        BundleError: The trials that are kept are of another search.
    """
    with ExitStack() as stack:
        if out is None:
            folder = Path(stack.enter_context(TemporaryDirectory())) / "search"
        else:
            folder = kept_beside(out, "search")
            stack.enter_context(telling_what_is_kept(folder, "finished trials are"))
        if not resume:
            clear_trials(folder)
        study = SearchStudy(folder, config.families, config.context.seed)
        fingerprint = _fingerprint(config, rows)
        kept = study.attributes.get("fingerprint")
        if kept is None:
            study.keep(
                fingerprint=fingerprint.facts(),
                objective=config.objective,
                limits=config.limits.model_dump(mode="json"),
            )
        else:
            for warning in fingerprint.check(kept, _WHAT, folder):
                config.context.progress.say(warning)
        yield study


def _fingerprint(config: SearchConfig, rows: Dataset) -> RunFingerprint:
    """Name all that decides the trials of a search, but for its time."""
    settings = config.settings(TrialSpec(config.families[0], DEFAULT, {}))
    vectors = config.vectors
    teaching = config.teaching
    work = {
        "data": rows.digest(),
        "families": ", ".join(config.families),
        "objective": config.objective,
        "limits": config.limits_text() or "none",
        VECTORS: "none" if vectors is None else as_it_is(vectors.file.path),
        "teachers": "none" if teaching is None else teaching.teacher_files,
        "search space": str(sorted((config.space or {}).items())),
        "seed": str(config.context.seed),
        "recipe": str(config.recipe),
        "settings that were set": str(sorted(config.overrides.items())),
        **{name: str(value) for name, value in settings.flat().items()},
    }
    engines = [engine_of(family, settings, config.context) for family in config.families]
    return RunFingerprint(work, {name: value for one in engines for name, value in one.items()})


def check_kept(out: Path | None, *, resume: bool, overwrite: bool) -> None:
    """Refuse before the work what could not be written after it, or resumed.

    Raises:
        SettingsError: There is nothing that could be resumed.
        BundleError: Trials are kept and nothing said what is to become of them; or none are kept
            and they should be resumed.
    """
    if out is None:
        if resume:
            raise SettingsError("give the place of the search to resume as `out`")
        return
    kept = kept_beside(out, "search")
    check_place(kept, _WHAT, folder=True)
    check_resume(out, kept, _WHAT, resume=resume, overwrite=overwrite)


@dataclass(frozen=True)
class Tuned:
    """The result of `wordgate.tune`: settings of one family.

    Attributes:
        family: The family.
        settings: The settings that differ from the recipe it started from.
        recipe: The content of a recipe with these settings, as TOML.
        search: The trials, and the score on inner folds; the test rows have no part in it.
    """

    family: str
    settings: Mapping[str, object]
    recipe: str
    search: SearchResult

    def __repr__(self) -> str:
        """Name the settings and the score: the trials are too much for a line."""
        name, score = self.search.objective, self.search.chosen_score
        return f"Tuned({self.family}, {name}={score:.3f}, {dict(self.settings)})"


def tune(
    data: Any,
    *,
    out: str | Path | None = None,
    overwrite: bool = False,
    resume: bool = False,
    model: str = "lstm",
    minutes: float | None = None,
    preset: str | None = None,
    max_ms: float | None = None,
    max_mb: float | None = None,
    objective: str | None = None,
    trials: int | None = None,
    space: str | Path | None = None,
    recipe: str | Path | None = None,
    settings: Mapping[str, object] | None = None,
    vectors: str | Path | None = None,
    split: Literal["grouped", "random"] | None = None,
    test_size: float | None = None,
    valid: str | Path | None = None,
    test: str | Path | None = None,
    split_column: str | None = None,
    weight: str | None = None,
    seed: int = 0,
    device: str = "auto",
    threads: int | None = None,
    progress: Progress | None = None,
    watch: Watch | None = None,
    **reading: Unpack[ReadingOptions],
) -> Tuned:
    """Search the settings of one family, and write them as a recipe.

    Models are fitted and scored on inner folds of the training rows: those that `wordgate.train`
    would train on with the same options. The test rows are left for it.

    Args:
        data: As for `wordgate.train`.
        out: The ``.toml`` file for the recipe; None keeps it in memory.
        overwrite: Replace an existing recipe, and restart an interrupted search.
        resume: Continue an interrupted search with its finished trials.
        model: The family.
        minutes: As for `wordgate.train`, like `preset`, `max_ms`, `max_mb`, `objective` and
            `trials`.
        preset: ``quick``, ``good`` or ``best``.
        max_ms: Maximum latency of one text in milliseconds.
        max_mb: Maximum size of the saved model, in 10^6 bytes.
        objective: ``accuracy``, ``macro_f1`` or ``micro_f1``.
        trials: Maximum number of trials.
        space: A ``.toml`` file with ranges of settings, which take the place of wordgate's own.
        recipe: The recipe to start from; None for ``default``.
        settings: Values of single settings, which are not searched.
        vectors: As for `wordgate.train`, like all other arguments.
        split: ``grouped`` or ``random``.
        test_size: The share of rows for the test set.
        valid: A file with the same columns for validation.
        test: A file with the same columns for testing.
        split_column: A column that contains ``train``, ``valid`` or ``test``.
        weight: A column of sample weights.
        seed: Random seed.
        device: ``auto``, ``cpu``, ``cuda`` or ``cuda:N``.
        threads: Number of CPU threads.
        progress: Shows progress; None for standard error.
        watch: Called after every trial, with the objective, all trials, and the
            `time.monotonic()` at which the search ends.
        **reading: How to read the data: see `ReadingOptions`.

    Returns:
        The settings, and the trials.

    Raises:
        WordgateError: Data, settings or destination cannot be used; the message says what to do.
        KeyboardInterrupt: The search was interrupted before any trial had finished.
    """
    started, progress = time.monotonic(), Console() if progress is None else progress
    file = None if out is None else _recipe_file(out, overwrite=overwrite)
    check_family(model)
    check_kept(file, resume=resume, overwrite=overwrite)
    if test_size is not None and test is not None:
        raise SettingsError(f"--test-size {test_size} has no effect with --test: leave it out")
    options = DataOptions(
        data, reading, (), split, valid, test, split_column, weight, checked_seed(seed)
    )
    overrides = with_options(settings, split=split, test_size=test_size)
    asked = SearchOptions(minutes, preset, max_ms, max_mb, objective, trials, watch)
    context = RunContext(options.seed, progress, device, threads, started=started)
    plan = plan_search(
        asked,
        context,
        families=(model,),
        recipe=recipe,
        overrides=overrides,
        vectors=vectors,
        space=space,
        refits=False,
    )
    progress.say(plan.sentence())
    grouped = plan.settings.split == "grouped"
    table = options.read(plan.settings, overrides, progress, grouped=grouped).table
    config = plan.config_for(table)
    with limited_blas(choose_threads(threads)):
        copies = near_duplicates_of(table, progress)
        splits = split_table(table, plan.settings, options.seed, copies)
        check_settings(plan.settings, splits.fit_data(None))
        rows = training_rows(splits)
        folds = InnerFolds.of(rows, splits.labels, plan.settings, options.seed)
        with _open_study(config, rows, file, resume=resume) as study:
            budget = Budget(started, config.limits.minutes, _WRITING_SECONDS)
            found = Search(folds, config, budget, study, watch).run()
            result = found.result(config)
            tuned = _tuned(model, recipe or "default", config, result, called(data))
            if file is not None:
                _write_recipe(file, tuned.recipe)
            study.clear()
    return tuned


def _recipe_file(out: str | Path, *, overwrite: bool) -> Path:
    file = Path(out).expanduser()
    if file.suffix != ".toml":
        raise SettingsError(f"--out {file} is no recipe: give a file that ends in .toml")
    check_file(file, overwrite=overwrite)
    return file


def _write_recipe(file: Path, content: str) -> None:
    try:
        with atomic_write(file) as aside:
            aside.write_text(content, encoding="utf-8")
    except OSError as error:
        raise BundleError(f"{file} could not be written: {error.strerror or error}") from error


def _tuned(
    family: str, recipe: str | Path, config: SearchConfig, result: SearchResult, source: str
) -> Tuned:
    """Write the recipe of a search's winner."""
    settings = dict(result.trial(result.chosen).settings)
    name = OBJECTIVE_NAMES[result.objective]
    remark = (
        f"{family}, tuned on {source} in {result.minutes:.1f} minutes and"
        f" {len(result.trials):,} trials.\n"
        f"{name} {result.chosen_score:.3f} on inner folds of the training rows: optimistic, as the"
        " best of several is."
    )
    changes = {**config.overrides, **settings}
    return Tuned(family, settings, own_recipe_toml(recipe, changes, remark), result)
