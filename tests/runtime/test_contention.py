"""How busy the machine is, and when the command began."""

import subprocess
import sys
import time

import pytest

from wordgate.runtime import command_start, contention
from wordgate.runtime.contention import Contention


@pytest.fixture
def clocks(monkeypatch):
    """Set the clocks by hand."""

    def set_clocks(seconds, cpu_seconds):
        monkeypatch.setattr(contention.time, "monotonic", lambda: seconds)
        monkeypatch.setattr(contention.time, "process_time", lambda: cpu_seconds)

    return set_clocks


@pytest.mark.parametrize(
    ("seconds", "cpu_seconds", "slowdown"),
    [
        (10.0, 10.0, 1.0),
        (10.0, 18.0, 1.0),  # in several threads
        (10.0, 2.5, 4.0),
        (10.0, 0.0, 10.0),
        (0.1, 0.01, 1.0),  # too short to tell
    ],
)
def test_the_slowdown_compares_time_with_processor_time(clocks, seconds, cpu_seconds, slowdown):
    since = Contention(started=100.0, cpu_started=5.0)
    clocks(100.0 + seconds, 5.0 + cpu_seconds)
    assert since.slowdown() == pytest.approx(slowdown)


def test_a_waiting_process_keeps_its_earlier_slowdown(clocks):
    since = Contention(started=100.0, cpu_started=5.0)
    clocks(110.0, 10.0)
    waiting = since.before_waiting()
    clocks(300.0, 10.0)
    assert (since.slowdown(), waiting.slowdown()) == (10.0, 2.0)


def test_a_command_begins_with_its_process():
    code = (
        "import time; time.sleep(0.3); from wordgate.runtime import command_start as start\n"
        "now = time.monotonic(); assert start.command_started() >= now\n"
        "start.note_process_start(); print(now - start.command_started())"
    )
    before = time.monotonic()
    output = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True
    ).stdout
    least = 0.29 if sys.platform == "linux" else -0.1
    assert least <= float(output) + 0.02 <= time.monotonic() - before + 0.04


def test_without_a_command_it_is_now(monkeypatch):
    monkeypatch.setattr(command_start, "_started", None)
    before = time.monotonic()
    assert before <= command_start.command_started() <= time.monotonic()
