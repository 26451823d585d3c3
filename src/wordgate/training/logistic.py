"""Multinomial logistic regression over sparse or dense features, and the search for its C.

Shapes: ``n`` texts, ``features`` numbers a text, ``classes`` labels.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, TypeAlias

import numpy as np
from numpy.typing import NDArray

from wordgate.models.base import log_softmax
from wordgate.models.count import ABSENT_LOGIT
from wordgate.runtime.progress import Progress, beating
from wordgate.training.fitting import TIME_LIMIT

if TYPE_CHECKING:
    from scipy.sparse import csr_matrix

    Features: TypeAlias = csr_matrix | NDArray[np.float32]

Doubles = NDArray[np.float64]
MOST_STEPS = 20
"""With the scaling below, 20 steps of L-BFGS come as near to the optimum as 60 without it; on
validation tweets, more of them changed nothing at low C and cost accuracy at high C, where an early
end regularises, too."""
_CURVATURE = 0.3
_PAIRS_KEPT = 6


@dataclass(frozen=True)
class Linear:
    """A linear layer before softmax.

    Attributes:
        coefficients: float32 [features, classes].
        intercepts: float64 [classes]; `ABSENT_LOGIT` for a class that had no rows.
    """

    coefficients: NDArray[np.float32]
    intercepts: Doubles

    def log_proba(self, features: Features) -> Doubles:
        """Compute log-probabilities, float64 [n, classes]."""
        return log_softmax(features @ self.coefficients + self.intercepts)


def fit_path(
    features: Features,
    targets: NDArray[np.int64],
    n_classes: int,
    c_values: Sequence[float],
    *,
    most_steps: int = MOST_STEPS,
    deadline: float,
) -> Iterator[tuple[float, Linear]]:
    """Fit for each strength in turn, strongest penalty first; each begins where the last ended.

    The loss is the sum of the texts' log losses and the squared coefficients over 2 C, as in
    scikit-learn; the intercepts go free.

    Args:
        features: float32 [n, features].
        targets: int64 [n].
        n_classes: How many classes there are; one without rows gets the probability 0.
        c_values: Inverse strengths of the L2 penalty.
        most_steps: How many steps of L-BFGS each may take.
        deadline: The `time.monotonic()` from which on no step more is begun.

    Yields:
        C, and what was fitted.
    """
    from threadpoolctl import ThreadpoolController

    present, own = np.unique(targets, return_inverse=True)
    loss = _Loss(features, own, len(present))
    weights, pools = np.zeros(loss.size), ThreadpoolController()
    for c in sorted(set(c_values)):
        # Vectors this short gain nothing from threads and lose much where cores are shared.
        with pools.limit(limits=1):
            weights = _minimised(loss, c, weights, most_steps, deadline)
        coefficients, intercepts = loss.parts(weights)  # of the basis; other classes have none
        of_all = np.zeros((len(coefficients), n_classes), np.float32)
        of_all[:, present] = coefficients @ loss.basis.T
        intercepts_of_all = np.full(n_classes, ABSENT_LOGIT)
        intercepts_of_all[present] = loss.basis @ intercepts
        yield c, Linear(of_all, intercepts_of_all)


def _minimised(
    loss: _Loss, c: float, weights: Doubles, most_steps: int, deadline: float
) -> Doubles:
    """Go down from some weights; what the solver remembers of the way is let go."""
    from scipy.optimize import minimize

    def check(xk: Doubles) -> None:  # noqa: ARG001 - scipy looks at the name
        if time.monotonic() >= deadline:
            raise StopIteration

    scale = loss.scale(c)
    found = minimize(
        loss.scaled(c, scale),
        weights / scale,
        jac=True,
        method="L-BFGS-B",
        callback=check,
        options={"maxiter": most_steps, "maxcor": _PAIRS_KEPT, "ftol": 0.0, "gtol": 1e-7},
    )
    return np.asarray(found.x * scale)


class _Loss:
    """The mean loss over weights of one class fewer than there are.

    The penalty makes the coefficients of all classes sum to zero, so an orthonormal basis of that
    plane holds the same optimum in fewer numbers, for the same penalty.
    """

    def __init__(self, features: Features, targets: NDArray[np.intp], n_present: int):
        from scipy.linalg import helmert

        self.features, self.targets = features, targets
        self.transposed = features.T
        self.n, self.width = features.shape
        self.columns = n_present - 1
        self.size = (self.width + 1) * self.columns
        plane = helmert(n_present) if self.columns else np.zeros((0, n_present))
        self.basis = plane.T.astype(np.float32)
        self.mean_squares = _mean_squares(features)

    def parts(self, weights: Doubles) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
        """Take flat weights apart: float32 [features, columns] and [columns]."""
        laid = weights.reshape(self.width + 1, self.columns).astype(np.float32)
        return laid[:-1], laid[-1]

    def scale(self, c: float) -> Doubles:
        """Give each weight a unit in which the loss curves about alike in all directions.

        They are the diagonal of a bound of the Hessian (Böhning 1992): the curvature of softmax
        times the feature's mean square, and the penalty's.
        """
        curvature = np.append(_CURVATURE * self.mean_squares + 1.0 / (c * self.n), _CURVATURE)
        return np.repeat(1.0 / np.sqrt(curvature), self.columns)

    def scaled(self, c: float, scale: Doubles) -> Callable[[Doubles], tuple[float, Doubles]]:
        """Give the loss and its gradient as a function of weights in units of `scale`."""

        def loss(units: Doubles) -> tuple[float, Doubles]:
            weights = units * scale
            coefficients, intercepts = self.parts(weights)
            # OpenBLAS may raise this flag over finite numbers (numpy issues 13173 and 24067).
            with np.errstate(invalid="ignore"):
                log_loss, residuals = self._log_loss(coefficients, intercepts)
                products = self.transposed @ residuals
            penalised = weights[: coefficients.size]
            gradient = np.empty_like(weights)
            gradient[: coefficients.size] = products.ravel()
            gradient[: coefficients.size] += penalised / (c * self.n)
            gradient[coefficients.size :] = residuals.sum(axis=0, dtype=np.float64)
            penalty = float(penalised @ penalised) / (2.0 * c * self.n)
            return log_loss + penalty, gradient * scale

        return loss

    def _log_loss(
        self, coefficients: NDArray[np.float32], intercepts: NDArray[np.float32]
    ) -> tuple[float, NDArray[np.float32]]:
        """Give the mean log loss, and its derivative, float32 [n, columns]."""
        shares = (self.features @ coefficients + intercepts) @ self.basis.T
        shares -= shares.max(axis=1, keepdims=True)
        right = shares[np.arange(self.n), self.targets]
        np.exp(shares, out=shares)
        totals = shares.sum(axis=1)
        log_loss = float((np.log(totals) - right).mean(dtype=np.float64))
        shares /= totals[:, None]
        shares[np.arange(self.n), self.targets] -= 1.0
        return log_loss, shares @ self.basis / np.float32(self.n)


def _mean_squares(features: Features) -> Doubles:
    """Give the mean square of every feature, float64 [features]."""
    if isinstance(features, np.ndarray):
        return np.asarray(
            np.einsum("ij,ij->j", features, features, dtype=np.float64) / len(features)
        )
    squares = features._with_data(np.square(features.data), copy=False)
    return np.asarray(squares.mean(axis=0), np.float64).ravel()


@dataclass(frozen=True)
class Trial:
    """A fit, and its scores on validation.

    Attributes:
        c: The inverse strength of the L2 penalty.
        linear: What was fitted.
        accuracy: Share of the validation texts that are labelled right.
        log_loss: Their mean log loss, in nats.
    """

    c: float
    linear: Linear
    accuracy: float
    log_loss: float

    def beats(self, other: Trial | None) -> bool:
        """Tell whether it is better: more right, or as many with the lower loss."""
        return other is None or (-self.accuracy, self.log_loss) < (-other.accuracy, other.log_loss)


@dataclass(frozen=True)
class RegularizationChoice:
    """The best of all fits.

    Attributes:
        best: The best on validation.
        tried: The strengths that were tried, strongest penalty first.
        left_out: How many were not, because time was up.
    """

    best: Trial
    tried: tuple[float, ...]
    left_out: int = 0

    def remarks(self) -> list[str]:
        """Say which strength was chosen, and from what."""
        tried = ", ".join(f"{c:g}" for c in self.tried)
        chosen = [
            f"Validation chose C = {self.best.c:g} (accuracy {self.best.accuracy:.3f}) of {tried}."
        ]
        if self.left_out:
            n = len(self.tried)
            chosen.append(
                f"{TIME_LIMIT}ended the search after {n} of {n + self.left_out} values of C."
            )
        return chosen


def search_regularization(
    train: tuple[Features, NDArray[np.int64]],
    valid: tuple[Features, NDArray[np.int64]],
    n_classes: int,
    c_values: Sequence[float],
    *,
    progress: Progress,
    deadline: float,
) -> RegularizationChoice:
    """Fit a logistic regression for each strength, and keep the best on validation.

    Args:
        train: Features float32 [n, features] and targets int64 [n] to fit on.
        valid: The same of what chooses.
        n_classes: How many classes there are.
        c_values: Inverse strengths of the L2 penalty.
        progress: Where each fit is reported.
        deadline: The `time.monotonic()` at which fitting must end; the first fit is cut short by
            it, and no further one is begun.
    """
    best: Trial | None = None
    tried: list[float] = []
    started = time.monotonic()
    with progress.bar(None) as bar, beating(bar, "logistic regression"):
        for c, linear in fit_path(*train, n_classes, c_values, deadline=deadline):
            trial = _trial(c, linear, *valid)
            tried.append(c)
            best = trial if best is None or trial.beats(best) else best
            now = time.monotonic()
            progress.detail(_line(trial, now - started, trial is best))
            if now >= deadline:
                break
            started = now
    if best is None:
        raise ValueError("there is no C to try")
    return RegularizationChoice(best, tuple(tried), len(set(c_values)) - len(tried))


def _trial(c: float, linear: Linear, features: Features, targets: NDArray[np.int64]) -> Trial:
    log_proba = linear.log_proba(features)
    accuracy = float((log_proba.argmax(axis=1) == targets).mean())
    return Trial(c, linear, accuracy, -float(log_proba[np.arange(len(targets)), targets].mean()))


def _line(trial: Trial, seconds: float, best: bool) -> str:
    mark = "  (best so far)" if best else ""
    return (
        f"C = {trial.c:<6g} {seconds:5.1f} s  valid {trial.accuracy:.3f},"
        f" log loss {trial.log_loss:.3f}{mark}"
    )
