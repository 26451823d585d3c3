"""Standard streams that are closed, and pipes where files belong: a message or silence, no wait."""

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

import wordgate
from wordgate.bundle.folder import BundleFolder
from wordgate.errors import WordgateError
from wordgate.progress import Silent
from wordgate.settings import load_settings
from wordgate.vectors.reading import open_vectors

RUN = "from wordgate.cli.main import run; run()"
COMMANDS = {
    "train": "train reviews.csv --model count --out new",
    "audit": "audit reviews.csv",
    "score": "score model reviews.csv new",
    "evaluate": "evaluate model reviews.csv",
}

SOON = [("train", ">&- 2>&-"), ("score", "2>&-")]
FIXTURES = Path(__file__).parents[1] / "interchange" / "fixtures"

pytestmark = pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="the system has no such streams")


def run(folder, command, closed=""):
    return subprocess.run(
        ["sh", "-c", f'"$@" {closed}', "sh", sys.executable, "-c", RUN, *command.split()],
        cwd=folder, stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=60,
        check=False,
    )  # fmt: skip


@pytest.fixture
def place(tmp_path, reviews, count_model):
    (tmp_path / "reviews.csv").symlink_to(reviews)
    (tmp_path / "model").symlink_to(count_model.folder)
    return tmp_path


@pytest.mark.parametrize("closed", [">&-", "2>&-", ">&- 2>&-"])
@pytest.mark.parametrize("command", COMMANDS)
def test_closed_streams_harm_nothing(place, command, closed, how_many):
    if how_many((command, closed) not in SOON, False):
        pytest.skip("tried by make faults")
    ended = run(place, COMMANDS[command], closed)
    assert ended.returncode == 0
    assert "Traceback" not in ended.stderr + ended.stdout
    if command == "train":
        assert BundleFolder.open(place / "new").changed_files() == []
        assert wordgate.load(place / "new").predict(["We love it"]) == ["good"]
    if command == "score":
        wordgate.score(place / "model", place / "reviews.csv", place / "open", progress=Silent())
        assert (place / "new").read_bytes() == (place / "open").read_bytes()


@pytest.fixture
def pipe(tmp_path):
    """A pipe with a name that nobody writes into, and ten seconds in which to leave it alone."""

    def waits(*_):
        raise TimeoutError("it waits for a writer")

    os.mkfifo(tmp_path / "pipe")
    before = signal.signal(signal.SIGALRM, waits)
    signal.setitimer(signal.ITIMER_REAL, 10.0)
    yield tmp_path / "pipe"
    signal.setitimer(signal.ITIMER_REAL, 0)
    signal.signal(signal.SIGALRM, before)


USES = {
    "a bundle": wordgate.load,
    "vectors": open_vectors,
    "a recipe": load_settings,
    "a Keras file": lambda pipe: wordgate.import_keras(
        pipe, FIXTURES / "tokenizer.json", labels=["a", "b", "c"]
    ),
    "a tokenizer": lambda pipe: wordgate.import_keras(
        FIXTURES / "notebook.keras", pipe, labels=["a", "b", "c"]
    ),
}


@pytest.mark.parametrize("use", USES)
def test_a_pipe_in_a_files_place_is_refused(pipe, use):
    with pytest.raises(WordgateError):
        USES[use](pipe)
