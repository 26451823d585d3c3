"""Prediction by n-gram counts against sums done by hand, and errors for damaged models."""

import json

import numpy as np
import pytest

from wordgate.models.base import model_from_state
from wordgate.models.count import ABSENT_LOGIT, CountModel
from wordgate.text.ngram_vectorizer import NgramVectorizer

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


@pytest.mark.parametrize("name", ["blocks", "coefficients", "intercepts"])
def test_a_missing_part_is_named(refusal, name):
    assert refusal(_model(), without=[name]) == f"the model has no part '{name}'; train it again"


@pytest.mark.parametrize("blocks", [[], {}, "words", [3], None])
def test_blocks_of_another_form_are_refused(refusal, blocks):
    assert refusal(_two_blocks(), {"blocks": blocks}) == (
        f"the saved count model's setting 'blocks' is {blocks!r}; it must be a list of blocks"
    )


@pytest.mark.parametrize("name", ["kind", "ngrams", "n_texts", "vocabulary"])
def test_a_missing_part_of_a_block_is_named(refusal, name):
    blocks = _two_blocks().state()[0]["blocks"]
    del blocks[1][name]
    expected = f"the model has no part '{name}'; train it again"
    assert refusal(_two_blocks(), {"blocks": blocks}) == expected


@pytest.mark.parametrize(
    ("change", "message"),
    [
        *(
            (
                {"ngrams": ngrams},
                f"setting 'ngrams' is {ngrams}; it must be the shortest and the longest n-gram,"
                " such as [1, 3]",
            )
            for ngrams in ([3, 1], [0, 2])
        ),
        ({"vocabulary": "good"}, "setting 'vocabulary' is not a list of texts"),
        ({"vocabulary": ["a", "b", "a"]}, "vocabulary contains the same n-gram twice"),
        *(
            (
                {"n_texts": n_texts},
                f"setting 'n_texts' is {n_texts}, with frequencies; it must be a whole number above"
                " 0 where there are some, and 0 where there are none",
            )
            for n_texts in (0, -1, 9.0, True, None)
        ),
    ],
)
def test_a_setting_that_can_not_be_is_named(refusal, change, message):
    words, characters = _two_blocks().state()[0]["blocks"]
    found = refusal(_two_blocks(), {"blocks": [{**words, **change}, characters]})
    assert found == f"the saved count model's {message}"


def test_blocks_that_do_not_go_together_are_named(refusal):
    model = _two_blocks()
    words, characters = model.state()[0]["blocks"]
    assert refusal(model, {"blocks": [{**words, "kind": "letters"}, characters]}) == (
        "the saved count model counts 'letters', and this version of wordgate only words and"
        " characters"
    )
    assert refusal(model, {"blocks": [words, words]}) == (
        "the saved count model has two blocks of the same kind"
    )
    assert refusal(model, {"blocks": [words]}) == (
        "the saved count model's coefficients have the shape (7, 3); its vocabulary and intercepts"
        " need (3, 3)"
    )


def test_weighted_blocks_need_their_frequencies(refusal):
    assert refusal(_two_blocks(), without=["characters.frequencies"]).startswith(
        "the saved count model's setting 'n_texts' is 9, with no frequencies; it must be a whole"
    )


@pytest.mark.parametrize(
    ("name", "array", "message"),
    [
        ("words.frequencies", np.ones(4, np.int32), "are int32 [4] where int32 [3] belongs"),
        (
            "words.frequencies",
            np.ones((3, 1), np.int32),
            "are int32 [3, 1] where int32 [3] belongs",
        ),
        ("words.frequencies", np.ones(3, np.int64), "are int64 [3] where int32 [3] belongs"),
        (
            "words.frequencies",
            np.array([0, 1, 2], np.int32),
            "go from 0 to 2; they must be between 1 and its 9 texts",
        ),
        (
            "words.frequencies",
            np.array([1, 10, 2], np.int32),
            "go from 1 to 10; they must be between 1 and its 9 texts",
        ),
        (
            "coefficients",
            np.zeros((6, 3)),
            "have the shape (6, 3); its vocabulary and intercepts need (7, 3)",
        ),
        (
            "intercepts",
            np.zeros((1, 3)),
            "have the shape (1, 3); they must have one dimension, the classes",
        ),
        ("coefficients", np.zeros((7, 3), np.float16), "are float16, not float32 or float64"),
        ("intercepts", np.zeros(3, np.float16), "are float16, not float32 or float64"),
    ],
)
def test_an_array_that_does_not_fit_is_named(refusal, name, array, message):
    found = refusal(_two_blocks(), arrays={name: array})
    assert found == f"the saved count model's {name.removeprefix('words.')} {message}"
