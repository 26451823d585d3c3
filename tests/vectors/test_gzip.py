"""Gzipped files: several members, cut, damaged, followed by something else."""

import gzip
import re

import numpy as np
import pytest

from wordgate.tables import source
from wordgate.vectors.vector_file import VectorBatch
from wordgate.vectors.writing import write_vectors

TEXT = b"".join(b"w%d %d 0.25\n" % (i, i) for i in range(5000))
ALL = ([b"w%d" % i for i in range(5000)], [[i, 0.25] for i in range(5000)])


def packed(content):
    return gzip.compress(content, mtime=0)


def test_gzip_is_known_by_its_content(made, rows, wanted):
    opened = made(packed(TEXT), "v.txt")
    assert (opened.format, opened.compressed, opened.dim) == ("glove", True, 2)
    assert opened.rows() == 5000
    assert rows(opened) == ALL
    assert opened.share_read == 1
    assert wanted(opened, b"w4999", b"w3") == [(b"w3", [3, 0.25]), (b"w4999", [4999, 0.25])]


def test_members_and_zeros_that_fill_up(made, rows):
    content = packed(TEXT[:777]) + packed(b"") + bytes(3) + packed(TEXT[777:]) + bytes(40_000)
    assert rows(made(content)) == ALL
    tiny = b"".join(packed(TEXT[i : i + 1]) for i in range(len(TEXT)))
    assert rows(made(tiny)) == ALL


def test_binary_vectors_in_gzip(made, rows, tmp_path):
    table = np.random.default_rng(0).standard_normal((3000, 50)).astype(np.float32)
    words = [b"w%d" % number for number in range(3000)]
    write_vectors(
        tmp_path / "v.bin.gz", [VectorBatch(words, table)], format="word2vec", count=3000, dim=50
    )
    opened = made((tmp_path / "v.bin.gz").read_bytes())
    assert (opened.format, opened.compressed) == ("word2vec", True)
    assert rows(opened) == (words, table.tolist())


def test_gzip_that_stops(refusal):
    content = packed(TEXT)
    assert refusal(content[:-1]) == (
        f"ends within its gzip data (after {len(TEXT):,} bytes unpacked): it is truncated;"
        " download it again"
    )
    assert refusal(content[: len(content) // 2]).startswith("ends within its gzip data (after ")
    assert refusal(content[:5]) == (
        "ends within its gzip data (after 0 bytes unpacked): it is truncated; download it again"
    )


def test_gzip_that_is_damaged(refusal):
    content = bytearray(packed(TEXT))
    content[-6] ^= 1
    assert re.fullmatch(
        r"is a damaged gzip file \(CRC check failed 0x[0-9a-f]+ != 0x[0-9a-f]+, after"
        r" [1-9][\d,]+ bytes unpacked\): download it again",
        refusal(content),
    )


def test_gzip_with_something_behind(refusal):
    for rest in (b"x", b"xyz", bytes(9) + b"\x1f\x8c"):
        assert refusal(packed(TEXT) + rest) == (
            f"has other data after its gzip data (after {len(TEXT):,} bytes unpacked): download it"
            " again"
        )


def test_a_false_header_within_gzip(refusal):
    assert refusal(packed(b"3000000 300\na " + bytes(1200))) == (
        "ends at byte 1,214 within row 2 of 3,000,000: it is truncated; download it again"
    )


@pytest.mark.parametrize("content", [b"a 1 1\n" * 9 + b"x" * 10**8, b"9 9\n" + b"\xff" * 10**8])
def test_a_file_that_unpacks_to_much_is_refused_early(refusal, content):
    import tracemalloc

    small = packed(content)
    del content
    tracemalloc.start()
    refusal(small)
    assert tracemalloc.get_traced_memory()[1] < 20_000_000
    tracemalloc.stop()


def test_a_file_that_unpacks_to_far_more_than_it_takes_is_refused(refusal, monkeypatch):
    monkeypatch.setattr(source, "UNPACKED_AT_LEAST", 2**20)
    content = b"300000 1\n" + b"aa 1\n" * 300_000
    assert "unpacks to more than 1,048,576 bytes from " in refusal(packed(content))
