"""The losses of networks against float64 references."""

import numpy as np
import pytest

torch = pytest.importorskip("torch", reason="needs the extra 'train'")
losses = pytest.importorskip("wordgate.training.losses", reason="needs the extra 'train'")

RNG = np.random.default_rng(0)
SCORES = RNG.normal(size=(6, 3))
SEVERAL = (RNG.random((6, 3)) < 0.4).astype(np.float64)
ONE = RNG.integers(0, 3, 6)


def of(loss, targets, scores=SCORES):
    """Compute a loss, and its gradient."""
    scores = torch.tensor(scores, dtype=torch.float32, requires_grad=True)
    targets = torch.from_numpy(targets)
    value = loss(scores, targets.float() if targets.ndim == 2 else targets)
    value.backward()
    return float(value.detach()), scores.grad.numpy()


def sigmoid(x):
    return 1 / (1 + np.exp(-x))


def test_the_loss_of_several_labels_is_the_mean_of_their_summed_log_losses():
    value, gradient = of(losses.Loss(True), SEVERAL)
    proba = sigmoid(SCORES)
    expected = -(SEVERAL * np.log(proba) + (1 - SEVERAL) * np.log(1 - proba)).sum(axis=1).mean()
    assert value == pytest.approx(expected, rel=1e-5)
    assert gradient == pytest.approx((proba - SEVERAL) / 6, abs=1e-6)


def test_probabilities_are_targets_as_well():
    soft = 0.2 + 0.6 * SEVERAL
    _, gradient = of(losses.Loss(True), soft)
    assert gradient == pytest.approx((sigmoid(SCORES) - soft) / 6, abs=1e-6)


def test_smoothing_moves_targets_to_how_frequent_their_labels_are():
    frequencies = np.array([0.1, 0.5, 0.02])
    loss = losses.Loss(True, None, 0.1, torch.tensor(frequencies, dtype=torch.float32))
    _, gradient = of(loss, SEVERAL)
    smoothed = 0.9 * SEVERAL + 0.1 * frequencies
    assert gradient == pytest.approx((sigmoid(SCORES) - smoothed) / 6, abs=1e-6)


def test_texts_with_a_label_have_its_weight():
    weights = np.array([2.0, 0.5, 1.0])
    loss = losses.Loss(True, torch.tensor(weights, dtype=torch.float32))
    _, gradient = of(loss, SEVERAL)
    factor = np.where(SEVERAL == 1, weights, 1.0)
    assert gradient == pytest.approx(factor * (sigmoid(SCORES) - SEVERAL) / 6, abs=1e-6)


def test_one_label_a_text_is_torchs_cross_entropy_to_the_bit():
    scores, targets = torch.tensor(SCORES, dtype=torch.float32), torch.from_numpy(ONE)
    weights = torch.tensor([1.0, 2.0, 0.5])
    ours = losses.Loss(class_weights=weights, label_smoothing=0.1)(scores, targets)
    theirs = torch.nn.functional.cross_entropy(scores, targets, weight=weights, label_smoothing=0.1)
    assert ours.equal(theirs)


def test_a_text_is_right_where_all_of_its_labels_are():
    scores = torch.tensor([[1.0, -1.0], [1.0, 1.0], [-1.0, -1.0], [0.0, -1.0]])
    targets = torch.tensor([[1.0, 0.0], [1.0, 0.0], [0.0, 0.0], [0.9, 0.1]])
    loss = losses.Loss(True)
    summed, correct = loss.metrics(loss(scores, targets), scores, targets, targets).tolist()
    assert correct == 3
    each = torch.nn.functional.binary_cross_entropy_with_logits(scores, targets)
    assert summed == pytest.approx(4 * float(each))  # the mean over texts and labels, times texts


def test_one_label_a_text_is_right_where_it_has_the_highest_score():
    scores, targets = torch.tensor(SCORES), torch.from_numpy(ONE)
    loss = losses.Loss()
    value = loss(scores, targets)
    summed, correct = loss.metrics(value, scores, targets, targets).tolist()
    assert (summed, correct) == (6 * float(value), (SCORES.argmax(axis=1) == ONE).sum())
    soft = torch.eye(3, dtype=torch.float64)[targets]
    assert loss.metrics(value, scores, soft, soft)[1] == correct


WEIGHTS = np.array([1.0, 2.0, 0.5])
TEXTS = RNG.uniform(0.2, 2.0, 6)


def softmax(x):
    return np.exp(x) / np.exp(x).sum(axis=1, keepdims=True)


def weighed(loss, targets):
    """Compute a loss of texts that have weights."""
    scores = torch.tensor(SCORES, dtype=torch.float32)
    targets = torch.from_numpy(targets)
    targets = targets.float() if targets.ndim == 2 else targets
    return float(loss(scores, targets, torch.tensor(TEXTS, dtype=torch.float32)))


@pytest.mark.parametrize("smoothing", [0.0, 0.1])
@pytest.mark.parametrize("gamma", [0.0, 0.5, 2.0])
def test_the_focal_loss_of_one_label_is_the_papers(gamma, smoothing):
    weights = torch.tensor(WEIGHTS, dtype=torch.float32)
    loss = losses.Loss(class_weights=weights, label_smoothing=smoothing, gamma=gamma)
    proba = softmax(SCORES)
    targets = (1 - smoothing) * np.eye(3)[ONE] + smoothing / 3
    each = -(WEIGHTS * targets * (1 - proba) ** gamma * np.log(proba)).sum(axis=1)
    expected = each.sum() / WEIGHTS[ONE].sum()
    assert of(loss, ONE)[0] == pytest.approx(expected, rel=1e-5)
    assert weighed(loss, ONE) == pytest.approx((TEXTS * each).sum() / WEIGHTS[ONE].sum(), rel=1e-5)


@pytest.mark.parametrize("gamma", [0.0, 0.5, 2.0])
def test_the_focal_loss_of_several_labels_is_the_papers(gamma):
    loss = losses.Loss(True, torch.tensor(WEIGHTS, dtype=torch.float32), gamma=gamma)
    proba = sigmoid(SCORES)
    borne = WEIGHTS * SEVERAL * (1 - proba) ** gamma * np.log(proba)
    lacking = (1 - SEVERAL) * proba**gamma * np.log(1 - proba)
    each = -(borne + lacking).sum(axis=1)
    assert of(loss, SEVERAL)[0] == pytest.approx(each.mean(), rel=1e-5)
    assert weighed(loss, SEVERAL) == pytest.approx((TEXTS * each).mean(), rel=1e-5)


def test_probabilities_have_a_focal_loss_as_well():
    soft = softmax(RNG.normal(size=(6, 3)))
    proba = softmax(SCORES)
    expected = -(soft * (1 - proba) ** 2 * np.log(proba)).sum(axis=1).mean()
    assert of(losses.Loss(gamma=2.0), soft)[0] == pytest.approx(expected, rel=1e-5)


@pytest.mark.parametrize("gamma", [0.0, 0.5, 2.0])
@pytest.mark.parametrize("multilabel", [False, True])
def test_certainty_gives_a_finite_gradient(gamma, multilabel):
    scores = np.array([[90.0, -90.0, -90.0]] * 2)
    targets = np.array([[1, 0, 0], [0, 1, 0]]) if multilabel else np.array([0, 1])
    value, gradient = of(losses.Loss(multilabel, gamma=gamma), targets, scores)
    assert np.isfinite(value)
    assert np.isfinite(gradient).all()


def test_the_weights_of_texts_are_a_mean_over_the_batch_whatever_it_holds():
    """Their mean is 1 over all training texts, so that each batch moves as far as it weighs."""
    proba = softmax(SCORES)
    each = -np.log(proba[np.arange(6), ONE])
    assert weighed(losses.Loss(), ONE) == pytest.approx((TEXTS * each).mean(), rel=1e-5)


@pytest.mark.parametrize("gamma", [0.0, 2.0])
def test_parts_of_a_batch_add_up_to_its_loss_even_where_all_labels_of_one_weigh_nothing(gamma):
    weights = torch.tensor([0.0, 1.0, 3.0])
    loss = losses.Loss(False, weights, label_smoothing=0.0, gamma=gamma)
    scores, targets = torch.from_numpy(SCORES).float(), torch.tensor([0, 0, 1, 2, 1, 0])
    whole = float(loss(scores, targets))
    parts = [
        float(loss.part(scores[rows], targets[rows], None, targets))
        for rows in (slice(0, 2), slice(2, 6))
    ]
    assert parts[0] == 0.0
    assert sum(parts) == pytest.approx(whole, rel=1e-6)
