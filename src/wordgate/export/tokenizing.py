"""Tokenizers as data: all that makes ids of a text, for programs without wordgate."""

from __future__ import annotations

import re
import sys
from functools import cache
from typing import Any

import regex

from wordgate.models.count import FIRST_ID, CountModel
from wordgate.text.encoder import TextEncoder
from wordgate.text.ngrams import Analyzer
from wordgate.text.normalizer import NormalizerStep

# An escaped character, a property, or a set that may hold one set more.
_PART = regex.compile(r"\\p\{\w+\}|\\.|\[(?:[^\[\]\\]|\\.|\[(?:[^\[\]\\]|\\.)*\])*\]")
_LONE_SURROGATES = NormalizerStep("replace", r"[\ud800-\udfff]", "\ufffd")
_TOKENS: dict[Analyzer, str] = {"words": r"\w+", "characters": r"\S+"}  # for `re`


def tokenizer_settings(encoder: TextEncoder) -> dict[str, Any]:
    """Return all that makes ids of a text, in types that JSON has.

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


def ngram_settings(model: CountModel) -> dict[str, Any]:
    """Return all that makes n-grams of a text, in types that JSON has.

    Returns:
        ``steps``, as of `tokenizer_settings`; and ``kinds``, each with its ``kind``, `words` or
        `characters`, the pattern ``token`` for Python's `re`, the lengths of its n-grams from
        ``shortest`` to ``longest``, and ``ngrams`` in the order of their ids, which begin at
        ``first_id``.
    """
    kinds = [
        {
            "kind": vectorizer.analyzer,
            "token": f"{_listed(re.findall(_TOKENS[vectorizer.analyzer], _every_character()))}+",
            "shortest": vectorizer.ngram_range[0],
            "longest": vectorizer.ngram_range[1],
            "first_id": first + FIRST_ID,
            "ngrams": list(vectorizer.vocabulary),
        }
        for vectorizer, (first, _) in model.numbering()
    ]
    return {"name": "ngrams", "steps": [NormalizerStep("lower")], "kinds": kinds}


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
    return _listed(regex.findall(f"{part}+", _every_character(), regex.V1))


def _listed(runs: list[str]) -> str:
    """Write a set of what was found in all characters, as ranges."""
    return f"[{''.join(_range(run[0], run[-1]) for run in runs)}]"


@cache
def _every_character() -> str:
    return "".join(map(chr, range(sys.maxunicode + 1)))


def _range(first: str, last: str) -> str:
    return _escaped(first) if first == last else f"{_escaped(first)}-{_escaped(last)}"


def _escaped(character: str) -> str:
    code = ord(character)
    return f"\\u{code:04x}" if code < 0x10000 else f"\\U{code:08x}"
