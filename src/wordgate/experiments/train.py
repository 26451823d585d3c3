"""From labelled texts to an evaluated model in a folder."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Literal

import numpy as np
from typing_extensions import Unpack

from wordgate.bundle.config import Config, environment
from wordgate.bundle.folder import Bundle, check_destination, write_bundle
from wordgate.bundle.metrics import (
    AnyMetrics,
    CrossValidation,
    Metrics,
    MultilabelCrossValidation,
    MultilabelMetrics,
)
from wordgate.bundle.summary import model_line, model_table
from wordgate.data import Table
from wordgate.errors import SettingsError
from wordgate.evaluation.calibration import TemperatureScaling
from wordgate.evaluation.error_analysis import ErrorAnalysis
from wordgate.evaluation.multilabel import AnyScores
from wordgate.evaluation.multilabel_errors import MultilabelAnalysis
from wordgate.evaluation.selective_prediction import CoveragePoint, coverage_curve
from wordgate.evaluation.thresholds import ScoredRows, ThresholdGain, measure_thresholds
from wordgate.experiments.baselines import (
    BASELINE,
    CountBaseline,
    baselines_of,
    clear_baseline,
    fit_baseline_on_folds,
)
from wordgate.experiments.fitting import (
    Calibrated,
    Clock,
    ModelOutput,
    peak_memory_mb,
    threshold_objective,
)
from wordgate.experiments.metrics import (
    Evaluator,
    analyse,
    cross_validate,
    predictions,
    teacher_facts,
    vector_facts,
)
from wordgate.experiments.options import DataOptions
from wordgate.experiments.preparation import Plan, PreparedRun, prepare
from wordgate.experiments.reading import ReadingOptions
from wordgate.experiments.resolving import (
    as_names,
    check_folds,
    choose_recipe,
    resolve_settings,
    resolve_vectors,
    with_options,
)
from wordgate.experiments.resuming import (
    baseline_path,
    checkpoint_config,
    checkpoint_path,
    clear_teacher_cache,
    is_complete,
    mark_teacher_cache,
    teaching_path,
)
from wordgate.experiments.splits import DataSplits, Fold, make_folds
from wordgate.experiments.students import fit_model, teacher_config, vectors_of
from wordgate.families import FAMILIES
from wordgate.prediction.predictor import Predictor
from wordgate.report.audit import sections
from wordgate.report.model import model_page
from wordgate.runtime.cpu import choose_threads, limited_blas
from wordgate.runtime.progress import Console, Progress, stage
from wordgate.settings import checked_seed
from wordgate.storage.files import remove
from wordgate.training.families import check_device, check_family, check_pretrained
from wordgate.training.fitting import CheckpointConfig, RunContext


@dataclass(frozen=True)
class Training:
    """A trained and evaluated model.

    Attributes:
        predictor: The model, ready to use.
        metrics: Its scores on the test rows, as `metrics.json` has it.
        bundle: All that is kept of it.
        remarks: What a user should know about this run.
    """

    predictor: Predictor
    metrics: AnyMetrics
    bundle: Bundle
    remarks: Sequence[str]

    def __repr__(self) -> str:
        """Name the model and its score: all that it holds is too much for a line."""
        return model_line("Training", self.bundle.model, self.bundle.config, self.metrics)

    def _repr_html_(self) -> str:
        return model_table("Training", self.bundle.model, self.bundle.config, self.metrics)

    def save(self, path: str | Path, *, overwrite: bool = False) -> None:
        """Write the bundle.

        Raises:
            BundleError: There is something at `path` that may not be replaced.
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
    split: Literal["grouped", "random"] | None = None,
    test_size: float | None = None,
    valid: str | Path | None = None,
    test: str | Path | None = None,
    split_column: str | None = None,
    weight: str | None = None,
    folds: int | None = None,
    seed: int = 0,
    device: str = "auto",
    threads: int | None = None,
    max_minutes: float | None = None,
    no_texts: bool = False,
    progress: Progress | None = None,
    **reading: Unpack[ReadingOptions],
) -> Training:
    """Train a classifier, evaluate it on rows it has not seen, and save it.

    Args:
        data: The path of a CSV, TSV, JSONL or Parquet file, the name of a data set, or a pandas
            or polars frame.
        out: The folder to write the bundle to; None keeps it in memory.
        overwrite: Replace an existing bundle, and start over if a training into it was interrupted.
        resume: Continue the training into `out` that was interrupted.
        model: The family: ``count``, ``logreg``, ``mlp``, ``lstm`` or ``transformer``.
        recipe: The recipe's name, or the path of a ``.toml`` file like the recipes'; None for
            ``taught`` with a teacher, else ``default``.
        settings: Single settings that beat the recipe's.
        vectors: A file of pretrained word vectors, or the name of a public one.
        teacher: What teaches an LSTM or MLP: a transformer to fine-tune first (a folder,
            ``minilm``, or ``OWNER/NAME``), the folder of a saved model, or a list of several.
        unlabelled: A file of texts without labels, or several, for the teacher to label.
        teaching_minutes: How long fitting the teacher and labelling may take; None for no limit.
        split: ``grouped`` or ``random``; else what the recipe says.
        test_size: The share of rows for test; else what the recipe says.
        valid: A file of the same columns for validation.
        test: A file of the same columns for test.
        split_column: A column that says ``train``, ``valid`` or ``test``.
        weight: A column of numbers: how much each text counts in training. Scores count every text
            once.
        folds: Cross-validate as well: assign all rows to so many folds of whole groups, and test a
            model like the one kept on each fold. The model kept is that of the ordinary split.
        seed: Random seed of the split, the initial weights, the order of the texts, the dropout and
            the resampling.
        device: ``auto``, ``cpu``, ``cuda`` or ``cuda:N``.
        threads: Number of CPU threads; None for the environment variable WORDGATE_THREADS, else
            OMP_NUM_THREADS, else the number of available cores.
        max_minutes: Time limit of all of it in minutes; the best epoch until then is kept. With
            `resume`, 0 makes a model of the best epoch so far.
        no_texts: Leave the texts of test rows out of the model's report.
        progress: Where remarks go; to standard error if not given.
        **reading: How to read the data: see `ReadingOptions`.

    Returns:
        The model and its scores.

    Raises:
        WordgateError: Data, settings or destination can't be used; the message says what to do.
        KeyboardInterrupt: The training was interrupted; its checkpoint stands beside `out`.
    """
    clock = Clock(max_minutes=max_minutes, resumed=resume)
    n_threads = choose_threads(threads)
    progress = Console() if progress is None else progress
    files = as_names(unlabelled) or ()
    options = DataOptions(
        data, reading, files, split, valid, test, split_column, weight, checked_seed(seed)
    )
    if test_size is not None and test is not None:
        raise SettingsError(f"--test-size {test_size} has no effect with --test: leave it out")
    named = {"split": split, "test_size": test_size, "teacher.models": as_names(teacher)}
    overrides = with_options(settings, **named)
    check_family(model)
    recipe = choose_recipe(recipe, teacher)
    chosen = resolve_settings(recipe, overrides, vectors, families=[model])
    output = _Output.of(
        out, model, overwrite=overwrite, resume=resume, is_limited=max_minutes is not None
    )
    teaching = teacher_config(
        chosen if FAMILIES[model].can_be_taught else None,
        teaching_minutes,
        has_unlabelled=bool(files),
        progress=progress,
        folder=output.teaching,
        resume=resume,
    )
    check_device(model, device, progress)
    check_folds(folds, chosen, parts_given=options.names_parts, max_minutes=max_minutes)
    check_pretrained(model, chosen, progress)
    sources = options.read(chosen, overrides, progress, grouped=chosen.split == "grouped")
    teaching = options.with_unlabelled(teaching, sources.table, progress)
    chosen, pretrained = resolve_vectors(vectors, chosen, progress)
    context = RunContext(
        options.seed, progress, device, threads, checkpoint=output.checkpoint, started=clock.started
    )
    plan = Plan(
        model, str(recipe), chosen, context, pretrained, folds, no_texts, teaching, output.baseline
    )
    with limited_blas(n_threads):
        training = _train_on_table(sources.table, sources.facts(), plan, clock)
    output.write(training, progress, None if teaching is None else teaching.folder)
    return training


@dataclass(frozen=True)
class _Output:
    """Where a model is written, and where its training is kept until then.

    Attributes:
        folder: The model's folder; None for memory alone, which keeps nothing.
        overwrite: Whether to replace a model that is there.
        checkpoint: Of the training; None where nothing is kept.
        baseline: Of the model that it has to beat, which would else be fitted on every resumption.
        teaching: The folder of its teachers; None for a family that learns from none.
    """

    folder: Path | None = None
    overwrite: bool = False
    checkpoint: CheckpointConfig | None = None
    baseline: CheckpointConfig | None = None
    teaching: Path | None = None

    @classmethod
    def of(
        cls,
        out: str | Path | None,
        model: str,
        *,
        overwrite: bool,
        resume: bool,
        is_limited: bool,
    ) -> "_Output":
        """Choose the places, and refuse before the work what could not be written after it.

        Args:
            out: The model's folder; None for memory alone.
            model: The family.
            overwrite: Whether to replace a model that is there.
            resume: Whether to go on with the training that is kept.
            is_limited: Whether the training's time is limited.

        Raises:
            SettingsError, BundleError: As `checkpoint_config` and `check_destination` do.
        """
        folder = None if out is None else Path(out).expanduser()
        if folder is not None and resume and not overwrite and not is_limited:
            # Complete if it was killed between writing the model and removing the checkpoint.
            overwrite = is_complete(folder, checkpoint_path(folder))
        checkpoint = checkpoint_config(folder, model, resume=resume, overwrite=overwrite)
        if folder is None:
            return cls()
        check_destination(folder, overwrite=overwrite)
        baseline = CheckpointConfig(baseline_path(folder), resume) if checkpoint else None
        teaching = teaching_path(folder) if FAMILIES[model].can_be_taught else None
        return cls(folder, overwrite, checkpoint, baseline, teaching)

    def write(self, training: Training, progress: Progress, taught_in: Path | None) -> None:
        """Write the model, and delete what was kept of its training.

        Args:
            training: The model.
            progress: Where it is shown.
            taught_in: The folder that its teachers were kept in; None for none.

        Raises:
            BundleError: It can't be written.
        """
        if self.folder is not None:
            with stage(progress, f"Writing {self.folder}"):
                training.save(self.folder, overwrite=self.overwrite)
        if self.baseline is not None:
            clear_baseline(self.baseline)
        if taught_in is not None:
            mark_teacher_cache(taught_in)
        if self.checkpoint is not None:  # after the baseline, which would block a new training
            remove(self.checkpoint.file)
        if taught_in is not None:  # after the checkpoint, which would be of no use without
            clear_teacher_cache(taught_in)


def _train_on_table(table: Table, data: dict[str, object], plan: Plan, clock: Clock) -> Training:
    """Split, fit the baselines and the model, and evaluate them; `data` goes into `config.json`."""
    prepared = prepare(table, plan, clock)
    splits = prepared.splits
    calibrated, taught = fit_model(
        plan.model,
        splits.fit_data(plan.vectors),
        splits.test,
        plan.settings,
        plan.teaching,
        prepared.context,
    )
    fitted, tested = calibrated.fitted, _test(calibrated, prepared)
    folds, by_folds = _cross_validate(table, splits, plan)
    vectors = vectors_of(plan.vectors, taught)
    config = Config(
        family=plan.model,
        labels=splits.labels,
        seed=plan.context.seed,
        recipe=plan.recipe,
        settings=(fitted.settings or plan.settings).model_dump(mode="json"),
        set_by_user=tuple(sorted(plan.settings.set_by_user)),
        data=data,
        vectors=None if vectors is None else vectors.name,
        temperature=calibrated.temperature,
        multilabel=calibrated.multilabel,
        thresholds=calibrated.thresholds_by_label(),
        label_separator=table.label_separator,
        environment=environment("torch", "scikit-learn") | dict(fitted.engine),
    )
    analysis = _analyse(tested, by_folds, prepared, plan)
    metrics = (MultilabelMetrics if calibrated.multilabel else Metrics).model_validate(
        {
            **_results(tested, calibrated, prepared),
            "folds": folds,
            "vectors": vector_facts(vectors, fitted.coverage),
            "teacher": None
            if taught is None
            else teacher_facts(prepared.evaluator, tested.output, taught),
            "thresholds": _threshold_gain(tested, calibrated, prepared, plan),
            "wall_seconds": clock.elapsed() + fitted.earlier_wall_seconds,
            "peak_memory_mb": peak_memory_mb(),
        }
    )
    audit = prepared.audit
    with stage(plan.context.progress, "Writing the report"):
        page = model_page(config, metrics, analysis, sections(audit))
    bundle = Bundle(config, fitted.model, metrics, prepared.prints, audit.facts(), page)
    predictor = Predictor(fitted.model, config, metrics)
    return Training(predictor, metrics, bundle, (*splits.split.warnings, *metrics.remarks))


@dataclass(frozen=True)
class _Tested:
    """What a model says of the test rows, and what it comes to."""

    output: ModelOutput
    scores: AnyScores
    scaling: TemperatureScaling
    coverage: Sequence[CoveragePoint] | None


def _test(calibrated: Calibrated, prepared: PreparedRun) -> _Tested:
    """Predict the test rows, and evaluate the predictions."""
    test, progress = prepared.splits.test, prepared.context.progress
    with stage(progress, f"Predicting {len(test):,} test texts"):
        uncalibrated = calibrated.fitted.model.log_proba(test.texts)
    with stage(progress, "Evaluating, with bootstrap intervals by group"):
        output = calibrated.calibrate(uncalibrated)
        decides = test.multilabel or output.thresholds is not None  # and not the most probable
        return _Tested(
            output,
            prepared.evaluator.scores(output),
            TemperatureScaling.of(uncalibrated, test.targets, calibrated.temperature),
            None if decides else coverage_curve(output.log_proba, test.targets),
        )


def _results(tested: _Tested, calibrated: Calibrated, prepared: PreparedRun) -> dict[str, object]:
    """Gather the model's scores beside those of the baselines, and how its fitting went."""
    fitted, evaluator = calibrated.fitted, prepared.evaluator
    # A model of the family count is itself what others have to beat.
    baseline = prepared.baseline or CountBaseline(tested.output, tested.scores, calibrated.seconds)
    return {
        **dict(tested.scores),
        "baselines": baselines_of(
            prepared.majority_scores, baseline.scores, baseline.train_seconds
        ),
        "difference_to_count": evaluator.paired_difference(tested.output, baseline.output),
        "difference_to_majority": evaluator.paired_difference(tested.output, prepared.majority),
        "split": prepared.facts,
        "calibration": tested.scaling,
        "coverage": tested.coverage,
        "train_seconds": calibrated.seconds,
        "epochs": len(fitted.history),
        "best_epoch": fitted.best_epoch,
        "history": list(fitted.history),
        "remarks": [*baseline.remarks, *fitted.remarks],
    }


def _threshold_gain(
    tested: _Tested, calibrated: Calibrated, prepared: PreparedRun, plan: Plan
) -> ThresholdGain | None:
    """Measure what the thresholds gain against 0.5; None if none were chosen."""
    splits, chosen = prepared.splits, calibrated.thresholds
    objective = threshold_objective(plan.settings, splits.fit_data(None))
    if chosen is None or calibrated.valid is None or objective is None:
        return None
    valid, test = splits.valid, splits.test
    return measure_thresholds(
        chosen,
        objective,
        splits.labels,
        ScoredRows(valid.targets, calibrated.valid.log_proba, valid.groups),
        ScoredRows(test.targets, tested.output.log_proba, test.groups),
        seed=plan.context.seed,
    )


def _analyse(
    tested: _Tested, by_folds: ModelOutput | None, prepared: PreparedRun, plan: Plan
) -> ErrorAnalysis | MultilabelAnalysis:
    """Analyse the errors.

    Wrong labels are sought among all rows where folds predicted them, else among the test rows.
    """
    table, splits = prepared.table, prepared.splits
    suspected = None
    if by_folds is not None:
        suspected = predictions(table, splits.all_rows, np.arange(len(table)), by_folds)
    with stage(plan.context.progress, "Analysing the errors"):
        return analyse(
            tested.scores,
            predictions(table, splits.test, splits.rows, tested.output),
            prepared.words,
            temperature=tested.scaling.temperature,
            before=tested.scaling.before,
            after=tested.scaling.after,
            suspected=suspected,
            texts=not plan.no_texts,
            seed=plan.context.seed,
        )


def _cross_validate(
    table: Table, splits: DataSplits, plan: Plan
) -> tuple[CrossValidation | MultilabelCrossValidation, ModelOutput] | tuple[None, None]:
    """Cross-validate if so asked, each fold with a teacher of its own."""
    if plan.folds is None:
        return None, None
    context = replace(plan.context, checkpoint=None)
    teaching = None if plan.teaching is None else replace(plan.teaching, folder=None)

    def fit(fold: Fold) -> Calibrated:
        data = fold.fit_data(plan.vectors)
        return fit_model(plan.model, data, fold.test, plan.settings, teaching, context)[0]

    folds = make_folds(table, splits, plan.folds, plan.settings, context.seed)
    validation, output = cross_validate(splits, folds, fit, context)
    if plan.model == BASELINE:
        return validation, output
    context.progress.begin("Fitting the baseline, the family count, on the same folds")
    of_count = fit_baseline_on_folds(splits, folds, plan.settings, context)
    evaluator = Evaluator(splits.all_rows, splits.labels, context.seed)
    difference = evaluator.paired_difference(output, of_count)
    return validation.model_copy(update={"difference_to_count": difference}), output
