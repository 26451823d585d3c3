"""The interface of every family of classifiers, and what their numpy models share."""

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
    """A fitted classifier over texts; which labels its columns mean is the bundle's to know."""

    @property
    def family(self) -> str:
        """Name the family."""

    @property
    def n_threads(self) -> int:
        """Count the threads it predicts in."""

    def log_proba(self, texts: Sequence[str]) -> NDArray[np.float64]:
        """Compute log-probabilities, float64 [n, classes].

        Those of a row sum to 1, unless a text may have several labels: then each stands alone.
        """

    def state(self) -> tuple[Description, Arrays]:
        """Return all that a model is: what JSON can say, and its arrays."""

    def with_threads(self, threads: int | None) -> "Model":
        """Let it predict in this many threads, as for `choose_threads`, where it can."""


def model_from_state(family: str, description: Description, arrays: Arrays) -> Model:
    """Build a model of any family from what its `state` gave.

    Raises:
        BundleError: The family is unknown, or the state is incomplete or doesn't fit together.
    """
    if family not in FAMILIES:
        raise BundleError(f"no family of models '{family}'{did_you_mean(family, FAMILIES)}")
    if not isinstance(description, Mapping):
        found = f"a {type(description).__name__}"
        raise BundleError(f"the model's description is {found}, not an object of named parts")
    model: Model = imported(FAMILIES[family].load)(dict(description), dict(arrays))
    return model


def log_softmax(logits: NDArray[np.floating[Any]]) -> NDArray[np.float64]:
    """Turn logits [n, classes] into natural logarithms of probabilities, float64 [n, classes]."""
    shifted = logits.astype(np.float64) - logits.max(axis=1, keepdims=True)
    return np.asarray(shifted - np.log(np.exp(shifted).sum(axis=1, keepdims=True)))


def log_sigmoid(logits: NDArray[np.floating[Any]]) -> NDArray[np.float64]:
    """Turn each logit into the natural logarithm of its own probability, float64 alike."""
    return np.asarray(-np.logaddexp(0.0, -logits.astype(np.float64)))


def class_log_proba(logits: NDArray[np.floating[Any]], multilabel: bool) -> NDArray[np.float64]:
    """Turn logits [n, classes] into log-probabilities, float64 [n, classes].

    With several labels per text each has a probability of its own; else those of a row sum to 1.
    """
    return log_sigmoid(logits) if multilabel else log_softmax(logits)


def is_multilabel(description: Description) -> bool:
    """Return whether a saved model gives each label a probability of its own.

    Raises:
        BundleError: The description says neither yes nor no.
    """
    found = description.get(_MULTILABEL, False)
    if not isinstance(found, bool):
        raise BundleError(f"the model's {_MULTILABEL} is {found!r:.80}; it must be true or false")
    return found


def multilabel_part(multilabel: bool) -> Description:
    """Return the part of a description that `is_multilabel` reads; none for one label per text."""
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
    """Refuse arrays that are missing, not of float32, of another shape, or that nothing needs.

    Raises:
        BundleError: With the name of the first.
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
    """Build the text encoder of a saved model again.

    Raises:
        BundleError: It is missing or damaged.
    """
    encoder = required(description, "encoder")
    if not isinstance(encoder, Mapping):
        raise BundleError(
            f"the model's text encoder is {encoder!r:.80}, not an object of named fields"
        )
    return TextEncoder.from_state(encoder)
