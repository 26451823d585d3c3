"""Saving an LSTM classifier: the same model again, clear refusals, no torch."""

import subprocess
import sys

import numpy as np
import pytest

from wordgate.errors import BundleError
from wordgate.models.base import model_from_state

TEXTS = ["a good day", "a bad day", "", "unheard of"]


@pytest.mark.parametrize("directions", [1, 2])
@pytest.mark.parametrize("pooling", [("max",), ("mean", "last")], ids="+".join)
def test_state_makes_the_same_model_again(make_lstm, directions, pooling):
    model = make_lstm(directions, pooling)
    again = model_from_state("lstm", *model.state())
    assert again.family == "lstm"
    assert np.array_equal(again.log_proba(TEXTS), model.log_proba(TEXTS))
    assert again.state()[0] == model.state()[0]
    assert set(again.state()[1]) == set(model.state()[1])


def test_an_unknown_family_is_named(make_lstm):
    with pytest.raises(BundleError) as error:
        model_from_state("lstn", *make_lstm().state())
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
