"""The exported `count` against the one in numpy: every weighting, kind and shape of batch."""

from dataclasses import replace

import numpy as np
import pytest

from wordgate.errors import BundleError
from wordgate.export import graph
from wordgate.export.inputs import encode, input_form, ngram_inputs
from wordgate.export.parity import check_made_up
from wordgate.models.count import ABSENT_LOGIT, CountModel

pytest.importorskip("onnx", reason="needs the extra 'onnx'")
pytest.importorskip("onnxruntime", reason="needs the extra 'onnx'")

TEXTS = [
    "Good day and not one bad word of it all!",
    "",
    "good good good GOOD, good",
    "unheard-of",
    "not so bad",
    "a " * 300,
    "\U0001f44d?",
]
BATCHES = {
    "one text": [TEXTS[0]],
    "an empty text alone": [""],
    "all": TEXTS,
    "256 texts": [*TEXTS * 36, *TEXTS[:4]],
    "no text has n-grams": ["", "\U0001f44d?"],
}
KINDS = [("words",), ("characters",), ("words", "characters")]


@pytest.mark.parametrize("int8", [False, True], ids=["float32", "int8"])
@pytest.mark.parametrize("kinds", KINDS, ids="+".join)
@pytest.mark.parametrize("weights", ["tfidf", "counts"])
def test_it_agrees(make_count, exported, weights, kinds, int8):
    model = make_count(weights, kinds)
    session = exported(model, int8=int8)
    for name, texts in BATCHES.items():
        found = session.probabilities(*ngram_inputs(model.encode(texts)))
        apart = np.abs(found - np.exp(model.log_proba(texts)))
        assert apart.max() < 1e-6 if not int8 else apart.mean() < 0.02, name


def test_one_kind_may_be_weighed_and_the_other_counted(make_count, exported):
    weighed, counted = make_count("tfidf"), make_count("counts")
    mixed = CountModel(
        [weighed.vectorizers[0], counted.vectorizers[1]], weighed.coefficients, weighed.intercepts
    )
    found = exported(mixed).probabilities(*ngram_inputs(mixed.encode(TEXTS)))
    assert found == pytest.approx(np.exp(mixed.log_proba(TEXTS)), abs=1e-6)


@pytest.mark.parametrize("int8", [False, True], ids=["float32", "int8"])
def test_wrong_numbers_are_refused(make_count, exported, monkeypatch, int8):
    model = make_count()

    def compare(other):
        session = exported(other, int8=int8)
        check_made_up(
            session, lambda texts: np.exp(model.log_proba_of(texts)), input_form(model), int8=int8
        )

    compare(model)
    if int8:
        whole = graph.quantize
        monkeypatch.setattr(graph, "quantize", lambda rows: (whole(rows)[0] // 64, whole(rows)[1]))
        other = model
    else:
        other = CountModel(model.vectorizers, model.coefficients[::-1], model.intercepts)
    with pytest.raises(BundleError, match=r"^not written: "):
        compare(other)


@pytest.mark.parametrize("weights", ["tfidf", "counts"])
def test_the_padding_is_not_read(make_count, exported, weights):
    model = make_count(weights)
    session = exported(model)
    ids, counts = ngram_inputs(model.encode(TEXTS))
    expected = session.probabilities(ids, counts)
    wider = [np.pad(values, ((0, 0), (0, 5))) for values in (ids, counts)]
    assert session.probabilities(*wider) == pytest.approx(expected, abs=1e-6)
    filled = np.where(ids == 0, 7, counts).astype(np.float32)
    assert session.probabilities(ids, filled) == pytest.approx(expected, abs=1e-6)
    never = np.where(ids == 0, 2, ids)
    assert session.probabilities(never, counts) == pytest.approx(expected, abs=1e-6)


def test_the_order_of_ngrams_changes_nothing(make_count, exported):
    model = make_count()
    session = exported(model)
    ids, counts = ngram_inputs(model.encode(TEXTS[:1]))
    backwards = session.probabilities(ids[:, ::-1].copy(), counts[:, ::-1].copy())
    assert backwards == pytest.approx(session.probabilities(ids, counts), abs=1e-6)


def test_a_label_without_training_texts_has_the_probability_0(make_count, exported):
    model = make_count()
    model = CountModel(model.vectorizers, model.coefficients, np.array([ABSENT_LOGIT, 0.0, 1.0]))
    found = exported(model).probabilities(*ngram_inputs(model.encode(TEXTS)))
    assert (found[:, 0] == 0).all()
    assert found == pytest.approx(np.exp(model.log_proba(TEXTS)), abs=1e-6)


def test_a_bundle_s_temperature_is_in_it(make_count, exported):
    model = make_count()
    scaled = np.exp(model.log_proba(TEXTS) / 2.5)
    expected = scaled / scaled.sum(axis=1, keepdims=True)
    found = exported(model, temperature=2.5).probabilities(*ngram_inputs(model.encode(TEXTS)))
    assert found == pytest.approx(expected, abs=1e-6)


def test_a_model_without_ngrams(make_count, exported):
    model = make_count(texts=())
    found = exported(model).probabilities(*ngram_inputs(model.encode(TEXTS)))
    assert found == pytest.approx(np.exp(model.log_proba(TEXTS)), abs=1e-6)


def test_texts_that_are_compared_have_ngrams_once_twice_and_three_times(make_count):
    model = make_count()
    once = encode(model, ["good day and not"])
    once = replace(once, ids=np.arange(1, len(once.ids) + 1, dtype=np.int32))
    varied = input_form(model).vary(once)
    ids, counts = ngram_inputs(varied)
    assert ids.tolist() == [once.ids.tolist()]
    assert set(counts[0].tolist()) == {1, 2, 3}
