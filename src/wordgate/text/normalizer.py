"""Normalizers: tokenizers as data, and tokens with their offsets in the text."""

import html
import re
import unicodedata
from collections.abc import Callable, Iterator
from functools import lru_cache
from typing import Any, Literal, NamedTuple

import regex

NormalizerStepKind = Literal["replace", "unescape", "lower", "normalize"]


class NormalizerStep(NamedTuple):
    """One change of a text before it is split into tokens.

    Attributes:
        kind: ``replace`` replaces the matches of `pattern` by `replacement`; ``unescape`` resolves
            the HTML entities that match `pattern` by `html.unescape`; ``lower`` converts to lower
            case; ``normalize`` converts to Unicode NFC.
        pattern: A pattern of `re`, or of `regex` (V1) if it has Unicode properties or subtracts
            sets.
        replacement: As in `re.sub`.
    """

    kind: NormalizerStepKind
    pattern: str = ""
    replacement: str = ""


class Normalizer(NamedTuple):
    """A tokenizer as data, for programs without wordgate that split texts in the same way.

    Attributes:
        steps: Changes of a text, in order.
        token: The pattern whose matches are the tokens, without groups.
    """

    steps: tuple[NormalizerStep, ...]
    token: str


class Token(NamedTuple):
    """A token, and the offsets of its characters in the text."""

    text: str  # as the tokenizer returns it
    start: int  # offset of its first character in the text, in code points
    end: int  # offset after its last character


class _Traced(NamedTuple):
    """A changed text, with the offsets in the original text of each of its characters."""

    text: str
    starts: list[int]  # offset of the first original character of each, not decreasing
    ends: list[int]  # offset after the last one


def tokens_with_offsets(normalizer: Normalizer, text: str) -> list[Token]:
    """Tokenize a text without lone surrogates; return the tokens with their offsets.

    The offsets increase and do not overlap. If characters were changed (lower case, entities,
    links, stretched letters), a token has the offsets of the original characters.
    """
    traced = _Traced(text, list(range(len(text))), list(range(1, len(text) + 1)))
    for step in normalizer.steps:
        traced = _changed(traced, step)
    matches = _compiled(normalizer.token).finditer(traced.text)
    return list(_disjoint(traced, (match.span() for match in matches)))


def _disjoint(traced: _Traced, spans: Iterator[tuple[int, int]]) -> Iterator[Token]:
    """Yield tokens with original offsets; characters of two tokens belong to the first."""
    previous_end = 0
    for first, end in spans:
        start = max(previous_end, traced.starts[first])
        previous_end = max(start, traced.ends[end - 1])
        yield Token(traced.text[first:end], start, previous_end)


def _changed(traced: _Traced, step: NormalizerStep) -> _Traced:
    if step.kind == "lower":
        return _lowered(traced)
    if step.kind == "normalize":
        return _normalized(traced)
    pattern = _compiled(step.pattern)
    if step.kind == "unescape":
        return _replaced(traced, pattern, lambda match: html.unescape(match.group()))
    return _replaced(traced, pattern, lambda match: match.expand(step.replacement))


@lru_cache(maxsize=64)
def _compiled(pattern: str) -> Any:
    """Compile a pattern by `re`, or by `regex` if it needs that."""
    try:
        return re.compile(pattern)
    except re.error:
        return regex.compile(pattern, regex.V1)


def _replaced(traced: _Traced, pattern: Any, replace: Callable[[Any], str]) -> _Traced:
    """Replace each match of a pattern."""
    if pattern.search(traced.text) is None:
        return traced
    parts: list[str] = []
    starts: list[int] = []
    ends: list[int] = []
    done = 0
    for match in pattern.finditer(traced.text):
        first, end = match.span()
        parts += [traced.text[done:first], replacement := replace(match)]
        # Characters of a common prefix keep their offsets; the others have those of the rest of the
        # match. So the three "o" that replace those of "soooooo" are the first, the second and all
        # others.
        matched, same = match.group(), 0
        while same < min(len(matched), len(replacement)) and matched[same] == replacement[same]:
            same += 1
        n_new = len(replacement) - same
        rest = min(first + same, end - 1)
        starts += traced.starts[done : first + same] + n_new * [traced.starts[rest]]
        ends += traced.ends[done : first + same] + n_new * [traced.ends[end - 1]]
        # Removed characters, such as the selector of an emoji, belong to the previous one.
        if ends and (replacement or ends[-1] == traced.starts[first]):
            ends[-1] = traced.ends[end - 1]
        done = end
    parts.append(traced.text[done:])
    return _Traced("".join(parts), starts + traced.starts[done:], ends + traced.ends[done:])


def _lowered(traced: _Traced) -> _Traced:
    lowered = traced.text.lower()  # of all: the form of a sigma depends on its neighbors
    if len(lowered) == len(traced.text):
        return traced._replace(text=lowered)
    origins = [i for i, character in enumerate(traced.text) for _ in character.lower()]
    return _Traced(lowered, [traced.starts[i] for i in origins], [traced.ends[i] for i in origins])


# NFC composes and reorders characters only within such pieces: a character that composes with the
# previous one is a mark, or a vowel or final consonant of Hangul.
_COMPOSING = regex.compile(r"(?s).[\p{M}\u1160-\u11FF\uD7B0-\uD7FF]*", regex.V1)


def _normalized(traced: _Traced) -> _Traced:
    """Convert to Unicode NFC; a composed character has the offsets of its whole piece."""
    if unicodedata.is_normalized("NFC", traced.text):
        return traced
    return _replaced(traced, _COMPOSING, lambda match: unicodedata.normalize("NFC", match.group()))
