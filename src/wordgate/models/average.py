"""The families `logreg` and `mlp`: a linear model or one hidden layer over averaged word vectors.

The mean is linear, so the first layer is applied to the word vectors in advance: a row of the table
is the output of the layer for a word, and the layer's output for a text is the weighted mean of the
rows of its words. With one hidden layer this is the deep averaging network of Iyyer et al. (2015).

Shapes: ``vocabulary`` ids, ``features`` of a word or text (the classes of `logreg`, the hidden
units of `mlp`), ``classes`` labels.
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
    """The output layer of `mlp`.

    Attributes:
        weights: float32 [classes, features].
        bias: float32 [classes].
    """

    weights: Floats
    bias: Floats


@dataclass(frozen=True)
class AverageModel:
    """A classifier of the weighted mean of a text's word vectors.

    Attributes:
        encoder: The text encoder.
        rows: float32 [vocabulary, features].
        weights: float32 [vocabulary], not negative; 0 for ids without a vector.
        bias: float32 [features], the features of a text without known words.
        output: The output layer of `mlp`; None for `logreg`.
        int8: Whether the rows are quantized, with values of `int8.round_to_int8`.
        multilabel: Whether a text can have several labels.
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
        """The name of the family."""
        return "logreg" if self.output is None else "mlp"

    def log_proba(self, texts: Sequence[str]) -> NDArray[np.float64]:
        """Compute log-probabilities, float64 [n, classes]."""
        return self.log_proba_of(self.encoder.encode(texts))

    def log_proba_of(self, encoded: EncodedTexts) -> NDArray[np.float64]:
        """Compute log-probabilities of encoded texts, float64 [n, classes]."""
        features = averages(encoded, self.rows, self.weights) + self.bias
        if self.output is not None:
            hidden = np.maximum(features, 0.0)
            # Not by BLAS, whose last bits depend on the number of texts.
            features = np.einsum("nf,cf->nc", hidden, self.output.weights) + self.output.bias
        return class_log_proba(features, self.multilabel)

    def with_threads(self, threads: int | None) -> "AverageModel":  # noqa: ARG002
        """Return the model itself, which predicts in one thread."""
        return self

    def in_int8(self) -> "AverageModel":
        """Return the model with int8-quantized rows."""
        return replace(self, rows=round_to_int8(self.rows), int8=True)

    def state(self) -> tuple[Description, Arrays]:
        """Return the encoder and the arrays by their names."""
        arrays = {
            **int8_arrays("rows", self.rows, int8=self.int8),
            "weights": self.weights,
            "bias": self.bias,
        }
        if self.output is not None:
            arrays |= {"output.weights": self.output.weights, "output.bias": self.output.bias}
        return {"encoder": self.encoder.state(), **multilabel_part(self.multilabel)}, arrays


def load_average(description: Description, arrays: Arrays, *, hidden: bool) -> AverageModel:
    """Restore a model from its `state`: `mlp` with a hidden layer, else `logreg`.

    Raises:
        BundleError: A part is missing, or the parts are inconsistent.
    """
    encoder = encoder_of(description)
    arrays, int8 = restore_int8("rows", arrays)
    _check_arrays(arrays, len(encoder.vocabulary), hidden=hidden)
    output = OutputLayer(arrays["output.weights"], arrays["output.bias"]) if hidden else None
    layers = (arrays["rows"], arrays["weights"], arrays["bias"], output)
    return AverageModel(encoder, *layers, int8, is_multilabel(description))


load_logreg, load_mlp = (partial(load_average, hidden=hidden) for hidden in (False, True))


def averages(encoded: EncodedTexts, rows: Floats, weights: Floats) -> Floats:
    """Compute the weighted mean of the rows of each text's words.

    Args:
        encoded: The n texts.
        rows: float32 [vocabulary, features].
        weights: float32 [vocabulary].

    Returns:
        float32 [n, features]; zeros for a text whose words have no weight. The result of a text
        does not depend on the other texts.
    """
    means = np.zeros((len(encoded), rows.shape[1]), np.float32)
    offsets = encoded.offsets
    for start in range(0, len(encoded), _TEXTS_AT_ONCE):
        texts = np.arange(start, min(start + _TEXTS_AT_ONCE, len(encoded)))
        filled = texts[offsets[texts + 1] > offsets[texts]]  # reduceat needs non-empty segments
        if not len(filled):
            continue
        first, end = offsets[start], offsets[texts[-1] + 1]
        ids, starts = encoded.ids[first:end], offsets[filled] - first
        token_weights = weights[ids]
        sums = np.add.reduceat(rows[ids] * token_weights[:, None], starts, axis=0)
        totals = np.add.reduceat(token_weights, starts)
        has_weight = totals > 0
        means[filled[has_weight]] = sums[has_weight] / totals[has_weight, None]
    return means


def _check_arrays(arrays: Arrays, vocabulary: int, *, hidden: bool) -> None:
    """Refuse arrays of other shapes, and negative weights."""
    features = required(arrays, "bias").shape[:1] or (1,)
    shapes = {"rows": (vocabulary, *features), "weights": (vocabulary,), "bias": features}
    if hidden:
        classes = required(arrays, "output.bias").shape[:1] or (1,)
        shapes |= {"output.weights": (*classes, *features), "output.bias": classes}
    check_arrays(arrays, shapes)
    if not (np.isfinite(arrays["weights"]) & (arrays["weights"] >= 0)).all():
        raise BundleError("the model's weights of words are not all numbers of 0 or more")
