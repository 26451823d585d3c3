"""Progress in a log file, in a terminal, and silent."""

import io
from threading import Event
from threading import enumerate as enumerate_threads

import pytest

from wordgate.runtime import progress as module
from wordgate.runtime.progress import Console, Silent, beating, stage


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


@pytest.fixture
def clock(monkeypatch):
    """Time that passes where a test says so."""

    class Clock:
        now = 0.0

        def monotonic(self):
            return self.now

    clock = Clock()
    monkeypatch.setattr(module, "time", clock)
    return clock


@pytest.mark.parametrize(
    ("total", "lines"),
    [(100, ["  epoch 1: 3%", "  epoch 1: 6%"]), (None, ["  epoch 1: step 3", "  epoch 1: step 6"])],
)
def test_a_log_file_gets_a_line_on_a_bar_if_there_was_no_message(
    log_file, capsys, clock, total, lines
):
    console = Console()
    with console.bar(total) as bar:
        for _ in range(7):
            clock.now += 0.9
            bar.advance("epoch 1")
    assert capsys.readouterr().err.splitlines() == lines


@pytest.mark.parametrize(
    ("total", "advances", "line"),
    [
        (4, 1, "  epoch 1: 25%, after "),
        (4, 0, "  0%, after "),
        (None, 1, "  epoch 1: step 1, after "),
    ],
)
def test_one_long_unit_of_work_is_no_silence(log_file, capsys, monkeypatch, total, advances, line):
    monkeypatch.setattr(module, "_SILENCE", 0.02)
    monkeypatch.setattr(module, "_BEAT", 0.01)
    console, seen = Console(), Event()
    real = console.say
    monkeypatch.setattr(console, "say", lambda text: (real(text), "after" in text and seen.set()))
    with console.bar(total) as bar:
        for _ in range(advances):
            bar.advance("epoch 1")
        assert seen.wait(30)
    assert any(messages.startswith(line) for messages in capsys.readouterr().err.splitlines())


def test_a_bar_in_a_log_file_writes_nothing_while_messages_come(log_file, capsys, clock):
    console = Console()
    with console.bar(9) as bar:
        for number in range(5):
            clock.now += 1.5
            console.say(f"line {number}")
            bar.advance("epoch 1")
    assert "epoch 1" not in capsys.readouterr().err


def test_a_stage_is_named_and_shows_that_it_continues(log_file, capsys, monkeypatch):
    monkeypatch.setattr(module, "_SILENCE", 0.02)
    monkeypatch.setattr(module, "_BEAT", 0.01)
    console, seen = Console(), Event()
    real = console.say
    monkeypatch.setattr(console, "say", lambda text: (real(text), "  Read" in text and seen.set()))
    with stage(console, "Reading rows.csv"):
        assert seen.wait(30)
    first, second, *_ = capsys.readouterr().err.splitlines()
    assert first == "Reading rows.csv ..."
    assert second == "  Reading rows.csv: 0 s"


def test_a_stage_that_fails_ends_its_thread(log_file):
    with pytest.raises(ValueError, match="broken"), stage(Console(), "Reading"):
        raise ValueError("broken")
    assert not [thread for thread in enumerate_threads() if thread.name == "wordgate-progress"]


def test_a_stage_shows_itself_in_a_terminal(terminal, capsys):
    with stage(Console(), "Splitting"):
        pass
    assert "Splitting" in capsys.readouterr().err


def test_a_silent_stage_is_silent(capsys):
    with stage(Silent(), "Reading"), Silent().bar(3) as bar, beating(bar, "more"):
        bar.advance("x")
    assert capsys.readouterr() == ("", "")


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
    assert " 75%" in written.err
    assert "left" in written.err


def test_a_bar_of_unknown_length_has_no_remaining_time(terminal, capsys):
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


def test_silent_progress_shows_nothing(terminal, capsys):
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
