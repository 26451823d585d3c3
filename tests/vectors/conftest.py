import numpy as np
import pytest

from wordgate.errors import DataError
from wordgate.vectors.formats import open_vectors


@pytest.fixture
def made(tmp_path):
    """Write bytes to a file, and open it as word vectors."""

    def make(content, name="v"):
        file = tmp_path / name
        file.write_bytes(content)
        return open_vectors(file)

    return make


@pytest.fixture
def refusal(tmp_path):
    """Give the sentence a file of these bytes ends in, without its path, in every way to read it.

    A file that is only found out while it is read says the same by `wanted` (where all its words
    are) and by `batches`.
    """

    def refuse(content, *, words=(), name="v"):
        file = tmp_path / name
        file.write_bytes(content)
        messages = set()
        for read in (lambda opened: opened.wanted(words), lambda opened: opened.batches()):
            with pytest.raises(DataError) as caught:
                list(read(open_vectors(file)))
            messages.add(str(caught.value))
        assert len(messages) == 1, messages
        (message,) = messages
        assert message.startswith(f"'{file}' ")
        return message.removeprefix(f"'{file}' ")

    return refuse


@pytest.fixture
def rows():
    """Give all rows of an open file: words, and vectors as lists."""

    def read(opened):
        batches = list(opened.batches())
        for block in batches:
            assert (block.vectors.dtype, block.vectors.shape) == (
                np.float32, (len(block.words), opened.dim),
            )  # fmt: skip
        words = [word for block in batches for word in block.words]
        return words, [vector for block in batches for vector in block.vectors.tolist()]

    return read


@pytest.fixture
def wanted():
    """Give the words found of those wanted, in order, with vectors as lists."""

    def read(opened, *words):
        found = [(word, vector.tolist()) for word, vector in opened.wanted(words)]
        assert len(dict(found)) == len(found)
        return found

    return read
