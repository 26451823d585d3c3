"""Logistic regression over sparse or dense features, and the search for its C.

It is multinomial for one label per text; for several, there is a regression for each label.

Shapes: ``n`` texts, ``features`` numbers per text, ``classes`` labels, ``columns`` of weights.
"""

from __future__ import annotations

import math
import time
from abc import ABC, abstractmethod
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, TypeAlias, TypeVar

import numpy as np
from numpy.typing import NDArray

from wordgate.models.base import class_log_proba, log_sigmoid
from wordgate.models.count import ABSENT_LOGIT
from wordgate.runtime.parallel import parallel_for
from wordgate.runtime.progress import Progress, beating
from wordgate.storage.arrays import GrowingArray
from wordgate.training.fitting import TIME_LIMIT, prior_log_odds, validation_scores

if TYPE_CHECKING:
    from scipy.sparse import csr_matrix

    Features: TypeAlias = csr_matrix | NDArray[np.float32]

Doubles = NDArray[np.float64]
Step = TypeVar("Step")
MOST_STEPS = 20
"""With the scaling below, 20 steps of L-BFGS come as close to the optimum as 60 without it. On
validation tweets, more steps changed nothing at low C and reduced accuracy at high C, where early
stopping regularizes, too."""
_CURVATURE = 0.3
_PAIRS_KEPT = 6
_FEW_COLUMNS = 4
"""Up to this number of columns, SciPy multiplies a sparse matrix faster column by column."""
_SQUARED_AT_ONCE = 1 << 20
TOLERANCE = 3e-4
"""With several labels per text, the fit of a label ends when a step reduces the log loss by less
than this share of the log loss of the label's frequency alone. Further steps changed no log loss on
validation."""


@dataclass(frozen=True)
class Linear:
    """A linear layer before softmax, or before a sigmoid for each label.

    Attributes:
        coefficients: float32 [features, classes].
        intercepts: float64 [classes]; `ABSENT_LOGIT` for a class that had no rows.
        multilabel: Whether a text may have several labels.
    """

    coefficients: NDArray[np.float32]
    intercepts: Doubles
    multilabel: bool = False

    def log_proba(self, features: Features) -> Doubles:
        """Compute log-probabilities, float64 [n, classes]."""
        return class_log_proba(features @ self.coefficients + self.intercepts, self.multilabel)


def in_time(steps: Iterable[Step], deadline: float) -> Iterator[Step]:
    """Return the first step of a fit in any case, and the others until the deadline."""
    for number, step in enumerate(steps):
        if number and time.monotonic() >= deadline:
            return
        yield step


def in_time_spread(values: Sequence[float], deadline: float) -> Iterator[float]:
    """Return values in turn; if there is time for some of them only, those at regular intervals.

    Each is expected to take as long as the one before. If the deadline has passed at the beginning,
    only the middle one is returned. The caller ends the work on a value at the deadline.
    """
    left = list(values)
    if time.monotonic() >= deadline:
        left = left[len(left) // 2 :][:1]
    while left:
        started = time.monotonic()
        yield left.pop(0)
        now = time.monotonic()
        if deadline < math.inf and now > started:
            n = max(1, int((deadline - now) / (now - started)))
            if n < len(left):
                left = [left[int((place + 0.5) * len(left) / n)] for place in range(n)]


def fit_path(
    features: Features,
    targets: NDArray[np.int64],
    n_classes: int,
    c_values: Sequence[float],
    *,
    weights: Doubles | None = None,
    most_steps: int = MOST_STEPS,
    tolerance: float = TOLERANCE,
    deadline: float,
    threads: int = 1,
) -> Iterator[tuple[float, Linear]]:
    """Fit with each C in turn, the strongest penalty first; each starts at the previous solution.

    If there is time for some of them only, those are spread over the whole range.

    The loss is the sum of the weighted log losses of the texts and the squared coefficients over
    2 C, as in scikit-learn; the intercepts are not penalized.

    Args:
        features: float32 [n, features].
        targets: int64 [n]; or [n, classes] of 0 and 1 for several labels per text.
        n_classes: The number of classes; one without rows gets the probability 0. With several
            labels per text, a label that all texts have, or none, always gets `prior_log_odds`.
        c_values: Inverse strengths of the L2 penalty.
        weights: float64 [n]; or [n, classes] for several labels per text; None if all are 1.
        most_steps: The maximum number of steps of L-BFGS for each C.
        tolerance: See `TOLERANCE`; for several labels per text.
        deadline: The `time.monotonic()` after which no step is begun.
        threads: Number of threads that multiply sparse features by the weights of few classes; the
            result is the same for any number.

    Yields:
        C, and the fitted layer.
    """
    import scipy.optimize  # noqa: F401 - the threads of a BLAS can be limited only after it is loaded
    from threadpoolctl import ThreadpoolController

    multilabel = targets.ndim == 2
    losses: Sequence[_Loss] = (
        _sigmoid_losses(features, targets, weights, tolerance)
        if multilabel
        else [_SoftmaxLoss(features, targets, weights, threads)]
    )
    fixed = prior_log_odds(targets) if multilabel else np.full(n_classes, ABSENT_LOGIT)
    found, pools = [loss.start for loss in losses], ThreadpoolController()
    for place, c in enumerate(in_time_spread(sorted(set(c_values)), deadline)):
        coefficients = np.zeros((features.shape[1], n_classes), np.float32)
        intercepts = fixed.copy()
        for number, loss in enumerate(losses):
            if place and number and time.monotonic() >= deadline:
                return  # its last labels would be those of the C before
            # For vectors this short, threads gain nothing, and lose much on a busy machine.
            with pools.limit(limits=1):
                found[number] = _minimised(loss, c, found[number], most_steps, deadline)
            layer = loss.layer(found[number])
            coefficients[:, loss.classes], intercepts[loss.classes] = layer
        yield c, Linear(coefficients, intercepts, multilabel)


def _minimised(
    loss: _Loss, c: float, weights: Doubles, most_steps: int, deadline: float
) -> Doubles:
    """Minimize the loss from some weights on; the state of the solver is not kept."""
    from scipy.optimize import minimize

    def check(xk: Doubles) -> None:  # noqa: ARG001 - scipy looks at the name
        if time.monotonic() >= deadline:
            raise StopIteration

    scale = loss.scale(c)
    found = minimize(
        loss.value_and_gradient,
        weights / scale,
        args=(c, scale),
        jac=True,
        method="L-BFGS-B",
        callback=check,
        options={
            "maxiter": most_steps,
            "maxcor": _PAIRS_KEPT,
            "ftol": loss.tolerance,
            "gtol": 1e-7,
        },
    )
    return np.asarray(found.x * scale)


class _Loss(ABC):
    """The mean loss as a function of weights, [features + 1, columns] in one dimension.

    Attributes:
        start: The initial weights, float64 [(features + 1) * columns].
        basis: float32 [classes, columns], which maps columns to the scores of classes.
        tolerance: A step that reduces the loss by less is the last.
        threads: Number of threads that multiply sparse features.
    """

    start: Doubles
    basis: NDArray[np.float32]
    tolerance = 0.0
    threads = 1

    def __init__(
        self,
        features: Features,  # float32 [n, features]
        mean_squares: Doubles,  # float64 [features]
        classes: NDArray[np.intp],  # those that have weights
        curvature: Doubles,  # float64 [columns], approximate second derivatives by the scores
        row_weights: Doubles | None,  # float64 [n], of each log loss; None for 1
    ):
        self.features, self.mean_squares, self.classes = features, mean_squares, classes
        self.transposed = features.T
        self.n, self.width = features.shape
        self.curvature = curvature
        row_weights = np.ones(self.n) if row_weights is None else row_weights
        self.total = float(row_weights.sum())
        self.row_weights = row_weights.astype(np.float32)

    @abstractmethod
    def _log_loss(
        self, scores: NDArray[np.float32]
    ) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
        """Return the log losses [n] and their derivatives by the scores, [n, classes] both."""

    def layer(self, weights: Doubles) -> tuple[NDArray[np.float32], Doubles]:
        """Convert weights to coefficients [features, classes] and intercepts [classes]."""
        columns = weights.reshape(self.width + 1, -1).astype(np.float32)
        return columns[:-1] @ self.basis.T, (self.basis @ columns[-1]).astype(np.float64)

    def scale(self, c: float) -> Doubles:
        """Return a unit for each weight, in which the loss has about the same curvature.

        It is from an approximation of the diagonal of the Hessian: the second derivative by the
        scores times the mean square of the feature, plus that of the penalty.
        """
        curvature = np.append(self.mean_squares, 1.0)[:, None] * self.curvature
        curvature[:-1] += 1.0 / (c * self.total)
        return np.asarray(1.0 / np.sqrt(curvature)).ravel()

    def value_and_gradient(self, units: Doubles, c: float, scale: Doubles) -> tuple[float, Doubles]:
        """Return the loss and its gradient by weights in units of `scale`."""
        weights = units * scale
        # OpenBLAS may raise this flag over finite numbers (numpy issues 13173 and 24067).
        with np.errstate(invalid="ignore"):
            losses, derivatives = self._log_loss(self._scores(weights))
            weighted = derivatives * self.row_weights[:, None]
            residuals = weighted @ self.basis / np.float32(self.total)
            products = self._product(self.transposed, residuals)
        log_loss = (losses * self.row_weights).sum(dtype=np.float64) / self.total
        # In place: for millions of n-grams, each of these arrays takes much memory.
        gradient = np.empty_like(weights)
        gradient[: products.size] = products.ravel()
        gradient[products.size :] = residuals.sum(axis=0, dtype=np.float64)
        penalised = weights[: products.size]
        penalty = float(penalised @ penalised) / (2.0 * c * self.total)
        penalised /= c * self.total
        gradient[: products.size] += penalised
        gradient *= scale
        return float(log_loss) + penalty, gradient

    def _scores(self, weights: Doubles) -> NDArray[np.float32]:
        """Return the scores of classes, [n, classes]."""
        columns = weights.reshape(self.width + 1, -1).astype(np.float32)
        scores = self._product(self.features, columns[:-1]) + columns[-1]
        return np.asarray(scores @ self.basis.T)

    def _product(self, matrix: Features, columns: NDArray[np.floating[Any]]) -> NDArray[np.float32]:
        """Multiply by columns [features or n, columns]; both ways give the same bits."""
        if isinstance(matrix, np.ndarray) or columns.shape[1] > _FEW_COLUMNS:
            return np.asarray(matrix @ columns)
        product = np.empty((matrix.shape[0], columns.shape[1]), np.float32)

        def multiply(number: int) -> None:
            product[:, number] = matrix @ np.ascontiguousarray(columns[:, number])

        parallel_for(multiply, range(columns.shape[1]), threads=self.threads)
        return product


class _SoftmaxLoss(_Loss):
    """The log loss of one label per text, with one column fewer than there are classes.

    With the penalty, the coefficients of all classes sum to zero. So an orthonormal basis of that
    subspace has the same optimum with fewer weights and the same penalty. The curvature is
    approximately an upper bound for softmax (Böhning 1992).
    """

    def __init__(
        self,
        features: Features,
        targets: NDArray[np.int64],
        weights: Doubles | None,
        threads: int = 1,
    ):
        from scipy.linalg import helmert

        self.threads = threads
        present, self.targets = np.unique(targets, return_inverse=True)
        plane = helmert(len(present)) if len(present) > 1 else np.zeros((0, len(present)))
        self.basis = plane.T.astype(np.float32)
        curvature = np.full(len(present) - 1, _CURVATURE)
        squares = _mean_squares(features, weights)
        super().__init__(features, squares, present, curvature, weights)
        self.start = np.zeros((self.width + 1) * len(curvature))

    def _log_loss(
        self, scores: NDArray[np.float32]
    ) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
        rows = np.arange(self.n)
        shares = scores - scores.max(axis=1, keepdims=True)
        right = shares[rows, self.targets]
        np.exp(shares, out=shares)
        totals = shares.sum(axis=1)
        shares /= totals[:, None]
        shares[rows, self.targets] -= 1.0
        return np.log(totals) - right, shares


class _SigmoidLoss(_Loss):
    """The binary log loss of one of several labels per text.

    The curvature is that of a sigmoid at its initial prediction, the frequency of the label.
    """

    basis = np.ones((1, 1), np.float32)

    def __init__(
        self,
        features: Features,
        mean_squares: Doubles,
        targets: NDArray[np.int64],
        weights: Doubles | None,
        label: int,
        tolerance: float,
    ):
        self.targets = targets[:, None].astype(np.float32)
        scaled = None if weights is None else weights / weights.mean()
        log_odds = prior_log_odds(self.targets, scaled)
        shares = np.exp([log_sigmoid(log_odds), log_sigmoid(-log_odds)])
        self.tolerance = float(-(shares * np.log(shares)).sum()) * tolerance
        curvature = shares.prod(axis=0)
        super().__init__(features, mean_squares, np.array([label]), curvature, weights)
        self.start = np.append(np.zeros(self.width), log_odds)

    def _log_loss(
        self, scores: NDArray[np.float32]
    ) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
        from scipy.special import expit, log_expit

        losses = (1.0 - self.targets) * scores - log_expit(scores)
        return losses[:, 0], expit(scores) - self.targets


def _sigmoid_losses(
    features: Features, targets: NDArray[np.int64], weights: Doubles | None, tolerance: float
) -> list[_Loss]:
    """Return the loss of each label that some texts have and others lack."""
    borne = targets.sum(axis=0)
    squares = _mean_squares(features, None if weights is None else weights.mean(axis=1))
    return [
        _SigmoidLoss(
            features,
            squares,
            targets[:, label],
            None if weights is None else weights[:, label],
            label,
            tolerance,
        )
        for label in np.flatnonzero((borne > 0) & (borne < len(targets))).tolist()
    ]


def _mean_squares(features: Features, weights: Doubles | None) -> Doubles:
    """Return the weighted mean square of every feature, float64 [features].

    Weights of 1 and None give the same bits.
    """
    shares = np.ones(features.shape[0]) if weights is None else weights
    total = shares.sum()
    if isinstance(features, np.ndarray):
        weighted = features if weights is None else features * weights.astype(np.float32)[:, None]
        return np.asarray(np.einsum("ij,ij->j", features, weighted, dtype=np.float64) / total)
    grown = GrowingArray(np.float32)
    for start in range(0, len(features.data), _SQUARED_AT_ONCE):
        grown.append(np.square(features.data[start : start + _SQUARED_AT_ONCE]))
    squares = features._with_data(grown.array(), copy=False)
    return np.asarray(squares.T @ (shares / total).astype(np.float32), np.float64)


@dataclass(frozen=True)
class Trial:
    """A fit, and its `validation_scores`."""

    c: float  # the inverse strength of the L2 penalty
    linear: Linear
    accuracy: float
    log_loss: float

    def beats(self, other: Trial | None) -> bool:
        """Return whether it has the higher accuracy, or the lower loss at the same accuracy.

        With several labels per text, only the loss counts: few texts have all labels correct, and
        with strong penalties rare labels never reach a probability of 0.5.
        """
        return other is None or self._rank() < other._rank()

    def _rank(self) -> tuple[float, ...]:
        both = (-self.accuracy, self.log_loss)
        return both[1:] if self.linear.multilabel else both


@dataclass(frozen=True)
class RegularizationChoice:
    """The best of all fits."""

    best: Trial  # the best on validation
    tried: tuple[float, ...]  # the values of C that were tried, strongest penalty first
    left_out: int = 0  # number of values for which there was no time
    is_cut: bool = False  # whether the deadline ended the search early

    def remarks(self) -> list[str]:
        """Describe which C was selected, and from which values."""
        tried, best = ", ".join(f"{c:g}" for c in self.tried), self.best
        score = f"accuracy ({best.accuracy:.3f})"
        if best.linear.multilabel:
            score = f"log loss ({best.log_loss:.3f})"
        n = len(self.tried)
        chosen = "was the only value tried:" if n == 1 else f"was selected from {tried} by"
        remarks = [f"C = {best.c:g} {chosen} validation {score}."]
        if self.left_out:
            remarks.append(
                f"{TIME_LIMIT}ended the search after {n} of {n + self.left_out} values of C."
            )
        elif self.is_cut:
            remarks.append(f"{TIME_LIMIT}stopped the fit with C = {self.tried[-1]:g} early.")
        return remarks


def search_regularization(
    train: tuple[Features, NDArray[np.int64]],
    valid: tuple[Features, NDArray[np.int64]],
    n_classes: int,
    c_values: Sequence[float],
    *,
    weights: Doubles | None = None,
    progress: Progress,
    deadline: float,
    threads: int = 1,
) -> RegularizationChoice:
    """Fit a logistic regression with each C, as `fit_path` does, and select the best on validation.

    `train` and `valid` are features and targets. The deadline ends a fit early, and no further one
    is begun.
    """
    best: Trial | None = None
    tried: list[float] = []
    is_cut = False
    started = time.monotonic()
    with progress.bar(None) as bar, beating(bar, "logistic regression"):
        for c, linear in fit_path(
            *train, n_classes, c_values, weights=weights, deadline=deadline, threads=threads
        ):
            is_cut = time.monotonic() >= deadline
            features, targets = valid
            trial = Trial(c, linear, *validation_scores(linear.log_proba(features), targets))
            tried.append(c)
            best = trial if trial.beats(best) else best
            now = time.monotonic()
            mark = "  (best so far)" if trial is best else ""
            progress.detail(
                f"C = {c:<6g} {now - started:5.1f} s  valid {trial.accuracy:.3f},"
                f" log loss {trial.log_loss:.3f}{mark}"
            )
            if now >= deadline:
                break
            started = now
    if best is None:
        raise ValueError("there is no C to try")
    left_out = len(set(c_values)) - len(tried)
    return RegularizationChoice(best, tuple(tried), left_out, is_cut or left_out > 0)
