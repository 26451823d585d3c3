"""Fitting a model and the temperature of its probabilities: what a bundle keeps."""

import math
import time
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from wordgate.evaluation.calibration import apply_temperature, fit_temperature
from wordgate.runtime.progress import Progress
from wordgate.settings import Settings
from wordgate.training.families import fit
from wordgate.training.fitting import CheckpointConfig, Examples, Fitted
from wordgate.vectors.pretrained import PretrainedVectors


@dataclass(frozen=True)
class Calibrated:
    """A fitted model whose probabilities suit the validation rows.

    Attributes:
        fitted: The model and how it got there.
        temperature: What its log-probabilities are divided by; 1 leaves them as they are.
        seconds: What fitting took, interrupted runs included.
    """

    fitted: Fitted
    temperature: float
    seconds: float

    def log_proba(self, texts: Sequence[str]) -> NDArray[np.float64]:
        """Compute calibrated log-probabilities, float64 [n, classes]."""
        return apply_temperature(self.fitted.model.log_proba(texts), self.temperature)


def fit_calibrated(
    family: str,
    train: Examples,
    valid: Examples,
    n_classes: int,
    settings: Settings,
    *,
    seed: int,
    device: str,
    progress: Progress,
    deadline: float = math.inf,
    vocabulary_of: Examples | None = None,
    vectors: PretrainedVectors | None = None,
    checkpoint: CheckpointConfig | None = None,
    threads: int | None = None,
) -> Calibrated:
    """Fit a model of a family, and its temperature if the settings ask for one.

    Args and errors are those of `wordgate.training.families.fit`.
    """
    started = time.monotonic()
    fitted = fit(
        family,
        train,
        valid,
        n_classes,
        settings,
        seed=seed,
        device=device,
        progress=progress,
        deadline=deadline,
        vocabulary_of=vocabulary_of,
        vectors=vectors,
        checkpoint=checkpoint,
        threads=threads,
    )
    seconds = fitted.earlier_seconds + time.monotonic() - started
    temperature = 1.0
    if settings.calibration == "temperature":
        temperature = fit_temperature(fitted.model.log_proba(valid.texts), valid.targets)
    return Calibrated(fitted, temperature, seconds)
