import time

import pytest

from wordgate.cli.live import LiveSearch
from wordgate.evaluation.search import SearchTrial


@pytest.fixture
def trials():
    return [
        SearchTrial(number=0, family="count", recipe="default", settings={}, state="complete",
                    score=0.7, fold_scores=(0.7,), seconds=3.0, finished=3.0),
        SearchTrial(number=1, family="lstm", recipe="default", settings={}, state="running"),
    ]  # fmt: skip


def test_in_a_log_each_trial_is_a_line(trials, capsys):
    with LiveSearch() as live:
        live.show("accuracy", trials, time.monotonic() + 60)
    assert capsys.readouterr().err == "Trial 0, count: accuracy 0.700, 3 s; best so far\n"


def test_in_a_terminal_the_trials_stand_above_the_one_at_work(trials, capsys, monkeypatch):
    monkeypatch.setenv("FORCE_COLOR", "1")
    monkeypatch.setenv("TERM", "xterm-256color")
    monkeypatch.setenv("COLUMNS", "100")
    with LiveSearch() as live:
        live.show("accuracy", trials, time.monotonic() + 600.5)
        with live.bar(4) as bar:
            bar.advance("trial 1, lstm")
            live._running.refresh()  # it draws four times a second
            live.say("a remark")
    written = capsys.readouterr().err
    drawn = written[: written.index("trial 1, lstm  25%")]
    assert -1 < drawn.rfind("1 trial, 10.0 min left") < drawn.rfind("0*      count")
    assert "a remark" in written
