"""The families `lstm`, `logreg`, `mlp` and `count` as ONNX graphs.

ONNX lays an LSTM out as [time, directions, batch, hidden], its gates as input, output, forget,
cell, and its two biases one after the other (operator ``LSTM``, version 14). A text's length goes
in as ``sequence_lens``, so the backward LSTM begins at its last word.

Of the family `count` what goes in is which known n-grams stand in a text and how often; the graph
weighs them itself, so that no program has to. Counting is left to programs: ONNX' own
`TfIdfVectorizer` knows neither logarithms of counts nor unit length, and no operator lower-cases or
cuts a text as Python does.

Shapes: ``batch`` texts, ``time`` ids of the longest of them, ``ngrams`` different known n-grams of
the text that has the most, ``classes`` labels, ``directions`` 1 or 2; others as in `models.lstm`
and `models.average`.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from wordgate.export.graph import SAFE_WEIGHT, Graph, WordGraph
from wordgate.models.average import AverageModel
from wordgate.models.base import Floats
from wordgate.models.count import FIRST_ID, CountModel
from wordgate.models.int8 import quantize
from wordgate.models.lstm import Network
from wordgate.models.lstm_forward import Direction

MICROSOFT = "com.microsoft"
"""Domain of the operators of ONNX Runtime, available on every processor."""
_GATES = [0, 3, 1, 2]  # where ONNX' gates stand among ours
_FAR = np.float32(4.0)  # more than two states, which lie between -1 and 1, can be apart


def without_padding(rows: Floats) -> Floats:
    """Put zeros into the row of the id 0, which is padding and means nothing."""
    rows = rows.copy()
    rows[0] = 0
    return rows


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
    """Return the same network with word vectors whose numbers all span the same range.

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


def count_logits(graph: Graph, model: CountModel, temperature: float, *, int8: bool) -> str:
    """Add a linear model over n-grams: float32 [batch, classes], divided by the temperature."""
    ids = graph.one_step_at_least(graph.input("ids", np.int64, "batch", "ngrams"))
    counts = graph.one_step_at_least(graph.input("counts", np.float32, "batch", "ngrams"))
    values = graph.add("Sum", *_values(graph, model, ids, counts))
    padding = np.zeros((FIRST_ID, model.coefficients.shape[1]))
    table = np.concatenate([padding, model.coefficients]).astype(np.float32)
    rows = graph.lookup(ids, "coefficients", table, int8=int8)
    # Thousands of n-grams add up: in float64, as the model adds them.
    values, rows = graph.cast(values, np.float64), graph.cast(rows, np.float64)
    values = graph.add("Unsqueeze", values, graph.numbers(1))  # [batch, 1, ngrams]
    sums = graph.add("Squeeze", graph.add("MatMul", values, rows), graph.numbers(1))
    logits = graph.add("Add", sums, graph.array("intercepts", model.intercepts))
    scaled = graph.add("Div", logits, graph.array("temperature", np.float64(temperature)))
    return graph.cast(scaled, np.float32)


def _values(graph: Graph, model: CountModel, ids: str, counts: str) -> Iterator[str]:
    """Weigh each kind of n-grams, float32 [batch, ngrams]: 0 for those of another kind."""
    zero, one = (graph.array("number", np.float32(number)) for number in (0.0, 1.0))
    present = graph.cast(graph.add("Greater", counts, zero), np.float32)
    dampened = graph.add("Add", graph.add("Log", graph.add("Max", counts, one)), one)
    dampened = graph.add("Mul", dampened, present)
    idf = graph.add("Gather", graph.array("idf", _idf(model)), ids)
    weighed = graph.add("Mul", dampened, idf)
    for vectorizer, (first, end) in model.numbering():
        own = graph.cast(_between(graph, ids, first + FIRST_ID, end + FIRST_ID), np.float32)
        if vectorizer.frequencies is None:
            yield graph.add("Mul", counts, own)
            continue
        values = graph.add("Mul", weighed, own)
        squares = graph.add("Mul", values, values)
        length = graph.add("Sqrt", graph.add("ReduceSum", squares, graph.numbers(1), keepdims=1))
        none = graph.add("Equal", length, zero)
        yield graph.add("Div", values, graph.add("Where", none, one, length))


def _idf(model: CountModel) -> Floats:
    """Return inverse document frequencies by id, float32 [ids]; 0 for padding and plain counts."""
    idf = np.zeros(FIRST_ID + len(model.coefficients), np.float32)
    for vectorizer, (first, end) in model.numbering():
        if vectorizer.frequencies is not None:
            idf[FIRST_ID + first : FIRST_ID + end] = vectorizer.idf
    return idf


def _between(graph: Graph, ids: str, first: int, end: int) -> str:
    """Return which ids lie in a range, bool [batch, ngrams]."""
    begin, behind = (graph.array("number", np.int64(id_)) for id_ in (first, end))
    above = graph.add("GreaterOrEqual", ids, begin)
    return graph.add("And", above, graph.add("Less", ids, behind))
