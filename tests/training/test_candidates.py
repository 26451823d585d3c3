"""The choice between a strongly and a lightly regularised LSTM."""

import math
import re
import time

import numpy as np
import pytest
from tests.conftest import RecordingProgress

from wordgate.data.dataset import Dataset
from wordgate.training import loop, lstm
from wordgate.training.lstm import candidate_settings

TWO = {"lstm.lighter_candidate": True, "lstm.hidden_size": 5, "lstm.lighter_hidden_size": 7}


def test_without_a_second_candidate_there_is_one(settings):
    assert candidate_settings(settings(hidden_size=5)) == [settings(hidden_size=5)]


def test_the_second_candidate_is_the_less_regularised_one(settings):
    chosen = settings(
        **TWO,
        word_dropout=0.3,
        lighter_word_dropout=0.1,
        lighter_embedding_rates=4.0,
        embedding_learning_rate=0.5,
        vectors_learning_rate=0.25,
        vectors_random_learning_rate=0.125,
    )
    first, second = candidate_settings(chosen)
    assert first == chosen.updated({"lstm.lighter_candidate": False})
    before = first.flat()
    changed = {name: value for name, value in second.flat().items() if value != before[name]}
    assert changed == {
        "lstm.hidden_size": 7,
        "lstm.word_dropout": 0.1,
        "lstm.embedding_learning_rate": 2.0,
        "lstm.vectors_learning_rate": 1.0,
        "lstm.vectors_random_learning_rate": 0.5,
    }


def fit_two(fit_model, train, valid, **changes):
    progress = RecordingProgress()
    return fit_model(train, valid, progress=progress, **{**TWO, **changes}), progress.lines


@pytest.mark.slow
def test_the_lighter_one_is_kept_where_it_learns_more(examples, fit_model):
    """The first one's word vectors hardly move."""
    changes = {
        "lstm.epochs": 8,
        "lstm.learning_rate": 2e-2,
        "lstm.embedding_learning_rate": 1e-6,
        "lstm.lighter_embedding_rates": 1e4,
        "lstm.embedding_scale": 1e-3,
    }
    train, valid = examples(400), examples(200, seed=1)
    fitted, lines = fit_two(fit_model, train, valid, **changes)
    assert fitted.settings.lstm.hidden_size == 7
    assert fitted.settings.lstm.embedding_learning_rate == pytest.approx(1e-2)
    assert fitted.model.network.directions[0].hidden_weights.shape == (28, 7)
    alone = fit_model(train, valid, **fitted.settings.flat())
    for name, array in fitted.model.state()[1].items():
        assert np.array_equal(array, alone.model.state()[1][name])
    assert len(fitted.history) == len(alone.history)
    assert re.fullmatch(
        r"Kept the lightly regularized candidate \(hidden_size=7, word_dropout=0\): validation"
        r" score [01]\.\d{3}, compared with 0\.\d{3} for the strongly regularized one\.",
        lines[-1],
    )


@pytest.mark.slow
def test_the_first_one_is_kept_where_it_learns_more(examples, fit_model):
    """The second one reads hardly a word."""
    train, valid = examples(400), examples(200, seed=1)
    changes = {"lstm.epochs": 8, "lstm.learning_rate": 2e-2, "lstm.word_dropout": 0.125}
    fitted, lines = fit_two(fit_model, train, valid, lighter_word_dropout=0.99, **changes)
    assert (fitted.settings.lstm.hidden_size, fitted.settings.lstm.lighter_candidate) == (5, False)
    alone = fit_model(train, valid, hidden_size=5, **changes)
    for name, array in fitted.model.state()[1].items():
        assert np.array_equal(array, alone.model.state()[1][name])
    score = alone.history[alone.best_epoch - 1].valid_accuracy
    assert lines[-1].startswith(
        "Kept the strongly regularized candidate (hidden_size=5, word_dropout=0.125): validation"
        f" score {score:.3f}, compared with 0."
    )
    assert [line.partition(" on cpu")[0] for line in lines if "Training" in line] == [
        "Training the strongly regularized candidate",
        "Training the lightly regularized candidate",
    ]


def test_of_two_that_score_the_same_the_one_of_lower_loss_is_kept(examples, fit_model):
    train = examples(100)
    everything = Dataset(train.texts, np.zeros(100, np.int64), None)
    losses = {}
    for size in (5, 7):
        alone = fit_model(everything, hidden_size=size, epochs=2)
        assert alone.history[-1].valid_accuracy == 1.0
        losses[size] = min(epoch.valid_loss for epoch in alone.history)
    changes = {"lstm.epochs": 2, "lstm.lighter_embedding_rates": 1.0}
    fitted, _ = fit_two(fit_model, everything, everything, **changes)
    assert fitted.settings.lstm.hidden_size == min(losses, key=losses.get)
    swapped = {"lstm.hidden_size": 7, "lstm.lighter_hidden_size": 5}
    fitted, _ = fit_two(fit_model, everything, everything, **changes, **swapped)
    assert fitted.settings.lstm.hidden_size == min(losses, key=losses.get)


def test_a_time_limit_that_has_passed_leaves_the_first_one(examples, fit_model):
    fitted, lines = fit_two(fit_model, examples(100), None, epochs=3, deadline=-math.inf)
    assert fitted.settings.lstm.hidden_size == 5
    first, second = fitted.remarks
    assert first.startswith("The time limit left no time for training: ")
    assert second == "The time limit left no time for the lightly regularized candidate."
    assert not any(line.startswith("Kept") for line in lines)


def test_both_begin_with_the_same_word_vectors(examples, fit_model, monkeypatch):
    began = []
    real = lstm.LSTMTrainer.__init__

    def listen(trainer, data, init, *arguments):
        began.append(init.vectors.copy())
        real(trainer, data, init, *arguments)

    monkeypatch.setattr(lstm.LSTMTrainer, "__init__", listen)
    fit_two(fit_model, examples(60), None, epochs=1)
    assert len(began) == 2
    assert np.array_equal(*began)


def test_a_candidate_cut_short_is_the_last_even_if_validation_was_faster_than_feared(
    examples, fit_model, monkeypatch
):
    """Validation is feared to take all the time there is, and takes none."""
    monkeypatch.setattr(loop, "EVALUATED_TEXTS_PER_SECOND", 1e-3)
    deadline = time.monotonic() + 3600.0
    fitted, _ = fit_two(fit_model, examples(100), None, epochs=3, deadline=deadline)
    assert fitted.settings.lstm.hidden_size == 5
    assert len(fitted.history) == 1
    assert fitted.remarks == [
        "The time limit ended the training in epoch 1.",
        "The time limit left no time for the lightly regularized candidate.",
    ]
