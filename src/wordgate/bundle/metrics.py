"""The schema of `metrics.json`: scores of a model, and the split they were measured on."""

from typing import Any, Literal

from pydantic import BaseModel, Field

from wordgate.evaluation.calibration import TemperatureScaling
from wordgate.evaluation.intervals import Interval, PairedDifference
from wordgate.evaluation.metrics import Epoch, Scores
from wordgate.evaluation.selective_prediction import CoveragePoint
from wordgate.vectors.lookup import VocabularyCoverage


class Baseline(BaseModel, frozen=True, extra="forbid"):
    """A baseline, fitted and evaluated on the same split."""

    accuracy: float
    macro_f1: float | None
    log_loss: float
    train_seconds: float


class Baselines(BaseModel, frozen=True, extra="forbid"):
    """Models that any other should beat."""

    majority: Baseline = Field(description="always the most frequent training label")
    count: Baseline = Field(
        description="the family count, fitted on the same rows with the same recipe; for a model of"
        " that family, its own scores"
    )

    def to_beat(self, family: str) -> list[tuple[str, Baseline]]:
        """Return the baselines of a model of this family, the strongest first."""
        others = [] if family == "count" else [("count", self.count)]
        return [*others, ("most frequent label", self.majority)]


class SplitFacts(BaseModel, frozen=True, extra="forbid"):
    """Sizes of the split, and how many test rows are known from training."""

    kind: Literal["grouped", "random", "given"]
    seed: int
    n_train: int
    n_valid: int
    n_test: int
    n_test_groups: int
    leaked_by_group: int = Field(description="test rows whose group is also in train")
    near_duplicates_in_train: int = Field(description="test rows with a near duplicate in train")
    known_in_train: int | None = Field(
        default=None, description="test rows with their text, or their group of the data, in train"
    )
    similar_in_train: int | None = Field(
        default=None,
        description="other test rows with a near duplicate or a row of their merged group in train",
    )
    similar_with_label: int | None = Field(
        default=None, description="those of them that have the label of most of these train rows"
    )
    templated: bool = Field(
        default=False,
        description="whether similar rows have the same label little more often than by chance",
    )
    reason: str
    warnings: list[str]

    def leakage(self) -> str:
        """Write how many test rows the model could know from training."""
        by_group, by_copy = self.leaked_by_group, self.near_duplicates_in_train
        return (
            f"Of {self.n_test:,} test rows, {by_group:,} ({by_group / self.n_test:.1%}) have their"
            f" group in train, {by_copy:,} ({by_copy / self.n_test:.1%}) have a near duplicate"
            f" there{self._labels()}."
        )

    def _labels(self) -> str:
        """Write how many similar rows agree in label."""
        if not self.similar_in_train or self.similar_with_label is None:
            return ""
        return (
            f"; of {self.similar_in_train:,} that are similar to train rows, without the same text"
            f" or group, {self.similar_with_label:,}"
            f" ({self.similar_with_label / self.similar_in_train:.1%}) have the label of most of"
            " these"
        )


class FoldScores(BaseModel, frozen=True, extra="forbid"):
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
        description="to the family count on the same folds; null for a model of that family",
    )
    folds: list[FoldScores]


class VectorFacts(VocabularyCoverage):
    """The pretrained word vectors, and how many words have one."""

    file: str
    format: str
    size: int = Field(description="dimensions of a vector")

    def sentence(self) -> str:
        """Say it in one sentence."""
        occurrences = self.found.tokens / max(1, self.vocabulary.tokens)
        return (
            f"Word vectors: {self.file}; {self.found.types:,} of {self.vocabulary.types:,} words"
            f" have one, {occurrences:.1%} of all occurrences."
        )


class TeacherFacts(BaseModel, frozen=True, extra="forbid"):
    """The teacher of the model, its scores on the test rows, and the difference to the model."""

    name: str
    accuracy: float
    macro_f1: float | None
    log_loss: float
    agreement: float = Field(
        description="share of the test rows for which both predict the same label"
    )
    difference: PairedDifference
    n_labelled: int = Field(description="training texts that it labelled")
    n_unlabelled: int = Field(description="texts without labels that it labelled")
    n_left_out: int = Field(
        description="unlabelled texts that duplicate validation or test rows, and were not used"
    )
    n_variations: int = Field(description="variations of texts that it labelled")
    seconds: float = Field(description="for its training and for labelling")

    def sentence(self) -> str:
        """Say it in one sentence."""
        less = self.difference
        interval = "no interval"
        if less.low is not None and less.high is not None:
            interval = f"95 % interval {100 * less.low:+.1f} to {100 * less.high:+.1f}"
        return (
            f"Teacher {self.name}: accuracy {self.accuracy:.3f}. The difference of the model to it"
            f" is {100 * less.difference:+.1f} points ({interval}); both predict the same label for"
            f" {self.agreement:.1%} of the test rows."
        )


class Metrics(Scores):
    """The content of `metrics.json`. Scores are on the test rows, from 0 to 1.

    `docs/reference/metrics.md` describes every field. Times are in seconds, memory in 10^6 bytes,
    log loss in nats.
    """

    schema_version: Literal[1] = 1
    baselines: Baselines
    difference_to_count: PairedDifference = Field(
        description="to the family count, on the same rows; 0 for a model of that family"
    )
    difference_to_majority: PairedDifference | None = Field(
        default=None, description="to the most frequent training label; null in older models"
    )
    split: SplitFacts
    folds: CrossValidation | None = Field(
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
        description="remarks about this run, such as truncated texts or an early end"
    )

    def difference_to_baseline(self, family: str) -> tuple[str, PairedDifference | None]:
        """Return the name of the strongest baseline for a family, and the difference to it."""
        if family == "count":
            return "the most frequent label", self.difference_to_majority
        return "the family count", self.difference_to_count

    def sentences(self, *names: Literal["calibration", "vectors", "teacher"]) -> list[str]:
        """Write some of these results in a sentence each, without those that are missing."""
        results = {
            "calibration": self.calibration,
            "vectors": self.vectors,
            "teacher": self.teacher,
        }
        chosen = [results[name] for name in names]
        return [result.sentence() for result in chosen if result is not None]


def metrics_schema() -> dict[str, Any]:
    """Give the JSON Schema of `metrics.json`."""
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        **Metrics.model_json_schema(mode="serialization"),
    }
