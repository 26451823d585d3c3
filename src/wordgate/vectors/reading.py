"""Files of word vectors: recognised by their content, opened for reading in one pass.

Word vectors come as word2vec's binary format, as text with a header line (word2vec, fastText's
``.vec``) or without (GloVe), and as safetensors files of our own; all but the last also gzipped.
"""

from __future__ import annotations

import re
from collections import Counter
from pathlib import Path

from wordgate.errors import DataError
from wordgate.vectors.block import Block, VectorFile, check_header, check_room
from wordgate.vectors.foreign import refuse_foreign
from wordgate.vectors.lines import LinesFile
from wordgate.vectors.source import Source, open_source
from wordgate.vectors.table import LENGTH_BYTES, TableFile
from wordgate.vectors.word2vec import Word2VecFile

__all__ = ["FORMATS", "Block", "VectorFile", "open_vectors"]

FORMATS = ("word2vec", "word2vec-text", "glove", "safetensors")

_LOOKED_AT = 2**20  # bytes that a file is recognised by
_LINES_LOOKED_AT = 100  # to learn the size from
_FIRST_LINES = 5  # to tell text from binary
_HEADER = re.compile(rb"(\d{1,18})[ \t]+(\d{1,18})[ \t]*\r?\n")
_LIKE_HEADER = re.compile(rb"[-+]?\d[\d_,.eE+]*[ \t]+[-+]?\d+[ \t]*\r?\n")
_NUMBER = re.compile(
    rb"[-+]?(?:(?:\d+\.?\d*|\.\d+)(?:e[-+]?\d+)?|nan|inf(?:inity)?)", re.IGNORECASE
)
_FIELD = 64  # bytes of a number that are looked at
_HINT = (
    "known are word2vec (binary or text), fastText's .vec, GloVe's text, and the safetensors files"
    " that 'wordgate vectors convert' writes"
)


def open_vectors(path: str | Path) -> VectorFile:
    """Recognise a file of word vectors by its content.

    Args:
        path: Where it lies.

    Returns:
        The file, to be read in one pass or several.

    Raises:
        DataError: It is missing, damaged, or of no format that is known; the message says what to
            do about formats that people have.
    """
    path = Path(path)
    with open_source(path) as source:
        start = source.read_fully(_LOOKED_AT)
        refuse_foreign(path, start)
        if start[LENGTH_BYTES : LENGTH_BYTES + 1] == b"{" and b"\0" in start[:LENGTH_BYTES]:
            return _table(source)
        header = _HEADER.match(start)
        if header is None:
            return _without_header(source, start)
        return _with_header(source, start, header)


def _table(source: Source) -> VectorFile:
    if source.compressed:
        raise DataError(f"'{source.path}' is a gzipped safetensors file: unpack it first")
    return TableFile(source.path)


def _with_header(source: Source, start: bytes, header: re.Match[bytes]) -> VectorFile:
    """Open what begins with rows and size: binary, or text by its first line."""
    path, count, size = source.path, int(header[1]), int(header[2])
    check_header(path, count, size)
    lines = start[header.end() :].split(b"\n", _FIRST_LINES)[:_FIRST_LINES]
    as_text = any(_mostly_numbers(line, size) for line in lines)
    if not source.compressed:
        fewest = 2 * size + 1 if as_text else 4 * size + 1  # bytes a row takes at the least
        needed = header.end() + count * fewest - as_text  # whose last break may be missing
        check_room(path, count, size, needed=needed, there=source.length)
    if not as_text:
        return Word2VecFile(
            path, compressed=source.compressed, header=header.end(), count=count, size=size
        )
    _refuse_tabs(path, lines[0])
    return LinesFile(
        path, compressed=source.compressed, header=header.end(), count=count, size=size
    )


def _without_header(source: Source, start: bytes) -> VectorFile:
    """Open text whose size the most of its first lines agree on."""
    path = source.path
    if like := _LIKE_HEADER.match(start):
        shown = like[0].decode("ascii").strip()
        raise DataError(
            f"'{path}' begins with '{shown[:60]}', which is no header of two whole numbers"
            " (rows and size): the file is damaged"
        )
    lines = start.split(b"\n")
    if len(start) == _LOOKED_AT:
        lines.pop()  # which may go on
    lines = [line for line in lines[:_LINES_LOOKED_AT] if line.strip()]
    _refuse_tabs(path, lines[0] if lines else b"")
    sizes = Counter(map(_numbers_at_end, lines))
    size = max(sizes, key=lambda size: (sizes[size], size), default=0)
    if size == 0:
        raise DataError(f"'{path}' is in no format of word vectors that is known; {_HINT}")
    check_header(path, len(lines), size)
    return LinesFile(path, compressed=source.compressed, header=0, count=None, size=size)


def _numbers_at_end(line: bytes) -> int:
    """Count the numbers at a line's end; its first field is the word, whatever it is."""
    fields = line.rstrip(b" \r").split(b" ")[1:]
    return next(
        (n for n, field in enumerate(reversed(fields)) if not _is_number(field)), len(fields)
    )


def _mostly_numbers(line: bytes, size: int) -> bool:
    """Tell text from binary: half of the fields after the word are numbers, or more.

    One is not enough where there should be more: a binary row may spell one and a line's end.
    """
    fields = line.rstrip(b" \r").replace(b"\t", b" ").split(b" ")[1:]
    numbers = sum(map(_is_number, fields))
    return numbers >= min(size, 2) and 2 * numbers >= len(fields)


def _is_number(field: bytes) -> bool:
    return len(field) <= _FIELD and _NUMBER.fullmatch(field) is not None


def _refuse_tabs(path: Path, line: bytes) -> None:
    """Refuse lines whose numbers stand after tabs."""
    if _numbers_at_end(line.replace(b"\t", b" ")) > _numbers_at_end(line):
        raise DataError(
            f"'{path}' has tabs between its numbers, where single spaces belong:"
            f" tr '\\t' ' ' < '{path}' > NEW makes a file that can be read"
        )
