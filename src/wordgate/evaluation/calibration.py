"""Probabilities that can be believed: how far they are, and one number that mends most of it.

A model whose answers at 0.8 are right eight times of ten is calibrated. Networks are mostly too
sure; dividing all log-probabilities by one temperature, fitted on rows the model did not learn
from, mends most of it and changes no answer: Guo, Pleiss, Sun & Weinberger (2017), "On calibration
of modern neural networks".
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from wordgate.errors import DataError

LOWEST_TEMPERATURE, HIGHEST_TEMPERATURE = 0.05, 20.0
N_BINS = 15
_LOG_EPSILON = float(np.log(np.finfo(np.float64).eps))
_GRID = np.linspace(np.log(LOWEST_TEMPERATURE), np.log(HIGHEST_TEMPERATURE), 25)


@dataclass(frozen=True)
class ReliabilityBin:
    """The rows whose top probability lies within two bounds.

    Attributes:
        low: The lower bound, excluded (but in the first bin).
        high: The upper bound, included.
        n: How many rows there are, at least one.
        confidence: Mean of their top probabilities.
        accuracy: The share of them that is right.
    """

    low: float
    high: float
    n: int
    confidence: float
    accuracy: float


@dataclass(frozen=True)
class Calibration:
    """How far a model's probabilities can be believed.

    Attributes:
        log_loss: Mean negative log-probability of the true label, in nats.
        brier: Mean over rows of the squared distance between the probabilities and the truth,
            summed over the classes: 0 is perfect, 2 is worst (Brier 1950, "Verification of
            forecasts expressed in terms of probability").
        ece: Expected calibration error: how far confidence and accuracy lie apart, averaged over
            the rows of 15 equally wide bins of the top probability (Naeini, Cooper & Hauskrecht
            2015; Guo et al. 2017).
        bins: The bins that hold rows, from low to high.
    """

    log_loss: float
    brier: float
    ece: float
    bins: list[ReliabilityBin]


def fit_temperature(log_proba: NDArray[np.float64], targets: NDArray[np.int64]) -> float:
    """Find the temperature under which held-out rows are least surprising.

    The log loss of the tempered probabilities is minimised. A few rows that are all right would ask
    for a temperature of 0, that is for certainty: so the sum over the rows is joined by a weak
    prior, a normal distribution of the temperature's logarithm about 0 with deviation 1. It weighs
    as much as one row does and vanishes among hundreds.

    Args:
        log_proba: float64 [n, classes], natural logarithms of the probabilities of rows that the
            model did not learn from. One below the row's top by more than 36 (a factor of 2.2e-16)
            counts as that, so a single impossible row does not decide.
        targets: int64 [n], the true classes.

    Returns:
        The temperature, from 0.05 to 20: above 1 the model was too sure, below 1 not enough.

    Raises:
        DataError: There are no rows, or what was given doesn't fit.
    """
    from scipy.optimize import minimize_scalar

    _check(log_proba, targets)
    below_top = _below_top(log_proba)
    own = below_top[np.arange(len(targets)), targets]

    def surprise(log_temperature: float) -> float:
        scale = np.exp(-log_temperature)
        normaliser = np.log(np.exp(below_top * scale).sum(axis=1))
        return float((normaliser - own * scale).sum() + log_temperature**2 / 2)

    best = int(np.argmin([surprise(point) for point in _GRID]))
    around = (_GRID[max(0, best - 1)], _GRID[min(len(_GRID) - 1, best + 1)])
    found = minimize_scalar(surprise, bounds=around, method="bounded", options={"xatol": 1e-6})
    return float(np.exp(found.x))


def tempered(log_proba: NDArray[np.float64], temperature: float) -> NDArray[np.float64]:
    """Divide log-probabilities by a temperature and make them sum to 1 again.

    The order of a row's classes stays.

    Args:
        log_proba: float64 [n, classes].
        temperature: Above 0; 1 changes nothing.

    Returns:
        float64 [n, classes], natural logarithms.

    Raises:
        DataError: The temperature is not above 0.
    """
    if not temperature > 0:
        raise DataError(f"the temperature is {temperature}; it must be above 0")
    if temperature == 1.0:
        return log_proba
    scaled = (log_proba - log_proba.max(axis=1, keepdims=True)) / temperature
    return np.asarray(scaled - np.log(np.exp(scaled).sum(axis=1, keepdims=True)))


def calibration(log_proba: NDArray[np.float64], targets: NDArray[np.int64]) -> Calibration:
    """Measure how far probabilities can be believed.

    Args:
        log_proba: float64 [n, classes], natural logarithms of the probabilities.
        targets: int64 [n], the true classes.

    Returns:
        The measures, and the bins of a reliability diagram.

    Raises:
        DataError: There are no rows, or what was given doesn't fit.
    """
    _check(log_proba, targets)
    proba = np.exp(log_proba)
    own = log_proba[np.arange(len(targets)), targets]
    truth = np.eye(log_proba.shape[1])[targets]
    bins = _bins(proba.max(axis=1), proba.argmax(axis=1) == targets)
    apart = sum(one.n * abs(one.confidence - one.accuracy) for one in bins)
    return Calibration(
        log_loss=float(-np.maximum(own, _LOG_EPSILON).mean()),
        brier=float(((proba - truth) ** 2).sum(axis=1).mean()),
        ece=float(apart / len(targets)),
        bins=bins,
    )


def _bins(top: NDArray[np.float64], right: NDArray[np.bool_]) -> list[ReliabilityBin]:
    """Put rows into equally wide bins of their top probability, float64 [n]; bool [n]."""
    number = np.clip(np.ceil(top * N_BINS).astype(np.int64) - 1, 0, N_BINS - 1)
    n = np.bincount(number, minlength=N_BINS)
    confidence = np.bincount(number, weights=top, minlength=N_BINS)
    hits = np.bincount(number, weights=right, minlength=N_BINS)
    return [
        ReliabilityBin(
            low=i / N_BINS,
            high=(i + 1) / N_BINS,
            n=int(n[i]),
            confidence=float(confidence[i] / n[i]),
            accuracy=float(hits[i] / n[i]),
        )
        for i in np.flatnonzero(n).tolist()
    ]


def _below_top(log_proba: NDArray[np.float64]) -> NDArray[np.float64]:
    """Give log-probabilities relative to the row's largest, none lower than about -36."""
    top = log_proba.max(axis=1, keepdims=True)
    return np.asarray(np.maximum(log_proba - top, _LOG_EPSILON))


def _check(log_proba: NDArray[np.float64], targets: NDArray[np.int64]) -> None:
    if len(targets) == 0:
        raise DataError("there are no rows to calibrate on")
    if log_proba.ndim != 2 or len(log_proba) != len(targets):
        raise DataError(
            f"the log-probabilities have the shape {log_proba.shape}; {len(targets):,} rows need"
            f" ({len(targets)}, classes)"
        )
    n_classes = log_proba.shape[1]
    if targets.min() < 0 or targets.max() >= n_classes:
        worst = int(targets.min() if targets.min() < 0 else targets.max())
        raise DataError(
            f"a true label is number {worst}; {n_classes} classes have the numbers 0 to"
            f" {n_classes - 1}"
        )
    if np.isnan(log_proba).any():
        row = int(np.isnan(log_proba).any(axis=1).argmax())
        raise DataError(f"the probabilities of row {row} (counted from 0) are not numbers")
