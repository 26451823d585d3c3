import errno
import json
import os
import shutil

import pytest

import wordgate
from wordgate.bundle.folder import BundleFolder, check_destination, write_bundle
from wordgate.errors import BundleError
from wordgate.storage import files


def contents(folder):
    return {file.name: file.read_bytes() for file in folder.iterdir()}


def refusal(path, *, overwrite=False):
    with pytest.raises(BundleError) as caught:
        check_destination(path, overwrite=overwrite)
    return str(caught.value)


def test_a_bundle_is_a_folder_of_plain_files(count_model):
    assert set(contents(count_model.folder)) == {
        "README.md",
        "audit.json",
        "config.json",
        "fingerprints.safetensors",
        "manifest.json",
        "metrics.json",
        "model.json",
        "report.html",
        "weights.safetensors",
    }


def test_the_manifest_has_the_size_and_the_hash_of_every_other_file(count_model):
    manifest = json.loads((count_model.folder / "manifest.json").read_text(encoding="utf-8"))
    sizes = {name: len(content) for name, content in contents(count_model.folder).items()}
    assert {name: entry["bytes"] for name, entry in manifest["files"].items()} == {
        name: size for name, size in sizes.items() if name != "manifest.json"
    }


def test_no_text_of_the_data_stands_in_the_bundle(count_model):
    text = count_model.data.read_text(encoding="utf-8").splitlines()[1].split(",")[2]
    assert all(text.encode() not in content for content in contents(count_model.folder).values())


def test_nothing_else_is_left_beside_the_bundle(count_model):
    assert list(count_model.folder.parent.iterdir()) == [count_model.folder]


def test_the_destination_is_refused_where_something_stands(count_model, tmp_path):
    folder = count_model.folder
    assert (
        refusal(folder) == f"{folder} exists; choose another --out, or replace it with --overwrite"
    )
    check_destination(folder, overwrite=True)
    check_destination(tmp_path / "new", overwrite=False)
    assert list(tmp_path.iterdir()) == []


def test_the_destinations_folder_must_exist(tmp_path):
    path = tmp_path / "no" / "model"
    assert refusal(path) == f"there is no folder '{path.parent}' to write the model 'model' into"
    assert refusal("x" * 5000 + "/model").startswith("there is no folder 'xxx")


def test_a_place_that_takes_no_folder_is_refused(tmp_path):
    assert refusal("/proc/model").startswith("the model cannot be written to /proc/model: ")
    path = tmp_path / ("x" * 300)
    assert refusal(path) == f"the model cannot be written to {path}: File name too long"


def test_anything_but_a_bundle_is_never_replaced(tmp_path):
    file, folder, empty = tmp_path / "file", tmp_path / "folder", tmp_path / "empty"
    file.write_text("mine")
    folder.mkdir()
    empty.mkdir()
    (folder / "mine.txt").write_text("mine")
    for path in (file, folder):
        message = f"{path} exists and is not a wordgate model, so it will not be replaced"
        assert refusal(path, overwrite=True) == message
    check_destination(empty, overwrite=True)


def test_a_web_page_with_a_manifest_is_never_replaced(tmp_path):
    (tmp_path / "manifest.json").write_text('{"name": "my app", "icons": []}')
    message = f"{tmp_path} exists and is not a wordgate model, so it will not be replaced"
    assert refusal(tmp_path, overwrite=True) == message


def test_a_bundle_with_a_users_file_in_it_is_never_replaced(count_model, copied):
    folder = copied(count_model)
    (folder / "notes.txt").write_text("mine")
    assert refusal(folder, overwrite=True) == (
        f"{folder} contains 'notes.txt' in addition to a wordgate model, so it will not be replaced"
    )


def test_a_damaged_bundle_may_be_replaced(count_training, copied):
    folder = copied(count_training)
    (folder / "weights.safetensors").write_bytes(b"")
    write_bundle(count_training.training.bundle, folder, overwrite=True)
    assert contents(folder) == contents(count_training.folder)


def test_a_bundle_is_replaced_as_a_whole(count_model, lstm_training, copied):
    folder = copied(count_model)
    write_bundle(lstm_training.training.bundle, folder, overwrite=True)
    assert contents(folder) == contents(lstm_training.folder)
    assert list(folder.parent.iterdir()) == [folder]


def failing(monkeypatch, module, name, *, at_call, error):
    """Let the nth call of a function fail."""
    real, calls = getattr(module, name), []

    def fail(*args, **kwargs):
        calls.append(1)
        if len(calls) == at_call:
            raise error
        return real(*args, **kwargs)

    monkeypatch.setattr(module, name, fail)


FULL = OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))


@pytest.mark.parametrize("at_call", range(1, 9))
@pytest.mark.parametrize("there", [False, True])
def test_a_full_disk_leaves_nothing_new_and_nothing_changed(
    monkeypatch, count_training, lstm_model, tmp_path, at_call, there
):
    path = tmp_path / "model"
    if there:
        shutil.copytree(lstm_model.folder, path)
    failing(monkeypatch, files, "write_synced", at_call=at_call, error=FULL)
    with pytest.raises(BundleError) as caught:
        write_bundle(count_training.training.bundle, path, overwrite=True)
    assert str(caught.value) == f"the model could not be written to {path}: No space left on device"
    assert list(tmp_path.iterdir()) == ([path] if there else [])
    assert not there or contents(path) == contents(lstm_model.folder)


@pytest.fixture
def no_exchange(monkeypatch):
    """Make it a system that can't exchange two names in one step."""
    monkeypatch.setattr(files, "_exchange", lambda one, other: False)


@pytest.mark.parametrize("error", [FULL, KeyboardInterrupt()])
def test_the_older_bundle_stands_if_the_new_one_cant_be_moved_into_its_place(
    monkeypatch, no_exchange, count_training, lstm_model, tmp_path, error
):
    path = tmp_path / "model"
    shutil.copytree(lstm_model.folder, path)
    # The first move takes the older bundle away, the second brings the new one.
    failing(monkeypatch, files.Path, "rename", at_call=2, error=error)
    with pytest.raises((BundleError, KeyboardInterrupt)):
        write_bundle(count_training.training.bundle, path, overwrite=True)
    assert list(tmp_path.iterdir()) == [path]
    assert contents(path) == contents(lstm_model.folder)


def test_without_an_exchange_of_names_a_bundle_is_replaced_all_the_same(
    no_exchange, count_model, lstm_training, copied
):
    folder = copied(count_model)
    write_bundle(lstm_training.training.bundle, folder, overwrite=True)
    assert contents(folder) == contents(lstm_training.folder)
    assert list(folder.parent.iterdir()) == [folder]


def test_the_system_exchanges_two_folders_in_one_step(tmp_path):
    for name in ("one", "other"):
        (tmp_path / name).mkdir()
        (tmp_path / name / name).touch()
    if not files._exchange(tmp_path / "one", tmp_path / "other"):
        pytest.skip("this system cannot, and moves one after the other")
    assert (tmp_path / "one" / "other").exists()
    assert (tmp_path / "other" / "one").exists()
    with pytest.raises(FileNotFoundError):
        files._exchange(tmp_path / "one", tmp_path / "none")


@pytest.fixture
def killed_while_moving(lstm_model, tmp_path):
    """What a kill leaves between the two moves, on a system without an exchange of names."""
    workplace = tmp_path / ".model.new"
    workplace.mkdir()
    shutil.copytree(lstm_model.folder, workplace / "old")
    (workplace / "new").mkdir()
    return tmp_path / "model"


def test_a_bundle_that_a_kill_left_aside_is_brought_back(
    killed_while_moving, count_training, lstm_model
):
    path = killed_while_moving
    assert refusal(path).startswith(f"{path} exists; ")
    assert contents(path) == contents(lstm_model.folder)
    write_bundle(count_training.training.bundle, path, overwrite=True)
    assert contents(path) == contents(count_training.folder)
    assert list(path.parent.iterdir()) == [path]


def test_a_hidden_folder_of_somebody_elses_is_left_alone(count_training, tmp_path):
    (tmp_path / ".model.new").mkdir()
    (tmp_path / ".model.new" / "mine.txt").touch()
    with pytest.raises(BundleError, match=r"could not be written to .*model: File exists$"):
        write_bundle(count_training.training.bundle, tmp_path / "model")
    assert (tmp_path / ".model.new" / "mine.txt").exists()


def test_a_link_to_nowhere_is_something_that_exists(tmp_path):
    path = tmp_path / "link"
    path.symlink_to(tmp_path / "nowhere")
    assert refusal(path).startswith(f"{path} exists; ")


def test_training_refuses_a_bad_destination_before_it_reads_anything(tmp_path):
    (tmp_path / "file").write_text("mine")
    with pytest.raises(BundleError, match="exists; choose another --out"):
        wordgate.train("no such file.csv", out=tmp_path / "file")


def test_a_bundle_without_metrics_has_a_card_that_says_so(count_training, tmp_path):
    from dataclasses import replace

    write_bundle(replace(count_training.training.bundle, metrics=None), tmp_path / "m")
    assert (
        "The model has not been evaluated on test rows."
        in (tmp_path / "m" / "README.md").read_text()
    )
    assert BundleFolder.open(tmp_path / "m").metrics() is None


def test_the_card_shows_the_scores(count_model):
    card = (count_model.folder / "README.md").read_text(encoding="utf-8")
    metrics = count_model.metrics
    assert "It assigns one of 2 labels to a text: `bad`, `good`." in card
    assert f"| accuracy | {metrics.accuracy:.3f} |" in card
    assert f"- source: {count_model.data}\n- rows: 300\n- text: text\n" in card
    assert metrics.split.reason in card
