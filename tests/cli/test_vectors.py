import gzip
import json

import numpy as np
import pytest

from wordgate.vectors.formats import open_vectors

TEXT = b"5 2\nthe 0.5 0.5\nNew York -1.5 2\ncaf\xe9 0 0\nthe 3 4\n\xc3\x89t\xc3\xa9 0 1\n"
TABLE = np.float32([[0.5, 0.5], [-1.5, 2], [0, 0], [3, 4], [0, 1]])


@pytest.fixture
def file(tmp_path):
    path = tmp_path / "my vectors.vec"
    path.write_bytes(TEXT)
    return path


def test_info_shows_the_contents_of_a_file(wordgate, file):
    ended = wordgate("vectors", "info", file)
    assert (ended.code, ended.err) == (0, f"Reading {file} ...\n")
    assert ended.out.splitlines() == [
        f"{file}: word2vec-text",
        "vectors: 5 rows, as declared, 2 dimensions",
        f"values: standard deviation {TABLE.std():.4f}, mean norm of a vector 1.841",
        "words: 40.0% with upper case, 1 repeated, 1 with spaces, 1 not UTF-8",
        "first words: the  New York  caf\\xe9  the  Été",
        f"Try: wordgate train DATA --vectors '{file}' --out model",
    ]


def test_in_a_terminal_a_stage_leaves_no_line(wordgate, file, tmp_path, monkeypatch):
    monkeypatch.setenv("FORCE_COLOR", "1")  # rich takes standard error for a terminal then
    for command in (("info", file), ("convert", file, tmp_path / "out.vec")):
        ended = wordgate("vectors", *command)
        assert ended.code == 0
        assert " ..." not in ended.err
        assert f"ing {file.name}" in ended.err  # on the bar


def test_info_of_gzipped_vectors_without_a_header(wordgate, tmp_path):
    file = tmp_path / "glove.gz"
    file.write_bytes(gzip.compress(b"a\x1b[1m 1 2\nb 3 4\n"))
    lines = wordgate("vectors", "info", file).out.splitlines()
    assert lines[:2] == [f"{file}: glove, gzipped", "vectors: 2 rows, 2 dimensions"]
    assert lines[4] == "first words: a\\x1b[1m  b"


def test_info_as_json(wordgate, file):
    ended = wordgate("vectors", "info", file, "--json")
    assert json.loads(ended.out) == {
        "file": str(file),
        "format": "word2vec-text",
        "compressed": False,
        "declared": 5,
        "rows": 5,
        "size": 2,
        "standard_deviation": pytest.approx(TABLE.std()),
        "mean_norm": pytest.approx(np.linalg.norm(TABLE, axis=1).mean()),
        "upper_case": 0.4,
        "duplicates": 1,
        "with_spaces": 1,
        "not_utf8": 1,
        "first_words": ["the", "New York", "caf\\xe9", "the", "Été"],
    }


def test_convert_there_and_back_keeps_every_byte(wordgate, file, tmp_path):
    ways = [
        ("a.safetensors", (), "safetensors"),
        ("b.txt.GZ", (), "word2vec-text"),
        ("c", ("--to", "glove"), "glove"),
        ("d.vec", (), "word2vec-text"),
    ]
    before = file
    for name, options, form in ways:
        after = tmp_path / name
        ended = wordgate("vectors", "convert", before, after, *options)
        stages = f"Counting the vectors in {before} ...\nConverting 5 vectors ...\n"
        assert (ended.code, ended.err) == (0, stages)
        assert ended.out == f"Wrote 5 vectors of 2 dimensions to {after} ({form}).\n"
        opened = open_vectors(after)
        assert (opened.format, opened.compressed) == (form, name.endswith("GZ"))
        before = after
    again = (
        b"5 2\nthe 0.5 0.5\nNew York -1.5 2.0\ncaf\xe9 0.0 0.0\nthe 3.0 4.0\n"
        b"\xc3\x89t\xc3\xa9 0.0 1.0\n"
    )
    assert before.read_bytes() == again


def test_convert_to_binary(wordgate, tmp_path):
    before, after = tmp_path / "glove.txt", tmp_path / "glove.bin"
    before.write_bytes(b"a 1 2\nb 3 4\n")
    assert wordgate("vectors", "convert", before, after).code == 0
    assert after.read_bytes() == (
        b"2 2\na " + np.float32([1, 2]).tobytes() + b"b " + np.float32([3, 4]).tobytes()
    )


def test_an_existing_file_is_replaced_only_on_request(wordgate, file, tmp_path):
    target = tmp_path / "out.vec"
    target.write_bytes(b"mine")
    ended = wordgate("vectors", "convert", file, target)
    assert (ended.code, ended.out) == (1, "")
    assert ended.err == (
        f"wordgate: '{target}' exists; choose another OUT, or replace it with --overwrite\n"
    )
    assert target.read_bytes() == b"mine"
    assert wordgate("vectors", "convert", file, target, "--overwrite").code == 0
    assert open_vectors(target).count == 5
    assert wordgate("vectors", "convert", file, file, "--overwrite").code == 0
    assert open_vectors(file).count == 5


def test_messages(wordgate, file, tmp_path):
    binary = tmp_path / "out.bin"
    assert wordgate("vectors", "convert", file, binary).err.endswith(
        f"\nwordgate: row 2 cannot be written to '{binary}': its word 'New York' contains a space,"
        " which ends a word in word2vec's binary format; write another format\n"
    )
    assert wordgate("vectors", "convert", file, tmp_path / "out").err == (
        f"wordgate: the file extension of '{tmp_path / 'out'}' is not that of a word vector format;"
        " available: .bin, .vec, .txt, .safetensors\n"
    )
    assert wordgate("vectors", "convert", file, binary, "--to", "hdf5").code == 2
    assert wordgate("vectors", "info", tmp_path / "my vectors.vek").err == (
        f"wordgate: no file '{tmp_path / 'my vectors.vek'}'; did you mean 'my vectors.vec'?\n"
    )
    file.write_bytes(TEXT[:-20])
    ended = wordgate("vectors", "info", file)
    assert (ended.code, ended.out) == (1, "")
    assert ended.err == (
        f"Reading {file} ...\n"
        f"wordgate: '{file}' has 1 of 2 numbers in row 3 (byte 32): the file is damaged or cut"
        " off\n"
    )
    assert not binary.exists()
