"""Texts on standard input are decoded as files are."""

import json

import pytest

RUSSIAN = "хорошая лампа, куплю ещё"
CHINESE = "这个灯很好，我还想再买一个"
FRENCH = "un café très élégant"
COMMANDS = [("predict", "--jsonl"), ("explain", "--json", "-")]


@pytest.fixture
def answer(wordgate, count_model):
    """Run a command on bytes of standard input: give how it ended and the first text it read."""

    def _answer(command, raw, *options):
        name, *rest = command
        found = wordgate(name, count_model.folder, *options, *rest, stdin=raw)
        lines = found.out.splitlines()
        return found, json.loads(lines[0])["text"] if lines else None

    return _answer


@pytest.mark.parametrize("command", COMMANDS)
@pytest.mark.parametrize(
    ("encoding", "text", "doubted"),
    [
        ("utf-8", CHINESE, False),
        ("utf-8-sig", CHINESE, False),
        ("utf-16", FRENCH, False),
        ("koi8-r", RUSSIAN, True),
        ("cp1251", RUSSIAN, True),
        ("gb18030", CHINESE, True),
        ("cp1252", FRENCH, True),
    ],
)
def test_the_encoding_is_found_and_a_guess_is_reported(answer, command, encoding, text, doubted):
    found, read = answer(command, f"{text}\r\n".encode(encoding))
    assert (found.code, read) == (0, text)
    doubt = f"the encoding {encoding} is a guess, since the bytes are not UTF-8"
    assert (doubt in found.err) == doubted


@pytest.mark.parametrize("command", COMMANDS)
@pytest.mark.parametrize("encoding", ["utf-16-be", "mac_roman", "iso8859-7", "cp437"])
def test_an_encoding_that_is_named_is_no_guess(answer, command, encoding):
    text = "μια λάμπα" if encoding == "iso8859-7" else FRENCH
    found, read = answer(command, f"{text}\n".encode(encoding), "--encoding", encoding)
    assert (found.code, read, found.err) == (0, text, "")


@pytest.mark.parametrize("command", COMMANDS)
def test_bytes_that_fit_no_character_are_warned_of_once(answer, command):
    raw = b"\xffcaf\xc3\xa9\n" * 3
    found, read = answer(command, raw, "--encoding", "utf-8")
    assert (found.code, read.splitlines()[0]) == (0, "\ufffdcafé")
    assert found.err.count("standard input is not utf-8: invalid bytes were read as") == 1


def test_bytes_that_fit_no_more_are_warned_of(wordgate, count_model, monkeypatch):
    monkeypatch.setattr("wordgate.tables.source._BLOCK", 8)  # of which the first are plain
    found = wordgate("predict", count_model.folder, stdin=b"a lamp\nun caf\xe9\n" * 2)
    assert (found.code, found.out.count("\tun caf\ufffd\n")) == (0, 2)
    assert found.err.count("not UTF-8: invalid bytes were read as") == 1
    assert "; give its encoding with --encoding\n" in found.err


@pytest.mark.parametrize("command", COMMANDS)
@pytest.mark.parametrize(
    ("raw", "options", "why"),
    [
        (b"\x81\x8d\n" * 3, (), "is neither UTF-8 nor cp1252"),
        ("a lamp".encode("utf-16-le"), (), "use --encoding utf-16-le"),
        (b"a lamp\n", ("--encoding", "cp1522"), "no encoding 'cp1522'; did you mean 'cp1252'?"),
    ],
)
def test_unreadable_files_are_refused(answer, command, raw, options, why):
    found, _ = answer(command, raw, *options)
    assert (found.code, found.out) == (1, "")
    assert why in found.err


@pytest.mark.parametrize("command", ["predict", "explain"])
def test_an_encoding_has_no_effect_on_the_command_line(wordgate, count_model, command):
    found = wordgate(command, count_model.folder, "a lamp", "--encoding", "cp1252")
    assert found.code == 2
    assert "--encoding has no effect on a TEXT of the command line" in found.err
