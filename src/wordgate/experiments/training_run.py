"""One training run on a table: split, baselines, the model, its test, its metrics and report."""

from collections.abc import Sequence
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
    context_of_task,
    peak_memory_mb,
    threshold_objective,
)
from wordgate.experiments.reading import near_duplicates_of
from wordgate.experiments.splits import DataSplits, Fold, make_folds, split_table
from wordgate.experiments.students import DistillationResult, ModelPlan, TeacherConfig, fit_model
from wordgate.report.audit import sections
from wordgate.report.model import model_page
from wordgate.report.text import format_share
from wordgate.runtime.display import counted
from wordgate.runtime.engine import Engine, map_tasks
from wordgate.runtime.progress import stage
from wordgate.settings import Settings
from wordgate.split.audit import Audit, audit_table
from wordgate.training.fitting import CheckpointConfig, RunContext
from wordgate.vectors.pretrained import PretrainedVectors

_SHARE_AFTER_SEARCH = 0.6
"""Maximum fraction of the time after a search for the baseline; the rest is for the winner."""


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


@dataclass(frozen=True)
class PreparedData:
    """The rows of a run, split and audited; nothing here depends on the model.

    Attributes:
        facts: Sizes of the split, and its leaks.
        words: How often each word stands in train, and in the test texts.
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
    """State before the model is fitted, with the time it took so far.

    Attributes:
        count: The family count; None if the model is of that family.
        context: What the model is fitted in, with the deadline.
    """

    plan: Plan
    majority: BaselineResult
    count: BaselineResult | None
    context: RunContext


@dataclass(frozen=True)
class _Tested:
    """A model's predictions for the test rows, and what it comes to."""

    output: ModelOutput
    scores: AnyScores
    scaling: TemperatureScaling
    coverage: Sequence[CoveragePoint] | None


def train_on_table(
    table: Table,
    data: dict[str, object],
    plan: Plan,
    clock: Clock,
    prepared: PreparedData | None = None,
) -> Bundle:
    """Split the rows of a table, of which `config.json` says `data`, fit and evaluate all models.

    `prepared` are the rows as `prepare` gave them, if it was called before.
    """
    model = plan.model
    if prepared is None:
        prepared = prepare(table, model.settings, plan.context, model.teaching)
    run = _fit_baselines(prepared, plan, clock)
    calibrated, taught = fit_model(model, run.splits, run.context)
    tested = _test(calibrated, run)
    folds, by_folds = _cross_validate(run)
    config = model.config(
        calibrated,
        taught,
        labels=run.splits.labels,
        seed=plan.context.seed,
        data=data,
        label_separator=table.label_separator,
    )
    analysis = _analyse(tested, by_folds, run)
    metrics = (MultilabelMetrics if calibrated.multilabel else Metrics).model_validate(
        {
            **_results(tested, calibrated, run),
            "folds": folds,
            "vectors": _vector_facts(model.vectors_with(taught), calibrated),
            "teacher": None if taught is None else _teacher_facts(run.evaluator, tested, taught),
            "thresholds": _threshold_gain(tested, calibrated, run),
            "wall_seconds": clock.elapsed() + calibrated.fitted.earlier_wall_seconds,
            "peak_memory_mb": peak_memory_mb(),
        }
    )
    if plan.search is not None:
        metrics = metrics.model_copy(
            update={"search": SearchFacts.of(tested_search(plan.search, metrics))}
        )
    with stage(plan.context.progress, "Writing the report"):
        page = model_page(config, metrics, analysis, sections(run.audit))
    return Bundle(config, calibrated.fitted.model, metrics, run.prints, run.audit.facts(), page)


def tested_search(search: SearchResult, metrics: AnyMetrics) -> SearchResult:
    """Add the score of the selected model on the test rows to a search."""
    score, interval = metrics.score_of(search.objective)
    return replace(search, test_score=score, interval=interval)


def prepare(
    table: Table, settings: Settings, context: RunContext, teaching: TeacherConfig | None = None
) -> PreparedData:
    """Split and audit the rows; refuse settings and teachers that don't suit them."""
    progress, seed = context.progress, context.seed
    copies = near_duplicates_of(table, progress)
    with stage(progress, "Splitting"):
        splits = split_table(table, settings, seed, copies)
    check_settings(settings, splits.fit_data(None))
    if teaching is not None:
        teaching.check_labels(splits.labels, multilabel=splits.test.multilabel)
    splits.report(progress)
    with stage(progress, "Auditing the split"):
        facts, audit = splits.facts(), audit_table(table, splits.copies)
        words = count_words(splits.test.texts, splits.train.texts)
        prints = _fingerprints(table, splits)
    evaluator = Evaluator(splits.test, splits.labels, seed)
    return PreparedData(table, splits, facts, audit, words, prints, evaluator)


def _fit_baselines(prepared: PreparedData, plan: Plan, clock: Clock) -> _PreparedRun:
    """Fit what the model has to beat, and see how much time is left for the model."""
    splits = prepared.splits
    n_predicted = len(splits.valid) + len(splits.test)
    deadline = clock.fitting_deadline(n_predicted)
    context = replace(plan.context, deadline=deadline, predicted_after=n_predicted)
    majority = majority_baseline(splits.train, prepared.evaluator)
    count = _fit_baseline(splits, majority, plan, context)
    return _PreparedRun(
        **vars(prepared), plan=plan, majority=majority, count=count, context=context
    )


def _fingerprints(table: Table, splits: DataSplits) -> Fingerprints:
    """Take the fingerprints of all rows, and of the groups that other files may name, too."""
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
    splits: DataSplits, majority: BaselineResult, plan: Plan, context: RunContext
) -> BaselineResult | None:
    """Fit what the model has to beat, and say it; None for a model of that very family."""
    name = "label set" if splits.test.multilabel else "label"
    most_frequent = f"most frequent {name} {format_share(majority.scores.main.value)}"
    if plan.model.family == BASELINE:
        context.progress.say(f"Baseline: {most_frequent}")
        return None
    context.progress.begin("Fitting the count baseline")
    share = SHARE_OF_TIME if plan.search is None else _SHARE_AFTER_SEARCH
    count = fit_baseline(splits, [splits], plan.model.settings, context, plan.baseline, share=share)
    context.progress.say(
        f"Baselines: count {format_share(count.scores.main.value)}, {most_frequent}"
        f" ({count.train_seconds:.0f} s)"
    )
    return count


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
    validation, output = _fit_folds(splits, folds, plan, context)
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
) -> tuple[CrossValidation | MultilabelCrossValidation, ModelOutput]:
    """Fit a model for each fold, test it there, and join what they say of all rows."""
    labels, seed = splits.labels, context.seed
    outputs, found = _fold_outputs(folds, plan, context), []
    for fold, own in zip(folds, outputs, strict=True):
        scores = Evaluator(fold.test, labels, seed).scores(own)
        n_train = len(fold.train) + len(fold.valid)
        facts = scores.model_dump(include=set(MultilabelFoldScores.model_fields))
        found.append({**facts, "n_train": n_train, "n_test": len(fold.rows)})
    output = ModelOutput.of_folds(outputs, [fold.rows for fold in folds])
    everything = Evaluator(splits.all_rows, labels, seed).scores(output)
    main: dict[str, Any] = {"interval": everything.main.interval, "folds": found}
    if isinstance(everything, MultilabelScores):
        return MultilabelCrossValidation(micro_f1=everything.micro_f1, **main), output
    return CrossValidation(accuracy=everything.accuracy, **main), output


def _fold_outputs(folds: Sequence[Fold], plan: Plan, context: RunContext) -> list[ModelOutput]:
    """Fit a model for each fold, and let it predict the fold's test rows."""
    model = plan.model
    if model.teaching is not None:
        model = replace(model, teaching=replace(model.teaching, folder=None))
    plan = replace(plan, context=context, model=model)
    if plan.engine.is_local:
        return [_fold_output((folds, plan), number) for number in range(len(folds))]
    context.progress.begin(f"Fitting {len(folds)} folds")
    processes = context.processes if context.engine.is_local else 1
    sent = replace(context_of_task(context, plan.engine), processes=processes, engine=Engine())
    outputs: dict[int, ModelOutput] = {}
    with context.progress.bar(len(folds)) as bar:
        tasks = map_tasks(
            _fold_output, (folds, replace(plan, context=sent)), range(len(folds)), plan.engine
        )
        for number, output in tasks:
            outputs[number] = output
            bar.advance(f"fold {number + 1} of {len(folds)}")
    return [outputs[number] for number in range(len(folds))]


def _fold_output(shared: tuple[Sequence[Fold], Plan], number: int) -> ModelOutput:
    folds, plan = shared
    fold = folds[number]
    plan.context.progress.say(f"fold {number + 1} of {len(folds)}: {len(fold.rows):,} test rows")
    model, _ = fit_model(plan.model, fold, plan.context)
    return model.output(fold.test.texts)


def _analyse(
    tested: _Tested, by_folds: ModelOutput | None, run: _PreparedRun
) -> ErrorAnalysis | MultilabelAnalysis:
    """Analyze the errors.

    Wrong labels are sought among all rows where folds predicted them, else among the test rows.
    """
    table, splits, suspected = run.table, run.splits, None
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


def _results(tested: _Tested, calibrated: Calibrated, run: _PreparedRun) -> dict[str, object]:
    """Gather the model's scores beside those of the baselines, and how its fitting went."""
    fitted, evaluator = calibrated.fitted, run.evaluator
    # A model of the family count is itself what others have to beat.
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
    """Gather where pretrained word vectors came from, and how many words had one."""
    coverage = calibrated.fitted.coverage
    if vectors is None or coverage is None:
        return None
    file = vectors.file
    return VectorFacts(**dict(coverage), file=vectors.name, format=file.format, size=file.dim)


def _teacher_facts(
    evaluator: Evaluator, tested: _Tested, taught: DistillationResult
) -> TeacherFacts:
    """Compare a student with its teacher on the test rows.

    No thresholds were chosen for the teacher, so that the student is compared without its own.
    """
    student, own = ModelOutput(tested.output.log_proba), ModelOutput(taught.test_log_proba)
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


def _threshold_gain(
    tested: _Tested, calibrated: Calibrated, run: _PreparedRun
) -> ThresholdGain | None:
    """Measure what the thresholds gain against 0.5; None if none were chosen."""
    splits, chosen = run.splits, calibrated.thresholds
    objective = threshold_objective(run.plan.model.settings, splits.fit_data(None))
    if chosen is None or calibrated.valid is None or objective is None:
        return None
    valid, test = splits.valid, splits.test
    return measure_thresholds(
        chosen,
        objective,
        splits.labels,
        ScoredRows(valid.targets, calibrated.valid.log_proba, valid.groups),
        ScoredRows(test.targets, tested.output.log_proba, test.groups),
        seed=run.context.seed,
    )
