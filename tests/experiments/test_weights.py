"""Weights of texts and labels, from a column or an argument to the fitted model."""

import numpy as np
import pandas as pd
import pytest

import wordgate
from wordgate import WordgateClassifier
from wordgate.data import read_table
from wordgate.errors import DataError
from wordgate.runtime.progress import Silent

READING = {"text": "text", "label": "label", "progress": Silent()}


def _frame(n=300, seed=0):
    rng = np.random.default_rng(seed)
    label = rng.choice(["ham", "spam"], n, p=[0.9, 0.1])
    words = {"ham": ["lunch", "meeting", "report"], "spam": ["prize", "meeting", "report"]}
    texts = [
        f"{rng.choice(words[one])} item{rng.integers(60)} item{rng.integers(60)}" for one in label
    ]
    return pd.DataFrame({"text": texts, "label": label, "weight": np.where(label == "spam", 9, 1)})


@pytest.fixture(scope="module")
def frame():
    return _frame()


def _recall(training):
    return training.metrics.per_class[1].recall


def test_a_column_of_weights_decides_what_counts(frame):
    plain = wordgate.train(frame.drop(columns="weight"), model="count", **READING)
    weighed = wordgate.train(frame, model="count", weight="weight", **READING)
    assert _recall(weighed) > _recall(plain)


def test_weights_of_one_change_nothing(frame):
    plain = wordgate.train(frame.drop(columns="weight"), model="count", **READING)
    equal = wordgate.train(frame.assign(weight=1), model="count", weight="weight", **READING)
    texts = frame.text.tolist()
    expected = plain.predictor.predict_proba(texts)
    assert equal.predictor.predict_proba(texts) == pytest.approx(expected, abs=0.002)


def test_a_weight_is_a_number_from_zero_up(frame):
    for bad in ("", "-1", "much", "nan", "inf"):
        cells = frame.weight.astype(str).tolist()
        cells[6] = bad
        with pytest.raises(DataError, match=rf"the weight column .* contains '{bad}' in row 7"):
            read_table(frame.assign(weight=cells), text="text", label="label", weight="weight")


def test_the_weights_of_rows_that_stay_are_kept(frame):
    table = read_table(frame, text="text", label="label", weight="weight", drop_labels=())
    assert table.select([3, 1]).weights == [float(frame.weight[3]), float(frame.weight[1])]


def test_a_further_file_needs_no_weights(frame, tmp_path):
    test = tmp_path / "test.csv"
    _frame(80, seed=1).drop(columns="weight").to_csv(test, index=False)
    train = tmp_path / "train.csv"
    frame.to_csv(train, index=False)
    training = wordgate.train(train, model="count", test=test, weight="weight", **READING)
    assert training.metrics.n == 80


def test_the_estimator_takes_weights_of_texts_and_labels(frame):
    texts, labels = frame.text.tolist(), frame.label.tolist()
    plain = WordgateClassifier(model="count").fit(texts, labels)
    by_text = WordgateClassifier(model="count").fit(texts, labels, sample_weight=frame.weight)
    by_label = WordgateClassifier(model="count", class_weight={"spam": 9.0}).fit(texts, labels)
    spam = [model.predict_proba(texts)[:, 1].mean() for model in (plain, by_text, by_label)]
    assert spam[1] > spam[0]
    assert spam[1] == pytest.approx(spam[2], rel=0.05)


@pytest.mark.parametrize("value", [-1.0, float("nan"), 1e300])
def test_a_wrong_weight_is_named_by_its_place_in_any_part(frame, value):
    for place in range(0, 60, 3):  # one in ten of them is a validation row
        weights = np.ones(len(frame))
        weights[place] = value
        with pytest.raises(DataError, match=f"^the weight of text {place + 1} of 300 is "):
            WordgateClassifier(model="count").fit(frame.text, frame.label, sample_weight=weights)
    with pytest.raises(DataError, match=r"^the weights of all 300 texts are 0$"):
        WordgateClassifier(model="count").fit(frame.text, frame.label, sample_weight=[0] * 300)


def test_as_many_weights_as_texts_are_needed(frame):
    with pytest.raises(DataError, match="there are 300 texts but 2 weights"):
        WordgateClassifier(model="count").fit(frame.text, frame.label, sample_weight=[1, 2])
    with pytest.raises(DataError, match="the weights of the texts are not numbers"):
        WordgateClassifier(model="count").fit(frame.text, frame.label, sample_weight=["a"] * 300)
