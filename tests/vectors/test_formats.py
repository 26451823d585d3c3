"""Recognized formats, and other files given in place of word vectors."""

import bz2
import io
import lzma
import os
import pickle
import tarfile
import zipfile
from pathlib import Path

import numpy as np
import pytest

from wordgate.errors import DataError
from wordgate.vectors.formats import open_vectors

FIXTURES = Path(__file__).parent / "fixtures"
GENSIM = [b"</s>", b"the", b"New_York", "café".encode(), b"##"]
TABLE = np.load(FIXTURES / "expected.npy")
SAVE = (
    "in Python with gensim, v = KeyedVectors.load(path); getattr(v, 'wv', v)"
    ".save_word2vec_format('vectors.bin', binary=True) saves it as word2vec, which can be read"
)
PICKLE = f"is a pickle, which could run code; if it is gensim's own format: {SAVE}"
UNKNOWN = (
    "is not in a known format of word vectors; supported formats are word2vec (binary or text),"
    " fastText's"
    " .vec, GloVe's text, and the safetensors files that 'wordgate vectors convert' writes"
)
BOTH = (b"a 1 2\nb 3 4\n", 2)


@pytest.mark.parametrize(
    ("name", "form"), [("gensim.bin", "word2vec"), ("gensim.txt", "word2vec-text")]
)
def test_files_of_gensim_are_read(made, rows, name, form):
    opened = made((FIXTURES / name).read_bytes(), "other.name")
    assert (opened.format, opened.count, opened.dim) == (form, 5, 5)
    assert rows(opened) == (GENSIM, TABLE.tolist())


def test_gensims_own_format_is_a_pickle(refusal):
    assert refusal((FIXTURES / "gensim.kv").read_bytes()) == PICKLE
    for protocol in range(6):
        for content in ({"a": 1}, [1], np.float32(1)):
            assert refusal(pickle.dumps(content, protocol)) == PICKLE
    buffer = io.BytesIO()
    np.save(buffer, TABLE)
    assert refusal(buffer.getvalue()) == (
        f"is a numpy array, as gensim's own format stores with a pickle: {SAVE}"
    )


def zipped():
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        archive.writestr("glove.txt", BOTH[0])
    return buffer.getvalue()


def tarred():
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w") as archive:
        archive.addfile(tarfile.TarInfo("x"))
    return buffer.getvalue()


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", "is empty: download it again"),
        (
            b"\xba\x16\x4f\x2f\x0c\0\0\0" + bytes(90),
            "is a model in fastText's own binary format: give the .vec file instead",
        ),
        (zipped(), "is a zip archive: unpack it, and give the file of vectors in it"),
        (tarred(), "is a tar archive: unpack it, and give the file of vectors in it"),
        (b"\x89HDF\r\n\x1a\n", "is an HDF5 file: save the vectors as word2vec or text"),
        (b"PAR1....", "is a Parquet file: save the vectors as word2vec or text"),
        (bz2.compress(BOTH[0]), "is compressed with bzip2: unpack it, or use gzip"),
        (lzma.compress(BOTH[0]), "is compressed with xz: unpack it, or use gzip"),
        (b"\x28\xb5\x2f\xfd...", "is compressed with zstd: unpack it, or use gzip"),
        (
            b"version https://git-lfs.github.com/spec/v1\noid sha256:0\nsize 3\n",
            "is a Git LFS pointer: fetch the file itself with 'git lfs pull'",
        ),
        (
            b"\n<!DOCTYPE html>\n<html>",
            "is a web page: the download failed; download it again",
        ),
        (b"id,text,label\n1,a b,c\n", UNKNOWN),
        (b"a line of words\nand one more\n", UNKNOWN),
        (b"\0" * 100, UNKNOWN),
        (b"\n\n\n", UNKNOWN),
        (b"x" * (2**20 + 5), UNKNOWN),
        (b"1 " * 2**20, UNKNOWN),
    ],
    ids=[
        "nothing", "fastText", "zip", "tar", "HDF5", "Parquet", "bzip2", "xz", "zstd", "Git LFS",
        "page", "CSV", "words", "zeros", "empty lines", "one long word", "one long line",
    ],  # an archive holds the time, and with it as its name a test would be another each second
)  # fmt: skip
def test_files_that_are_no_word_vectors_are_named(refusal, content, message):
    assert refusal(content) == message


def test_gzip_files_are_recognized_by_their_content(refusal):
    import gzip

    from safetensors.numpy import save

    assert refusal(gzip.compress(pickle.dumps({}))) == PICKLE
    assert refusal(gzip.compress(b"")) == "is empty: download it again"
    assert refusal(gzip.compress(gzip.compress(b"a 1"))) == "is gzipped twice: unpack it once"
    assert refusal(gzip.compress(save({"a": TABLE}))) == (
        "is a gzipped safetensors file: unpack it first"
    )


def test_binary_is_distinguished_from_text_by_content(made):
    for content, form in [
        (b"1 1\na \xcd\xcc\xcc\x3d", "word2vec"),
        (b"1 1\na 0.1", "word2vec-text"),
        (b"1 2\na nan inf\n", "word2vec-text"),
        (b"2 1\na b 0.1\nb 1\n", "word2vec-text"),
        (b"2  1 \r\na 0.1\nb 1\n", "word2vec-text"),
        (b"2\t1\na 0.1\nb 1\n", "word2vec-text"),
        (b"1 2\na abcdefgh", "word2vec"),
    ]:
        assert made(content).format == form


def test_the_dimension_is_that_of_most_of_the_first_lines(made):
    assert made(b"1 2 0.5 0.5\n" + b"the 0.5 0.5\n" * 3).dim == 2
    assert made(b". 0.5 0.5\n. 1 0.5 0.5\nat 1 2 0.5 0.5\nx 0.5 0.5\n").dim == 2
    assert made(b"12 0.5 0.5\n13 0.5 0.5").dim == 2


def refused(path):
    with pytest.raises(DataError) as caught:
        open_vectors(path)
    return str(caught.value)


def test_paths_that_are_no_files_are_refused(tmp_path):
    (tmp_path / "glove.txt").write_bytes(BOTH[0])
    near, folder = tmp_path / "glove.tx", tmp_path / "no" / "glove.txt"
    assert refused(near) == f"no file '{near}'; did you mean 'glove.txt'?"
    assert refused(folder) == f"no file '{folder}': there is no folder '{folder.parent}'"
    assert refused(tmp_path) == (f"'{tmp_path}' is a folder; give the file of word vectors in it")
    assert open_vectors(str(tmp_path / "glove.txt")).dim == 2


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="the system has no pipes with names")
def test_a_pipe(tmp_path):
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    assert refused(pipe) == f"'{pipe}' is not a regular file, and must be read more than once"
