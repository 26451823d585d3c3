"""Values in messages: one printable line, whatever they are."""

import pytest

from wordgate.runtime.display import brief, encodable, escaped, shown


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
