"""The form of `metrics.json`: what a model was found to be worth, and on which split."""

from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field


class _Form(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class Interval(_Form):
    """A 95 % interval; bounds are null where the data can't give one, `method` says why."""

    low: float | None
    high: float | None
    method: str


class Intervals(_Form):
    """The 95 % intervals of the scores that are most looked at."""

    accuracy: Interval
    macro_f1: Interval


class LabelScore(_Form):
    """One label's scores; null where undefined (never predicted, or not in the test rows)."""

    label: str
    precision: float | None
    recall: float | None
    f1: float | None
    support: int


class Baseline(_Form):
    """A simple model fitted and judged on the same split."""

    accuracy: float
    macro_f1: float | None
    log_loss: float
    train_seconds: float


class Baselines(_Form):
    """What any model must beat."""

    majority: Baseline = Field(description="always the most frequent training label")
    count: Baseline = Field(description="counts of 1 to 3 words with logistic regression")


class PairedDifference(_Form):
    """The model's accuracy less another one's, on the same test rows, by groups."""

    difference: float
    low: float | None
    high: float | None
    p_value: float | None
    method: str


class SplitFacts(_Form):
    """Who was judged, and how far the test rows were unseen."""

    kind: Literal["grouped", "random", "given"]
    seed: int
    n_train: int
    n_valid: int
    n_test: int
    n_test_groups: int
    leaked_by_group: int = Field(description="test rows whose group also stands in train")
    near_duplicates_in_train: int = Field(description="test rows with a near copy in train")
    reason: str
    warnings: list[str]


class Fold(_Form):
    """One model of a cross-validation, judged on the fold it was not given."""

    n_train: int = Field(description="validation rows included")
    n_test: int
    accuracy: float
    macro_f1: float | None


class CrossValidation(_Form):
    """Models like the one kept, each fitted without one fold of the rows and judged on it."""

    accuracy: float = Field(description="of all rows, each judged once")
    interval: Interval = Field(description="of that accuracy; groups are resampled")
    folds: list[Fold]


class WordCount(_Form):
    """So many different words of the vocabulary, and how often they stand in training texts."""

    types: int
    tokens: int


class MissedWord(_Form):
    """A word of the vocabulary that has no pretrained vector."""

    word: str
    tokens: int


class VectorFacts(_Form):
    """Which pretrained word vectors the training began with, and how many words had one."""

    file: str
    format: str
    size: int = Field(description="numbers a vector")
    vocabulary: WordCount
    found: WordCount
    rules: dict[str, WordCount] = Field(description="by the spelling that was found")
    missed: list[MissedWord] = Field(description="the most frequent words without a vector")
    more: int = Field(description="words that the vocabulary got from the table")

    def sentence(self) -> str:
        """Say it in one sentence."""
        occurrences = self.found.tokens / max(1, self.vocabulary.tokens)
        return (
            f"Word vectors: {self.file}; {self.found.types:,} of"
            f" {self.vocabulary.types:,} words had one, {occurrences:.1%} of their occurrences."
        )


class TeacherFacts(_Form):
    """What taught the model, what it scores on the test rows, and what the model keeps of it."""

    name: str
    accuracy: float
    macro_f1: float | None
    log_loss: float
    agreement: float = Field(description="share of the test rows that both give the same label")
    difference: PairedDifference
    n_labelled: int = Field(description="training texts that it labelled")
    n_unlabelled: int = Field(description="texts without labels that it labelled")
    n_left_out: int = Field(
        description="texts without labels that copy validation or test rows, and were not used"
    )
    n_variations: int = Field(description="variations of texts that it labelled")
    seconds: float = Field(description="its own training and labelling")

    def sentence(self) -> str:
        """Say it in one sentence."""
        less = self.difference
        interval = "no interval"
        if less.low is not None and less.high is not None:
            interval = f"95 % interval {100 * less.low:+.1f} to {100 * less.high:+.1f}"
        return (
            f"Its teacher, {self.name}, has accuracy {self.accuracy:.3f}; the model is"
            f" {100 * less.difference:+.1f} points from it ({interval}) and gives the same label to"
            f" {self.agreement:.1%} of the test rows."
        )


class ReliabilityBin(_Form):
    """The test rows whose most probable label has a probability in a range."""

    low: float
    high: float
    n: int
    confidence: float = Field(description="mean probability of the label given")
    accuracy: float


class Calibration(_Form):
    """How far probabilities can be believed, on the test rows."""

    log_loss: float
    brier: float = Field(description="Brier 1950, summed over labels: 0 to 2")
    ece: float = Field(description="expected calibration error, 15 bins of equal width")
    bins: list[ReliabilityBin] = Field(description="bins without rows are left out")


class Tempering(_Form):
    """Probabilities before and after temperature scaling, which validation rows decided."""

    temperature: float
    before: Calibration
    after: Calibration

    def sentence(self) -> str:
        """Say it in one sentence."""
        after, before = self.after, self.before
        if self.temperature == 1.0:
            return (
                f"Its probabilities: calibration error {after.ece:.3f}, Brier score"
                f" {after.brier:.3f}."
            )
        return (
            f"Its probabilities, by a temperature of {self.temperature:.2f}: calibration error"
            f" {after.ece:.3f} ({before.ece:.3f} without), Brier score {after.brier:.3f}"
            f" ({before.brier:.3f} without)."
        )


class CoveragePoint(_Form):
    """What abstaining below a probability leaves."""

    threshold: float
    n: int
    coverage: float = Field(description="share of the test rows that are answered")
    accuracy: float | None = Field(description="among those; null if there are none")


class Epoch(_Form):
    """One pass over the training texts."""

    epoch: int
    seconds: float
    texts_per_second: float
    learning_rate: float
    train_loss: float
    train_accuracy: float = Field(description="measured on the way, with dropout")
    valid_loss: float
    valid_accuracy: float
    valid_macro_f1: float | None = Field(
        default=None, description="null for models that are older than it"
    )


class Metrics(_Form):
    """The whole of `metrics.json`. Scores are on the test rows, as shares of 1."""

    schema_version: Literal[1] = 1
    accuracy: float
    macro_f1: float | None
    macro_precision: float | None
    macro_recall: float | None
    macro_over: list[str] = Field(description="labels that have test rows; the means are over them")
    weighted_f1: float | None
    log_loss: float
    intervals: Intervals
    per_class: list[LabelScore] = Field(description="in the labels' order")
    confusion: list[list[int]] = Field(description="rows true, columns predicted")
    n: int
    baselines: Baselines
    difference_to_count: PairedDifference
    split: SplitFacts
    folds: CrossValidation | None = Field(
        default=None, description="cross-validation beside the ordinary split, if it was asked for"
    )
    calibration: Tempering | None = Field(
        default=None, description="whether probabilities mean what they say"
    )
    coverage: list[CoveragePoint] | None = Field(
        default=None, description="what --abstain-below leaves, by its threshold"
    )
    vectors: VectorFacts | None = Field(
        default=None, description="the pretrained word vectors, if any were given"
    )
    teacher: TeacherFacts | None = Field(default=None, description="what taught it, if anything")
    train_seconds: float = Field(description="fitting alone")
    wall_seconds: float = Field(description="the whole command")
    peak_memory_mb: float = Field(description="largest resident size of the process, 10^6 bytes")
    epochs: int
    best_epoch: int
    history: list[Epoch]
    remarks: list[str] = Field(
        description="what a user should know about this run: truncated texts, an early end"
    )

    def calibration_told(self) -> list[str]:
        """Say in a sentence how far probabilities can be believed; nothing if it wasn't found."""
        return [] if self.calibration is None else [self.calibration.sentence()]

    def word_vectors_told(self) -> list[str]:
        """Say in a sentence what word vectors it began with; nothing if they were drawn."""
        return [] if self.vectors is None else [self.vectors.sentence()]

    def teacher_told(self) -> list[str]:
        """Say in a sentence what its teacher scores; nothing if it had none."""
        return [] if self.teacher is None else [self.teacher.sentence()]


def metrics_schema() -> dict[str, Any]:
    """Give the JSON Schema of `metrics.json`."""
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        **Metrics.model_json_schema(mode="serialization"),
    }
