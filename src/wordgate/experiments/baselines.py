"""What a training has to beat: the family `count` as it ships, and the most frequent label."""

import time
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from wordgate.bundle.metrics import (
    Baseline,
    Baselines,
    MultilabelBaseline,
    MultilabelBaselines,
)
from wordgate.data.dataset import Dataset
from wordgate.evaluation.multilabel import AnyScores, MultilabelScores, most_frequent_set
from wordgate.experiments.fitting import ModelOutput
from wordgate.experiments.metrics import Evaluator
from wordgate.experiments.resuming import ResultStore
from wordgate.experiments.split_scheme import ComparisonConfig, SplitScheme, output_of, run_model
from wordgate.experiments.splits import DataSplits, Fold
from wordgate.runtime.progress import Silent
from wordgate.settings import Settings
from wordgate.training.fitting import TIME_LIMIT, CheckpointConfig, RunContext

BASELINE = "count"
SHARE_OF_TIME = 0.25
"""Of the time for fitting, what the family `count` may take before another one is fitted."""
_WHAT = "baseline"


@dataclass(frozen=True)
class CountBaseline:
    """The family `count` on the rows that another model is fitted and tested on.

    Attributes:
        output: What it says of the test rows, calibrated as the recipe says.
        scores: Its scores.
        train_seconds: What fitting it took.
        remarks: What cut its fit short.
    """

    output: ModelOutput
    scores: AnyScores
    train_seconds: float
    remarks: tuple[str, ...] = ()


def fit_baseline(
    splits: DataSplits, settings: Settings, context: RunContext, kept: CheckpointConfig | None
) -> CountBaseline:
    """Fit and test the family `count` exactly as a comparison on the same split does.

    Args:
        splits: The rows.
        settings: The settings of the model that has to beat it; their table ``count`` and the
            calibration matter.
        context: Seed, progress and deadline, of which it takes a share.
        kept: Where its result is kept until the training ends; None for nowhere.

    Raises:
        DataError: There are no texts to fit on, or none to choose by.
        BundleError: What is kept is of another training, or damaged.
    """
    now = time.monotonic()
    deadline = now + SHARE_OF_TIME * max(0.0, context.deadline - now)
    context = replace(context, device="auto", checkpoint=None, deadline=deadline)
    evaluator = Evaluator(splits.test, splits.labels, context.seed)
    scheme = SplitScheme(splits.split.kind, splits, [splits], evaluator, splits.rows)
    config = ComparisonConfig(settings, context, None, None)
    store = ResultStore(None if kept is None else kept.file, context.progress, _WHAT)
    if kept is None or not kept.resume:
        store.clear()
    result = run_model(BASELINE, scheme, config, store)
    late = [remark for remark in result.remarks if remark.startswith(TIME_LIMIT)]
    return CountBaseline(
        output_of(result),
        result.scores,
        result.train_seconds,
        tuple(f"The baseline, the family count: {remark}" for remark in late),
    )


def fit_baseline_on_folds(
    splits: DataSplits, folds: Sequence[Fold], settings: Settings, context: RunContext
) -> ModelOutput:
    """Fit and test the family `count` on each fold, as a comparison in the same folds does.

    Args:
        splits: The ordinary split of the rows.
        folds: The folds.
        settings: As for `fit_baseline`.
        context: Seed and progress.

    Returns:
        What the model that had not seen it says of each row.
    """
    context = replace(context, device="auto", checkpoint=None)
    evaluator = Evaluator(splits.all_rows, splits.labels, context.seed)
    rows = np.arange(len(splits.all_rows))
    scheme = SplitScheme(splits.split.kind, splits, list(folds), evaluator, rows)
    config = ComparisonConfig(settings, context, None, len(folds))
    result = run_model(BASELINE, scheme, config, ResultStore(None, context.progress))
    return output_of(result)


def clear_baseline(kept: CheckpointConfig) -> None:
    """Delete what `fit_baseline` has kept."""
    ResultStore(kept.file, Silent(), _WHAT).clear()


def majority_output(train: Dataset, evaluator: Evaluator) -> ModelOutput:
    """Give each test row the most frequent label of the training rows, or set of labels.

    Its probabilities are the labels' smoothed shares of the training rows.
    """
    n_test = len(evaluator.test)
    if train.multilabel:
        log_proba, thresholds = most_frequent_set(train.targets)
        return ModelOutput(np.tile(log_proba, (n_test, 1)), thresholds)
    n_classes = len(evaluator.labels)
    shares = (np.bincount(train.targets, minlength=n_classes) + 1.0) / (len(train) + n_classes)
    return ModelOutput(np.tile(np.log(shares), (n_test, 1)))


def baselines_of(
    majority: AnyScores, count: AnyScores, count_seconds: float
) -> Baselines | MultilabelBaselines:
    """Gather the scores of both."""
    if isinstance(majority, MultilabelScores):
        return MultilabelBaselines(
            majority=MultilabelBaseline(**_facts(majority, 0.0)),
            count=MultilabelBaseline(**_facts(count, count_seconds)),
        )
    return Baselines(
        majority=Baseline(**_facts(majority, 0.0)), count=Baseline(**_facts(count, count_seconds))
    )


def _facts(scores: AnyScores, seconds: float) -> dict[str, Any]:
    facts = scores.model_dump(include=set(MultilabelBaseline.model_fields))
    return {**facts, "train_seconds": seconds}
