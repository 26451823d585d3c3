"""Pretrained word vectors: looked up once, cached for the next run, verified."""

import os

import numpy as np
import pytest
from safetensors.numpy import load_file, save_file
from tests.conftest import RecordingProgress

from wordgate.runtime.progress import Silent
from wordgate.vectors import lookup_cache, pretrained
from wordgate.vectors.pretrained import PretrainedVectors
from wordgate.vectors.vector_file import VectorBatch
from wordgate.vectors.writing import write_vectors

WORDS = ("kettle", "lamp", "teapot")


@pytest.fixture(autouse=True)
def cache_home(tmp_path, monkeypatch):
    monkeypatch.setenv("WORDGATE_CACHE_HOME", str(tmp_path / "cache"))
    return tmp_path / "cache" / "vectors"


@pytest.fixture
def all_worth_keeping(monkeypatch):
    monkeypatch.setattr(pretrained, "CACHED_FROM_SECONDS", 0.0)


@pytest.fixture
def file(tmp_path):
    return written(tmp_path / "words.bin", {"lamp": 1.0, "Kettle": 2.0, "stove": 3.0})


def written(path, numbers):
    vectors = np.array([[number, -number] for number in numbers.values()], np.float32)
    words = [word.encode() for word in numbers]
    write_vectors(path, [VectorBatch(words, vectors)], format="word2vec", count=len(words), dim=2)
    return path


def lookup(file, words=WORDS, spelling="any"):
    progress = RecordingProgress()
    return PretrainedVectors.open(file, progress).lookup(words, spelling, progress), progress.lines


@pytest.fixture
def nothing_worth_keeping(monkeypatch):
    """Take a minute for quick: a busy machine may need more than what is quick to users."""
    monkeypatch.setattr(pretrained, "CACHED_FROM_SECONDS", 60.0)


def test_without_a_home_vectors_are_found_and_not_cached(file, monkeypatch, all_worth_keeping):
    users = pytest.importorskip("pwd")
    monkeypatch.setattr(users, "getpwuid", lambda number: users.getpwnam("no such user"))
    for name in ("WORDGATE_CACHE_HOME", "XDG_CACHE_HOME", "HOME"):
        monkeypatch.delenv(name, raising=False)
    found, lines = lookup(file)
    assert found.known.tolist() == [True, True, False]
    assert lines[-1] == (
        "The vectors found could not be cached for the next run: the cache folder of this user is"
        " unknown: set HOME or XDG_CACHE_HOME"
    )


def test_a_vocabulary_is_looked_up(file, nothing_worth_keeping):
    found, lines = lookup(file)
    assert found.vectors.tolist() == [[2.0, -2.0], [1.0, -1.0], [0.0, 0.0]]
    assert found.known.tolist() == [True, True, False]
    assert lines == [f"Looking 3 words up in {file}."]


def test_vectors_that_were_read_quickly_are_not_cached(file, cache_home, nothing_worth_keeping):
    lookup(file)
    assert not cache_home.exists()


def test_the_second_run_reads_the_cache_of_the_first(
    file, cache_home, all_worth_keeping, monkeypatch
):
    first, lines = lookup(file)
    assert lines[1] == f"The vectors found are cached for the next run in {cache_home}."
    monkeypatch.setattr(pretrained, "lookup_words", None)
    second, lines = lookup(file)
    assert lines == [f"Word vectors of {file}, from the cache of an earlier run."]
    assert np.array_equal(first.vectors, second.vectors)
    assert np.array_equal(first.rules, second.rules)


@pytest.mark.parametrize("change", ["words", "order", "spelling", "file"])
def test_another_request_is_not_answered_from_the_cache(file, all_worth_keeping, change):
    lookup(file)
    if change == "file":
        written(file, {"lamp": 5.0, "Kettle": 2.0, "stove": 3.0})
    words = {"words": (*WORDS, "stove"), "order": WORDS[::-1]}.get(change, WORDS)
    found, lines = lookup(file, words, "exact" if change == "spelling" else "any")
    assert lines[0].startswith("Looking")
    assert found.vectors[list(words).index("lamp"), 0] == (5.0 if change == "file" else 1.0)


@pytest.mark.parametrize("harm", ["cut", "changed", "emptied"])
def test_a_damaged_cache_entry_is_ignored(file, cache_home, all_worth_keeping, harm):
    lookup(file)
    (kept,) = cache_home.iterdir()
    content = kept.read_bytes()
    changed = {"cut": content[:-1], "changed": content[:-1] + b"\x07", "emptied": b""}
    kept.write_bytes(changed[harm])
    found, lines = lookup(file)
    assert lines[0].startswith("Looking")
    assert found.vectors.tolist() == [[2.0, -2.0], [1.0, -1.0], [0.0, 0.0]]
    assert kept.read_bytes() == content


@pytest.mark.parametrize(
    "vectors",
    [np.zeros((2, 2), np.float64), np.zeros(2, np.float32), np.zeros((3, 2), np.float32)],
    ids=["other numbers", "no table", "a row too many"],
)
def test_a_cache_file_of_another_form_is_ignored(file, cache_home, all_worth_keeping, vectors):
    lookup(file)
    (kept,) = cache_home.iterdir()
    rules = load_file(kept)["rules"]
    digest = lookup_cache._digest(vectors, rules)
    save_file({"vectors": vectors, "rules": rules}, kept, {"sha256": digest})
    found, lines = lookup(file)
    assert lines[0].startswith("Looking")
    assert found.vectors.tolist() == [[2.0, -2.0], [1.0, -1.0], [0.0, 0.0]]


def test_a_cache_that_cannot_be_written_is_reported(file, cache_home, all_worth_keeping):
    cache_home.parent.mkdir()
    cache_home.write_text("a file where the folder belongs")
    _, lines = lookup(file)
    assert lines[1].startswith("The vectors found could not be cached for the next run: ")


def test_the_least_recently_used_vectors_are_deleted_first(tmp_path, cache_home, monkeypatch):
    files = [written(tmp_path / f"{name}.bin", {"lamp": 1.0}) for name in "abc"]
    monkeypatch.setattr(pretrained, "CACHED_FROM_SECONDS", 0.0)
    keys = [lookup_cache.cache_key(file, WORDS, "any") for file in files]
    for number, (file, key) in enumerate(zip(files[:2], keys[:2], strict=True)):
        lookup(file)
        os.utime(cache_home / f"{key}.safetensors", (number, number))
    lookup(files[0])  # used again
    size = (cache_home / f"{keys[0]}.safetensors").stat().st_size
    (cache_home / "glove.txt").write_bytes(bytes(3 * size))  # not ours to remove
    monkeypatch.setattr(lookup_cache, "LARGEST_CACHE", int(2.5 * size))
    lookup(files[2])
    assert {kept.stem for kept in cache_home.iterdir()} == {keys[0], keys[2], "glove"}


@pytest.mark.parametrize(
    ("limit", "spelling", "more"),
    [
        (9, "any", ["stove", "us", "x-ray"]),
        (2, "any", ["stove", "us"]),
        (9, "exact", ["stove", "x-ray"]),
        (0, "any", []),
    ],
)
def test_words_of_the_table_are_named_that_texts_could_have(tmp_path, limit, spelling, more):
    """Not what is known, is cut in two, is a phrase, or could not be found again."""
    entries = ["lamp", "Kettle", "stove", "New York", "new_york", "iPhone", "US", "us!", "x-ray"]
    words = [word.encode() for word in entries] + [b"caf\xe9"]
    batches = [VectorBatch(words, np.ones((10, 2), np.float32))]
    write_vectors(tmp_path / "words.vec", batches, format="word2vec-text", count=10, dim=2)
    opened = PretrainedVectors.open(tmp_path / "words.vec", Silent())
    assert opened.more_words(Cut(), {"kettle", "lamp"}, limit, spelling) == more


class Cut:
    """A tokenizer that cuts at spaces and exclamation marks, and lower-cases."""

    name = "cut"

    def __call__(self, text):
        return text.lower().replace("!", " !").split()


def test_another_file_of_the_same_size_and_time_is_read(file, all_worth_keeping):
    lookup(file)
    facts = file.stat()
    written(file, {"lamp": 5.0, "Kettle": 2.0, "stove": 3.0})
    os.utime(file, ns=(facts.st_atime_ns, facts.st_mtime_ns))
    assert file.stat().st_size == facts.st_size
    assert lookup(file)[0].vectors[1, 0] == 5.0
