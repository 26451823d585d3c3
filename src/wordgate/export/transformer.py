"""The family `transformer` as an ONNX graph, of operators that every ONNX runtime has.

The kinds of encoders here are those that normalize after each sublayer, as the first transformer
did (Vaswani et al. 2017): BERT and what was made of it. They differ in the names of their weights,
in where positions begin, and in MPNet's bias of attention.

Shapes: ``batch`` texts, ``time`` subwords of the longest of them, ``hidden`` numbers of a state,
``heads`` of attention, each of ``size`` numbers.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from wordgate.errors import SettingsError
from wordgate.export.graph import SAFE_WEIGHT, Graph
from wordgate.models.base import Floats
from wordgate.models.int8 import quantize

if TYPE_CHECKING:
    from wordgate.models.transformer_network import TransformerNetwork

_FAR = np.float32(-1e9)  # its exponential is 0, whatever attention adds to it


@dataclass(frozen=True)
class _Names:
    """The names of a layer's weights, behind the layer's own.

    Attributes:
        layers: Where the layers stand.
        query: Of attention, as `key` and `value`.
        attended: The linear layer over what is attended to, and its norm.
        inner: The first linear layer after attention, and the second with its norm.
    """

    layers: str
    query: str
    key: str
    value: str
    attended: tuple[str, str]
    inner: str
    outer: tuple[str, str]


_BERT = _Names(
    "encoder.encoder.layer",
    "attention.self.query",
    "attention.self.key",
    "attention.self.value",
    ("attention.output.dense", "attention.output.LayerNorm"),
    "intermediate.dense",
    ("output.dense", "output.LayerNorm"),
)
_NAMES = {
    "albert": _Names(
        "encoder.encoder.albert_layer_groups",
        "attention.query",
        "attention.key",
        "attention.value",
        ("attention.dense", "attention.LayerNorm"),
        "ffn",
        ("ffn_output", "full_layer_layer_norm"),
    ),
    "bert": _BERT,
    "camembert": _BERT,
    "distilbert": _Names(
        "encoder.transformer.layer",
        "attention.q_lin",
        "attention.k_lin",
        "attention.v_lin",
        ("attention.out_lin", "sa_layer_norm"),
        "ffn.lin1",
        ("ffn.lin2", "output_layer_norm"),
    ),
    "electra": _BERT,
    "ernie": _BERT,
    "mpnet": replace(
        _BERT,
        query="attention.attn.q",
        key="attention.attn.k",
        value="attention.attn.v",
        attended=("attention.attn.o", "attention.LayerNorm"),
    ),
    "roberta": _BERT,
    "xlm-roberta": _BERT,
}
_PROJECTIONS = ("encoder.embeddings_project", "encoder.encoder.embedding_hidden_mapping_in")
"""Projection of narrower embeddings to hidden states, in ELECTRA and ALBERT."""
_FIRST_ROWS = ("token_type_embeddings", "task_type_embeddings")
"""Tables of embeddings of which a single text has the first alone."""
_ACTIVATIONS = ("gelu", "gelu_new", "gelu_pytorch_tanh", "relu")


def transformer_logits(
    graph: Graph, network: TransformerNetwork, temperature: float, *, int8: bool
) -> str:
    """Add a transformer: float32 [batch, classes], divided by the temperature.

    Raises:
        SettingsError: It is of a kind that can't be exported.
    """
    _check_kind(network)
    encoder = _Encoder(graph, network, int8=int8)
    there, ids = _readable(graph, network.pad_id)
    states = encoder.embedded(ids)
    attention = encoder.attention_bias(there)
    for layer in _layers(network):
        states = encoder.layer(states, attention, layer)
    weights = network.arrays()
    return graph.add(
        "Gemm",
        _mean(graph, states, there),
        graph.array("head", (weights["head.weight"] / temperature).T.astype(np.float32)),
        graph.array("head_bias", (weights["head.bias"] / temperature).astype(np.float32)),
    )


def _check_kind(network: TransformerNetwork) -> None:
    described = network.encoder_config
    kind, activation = described.model_type, _activation(described)
    if kind not in _NAMES:
        raise SettingsError(
            f"a transformer of the kind '{kind}' cannot be exported to ONNX; those that can are"
            f" {', '.join(_NAMES)}"
        )
    if activation not in _ACTIVATIONS:
        raise SettingsError(
            f"a transformer whose activation is '{activation}' cannot be exported to ONNX; those"
            f" that can have {', '.join(_ACTIVATIONS)}"
        )
    if getattr(described, "is_decoder", False):
        raise SettingsError("a decoder-only transformer (is_decoder) cannot be exported to ONNX")


def _activation(described: Any) -> str:
    """Name the function between a layer's inner and outer weights."""
    return str(getattr(described, "hidden_act", None) or described.activation)


def _layers(network: TransformerNetwork) -> list[str]:
    """Name the layers in their order; ALBERT's stand there more than once."""
    described = network.encoder_config
    names, n_layers = _NAMES[described.model_type], described.num_hidden_layers
    if described.model_type != "albert":
        return [f"{names.layers}.{number}" for number in range(n_layers)]
    groups = [int(number / (n_layers / described.num_hidden_groups)) for number in range(n_layers)]
    return [
        f"{names.layers}.{group}.albert_layers.{number}"
        for group in groups
        for number in range(described.inner_group_num)
    ]


def _readable(graph: Graph, pad_id: int) -> tuple[str, str]:
    """Add the inputs, made safe.

    Returns:
        Where a text has a subword, bool [batch, time]; and the subwords, int64 [batch, time], with
        padding elsewhere. A text without any has one of padding: attention needs something.
    """
    ids = graph.one_step_at_least(graph.input("input_ids", np.int64, "batch", "time"))
    mask = graph.one_step_at_least(graph.input("attention_mask", np.int64, "batch", "time"))
    zero = graph.array("number", np.int64(0))
    own = graph.add("Greater", mask, zero)
    empty = graph.add("LessOrEqual", graph.add("ReduceMax", mask, axes=[1], keepdims=1), zero)
    first = graph.add("Equal", graph.steps(mask), zero)
    there = graph.add("Or", own, graph.add("And", empty, first))
    return there, graph.add("Where", own, ids, graph.array("pad_id", np.int64(pad_id)))


def _mean(graph: Graph, states: str, there: str) -> str:
    """Average the states of a text's subwords: float32 [batch, hidden]."""
    weights = graph.add("Unsqueeze", graph.cast(there, np.float32), graph.numbers(1))
    sums = graph.add("Squeeze", graph.add("MatMul", weights, states), graph.numbers(1))
    return graph.add("Div", sums, graph.add("ReduceSum", weights, graph.numbers(2), keepdims=0))


class _Encoder:
    """Adds an encoder to a graph; int8 is for linear layers and embeddings of subwords."""

    def __init__(self, graph: Graph, network: TransformerNetwork, *, int8: bool):
        self._graph = graph
        self._network = network
        self._described = network.encoder_config
        self._names = _NAMES[self._described.model_type]
        self._weights = network.arrays()
        self._int8 = int8
        self._added: dict[str, str] = {}
        self._epsilon = float(getattr(self._described, "layer_norm_eps", 1e-12))

    def embedded(self, ids: str) -> str:
        """Add the embeddings of subwords and positions: float32 [batch, time, hidden]."""
        graph, tables = self._graph, "encoder.embeddings"
        words = self._weights[f"{tables}.word_embeddings.weight"]
        vectors = graph.lookup(ids, "word_embeddings", words, int8=self._int8)
        positions = self._weights[f"{tables}.position_embeddings.weight"]
        for name in _FIRST_ROWS:
            if (table := self._weights.get(f"{tables}.{name}.weight")) is not None:
                positions = positions + table[0]
        places = graph.lookup(self._places(ids), "position_embeddings", positions, int8=False)
        states = self._normalized(graph.add("Add", vectors, places), f"{tables}.LayerNorm")
        for name in _PROJECTIONS:
            if f"{name}.weight" in self._weights:
                states = self._linear(states, name)
        return states

    def _places(self, ids: str) -> str:
        """Number the positions: int64 [time], or [batch, time] where padding has a number."""
        graph, padding = self._graph, self._network.position_padding
        if padding is None:
            return graph.steps(ids)
        own_id = graph.array("padding", np.int64(padding))
        own = graph.cast(graph.add("Not", graph.add("Equal", ids, own_id)), np.int64)
        numbered = graph.add("CumSum", own, graph.array("number", np.int64(1)))
        return graph.add("Add", graph.add("Mul", numbered, own), own_id)

    def attention_bias(self, there: str) -> str:
        """Add what attention is raised by, float32 [batch, 1 or heads, 1 or time, time]."""
        graph = self._graph
        blank = graph.cast(graph.add("Not", there), np.float32)
        blank = graph.add("Mul", blank, graph.array("far", _FAR))
        blank = graph.add("Unsqueeze", blank, graph.numbers(1, 2))
        by_distance = self._network.position_bias()
        if by_distance is None:
            return blank
        steps = graph.steps(there)
        ahead = graph.add("Unsqueeze", steps, graph.numbers(0))
        distances = graph.add("Sub", ahead, graph.column(steps))
        nearest = graph.array("number", np.int64(len(by_distance) // 2))
        rows = graph.add("Add", distances, nearest)
        bias = graph.lookup(rows, "position_bias", by_distance, int8=False)
        return graph.add("Add", blank, graph.add("Transpose", bias, perm=[2, 0, 1]))

    def layer(self, states: str, attention: str, name: str) -> str:
        """Add a layer: float32 [batch, time, hidden]."""
        names = self._names
        attended, norm = (f"{name}.{part}" for part in names.attended)
        found = self._linear(self._context(states, attention, name), attended)
        states = self._normalized(self._graph.add("Add", found, states), norm)
        outer, norm = (f"{name}.{part}" for part in names.outer)
        inner = self._activated(self._linear(states, f"{name}.{names.inner}"))
        found = self._linear(inner, outer)
        return self._normalized(self._graph.add("Add", found, states), norm)

    def _context(self, states: str, attention: str, name: str) -> str:
        """Add the attention of all heads: float32 [batch, time, hidden]."""
        graph, heads = self._graph, self._described.num_attention_heads
        names = [
            f"{name}.{part}" for part in (self._names.query, self._names.key, self._names.value)
        ]
        joined = self._linear(states, *names)
        size = len(self._weights[f"{names[0]}.bias"]) // heads
        apart = graph.add("Reshape", joined, graph.numbers(0, 0, 3, heads, size))
        apart = graph.add("Transpose", apart, perm=[2, 0, 3, 1, 4])
        query, key, value = (
            graph.add("Gather", apart, graph.array("number", np.int64(number)))
            for number in range(3)
        )
        scale = graph.array("scale", np.float32(size**-0.5))
        key = graph.add("Transpose", key, perm=[0, 1, 3, 2])
        scores = graph.add("Mul", graph.add("MatMul", query, key), scale)
        shares = graph.add("Softmax", graph.add("Add", scores, attention), axis=-1)
        context = graph.add("Transpose", graph.add("MatMul", shares, value), perm=[0, 2, 1, 3])
        return graph.add("Reshape", context, graph.numbers(0, 0, heads * size))

    def _linear(self, values: str, *names: str) -> str:
        """Add a linear layer, or several side by side: float32 [batch, time, features]."""
        weights, bias = (
            np.concatenate([self._weights[f"{name}.{part}"] for name in names])
            for part in ("weight", "bias")
        )
        multiply = self._int8_product if self._int8 else self._product
        product = multiply(values, names[0], weights)
        return self._graph.add("Add", product, self._once(f"{names[0]}.bias", bias))

    def _product(self, values: str, name: str, weights: Floats) -> str:
        return self._graph.add("MatMul", values, self._once(name, weights.T))

    def _int8_product(self, values: str, name: str, weights: Floats) -> str:
        """Multiply in 8 bits: weights by a scale for each output, values by one for all."""
        graph = self._graph
        numbers, scales = quantize(weights, SAFE_WEIGHT)
        whole = self._once(name, numbers.T)
        zeros = self._once(f"{name}.zeros", np.zeros(scales.shape, np.int8))
        found = graph.add("DynamicQuantizeLinear", values, outputs=3)
        product = graph.add("MatMulInteger", found, whole, f"{found}_2", zeros)
        scale = graph.add("Mul", f"{found}_1", self._once(f"{name}.scales", scales))
        return graph.add("Mul", graph.cast(product, np.float32), scale)

    def _normalized(self, values: str, name: str) -> str:
        weight, bias = (
            self._once(f"{name}.{part}", self._weights[f"{name}.{part}"])
            for part in ("weight", "bias")
        )
        return self._graph.add(
            "LayerNormalization", values, weight, bias, axis=-1, epsilon=self._epsilon
        )

    def _activated(self, values: str) -> str:
        """Add the activation: GELU (Hendrycks and Gimpel 2016), exact or by tanh, or ReLU."""
        graph, name = self._graph, _activation(self._described)
        if name == "relu":
            return graph.add("Relu", values)
        half, one = (graph.array("number", np.float32(number)) for number in (0.5, 1.0))
        if name == "gelu":
            root = graph.array("number", np.float32(2**0.5))
            share = graph.add("Erf", graph.add("Div", values, root))
        else:
            cube = graph.add("Mul", graph.add("Mul", values, values), values)
            cube = graph.add("Mul", cube, graph.array("number", np.float32(0.044715)))
            scale = graph.array("number", np.float32((2 / np.pi) ** 0.5))
            share = graph.add("Tanh", graph.add("Mul", graph.add("Add", values, cube), scale))
        share = graph.add("Add", share, one)
        return graph.add("Mul", graph.add("Mul", values, share), half)

    def _once(self, name: str, array: NDArray[Any]) -> str:
        """Add an array unless it is there: ALBERT's layers share theirs."""
        if name not in self._added:
            self._added[name] = self._graph.array(name, array)
        return self._added[name]
