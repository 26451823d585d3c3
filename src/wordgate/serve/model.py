"""The schemas of responses: predictions, and the facts of ``/v1/model``."""

from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field

from wordgate.bundle.config import Config
from wordgate.bundle.metrics import AnyMetrics
from wordgate.prediction.decision import DecisionRule
from wordgate.prediction.explanation import Share
from wordgate.prediction.predictor import Predictor
from wordgate.serve.limits import Limits

Count = Annotated[int, Field(ge=0)]
Limit = Annotated[int, Field(ge=1)]


class _StrictModel(BaseModel):
    model_config = ConfigDict(extra="forbid")


class Prediction(_StrictModel):
    """A text's label and probabilities."""

    label: str | None = Field(description="null where its probability is below abstain_below")
    probabilities: dict[str, Share] = Field(description="by label")


class Predictions(_StrictModel):
    """Predictions in the order of the texts."""

    predictions: Annotated[list[Prediction], Field(min_length=1)]


class LabelsPrediction(_StrictModel):
    """A text's labels, and the probability of each label by itself."""

    labels: list[str] = Field(
        description="those with at least their thresholds, most probable first"
    )
    probabilities: dict[str, Share] = Field(description="by label")


class LabelsPredictions(_StrictModel):
    """Predictions in the order of the texts."""

    predictions: Annotated[list[LabelsPrediction], Field(min_length=1)]


class TrainingFacts(_StrictModel):
    """Facts of the training; of the file only its name, not where it lay."""

    source: str | None
    rows: int | None
    seed: int
    seconds: float | None
    epochs: int | None
    wordgate: str | None


class ScoreFacts(_StrictModel):
    """The model's scores on its test rows, and those of the baselines."""

    accuracy: Share
    low: float | None
    high: float | None
    macro_f1: float | None
    split: str
    n_test: Count
    n_test_groups: Count
    leaked_by_group: Count
    near_duplicates_in_train: Count
    baseline_accuracy: Share
    majority_accuracy: Share


class AbstainPoint(_StrictModel):
    """The share of the test rows at or above a threshold, and the accuracy among them."""

    threshold: Share
    coverage: Share
    accuracy: float | None


class RequestLimits(_StrictModel):
    """Limits of a request."""

    max_texts: Limit
    max_text_length: Limit
    max_explain_length: Limit
    max_body_bytes: Limit


class ModelFacts(_StrictModel):
    """A model: its labels, training and scores, and the limits of a request."""

    family: str
    recipe: str
    labels: Annotated[list[str], Field(min_length=2)]
    multilabel: bool = Field(description="whether a text can have any number of labels")
    thresholds: dict[str, Share] | None = Field(
        description="minimum probability at which each label is predicted; null if the most"
        " probable label is predicted"
    )
    label_separator: str | None = Field(
        description="separator between the labels of a text in a CSV cell; null with one label per"
        " text"
    )
    text_form: str | None
    text_columns: list[str]
    temperature: Annotated[float, Field(gt=0)]
    trained: TrainingFacts
    scores: ScoreFacts | None
    abstain_coverage: list[AbstainPoint] | None
    limits: RequestLimits
    remarks: list[str]

    @classmethod
    def of(cls, model: Predictor, limits: Limits) -> "ModelFacts":
        """Gather the facts of a model."""
        config, metrics = model.config, model.metrics
        return cls(
            family=config.family,
            recipe=config.recipe,
            labels=list(model.labels),
            multilabel=config.multilabel,
            thresholds=DecisionRule.of(config).thresholds_by_label(),
            label_separator=config.separator(),
            text_form=config.text_form(),
            text_columns=list(config.columns().get("text", ())),
            temperature=config.temperature,
            trained=_trained(config, metrics),
            scores=None if metrics is None else _scores(metrics),
            abstain_coverage=_coverage(metrics),
            limits=RequestLimits(
                **{name: getattr(limits, name) for name in RequestLimits.model_fields}
            ),
            remarks=_remarks(model),
        )


def _trained(config: Config, metrics: AnyMetrics | None) -> TrainingFacts:
    source = str(config.data.get("source") or "").replace("\\", "/").rpartition("/")[2]
    return TrainingFacts(
        source=source or None,
        rows=config.n_rows() if config.knows_training() else None,
        seed=config.seed,
        seconds=None if metrics is None else metrics.train_seconds,
        epochs=None if metrics is None else metrics.epochs,
        wordgate=config.environment.get("wordgate"),
    )


def _scores(metrics: AnyMetrics) -> ScoreFacts:
    split, interval = metrics.split, metrics.intervals.accuracy
    return ScoreFacts(
        **split.model_dump(include=set(ScoreFacts.model_fields)),
        accuracy=metrics.accuracy,
        low=interval.low,
        high=interval.high,
        macro_f1=metrics.macro_f1,
        split=split.kind,
        baseline_accuracy=metrics.baselines.count.accuracy,
        majority_accuracy=metrics.baselines.majority.accuracy,
    )


def _coverage(metrics: AnyMetrics | None) -> list[AbstainPoint] | None:
    if metrics is None or metrics.coverage is None:
        return None
    return [AbstainPoint(**point.model_dump(exclude={"n"})) for point in metrics.coverage]


def _remarks(model: Predictor) -> list[str]:
    metrics = model.metrics
    remarks = list(model.config.notes())
    if metrics is not None:
        remarks += [*metrics.split.warnings, *metrics.remarks, *metrics.sentences("calibration")]
    if model.changed_files:
        names = ", ".join(model.changed_files)
        remarks.append(f"Changed or missing since the model was written: {names}.")
    return remarks
