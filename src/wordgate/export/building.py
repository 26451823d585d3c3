"""From a model to the bytes of an ONNX file."""

from __future__ import annotations

import json

from wordgate.bundle.config import Config
from wordgate.errors import SettingsError
from wordgate.export.average import average_logits
from wordgate.export.graph import Graph
from wordgate.export.lstm import lstm_logits
from wordgate.export.tokenizing import tokenizer_settings
from wordgate.models.average import AverageModel
from wordgate.models.lstm import LSTMModel
from wordgate.runtime.packages import installed_versions

Exportable = LSTMModel | AverageModel
FAMILIES = ("lstm", "mlp", "logreg")


def check_family(family: str) -> None:
    """See that models of a family can be exported.

    Raises:
        SettingsError: They can't.
    """
    if family not in FAMILIES:
        raise SettingsError(
            f"a model of the family '{family}' can't be exported to ONNX; those that can are"
            f" {', '.join(FAMILIES)}"
        )


def onnx_bytes(model: Exportable, config: Config, *, int8: bool) -> bytes:
    """Build the file: all of the model, its temperature, its labels and its tokenizer.

    Args:
        model: The model.
        config: Its labels and temperature.
        int8: Keep the weights in 8 bits each.

    Raises:
        SettingsError: The file would be larger than ONNX allows.
    """
    graph = Graph()
    if isinstance(model, LSTMModel):
        logits = lstm_logits(graph, model.network, config.temperature, int8=int8)
    else:
        logits = average_logits(graph, model, config.temperature, int8=int8)
    return graph.serialized(logits, len(config.labels), metadata(model, config, int8=int8))


def metadata(model: Exportable, config: Config, *, int8: bool) -> dict[str, str]:
    """Give what the file tells of itself: texts by their names, lists and objects as JSON."""
    told = {
        "wordgate_version": installed_versions("wordgate")["wordgate"],
        "family": model.family,
        "precision": "int8" if int8 else "float32",
        "labels": json.dumps(config.labels),
        "tokenizer": json.dumps(tokenizer_settings(model.encoder), separators=(",", ":")),
    }
    form = config.text_form()
    return told if form is None else {**told, "text_form": form}
