"""Files of resumable runs: complete or refused, and of the same run."""

import json

import numpy as np
import pytest
from safetensors.numpy import load_file, save_file

from wordgate.errors import BundleError
from wordgate.storage.resumable import (
    LAYOUT,
    RunFingerprint,
    digest,
    read_resumable,
    write_resumable,
)

CONTENT = {"result": {"accuracy": 0.5, "names": ["a", "ü"]}}
ARRAYS = {"weights": np.arange(6, dtype=np.float32).reshape(2, 3), "loss": np.array([0.25])}


@pytest.fixture
def file(tmp_path):
    made = tmp_path / "folder" / "kept.safetensors"
    write_resumable(made, CONTENT, ARRAYS)
    return made


def refusal(file, **options):
    with pytest.raises(BundleError) as refused:
        read_resumable(file, **options)
    return str(refused.value)


def test_written_values_are_read(file):
    content, arrays = read_resumable(file)
    assert content["result"] == CONTENT["result"]
    assert content["layout"] == LAYOUT
    assert arrays.keys() == ARRAYS.keys()
    assert all(np.array_equal(array, arrays[name]) for name, array in ARRAYS.items())


def test_a_file_of_another_layout_is_refused(file):
    content = {"layout": LAYOUT - 1}
    content["digest"] = digest(content, ARRAYS)
    save_file(load_file(file), file, {"wordgate": json.dumps(content)})
    assert refusal(file) == (
        f"{file} has layout {LAYOUT - 1}, and this version of wordgate reads {LAYOUT};"
        " start over with --overwrite"
    )


def test_a_damaged_file_is_refused_with_the_remedy_asked_for(file):
    whole = file.read_bytes()
    file.write_bytes(whole[:-1] + bytes([whole[-1] ^ 1]))
    assert refusal(file, remedy="delete it") == (
        f"{file} is damaged (its digest differs: at least one byte has changed); delete it"
    )
    file.write_bytes(whole[:9])
    assert refusal(file).startswith(f"{file} is damaged (")
    save_file(ARRAYS, file)
    assert refusal(file) == (
        f"{file} is damaged (it was not written by wordgate); start over with --overwrite"
    )


def test_a_full_disk_is_reported_and_the_file_before_stays(file, monkeypatch):
    before = file.read_bytes()

    def full(*_):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("wordgate.storage.files.os.fsync", full)
    with pytest.raises(BundleError) as refused:
        write_resumable(file, {}, {})
    assert str(refused.value) == f"{file} could not be written: No space left on device"
    assert file.read_bytes() == before


def test_another_run_is_refused_and_another_environment_warned_of():
    then = RunFingerprint({"seed": "0", "data": "a" * 64}, {"threads": "2"}).facts()
    now = RunFingerprint({"seed": "0", "data": "a" * 64}, {"threads": "4"})
    assert now.check(then, "training", "place") == [
        "The training was started with threads 2 instead of 4: its result may differ slightly from"
        " that of an uninterrupted one."
    ]
    other = RunFingerprint({"seed": "1", "data": "b" * 64})
    with pytest.raises(BundleError) as refused:
        other.check(then, "training", "place")
    assert str(refused.value) == (
        "place contains a training with seed 0 instead of 1, other data; give the same command as"
        " before, or start over with --overwrite"
    )
