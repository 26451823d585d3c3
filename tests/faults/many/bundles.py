"""Damages bundles, checkpoints and vector files in many ways, and reads each.

The hashes are made right again, so that what reads JSON and arrays is reached; or they are not, and
then nothing that prediction reads may be accepted with a byte changed.
"""

import contextlib
import hashlib
import importlib.util
import io
import json
import os
import random
import shutil
import struct
import warnings
from pathlib import Path

import numpy as np
import parts
from safetensors.numpy import load as load_arrays
from safetensors.numpy import save as dump_arrays

import wordgate
from wordgate.bundle.folder import READ_BY_PREDICTION, BundleFolder
from wordgate.cli.main import exit_code
from wordgate.errors import WordgateError
from wordgate.settings import load_settings
from wordgate.storage.resumable import digest

TEXTS = ["We love this lamp", "We hate it!", "!", "kettle " * 60, "😀 w1 w2"]
SIGNED = (*READ_BY_PREDICTION, "metrics.json", "fingerprints.safetensors", "manifest.json")

DEEP = "[" * 3000 + "]" * 3000
# Pieces of JSON that take the place of a value.
VALUES = [
    "null", "true", "0", "1", "-1", "2", "3.5", "1e308", "1e999", "-1e999", "NaN", "Infinity",
    "9" * 30, "9" * 5000, "-" + "9" * 400, "4294967296", "1e-320", '""', '"a"', '"\\ud800"',
    '"../../etc/passwd"', '"\\u0000"', f'"{"x" * 100_000}"', "[]", "{}", "[[]]", "[1, 2, 3]",
    '["a", "a"]', '["a", "b"]', '{"a": 1}', '{"": {}}', DEEP, '"last"', '"int8"', '"count"',
    '"lstm"', '"keras"', '"messages"', "[1, 1000000000]", "[1000000000, 1000000000]", "512",
    '"__import__(\'os\')"', "1.0", "65536",
]  # fmt: skip
DTYPES = ["F64", "F32", "F16", "BF16", "I64", "I32", "I8", "U8", "U64", "BOOL", "F8_E4M3", "C64"]
NUMBERS = [0, 1, -1, 2, 4, 7, 8, 2**31, 2**32, 2**53, 2**62, 2**63, 2**64, 10**30]


def broken_bytes(content, rng):
    broken = bytearray(content)
    for _ in range(rng.randint(1, 4)):
        # Every other change hits the first bytes, where headers are.
        place = rng.randrange(len(broken) if rng.random() < 0.5 else min(200, len(broken)))
        way = rng.randrange(4)
        if way == 0:
            broken[place] ^= 1 << rng.randrange(8)
        elif way == 1:
            broken[place:place] = rng.choice(
                [b"\0", b"\xff", b"9", b'"', b"{", b"}", b"[", b",", b"-", b"e9", b"\\ud800"]
            )
        elif way == 2 and len(broken) > 50:
            del broken[place : place + rng.randint(1, 40)]
        elif rng.random() < 0.2:
            del broken[max(1, place) :]
    return bytes(broken)


def broken_json(content, rng):
    """Put other values, of other types and sizes, into a JSON file."""
    tree = json.loads(content)
    holes = {}
    for _ in range(rng.choice([1, 1, 1, 2, 3])):
        hole = f"hole {len(holes)}"
        holes[hole] = rng.choice(VALUES)
        place(tree, hole, rng)
    text = json.dumps(tree)
    for hole, value in holes.items():
        text = text.replace(f'"{hole}"', value)
    return text.encode()


def place(tree, hole, rng):
    """Walk down a tree and change what is there: another value, no value, one more, one twice."""
    while True:
        keys = list(tree) if isinstance(tree, dict) else range(len(tree))
        if not keys:
            return
        key = rng.choice(keys)
        if isinstance(tree[key], dict | list) and tree[key] and rng.random() < 0.75:
            tree = tree[key]
            continue
        way = rng.randrange(8)
        if way == 0:
            del tree[key]
        elif way == 1 and isinstance(tree, dict):
            tree[hole] = hole
        elif way == 1:
            tree.append(hole)
        elif way == 2:
            tree[key] = [tree[key], tree[key]]
        else:
            tree[key] = hole
        return


def broken_header(content, rng):
    """Put other claims into the header of a safetensors file."""
    length = struct.unpack("<Q", content[:8])[0]
    header, data = json.loads(content[8 : 8 + length]), content[8 + length :]
    name = rng.choice([key for key in header if key != "__metadata__"])
    entry, way = header[name], rng.randrange(7)
    if way == 0:
        entry["dtype"] = rng.choice(DTYPES)
    elif way == 1 and entry["shape"]:
        entry["shape"][rng.randrange(len(entry["shape"]))] = rng.choice(NUMBERS)
    elif way == 2:
        entry["shape"] = rng.choice(
            [
                [],
                [0],
                entry["shape"][::-1],
                [*entry["shape"], 1],
                entry["shape"][1:],
                [2**32, 2**32],
            ]
        )
    elif way == 3:
        entry["data_offsets"][rng.randrange(2)] = rng.choice([*NUMBERS, len(data)])
    elif way == 4:
        header[rng.choice(["x", "embedding", "best.x", ""])] = header.pop(name)
    elif way == 5:
        other = rng.choice([key for key in header if key != "__metadata__"])
        header[name], header[other] = header[other], header[name]
    else:
        return struct.pack("<Q", rng.choice(NUMBERS[3:-2])) + content[8:]
    text = json.dumps(header).encode()
    return struct.pack("<Q", len(text)) + text + data


def broken_arrays(content, rng):
    """Put other numbers into arrays, or arrays of another type or shape in their places."""
    arrays = load_arrays(content)
    name = rng.choice(sorted(arrays))
    array = arrays[name]
    way = rng.randrange(7)
    if way == 0:
        array = array.astype(rng.choice([np.float64, np.float32, np.float16, np.int8, np.bool_]))
    elif way == 1 and array.size:
        number = rng.choice([np.nan, np.inf, -np.inf, 3e38, -3e38, 1e-45, 0, 255, -1])
        with np.errstate(all="ignore"):
            array = array.copy()
            array.flat[rng.randrange(array.size)] = np.array(number).astype(array.dtype)
    elif way == 2:
        array = np.full_like(array, rng.choice([0, 1, 2, 100, 127]))
        array = array * array.dtype.type(1e36) if array.dtype == np.float32 else array
    elif way == 3 and array.ndim:
        array = array[: rng.randrange(len(array) + 1)]
    elif way == 4 and array.ndim:
        array = np.concatenate([array, array])
    elif way == 5:
        array = array.reshape(-1) if array.ndim > 1 else array[..., None]
    else:
        arrays[rng.choice(["extra", "backward.bias", "embedding.int8", ""])] = array
    arrays[name] = np.ascontiguousarray(array)
    return dump_arrays(arrays)


def broken(name, content, rng):
    if rng.random() < 0.2:
        return broken_bytes(content, rng)
    if name.endswith(".json"):
        return broken_json(content, rng)
    return (broken_header if rng.random() < 0.5 else broken_arrays)(content, rng)


class Bundle:
    """A copy of a bundle of which one file is broken at a time."""

    def __init__(self, whole, folder):
        self.folder = Path(shutil.copytree(whole, folder))
        self.whole = {file.name: file.read_bytes() for file in self.folder.iterdir()}

    def write(self, name, content, *, signed):
        (self.folder / name).write_bytes(content)
        if signed and name != "manifest.json":
            manifest = json.loads(self.whole["manifest.json"])
            manifest["files"][name] = {
                "bytes": len(content), "sha256": hashlib.sha256(content).hexdigest()
            }  # fmt: skip
            (self.folder / "manifest.json").write_text(json.dumps(manifest))

    def mend(self, name):
        for changed in (name, "manifest.json"):
            (self.folder / changed).write_bytes(self.whole[changed])

    def case(self, rng):
        signed = rng.random() < 0.7
        name = rng.choice(SIGNED if signed else READ_BY_PREDICTION)
        content = broken(name, self.whole[name], rng)
        self.write(name, content, signed=signed)
        try:
            outcome = use(self.folder, shown=rng.random() < 0.1)
        finally:
            self.mend(name)
        if signed or content == self.whole[name]:
            return f"signed: {outcome}"
        assert outcome == "refused", f"{name} was changed, and the model was read"
        return "changed byte: refused"


def use(folder, *, shown=False):
    """Do with a bundle all that reads it."""
    try:
        model = wordgate.load(folder)
        if shown:
            show(folder)
        proba = model.predict_proba(TEXTS)
        assert proba.shape == (len(TEXTS), len(model.labels)), proba.shape
        assert np.isfinite(proba).all(), f"probabilities {proba}"
        assert np.allclose(proba.sum(axis=1), 1.0, atol=1e-6), f"probabilities {proba}"
        assert set(model.predict(TEXTS)) <= set(model.labels)
        BundleFolder.open(folder).fingerprints().near_copies(TEXTS)
    except WordgateError as error:
        check_sentence(error)
        return "refused"
    return "read"


def show(folder):
    """Run `wordgate info`, with what it writes to encoded as in a terminal."""
    out, err = (io.TextIOWrapper(io.BytesIO(), encoding="utf-8") for _ in range(2))
    with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
        for options in ([], ["--json"]):
            code = exit_code(["info", str(folder), *options])
            out.flush()
            assert code in (0, 1), f"wordgate info ends in {code}"


def check_sentence(error):
    assert str(error), "a refusal without a word"
    str(error).encode()
    assert len(str(error)) < 5000, f"a refusal of {len(str(error)):,} characters"


class Training:
    """A training's checkpoint, resumed with bytes changed, and without time, so it ends at once."""

    def __init__(self, folder):
        import torch

        from wordgate.training import checkpoint, families, fitting
        from wordgate.training.checkpoint import Checkpoint

        torch.set_num_threads(1)
        self.checkpoint, self.fitting, self.families = checkpoint, fitting, families
        self.file = folder / "model.checkpoint"
        Checkpoint.is_due = lambda self: True
        kept = []
        real = Checkpoint.save

        def save(own, state):
            real(own, state)
            kept.append(own.file.read_bytes())

        Checkpoint.save = save
        self.fit(resume=False, deadline=float("inf"))
        Checkpoint.save = lambda own, state: None
        self.wholes = kept[:: max(1, len(kept) // 4)]
        Checkpoint.is_due = lambda self: False

    def fit(self, *, resume, deadline):
        from wordgate.runtime.progress import Silent

        texts = ["w1 w2 w3", "w4 w5", "w1", "w6 w2 w2 w9", "w4", "w0 w1"] * 4
        targets = np.array([0, 1, 0, 0, 1, 1] * 4, np.int64)
        rows = self.fitting.Dataset(texts, targets)
        checkpoint = self.fitting.CheckpointConfig(self.file, resume=resume)
        context = self.fitting.RunContext(
            0, Silent(), "cpu", deadline=deadline, checkpoint=checkpoint
        )
        data = self.fitting.FitData(rows, rows, ["0", "1"])
        return self.families.fit("lstm", data, small_settings(), context)

    def case(self, rng):
        whole = rng.choice(self.wholes)
        signed = rng.random() < 0.7
        content = signed_again(whole, "state", rng) if signed else broken_bytes(whole, rng)
        self.file.write_bytes(content)
        try:
            fitted = self.fit(resume=True, deadline=float("-inf"))
            assert fitted.model.log_proba(TEXTS).shape == (len(TEXTS), 2)
        except WordgateError as error:
            check_sentence(error)
            return f"checkpoint, {'signed' if signed else 'changed byte'}: refused"
        # What safetensors passes over is no change: white space after the header, an order of keys.
        assert signed or same_arrays(content, whole), "a changed byte was read"
        return f"checkpoint{', signed' if signed else ''}: read"


def signed_again(whole, part, rng):
    """Break a part of the facts of a file of arrays, or the arrays, and make the digest right."""
    content, arrays = kept_facts(whole), load_arrays(whole)
    if not arrays or rng.random() < 0.65:
        content[part] = json_of(broken_json(json.dumps(content[part]), rng))
        if rng.random() < 0.2:
            content = json_of(broken_json(json.dumps(content), rng))
    else:
        arrays = load_arrays(broken_arrays(whole, rng))
    if isinstance(content, dict):
        content["digest"] = digest(content, arrays)
    return dump_arrays(arrays, {"wordgate": json.dumps(content)})


def json_of(content):
    """Take back what stands in JSON, where Python can."""
    try:
        return json.loads(content)
    except (ValueError, RecursionError):
        return {}


def same_arrays(content, whole):
    one, other = load_arrays(content), load_arrays(whole)
    return one.keys() == other.keys() and all(np.array_equal(one[k], other[k]) for k in one)


def small_settings():
    spec = importlib.util.spec_from_file_location(
        "training_conftest", Path(__file__).parents[2] / "training" / "conftest.py"
    )
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module.make_settings(epochs=2, calibration="none")


class Comparing:
    """A comparison's rounds, gone on with when one was changed; nothing is left to train."""

    def __init__(self, folder):
        from wordgate.experiments import reading, resuming
        from wordgate.runtime.progress import Silent

        self.silent = Silent()
        self.source, self.out = folder / "rounds.csv", folder / "compared"
        rows = [f"{i},{('good', 'bad')[i % 2]},We w{i % 2} the w{i % 7} number {i}"
                for i in range(30)]  # fmt: skip
        self.source.write_text("\n".join(["id,label,text", *rows]))
        kept, real = {}, reading.find_near_duplicates
        reading.find_near_duplicates = lambda *given: (
            kept.get(0) or kept.setdefault(0, real(*given))
        )
        resuming.ResultStore.clear = lambda own: None  # the rounds stay
        self.compare(resume=False)
        self.wholes = {f: f.read_bytes() for f in Path(f"{self.out}.checkpoint").iterdir()}
        self.result = self.reported()

    def compare(self, *, resume):
        changes = {
            "lstm.epochs": 1,
            "lstm.min_updates": 1,
            "lstm.hidden_size": 4,
            "lstm.embedding_size": 4,
            "text.min_groups": 1,
            "calibration": "none",
        }
        return wordgate.compare(
            self.source, out=self.out, models=["count", "lstm"], split="grouped", settings=changes,
            device="cpu", resume=resume, overwrite=True, progress=self.silent,
        )  # fmt: skip

    def reported(self):
        return json.loads((self.out / "comparison.json").read_bytes())

    def case(self, rng):
        file, whole = rng.choice(list(self.wholes.items()))
        signed = rng.random() < 0.7
        content = signed_again(whole, "result", rng) if signed else broken_bytes(whole, rng)
        file.write_bytes(content)
        try:
            comparison = self.compare(resume=True)
        except WordgateError as error:
            check_sentence(error)
            return f"round, {'signed' if signed else 'changed byte'}: refused"
        finally:
            file.write_bytes(whole)
        for result in comparison.results:
            assert np.isfinite(result.log_proba).all(), "log-probabilities of no numbers"
        json.loads((self.out / "comparison.json").read_bytes(), parse_constant=float.fromhex)
        assert signed or self.reported() == self.result, "a changed byte was read"
        return f"round{', signed' if signed else ''}: read"


def kept_facts(whole):
    """Give the facts that stand in the header of a file of arrays."""
    length = struct.unpack("<Q", whole[:8])[0]
    return json.loads(json.loads(whole[8 : 8 + length])["__metadata__"]["wordgate"])


class Scoring:
    """A scoring's state, resumed with bytes changed."""

    def __init__(self, bundle, folder):
        from wordgate.runtime.progress import Silent
        from wordgate.scoring import partial_output, scoring

        self.bundle, self.silent = bundle, Silent()
        predictor = scoring.load_with_progress(bundle, None)
        scoring.load_with_progress = lambda *_, **__: predictor
        self.source, self.out = folder / "in.csv", folder / "out.csv"
        lines = ["1,We love it", "2,", "3,We hate it", "x"] * 10
        self.source.write_text("\n".join(["id,text", *lines]))
        self.kept = Path(f"{self.out}.checkpoint")
        self.states = []
        real = partial_output.PartialOutput.save

        def note(own, *arguments):
            real(own, *arguments)
            self.states.append({f.name: f.read_bytes() for f in self.kept.iterdir()})

        partial_output.PartialOutput.save = note
        self.score()
        partial_output.PartialOutput.save = real
        self.result = self.out.read_bytes()

    def score(self, **options):
        return wordgate.score(
            self.bundle, self.source, self.out, batch=8, checkpoint_seconds=0.0,
            progress=self.silent, **options,
        )  # fmt: skip

    def case(self, rng):
        shutil.rmtree(self.kept, ignore_errors=True)
        self.out.unlink(missing_ok=True)
        old = rng.choice([None, b"an older result\n"])
        if old is not None:
            self.out.write_bytes(old)
        self.kept.mkdir()
        state = rng.choice(self.states)
        for name, content in state.items():
            (self.kept / name).write_bytes(content)
        signed = rng.random() < 0.6
        whole = state["state.safetensors"]
        content = signed_again(whole, "state", rng) if signed else broken_bytes(whole, rng)
        (self.kept / "state.safetensors").write_bytes(content)
        try:
            self.score(resume=True)
        except WordgateError as error:
            check_sentence(error)
            there = self.out.read_bytes() if self.out.exists() else None
            assert there == old, "a refusal has changed what stood there"
            return "state: refused"
        # What safetensors passes over is no change: white space after the header.
        unchanged = signed or kept_facts(content) == kept_facts(whole)
        assert unchanged, "a state with a changed byte was gone on with"
        assert signed or self.out.read_bytes() == self.result, "the result is another"
        return "state: read"


class Vectors:
    """The broken files of word vectors of `benchmarks/vectors_fuzz.py`."""

    def __init__(self, folder):
        file = Path(__file__).parents[3] / "benchmarks" / "vectors_fuzz.py"
        spec = importlib.util.spec_from_file_location("vectors_fuzz", file)
        self.fuzz = importlib.util.module_from_spec(spec)
        spec.loader.exec_module(self.fuzz)
        self.file, self.whole = folder / "vectors", self.fuzz._whole_files()

    def case(self, rng):
        content = self.fuzz._content(self.whole, rng.randrange(2**40))
        outcome = self.fuzz._outcome(self.file, content)
        assert outcome in ("vectors", "a sentence"), outcome
        return f"vectors: {'read' if outcome == 'vectors' else 'refused'}"


class Cache:
    """An answer kept of a large file of word vectors, with bytes changed: it is right or none."""

    def __init__(self, folder):
        from wordgate.vectors import lookup_cache
        from wordgate.vectors.lookup import LookupResult

        os.environ[lookup_cache.CACHE_HOME_VARIABLE] = str(folder / "cache")
        vectors = np.array([[1, 2, 3], [0, 0, 0], [-1, 0.5, 7]], np.float32)
        self.cache, self.found = lookup_cache, LookupResult(vectors, np.array([0, -1, 3], np.int8))
        self.file = lookup_cache.write_cache("key", self.found) / "key.safetensors"
        self.whole = self.file.read_bytes()

    def case(self, rng):
        signed = rng.random() < 0.7
        content = self.signed(rng) if signed else broken_bytes(self.whole, rng)
        self.file.write_bytes(content)
        answer = self.cache.read_cache("key")
        if answer is None:
            return f"cache, {'signed' if signed else 'changed byte'}: passed over"
        same = np.array_equal(answer.vectors, self.found.vectors)
        assert signed or (same and np.array_equal(answer.rules, self.found.rules)), "changed"
        assert (answer.vectors.dtype, answer.rules.dtype) == (np.float32, np.int8)
        assert answer.vectors.shape[:-1] == answer.rules.shape
        return f"cache{', signed' if signed else ''}: read"

    def signed(self, rng):
        arrays = load_arrays(broken_arrays(self.whole, rng))
        digest = self.cache._digest(arrays["vectors"], arrays["rules"])
        return dump_arrays(arrays, {"sha256": digest})


class Recipe:
    """A file of settings with other values, types, and bytes."""

    def __init__(self, folder):
        self.file = folder / "recipe.toml"
        recipes = Path(wordgate.__file__).parent / "recipes"
        self.whole = (recipes / "default.toml").read_bytes()

    def case(self, rng):
        content = self.whole
        if rng.random() < 0.5:
            lines = content.decode().split("\n")
            places = [i for i, line in enumerate(lines) if "=" in line]
            place = rng.choice(places)
            name = lines[place].partition("=")[0]
            value = rng.choice([*VALUES, "inf", "nan", "1979-05-27", "0x7f", "{a = 1}", "true"])
            lines[place] = f"{name}= {value}"
            content = "\n".join(lines).encode()
        else:
            content = broken_bytes(content, rng)
        self.file.write_bytes(content)
        try:
            load_settings(self.file)
        except WordgateError as error:
            check_sentence(error)
            return "recipe: refused"
        return "recipe: read"


def prepare(folder, arguments):
    warnings.simplefilter("ignore", RuntimeWarning)  # of numbers too large, which are the point
    bundles = [Bundle(whole, folder / f"bundle {i}") for i, whole in enumerate(arguments)]
    for bundle in bundles:
        assert use(bundle.folder, shown=True) == "read"
    others = [
        Vectors(folder), Scoring(arguments[0], folder), Training(folder), Recipe(folder),
        Cache(folder), Comparing(folder),
    ]  # fmt: skip
    shares = [*[54 / len(bundles)] * len(bundles), 20, 10, 10, 2, 2, 2]

    def work(case):
        rng = random.Random(case)
        (chosen,) = rng.choices([*bundles, *others], shares)
        return chosen.case(rng)

    return work


if __name__ == "__main__":
    parts.main(prepare)
