"""Files that are made to run code, under their own names and under ours: none of it runs.

Each weapon, opened by the library it is made for, touches a canary; opened by wordgate it ends in a
sentence, whatever it is given out for.
"""

import base64
import gzip
import hashlib
import importlib
import io
import json
import marshal
import os
import pickle
import shlex
import shutil
import subprocess
import sys
import tarfile
import zipfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from types import FunctionType

import numpy as np
import pyarrow as pa
import pytest
from pyarrow import parquet

import wordgate
from wordgate.data import read_table
from wordgate.errors import WordgateError
from wordgate.runtime.progress import Silent
from wordgate.scoring import partial_output
from wordgate.tables.source import UNPACKED_AT_LEAST
from wordgate.vectors.formats import open_vectors

FIXTURES = Path(__file__).parents[1] / "interchange" / "fixtures"


def shell(payload):
    return f"touch {shlex.quote(str(payload.canary))}"


def python(payload):
    return f"__import__('pathlib').Path({str(payload.canary)!r}).touch()"


def jinja(payload):
    return f"{{{{ cycler.__init__.__globals__.os.system({shell(payload)!r}) }}}}"


def pickled(protocol):
    return lambda payload: pickle.dumps(payload, protocol)


def pickled_by_joblib(payload):
    joblib = pytest.importorskip("joblib")
    stream = io.BytesIO()
    joblib.dump(payload, stream)
    return stream.getvalue()


def numpy_objects(payload):
    stream = io.BytesIO()
    np.save(stream, np.array([payload], object), allow_pickle=True)
    return stream.getvalue()


def numpy_archive(payload):
    stream = io.BytesIO()
    np.savez(stream, vectors=np.array([payload], object))
    return stream.getvalue()


def saved_by_torch(payload, **options):
    torch = pytest.importorskip("torch")
    stream = io.BytesIO()
    torch.save(payload, stream, **options)
    return stream.getvalue()


def saved_by_old_torch(payload):
    return saved_by_torch(payload, _use_new_zipfile_serialization=False)


def keras_lambda(payload):
    """Give a layer of compiled code, as Keras writes a lambda."""
    function = compile(f"lambda x: {python(payload)}", "<lambda>", "eval").co_consts[0]
    code = base64.b64encode(marshal.dumps(function)).decode()
    config = {"code": code, "defaults": None, "closure": None}
    return {
        "module": "keras.layers", "class_name": "Lambda", "registered_name": None,
        "config": {"name": "lambda", "function": {"class_name": "__lambda__", "config": config}},
    }  # fmt: skip


def keras_call(payload):
    """Give a layer that is a call of the system."""
    return {
        "module": "os", "class_name": "function", "registered_name": "function",
        "config": "system", "name": "call",
        "inbound_nodes": [{"args": [shell(payload)], "kwargs": {}}],
    }  # fmt: skip


def keras_model(layer):
    entry = {
        "module": "keras.layers", "class_name": "InputLayer", "registered_name": None, "name": "in",
        "config": {"batch_shape": [None, 3], "dtype": "float32", "name": "in"},
        "inbound_nodes": [],
    }  # fmt: skip
    config = {"name": "model", "layers": [entry, layer]}
    if layer["class_name"] != "function":
        return {
            "module": "keras",
            "class_name": "Sequential",
            "registered_name": None,
            "config": config,
        }
    ends = {"input_layers": [["in", 0, 0]], "output_layers": [["in", 0, 0]]}
    return {
        "module": "keras.src.models.functional", "class_name": "Functional",
        "registered_name": "Functional", "config": {**config, **ends},
    }  # fmt: skip


def keras_archive(layer):
    def make(payload):
        return archive_with("config.json", json.dumps(keras_model(layer(payload))).encode())

    return make


def archive_with(name, content):
    """Copy a .keras file with a member in another's place; all is packed."""
    stream = io.BytesIO()
    with (
        zipfile.ZipFile(FIXTURES / "notebook.keras") as old,
        zipfile.ZipFile(stream, "w", zipfile.ZIP_DEFLATED, compresslevel=1) as new,
    ):
        for other in old.namelist():
            new.writestr(other, content if other == name else old.read(other))
    return stream.getvalue()


def hdf5(**attributes):
    h5py = pytest.importorskip("h5py")
    stream = io.BytesIO()
    with h5py.File(stream, "w") as file:
        file.attrs.update(attributes)
        file["outside"] = h5py.ExternalLink("/etc/passwd", "/")
        file.create_group("model_weights").attrs["layer_names"] = []
    return stream.getvalue()


def hdf5_model(payload):
    """Make a file of a model as Keras wrote them before 3."""
    config = keras_model(keras_lambda(payload))["config"]
    layers = [{key: layer[key] for key in ("class_name", "config")} for layer in config["layers"]]
    model = {"class_name": "Sequential", "config": {**config, "layers": layers}}
    return hdf5(model_config=json.dumps(model), keras_version="3.8.0")


def hdf5_pickle(payload):
    return hdf5(pickle=np.void(pickle.dumps(payload)))


def outside(payload):
    """Name the canary so that a folder before the name is left again, from wherever it is."""
    return "../" * 40 + str(payload.canary).lstrip("/")


def zip_of_names(payload):
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w") as archive:
        archive.writestr(outside(payload), "")
    return stream.getvalue()


def tar_of_names(payload):
    stream = io.BytesIO()
    with tarfile.open(fileobj=stream, mode="w:gz") as archive:
        archive.addfile(tarfile.TarInfo(outside(payload)))
    return stream.getvalue()


def onnx_model(payload):
    """Make a model whose only tensor is said to stand in the file of the canary."""
    onnx = pytest.importorskip("onnx")
    tensor = onnx.helper.make_tensor("w", onnx.TensorProto.FLOAT, [1], [0.0])
    tensor.data_location = onnx.TensorProto.EXTERNAL
    for key, value in (("location", outside(payload)), ("offset", "0"), ("length", "4")):
        entry = tensor.external_data.add()
        entry.key, entry.value = key, value
    graph = onnx.helper.make_graph([], "graph", [], [], [tensor])
    return onnx.helper.make_model(graph).SerializeToString()


def parquet_of_an_old_type(payload):
    """Make a table with a column of a type that is itself a pickle."""
    field = pa.field("text", pa.string(), metadata={
        "ARROW:extension:name": "arrow.py_extension_type",
        "ARROW:extension:metadata": pickle.dumps(payload),
    })  # fmt: skip
    stream = pa.BufferOutputStream()
    parquet.write_table(pa.table([["We love it"]], schema=pa.schema([field])), stream)
    return stream.getvalue().to_pybytes()


# What loads them without a thought: given the bytes, and a folder to work in.


def load_numpy(content, folder):
    loaded = np.load(io.BytesIO(content), allow_pickle=True)
    return loaded if isinstance(loaded, np.ndarray) else loaded["vectors"]


def load_joblib(content, folder):
    return pytest.importorskip("joblib").load(io.BytesIO(content))


def load_torch(content, folder):
    return pytest.importorskip("torch").load(io.BytesIO(content), weights_only=False)


def build_keras(config, folder):
    """Do with a model's last layer what Keras does.

    Keras is not installed here. `marshal` and `FunctionType` are what its `func_load` consists of,
    and Keras 3.8 touches the canary: by the call, and by the lambda in an .h5 file, whatever its
    `safe_mode`; by the lambda in a .keras file without it.
    """
    layer = json.loads(config)["config"]["layers"][-1]
    if layer["class_name"] == "function":
        (node,) = layer["inbound_nodes"]
        return getattr(importlib.import_module(layer["module"]), layer["config"])(*node["args"])
    code = base64.b64decode(layer["config"]["function"]["config"]["code"])
    return FunctionType(marshal.loads(code), globals())(None)


def load_keras(content, folder):
    with zipfile.ZipFile(io.BytesIO(content)) as archive:
        return build_keras(archive.read("config.json"), folder)


def attribute_of_hdf5(name):
    def read(content):
        with pytest.importorskip("h5py").File(io.BytesIO(content)) as file:
            value = file.attrs[name]
            return value.tobytes() if isinstance(value, np.void) else value

    return read


def load_hdf5_model(content, folder):
    return build_keras(attribute_of_hdf5("model_config")(content), folder)


def load_hdf5_pickle(content, folder):
    """Do with an attribute what PyTables does, which is not installed: it unpickles it."""
    return pickle.loads(attribute_of_hdf5("pickle")(content))


def unzip(content, folder):
    """Unpack by joining names, as many programs do; Python's `zipfile` leaves the dots out."""
    with zipfile.ZipFile(io.BytesIO(content)) as archive:
        for name in archive.namelist():
            (folder / name).write_bytes(archive.read(name))


def untar(content, folder):
    with tarfile.open(fileobj=io.BytesIO(content)) as archive:
        archive.extraction_filter = lambda member, folder: member  # the rule before Python 3.14
        archive.extractall(folder)


def load_arrow(content, folder):
    """Do with a column's type what pyarrow did before 14.0.1: it unpickled it."""
    metadata = parquet.read_schema(pa.BufferReader(content)).field("text").metadata
    return pickle.loads(metadata[b"ARROW:extension:metadata"])


def load_yaml(content, folder):
    return pytest.importorskip("yaml").unsafe_load(content)


def render(content, folder):
    return pytest.importorskip("jinja2").Template(content.decode()).render()


@dataclass(frozen=True)
class Weapon:
    """Bytes that touch a canary, loaded by what they are made for.

    Attributes:
        make: Makes them, given the object that touches the canary when it is unpickled.
        load: Loads them, given a folder to work in.
    """

    make: Callable[[object], bytes]
    load: Callable[[bytes, Path], object]


WEAPONS = {
    **{f"pickle {protocol}": Weapon(pickled(protocol), lambda content, _: pickle.loads(content))
       for protocol in (0, 1, 2, 4, 5)},
    "joblib": Weapon(pickled_by_joblib, load_joblib),
    ".npy": Weapon(numpy_objects, load_numpy),
    ".npz": Weapon(numpy_archive, load_numpy),
    ".pt": Weapon(saved_by_torch, load_torch),
    "old .pt": Weapon(saved_by_old_torch, load_torch),
    ".keras with a lambda": Weapon(keras_archive(keras_lambda), load_keras),
    ".keras with a system call": Weapon(keras_archive(keras_call), load_keras),
    ".h5 with a lambda": Weapon(hdf5_model, load_hdf5_model),
    ".h5 with a pickle": Weapon(hdf5_pickle, load_hdf5_pickle),
    ".parquet": Weapon(parquet_of_an_old_type, load_arrow),
    ".zip": Weapon(zip_of_names, unzip),
    ".tar.gz": Weapon(tar_of_names, untar),
    "python": Weapon(lambda payload: python(payload).encode(), lambda content, _: exec(content)),
    "shell": Weapon(lambda payload: f"#!/bin/sh\n{shell(payload)}\n".encode(),
                    lambda content, _: subprocess.run(["sh"], input=content, check=True)),
    "yaml": Weapon(
        lambda payload: f"!!python/object/apply:os.system [{json.dumps(shell(payload))}]".encode(),
        load_yaml),
    "jinja": Weapon(lambda payload: jinja(payload).encode(), render),
}  # fmt: skip


class Kit:
    """What a weapon is tried on.

    Attributes:
        folder: Where it works.
        bundle: A bundle that is whole.
        data: A table that is whole.
    """

    def __init__(self, folder, kept):
        self.folder, self.bundle, self.data = folder, kept.folder, kept.data

    def file(self, name, content):
        file = self.folder / name
        file.write_bytes(content)
        return file

    def bundle_with(self, name, content):
        """Copy the bundle with a file in another's place, and hashes that agree."""
        copy = self.folder / "bundle"
        shutil.rmtree(copy, ignore_errors=True)
        shutil.copytree(self.bundle, copy)
        (copy / name).write_bytes(content)
        manifest = json.loads((self.bundle / "manifest.json").read_bytes())
        manifest["files"][name] = {
            "bytes": len(content), "sha256": hashlib.sha256(content).hexdigest()
        }  # fmt: skip
        if name != "manifest.json":
            (copy / "manifest.json").write_text(json.dumps(manifest))
        return copy

    def train(self, **options):
        wordgate.train(
            self.data, out=self.folder / "model", progress=Silent(),
            **{"settings": {"text.min_groups": 1, "lstm.epochs": 1}, **options},
        )  # fmt: skip

    def resumed(self, content):
        self.file("model.checkpoint", content)
        self.train(resume=True)

    def rescored(self, content, old=None):
        """Resume a scoring by its state, where an older result stands or none."""
        out = self.folder / "out.csv"
        kept = partial_output.PartialOutput(out, 0.0)
        kept.folder.mkdir(exist_ok=True)
        kept.state.write_bytes(content)
        kept.rows.touch()
        if old is not None:
            out.write_bytes(old)
        try:
            wordgate.score(self.bundle, self.data, out, resume=True, progress=Silent())
        finally:
            assert (out.read_bytes() if out.exists() else None) == old
            out.unlink(missing_ok=True)

    def imported(self, model, tokenizer):
        wordgate.import_keras(model, tokenizer, labels=["a", "b", "c"])


def data_names(suffix):
    return lambda kit, content: read_table(kit.file(f"data{suffix}", content))


USES = {
    **{f"data{suffix}": data_names(suffix) for suffix in
       (".csv", ".jsonl", ".parquet", ".csv.gz", ".pkl", ".h5", "")},
    "a bundle": lambda kit, content: wordgate.load(kit.file("model.pkl", content)),
    **{name: lambda kit, content, name=name: wordgate.load(kit.bundle_with(name, content))
       for name in ("config.json", "model.json", "weights.safetensors", "manifest.json",
                    "metrics.json")},
    "fingerprints.safetensors": lambda kit, content: wordgate.evaluate(
        kit.bundle_with("fingerprints.safetensors", content), kit.data),
    "vectors": lambda kit, content: list(open_vectors(kit.file("vectors.bin", content)).batches()),
    "vectors.safetensors": lambda kit, content: list(
        open_vectors(kit.file("vectors.safetensors", content)).batches()),
    "a checkpoint": lambda kit, content: kit.resumed(content),
    "a scoring's state": lambda kit, content: kit.rescored(content),
    "a scoring's state beside a result": lambda kit, content: kit.rescored(content, b"old"),
    "a recipe": lambda kit, content: kit.train(recipe=kit.file("recipe.toml", content)),
    "model.keras": lambda kit, content: kit.imported(
        kit.file("model.keras", content), FIXTURES / "tokenizer.json"),
    "tokenizer.json": lambda kit, content: kit.imported(
        FIXTURES / "notebook.keras", kit.file("tokenizer.json", content)),
}  # fmt: skip


SLOW_USES = (
    "a checkpoint", "fingerprints.safetensors", "a scoring's state",
    "a scoring's state beside a result",
)  # fmt: skip


@pytest.mark.parametrize("weapon", WEAPONS)
def test_no_weapon_runs_and_each_ends_in_a_sentence(
    weapon, payload, canary, tmp_path, count_model, how_many, found
):
    content = WEAPONS[weapon].make(payload)
    left_out = () if weapon in ("pickle 4", ".pt") else how_many(SLOW_USES, ())
    used = [name for name in USES if name not in left_out]
    check_refused(content, used, Kit(tmp_path, count_model), canary)
    found(f"malicious file: {weapon}", f"no canary touched as {len(used)} kinds of files")


def check_refused(content, names, kit, canary):
    for name in names:
        with pytest.raises(WordgateError) as refused:
            USES[name](kit, content)
        assert str(refused.value)
        assert not canary.exists()


@pytest.mark.parametrize("weapon", WEAPONS)
def test_the_malicious_files_work(weapon, payload, canary, tmp_path):
    """Else the test above would say nothing."""
    content = WEAPONS[weapon].make(payload)
    assert not canary.exists()
    WEAPONS[weapon].load(content, tmp_path)
    assert canary.exists()


def test_a_model_that_leads_out_of_its_folder_is_not_followed(payload, tmp_path, count_model):
    content = onnx_model(payload)
    used = [name for name in USES if name not in SLOW_USES]
    check_refused(content, used, Kit(tmp_path, count_model), payload.canary)
    # Who joins the two names, as onnx did before 1.16, reads what stands outside.
    payload.canary.write_bytes(b"mine")
    onnx = pytest.importorskip("onnx")
    (tensor,) = onnx.load_model_from_string(content).graph.initializer
    (location,) = [entry.value for entry in tensor.external_data if entry.key == "location"]
    assert (tmp_path / location).read_bytes() == b"mine"


# Files that unpack to much more than they are.

OPEN = """
import json, re, sys, time
from pathlib import Path
import wordgate
from wordgate.data import read_table
from wordgate.vectors.formats import open_vectors

tokenizer, *files = sys.argv[1:]
opening = {
    "table": read_table,
    "bundle": wordgate.load,
    "vectors": lambda file: list(open_vectors(file).batches()),
    "keras": lambda file: wordgate.import_keras(file, tokenizer, labels=["a", "b", "c"]),
}

def peak_mb():  # ru_maxrss begins with what the parent had
    return int(re.search(r"VmHWM:\\s+(\\d+)", Path("/proc/self/status").read_text())[1]) * 1.024e-3

wordgate.import_keras(files.pop(0), tokenizer, labels=["a", "b", "c"])  # a file that is whole
read_table(files.pop(0))
before = peak_mb()
for file in map(Path, files):
    for what, open_it in opening.items():
        began = time.process_time()
        try:
            open_it(file)
            refused = None
        except wordgate.WordgateError as error:
            refused = str(error)
        report = [file.name, what, refused, time.process_time() - began, peak_mb() - before]
        print(json.dumps(report), flush=True)
"""
UNPACKED = 2**26


def zip_bomb(name, *, claims=UNPACKED):
    content = archive_with(name, bytes(UNPACKED))
    return content.replace(UNPACKED.to_bytes(4, "little"), claims.to_bytes(4, "little"))


BOMBS = {
    "metadata.keras": lambda: zip_bomb("metadata.json"),
    "config.keras": lambda: zip_bomb("config.json"),
    "weights.keras": lambda: zip_bomb("model.weights.h5"),
    "lie.keras": lambda: zip_bomb("config.json", claims=1000),
    "data.csv.gz": lambda: gzip.compress(bytes(2**20)) * (4 * UNPACKED // 2**20),
}


def unpacked_size(file):
    """Say how large a bomb is, unpacked by who trusts it."""
    if file.suffix == ".gz":
        with gzip.open(file) as stream:
            return sum(map(len, iter(lambda: stream.read(2**20), b"")))
    with zipfile.ZipFile(file) as archive:
        return max(len(archive.read(name)) for name in archive.namelist())


@pytest.mark.skipif(
    not os.path.exists("/proc/self/status"), reason="reads the peak of memory there"
)
def test_bombs_take_neither_time_nor_memory(tmp_path, reviews, found):
    files = [tmp_path / name for name in BOMBS]
    for file in files:
        file.write_bytes(BOMBS[file.name]())
        assert file.stat().st_size < 1e6
        assert file.name == "lie.keras" or unpacked_size(file) >= UNPACKED
    whole = [FIXTURES / "tokenizer.json", FIXTURES / "notebook.keras", reviews]
    command = [sys.executable, "-c", OPEN, *map(str, [*whole, *files])]
    ended = subprocess.run(command, capture_output=True, text=True, check=False)
    assert (ended.returncode, ended.stderr) == (0, "")
    reports = [json.loads(line) for line in ended.stdout.splitlines()]
    assert len(reports) == 4 * len(BOMBS)
    for name, what, refused, seconds, more_mb in reports:
        assert refused, (name, what)
        if what == "keras" and name.endswith(".keras"):
            assert "claims 67,108,864 bytes" in refused or "Bad CRC-32" in refused
        if what == "table" and name.endswith(".gz"):
            assert f"unpacks to more than {UNPACKED_AT_LEAST:,} bytes" in refused
        assert seconds < 2, (name, what)
        # Any packed table may unpack to some bytes.
        most = 1.5 * UNPACKED_AT_LEAST if name.endswith(".gz") else UNPACKED / 2
        assert more_mb < most / 1e6, (name, what)
    slowest, largest = (max(report[place] for report in reports) for place in (3, 4))
    found("bombs of under 1 MB", f"refused in {slowest:.2f} s at most, by {largest:.0f} MB more")


@pytest.mark.parametrize("name", ["../outside.json", "/etc/passwd", "a/../../outside"])
def test_names_in_a_config_lead_nowhere(name, tmp_path, count_model):
    """A config tells the names of files; nothing opens them."""
    kit = Kit(tmp_path, count_model)
    (tmp_path / "outside.json").mkdir()  # opening it would fail
    config = json.loads((count_model.folder / "config.json").read_bytes())
    config |= {"vectors": name, "recipe": name}
    config["data"]["source"] = name
    folder = kit.bundle_with("config.json", json.dumps(config).encode())
    assert wordgate.load(folder).predict(["We love it"]) == ["good"]
    wordgate.evaluate(folder, count_model.data)
