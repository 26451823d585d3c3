"""word2vec's binary format, byte by byte."""

import struct

import numpy as np
import pytest

from wordgate.vectors import word2vec_format


def row(word, *numbers):
    return word + b" " + struct.pack(f"<{len(numbers)}f", *numbers)


PLAIN = b"3 2\n" + row(b"the", 1, 2) + row(b"caf\xe9", 3, 4) + row(b"a_b", 5, 6)
ALL = ([b"the", b"caf\xe9", b"a_b"], [[1, 2], [3, 4], [5, 6]])


def test_rows_as_googlenews_and_gensim_write_them(made, rows, wanted):
    opened = made(PLAIN)
    assert (opened.format, opened.compressed) == ("word2vec", False)
    assert (opened.count, opened.dim, opened.rows()) == (3, 2, 3)
    assert rows(opened) == ALL
    assert wanted(opened, b"a_b", b"the", b"none") == [(b"the", [1, 2]), (b"a_b", [5, 6])]
    assert wanted(opened, b"a_b", b"the") == [(b"the", [1, 2]), (b"a_b", [5, 6])]
    assert opened.share_read == 1


def test_rows_as_the_c_program_writes_them(made, rows, wanted):
    content = b"3 2\n" + b"".join(
        row(word, *numbers) + b"\n" for word, numbers in zip(*ALL, strict=True)
    )
    assert rows(made(content)) == ALL
    assert wanted(made(content), b"caf\xe9") == [(b"caf\xe9", [3, 4])]


def test_line_breaks_before_a_word_are_dropped_as_gensim_does(made, rows):
    content = b"2 1\n" + row(b"\n\nthe", 1) + row(b"a\nb", 2) + b"\r\n"
    assert rows(made(content)) == ([b"the", b"a\nb"], [[1], [2]])


def test_the_first_of_a_word_counts(made, rows, wanted):
    content = b"4 1\n" + row(b"a", 1) + row(b"b", 2) + row(b"a", 3) + row(b"b", 4)
    assert wanted(made(content), b"b", b"a") == [(b"a", [1]), (b"b", [2])]
    assert rows(made(content)) == ([b"a", b"b", b"a", b"b"], [[1], [2], [3], [4]])


def test_vectors_can_be_modified(made):
    ((_, vector),) = made(PLAIN).wanted([b"the"])
    vector += 1
    assert vector.tolist() == [2, 3]


@pytest.mark.parametrize("room", [1, 7, 60, 1000])
def test_rows_are_cut_anywhere_by_the_buffer(made, rows, wanted, monkeypatch, room):
    monkeypatch.setattr(word2vec_format, "_ROOM", room)
    rng = np.random.default_rng(0)
    words = [b"w%d" % rng.integers(0, 150) for _ in range(300)]
    table = rng.standard_normal((300, 3)).astype(np.float32)
    # Spaces and line breaks within vectors are no ends of words.
    table[::3] = np.frombuffer(b"   \n \n  \n\n  ", "<f4")
    content = b"300 3\n" + b"".join(row(w, *v) for w, v in zip(words, table, strict=True))
    opened = made(content)
    assert rows(opened) == (words, table.tolist())
    firsts = {}
    for word, vector in zip(words, table.tolist(), strict=True):
        firsts.setdefault(word, vector)
    assert wanted(opened, *firsts) == list(firsts.items())
    assert wanted(opened, b"w7") == [(b"w7", firsts[b"w7"])]


def test_empty_words_and_long_ones(made, rows):
    words = [b"", b"x" * 10_000]
    assert rows(made(b"2 1\n" + row(words[0], 1) + row(words[1], 2))) == (words, [[1], [2]])


def test_a_word_too_long(refusal):
    content = b"2 1\n" + row(b"a", 1) + row(b"x" * 10_001, 2)
    assert refusal(content) == (
        "has no word of up to 10,000 bytes at row 2 (byte 10): the file is damaged, or its header"
        " has the wrong size"
    )
    content = b"2 1\n" + row(b"a", 1) + b"\xff" * 800_000
    assert refusal(content) == (
        "has no word of up to 10,000 bytes at row 2 (byte 10): the file is damaged, or its header"
        " has the wrong size"
    )


def test_a_header_that_claims_more_than_there_is(refusal):
    assert refusal(b"3000000 300\n" + row(b"a", 1, 2)) == (
        "declares 3,000,000 rows of 300 dimensions, at least 3,603,000,012 bytes, and has 22: it is"
        " truncated, or its header is damaged; download it again"
    )
    assert refusal(b"1 65537\n" + row(b"a", 1, 2)) == (
        "declares vectors of 65,537 dimensions, where 1 to 65,536 are possible: its header is"
        " damaged"
    )
    assert refusal(b"1 0\n" + row(b"a", 1, 2)) == (
        "declares vectors of 0 dimensions, where 1 to 65,536 are possible: its header is damaged"
    )
    assert refusal(b"0 2\n") == "declares 0 rows: there is no vector in it"
    for header in (b"-1 300", b"3.5 300", b"1e6 300", b"3,000 300", b"1000000000000000000000 3"):
        shown = header.decode()
        assert refusal(header + b"\n" + bytes(50)) in (
            f"begins with '{shown}', which is not a header of two whole numbers (rows and"
            " dimensions): the file is damaged",
            "is not in a known format of word vectors; supported formats are word2vec (binary or"
            " text),"
            " fastText's .vec, GloVe's text, and the safetensors files that 'wordgate vectors"
            " convert' writes",
        )


def test_more_rows_than_declared(refusal):
    for more in (5, 800_000, 3_000_000):
        assert refusal(PLAIN + b"\xff" * more) == (
            "declares 3 rows and goes on after them at byte 41: its header or a row is damaged"
        )
    assert refusal(b"2" + PLAIN[1:]) == (
        "declares 2 rows and goes on after them at byte 29: its header or a row is damaged"
    )
    assert refusal(PLAIN + b"\nx") == (
        "declares 3 rows and goes on after them at byte 41: its header or a row is damaged"
    )


@pytest.mark.parametrize("lost", [1, 5, 8, 9])
def test_a_file_cut_within_its_last_row(refusal, lost):
    assert refusal(PLAIN[:-lost]) == (
        f"ends at byte {len(PLAIN) - lost} within row 3 of 3: it is truncated; download it again"
    )


@pytest.mark.parametrize("value", ["nan", "inf", "-inf"])
def test_numbers_that_are_not_finite(made, refusal, value):
    content = b"2 2\n" + row(b"a", 1, 2) + row(b"b", 3, float(value))
    assert refusal(content, words=[b"b"]) == (
        f"contains {value} in the vector of row 2 (byte 14), where only finite numbers belong: the"
        " file is damaged or its training failed"
    )
    assert [word for word, _ in made(content).wanted([b"a"])] == [b"a"]
