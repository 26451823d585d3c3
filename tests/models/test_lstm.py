"""Keeping an LSTM classifier: the same model again, clear refusals, and never torch."""

import subprocess
import sys

import numpy as np
import pytest

from wordgate.errors import BundleError
from wordgate.models.base import model_from_state
from wordgate.models.lstm import LSTMModel, Network
from wordgate.models.lstm_forward import Direction
from wordgate.text.encoder import TextEncoder

TEXTS = ["a good day", "a bad day", "", "unheard of"]
VOCABULARY = 6  # padding, unknown, and four words


def made_model(directions=2, pooling=("last", "max")):
    rng = np.random.default_rng(0)

    def drawn(*shape):
        return rng.normal(size=shape).astype(np.float32)

    encoder, _ = TextEncoder.fit(TEXTS[:2], max_tokens=9)
    network = Network(
        drawn(VOCABULARY, 5),
        tuple(Direction(drawn(12, 5), drawn(12, 3), drawn(12)) for _ in range(directions)),
        drawn(2, 3 * directions * len(pooling)),
        drawn(2),
        pooling,
    )
    return LSTMModel(encoder, network)


@pytest.mark.parametrize("directions", [1, 2])
@pytest.mark.parametrize("pooling", [("max",), ("mean", "last")], ids="+".join)
def test_state_makes_the_same_model_again(directions, pooling):
    model = made_model(directions, pooling)
    again = LSTMModel.from_state(*model.state())
    assert np.array_equal(again.log_proba(TEXTS), model.log_proba(TEXTS))
    assert again.state()[0] == model.state()[0]
    assert set(again.state()[1]) == set(model.state()[1])


def test_families_build_it_by_name():
    model = made_model()
    again = model_from_state("lstm", *model.state())
    assert again.family == "lstm"
    assert np.array_equal(again.log_proba(TEXTS), model.log_proba(TEXTS))


def refusal(description=None, arrays=None, without=()):
    kept_description, kept_arrays = made_model().state()
    parts = [{**kept_description, **(description or {})}, {**kept_arrays, **(arrays or {})}]
    for part in parts:
        for name in without:
            part.pop(name, None)
    with pytest.raises(BundleError) as error:
        LSTMModel.from_state(*parts)
    return str(error.value)


@pytest.mark.parametrize(
    "name",
    [
        "encoder",
        "pooling",
        "embedding",
        "forward.input_weights",
        "forward.hidden_weights",
        "forward.bias",
        "backward.input_weights",
        "backward.hidden_weights",
        "backward.bias",
        "output.weights",
        "output.bias",
    ],
)
def test_a_missing_part_is_named(name):
    assert refusal(without=[name]) == f"the model has no part '{name}'; train it again"


@pytest.mark.parametrize("name", ["more", "embedding.scales", "output.more", "sideways.bias"])
def test_a_part_that_nothing_needs_is_named(name):
    assert refusal(arrays={name: np.zeros(2, np.float32)}) == (
        f"the model has a part '{name}' that nothing needs; train it again"
    )


def test_a_network_without_directions_is_refused():
    directions = [name for name in made_model().state()[1] if "ward." in name]
    expected = "the model has no part 'forward.input_weights'; train it again"
    assert refusal(without=directions) == expected


@pytest.mark.parametrize(
    ("name", "shape", "belongs"),
    [
        ("embedding", (7, 5), (6, 5)),
        ("embedding", (5,), (6, 5)),
        ("forward.input_weights", (12, 4), (12, 5)),
        ("forward.hidden_weights", (12, 4), (12, 3)),
        ("backward.hidden_weights", (3, 12), (12, 3)),
        ("backward.bias", (12, 1), (12,)),
        ("output.weights", (2, 11), (2, 12)),
        ("output.bias", (2, 1), (2,)),
        ("output.bias", (), (1,)),
    ],
)
def test_an_array_that_does_not_fit_is_named(name, shape, belongs):
    assert refusal(arrays={name: np.zeros(shape, np.float32)}) == (
        f"the model's {name} is float32 {list(shape)}; it must be float32 {list(belongs)}"
    )


def test_numbers_of_another_type_are_refused():
    assert refusal(arrays={"output.bias": np.zeros(2)}) == (
        "the model's output.bias is float64 [2]; it must be float32 [2]"
    )


@pytest.mark.parametrize(
    ("pooling", "shown"),
    [(["max", "median"], "['median']"), ([], "[]"), ("max", "'max'"), (3, "3"), ([[]], "[[]]")],
)
def test_an_unknown_pooling_is_named(pooling, shown):
    assert refusal(description={"pooling": pooling}) == (
        f"the model pools by {shown}, and this version of wordgate only by last, max, mean"
    )


def test_an_encoder_of_another_form_is_refused():
    assert refusal(description={"encoder": 3}) == (
        "the model's text encoder is 3, not an object of named fields"
    )


def test_an_unknown_family_is_named():
    with pytest.raises(BundleError) as error:
        model_from_state("lstn", *made_model().state())
    assert str(error.value) == "no family of models 'lstn'; did you mean 'lstm'?"


def test_a_description_of_another_form_is_refused():
    with pytest.raises(BundleError) as error:
        model_from_state("lstm", ["encoder"], {})
    assert str(error.value) == "the model's description is a list, not an object of named parts"


def test_writing_loading_and_predicting_do_without_torch(tmp_path):
    code = """
import sys
import numpy as np
from wordgate.bundle.config import Config
from wordgate.bundle.folder import Bundle, write_bundle
from wordgate.models.lstm import LSTMModel
from wordgate.models.lstm import Network
from wordgate.models.lstm_forward import Direction
from wordgate.prediction.predictor import load
from wordgate.dedup.fingerprints import Fingerprints
from wordgate.text.encoder import TextEncoder

zeros = lambda *shape: np.zeros(shape, np.float32)
encoder, _ = TextEncoder.fit(["a good day"], max_tokens=9)
direction = Direction(zeros(4, 2), zeros(4, 1), zeros(4))
bias = np.array([0, 1], np.float32)
network = Network(zeros(5, 2), (direction,), zeros(2, 1), bias, ("max",))
config = Config(
    family="lstm", labels=("no", "yes"), seed=0, recipe="", settings={}, data={}, environment={}
)
model = LSTMModel(encoder, network)
write_bundle(Bundle(config, model, None, Fingerprints.of(["a good day"], None)), sys.argv[1])
print(load(sys.argv[1]).predict(["a good day", "unheard of"]), "torch" in sys.modules)
"""
    command = [sys.executable, "-c", code, str(tmp_path / "bundle")]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "['yes', 'yes'] False"
