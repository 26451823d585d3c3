"""Outputs that cannot hold a character: it is escaped, and results and exit codes are right."""

import json
import os
import subprocess
import sys
from contextlib import ExitStack
from functools import cache

import pytest
from tests.conftest import forks

import wordgate
from wordgate.cli.streams import argument_text
from wordgate.runtime.progress import Silent

TEXT = "你好 é 😀"
LABELS = ("schlecht é", "好用")
COMMANDS = {
    "predict": ("predict", "model", TEXT),
    "audit": ("audit", "texts.csv"),
    "explain": ("explain", "model", TEXT),
    "info": ("info", "model"),
    "evaluate": ("evaluate", "model", "texts.csv"),
    "score": ("score", "model", "texts.csv", "出.csv"),
    "train": ("train", "texts.csv", "--model", "count", "--out", "模"),
    "compare": ("compare", "texts.csv", "--models", "count", "--split", "random", "--out", "比"),
}
UTF_8 = {"PYTHONIOENCODING": "utf-8"}
C_LOCALE = {"LC_ALL": "C", "PYTHONUTF8": "0", "PYTHONCOERCECLOCALE": "0"}
NARROW = {
    "cp1252": {"PYTHONIOENCODING": "cp1252"},
    "ascii": {"PYTHONIOENCODING": "ascii"},
    "C locale": C_LOCALE,
}
ENCODINGS = {"cp1252": "cp1252", "ascii": "ascii", "C locale": "ascii"}

pytestmark = [
    pytest.mark.needs("sklearn"),
    pytest.mark.skipif(sys.platform == "win32", reason="its locales are others"),
]


@pytest.fixture(scope="module")
def place(tmp_path_factory):
    """A folder with texts.csv, and a model of it, whose labels no narrow encoding holds."""
    folder = tmp_path_factory.mktemp("encodings")
    moods = ("broken", "fine")
    rows = [f"a {moods[i % 2]} lamp {TEXT} {i},{LABELS[i % 2]}" for i in range(60)]
    (folder / "texts.csv").write_text("\n".join(["text,label", *rows, ""]), encoding="utf-8")
    wordgate.train(folder / "texts.csv", model="count", out=folder / "model", progress=Silent())
    return folder


@pytest.fixture(scope="module")
def run(place):
    """Run a command in a folder and an environment, as a process of its own would; give its end."""
    with ExitStack() as stack:

        @cache
        def loaded(environment):
            return stack.enter_context(forks(place / "texts.csv", environment=dict(environment)))

        def call(folder, environment, *arguments):
            return loaded(tuple(environment.items())).run(folder, *arguments)

        yield call


@pytest.fixture(scope="module")
def whole(run, place):
    """Give a command's JSON where the output lacks nothing."""

    @cache
    def call(command):
        ended = run(place, UTF_8, *COMMANDS[command], "--json")
        return ended.stdout.decode()

    return call


@pytest.mark.parametrize("narrow", NARROW)
@pytest.mark.parametrize("command", COMMANDS)
def test_a_character_that_an_output_lacks_is_escaped(run, place, command, narrow):
    arguments = COMMANDS[command]
    if command in ("score", "train", "compare"):
        arguments += ("--overwrite",)
    if command in ("train", "compare"):
        arguments += ("-v",)
    ended = run(place, NARROW[narrow], *arguments)
    written = (ended.stdout + ended.stderr).decode(ENCODINGS[narrow])
    assert (ended.returncode, "Traceback" in written) == (0, False), written
    assert r"\u597d" in written or r"\udce5" in written  # of a label, or of a file's name


@pytest.mark.parametrize("narrow", NARROW)
@pytest.mark.parametrize("command", ["predict", "audit", "explain", "info", "evaluate"])
def test_json_stays_json_whatever_the_output_lacks(run, whole, place, command, narrow):
    encoding = ENCODINGS[narrow]
    found = run(place, NARROW[narrow], *COMMANDS[command], "--json").stdout.decode(encoding)
    assert json.loads(found) == json.loads(whole(command))
    assert LABELS[1] in whole(command)


@pytest.mark.parametrize("narrow", NARROW)
def test_texts_of_the_command_line_are_read_as_they_were_given(run, place, narrow):
    ended = run(place, NARROW[narrow], "predict", "model", "--jsonl", TEXT, "a lamp")
    texts = [json.loads(line)["text"] for line in ended.stdout.splitlines()]
    assert texts == [TEXT, "a lamp"]


def test_names_and_labels_of_the_data_are_found_in_any_locale(run, place, tmp_path):
    table = (place / "texts.csv").read_text(encoding="utf-8").replace("text,label", "文,标", 1)
    (tmp_path / "in.csv").write_text(f"{table}a lamp,多余\n", encoding="utf-8")
    options = ("--text", "文", "--label", "标", "--drop-label", "多余")
    ended = run(tmp_path, C_LOCALE, "audit", "in.csv", *options, "--json")
    reading = json.loads(ended.stdout)["reading"]
    assert (reading["n_kept"], reading["dropped"]) == (60, {"label '多余'": 1})


@pytest.mark.parametrize("narrow", NARROW)
@pytest.mark.parametrize(
    ("arguments", "status"),
    [(("predict", "没有", "hi"), 1), (("没有",), 2), (("audit", "没有.csv"), 1)],
)
def test_errors_are_reported_in_an_output_that_lacks_their_characters(
    run, tmp_path, arguments, status, narrow
):
    ended = run(tmp_path, NARROW[narrow], *arguments)
    written = ended.stderr.decode(ENCODINGS[narrow])
    assert (ended.returncode, ended.stdout, "Traceback" in written) == (status, b"", False)
    assert r"\u6ca1" in written or r"\udce6\udcb2\udca1" in written


def test_an_escape_that_the_user_chose_stays(place):
    program = "from wordgate.cli.main import run; run()"
    ended = subprocess.run(
        [sys.executable, "-c", program, "predict", "model", "你好"], cwd=place,
        env={**os.environ, "PYTHONIOENCODING": "ascii:replace"}, capture_output=True,
        check=False,
    )  # fmt: skip
    assert ended.stdout.endswith(b"\t??\n")
    assert ended.returncode == 0


BYTES = os.fsdecode(b"\xff")


@pytest.mark.parametrize(
    "options",
    [
        ("--out", f"m{BYTES}"),
        ("--out", "new", "--drop-label", f"l{BYTES}"),
        ("--out", "new", "--recipe", f"r{BYTES}.toml"),
        ("--out", "new", "--test", f"t{BYTES}.csv"),
    ],
)
def test_a_training_is_kept_whatever_bytes_its_names_have(run, place, tmp_path, options):
    table = (place / "texts.csv").read_bytes()
    (tmp_path / f"t{BYTES}.csv").write_bytes(table)
    (tmp_path / f"r{BYTES}.toml").write_text('extends = "default"\n')
    ended = run(tmp_path, UTF_8, "train", f"t{BYTES}.csv", "--model", "count", *options)
    assert (ended.returncode, b"Traceback" in ended.stderr) == (0, False), ended.stderr
    assert wordgate.load(tmp_path / options[1]).predict(["a fine lamp"]) == [LABELS[1]]


@pytest.mark.parametrize(
    ("argument", "text"),
    [
        ("plain", "plain"),
        ("é 你", "é 你"),
        (os.fsdecode(b"a \xff"), "a \ufffd"),
        ("half \ud83d of two", "half \ufffd of two"),
    ],
)
def test_a_text_of_the_command_line_holds_no_surrogates(argument, text):
    assert argument_text(argument) == text
