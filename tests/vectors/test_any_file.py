"""Any bytes: vectors, or one sentence with the file's name."""

import gzip

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from wordgate.errors import DataError
from wordgate.vectors.formats import FORMATS, open_vectors
from wordgate.vectors.vector_file import VectorBatch
from wordgate.vectors.writing import write_vectors

WORDS = [b"the", b"of", b"caf\xe9", b"New_York", b"the", b"w" * 30]


@pytest.fixture(scope="module")
def whole_files(tmp_path_factory):
    """One whole file of each format, plain and gzipped."""
    folder = tmp_path_factory.mktemp("whole")
    table = np.random.default_rng(0).standard_normal((6, 3)).astype(np.float32)
    files = []
    for form in FORMATS:
        file = folder / form
        write_vectors(file, [VectorBatch(WORDS, table)], format=form, count=6, dim=3)
        files.append(file.read_bytes())
    return [*files, *(gzip.compress(content, mtime=0) for content in files[:3])]


@settings(
    deadline=None, max_examples=150, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(data=st.data())
def test_changed_and_cut_files_end_in_vectors_or_a_sentence(whole_files, tmp_path, data):
    content = bytearray(data.draw(st.sampled_from(whole_files)))
    for _ in range(data.draw(st.integers(0, 4))):
        place = data.draw(st.integers(0, len(content)))
        gone = data.draw(st.integers(0, 3))
        content[place : place + gone] = data.draw(
            st.one_of(st.binary(max_size=4), st.sampled_from([b"\n", b" ", b"9", b"nan", b"1 2"]))
        )
    del content[data.draw(st.integers(0, len(content))) :]
    file = tmp_path / "v"
    file.write_bytes(content)
    for read in (lambda opened: opened.wanted(WORDS), lambda opened: opened.batches()):
        message = outcome(file, read)
        assert message is None or (str(file) in message and "\n" not in message)


def outcome(file, read):
    """Read a file and check the vectors; give the sentence it ends in, if it does."""
    try:
        opened = open_vectors(file)
        items = list(read(opened))
    except DataError as error:
        return str(error)
    for item in items:
        vectors = item.vectors if isinstance(item, VectorBatch) else item[1]
        assert vectors.shape[-1] == opened.dim
        assert np.isfinite(vectors).all()
    return None
