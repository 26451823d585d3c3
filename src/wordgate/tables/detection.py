"""Detection of the encoding of bytes that are not UTF-8."""

from __future__ import annotations

import codecs
import re
import unicodedata
from collections.abc import Iterable

SAMPLE = 1 << 14
"""Bytes of lines that are not plain ASCII, from which the encoding is detected."""

# Confidences of other Latin encodings than cp1252, below which it is kept: they differ in few
# letters, and short texts tell little.
_LEAST_LATIN = 0.09
_MORE_THAN_CP1252 = 1.5
_LEAST_OTHER = 0.03
# Of the letters beside ASCII letters, in encodings of another alphabet: hardly any words mix them.
_MOST_MIXED = 0.1
_IN_WORDS = 0.7  # of these letters, at least
_WORD = re.compile(r"[^\W\d_A-Za-z]{2,}")
_MIXED = re.compile(r"[A-Za-z][^\W\d_A-Za-z]|[^\W\d_A-Za-z][A-Za-z]")
_C1_CONTROL = re.compile("[\x80-\x9f]")
_LATIN = re.compile(r"cp125\d|iso8859-\d+")
_BETWEEN_LETTERS = "’‘…–—\xad"  # signs that may stand there
_NEVER_BEHIND_ONE = "‚„†‡ˆ˜¤§¬¸‹"
_MOST_BROKEN = 0.1  # of the characters beside ASCII

_ESCAPED = {
    "iso2022_jp_2": re.compile(rb"\x1b\$[@B]|\x1b\$\(D|\x1b\([JI]"),
    "iso2022_kr": re.compile(rb"\x1b\$\)C"),
}
_SIGNS = re.compile(rb"~\{|\+[A-Za-z0-9+/]{3}")  # as HZ and UTF-7 begin theirs


def escaped_encoding(head: bytes) -> str | None:
    """Name the encoding whose escape sequences stand in bytes of 7 bits; None without any."""
    if not head.isascii():
        return None
    codec = next((codec for codec, found in _ESCAPED.items() if found.search(head)), None)
    if codec is None and (first := _SIGNS.search(head)):
        import chardet

        start = max(0, first.start() - SAMPLE)
        found = str(chardet.detect(head[start : start + 2 * SAMPLE])["encoding"]).lower()
        codec = {"hz-gb-2312": "hz", "utf-7": "utf-7"}.get(found)
    return codec


def lines_to_tell(blocks: Iterable[bytes]) -> bytes:
    """Collect the first lines that are not plain ASCII, up to `SAMPLE` bytes."""
    found: list[bytes] = []
    size, rest = 0, b""
    for block in blocks:
        *lines, rest = (rest + block).split(b"\n")
        for line in lines:
            if size < SAMPLE and not line.isascii():
                found.append(line[:SAMPLE])
                size += len(line)
        if size >= SAMPLE:
            return b"\n".join(found)
        rest = rest[:SAMPLE]
    return b"\n".join([*found, rest])


def guess_encoding(sample: bytes) -> str | None:
    """Guess the encoding of lines that are neither plain ASCII nor UTF-8, by its name for Python.

    It is ``"cp1252"`` where no other is much more likely, None where no encoding is likely.
    """
    codec = _likeliest(sample)
    if codec not in (None, "cp1252"):
        return codec
    # A broken character speaks against every encoding of several bytes, but not in both halves.
    lines = sample.split(b"\n")
    for half in (lines[: len(lines) // 2], lines[len(lines) // 2 :]):
        found = _likeliest(b"\n".join(half))
        if found is not None and not _is_of_one_byte(found):
            return found
    return codec


def _likeliest(sample: bytes) -> str | None:
    confidences = _plausible(sample) if sample else {}
    cp1252 = confidences.get("cp1252")
    for codec, confidence in confidences.items():
        if codec == "cp1252" or not _is_likely(codec, confidence, sample, cp1252 or 0.0):
            continue
        if cp1252 is not None and _decoded(sample, codec) == _decoded(sample, "cp1252"):
            break
        return codec
    return None if cp1252 is None else "cp1252"


def _is_likely(codec: str, confidence: float, sample: bytes, cp1252: float) -> bool:
    if confidence < _MORE_THAN_CP1252 * cp1252:
        return False
    if _is_latin(_decoded(sample, codec) or ""):
        known = not cp1252 or _LATIN.fullmatch(codec) is not None
        return known and confidence >= _LEAST_LATIN
    return confidence >= _LEAST_OTHER


def _plausible(sample: bytes) -> dict[str, float]:
    """Return the encodings that decode the sample to a text, with their confidences, in order."""
    import chardet

    confidences: dict[str, float] = {}
    for found in chardet.detect_all(sample, ignore_threshold=True):
        try:
            codec = codecs.lookup(str(found["encoding"])).name
        except LookupError:
            continue
        if codec.startswith(("utf-16", "utf-32")):
            continue  # not in lines that were cut at a byte
        text = _decoded(sample, codec)
        if text is not None and not _C1_CONTROL.search(text) and _has_words(text, codec):
            confidences.setdefault(codec, float(found["confidence"]))
    return confidences


def _decoded(sample: bytes, codec: str) -> str | None:
    try:  # the last character may be cut
        return codecs.getincrementaldecoder(codec)().decode(sample)
    except (UnicodeError, LookupError):
        return None


def _is_latin(text: str) -> bool:
    """Return whether the letters beside ASCII are Latin ones."""
    letters = [c for c in text if not c.isascii() and c.isalpha()]
    latin = sum(unicodedata.name(letter, "").startswith("LATIN") for letter in letters)
    return 2 * latin >= len(letters)


def _has_words(text: str, codec: str) -> bool:
    """Return whether letters beside ASCII make words, and hardly any word mixes two alphabets.

    Encodings of several bytes are left alone: Chinese and the like may stand beside ASCII.
    """
    if not _is_of_one_byte(codec):
        return True
    if _is_latin(text):
        return _n_broken(text) <= _MOST_BROKEN * sum(not c.isascii() for c in text)
    letters = sum(not c.isascii() and c.isalpha() for c in text)
    in_words = sum(map(len, _WORD.findall(text)))
    return in_words > _IN_WORDS * letters and len(_MIXED.findall(text)) <= _MOST_MIXED * letters


def _n_broken(text: str) -> int:
    """Count capitals and signs behind small letters, as the wrong Latin encoding makes them."""
    return sum(
        not (c.isascii() or c.islower() or c in _BETWEEN_LETTERS or unicodedata.combining(c))
        and before.islower()
        and (after.islower() or c in _NEVER_BEHIND_ONE)
        for before, c, after in zip(text, text[1:], text[2:], strict=False)
    )


def _is_of_one_byte(codec: str) -> bool:
    return len(bytes(range(256)).decode(codec, "replace")) == 256
