"""The exported `logreg` and `mlp` against those in numpy."""

import numpy as np
import pytest

pytest.importorskip("onnx", reason="needs the extra 'onnx'")
pytest.importorskip("onnxruntime", reason="needs the extra 'onnx'")

LENGTHS = [(7,), (1,), (0,), (0, 3, 0, 1, 9), (200, 4, 199), tuple(range(200)), (0, 0)]
families = pytest.mark.parametrize("family", ["logreg", "mlp"])


@families
@pytest.mark.parametrize("int8", [False, True], ids=["float32", "int8"])
def test_it_agrees(make_average, exported, make_texts, family, int8):
    model = make_average(family)
    session = exported(model, int8=int8)
    for lengths in LENGTHS:
        ids, texts = make_texts(*lengths)
        found = session.probabilities(ids, texts.lengths)
        allowed = 0.02 if int8 else 1e-6
        assert found == pytest.approx(np.exp(model.log_proba_of(texts)), abs=allowed)


@families
def test_a_text_of_words_without_weight_gets_what_an_empty_one_gets(make_average, exported, family):
    session = exported(make_average(family))
    weightless = session.probabilities(np.array([[1, 4, 4]]), np.array([3]))
    assert weightless == pytest.approx(session.probabilities(np.zeros((1, 0), int), np.array([0])))


@families
def test_what_stands_in_the_padding_is_not_read(make_average, exported, make_texts, family):
    session = exported(make_average(family))
    ids, texts = make_texts(3, 0, 5, time=8)
    blank = np.arange(8) >= texts.lengths[:, None]
    expected = session.probabilities(ids, texts.lengths)
    assert (session.probabilities(np.where(blank, 10**9, ids), texts.lengths) == expected).all()


@families
def test_a_bundle_s_temperature_is_in_it(make_average, exported, make_texts, family):
    model = make_average(family)
    ids, texts = make_texts(5, 0)
    scaled = np.exp(model.log_proba_of(texts) / 0.4)
    expected = scaled / scaled.sum(axis=1, keepdims=True)
    found = exported(model, temperature=0.4).probabilities(ids, texts.lengths)
    assert found == pytest.approx(expected, abs=1e-6)
