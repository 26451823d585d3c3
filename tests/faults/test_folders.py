"""Folders of models that contain code: wordgate never runs it."""

import contextlib
import json
import pickle
import shutil
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import pytest

import wordgate
from wordgate.errors import WordgateError
from wordgate.runtime.progress import Silent


def write_code(folder, payload):
    """Put modules into a folder that touch the canary as they are imported."""
    for name in ("mine.py", "modeling_mine.py", "configuration_mine.py", "tokenization_mine.py"):
        (folder / name).write_text(
            f"open({str(payload.canary)!r}, 'w').close()\n"
            "class C: pass\nM = T = K = Transformer = C\n"
        )


def edit(file, **changes):
    content = json.loads(file.read_text()) if file.exists() else {}
    file.write_text(json.dumps({**content, **changes}))


def auto_map(folder, payload):
    edit(folder / "config.json", auto_map={"AutoConfig": "mine.C", "AutoModel": "mine.M"})
    own_tokenizer(folder, payload)


def own_kind(folder, payload):
    auto_map(folder, payload)
    edit(folder / "config.json", model_type="mine")


def own_tokenizer(folder, payload):
    edit(folder / "tokenizer_config.json", tokenizer_class="mine.T",
         auto_map={"AutoTokenizer": ["mine.T", "mine.T"]})  # fmt: skip


def kernels(folder, payload):
    edit(folder / "config.json", attn_implementation="owner/mine", use_kernels=True,
         _attn_implementation="owner/mine", experts_implementation="mine.K")  # fmt: skip


def quantizer(folder, payload):
    edit(folder / "config.json", quantization_config={"quant_method": "mine", "load": "mine.C"})


def adapter(folder, payload):
    edit(folder / "adapter_config.json", auto_mapping={"base_model_class": "C",
         "parent_library": "mine"}, peft_type="LORA", base_model_name_or_path="mine")  # fmt: skip


def template(folder, payload):
    call = f"os.makedirs({str(payload.canary)!r})"
    code = "{{ cycler.__init__.__globals__." + call + " }}"
    (folder / "chat_template.jinja").write_text(code)
    edit(folder / "tokenizer_config.json", chat_template=code)


def modules_of_type(name):
    def write(folder, payload):
        modules = json.loads((folder / "modules.json").read_text())
        (folder / "modules.json").write_text(
            json.dumps([{**module, "type": name} for module in modules])
        )

    return write


def pickles_beside(folder, payload):
    for name in ("pytorch_model.bin", "training_args.bin", "optimizer.pt", "scheduler.pt",
                 "rng_state.pth", "tf_model.h5", "model.pkl"):  # fmt: skip
        (folder / name).write_bytes(pickle.dumps(payload))


def pickles_alone(folder, payload):
    pickles_beside(folder, payload)
    (folder / "model.safetensors").unlink()


def pickle_named_safe(folder, payload):
    (folder / "model.safetensors").write_bytes(pickle.dumps(payload))


def torch_named_safe(folder, payload):
    pytest.importorskip("torch").save(payload, folder / "model.safetensors")


# What runs the code of such a folder.


def trusting_model(folder):
    from transformers import AutoModel

    AutoModel.from_pretrained(folder, trust_remote_code=True, local_files_only=True)


def trusting_tokenizer(folder):
    from transformers import AutoTokenizer

    AutoTokenizer.from_pretrained(folder, trust_remote_code=True, local_files_only=True)


def trusting_sentences(folder):
    from sentence_transformers import SentenceTransformer

    SentenceTransformer(str(folder), trust_remote_code=True, local_files_only=True)


def unpickling(name):
    def load(folder):
        with (folder / name).open("rb") as stream:  # of a name that ends so it would take no pickle
            pytest.importorskip("torch").load(stream, weights_only=False)

    return load


def render(folder):
    jinja2 = pytest.importorskip("jinja2")
    jinja2.Template((folder / "chat_template.jinja").read_text()).render()


@dataclass(frozen=True)
class Harm:
    """What is done to a folder, and what becomes of it.

    Attributes:
        do: Does it, given the folder and the object whose pickle touches the canary.
        trained: Words of the refusal to fine-tune it; None where it is used without its code.
        distilled: The same of distilling.
        trusting: Loads it so that its code is run; None where none of the packages here can.
    """

    do: Callable[[Path, object], None]
    trained: str | None
    distilled: str | None
    trusting: Callable[[Path], None] | None


ASKS_FOR_TRUST = "(ValueError: The "  # repository, or model, contains custom code
IS_A_PICKLE = "are a pickle, which could run code"
NOT_SAFE = "SafetensorError: Error while deserializing header"
HARMS = {
    "auto_map": Harm(auto_map, None, None, trusting_model),
    "own_kind": Harm(own_kind, ASKS_FOR_TRUST, ASKS_FOR_TRUST, trusting_model),
    "own_tokenizer": Harm(own_tokenizer, None, None, trusting_tokenizer),
    # It would be fetched from the hub, by the package `kernels`.
    "kernels": Harm(kernels, None, "`kernels` is either not installed", None),
    # No version is known to import what is named there.
    "quantizer": Harm(quantizer, "its weights are quantized", None, None),
    # The package `peft` would import it.
    "adapter": Harm(adapter, None, "requires installing the `peft` package", None),
    "template": Harm(template, None, None, render),
    "own_modules": Harm(
        modules_of_type("mine.Transformer"), None, ASKS_FOR_TRUST, trusting_sentences),
    # It is imported, then asked for its `load`, which it hasn't.
    "system_module": Harm(modules_of_type("os.system"), None, ASKS_FOR_TRUST, None),
    "pickles_beside": Harm(pickles_beside, None, None, unpickling("pytorch_model.bin")),
    "pickles_alone": Harm(pickles_alone, IS_A_PICKLE, IS_A_PICKLE, unpickling("pytorch_model.bin")),
    "pickle_named_safe": Harm(
        pickle_named_safe, NOT_SAFE, NOT_SAFE, unpickling("model.safetensors")),
    "torch_named_safe": Harm(
        torch_named_safe, NOT_SAFE, NOT_SAFE, unpickling("model.safetensors")),
}  # fmt: skip
FEW_HARMS = ("auto_map", "kernels", "own_modules", "pickles_alone", "torch_named_safe")


@pytest.fixture
def harmed(tiny_teacher, tmp_path, payload):
    """Make a folder and do harm to it."""

    def make(harm):
        folder = Path(shutil.copytree(tiny_teacher, tmp_path / "folder"))
        write_code(folder, payload)
        HARMS[harm].do(folder, payload)
        return folder

    return make


@pytest.mark.parametrize("harm", HARMS)
def test_a_folder_of_a_model_runs_no_code(harm, harmed, tmp_path, canary, reviews, how_many, found):
    if harm not in how_many(FEW_HARMS, HARMS):
        pytest.skip("tried by make faults")
    folder = str(harmed(harm))
    settings = {"transformer.model": folder, "transformer.epochs": 1, "transformer.min_updates": 1}
    trained = refusal(
        lambda: wordgate.train(reviews, out=tmp_path / "model", model="transformer",
                               settings=settings, progress=Silent())
    )  # fmt: skip
    assert not canary.exists()
    distilled = refusal(
        lambda: wordgate.distill(reviews, out=tmp_path / "v.safetensors", teacher=folder,
                                 progress=Silent())
    )  # fmt: skip
    assert not canary.exists()
    for expected, error in ((HARMS[harm].trained, trained), (HARMS[harm].distilled, distilled)):
        assert error is None if expected is None else expected in (error or "used"), error
    outcomes = ", ".join("used" if error is None else "refused" for error in (trained, distilled))
    found(f"malicious folder: {harm}", f"no canary touched; {outcomes}")


def refusal(act):
    try:
        act()
    except WordgateError as error:
        return str(error)
    return None


@pytest.mark.parametrize("harm", [name for name in HARMS if HARMS[name].trusting])
def test_the_code_of_the_folders_is_run(harm, harmed, tmp_path, canary, monkeypatch):
    """Else the test above would say nothing."""
    copies = str(tmp_path / "modules")  # where transformers puts what it runs
    monkeypatch.setattr("transformers.dynamic_module_utils.HF_MODULES_CACHE", copies)
    monkeypatch.setattr(sys, "path", [*sys.path])
    folder = harmed(harm)
    assert not canary.exists()
    with contextlib.suppress(Exception):  # it is no model's code, which is seen after it is run
        HARMS[harm].trusting(folder)
    assert canary.exists()
