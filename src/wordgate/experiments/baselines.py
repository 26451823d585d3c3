"""Baselines: the family `count` with its default recipe, and the most frequent label."""

import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, replace
from functools import partial
from typing import Any

import numpy as np

from wordgate.bundle.metrics import Baselines, MultilabelBaseline, MultilabelBaselines
from wordgate.data.dataset import Dataset
from wordgate.evaluation.multilabel import AnyScores, MultilabelScores, most_frequent_set
from wordgate.experiments.evaluator import Evaluator
from wordgate.experiments.fitting import ModelOutput
from wordgate.experiments.fold_results import ResultStore
from wordgate.experiments.resuming import telling_what_is_kept
from wordgate.experiments.split_scheme import ComparisonConfig, SplitScheme, output_of, run_models
from wordgate.experiments.splits import DataSplits, Fold
from wordgate.experiments.students import ModelPlan
from wordgate.runtime.engine import Engine
from wordgate.runtime.processes import (
    BackgroundCall,
    ProcessEndedError,
    ProcessStartError,
    call_in_background,
)
from wordgate.runtime.progress import Recorder, Silent, stage
from wordgate.runtime.threads import choose_torch_threads
from wordgate.settings import Settings
from wordgate.training.fitting import TIME_LIMIT, CheckpointConfig, RunContext
from wordgate.training.processes import are_worth_starting

BASELINE = "count"
SHARE_OF_TIME = 0.25
"""Maximum fraction of the fitting time for the `count` baseline of another family."""
_SHARE_IN_BACKGROUND = 0.8
"""The same if the model is fitted at the same time; the rest is for predictions."""
_WHAT = "baseline"


@dataclass(frozen=True)
class BaselineResult:
    """Predictions of a baseline for the test rows, its scores, and its costs."""

    output: ModelOutput
    scores: AnyScores
    train_seconds: float = 0.0
    remarks: tuple[str, ...] = ()


def fit_baseline(
    splits: DataSplits,
    folds: Sequence[Fold],
    settings: Settings,
    context: RunContext,
    kept: CheckpointConfig | None = None,
    engine: Engine | None = None,
    share: float = SHARE_OF_TIME,
) -> BaselineResult:
    """Fit and test the family `count` exactly as a comparison on the same folds does.

    Args:
        splits: The split of the table.
        folds: The folds; the split alone if there are no others.
        settings: Those of the model that is compared with the baseline.
        context: Seed, progress, threads and deadline.
        kept: Where the results are stored until the training ends; None for nowhere.
        engine: Where the folds are fitted; None for this process.
        share: The maximum fraction of the time until the deadline.
    """
    now = time.monotonic()
    deadline = now + share * max(0.0, context.deadline - now)
    context = replace(context, device="auto", checkpoint=None, deadline=deadline)
    store = ResultStore(None if kept is None else kept.file, context.progress, _WHAT)
    if kept is None or not kept.resume:
        store.clear()
    scheme = SplitScheme(splits.split.kind, splits, folds, context.seed, is_baseline=True)
    plans = {BASELINE: ModelPlan(BASELINE, settings)}
    config = ComparisonConfig(plans, context, engine=engine or Engine())
    [(_, result)] = run_models([BASELINE], [scheme], config, store)
    late = [remark for remark in result.remarks if remark.startswith(TIME_LIMIT)]
    return BaselineResult(
        output_of(result),
        result.scores,
        result.train_seconds,
        tuple(f"The count baseline: {remark}" for remark in late),
    )


@contextmanager
def baseline_in_background(
    splits: DataSplits,
    settings: Settings,
    context: RunContext,
    kept: CheckpointConfig | None,
) -> Iterator[Callable[[], BaselineResult] | None]:
    """Fit the baseline in a process of its own, in one thread, while the context lasts.

    Args as for `fit_baseline`. Its messages are shown with its result. If the process is lost, such
    as for lack of memory, that is reported, and the baseline is fitted in this process.

    Yields:
        A function that waits for the result; None where the baseline is to be fitted in this
        process before the model: with few texts, a single thread, or a result that is kept.
    """
    fit = partial(fit_baseline, splits, [splits], settings, kept=kept, share=_SHARE_IN_BACKGROUND)
    with ExitStack() as stack:
        result = None
        if _is_worth_a_process(len(splits.train), context, kept):
            there = replace(context, threads=1, progress=Silent(), checkpoint=None)
            try:
                call = stack.enter_context(call_in_background(partial(_recorded, fit, there)))
            except ProcessStartError as error:
                context.progress.say(f"Fitting the count baseline in this process: {error}.")
            else:
                result = partial(_received, call, fit, context)
                context.progress.say(
                    "Fitting the count baseline in another process while the model is trained."
                )
        yield result


def _is_worth_a_process(n_train: int, context: RunContext, kept: CheckpointConfig | None) -> bool:
    is_kept = kept is not None and kept.resume and kept.file.exists()
    is_parallel = choose_torch_threads(context.threads) > 1
    return is_parallel and are_worth_starting(n_train) and not is_kept


def _recorded(
    fit: Callable[[RunContext], BaselineResult], context: RunContext
) -> tuple[BaselineResult, Recorder]:
    """Fit the baseline in another process, and return its messages, too."""
    recorder = Recorder()
    return fit(replace(context, progress=recorder)), recorder


def _received(
    call: BackgroundCall[tuple[BaselineResult, Recorder]],
    fit: Callable[[RunContext], BaselineResult],
    context: RunContext,
) -> BaselineResult:
    """Wait for the baseline; fit it in this process if the other one is lost."""
    progress, kept = context.progress, context.checkpoint
    with telling_what_is_kept(None if kept is None else kept.file, "the checkpoint is"):
        try:
            with stage(progress, "Waiting for the count baseline"):
                result, recorder = call.result()
        except ProcessEndedError as error:
            progress.say(f"The count baseline is fitted again, in this process: {error}.")
            return fit(context)
    recorder.show(progress)
    return result


def majority_baseline(train: Dataset, evaluator: Evaluator) -> BaselineResult:
    """Predict the most frequent label of the training rows, or set of labels, for each test row.

    Its probabilities are the labels' smoothed shares of the training rows.
    """
    n_test, n_classes, thresholds = len(evaluator.test), len(evaluator.labels), None
    if train.multilabel:
        log_proba, thresholds = most_frequent_set(train.targets)
    else:
        counts = np.bincount(train.targets, minlength=n_classes)
        log_proba = np.log((counts + 1.0) / (len(train) + n_classes))
    output = ModelOutput(np.tile(log_proba, (n_test, 1)), thresholds)
    return BaselineResult(output, evaluator.scores(output))


def baselines_of(
    majority: BaselineResult, count: BaselineResult
) -> Baselines | MultilabelBaselines:
    """Gather the scores of both baselines."""
    facts = {"majority": _facts(majority), "count": _facts(count)}
    several = isinstance(majority.scores, MultilabelScores)
    return (MultilabelBaselines if several else Baselines).model_validate(facts)


def _facts(result: BaselineResult) -> dict[str, Any]:
    facts = result.scores.model_dump(include=set(MultilabelBaseline.model_fields))
    return {**facts, "train_seconds": result.train_seconds}
