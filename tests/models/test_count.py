"""Prediction by word counts, against sums done by hand, and what a damaged model is told."""

import json

import numpy as np
import pytest

from wordgate.errors import BundleError
from wordgate.models.base import model_from_state
from wordgate.models.count import ABSENT_LOGIT, CountModel
from wordgate.text.ngrams import NgramVectorizer

CONFIG = {
    "kind": "words",
    "ngrams": [1, 2],
    "n_texts": 0,
    "vocabulary": ["bad", "good", "not bad"],
}
"""Plain counts of words."""


def _arrays():
    return {
        "coefficients": np.array([[2.0, 0.0], [0.0, 1.0], [-4.0, 0.5]]),
        "intercepts": np.array([0.25, -0.25]),
    }


def _model():
    return CountModel.from_state({"blocks": [CONFIG]}, _arrays())


def _two_blocks(classes=3):
    """Weighted words and characters with coefficients of chance."""
    rng = np.random.default_rng(0)
    vectorizers = [
        NgramVectorizer(
            "words", (1, 2), ["bad", "good", "not bad"], np.array([3, 4, 1], np.int32), 9
        ),
        NgramVectorizer(
            "characters", (2, 3), [" b", "ad ", "go", "oo"], np.array([5, 9, 4, 1], np.int32), 9
        ),
    ]
    coefficients = rng.normal(size=(7, classes)).astype(np.float32)
    return CountModel(vectorizers, coefficients, rng.normal(size=classes))


def _log_softmax(*logits):
    return np.array(logits) - np.log(np.exp(logits).sum())


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


def test_blocks_are_added_up():
    model, texts = _two_blocks(), ["Not bad, good!", "bad", "moo", "?", ""]
    logits = np.tile(model.intercepts, (5, 1))
    for vectorizer, coefficients in zip(
        model.vectorizers, np.split(model.coefficients, [3]), strict=True
    ):
        for row, text in enumerate(texts):
            entries = vectorizer.transform([text])
            logits[row] += entries.values @ coefficients[entries.ids].astype(np.float64)
    expected = np.array([_log_softmax(*row) for row in logits])
    assert model.log_proba(texts) == pytest.approx(expected)


@pytest.mark.parametrize("model", [_model, _two_blocks])
def test_texts_that_are_ids_get_the_same_answers(model):
    model, texts = model(), ["Not bad, good! bad bad", "", "bad", "moo", "?", "good good"]
    encoded = model.encode(texts)
    assert len(encoded) == 6
    assert np.array_equal(model.log_proba_of(encoded), model.log_proba(texts))
    assert model.encode([]).ids.shape == (0,)


def test_ids_number_the_ngrams_of_all_kinds_from_1_on():
    encoded = _two_blocks().encode(["not bad", "good bad"])
    assert encoded.lengths.tolist() == [4, 6]
    assert sorted(encoded.ids[:4].tolist()) == [1, 3, 4, 5]
    assert sorted(encoded.ids[4:].tolist()) == [1, 2, 4, 5, 6, 7]


def test_a_class_without_rows_has_the_probability_0():
    model = _two_blocks()
    model.intercepts[1] = ABSENT_LOGIT
    log_proba = model.log_proba(["good", "bad", ""])
    assert np.isfinite(log_proba).all()
    assert np.exp(log_proba)[:, 1].tolist() == [0, 0, 0]


@pytest.mark.parametrize("make", [_model, _two_blocks])
def test_neighbours_and_order_change_nothing(make):
    texts = ["good bad", "", "bad", "not bad not bad", "x"] * 1000
    together = make().log_proba(texts)
    assert np.array_equal(together[::-1], make().log_proba(texts[::-1]))
    alone = np.concatenate([make().log_proba([text]) for text in texts[:5]])
    assert np.array_equal(together[:5], alone)


def test_no_texts_give_no_rows():
    assert _model().log_proba([]).shape == (0, 2)


@pytest.mark.parametrize("make", [_model, _two_blocks])
def test_state_makes_the_same_model_again(make):
    config, arrays = make().state()
    again = model_from_state("count", json.loads(json.dumps(config)), arrays)
    texts = ["not bad", "good moo", ""]
    assert again.family == "count"
    assert again.state()[0] == config
    assert set(again.state()[1]) == set(arrays)
    assert np.array_equal(again.log_proba(texts), make().log_proba(texts))


def test_a_model_of_before_there_were_blocks_is_refused():
    with pytest.raises(BundleError) as error:
        CountModel.from_state(CONFIG, _arrays())
    assert str(error.value) == "the model has no part 'blocks'; train it again"


@pytest.mark.parametrize("name", ["coefficients", "intercepts"])
def test_a_missing_array_is_named(name):
    arrays = {key: value for key, value in _arrays().items() if key != name}
    with pytest.raises(BundleError) as error:
        CountModel.from_state({"blocks": [CONFIG]}, arrays)
    assert str(error.value) == f"the model has no part '{name}'; train it again"


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
        CountModel.from_state({"blocks": [CONFIG]}, _arrays() | change)
    assert str(error.value) == message


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (
            {"ngrams": [3, 1]},
            "the saved count model's setting 'ngrams' is [3, 1]; "
            "it must be the shortest and the longest n-gram, such as [1, 3]",
        ),
        (
            {"vocabulary": "good"},
            "the saved count model's setting 'vocabulary' is not a list of texts",
        ),
        (
            {"vocabulary": ["a", "b", "a"]},
            "the saved count model's vocabulary contains the same n-gram twice",
        ),
    ],
)
def test_settings_out_of_place_are_named(change, message):
    with pytest.raises(BundleError) as error:
        CountModel.from_state({"blocks": [CONFIG | change]}, _arrays())
    assert str(error.value) == message


def _refusal(vectorizer=0, arrays=None, vectorizers=None, **changes):
    """Say what a model of two blocks is refused with after changes to one of them."""
    config, kept = _two_blocks().state()
    config["blocks"][vectorizer].update(changes)
    if vectorizers is not None:
        config["blocks"] = vectorizers
    with pytest.raises(BundleError) as error:
        CountModel.from_state(config, {**kept, **(arrays or {})})
    return str(error.value)


@pytest.mark.parametrize("vectorizers", [[], {}, "words", [3], None])
def test_blocks_of_another_form_are_refused(vectorizers):
    arrays = _two_blocks().state()[1]
    with pytest.raises(BundleError) as error:
        CountModel.from_state({"blocks": vectorizers}, arrays)
    assert str(error.value) == (
        f"the saved count model's setting 'blocks' is {vectorizers!r}; it must be a list of blocks"
    )


@pytest.mark.parametrize("name", ["kind", "ngrams", "n_texts", "vocabulary"])
def test_a_missing_part_of_a_block_is_named(name):
    config, arrays = _two_blocks().state()
    del config["blocks"][1][name]
    with pytest.raises(BundleError) as error:
        CountModel.from_state(config, arrays)
    assert str(error.value) == f"the model has no part '{name}'; train it again"


def test_damaged_blocks_are_named():
    assert _refusal(kind="letters") == (
        "the saved count model counts 'letters', and this version of wordgate only words and"
        " characters"
    )
    words = _two_blocks().state()[0]["blocks"][0]
    assert _refusal(vectorizers=[words, words]) == (
        "the saved count model has two blocks of the same kind"
    )
    assert _refusal(ngrams=[0, 2]).startswith(
        "the saved count model's setting 'ngrams' is [0, 2]; it must be the shortest and "
    )
    assert _refusal(vectorizers=[words]) == (
        "the saved count model's coefficients have the shape (7, 3); its vocabulary and intercepts"
        " need (3, 3)"
    )


@pytest.mark.parametrize("n_texts", [0, -1, 9.0, True, None])
def test_a_number_of_texts_that_can_not_be_is_named(n_texts):
    assert _refusal(n_texts=n_texts) == (
        f"the saved count model's setting 'n_texts' is {n_texts}, with frequencies; it must be a"
        " whole number above 0 where there are some, and 0 where there are none"
    )


def test_weighted_blocks_need_their_frequencies():
    config, arrays = _two_blocks().state()
    del arrays["characters.frequencies"]
    with pytest.raises(BundleError) as error:
        CountModel.from_state(config, arrays)
    assert str(error.value).startswith(
        "the saved count model's setting 'n_texts' is 9, with no frequencies; it must be a whole"
    )


@pytest.mark.parametrize(
    ("frequencies", "message"),
    [
        (np.ones(4, np.int32), "are int32 [4] where int32 [3] belongs"),
        (np.ones((3, 1), np.int32), "are int32 [3, 1] where int32 [3] belongs"),
        (np.ones(3, np.int64), "are int64 [3] where int32 [3] belongs"),
        (np.array([0, 1, 2], np.int32), "go from 0 to 2; they must be between 1 and its 9 texts"),
        (
            np.array([1, 10, 2], np.int32),
            "go from 1 to 10; they must be between 1 and its 9 texts",
        ),
    ],
)
def test_frequencies_that_do_not_fit_are_named(frequencies, message):
    assert _refusal(arrays={"words.frequencies": frequencies}) == (
        f"the saved count model's frequencies {message}"
    )


@pytest.mark.parametrize("name", ["coefficients", "intercepts"])
def test_numbers_of_another_type_are_named(name):
    array = _two_blocks().state()[1][name].astype(np.float16)
    assert _refusal(arrays={name: array}) == (
        f"the saved count model's {name} are float16, not float32 or float64"
    )
