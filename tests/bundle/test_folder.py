import hashlib
import json
import os
import random
import struct

import numpy as np
import pytest
from safetensors.numpy import load as load_arrays
from safetensors.numpy import save as dump_arrays

import wordgate
from wordgate.bundle.folder import BundleFolder
from wordgate.errors import BundleError


def refusal(folder, act=wordgate.load):
    with pytest.raises(BundleError) as caught:
        act(folder)
    return str(caught.value)


def judge(kept):
    return lambda folder: wordgate.evaluate(folder, kept.data)


def rewrite(folder, name, content):
    """Change a file the way an attacker would: the manifest agrees with it."""
    (folder / name).write_bytes(content)
    edit_manifest(
        folder,
        lambda files: files.update(
            {name: {"bytes": len(content), "sha256": hashlib.sha256(content).hexdigest()}}
        ),
    )


def edit_manifest(folder, edit):
    manifest = json.loads((folder / "manifest.json").read_bytes())
    edit(manifest["files"])
    (folder / "manifest.json").write_text(json.dumps(manifest), encoding="utf-8")


def edit_json(folder, name, edit):
    content = edit(json.loads((folder / name).read_bytes()))
    rewrite(folder, name, json.dumps(content).encode())


def without(content, key):
    return {name: value for name, value in content.items() if name != key}


def edit_arrays(folder, name, **changes):
    arrays = load_arrays((folder / name).read_bytes())
    for key, change in changes.items():
        arrays[key.replace("__", ".")] = change(arrays.get(key.replace("__", ".")))
    kept = {key: np.ascontiguousarray(array) for key, array in arrays.items() if array is not None}
    rewrite(folder, name, dump_arrays(kept))


def test_anything_but_a_bundle_is_refused_by_name(tmp_path):
    (tmp_path / "file").write_text("x")
    assert refusal(tmp_path / "no") == f"there is no model at {tmp_path / 'no'}"
    assert refusal("a text " * 1000).startswith("there is no model at a text a text")
    assert refusal(tmp_path / "file") == (
        f"{tmp_path / 'file'} is not a wordgate model: a model is a folder"
    )
    assert refusal(tmp_path) == f"{tmp_path} is not a wordgate model: it has no manifest.json"


READ = ["config.json", "model.json", "weights.safetensors"]


@pytest.mark.parametrize("name", READ)
def test_a_file_that_prediction_reads_is_refused_if_it_was_truncated(count_model, copied, name):
    file = copied(count_model) / name
    whole = file.read_bytes()
    file.write_bytes(whole[:-7])
    assert refusal(file.parent) == (
        f"{file} is truncated: {len(whole) - 7:,} of {len(whole):,} bytes;"
        " copy or train the model again"
    )


@pytest.mark.parametrize("name", READ)
def test_a_file_that_prediction_reads_is_refused_if_it_was_altered(count_model, copied, name):
    file = copied(count_model) / name
    whole = file.read_bytes()
    file.write_bytes(whole[:-2] + b"??")
    assert refusal(file.parent) == (
        f"{file} was altered: its SHA-256 is not the one in manifest.json;"
        " copy or train the model again"
    )
    file.write_bytes(whole + b" ")
    assert refusal(file.parent) == (
        f"{file} was altered: it has {len(whole) + 1:,} bytes instead of {len(whole):,};"
        " copy or train the model again"
    )


@pytest.mark.parametrize("name", READ)
def test_a_file_that_prediction_reads_is_refused_if_it_is_missing(count_model, copied, name):
    file = copied(count_model) / name
    file.unlink()
    assert refusal(file.parent) == f"{file} is missing; copy or train the model again"
    os.mkfifo(file)  # reading it would wait for ever
    assert refusal(file.parent) == f"{file} is missing; copy or train the model again"


@pytest.mark.parametrize(
    ("layout", "age", "remedy"),
    [(5, "a newer", "pip install --upgrade wordgate"), (3, "an older", "train the model again")],
)
def test_a_bundle_of_another_layout_is_refused_by_name(count_model, copied, layout, age, remedy):
    folder = copied(count_model)
    edit_json(folder, "config.json", lambda config: config | {"schema_version": layout})
    assert refusal(folder) == (
        f"{folder} was written by {age} version of wordgate: its layout is version {layout},"
        f" this one reads 4; {remedy}"
    )


@pytest.mark.parametrize("name", ["metrics.json", "README.md"])
def test_another_file_that_was_changed_or_lost_is_named_and_predictions_go_on(
    count_model, copied, name
):
    folder = copied(count_model)
    (folder / name).write_text("changed", encoding="utf-8")
    model = wordgate.load(folder)
    assert model.changed_files == (name,)
    assert (model.metrics is None) == (name == "metrics.json")
    (folder / name).unlink()
    assert wordgate.load(folder).changed_files == (name,)
    assert wordgate.load(folder).predict(["We love it"]) == ["good"]


def test_changed_fingerprints_are_warned_of_and_refused_when_evaluating(count_model, copied):
    folder = copied(count_model)
    file = folder / "fingerprints.safetensors"
    file.write_bytes(file.read_bytes()[:-1] + b"\0")
    assert wordgate.load(folder).changed_files == (file.name,)
    assert refusal(folder, judge(count_model)) == (
        f"{file} was altered: its SHA-256 is not the one in manifest.json;"
        " copy or train the model again"
    )


def test_a_loaded_model_gives_the_same_probabilities_bit_for_bit(count_training, lstm_training):
    texts = ["We love this lamp", "We hate it!", "!", "kettle " * 300, "😀 unknown words only"]
    for kept in (count_training, lstm_training):
        before = kept.training.predictor.predict_proba(texts)
        assert wordgate.load(kept.folder).predict_proba(texts).tobytes() == before.tobytes()


def outcome(folder):
    """Load all of a bundle: what it was refused for, or which files are named as changed."""
    try:
        model = wordgate.load(folder)
        BundleFolder.open(folder).fingerprints()
    except BundleError as error:
        return str(error)
    return list(model.changed_files)


def test_no_single_flipped_byte_does_worse_than_a_refusal(lstm_model, copied):
    rng = random.Random(0)
    folder = copied(lstm_model)
    files = sorted(folder.iterdir())
    for _ in range(400):
        file = rng.choice(files)
        whole = file.read_bytes()
        place, bit = rng.randrange(len(whole)), 1 << rng.randrange(8)
        file.write_bytes(whole[:place] + bytes([whole[place] ^ bit]) + whole[place + 1 :])
        expected = outcome(folder)
        file.write_bytes(whole)
        if file.name in ("README.md", "audit.json", "metrics.json", "report.html"):
            assert expected == [file.name]
        elif file.name == "manifest.json":
            assert expected  # whichever file its entry no longer fits
        else:
            assert str(file) in expected
    assert outcome(folder) == []


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"[]",
        b"null",
        b"{}",
        b'{"files": []}',
        b'{"files": {"config.json": 3}}',
        b'{"files": {"config.json": {"bytes": true, "sha256": ""}}}',
        b'{"files": {"config.json": {"bytes": "9", "sha256": ""}}}',
        b"\xff\xfe",
        b"[" * 100_000,
        b'{"files": ' + b"9" * 10_000 + b"}",
    ],
)
def test_a_manifest_of_another_form_is_refused(count_model, copied, content):
    folder = copied(count_model)
    (folder / "manifest.json").write_bytes(content)
    assert refusal(folder).startswith(f"{folder / 'manifest.json'} is damaged: it ")


@pytest.mark.parametrize(
    "name", ["../secret", "/etc/passwd", "..", ".", "", "a/b", "a\\b", "c:x", "a\0b", ".hidden"]
)
def test_a_manifest_names_no_file_outside_the_folder(count_model, copied, name):
    folder = copied(count_model)
    (folder.parent / "secret").write_text("x")
    edit_manifest(folder, lambda files: files.update({name: {"bytes": 1, "sha256": "0" * 64}}))
    assert refusal(folder) == (
        f"{folder / 'manifest.json'} is damaged: it does not list the model's files"
    )


def test_a_manifest_must_list_what_prediction_reads(count_model, copied):
    folder = copied(count_model)
    edit_manifest(folder, lambda files: files.pop("model.json"))
    assert refusal(folder) == (
        f"{folder / 'model.json'} is not listed in manifest.json; copy or train the model again"
    )


@pytest.mark.parametrize(
    ("edit", "expected"),
    [
        (
            lambda config: without(config, "labels"),
            "config.json is damaged: labels: Field required",
        ),
        (lambda config: without(config, "schema_version"), "damaged: it has no schema_version"),
        (lambda config: config | {"schema_version": 0}, "damaged: schema_version: "),
        (lambda config: config | {"schema_version": "1"}, "damaged: it has no schema_version"),
        (lambda config: config | {"surprise": 1}, "config.json is damaged: surprise: "),
        (
            lambda config: config | {"labels": ["good"]},
            "at least two labels are required, all different",
        ),
        (
            lambda config: config | {"labels": ["a", "a"]},
            "at least two labels are required, all different",
        ),
        (lambda config: [config], "config.json is damaged: it has no schema_version"),
        (
            lambda config: config | {"recipe": "\ud800"},
            "it is not JSON ('utf-8' codec can't ",
        ),
        (lambda config: config | {"data": {"a": "\udfff"}}, "surrogates not allowed"),
        (lambda config: config | {"x" * 9000 + "\x1b[31m": 1}, "damaged: xxxxxxx"),
        (
            lambda config: config | {"labels": ["bad", "good", "ugly"]},
            "the model outputs 2 probabilities, but config.json lists 3 labels",
        ),
        (
            lambda config: config | {"family": "lstmm"},
            "no family of models 'lstmm'; did you mean 'lstm'?",
        ),
        (
            lambda config: config | {"family": "count"},
            "the model has no part 'blocks'; train it again",
        ),
    ],
)
def test_a_config_that_does_not_fit_is_refused(lstm_model, copied, edit, expected):
    folder = copied(lstm_model)
    edit_json(folder, "config.json", edit)
    message = refusal(folder)
    assert message.startswith(str(folder))
    assert expected in message
    assert len(message) < 1000


@pytest.mark.parametrize(
    "edit",
    [
        lambda model: [model],
        lambda model: "model",
        lambda model: {},
        lambda model: model | {"encoder": 3},
        lambda model: model | {"encoder": None},
        lambda model: model | {"encoder": {}},
        lambda model: model | {"pooling": 3},
        lambda model: model | {"pooling": []},
        lambda model: model | {"pooling": [[]]},
        lambda model: model | {"pooling": ["median"]},
        lambda model: model | {"pooling": ["max", "max"]},
        lambda model: model | {"encoder": model["encoder"] | {"words": ["one"]}},
        lambda model: model | {"encoder": model["encoder"] | {"words": [3]}},
        lambda model: model | {"encoder": model["encoder"] | {"max_tokens": 0}},
        lambda model: model | {"encoder": model["encoder"] | {"max_tokens": 1e9}},
        lambda model: model | {"encoder": model["encoder"] | {"tokenizer": "os.system"}},
        lambda model: model | {"encoder": model["encoder"] | {"unknown": 7}},
    ],
)
def test_a_description_that_does_not_fit_is_refused(lstm_model, copied, edit):
    folder = copied(lstm_model)
    edit_json(folder, "model.json", edit)
    assert refusal(folder).startswith(str(folder))


@pytest.mark.parametrize(
    "changes",
    [
        {"embedding": lambda array: None},
        {"embedding": lambda array: array[:-1]},
        {"embedding": lambda array: array.astype(np.float64)},
        {"embedding": lambda array: array.astype(np.int32)},
        {"embedding": lambda array: np.float32(3.0).reshape(())},
        {"embedding": lambda array: array[:, :0]},
        {"embedding": lambda array: array * np.float32(np.nan)},
        {"output__bias": lambda array: np.float32(3.0).reshape(())},
        {"output__bias": lambda array: array + np.float32(np.inf)},
        {"output__bias": lambda array: array + np.float32(3e8)},
        {"output__bias": lambda array: array[:1]},
        {"output__bias": lambda array: np.zeros((2, 2), np.float32)},
        {"output__weights": lambda array: array[:1], "output__bias": lambda array: array[:1]},
        {"output__weights": lambda array: array.T},
        {"output__weights": lambda array: array * np.float32(1e38) * np.float32(100)},
        {"forward__bias": lambda array: None},
        {"forward__bias": lambda array: array[:-1]},
        {"forward__hidden_weights": lambda array: np.float32(3.0).reshape(())},
        {"backward__bias": lambda array: np.zeros(32, np.float32)},
    ],
)
@pytest.mark.filterwarnings("ignore:overflow:RuntimeWarning")
def test_weights_that_do_not_fit_are_refused(lstm_model, copied, changes):
    folder = copied(lstm_model)
    edit_arrays(folder, "weights.safetensors", **changes)
    assert refusal(folder).startswith(str(folder))


@pytest.mark.parametrize(
    "changes",
    [
        {"texts": lambda array: None},
        {"texts": lambda array: array.astype(np.int64)},
        {"texts": lambda array: array[:, None]},
        {"sketches": lambda array: array[:, :5]},
    ],
)
def test_fingerprints_that_do_not_fit_are_refused(count_model, copied, changes):
    folder = copied(count_model)
    edit_arrays(folder, "fingerprints.safetensors", **changes)
    message = refusal(folder, judge(count_model))
    assert message.startswith(f"{folder / 'fingerprints.safetensors'} is damaged: the fingerprints")


def safetensors(header, body=b""):
    text = json.dumps(header).encode() if isinstance(header, dict) else header
    return struct.pack("<Q", len(text)) + text + body


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"\x80\x04\x95",
        struct.pack("<Q", 2**63) + b"{}",
        safetensors(b"{"),
        safetensors({"a": {"dtype": "F32", "shape": [2**40], "data_offsets": [0, 4]}}, b"1234"),
        safetensors({"a": {"dtype": "F32", "shape": [2**62, 8], "data_offsets": [0, 4]}}, b"1234"),
        safetensors({"a": {"dtype": "F32", "shape": [1], "data_offsets": [0, 2**50]}}, b"1234"),
        safetensors({"a": {"dtype": "F32", "shape": [-1], "data_offsets": [0, 4]}}, b"1234"),
        safetensors({"a": {"dtype": "BF16", "shape": [2], "data_offsets": [0, 4]}}, b"1234"),
        safetensors({"a": {"dtype": "F8_E4M3", "shape": [4], "data_offsets": [0, 4]}}, b"1234"),
        safetensors({"a": {"dtype": "OBJECT", "shape": [1], "data_offsets": [0, 4]}}, b"1234"),
    ],
)
def test_an_array_file_of_another_form_is_refused(count_model, copied, content):
    folder = copied(count_model)
    rewrite(folder, "weights.safetensors", content)
    assert refusal(folder).startswith(str(folder))


def test_metrics_of_another_form_are_refused_by_name(count_model, copied):
    folder = copied(count_model)
    edit_json(folder, "metrics.json", lambda metrics: metrics | {"accuracy": "high"})
    assert refusal(folder).startswith(f"{folder / 'metrics.json'} is damaged: accuracy: ")
