"""Bundles, checkpoints and files of vectors, broken in all ways: refused in a sentence, or read.

`many/bundles.py` breaks them, `many/cuts.py` cuts them.
"""

import os
from pathlib import Path

import pytest

import wordgate
from wordgate.errors import BundleError
from wordgate.runtime.progress import Silent

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def transformer_model(tmp_path_factory, reviews, tiny_transformer):
    folder = tmp_path_factory.mktemp("transformer model") / "model"
    settings = {"transformer.model": str(tiny_transformer), "transformer.epochs": 1,
                "transformer.min_updates": 1, "transformer.max_tokens": 16}  # fmt: skip
    wordgate.train(reviews, out=folder, model="transformer", settings=settings, progress=Silent())
    return folder


@pytest.fixture(scope="module")
def models(count_model, lstm_model, logreg_model, mlp_model):
    return [kept.folder for kept in (count_model, lstm_model, logreg_model, mlp_model)]


@pytest.mark.needs("torch")
def test_broken_bundles_checkpoints_and_vectors(request, many, how_many, found, models):
    cases = how_many(300, 200_000)
    # A transformer's libraries take seconds to import.
    more = how_many((), ("transformer_model",))
    worked = many("bundles.py", cases, *models, *map(request.getfixturevalue, more))
    assert worked.failures == []
    assert worked.cases == cases
    # The parsers were reached, and some changes are harmless.
    for outcome in (
        "signed: read", "checkpoint, signed: read", "state: read", "vectors: read",
        "cache, signed: passed over",
    ):  # fmt: skip
        assert worked.outcomes[outcome] > 0.003 * cases, worked.outcomes
    assert worked.outcomes["changed byte: refused"] > 0.1 * cases
    assert worked.slowest[0] < 1.0, worked.slowest
    what = f"{cases:,} broken bundles, checkpoints, files of vectors, 2 GiB beside the libraries"
    found(what, worked.figure())


def test_bundles_and_checkpoints_cut_anywhere_are_refused(many, how_many, found, models):
    every = how_many(401, 1)
    worked = many("cuts.py", 200_000 // every, every, *models)
    assert worked.failures == []
    cuts = worked.outcomes["refused"]
    assert cuts > 30_000 // every
    assert worked.outcomes["only a line's end is gone"] <= 4 * 5
    found("bundles and checkpoints cut at every byte of headers, and after", f"{cuts:,} refused")


def refusal(folder):
    with pytest.raises(BundleError) as refused:
        wordgate.load(folder)
    return str(refused.value)


@pytest.mark.parametrize("name", ["config.json", "model.json", "weights.safetensors"])
def test_no_link_is_followed_out_of_a_bundle(count_model, copied, tmp_path, name):
    file = copied(count_model) / name
    outside = file.rename(tmp_path / name)
    file.symlink_to(outside)
    assert refusal(file.parent) == (
        f"{file} is a link to a file outside the model folder; copy or train the model again"
    )
    file.unlink()
    file.symlink_to(Path("..") / name)
    assert "is a link to a file outside the model folder" in refusal(file.parent)
    file.unlink()
    os.replace(outside, file.parent / f"the {name}")
    file.symlink_to(f"the {name}")  # it stays inside
    assert wordgate.load(file.parent).predict(["We love it"]) == ["good"]


def test_a_manifest_that_is_a_link_out_is_refused(count_model, copied, tmp_path):
    file = copied(count_model) / "manifest.json"
    file.symlink_to(file.rename(tmp_path / "outside"))
    assert refusal(file.parent) == f"{file} is a link to a file outside the model folder"


def test_a_folder_may_be_a_link_itself(count_model, tmp_path):
    (tmp_path / "latest").symlink_to(count_model.folder, target_is_directory=True)
    assert wordgate.load(tmp_path / "latest").predict(["We love it"]) == ["good"]


def test_a_file_larger_than_memory_ends_in_a_sentence(count_model, copied, monkeypatch):
    def no_room(self):
        raise MemoryError

    file = copied(count_model) / "manifest.json"
    monkeypatch.setattr(Path, "read_bytes", no_room)
    assert refusal(file.parent) == f"{file} needs more memory than is available"
