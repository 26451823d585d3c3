"""`wordgate explain`."""

import json
import re

import pytest

import wordgate as package

TEXT = "We love this zumbaro lamp"


@pytest.fixture
def explained(wordgate, lstm_model):
    return lambda *arguments, **streams: wordgate(
        "explain", lstm_model.folder, *arguments, **streams
    )


@pytest.fixture
def colour(monkeypatch):
    """A terminal that has colours."""
    monkeypatch.delenv("NO_COLOR", raising=False)
    for name, value in {"FORCE_COLOR": "1", "TERM": "xterm-256color", "COLUMNS": "80"}.items():
        monkeypatch.setenv(name, value)


def test_it_shows_the_verdict_the_words_and_the_remarks(explained, lstm_model):
    ended = explained(TEXT)
    found = package.load(lstm_model.folder).explain(TEXT)
    assert (ended.code, ended.err) == (0, "")
    lines = ended.out.splitlines()
    assert lines[0].startswith(f"{found.label} {found.probability:.3f}   ")
    rows = [line.split() for line in lines if re.match(r"(we|love|this|zumbaro|lamp) ", line)]
    assert [row[0] for row in rows] == TEXT.lower().split()
    effects = [float(row[2 if "(unknown)" in row else 1]) for row in rows]
    assert effects == pytest.approx([word.effect for word in found.words], abs=0.0006)
    assert "zumbaro (unknown)" in ended.out
    assert found.course_means in lines
    assert lines[-1] == f"Note: {found.remarks[0]}"


def test_json_is_the_explanation(explained, lstm_model):
    ended = explained("--json", TEXT)
    expected = package.load(lstm_model.folder).explain(TEXT).to_json()
    assert json.loads(ended.out) == json.loads(json.dumps(expected))


def test_a_dash_reads_one_text_of_any_lines(explained):
    piped = explained("--json", "-", stdin=b"\xef\xbb\xbfWe love\nthis \xff lamp\r\n")
    assert json.loads(piped.out)["text"] == "We love\nthis \ufffd lamp"


def test_words_are_in_colour_where_there_are_colours(wordgate, count_model, colour, monkeypatch):
    coloured = re.compile(r"\x1b\[[0-9;]*48;[0-9;]*mlove")
    assert coloured.search(wordgate("explain", count_model.folder, "love it").out)
    monkeypatch.setenv("NO_COLOR", "1")
    assert not coloured.search(wordgate("explain", count_model.folder, "love it").out)


def test_a_file_has_neither_colours_nor_broken_lines(explained):
    text = " ".join([TEXT] * 30)
    out = explained(text).out
    assert "\x1b" not in out
    sentence = out.splitlines()[2]
    assert re.sub(r"\([+-]+\)", "", sentence) == text


def test_effects_are_marked_without_colours(wordgate, count_model):
    """The number and the sign of the marks follow the effect."""
    found = package.load(count_model.folder).explain("love hate")
    love, hate = found.words
    signs = {word.word: "+" if word.effect > 0 else "-" for word in (love, hate)}
    assert set(signs.values()) == {"+", "-"}
    marks = {
        word.word: f"({signs[word.word] * (2 if abs(word.effect) >= 0.2 else 1)})"
        for word in (love, hate)
    }
    out = wordgate("explain", count_model.folder, "love hate").out
    assert f"love{marks['love']} hate{marks['hate']}\n" in out


def test_other_families_say_that_prefixes_are_predicted(wordgate, count_model):
    out = wordgate("explain", count_model.folder, TEXT).out
    assert "the prediction for the text up to this word" in out
    assert "forget" not in out


def test_a_text_without_words_is_reported(explained):
    out = explained("\u0301").out
    assert out.splitlines()[1:] == [
        "",
        "Note: The model reads no words of this text: the prediction is that for an empty text.",
    ]


def test_control_characters_stay_harmless(explained):
    out = explained("We \x1b[2J love\nit").out
    assert "\x1b" not in out
    assert "\\x1b[2J love" in out


def test_wide_terminals_have_longer_bars(explained, monkeypatch):
    longest = []
    for width in ("80", "120"):
        monkeypatch.setenv("COLUMNS", width)
        out = explained(TEXT).out
        longest.append(max(map(len, re.findall("█+", out))))
        assert all(len(line) <= int(width) for line in out.splitlines() if "█" in line)
    assert longest[0] < longest[1]
