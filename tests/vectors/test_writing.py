"""Written vectors are read again to the byte, in gensim's layout."""

import gzip
from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from wordgate.errors import DataError, SettingsError
from wordgate.vectors.formats import FORMATS, open_vectors
from wordgate.vectors.vector_file import VectorBatch
from wordgate.vectors.writing import write_vectors

FIXTURES = Path(__file__).parent / "fixtures"
WORDS = [b"</s>", b"the", b"New_York", "café".encode(), b"##"]
TABLE = np.load(FIXTURES / "expected.npy")
BLOCKS = [VectorBatch(WORDS[:2], TABLE[:2]), VectorBatch(WORDS[2:], TABLE[2:])]
FILES = [(form, end) for form in FORMATS for end in ("", ".gz") if form + end != "safetensors.gz"]


def write(file, form, batches=BLOCKS, count=5, dim=5):
    write_vectors(file, batches, format=form, count=count, dim=dim)
    return file


def whole(file):
    batches = list(open_vectors(file).batches())
    return [w for block in batches for w in block.words], np.concatenate(
        [block.vectors for block in batches]
    )


def test_the_layout_is_gensims(tmp_path):
    for form, name in (("word2vec", "gensim.bin"), ("word2vec-text", "gensim.txt")):
        expected = (FIXTURES / name).read_bytes()
        assert write(tmp_path / name, form).read_bytes() == expected
        assert gzip.decompress(write(tmp_path / f"{name}.gz", form).read_bytes()) == expected
    without_header = (FIXTURES / "gensim.txt").read_bytes().partition(b"\n")[2]
    assert write(tmp_path / "glove", "glove").read_bytes() == without_header


def test_a_number_whose_bytes_spell_one_and_a_lines_end_is_read_as_binary(tmp_path):
    spelled = np.frombuffer(b"0\nH[" * 2, np.float32)
    write(tmp_path / "v", "word2vec", [VectorBatch([b"w"] * 9, np.tile(spelled, (9, 1)))], 9, 2)
    opened = open_vectors(tmp_path / "v")
    assert (opened.format, opened.dim) == ("word2vec", 2)


@pytest.mark.parametrize(("form", "end"), FILES)
@settings(
    deadline=None, max_examples=30, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(data=st.data())
def test_words_and_numbers_come_back_as_they_were(tmp_path, form, end, data):
    # A first row that tells the size of text without a header beyond doubt, twice.
    words = data.draw(st.lists(st.binary(max_size=12), max_size=8)) + [b"w", b"w", b"w"] * 8
    size = data.draw(st.integers(2, 6))
    finite = st.floats(width=32, allow_nan=False, allow_infinity=False)
    table = data.draw(arrays(np.float32, (len(words), size), elements=finite))
    if form == "word2vec":
        words = [word.lstrip(b"\n").replace(b" ", b"_") for word in words]
    elif form != "safetensors":
        words = [word.replace(b"\n", b"_").replace(b" ", b"_") for word in words]
        words = [b"w", *words]
        table = np.concatenate([table[-1:], table])
    file = tmp_path / f"v{end}"
    write(file, form, [VectorBatch(words, table)], len(words), size)
    opened = open_vectors(file)
    assert (opened.format, opened.compressed) == (form, bool(end))
    found, vectors = whole(file)
    assert found == words
    np.testing.assert_array_equal(vectors, table)


def test_words_with_spaces_go_where_they_can(tmp_path):
    words = [b"the", b". . .", b"New York", b"windows 95", b"and"]
    for form in ("word2vec-text", "glove", "safetensors"):
        assert whole(write(tmp_path / "v", form, [VectorBatch(words, TABLE)]))[0] == words


@pytest.mark.parametrize(
    ("form", "word", "why"),
    [
        (
            "word2vec",
            b". .",
            "its word '. .' contains a space, which ends a word in word2vec's binary format",
        ),
        (
            "word2vec",
            b"\na",
            "its word '\\na' begins with a line break, which readers drop",
        ),
        ("glove", b"a\nb", "its word 'a\\nb' contains a line break, which ends a row in text"),
        (
            "word2vec-text",
            b"\xff 0.125",
            "its word '\\\\xff 0.125' ends in what would be read as one of the numbers",
        ),
        (
            "safetensors",
            b"x" * 10_001,
            "its word has 10,001 bytes, where 10,000 are possible",
        ),
    ],
)
def test_words_that_would_not_come_back_are_refused(tmp_path, form, word, why):
    file = tmp_path / "v"
    file.write_bytes(b"before")
    with pytest.raises(DataError) as caught:
        write(file, form, [*BLOCKS, VectorBatch([word], TABLE[:1])], 6)
    assert str(caught.value) == (
        f"row 6 cannot be written to '{file}': {why}; write another format"
    )
    assert [path.name for path in tmp_path.iterdir()] == ["v"]
    assert file.read_bytes() == b"before"


def message(kind, *arguments, **options):
    with pytest.raises(kind) as caught:
        write(*arguments, **options)
    return str(caught.value)


def test_calls_that_can_not_be_right(tmp_path):
    file = tmp_path / "v"
    assert message(SettingsError, file, "word2vek") == (
        "no format 'word2vek' of word vectors; did you mean 'word2vec'?"
    )
    assert message(SettingsError, tmp_path / "v.GZ", "safetensors") == (
        f"'{tmp_path / 'v.GZ'}' cannot be gzipped safetensors: remove '.gz' from its name"
    )
    assert message(DataError, file, "glove", count=0) == (
        f"0 rows of 5 dimensions cannot be written to '{file}': at least 1 row of 1 to "
        "65,536 dimensions is needed"
    )
    assert message(DataError, file, "glove", count=6) == (
        f"5 rows came for '{file}', where 6 were announced"
    )
    assert message(DataError, file, "safetensors", count=4) == (
        f"more rows came for '{file}' than the 4 announced"
    )
    assert message(DataError, file, "glove", dim=4) == (
        f"vectors of shape [2, 5] came for '{file}' after row 0, where [2, 4] belongs"
    )
    assert message(DataError, tmp_path / "no" / "v", "glove") == (
        f"there is no folder '{tmp_path / 'no'}' to write 'v' into"
    )
    broken = TABLE.copy()
    broken[3, 1] = np.nan
    assert message(DataError, file, "glove", [VectorBatch(WORDS, broken)]) == (
        f"row 4 cannot be written to '{file}': its vector is not finite"
    )
    assert list(tmp_path.iterdir()) == []


def test_a_false_header_allocates_no_memory(tmp_path):
    lying = tmp_path / "lying.gz"
    lying.write_bytes(gzip.compress(b"900000000000000000 2\na 1 2\nb 3 4\n"))
    opened = open_vectors(lying)
    file = tmp_path / "v.safetensors"
    with pytest.raises(DataError) as caught:
        write(file, "safetensors", opened.batches(), opened.rows(), 2)
    assert str(caught.value) == (
        f"'{lying}' ends at byte 33 within row 3 of 900,000,000,000,000,000: it is truncated;"
        " download it again"
    )
    assert [path.name for path in tmp_path.iterdir()] == ["lying.gz"]
