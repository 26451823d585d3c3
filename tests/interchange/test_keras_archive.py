"""Damaged and malicious files: one message each, and no memory for declared sizes."""

import json
import os
import tracemalloc
import zipfile

import pytest

import wordgate
from wordgate.interchange import keras_files

RESAVE = "load it in Keras 3 and save it with model.save('model.keras')"


@pytest.fixture
def refusal(fixtures):
    """Import a file with the right tokenizer and labels; give the message without the file."""

    def message(model):
        with pytest.raises(wordgate.BundleError) as caught:
            wordgate.import_keras(model, fixtures / "tokenizer.json", labels=["a", "b", "c"])
        assert str(caught.value).startswith(f"{model}: ")
        return str(caught.value).removeprefix(f"{model}: ")

    return message


def test_files_that_are_not_of_keras_are_refused(refusal, fixtures, tmp_path):
    file = tmp_path / "model.keras"
    assert refusal(file) == "there is no such file"
    with pytest.raises(wordgate.BundleError, match=r"\.\.\.: there is no such file$"):
        wordgate.import_keras("m" * 5000, fixtures / "tokenizer.json", labels=["a", "b"])
    assert refusal(tmp_path) == f"this is a folder, not a .keras file; {RESAVE}"
    not_a_zip = "this is not a .keras file (a zip archive), or it is truncated"
    for content in (b"", b"PK", b"text,label\n" * 100):
        file.write_bytes(content)
        assert refusal(file) == not_a_zip


def test_an_older_hdf5_file_is_known_by_its_first_bytes(refusal, tmp_path):
    h5py = pytest.importorskip("h5py")
    file = tmp_path / "model.h5"
    with h5py.File(file, "w") as content:
        content.attrs["model_config"] = "{}"
    assert refusal(file) == f"this is an HDF5 file, the older format of Keras; {RESAVE}"


@pytest.mark.parametrize("name", ["metadata.json", "config.json", "model.weights.h5"])
def test_a_member_that_is_missing(refusal, rewritten, name):
    assert refusal(rewritten({name: None})) == (
        f"this is not a model saved by Keras 3: there is no {name} in it"
    )


@pytest.mark.parametrize("name", ["metadata.json", "config.json"])
def test_a_member_that_is_not_a_json_object(refusal, rewritten, name):
    assert refusal(rewritten({name: b"import os"})) == (
        f"{name} in it is not JSON (Expecting value: line 1 column 1 (char 0))"
    )
    assert refusal(rewritten({name: b"[1, 2]"})) == (
        f"{name} in it is not a JSON object but [1, 2]"
    )
    assert refusal(rewritten({name: b"\xff\xfe\xff"})).startswith(f"{name} in it is not JSON (")
    assert refusal(rewritten({name: b"[" * 100_000})).startswith(f"{name} in it is not JSON (")


def test_the_version_of_keras(refusal, rewritten):
    def of(version):
        return refusal(rewritten({"metadata.json": json.dumps({"keras_version": version})}))

    assert of("2.15.0") == f"it was saved by Keras 2.15.0, and only Keras 3 is supported; {RESAVE}"
    assert of("4.0.0") == f"it was saved by Keras 4.0.0, and only Keras 3 is supported; {RESAVE}"
    assert of(None) == "metadata.json has the keras_version None, which is not a version"
    assert of("3\n\x1b[31m") == (
        r"metadata.json has the keras_version '3\n\x1b[31m', which is not a version"
    )


def test_a_member_that_stands_there_twice(refusal, rewritten):
    model = rewritten({})
    with pytest.warns(UserWarning, match="Duplicate name"), zipfile.ZipFile(model, "a") as archive:
        archive.writestr("config.json", b"{}")
    assert refusal(model) == "the file is damaged: it contains config.json 2 times"


def test_members_with_paths_are_never_unpacked(fixtures, rewritten, tmp_path):
    model = rewritten({"../escaped.txt": b"x", "/escaped.txt": b"x", "assets/a": b"x"})
    wordgate.import_keras(model, fixtures / "tokenizer.json", labels=["a", "b", "c"])
    assert list(tmp_path.iterdir()) == [model]


def test_a_file_that_was_zipped_again_is_read(fixtures, rewritten, expected):
    model = rewritten({}, compression=zipfile.ZIP_DEFLATED)
    imported = wordgate.import_keras(model, fixtures / "tokenizer.json", labels=["a", "b", "c"])
    assert abs(imported.predict_proba(expected["texts"]) - expected["notebook"]).max() < 1e-6


def test_packing_that_keras_never_does_is_refused(refusal, rewritten):
    expected = "metadata.json in it is encrypted or packed in a way that Keras never does"
    assert refusal(rewritten({}, compression=zipfile.ZIP_LZMA)) == expected
    model = rewritten({})
    content = bytearray(model.read_bytes())
    content[content.index(b"PK\x01\x02") + 8] |= 1  # the flag of encryption, in the directory
    model.write_bytes(content)
    assert refusal(model) == expected


def test_zip_bombs_are_refused_before_they_are_unpacked(refusal, rewritten):
    bomb = rewritten({"model.weights.h5": bytes(2**24)}, compression=zipfile.ZIP_DEFLATED)
    assert bomb.stat().st_size < 50_000
    assert refusal(bomb).startswith("model.weights.h5 in it claims 16,777,216 bytes from 16,3")
    assert refusal(bomb).endswith(" compressed bytes, like a zip bomb")
    config = rewritten({"config.json": b" " * (2**24 + 1)})
    assert refusal(config) == (
        "config.json in it claims 16,777,217 bytes; the maximum is 16,777,216"
    )


def test_a_false_size_is_detected(refusal, rewritten):
    model = rewritten({})
    content = bytearray(model.read_bytes())
    entry = content.rindex(b"PK\x01\x02")  # the weights, the last in the directory
    size = int.from_bytes(content[entry + 24 : entry + 28], "little")
    content[entry + 24 : entry + 28] = (size + 1000).to_bytes(4, "little")
    model.write_bytes(content)
    assert refusal(model).startswith("the file is damaged: ")


def test_a_directory_that_leads_nowhere_is_damage(refusal, rewritten):
    model = rewritten({})
    content = bytearray(model.read_bytes())
    end = content.rindex(b"PK\x05\x06")
    content[end + 16 : end + 20] = (2**32 - 2).to_bytes(4, "little")  # where the directory begins
    model.write_bytes(content)
    assert refusal(model).startswith(("the file is damaged: ", "the file cannot be unpacked: "))


def test_the_limit_holds_for_what_is_unpacked(refusal, rewritten, monkeypatch):
    monkeypatch.setitem(keras_files.LIMITS, "model.weights.h5", 10_000)
    assert refusal(rewritten({})).endswith(" bytes; the maximum is 10,000")


def test_a_file_cut_anywhere_is_refused(refusal, fixtures, tmp_path):
    content = (fixtures / "notebook.keras").read_bytes()
    file = tmp_path / "cut.keras"
    for end in (*range(0, len(content), 997), *range(len(content) - 40, len(content))):
        file.write_bytes(content[:end])
        assert refusal(file)


def test_weights_cut_anywhere_are_refused(refusal, rewritten, fixtures):
    with zipfile.ZipFile(fixtures / "notebook.keras") as archive:
        weights = archive.read("model.weights.h5")
    for end in range(0, len(weights), 1499):
        assert "weights" in refusal(rewritten({"model.weights.h5": weights[:end]}))


def test_any_byte_changed_is_refused_or_changes_nothing_but_values(rewritten, fixtures):
    """What the zip's checksums don't guard: HDF5 read whole, with single bytes changed."""
    with zipfile.ZipFile(fixtures / "notebook.keras") as archive:
        weights = archive.read("model.weights.h5")
    outcomes = set()
    for place in range(0, len(weights), 211):
        changed = bytearray(weights)
        changed[place] ^= 0xFF
        model = rewritten({"model.weights.h5": bytes(changed)})
        try:
            wordgate.import_keras(model, fixtures / "tokenizer.json", labels=["a", "b", "c"])
            outcomes.add("read")
        except wordgate.BundleError:
            outcomes.add("refused")
    assert outcomes == {"read", "refused"}


def test_a_broken_input_leaves_no_files_behind(refusal, rewritten, tmp_path, monkeypatch):
    monkeypatch.setenv("TMPDIR", str(tmp_path))
    model = rewritten({"model.weights.h5": b"no HDF5"})
    assert refusal(model) == "the weights are not an HDF5 file"
    assert os.listdir(tmp_path) == ["changed.keras"]


def test_a_declared_size_allocates_no_memory(refusal, reweighted):
    def claim(file):
        del file["layers/embedding/vars/0"]
        file["layers/embedding/vars"].create_dataset("0", (30, 2**40), "f4")

    model = reweighted(claim)
    tracemalloc.start()
    message = refusal(model)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert message == (
        "the weights at 'layers/embedding/vars/0' are float32 [30, 1099511627776]; they must be"
        " float32 [30, 6]"
    )
    assert peak < 2**24
