import csv
import json

import pytest

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


class Listening(Silent):
    """Remembers what was told."""

    def __init__(self):
        self.lines = []
        self.bars = []

    def say(self, text):
        self.lines.append(text)

    def bar(self, total, done=0):
        self.bars.append([total, done])
        return self

    def __enter__(self):
        return self

    def __exit__(self, *_):
        pass

    def advance(self, label):
        self.bars[-1][1] += 1


@pytest.fixture
def listening():
    return Listening()
