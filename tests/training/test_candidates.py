"""The choice between a strongly and a lightly regularised LSTM."""

import math
import re

import numpy as np
import pytest

from wordgate.training import lstm
from wordgate.training.candidates import compare_candidates, lstm_candidates
from wordgate.training.fitting import Examples

TWO = {"lighter_candidate": True, "hidden_size": 5, "lighter_hidden_size": 7}


class Listener:
    """Keeps the lines it is told."""

    def __init__(self):
        self.lines = []

    def say(self, text):
        self.lines.append(text)

    def bar(self, total, done=0):
        return self

    def __enter__(self):
        return self

    def __exit__(self, *_):
        pass

    def advance(self, label):
        pass


def compare(first, second, targets, groups=None, score="accuracy", seed=0):
    arrays = (np.asarray(values) for values in (first, second, targets))
    return compare_candidates(*arrays, groups, int(max(targets)) + 1, score, seed)


def test_without_a_second_candidate_there_is_one(settings):
    assert lstm_candidates(settings(hidden_size=5)) == [settings(hidden_size=5)]


def test_the_second_candidate_is_the_less_regularised_one(settings):
    chosen = settings(
        **TWO,
        word_dropout=0.3,
        lighter_word_dropout=0.1,
        lighter_embedding_rates=4.0,
        embedding_learning_rate=0.5,
        vectors_learning_rate=0.25,
        vectors_drawn_learning_rate=0.125,
    )
    first, second = lstm_candidates(chosen)
    assert first == chosen.model_copy(update={"lighter_candidate": False})
    changed = {
        name: value for name, value in second.model_dump().items() if value != getattr(first, name)
    }
    assert changed == {
        "hidden_size": 7,
        "word_dropout": 0.1,
        "embedding_learning_rate": 2.0,
        "vectors_learning_rate": 1.0,
        "vectors_drawn_learning_rate": 0.5,
    }


def test_scores_are_accuracy_or_its_mean_with_macro_f1():
    targets, first, second = [0, 0, 0, 1], [0, 0, 0, 0], [0, 0, 1, 1]
    by_accuracy = compare(first, second, targets)
    assert (by_accuracy.first, by_accuracy.second) == (0.75, 0.75)
    both = compare(first, second, targets, score="accuracy+macro-f1")
    assert both.first == pytest.approx((0.75 + (6 / 7 + 0) / 2) / 2)
    assert both.second == pytest.approx((0.75 + (4 / 5 + 2 / 3) / 2) / 2)


def test_the_error_is_that_of_a_paired_difference():
    """Of 400 texts one candidate alone gets 60 right, the other 40: the known standard error."""
    targets = np.ones(400, np.int64)
    first, second = targets.copy(), targets.copy()
    first[:60], second[60:100] = 0, 0
    compared = compare(first, second, targets)
    assert compared.second - compared.first == pytest.approx(20 / 400)
    expected = math.sqrt((100 / 400 - (20 / 400) ** 2) / 400)
    assert compared.error == pytest.approx(expected, rel=0.2)


def test_the_error_resamples_groups():
    targets = np.ones(600, np.int64)
    first, second = targets.copy(), targets.copy()
    first[:60], second[60:120] = 0, 0
    groups = [str(row // 6) for row in range(600)]
    alone, grouped = compare(first, second, targets), compare(first, second, targets, groups)
    assert grouped.error == pytest.approx(alone.error * math.sqrt(6), rel=0.2)


def test_the_seed_decides_the_draws():
    rng = np.random.default_rng(0)
    first, second, targets = rng.integers(0, 2, (3, 200))
    one, same, other = (compare(first, second, targets, seed=seed) for seed in (0, 0, 1))
    assert one == same
    assert one.error != other.error


@pytest.mark.parametrize(("wins", "better"), [(0, False), (1, False), (12, True)])
def test_the_second_is_kept_if_it_is_better_by_more_than_one_standard_error(wins, better):
    targets = np.array([0, 1] * 50)
    first = targets.copy()
    first[:wins] = 1 - first[:wins]
    second = targets.copy()
    second[99] = 0
    assert compare(first, second, targets).second_is_better is better


def fit_two(fit_model, train, valid, **changes):
    listener = Listener()
    return fit_model(train, valid, progress=listener, **{**TWO, **changes}), listener.lines


def test_the_lighter_one_is_kept_where_it_learns_more(examples, fit_model):
    """The first one's word vectors hardly move."""
    changes = {
        "epochs": 8,
        "learning_rate": 2e-2,
        "embedding_learning_rate": 1e-6,
        "lighter_embedding_rates": 1e4,
        "embedding_scale": 1e-3,
    }
    train, valid = examples(400), examples(200, seed=1)
    fitted, lines = fit_two(fit_model, train, valid, **changes)
    assert fitted.settings.hidden_size == 7
    assert fitted.settings.embedding_learning_rate == pytest.approx(1e-2)
    assert fitted.model.network.directions[0].hidden_weights.shape == (28, 7)
    alone = fit_model(train, valid, **fitted.settings.model_dump())
    for name, array in fitted.model.state()[1].items():
        assert np.array_equal(array, alone.model.state()[1][name])
    assert len(fitted.history) == len(alone.history)
    assert re.fullmatch(
        r"Kept the lightly regularised candidate \(hidden_size=7, word_dropout=0\): validation"
        r" scores 0\.\d{3} \(strongly\) and [01]\.\d{3} \(lightly\), standard error of the"
        r" difference 0\.\d{3}\.",
        lines[-1],
    )


def test_the_first_one_is_kept_where_the_second_is_no_better(examples, fit_model):
    train = examples(100)
    everything = Examples(train.texts, np.zeros(100, np.int64), None)
    fitted, lines = fit_two(fit_model, everything, everything, word_dropout=0.25, epochs=2)
    assert (fitted.settings.hidden_size, fitted.settings.lighter_candidate) == (5, False)
    alone = fit_model(everything, word_dropout=0.25, hidden_size=5, epochs=2)
    for name, array in fitted.model.state()[1].items():
        assert np.array_equal(array, alone.model.state()[1][name])
    assert lines[-1] == (
        "Kept the strongly regularised candidate (hidden_size=5, word_dropout=0.25): validation"
        " scores 1.000 (strongly) and 1.000 (lightly), standard error of the difference 0.000."
    )
    assert [line.partition(" on cpu")[0] for line in lines if "Training" in line] == [
        "Training the strongly regularised candidate",
        "Training the lightly regularised candidate",
    ]


def test_a_time_limit_that_has_passed_leaves_the_first_one(examples, fit_model):
    fitted, lines = fit_two(fit_model, examples(100), None, epochs=3, deadline=-math.inf)
    assert fitted.settings.hidden_size == 5
    assert fitted.remarks == [
        "The time limit ended the training in epoch 1.",
        "The time limit left no time for the lightly regularised candidate.",
    ]
    assert not any(line.startswith("Kept") for line in lines)


def test_both_begin_with_the_same_word_vectors(examples, fit_model, monkeypatch):
    began = []
    real = lstm.Trainer.__init__

    def listen(trainer, unknown, first, *arguments):
        began.append(first.vectors.copy())
        real(trainer, unknown, first, *arguments)

    monkeypatch.setattr(lstm.Trainer, "__init__", listen)
    fit_two(fit_model, examples(60), None, epochs=1)
    assert len(began) == 2
    assert np.array_equal(*began)
