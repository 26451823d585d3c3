"""From a fitted model to `metrics.json`: scores, baselines, facts on split, vectors and teacher."""

import time
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from wordgate.bundle.metrics import (
    Baseline,
    Baselines,
    SplitFacts,
    TeacherFacts,
    VectorFacts,
)
from wordgate.data import Table
from wordgate.evaluation.error_analysis import Predictions
from wordgate.evaluation.intervals import PairedDifference, paired_difference
from wordgate.evaluation.metrics import Scores, evaluate
from wordgate.experiments.splits import DataSplits
from wordgate.experiments.students import DistillationResult
from wordgate.models.base import Model
from wordgate.training.count import fit_count
from wordgate.training.fitting import Examples
from wordgate.vectors.lookup import VocabularyCoverage
from wordgate.vectors.pretrained import PretrainedVectors


@dataclass(frozen=True)
class Evaluator:
    """Scores predictions on the test rows.

    Attributes:
        examples: Texts, targets and groups of the test rows.
        labels: The labels by their numbers.
        seed: Of the resampling.
    """

    examples: Examples
    labels: tuple[str, ...]
    seed: int

    def scores(self, log_proba: NDArray[np.float64]) -> Scores:
        """Score float64 [n, classes]."""
        examples = self.examples
        return evaluate(examples.targets, log_proba, self.labels, examples.groups, seed=self.seed)

    def part(self, rows: NDArray[np.bool_]) -> "Evaluator":
        """Keep only some rows, bool [n]."""
        return Evaluator(self.examples.part(np.flatnonzero(rows)), self.labels, self.seed)

    def correct(self, log_proba: NDArray[np.float64]) -> NDArray[np.bool_]:
        """Tell which rows are classified correctly, bool [n]."""
        return np.asarray(log_proba.argmax(axis=1) == self.examples.targets)

    def paired_difference(
        self, log_proba: NDArray[np.float64], other: NDArray[np.float64]
    ) -> PairedDifference:
        """Test a model's predictions against another one's, paired by group."""
        groups = self.examples.groups
        return paired_difference(
            self.correct(log_proba), self.correct(other), groups, seed=self.seed
        )


@dataclass(frozen=True)
class BaselineResults:
    """The baselines' scores, and the log-probabilities of the word counts, [n, classes]."""

    facts: Baselines
    count_log_proba: NDArray[np.float64]


def evaluate_baselines(train: Examples, evaluator: Evaluator) -> BaselineResults:
    """Fit and evaluate the majority class and word counts with logistic regression."""
    n_classes = len(evaluator.labels)
    started = time.monotonic()
    majority = _majority(train.targets, n_classes, len(evaluator.examples.texts))
    majority_seconds = time.monotonic() - started
    started = time.monotonic()
    count_model: Model = fit_count(train.texts, train.targets, n_classes, seed=evaluator.seed)
    count_seconds = time.monotonic() - started
    count = count_model.log_proba(evaluator.examples.texts)
    facts = Baselines(
        majority=_baseline(evaluator.scores(majority), majority_seconds),
        count=_baseline(evaluator.scores(count), count_seconds),
    )
    return BaselineResults(facts, count)


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
    table: Table, examples: Examples, rows: NDArray[np.int64], log_proba: NDArray[np.float64]
) -> Predictions:
    """Join a model's predictions to the rows of the user's file.

    Args:
        table: All rows.
        examples: Those that were predicted.
        rows: int64 [n], where they stand in the table.
        log_proba: float64 [n, classes], calibrated.
    """
    return Predictions(
        log_proba=log_proba,
        targets=examples.targets,
        texts=examples.texts,
        rows=[table.rows[row] for row in rows.tolist()],
        groups=examples.groups,
    )


def split_facts(splits: DataSplits) -> SplitFacts:
    """Gather what is known of the split, near copies between its parts included."""
    split = splits.split
    near = splits.copies.has_duplicate_in(split.test, split.train)
    return SplitFacts(
        kind=split.kind,
        seed=split.seed,
        n_train=len(split.train),
        n_valid=len(split.valid),
        n_test=len(split.test),
        n_test_groups=split.n_test_groups,
        leaked_by_group=split.leaked_by_group,
        near_duplicates_in_train=int(near.sum()),
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


def _majority(targets: NDArray[np.int64], n_classes: int, n_texts: int) -> NDArray[np.float64]:
    """Predict every text by the labels' shares in train, float64 [n, classes]."""
    shares = (np.bincount(targets, minlength=n_classes) + 1.0) / (len(targets) + n_classes)
    return np.tile(np.log(shares), (n_texts, 1))


def _baseline(scores: Scores, seconds: float) -> Baseline:
    return Baseline(
        accuracy=scores.accuracy,
        macro_f1=scores.macro_f1,
        log_loss=scores.log_loss,
        train_seconds=seconds,
    )
