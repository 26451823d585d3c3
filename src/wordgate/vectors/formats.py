"""Detection of the format of word vectors by the content of a file.

Formats are word2vec's binary format, text with a header line (word2vec, fastText's ``.vec``) or
without (GloVe), and our own safetensors files; all but the last may be gzipped.
"""

from __future__ import annotations

import re
from collections import Counter
from itertools import takewhile
from pathlib import Path

from wordgate.errors import DataError
from wordgate.vectors.safetensors_format import LENGTH_BYTES, SafetensorsFile
from wordgate.vectors.text_format import TextFile
from wordgate.vectors.vector_file import ByteStream, VectorFile, check_header, open_stream
from wordgate.vectors.word2vec_format import Word2VecFile

FORMATS = ("word2vec", "word2vec-text", "glove", "safetensors")

_SNIFFED_BYTES = 2**20  # from which the format is detected
_SNIFFED_LINES = 100  # from which the dimensions are inferred
_FIRST_LINES = 5  # from which text is distinguished from binary
_HEADER = re.compile(rb"(\d{1,18})[ \t]+(\d{1,18})[ \t]*\r?\n")
_LIKE_HEADER = re.compile(rb"[-+]?\d[\d_,.eE+]*[ \t]+[-+]?\d+[ \t]*\r?\n")
_NUMBER = re.compile(
    rb"[-+]?(?:(?:\d+\.?\d*|\.\d+)(?:e[-+]?\d+)?|nan|inf(?:inity)?)", re.IGNORECASE
)
_FIELD = 64  # maximum bytes of a number
_HINT = (
    "supported formats are word2vec (binary or text), fastText's .vec, GloVe's text, and the"
    " safetensors files"
    " that 'wordgate vectors convert' writes"
)
_AS_WORD2VEC = (
    "in Python with gensim, v = KeyedVectors.load(path); getattr(v, 'wv', v)"
    ".save_word2vec_format('vectors.bin', binary=True) saves it as word2vec, which can be read"
)
_PICKLE = f"a pickle, which could run code; if it is gensim's own format: {_AS_WORD2VEC}"
_UNPACK = "unpack it, or use gzip"
_KNOWN = [
    *((b"\x80%c" % protocol, _PICKLE) for protocol in range(2, 6)),
    (b"\x93NUMPY", f"a numpy array, as gensim's own format stores with a pickle: {_AS_WORD2VEC}"),
    (b"\xba\x16\x4f\x2f", "a model in fastText's own binary format: give the .vec file instead"),
    (b"PK\x03\x04", "a zip archive: unpack it, and give the file of vectors in it"),
    (b"PK\x05\x06", "an empty zip archive: download it again"),
    (b"\x89HDF", "an HDF5 file: save the vectors as word2vec or text"),
    (b"PAR1", "a Parquet file: save the vectors as word2vec or text"),
    (b"BZh", f"compressed with bzip2: {_UNPACK}"),
    (b"\xfd7zXZ\x00", f"compressed with xz: {_UNPACK}"),
    (b"\x28\xb5\x2f\xfd", f"compressed with zstd: {_UNPACK}"),
    (b"7z\xbc\xaf\x27\x1c", "a 7z archive: unpack it, and give the file of vectors in it"),
    (b"version https://git-lfs", "a Git LFS pointer: fetch the file itself with 'git lfs pull'"),
    (b"\x1f\x8b", "gzipped twice: unpack it once"),
]  # fmt: skip
# Pickles of protocols 0 and 1 begin with the name of a class, or with an empty list or dict.
_OLD_PICKLE = re.compile(rb"c[A-Za-z_][\w.]*\n[A-Za-z_]\w*\n|\([dl]p\d+\n|[\]}]q\x00")
_WEB_PAGE = re.compile(rb"\s*<(?:!doctype|html|\?xml)", re.IGNORECASE)
_TAR_MAGIC, _TAR_PLACE = b"ustar", 257


def open_vectors(path: str | Path) -> VectorFile:
    """Open a file of word vectors; its format is detected from its content.

    Raises:
        DataError: It is missing, damaged, or of no format that is known; the message says what to
            do about formats that people have.
    """
    path = Path(path)
    with open_stream(path) as source:
        start = source.read_fully(_SNIFFED_BYTES)
        _refuse_foreign(path, start)
        if start[LENGTH_BYTES : LENGTH_BYTES + 1] == b"{" and b"\0" in start[:LENGTH_BYTES]:
            if source.compressed:
                raise DataError(f"'{path}' is a gzipped safetensors file: unpack it first")
            return SafetensorsFile(source, start)
        header = _HEADER.match(start)
        return _with_header(source, start, header) if header else _without_header(source, start)


def _with_header(source: ByteStream, start: bytes, header: re.Match[bytes]) -> VectorFile:
    """Open a file that begins with rows and dimensions: text or binary, by its first lines."""
    path, count, dim = source.path, int(header[1]), int(header[2])
    check_header(path, count, dim)
    lines = start[header.end() :].split(b"\n", _FIRST_LINES)[:_FIRST_LINES]
    as_text = any(_mostly_numbers(line, dim) for line in lines)
    if not source.compressed:
        fewest = 2 * dim + 1 if as_text else 4 * dim + 1  # minimum bytes of a row
        needed = header.end() + count * fewest - as_text  # the last line break may be missing
        if needed > source.length:
            raise DataError(
                f"'{path}' declares {count:,} rows of {dim:,} dimensions, at least {needed:,}"
                f" bytes, and has {source.length:,}: it is truncated, or its header is damaged;"
                " download it again"
            )
    kind = TextFile if as_text else Word2VecFile
    if as_text:
        _refuse_tabs(path, lines[0])
    return kind(path, compressed=source.compressed, header=header.end(), count=count, dim=dim)


def _without_header(source: ByteStream, start: bytes) -> VectorFile:
    """Open text without a header; the most frequent number of fields is that of dimensions."""
    path = source.path
    if like := _LIKE_HEADER.match(start):
        shown = like[0].decode("ascii").strip()
        raise DataError(
            f"'{path}' begins with '{shown[:60]}', which is not a header of two whole numbers (rows"
            " and dimensions): the file is damaged"
        )
    lines = start.split(b"\n")
    if len(start) == _SNIFFED_BYTES:
        lines.pop()  # it may be incomplete
    lines = [line for line in lines[:_SNIFFED_LINES] if line.strip()]
    _refuse_tabs(path, lines[0] if lines else b"")
    dims = Counter(map(_numbers_at_end, lines))
    dim = max(dims, key=lambda dim: (dims[dim], dim), default=0)
    if dim == 0:
        raise DataError(f"'{path}' is not in a known format of word vectors; {_HINT}")
    check_header(path, len(lines), dim)
    return TextFile(path, compressed=source.compressed, count=None, dim=dim)


def _numbers_at_end(line: bytes) -> int:
    """Count the numbers at the end of a line; its first field is always the word."""
    fields = line.rstrip(b" \r").split(b" ")[1:]
    return len(list(takewhile(_is_number, reversed(fields))))


def _mostly_numbers(line: bytes, dim: int) -> bool:
    """Return whether a file is text: at least half of the fields after the word are numbers."""
    # One is not enough for more dimensions: a binary row may contain one and a line end.
    fields = line.rstrip(b" \r").replace(b"\t", b" ").split(b" ")[1:]
    numbers = sum(map(_is_number, fields))
    return numbers >= min(dim, 2) and 2 * numbers >= len(fields)


def _is_number(field: bytes) -> bool:
    return len(field) <= _FIELD and _NUMBER.fullmatch(field) is not None


def _refuse_tabs(path: Path, line: bytes) -> None:
    """Refuse lines with tabs between numbers."""
    if _numbers_at_end(line.replace(b"\t", b" ")) > _numbers_at_end(line):
        raise DataError(
            f"'{path}' has tabs between its numbers, where single spaces belong:"
            f" tr '\\t' ' ' < '{path}' > NEW makes a file that can be read"
        )


def _refuse_foreign(path: Path, start: bytes) -> None:
    """Refuse files in other formats, by their first unpacked bytes."""
    if not start:
        raise DataError(f"'{path}' is empty: download it again")
    for magic, what in _KNOWN:
        if start.startswith(magic):
            raise DataError(f"'{path}' is {what}")
    if _OLD_PICKLE.match(start):
        raise DataError(f"'{path}' is {_PICKLE}")
    if _WEB_PAGE.match(start):
        raise DataError(f"'{path}' is a web page: the download failed; download it again")
    if start[_TAR_PLACE:].startswith(_TAR_MAGIC):
        raise DataError(f"'{path}' is a tar archive: unpack it, and give the file of vectors in it")
