"""The exported transformer against the one in torch: every kind, and every shape of batch."""

import numpy as np
import pytest

pytest.importorskip("transformers", reason="needs the extra 'transformer'")
pytest.importorskip("onnx", reason="needs the extra 'onnx'")
pytest.importorskip("onnxruntime", reason="needs the extra 'onnx'")

from wordgate.errors import BundleError, SettingsError
from wordgate.export import transformer
from wordgate.export.inputs import InputForm, subword_inputs
from wordgate.export.parity import check_made_up
from wordgate.models.transformer import TransformerModel
from wordgate.models.transformer_network import ENCODERS, TransformerNetwork, _built, plain_config
from wordgate.text.encoder import EncodedTexts
from wordgate.training.pretrained_transformer import pretrained_transformer

VOCABULARY, LONGEST, CLASSES = 50, 24, 3
SIZES = {
    "vocab_size": VOCABULARY, "hidden_size": 16, "num_hidden_layers": 2, "num_attention_heads": 2,
    "intermediate_size": 24, "max_position_embeddings": 32, "pad_token_id": 1, "hidden_act": "gelu",
}  # fmt: skip
CONFIGS = {
    "albert": {"embedding_size": 8, "num_hidden_groups": 2, "inner_group_num": 2,
               "num_hidden_layers": 4},
    "albert of one group": {"model_type": "albert", "embedding_size": 8, "hidden_act": "gelu_new"},
    "bert": {"layer_norm_eps": 1e-5},
    "bert by ReLU": {"model_type": "bert", "hidden_act": "relu"},
    "camembert": {},
    "distilbert": {"dim": 16, "n_layers": 2, "n_heads": 2, "hidden_dim": 24, "activation": "gelu"},
    "electra": {"embedding_size": 8},
    "electra of one size": {"model_type": "electra", "embedding_size": 16},
    "ernie": {"use_task_id": True},
    "mpnet": {},
    "roberta": {},
    "xlm-roberta": {},
}  # fmt: skip
BATCHES = {
    "one text": (7,),
    "one subword": (1,),
    "an empty text alone": (0,),
    "empty texts among others": (0, 3, 0, 1, 9),
    "the longest": (LONGEST, 4, LONGEST - 1),
    "256 texts": tuple(range(16)) * 16,
    "no text has subwords": (0, 0),
}


def make_network(name):
    """Build a network of weights that are large enough for its answers to be sure."""
    import torch

    config = {"model_type": name, **SIZES, **CONFIGS[name]}
    network = _built(plain_config(config), CLASSES, pad_id=1)
    with torch.random.fork_rng(), torch.no_grad():
        torch.manual_seed(5)
        for name, weight in network.modules.named_parameters():
            around = 1.0 if "norm" in name.lower() and name.endswith("weight") else 0.0
            weight.normal_(around, 0.4)
    return network.to_cpu()


@pytest.fixture(scope="module")
def tokenizer(tiny_transformer):
    """What makes subwords of texts; no test here needs it, but the file does."""
    return pretrained_transformer(str(tiny_transformer), CLASSES, 16, seed=0)[0]


@pytest.fixture
def session(exported, tokenizer):
    """Export a network, and load the file."""
    return lambda network, **options: exported(TransformerModel(tokenizer, network), **options)


def drawn_texts(*lengths):
    """Draw texts of some lengths; subwords may be padding's own."""
    rng = np.random.default_rng(6)
    offsets = np.concatenate([[0], np.cumsum(lengths)])
    return EncodedTexts(rng.integers(1, VOCABULARY + 1, sum(lengths)).astype(np.int32), offsets)


@pytest.mark.parametrize("name", CONFIGS)
def test_float32_agrees(session, name):
    network = make_network(name)
    file = session(network)
    for batch, lengths in BATCHES.items():
        texts = drawn_texts(*lengths)
        expected = np.exp(network.log_proba(texts))
        assert file.probabilities(*subword_inputs(texts)) == pytest.approx(expected, abs=2e-6), (
            batch
        )


@pytest.mark.parametrize("name", CONFIGS)
def test_answers_differ_from_text_to_text(name):
    assert np.exp(make_network(name).log_proba(drawn_texts(*[9] * 20))).std(axis=0).max() > 0.01


@pytest.mark.parametrize("name", ["albert", "bert", "distilbert", "mpnet"])
def test_int8_is_near(session, name):
    network = make_network(name)
    file = session(network, int8=True)
    for batch, lengths in BATCHES.items():
        texts = drawn_texts(*lengths)
        apart = np.abs(
            file.probabilities(*subword_inputs(texts)) - np.exp(network.log_proba(texts))
        )
        assert apart.mean() < 0.02, batch


def test_a_bad_quantization_is_refused(session, monkeypatch):
    network = make_network("bert")
    form = InputForm(subword_inputs, VOCABULARY + 1, LONGEST, 64)

    def compare():
        check_made_up(
            session(network, int8=True), lambda texts: np.exp(network.log_proba(texts)), form,
            int8=True,
        )  # fmt: skip

    compare()
    whole = transformer.quantize

    def two_bits(rows, highest):
        numbers, scales = whole(rows, highest)
        return np.sign(numbers) * np.int8(highest // 2), scales

    monkeypatch.setattr(transformer, "quantize", two_bits)
    with pytest.raises(BundleError, match=r"^not written: with int8, on random texts, the mean"):
        compare()


@pytest.mark.parametrize("name", ["bert", "roberta"])
@pytest.mark.parametrize("int8", [False, True], ids=["float32", "int8"])
def test_what_stands_in_the_padding_is_not_read(session, name, int8):
    file = session(make_network(name), int8=int8)
    ids, mask = subword_inputs(drawn_texts(3, 0, 5, 8))
    expected = file.probabilities(ids, mask)
    for odd in (1, -1, 10**9):
        assert (file.probabilities(np.where(mask > 0, ids, odd), mask) == expected).all()


def test_neighbours_and_padding_change_nothing(session):
    file = session(make_network("mpnet"))
    texts = drawn_texts(3, 0, 17, 1)
    together = file.probabilities(*subword_inputs(texts))
    for row in range(len(texts)):
        alone = file.probabilities(*subword_inputs(texts.select([row])))
        assert alone[0] == pytest.approx(together[row], abs=1e-6)


def test_a_bundle_s_temperature_is_in_it(session):
    network, texts = make_network("bert"), drawn_texts(5, 0)
    scaled = np.exp(network.log_proba(texts) / 2.5)
    expected = scaled / scaled.sum(axis=1, keepdims=True)
    found = session(network, temperature=2.5).probabilities(*subword_inputs(texts))
    assert found == pytest.approx(expected, abs=2e-6)


def test_layers_that_share_weights_share_them_in_the_file(tokenizer, config):
    onnx = pytest.importorskip("onnx")
    from wordgate.export.onnx_file import onnx_bytes

    model = TransformerModel(tokenizer, make_network("albert of one group"))
    file = onnx.load_model_from_string(onnx_bytes(model, config("transformer"), int8=False))
    names = [array.name.rpartition("_")[0] for array in file.graph.initializer]
    assert len([node for node in file.graph.node if node.op_type == "Tanh"]) == 2
    assert len([name for name in names if name.endswith(".ffn")]) == 1


def refusal(session, network):
    with pytest.raises(SettingsError) as error:
        session(network)
    return str(error.value)


def test_every_kind_is_exported_or_refused_by_name(session):
    others = set(ENCODERS) - set(transformer._NAMES)
    assert others == {
        *("deberta", "deberta-v2", "modernbert", "rembert", "roberta-prelayernorm", "roformer"),
        "xlm-roberta-xl",
    }
    network = make_network("bert")
    for kind in others:
        network.encoder_config.model_type = kind
        assert refusal(session, network) == (
            f"a transformer of the kind '{kind}' cannot be exported to ONNX; those that can are"
            " albert, bert, camembert, distilbert, electra, ernie, mpnet, roberta, xlm-roberta"
        )


def test_what_no_graph_here_computes_is_refused(session):
    network = make_network("bert")
    network.encoder_config.hidden_act = "silu"
    assert refusal(session, network) == (
        "a transformer whose activation is 'silu' cannot be exported to ONNX; those that can have"
        " gelu, gelu_new, gelu_pytorch_tanh, relu"
    )
    network = make_network("bert")
    network.encoder_config.is_decoder = True
    assert refusal(session, network).startswith("a decoder-only transformer")


def test_a_network_s_own_description_is_filled_in():
    network = _built(plain_config({"model_type": "distilbert", "vocab_size": 9, "n_layers": 1}), 2)
    assert isinstance(network, TransformerNetwork)
    assert network.encoder_config.num_attention_heads == 12
