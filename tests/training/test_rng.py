"""Random generators, and the weights, word vectors and dropout masks drawn from them."""

import numpy as np
import pytest

from wordgate.text.vocabulary import Vocabulary
from wordgate.training import rng
from wordgate.training.rng import dropout_mask, pretrained_embeddings, random_embeddings, rng_for
from wordgate.vectors.lookup import LookupResult


def drawn(seed, name, *position):
    return rng_for(seed, name, *position).random(4).tolist()


def test_a_generator_is_its_seed_its_name_and_its_position():
    assert drawn(3, "order", 1, 2) == drawn(3, "order", 1, 2)
    others = [
        drawn(4, "order", 1, 2),
        drawn(3, "dropout", 1, 2),
        drawn(3, "order", 2, 2),
        drawn(3, "order", 1, 3),
        drawn(3, "order", 2, 1),
        drawn(2**32 + 3, "order", 1, 2),
    ]
    assert all(other != drawn(3, "order", 1, 2) for other in others)


def test_a_generator_leaves_the_global_one_alone():
    np.random.seed(0)
    before = np.random.get_state()[1].tolist()
    drawn(0, "order", 0)
    assert np.random.get_state()[1].tolist() == before


@pytest.mark.parametrize("rate", [0.1, 0.5, 0.9])
def test_a_dropout_mask_keeps_the_mean(rate):
    mask = dropout_mask(np.random.default_rng(0), (200, 500), rate)
    assert mask.dtype == np.float32
    assert np.unique(mask) == pytest.approx([0.0, 1.0 / (1.0 - rate)])
    assert (mask == 0.0).mean() == pytest.approx(rate, abs=0.01)
    assert mask.mean(dtype=np.float64) == pytest.approx(1.0, abs=0.03)


WORDS = Vocabulary(tuple(f"w{number}" for number in range(400)))
KNOWN = np.arange(400) % 4 != 0


@pytest.fixture
def found():
    """Three quarters of the words, around a mean of 5 with a deviation of 2."""
    vectors = np.random.default_rng(0).normal(5.0, 2.0, (400, 6)).astype(np.float32)
    vectors[~KNOWN] = 0.0
    return LookupResult(vectors, np.where(KNOWN, 0, -1).astype(np.int8))


def first(settings, found, seed=0, **changes):
    chosen = settings(**changes).with_vectors_of(6)
    return pretrained_embeddings(WORDS, found, chosen, seed)


def test_words_found_begin_with_their_vectors_as_they_are(settings, found):
    vectors = first(settings, found).vectors
    assert vectors.dtype == np.float32
    assert np.array_equal(vectors[2:][KNOWN], found.vectors[KNOWN])
    assert not vectors[0].any()


def test_words_not_found_are_drawn_from_the_spread_of_those_found(settings, found):
    vectors = first(settings, found).vectors
    missing = vectors[2:][~KNOWN]
    assert missing.mean() == pytest.approx(5.0, abs=0.3)
    assert missing.std() == pytest.approx(2.0, abs=0.2)
    other = first(settings, found, seed=1).vectors
    assert not np.isclose(other[2:][~KNOWN], missing).any()
    assert np.array_equal(other[2:][KNOWN], vectors[2:][KNOWN])


def test_words_not_found_begin_with_zeros_where_asked(settings, found):
    vectors = first(settings, found, vectors_missing="zeros").vectors
    assert not vectors[:2].any()
    assert not vectors[2:][~KNOWN].any()


def test_vectors_are_brought_to_a_scale(settings, found):
    vectors = first(settings, found, vectors_scale=0.25).vectors[2:][KNOWN]
    assert vectors.std() == pytest.approx(0.25, rel=1e-4)
    shrinkage = vectors / found.vectors[KNOWN]
    assert np.allclose(shrinkage, shrinkage[0, 0])


def test_vectors_are_widened_by_drawn_numbers(settings, found):
    wide = first(settings, found, vectors_extra_size=3)
    assert wide.vectors.shape == (402, 9)
    assert wide.vectors[2:, 6:].std() == pytest.approx(0.5, rel=0.1)  # embedding_scale
    assert np.array_equal(wide.vectors[2:, :6][KNOWN], found.vectors[KNOWN])


def test_it_is_known_which_numbers_are_pretrained(settings, found):
    wide = first(settings, found, vectors_extra_size=3).pretrained
    expected = np.zeros((402, 9), bool)
    expected[2:, :6] = KNOWN[:, None]
    assert np.array_equal(wide, expected)
    assert random_embeddings(WORDS, settings(), 0).pretrained is None


def test_words_of_the_table_alone_have_zeros_beside_their_vectors(settings, found):
    chosen = settings(vectors_extra_size=3).with_vectors_of(6)
    vectors = pretrained_embeddings(WORDS, found, chosen, 0, n_more=150).vectors
    assert not vectors[-150:, 6:].any()
    assert vectors[-151, 6:].all()
    assert np.array_equal(vectors[2:, :6][KNOWN], found.vectors[KNOWN])


def test_orthogonal_columns_are_orthonormal():
    columns = rng.orthogonal(np.random.default_rng(0), 20, 5)
    assert columns.dtype == np.float32
    assert columns.T @ columns == pytest.approx(np.eye(5), abs=1e-6)


def test_glorot_uniform_fills_its_range():
    drawn = rng.glorot_uniform(np.random.default_rng(0), 300, 100)
    limit = (6.0 / 400) ** 0.5
    assert drawn.dtype == np.float32
    assert 0.99 * limit < np.abs(drawn).max() <= limit
    assert drawn.std() == pytest.approx(limit / 3**0.5, rel=0.02)


def test_the_forget_gate_begins_open():
    assert rng.forget_gate_bias(2).tolist() == [0, 0, 1, 1, 0, 0, 0, 0]


def test_word_vectors_have_the_scale_asked_for_and_padding_none():
    vectors = rng.word_vectors(np.random.default_rng(0), 500, 40, 0.1)
    assert vectors.dtype == np.float32
    assert not vectors[0].any()
    assert vectors[1:].std() == pytest.approx(0.1, rel=0.02)
