"""From labeled texts to an evaluated model in a folder."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from typing_extensions import Unpack

from wordgate.bundle.folder import Bundle, check_destination, write_bundle
from wordgate.bundle.metrics import AnyMetrics
from wordgate.bundle.summary import model_line, model_table
from wordgate.errors import SettingsError
from wordgate.evaluation.search import SearchResult
from wordgate.experiments.auto import SEARCH, train_auto
from wordgate.experiments.fitting import Clock
from wordgate.experiments.reading import DataSource
from wordgate.experiments.resolving import (
    as_names,
    check_folds,
    choose_recipe,
    resolve_settings,
    resolve_vectors,
    unlabelled_files,
)
from wordgate.experiments.resuming import KeptTraining, check_kept, is_complete, kept_beside
from wordgate.experiments.search_plan import (
    SearchConfig,
    TrainingOptions,
    plan_search,
    refuse_search,
    search_and_data,
)
from wordgate.experiments.students import ModelPlan, teacher_config
from wordgate.experiments.training_run import Plan, train_on_table
from wordgate.families import AUTO, FAMILIES
from wordgate.prediction.predictor import Predictor
from wordgate.runtime.engine import LOCAL, Engine
from wordgate.runtime.progress import Console, Progress, stage
from wordgate.runtime.threads import choose_threads, limited_blas
from wordgate.settings import checked_seed
from wordgate.storage.files import expand_home
from wordgate.training.families import check_device, check_family, check_pretrained, check_workers
from wordgate.training.fitting import RunContext


@dataclass(frozen=True)
class Training:
    """A trained and evaluated model.

    Attributes:
        predictor: The model, ready to use.
        metrics: Its scores on the test rows, as in `metrics.json`.
        bundle: The content of the model folder.
        remarks: Remarks about this run.
        search: The search that chose family and settings; None without one.
    """

    predictor: Predictor
    metrics: AnyMetrics
    bundle: Bundle
    remarks: Sequence[str]
    search: SearchResult | None = None

    def __repr__(self) -> str:
        """Name the model and its score; all attributes would not fit in a line."""
        return model_line("Training", self.bundle.model, self.bundle.config, self.metrics)

    def _repr_html_(self) -> str:
        return model_table("Training", self.bundle.model, self.bundle.config, self.metrics)

    def save(self, path: str | Path, *, overwrite: bool = False) -> None:
        """Write the bundle.

        Raises:
            BundleError: `path` exists and may not be replaced.
        """
        write_bundle(self.bundle, path, overwrite=overwrite)


def train(
    data: Any,
    *,
    out: str | Path | None = None,
    overwrite: bool = False,
    resume: bool = False,
    model: str = "lstm",
    recipe: str | Path | None = None,
    settings: Mapping[str, object] | None = None,
    vectors: str | Path | None = None,
    teacher: str | Sequence[str] | None = None,
    unlabelled: str | Path | Sequence[str | Path] = (),
    teaching_minutes: float | None = None,
    folds: int | None = None,
    seed: int = 0,
    device: str = "auto",
    threads: int | None = None,
    workers: int | None = None,
    max_minutes: float | None = None,
    no_texts: bool = False,
    engine: str = LOCAL,
    progress: Progress | None = None,
    **options: Unpack[TrainingOptions],
) -> Training:
    """Train a classifier, evaluate it on unseen rows, and save it.

    Args:
        data: The path or URL of a CSV, TSV, JSONL, Parquet or Excel file, a folder or a glob
            pattern of such files, the name of a data set, or a pandas or Polars frame.
        out: The folder to write the model to; None keeps it in memory.
        overwrite: Replace an existing model, and restart an interrupted training run.
        resume: Continue an interrupted training run into `out`.
        model: The family: ``count``, ``logreg``, ``mlp``, ``lstm`` or ``transformer``; or ``auto``
            to search family and settings.
        recipe: The name of a recipe, or the path of a ``.toml`` file; None for
            ``taught`` with a teacher, else ``default``.
        settings: Values of single settings, which override the recipe.
        vectors: A file of pretrained word vectors, or the name of a public one.
        teacher: The teacher of an LSTM or MLP: a transformer to fine-tune first (a folder,
            ``minilm``, or ``OWNER/NAME``), the folder of a saved model, or a list of several.
        unlabelled: A file of texts without labels, or several, for the teacher to label.
        teaching_minutes: Time limit for fine-tuning the teacher and labeling; None for no limit.
        folds: Also cross-validate: assign all rows to this number of folds of whole groups, and
            test a model on each fold. The saved model is that of the single split.
        seed: Random seed of the split, the initial weights, the order of the texts, the dropout and
            the resampling.
        device: ``auto``, ``cpu``, ``cuda`` or ``cuda:N``.
        threads: Number of CPU threads; None for the environment variable WORDGATE_THREADS, else
            OMP_NUM_THREADS, else the number of available cores.
        workers: Number of processes that train an LSTM on the CPU: each computes a part of every
            batch, in an equal share of the threads. On the engine ``ray`` they train an MLP or a
            transformer, too, in `threads` each. None to choose by the settings, the threads and the
            number of texts.
        max_minutes: Time limit for the whole call in minutes; the best epoch up to then is kept.
            With `resume`, 0 returns the model of the best epoch so far.
        no_texts: Leave the texts of test rows out of the report.
        engine: Where the models of `folds`, the trials of ``auto``, and the processes of `workers`
            are: ``local`` or ``ray``, as for `wordgate.compare`.
        progress: Shows progress; None for standard error.
        **options: How to read the data (`text`, `label`, `group`, `drop_labels`, `encoding`,
            `label_separator`, `limit`) and to split it (`split`, `test_size`, `valid`, `test`,
            `split_column`, `weight`): see `DataOptions`. With ``auto``, what to search for and how
            long (`minutes`, `preset`, `max_ms`, `max_mb`, `objective`, `trials`, `watch`): see
            `SearchOptions`.

    Returns:
        The model and its scores.

    Raises:
        WordgateError: Data, settings or destination cannot be used; the message says what to do.
        KeyboardInterrupt: The training was interrupted; its checkpoint is next to `out`.
    """
    clock = Clock(max_minutes=max_minutes, resumed=resume)
    choose_threads(threads)  # refuses what is no number of threads before any work
    progress = Console() if progress is None else progress
    search, of_data = search_and_data(options)
    source = DataSource(data, of_data, unlabelled_files(unlabelled), checked_seed(seed))
    overrides = source.overrides(settings, **{"teacher.models": as_names(teacher)})
    context = RunContext(
        source.seed, progress, device, threads, started=clock.started, processes=workers
    )
    if model == AUTO:
        _refuse_with_auto(folds, max_minutes, workers)
        output = _Output.of_search(out, overwrite=overwrite, resume=resume)
        config = plan_search(
            search,
            context,
            recipe=recipe,
            overrides=source.overrides(settings),
            vectors=vectors,
            teacher=teacher,
            teaching_minutes=teaching_minutes,
            has_unlabelled=bool(source.unlabelled),
            engine=engine,
        )
        return _train_auto(source, config, output, resume=resume, no_texts=no_texts)
    refuse_search(search)
    check_family(model)
    recipe = choose_recipe(recipe, teacher)
    chosen = resolve_settings(recipe, overrides, vectors, families=[model])
    output = _Output.of(
        out, model, overwrite=overwrite, resume=resume, is_limited=max_minutes is not None
    )
    teaching = teacher_config(
        chosen if FAMILIES[model].can_be_taught else None,
        teaching_minutes,
        has_unlabelled=bool(source.unlabelled),
        progress=progress,
        folder=output.kept.teaching,
        resume=resume,
    )
    chosen_engine = Engine.of(engine, threads, device)
    _check_engine(chosen_engine, folds, workers)
    check_device(model, device, progress)
    check_workers(model, workers, device, chosen_engine)
    check_folds(folds, chosen, parts_given=source.names_parts, max_minutes=max_minutes)
    check_pretrained(model, chosen, progress)
    plan = Plan(
        ModelPlan(model, chosen, None, teaching, str(recipe)),
        replace(
            context,
            checkpoint=output.kept.checkpoint,
            engine=Engine() if workers in (None, 1) else chosen_engine,
        ),
        folds,
        no_texts,
        output.kept.baseline,
        chosen_engine,
    )
    return _train_plan(plan, source, overrides, vectors, output, clock)


def _train_plan(
    plan: Plan,
    source: DataSource,
    overrides: dict[str, object],
    vectors: str | Path | None,
    output: "_Output",
    clock: Clock,
) -> Training:
    """Read data and word vectors, train and test the model, and write it."""
    model, progress = plan.model, plan.context.progress
    sources = source.read(model.settings, overrides, progress)
    if model.teaching is not None:
        model = replace(model, teaching=model.teaching.beside(sources.table, source, progress))
    settings, pretrained = resolve_vectors(vectors, model.settings, progress)
    plan = replace(plan, model=replace(model, settings=settings, vectors=pretrained))
    with limited_blas(choose_threads(plan.context.threads)):
        bundle = train_on_table(sources.table, sources.facts(), plan, clock)
    training = _training_of(bundle)
    output.write(training, progress)
    return training


def _train_auto(
    source: DataSource, config: SearchConfig, output: "_Output", *, resume: bool, no_texts: bool
) -> Training:
    """Search family and settings, train and test the selected model, and write it."""
    with train_auto(source, config, out=output.folder, resume=resume, no_texts=no_texts) as made:
        bundle, found = made
        training = replace(_training_of(bundle), search=found)
        output.write(training, config.context.progress)
    return training


def _refuse_with_auto(folds: int | None, max_minutes: float | None, workers: int | None) -> None:
    """Refuse options of a single training that a search leaves without effect."""
    idle = {
        "--folds": (folds, "every trial is already evaluated on inner folds"),
        "--max-minutes": (max_minutes, "give --minutes"),
        "--workers": (workers, "give --threads"),
    }
    for option, (value, instead) in idle.items():
        if value is not None:
            raise SettingsError(f"{option} has no effect with --family auto: {instead}")


def _check_engine(engine: Engine, folds: int | None, workers: int | None) -> None:
    """Refuse a cluster on which nothing would run."""
    if folds is None and workers in (None, 1) and not engine.is_local:
        raise SettingsError(
            f"--engine {engine.name} has no effect without --folds, whose models it fits, or"
            " --workers, which it starts: leave it out"
        )


def _training_of(bundle: Bundle) -> Training:
    metrics = bundle.metrics
    assert metrics is not None  # noqa: S101 - a training is evaluated
    predictor = Predictor(bundle.model, bundle.config, metrics)
    return Training(predictor, metrics, bundle, (*metrics.split.warnings, *metrics.remarks))


@dataclass(frozen=True)
class _Output:
    """Where a model is written, and where its training is stored until then.

    Attributes:
        folder: The model's folder; None if the model stays in memory: nothing is stored then.
        overwrite: Whether to replace an existing model.
    """

    folder: Path | None
    overwrite: bool = False
    kept: KeptTraining = field(default_factory=KeptTraining)

    @classmethod
    def of(
        cls, out: str | Path | None, model: str, *, overwrite: bool, resume: bool, is_limited: bool
    ) -> "_Output":
        """Choose files and folders; refuse, before any work, what could not be written after it."""
        folder = None if out is None else expand_home(out)
        if folder is not None and resume and not overwrite and not is_limited:
            # Complete if it was killed between writing the model and removing the checkpoint.
            overwrite = is_complete(folder, kept_beside(folder, "checkpoint"))
        kept = KeptTraining.beside(folder, model, resume=resume, overwrite=overwrite)
        if folder is not None:
            check_destination(folder, overwrite=overwrite)
        return cls(folder, overwrite, kept)

    @classmethod
    def of_search(cls, out: str | Path | None, *, overwrite: bool, resume: bool) -> "_Output":
        """Choose the folder of the selected model; the search stores its trials beside it."""
        folder = None if out is None else expand_home(out)
        check_kept(folder, "search", SEARCH, resume=resume, overwrite=overwrite)
        if folder is not None:
            check_destination(folder, overwrite=overwrite)
        return cls(folder, overwrite)

    def write(self, training: Training, progress: Progress) -> None:
        """Write the model, and delete the checkpoints of its training."""
        if self.folder is not None:
            with stage(progress, f"Writing {self.folder}"):
                training.save(self.folder, overwrite=self.overwrite)
        self.kept.clear()
