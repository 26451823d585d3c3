"""Prediction by word counts, against sums done by hand, and what a damaged model is told."""

import subprocess
import sys

import numpy as np
import pytest

from wordgate.errors import BundleError
from wordgate.models.count import CountModel
from wordgate.text.runs import word_runs

CONFIG = {"ngrams": [1, 2], "vocabulary": ["bad", "good", "not bad"]}


def _arrays():
    return {
        "coefficients": np.array([[2.0, 0.0], [0.0, 1.0], [-4.0, 0.5]]),
        "intercepts": np.array([0.25, -0.25]),
    }


def _model():
    return CountModel.from_state(CONFIG, _arrays())


def _log_softmax(*logits):
    return np.array(logits) - np.log(np.exp(logits).sum())


def test_runs_of_words():
    assert list(word_runs("Not bad, I'd say!", (1, 2))) == [
        "not",
        "bad",
        "i",
        "d",
        "say",
        "not bad",
        "bad i",
        "i d",
        "d say",
    ]
    assert list(word_runs("one two", (2, 3))) == ["one two"]
    assert list(word_runs("...", (1, 3))) == []


def test_probabilities_are_those_of_the_sums():
    found = _model().log_proba(["Good, good", "not bad", "unheard of", ""])
    assert found == pytest.approx(
        np.array(
            [
                _log_softmax(0.25, 1.75),
                _log_softmax(-1.75, 0.25),
                _log_softmax(0.25, -0.25),
                _log_softmax(0.25, -0.25),
            ]
        )
    )


def test_neighbours_and_order_change_nothing():
    texts = ["good bad", "", "bad", "not bad not bad", "x"] * 1000
    together = _model().log_proba(texts)
    assert np.array_equal(together[::-1], _model().log_proba(texts[::-1]))
    alone = np.concatenate([_model().log_proba([text]) for text in texts[:5]])
    assert np.array_equal(together[:5], alone)


def test_no_texts_give_no_rows():
    assert _model().log_proba([]).shape == (0, 2)


def test_state_makes_the_same_model_again():
    config, arrays = _model().state()
    again = CountModel.from_state(config, arrays)
    assert config == CONFIG
    assert np.array_equal(again.log_proba(["not bad"]), _model().log_proba(["not bad"]))


@pytest.mark.parametrize("name", ["ngrams", "vocabulary"])
def test_a_missing_setting_is_named(name):
    config = {key: value for key, value in CONFIG.items() if key != name}
    with pytest.raises(BundleError) as error:
        CountModel.from_state(config, _arrays())
    assert str(error.value) == f"the saved count model has no setting '{name}'"


@pytest.mark.parametrize("name", ["coefficients", "intercepts"])
def test_a_missing_array_is_named(name):
    arrays = {key: value for key, value in _arrays().items() if key != name}
    with pytest.raises(BundleError) as error:
        CountModel.from_state(CONFIG, arrays)
    assert str(error.value) == f"the saved count model has no array '{name}'"


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (
            {"coefficients": np.zeros((2, 2))},
            "the saved count model's coefficients have the shape (2, 2); "
            "its vocabulary and intercepts need (3, 2)",
        ),
        (
            {"intercepts": np.zeros((1, 2))},
            "the saved count model's intercepts have the shape (1, 2); "
            "they must have one dimension, the classes",
        ),
    ],
)
def test_shapes_that_do_not_fit_are_named(change, message):
    with pytest.raises(BundleError) as error:
        CountModel.from_state(CONFIG, _arrays() | change)
    assert str(error.value) == message


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (
            {"ngrams": [3, 1]},
            "the saved count model's setting 'ngrams' is [3, 1]; "
            "it must be the shortest and the longest run of words, such as [1, 3]",
        ),
        (
            {"vocabulary": "good"},
            "the saved count model's setting 'vocabulary' is not a list of texts",
        ),
        (
            {"vocabulary": ["a", "b", "a"]},
            "the saved count model's vocabulary holds the same run of words twice",
        ),
    ],
)
def test_settings_out_of_place_are_named(change, message):
    with pytest.raises(BundleError) as error:
        CountModel.from_state(CONFIG | change, _arrays())
    assert str(error.value) == message


def test_prediction_imports_neither_scikit_learn_nor_scipy_nor_torch():
    code = (
        "import sys, numpy as np; from wordgate.models.count import CountModel;"
        "CountModel((1, 1), ['a'], np.zeros((1, 2)), np.zeros(2)).log_proba(['a']);"
        "print([m for m in ('sklearn', 'scipy', 'torch') if m in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
