"""Training with the family `auto`: a search, and the training and test of its winner."""

import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np

from wordgate.bundle.folder import Bundle, write_bundle
from wordgate.data.dataset import Dataset
from wordgate.errors import SettingsError
from wordgate.evaluation.search import SearchFacts, SearchResult
from wordgate.experiments.fitting import Clock
from wordgate.experiments.reading import DataOptions, Sources
from wordgate.experiments.resuming import (
    check_place,
    check_resume,
    kept_beside,
    telling_what_is_kept,
)
from wordgate.experiments.search import Found, Search
from wordgate.experiments.search_plan import SearchPlan
from wordgate.experiments.search_ranking import spec_of
from wordgate.experiments.search_trials import (
    DEFAULT,
    InnerFolds,
    SearchConfig,
    TrialSpec,
    median_latency,
)
from wordgate.experiments.splits import DataSplits
from wordgate.experiments.training_run import Plan, PreparedData, prepare, train_on_table
from wordgate.families import FAMILIES
from wordgate.prediction.predictor import load
from wordgate.report.search import search_page
from wordgate.runtime.cpu import choose_threads, limited_blas
from wordgate.runtime.progress import Progress
from wordgate.search.budget import Budget
from wordgate.search.study import SearchStudy, clear_trials
from wordgate.storage.resumable import VECTORS, RunFingerprint, as_it_is
from wordgate.training.families import engine_of

_WHAT = "search"
_FINISH_SECONDS, _FINISH_SHARE = 4.0, 0.3
"""What follows the last fit: seconds, and as a share of what came before the search."""
_ROOM_MB = 0.002  # by which the numbers measured last may lengthen the files


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
        with open_study(config, rows, out, resume=resume) as study:
            budget = Budget(started, limits.minutes, finish)
            found = Search(folds, config, budget, study, plan.options.watch).run()
            say_if_interrupted(found, study, out, context.progress, "is trained now")
            winner = _Winner(sources, config, found, prepared, clock, no_texts)
            training = winner.trained()
            write(training.bundle)
            if found.ended_by != "interruption":
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
    with open_study(config, rows, None, resume=False) as study:
        budget = Budget(config.context.started, config.limits.minutes)
        return config, Search(folds, config, budget, study, plan.options.watch).run()


def say_if_interrupted(
    found: Found, study: SearchStudy, out: Path | None, progress: Progress, what: str
) -> None:
    """Tell who interrupted a search what becomes of it, and how it goes on."""
    if found.ended_by == "interruption":
        kept = "" if out is None else f" Finished trials are kept in {study.folder}: --resume"
        progress.say(
            f"Interrupted: the best of the finished trials {what}; a second Ctrl-C stops at once."
            + (f"{kept} --overwrite goes on with them." if kept else "")
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
def open_study(
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
