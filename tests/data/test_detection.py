"""Encodings that are neither UTF-8 nor marked are detected, and a guess is reported."""

import gzip

import pytest

from wordgate.data import read_table

TEXTS = {
    "gb18030": ("这个好的灯买了{}次", "这个坏的灯买了{}次"),
    "gbk": ("LED灯很好用，{}元", "这个USB坏了{}次"),
    "big5": ("這個好的燈買了{}次", "這個壞的燈買了{}次"),
    "shift_jis": ("このランプは{}回買ったけど良いです", "壊れたランプを{}個買いました"),
    "euc_jp": ("このランプは{}回買ったけど良いです", "壊れたランプを{}個買いました"),
    "euc_kr": ("이 램프는 아주 좋아요 {}", "이 램프는 고장났어요 {}"),
    "cp1251": ("хорошая лампа номер {}", "сломанная лампа номер {}"),
    "koi8_r": ("хорошая лампа номер {}", "сломанная лампа номер {}"),
    "iso8859_5": ("хорошая лампа номер {}", "сломанная лампа номер {}"),
    "cp1253": ("μια καλή λάμπα {}", "μια σπασμένη λάμπα {}"),
    "cp1255": ("מנורה טובה מאוד {}", "מנורה שבורה {}"),
    "cp1256": ("مصباح جيد جدا {}", "مصباح مكسور {}"),
    "cp874": ("โคมไฟดีมาก {}", "โคมไฟเสีย {}"),
    "cp1250": ("świetna żółta lampa {}", "zła zepsuta lampa część {}"),
    "iso8859_2": ("výborná žlutá lampa číslo {}", "rozbitá špatná lampa č. {}"),
    "cp1254": ("güzel bir ışık {}", "kırık bir lamba, çok kötü şey {}"),
    "cp1252": ("une très belle lampe achetée {}", "une lampe cassée à éviter {}"),
    "cp850": ("une très belle lampe achetée à Noël {}", "lampe cassée, ça m'énerve, où écrire {}"),
    "cp437": ("die Lampe für die Küche ist schön {}", "die größte Lampe fällt, übel {}"),
    "cp852": ("świetna żółta lampa {}", "zła zepsuta lampa część {}"),
    "cp857": ("güzel bir ışık {}", "kırık bir lamba, çok kötü şey {}"),
    "mac_roman": ("une très belle lampe achetée {}", "une lampe cassée, où écrire {}"),
    "mac_latin2": ("lampa jest piękna, bardzo się cieszę {}", "lampa jest zepsuta, żałuję, źle {}"),
    "mac_cyrillic": ("хорошая лампа номер {}", "сломанная лампа номер {}"),
    "latin_1": ("eine schöne Lampe für {}", "eine kaputte Lampe, übel {}"),
}


def rows(encoding):
    texts = [TEXTS[encoding][i % 2].format(i) for i in range(16)]
    lines = [f'"{text}",{"no" if i % 2 else "ok"}\n' for i, text in enumerate(texts)]
    return texts, ("text,label\n" + "".join(lines)).encode(encoding)


@pytest.mark.parametrize("pack", [bytes, gzip.compress])
@pytest.mark.parametrize("encoding", TEXTS)
def test_letters_are_read_right_and_the_guess_is_reported(write, encoding, pack):
    texts, raw = rows(encoding)
    table = read_table(write("a.csv", pack(raw)))
    assert table.texts == texts
    warning = f"the encoding {table.reading.encoding} is a guess, since the bytes are not UTF-8"
    assert table.reading.warnings[0].startswith(warning)
    assert table.reading.warnings[0].endswith("give the right one with --encoding")


@pytest.mark.parametrize("encoding", TEXTS)
def test_an_encoding_that_is_named_is_no_guess(write, encoding):
    texts, raw = rows(encoding)
    table = read_table(write("a.csv", raw), encoding=encoding)
    assert (table.texts, table.reading.warnings) == (texts, [])


@pytest.mark.parametrize(
    "text", ["Zoë", "naïve é", "il est là à Paris", "10 € – 5 £", "It’s “fine” …", "½, 20°", "à"]
)
def test_a_few_letters_are_taken_for_western_ones(write, text):
    raw = f'text,label\n"{text}",ok\nplain words,no\n'.encode("cp1252")
    table = read_table(write("a.csv", raw))
    assert (table.texts[0], table.reading.encoding) == (text, "cp1252")
    assert "the encoding cp1252 is a guess" in table.reading.warnings[0]


def test_plain_lines_do_not_hide_the_others(write):
    _, raw = rows("koi8_r")
    plain = "".join(f"plain words {i},ok\n" for i in range(5000)).encode()
    table = read_table(write("a.csv", b"text,label\n" + plain + raw.partition(b"\n")[2]))
    assert table.texts[-1] == "сломанная лампа номер 15"


def test_a_broken_character_does_not_hide_the_encoding(write):
    _, raw = rows("gb18030")
    plain = "".join(f"plain words {i},ok\n" for i in range(200)).encode()
    table = read_table(write("a.csv", raw + plain + b"cut \xff,no\n"))
    assert (table.texts[0], table.texts[-1]) == ("这个好的灯买了0次", "cut \ufffd")
    assert len(table.reading.warnings) == 2
