"""Writing word vectors to a file."""

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from wordgate.errors import DataError
from wordgate.files import replacing


@dataclass(frozen=True)
class Block:
    """Some words with their vectors.

    Attributes:
        words: The words, as they stand in a file.
        vectors: float32 [words, size].
    """

    words: list[bytes]
    vectors: NDArray[np.float32]


def format_by_name(path: str | Path) -> str:
    """Tell by a file's ending which format it is to have.

    Raises:
        DataError: The ending tells none.
    """
    if Path(path).suffix != ".bin":
        raise DataError(f"'{path}' does not tell its format by its ending; end it in .bin")
    return "word2vec"


def write_vectors(
    path: str | Path,
    blocks: Iterable[Block],
    *,
    format: str,  # noqa: A002
    count: int,
    size: int,
) -> None:
    """Write vectors in word2vec's binary format, aside first, so that the file is whole or absent.

    Args:
        path: Where to write; what stands there is replaced.
        blocks: The words with their vectors.
        format: ``word2vec``.
        count: How many words there are.
        size: Numbers a vector.

    Raises:
        DataError: The format is another.
        OSError: The disk refuses.
    """
    if format != "word2vec":
        raise DataError(f"no format '{format}' to write word vectors in; there is: word2vec")
    with replacing(Path(path)) as aside, aside.open("wb") as stream:
        stream.write(f"{count} {size}\n".encode())
        for block in blocks:
            for word, vector in zip(block.words, block.vectors, strict=True):
                stream.write(word + b" " + vector.astype("<f4").tobytes())
