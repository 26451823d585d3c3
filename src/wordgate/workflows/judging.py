"""From a fitted model to `metrics.json`: scores, baselines, and how unseen the test rows were."""

import time
from dataclasses import asdict, dataclass

import numpy as np
from numpy.typing import NDArray

from wordgate.bundle.metrics import (
    Baseline,
    Baselines,
    CoveragePoint,
    PairedDifference,
    SplitFacts,
    TeacherFacts,
    Tempering,
    VectorFacts,
)
from wordgate.evaluation.calibration import calibration, tempered
from wordgate.evaluation.coverage import coverage_curve
from wordgate.evaluation.intervals import paired_difference
from wordgate.evaluation.metrics import Scores, evaluate
from wordgate.models.base import Model
from wordgate.training.count import fit_count
from wordgate.training.fitting import Examples
from wordgate.vectors.lookup import VocabularyCoverage
from wordgate.vectors.pretrained import PretrainedVectors
from wordgate.workflows.study import Study
from wordgate.workflows.teaching import Taught


@dataclass(frozen=True)
class Exam:
    """The test rows, and what is needed to judge on them.

    Attributes:
        examples: Texts, targets and groups of the test rows.
        labels: The labels by their numbers.
        seed: Decides the resampling.
    """

    examples: Examples
    labels: tuple[str, ...]
    seed: int

    def scores(self, log_proba: NDArray[np.float64]) -> Scores:
        """Score float64 [n, classes]."""
        examples = self.examples
        return evaluate(examples.targets, log_proba, self.labels, examples.groups, seed=self.seed)

    def part(self, rows: NDArray[np.bool_]) -> "Exam":
        """Keep only some rows, bool [n]."""
        return Exam(self.examples.part(np.flatnonzero(rows)), self.labels, self.seed)

    def right(self, log_proba: NDArray[np.float64]) -> NDArray[np.bool_]:
        """Tell which rows are labelled right, bool [n]."""
        return np.asarray(log_proba.argmax(axis=1) == self.examples.targets)


@dataclass(frozen=True)
class JudgedBaselines:
    """The baselines' scores, and which test rows the word counts get right, bool [n]."""

    facts: Baselines
    count_right: NDArray[np.bool_]


def judge_baselines(train: Examples, exam: Exam) -> JudgedBaselines:
    """Fit and judge the majority class and word counts with logistic regression."""
    n_classes = len(exam.labels)
    started = time.monotonic()
    majority = _majority(train.targets, n_classes, len(exam.examples.texts))
    majority_seconds = time.monotonic() - started
    started = time.monotonic()
    count_model: Model = fit_count(train.texts, train.targets, n_classes, seed=exam.seed)
    count_seconds = time.monotonic() - started
    count = count_model.log_proba(exam.examples.texts)
    facts = Baselines(
        majority=_baseline(exam.scores(majority), majority_seconds),
        count=_baseline(exam.scores(count), count_seconds),
    )
    return JudgedBaselines(facts, exam.right(count))


def compare_to_count(
    exam: Exam, log_proba: NDArray[np.float64], baselines: JudgedBaselines
) -> PairedDifference:
    """Test a model against the word counts on the same rows, paired by group."""
    difference = paired_difference(
        exam.right(log_proba), baselines.count_right, exam.examples.groups, seed=exam.seed
    )
    return PairedDifference(**asdict(difference))


def teacher_facts(exam: Exam, log_proba: NDArray[np.float64], taught: Taught) -> TeacherFacts:
    """Tell what the teacher of a student scores, and what the student keeps of it."""
    own = taught.test_log_proba
    scores, groups = exam.scores(own), exam.examples.groups
    difference = paired_difference(exam.right(log_proba), exam.right(own), groups, seed=exam.seed)
    return TeacherFacts(
        name=taught.teacher,
        accuracy=scores.accuracy,
        macro_f1=scores.macro.f1,
        log_loss=scores.log_loss,
        agreement=float((log_proba.argmax(axis=1) == own.argmax(axis=1)).mean()),
        difference=PairedDifference(**asdict(difference)),
        n_labelled=taught.n_labelled,
        n_unlabelled=taught.n_unlabelled,
        n_left_out=taught.n_left_out,
        n_variations=taught.n_variations,
        seconds=taught.seconds,
    )


def tempering_facts(exam: Exam, untempered: NDArray[np.float64], temperature: float) -> Tempering:
    """Tell how far probabilities can be believed, before and after temperature scaling."""
    targets = exam.examples.targets
    after = tempered(untempered, temperature)
    return Tempering.model_validate(
        {
            "temperature": temperature,
            "before": asdict(calibration(untempered, targets)),
            "after": asdict(calibration(after, targets)),
        }
    )


def coverage_facts(exam: Exam, log_proba: NDArray[np.float64]) -> list[CoveragePoint]:
    """Tell what abstaining below a probability would leave."""
    curve = coverage_curve(log_proba, exam.examples.targets)
    return [CoveragePoint(**asdict(point)) for point in curve]


def split_facts(study: Study) -> SplitFacts:
    """Gather what is known of the split, near copies between its parts included."""
    split = study.split
    near = study.copies.has_duplicate_in(split.test, split.train)
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


def leak_sentence(study: Study) -> str:
    """Say how many test rows of a split a model could know from training."""
    facts = split_facts(study)
    return (
        f"{facts.kind}: of {facts.n_test:,} test rows {facts.leaked_by_group / facts.n_test:.1%}"
        f" have their group in train, {facts.near_duplicates_in_train / facts.n_test:.1%} a near"
        " copy there."
    )


def vector_facts(
    vectors: PretrainedVectors | None, coverage: VocabularyCoverage | None
) -> VectorFacts | None:
    """Gather where pretrained word vectors came from, and how many words had one."""
    if vectors is None or coverage is None:
        return None
    file = vectors.file
    return VectorFacts(file=vectors.name, format=file.format, size=file.dim, **asdict(coverage))


def _majority(targets: NDArray[np.int64], n_classes: int, n_texts: int) -> NDArray[np.float64]:
    """Predict every text by the labels' shares in train, float64 [n, classes]."""
    shares = (np.bincount(targets, minlength=n_classes) + 1.0) / (len(targets) + n_classes)
    return np.tile(np.log(shares), (n_texts, 1))


def _baseline(scores: Scores, seconds: float) -> Baseline:
    return Baseline(
        accuracy=scores.accuracy,
        macro_f1=scores.macro.f1,
        log_loss=scores.log_loss,
        train_seconds=seconds,
    )
