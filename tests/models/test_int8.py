"""Word vectors quantized to int8: rounded once, then saved and restored unchanged."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import array_shapes, arrays

import wordgate
from wordgate.errors import BundleError
from wordgate.models.average import AverageModel
from wordgate.models.base import model_from_state
from wordgate.models.int8 import int8_arrays, restore_int8, round_to_int8
from wordgate.models.lstm import LSTMModel
from wordgate.runtime.progress import Silent
from wordgate.text.encoder import TextEncoder

anything = arrays(
    np.float32,
    array_shapes(min_dims=2, max_dims=2, max_side=6),
    elements=st.floats(-(2.0**100), 2.0**100, width=32),
)


@given(anything)
def test_rounded_values_stay_as_they_are(rows):
    once = round_to_int8(rows)
    assert np.array_equal(round_to_int8(once), once)
    stored = int8_arrays("embedding", once, int8=True)
    assert stored["embedding.int8"].nbytes * 4 == once.nbytes
    again, int8 = restore_int8("embedding", stored)
    assert int8
    assert list(again) == ["embedding"]
    assert np.array_equal(again["embedding"], once)


@given(anything)
def test_no_number_moves_by_more_than_half_a_step(rows):
    step = np.abs(rows).max(axis=1, keepdims=True) / 127
    # A scale is rounded up by 2^-15 of itself at most, and 127 of them add up.
    assert (np.abs(round_to_int8(rows) - rows) <= step * 0.51 + 1e-37).all()


def test_a_row_of_zeros_stays_so():
    assert round_to_int8(np.zeros((2, 3), np.float32)).tolist() == [[0.0] * 3] * 2


def test_without_bytes_nothing_is_changed():
    rows = np.ones((2, 3), np.float32)
    assert int8_arrays("rows", rows, int8=False) == {"rows": rows}
    assert restore_int8("rows", {"rows": rows}) == ({"rows": rows}, False)


@pytest.mark.parametrize(
    ("changed", "message"),
    [
        ({"rows.scales": None}, "has no part 'rows.scales'"),
        ({"rows.scales": np.ones(3, np.float32)}, "scales that are float32 [3]"),
        ({"rows.scales": np.ones(2)}, "scales that are float64 [2]"),
        ({"rows.int8": np.ones(2, np.int8)}, "rows is int8 [2] with"),
        ({"rows.int8": np.ones((2, 3), np.uint8)}, "rows is uint8 [2, 3] with"),
    ],
)
def test_bytes_and_scales_that_do_not_fit_are_refused(changed, message):
    parts = {**int8_arrays("rows", np.ones((2, 3), np.float32), int8=True), **changed}
    parts = {name: array for name, array in parts.items() if array is not None}
    with pytest.raises(BundleError) as error:
        restore_int8("rows", parts)
    assert message in str(error.value)


@pytest.mark.parametrize("name", ["rows", "rows.more"])
def test_a_part_beside_the_bytes_that_nothing_needs_is_named(name):
    encoder, _ = TextEncoder.fit(["a good day"], max_tokens=9)
    zeros = np.zeros((len(encoder.vocabulary), 2), np.float32)
    description, arrays = AverageModel(encoder, zeros, zeros[:, 0], zeros[0], int8=True).state()
    with pytest.raises(BundleError) as error:
        model_from_state("logreg", description, {**arrays, name: zeros})
    assert str(error.value) == (f"the model has a part '{name}' that nothing needs; train it again")


def test_a_bundle_in_int8_is_smaller_and_has_the_remarks_of_its_training(reviews, tiny, tmp_path):
    settings = {**tiny, "lstm.embedding_size": 256}
    sizes = {}
    for stored in ("float32", "int8"):
        out = tmp_path / stored
        training = wordgate.train(
            reviews, out=out, settings={**settings, "vectors.stored": stored}, progress=Silent()
        )
        model = wordgate.load(out)
        texts = ["We love this lamp number 3 from the hall", "unheard of", "!"]
        assert np.array_equal(model.predict_proba(texts), training.predictor.predict_proba(texts))
        sizes[stored] = (out / "weights.safetensors").stat().st_size
    assert sizes["int8"] < sizes["float32"] / 2


def test_a_network_in_int8_has_the_rounded_vectors(lstm_model):
    model = wordgate.load(lstm_model.folder)._model
    small = LSTMModel(model.encoder, model.network.in_int8())
    again = LSTMModel.from_state(*small.state())
    assert np.array_equal(again.network.embedding, round_to_int8(model.network.embedding))
    assert again.network.int8
