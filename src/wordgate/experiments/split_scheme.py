"""A split scheme of a comparison, its folds, and the results of each model on them."""

import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from wordgate.bundle.summary import model_bytes
from wordgate.data import Table
from wordgate.dedup.near_duplicates import NearDuplicates
from wordgate.evaluation.comparison import TAUGHT_LSTM, ModelResult
from wordgate.evaluation.error_analysis import WordCounts, count_words
from wordgate.evaluation.intervals import PairedDifference
from wordgate.experiments.evaluator import Evaluator
from wordgate.experiments.fitting import (
    Calibrated,
    ModelOutput,
    check_settings,
    context_for,
    context_of_task,
)
from wordgate.experiments.fold_results import FoldFacts, FoldResult, ResultStore
from wordgate.experiments.splits import DataSplits, Fold, make_folds, split_table
from wordgate.experiments.students import DistillationResult, ModelPlan, fit_model
from wordgate.families import FAMILIES
from wordgate.runtime.engine import Engine, map_tasks
from wordgate.settings import Settings
from wordgate.storage.resumable import VECTORS, RunFingerprint, as_it_is
from wordgate.training.families import engine_of
from wordgate.training.fitting import RunContext

RANDOM, GROUPED, GIVEN = "random", "grouped", "given"


@dataclass(frozen=True)
class ComparisonConfig:
    """Configuration of a comparison.

    Attributes:
        plans: The models by their names, of those in `COMPARED`.
        context: Seed, progress, threads, and the device of families not limited to the CPU.
        transformer: Folder of the pretrained transformer; None if none is compared.
    """

    plans: Mapping[str, ModelPlan]
    context: RunContext
    transformer: Path | None = None
    engine: Engine = field(default_factory=Engine)


@dataclass(frozen=True)
class SplitScheme:
    """A kind of split, with its folds.

    Attributes:
        kind: ``random``, ``grouped`` or ``given``.
        splits: The ordinary split; with folds, its near duplicates are used.
        folds: The folds; only the ordinary split without cross-validation.
        is_baseline: Whether a baseline is fitted, whose progress the caller reports.
    """

    kind: str
    splits: DataSplits
    folds: Sequence[Fold]
    seed: int
    is_baseline: bool = False

    @cached_property
    def rows(self) -> NDArray[np.int64]:
        """The positions of all test rows in the table, int64 [n]."""
        return np.sort(np.concatenate([fold.rows for fold in self.folds]))

    @cached_property
    def evaluator(self) -> Evaluator:
        """The evaluator of all test rows, in the table's order."""
        return Evaluator(self.splits.all_rows.part(self.rows), self.splits.labels, self.seed)

    def difference(self, result: ModelResult, other: ModelResult) -> PairedDifference:
        """Compare two families on the same rows: by accuracy, or micro F1 of several labels."""
        return self.evaluator.paired_difference(output_of(result), output_of(other))

    def macro_f1_difference(
        self, result: ModelResult, other: ModelResult
    ) -> PairedDifference | None:
        """Compare macro F1 of two families on the same rows; None unless labels are skewed."""
        return self.evaluator.macro_f1_difference(output_of(result), output_of(other))

    def deciding_difference(self, result: ModelResult, other: ModelResult) -> PairedDifference:
        """Compare two families by the score that decides: macro F1 if labels are skewed."""
        return self.macro_f1_difference(result, other) or self.difference(result, other)

    def joined(self, parts: list[NDArray[np.float64]]) -> NDArray[np.float64]:
        """Concatenate float64 [n_test of a fold, ...] of each fold, in the order of `rows`."""
        rows = np.concatenate([fold.rows for fold in self.folds])
        return np.concatenate(parts)[np.argsort(rows)]

    def words(self) -> WordCounts:
        """Count the words of the test rows, and those that their fold's training rows lack."""
        counts = [count_words(fold.test.texts, fold.train.texts) for fold in self.folds]
        n_words = self.joined([one.n_words.astype(np.float64) for one in counts])
        return WordCounts(n_words.astype(np.int64), self.joined([one.unseen for one in counts]))

    def leak(self) -> str:
        """Describe how many of the test rows leak from training."""
        split = self.splits.facts()
        prefix = "" if len(self.folds) == 1 else "One ordinary split in place of the folds, "
        return f"{prefix}{split.kind} split: {split.leakage()}"


def make_scheme(
    table: Table,
    kind: str,
    copies: NearDuplicates,
    settings: Settings,
    n_folds: int | None,
    context: RunContext,
) -> SplitScheme:
    """Split the rows; the kind is ``given`` if the table itself defines the subsets."""
    settings, seed = settings.updated({"split": GROUPED if kind == GIVEN else kind}), context.seed
    splits = split_table(table, settings, seed, copies)
    check_settings(settings, splits.fit_data(None))
    folds = make_folds(table, splits, n_folds, settings, seed)
    splits.report(context.progress)
    return SplitScheme(kind, splits, folds, seed)


@dataclass(frozen=True)
class FoldTask:
    """A model to fit and test on a fold: positions of the scheme and of its fold, from 0."""

    family: str
    scheme: int
    number: int


@dataclass
class _Fits:
    """Fits of several models on the folds of several schemes, some of them stored."""

    schemes: Sequence[SplitScheme]
    config: ComparisonConfig
    store: ResultStore
    _of_teachers: dict[FoldTask, FoldResult] = field(default_factory=dict)
    """Results of ``transformer`` if the same model was fine-tuned as teacher of `TAUGHT_LSTM`."""

    def results(self, tasks: Sequence[FoldTask]) -> Iterator[tuple[FoldTask, FoldResult]]:
        """Return the results in the order of completion, stored ones first."""
        config, progress = self.config, self.config.context.progress
        if config.engine.is_local:
            for task in tasks:
                yield task, self._result(task)
            return
        missing = []
        for task in tasks:
            stored = self._stored(task)
            if stored is None:
                missing.append(task)
            else:
                yield task, stored
        sent = replace(config, context=context_of_task(config.context, config.engine))
        with progress.bar(len(missing)) as bar:
            for task, result in map_tasks(_fit_fold, (self.schemes, sent), missing, config.engine):
                self._save(task, result)
                bar.advance(self._title(task))
                yield task, result

    def _result(self, task: FoldTask) -> FoldResult:
        """Fit and test a model on a fold in this process, or read the stored result."""
        scheme, fold = self.schemes[task.scheme], self._fold(task)
        progress, of_teacher = self.config.context.progress, self._of_teachers.pop(task, None)
        if of_teacher is None and (stored := self._stored(task)) is not None:
            return stored
        if len(scheme.folds) > 1 or not scheme.is_baseline:
            progress.begin(f"Fitting {self._title(task)}")
        if of_teacher is not None:
            progress.say("Already fine-tuned as the teacher of the distilled LSTM.")
            return of_teacher
        plan, context = self.config.plans[task.family], self.config.context
        calibrated, taught = fit_model(plan, fold, context_for(plan.family, context))
        result = _tested(calibrated, fold.test.texts)
        if time.monotonic() < self.config.context.deadline:  # else it may have been stopped early
            self._save(task, result)
        teacher = None if taught is None else _teacher_as_model(taught, self.config)
        if teacher is not None:
            as_model = replace(task, family="transformer")
            self._of_teachers[as_model] = _tested(teacher, fold.test.texts)
            self._save(as_model, self._of_teachers[as_model])
        return result

    def _stored(self, task: FoldTask) -> FoldResult | None:
        """Read the stored result of a fold; None without one."""
        fold = self._fold(task)
        fingerprint = _fingerprint(task.family, fold, self.config)
        return self.store.load(self._name(task), fingerprint, (len(fold.test), len(fold.labels)))

    def _save(self, task: FoldTask, result: FoldResult) -> None:
        fingerprint = _fingerprint(task.family, self._fold(task), self.config)
        self.store.save(self._name(task), result, fingerprint)

    def _fold(self, task: FoldTask) -> Fold:
        return self.schemes[task.scheme].folds[task.number]

    def _name(self, task: FoldTask) -> str:
        """Return the name under which the result of a fit is stored."""
        return f"{self.schemes[task.scheme].kind}-{task.family}-{task.number + 1}"

    def _title(self, task: FoldTask) -> str:
        """Name a fit in messages."""
        scheme = self.schemes[task.scheme]
        n_folds = len(scheme.folds)
        of = "" if n_folds == 1 else f", fold {task.number + 1} of {n_folds}"
        return f"{task.family} on the {scheme.kind} split{of}"


def run_models(
    families: Sequence[str],
    schemes: Sequence[SplitScheme],
    config: ComparisonConfig,
    store: ResultStore,
) -> Iterator[tuple[SplitScheme, ModelResult]]:
    """Fit and test each model on each fold of each scheme, and evaluate all test rows of a scheme.

    Each fold without a stored result is a task of the engine. Results are ordered by family, then
    by scheme.
    """
    tasks = {
        (family, number): [FoldTask(family, number, fold) for fold in range(len(scheme.folds))]
        for family in families
        for number, scheme in enumerate(schemes)
    }
    results = _Fits(schemes, config, store).results(
        [task for of_model in tasks.values() for task in of_model]
    )
    finished: dict[FoldTask, FoldResult] = {}
    for (family, number), of_model in tasks.items():
        while not finished.keys() >= {*of_model}:
            task, result = next(results)
            finished[task] = result
        fold_results = [finished.pop(task) for task in of_model]
        yield schemes[number], _joined_result(family, schemes[number], fold_results)


def _fit_fold(shared: tuple[Sequence[SplitScheme], ComparisonConfig], task: FoldTask) -> FoldResult:
    """Fit and test a model on a fold, on a worker."""
    schemes, config = shared
    plan, fold = config.plans[task.family], schemes[task.scheme].folds[task.number]
    context = replace(context_for(plan.family, config.context), started=time.monotonic())
    calibrated, _ = fit_model(plan, fold, context)
    return _tested(calibrated, fold.test.texts)


def _joined_result(family: str, scheme: SplitScheme, results: Sequence[FoldResult]) -> ModelResult:
    """Evaluate the test rows of all folds together."""
    evaluator, several = scheme.evaluator, scheme.splits.test.multilabel
    outputs = [result.output(multilabel=several) for result in results]
    output = ModelOutput.of_folds(outputs, [fold.rows for fold in scheme.folds])
    facts = [result.facts for result in results]
    single = facts[0] if len(facts) == 1 else None
    return ModelResult(
        family=family,
        kind=scheme.kind,
        scores=evaluator.scores(output),
        correct=evaluator.correct(output),
        log_proba=output.log_proba,
        uncalibrated=scheme.joined([result.log_proba for result in results]),
        thresholds=output.thresholds,
        given=output.given() if several else None,
        temperature=None if single is None else single.temperature,
        history=() if single is None else single.history,
        best_epoch=0 if single is None else single.best_epoch,
        train_seconds=float(np.mean([one.train_seconds for one in facts])),
        texts_per_second=float(np.mean([one.texts_per_second for one in facts])),
        megabytes=max(one.megabytes for one in facts),
        remarks=tuple(dict.fromkeys(remark for one in facts for remark in one.remarks)),
    )


def output_of(result: ModelResult) -> ModelOutput:
    """Return the predictions of a result for the test rows."""
    return ModelOutput(result.log_proba, result.thresholds)


def _teacher_as_model(taught: DistillationResult, config: ComparisonConfig) -> Calibrated | None:
    """Return a fine-tuned teacher that equals the model ``transformer``; None without one."""
    student, model = config.plans.get(TAUGHT_LSTM), config.plans.get("transformer")
    if student is None or model is None or student.teaching is None:
        return None
    name = model.settings.transformer.model
    as_taught = student.settings.updated({"transformer.model": name})
    if _read_by("transformer", model.settings) != _read_by("transformer", as_taught):
        return None
    same_seed_and_time = (
        student.settings.teacher.models[0] == name and student.teaching.minutes is None
    )
    return taught.fine_tuned.get(name) if same_seed_and_time else None


def _tested(calibrated: Calibrated, texts: Sequence[str]) -> FoldResult:
    """Predict the test texts, and measure the speed."""
    fitted = calibrated.fitted
    fitted.model.log_proba(texts[:1])  # the first call initializes the model
    started = time.perf_counter()
    log_proba = fitted.model.log_proba(texts)
    rate = len(texts) / max(1e-9, time.perf_counter() - started)
    thresholds = calibrated.thresholds
    facts = FoldFacts(
        temperature=calibrated.temperature,
        history=tuple(fitted.history),
        best_epoch=fitted.best_epoch,
        train_seconds=calibrated.seconds,
        texts_per_second=rate,
        megabytes=model_bytes(fitted.model) / 1e6,
        remarks=tuple(fitted.remarks),
        thresholds=None if thresholds is None else tuple(thresholds.tolist()),
    )
    return FoldResult(log_proba, facts)


def _fingerprint(family: str, fold: Fold, config: ComparisonConfig) -> RunFingerprint:
    """List everything that determines the result of a model on a fold."""
    plan = config.plans[family]
    vectors, settings = plan.vectors, plan.settings
    readers = ("lstm", "transformer") if family == TAUGHT_LSTM else (family,)
    read = {name: value for reader in readers for name, value in _read_by(reader, settings).items()}
    work = {
        "data": "".join(part.digest() for part in (fold.train, fold.valid, fold.test)),
        VECTORS: "none" if vectors is None else as_it_is(vectors.file.path),
        "seed": str(config.context.seed),
        "settings that were set": " ".join(sorted(settings.set_by_user & read.keys())) or "none",
        **{name: str(value) for name, value in read.items()},
    }
    if family == "transformer" and config.transformer is not None:
        work["transformer"] = as_it_is(config.transformer)
    if plan.teaching is not None:
        work |= plan.teaching.facts()
    return RunFingerprint(
        work, engine_of(plan.family, settings, context_for(plan.family, config.context))
    )


def _read_by(family: str, settings: Settings) -> dict[str, object]:
    """Return the settings that a family reads, except the split, which a comparison varies."""
    return {
        name: value
        for name, value in settings.flat().items()
        if name != "split" and FAMILIES[family].reads(name)
    }
