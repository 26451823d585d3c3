"""Detection of the encoding of bytes that are not UTF-8."""

from __future__ import annotations

import codecs
import re
import unicodedata
from collections.abc import Iterable

SAMPLE = 1 << 14
"""Bytes of lines that are not plain ASCII, from which the encoding is detected."""

# Minimum confidence for another Latin encoding than cp1252: they differ in few letters, and short
# texts are no evidence.
_LEAST_LATIN = 0.09
_MORE_THAN_CP1252 = 1.5
_LEAST_OTHER = 0.03
# Of the non-ASCII letters of another alphabet: the share next to ASCII letters, since hardly any
# word mixes two alphabets; and the share in words.
_MOST_MIXED = 0.1
_IN_WORDS = 0.7
_WORD = re.compile(r"[^\W\d_A-Za-z]{2,}")
_MIXED = re.compile(r"[A-Za-z][^\W\d_A-Za-z]|[^\W\d_A-Za-z][A-Za-z]")
_C1_CONTROL = re.compile("[\x80-\x9f]")
_LATIN = re.compile(r"cp125\d|iso8859-\d+")
_BETWEEN_LETTERS = "’‘…–—\xad"
_NEVER_AFTER_LETTER = "‚„†‡ˆ˜¤§¬¸‹"
_MOST_BROKEN = 0.1  # of the non-ASCII characters

_ESCAPED = {
    "iso2022_jp_2": re.compile(rb"\x1b\$[@B]|\x1b\$\(D|\x1b\([JI]"),
    "iso2022_kr": re.compile(rb"\x1b\$\)C"),
}
_SIGNS = re.compile(rb"~\{|\+[A-Za-z0-9+/]{3}")  # begin escape sequences of HZ and UTF-7


def escaped_encoding(head: bytes) -> str | None:
    """Return the encoding whose escape sequences occur in 7-bit bytes; None without any."""
    if not head.isascii():
        return None
    codec = next((codec for codec, pattern in _ESCAPED.items() if pattern.search(head)), None)
    if codec is None and (first := _SIGNS.search(head)):
        import chardet

        start = max(0, first.start() - SAMPLE)
        detected = str(chardet.detect(head[start : start + 2 * SAMPLE])["encoding"]).lower()
        codec = {"hz-gb-2312": "hz", "utf-7": "utf-7"}.get(detected)
    return codec


def non_ascii_lines(blocks: Iterable[bytes]) -> bytes:
    """Collect the first lines that are not plain ASCII, up to `SAMPLE` bytes."""
    sample: list[bytes] = []
    size, rest = 0, b""
    for block in blocks:
        *lines, rest = (rest + block).split(b"\n")
        for line in lines:
            if size < SAMPLE and not line.isascii():
                sample.append(line[:SAMPLE])
                size += len(line)
        if size >= SAMPLE:
            return b"\n".join(sample)
        rest = rest[:SAMPLE]
    return b"\n".join([*sample, rest])


def guess_encoding(sample: bytes) -> str | None:
    """Guess the encoding of lines that are neither plain ASCII nor UTF-8.

    Returns:
        The name of the Python codec: ``"cp1252"`` unless another one is much more likely; None if
        no encoding is likely.
    """
    codec = _likeliest(sample)
    if codec not in (None, "cp1252"):
        return codec
    # A single broken character rules out every multi-byte encoding, but only in one half.
    lines = sample.split(b"\n")
    for half in (lines[: len(lines) // 2], lines[len(lines) // 2 :]):
        multibyte = _likeliest(b"\n".join(half))
        if multibyte is not None and not _is_single_byte(multibyte):
            return multibyte
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
    """Return the confidences of the encodings that decode the sample, the highest first."""
    import chardet

    confidences: dict[str, float] = {}
    for guess in chardet.detect_all(sample, ignore_threshold=True):
        try:
            codec = codecs.lookup(str(guess["encoding"])).name
        except LookupError:
            continue
        if codec.startswith(("utf-16", "utf-32")):
            continue  # the lines were split at a byte
        text = _decoded(sample, codec)
        if text is not None and not _C1_CONTROL.search(text) and _has_words(text, codec):
            confidences.setdefault(codec, float(guess["confidence"]))
    return confidences


def _decoded(sample: bytes, codec: str) -> str | None:
    try:  # the last character may be incomplete
        return codecs.getincrementaldecoder(codec)().decode(sample)
    except (UnicodeError, LookupError):
        return None


def _is_latin(text: str) -> bool:
    """Return whether most non-ASCII letters are Latin."""
    letters = [c for c in text if not c.isascii() and c.isalpha()]
    latin = sum(unicodedata.name(letter, "").startswith("LATIN") for letter in letters)
    return 2 * latin >= len(letters)


def _has_words(text: str, codec: str) -> bool:
    """Return whether non-ASCII letters form words, and hardly any word mixes two alphabets.

    It is true for multi-byte encodings: Chinese characters may be next to ASCII letters.
    """
    if not _is_single_byte(codec):
        return True
    if _is_latin(text):
        return _n_broken(text) <= _MOST_BROKEN * sum(not c.isascii() for c in text)
    letters = sum(not c.isascii() and c.isalpha() for c in text)
    in_words = sum(map(len, _WORD.findall(text)))
    return in_words > _IN_WORDS * letters and len(_MIXED.findall(text)) <= _MOST_MIXED * letters


def _n_broken(text: str) -> int:
    """Count capitals and signs after lower-case letters, as in text of a wrong Latin encoding."""
    return sum(
        not (c.isascii() or c.islower() or c in _BETWEEN_LETTERS or unicodedata.combining(c))
        and before.islower()
        and (after.islower() or c in _NEVER_AFTER_LETTER)
        for before, c, after in zip(text, text[1:], text[2:], strict=False)
    )


def _is_single_byte(codec: str) -> bool:
    return len(bytes(range(256)).decode(codec, "replace")) == 256
