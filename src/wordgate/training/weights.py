"""Weights in the loss: of labels, and of texts.

Shapes: ``n`` texts, ``classes`` labels.
"""

from collections.abc import Iterable, Mapping, Sequence

import numpy as np
from numpy.typing import NDArray

from wordgate.data.dataset import Dataset
from wordgate.errors import DataError, SettingsError, did_you_mean
from wordgate.settings import Settings
from wordgate.training.fitting import FitData, prior_log_odds

LARGEST_POSITIVE_WEIGHT = 100.0
"""Maximum weight of the texts with a label; more would let one or two texts dominate an update."""
_MODERATE = 0.25


def check_weights(data: FitData, settings: Settings) -> None:
    """Refuse weights of unknown labels, and invalid weights of texts.

    Raises:
        SettingsError: `class_weight` names a label that the data lacks.
        DataError: A text's weight is negative or no number, or all are 0.
    """
    if isinstance(settings.class_weight, Mapping):
        check_known_labels("class_weight", settings.class_weight, data.labels)
    if data.train.weights is not None:
        check_text_weights(data.train.weights, "training text")


def check_text_weights(weights: NDArray[np.float32], called: str) -> None:
    """Refuse invalid weights of texts, float32 [n]; `called` is the word for a text in the message.

    Raises:
        DataError: A weight is negative or no number, or all are 0.
    """
    bad = np.flatnonzero(~(np.isfinite(weights) & (weights >= 0.0)))
    if len(bad):
        raise DataError(
            f"the weight of {called} {bad[0] + 1:,} of {len(weights):,} is {weights[bad[0]]};"
            " it must be a finite number of 0 or more"
        )
    if not weights.any():
        raise DataError(f"the weights of all {len(weights):,} {called}s are 0")


def check_known_labels(setting: str, named: Iterable[str], labels: Sequence[str]) -> None:
    """Refuse a setting that names labels which the data lacks.

    Raises:
        SettingsError: There is one.
    """
    for label in named:
        if label not in labels:
            raise SettingsError(
                f"{setting} names the label {label!r:.200}, which the data does not"
                f" have{did_you_mean(label, labels)}"
            )


def class_weights(data: FitData, asked: str | Mapping[str, float]) -> NDArray[np.float64] | None:
    """Return the weights of labels, given by a user or by frequency.

    With one label per text, ``balanced`` gives a label the weight n / (classes * its texts), as in
    scikit-learn, so that all labels have the same total weight. With several, the texts with a
    label have the ratio of texts without it to texts with it as weight, at most
    `LARGEST_POSITIVE_WEIGHT`. ``moderate`` is the fourth root of these weights.

    Texts with a teacher's probabilities already include these weights (`TransferSet.dataset`).

    Args:
        data: The training texts with their weights.
        asked: ``none``, ``moderate``, ``balanced``; or weights by label, 1 for the others.

    Returns:
        float64 [classes], above 0; None where all weigh the same.
    """
    if data.train.soft_targets is not None:
        return None
    if isinstance(asked, Mapping):
        return np.array([asked.get(label, 1.0) for label in data.labels])
    if asked == "none":
        return None
    targets, texts = data.train.targets, mean_one(data.train)
    n_texts = len(targets) if texts is None else float(texts.sum(dtype=np.float64))
    if data.multilabel:
        borne = targets.sum(axis=0) if texts is None else texts.astype(np.float64) @ targets
        weights = (n_texts - borne) / np.where(borne > 0, borne, 1)
        weights = np.clip(weights, 1.0 / LARGEST_POSITIVE_WEIGHT, LARGEST_POSITIVE_WEIGHT)
    else:
        counts = np.bincount(targets, texts, minlength=data.n_classes)
        weights = n_texts / (data.n_classes * np.where(counts > 0, counts, 1))
    return np.asarray(weights**_MODERATE if asked == "moderate" else weights)


def lstm_class_weight(settings: Settings, *, multilabel: bool) -> str | Mapping[str, float]:
    """Return the class weights of an LSTM, as for `class_weights`.

    The general `class_weight` overrides that of the table ``lstm``. With several labels per text,
    weights are used only if a user sets them: a threshold for each label is better for rare labels,
    and leaves probabilities calibrated.
    """
    is_set = settings.set_by_user
    if settings.class_weight != "none" or "class_weight" in is_set:
        return settings.class_weight
    if multilabel and "lstm.class_weight" not in is_set:
        return "none"
    return settings.lstm.class_weight


def mean_one(train: Dataset) -> NDArray[np.float32] | None:
    """Scale the weights of texts, or of their labels, to a mean of 1."""
    if train.weights is None:
        return None
    return np.asarray(train.weights / train.weights.mean(dtype=np.float64), np.float32)


def label_log_odds(data: FitData) -> NDArray[np.float64] | None:
    """Estimate the frequencies of labels by `prior_log_odds`; None for one label per text."""
    if not data.multilabel:
        return None
    return prior_log_odds(data.train.to_learn, mean_one(data.train))


def loss_weights(data: FitData, asked: str | Mapping[str, float]) -> NDArray[np.float64] | None:
    """Multiply the weights of texts and of their labels; `asked` is as for `class_weights`.

    Returns:
        float64 [n]; or, with several labels per text, [n, classes]; None where all weigh the same.
    """
    classes, texts, targets = class_weights(data, asked), data.train.weights, data.train.targets
    if classes is None and texts is None:
        return None
    weights = np.ones(len(targets)) if texts is None else texts.astype(np.float64)
    if not data.multilabel:
        return weights if classes is None else weights * classes[targets]
    of_labels = np.ones(targets.shape) if classes is None else np.where(targets, classes, 1.0)
    return weights[:, None] * of_labels
