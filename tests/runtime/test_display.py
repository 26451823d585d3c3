"""Values in messages: one printable line, whatever they are."""

import pytest

from wordgate.runtime.display import brief, counted, encodable, escaped, shown, unequal


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


def test_what_may_stay_stays():
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
def test_what_an_encoding_lacks_is_escaped(text, encoding, written):
    assert encodable(text, encoding) == written
