"""The running average of the weights: what it spans, and that it is what predicts."""

import numpy as np
import pytest
import torch

from wordgate.training.averaging import EVERY, WeightAverage


@pytest.mark.parametrize("share", [0.1, 0.2, 0.5, 1.0])
def test_its_age_is_that_of_a_plain_mean_over_the_share(share):
    """The tensor holds the number of the update, so that its average tells the mean age."""
    tensor = torch.zeros(2, dtype=torch.float64)
    average = WeightAverage({"weights": tensor}, share)
    for updates in range(1, 4001):
        tensor.fill_(updates)
        average.update(updates)
    age = 1.0 - average.average["weights"][0].item() / 4000
    assert age == pytest.approx(share / 2, rel=0.05)


def test_it_is_the_weights_themselves_at_the_beginning():
    tensor = torch.zeros(3)
    average = WeightAverage({"weights": tensor}, 0.2)
    for updates in range(1, EVERY + 1):
        tensor.fill_(updates)
        average.update(updates)
        assert average.average["weights"].tolist() == [updates] * 3


def test_it_is_a_mean_of_what_it_took_in():
    tensor = torch.full((3,), 0.75)
    average = WeightAverage({"weights": tensor}, 0.3)
    for updates in range(1, 500):
        average.update(updates)
    assert average.average["weights"].tolist() == pytest.approx([0.75] * 3)


def test_training_itself_goes_on_from_the_weights_as_they_are(examples, fit_model):
    """The losses on the way are the same; the network that is judged is another."""
    train, changes = examples(200), {"schedule": "constant", "epochs": 3}
    averaged = fit_model(train, weight_averaging=0.5, **changes)
    plain = fit_model(train, **changes)
    losses = [[epoch.train_loss for epoch in fitted.history] for fitted in (averaged, plain)]
    assert losses[0] == losses[1]
    one, other = (fitted.model.state()[1] for fitted in (averaged, plain))
    assert not any(np.array_equal(one[name], other[name]) for name in one)
    log_proba = averaged.model.log_proba(train.texts)
    loss = -log_proba[np.arange(200), train.targets].mean()
    best = averaged.history[averaged.best_epoch - 1]
    assert loss == pytest.approx(best.valid_loss, rel=1e-6)
