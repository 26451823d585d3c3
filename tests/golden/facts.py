"""Facts of a case, taken apart into values, which must stay, and sentences, which may be reworded.

Both are flat: the key of a number in ``metrics.json`` is like ``metrics/per_class/0/precision``.
"""

import json
import math
import re
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from hashlib import blake2b
from html.parser import HTMLParser
from typing import Any

SENTENCES = {
    "advice", "column", "course_means", "dropped_reasons", "encoding_reason", "header_reason",
    "leaks", "left_out", "lines", "message", "method", "page", "problem", "reason", "reasons",
    "recommendation",
    "rejected_reasons", "remarks", "said", "stderr", "stdout", "warnings", "why",
}  # fmt: skip
"""Names of what is written for people: what stands under them are sentences."""
LEFT_OUT = {
    "environment", "megabytes", "peak_memory_mb", "seconds", "texts_per_second", "train_seconds",
    "wall_seconds",
}  # fmt: skip
"""Names of what differs from run to run, or with the layout of a bundle."""
_TIME = re.compile(r" *[\d.,]*\d ?(?=(?:s|ms|seconds|minutes|kB|MB|GB|texts/s|texts per second)\b)")
_COSTS = re.compile(r"( +[\d,]+\.\d)( +[\d,]+)( +[\d,]+\.\d)$")  # of a comparison's result
_COST_COLUMN = re.compile(r"(^| )(s|seconds|texts/s|MB)$")
_NUMBER = re.compile(r"\d+(?:[.,]\d+)*")
_LONGEST_STRING, _LONGEST_LIST, _FIRST = 200, 60, 3


@dataclass
class Facts:
    """What is recorded of a case."""

    values: dict[str, Any] = field(default_factory=dict)
    sentences: dict[str, Any] = field(default_factory=dict)

    def put(self, key: str, found: Any) -> None:
        """Put plain JSON values in, whatever is nested in them."""
        name = key.rpartition("/")[2]
        if name in LEFT_OUT:
            return
        if isinstance(found, Mapping):
            for name, value in found.items():
                self.put(f"{key}/{name}", value)
        elif isinstance(found, list | tuple) and any(isinstance(one, Mapping) for one in found):
            self.values[f"{key}/n"] = len(found)
            for number, value in enumerate(found):
                self.put(f"{key}/{number}", value)
        elif name in SENTENCES:
            self.sentences[key] = without_times(found)
        else:
            self.values[key] = short(found)

    def put_page(self, key: str, html: str) -> None:
        """Put a web page in: its text as sentences, its pictures as values, its styles not."""
        page = _Page()
        page.feed(html)
        self.put(f"{key}/page", page.lines)
        self.put(f"{key}/pictures", [digest(picture) for picture in page.pictures])

    def to_json(self) -> dict[str, Any]:
        return {"values": self.values, "sentences": self.sentences}


def short(found: Any) -> Any:
    """Round numbers, and put a digest in the place of what is long."""
    if isinstance(found, float):
        return float(f"{found:.9g}") if math.isfinite(found) else str(found)
    if isinstance(found, str) and len(found) > _LONGEST_STRING:
        return f"{found[:60]}... ({len(found)} characters, {digest(found)})"
    if isinstance(found, list | tuple):
        items = [short(one) for one in found]
        if len(json.dumps(items)) <= _LONGEST_LIST * 10:
            return items
        return {"n": len(items), "digest": digest(items), "first": items[:_FIRST]}
    return found


def digest(found: Any) -> str:
    """Hash bytes, or anything that JSON has."""
    raw = found if isinstance(found, bytes) else json.dumps(found, sort_keys=True).encode()
    return blake2b(raw, digest_size=8).hexdigest()


def without_times(found: Any) -> Any:
    """Put a # in the place of each time, speed and size."""
    if isinstance(found, list | tuple):
        return [without_times(one) for one in found]
    return _COSTS.sub(" #", _TIME.sub(" #", found)) if isinstance(found, str) else found


def compact(values: Mapping[str, Any]) -> dict[str, Any]:
    """Put a digest in the place of all values that are longer than one."""
    return {
        key: value if len(json.dumps(value)) <= 18 else f"#{digest(value)[:8]}"
        for key, value in values.items()
    }


@dataclass(frozen=True)
class Difference:
    """What was found otherwise.

    Attributes:
        kind: ``values``; ``numbers``, of sentences; or ``wording`` alone.
        key: Where.
        before: What the record has; None for nothing.
        after: What there is now.
    """

    kind: str
    key: str
    before: Any
    after: Any


def differences(before: Mapping[str, Any], after: Mapping[str, Any]) -> Iterator[Difference]:
    """Compare what `Facts.to_json` gave then and gives now.

    A key more or fewer is a difference in values, of sentences, too: then one was lost or added.
    So is another number of sentences in a list of them, such as warnings.
    """
    for part in ("values", "sentences"):
        old, new = before[part], after[part]
        for key in [*old, *(key for key in new if key not in old)]:
            if key not in old or key not in new:
                yield Difference("values", key, old.get(key), new.get(key))
            elif old[key] != new[key]:
                kind = "values" if part == "values" else _kind(key, old[key], new[key])
                yield Difference(kind, key, old[key], new[key])


def _kind(key: str, before: Any, after: Any) -> str:
    texts = {"page", "lines", "said", "stdout", "stderr"}  # of many lines: they may be cut anew
    both_lists = isinstance(before, list) and isinstance(after, list)
    if both_lists and len(before) != len(after) and not texts & set(key.split("/")):
        return "values"
    return "wording" if _numbers(before) == _numbers(after) else "numbers"


def _numbers(sentences: Any) -> Counter:
    return Counter(_NUMBER.findall(json.dumps(sentences, ensure_ascii=False)))


class _Page(HTMLParser):
    """Takes a page apart: lines of text, times in tables left out, and what its pictures hold."""

    def __init__(self) -> None:
        super().__init__()
        self.lines: list[str] = []
        self.pictures: list[list[Any]] = []
        self._in: list[str] = []
        self._header: list[str] = []
        self._column = 0

    def handle_starttag(self, tag, attributes):
        if tag == "table":
            self._header, self._column = [], 0
        elif tag == "tr":
            self._column = 0
        elif tag in ("td", "th"):
            self._column += 1
        if tag in ("style", "svg", "thead", "td"):
            self._in.append(tag)
        if tag == "svg":
            self.pictures.append([])
        if "svg" in self._in:
            drawn = [[name, value] for name, value in attributes if name != "aria-label"]
            self.pictures[-1].append([tag, drawn])

    handle_startendtag = handle_starttag

    def handle_endtag(self, tag):
        if self._in and tag == self._in[-1]:
            self._in.pop()

    def handle_data(self, data):
        text = " ".join(data.split())
        if not text or "style" in self._in:
            return
        if "thead" in self._in:
            self._header += [""] * (self._column - len(self._header))
            self._header[self._column - 1] += text
        elif "td" in self._in and self._column <= len(self._header):
            text = "#" if _COST_COLUMN.search(self._header[self._column - 1]) else text
        self.lines.append(text)
