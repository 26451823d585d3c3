"""Weights of labels and of texts: their values, their effects, and refusals."""

import math
from dataclasses import replace
from functools import partial

import numpy as np
import pytest
from scipy.sparse import csr_matrix
from sklearn.linear_model import LogisticRegression
from sklearn.utils.class_weight import compute_class_weight

from wordgate.data.dataset import Dataset
from wordgate.errors import DataError, SettingsError
from wordgate.settings import load_settings
from wordgate.training import logistic
from wordgate.training.distillation import TransferSet
from wordgate.training.fitting import FitData
from wordgate.training.logistic import fit_path
from wordgate.training.weights import (
    check_weights,
    class_weights,
    loss_weights,
    lstm_class_weight,
    mean_one,
)

FAST = {
    "count": {"count_c": 1.0},
    "logreg": {"average_weights": "plain", "logreg_c": 0.1},
    "mlp": {
        "average_weights": "plain",
        "mlp_hidden_size": 8,
        "mlp_epochs": 8,
        "mlp_batch_size": 16,
        "mlp_learning_rate": 1e-2,
    },
    "lstm": {"lstm_epochs": 2},
    "transformer": {
        "transformer_max_tokens": 16,
        "transformer_epochs": 1,
        "transformer_min_updates": 0,
        "transformer_learning_rate": 1e-3,
    },
}


@pytest.fixture(params=FAST)
def family(request):
    return request.param


@pytest.fixture
def fit_family(fit_any):
    def call(family, train, valid, **options):
        return fit_any(family, train, valid, **{**FAST[family], **options})

    return call


def with_weights(dataset, weights):
    weights = np.asarray(weights, np.float32)
    return Dataset(dataset.texts, dataset.targets, dataset.groups, dataset.soft_targets, weights)


def several(dataset):
    """Give the texts a label for each class, as if they could have both."""
    return Dataset(dataset.texts, np.stack([1 - dataset.targets, dataset.targets], axis=1))


def data_of(targets, labels=("a", "b", "c"), weights=None):
    train = Dataset(["x"] * len(targets), np.array(targets))
    train = train if weights is None else with_weights(train, weights)
    return FitData(train, train, labels)


# What the weights are


def test_balanced_weights_are_scikit_learns():
    targets = np.array([0, 0, 0, 1, 2, 2])
    expected = compute_class_weight("balanced", classes=np.arange(3), y=targets)
    assert class_weights(data_of(targets), "balanced") == pytest.approx(expected)
    assert class_weights(data_of(targets), "moderate") == pytest.approx(expected**0.25)
    assert class_weights(data_of(targets), "none") is None


def test_a_users_weights_are_those_of_the_labels_named():
    asked = load_settings("default", {"class_weight": "c=5,a=0.5"}).class_weight
    assert class_weights(data_of([0, 1, 2]), asked).tolist() == [0.5, 1.0, 5.0]


def test_with_several_labels_texts_with_a_label_weigh_as_much_as_those_without():
    targets = np.zeros((300, 4), np.int64)
    targets[:100, 0], targets[:1, 1], targets[:, 3] = 1, 1, 1
    data = data_of(targets, ("a", "b", "c", "d"))
    assert class_weights(data, "balanced") == pytest.approx([2.0, 100.0, 100.0, 0.01])
    assert class_weights(data, "moderate") == pytest.approx(
        [2.0**0.25, 100**0.25, 100**0.25, 0.01**0.25]
    )


def test_texts_count_as_often_as_they_weigh():
    once = data_of([0, 0, 1, 1, 2], weights=[1, 3, 1, 1, 2])
    repeated = data_of([0, 0, 0, 0, 1, 1, 2, 2])
    assert class_weights(once, "balanced") == pytest.approx(class_weights(repeated, "balanced"))
    several_once = data_of([[1, 0], [0, 1]], ("a", "b"), weights=[3, 1])
    several_repeated = data_of([[1, 0]] * 3 + [[0, 1]], ("a", "b"))
    assert class_weights(several_once, "balanced") == pytest.approx(
        class_weights(several_repeated, "balanced")
    )


@pytest.mark.parametrize("unit", [1e-4, 0.01, 1.0, 100.0])
@pytest.mark.parametrize("asked", ["balanced", "moderate"])
def test_the_unit_of_the_weights_of_texts_changes_no_weight_of_a_label(unit, asked):
    power = {"balanced": 1.0, "moderate": 0.25}[asked]
    one = data_of([0] * 90 + [1] * 10, ("a", "b"), weights=[unit] * 100)
    assert class_weights(one, asked) == pytest.approx(np.array([100 / 180, 5.0]) ** power)
    several = data_of([[1, 0]] * 90 + [[0, 1]] * 10, ("a", "b"), weights=[unit] * 100)
    assert class_weights(several, asked) == pytest.approx(np.array([1 / 9, 9.0]) ** power)


@pytest.mark.parametrize("unit", [0.01, 100.0])
def test_a_fit_of_several_labels_begins_alike_in_any_unit_of_weights(unit):
    features = csr_matrix(np.array([[1, 0], [1, 1], [0, 1], [0, 0]], np.float32))
    targets = np.array([[1, 0], [1, 1], [0, 1], [0, 0]])
    weights = np.array([[3.0, 1.0], [1.0, 1.0], [1.0, 2.0], [1.0, 1.0]])

    def first_steps(unit):
        options = {"weights": unit * weights, "most_steps": 1, "deadline": math.inf}
        ((_, linear),) = fit_path(features, targets, 2, [1 / unit], **options)
        return linear

    one, other = first_steps(1.0), first_steps(unit)
    assert other.intercepts == pytest.approx(one.intercepts, abs=1e-5)
    assert other.coefficients == pytest.approx(one.coefficients, abs=1e-5)


def test_weights_of_texts_and_labels_are_multiplied():
    data = data_of([0, 1, 1], weights=[1, 2, 3])
    assert loss_weights(data, {"b": 10.0}).tolist() == [1, 20, 30]
    assert loss_weights(data, "none").tolist() == [1, 2, 3]
    assert loss_weights(data_of([0, 1, 1]), "none") is None
    two = data_of([[1, 0], [1, 1]], ("a", "b"), weights=[1, 2])
    assert loss_weights(two, {"b": 10.0}).tolist() == [[1, 1], [2, 20]]


def test_the_mean_weight_of_texts_in_training_is_1():
    assert mean_one(data_of([0, 1], weights=[1, 3]).train).tolist() == [0.5, 1.5]
    assert mean_one(data_of([0, 1]).train) is None


def test_an_lstm_has_weights_of_its_own_unless_there_are_general_ones():
    def asked(*, multilabel=False, **changes):
        settings = load_settings("default", {k.replace("__", "."): v for k, v in changes.items()})
        return lstm_class_weight(settings, multilabel=multilabel)

    assert asked() == "moderate"
    assert asked(class_weight="balanced") == "balanced"
    assert asked(class_weight="none") == "none"
    assert asked(class_weight={"a": 2}) == {"a": 2.0}
    assert asked(lstm__class_weight="balanced") == "balanced"
    assert asked(multilabel=True) == "none"
    assert asked(multilabel=True, lstm__class_weight="moderate") == "moderate"
    assert asked(multilabel=True, class_weight="balanced") == "balanced"


# What is refused


def test_a_label_that_the_data_lacks_is_named():
    data = data_of([0, 1], ("ham", "spam"))
    settings = load_settings("default", {"class_weight": "spma=5"})
    message = (
        "^class_weight names the label 'spma', which the data does not have; did you mean"
        " 'spam'[?]$"
    )
    with pytest.raises(SettingsError, match=message):
        check_weights(data, settings)


@pytest.mark.parametrize("value", [-1.0, math.nan, math.inf])
def test_a_weight_that_is_none_is_named(value):
    data = data_of([0, 1, 1], weights=[1, value, 1])
    message = "^the weight of training text 2 of 3 is .*; it must be a finite number of 0 or more$"
    with pytest.raises(DataError, match=message):
        check_weights(data, load_settings("default"))


def test_no_weight_above_0_is_refused(family, fit_family, examples):
    nothing = with_weights(examples(20), np.zeros(20))
    with pytest.raises(DataError, match=r"^the weights of all 20 training texts are 0$"):
        fit_family(family, nothing, examples(20, seed=1))


def test_every_family_refuses_a_label_that_the_data_lacks(family, fit_family, examples):
    with pytest.raises(SettingsError, match=r"^class_weight names the label 'x', "):
        fit_family(family, examples(20), examples(20, seed=1), class_weight={"x": 2.0})


# What they change


def proba_of_1(fitted, texts):
    return np.exp(fitted.model.log_proba(texts))[:, 1].mean()


@pytest.mark.parametrize("shape", ["one label", "several"])
def test_a_label_that_weighs_more_is_more_probable(family, fit_family, examples, shape):
    train, valid = examples(120), examples(60, seed=1)
    if shape == "several":
        train, valid = several(train), several(valid)
    plain, weighted = (
        fit_family(family, train, valid, class_weight=asked) for asked in ("none", {"1": 20.0})
    )
    assert proba_of_1(weighted, valid.texts) > proba_of_1(plain, valid.texts) + 0.02


@pytest.mark.parametrize("shape", ["one label", "several"])
def test_texts_that_weigh_more_make_their_labels_more_probable(family, fit_family, examples, shape):
    train, valid = examples(120), examples(60, seed=1)
    weights = np.where(train.targets == 1, 20.0, 1.0)
    if shape == "several":
        train, valid = several(train), several(valid)
    plain = fit_family(family, train, valid)
    weighted = fit_family(family, with_weights(train, weights), valid)
    assert proba_of_1(weighted, valid.texts) > proba_of_1(plain, valid.texts) + 0.02


def test_weights_of_1_and_their_multiples_change_nothing(family, fit_family, examples):
    train, valid = examples(60), examples(40, seed=1)
    plain = fit_family(family, train, valid).model.log_proba(valid.texts)
    ones = fit_family(family, with_weights(train, np.ones(60)), valid)
    assert ones.model.log_proba(valid.texts) == pytest.approx(plain, abs=1e-4)
    if family in ("mlp", "lstm", "transformer"):
        sevens = fit_family(family, with_weights(train, np.full(60, 7.0)), valid)
        assert sevens.model.log_proba(valid.texts) == pytest.approx(plain, abs=1e-4)


@pytest.mark.parametrize("shape", ["one label", "several"])
def test_a_text_of_weight_2_is_one_that_stands_there_twice(
    fit_family, examples, shape, monkeypatch
):
    exact = partial(logistic.fit_path, most_steps=500, tolerance=0.0)
    monkeypatch.setattr(logistic, "fit_path", exact)
    train, valid = examples(80), examples(40, seed=1)
    if shape == "several":
        train, valid = several(train), several(valid)
    doubled = np.sort(np.r_[np.arange(80), np.arange(0, 80, 3)])
    weights = np.bincount(doubled)
    # Plain counts of all n-grams, which no text's repetition changes.
    options = {"count_weights": "counts", "count_min_texts": 1, "count_c": "0.1"}
    twice = fit_family("count", train.part(doubled), valid, **options).model
    weighted = fit_family("count", with_weights(train, weights), valid, **options).model
    found, expected = (np.exp(each.log_proba(valid.texts)) for each in (weighted, twice))
    assert found == pytest.approx(expected, abs=2e-3)
    plain = np.exp(fit_family("count", train, valid, **options).model.log_proba(valid.texts))
    assert np.abs(plain - expected).max() > 0.02


@pytest.mark.parametrize("shape", ["one label", "several"])
def test_a_text_of_weight_0_is_not_learned(family, fit_family, examples, shape):
    """Half of the labels are turned around, and weigh nothing."""
    train, valid = examples(80), examples(40, seed=1)
    weights = np.where(np.arange(80) % 2, 0.0, 1.0)
    turned = np.where(weights == 0, 1 - train.targets, train.targets)
    both = [with_weights(Dataset(train.texts, own), weights) for own in (train.targets, turned)]
    if shape == "several":
        valid, both = several(valid), [with_weights(several(each), weights) for each in both]
    one, other = (fit_family(family, each, valid).model.log_proba(valid.texts) for each in both)
    assert other == pytest.approx(one, abs=1e-3)


@pytest.mark.parametrize("kind", [np.asarray, csr_matrix], ids=["dense", "sparse"])
def test_weighted_regressions_are_scikit_learns(kind):
    rng = np.random.default_rng(0)
    features = rng.normal(size=(150, 6)).astype(np.float32)
    scores = features @ rng.normal(size=(6, 3)) + rng.gumbel(size=(150, 3))
    weights = rng.uniform(0, 4, 150)
    options = {"solver": "newton-cg", "max_iter": 500, "tol": 1e-8}
    doubles = features.astype(np.float64)

    def ours(targets, weights):
        path = fit_path(
            kind(features), targets, 3, [2.0], weights=weights, most_steps=500, tolerance=0.0,
            deadline=math.inf,
        )  # fmt: skip
        return next(path)[1].log_proba(kind(features))

    targets = scores.argmax(axis=1)
    theirs = LogisticRegression(C=2.0, **options).fit(doubles, targets, weights)
    expected = theirs.predict_log_proba(doubles)
    assert np.exp(ours(targets, weights)) == pytest.approx(np.exp(expected), abs=2e-3)
    borne = (scores > 0.5).astype(np.int64)
    positive = np.array([1.0, 5.0, 0.5])
    of_labels = weights[:, None] * np.where(borne, positive, 1.0)
    for label, own in enumerate(positive):
        theirs = LogisticRegression(C=2.0, class_weight={0: 1.0, 1: own}, **options)
        theirs.fit(doubles, borne[:, label], weights)
        expected = theirs.predict_proba(doubles)[:, 1]
        found = np.exp(ours(borne, of_labels)[:, label])
        assert found == pytest.approx(expected, abs=2e-3)


@pytest.mark.parametrize("family", ["mlp", "lstm", "transformer"])
@pytest.mark.parametrize("shape", ["one label", "several"])
def test_the_focal_loss_trains_networks_otherwise(family, fit_family, examples, shape):
    train, valid = examples(60), examples(40, seed=1)
    if shape == "several":
        train, valid = several(train), several(valid)
    plain, focal, harder = (
        fit_family(family, train, valid, **changes).model.log_proba(valid.texts)
        for changes in (
            {},
            {"loss_function": "focal"},
            {"loss_function": "focal", "loss_focal_gamma": 5.0},
        )
    )
    assert np.isfinite(focal).all()
    assert not np.array_equal(plain, focal)
    assert not np.array_equal(focal, harder)


def test_a_focal_loss_of_gamma_0_is_cross_entropy(fit_family, examples):
    train, valid = examples(60), examples(40, seed=1)
    plain, focal = (
        fit_family("lstm", train, valid, **changes).model.log_proba(valid.texts)
        for changes in ({}, {"loss_function": "focal", "loss_focal_gamma": 0.0})
    )
    assert np.array_equal(plain, focal)


# What carries them


def test_a_part_of_the_texts_has_their_weights_and_other_weights_another_digest(examples):
    plain = examples(5)
    weighted = with_weights(plain, [1, 2, 3, 4, 5])
    assert weighted.part(np.array([3, 0])).weights.tolist() == [4, 1]
    assert plain.part(np.array([3, 0])).weights is None
    digests = {each.digest() for each in (plain, weighted, with_weights(plain, [1, 2, 3, 4, 6]))}
    assert len(digests) == 3


def test_texts_that_a_teacher_labels_count_as_much_as_training_texts_do_on_average():
    train = Dataset(["a", "b"], np.array([0, 1]), None, None, np.array([1, 3], np.float32))
    transfer = TransferSet(["a", "b", "c", "d"], ["1", "2", "3", "4"], 2, 2, np.arange(4))
    answers = np.log(np.full((4, 2), 0.5, np.float32))
    answers[2] = np.nan
    assert transfer.dataset(train, answers, 0.5).weights.tolist() == [1, 3, 2]
    weighted = transfer.dataset(train, answers, 0.5, np.array([1.0, 5.0])).weights
    assert weighted.tolist() == [1, 3 * (0.5 + 0.5 * 5), 2]


SCORES = np.array([[0.3, -1.2], [-0.4, 0.8], [1.5, 0.1]])
OF_TEACHER = np.array([[0.7, 0.3], [0.2, 0.8], [0.6, 0.4]])


@pytest.mark.parametrize("targets", [[0, 1, 1], [[1, 0], [1, 1], [0, 0]]], ids=["one", "several"])
def test_weights_of_labels_are_those_of_the_labels_and_not_of_what_a_teacher_says(targets):
    """Of three texts the teacher knows all, and the last one has no label."""
    from torch import from_numpy, log_softmax
    from torch.nn.functional import logsigmoid

    from wordgate.training.losses import Loss

    targets, by_label, share = np.array(targets), np.array([1.0, 4.0]), 0.7
    several = targets.ndim == 2
    train = Dataset(["a", "b"], targets[:2])
    transfer = TransferSet(["a", "b", "c"], ["1", "2", "3"], 2, 1, np.arange(3))
    learned = transfer.dataset(train, np.log(OF_TEACHER).astype(np.float32), share, by_label)
    scores = from_numpy(SCORES).float()
    loss = Loss(multilabel=several)
    tensors = map(from_numpy, (learned.soft_targets, learned.weights))
    found = float(loss(scores, *tensors)) * 3

    log_proba = (logsigmoid(scores) if several else log_softmax(scores, dim=1)).numpy()
    lacking = logsigmoid(-scores).numpy() if several else np.zeros((3, 2))
    of_labels = targets if several else np.eye(2)[targets]
    of_teacher = -(OF_TEACHER * log_proba + (1 - OF_TEACHER) * lacking).sum(axis=1)
    hard = -(of_labels * by_label * log_proba + (1 - of_labels) * lacking).sum(axis=1)
    expected = share * of_teacher[:2] + (1 - share) * hard[:2]
    assert found == pytest.approx(expected.sum() + of_teacher[2], rel=1e-5)


def test_a_student_has_no_weights_of_labels_besides(examples):
    plain = examples(20)
    data = FitData(plain, examples(5), ("a", "b"))
    taught = replace(data, train=replace(plain, soft_targets=np.full((20, 2), 0.5, np.float32)))
    assert class_weights(data, {"a": 3.0}).tolist() == [3.0, 1.0]
    assert class_weights(taught, {"a": 3.0}) is None
