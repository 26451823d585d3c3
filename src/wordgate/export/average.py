"""The families `logreg` and `mlp` as an ONNX graph: shapes as in `wordgate.models.average`."""

from __future__ import annotations

import numpy as np

from wordgate.export.graph import Graph
from wordgate.export.tables import quantized, without_padding
from wordgate.models.average import AverageModel, Floats


def average_logits(graph: Graph, model: AverageModel, temperature: float, *, int8: bool) -> str:
    """Add the whole model: float32 [batch, classes], divided by the temperature."""
    means = _means(graph, model.rows, model.weights, int8=int8)
    features = graph.add("Add", means, graph.array("bias", model.bias))
    if model.output is not None:
        hidden = graph.add("Relu", features)
        weights = graph.array("output_weights", model.output.weights.T)
        bias = graph.array("output_bias", model.output.bias)
        features = graph.add("Gemm", hidden, weights, bias)
    return graph.add("Div", features, graph.array("temperature", np.float32(temperature)))


def _means(graph: Graph, rows: Floats, weights: Floats, *, int8: bool) -> str:
    """Average the rows of each text's words, float32 [batch, features]; zeros for none."""
    from onnx import TensorProto

    own = graph.add("Gather", graph.array("weights", without_padding(weights)), graph.ids)
    totals = graph.add("ReduceSum", own, graph.numbers(1), keepdims=1)
    if int8:
        numbers, scales = quantized(without_padding(rows))
        scale = graph.add("Gather", graph.array("rows_scales", scales), graph.ids)
        found = graph.add("Gather", graph.array("rows", numbers), graph.ids)
        found, shares = graph.add("Cast", found, to=TensorProto.FLOAT), graph.add("Mul", own, scale)
    else:
        found, shares = graph.add("Gather", graph.array("rows", rows), graph.ids), own
    shares = graph.add("Unsqueeze", shares, graph.numbers(1))  # [batch, 1, time]
    sums = graph.add("Squeeze", graph.add("MatMul", shares, found), graph.numbers(1))
    none = graph.add("Equal", totals, graph.array("zero", np.float32(0.0)))
    return graph.add(
        "Div", sums, graph.add("Where", none, graph.array("one", np.float32(1.0)), totals)
    )
