import csv
import json

import pytest
from tests.conftest import RecordingProgress

import wordgate
from wordgate.runtime.progress import Silent


@pytest.fixture
def here(tmp_path, monkeypatch):
    """An empty folder to work in, so that messages hold bare names."""
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.fixture
def score(here, count_model):
    """Score a file of the folder with a model of the labels 'bad' and 'good'."""
    return lambda *files, **options: wordgate.score(
        count_model.folder, *files, **{"progress": Silent(), **options}
    )


@pytest.fixture
def write(here):
    """Write a file, and give its name."""

    def _write(name, content):
        raw = content.encode() if isinstance(content, str) else content
        (here / name).write_bytes(raw)
        return name

    return _write


@pytest.fixture
def records():
    """Read a CSV file's records."""
    return read_records


@pytest.fixture
def objects():
    """Read a JSON Lines file's objects."""
    return read_objects


def read_objects(file):
    with open(file, encoding="utf-8") as stream:
        return [json.loads(line) for line in stream]


def read_records(file, delimiter=",", encoding="utf-8"):
    with open(file, encoding=encoding, newline="") as stream:
        return list(csv.reader(stream, delimiter=delimiter))


@pytest.fixture
def proba(count_model):
    """Ask the model itself: texts to probabilities of 'bad' and 'good'."""
    return wordgate.load(count_model.folder).predict_proba


@pytest.fixture
def mortal():
    """Code of a function that kills its process at the so-many-th call of what changes the disk."""
    return MORTAL


MORTAL = """
import gc, os, pathlib, signal, sys, warnings
warnings.filterwarnings("ignore", "This process .* is multi-threaded", DeprecationWarning)
import wordgate.scoring.partial_output as partial_output

def mortal(function, left):
    def call(*arguments, **more):
        left[0] -= 1
        if left[0] == 0:
            os.kill(os.getpid(), signal.SIGKILL)
        return function(*arguments, **more)
    return call

def die_at(step):
    left = [step]
    for owner, names in ((os, ["fsync"]), (partial_output.PartialOutput, ["write"]),
                         (pathlib.Path, ["replace", "unlink", "mkdir", "touch", "rmdir"])):
        for name in names:
            setattr(owner, name, mortal(getattr(owner, name), left))
"""
"""Python 3.12 and newer warn of a fork where other threads only wait for work."""


@pytest.fixture
def progress():
    return RecordingProgress()
