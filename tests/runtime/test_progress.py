"""What a user is told on the way: in a log file, in a terminal, or nothing."""

import io

import pytest

from wordgate.runtime.progress import Console, Silent


@pytest.fixture
def log_file(monkeypatch):
    """Standard error as it is when nothing can move."""
    for name in ("FORCE_COLOR", "TTY_COMPATIBLE", "TTY_INTERACTIVE"):
        monkeypatch.delenv(name, raising=False)


@pytest.fixture
def terminal(monkeypatch):
    """Standard error as a terminal of 100 columns."""
    monkeypatch.setenv("FORCE_COLOR", "1")
    monkeypatch.setenv("TERM", "xterm-256color")
    monkeypatch.setenv("COLUMNS", "100")


@pytest.mark.parametrize(
    "text",
    [
        "[bold]not markup[/bold] [/] [link=x]",
        ":fire: :smile: stay as they were written",
        "word " * 100 + "on one line",
        "two\nlines",
        "'quoted' 0.914 https://example.org/a_b",
        "日本語 🙂",
    ],
)
def test_a_line_is_written_as_it_is(log_file, capsys, text):
    Console().say(text)
    written = capsys.readouterr()
    assert (written.out, written.err) == ("", text + "\n")


def test_in_a_log_file_a_bar_writes_nothing(log_file, capsys):
    console = Console()
    with console.bar(total=2) as bar:
        bar.advance("epoch 1")
        console.say("epoch 1/2")
        bar.advance("epoch 2")
    assert capsys.readouterr().err == "epoch 1/2\n"


def test_in_a_terminal_a_bar_moves_and_lines_stay_above_it(terminal, capsys):
    console = Console()
    with console.bar(total=4) as bar:
        bar.advance("epoch 1 of 2")
        console.say("a line that stays :fire:")
        bar.advance("epoch 2 of 2")
        bar.advance("epoch 2 of 2")
    written = capsys.readouterr()
    assert written.out == ""
    assert "a line that stays :fire:" in written.err
    assert "epoch 2 of 2" in written.err
    assert " 75 %" in written.err
    assert "left" in written.err


def test_a_bar_of_unknown_length_tells_no_time_left(terminal, capsys):
    with Console().bar(total=None) as bar:
        bar.advance("epoch 1 of at most 40")
        bar.advance("epoch 2 of at most 40")
    written = capsys.readouterr().err
    assert "epoch 2 of at most 40" in written
    assert "%" not in written
    assert "left" not in written


def test_a_bar_is_taken_away_when_work_fails(terminal, capsys):
    def work():
        with Console().bar(total=2) as bar:
            bar.advance("half")
            raise RuntimeError("stopped")

    with pytest.raises(RuntimeError, match=r"^stopped$"):
        work()
    show_cursor = "\x1b[?25h"
    assert show_cursor in capsys.readouterr().err


def test_silence_tells_nothing(terminal, capsys):
    silent = Silent()
    with silent.bar(total=1) as bar:
        silent.say("a line")
        bar.advance("half")
    assert capsys.readouterr() == ("", "")


def test_a_stream_that_lacks_a_character_or_is_closed_ends_no_work(log_file, monkeypatch):
    log = io.TextIOWrapper(io.BytesIO(), encoding="cp1252", newline="\n")
    monkeypatch.setattr("sys.stderr", log)
    console = Console()
    console.say("label 好, café \udcff 😀")
    assert log.buffer.getvalue() == rb"label \u597d, caf" + b"\xe9" + rb" \udcff \U0001f600" + b"\n"
    log.close()
    console.say("nobody reads this")
    console.say("nor this")
