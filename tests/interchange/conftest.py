"""Files that Keras saved, to import and to damage."""

import io
import json
import zipfile
from pathlib import Path

import pytest

FIXTURES = Path(__file__).parent / "fixtures"


@pytest.fixture
def fixtures():
    """The folder of what real Keras saved."""
    return FIXTURES


@pytest.fixture
def expected():
    """The texts that are not empty, and each model's probabilities for them by Keras."""
    recorded = json.loads((FIXTURES / "expected.json").read_text(encoding="ascii"))
    kept = [place for place, text in enumerate(recorded["texts"]) if text.strip()]
    return {name: [rows[place] for place in kept] for name, rows in recorded.items()}


@pytest.fixture
def rewritten(tmp_path):
    """Copy a recorded .keras file with members changed; None as content leaves a member out."""

    def rewrite(changes, source="notebook.keras", compression=zipfile.ZIP_STORED):
        target = tmp_path / "changed.keras"
        with (
            zipfile.ZipFile(FIXTURES / source) as old,
            zipfile.ZipFile(target, "w", compression) as new,
        ):
            for name in {**dict.fromkeys(old.namelist()), **changes}:
                content = changes.get(name, b"") if name in changes else old.read(name)
                if content is not None:
                    new.writestr(name, content)
        return target

    return rewrite


@pytest.fixture
def reconfigured(rewritten):
    """Copy a recorded .keras file with its config.json changed in place by a function."""

    def change(edit, source="notebook.keras"):
        with zipfile.ZipFile(FIXTURES / source) as archive:
            config = json.loads(archive.read("config.json"))
        edit(config)
        return rewritten({"config.json": json.dumps(config).encode()}, source)

    return change


@pytest.fixture
def reweighted(rewritten, tmp_path):
    """Copy a recorded .keras file with its HDF5 file changed in place by a function."""
    h5py = pytest.importorskip("h5py")

    def change(edit, source="notebook.keras"):
        with zipfile.ZipFile(FIXTURES / source) as archive:
            weights = io.BytesIO(archive.read("model.weights.h5"))
        with h5py.File(weights, "r+") as file:
            edit(file)
        return rewritten({"model.weights.h5": weights.getvalue()}, source)

    return change


@pytest.fixture
def retokenized(tmp_path):
    """Copy the recorded tokenizer.json with fields of its config changed."""

    def change(source="tokenizer.json", **fields):
        content = json.loads((FIXTURES / source).read_text(encoding="ascii"))
        content["config"].update(fields)
        target = tmp_path / "changed.json"
        target.write_text(json.dumps(content), encoding="ascii")
        return target

    return change
