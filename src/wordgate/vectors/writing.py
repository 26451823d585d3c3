"""Writers of word vectors, in the formats of gensim, fastText and GloVe, and our own."""

from __future__ import annotations

import gzip
from collections.abc import Iterable, Iterator
from contextlib import AbstractContextManager, nullcontext
from pathlib import Path
from typing import BinaryIO

import numpy as np

from wordgate.errors import DataError, SettingsError, did_you_mean, no_folder_message
from wordgate.runtime.display import brief
from wordgate.storage.files import atomic_output
from wordgate.storage.tensors import safetensors_header
from wordgate.tables.source import is_file
from wordgate.vectors.formats import FORMATS
from wordgate.vectors.safetensors_format import METADATA
from wordgate.vectors.text_format import has_stray_number
from wordgate.vectors.vector_file import MAX_DIM, MAX_WORD_BYTES, VectorBatch

ENDINGS = {
    ".bin": "word2vec",
    ".vec": "word2vec-text",
    ".txt": "word2vec-text",
    ".safetensors": "safetensors",
}
"""Format of each file extension, without ``.gz``."""

_HEADER_ROOM = 512  # bytes before the table: its header is written last, when sizes are known


def format_by_name(path: str | Path) -> str:
    """Return the format that the file extension implies.

    Raises:
        SettingsError: The extension is unknown.
    """
    name = str(path).lower().removesuffix(".gz")
    for ending, form in ENDINGS.items():
        if name.endswith(ending):
            return form
    raise SettingsError(
        f"the file extension of '{path}' is not that of a word vector format; available:"
        f" {', '.join(ENDINGS)}"
    )


def write_vectors(
    path: str | Path,
    batches: Iterable[VectorBatch],
    *,
    format: str,  # noqa: A002
    count: int,
    dim: int,
) -> None:
    """Write word vectors atomically.

    Args:
        path: The file; with the extension ``.gz`` it is compressed.
        batches: The words and their vectors.
        format: One of `wordgate.vectors.formats.FORMATS`.
        count: The number of rows.
        dim: Dimensions of a vector.

    Raises:
        SettingsError: The format is unknown, or cannot be compressed.
        DataError: A word cannot be written in this format, a number is not finite, the rows differ
            from `count` and `dim`, the folder is missing, or the file cannot be written.
    """
    path = Path(path)
    _check_call(path, format, count, dim)
    rows = _checked(path, batches, format, count, dim)
    with atomic_output(path) as aside, aside.open("wb") as file:
        if format == "safetensors":
            _write_table(file, rows, count, dim)
            return
        packed: AbstractContextManager[BinaryIO | gzip.GzipFile] = nullcontext(file)
        if path.name.lower().endswith(".gz"):  # reproducible: without name and time
            packed = gzip.GzipFile("", "wb", compresslevel=6, fileobj=file, mtime=0)
        with packed as stream:
            if format != "glove":
                stream.write(b"%d %d\n" % (count, dim))
            encode = _binary if format == "word2vec" else _text
            for block in rows:
                stream.write(encode(block))


def _check_call(path: Path, form: str, count: int, dim: int) -> None:
    if form not in FORMATS:
        raise SettingsError(f"no format '{form}' of word vectors{did_you_mean(form, FORMATS)}")
    if form == "safetensors" and path.name.lower().endswith(".gz"):
        raise SettingsError(f"'{path}' cannot be gzipped safetensors: remove '.gz' from its name")
    if count < 1 or not 1 <= dim <= MAX_DIM:
        raise DataError(
            f"{count:,} rows of {dim:,} dimensions cannot be written to '{path}': at least 1 row of"
            f" 1 to {MAX_DIM:,} dimensions is needed"
        )
    if not is_file(path.parent):
        raise DataError(no_folder_message(path))


def _checked(
    path: Path, batches: Iterable[VectorBatch], form: str, count: int, dim: int
) -> Iterator[VectorBatch]:
    """Yield the batches; refuse rows that could not be read again unchanged."""
    row = 0
    for block in batches:
        n = len(block.words)
        if block.vectors.shape != (n, dim):
            raise DataError(
                f"vectors of shape {list(block.vectors.shape)} came for '{path}' after row {row:,},"
                f" where {[n, dim]} belongs"
            )
        for i, word in enumerate(block.words):
            if why := _unfit(word, form):
                raise DataError(
                    f"row {row + i + 1:,} cannot be written to '{path}': {why}; write another"
                    " format"
                )
        finite = np.isfinite(block.vectors).all(axis=1)
        if not finite.all():
            place = row + int(finite.argmin()) + 1
            raise DataError(
                f"row {place:,} cannot be written to '{path}': its vector is not finite"
            )
        row += n
        if row > count:
            raise DataError(f"more rows came for '{path}' than the {count:,} announced")
        yield block
    if row != count:
        raise DataError(f"{row:,} rows came for '{path}', where {count:,} were announced")


def _unfit(word: bytes, form: str) -> str | None:
    """Return why a word cannot be written in a format; None if it can."""
    if form == "word2vec" and b" " in word:
        return (
            f"its word {_shown(word)} contains a space, which ends a word in word2vec's binary"
            " format"
        )
    if form == "word2vec" and word.startswith(b"\n"):
        return f"its word {_shown(word)} begins with a line break, which readers drop"
    if form in ("word2vec-text", "glove"):
        if b"\n" in word:
            return f"its word {_shown(word)} contains a line break, which ends a row in text"
        if b" " in word and has_stray_number(word):
            return f"its word {_shown(word)} ends in what would be read as one of the numbers"
    if len(word) > MAX_WORD_BYTES:
        return f"its word has {len(word):,} bytes, where {MAX_WORD_BYTES:,} are possible"
    return None


def _shown(word: bytes) -> str:
    return brief(word.decode("utf-8", "backslashreplace"))


def _binary(block: VectorBatch) -> bytes:
    """Format rows as gensim does, without a line break after a vector."""
    vectors = np.ascontiguousarray(block.vectors, "<f4")
    pieces: list[bytes] = []
    for word, vector in zip(block.words, vectors, strict=True):
        pieces += (word, b" ", vector.tobytes())
    return b"".join(pieces)


def _text(block: VectorBatch) -> bytes:
    """Format rows as lines, with the shortest representation of each float32."""
    lines = (
        b"%b %b\n" % (word, " ".join(map(str, vector)).encode("ascii"))
        for word, vector in zip(block.words, np.asarray(block.vectors, np.float32), strict=True)
    )
    return b"".join(lines)


def _write_table(file: BinaryIO, batches: Iterable[VectorBatch], count: int, dim: int) -> None:
    """Write a safetensors file: vectors, word ends, words, and the header last."""
    # No memory is allocated for `count` rows: it may be from the header of a damaged file.
    ends, letters = bytearray(), bytearray()
    file.seek(_HEADER_ROOM)
    for block in batches:
        lengths = np.fromiter(map(len, block.words), np.int64, len(block.words))
        ends += (len(letters) + np.cumsum(lengths)).astype("<i8").tobytes()
        letters += b"".join(block.words)
        file.write(np.ascontiguousarray(block.vectors, "<f4").tobytes())
    file.write(ends)
    file.write(letters)
    file.seek(0)
    tensors = {
        "vectors": ("F32", [count, dim]),
        "word_ends": ("I64", [count]),
        "words": ("U8", [len(letters)]),
    }
    file.write(safetensors_header(tensors, METADATA, size=_HEADER_ROOM))
