"""The interface of all models, and functions that the models in numpy share."""

from collections.abc import Mapping, Sequence
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from wordgate.errors import BundleError, did_you_mean
from wordgate.families import FAMILIES, imported
from wordgate.text.encoder import TextEncoder

Arrays = Mapping[str, NDArray[Any]]
Floats = NDArray[np.float32]
Description = Mapping[str, Any]
_MULTILABEL = "multilabel"


class Model(Protocol):
    """A fitted classifier of texts; the labels of its classes are stored in the bundle."""

    @property
    def family(self) -> str:
        """The name of the family."""

    @property
    def n_threads(self) -> int:
        """The number of threads that it predicts with."""

    def log_proba(self, texts: Sequence[str]) -> NDArray[np.float64]:
        """Compute log-probabilities, float64 [n, classes].

        The probabilities of a row sum to 1, unless a text can have several labels: then those of
        the labels are independent.
        """

    def state(self) -> tuple[Description, Arrays]:
        """Return the complete state of the model: JSON values and arrays."""

    def with_threads(self, threads: int | None) -> "Model":
        """Return the model with this number of threads, as for `choose_threads`, if it has any."""


def model_from_state(family: str, description: Description, arrays: Arrays) -> Model:
    """Restore a model of any family from its `state`.

    Raises:
        BundleError: The family is unknown, or the state is incomplete or inconsistent.
    """
    if family not in FAMILIES:
        raise BundleError(f"no family of models '{family}'{did_you_mean(family, FAMILIES)}")
    if not isinstance(description, Mapping):
        kind = f"a {type(description).__name__}"
        raise BundleError(f"the model's description is {kind}, not an object of named parts")
    model: Model = imported(FAMILIES[family].load)(dict(description), dict(arrays))
    return model


def log_softmax(logits: NDArray[np.floating[Any]]) -> NDArray[np.float64]:
    """Compute log-probabilities of logits [n, classes] by the softmax, float64 [n, classes]."""
    shifted = logits.astype(np.float64) - logits.max(axis=1, keepdims=True)
    return np.asarray(shifted - np.log(np.exp(shifted).sum(axis=1, keepdims=True)))


def log_sigmoid(logits: NDArray[np.floating[Any]]) -> NDArray[np.float64]:
    """Compute log-probabilities of logits by the sigmoid, float64 of the same shape."""
    return np.asarray(-np.logaddexp(0.0, -logits.astype(np.float64)))


def class_log_proba(logits: NDArray[np.floating[Any]], multilabel: bool) -> NDArray[np.float64]:
    """Compute log-probabilities of logits [n, classes], float64 [n, classes].

    With several labels per text they are independent; else the probabilities of a row sum to 1.
    """
    return log_sigmoid(logits) if multilabel else log_softmax(logits)


def is_multilabel(description: Description) -> bool:
    """Return whether the labels of a saved model have independent probabilities.

    Raises:
        BundleError: The value is not a boolean.
    """
    value = description.get(_MULTILABEL, False)
    if not isinstance(value, bool):
        raise BundleError(f"the model's {_MULTILABEL} is {value!r:.80}; it must be true or false")
    return value


def multilabel_part(multilabel: bool) -> Description:
    """Return the description for `is_multilabel`; empty for one label per text."""
    return {_MULTILABEL: True} if multilabel else {}


def required(parts: Mapping[str, Any], name: str) -> Any:
    """Return a part of a saved model.

    Raises:
        BundleError: It is missing.
    """
    if name not in parts:
        raise BundleError(f"the model has no part '{name}'; train it again")
    return parts[name]


def check_arrays(arrays: Arrays, shapes: Mapping[str, Sequence[int]]) -> None:
    """Refuse arrays that are missing, not float32, of another shape, or unused.

    Raises:
        BundleError: There is such an array; the message has the name of the first.
    """
    for name, shape in shapes.items():
        array = required(arrays, name)
        if array.shape != tuple(shape) or array.dtype != np.float32:
            raise BundleError(
                f"the model's {name} is {array.dtype} {list(array.shape)}"
                f"; it must be float32 {list(shape)}"
            )
    for name in arrays:
        if name not in shapes:
            raise BundleError(f"the model has a part '{name}' that nothing needs; train it again")


def encoder_of(description: Description) -> TextEncoder:
    """Restore the text encoder of a saved model.

    Raises:
        BundleError: It is missing or damaged.
    """
    encoder = required(description, "encoder")
    if not isinstance(encoder, Mapping):
        raise BundleError(
            f"the model's text encoder is {encoder!r:.80}, not an object of named fields"
        )
    return TextEncoder.from_state(encoder)
