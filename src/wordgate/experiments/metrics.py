"""From a fitted model to `metrics.json`: scores, baselines, facts on split, vectors and teacher."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from wordgate.bundle.metrics import (
    CrossValidation,
    FoldScores,
    SplitFacts,
    TeacherFacts,
    VectorFacts,
)
from wordgate.data import Table
from wordgate.data.dataset import Dataset
from wordgate.evaluation.error_analysis import PredictedRows
from wordgate.evaluation.intervals import PairedDifference, paired_difference
from wordgate.evaluation.metrics import Scores, evaluate
from wordgate.experiments.fitting import Calibrated
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

    def scores(self, log_proba: NDArray[np.float64]) -> Scores:
        """Score float64 [n, classes]."""
        test = self.test
        return evaluate(test.targets, log_proba, self.labels, test.groups, seed=self.seed)

    def part(self, rows: NDArray[np.bool_]) -> "Evaluator":
        """Keep only some rows, bool [n]."""
        return Evaluator(self.test.part(np.flatnonzero(rows)), self.labels, self.seed)

    def correct(self, log_proba: NDArray[np.float64]) -> NDArray[np.bool_]:
        """Tell which rows are classified correctly, bool [n]."""
        return np.asarray(log_proba.argmax(axis=1) == self.test.targets)

    def paired_difference(
        self, log_proba: NDArray[np.float64], other: NDArray[np.float64]
    ) -> PairedDifference:
        """Test a model's predictions against another one's, paired by group."""
        correct = self.correct(log_proba), self.correct(other)
        return paired_difference(*correct, self.test.groups, seed=self.seed)


def scores_in_short(scores: Scores) -> str:
    """Write the scores that a line has room for."""
    f1 = "None" if scores.macro_f1 is None else f"{scores.macro_f1:.3f}"
    return f"accuracy={scores.accuracy:.3f}, macro_f1={f1}, n={scores.n}"


def teacher_facts(
    evaluator: Evaluator, log_proba: NDArray[np.float64], taught: DistillationResult
) -> TeacherFacts:
    """Compare a student with its teacher on the test rows."""
    own = taught.test_log_proba
    scores = evaluator.scores(own)
    return TeacherFacts(
        name=taught.teacher,
        accuracy=scores.accuracy,
        macro_f1=scores.macro_f1,
        log_loss=scores.log_loss,
        agreement=float((log_proba.argmax(axis=1) == own.argmax(axis=1)).mean()),
        difference=evaluator.paired_difference(log_proba, own),
        n_labelled=taught.n_labelled,
        n_unlabelled=taught.n_unlabelled,
        n_left_out=taught.n_left_out,
        n_variations=taught.n_variations,
        seconds=taught.seconds,
    )


def predictions(
    table: Table, dataset: Dataset, rows: NDArray[np.int64], log_proba: NDArray[np.float64]
) -> PredictedRows:
    """Join a model's predictions to the rows of the user's file.

    Args:
        table: All rows.
        dataset: Those that were predicted.
        rows: int64 [n], where they stand in the table.
        log_proba: float64 [n, classes], calibrated.
    """
    return PredictedRows(
        log_proba=log_proba,
        targets=dataset.targets,
        texts=dataset.texts,
        rows=[table.rows[row] for row in rows.tolist()],
        groups=dataset.groups,
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
) -> tuple[CrossValidation, NDArray[np.float64]]:
    """Fit a model for each fold, and test it there.

    Args:
        splits: The ordinary split of the rows.
        folds: The folds, as `make_folds` gives them.
        fit: Fits a model to a fold.
        context: The seed of the intervals, and where progress is shown.

    Returns:
        What the folds came to, and each row's log-probabilities by the model that had not seen it,
        float64 [rows, classes].
    """
    labels, seed = splits.labels, context.seed
    log_proba = np.zeros((len(splits.all_rows), len(labels)))
    found = []
    for number, fold in enumerate(folds, start=1):
        context.progress.say(f"fold {number} of {len(folds)}: {len(fold.rows):,} test rows")
        log_proba[fold.rows] = fit(fold).log_proba(fold.test.texts)
        scores = Evaluator(fold.test, labels, seed).scores(log_proba[fold.rows])
        found.append(
            FoldScores(
                n_train=len(fold.train) + len(fold.valid),
                n_test=len(fold.rows),
                accuracy=scores.accuracy,
                macro_f1=scores.macro_f1,
            )
        )
    everything = Evaluator(splits.all_rows, labels, seed).scores(log_proba)
    validation = CrossValidation(
        accuracy=everything.accuracy, interval=everything.intervals.accuracy, folds=found
    )
    return validation, log_proba
