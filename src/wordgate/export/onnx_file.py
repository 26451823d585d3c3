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

    Raises:
        SettingsError: The file would be larger than ONNX allows, or the model is a transformer of a
            kind that can't be exported.
    """
    graph, logits = _graph(model, config.temperature, int8=int8)
    facts = metadata(model, config, int8=int8)
    return graph.serialized(logits, len(config.labels), facts, multilabel=config.multilabel)


def _graph(model: Exportable, temperature: float, *, int8: bool) -> tuple[Graph, str]:
    """Build the graph, and name its logits, float32 [batch, classes]."""
    if isinstance(model, CountModel):
        graph = Graph()
        return graph, count_logits(graph, model, temperature, int8=int8)
    if isinstance(model, TransformerModel):
        graph = Graph()
        return graph, transformer_logits(graph, model.network, temperature, int8=int8)
    words = WordGraph()
    if isinstance(model, LSTMModel):
        return words, lstm_logits(words, model.network, temperature, int8=int8)
    if isinstance(model, AverageModel):
        return words, average_logits(words, model, temperature, int8=int8)
    raise unknown_type(model)


def metadata(model: Exportable, config: Config, *, int8: bool) -> dict[str, str]:
    """Give the metadata of the file: texts by their names, lists and objects as JSON."""
    facts = {
        "wordgate_version": installed_versions("wordgate")["wordgate"],
        "family": model.family,
        "precision": "int8" if int8 else "float32",
        "labels": json.dumps(config.labels),
        "tokenizer": json.dumps(_tokenizer(model), separators=(",", ":")),
    }
    thresholds, form = DecisionRule.of(config).thresholds, config.text_form()
    if thresholds is not None:
        facts["thresholds"] = json.dumps(thresholds)
    if config.multilabel:
        facts["multilabel"] = "true"
    return facts if form is None else {**facts, "text_form": form}


def _tokenizer(model: Exportable) -> object:
    """Give all that makes inputs of a text; a transformer's in the form of tokenizer.json."""
    if isinstance(model, CountModel):
        return ngram_settings(model)
    if isinstance(model, TransformerModel):
        return model.encoder.state()["tokenizer"]
    if isinstance(model, AverageModel | LSTMModel):
        return tokenizer_settings(model.encoder)
    raise unknown_type(model)
