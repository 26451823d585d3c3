"""ONNX files: the graph of a model, its labels, and its tokenizer as data."""

from __future__ import annotations

import json

from wordgate.bundle.config import Config
from wordgate.export.families import average_logits, count_logits, lstm_logits
from wordgate.export.graph import Graph, WordGraph
from wordgate.export.inputs import Exportable, unknown_type
from wordgate.export.tokenizing import ngram_settings, tokenizer_settings
from wordgate.export.transformer import transformer_logits
from wordgate.models.average import AverageModel
from wordgate.models.count import CountModel
from wordgate.models.lstm import LSTMModel
from wordgate.models.transformer import TransformerModel
from wordgate.prediction.decision import DecisionRule
from wordgate.runtime.packages import installed_versions


def onnx_bytes(model: Exportable, config: Config, *, int8: bool) -> bytes:
    """Build the file: all of the model, its temperature, its labels and its tokenizer.

    Its metadata are texts by their names; of lists and objects, as JSON.

    Raises:
        SettingsError: The file would be larger than ONNX allows, or the model is a transformer of a
            kind that can't be exported.
    """
    graph, logits, tokenizer = _content(model, config.temperature, int8=int8)
    facts = {
        "wordgate_version": installed_versions("wordgate")["wordgate"],
        "family": model.family,
        "precision": "int8" if int8 else "float32",
        "labels": json.dumps(config.labels),
        "tokenizer": json.dumps(tokenizer, separators=(",", ":")),
    }
    if (thresholds := DecisionRule.of(config).thresholds) is not None:
        facts["thresholds"] = json.dumps(thresholds)
    if config.multilabel:
        facts["multilabel"] = "true"
    if (form := config.text_form()) is not None:
        facts["text_form"] = form
    return graph.serialized(logits, len(config.labels), facts, multilabel=config.multilabel)


def _content(model: Exportable, temperature: float, *, int8: bool) -> tuple[Graph, str, object]:
    """Build the graph.

    Returns:
        It; the name of its logits, float32 [batch, classes]; and all that makes inputs of a text, a
        transformer's in the form of tokenizer.json.
    """
    if isinstance(model, CountModel):
        graph = Graph()
        logits = count_logits(graph, model, temperature, int8=int8)
        return graph, logits, ngram_settings(model)
    if isinstance(model, TransformerModel):
        graph = Graph()
        logits = transformer_logits(graph, model.network, temperature, int8=int8)
        return graph, logits, model.encoder.state()["tokenizer"]
    words = WordGraph()
    if isinstance(model, LSTMModel):
        logits = lstm_logits(words, model.network, temperature, int8=int8)
    elif isinstance(model, AverageModel):
        logits = average_logits(words, model, temperature, int8=int8)
    else:
        raise unknown_type(model)
    return words, logits, tokenizer_settings(model.encoder)
