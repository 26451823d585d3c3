"""From labelled texts to an evaluated model in a folder."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray
from typing_extensions import Unpack

from wordgate.bundle.config import Config, environment
from wordgate.bundle.folder import Bundle, check_destination, write_bundle
from wordgate.bundle.metrics import CrossValidation, Metrics, SplitFacts
from wordgate.data import Table
from wordgate.dedup.fingerprints import Fingerprints
from wordgate.errors import SettingsError
from wordgate.evaluation.calibration import TemperatureScaling, apply_temperature
from wordgate.evaluation.error_analysis import (
    ErrorAnalysis,
    WordCounts,
    analyse_errors,
    count_words,
)
from wordgate.evaluation.metrics import Scores
from wordgate.evaluation.selective_prediction import CoveragePoint, coverage_curve
from wordgate.experiments.baselines import (
    BASELINE,
    CountBaseline,
    baselines_of,
    clear_baseline,
    fit_baseline,
    fit_baseline_on_folds,
    majority_log_proba,
)
from wordgate.experiments.fitting import Calibrated, Clock, peak_memory_mb
from wordgate.experiments.metrics import (
    Evaluator,
    cross_validate,
    predictions,
    scores_in_short,
    split_facts,
    teacher_facts,
    vector_facts,
)
from wordgate.experiments.reading import (
    ReadingOptions,
    called,
    near_duplicates_of,
    read_parts,
    refuse_label_sets,
)
from wordgate.experiments.resolving import (
    as_names,
    check_folds,
    choose_recipe,
    refuse_idle_sizes,
    refuse_idle_split,
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
from wordgate.experiments.splits import DataSplits, Fold, make_folds, split_table
from wordgate.experiments.students import (
    TeacherConfig,
    fit_model,
    teacher_config,
    vectors_of,
)
from wordgate.families import FAMILIES
from wordgate.prediction.predictor import Predictor
from wordgate.report.audit import sections
from wordgate.report.model import model_page
from wordgate.runtime.cpu import choose_threads, limited_blas
from wordgate.runtime.display import brief
from wordgate.runtime.progress import Console, Progress, stage
from wordgate.settings import Settings, checked_seed
from wordgate.split.audit import Audit, audit_table
from wordgate.storage.files import remove
from wordgate.training.families import check_device, check_family, check_pretrained
from wordgate.training.fitting import CheckpointConfig, RunContext
from wordgate.vectors.pretrained import PretrainedVectors


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
    metrics: Metrics
    bundle: Bundle
    remarks: Sequence[str]

    def __repr__(self) -> str:
        """Name the model and its score: all that it holds is too much for a line."""
        return (
            f"Training({self.bundle.config.family}, {scores_in_short(self.metrics)},"
            f" labels={brief(list(self.predictor.labels))})"
        )

    def save(self, path: str | Path, *, overwrite: bool = False) -> None:
        """Write the bundle.

        Raises:
            BundleError: There is something at `path` that may not be replaced.
        """
        write_bundle(self.bundle, path, overwrite=overwrite)


@dataclass(frozen=True)
class Plan:
    """A family with its settings and options, data aside."""

    model: str
    recipe: str
    settings: Settings
    context: RunContext
    vectors: PretrainedVectors | None = None
    folds: int | None = None
    no_texts: bool = False
    teaching: TeacherConfig | None = None
    baseline: CheckpointConfig | None = None


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
        overwrite: Replace a bundle that is there, and begin anew if a training into it was
            interrupted.
        resume: Go on with the training into `out` that was interrupted.
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
        folds: Cross-validate as well: deal all rows to so many folds of whole groups, and test a
            model like the kept one on each fold. The model kept is that of the ordinary split.
        seed: Decides the split, the first weights, the order, the dropout, the resampling.
        device: ``auto``, ``cpu``, ``cuda`` or ``cuda:N``.
        threads: In how many threads to compute on the processor; None for what the environment
            variable WORDGATE_THREADS says, else OMP_NUM_THREADS, else for as many as there are
            cores.
        max_minutes: End within so many minutes, with the best epoch until then; with `resume`, 0
            makes a model of what there is.
        no_texts: Leave the texts of test rows out of the model's report.
        progress: Where remarks go; to standard error if not given.
        **reading: How to read the data: see `ReadingOptions`.

    Returns:
        The model and its scores.

    Raises:
        WordgateError: Data, settings or destination can't be used; the message says how to mend.
        KeyboardInterrupt: The training was interrupted; its checkpoint stands beside `out`.
    """
    clock = Clock(max_minutes=max_minutes, resumed=resume)
    out = None if out is None else Path(out).expanduser()
    n_threads = choose_threads(threads)
    refuse_idle_split(split, valid, test, split_column)
    if test_size is not None and test is not None:
        raise SettingsError(f"--test-size {test_size} has no effect with --test: leave it out")
    progress = Console() if progress is None else progress
    files = as_names(unlabelled) or ()
    named = {"split": split, "test_size": test_size, "teacher.models": as_names(teacher)}
    overrides = with_options(settings, **named)
    check_family(model)
    recipe = choose_recipe(recipe, teacher)
    chosen = resolve_settings(recipe, overrides, vectors, families=[model])
    teaching = teacher_config(
        chosen if FAMILIES[model].can_be_taught else None,
        teaching_minutes,
        has_unlabelled=bool(files),
        progress=progress,
        folder=teaching_path(out) if out is not None and FAMILIES[model].can_be_taught else None,
        resume=resume,
    )
    if resume and not overwrite and max_minutes is None and out is not None:
        # Complete if it was killed between writing the model and removing the checkpoint.
        overwrite = is_complete(out, checkpoint_path(out))
    checkpoint = checkpoint_config(out, model, resume=resume, overwrite=overwrite)
    # Kept beside the training, which would fit it anew on every resumption.
    kept = (
        None if out is None or checkpoint is None else CheckpointConfig(baseline_path(out), resume)
    )
    seed = checked_seed(seed)
    check_device(model, device, progress)
    parts_given = any(part is not None for part in (valid, test, split_column))
    check_folds(folds, chosen, parts_given=parts_given, max_minutes=max_minutes)
    if out is not None:
        check_destination(out, overwrite=overwrite)
    check_pretrained(model, chosen, progress)
    with stage(progress, f"Reading {called(data)}"):
        sources = read_parts(
            data,
            valid=valid,
            test=test,
            split_column=split_column,
            empty_text_as=chosen.empty_text_as,
            seed=seed,
            **reading,
        )
    refuse_label_sets(sources.table)
    sources.report(progress)
    refuse_idle_sizes(overrides, sources.table.parts, grouped=chosen.split == "grouped")
    if teaching is not None:
        teaching = teaching.beside(sources.table, files, progress, encoding=reading.get("encoding"))
    chosen, pretrained = resolve_vectors(vectors, chosen, progress)
    context = RunContext(
        seed, progress, device, threads, checkpoint=checkpoint, started=clock.started
    )
    plan = Plan(model, str(recipe), chosen, context, pretrained, folds, no_texts, teaching, kept)
    with limited_blas(n_threads):
        training = _train_on_table(sources.table, sources.facts(), plan, clock)
    if out is not None:
        with stage(progress, f"Writing {out}"):
            training.save(out, overwrite=overwrite)
    if kept is not None:
        clear_baseline(kept)
    taught_in = None if teaching is None else teaching.folder
    if taught_in is not None:
        mark_teacher_cache(taught_in)
    if checkpoint is not None:  # after the baseline, which by itself would block a new training
        remove(checkpoint.file)
    if taught_in is not None:  # after the checkpoint, which would be of no use without
        clear_teacher_cache(taught_in)
    return training


def _train_on_table(table: Table, data: dict[str, object], plan: Plan, clock: Clock) -> Training:
    """Split, fit the baselines and the model, and evaluate them; `data` goes into `config.json`."""
    prepared = _prepare(table, plan, clock)
    splits, evaluator = prepared.splits, prepared.evaluator
    calibrated, taught = fit_model(
        plan.model,
        splits.fit_data(plan.vectors),
        splits.test,
        plan.settings,
        plan.teaching,
        prepared.context,
    )
    fitted, tested = calibrated.fitted, _test(calibrated, prepared)
    # A model of the family count is itself what others have to beat.
    baseline = prepared.baseline or CountBaseline(
        tested.log_proba, tested.scores, calibrated.seconds
    )
    folds, by_folds = _cross_validate(table, splits, plan)
    vectors = vectors_of(plan.vectors, taught)
    config = Config(
        family=plan.model,
        labels=splits.labels,
        seed=plan.context.seed,
        recipe=plan.recipe,
        settings=(fitted.settings or plan.settings).model_dump(mode="json"),
        data=data,
        vectors=None if vectors is None else vectors.name,
        temperature=calibrated.temperature,
        environment=environment("torch", "scikit-learn") | dict(fitted.engine),
    )
    analysis = _analyse(tested, by_folds, prepared, plan)
    remarks = [*baseline.remarks, *fitted.remarks]
    metrics = Metrics.model_validate(
        {
            **dict(tested.scores),
            "baselines": baselines_of(
                prepared.majority_scores, baseline.scores, baseline.train_seconds
            ),
            "difference_to_count": evaluator.paired_difference(
                tested.log_proba, baseline.log_proba
            ),
            "difference_to_majority": evaluator.paired_difference(
                tested.log_proba, prepared.majority
            ),
            "split": prepared.facts,
            "folds": folds,
            "calibration": tested.scaling,
            "coverage": tested.coverage,
            "vectors": vector_facts(vectors, fitted.coverage),
            "teacher": None
            if taught is None
            else teacher_facts(evaluator, tested.log_proba, taught),
            "train_seconds": calibrated.seconds,
            "wall_seconds": clock.elapsed() + fitted.earlier_wall_seconds,
            "peak_memory_mb": peak_memory_mb(),
            "epochs": len(fitted.history),
            "best_epoch": fitted.best_epoch,
            "history": list(fitted.history),
            "remarks": remarks,
        }
    )
    audit = prepared.audit
    with stage(plan.context.progress, "Writing the report"):
        page = model_page(config, metrics, analysis, sections(audit))
    bundle = Bundle(config, fitted.model, metrics, prepared.prints, audit.facts(), page)
    predictor = Predictor(fitted.model, config, metrics)
    return Training(predictor, metrics, bundle, (*splits.split.warnings, *remarks))


@dataclass(frozen=True)
class _Prepared:
    """What is known before the model is fitted: so the time limit knows what it took.

    Attributes:
        table: All rows.
        splits: The data sets of train, validation and test.
        facts: Sizes of the split, and its leaks.
        audit: The findings in the data.
        words: How often each word stands in train, and in the test texts.
        prints: The fingerprints of the rows.
        evaluator: Scores predictions of the test rows.
        majority: The log-probabilities of the most frequent label's baseline.
        majority_scores: Its scores.
        baseline: The family count, fitted and tested; None if the model is of that family.
        context: What the model is fitted in, with the deadline.
    """

    table: Table
    splits: DataSplits
    facts: SplitFacts
    audit: Audit
    words: WordCounts
    prints: Fingerprints
    evaluator: Evaluator
    majority: NDArray[np.float64]
    majority_scores: Scores
    baseline: CountBaseline | None
    context: RunContext


def _prepare(table: Table, plan: Plan, clock: Clock) -> _Prepared:
    """Split and audit the rows, and fit the baselines."""
    progress, seed = plan.context.progress, plan.context.seed
    copies = near_duplicates_of(table, progress)
    with stage(progress, "Splitting"):
        splits = split_table(table, plan.settings, seed, copies)
    if plan.teaching is not None:
        plan.teaching.check_labels(splits.labels)
    splits.report(progress)
    with stage(progress, "Auditing the split"):
        facts, audit = split_facts(splits), audit_table(table, splits.copies)
        words = count_words(splits.test.texts, splits.train.texts)
        prints = _fingerprints(table, splits)
    evaluator = Evaluator(splits.test, splits.labels, seed)
    n_predicted = len(splits.valid) + len(splits.test)
    context = replace(
        plan.context, deadline=clock.fitting_deadline(n_predicted), predicted_after=n_predicted
    )
    majority = majority_log_proba(splits.train, evaluator)
    majority_scores = evaluator.scores(majority)
    baseline = _fit_baseline(splits, majority_scores, plan, context)
    return _Prepared(
        table=table,
        splits=splits,
        facts=facts,
        audit=audit,
        words=words,
        prints=prints,
        evaluator=evaluator,
        majority=majority,
        majority_scores=majority_scores,
        baseline=baseline,
        context=context,
    )


@dataclass(frozen=True)
class _Tested:
    """A model's log-probabilities of the test rows, and what they come to."""

    log_proba: NDArray[np.float64]
    scores: Scores
    scaling: TemperatureScaling
    coverage: Sequence[CoveragePoint]


def _test(calibrated: Calibrated, prepared: _Prepared) -> _Tested:
    """Predict the test rows, and evaluate the predictions."""
    test, progress = prepared.splits.test, prepared.context.progress
    with stage(progress, f"Predicting {len(test):,} test texts"):
        uncalibrated = calibrated.fitted.model.log_proba(test.texts)
    with stage(progress, "Evaluating, with groups resampled for intervals"):
        log_proba = apply_temperature(uncalibrated, calibrated.temperature)
        return _Tested(
            log_proba,
            prepared.evaluator.scores(log_proba),
            TemperatureScaling.of(uncalibrated, test.targets, calibrated.temperature),
            coverage_curve(log_proba, test.targets),
        )


def _analyse(
    tested: _Tested, by_folds: NDArray[np.float64] | None, prepared: _Prepared, plan: Plan
) -> ErrorAnalysis:
    """Analyse the errors.

    Wrong labels are sought among all rows where folds predicted them, else among the test rows.
    """
    table, splits = prepared.table, prepared.splits
    suspected = None
    if by_folds is not None:
        suspected = predictions(table, splits.all_rows, np.arange(len(table)), by_folds)
    with stage(plan.context.progress, "Analysing the errors"):
        return analyse_errors(
            tested.scores,
            predictions(table, splits.test, splits.rows, tested.log_proba),
            prepared.words,
            temperature=tested.scaling.temperature,
            before=tested.scaling.before,
            after=tested.scaling.after,
            coverage=tested.coverage,
            suspected=suspected,
            texts=not plan.no_texts,
            seed=plan.context.seed,
        )


def _fingerprints(table: Table, splits: DataSplits) -> Fingerprints:
    """Take the fingerprints of every row that had a part in the model, and of the test rows.

    The groups are those that the data names, which other files may name, too.
    """
    split = splits.split
    train, valid, test = map(table.select, (split.train, split.valid, split.test))
    return Fingerprints.of(
        train.bodies,
        None if table.groups is None else [*(train.groups or ()), *(valid.groups or ())],
        valid=valid.bodies,
        test=test.bodies,
        copies=splits.copies.has_duplicate_in(split.test, split.train),
    )


def _fit_baseline(
    splits: DataSplits, majority: Scores, plan: Plan, context: RunContext
) -> CountBaseline | None:
    """Fit what the model has to beat, and say it; None for a model of that very family."""
    most_frequent = f"most frequent label {majority.accuracy:.3f}"
    if plan.model == BASELINE:
        context.progress.say(f"Baseline: {most_frequent}")
        return None
    context.progress.begin("Fitting the baseline, the family count")
    baseline = fit_baseline(splits, plan.settings, context, plan.baseline)
    context.progress.say(
        f"Baselines: count {baseline.scores.accuracy:.3f}, {most_frequent}"
        f" ({baseline.train_seconds:.0f} s)"
    )
    return baseline


def _cross_validate(
    table: Table, splits: DataSplits, plan: Plan
) -> tuple[CrossValidation, NDArray[np.float64]] | tuple[None, None]:
    """Cross-validate if so asked, each fold with a teacher of its own."""
    if plan.folds is None:
        return None, None
    context = replace(plan.context, checkpoint=None)
    teaching = None if plan.teaching is None else replace(plan.teaching, folder=None)

    def fit(fold: Fold) -> Calibrated:
        data = fold.fit_data(plan.vectors)
        return fit_model(plan.model, data, fold.test, plan.settings, teaching, context)[0]

    folds = make_folds(table, splits, plan.folds, plan.settings, context.seed)
    validation, log_proba = cross_validate(splits, folds, fit, context)
    if plan.model == BASELINE:
        return validation, log_proba
    context.progress.say("Fitting the baseline, the family count, on the same folds ...")
    of_count = fit_baseline_on_folds(splits, folds, plan.settings, context)
    evaluator = Evaluator(splits.all_rows, splits.labels, context.seed)
    difference = evaluator.paired_difference(log_proba, of_count)
    return validation.model_copy(update={"difference_to_count": difference}), log_proba
