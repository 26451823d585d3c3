"""Our own safetensors files."""

import json
import struct

import numpy as np
import pytest
from safetensors.numpy import load_file, save

from wordgate.vectors import safetensors_format as table_module
from wordgate.vectors.vector_file import VectorBatch
from wordgate.vectors.writing import write_vectors

META = {"format": "wordgate-vectors", "version": "1"}
WORDS = [b"the", b"caf\xe9", b"", b"a b\n", b"the"]
TABLE = np.arange(10, dtype=np.float32).reshape(5, 2)


def tensors(**changes):
    ends = np.cumsum([len(word) for word in WORDS])
    letters = np.frombuffer(b"".join(WORDS), np.uint8)
    return {"vectors": TABLE, "words": letters, "word_ends": ends, **changes}


def packed(metadata=META, **changes):
    kept = {name: value for name, value in tensors(**changes).items() if value is not None}
    return save(kept, metadata)


@pytest.mark.parametrize("at_once", [1, 2, 2**14])
def test_tables_are_read(made, rows, wanted, monkeypatch, at_once):
    monkeypatch.setattr(table_module, "_NUMBERS_AT_ONCE", 2 * at_once)
    opened = made(packed())
    assert (opened.format, opened.compressed) == ("safetensors", False)
    assert (opened.count, opened.dim, opened.rows()) == (5, 2, 5)
    assert rows(opened) == (WORDS, TABLE.tolist())
    assert opened.share_read == 1
    assert wanted(opened, b"a b\n", b"the", b"x") == [(b"the", [0, 1]), (b"a b\n", [6, 7])]


def test_float16_is_read_as_float32(made, rows):
    assert rows(made(packed(vectors=TABLE.astype(np.float16)))) == (WORDS, TABLE.tolist())


def test_words_that_are_all_empty(made, rows):
    content = packed(words=np.zeros(0, np.uint8), word_ends=np.zeros(5, np.int64))
    assert rows(made(content)) == ([b""] * 5, TABLE.tolist())


def test_the_library_reads_the_written_file(tmp_path):
    file = tmp_path / "v.safetensors"
    batches = [VectorBatch(WORDS[:2], TABLE[:2]), VectorBatch(WORDS[2:], TABLE[2:])]
    write_vectors(file, batches, format="safetensors", count=5, dim=2)
    found = load_file(file)
    assert set(found) == {"vectors", "words", "word_ends"}
    for name, value in tensors().items():
        assert found[name].dtype == value.dtype
        np.testing.assert_array_equal(found[name], value)


def test_other_safetensors_files(refusal):
    content = save({"embeddings": TABLE, "b": TABLE, "c": TABLE, "d": TABLE}, {"format": "pt"})
    assert refusal(content) == (
        "is a safetensors file without word vectors (it contains 'b', 'c', 'd'); give one that"
        " 'wordgate vectors convert' wrote, or another format of word vectors"
    )
    assert refusal(packed({**META, "version": "2"})) == (
        "has version '2' of the format wordgate-vectors, where 1 is known: update wordgate"
    )


def test_tensors_that_are_not_as_they_should_be(refusal):
    for name in ("vectors", "words", "word_ends"):
        assert refusal(packed(**{name: None})) == (
            f"lacks the tensor '{name}': the file is damaged"
        )
    assert refusal(packed(vectors=TABLE.astype(np.float64))) == (
        "has a tensor 'vectors' of type F64 and shape [5, 2], where F32 or F16 of 2 dimensions"
        " belongs: the file is damaged"
    )
    assert refusal(packed(words=np.zeros((3, 3), np.uint8))) == (
        "has a tensor 'words' of type U8 and shape [3, 3], where U8 of 1 dimension belongs: the"
        " file is damaged"
    )
    assert refusal(packed(vectors=TABLE[:4])) == "has 4 vectors and 5 words: it is damaged"
    assert refusal(packed(vectors=TABLE[:0])) == "declares 0 rows: there is no vector in it"
    assert refusal(packed(vectors=np.zeros((5, 70_000), np.float16))).startswith(
        "declares vectors of 70,000 dimensions, where 1 to 65,536 are possible"
    )


@pytest.mark.parametrize(
    ("ends", "message"),
    [
        ([3, 2, 7, 11, 14], "at row 2 (bytes 3 to 2 of 14)"),
        ([-1, 7, 7, 11, 14], "at row 1 (bytes 0 to -1 of 14)"),
        ([3, 7, 7, 11, 15], "at row 5 (bytes 11 to 15 of 14)"),
        ([3, 7, 7, 11, 2**62], "at row 5 (bytes 11 to 4,611,686,018,427,387,904 of 14)"),
    ],
)
def test_words_that_end_where_they_can_not(refusal, ends, message):
    assert refusal(packed(word_ends=np.array(ends))) == (
        f"has no word of up to 10,000 bytes {message}: the file is damaged"
    )


def test_letters_left_over(refusal):
    assert refusal(packed(word_ends=np.array([3, 7, 7, 11, 13]))) == (
        "has 14 bytes of words, and its last word ends at 13: the file is damaged"
    )


def test_values_that_are_not_finite(made, refusal):
    values = TABLE.copy()
    values[1, 0] = np.inf
    for kind in (np.float32, np.float16):
        content = packed(vectors=values.astype(kind))
        place = content.index(values.astype(kind)[1].tobytes())
        assert refusal(content, words=WORDS) == (
            f"contains inf in the vector of row 2 (byte {place}), where only finite numbers belong:"
            " the file is damaged or its training failed"
        )
    assert len(list(made(packed(vectors=values)).wanted([b"a b\n"]))) == 1


def test_false_headers_are_refused(refusal):
    content = packed()
    (length,) = struct.unpack("<Q", content[:8])
    assert refusal(struct.pack("<Q", 2**40) + content[8:]) == (
        f"declares a header of {2**40:,} bytes, where up to {len(content) - 8:,} are possible: it"
        " is damaged, or not a file of word vectors"
    )
    header = json.loads(content[8 : 8 + length])
    header["vectors"]["shape"] = [2**40, 2]
    lie = json.dumps(header).encode()
    assert refusal(struct.pack("<Q", len(lie)) + lie + content[8 + length :]).startswith(
        "is a damaged safetensors file ("
    )
    assert refusal(content[:-1]).startswith("is a damaged safetensors file (")
