"""Files made to run code, under their own names and under ours: none of it runs.

Each weapon, opened by the library it is made for, touches a canary; opened by wordgate it ends in a
sentence, whatever it is given out for.
"""

import ast
import contextlib
import hashlib
import io
import json
import pickle
import shutil
import zipfile
from pathlib import Path

import numpy as np
import pytest

import wordgate
from wordgate.data import read_table
from wordgate.errors import WordgateError
from wordgate.progress import Silent
from wordgate.scoring import keeping
from wordgate.vectors.reading import open_vectors

FIXTURES = Path(__file__).parents[1] / "interchange" / "fixtures"
SOURCE = Path(wordgate.__file__).parent


class Payload:
    """Touches the canary when it is unpickled."""

    def __init__(self, canary):
        self.canary = canary

    def __reduce__(self):
        return Path.touch, (self.canary,)


def pickled(protocol):
    return lambda canary: pickle.dumps(Payload(canary), protocol)


def pickled_by_joblib(canary):
    joblib = pytest.importorskip("joblib")
    stream = io.BytesIO()
    joblib.dump(Payload(canary), stream)
    return stream.getvalue()


def numpy_objects(canary):
    stream = io.BytesIO()
    np.save(stream, np.array([Payload(canary)], object), allow_pickle=True)
    return stream.getvalue()


def numpy_archive(canary):
    stream = io.BytesIO()
    np.savez(stream, vectors=np.array([Payload(canary)], object))
    return stream.getvalue()


def saved_by_torch(canary):
    torch = pytest.importorskip("torch")
    stream = io.BytesIO()
    torch.save(Payload(canary), stream)
    return stream.getvalue()


def saved_by_old_torch(canary):
    torch = pytest.importorskip("torch")
    stream = io.BytesIO()
    torch.save(Payload(canary), stream, _use_new_zipfile_serialization=False)
    return stream.getvalue()


LAMBDA = {
    "module": "keras.layers", "class_name": "Lambda", "registered_name": None,
    "config": {"name": "lambda", "function": {
        "class_name": "__lambda__", "config": {"code": "4wEAAAA=", "defaults": None}}},
}  # fmt: skip
SYSTEM = {"module": "os", "class_name": "system", "registered_name": None, "config": {}}


def keras_archive(layer):
    """Make a .keras file whose layers are code, or a call of the system."""

    def make(canary):
        layer_here = json.loads(json.dumps(layer))
        layer_here["config"]["command"] = f"touch {canary}"
        config = {"module": "keras", "class_name": "Sequential", "config": {"layers": [layer_here]}}
        stream = io.BytesIO()
        with (
            zipfile.ZipFile(FIXTURES / "notebook.keras") as old,
            zipfile.ZipFile(stream, "w") as new,
        ):
            for name in old.namelist():
                own = json.dumps(config) if name == "config.json" else old.read(name)
                new.writestr(name, own)
            new.writestr("../escaped", f"touch {canary}")
        return stream.getvalue()

    return make


def hdf5(canary):
    h5py = pytest.importorskip("h5py")
    stream = io.BytesIO()
    with h5py.File(stream, "w") as file:
        file.attrs["model_config"] = json.dumps({"class_name": "Lambda", "config": LAMBDA})
        file["outside"] = h5py.ExternalLink("/etc/passwd", "/")
        file.attrs["pickle"] = np.void(pickle.dumps(Payload(canary)))
    return stream.getvalue()


def onnx_with_external_data(canary):
    onnx = pytest.importorskip("onnx")
    tensor = onnx.helper.make_tensor("w", onnx.TensorProto.FLOAT, [1], [0.0])
    tensor.data_location = onnx.TensorProto.EXTERNAL
    for key, value in (("location", f"../../../../{canary}"), ("offset", "0"), ("length", "4")):
        entry = tensor.external_data.add()
        entry.key, entry.value = key, value
    graph = onnx.helper.make_graph([], "graph", [], [], [tensor])
    return onnx.helper.make_model(graph).SerializeToString()


def zip_bomb(canary):
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w", zipfile.ZIP_DEFLATED) as archive:
        for name in ("metadata.json", "config.json", "model.weights.h5"):
            archive.writestr(name, bytes(2**25))
    return stream.getvalue()


WEAPONS = {
    **{f"pickle {protocol}": pickled(protocol) for protocol in (0, 1, 2, 4, 5)},
    "joblib": pickled_by_joblib,
    ".npy": numpy_objects,
    ".npz": numpy_archive,
    ".pt": saved_by_torch,
    "old .pt": saved_by_old_torch,
    ".keras with a lambda": keras_archive(LAMBDA),
    ".keras with a system call": keras_archive(SYSTEM),
    ".h5": hdf5,
    ".onnx": onnx_with_external_data,
    "zip bomb": zip_bomb,
    "python": lambda canary: f"open({str(canary)!r}, 'w')".encode(),
    "shell": lambda canary: f"#!/bin/sh\ntouch {canary}\n".encode(),
    "yaml": lambda canary: f"!!python/object/apply:os.system ['touch {canary}']".encode(),
}


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
            **{"settings": {"min_groups": 1, "epochs": 1}, **options},
        )  # fmt: skip

    def resumed(self, content):
        self.file("model.checkpoint", content)
        self.train(resume=True)

    def rescored(self, content):
        out = self.folder / "out.csv"
        out.unlink(missing_ok=True)
        kept = keeping.Kept(out, 0.0)
        kept.folder.mkdir(exist_ok=True)
        (kept.folder / "note.json").write_bytes(content)
        wordgate.score(self.bundle, self.data, out, resume=True, progress=Silent())

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
    "vectors": lambda kit, content: list(open_vectors(kit.file("vectors.bin", content)).blocks()),
    "vectors.safetensors": lambda kit, content: list(
        open_vectors(kit.file("vectors.safetensors", content)).blocks()),
    "a checkpoint": lambda kit, content: kit.resumed(content),
    "a scoring's note": lambda kit, content: kit.rescored(content),
    "a recipe": lambda kit, content: kit.train(recipe=kit.file("recipe.toml", content)),
    "model.keras": lambda kit, content: kit.imported(
        kit.file("model.keras", content), FIXTURES / "tokenizer.json"),
    "tokenizer.json": lambda kit, content: kit.imported(
        FIXTURES / "notebook.keras", kit.file("tokenizer.json", content)),
}  # fmt: skip


SLOW_USES = ("a checkpoint", "fingerprints.safetensors", "a scoring's note")


@pytest.fixture
def canary(tmp_path):
    return tmp_path / "canary"


@pytest.mark.parametrize("weapon", WEAPONS)
def test_no_weapon_runs_and_each_ends_in_a_sentence(
    weapon, canary, tmp_path, count_model, how_many, found
):
    content = WEAPONS[weapon](canary)
    kit = Kit(tmp_path, count_model)
    left_out = () if weapon in ("pickle 4", ".pt") else how_many(SLOW_USES, ())
    for name, use in USES.items():
        if name in left_out:
            continue
        with pytest.raises(WordgateError) as refused:
            use(kit, content)
        assert str(refused.value)
        assert not canary.exists()
    assert not (tmp_path.parent / "escaped").exists()
    found(f"malicious file: {weapon}", f"no canary touched as {len(USES)} kinds of files")


@pytest.mark.parametrize("weapon", ["pickle 0", "pickle 2", "pickle 5", "joblib", ".pt"])
def test_the_weapons_are_loaded(weapon, canary, tmp_path):
    """Else the test above would say nothing."""
    content = WEAPONS[weapon](canary)
    if weapon == "joblib":
        import joblib

        joblib.load(io.BytesIO(content))
    elif weapon == ".pt":
        import torch

        torch.load(io.BytesIO(content), weights_only=False)
    else:
        pickle.loads(content)
    assert canary.exists()


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


# Folders of models, which other libraries load


def write_code(folder, canary):
    """Put a module into a folder that touches the canary as it is imported."""
    for name in ("mine.py", "modeling_mine.py", "configuration_mine.py", "tokenization_mine.py"):
        (folder / name).write_text(
            f"open({str(canary)!r}, 'w')\nclass C: pass\nM = T = K = Transformer = C\n"
        )


def edit(file, **changes):
    content = json.loads(file.read_text()) if file.exists() else {}
    file.write_text(json.dumps({**content, **changes}))


def auto_map(folder):
    mapped = {"AutoConfig": "mine.C", "AutoModel": "mine.M", "AutoTokenizer": ["mine.T", "mine.T"]}
    edit(folder / "config.json", auto_map=mapped)
    edit(folder / "tokenizer_config.json", auto_map=mapped)


def own_kind(folder):
    auto_map(folder)
    edit(folder / "config.json", model_type="mine")


def own_tokenizer(folder):
    edit(folder / "tokenizer_config.json", tokenizer_class="mine.T")


def kernels(folder):
    edit(folder / "config.json", attn_implementation="owner/mine", use_kernels=True,
         _attn_implementation="owner/mine", experts_implementation="mine.K")  # fmt: skip


def quantizer(folder):
    edit(folder / "config.json", quantization_config={"quant_method": "mine", "load": "mine.C"})


def adapter(folder):
    edit(folder / "adapter_config.json", auto_mapping={"base_model_class": "C",
         "parent_library": "mine"}, peft_type="LORA", base_model_name_or_path="mine")  # fmt: skip


def template(folder):
    (folder / "chat_template.jinja").write_text("{{ ''.__class__.__mro__[1].__subclasses__() }}")


def own_modules(folder):
    file = folder / "modules.json"
    modules = json.loads(file.read_text()) if file.exists() else []
    file.write_text(json.dumps([{**module, "type": "mine.Transformer"} for module in modules]))


def system_module(folder):
    file = folder / "modules.json"
    modules = json.loads(file.read_text()) if file.exists() else []
    file.write_text(json.dumps([{**module, "type": "os.system"} for module in modules]))


def pickles_beside(folder):
    for name in ("pytorch_model.bin", "training_args.bin", "optimizer.pt", "scheduler.pt",
                 "rng_state.pth", "tf_model.h5", "model.pkl"):  # fmt: skip
        (folder / name).write_bytes(pickle.dumps(Payload(folder.parent / "canary")))


def pickle_named_safe(folder):
    (folder / "model.safetensors").write_bytes(pickle.dumps(Payload(folder.parent / "canary")))


def torch_named_safe(folder):
    (folder / "model.safetensors").write_bytes(saved_by_torch(folder.parent / "canary"))


HARMS = [auto_map, own_kind, own_tokenizer, kernels, quantizer, adapter, template, own_modules,
         system_module, pickles_beside, pickle_named_safe, torch_named_safe]  # fmt: skip


FEW_HARMS = (auto_map, kernels, own_modules, torch_named_safe)


@pytest.mark.parametrize("harm", HARMS, ids=lambda harm: harm.__name__)
def test_a_folder_of_a_model_runs_no_code(
    harm, tmp_path, canary, tiny_teacher, reviews, how_many, found
):
    if harm not in how_many(FEW_HARMS, HARMS):
        pytest.skip("tried by make faults")
    folder = Path(shutil.copytree(tiny_teacher, tmp_path / "folder"))
    write_code(folder, canary)
    harm(folder)
    kit = Kit(tmp_path, type("Kept", (), {"folder": None, "data": reviews}))
    settings = {"transformer_model": str(folder), "transformer_epochs": 1,
                "transformer_min_updates": 1}  # fmt: skip
    outcomes = []
    for act in (
        lambda: kit.train(model="transformer", settings=settings),
        lambda: wordgate.distill(reviews, out=tmp_path / "v.safetensors", teacher=str(folder),
                                 progress=Silent()),
    ):  # fmt: skip
        with contextlib.suppress(WordgateError):
            outcomes.append("refused")
            act()
            outcomes[-1] = "used"
        assert not canary.exists()
    found(f"malicious folder: {harm.__name__}", f"no canary touched; {', '.join(outcomes)}")


# What the package itself may not do

FORBIDDEN_MODULES = {
    "pickle": "unpickling runs what the file says",
    "_pickle": "unpickling runs what the file says",
    "cPickle": "unpickling runs what the file says",
    "dill": "unpickling runs what the file says",
    "cloudpickle": "unpickling runs what the file says",
    "joblib": "its files are pickles",
    "shelve": "its files are pickles",
    "marshal": "it loads compiled code",
    "code": "it runs strings",
    "runpy": "it runs files",
    "imp": "it imports files by their paths",
}
FORBIDDEN_CALLS = {
    "eval": "it runs a string",
    "exec": "it runs a string",
    "compile": "it makes code of a string",
    "__import__": "it imports what a string says",
}
FORBIDDEN_METHODS = {
    ("torch", "load"): "its files are pickles",
    ("torch.jit", "load"): "its files hold code",
    ("torch.hub", "load"): "it runs a repository's code",
    ("np", "fromregex"): "it is for trusted text",
    ("pd", "read_pickle"): "its files are pickles",
    ("pandas", "read_pickle"): "its files are pickles",
    ("yaml", "load"): "it makes any object",
    ("yaml", "unsafe_load"): "it makes any object",
    ("os", "system"): "it runs a command",
    ("os", "popen"): "it runs a command",
    ("importlib.util", "spec_from_file_location"): "it imports a file by its path",
    ("zipfile.ZipFile", "extractall"): "names in an archive lead out of the folder",
}
FORBIDDEN_METHODS_OF_ANY = {
    "extractall": "names in an archive lead out of the folder",
    "unpack_archive": "names in an archive lead out of the folder",
    "read_pickle": "its files are pickles",
    "to_pickle": "its files are pickles",
}
FORBIDDEN_KEYWORDS = {
    ("trust_remote_code", True): "it runs a repository's code",
    ("allow_pickle", True): "unpickling runs what the file says",
    ("weights_only", False): "unpickling runs what the file says",
    ("shell", True): "a name in a command becomes a command",
    ("use_safetensors", False): "the other weights are pickles",
}


def offences(tree):
    """Name what a module's syntax tree does that lets files run code."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            for alias in node.names:
                yield from _imported(node, alias.name)
        elif isinstance(node, ast.ImportFrom):
            yield from _imported(node, node.module or "")
            for alias in node.names:
                yield from _method(node, f"{node.module}.{alias.name}")
        elif isinstance(node, ast.Call):
            yield from _called(node)
        elif isinstance(node, ast.Dict):
            for key, value in zip(node.keys, node.values, strict=True):
                yield from _keyword(node, getattr(key, "value", None), value)


def _imported(node, name):
    if (module := name.partition(".")[0]) in FORBIDDEN_MODULES:
        yield node.lineno, f"imports {module}: {FORBIDDEN_MODULES[module]}"


def _called(node):
    called = ast.unparse(node.func)
    if called in FORBIDDEN_CALLS:
        yield node.lineno, f"calls {called}: {FORBIDDEN_CALLS[called]}"
    yield from _method(node, called)
    for keyword in node.keywords:
        yield from _keyword(node, keyword.arg, keyword.value)


def _method(node, called):
    owner, _, method = called.rpartition(".")
    why = FORBIDDEN_METHODS.get((owner, method))
    if owner:
        why = why or FORBIDDEN_METHODS_OF_ANY.get(method)
    if why:
        yield node.lineno, f"calls {called}: {why}"


def _keyword(node, name, value):
    why = FORBIDDEN_KEYWORDS.get((name, getattr(value, "value", None)))
    if why:
        yield node.lineno, f"says {name}={value.value}: {why}"


def test_no_module_of_the_package_lets_files_run_code():
    modules = sorted(SOURCE.rglob("*.py"))
    assert len(modules) > 100
    found = [
        f"{file.relative_to(SOURCE)}:{line} {what}"
        for file in modules
        for line, what in offences(ast.parse(file.read_text(encoding="utf-8")))
    ]
    assert found == []


@pytest.mark.parametrize(
    "code",
    ["import pickle", "from joblib import load", "import shelve as s", "eval(x)", "torch.load(f)",
     "from torch import load", "np.load(f, allow_pickle=True)", "f(trust_remote_code=True)",
     "{'trust_remote_code': True}", "exec('x')", "archive.extractall()", "run(c, shell=True)"],
)  # fmt: skip
def test_the_search_finds_what_it_is_for(code):
    assert list(offences(ast.parse(code)))


def test_the_search_passes_over_what_is_harmless():
    harmless = "model.eval()\nre.compile('x')\nf(trust_remote_code=False)\nparquet.load(x)"
    assert list(offences(ast.parse(harmless))) == []
