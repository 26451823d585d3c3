"""Fitting and calibrating a model within a time limit; memory and predictions."""

import math
import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass, field, replace

import numpy as np
from numpy.typing import NDArray

from wordgate.arguments import real_number
from wordgate.errors import SettingsError
from wordgate.evaluation.calibration import apply_temperature, fit_temperature
from wordgate.evaluation.multilabel import predicted_classes, predicted_labels
from wordgate.evaluation.thresholds import Objective, choose_thresholds
from wordgate.families import FAMILIES
from wordgate.runtime.command_start import command_started
from wordgate.runtime.display import counted
from wordgate.runtime.engine import Engine
from wordgate.runtime.progress import Silent, stage
from wordgate.settings import Settings, format_setting
from wordgate.training.families import fit
from wordgate.training.fitting import FitData, Fitted, RunContext
from wordgate.training.weights import check_known_labels, check_weights

EVALUATION_SECONDS = 3.0
PREDICTED_TEXTS_PER_SECOND = 4000.0


@dataclass(frozen=True)
class Clock:
    """The time since the command began, at a `time.monotonic()`, and its limit if it has one.

    A training that is resumed may have 0 minutes: the result is the best epoch so far.
    """

    started: float = field(default_factory=command_started)
    max_minutes: float | None = None
    resumed: bool = False
    finish_seconds: float | None = None  # expected after the fit; None if unknown

    def __post_init__(self) -> None:
        if self.max_minutes is None or (self.resumed and self.max_minutes == 0):
            return
        real_number(self.max_minutes, "max_minutes", "a number above 0", lambda number: number > 0)

    def elapsed(self) -> float:
        """Return the seconds since the beginning."""
        return time.monotonic() - self.started

    def fitting_deadline(self, n_predicted: int) -> float:
        """Return the `time.monotonic()` by which fitting leaves time to predict this many texts."""
        if self.max_minutes is None:
            return math.inf
        evaluation = EVALUATION_SECONDS + n_predicted / PREDICTED_TEXTS_PER_SECOND
        finish = evaluation if self.finish_seconds is None else self.finish_seconds
        return self.started + self.max_minutes * 60.0 - finish


def peak_memory_mb() -> float:
    """Return the largest resident size this process has had, in 10^6 bytes; 0 where unknown."""
    try:
        import resource
    except ModuleNotFoundError:  # Windows
        return 0.0
    largest = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    in_bytes = largest if sys.platform == "darwin" else largest * 1024
    return in_bytes / 1e6


@dataclass(frozen=True)
class ModelOutput:
    """A model's predictions for n texts.

    Attributes:
        log_proba: float64 [n, classes], calibrated log-probabilities.
        thresholds: The minimum probability at which each label is predicted, float64 [labels], or
            [n, labels] if each fold has its own; None without thresholds.
    """

    log_proba: NDArray[np.float64]
    thresholds: NDArray[np.float64] | None = None

    @classmethod
    def of_folds(
        cls, outputs: Sequence["ModelOutput"], rows: Sequence[NDArray[np.int64]]
    ) -> "ModelOutput":
        """Join the outputs of folds, whose test rows are at `rows`, in the order of the rows."""
        order = np.argsort(np.concatenate(rows))
        log_proba = np.concatenate([output.log_proba for output in outputs])[order]
        chosen = [
            np.broadcast_to(output.thresholds, output.log_proba.shape)
            for output in outputs
            if output.thresholds is not None
        ]
        return cls(log_proba, np.concatenate(chosen)[order] if chosen else None)

    def part(self, rows: NDArray[np.bool_]) -> "ModelOutput":
        """Keep only some texts, bool [n]."""
        chosen = self.thresholds
        if chosen is not None and chosen.ndim == 2:
            chosen = chosen[rows]
        return ModelOutput(self.log_proba[rows], chosen)

    def labels_in_order(self, order: Sequence[int]) -> "ModelOutput":
        """Return the columns of the labels in another order."""
        chosen = None if self.thresholds is None else self.thresholds[..., order]
        return ModelOutput(self.log_proba[:, order], chosen)

    def classes(self) -> NDArray[np.int64]:
        """Return the class of each text where it has one label, int64 [n]."""
        if self.thresholds is None:
            return predicted_classes(self.log_proba)
        return predicted_classes(np.exp(self.log_proba), self.thresholds)

    def given(self) -> NDArray[np.bool_]:
        """Return the labels of each text where it may have several, bool [n, labels]."""
        return predicted_labels(self.log_proba, self.thresholds)

    def decisions(self, *, multilabel: bool) -> NDArray[np.int64] | NDArray[np.bool_]:
        """Return `given` where texts may have several labels, else `classes`."""
        return self.given() if multilabel else self.classes()


@dataclass(frozen=True)
class Calibrated:
    """A fitted model with a temperature and thresholds chosen on the validation rows.

    Attributes:
        fitted: The model, and facts about its fit.
        temperature: Its log-probabilities are divided by this, or its logits if texts may have
            several labels; 1 leaves them as they are.
        seconds: Seconds of fitting, interrupted runs included.
        multilabel: Whether a text may have several labels.
        thresholds: The minimum probability at which each label is predicted, float64 [labels]; None
            if none were chosen.
        valid: Predictions for the validation rows; None if no thresholds were chosen.
    """

    fitted: Fitted
    temperature: float
    seconds: float
    multilabel: bool = False
    thresholds: NDArray[np.float64] | None = None
    valid: ModelOutput | None = None

    def calibrate(self, log_proba: NDArray[np.float64]) -> ModelOutput:
        """Apply temperature and thresholds to uncalibrated log-probabilities, [n, classes]."""
        scaled = apply_temperature(log_proba, self.temperature, self.multilabel)
        return ModelOutput(scaled, self.thresholds)

    def output(self, texts: Sequence[str]) -> ModelOutput:
        """Predict texts."""
        return self.calibrate(self.fitted.model.log_proba(texts))


def fit_calibrated(
    family: str, data: FitData, settings: Settings, context: RunContext
) -> Calibrated:
    """Fit a model of a family; choose temperature and thresholds if the settings ask for them.

    Args and errors are those of `wordgate.training.families.fit`.
    """
    started = time.monotonic()
    fitted = fit(family, data, settings, context)
    seconds = fitted.earlier_seconds + time.monotonic() - started
    calibrated = Calibrated(fitted, 1.0, seconds, data.multilabel)
    objective = threshold_objective(settings, data)
    if settings.calibration != "temperature" and objective is None:
        return calibrated
    valid = data.valid
    with stage(context.progress, f"Calibrating on {counted(len(valid), 'validation text')}"):
        log_proba = fitted.model.log_proba(valid.texts)
        if settings.calibration == "temperature":
            temperature = fit_temperature(log_proba, valid.targets)
            calibrated = replace(calibrated, temperature=temperature)
        if objective is not None:
            output = calibrated.calibrate(log_proba)
            thresholds = choose_thresholds(valid.targets, output.log_proba, objective)
            output = replace(output, thresholds=thresholds)
            calibrated = replace(calibrated, thresholds=thresholds, valid=output)
    return calibrated


def context_for(family: str, context: RunContext) -> RunContext:
    """Return the context of a family: on the CPU if it runs only there."""
    return replace(context, device="auto") if FAMILIES[family].cpu_alone else context


def context_of_task(context: RunContext, engine: Engine) -> RunContext:
    """Return the context of a task of an engine: silent, with its device and its threads."""
    device = engine.device_of(context.device)
    return replace(context, progress=Silent(), device=device, threads=engine.threads)


def check_settings(settings: Settings, data: FitData) -> None:
    """Refuse, before any work, an objective or weights that don't suit the data or its labels."""
    threshold_objective(settings, data)
    check_weights(data, settings)


def threshold_objective(settings: Settings, data: FitData) -> Objective | None:
    """Return the objective of the thresholds; None if none are to be chosen.

    The default is F1 if texts may have several labels, else none: the most probable label is
    predicted. An objective for more than two classes is refused, as are costs of unknown labels, or
    of both classes.
    """
    asked = settings.objective
    if asked == "none" or (asked == "auto" and not data.multilabel):
        return None
    if not data.multilabel and data.n_classes > 2:
        raise SettingsError(
            f"objective has no effect with {data.n_classes} classes and one label per text, where"
            f" the most probable label is predicted: leave '{format_setting(asked):.200}' out."
            " Thresholds are for two classes, or for several labels per text"
        )
    if isinstance(asked, str):
        return Objective.parse("f1" if asked == "auto" else asked)
    check_known_labels("objective", asked, data.labels)
    if data.multilabel:
        return Objective.by_label(asked, data.labels)
    if len(asked) > 1:
        raise SettingsError(
            "objective names both labels; for binary classification name one: a false positive for"
            " one is a false negative for the other"
        )
    [(label, costs)] = asked.items()
    false_positive, missed = costs["false_positive"], costs["false_negative"]
    if label == data.labels[0]:  # the threshold is that of the second
        false_positive, missed = missed, false_positive
    return Objective("cost", 0.0, false_positive, missed)
