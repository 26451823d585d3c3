"""What a training has to beat: the family `count` as it ships, and the most frequent label."""

import time
from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from wordgate.bundle.metrics import Baseline, Baselines
from wordgate.data.dataset import Dataset
from wordgate.evaluation.metrics import Scores
from wordgate.evaluation.multilabel import MultilabelScores
from wordgate.experiments.metrics import Evaluator
from wordgate.experiments.resuming import ResultStore
from wordgate.experiments.split_scheme import ComparisonConfig, SplitScheme, run_model
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
        log_proba: float64 [n_test, classes], calibrated as the recipe says.
        scores: Its scores.
        train_seconds: What fitting it took.
        remarks: What cut its fit short.
    """

    log_proba: NDArray[np.float64]
    scores: Scores | MultilabelScores
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
        result.log_proba,
        result.scores,
        result.train_seconds,
        tuple(f"The family count, which it is compared with: {remark}" for remark in late),
    )


def fit_baseline_on_folds(
    splits: DataSplits, folds: Sequence[Fold], settings: Settings, context: RunContext
) -> NDArray[np.float64]:
    """Fit and test the family `count` on each fold, as a comparison in the same folds does.

    Args:
        splits: The ordinary split of the rows.
        folds: The folds.
        settings: As for `fit_baseline`.
        context: Seed and progress.

    Returns:
        Each row's log-probabilities by the model that had not seen it, float64 [rows, classes].
    """
    context = replace(context, device="auto", checkpoint=None)
    evaluator = Evaluator(splits.all_rows, splits.labels, context.seed)
    rows = np.arange(len(splits.all_rows))
    scheme = SplitScheme(splits.split.kind, splits, list(folds), evaluator, rows)
    config = ComparisonConfig(settings, context, None, len(folds))
    return run_model(BASELINE, scheme, config, ResultStore(None, context.progress)).log_proba


def clear_baseline(kept: CheckpointConfig) -> None:
    """Delete what `fit_baseline` has kept."""
    ResultStore(kept.file, Silent(), _WHAT).clear()


def majority_log_proba(train: Dataset, evaluator: Evaluator) -> NDArray[np.float64]:
    """Give each test row the labels' smoothed shares of the training rows, float64 [n, classes]."""
    n_classes = len(evaluator.labels)
    shares = (np.bincount(train.targets, minlength=n_classes) + 1.0) / (len(train) + n_classes)
    return np.tile(np.log(shares), (len(evaluator.test), 1))


def baselines_of(
    majority: Scores, count: Scores | MultilabelScores, count_seconds: float
) -> Baselines:
    """Gather the scores of both."""
    return Baselines(majority=_baseline(majority, 0.0), count=_baseline(count, count_seconds))


def _baseline(scores: Scores | MultilabelScores, seconds: float) -> Baseline:
    return Baseline(
        accuracy=scores.accuracy,
        macro_f1=scores.macro_f1,
        log_loss=scores.log_loss,
        train_seconds=seconds,
    )
