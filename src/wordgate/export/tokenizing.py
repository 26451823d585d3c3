"""How an exported file tells its user to make ids of a text: as data, for the standard library."""

from __future__ import annotations

import sys
from functools import cache
from typing import Any

import regex

from wordgate.text.encoder import TextEncoder
from wordgate.text.normalizer import NormalizerStep

# An escaped character, a property, or a set that may hold one set more.
_PART = regex.compile(r"\\p\{\w+\}|\\.|\[(?:[^\[\]\\]|\\.|\[(?:[^\[\]\\]|\\.)*\])*\]")
_LONE_SURROGATES = NormalizerStep("replace", r"[\ud800-\udfff]", "\ufffd")


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


def _spelled_out(part: str) -> str:
    needed = part.startswith("\\p") or (part.startswith("[") and ("\\p" in part or "--" in part))
    return _characters(part) if needed else part


@cache
def _characters(part: str) -> str:
    """List the characters that a set of one has, as ranges."""
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
