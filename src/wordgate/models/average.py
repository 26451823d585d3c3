"""The families `logreg` and `mlp`: a linear model or one hidden layer over averaged word vectors.

An average is linear, so the first layer stands in the table already: a word's row is what the layer
makes of its vector, and a text is the weighted mean of its words' rows. What is over is Iyyer et
al.'s deep averaging network (2015) of one hidden layer, or of none.

Shapes: ``vocabulary`` ids, ``features`` numbers a word and a text (the classes of `logreg`, the
hidden units of `mlp`), ``classes`` labels.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import partial

import numpy as np
from numpy.typing import NDArray

from wordgate.errors import BundleError
from wordgate.models.base import (
    Arrays,
    Description,
    Floats,
    check_arrays,
    class_log_proba,
    encoder_of,
    is_multilabel,
    multilabel_part,
    required,
)
from wordgate.models.int8 import int8_arrays, restore_int8, round_to_int8
from wordgate.text.encoder import EncodedTexts, TextEncoder

_TEXTS_AT_ONCE = 256


@dataclass(frozen=True)
class OutputLayer:
    """The layer of `mlp` over its hidden units.

    Attributes:
        weights: float32 [classes, features].
        bias: float32 [classes].
    """

    weights: Floats
    bias: Floats


@dataclass(frozen=True)
class AverageModel:
    """A classifier over the weighted mean of a text's words.

    Attributes:
        encoder: Turns texts into ids.
        rows: float32 [vocabulary, features].
        weights: float32 [vocabulary], not negative; 0 for ids that have no vector.
        bias: float32 [features], all that a text without any known word has.
        output: The layer over the hidden units of `mlp`; None for `logreg`.
        int8: Whether the rows are kept in bytes; they are `int8.round_to_int8` then.
        multilabel: Whether a text may have several labels.
    """

    encoder: TextEncoder
    rows: Floats
    weights: Floats
    bias: Floats
    output: OutputLayer | None = None
    int8: bool = False
    multilabel: bool = False
    n_threads = 1

    @property
    def family(self) -> str:
        """Name the family."""
        return "logreg" if self.output is None else "mlp"

    def log_proba(self, texts: Sequence[str]) -> NDArray[np.float64]:
        """Compute log-probabilities, float64 [n, classes]."""
        return self.log_proba_of(self.encoder.encode(texts))

    def log_proba_of(self, encoded: EncodedTexts) -> NDArray[np.float64]:
        """Compute log-probabilities of texts that are ids already, float64 [n, classes]."""
        features = averages(encoded, self.rows, self.weights) + self.bias
        if self.output is not None:
            hidden = np.maximum(features, 0.0)
            # Not by BLAS, whose last bits depend on how many texts there are.
            features = np.einsum("nf,cf->nc", hidden, self.output.weights) + self.output.bias
        return class_log_proba(features, self.multilabel)

    def with_threads(self, threads: int | None) -> "AverageModel":  # noqa: ARG002
        """Return the model itself, which predicts in one thread."""
        return self

    def in_int8(self) -> "AverageModel":
        """Return the same model with rows that a byte a number can keep."""
        return replace(self, rows=round_to_int8(self.rows), int8=True)

    def state(self) -> tuple[Description, Arrays]:
        """Return the encoder, and the layers by their names."""
        arrays = {
            **int8_arrays("rows", self.rows, int8=self.int8),
            "weights": self.weights,
            "bias": self.bias,
        }
        if self.output is not None:
            arrays |= {"output.weights": self.output.weights, "output.bias": self.output.bias}
        return {"encoder": self.encoder.state(), **multilabel_part(self.multilabel)}, arrays


def load_average(description: Description, arrays: Arrays, *, hidden: bool) -> AverageModel:
    """Build a model again from what its `state` gave: `mlp` with a hidden layer, else `logreg`.

    Raises:
        BundleError: A part is missing, or the parts don't fit together.
    """
    encoder = encoder_of(description)
    arrays, int8 = restore_int8("rows", arrays)
    _check_arrays(arrays, len(encoder.vocabulary), hidden=hidden)
    output = OutputLayer(arrays["output.weights"], arrays["output.bias"]) if hidden else None
    layers = (arrays["rows"], arrays["weights"], arrays["bias"], output)
    return AverageModel(encoder, *layers, int8, is_multilabel(description))


load_logreg, load_mlp = (partial(load_average, hidden=hidden) for hidden in (False, True))


def averages(encoded: EncodedTexts, rows: Floats, weights: Floats) -> Floats:
    """Average rows, float32 [vocabulary, features], over each text's words by weights [vocabulary].

    Returns:
        float32 [n, features]; zeros for a text whose words have no weight. A text's neighbors
        have no part in its result.
    """
    means = np.zeros((len(encoded), rows.shape[1]), np.float32)
    offsets = encoded.offsets
    for start in range(0, len(encoded), _TEXTS_AT_ONCE):
        texts = np.arange(start, min(start + _TEXTS_AT_ONCE, len(encoded)))
        filled = texts[offsets[texts + 1] > offsets[texts]]  # reduceat gives others a neighbour's
        if not len(filled):
            continue
        first, end = offsets[start], offsets[texts[-1] + 1]
        ids, starts = encoded.ids[first:end], offsets[filled] - first
        own = weights[ids]
        sums = np.add.reduceat(rows[ids] * own[:, None], starts, axis=0)
        totals = np.add.reduceat(own, starts)
        known = totals > 0
        means[filled[known]] = sums[known] / totals[known, None]
    return means


def _check_arrays(arrays: Arrays, vocabulary: int, *, hidden: bool) -> None:
    """Refuse arrays of another vocabulary or network, and negative weights."""
    features = required(arrays, "bias").shape[:1] or (1,)
    shapes = {"rows": (vocabulary, *features), "weights": (vocabulary,), "bias": features}
    if hidden:
        classes = required(arrays, "output.bias").shape[:1] or (1,)
        shapes |= {"output.weights": (*classes, *features), "output.bias": classes}
    check_arrays(arrays, shapes)
    if not (np.isfinite(arrays["weights"]) & (arrays["weights"] >= 0)).all():
        raise BundleError("the model's weights of words are not all numbers of 0 or more")
