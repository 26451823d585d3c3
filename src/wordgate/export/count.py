"""The family `count` as an ONNX graph.

What goes in is which known n-grams stand in a text and how often; the graph weighs them itself, so
that no program has to. Counting is left to programs: ONNX' own `TfIdfVectorizer` knows neither
logarithms of counts nor unit length, and no operator lower-cases or cuts a text as Python does.

Shapes: ``batch`` texts, ``ngrams`` different known n-grams of the text that has the most.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from wordgate.export.graph import Graph
from wordgate.models.base import Floats
from wordgate.models.count import FIRST_ID, CountModel


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
    """Give inverse document frequencies by id, float32 [ids]; 0 for padding and plain counts."""
    idf = np.zeros(FIRST_ID + len(model.coefficients), np.float32)
    for vectorizer, (first, end) in model.numbering():
        if vectorizer.frequencies is not None:
            idf[FIRST_ID + first : FIRST_ID + end] = vectorizer.idf
    return idf


def _between(graph: Graph, ids: str, first: int, end: int) -> str:
    """Tell which ids lie in a range, bool [batch, ngrams]."""
    begin, behind = (graph.array("number", np.int64(id_)) for id_ in (first, end))
    above = graph.add("GreaterOrEqual", ids, begin)
    return graph.add("And", above, graph.add("Less", ids, behind))
