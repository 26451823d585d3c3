"""From a fitted model to `metrics.json`: scores, baselines, facts on split, vectors and teacher."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from wordgate.bundle.metrics import (
    CrossValidation,
    FoldScores,
    MultilabelCrossValidation,
    MultilabelFoldScores,
    MultilabelTeacherFacts,
    SplitFacts,
    TeacherFacts,
    VectorFacts,
)
from wordgate.data import Table
from wordgate.data.dataset import Dataset
from wordgate.evaluation.calibration import Calibration
from wordgate.evaluation.error_analysis import (
    ErrorAnalysis,
    PredictedRows,
    WordCounts,
    analyse_errors,
)
from wordgate.evaluation.intervals import PairedDifference, paired_difference
from wordgate.evaluation.metrics import evaluate
from wordgate.evaluation.multilabel import (
    AnyScores,
    MultilabelScores,
    evaluate_multilabel,
    paired_f1_difference,
)
from wordgate.evaluation.multilabel_errors import MultilabelAnalysis, analyse_multilabel_errors
from wordgate.evaluation.selective_prediction import coverage_curve
from wordgate.experiments.fitting import Calibrated, ModelOutput
from wordgate.experiments.splits import DataSplits, Fold
from wordgate.experiments.students import DistillationResult
from wordgate.training.fitting import RunContext
from wordgate.vectors.lookup import VocabularyCoverage
from wordgate.vectors.pretrained import PretrainedVectors


@dataclass(frozen=True)
class Evaluator:
    """Scores predictions on the test rows.

    Attributes:
        test: The test rows.
        labels: The labels by their numbers.
        seed: Of the resampling.
    """

    test: Dataset
    labels: tuple[str, ...]
    seed: int

    def scores(self, output: ModelOutput) -> AnyScores:
        """Score what a model says of the test rows."""
        test, (log_proba, thresholds) = self.test, (output.log_proba, output.thresholds)
        rows = (test.targets, log_proba, self.labels, test.groups)
        if test.multilabel:
            return evaluate_multilabel(*rows, thresholds, seed=self.seed)
        return evaluate(*rows, predicted=output.classes(), seed=self.seed)

    def part(self, rows: NDArray[np.bool_]) -> "Evaluator":
        """Keep only some rows, bool [n]."""
        return Evaluator(self.test.part(np.flatnonzero(rows)), self.labels, self.seed)

    def correct(self, output: ModelOutput) -> NDArray[np.bool_]:
        """Tell which rows are classified correctly, with all their labels if several: bool [n]."""
        return _agree(self.test.targets, output.decisions(multilabel=self.test.multilabel))

    def paired_difference(self, output: ModelOutput, other: ModelOutput) -> PairedDifference:
        """Test a model's predictions against another one's, paired by group.

        The difference is of accuracy; with several labels a text, of micro F1.
        """
        test = self.test
        if test.multilabel:
            given = output.given(), other.given()
            return paired_f1_difference(test.targets, *given, test.groups, seed=self.seed)
        correct = self.correct(output), self.correct(other)
        return paired_difference(*correct, test.groups, seed=self.seed)

    def agreement(self, output: ModelOutput, other: ModelOutput) -> float:
        """Give the share of the rows that two models give the same label, or the same labels."""
        several = self.test.multilabel
        decisions = (each.decisions(multilabel=several) for each in (output, other))
        return float(_agree(*decisions).mean())


def _agree(one: NDArray[Any], other: NDArray[Any]) -> NDArray[np.bool_]:
    """Tell which rows have the same label, [n], or the same labels, [n, labels]: bool [n]."""
    same = one == other
    return np.asarray(same.all(axis=1) if same.ndim == 2 else same)


def scores_in_short(scores: AnyScores) -> str:
    """Write the scores that a line has room for."""
    names = ["accuracy", "macro_f1"]
    if isinstance(scores, MultilabelScores):
        names = ["micro_f1", "macro_f1"]
    values = {name: getattr(scores, name) for name in names}
    written = (f"{k}={'None' if v is None else f'{v:.3f}'}" for k, v in values.items())
    return f"{', '.join(written)}, n={scores.n}"


def teacher_facts(
    evaluator: Evaluator, output: ModelOutput, taught: DistillationResult
) -> TeacherFacts:
    """Compare a student with its teacher on the test rows."""
    own = ModelOutput(taught.test_log_proba)
    scores = evaluator.scores(own)
    facts = {
        "name": taught.teacher,
        "accuracy": scores.accuracy,
        "macro_f1": scores.macro_f1,
        "log_loss": scores.log_loss,
        "agreement": evaluator.agreement(output, own),
        "difference": evaluator.paired_difference(output, own),
        "n_labelled": taught.n_labelled,
        "n_unlabelled": taught.n_unlabelled,
        "n_left_out": taught.n_left_out,
        "n_variations": taught.n_variations,
        "seconds": taught.seconds,
    }
    if isinstance(scores, MultilabelScores):
        return MultilabelTeacherFacts(**facts, micro_f1=scores.micro_f1)
    return TeacherFacts(**facts)


def predictions(
    table: Table, dataset: Dataset, rows: NDArray[np.int64], output: ModelOutput
) -> PredictedRows:
    """Join a model's predictions to the rows of the user's file.

    Args:
        table: All rows.
        dataset: Those that were predicted.
        rows: int64 [n], where they stand in the table.
        output: What the model says of them.
    """
    return PredictedRows(
        log_proba=output.log_proba,
        given=output.decisions(multilabel=dataset.multilabel),
        targets=dataset.targets,
        texts=dataset.texts,
        rows=[table.rows[row] for row in rows.tolist()],
        groups=dataset.groups,
    )


def analyse(
    scores: AnyScores,
    rows: PredictedRows,
    words: WordCounts,
    *,
    temperature: float | None,
    before: Calibration,
    after: Calibration,
    suspected: PredictedRows | None = None,
    texts: bool = True,
    seed: int = 0,
) -> ErrorAnalysis | MultilabelAnalysis:
    """Analyse a model's errors on the test rows.

    Args:
        scores: Of the test rows.
        rows: The test rows, with what was predicted.
        words: Their words.
        temperature: As for `analyse_errors`, like `before` and `after`.
        before: Calibration before temperature scaling.
        after: Calibration of these predictions.
        suspected: The rows among which wrong labels are sought; None for `rows`.
        texts: Whether texts of the data may be shown.
        seed: Of the intervals' draws.
    """
    if isinstance(scores, MultilabelScores):
        return analyse_multilabel_errors(
            scores,
            rows,
            words,
            temperature=temperature,
            before=before,
            after=after,
            suspected=suspected,
            texts=texts,
            seed=seed,
        )
    return analyse_errors(
        scores,
        rows,
        words,
        temperature=temperature,
        before=before,
        after=after,
        coverage=coverage_curve(rows.log_proba, rows.targets),
        suspected=suspected,
        texts=texts,
        seed=seed,
    )


def split_facts(splits: DataSplits) -> SplitFacts:
    """Gather what is known of the split, near copies between its parts included."""
    split = splits.split
    copies, agreement = splits.copies, splits.agreement
    return SplitFacts(
        kind=split.kind,
        seed=split.seed,
        n_train=len(split.train),
        n_valid=len(split.valid),
        n_test=len(split.test),
        n_test_groups=split.n_test_groups,
        leaked_by_group=split.leaked_by_group,
        near_duplicates_in_train=int(copies.has_duplicate_in(split.test, split.train).sum()),
        known_in_train=int(copies.has_own_in(split.test, split.train).sum()),
        similar_in_train=agreement.rows,
        similar_with_label=agreement.agreeing,
        templated=agreement.is_templated,
        reason=split.reason,
        warnings=list(split.warnings),
    )


def vector_facts(
    vectors: PretrainedVectors | None, coverage: VocabularyCoverage | None
) -> VectorFacts | None:
    """Gather where pretrained word vectors came from, and how many words had one."""
    if vectors is None or coverage is None:
        return None
    file = vectors.file
    return VectorFacts(**dict(coverage), file=vectors.name, format=file.format, size=file.dim)


def cross_validate(
    splits: DataSplits,
    folds: Sequence[Fold],
    fit: Callable[[Fold], Calibrated],
    context: RunContext,
) -> tuple[CrossValidation | MultilabelCrossValidation, ModelOutput]:
    """Fit a model for each fold, and test it there.

    Args:
        splits: The ordinary split of the rows.
        folds: The folds, as `make_folds` gives them.
        fit: Fits a model to a fold.
        context: The seed of the intervals, and where progress is shown.

    Returns:
        What the folds came to, and what the model that had not seen it says of each row.
    """
    labels, seed = splits.labels, context.seed
    outputs, found = [], []
    for number, fold in enumerate(folds, start=1):
        context.progress.say(f"fold {number} of {len(folds)}: {len(fold.rows):,} test rows")
        outputs.append(fit(fold).output(fold.test.texts))
        scores = Evaluator(fold.test, labels, seed).scores(outputs[-1])
        found.append(_fold_scores(fold, scores))
    output = ModelOutput.of_folds(outputs, [fold.rows for fold in folds])
    everything = Evaluator(splits.all_rows, labels, seed).scores(output)
    interval = everything.main.interval
    if isinstance(everything, MultilabelScores):
        of_several = MultilabelCrossValidation(
            micro_f1=everything.micro_f1, interval=interval, folds=found
        )
        return of_several, output
    return CrossValidation(accuracy=everything.accuracy, interval=interval, folds=found), output


def _fold_scores(fold: Fold, scores: AnyScores) -> Any:
    facts = {
        "n_train": len(fold.train) + len(fold.valid),
        "n_test": len(fold.rows),
        "accuracy": scores.accuracy,
        "macro_f1": scores.macro_f1,
    }
    if isinstance(scores, MultilabelScores):
        return MultilabelFoldScores(**facts, micro_f1=scores.micro_f1)
    return FoldScores(**facts)
