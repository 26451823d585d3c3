"""The exported LSTM against the one in numpy: every pooling, direction and shape of batch."""

from dataclasses import replace

import numpy as np
import pytest

from wordgate.models.lstm import POOLINGS

pytest.importorskip("onnx", reason="needs the extra 'onnx'")
pytest.importorskip("onnxruntime", reason="needs the extra 'onnx'")

BATCHES = {
    "one text": (7,),
    "one word": (1,),
    "an empty text alone": (0,),
    "empty texts among others": (0, 3, 0, 1, 9),
    "200 words": (200, 4, 199),
    "256 texts": (*range(0, 200, 2), *range(156)),
    "no text has words": (0, 0),
}
COMBINATIONS = [
    *((name,) for name in POOLINGS),
    ("last", "max"), ("mean", "last"), ("max", "mean"), ("mean", "max", "last"),
]  # fmt: skip


@pytest.mark.parametrize("directions", [1, 2])
@pytest.mark.parametrize("pooling", COMBINATIONS, ids="+".join)
def test_float32_agrees(make_lstm, exported, make_texts, pooling, directions):
    model = make_lstm(pooling, directions)
    session = exported(model)
    for name, lengths in BATCHES.items():
        ids, texts = make_texts(*lengths)
        found = session.probabilities(ids, texts.lengths)
        assert found == pytest.approx(np.exp(model.log_proba_of(texts)), abs=1e-6), name


@pytest.mark.parametrize("directions", [1, 2])
@pytest.mark.parametrize("pooling", [("last",), ("max", "mean")], ids="+".join)
def test_int8_is_near(make_lstm, exported, make_texts, pooling, directions):
    model = make_lstm(pooling, directions, hidden=16, embedding=8)
    session = exported(model, int8=True)
    for name, lengths in BATCHES.items():
        ids, texts = make_texts(*lengths)
        found = session.probabilities(ids, texts.lengths)
        apart = np.abs(found - np.exp(model.log_proba_of(texts)))
        assert apart.mean() < 0.02, name


def test_int8_keeps_what_is_small_in_every_word(make_lstm, exported, make_texts):
    model = make_lstm(hidden=16, embedding=8)
    spans = np.array([1e3, *[1.0] * 7], np.float32)
    direction = model.network.directions[0]
    uneven = replace(
        model.network,
        embedding=model.network.embedding * spans,
        directions=(replace(direction, input_weights=direction.input_weights / spans),),
    )
    ids, texts = make_texts(7, 1, 12)
    found = exported(replace(model, network=uneven), int8=True).probabilities(ids, texts.lengths)
    assert found == pytest.approx(np.exp(model.log_proba_of(texts)), abs=0.02)


@pytest.mark.parametrize("int8", [False, True], ids=["float32", "int8"])
def test_what_stands_in_the_padding_is_not_read(make_lstm, exported, make_texts, int8):
    session = exported(make_lstm(POOLINGS, 2), int8=int8)
    ids, texts = make_texts(3, 0, 5, time=8)
    blank = np.arange(8) >= texts.lengths[:, None]
    expected = session.probabilities(ids, texts.lengths)
    for odd in (1, -1, 10**9):
        assert (session.probabilities(np.where(blank, odd, ids), texts.lengths) == expected).all()


def test_neighbours_and_padding_change_nothing(make_lstm, exported, make_texts):
    session = exported(make_lstm(POOLINGS, 2))
    ids, texts = make_texts(3, 0, 17, 1)
    together = session.probabilities(ids, texts.lengths)
    for row, length in enumerate(texts.lengths):
        alone = session.probabilities(ids[[row], :length], texts.lengths[[row]])
        assert alone[0] == pytest.approx(together[row], abs=1e-6)


def test_a_bundle_s_temperature_is_in_it(make_lstm, exported, make_texts):
    model = make_lstm()
    ids, texts = make_texts(5, 0)
    scaled = np.exp(model.log_proba_of(texts) / 2.5)
    expected = scaled / scaled.sum(axis=1, keepdims=True)
    found = exported(model, temperature=2.5).probabilities(ids, texts.lengths)
    assert found == pytest.approx(expected, abs=1e-6)
