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
    """One change of a text before it is cut.

    Attributes:
        kind: ``replace`` puts `replacement` for what `pattern` finds; ``unescape`` resolves the
            HTML entities that `pattern` finds, as `html.unescape` does; ``lower`` lower-cases;
            ``normalize`` brings to Unicode's NFC.
        pattern: For `re`; it may name Unicode's properties and subtract sets, for `regex` (V1).
        replacement: As `re.sub` takes it.
    """

    kind: NormalizerStepKind
    pattern: str = ""
    replacement: str = ""


class Normalizer(NamedTuple):
    """A tokenizer as data: all that a program without wordgate needs to cut texts the same way.

    Attributes:
        steps: Changes of a text, in order.
        token: The pattern whose matches, one after another, are the tokens. No groups.
    """

    steps: tuple[NormalizerStep, ...]
    token: str


class Token(NamedTuple):
    """A token, and the characters of the text that it was made of."""

    text: str  # the token as the tokenizer gives it
    start: int  # offset of its first character in the text, in code points
    end: int  # offset behind its last one


class _Traced(NamedTuple):
    """A changed text that knows where in the original the origin of each character is."""

    text: str  # as it is now
    starts: list[int]  # the offsets where the origins begin, which never fall
    ends: list[int]  # and where they end


def tokens_with_offsets(normalizer: Normalizer, text: str) -> list[Token]:
    """Cut a text without lone surrogates as its tokenizer does; return where each token stands.

    The offsets ascend and don't overlap. Where characters were changed on the way (lower-casing,
    entities, links, stretched letters) a token covers those that it was made of.
    """
    traced = _Traced(text, list(range(len(text))), list(range(1, len(text) + 1)))
    for step in normalizer.steps:
        traced = _changed(traced, step)
    found = _compiled(normalizer.token).finditer(traced.text)
    return list(_apart(traced, (match.span() for match in found)))


def _apart(traced: _Traced, spans: Iterator[tuple[int, int]]) -> Iterator[Token]:
    """Trace tokens back; of characters that two tokens were made of, the first has them."""
    before = 0
    for first, end in spans:
        start = max(before, traced.starts[first])
        before = max(start, traced.ends[end - 1])
        yield Token(traced.text[first:end], start, before)


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
    """Compile a pattern of `Normalizer` for the library that it is written for."""
    try:
        return re.compile(pattern)
    except re.error:
        return regex.compile(pattern, regex.V1)


def _replaced(traced: _Traced, pattern: Any, made_of: Callable[[Any], str]) -> _Traced:
    """Put something in place of each match."""
    if pattern.search(traced.text) is None:
        return traced
    parts: list[str] = []
    starts: list[int] = []
    ends: list[int] = []
    done = 0
    for match in pattern.finditer(traced.text):
        first, end = match.span()
        parts += [traced.text[done:first], replacement := made_of(match)]
        # Those characters at its beginning that the match begins with, too, are themselves; the
        # others were made of all the rest. So the three "o" left of "soooooo" are the first, the
        # second and all others.
        own, same = match.group(), 0
        while same < min(len(own), len(replacement)) and own[same] == replacement[same]:
            same += 1
        n_made = len(replacement) - same
        rest = min(first + same, end - 1)
        starts += traced.starts[done : first + same] + n_made * [traced.starts[rest]]
        ends += traced.ends[done : first + same] + n_made * [traced.ends[end - 1]]
        # What is left out, such as an emoji's selector, goes to the character before it.
        if ends and (replacement or ends[-1] == traced.starts[first]):
            ends[-1] = traced.ends[end - 1]
        done = end
    parts.append(traced.text[done:])
    return _Traced("".join(parts), starts + traced.starts[done:], ends + traced.ends[done:])


def _lowered(traced: _Traced) -> _Traced:
    lowered = traced.text.lower()  # a sigma's form depends on its neighbours, not its length
    if len(lowered) == len(traced.text):
        return traced._replace(text=lowered)
    origins = [i for i, character in enumerate(traced.text) for _ in character.lower()]
    return _Traced(lowered, [traced.starts[i] for i in origins], [traced.ends[i] for i in origins])


# Nothing composes or changes places over the border of two such pieces: what composes with the
# character before it is a mark, or a vowel or final consonant of Hangul.
_COMPOSING = regex.compile(r"(?s).[\p{M}\u1160-\u11FF\uD7B0-\uD7FF]*", regex.V1)


def _normalized(traced: _Traced) -> _Traced:
    """Bring to Unicode's NFC; what was composed was made of all of its piece."""
    if unicodedata.is_normalized("NFC", traced.text):
        return traced
    return _replaced(traced, _COMPOSING, lambda match: unicodedata.normalize("NFC", match.group()))
