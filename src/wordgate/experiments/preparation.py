"""What is known before a model is fitted: the rows and their split, the baselines, the audit."""

import math
from dataclasses import dataclass, replace

from wordgate.bundle.metrics import SplitFacts
from wordgate.data import Table
from wordgate.dedup.fingerprints import Fingerprints
from wordgate.evaluation.error_analysis import WordCounts, count_words
from wordgate.evaluation.multilabel import AnyScores
from wordgate.experiments.baselines import (
    BASELINE,
    CountBaseline,
    fit_baseline,
    majority_output,
)
from wordgate.experiments.fitting import Clock, ModelOutput, check_settings
from wordgate.experiments.metrics import Evaluator, split_facts
from wordgate.experiments.reading import near_duplicates_of
from wordgate.experiments.splits import DataSplits, split_table
from wordgate.experiments.students import TeacherConfig
from wordgate.report.text import format_share
from wordgate.runtime.progress import stage
from wordgate.settings import Settings
from wordgate.split.audit import Audit, audit_table
from wordgate.training.fitting import CheckpointConfig, RunContext
from wordgate.vectors.pretrained import PretrainedVectors


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


@dataclass(frozen=True)
class PreparedRun:
    """What is known before the model is fitted: so the time limit knows what it took.

    Attributes:
        table: All rows.
        splits: The data sets of train, validation and test.
        facts: Sizes of the split, and its leaks.
        audit: The findings in the data.
        words: How often each word stands in train, and in the test texts.
        prints: The fingerprints of the rows.
        evaluator: Scores predictions of the test rows.
        majority: What the baseline of the most frequent label says of the test rows.
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
    majority: ModelOutput
    majority_scores: AnyScores
    baseline: CountBaseline | None
    context: RunContext


def prepare(table: Table, plan: Plan, clock: Clock) -> PreparedRun:
    """Split and audit the rows, and fit the baselines.

    Args:
        table: All rows.
        plan: The model to fit.
        clock: The time since the command began, and its limit.

    Raises:
        DataError: The rows can't be split.
        SettingsError: A saved teacher knows other labels.
    """
    progress, seed = plan.context.progress, plan.context.seed
    copies = near_duplicates_of(table, progress)
    with stage(progress, "Splitting"):
        splits = split_table(table, plan.settings, seed, copies)
    check_settings(plan.settings, splits.fit_data(None))
    if plan.teaching is not None:
        plan.teaching.check_labels(splits.labels, multilabel=splits.test.multilabel)
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
    majority = majority_output(splits.train, evaluator)
    majority_scores = evaluator.scores(majority)
    baseline = _fit_baseline(splits, majority_scores, plan, context)
    return PreparedRun(
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
    splits: DataSplits, majority: AnyScores, plan: Plan, context: RunContext
) -> CountBaseline | None:
    """Fit what the model has to beat, and say it; None for a model of that very family."""
    name = "label set" if splits.test.multilabel else "label"
    most_frequent = f"most frequent {name} {format_share(majority.main.value)}"
    if plan.model == BASELINE:
        context.progress.say(f"Baseline: {most_frequent}")
        return None
    uncut = " (the time limit does not cut its n-grams)" if context.deadline < math.inf else ""
    context.progress.begin(f"Fitting the baseline, the family count{uncut}")
    baseline = fit_baseline(splits, plan.settings, context, plan.baseline)
    context.progress.say(
        f"Baselines: count {format_share(baseline.scores.main.value)}, {most_frequent}"
        f" ({baseline.train_seconds:.0f} s)"
    )
    return baseline
