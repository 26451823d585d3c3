"""A training run on a table: split, audit, baselines, model, test, metrics and report."""

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np

from wordgate.bundle.folder import Bundle
from wordgate.bundle.metrics import (
    AnyMetrics,
    CrossValidation,
    Metrics,
    MultilabelCrossValidation,
    MultilabelFoldScores,
    MultilabelMetrics,
    MultilabelTeacherFacts,
    SplitFacts,
    TeacherFacts,
    VectorFacts,
)
from wordgate.data import Table
from wordgate.dedup.fingerprints import Fingerprints
from wordgate.evaluation.calibration import TemperatureScaling
from wordgate.evaluation.comparison import ModelResult
from wordgate.evaluation.error_analysis import ErrorAnalysis, WordCounts, count_words
from wordgate.evaluation.multilabel import AnyScores, MultilabelScores
from wordgate.evaluation.multilabel_errors import MultilabelAnalysis
from wordgate.evaluation.search import SearchFacts, SearchResult
from wordgate.evaluation.selective_prediction import CoveragePoint, coverage_curve
from wordgate.evaluation.thresholds import ScoredRows, ThresholdGain, measure_thresholds
from wordgate.experiments.baselines import (
    BASELINE,
    SHARE_OF_TIME,
    BaselineResult,
    baseline_in_background,
    baselines_of,
    fit_baseline,
    majority_baseline,
)
from wordgate.experiments.evaluator import Evaluator, analyse, predictions
from wordgate.experiments.fitting import (
    Calibrated,
    Clock,
    ModelOutput,
    check_settings,
    peak_memory_mb,
    threshold_objective,
)
from wordgate.experiments.fold_results import ResultStore
from wordgate.experiments.reading import near_duplicates_of
from wordgate.experiments.split_scheme import (
    ComparisonConfig,
    SplitScheme,
    output_of,
    run_models,
)
from wordgate.experiments.splits import DataSplits, Fold, make_folds, split_table
from wordgate.experiments.students import DistillationResult, ModelPlan, TeacherConfig, fit_model
from wordgate.report.audit import sections
from wordgate.report.model import model_page
from wordgate.report.text import format_share
from wordgate.runtime.display import counted
from wordgate.runtime.engine import Engine
from wordgate.runtime.progress import stage
from wordgate.settings import Settings
from wordgate.split.audit import Audit, audit_table
from wordgate.training.fitting import CheckpointConfig, RunContext
from wordgate.vectors.pretrained import PretrainedVectors

_SHARE_AFTER_SEARCH = 0.6
"""Maximum fraction of the time after a search for the baseline of a winner of another family."""


@dataclass(frozen=True)
class Plan:
    """A model to train and its options, data aside."""

    model: ModelPlan
    context: RunContext
    folds: int | None = None
    no_texts: bool = False
    baseline: CheckpointConfig | None = None
    engine: Engine = field(default_factory=Engine)
    search: SearchResult | None = None

    @property
    def share_of_baseline(self) -> float:
        """The maximum fraction of the time until the deadline for the baseline."""
        return SHARE_OF_TIME if self.search is None else _SHARE_AFTER_SEARCH


@dataclass(frozen=True)
class PreparedData:
    """The rows of a run, split and audited; nothing here depends on the model.

    Attributes:
        facts: Sizes of the split, and its leaks.
        words: The number of occurrences of each word in the training and in the test texts.
        prints: The fingerprints of the rows.
    """

    table: Table
    splits: DataSplits
    facts: SplitFacts
    audit: Audit
    words: WordCounts
    prints: Fingerprints
    evaluator: Evaluator


@dataclass(frozen=True)
class _PreparedRun(PreparedData):
    """A run before its model is fitted.

    Attributes:
        context: Seed, progress, device and deadline of the fit.
    """

    plan: Plan
    majority: BaselineResult
    context: RunContext


@dataclass(frozen=True)
class _Tested:
    """A model's predictions for the test rows, and their scores."""

    output: ModelOutput
    scores: AnyScores
    scaling: TemperatureScaling
    coverage: Sequence[CoveragePoint] | None


@dataclass(frozen=True)
class _FittedRun(_PreparedRun):
    """A run after its models were fitted and tested.

    Attributes:
        calibrated: The model.
        taught: The result of the distillation; None without one.
        count: The baseline `count`; None if the model is of that family.
    """

    calibrated: Calibrated
    taught: DistillationResult | None
    tested: _Tested
    count: BaselineResult | None


def train_on_table(
    table: Table,
    data: dict[str, object],
    plan: Plan,
    clock: Clock,
    prepared: PreparedData | None = None,
) -> Bundle:
    """Split the rows of a table; fit and evaluate all models.

    Args:
        table: The rows.
        data: Facts about the data for `config.json`.
        plan: The model and its options.
        clock: The time since the command began, and its limit.
        prepared: The result of `prepare`, if it was called before.
    """
    run = _fit_models(table, plan, clock, prepared)
    folds, by_folds = _cross_validate(run)
    config = plan.model.config(
        run.calibrated,
        run.taught,
        labels=run.splits.labels,
        seed=plan.context.seed,
        data=data,
        label_separator=table.label_separator,
    )
    analysis = _analyse(by_folds, run)
    metrics = _metrics(folds, run, clock)
    with stage(plan.context.progress, "Writing the report"):
        page = model_page(config, metrics, analysis, sections(run.audit))
    model = run.calibrated.fitted.model
    return Bundle(config, model, metrics, run.prints, run.audit.facts(), page)


def _fit_models(
    table: Table, plan: Plan, clock: Clock, prepared: PreparedData | None
) -> _FittedRun:
    """Fit and test the baselines and the model; the rows are split and audited if need be."""
    model = plan.model
    if prepared is None:
        splits = split_rows(table, model.settings, plan.context, model.teaching)
    else:
        splits = prepared.splits
    n_predicted = len(splits.valid) + len(splits.test)
    deadline = clock.fitting_deadline(n_predicted)
    context = replace(plan.context, deadline=deadline, predicted_after=n_predicted)
    with _baseline_in_background(splits, plan, context) as count_result:
        if prepared is None:
            prepared = audit_rows(table, splits, context)
        majority = majority_baseline(splits.train, prepared.evaluator)
        run = _PreparedRun(**vars(prepared), plan=plan, majority=majority, context=context)
        count = None if count_result is not None else _fit_baseline(run)
        calibrated, taught = fit_model(model, splits, context)
        tested = _test(calibrated, run)
        if count_result is not None:
            count = count_result()
            _say_baselines(run, count)
    return _FittedRun(**vars(run), calibrated=calibrated, taught=taught, tested=tested, count=count)


def tested_search(search: SearchResult, metrics: AnyMetrics) -> SearchResult:
    """Add the score of the selected model on the test rows to a search."""
    score, interval = metrics.score_of(search.objective)
    return replace(search, test_score=score, interval=interval)


def prepare(
    table: Table, settings: Settings, context: RunContext, teaching: TeacherConfig | None = None
) -> PreparedData:
    """Split and audit the rows; refuse settings and teachers that don't suit them."""
    return audit_rows(table, split_rows(table, settings, context, teaching), context)


def split_rows(
    table: Table, settings: Settings, context: RunContext, teaching: TeacherConfig | None
) -> DataSplits:
    """Find near duplicates, split the rows; refuse settings and teachers that don't suit them."""
    progress = context.progress
    copies = near_duplicates_of(table, progress)
    with stage(progress, "Splitting"):
        splits = split_table(table, settings, context.seed, copies)
    check_settings(settings, splits.fit_data(None))
    if teaching is not None:
        teaching.check_labels(splits.labels, multilabel=splits.test.multilabel)
    splits.report(progress)
    return splits


def audit_rows(table: Table, splits: DataSplits, context: RunContext) -> PreparedData:
    """Audit the split, count words and take fingerprints."""
    with stage(context.progress, "Auditing the split"):
        facts, audit = splits.facts(), audit_table(table, splits.copies)
        words = count_words(splits.test.texts, splits.train.texts)
        prints = _fingerprints(table, splits)
    evaluator = Evaluator(splits.test, splits.labels, context.seed)
    return PreparedData(table, splits, facts, audit, words, prints, evaluator)


def _fingerprints(table: Table, splits: DataSplits) -> Fingerprints:
    """Compute the fingerprints of all rows, and of the groups that the data itself names."""
    split = splits.split
    train, valid, test = map(table.select, (split.train, split.valid, split.test))
    return Fingerprints.of(
        train.bodies,
        None if table.groups is None else [*(train.groups or ()), *(valid.groups or ())],
        valid=valid.bodies,
        test=test.bodies,
        copies=splits.copies.has_duplicate_in(split.test, split.train),
    )


@contextmanager
def _baseline_in_background(
    splits: DataSplits, plan: Plan, context: RunContext
) -> Iterator[Callable[[], BaselineResult] | None]:
    """Fit the baseline `count` while the context lasts; see `baseline_in_background`.

    Yields:
        A function that waits for the result; None for a model of that very family, or where the
        baseline is to be fitted before the model.
    """
    if plan.model.family == BASELINE:
        yield None
        return
    with baseline_in_background(splits, plan.model.settings, context, plan.baseline) as result:
        yield result


def _fit_baseline(run: _PreparedRun) -> BaselineResult | None:
    """Fit and report the baseline `count`; None for a model of that very family."""
    plan, count = run.plan, None
    if plan.model.family != BASELINE:
        run.context.progress.begin("Fitting the count baseline")
        count = fit_baseline(
            run.splits,
            [run.splits],
            plan.model.settings,
            run.context,
            plan.baseline,
            share=plan.share_of_baseline,
        )
    _say_baselines(run, count)
    return count


def _say_baselines(run: _PreparedRun, count: BaselineResult | None) -> None:
    """Report the scores of the baselines."""
    name = "label set" if run.splits.test.multilabel else "label"
    most_frequent = f"most frequent {name} {format_share(run.majority.scores.main.value)}"
    if count is None:
        run.context.progress.say(f"Baseline: {most_frequent}")
        return
    run.context.progress.say(
        f"Baselines: count {format_share(count.scores.main.value)}, {most_frequent}"
        f" ({count.train_seconds:.0f} s)"
    )


def _test(calibrated: Calibrated, run: _PreparedRun) -> _Tested:
    test, progress = run.splits.test, run.context.progress
    with stage(progress, f"Predicting {counted(len(test), 'test text')}"):
        uncalibrated = calibrated.fitted.model.log_proba(test.texts)
    with stage(progress, "Evaluating, with bootstrap intervals by group"):
        output = calibrated.calibrate(uncalibrated)
        decides = test.multilabel or output.thresholds is not None  # and not the most probable
        return _Tested(
            output,
            run.evaluator.scores(output),
            TemperatureScaling.of(uncalibrated, test.targets, calibrated.temperature),
            None if decides else coverage_curve(output.log_proba, test.targets),
        )


def _cross_validate(
    run: _PreparedRun,
) -> tuple[CrossValidation | MultilabelCrossValidation, ModelOutput] | tuple[None, None]:
    """Cross-validate if so asked, each fold with a teacher of its own."""
    plan, splits = run.plan, run.splits
    if plan.folds is None:
        return None, None
    context = replace(plan.context, checkpoint=None)
    settings = plan.model.settings
    folds = make_folds(run.table, splits, plan.folds, settings, context.seed)
    result = _fit_folds(splits, folds, plan, context)
    output = output_of(result)
    validation = _fold_scores(result, output, splits, folds, context.seed)
    if plan.model.family == BASELINE:
        return validation, output
    context.progress.begin("Fitting the count baseline on the same folds")
    of_count = fit_baseline(splits, folds, settings, context, engine=plan.engine).output
    evaluator = Evaluator(splits.all_rows, splits.labels, context.seed)
    differences = {
        "difference_to_count": evaluator.paired_difference(output, of_count),
        "macro_f1_difference_to_count": evaluator.macro_f1_difference(output, of_count),
    }
    return validation.model_copy(update=differences), output


def _fit_folds(
    splits: DataSplits, folds: Sequence[Fold], plan: Plan, context: RunContext
) -> ModelResult:
    """Fit a model on each fold, in this process or as tasks of an engine, and predict all rows."""
    model = plan.model
    if model.teaching is not None:
        model = replace(model, teaching=replace(model.teaching, folder=None))
    if not plan.engine.is_local:
        processes = context.processes if context.engine.is_local else 1
        context = replace(context, processes=processes, engine=Engine())
        context.progress.begin(f"Fitting {len(folds)} folds")
    scheme = SplitScheme(splits.split.kind, splits, folds, context.seed)
    config = ComparisonConfig({model.family: model}, context, engine=plan.engine)
    store = ResultStore(None, context.progress)
    [(_, result)] = run_models([model.family], [scheme], config, store)
    return result


def _fold_scores(
    result: ModelResult,
    output: ModelOutput,
    splits: DataSplits,
    folds: Sequence[Fold],
    seed: int,
) -> CrossValidation | MultilabelCrossValidation:
    """Score the test rows of each fold, and of all folds together."""
    found, everything = [], result.scores
    for fold in folds:
        own = output.part(np.isin(np.arange(len(splits.all_rows)), fold.rows))
        scores = Evaluator(fold.test, splits.labels, seed).scores(own)
        facts = scores.model_dump(include=set(MultilabelFoldScores.model_fields))
        n_train = len(fold.train) + len(fold.valid)
        found.append({**facts, "n_train": n_train, "n_test": len(fold.rows)})
    main: dict[str, Any] = {"interval": everything.main.interval, "folds": found}
    if isinstance(everything, MultilabelScores):
        return MultilabelCrossValidation(micro_f1=everything.micro_f1, **main)
    return CrossValidation(accuracy=everything.accuracy, **main)


def _analyse(by_folds: ModelOutput | None, run: _FittedRun) -> ErrorAnalysis | MultilabelAnalysis:
    """Analyze the errors.

    Label errors are searched in all rows if folds predicted them, else in the test rows.
    """
    table, splits, tested, suspected = run.table, run.splits, run.tested, None
    if by_folds is not None:
        suspected = predictions(table, splits.all_rows, np.arange(len(table)), by_folds)
    with stage(run.context.progress, "Analyzing the errors"):
        return analyse(
            tested.scores,
            predictions(table, splits.test, splits.rows, tested.output),
            run.words,
            temperature=tested.scaling.temperature,
            before=tested.scaling.before,
            after=tested.scaling.after,
            suspected=suspected,
            texts=not run.plan.no_texts,
            seed=run.context.seed,
        )


def _metrics(
    folds: CrossValidation | MultilabelCrossValidation | None, run: _FittedRun, clock: Clock
) -> AnyMetrics:
    """Gather all scores and facts of a run, as `metrics.json` has them."""
    calibrated, taught, search = run.calibrated, run.taught, run.plan.search
    metrics = (MultilabelMetrics if calibrated.multilabel else Metrics).model_validate(
        {
            **_results(run),
            "folds": folds,
            "vectors": _vector_facts(run.plan.model.vectors_with(taught), calibrated),
            "teacher": None if taught is None else _teacher_facts(taught, run),
            "thresholds": _threshold_gain(run),
            "wall_seconds": clock.elapsed() + calibrated.fitted.earlier_wall_seconds,
            "peak_memory_mb": peak_memory_mb(),
        }
    )
    if search is None:
        return metrics
    return metrics.model_copy(update={"search": SearchFacts.of(tested_search(search, metrics))})


def _results(run: _FittedRun) -> dict[str, object]:
    """Gather the model's scores beside those of the baselines, and facts about its fit."""
    calibrated, tested, evaluator = run.calibrated, run.tested, run.evaluator
    fitted = calibrated.fitted
    # A model of the family count is its own baseline.
    count = run.count or BaselineResult(tested.output, tested.scores, calibrated.seconds)
    output, of_count, of_majority = tested.output, count.output, run.majority.output
    return {
        **dict(tested.scores),
        "baselines": baselines_of(run.majority, count),
        "difference_to_count": evaluator.paired_difference(output, of_count),
        "difference_to_majority": evaluator.paired_difference(output, of_majority),
        "macro_f1_difference_to_count": evaluator.macro_f1_difference(output, of_count),
        "macro_f1_difference_to_majority": evaluator.macro_f1_difference(output, of_majority),
        "split": run.facts,
        "calibration": tested.scaling,
        "coverage": tested.coverage,
        "train_seconds": calibrated.seconds,
        "epochs": len(fitted.history),
        "best_epoch": fitted.best_epoch,
        "history": list(fitted.history),
        "remarks": [*count.remarks, *fitted.remarks],
    }


def _vector_facts(vectors: PretrainedVectors | None, calibrated: Calibrated) -> VectorFacts | None:
    """Gather the source of pretrained word vectors, and the number of words that had one."""
    coverage = calibrated.fitted.coverage
    if vectors is None or coverage is None:
        return None
    file = vectors.file
    return VectorFacts(**dict(coverage), file=vectors.name, format=file.format, size=file.dim)


def _teacher_facts(taught: DistillationResult, run: _FittedRun) -> TeacherFacts:
    """Compare a student with its teacher on the test rows.

    The teacher has no thresholds, so the student is compared without its own, too.
    """
    evaluator = run.evaluator
    student, own = ModelOutput(run.tested.output.log_proba), ModelOutput(taught.test_log_proba)
    scores = evaluator.scores(own)
    form = MultilabelTeacherFacts if isinstance(scores, MultilabelScores) else TeacherFacts
    return form(
        **scores.model_dump(include=set(form.model_fields)),
        name=taught.teacher,
        agreement=evaluator.agreement(student, own),
        difference=evaluator.paired_difference(student, own),
        n_labelled=taught.n_labelled,
        n_unlabelled=taught.n_unlabelled,
        n_left_out=taught.n_left_out,
        n_variations=taught.n_variations,
        seconds=taught.seconds,
    )


def _threshold_gain(run: _FittedRun) -> ThresholdGain | None:
    """Compare the thresholds with 0.5; None if none were chosen."""
    splits, calibrated = run.splits, run.calibrated
    chosen = calibrated.thresholds
    objective = threshold_objective(run.plan.model.settings, splits.fit_data(None))
    if chosen is None or calibrated.valid is None or objective is None:
        return None
    valid, test = splits.valid, splits.test
    return measure_thresholds(
        chosen,
        objective,
        splits.labels,
        ScoredRows(valid.targets, calibrated.valid.log_proba, valid.groups),
        ScoredRows(test.targets, run.tested.output.log_proba, test.groups),
        seed=run.context.seed,
    )
