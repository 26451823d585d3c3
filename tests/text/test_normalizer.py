"""Offsets of tokens in a text."""

import unicodedata

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from wordgate.text.normalizer import tokens_with_offsets
from wordgate.text.tokenizers import TOKENIZERS, get_tokenizer

PIECES = [
    *("http://", "www.", ".com", "/x", "@", "bob", "#", "'", "’", "don't", "1", "2.5", ",", ":"),
    *("...", "…", "!!!!", "-", "_", "<", ">", "<br />", "<BR\x1c/>", "&amp;", "&#39;", "&", ";"),
    *(")", "(", "3", "&lt;3", "&nbsp;", "&fjlig;", "&NotEqualTilde;", "&hellip;", "=", "ᄀ", "ᅡ"),
    *(" ", "\n", "\r", "\x1c", "\x00", "\xa0", "\u200b", "\u200d", "\ufe0f", "\u20e3", "\u0301"),
    *("👍", "🏽", "👩\u200d👧", "🇬", "🇧", "我", "สวั", "ー", "हिन्दी", "Σ", "İ", "K", "ﾊ", "٣", "½"),
    *(
        "\ufffd",
        "soooo",
        "😂😂😂😂😂",
        "¯\\_(ツ)_/¯",
        "Bob@Example.com",
        "D",
        "e\u0301",
        "«",
        "\u0323",
    ),
]
ANY_TEXT = st.one_of(
    st.text(st.characters(exclude_categories=["Cs"]), max_size=60),
    st.lists(st.sampled_from(PIECES)).map("".join),
)
NAMES = tuple(TOKENIZERS)


def shown(name, text):
    return [
        (token, text[start:end])
        for token, start, end in tokens_with_offsets(get_tokenizer(name).normalizer(), text)
    ]


@pytest.mark.parametrize("name", NAMES)
@settings(max_examples=200, deadline=None)
@given(text=ANY_TEXT)
def test_every_token_has_a_place_of_its_own(name, text):
    tokenizer = get_tokenizer(name)
    found = tokens_with_offsets(tokenizer.normalizer(), text)
    assert [token.text for token in found] == tokenizer(text)
    before = 0
    for token in found:
        assert before <= token.start < token.end <= len(text)
        before = token.end


@pytest.mark.parametrize(
    ("text", "places"),
    [
        ("I'M so", [("i'm", "I'M"), ("so", "so")]),
        ("AT&amp;T", [("at", "AT"), ("&", "&amp;"), ("t", "T")]),
        ("&lt;3!", [("<3", "&lt;3"), ("!", "!")]),
        ("wait&hellip;", [("wait", "wait"), ("...", "&hellip;")]),
        ("see https://t.co/X1, ok", [("see", "see"), ("<url>", "https://t.co/X1"), (",", ","),
                                     ("ok", "ok")]),
        ("(Bob@Example.com)", [("(", "("), ("<email>", "Bob@Example.com"), (")", ")")]),
        ("soooooo cool!!!!!", [("sooo", "soooooo"), ("cool", "cool"), ("!!!", "!!!!!")]),
        ("😂😂😂😂😂", [("😂", "😂"), ("😂", "😂"), ("😂", "😂😂😂")]),
        ("a<BR  />b", [("a", "a"), ("<br>", "<BR  />"), ("b", "b")]),
        ("❤\ufe0f x", [("❤", "❤\ufe0f"), ("x", "x")]),
        ("so\u00adft", [("soft", "so\u00adft")]),
        ("e\u0301t", [("\u00e9t", "e\u0301t")]),
        ("İT is", [("i\u0307t", "İT"), ("is", "is")]),
        (" \n", []),
    ],
)  # fmt: skip
def test_a_token_covers_its_source_characters(text, places):
    assert shown("messages", text) == places


def test_keras_takes_punctuation_for_space():
    assert shown("keras", "Don't, STOP!") == [("don't", "Don't"), ("stop", "STOP")]


def test_only_marks_and_jamo_compose_with_what_stands_before():
    """So a normal form can be made piece by piece."""
    for code in set(range(0x110000)) - set(range(0xAC00, 0xD7A4)):  # Hangul is made of jamo
        parts = unicodedata.normalize("NFD", chr(code))
        assert all(unicodedata.category(part)[0] == "M" for part in parts[1:])
        is_mark = unicodedata.category(chr(code))[0] == "M"
        assert is_mark or unicodedata.combining(parts[0]) == 0
