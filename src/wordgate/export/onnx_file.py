"""ONNX files: the graph of a model, its labels, and its tokenizer as data."""

from __future__ import annotations

import json
import sys
from functools import cache
from typing import Any

import regex

from wordgate.bundle.config import Config
from wordgate.errors import SettingsError
from wordgate.export.graph import Graph, average_logits, lstm_logits
from wordgate.families import FAMILIES
from wordgate.models.average import AverageModel
from wordgate.models.lstm import LSTMModel
from wordgate.prediction.decision import DecisionRule
from wordgate.runtime.packages import installed_versions
from wordgate.text.encoder import TextEncoder
from wordgate.text.normalizer import NormalizerStep

Exportable = LSTMModel | AverageModel
# An escaped character, a property, or a set that may hold one set more.
_PART = regex.compile(r"\\p\{\w+\}|\\.|\[(?:[^\[\]\\]|\\.|\[(?:[^\[\]\\]|\\.)*\])*\]")
_LONE_SURROGATES = NormalizerStep("replace", r"[\ud800-\udfff]", "\ufffd")


def check_family(family: str) -> None:
    """See that models of a family can be exported.

    Raises:
        SettingsError: They can't.
    """
    exportable = [known.name for known in FAMILIES.values() if known.can_export]
    if family not in exportable:
        raise SettingsError(
            f"a model of the family '{family}' can't be exported to ONNX; those that can are"
            f" {', '.join(exportable)}"
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
    facts = metadata(model, config, int8=int8)
    return graph.serialized(logits, len(config.labels), facts, multilabel=config.multilabel)


def metadata(model: Exportable, config: Config, *, int8: bool) -> dict[str, str]:
    """Give the metadata of the file: texts by their names, lists and objects as JSON."""
    facts = {
        "wordgate_version": installed_versions("wordgate")["wordgate"],
        "family": model.family,
        "precision": "int8" if int8 else "float32",
        "labels": json.dumps(config.labels),
        "tokenizer": json.dumps(tokenizer_settings(model.encoder), separators=(",", ":")),
    }
    thresholds, form = DecisionRule.of(config).thresholds, config.text_form()
    if thresholds is not None:
        facts["thresholds"] = json.dumps(thresholds)
    if config.multilabel:
        facts["multilabel"] = "true"
    return facts if form is None else {**facts, "text_form": form}


def tokenizer_settings(encoder: TextEncoder) -> dict[str, Any]:
    """Give all that makes ids of a text, in types that JSON has.

    Returns:
        ``steps``, each a list of kind, pattern and replacement as in `NormalizerStep`, and the
        pattern ``token``, all for Python's `re`; ``words`` in the order of their ids, which begin
        at ``first_id``; ``unknown``, the id of all other words, None if they are dropped; and then
        ``max_tokens``, of which a longer text keeps the first, or the last if ``truncate`` is
        ``front``.
    """
    normalizer, vocabulary = encoder.tokenizer.normalizer(), encoder.vocabulary
    steps = [_LONE_SURROGATES, *normalizer.steps]
    return {
        "name": encoder.tokenizer.name,
        "steps": [[step.kind, plain(step.pattern), step.replacement] for step in steps],
        "token": plain(normalizer.token),
        "first_id": vocabulary.first_id,
        "unknown": vocabulary.unknown,
        "max_tokens": encoder.max_tokens,
        "truncate": encoder.truncate,
        "words": list(vocabulary.words),
    }


def plain(pattern: str) -> str:
    r"""Write a pattern of `regex` (V1) for `re`: sets with properties or differences spelled out.

    ``[\p{P}\p{S}]`` becomes the list of all its characters, by the Unicode version of `regex`: a
    user's own, older or newer, changes no token.
    """
    return str(_PART.sub(lambda part: _spelled_out(part.group()), pattern))


@cache
def _spelled_out(part: str) -> str:
    """List the characters of a property, or of a set with one or a difference, as ranges."""
    if not part.startswith(("\\p", "[")) or ("\\p" not in part and "--" not in part):
        return part
    runs = regex.findall(f"{part}+", _every_character(), regex.V1)
    return f"[{''.join(_range(run[0], run[-1]) for run in runs)}]"


@cache
def _every_character() -> str:
    return "".join(map(chr, range(sys.maxunicode + 1)))


def _range(first: str, last: str) -> str:
    return _escaped(first) if first == last else f"{_escaped(first)}-{_escaped(last)}"


def _escaped(character: str) -> str:
    code = ord(character)
    return f"\\u{code:04x}" if code < 0x10000 else f"\\U{code:08x}"
