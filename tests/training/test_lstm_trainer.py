"""One update at a time: the plan, the seed, the loss, and what moves and what doesn't."""

import numpy as np
import pytest
import torch

from wordgate.runtime.progress import Silent
from wordgate.settings import load_settings
from wordgate.text.batches import bucketed
from wordgate.text.encoder import EncodedTexts, TextEncoder
from wordgate.training import lstm_trainer, recurrent
from wordgate.training.fitting import EncodedData, FitData, RunContext
from wordgate.training.lstm_trainer import LSTMTrainer, make_plan
from wordgate.training.protocol import TrainingPlan
from wordgate.training.rng import random_embeddings


@pytest.fixture
def started(settings, examples):
    """A trainer with its batches, before its first update."""

    def start(seed=0, n=40, classes=2, **changes):
        chosen, train = settings(**changes), examples(n)
        unknown = chosen.text.unknown_words == "id"
        encoder, encoded = TextEncoder.fit(train.texts, max_tokens=50, unknown=unknown)
        source = FitData(train, train, [str(number) for number in range(classes)])
        data = EncodedData(encoded, encoded, source, encoder.vocabulary.unknown)
        init = random_embeddings(encoder.vocabulary, chosen, seed)
        trainer = LSTMTrainer(data, init, chosen, RunContext(seed, Silent(), "cpu"))
        batches = bucketed(encoded, batch_size=8, rng=np.random.default_rng(0))
        return trainer, [(batch, train.targets[batch.rows]) for batch in batches]

    return start


def update(trainer, batch, targets, epoch=0):
    """Prepare an update and make it: the summed loss and how many were right."""
    prepared = trainer.prepare(batch, targets, epoch=epoch, update=trainer.updates)
    loss, right = trainer.update(prepared).tolist()
    return loss, right


def arrays(trainer):
    network = trainer.snapshot()
    directions = [
        array
        for direction in network.directions
        for array in (direction.input_weights, direction.hidden_weights, direction.bias)
    ]
    return [network.embedding, *directions, network.output_weights, network.output_bias]


@pytest.mark.parametrize(
    ("n_texts", "expected"),
    [
        (1, TrainingPlan(batch_size=1, epochs=40, updates_per_epoch=1)),
        (5, TrainingPlan(batch_size=1, epochs=40, updates_per_epoch=5)),
        (50, TrainingPlan(batch_size=2, epochs=40, updates_per_epoch=25)),
        (1000, TrainingPlan(batch_size=50, epochs=40, updates_per_epoch=20)),
        (6400, TrainingPlan(batch_size=64, epochs=10, updates_per_epoch=100)),
        (44_000, TrainingPlan(batch_size=64, epochs=4, updates_per_epoch=688)),
    ],
)
def test_small_data_takes_smaller_batches_and_more_passes(settings, n_texts, expected):
    assert make_plan(n_texts, settings(batch_size=64, epochs=4, min_updates=1000)) == expected
    assert expected.updates == expected.epochs * expected.updates_per_epoch


def test_more_epochs_than_small_data_needs_are_kept(settings):
    assert make_plan(5, settings(epochs=60, min_updates=1000)).epochs == 60


@pytest.mark.parametrize(
    ("n_texts", "max_updates", "epochs"),
    [
        (640, 100, 10),
        (640, 1000, 40),
        (640, 0, 40),
        (640, 101, 11),
        (64_000, 100, 4),  # four passes at the least
        (64_000, 0, 40),
    ],
)
def test_large_data_is_passed_less_often(settings, n_texts, max_updates, epochs):
    changes = {
        "lstm.batch_size": 64,
        "lstm.epochs": 40,
        "lstm.min_updates": 0,
        "lstm.max_updates": max_updates,
    }
    assert make_plan(n_texts, settings(**changes)).epochs == epochs


def test_the_least_number_of_updates_is_made_whatever_the_most_is(settings):
    changes = {
        "lstm.batch_size": 64,
        "lstm.epochs": 40,
        "lstm.min_updates": 200,
        "lstm.max_updates": 100,
    }
    assert make_plan(640 * 2, settings(**changes)).epochs == 10


@pytest.mark.parametrize("n_texts", [5, 50, 1000, 100_000])
@pytest.mark.parametrize("epochs", [1, 2, 7, 60])
def test_epochs_that_a_user_sets_are_all_there_are(n_texts, epochs):
    """Whatever the least and the most updates of the recipe, or of the user, are."""
    for others in ({}, {"lstm.min_updates": 5000}, {"lstm.patience": 9}):
        settings = load_settings("default", {"lstm.epochs": epochs, **others})
        assert make_plan(n_texts, settings).epochs == epochs
    least = {"lstm.max_updates": 1, "lstm.epochs": epochs}
    assert make_plan(n_texts, load_settings("default", least)).epochs == 1


@pytest.mark.parametrize("n_texts", [30, 400, 3000])
@pytest.mark.parametrize("size", [1, 16, 64, 512])
def test_a_batch_size_that_a_user_sets_is_kept(n_texts, size):
    settings = load_settings("default", {"lstm.batch_size": size})
    assert make_plan(n_texts, settings).batch_size == size


def test_updates_that_a_user_sets_have_no_limits_of_a_recipe():
    def updates(**changes):
        changes = {f"lstm.{name}": value for name, value in changes.items()}
        return make_plan(640, load_settings("default", changes)).updates

    assert updates(min_updates=2000) == 2000
    assert updates(max_updates=20) == 20
    assert updates(max_updates=100, min_updates=0) == 100


def test_the_same_seed_begins_with_the_same_weights_and_another_with_others(started):
    one, same, other = (arrays(started(seed, bidirectional=True)[0]) for seed in (0, 0, 1))
    assert all(np.array_equal(*pair) for pair in zip(one, same, strict=True))
    drawn = [index for index, array in enumerate(one) if array.ndim == 2]
    assert len(drawn) == 6
    assert not any(np.array_equal(one[index], other[index]) for index in drawn)


def test_both_directions_begin_with_weights_of_their_own(started):
    forward, backward = started(bidirectional=True)[0].snapshot().directions
    assert not np.array_equal(forward.input_weights, backward.input_weights)
    assert not np.array_equal(forward.hidden_weights, backward.hidden_weights)


@pytest.fixture
def heard(monkeypatch):
    """What the engine is given at each update: positions and masks, in one flat list."""
    calls = []
    real = recurrent.logits

    def listen(word_vectors, positions, lengths, weights, pooling, masks, **options):
        given = [*masks.inputs, *masks.states, masks.output]
        calls.append([positions.numpy().copy(), *(None if m is None else m.numpy() for m in given)])
        return real(word_vectors, positions, lengths, weights, pooling, masks, **options)

    monkeypatch.setattr(recurrent, "logits", listen)
    return calls


def test_dropout_is_decided_by_seed_epoch_and_update(started, heard, all_chance):
    for seed, epoch, earlier in ((0, 0, 0), (0, 0, 0), (1, 0, 0), (0, 1, 0), (0, 0, 1)):
        big = {"lstm.embedding_size": 40, "lstm.hidden_size": 40}
        trainer, batches = started(seed, **{**all_chance, **big})
        trainer.updates = earlier
        update(trainer, *batches[0], epoch)
    first, same, *others = heard
    assert len(first) == 6
    assert all(np.array_equal(*pair) for pair in zip(first, same, strict=True))
    for other in others:
        assert not any(np.array_equal(*pair) for pair in zip(first, other, strict=True))
    for number, rate in enumerate((0.2,) * 5, start=1):
        assert set(np.unique(first[number])) == {0.0, np.float32(1.0) / np.float32(1.0 - rate)}


def test_without_dropout_there_is_no_mask(started, heard):
    trainer, batches = started()
    update(trainer, *batches[0])
    assert heard[0][1:] == [None, None, None]


def test_dropped_words_become_the_unknown_word(started):
    trainer, batches = started(word_dropout=0.999999)
    before = arrays(trainer)[0]
    update(trainer, *batches[0])
    moved = np.flatnonzero((arrays(trainer)[0] != before).any(axis=1))
    assert moved.tolist() == [trainer.data.unknown]


def test_only_words_of_the_batch_move_and_padding_never_does(started):
    trainer, batches = started(bidirectional=True, pooling="last+max+mean", n=10)
    batch, targets = next(pair for pair in batches if (pair[0].ids == 0).any())
    before = arrays(trainer)[0]
    update(trainer, batch, targets)
    moved = (arrays(trainer)[0] != before).any(axis=1)
    assert set(np.flatnonzero(moved)) == set(np.unique(batch.ids)) - {0}


@pytest.mark.parametrize("updates", ["batch", "keras"])
def test_words_that_fill_up_a_shape_change_nothing(updates, started, all_chance, monkeypatch):
    changes = {**all_chance, "lstm.embedding_updates": updates, "lstm.bidirectional": False}
    exact, batches = started(**changes)
    monkeypatch.setitem(lstm_trainer.ROUND_WORDS_TO, "cpu", 128)
    rounded, _ = started(**changes)
    assert len(rounded.prepare(*batches[0], epoch=0, update=0).words) == 128
    for batch, targets in batches:
        assert update(exact, batch, targets) == update(rounded, batch, targets)
    for ours, theirs in zip(arrays(exact), arrays(rounded), strict=True):
        assert np.array_equal(ours, theirs)


def test_padding_stays_zero_through_a_whole_training(started, all_chance):
    trainer, batches = started(**all_chance, pooling="last+max+mean", weight_decay=0.1)
    for epoch in range(3):
        for pair in batches:
            update(trainer, *pair, epoch)
    assert not trainer.snapshot().embedding[0].any()


def test_a_rate_of_zero_keeps_the_word_vectors(started):
    trainer, batches = started(embedding_learning_rate=0.0)
    before = arrays(trainer)
    update(trainer, *batches[0])
    embedding, *others = arrays(trainer)
    assert np.array_equal(embedding, before[0])
    assert not any(np.array_equal(*pair) for pair in zip(others, before[1:], strict=True))


def test_the_loss_is_the_mean_negative_log_probability(started):
    trainer, batches = started()
    batch, targets = batches[0]
    log_proba = log_proba_of(trainer, batch)
    expected = -log_proba[np.arange(len(targets)), targets].sum()
    right = int((log_proba.argmax(axis=1) == targets).sum())
    assert update(trainer, batch, targets) == (pytest.approx(expected, rel=1e-5), right)


def test_balanced_classes_weigh_the_same(started):
    trainer, batches = started(class_weight="balanced", n=200, classes=3)
    counts = np.bincount(np.concatenate([targets for _, targets in batches]), minlength=3)
    assert counts[0] != counts[1]
    assert trainer.loss.class_weights[:2].numpy() * counts[:2] == pytest.approx(200 / 3)
    batch, targets = batches[0]
    weights = trainer.loss.class_weights.numpy()[targets]
    losses = -log_proba_of(trainer, batch)[np.arange(len(targets)), targets]
    expected = (weights * losses).sum() / weights.sum() * len(targets)
    assert update(trainer, batch, targets)[0] == pytest.approx(expected, rel=1e-5)


def test_moderate_weights_are_the_fourth_root_of_balanced_ones(started):
    balanced, moderate = (
        started(class_weight=name, n=200, classes=3)[0].loss.class_weights.numpy()
        for name in ("balanced", "moderate")
    )
    assert moderate == pytest.approx(balanced**0.25)
    assert moderate[0] != pytest.approx(balanced[0])


@pytest.mark.parametrize(
    ("changes", "patience"),
    [
        ({"lstm.patience": 3}, 3),
        ({"lstm.patience": 3, "lstm.patience_updates": 15}, 3),
        ({"lstm.patience": 3, "lstm.patience_updates": 61}, 4),
    ],
)
def test_patience_lasts_so_many_epochs_and_so_many_updates(started, changes, patience):
    trainer, _ = started(n=40, min_updates=1, **changes)
    assert trainer.plan.updates_per_epoch == 20
    assert trainer.patience == patience


def test_a_warm_constant_rate_rises_in_a_share_of_the_least_updates(started):
    changes = {
        "lstm.schedule": "warm-constant",
        "lstm.warmup": 0.5,
        "lstm.min_updates": 40,
        "lstm.epochs": 30,
    }
    trainer, _ = started(n=40, learning_rate=1.0, **changes)
    assert trainer.plan.updates == 600
    rates = []
    for updates in range(40):
        trainer.updates = updates
        rates.append(trainer.learning_rate)
    assert rates[:21] == sorted(set(rates[:21]))
    assert rates[0] < 0.1
    assert set(rates[20:]) == {1.0}


def test_labels_are_not_weighed_unless_asked(started):
    assert started()[0].loss.class_weights is None


def test_label_smoothing_spreads_the_target(started):
    trainer, batches = started(label_smoothing=0.2)
    batch, targets = batches[0]
    log_proba = log_proba_of(trainer, batch)
    labelled = log_proba[np.arange(len(targets)), targets]
    expected = -(0.8 * labelled + 0.2 * log_proba.mean(axis=1)).sum()
    assert update(trainer, batch, targets)[0] == pytest.approx(expected, rel=1e-5)


def log_proba_of(trainer, batch):
    """What the network that predicts says of a batch, in the batch's order."""
    inside = np.arange(batch.ids.shape[1]) < batch.lengths[:, None]
    offsets = np.concatenate([[0], np.cumsum(batch.lengths)])
    return trainer.snapshot().log_proba(EncodedTexts(batch.ids[inside].astype(np.int32), offsets))


def test_the_gradient_is_clipped_to_its_largest_norm(started):
    """Adam's first moment is a tenth of the first gradient."""
    clipped, loose = 1e-3, 0.0
    norms = {}
    for limit in (clipped, loose):
        trainer, batches = started(gradient_clip=limit)
        update(trainer, *batches[0])
        first = [*trainer.optimizer.first.values(), trainer.embedding.first]
        norms[limit] = 10.0 * float(torch.stack([part.norm() for part in first]).norm())
    assert norms[clipped] == pytest.approx(clipped, rel=1e-3)
    assert norms[loose] > 0.01


def test_weight_decay_shrinks_all_weights_but_the_word_vectors(started):
    before = arrays(started()[0])
    after = []
    for decay in (0.0, 0.5):
        trainer, batches = started(weight_decay=decay, schedule="constant")
        update(trainer, *batches[0])
        after.append(arrays(trainer))
    differences = [one - other for one, other in zip(*after, strict=True)]
    assert not differences[0].any()
    for difference, array in zip(differences[1:], before[1:], strict=True):
        assert difference == pytest.approx(1e-2 * 0.5 * array, abs=1e-6)


def test_the_rate_follows_the_schedule_to_its_end(started):
    trainer, batches = started(epochs=2, learning_rate=0.02)
    rates = [trainer.learning_rate]
    for pair in (batches * 20)[: trainer.plan.updates]:
        update(trainer, *pair)
        rates.append(trainer.learning_rate)
    assert len(rates) == trainer.plan.updates + 1
    assert rates[0] == pytest.approx(0.02 * 0.04)
    assert max(rates) == pytest.approx(0.02, rel=0.01)
    assert rates[-1] == 0.0


def test_each_update_is_as_long_as_the_schedule_says(started):
    """Adam's first step is as long as its rate, whatever the gradient."""
    trainer, batches = started(learning_rate=0.1, embedding_learning_rate=0.2)
    before = arrays(trainer)
    update(trainer, *batches[0])
    steps = [np.abs(one - other).max() for one, other in zip(arrays(trainer), before, strict=True)]
    assert steps[0] == pytest.approx(0.2 * 0.04, rel=1e-3)
    assert steps[1:] == pytest.approx([0.1 * 0.04] * (len(steps) - 1), rel=1e-3)


def test_the_network_keeps_the_weights_of_its_time(started):
    trainer, batches = started()
    network = trainer.snapshot()
    kept = network.embedding.copy()
    update(trainer, *batches[0])
    assert np.array_equal(network.embedding, kept)
    assert {array.dtype for array in arrays(trainer)} == {np.dtype(np.float32)}


def test_a_clipped_gradient_is_squared_as_clipped(started):
    """The second moment takes a thousandth of the squares, those of each occurrence."""
    seconds = {}
    for limit in (0.0, 1e-3):
        trainer, batches = started(gradient_clip=limit, embedding_updates="keras")
        update(trainer, *batches[0])
        first = [*trainer.optimizer.first.values(), trainer.embedding.first]
        norm = 10.0 * float(torch.stack([part.norm() for part in first]).norm())
        seconds[limit] = trainer.embedding.second.numpy() / norm**2
    assert seconds[0.0].max() > 0.0
    assert seconds[1e-3] == pytest.approx(seconds[0.0], rel=1e-2, abs=1e-9)
