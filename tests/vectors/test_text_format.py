"""Text formats: word2vec's, fastText's and GloVe's."""

import numpy as np
import pytest

from wordgate.vectors import text_format

HEADED = b"3 2\nthe 1 2\ncaf\xe9 -0.5 1e-3\n, 5 +6.25\n"
ALL = ([b"the", b"caf\xe9", b","], [[1, 2], [-0.5, float(np.float32(1e-3))], [5, 6.25]])


@pytest.mark.parametrize(
    "change",
    [
        lambda content: content,
        lambda content: content[:-1],
        lambda content: content.replace(b"\n", b"\r\n"),
        lambda content: content.replace(b"\n", b"\r\n")[:-2],
        lambda content: content + b"\n\r\n  \n",
        lambda content: content.replace(b"\n", b" \n"),  # as fastText writes
        lambda content: content.replace(b"\n", b"  \r\n"),
    ],
)
@pytest.mark.parametrize("header", [True, False])
def test_rows_with_all_kinds_of_line_ends(made, rows, wanted, change, header):
    content = change(HEADED if header else HEADED.partition(b"\n")[2])
    opened = made(content)
    assert (opened.format, opened.count) == (("word2vec-text", 3) if header else ("glove", None))
    assert (opened.dim, opened.compressed, opened.rows()) == (2, False, 3)
    assert rows(opened) == ALL
    assert wanted(opened, b",", b"the", b"x") == [(b"the", [1, 2]), (b",", [5, 6.25])]
    assert opened.share_read == 1


def test_words_may_contain_spaces_that_are_not_ascii(made, rows, wanted):
    words = [b". . .", b"at name@domain.com", "2\u00a01/2".encode(), b"\x85", b"windows 95",
             b"version 3.5", b" ", b"", b"a\tb", b"a  b"]  # fmt: skip
    content = b"".join(b"%b 0.123 0.456\n" % word for word in words)
    numbers = np.float32([0.123, 0.456]).tolist()
    opened = made(b"the 0.1 0.2\nof 0.3 0.4\n" * 10 + content)
    assert opened.dim == 2
    assert rows(opened)[0][20:] == words
    assert wanted(opened, *words) == [(word, numbers) for word in words]
    assert rows(made(b"10 2\n" + content)) == (words, [numbers] * 10)


def test_the_first_of_a_word_counts(made, wanted):
    content = b"a 1 1\nb 2 2\na 3 3\nb 4 4\n"
    assert wanted(made(content), b"b", b"a") == [(b"a", [1, 1]), (b"b", [2, 2])]


@pytest.mark.parametrize("room", [1, 10, 37])
def test_lines_are_cut_anywhere_by_the_buffer(made, rows, wanted, monkeypatch, room):
    monkeypatch.setattr(text_format, "_ROOM", room)
    words = [b"w%d" % number for number in range(99)]
    content = b"".join(b"%b %d 0.5 \n" % (word, i) for i, word in enumerate(words))
    for changed in (content + b"\n\n", b"99 2\n" + content[:-1]):
        opened = made(changed)
        assert rows(opened) == (words, [[i, 0.5] for i in range(99)])
        assert wanted(opened, b"w98", b"w3") == [(b"w3", [3, 0.5]), (b"w98", [98, 0.5])]
        assert opened.rows() == 99


def test_numbers_are_read_exactly(made, rows):
    table = np.frombuffer(np.random.default_rng(0).bytes(4 * 5000), np.float32)
    table = table[np.isfinite(table)]
    content = b"".join(b"w %s 0\n" % str(value).encode() for value in table)
    assert [first for first, _ in rows(made(content))[1]] == table.tolist()


@pytest.mark.parametrize(
    ("field", "shown"),
    [
        (b"nan", "nan"), (b"inf", "inf"), (b"-Infinity", "-Infinity"), (b"1_0", "1_0"),
        (b"0x1p3", "0x1p3"), (b"1.2.3", "1.2.3"), (b"e5", "e5"), (b"--1", "--1"), (b"", ""),
        (b"1,5", "1,5"), (b"\xd9\xa1", "\u0661"), (b"\x1b[1m", "\\x1b[1m"),
    ],
)  # fmt: skip
def test_values_that_are_no_numbers_are_refused(made, refusal, field, shown):
    content = b"3 2\na 1 2\nb 3 4\nc %b 6\n" % field
    assert refusal(content, words=[b"c"]) == (
        f"has '{shown}' among the numbers of row 3 (byte 16), where only finite numbers belong,"
        " each after one space"
    )
    assert [word for word, _ in made(content).wanted([b"b"])] == [b"b"]


def test_numbers_too_large_for_float32(refusal):
    for number in (b"1e39", b"9" * 400, b"-1e999"):
        sign = "-" if number.startswith(b"-") else ""
        assert refusal(b"2 2\na 1 2\nb 3 %b\n" % number, words=[b"b"]) == (
            f"contains {sign}inf in the vector of row 2 (byte 10), where only finite numbers"
            " belong: the file is damaged or its training failed"
        )


def test_rows_of_another_width(refusal):
    few = "has 2 of 3 numbers in row 3 (byte 23): the file is damaged or cut off"
    for extra in (b"", b" ", b"\r"):
        assert refusal(b"3 3\na .1 .2 .3\nb 1 2 3\nc 4 5%b\n" % extra) == few
    assert refusal(b"a .1 .2 .3\nb 1 2 3\nc 4 5\nd 4 5 6\n") == (
        "has 2 of 3 numbers in row 3 (byte 19): the file is damaged or cut off"
    )
    many = "has more than 3 numbers in row 3 (byte {}), where 3 belong: the file is damaged"
    for number in (b"0.123", b"-.4567", b"1e-05", b"1.5e+3"):
        content = b"a 1 2 3\nb 1 2 3\nc %b 4 5 6\n" % number
        assert refusal(content) == many.format(16)
        assert refusal(b"3 3\n" + content) == many.format(20)


def test_rows_and_header_that_differ(refusal):
    assert refusal(b"4" + HEADED[1:] + b"\n" * 9) == (
        "ends at byte 46 within row 4 of 4: it is truncated; download it again"
    )
    assert refusal(b"2" + HEADED[1:]) == (
        "declares 2 rows and goes on after them at byte 27: its header or a row is damaged"
    )
    assert refusal(b"3000000 300\nthe 0.1 0.2\n") == (
        "declares 3,000,000 rows of 300 dimensions, at least 1,803,000,011 bytes, and has 24: it is"
        " truncated, or its header is damaged; download it again"
    )


def test_empty_lines_within(refusal, monkeypatch):
    empty = "has an empty line after row 2 (byte 12), and more rows below: the file is damaged"
    for room in (2**20, 5):
        monkeypatch.setattr(text_format, "_ROOM", room)
        assert refusal(b"a 1 1\nb 2 2\n\nc 3 3\n") == empty
        assert refusal(b"a 1 1\nb 2 2\n \n\n\n\n\n\nc 3 3\n") == empty


def test_a_word_or_a_line_too_long(refusal):
    assert refusal(b"a 1 1\n" * 9 + b"x" * 10_001 + b" 1 2\n") == (
        "has no word of up to 10,000 bytes at row 10 (byte 54): the file is damaged"
    )
    assert refusal(b"a 1 1\n" * 9 + b"x" * 2**21) == (
        "has a line of more than 10,128 bytes (at byte 54), too long for a word and 2 numbers: the"
        " file is damaged"
    )


def test_tabs(refusal):
    for header in (b"", b"2 2\n"):
        for content in (b"a\t1\t2\nb\t3\t4\n", b"a\t1 2\nb\t3 4\n", b"a b\t1\t2\nc\t3\t4\n"):
            assert (
                " has tabs between its numbers, where single spaces belong: tr '\\t' ' ' < '"
                in (" " + refusal(header + content))
            )
