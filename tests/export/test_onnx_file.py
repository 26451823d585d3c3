"""The contents and the metadata of an exported file."""

import json
from functools import partial
from types import SimpleNamespace

import numpy as np
import pytest

from wordgate.errors import SettingsError
from wordgate.export import graph
from wordgate.export.inputs import input_form
from wordgate.export.onnx_file import onnx_bytes
from wordgate.families import FAMILIES
from wordgate.runtime.packages import installed_versions

onnx = pytest.importorskip("onnx", reason="needs the extra 'onnx'")


def tiny_model(folder):
    from wordgate.models.transformer import TransformerModel
    from wordgate.training.pretrained_transformer import pretrained_transformer

    return TransformerModel(*pretrained_transformer(str(folder), 3, 16, seed=0))


@pytest.fixture
def made(make_lstm, make_average, make_count, config, request):
    """Build a file, and read it with onnx."""

    def make(family="lstm", *, int8=False, **facts):
        if family == "transformer":
            model = tiny_model(request.getfixturevalue("tiny_transformer"))
        elif family == "lstm":
            model = make_lstm(("max", "mean"))
        else:
            model = make_count() if family == "count" else make_average(family)
        return onnx.load_model_from_string(onnx_bytes(model, config(family, **facts), int8=int8))

    return make


def shape(value):
    return [axis.dim_param or axis.dim_value for axis in value.type.tensor_type.shape.dim]


def metadata_of(model):
    return {entry.key: entry.value for entry in model.metadata_props}


INPUTS = {
    "count": {"ids": ["batch", "ngrams"], "counts": ["batch", "ngrams"]},
    "transformer": {"input_ids": ["batch", "time"], "attention_mask": ["batch", "time"]},
}
every_file = pytest.mark.parametrize(
    ("family", "int8"), [(family, int8) for family in FAMILIES for int8 in (False, True)]
)


@every_file
def test_inputs_and_outputs_have_free_axes(made, family, int8):
    model = made(family, int8=int8)
    words = {"ids": ["batch", "time"], "lengths": ["batch"]}
    found = {value.name: shape(value) for value in model.graph.input}
    assert found == INPUTS.get(family, words)
    assert {value.name: shape(value) for value in model.graph.output} == {
        "probabilities": ["batch", 3],
        "log_probabilities": ["batch", 3],
    }


@every_file
def test_the_file_is_whole_and_for_old_runtimes(made, family, int8):
    model = made(family, int8=int8)
    onnx.checker.check_model(model, full_check=True)
    assert all(array.data_location == onnx.TensorProto.DEFAULT for array in model.graph.initializer)
    assert model.ir_version == 8
    assert {entry.domain: entry.version for entry in model.opset_import}[""] == 17


def test_only_an_lstm_of_int8_needs_onnx_runtime_s_own_operator(made):
    own = {
        (family, int8): [n.op_type for n in made(family, int8=int8).graph.node if n.domain]
        for family in FAMILIES
        for int8 in (False, True)
    }
    assert own.pop(("lstm", True)) == ["DynamicQuantizeLSTM"]
    assert not any(own.values())


@every_file
def test_numbers_take_a_quarter_in_int8(made, family, int8):
    large = ("embedding", "rows", "lstm_weights", "coefficients", "word_embeddings")
    found = [
        array
        for array in made(family, int8=int8).graph.initializer
        if array.name.rpartition("_")[0].endswith((*large, "dense", "query"))
    ]
    assert found
    for array in found:
        assert len(array.raw_data) == np.prod(array.dims) * (1 if int8 else 4), array.name


@pytest.mark.parametrize(
    ("family", "name", "n_arrays"), [("lstm", "lstm_weights", 2), ("transformer", "encoder.", 4)]
)
def test_weights_of_8_bits_never_overflow_16_bits_on_older_processors(made, family, name, n_arrays):
    weights = [
        onnx.numpy_helper.to_array(array)
        for array in made(family, int8=True).graph.initializer
        if array.name.startswith(name)
        and len(array.dims) > 1
        and array.data_type == onnx.TensorProto.INT8
    ]
    assert len(weights) == n_arrays
    assert 2 * 255 * max(int(np.abs(own.astype(int)).max()) for own in weights) < 2**15


def test_the_metadata_hold_labels_tokenizer_and_version(made, encoder):
    facts = metadata_of(made())
    tokenizer = json.loads(facts.pop("tokenizer"))
    assert facts == {
        "wordgate_version": installed_versions("wordgate")["wordgate"],
        "family": "lstm",
        "precision": "float32",
        "labels": '["bad", "good", "so so"]',
    }
    assert tokenizer["words"] == list(encoder.vocabulary.words)
    rest = {name: tokenizer[name] for name in ("name", "first_id", "unknown", "max_tokens")}
    assert rest == {"name": "messages", "first_id": 2, "unknown": 1, "max_tokens": 256}
    assert tokenizer["truncate"] == "end"


def test_the_tokenizer_of_a_transformer_is_its_own_file(made, tiny_transformer):
    tokenizers = pytest.importorskip("tokenizers")
    facts = metadata_of(made("transformer"))
    assert facts["family"] == "transformer"
    again = tokenizers.Tokenizer.from_str(facts["tokenizer"])
    encoder = tiny_model(tiny_transformer).encoder
    for text in ("w1 w2 unheard", "", "w3 " * 40):
        assert again.encode(text).ids == (encoder.encode([text]).ids - 1).tolist()


def test_a_file_with_its_ngrams_too_large_is_refused(made, monkeypatch):
    file = made("count")
    arrays = sum(len(array.raw_data) for array in file.graph.initializer)
    monkeypatch.setattr(graph, "LARGEST", arrays + len(metadata_of(file)["tokenizer"]) - 1)
    with pytest.raises(SettingsError, match="is limited to 2 GB"):
        made("count")


def test_a_model_of_several_columns_has_the_form_of_a_text(made):
    columns = [{"role": "text", "name": "text", "before": [{"name": "entity"}]}]
    assert metadata_of(made(data={"columns": columns}))["text_form"] == "entity | text"
    assert metadata_of(made(int8=True))["precision"] == "int8"


def test_a_model_too_large_for_one_file_is_refused(made, monkeypatch):
    monkeypatch.setattr(graph, "LARGEST", 1000)
    with pytest.raises(SettingsError) as error:
        made()
    assert str(error.value) == (
        "the model has 0.0 GB of weights, and a single ONNX file is limited to 2 GB; --int8 needs a"
        " quarter"
    )


def test_a_model_of_an_unknown_type_is_refused_not_written_as_another(config):
    for call in (input_form, partial(onnx_bytes, config=config("count"), int8=False)):
        with pytest.raises(TypeError, match="SimpleNamespace is not a type of model that can be"):
            call(SimpleNamespace(encoder=None, family="count"))
