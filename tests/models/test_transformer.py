"""Saving a transformer: the same model again, no code from a bundle, clear refusals."""

import json
import os
import subprocess
import sys
from dataclasses import replace
from functools import partial

import numpy as np
import pytest

import wordgate
from wordgate.errors import BundleError, MissingExtraError, SettingsError
from wordgate.models.base import model_from_state

pytest.importorskip("transformers", reason="needs the extra 'transformer'")

from wordgate.models import transformer
from wordgate.models.transformer import TransformerModel
from wordgate.models.transformer_network import ENCODERS, TransformerNetwork, _built, plain_config
from wordgate.training.pretrained_transformer import pretrained_transformer

TEXTS = ["w1 w2 w3", "", "w4", "unheard of", "w5 " * 40, "\ud83d w1", "[PAD] w1 [PAD]", "w7 w8"]


@pytest.fixture(scope="module")
def model(tiny_transformer):
    return TransformerModel(*pretrained_transformer(str(tiny_transformer), 3, 16, seed=0))


@pytest.fixture
def refusal(refusal, model):
    return partial(refusal, model)


def with_config(model, **changes):
    description, arrays = model.state()
    return {**description, "config": {**description["config"], **changes}}, arrays


def test_state_makes_the_same_model_again_by_way_of_json(model):
    description, arrays = model.state()
    again = model_from_state("transformer", json.loads(json.dumps(description)), arrays)
    assert again.family == "transformer"
    assert np.array_equal(again.log_proba(TEXTS), model.log_proba(TEXTS))
    assert again.state()[0] == description
    assert set(again.state()[1]) == set(arrays)


def test_probabilities_sum_to_one(model):
    log_proba = model.log_proba(TEXTS)
    assert (log_proba.shape, log_proba.dtype) == ((8, 3), np.float64)
    assert np.exp(log_proba).sum(axis=1) == pytest.approx(np.ones(8))
    assert model.log_proba([]).shape == (0, 3)


def test_it_predicts_in_the_threads_asked_for(model, monkeypatch):
    import torch

    seen, logits = set(), TransformerNetwork.logits

    def watched(network, ids, lengths):
        seen.add(torch.get_num_threads())
        return logits(network, ids, lengths)

    monkeypatch.setattr(TransformerNetwork, "logits", watched)
    before = torch.get_num_threads()
    for threads in (1, 3):
        asked = replace(model, threads=threads)
        np.testing.assert_allclose(asked.log_proba(TEXTS), model.log_proba(TEXTS), atol=1e-6)
        assert asked.n_threads == threads
    assert seen == {1, 3, model.n_threads}
    assert torch.get_num_threads() == before


def test_neighbours_and_padding_change_no_row(model):
    together = model.log_proba(TEXTS)
    for text, row in zip(TEXTS, together, strict=True):
        np.testing.assert_allclose(model.log_proba([text])[0], row, atol=1e-5)


def test_it_is_the_mean_of_the_encoders_outputs(model, tiny_transformer):
    import torch
    from transformers import BertModel, BertTokenizer

    ids = BertTokenizer.from_pretrained(tiny_transformer)(["w1 w2 w3"], return_tensors="pt")
    with torch.inference_mode():
        outputs = BertModel.from_pretrained(tiny_transformer).eval()(**ids).last_hidden_state[0]
        logits = model.network.modules["head"](outputs.mean(dim=0)).double()
    assert len(outputs) == 5  # [CLS] and [SEP] frame the words
    expected = torch.log_softmax(logits, dim=0).numpy()
    np.testing.assert_allclose(model.log_proba(["w1 w2 w3"])[0], expected, atol=1e-6)


@pytest.mark.parametrize("kind", ENCODERS)
@pytest.mark.filterwarnings("ignore::UserWarning")  # of deberta's own
def test_every_kind_of_encoder_reads_a_text_the_same_beside_a_longer_one(kind):
    import torch

    sizes = {"vocab_size": 40, "hidden_size": 16, "embedding_size": 16, "num_hidden_layers": 2}
    sizes |= {"num_attention_heads": 2, "intermediate_size": 16, "max_position_embeddings": 20}
    sizes |= {"pad_token_id": 1, "type_vocab_size": 1, "input_embedding_size": 16}
    sizes |= {"dim": 16, "n_layers": 2, "n_heads": 2, "hidden_dim": 16}
    with torch.random.fork_rng():
        torch.manual_seed(0)
        network = _built(plain_config({"model_type": kind, **sizes}), 2, pad_id=1)
    network.modules.eval()
    arrays = network.arrays()
    assert {array.dtype for array in arrays.values()} == {np.dtype("float32")}
    assert not any("pooler" in name for name in arrays)
    again = TransformerNetwork.from_arrays(network.config, 1, arrays)
    again.modules.eval()
    ids = torch.tensor([[6, 7, 8, 0, 0, 0, 0, 0], [6, 9, 10, 11, 12, 13, 14, 15]])
    with torch.inference_mode():
        both = again.logits(ids, torch.tensor([3, 8]))
        alone = again.logits(ids[:1, :3], torch.tensor([3]))
    np.testing.assert_allclose(both[0], alone[0], atol=1e-5)
    assert network.max_length in (18, 20)


# Nothing in a bundle runs, or asks the network


@pytest.mark.parametrize(
    "changes",
    [
        {
            "auto_map": {
                "AutoConfig": "stranger/model--code.C",
                "AutoModel": "stranger/model--code.M",
            }
        },
        {"attn_implementation": "stranger/kernel"},
        {"_attn_implementation": "stranger/kernel"},
        {"_attn_implementation_internal": "stranger/kernel"},
        {"_experts_implementation": "stranger/kernel"},
        {"use_kernels": True, "kernel_config": {"kernel_mapping": {"GELU": "stranger/kernel"}}},
        {"quantization_config": {"quant_method": "stranger"}},
        {"name_or_path": "stranger/model", "_name_or_path": "stranger/model"},
        {"attribute_map": {"_attn_implementation": "hidden_act"}},
        {"from_pretrained": "x", "sub_configs": {"text_config": "x"}, "to_dict": "x"},
    ],
)
def test_configuration_that_names_code_is_left_out(model, changes):
    harmed = model_from_state("transformer", *with_config(model, **changes))
    assert harmed.state()[0] == model.state()[0]
    assert harmed.network.modules["encoder"].config._attn_implementation == "sdpa"
    assert np.array_equal(harmed.log_proba(TEXTS), model.log_proba(TEXTS))


def test_a_bundle_is_loaded_without_any_connection(model, monkeypatch):
    import socket

    def refuse(*arguments, **options):
        raise AssertionError("it asked the network")

    monkeypatch.setattr(socket.socket, "connect", refuse)
    monkeypatch.setattr(socket, "getaddrinfo", refuse)
    assert model_from_state("transformer", *model.state()).log_proba(["w1"]).shape == (1, 3)


@pytest.mark.parametrize("kind", ["gpt2", "mobilebert", "stranger", None, 3, ["bert"]])
def test_an_unknown_kind_is_refused(model, refusal, kind):
    assert refusal({"config": {**model.network.config, "model_type": kind}}).startswith(
        f"unsupported type of transformer {kind!r}"
    )


# Clear refusals


@pytest.mark.parametrize("name", ["config", "tokenizer", "max_tokens", "pad_id", "pooling"])
def test_a_missing_part_is_named(refusal, name):
    assert refusal(without=[name]) == f"the model has no part '{name}'; train it again"


@pytest.mark.parametrize("name", ["head.bias", "encoder.embeddings.word_embeddings.weight"])
def test_a_missing_array_is_named(refusal, name):
    assert refusal(without=[name]) == f"the model has no part '{name}'; train it again"


def test_an_array_too_many_is_named(refusal):
    assert refusal(arrays={"encoder.more": np.zeros(2, np.float32)}) == (
        "the model has a part 'encoder.more' that nothing needs; train it again"
    )


@pytest.mark.parametrize(
    ("name", "array", "found"),
    [
        ("head.bias", np.zeros(2, np.float32), "float32 [2]; it must be float32 [3]"),
        ("head.bias", np.zeros(3), "float64 [3]; it must be float32 [3]"),
        (
            "head.weight",
            np.zeros((3, 8), np.float32),
            "float32 [3, 8]; it must be float32 [3, 16]",
        ),
    ],
)
def test_an_array_that_does_not_fit_is_named(refusal, name, array, found):
    assert refusal(arrays={name: array}) == f"the model's {name} is {found}"


@pytest.mark.parametrize(
    "changes",
    [
        {"num_hidden_layers": 10**9},
        {"num_hidden_layers": "many"},
        {"num_attention_heads": 3},
        {"hidden_act": "stranger"},
        {"hidden_size": -1},
    ],
)
def test_a_config_that_makes_no_sense_is_refused(model, refusal, changes):
    message = refusal({"config": {**model.network.config, **changes}})
    assert message.startswith("the model's config cannot be used: ")


def test_a_config_of_another_size_asks_for_no_memory(model, refusal):
    assert refusal({"config": {**model.network.config, "vocab_size": 10**11}}).endswith(
        "is float32 [35, 16]; it must be float32 [100000000000, 16]"
    )


@pytest.mark.parametrize(
    ("part", "message"),
    [
        ({"config": 3}, "the model's config is 3, not an object of named parts"),
        ({"pad_id": 35}, "the model's pad_id is 35, which is not one of its subwords"),
        ({"pad_id": True}, "the model's pad_id is True, which is not one of its subwords"),
        ({"max_tokens": 0}, "the model's max_tokens is 0, not a number above 0"),
        (
            {"max_tokens": 2},
            "the model's max_tokens is 2, and its tokenizer frames a text by 2",
        ),
        ({"max_tokens": 33}, "the model's max_tokens is 33, and its weights support at most 32"),
        (
            {"pooling": "max"},
            "the model pools by 'max', and this version of wordgate's transformers only by mean",
        ),
    ],
)
def test_a_part_that_makes_no_sense_is_named(refusal, part, message):
    assert refusal(part) == message


@pytest.mark.parametrize("tokenizer", [3, {}, {"model": {"type": "stranger"}}])
def test_a_tokenizer_that_makes_no_sense_is_refused(refusal, tokenizer):
    assert refusal({"tokenizer": tokenizer}).startswith("the model's tokenizer cannot be used: ")


def test_a_panic_of_the_tokenizers_library_is_a_sentence(model):
    """Its panics are no exceptions to Python."""
    description, arrays = model.state()
    tokenizer = json.loads(json.dumps(description["tokenizer"]))
    tokenizer["post_processor"]["special_tokens"].pop("[CLS]")
    with pytest.raises(BundleError, match=r"^the model's tokenizer cannot be used: "):
        model_from_state("transformer", {**description, "tokenizer": tokenizer}, arrays).log_proba(
            ["a text"]
        )


def test_a_tokenizer_of_more_subwords_than_weights_is_refused(model, refusal):
    tokenizer = json.loads(json.dumps(model.state()[0]["tokenizer"]))
    tokenizer["model"]["vocab"]["more"] = 35
    assert refusal({"tokenizer": tokenizer}) == (
        "the model's tokenizer has 36 subwords, and its weights have 35"
    )


def test_threads_that_wait_for_each_other_sleep(model, monkeypatch):
    for name in ("OMP_WAIT_POLICY", "GOMP_SPINCOUNT"):
        monkeypatch.delenv(name, raising=False)
    model_from_state("transformer", *model.state())
    assert os.environ["GOMP_SPINCOUNT"] == "1000"


def test_the_missing_extra_is_named(model, hide_packages):
    hide_packages("transformers")
    with pytest.raises(MissingExtraError) as error:
        model_from_state("transformer", *model.state())
    assert str(error.value) == (
        "predicting with a transformer needs the extra 'transformer':"
        " pip install 'wordgate[transformer]'"
    )


def test_other_families_import_none_of_it(count_model):
    code = (
        "import sys, wordgate\n"
        f"wordgate.load({str(count_model.folder)!r}).predict(['We love it'])\n"
        "assert not {'torch', 'transformers', 'tokenizers'} & sys.modules.keys()"
    )
    subprocess.run([sys.executable, "-c", code], check=True)


def test_a_bundle_has_the_remarks_of_its_training(reviews, tiny_transformer, tmp_path):
    from wordgate.runtime.progress import Silent

    settings = {
        "transformer.model": str(tiny_transformer),
        "transformer.epochs": 1,
        "transformer.min_updates": 0,
    }
    training = wordgate.train(
        reviews, out=tmp_path / "model", model="transformer", settings=settings, progress=Silent()
    )
    again = wordgate.load(tmp_path / "model")
    texts = ["We love this lamp", "!"]
    assert again.config.family == "transformer"
    assert np.array_equal(again.log_proba(texts), training.predictor.log_proba(texts))


def test_a_copy_in_bfloat16_answers_nearly_the_same_and_leaves_the_network(tiny_transformer):
    import torch

    from wordgate.training.pretrained_transformer import pretrained_transformer

    encoder, network = pretrained_transformer(str(tiny_transformer), 3, 16, 0)
    encoded = encoder.encode([f"w{i} w{i + 1} w{2 * i}" for i in range(10)])
    there = np.exp(network.log_proba(encoded))
    short = network.in_precision(torch.bfloat16, torch.device("cpu"))
    found = np.exp(short.log_proba(encoded))
    assert {weight.dtype for weight in short.modules.parameters()} == {torch.bfloat16}
    assert 0 < np.abs(found - there).max() < 0.02
    assert (np.exp(network.log_proba(encoded)) == there).all()
    same = network.in_precision(torch.float32, torch.device("cpu"))
    assert (np.exp(same.log_proba(encoded)) == there).all()


def test_in_bfloat16_probabilities_are_nearly_the_same(model, monkeypatch):
    monkeypatch.setattr(transformer, "multiplies_bfloat16", lambda: True)
    expected = np.exp(model.log_proba(TEXTS))
    found = np.exp(model.in_bfloat16().log_proba(TEXTS))
    assert 0.0 < np.abs(found - expected).max() < 0.01
    assert np.array_equal(np.exp(model.log_proba(TEXTS)), expected)


def test_bfloat16_is_refused_where_the_processor_lacks_it(model, monkeypatch):
    monkeypatch.setattr(transformer, "multiplies_bfloat16", lambda: False)
    with pytest.raises(SettingsError, match=r"needs a processor that multiplies bfloat16"):
        model.in_bfloat16()
