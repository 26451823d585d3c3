"""Tests that need a separate process: signals, closed pipes, full disks."""

import os
import signal
import subprocess
import sys
import time

import pytest

HANGS = 300  # seconds
COMMAND = [sys.executable, "-c", "from wordgate.cli.main import run; run()"]
BUFFERED = {name: value for name, value in os.environ.items() if name != "PYTHONUNBUFFERED"}


def start(*arguments, **streams):
    arguments = [str(argument) for argument in arguments]
    return subprocess.Popen(
        [*COMMAND, *arguments], stderr=subprocess.PIPE, text=True, env=BUFFERED, **streams
    )


@pytest.mark.slow
@pytest.mark.needs("torch")
def test_an_interrupted_training_leaves_its_checkpoint_alone(few_reviews, tmp_path):
    training = start(
        "train", few_reviews, "--out", tmp_path / "m", "-v", "--set", "lstm.min_updates=100000",
        "--set", "lstm.patience=1000", "--set", "lstm.learning_rate=1e-9",
        "--set", "lstm.hidden_size=8", stdout=subprocess.PIPE,
    )  # fmt: skip
    for line in training.stderr:
        if line.startswith("epoch "):
            break
    training.send_signal(signal.SIGINT)
    out, err = training.communicate(timeout=HANGS)
    assert training.returncode == 130
    assert out == ""
    assert err.endswith(
        f"wordgate: interrupted: the checkpoint is kept in {tmp_path}/m.checkpoint; run the same"
        " command with --resume to continue\n"
    )
    assert "Traceback" not in err
    assert {file.name for file in tmp_path.iterdir()} == {"m.baseline", "m.checkpoint"}


def test_a_reader_that_closes_the_pipe_is_no_failure(count_model, tmp_path):
    texts = tmp_path / "texts.txt"
    texts.write_text("We love it\n" * 50_000)
    with (
        texts.open() as stdin,
        start("predict", count_model.folder, stdin=stdin, stdout=subprocess.PIPE) as predicting,
    ):
        assert predicting.stdout.readline().startswith("good ")
        predicting.stdout.close()
        assert predicting.stderr.read() == ""
        assert predicting.wait(timeout=HANGS) == 0


@pytest.mark.slow
@pytest.mark.needs("sklearn")
def test_a_closed_standard_error_ends_no_work(few_reviews, count_model, tmp_path):
    out = tmp_path / "m"
    works = {
        out / "manifest.json": ("train", few_reviews, "--model", "count", "--out", out),
        tmp_path / "out.csv": ("score", count_model.folder, few_reviews, tmp_path / "out.csv"),
        tmp_path / "a.html": ("audit", few_reviews, "--html", tmp_path / "a.html"),
    }
    for made, arguments in works.items():
        with start(*arguments, stdout=subprocess.PIPE) as working:
            working.stderr.close()
            assert working.wait(timeout=HANGS) == 0
        assert made.exists()


@pytest.mark.skipif(not os.path.exists("/dev/full"), reason="no /dev/full here")
def test_a_full_disk_under_the_output_is_reported(count_model):
    with open("/dev/full", "w") as full:
        predicting = start("predict", count_model.folder, "We love it", stdout=full)
    assert predicting.communicate(timeout=HANGS)[1] == (
        "wordgate: standard output cannot be written: No space left on device\n"
    )
    assert predicting.returncode == 1


def test_closed_standard_streams_end_in_a_message_or_in_silence(count_model):
    shell = f'"$@" predict {count_model.folder}'
    no_input = subprocess.run(
        ["sh", "-c", f"{shell} <&-", "sh", *COMMAND], capture_output=True, text=True, check=False
    )
    assert no_input.returncode == 2
    assert no_input.stderr.endswith("Error: There is no TEXT, and standard input is closed.\n")
    no_output = subprocess.run(
        ["sh", "-c", f"{shell} hi >&-", "sh", *COMMAND], capture_output=True, text=True, check=False
    )
    assert (no_output.returncode, no_output.stderr) == (0, "")


def test_each_line_of_a_pipe_is_answered_before_the_next_is_written(count_model):
    streams = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE}
    with start("predict", count_model.folder, **streams) as predicting:
        for text in ("We love this lamp", "We hate this lamp", "We love it"):
            predicting.stdin.write(f"{text}\n")
            predicting.stdin.flush()
            assert predicting.stdout.readline().endswith(f"\t{text}\n")
        predicting.stdin.write("no end of line")
        predicting.stdin.close()
        assert predicting.stdout.read().endswith("\tno end of line\n")
        assert predicting.wait(timeout=HANGS) == 0


def test_each_row_of_a_pipe_is_scored_before_the_next_is_written(count_model):
    streams = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE}
    with start("score", count_model.folder, **streams) as scoring:
        scoring.stdin.write("id,text\n1,We love it\n")
        scoring.stdin.flush()
        assert scoring.stdout.readline().startswith("id,text,label,")
        assert scoring.stdout.readline().startswith("1,We love it,good,0.")
        for row in ("2,We hate it", '3,"We hate\nit"'):
            scoring.stdin.write(f"{row}\n")
            scoring.stdin.flush()
            for line in row.splitlines():
                assert scoring.stdout.readline().startswith(line)
        scoring.stdin.close()
        assert scoring.stdout.read() == ""
        assert scoring.wait(timeout=HANGS) == 0


def test_a_reader_of_scores_that_closes_the_pipe_is_no_failure(count_model, tmp_path):
    rows = tmp_path / "in.csv"
    rows.write_text("text,id\n" + "We love it,1\n" * 100_000)
    with start("score", count_model.folder, rows, stdout=subprocess.PIPE) as scoring:
        assert scoring.stdout.readline().startswith("text,id,label,")
        scoring.stdout.close()
        assert scoring.stderr.read().count("\n") == 4
        assert scoring.wait(timeout=HANGS) == 0


def test_a_full_disk_under_a_result_is_reported(count_model, tmp_path):
    if not os.path.exists("/dev/full"):
        pytest.skip("no /dev/full here")
    (tmp_path / "in.csv").write_text("text,id\n" + "We love it,1\n" * 10)
    with open("/dev/full", "w") as full:
        scoring = start("score", count_model.folder, tmp_path / "in.csv", stdout=full)
    assert scoring.communicate(timeout=HANGS)[1].endswith(
        "wordgate: standard output cannot be written: No space left on device\n"
    )
    assert scoring.returncode == 1


@pytest.fixture
def many_rows(tmp_path):
    """A file whose scores are more than a pipe holds."""
    rows = tmp_path / "in.csv"
    rows.write_text("text,id\n" + "We love it,1\n" * 20_000)
    return rows


def test_a_ctrl_c_ends_a_command_that_waits_for_its_reader(count_model, many_rows):
    fcntl = pytest.importorskip("fcntl")
    termios = pytest.importorskip("termios")
    arguments = ("score", count_model.folder, many_rows, "--batch", "20")
    with start(*arguments, stdout=subprocess.PIPE) as scoring:
        held = before = b""
        while scoring.poll() is None and (not any(held) or held != before):  # until it is full
            time.sleep(0.2)
            before, held = held, fcntl.ioctl(scoring.stdout, termios.FIONREAD, bytes(4))
        scoring.send_signal(signal.SIGINT)
        assert scoring.wait(timeout=HANGS) == 130
        assert scoring.stderr.read().endswith("wordgate: interrupted\n")


def test_a_full_pipe_that_does_not_wait_is_waited_for(count_model, many_rows):
    read, write = os.pipe()
    os.set_blocking(write, False)
    with start("score", count_model.folder, many_rows, stdout=write) as scoring:
        os.close(write)
        scoring.stderr.readline()
        time.sleep(0.5)  # it fills the pipe meanwhile
        with os.fdopen(read) as rows:
            assert sum(1 for _ in rows) == 20_001
        assert scoring.wait(timeout=HANGS) == 0


def test_no_file_takes_the_number_of_a_closed_stream(tmp_path):
    program = (
        "import os; from wordgate.cli.streams import StandardStreams; StandardStreams();"
        " file = open('made', 'wb', buffering=0); os.write(1, b'noise'); os.write(2, b'noise');"
        " file.write(b'what it is to hold')"
    )
    subprocess.run(["sh", "-c", '"$@" >&- 2>&-', "sh", sys.executable, "-c", program],
                   cwd=tmp_path, check=True)  # fmt: skip
    assert (tmp_path / "made").read_bytes() == b"what it is to hold"


def test_a_broken_pipe_that_is_not_standard_output_is_a_failure(wordgate, monkeypatch):
    def breaks(*_, **__):
        raise BrokenPipeError(32, "Broken pipe")

    monkeypatch.setattr("wordgate.experiments.audit.audit", breaks)
    ended = wordgate("audit", "reviews.csv")
    assert (ended.code, ended.out, ended.err) == (1, "", "wordgate: Broken pipe\n")


def test_a_defect_is_shown_as_by_python(tmp_path):
    program = (
        "import wordgate.cli.commands; from wordgate.cli.main import run;"
        " wordgate.cli.commands.wordgate.main = lambda *_, **__: 1 / 0; run()"
    )
    ended = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=False
    )
    assert (ended.returncode, ended.stdout) == (1, "")
    assert ended.stderr.startswith("Traceback (most recent call last):\n")
    assert ended.stderr.endswith("ZeroDivisionError: division by zero\n")


def test_a_shell_may_ask_for_completions(wordgate, monkeypatch):
    monkeypatch.setenv("_WORDGATE_COMPLETE", "zsh_source")
    ended = wordgate()
    assert (ended.code, ended.err) == (0, "")
    assert ended.out.startswith("#compdef wordgate\n")
