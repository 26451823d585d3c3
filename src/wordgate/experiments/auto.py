"""Training with the family `auto`: a search, and the training and test of the selected model."""

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
from wordgate.experiments.fitting import (
    EVALUATION_SECONDS,
    PREDICTED_TEXTS_PER_SECOND,
    Clock,
    context_for,
)
from wordgate.experiments.reading import DataSource, Sources
from wordgate.experiments.resuming import kept_beside, telling_what_is_kept
from wordgate.experiments.search import Search
from wordgate.experiments.search_plan import DEFAULT, SearchConfig, TrialSpec
from wordgate.experiments.search_ranking import Found, spec_of
from wordgate.experiments.search_time import Costs
from wordgate.experiments.search_trials import InnerFolds, median_latency, number_of_folds
from wordgate.experiments.splits import DataSplits
from wordgate.experiments.training_run import (
    Plan,
    PreparedData,
    prepare,
    tested_search,
    train_on_table,
)
from wordgate.prediction.predictor import load
from wordgate.report.search import search_page
from wordgate.runtime.contention import Contention
from wordgate.runtime.threads import choose_threads, limited_blas
from wordgate.search.study import SearchStudy, clear_trials
from wordgate.storage.resumable import VECTORS, RunFingerprint, as_it_is
from wordgate.training.families import engine_of
from wordgate.training.fitting import TIME_LIMIT

SEARCH = "search"
_FINISH_SHARE = 0.1
"""Time after the last fit as a fraction of the time before the search, without predictions."""
_FINISH_CPU_SECONDS, _RANKING_CPU_SECONDS = 2.0, 1.0
"""Minimum CPU seconds after the last fit, and those for selecting the best trial."""
_LEAST_REFIT_SECONDS = 3.0
"""Minimum seconds for training the selected model."""
_ROOM_MB = 0.002  # growth of the files by the measured numbers


@contextmanager
def train_auto(
    source: DataSource, config: SearchConfig, *, out: Path | None, resume: bool, no_texts: bool
) -> Iterator[tuple[Bundle, SearchResult]]:
    """Search family and settings on the training rows, train the best model, and test it once.

    Trials are kept next to `out` until the context ends. After an interruption, the best of the
    finished trials is trained.
    """
    context, settings = config.context, config.settings
    context.progress.say(config.sentence())
    sources = source.read(settings, config.overrides, context.progress, remarks=config.left_out)
    config = config.for_table(sources.table)
    if config.teaching is not None:
        teaching = config.teaching.beside(sources.table, source, context.progress)
        config = replace(config, teaching=teaching)
    with limited_blas(choose_threads(context.threads)):
        contention = Contention()
        prepared = prepare(sources.table, settings, context, config.teaching)
        splits = prepared.splits
        if not config.engine.is_local:
            contention = contention.before_waiting()
        finish = Finish(
            contention,
            _FINISH_SHARE * (time.monotonic() - contention.started),
            len(splits.valid) + len(splits.test),
        )
        with searching(
            config,
            training_rows(splits),
            splits.labels,
            out,
            resume=resume,
            finish=finish.with_ranking,
            slowdown=contention.slowdown(),
            n_predicted=finish.n_predicted,
            then="is trained now",
        ) as found:
            yield _trained(sources, config, found, prepared, finish, no_texts=no_texts)


@dataclass(frozen=True)
class Finish:
    """Expected time after the last fit of a search; longer if other programs use the processor.

    Attributes:
        contention: The processor contention so far.
        analysis: Expected seconds of analysis and report, from the time before the search.
        n_predicted: Number of texts to predict.
    """

    contention: Contention
    analysis: float
    n_predicted: int

    def seconds(self) -> float:
        """Estimate the seconds after the last fit."""
        predicting = self.n_predicted / PREDICTED_TEXTS_PER_SECOND
        cpu_seconds = _FINISH_CPU_SECONDS + predicting / 2.0  # without contention
        slowdown = self.contention.slowdown()
        return max(EVALUATION_SECONDS + predicting, slowdown * cpu_seconds) + self.analysis

    def with_ranking(self) -> float:
        """Estimate the seconds after the last fit, and for selecting the best trial before it."""
        return self.seconds() + _RANKING_CPU_SECONDS * self.contention.slowdown()


@contextmanager
def searching(
    config: SearchConfig,
    rows: Dataset,
    labels: tuple[str, ...],
    out: Path | None = None,
    *,
    resume: bool = False,
    finish: Callable[[], float] = float,
    slowdown: float = 1.0,
    n_predicted: int = 0,
    then: str,
) -> Iterator[Found]:
    """Search on training rows; the trials are stored next to `out` until the context ends.

    `finish` returns the expected seconds after the last fit, without the predictions of the final
    model for `n_predicted` texts. `slowdown` is the ratio of wall-clock time to CPU time. `then`
    describes what happens with the best trial if the search is interrupted.
    """
    context = config.context
    with _open_study(config, rows, out, resume=resume) as study:
        if "splits" not in study.attributes:
            costs = Costs(rows.texts, len(labels), config.teaching_seconds)
            fit_seconds = [slowdown * costs.seconds(spec.name) for spec in config.starts()]
            seconds = 60.0 * config.limits.minutes
            study.keep(splits=number_of_folds(rows, fit_seconds, seconds))
        n_folds = study.attributes["splits"]
        folds = InnerFolds.of(rows, labels, config.settings, context.seed, n_folds)
        end = context.started + 60.0 * config.limits.minutes
        found = Search(folds, config, study, lambda: end - finish(), n_predicted).run()
        is_interrupted = found.ended_by == "interruption"
        if is_interrupted:
            kept = f" Finished trials are kept in {study.folder}: --resume --overwrite continues."
            context.progress.say(
                f"Interrupted: the best of the finished trials {then}; a second Ctrl-C stops the"
                f" command immediately.{'' if out is None else kept}"
            )
        yield found
        if not is_interrupted:
            study.clear()


def training_rows(splits: DataSplits) -> Dataset:
    """Return the rows of a split that a search may see: all but the test rows."""
    split = splits.split
    return splits.all_rows.part(np.sort(np.concatenate([split.train, split.valid])))


def _trained(
    sources: Sources,
    config: SearchConfig,
    found: Found,
    prepared: PreparedData,
    finish: Finish,
    *,
    no_texts: bool,
) -> tuple[Bundle, SearchResult]:
    """Train the best trial; if the saved model exceeds a limit, the next one."""
    context, measured = config.context, []
    end = context.started + 60.0 * config.limits.minutes
    after = min(finish.seconds(), end - time.monotonic() - _LEAST_REFIT_SECONDS)
    clock = Clock(context.started, config.limits.minutes, finish_seconds=after)
    for rank, trial in enumerate(found.ranking):
        spec = spec_of(trial)
        context.progress.say(
            f"Training the selected model on all training rows: {spec.sentence()}."
        )
        result = found.result(config, rank)
        plan = Plan(
            config.plan_of(spec),
            context_for(spec.family, context),
            no_texts=no_texts,
            search=result,
        )
        bundle = train_on_table(sources.table, sources.facts(), plan, clock, prepared)
        latency, megabytes = measure_bundle(bundle, prepared.splits.valid.texts, context.threads)
        broken = config.over_limits(latency, megabytes + _ROOM_MB)
        if not broken:
            metrics = bundle.metrics
            assert metrics is not None  # noqa: S101 - a training is evaluated
            result = replace(
                tested_search(result, metrics),
                latency_ms=latency,
                megabytes=megabytes,
                left_out=(*result.left_out, *_stopped_early(metrics.remarks)),
            )
            page = search_page(result, sources.table.reading.source)
            metrics = metrics.model_copy(update={"search": SearchFacts.of(result)})
            return replace(bundle, metrics=metrics, search=page), result
        found = found.with_broken_limits(trial, broken)
        measured.append(f"{trial.family} ({latency:.2f} ms, {megabytes:.1f} MB)")
        context.progress.say(
            f"Over the limit of {' and '.join(broken)} when trained on all rows: {measured[-1]}."
            " The next best trial takes its place."
        )
    raise SettingsError(
        f"no model is within {config.limits_text()} when trained on all training rows:"
        f" {', '.join(measured)}; relax the limits, or increase --minutes"
    )


def _stopped_early(remarks: Sequence[str]) -> list[str]:
    """Warn that the final model may be worse, if the time limit stopped its training."""
    if not any(remark.startswith(TIME_LIMIT) for remark in remarks):
        return []
    return [
        f"{TIME_LIMIT}stopped the training of the final model early: it may be worse than the"
        " selected trial; increase --minutes."
    ]


def measure_bundle(
    bundle: Bundle, texts: Sequence[str], threads: int | None
) -> tuple[float, float]:
    """Write and load a bundle; return its latency for one text in ms, and its size in MB."""
    with TemporaryDirectory() as folder:
        path = Path(folder) / "model"
        write_bundle(bundle, path)
        megabytes = sum(file.stat().st_size for file in path.iterdir()) / 1e6
        return median_latency(load(path, threads=threads), texts), megabytes


@contextmanager
def _open_study(
    config: SearchConfig, rows: Dataset, out: Path | None, *, resume: bool
) -> Iterator[SearchStudy]:
    """Open the study next to the output, or in a temporary folder; check its fingerprint."""
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
            for warning in fingerprint.check(kept, SEARCH, folder):
                config.context.progress.say(warning)
        stack.callback(study.leave)
        yield study


def _fingerprint(config: SearchConfig, rows: Dataset) -> RunFingerprint:
    """List everything that determines the trials of a search, except its time."""
    settings = config.plan_of(TrialSpec(config.families[0], DEFAULT, {})).settings
    vectors, teaching = config.vectors, config.teaching
    work = {
        "data": rows.digest(),
        "families": ", ".join(config.families),
        "objective": config.objective,
        "limits": config.limits_text() or "none",
        VECTORS: "none" if vectors is None else as_it_is(vectors.file.path),
        **({} if teaching is None else teaching.facts()),
        "search space": str(sorted((config.space or {}).items())),
        "seed": str(config.context.seed),
        "recipe": str(config.recipe),
        "settings that were set": str(sorted(config.overrides.items())),
        **{name: str(value) for name, value in settings.flat().items()},
    }
    context = config.for_trials().context
    engines = [engine_of(family, settings, context) for family in config.families]
    return RunFingerprint(work, {name: value for one in engines for name, value in one.items()})
