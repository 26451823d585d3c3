"""ONNX graphs: a builder, and the families `lstm`, `logreg` and `mlp` as graphs.

ONNX lays an LSTM out as [time, directions, batch, hidden], its gates as input, output, forget,
cell, and its two biases one after the other (operator ``LSTM``, version 14). A text's length goes
in as ``sequence_lens``, so the backward LSTM begins at its last word.

Shapes: ``batch`` texts, ``time`` ids of the longest of them, ``classes`` labels, ``directions`` 1
or 2; others as in `models.lstm` and `models.average`.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from wordgate.errors import SettingsError
from wordgate.models.average import AverageModel
from wordgate.models.base import Floats
from wordgate.models.int8 import quantize
from wordgate.models.lstm import Network
from wordgate.models.lstm_forward import Direction
from wordgate.text.vocabulary import PADDING

if TYPE_CHECKING:
    from onnx import NodeProto, TensorProto, ValueInfoProto


OPSET, IR_VERSION = 17, 8
"""What every onnxruntime from 1.12 (2022) on reads; the extra `onnx` asks for 1.17."""

LARGEST = 2_000_000_000
"""Bytes of arrays: protobuf, in which ONNX files are written, ends at 2 GiB."""

MICROSOFT = "com.microsoft"
"""The domain of ONNX Runtime's own operators, which it has on every processor."""


class Graph:
    """An ONNX graph that grows node by node; values are passed on by their names."""

    def __init__(self) -> None:
        self._inputs: list[ValueInfoProto] = []
        self._nodes: list[NodeProto] = []
        self._arrays: list[TensorProto] = []

    def input(self, name: str, dtype: type[np.generic], *axes: str) -> str:
        """Add an input, each of whose axes is of any size, and give its name."""
        from onnx import helper

        kind = helper.np_dtype_to_tensor_dtype(np.dtype(dtype))
        self._inputs.append(helper.make_tensor_value_info(name, kind, axes))
        return name

    def add(self, operator: str, *inputs: str, outputs: int = 1, **attributes: Any) -> str:
        """Add a node, and give the name of its first output; the second's is that and ``_1``."""
        from onnx import helper

        name = f"{operator}_{len(self._nodes)}"
        names = [name, *(f"{name}_{number}" for number in range(1, outputs))]
        self._nodes.append(helper.make_node(operator, inputs, names, name=name, **attributes))
        return name

    def array(self, name: str, values: NDArray[Any] | np.generic) -> str:
        """Add an array that the file holds, and give its name."""
        from onnx import numpy_helper

        name = f"{name}_{len(self._arrays)}"
        self._arrays.append(numpy_helper.from_array(np.asarray(values, order="C"), name))
        return name

    def numbers(self, *values: int) -> str:
        """Add whole numbers, int64 [n]: axes, shapes."""
        return self.array("numbers", np.array(values, np.int64))

    def cast(self, values: str, dtype: type[np.generic]) -> str:
        """Give values in another type."""
        from onnx import helper

        return self.add("Cast", values, to=helper.np_dtype_to_tensor_dtype(np.dtype(dtype)))

    def column(self, values: str) -> str:
        """Turn [batch] into [batch, 1]."""
        return self.add("Unsqueeze", values, self.numbers(1))

    def steps(self, values: str) -> str:
        """Number the steps of [batch, time]: int64 [time], from 0 on."""
        zero, one = (self.array("number", np.int64(number)) for number in (0, 1))
        return self.add("Range", zero, self.add("Gather", self.add("Shape", values), one), one)

    def one_step_at_least(self, values: str) -> str:
        """Pad [batch, time] to a step of zeros where it has none."""
        zero, one = (self.array("number", np.int64(number)) for number in (0, 1))
        time = self.add("Gather", self.add("Shape", values), one)
        lacking = self.add("Max", self.add("Sub", one, time), zero)
        lacking = self.add("Reshape", lacking, self.numbers(1))
        return self.add("Pad", values, self.add("Concat", self.numbers(0, 0, 0), lacking, axis=0))

    def lookup(self, ids: str, name: str, rows: Floats, *, int8: bool) -> str:
        """Look up rows of a table: float32, the ids' shape and one axis more.

        Args:
            ids: int64 of any shape.
            name: The table's name in the file.
            rows: float32 [vocabulary, dim].
            int8: Quantize the table.
        """
        if not int8:
            return self.add("Gather", self.array(name, rows), ids)
        whole, scales = quantize(rows)
        found = self.add("Gather", self.array(name, whole), ids)
        found = self.cast(found, np.float32)
        scale = self.add("Gather", self.array(f"{name}_scales", scales[:, None]), ids)
        return self.add("Mul", found, scale)

    def serialized(
        self, logits: str, classes: int, metadata: Mapping[str, str], *, multilabel: bool = False
    ) -> bytes:
        """End the graph with its two outputs, and give the bytes of its file.

        Args:
            logits: The name of what softmax makes probabilities of, float32 [batch, classes].
            classes: How many labels there are.
            metadata: What the file tells of itself.
            multilabel: Whether each label has a probability by itself, from a sigmoid.

        Raises:
            SettingsError: The file would be larger than ONNX allows.
        """
        from onnx import TensorProto, helper

        size = sum(len(array.raw_data) for array in self._arrays)
        size += sum(len(text.encode()) for text in metadata.values())
        if size > LARGEST:
            raise SettingsError(
                f"the model has {size / 1e9:.1f} GB of weights, and a single ONNX file is limited"
                " to 2 GB; --int8 needs a quarter"
            )
        self._add_outputs(logits, multilabel=multilabel)
        batch: Sequence[str | int] = ["batch", classes]
        graph = helper.make_graph(
            self._nodes,
            "wordgate",
            self._inputs,
            [
                helper.make_tensor_value_info(name, TensorProto.FLOAT, batch)
                for name in ("probabilities", "log_probabilities")
            ],
            self._arrays,
        )
        domains = {node.domain for node in self._nodes if node.domain}
        opsets = [helper.make_opsetid("", OPSET)]
        opsets += [helper.make_opsetid(domain, 1) for domain in sorted(domains)]
        model = helper.make_model(graph, producer_name="wordgate", opset_imports=opsets)
        model.ir_version = IR_VERSION
        helper.set_model_props(model, dict(metadata))
        return bytes(model.SerializeToString())

    def _add_outputs(self, logits: str, *, multilabel: bool) -> None:
        """Add what makes probabilities of logits, float32 [batch, classes], and name both forms."""
        from onnx import helper

        if multilabel:
            complement = self.add("Softplus", self.add("Neg", logits))
            self._nodes.append(helper.make_node("Neg", [complement], ["log_probabilities"]))
            self._nodes.append(helper.make_node("Sigmoid", [logits], ["probabilities"]))
            return
        log_proba = self.add("LogSoftmax", logits, axis=1)
        self._nodes.append(helper.make_node("Identity", [log_proba], ["log_probabilities"]))
        self._nodes.append(helper.make_node("Exp", [log_proba], ["probabilities"]))


class WordGraph(Graph):
    """A graph over words.

    It begins with ``ids``, int64 [batch, time], made safe: one step at least, and `PADDING` beyond
    every text's length whatever stood there; and with ``inside``, bool [batch, time].
    """

    def __init__(self) -> None:
        super().__init__()
        ids = self.one_step_at_least(self.input("ids", np.int64, "batch", "time"))
        lengths = self.input("lengths", np.int64, "batch")
        self.inside = self.add("Less", self.steps(ids), self.column(lengths))
        self.ids = self.add("Where", self.inside, ids, self.array("padding", np.int64(PADDING)))


def without_padding(rows: Floats) -> Floats:
    """Put zeros into the row of the id 0, which is padding and means nothing."""
    rows = rows.copy()
    rows[0] = 0
    return rows


_GATES = [0, 3, 1, 2]  # where ONNX' gates stand among ours
_FAR = np.float32(4.0)  # more than two states, which lie between -1 and 1, can be apart

SAFE_WEIGHT = 64
"""The largest weight in 8 bits of the recurrence.

Processors with AVX2 alone add two products of 8 bits in 16 and cut off what doesn't fit: with 127 a
model would answer otherwise there than where it was checked. 2 * 255 * 64 always fits.
"""


def lstm_logits(graph: WordGraph, network: Network, temperature: float, *, int8: bool) -> str:
    """Add an LSTM network: float32 [batch, classes], divided by the temperature."""
    network = balance_scales(network) if int8 else network
    steps = graph.add("Transpose", graph.ids, perm=[1, 0])
    embedding = without_padding(network.embedding)
    vectors = graph.lookup(steps, "embedding", embedding, int8=int8)
    states = _states(graph, network.directions, vectors, int8=int8)
    features = _features(graph, network, states)
    weights = (network.output_weights / temperature).T.astype(np.float32)
    bias = (network.output_bias / temperature).astype(np.float32)
    return graph.add(
        "Gemm", features, graph.array("output_weights", weights), graph.array("output_bias", bias)
    )


def balance_scales(network: Network) -> Network:
    """Give the same network with word vectors whose numbers all span the same range.

    In 8 bits one scale serves all of a vector and all vectors of a batch, so numbers that are small
    in every word would be lost. What a number is divided by, its weights are multiplied by: Xiao,
    Lin, Seznec, Wu, Demouth & Han (2023), "SmoothQuant". Of distilled vectors, whose numbers are
    principal components, it takes 60% off the error of the probabilities.
    """
    largest = np.abs(network.embedding).max(axis=0, initial=0.0)
    spans = np.where(largest > 0, largest, 1.0).astype(np.float32)
    directions = tuple(
        replace(direction, input_weights=direction.input_weights * spans)
        for direction in network.directions
    )
    return replace(network, embedding=network.embedding / spans, directions=directions)


def _states(
    graph: WordGraph, directions: tuple[Direction, ...], vectors: str, *, int8: bool
) -> str:
    """Add the recurrence over vectors, [time, batch, embedding]: [time, directions, batch, hidden].

    The states after each text's last step, [directions, batch, hidden], go by that name and ``_1``.
    """
    hidden = directions[0].hidden_weights.shape[1]
    attributes = {
        "hidden_size": hidden,
        "direction": "bidirectional" if len(directions) == 2 else "forward",
    }
    biases = np.stack([_reordered(d.bias) for d in directions])
    biases = np.concatenate([biases, np.zeros_like(biases)], axis=1)
    # A length of 0 is left to chance by runtimes: such texts read one word that is then forgotten.
    one = graph.array("one", np.int32(1))
    lengths = graph.add("Max", graph.cast("lengths", np.int32), one)
    inputs = [_reordered(d.input_weights) for d in directions]
    recurrent = [_reordered(d.hidden_weights) for d in directions]
    bias = graph.array("lstm_bias", biases)
    if not int8:
        weights = [graph.array("lstm_weights", np.stack(w)) for w in (inputs, recurrent)]
        return graph.add("LSTM", vectors, *weights, bias, lengths, outputs=2, **attributes)
    (inputs_8, *input_scales), (recurrent_8, *recurrent_scales) = (
        _quantized_weights(graph, weights) for weights in (inputs, recurrent)
    )
    return graph.add(
        "DynamicQuantizeLSTM",
        *(vectors, inputs_8, recurrent_8, bias, lengths, "", "", ""),
        *(*input_scales, *recurrent_scales),
        outputs=2,
        domain=MICROSOFT,
        **attributes,
    )


def _reordered(gates: Floats) -> Floats:
    """Put the gates, [4 * hidden, ...], in ONNX' order."""
    return np.concatenate([np.split(gates, 4)[gate] for gate in _GATES])


def _quantized_weights(graph: Graph, weights: list[Floats]) -> tuple[str, str, str]:
    """Add weights in 8 bits, with a scale and a zero for each gate of each hidden unit."""
    pairs = [quantize(own, SAFE_WEIGHT) for own in weights]
    numbers: NDArray[np.int8] = np.stack([numbers.T for numbers, _ in pairs])
    scales = np.stack([scales for _, scales in pairs])
    return (
        graph.array("lstm_weights", numbers),
        graph.array("lstm_scales", scales),
        graph.array("lstm_zeros", np.zeros(scales.shape, np.int8)),
    )


def _features(graph: WordGraph, network: Network, states: str) -> str:
    """Pool the states and lay the poolings side by side, float32 [batch, features]."""
    pooled = [_pooled(graph, name, states) for name in network.pooling]
    apart = [graph.add("Unsqueeze", part, graph.numbers(1)) for part in pooled]
    joined = graph.add("Concat", *apart, axis=1)  # [directions, poolings, batch, hidden]
    by_text = graph.add("Transpose", joined, perm=[2, 0, 1, 3])
    features = graph.add("Reshape", by_text, graph.numbers(0, network.output_weights.shape[1]))
    has_words = graph.add("Min", "lengths", graph.array("one", np.int64(1)))
    return graph.add("Mul", features, graph.column(graph.cast(has_words, np.float32)))


def _pooled(graph: WordGraph, name: str, states: str) -> str:
    """Pool the states over a text's steps: float32 [directions, batch, hidden]."""
    if name == "last":
        return f"{states}_1"
    inside = graph.cast(graph.add("Transpose", graph.inside, perm=[1, 0]), np.float32)
    inside = graph.add("Unsqueeze", inside, graph.numbers(1, 3))  # [time, 1, batch, 1]
    if name == "max":
        beyond = graph.add("Sub", inside, graph.array("one", np.float32(1.0)))
        penalty = graph.add("Mul", beyond, graph.array("far", _FAR))
        return graph.add("ReduceMax", graph.add("Add", states, penalty), axes=[0], keepdims=0)
    summed = graph.add("ReduceSum", graph.add("Mul", states, inside), graph.numbers(0), keepdims=0)
    steps = graph.add("Max", graph.cast("lengths", np.float32), graph.array("one", np.float32(1.0)))
    return graph.add("Div", summed, graph.column(steps))


def average_logits(graph: WordGraph, model: AverageModel, temperature: float, *, int8: bool) -> str:
    """Add an averaging model: float32 [batch, classes], divided by the temperature."""
    own = graph.add("Gather", graph.array("weights", without_padding(model.weights)), graph.ids)
    totals = graph.add("ReduceSum", own, graph.numbers(1), keepdims=1)
    if int8:
        numbers, scales = quantize(without_padding(model.rows))
        scale = graph.add("Gather", graph.array("rows_scales", scales), graph.ids)
        found = graph.add("Gather", graph.array("rows", numbers), graph.ids)
        found, shares = graph.cast(found, np.float32), graph.add("Mul", own, scale)
    else:
        found, shares = graph.add("Gather", graph.array("rows", model.rows), graph.ids), own
    shares = graph.add("Unsqueeze", shares, graph.numbers(1))  # [batch, 1, time]
    sums = graph.add("Squeeze", graph.add("MatMul", shares, found), graph.numbers(1))
    none = graph.add("Equal", totals, graph.array("zero", np.float32(0.0)))
    one = graph.array("one", np.float32(1.0))  # of a text without words
    means = graph.add("Div", sums, graph.add("Where", none, one, totals))
    features = graph.add("Add", means, graph.array("bias", model.bias))
    if model.output is not None:
        hidden = graph.add("Relu", features)
        weights = graph.array("output_weights", model.output.weights.T)
        bias = graph.array("output_bias", model.output.bias)
        features = graph.add("Gemm", hidden, weights, bias)
    return graph.add("Div", features, graph.array("temperature", np.float32(temperature)))
