"""`logreg` and `mlp` over averages: the fitted model predicts, and validation chooses."""

import importlib
import json
import re
import time
from dataclasses import replace

import numpy as np
import pytest

from wordgate.data.dataset import Dataset
from wordgate.errors import DataError, SettingsError
from wordgate.models.base import model_from_state
from wordgate.runtime.progress import Silent
from wordgate.training import average
from wordgate.vectors.pretrained import PretrainedVectors
from wordgate.vectors.vector_file import VectorBatch
from wordgate.vectors.writing import write_vectors

FAMILIES = ("logreg", "mlp")
WEIGHTINGS = ("plain", "inverse-frequency")
SMALL = {"mlp.hidden_size": 8, "mlp.epochs": 4, "mlp.batch_size": 16, "mlp.learning_rate": 1e-2}


def with_odd(examples):
    """Add texts of no word that has a vector, and texts of one whose vector is zeros."""
    odd = ["w29 w28", "", "w24", "w24 w27", "unheard of"]
    targets = np.concatenate([examples.targets, [0, 1, 0, 1, 0]])
    return Dataset([*examples.texts, *odd], targets, None)


@pytest.fixture
def fit_average(fit_any, examples):
    def run(family, train=None, valid=None, **options):
        if family == "mlp":
            pytest.importorskip("torch", reason="needs the extra 'train'")
        train = with_odd(examples(80)) if train is None else train
        valid = with_odd(examples(60, seed=1)) if valid is None else valid
        return fit_any(family, train, valid, **{**SMALL, **options})

    return run


@pytest.fixture
def spied_on(monkeypatch):
    """Remember the averages that a family is fitted on, and what its layers make of them."""

    def spy(family):
        return {"logreg": spy_on_logreg, "mlp": spy_on_mlp}[family](monkeypatch)

    return spy


def spy_on_logreg(monkeypatch):
    seen, search = [], average.search_regularization

    def note(train, valid, *args, **options):
        choice = search(train, valid, *args, **options)
        seen.append((train[0], choice.best.linear.log_proba(valid[0])))
        return choice

    monkeypatch.setattr(average, "search_regularization", note)
    return seen


def spy_on_mlp(monkeypatch):
    mlp = importlib.import_module("wordgate.training.mlp")
    seen, train_mlps = [], mlp.train_mlps

    def note(names, averages, *args, **options):
        made = []

        def noted(position):
            made.append(averages(position))
            return made[-1]

        trained = train_mlps(names, noted, *args, **options)
        for (of_train, of_valid), candidate in zip(made, trained.candidates, strict=True):
            seen.append((of_train, candidate.network.log_proba(of_valid)))
        return trained

    monkeypatch.setattr(mlp, "train_mlps", note)
    return seen


def worth(model, examples):
    """Give accuracy and log loss, better ones greater."""
    log_proba = model.log_proba(examples.texts)
    right = log_proba[np.arange(len(examples.texts)), examples.targets]
    return (log_proba.argmax(axis=1) == examples.targets).mean(), right.mean()


@pytest.mark.parametrize("weighting", WEIGHTINGS)
@pytest.mark.parametrize("family", FAMILIES)
def test_the_fitted_model_is_the_one_that_predicts(
    fit_average, spied_on, examples, family, weighting
):
    """Centre, spread and first layer stand in the rows; texts of no known word fit in."""
    seen, valid = spied_on(family), with_odd(examples(60, seed=1))
    model = fit_average(family, valid=valid, average_weights=weighting).model
    ((of_train, of_valid),) = seen
    assert model.family == family
    assert model.log_proba(valid.texts) == pytest.approx(of_valid, abs=2e-3)
    assert not of_train[[-5, -4, -1]].any()
    assert of_train[[-3, -2]].any(axis=1).all()  # a word of zeros is a word


@pytest.mark.parametrize("weighting", WEIGHTINGS)
def test_layers_are_fitted_on_numbers_of_one_scale(fit_average, spied_on, weighting):
    seen = spied_on("logreg")
    fit_average("logreg", average_weights=weighting)
    own = seen[0][0]
    own = own[own.any(axis=1)]
    assert own.mean(axis=0) == pytest.approx(np.zeros(6), abs=1e-5)
    assert own.std(axis=0) == pytest.approx(np.ones(6), abs=1e-5)


def test_a_component_that_never_varies_has_no_part(fit_average, examples, settings, tmp_path):
    """Rounding would make it vary, and the scale would make noise of that as large as the rest."""
    rng = np.random.default_rng(0)
    vectors = rng.normal(size=(30, 4)).astype(np.float32)

    def log_proba(last):
        vectors[:, 3] = last
        path = tmp_path / f"{last}.bin"
        block = VectorBatch([f"w{n}".encode() for n in range(30)], vectors)
        write_vectors(path, [block], format="word2vec", count=30, dim=4)
        opened = PretrainedVectors.open(path, Silent())
        changes = {"average.weights": "inverse-frequency", "logreg.c": 1000.0}
        fitted = fit_average("logreg", examples(80), examples(60), vectors=opened, **changes)
        return fitted.model.log_proba(examples(60, seed=2).texts)

    assert log_proba(0.3) == pytest.approx(log_proba(0.0), abs=1e-3)


@pytest.mark.parametrize("family", FAMILIES)
def test_rare_words_weigh_more_by_inverse_frequency(fit_average, family):
    texts = ["w0 w1", "w0 w2", "w0 w29", "w0 w0"]
    train = Dataset(texts, np.array([0, 1, 0, 1]), None)
    changes = {"vectors.more_words": 4, "average.weights": "inverse-frequency"}
    model = fit_average(family, train, train, **changes).model
    words = model.encoder.vocabulary
    found = {word: float(model.weights[words.id(word)]) for word in words.words}
    # a / (a + p) with a = 0.001 and p of 8 tokens
    expected = {"w0": 0.001 / (0.001 + 5 / 8), "w1": 0.001 / 0.126, "w2": 0.001 / 0.126}
    assert found == pytest.approx(
        {**expected, "w29": 0, "w3": 1, "w4": 1, "w5": 1, "w6": 1}, rel=1e-5
    )
    assert not model.weights[: words.first_id].any()


def test_plain_averages_weigh_every_word_the_same(fit_average, examples):
    model = fit_average("logreg", examples(80), average_weights="plain").model
    words = model.encoder.vocabulary
    assert {word: model.weights[words.id(word)] for word in words.words} == {
        f"w{n}": 1.0 if n < 25 else 0.0 for n in range(30)
    }


@pytest.mark.parametrize("family", FAMILIES)
def test_texts_without_known_words_have_the_answer_of_an_average_text(fit_average, family):
    model = fit_average(family).model
    log_proba = model.log_proba(["", "w29", "unheard of", "w0 w1"])
    assert np.array_equal(log_proba[0], log_proba[1])
    assert np.array_equal(log_proba[0], log_proba[2])
    assert not np.allclose(log_proba[0], log_proba[3], atol=1e-3)
    features = model.bias.astype(np.float64)
    if family == "mlp":
        features = np.maximum(features, 0) @ model.output.weights.T + model.output.bias
    assert np.exp(log_proba[0]) == pytest.approx(np.exp(features) / np.exp(features).sum())


@pytest.mark.parametrize("family", FAMILIES)
def test_validation_chooses_the_weighting(fit_average, examples, family):
    valid = examples(60, seed=1)
    alone = {name: fit_average(family, valid=valid, average_weights=name) for name in WEIGHTINGS}
    worths = {name: worth(fitted.model, valid) for name, fitted in alone.items()}
    best = max(worths, key=worths.get)
    chosen = fit_average(family, valid=valid, average_weights="best")
    reported = ", ".join(f"{name} {worths[name][0]:.3f}" for name in WEIGHTINGS)
    assert (
        f"{best.capitalize()} averages were selected by validation accuracy ({reported})."
    ) in chosen.remarks
    assert np.array_equal(
        chosen.model.log_proba(valid.texts), alone[best].model.log_proba(valid.texts)
    )
    assert not any("averages" in line for line in alone[best].remarks)


def test_validation_chooses_the_penalty_of_logreg(fit_average, examples):
    valid = examples(60, seed=1)
    fitted = fit_average("logreg", valid=valid, average_weights="plain", logreg_c="0.001+1+100")
    (chosen,) = (line for line in fitted.remarks if line.startswith("C = "))
    assert " was selected from 0.001, 1, 100 by " in chosen
    reported = float(re.search(r"accuracy \(([\d.]+)\)", chosen).group(1))
    assert reported == pytest.approx(worth(fitted.model, valid)[0], abs=5e-4)


@pytest.mark.parametrize("family", FAMILIES)
def test_it_learns_from_the_vectors(fit_average, examples, family):
    changes = {"mlp.epochs": 30} if family == "mlp" else {}
    model = fit_average(family, examples(300), examples(100, seed=1), **changes).model
    assert worth(model, examples(200, seed=2))[0] > 0.75


def test_the_seed_moves_mlp_and_not_logreg(fit_average, examples):
    texts = examples(30, seed=2).texts

    def answers(family):
        return [fit_average(family, seed=seed).model.log_proba(texts) for seed in (0, 0, 1)]

    one, same, other = answers("logreg")
    assert np.array_equal(one, same)
    assert np.array_equal(one, other)
    one, same, other = answers("mlp")
    assert np.array_equal(one, same)
    assert not np.isclose(one, other).all(axis=1).any()


def test_epochs_are_those_of_mlp_alone(fit_average):
    fitted = fit_average("mlp", average_weights="plain")
    assert [epoch.epoch for epoch in fitted.history] == [1, 2, 3, 4]
    assert 1 <= fitted.best_epoch <= 4
    fitted = fit_average("logreg")
    assert (list(fitted.history), fitted.best_epoch) == ([], 0)


@pytest.mark.parametrize("family", FAMILIES)
def test_time_that_is_up_leaves_the_second_weighting_out(fit_average, family):
    fitted = fit_average(family, deadline=time.monotonic())
    first, late = fitted.remarks[-2:]
    assert late == "The time limit left no time for averages weighted by inverse-frequency."
    assert first.startswith(
        "The time limit ended the search after 1 of 4 values of C."
        if family == "logreg"
        else "The time limit left no time for training: the steps before the first epoch took "
    )
    assert set(fitted.model.weights.tolist()) == {0.0, 1.0}


def test_a_weighting_that_time_cut_short_is_named_where_another_is_chosen(fit_average, monkeypatch):
    search, choices = average.search_regularization, []

    def cut_the_second(*args, **options):
        choice = search(*args, **options)
        if choices:
            choice = replace(choice, best=replace(choice.best, accuracy=0.0), is_cut=True)
        choices.append(choice)
        return choice

    monkeypatch.setattr(average, "search_regularization", cut_the_second)
    fitted = fit_average("logreg")
    assert fitted.remarks[-1] == (
        "The time limit stopped the fit of averages weighted by inverse-frequency early."
    )


def test_a_class_absent_from_train_has_the_probability_0_in_logreg(fit_average, examples):
    train = examples(80)
    spread_out = Dataset(train.texts, 2 * train.targets, None)
    log_proba = fit_average("logreg", spread_out, spread_out, classes=4).model.log_proba(
        ["w0", "w9 w24", ""]
    )
    assert np.isfinite(log_proba).all()
    assert np.exp(log_proba)[:, [1, 3]].max() == 0.0


@pytest.mark.parametrize("family", FAMILIES)
def test_state_makes_the_same_model_again(fit_average, examples, family):
    model, texts = fit_average(family).model, with_odd(examples(30, seed=2)).texts
    description, arrays = model.state()
    again = model_from_state(family, json.loads(json.dumps(description)), arrays)
    assert np.array_equal(again.log_proba(texts), model.log_proba(texts))


@pytest.mark.parametrize("family", FAMILIES)
def test_the_words_found_and_the_device_are_reported(fit_average, examples, family):
    fitted = fit_average(family, examples(80), vocabulary_of=examples(200), max_tokens=8)
    assert (fitted.coverage.found.types, fitted.coverage.vocabulary.types) == (25, 30)
    assert fitted.engine["device"] == "cpu"
    assert ("scipy" in fitted.engine, "torch" in fitted.engine) == (
        family == "logreg",
        family == "mlp",
    )
    first, second, *_ = fitted.remarks
    assert first.startswith("The vocabulary was fitted on all rows, not only on the training rows")
    assert second.endswith(
        "of 80 training texts are longer than 8 tokens and were truncated at the end."
    )


@pytest.mark.parametrize("family", FAMILIES)
def test_data_that_cannot_be_fitted_is_named(fit_average, examples, family):
    with pytest.raises(SettingsError) as error:
        fit_average(family, vectors=None)
    assert str(error.value) == f"{family} averages word vectors, and there are none"
    with pytest.raises(DataError, match="none of the vocabulary's 2 words has a vector in "):
        fit_average(family, Dataset(["so good"], np.array([0]), None))


@pytest.mark.parametrize("weighting", WEIGHTINGS)
def test_training_texts_must_hold_words_that_have_vectors(fit_average, weighting):
    """Words of the table, or of all rows, are known; no training text holds one."""
    train = Dataset(["!?", "..."], np.array([0, 1]), None)
    message = "^no training text contains a word that has a vector$"
    changes = {"average.weights": weighting, "vectors.more_words": 9, "text.tokenizer": "keras"}
    with pytest.raises(DataError, match=message):
        fit_average("logreg", train, **changes)
