"""Values in messages: one printable line, whatever they are."""

import pytest

from wordgate.runtime.display import (
    brief,
    counted,
    display_width,
    encodable,
    escaped,
    in_list,
    padded,
    shown,
    unequal,
)


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        ("a\n b\t\tc", "a b c"),
        ("\x1b[2J", r"\x1b[2J"),
        ("👩\u200d👧 ❤\ufe0f", "👩\u200d👧 ❤\ufe0f"),
        ("x" * 11, "xxxxxxx..."),
        ("x" * 10, "x" * 10),
        (" " * 50 + "x", "..."),
    ],
)
def test_a_text_is_one_printable_line(value, expected):
    assert shown(value, 10) == expected


def test_a_value_is_written_as_python_does():
    assert brief("it's\n") == '"it\'s\\n"'
    assert len(brief(list(range(1000)))) == 60


def test_one_thing_is_singular():
    assert [counted(n, "row") for n in (0, 1, 2000)] == ["0 rows", "1 row", "2,000 rows"]
    assert [counted(n, "row is", "rows are") for n in (1, 2)] == ["1 row is", "2 rows are"]
    assert unequal(1, 2, "label") == "there is 1 text but 2 labels"
    assert unequal(2000, 1, "label") == "there are 2,000 texts but 1 label"


def test_representable_characters_stay():
    assert escaped("a\tb\x07", keep="\t") == "a\tb\\x07"


@pytest.mark.parametrize(
    ("text", "encoding", "written"),
    [
        ("é 好 😀", "utf-8", "é 好 😀"),
        ("é 好 😀", "cp1252", r"é \u597d \U0001f600"),
        ("é 好", "ascii", r"\xe9 \u597d"),
        ("a \udcff b", "utf-8", r"a \udcff b"),
    ],
)
def test_characters_that_an_encoding_lacks_are_escaped(text, encoding, written):
    assert encodable(text, encoding) == written


@pytest.mark.parametrize(
    ("text", "columns"),
    [
        ("good", 4),
        ("é", 1),
        ("e\u0301", 1),
        ("悪い", 4),
        ("🚚 late", 7),
        ("❤\ufe0f", 1),
        ("رائع", 4),
    ],
)
def test_a_text_takes_columns_of_a_terminal(text, columns):
    assert display_width(text) == columns
    assert padded(text, 8) == text + (8 - columns) * " "
    assert padded(text, 8, left=True) == (8 - columns) * " " + text


def test_a_name_that_looks_like_several_is_quoted_in_a_list():
    names = ["a label", "a, b", 'so "called"', " c", "=1+1", "two  spaces", "one\nline"]
    assert [in_list(name) for name in names] == [
        "a label", '"a, b"', '"so \\"called\\""', '" c"', "=1+1", '"two  spaces"', "one\\nline",
    ]  # fmt: skip
