"""Models of another form: each is refused in one sentence, and none of it is run."""

import sys

import pytest

import wordgate

READ = "only InputLayer, Embedding, LSTM, Dense, Dropout, SpatialDropout1D can be imported"
ORDER = "they must be Embedding, LSTM and Dense, in this order, with dropouts between them only"


def layers(config):
    return config["config"]["layers"]


def with_field(number, field, value):
    """Set a field of a layer: 0 input, 1 embedding, 2 LSTM, 3 dropout, 4 dense."""
    return lambda config: layers(config)[number]["config"].__setitem__(field, value)


def without_field(number, field):
    return lambda config: layers(config)[number]["config"].pop(field)


def with_class(number, kind, module="keras.layers", registered=None):
    return lambda config: layers(config)[number].update(
        class_name=kind, module=module, registered_name=registered
    )


def repeated(number):
    return lambda config: layers(config).insert(number, layers(config)[number])


def policy(kind, name):
    return {"module": "keras", "class_name": kind, "config": {"name": name}}


REFUSALS = {
    "GRU": (
        with_class(2, "GRU"),
        f"layer 'reader' (GRU) is of a class that cannot be imported; {READ}",
    ),
    "Bidirectional": (
        with_class(2, "Bidirectional"),
        f"layer 'reader' (Bidirectional) is of a class that cannot be imported; {READ}",
    ),
    "Lambda": (
        with_class(3, "Lambda"),
        f"layer 'out_dropout' (Lambda) is of a class that cannot be imported; {READ}",
    ),
    "nested model": (
        with_class(3, "Sequential", "keras"),
        f"layer 'out_dropout' (Sequential) is of a class that cannot be imported; {READ}",
    ),
    "custom class": (
        with_class(2, "LSTM", "this", "Evil>LSTM"),
        f"layer 'reader' is of the custom class Evil>LSTM, whose code is not run; {READ}",
    ),
    "custom name": (
        with_class(2, "LSTM", "keras.layers", "Evil>LSTM"),
        f"layer 'reader' is of the custom class Evil>LSTM, whose code is not run; {READ}",
    ),
    "custom module": (
        with_class(2, "LSTM", "this"),
        f"layer 'reader' is of the custom class this.LSTM, whose code is not run; {READ}",
    ),
    "custom model": (
        lambda config: config.update(module="this", class_name="Model"),
        f"the model is of the custom class this.Model, whose code is not run; {READ}",
    ),
    "other model": (
        lambda config: config.update(class_name="Model"),
        "the model is a Model; only Sequential and Functional models can be imported",
    ),
    "two embeddings": (
        repeated(1),
        "layer 'word_vectors' (Embedding) is the second Embedding; only one can be imported",
    ),
    "two LSTMs": (
        repeated(2),
        "layer 'reader' (LSTM) is the second LSTM; only one can be imported",
    ),
    "two Dense": (
        repeated(4),
        "layer 'label' (Dense) is the second Dense; only one can be imported",
    ),
    "no LSTM": (
        lambda config: layers(config).pop(2),
        f"the model's layers are InputLayer, Embedding, Dropout, Dense; {ORDER}",
    ),
    "dropout at the end": (
        lambda config: layers(config).append(layers(config).pop(3)),
        f"the model's layers are InputLayer, Embedding, LSTM, Dense, Dropout; {ORDER}",
    ),
    "no layers": (lambda config: config["config"].update(layers=[]), "the model has no layers"),
    "no config": (lambda config: config.pop("config"), "the model has no config"),
    "no class": (lambda config: config.pop("class_name"), "the model has no class_name"),
    "layer without class": (
        lambda config: layers(config)[2].pop("class_name"),
        "layer 'reader' has no class_name",
    ),
    "layer that is none": (
        lambda config: layers(config).__setitem__(2, None),
        "layer '3' has no class_name",
    ),
    "layer without config": (
        lambda config: layers(config)[2].pop("config"),
        "layer '3' has no config",
    ),
    "mask_zero": (
        with_field(1, "mask_zero", False),
        "layer 'word_vectors' (Embedding) has mask_zero=False; only mask_zero=True can be imported",
    ),
    "no mask_zero": (
        without_field(1, "mask_zero"),
        "layer 'word_vectors' (Embedding) has no field 'mask_zero'",
    ),
    "return_sequences": (
        with_field(2, "return_sequences", True),
        "layer 'reader' (LSTM) has return_sequences=True; only return_sequences=False can be"
        " imported",
    ),
    "return_state": (
        with_field(2, "return_state", True),
        "layer 'reader' (LSTM) has return_state=True; only return_state=False can be imported",
    ),
    "go_backwards": (
        with_field(2, "go_backwards", True),
        "layer 'reader' (LSTM) has go_backwards=True; only go_backwards=False can be imported",
    ),
    "activation": (
        with_field(2, "activation", "relu"),
        "layer 'reader' (LSTM) has activation='relu'; only activation='tanh' can be imported",
    ),
    "recurrent_activation": (
        with_field(2, "recurrent_activation", "hard_sigmoid"),
        "layer 'reader' (LSTM) has recurrent_activation='hard_sigmoid'; only"
        " recurrent_activation='sigmoid' can be imported",
    ),
    "custom activation": (
        with_field(4, "activation", {"module": "builtins", "class_name": "function"}),
        "layer 'label' (Dense) has activation={'module': 'builtins', 'class_name': 'function'};"
        " only activation='softmax' can be imported",
    ),
    "sigmoid output": (
        with_field(4, "activation", "sigmoid"),
        "layer 'label' (Dense) has activation='sigmoid'; only activation='softmax' can be imported",
    ),
    "no output activation": (
        without_field(4, "activation"),
        "layer 'label' (Dense) has no field 'activation'",
    ),
    "sparse input": (
        with_field(0, "sparse", True),
        "layer 'tokens' (InputLayer) has sparse=True; only sparse=False can be imported",
    ),
    "LoRA": (
        with_field(4, "lora_rank", 4),
        "layer 'label' (Dense) has lora_rank=4, which cannot be imported",
    ),
    "quantization": (
        with_field(4, "quantization_config", {"mode": "int8"}),
        "layer 'label' (Dense) has quantization_config={'mode': 'int8'}, which cannot be imported",
    ),
    "quantized policy": (
        with_field(1, "dtype", policy("QuantizedDTypePolicy", "int8_from_float32")),
        "layer 'word_vectors' (Embedding) has the dtype policy 'QuantizedDTypePolicy'; only"
        " float32, mixed_float16, mixed_bfloat16 can be imported",
    ),
    "half precision": (
        with_field(2, "dtype", policy("DTypePolicy", "float16")),
        "layer 'reader' (LSTM) has the dtype policy 'float16'; only float32, mixed_float16,"
        " mixed_bfloat16 can be imported",
    ),
    "double precision": (
        with_field(2, "dtype", "float64"),
        "layer 'reader' (LSTM) has the dtype policy 'float64'; only float32, mixed_float16,"
        " mixed_bfloat16 can be imported",
    ),
    "units": (
        with_field(2, "units", 0),
        "layer 'reader' (LSTM) has units=0; it must be a whole number from 1 to 2,147,483,647",
    ),
    "units of another type": (
        with_field(4, "units", True),
        "layer 'label' (Dense) has units=True; it must be a whole number from 1 to 2,147,483,647",
    ),
    "use_bias": (
        with_field(4, "use_bias", None),
        "layer 'label' (Dense) has use_bias=None; it must be True or False",
    ),
    "one output": (
        with_field(4, "units", 1),
        "layer 'label' (Dense) has units=1; a classifier has two outputs or more",
    ),
    "input of three dimensions": (
        with_field(0, "batch_shape", [None, 8, 1]),
        "layer 'tokens' (InputLayer) takes an input of the shape [None, 8, 1]; it must be"
        " [batch, tokens]",
    ),
    "hidden size that the weights do not have": (
        with_field(2, "units", 6),
        "the weights at 'layers/lstm/cell/vars/0' are float32 [6, 20]; they must be float32"
        " [6, 24]",
    ),
    "embedding that the weights do not have": (
        with_field(1, "input_dim", 2_000_000_000),
        "the weights at 'layers/embedding/vars/0' are float32 [30, 6]; they must be float32 "
        "[2000000000, 6]",
    ),
}


@pytest.mark.parametrize("case", REFUSALS)
def test_another_shape_is_refused(reconfigured, fixtures, case):
    edit, message = REFUSALS[case]
    model = reconfigured(edit)
    with pytest.raises(wordgate.BundleError) as caught:
        wordgate.import_keras(model, fixtures / "tokenizer.json", labels=["a", "b", "c"])
    assert str(caught.value) == f"{model}: {message}"
    assert not {"this", "keras", "tensorflow"} & set(sys.modules)


def first_of(config, kind):
    return next(layer for layer in layers(config) if layer["class_name"] == kind)


def skip_a_layer(config):
    """Let the LSTM read the Embedding itself, so that two dropouts hang in the air."""
    source = first_of(config, "Embedding")["name"]
    first_of(config, "LSTM")["inbound_nodes"][0]["args"][0]["config"]["keras_history"][0] = source


FUNCTIONAL_REFUSALS = {
    "dropout in prediction": (
        lambda config: first_of(config, "Dropout")["inbound_nodes"][0]["kwargs"].update(
            training=True
        ),
        "layer 'dropout' (Dropout) is called with training=True, which cannot be imported",
    ),
    "a mask of one's own": (
        lambda config: first_of(config, "NotEqual")["inbound_nodes"][0]["args"].__setitem__(1, 7),
        f"the model computes a NotEqual that is not the mask of an Embedding; {READ}",
    ),
    "called twice": (
        lambda config: first_of(config, "Embedding")["inbound_nodes"].append({}),
        "layer 'embedding' (Embedding) must be called once, on the output of one other layer",
    ),
    "not a chain": (
        skip_a_layer,
        "layer 'spatial_dropout1d' (SpatialDropout1D) is not part of one chain from the input to"
        " the output",
    ),
    "nothing but a mask": (
        lambda config: config["config"].update(
            layers=[entry for entry in layers(config) if entry["class_name"] == "NotEqual"]
        ),
        "the model is not part of one chain from the input to the output",
    ),
    "two outputs": (
        lambda config: config["config"].update(output_layers=[["a", 0, 0], ["b", 0, 0]]),
        "the model has the output_layers [['a', 0, 0], ['b', 0, 0]]; there must be one",
    ),
    "an output that is not there": (
        lambda config: config["config"].update(output_layers=["a", 0, 0]),
        "layer 'input_layer' (InputLayer) is not part of one chain from the input to the output",
    ),
    "other operation": (
        lambda config: first_of(config, "NotEqual").update(
            class_name="Multiply", registered_name="Multiply"
        ),
        f"layer 'not_equal_1' (Multiply) is of a class that cannot be imported; {READ}",
    ),
}


@pytest.mark.parametrize("case", FUNCTIONAL_REFUSALS)
def test_anything_but_a_chain_of_layers_is_refused(reconfigured, fixtures, case):
    edit, message = FUNCTIONAL_REFUSALS[case]
    model = reconfigured(edit, "functional.keras")
    with pytest.raises(wordgate.BundleError) as caught:
        wordgate.import_keras(
            model, fixtures / "tokenizer.json", labels=["a", "b", "c", "d"], max_tokens=6
        )
    assert str(caught.value) == f"{model}: {message}"


def test_older_notations_are_read(reconfigured, fixtures, expected):
    def older(config):
        config["config"]["input_layers"] = [config["config"]["input_layers"]]
        config["config"]["output_layers"] = [config["config"]["output_layers"]]
        mask = layers(config).index(first_of(config, "NotEqual"))
        layers(config).pop(mask)
        first_of(config, "LSTM")["inbound_nodes"][0]["kwargs"]["mask"] = None

    imported = wordgate.import_keras(
        reconfigured(older, "functional.keras"),
        fixtures / "tokenizer.json",
        labels=["a", "b", "c", "d"],
        max_tokens=6,
        truncate="end",
    )
    assert abs(imported.predict_proba(expected["texts"]) - expected["functional"]).max() < 1e-6


def test_stateful_changes_nothing(reconfigured, fixtures, expected):
    model = reconfigured(with_field(2, "stateful", True))
    imported = wordgate.import_keras(model, fixtures / "tokenizer.json", labels=["a", "b", "c"])
    assert abs(imported.predict_proba(expected["texts"]) - expected["notebook"]).max() < 1e-6
