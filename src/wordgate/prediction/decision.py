"""Decision rules: from probabilities to labels."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from wordgate.arguments import real_number, whole_number
from wordgate.bundle.config import Config
from wordgate.errors import SettingsError, near_miss
from wordgate.evaluation.multilabel import DEFAULT_THRESHOLD, predicted_classes
from wordgate.runtime.display import brief

Threshold = float | Mapping[str, float]
"""One threshold for all labels, or thresholds by label."""
Prediction = str | None | tuple[str, ...]
"""The label of a text (None for abstention), or its labels, most probable first."""


@dataclass(frozen=True)
class DecisionRule:
    """The rule that predicts labels from probabilities.

    With several labels per text, each label whose probability reaches its threshold is predicted.
    With one label per text, it is the most probable one; or, of two labels with thresholds, that of
    the column `decisive` if its probability reaches its threshold, otherwise the other one.

    Attributes:
        labels: The labels, in the order of the columns.
        multilabel: Whether a text can have any number of labels.
        thresholds: One per label; None if the most probable label is predicted.
        decisive: The column whose threshold decides, for two labels with one label per text.
        abstain_below: With one label per text, predict none if the most probable one is less
            probable than this.
        top: Predict this number of labels, the most probable ones, regardless of thresholds.
    """

    labels: tuple[str, ...]
    multilabel: bool = False
    thresholds: tuple[float, ...] | None = None
    decisive: int = 1
    abstain_below: float = 0.0
    top: int | None = None

    @classmethod
    def of(
        cls,
        config: Config,
        *,
        threshold: Threshold | None = None,
        top: int | None = None,
        abstain_below: float = 0.0,
    ) -> "DecisionRule":
        """Return the rule of a model, changed by options; see `Predictor.predict`.

        Raises:
            SettingsError: An option is out of range, has no effect on this model, or contradicts
                another one.
        """
        check_abstain(abstain_below)
        if top is not None:
            needed = f"a whole number from 1 to {len(config.labels)}, the number of labels"
            whole_number(top, "top", needed, most=len(config.labels))
            if threshold is not None or abstain_below:
                other = "abstain_below" if threshold is None else "threshold"
                raise SettingsError(
                    "top gives the most probable labels, however probable they are, so"
                    f" {other} has no effect: leave one of them out"
                )
        thresholds, decisive = _thresholds(config, threshold)
        if abstain_below and config.multilabel:
            raise SettingsError(
                "abstain_below applies only to models of one label per text, and this one is"
                " multi-label: give a higher threshold instead"
            )
        if abstain_below and thresholds is not None:
            raise SettingsError(
                f"abstain_below applies to the most probable label, but here a threshold decides"
                f" ({thresholds[decisive]:g} for {config.labels[decisive]!r:.80}): leave"
                " abstain_below out"
            )
        return cls(config.labels, config.multilabel, thresholds, decisive, abstain_below, top)

    @property
    def predicts_several(self) -> bool:
        """Whether the prediction for a text is a tuple of labels."""
        return self.multilabel or self.top is not None

    def thresholds_by_label(self) -> dict[str, float] | None:
        """Return the thresholds by label; None if the most probable label is predicted."""
        thresholds = self.thresholds
        return None if thresholds is None else dict(zip(self.labels, thresholds, strict=True))

    def predictions(self, proba: NDArray[np.float64]) -> list[Prediction]:
        """Return the label or the labels of each text for probabilities, float64 [n, labels]."""
        if self.predicts_several:
            return self._several(proba)
        columns = self.columns(proba)
        if self.abstain_below:
            columns[proba.max(axis=1) < self.abstain_below] = -1
        names = [*self.labels, None]
        return [names[column] for column in columns.tolist()]

    def columns(self, proba: NDArray[np.float64]) -> NDArray[np.int64]:
        """Return the column of each text's label, regardless of abstention, int64 [n]."""
        thresholds = None if self.thresholds is None else np.array(self.thresholds)
        return predicted_classes(proba, thresholds, self.decisive)

    def reached(self, proba: NDArray[np.floating[Any]]) -> NDArray[np.bool_]:
        """Return which of several labels per text reach their thresholds, bool [n, labels]."""
        return np.asarray(proba >= np.array(self.thresholds))

    def check_explained(self, label: str | None) -> None:
        """Refuse a label to explain that is unknown, or for a model of one label per text."""
        if label is None:
            return
        if not self.multilabel:
            raise SettingsError(
                "label applies only to multi-label models; this model always explains the predicted"
                " label: leave it out"
            )
        _check_known(label, self.labels, "label is")

    def _several(self, proba: NDArray[np.float64]) -> list[Prediction]:
        order = np.argsort(-proba, axis=1, kind="stable")  # ties in the order of the labels
        if self.top is not None:
            chosen = np.arange(len(self.labels)) < np.full((len(proba), 1), self.top)
        else:
            chosen = np.take_along_axis(self.reached(proba), order, axis=1)
        names = [self.labels[column] for column in order[chosen].tolist()]
        ends = np.cumsum(chosen.sum(axis=1)).tolist()
        return [tuple(names[start:end]) for start, end in zip([0, *ends], ends, strict=False)]


def check_abstain(abstain_below: float) -> None:
    """Refuse a threshold that is not a probability."""
    needed = "a probability, from 0 to 1"
    real_number(abstain_below, "abstain_below", needed, lambda number: 0.0 <= number <= 1.0)


def _thresholds(
    config: Config, threshold: Threshold | None
) -> tuple[tuple[float, ...] | None, int]:
    """Return the thresholds of a model, replaced by given ones, and the decisive column."""
    labels, own = config.labels, config.thresholds
    wanted = {} if threshold is None else _by_label(threshold, labels, config.multilabel)
    if config.multilabel:
        kept = dict(zip(labels, own or len(labels) * [DEFAULT_THRESHOLD], strict=True))
        return tuple((kept | wanted).values()), 1
    if not wanted:
        return None if own is None else tuple(own), 1
    [(label, value)] = wanted.items()
    decisive = labels.index(label)
    return (value, 1.0 - value) if decisive == 0 else (1.0 - value, value), decisive


def _by_label(threshold: Threshold, labels: tuple[str, ...], multilabel: bool) -> dict[str, float]:
    """Return the given thresholds by label."""
    if not multilabel and len(labels) != 2:
        raise SettingsError(
            f"threshold has no effect on a model that predicts the most probable of {len(labels)}"
            " labels; abstain_below predicts none if that is not probable enough"
        )
    if not isinstance(threshold, Mapping):
        value = _checked(threshold, "threshold")
        return dict.fromkeys(labels if multilabel else labels[1:], value)
    for label in threshold:
        _check_known(label, labels, "threshold names")
    if not threshold:
        raise SettingsError("threshold has no label: give one or more, or a number for all labels")
    if len(threshold) > 1 and not multilabel:
        raise SettingsError(
            "threshold names both labels; with one label per text, name only one: below its"
            " threshold, the other is predicted"
        )
    return {
        label: _checked(value, f"the threshold of {label!r:.80}")
        for label, value in threshold.items()
    }


def _check_known(label: object, labels: tuple[str, ...], what: str) -> None:
    if label not in labels:
        raise SettingsError(
            f"{what} {label!r:.80}, and the model's labels are"
            f" {brief(list(labels))}{near_miss(str(label)[:80], labels)}"
        )


def _checked(value: object, name: str) -> float:
    if isinstance(value, float | np.floating) and 0.0 < value < 1.0:
        return float(value)
    raise SettingsError(f"{name} is {value!r:.80}; it must be a probability above 0 and below 1")
