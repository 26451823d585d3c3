"""The schema of `metrics.json`: scores of a model, and the split they were measured on."""

from typing import Any, ClassVar, Literal

from pydantic import BaseModel, Field, TypeAdapter

from wordgate.evaluation.calibration import TemperatureScaling
from wordgate.evaluation.intervals import Interval, PairedDifference
from wordgate.evaluation.metrics import Epoch, MainScore, Scores
from wordgate.evaluation.multilabel import MultilabelScores
from wordgate.evaluation.search import SearchFacts, SearchObjective
from wordgate.evaluation.selective_prediction import CoveragePoint
from wordgate.evaluation.thresholds import ThresholdGain
from wordgate.runtime.display import counted
from wordgate.vectors.lookup import VocabularyCoverage


class ComparedResult(BaseModel, frozen=True, extra="forbid"):
    """A result with the score by which models are compared: accuracy, or micro F1."""

    _MAIN: ClassVar = "accuracy"

    @property
    def main(self) -> float | None:
        """Return the score by which models are compared."""
        score: float | None = getattr(self, self._MAIN)
        return score


class MultilabelResult(ComparedResult, frozen=True, extra="forbid"):
    """A result with several labels per text."""

    _MAIN: ClassVar = "micro_f1"

    micro_f1: float | None


class Baseline(ComparedResult, frozen=True, extra="forbid"):
    """A baseline, fitted and evaluated on the same split."""

    accuracy: float
    macro_f1: float | None
    log_loss: float
    train_seconds: float


class MultilabelBaseline(MultilabelResult, Baseline, frozen=True, extra="forbid"):
    """A baseline of a multi-label model."""


class Baselines(BaseModel, frozen=True, extra="forbid"):
    """Models that any other should beat."""

    _MAJORITY: ClassVar = "most frequent label"

    majority: Baseline = Field(description="always the most frequent training label")
    count: Baseline = Field(
        description="the `count` family, fitted on the same rows with the same recipe; for a model"
        " of that family, its own scores"
    )

    def to_beat(self, family: str) -> list[tuple[str, Baseline]]:
        """Return the baselines of a model of this family, the strongest first."""
        others = [] if family == "count" else [("count", self.count)]
        return [*others, (self._MAJORITY, self.majority)]


class MultilabelBaselines(Baselines, frozen=True, extra="forbid"):
    """The baselines of a multi-label model."""

    _MAJORITY: ClassVar = "most frequent label set"

    majority: MultilabelBaseline = Field(
        description="always the most frequent set of labels in training"
    )
    count: MultilabelBaseline = Field(
        description="the `count` family, fitted on the same rows with the same recipe; for a model"
        " of that family, its own scores"
    )


class SplitFacts(BaseModel, frozen=True, extra="forbid"):
    """Sizes of the split, and how many test rows were seen during training."""

    kind: Literal["grouped", "random", "given"]
    seed: int
    n_train: int
    n_valid: int
    n_test: int
    n_test_groups: int
    leaked_by_group: int = Field(description="test rows whose group is also in the training set")
    near_duplicates_in_train: int = Field(
        description="test rows with a near duplicate in the training set"
    )
    known_in_train: int | None = Field(
        default=None,
        description="test rows whose exact text or original group is also in the training set",
    )
    similar_in_train: int | None = Field(
        default=None,
        description="other test rows with a near duplicate or a row of their merged group in the"
        " training set",
    )
    similar_with_label: int | None = Field(
        default=None,
        description="of these, rows whose label is that of most of the similar training rows",
    )
    templated: bool = Field(
        default=False,
        description="whether similar rows have the same label hardly more often than by chance",
    )
    reason: str
    warnings: list[str]

    def leakage(self) -> str:
        """Describe how many test rows were seen in training."""
        by_group, by_copy = self.leaked_by_group, self.near_duplicates_in_train
        share = "shares" if by_group == 1 else "share"
        have = "has" if by_copy == 1 else "have"
        return (
            f"Of {counted(self.n_test, 'test row')}, {by_group:,} ({by_group / self.n_test:.1%})"
            f" {share} a group with training rows, and {by_copy:,} ({by_copy / self.n_test:.1%})"
            f" {have} a near duplicate among them{self._labels()}."
        )

    def _labels(self) -> str:
        """Describe how many similar rows have the same label."""
        if not self.similar_in_train or self.similar_with_label is None:
            return ""
        have = "has" if self.similar_with_label == 1 else "have"
        return (
            f"; {counted(self.similar_in_train, 'is', 'are')} similar to training rows without"
            f" sharing text or group, and {self.similar_with_label:,} of these"
            f" ({self.similar_with_label / self.similar_in_train:.1%}) {have} the most common label"
            " of those training rows"
        )


class FoldScores(ComparedResult, frozen=True, extra="forbid"):
    """One model of a cross-validation, tested on the fold that it was not trained on."""

    n_train: int = Field(description="validation rows included")
    n_test: int
    accuracy: float
    macro_f1: float | None


class CrossValidation(BaseModel, frozen=True, extra="forbid"):
    """Models with the same settings, each trained without one fold and tested on it."""

    accuracy: float = Field(description="of all rows, each tested once")
    interval: Interval = Field(description="of the accuracy; groups are resampled")
    difference_to_count: PairedDifference | None = Field(
        default=None,
        description="from the `count` family on the same folds; null for a model of that family",
    )
    macro_f1_difference_to_count: PairedDifference | None = Field(
        default=None, description="the same of macro F1; null unless labels are skewed"
    )
    folds: list[FoldScores]

    @property
    def main(self) -> MainScore:
        """Return the accuracy."""
        return MainScore("accuracy", self.accuracy, self.interval)


class MultilabelFoldScores(MultilabelResult, FoldScores, frozen=True, extra="forbid"):
    """One model of a cross-validation with several labels per text."""


class MultilabelCrossValidation(BaseModel, frozen=True, extra="forbid"):
    """Models with the same settings and several labels per text, each tested on a fold."""

    micro_f1: float | None = Field(description="of all rows, each tested once")
    interval: Interval = Field(description="of that F1; groups are resampled")
    difference_to_count: PairedDifference | None = Field(
        default=None,
        description="from the `count` family on the same folds; null for a model of that family",
    )
    macro_f1_difference_to_count: None = None
    folds: list[MultilabelFoldScores]

    @property
    def main(self) -> MainScore:
        """Return micro F1."""
        return MainScore("micro F1", self.micro_f1, self.interval)


class VectorFacts(VocabularyCoverage):
    """The pretrained word vectors, and how many words have one."""

    file: str
    format: str
    size: int = Field(description="dimensions of a vector")

    def sentence(self) -> str:
        """Describe it in one sentence."""
        occurrences = self.found.tokens / max(1, self.vocabulary.tokens)
        return (
            f"Word vectors: {self.file}; {self.found.types:,} of {self.vocabulary.types:,} words"
            f" have one, {occurrences:.1%} of all occurrences."
        )


class TeacherFacts(ComparedResult, frozen=True, extra="forbid"):
    """The teacher of the model, its scores on the test rows, and the difference to the model."""

    _LABEL: ClassVar = "label"
    _DECISION: ClassVar = "the most probable label"

    name: str
    accuracy: float
    macro_f1: float | None
    log_loss: float
    agreement: float = Field(
        description="fraction of the test rows for which both predict the same label, without"
        " chosen thresholds"
    )
    difference: PairedDifference = Field(
        description="of the model from its teacher, both without chosen thresholds"
    )
    n_labelled: int = Field(description="training texts that it labeled")
    n_unlabelled: int = Field(description="texts without labels that it labeled")
    n_left_out: int = Field(
        description="unlabeled texts that duplicate validation or test rows, and were not used"
    )
    n_variations: int = Field(description="variations of texts that it labeled")
    seconds: float = Field(description="for its training and for labeling")

    def sentence(self) -> str:
        """Describe it in one sentence."""
        difference = self.difference
        interval = "no interval"
        if difference.low is not None and difference.high is not None:
            interval = f"95% interval {100 * difference.low:+.1f} to {100 * difference.high:+.1f}"
        return (
            f"Teacher {self.name}: {self._score()}. Difference of the model from its teacher"
            f" ({self._DECISION}): {100 * difference.difference:+.1f} points ({interval});"
            f" both predict the same {self._LABEL} for {self.agreement:.1%} of the test rows."
        )

    def _score(self) -> str:
        return f"accuracy {self.accuracy:.3f}"


class MultilabelTeacherFacts(MultilabelResult, TeacherFacts, frozen=True, extra="forbid"):
    """The teacher of a multi-label model; the difference is of micro F1."""

    _LABEL: ClassVar = "labels"
    _DECISION: ClassVar = "thresholds of 0.5"

    def _score(self) -> str:
        return "no micro F1" if self.micro_f1 is None else f"micro F1 {self.micro_f1:.3f}"


class RunMetrics(BaseModel, frozen=True, extra="forbid"):
    """The keys of `metrics.json` that do not depend on the kind of scores."""

    schema_version: Literal[1] = 1
    baselines: Baselines | MultilabelBaselines
    difference_to_count: PairedDifference = Field(
        description="from the `count` family, on the same rows; 0 for a model of that family"
    )
    difference_to_majority: PairedDifference | None = Field(
        default=None, description="from the most frequent training label; null in older models"
    )
    macro_f1_difference_to_count: PairedDifference | None = Field(
        default=None,
        description="the same of macro F1; null unless labels are skewed: one of at least two has"
        " 80% of the test rows or more",
    )
    macro_f1_difference_to_majority: PairedDifference | None = Field(
        default=None, description="the same of macro F1; null unless labels are skewed"
    )
    split: SplitFacts
    folds: CrossValidation | MultilabelCrossValidation | None = Field(
        default=None, description="cross-validation in addition to the split, if it was requested"
    )
    calibration: TemperatureScaling | None = Field(
        default=None, description="before and after temperature scaling"
    )
    coverage: list[CoveragePoint] | None = Field(
        default=None, description="selective prediction, by the threshold of --abstain-below"
    )
    vectors: VectorFacts | None = Field(
        default=None, description="the pretrained word vectors, if any"
    )
    teacher: TeacherFacts | None = Field(default=None, description="the teacher, if any")
    train_seconds: float = Field(description="fitting alone")
    wall_seconds: float = Field(description="the whole command")
    peak_memory_mb: float = Field(description="largest resident size of the process, 10^6 bytes")
    epochs: int
    best_epoch: int
    history: list[Epoch]
    remarks: list[str] = Field(
        description="remarks about this run, such as truncated texts or early stopping"
    )
    thresholds: ThresholdGain | None = Field(
        default=None, description="thresholds chosen on the validation rows, if requested"
    )

    search: SearchFacts | None = Field(
        default=None, description="the search that chose family and settings, if there was one"
    )

    def score_of(self, objective: SearchObjective) -> tuple[float | None, Interval]:
        """Return a score that a search can maximize, and its 95% interval."""
        intervals: Any = getattr(self, "intervals")  # noqa: B009 - of `Scores`
        return getattr(self, objective), getattr(intervals, objective)

    def difference_to_baseline(self, family: str) -> tuple[str, PairedDifference | None]:
        """Return the name of the strongest baseline for a family, and the difference to it."""
        if family == "count":
            [(majority, _)] = self.baselines.to_beat(family)
            return f"the {majority}", self.difference_to_majority
        return "the count baseline", self.difference_to_count

    def macro_f1_difference_to_baseline(self, family: str) -> PairedDifference | None:
        """Return the difference of macro F1 to the same baseline; None unless labels are skewed."""
        if family == "count":
            return self.macro_f1_difference_to_majority
        return self.macro_f1_difference_to_count

    def threshold_sentences(self) -> list[str]:
        """Describe the gain from thresholds, and the labels without one, if there are any."""
        chosen = self.thresholds
        return [] if chosen is None else [chosen.sentence(), *chosen.remarks]

    def sentences(self, *names: Literal["calibration", "vectors", "teacher"]) -> list[str]:
        """Write some of these results in a sentence each, without those that are missing."""
        results = {
            "calibration": self.calibration,
            "vectors": self.vectors,
            "teacher": self.teacher,
        }
        chosen = [results[name] for name in names]
        return [result.sentence() for result in chosen if result is not None]


class Metrics(RunMetrics, Scores):
    """The content of `metrics.json`. Scores are on the test rows, from 0 to 1.

    `docs/reference/metrics.md` describes every field. Times are in seconds, memory in 10^6 bytes,
    log loss in nats.
    """

    baselines: Baselines
    folds: CrossValidation | None = Field(
        default=None, description="cross-validation in addition to the split, if it was requested"
    )


class MultilabelMetrics(RunMetrics, MultilabelScores):
    """The content of `metrics.json` for several labels per text.

    Differences to other models are of micro F1. `coverage` is null, because there is no abstention
    with several labels per text.
    """

    multilabel: Literal[True] = Field(
        default=True, description="distinguishes these scores from those of one label per text"
    )
    baselines: MultilabelBaselines
    folds: MultilabelCrossValidation | None = Field(
        default=None, description="cross-validation in addition to the split, if it was requested"
    )
    coverage: None = None
    teacher: MultilabelTeacherFacts | None = Field(
        default=None, description="the teacher, if there is one"
    )


AnyMetrics = Metrics | MultilabelMetrics


def read_metrics(content: object) -> AnyMetrics:
    """Validate the content of a `metrics.json`, with one or several labels per text.

    Raises:
        ValidationError: It is invalid.
    """
    several = isinstance(content, dict) and content.get("multilabel") is True
    return (MultilabelMetrics if several else Metrics).model_validate(content)


def metrics_schema() -> dict[str, Any]:
    """Return the JSON Schema of `metrics.json`, in both forms."""
    either = TypeAdapter(AnyMetrics).json_schema(mode="serialization")
    one, several = either["anyOf"]
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": "metrics.json",
        "if": {"properties": {"multilabel": {"const": True}}, "required": ["multilabel"]},
        "then": several,
        "else": one,
        "$defs": either["$defs"],
    }
