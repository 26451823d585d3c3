"""Encodings are detected, reported, and overridden by the user."""

import codecs

import pytest

from wordgate.data import read_table
from wordgate.errors import DataError

CONTENT = "text,label\ncafé “très” bon 🙂,good\nnon merci ça va,bad\n"
PLAIN = CONTENT.replace(" 🙂", "")


@pytest.mark.parametrize(
    ("raw", "expected"),
    [
        (CONTENT.encode(), "valid UTF-8"),
        (codecs.BOM_UTF8 + CONTENT.encode(), "UTF-8 (it begins with a byte order mark)"),
        (CONTENT.encode("utf-16"), "UTF-16 (it begins with a byte order mark)"),
        (
            codecs.BOM_UTF16_BE + CONTENT.encode("utf-16-be"),
            "UTF-16 (it begins with a byte order mark)",
        ),
        (CONTENT.encode("utf-32"), "UTF-32 (it begins with a byte order mark)"),
        (
            codecs.BOM_UTF32_BE + CONTENT.encode("utf-32-be"),
            "UTF-32 (it begins with a byte order mark)",
        ),
        (
            PLAIN.encode("cp1252"),
            "cp1252 (byte 0xe9 at position 14 is not UTF-8)",
        ),
    ],
)
def test_the_encoding_is_found_and_reported(write, raw, expected):
    table = read_table(write("a.csv", raw))
    assert table.texts[0].startswith("café “très” bon")
    assert table.reading.choice("text").name == "text"
    assert table.reading.lines()[0] == f"read a.csv: CSV, {expected}, fields separated by commas"


def test_a_nul_changes_no_encoding(write):
    for texts in (["\0 lamp", "so-so na\xefve"], ["\0\ufeff lamp", "so-so", "a lamp na\xefve"]):
        marked = read_table(write("a.csv", "\n".join(texts).encode("utf-16")), labelled=False)
        assert marked.texts == texts
    texts = ["na\xefve  plain", "na\xefve it\u2019s", "#\0", "plain caf\xe9", "caf\xe9"]
    plain = read_table(write("b.csv", "\r".join(texts).encode("cp1252")), labelled=False)
    assert plain.texts == texts


def test_a_given_encoding_wins(write):
    path = write("a.csv", "text,label\nпривет всем,good\nпока всем,bad\n".encode("koi8-r"))
    table = read_table(path, encoding="koi8-r")
    assert table.texts == ["привет всем", "пока всем"]
    assert (table.reading.encoding, table.reading.encoding_reason) == ("koi8-r", "as given")


def test_bytes_that_do_not_fit_a_given_encoding_are_named(write, message):
    path = write("a.csv", PLAIN.encode("cp1252"))
    assert message(path, encoding="utf-8") == (
        "'a.csv' is not utf-8: byte 0xe9 at position 14 (invalid continuation byte); leave out"
        " --encoding to detect it"
    )


def test_an_unknown_encoding_has_a_suggestion(reviews):
    with pytest.raises(DataError, match=r"^no encoding 'utf8x'; did you mean 'utf-8'\?$"):
        read_table(reviews, encoding="utf8x")


def test_a_codec_that_makes_no_text_is_no_encoding(reviews):
    with pytest.raises(DataError, match=r"^no encoding 'hex'"):
        read_table(reviews, encoding="hex")


def test_one_broken_byte_does_not_garble_a_utf8_file(write):
    raw = (CONTENT * 3).encode() + b"cut \xf0\x9f\x98,bad\n"
    table = read_table(write("a.csv", raw))
    assert table.texts[0].endswith("🙂")
    assert table.texts[-1] == "cut \ufffd"
    assert table.reading.encoding == "UTF-8"
    assert table.reading.warnings[0].startswith("1 invalid byte sequences were read as \ufffd")


def test_replacement_characters_of_the_file_itself_are_not_broken(write):
    text = "\ufffd" * 20 + "日本語日本語日本語日"
    rows = f"text,label\n{text},a\nb\u00e9,b\n".encode() + b"c\xff,a\n"
    table = read_table(write("a.csv", rows))
    assert table.texts == [text, "b\u00e9", "c\ufffd"]
    assert table.reading.encoding_reason == "valid except in 1 places"


def test_neither_utf8_nor_cp1252_is_a_question(write):
    path = write("a.csv", b"text,label\ncaf\xe9,good\nna \x81,bad\n")
    with pytest.raises(DataError, match=r"byte 0x81 at position 24 is not cp1252\): give its"):
        read_table(path)


def test_a_few_broken_bytes_are_replaced_though_most_letters_are_plain(write):
    rows = "".join(f"plain words {i},good\nother words {i},bad\n" for i in range(100))
    table = read_table(write("a.csv", f"text,label\n{rows}".encode() + b"na \x81,bad\n"))
    assert table.texts[-1] == "na \ufffd"
    assert table.reading.warnings[0] == (
        "1 invalid byte sequences were read as \ufffd (byte 0x81 at position 3,894 is not UTF-8)"
    )


def test_utf16_that_is_asked_for_needs_no_mark(write):
    path = write("a.csv", CONTENT.encode("utf-16-le"))
    assert len(read_table(path, encoding="utf-16")) == 2


@pytest.mark.parametrize("encoding", [None, "utf-8"])
def test_the_place_of_a_byte_is_counted_from_the_files_beginning(write, encoding):
    path = write("a.csv", codecs.BOM_UTF8 + b"text,label\na \xff,good\n")
    with pytest.raises(DataError, match=r"byte (0xff at position )?16 "):
        read_table(path, encoding=encoding)


def test_utf16_without_its_mark_is_refused_with_the_option_to_give(write):
    path = write("a.csv", CONTENT.encode("utf-16-le"))
    with pytest.raises(DataError, match="if it is text, use --encoding utf-16-le"):
        read_table(path)
    assert len(read_table(path, encoding="utf-16-le")) == 2


def test_a_cut_utf16_file_names_the_byte(write):
    path = write("a.csv", CONTENT.encode("utf-16")[:-1])
    with pytest.raises(DataError, match="byte order mark of UTF-16 but breaks it at byte 110 "):
        read_table(path)


@pytest.mark.parametrize("form", ["{},{}\n", '"{}";"{}"\r\n', "{}\t{}\n"])
@pytest.mark.parametrize("order", ["le", "be"])
@pytest.mark.parametrize(
    "text", ["这个灯很好，我还想再买一个", "лампа хорошая", "램프는 좋아요", "a lamp"]
)
def test_utf16_without_its_mark_is_known_in_every_script(write, text, order, form):
    content = form.format("text", "label") + form.format(text, "ok") * 16
    with pytest.raises(DataError, match=f"if it is text, use --encoding utf-16-{order}$"):
        read_table(write("a.csv", content.encode(f"utf-16-{order}")))


@pytest.mark.parametrize(
    ("encoding", "texts"),
    [
        ("iso2022_jp", ("このランプは良い", "このランプは壊れた")),
        ("iso2022_kr", ("이 램프는 좋아요", "이 램프는 고장났어요")),
    ],
)
def test_seven_bits_with_escape_sequences_are_no_ascii(write, encoding, texts):
    rows = [(f"{texts[i % 2]} {i}", str(i % 2)) for i in range(16)]
    content = "text,label\n" + "".join(f"{text},{label}\n" for text, label in rows)
    table = read_table(write("a.csv", content.encode(encoding)))
    assert list(zip(table.texts, table.labels, strict=True)) == rows
    assert table.reading.encoding_reason == "it has its escape sequences"


@pytest.mark.parametrize("escape", ["\x1b[31m", "\x1b$B", "$B~{+AHw-"])
def test_other_escapes_are_characters(write, escape):
    content = "text,label\n" + f"{escape}café,ok\nno lamp,no\n" * 8
    table = read_table(write("a.csv", content))
    assert (table.texts[0], table.reading.encoding) == (f"{escape}café", "UTF-8")


@pytest.mark.parametrize(
    ("encoding", "texts"),
    [
        ("hz", ("这个灯很好", "这个灯坏了, 不好")),
        ("utf-7", ("une très belle lampe à 1+1 €", "лампа сломана")),
    ],
)
def test_seven_bits_with_signs_for_escape_sequences_are_a_guess(write, encoding, texts):
    rows = [(f"{texts[i % 2]} {i}", str(i % 2)) for i in range(16)]
    content = "text;label\n" + "".join(f"{text};{label}\n" for text, label in rows)
    table = read_table(write("a.csv", content.encode(encoding)))
    assert list(zip(table.texts, table.labels, strict=True)) == rows
    assert table.reading.warnings == [
        f"the encoding {encoding} is a guess, since the bytes may be plain ASCII: if letters"
        " look wrong, give the right one with --encoding"
    ]


@pytest.mark.parametrize("text", ["1+1 is 2, c++ +-", "call +491701234567", "~{x~}", "a+bcd+efgh-"])
def test_plain_ascii_has_no_escape_sequences(write, text):
    table = read_table(write("a.csv", f"text;label\n{text};ok\nplain;no\n"))
    assert (table.texts[0], table.reading.encoding, table.reading.warnings) == (text, "UTF-8", [])
