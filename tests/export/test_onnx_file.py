"""What an exported file is and what it tells of itself."""

import json

import numpy as np
import pytest

from wordgate.errors import SettingsError
from wordgate.export import graph
from wordgate.export.onnx_file import onnx_bytes
from wordgate.runtime.packages import installed_versions

onnx = pytest.importorskip("onnx", reason="needs the extra 'onnx'")


@pytest.fixture
def made(make_lstm, make_average, config):
    """Build a file, and read it with onnx."""

    def make(family="lstm", *, int8=False, **facts):
        model = make_lstm(("max", "mean")) if family == "lstm" else make_average(family)
        return onnx.load_model_from_string(onnx_bytes(model, config(family, **facts), int8=int8))

    return make


def shape(value):
    return [axis.dim_param or axis.dim_value for axis in value.type.tensor_type.shape.dim]


def told(model):
    return {entry.key: entry.value for entry in model.metadata_props}


every_file = pytest.mark.parametrize(
    ("family", "int8"), [(f, i) for f in ("lstm", "mlp", "logreg") for i in (False, True)]
)


@every_file
def test_inputs_and_outputs_have_free_axes(made, family, int8):
    model = made(family, int8=int8)
    assert {value.name: shape(value) for value in model.graph.input} == {
        "ids": ["batch", "time"],
        "lengths": ["batch"],
    }
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
        for family in ("lstm", "mlp")
        for int8 in (False, True)
    }
    assert own.pop(("lstm", True)) == ["DynamicQuantizeLSTM"]
    assert not any(own.values())


@every_file
def test_numbers_take_a_quarter_in_int8(made, family, int8):
    sizes = {"embedding": 4, "rows": 4, "lstm_weights": 4}
    for array in made(family, int8=int8).graph.initializer:
        if (name := array.name.rpartition("_")[0]) in sizes:
            assert len(array.raw_data) == np.prod(array.dims) * (1 if int8 else 4), name


def test_weights_of_the_recurrence_never_overflow_16_bits_on_older_processors(made):
    weights = [
        onnx.numpy_helper.to_array(array)
        for array in made(int8=True).graph.initializer
        if array.name.startswith("lstm_weights")
    ]
    assert len(weights) == 2
    assert 2 * 255 * max(int(np.abs(own.astype(int)).max()) for own in weights) < 2**15


def test_the_metadata_hold_labels_tokenizer_and_version(made, encoder):
    facts = told(made())
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


def test_a_model_of_several_columns_tells_how_a_text_is_written(made):
    columns = [{"role": "text", "name": "text", "before": [{"name": "entity"}]}]
    assert told(made(data={"columns": columns}))["text_form"] == "entity | text"
    assert told(made(int8=True))["precision"] == "int8"


def test_a_model_too_large_for_one_file_is_refused(made, monkeypatch):
    monkeypatch.setattr(graph, "LARGEST", 1000)
    with pytest.raises(SettingsError) as error:
        made()
    assert str(error.value) == (
        "the model has 0.0 GB of numbers, and an ONNX file in one piece holds less than 2;"
        " --int8 takes a quarter"
    )
