"""A batch cut among threads: the same gradients as uncut, and the same bits at each repetition."""

import threading

import numpy as np
import pytest
import torch

from wordgate.data.dataset import Dataset
from wordgate.runtime.progress import Silent
from wordgate.text.encoder import TextEncoder
from wordgate.training import data_parallel
from wordgate.training.data_parallel import ShardThreads, count_shards, even_slices
from wordgate.training.fitting import EncodedData, FitData, RunContext
from wordgate.training.lstm_trainer import LSTMTrainer
from wordgate.training.rng import EmbeddingInit, random_embeddings

N_TEXTS = 50
THREADS = 3


@pytest.fixture(autouse=True)
def small_shards(monkeypatch):
    """Cut batches of few texts, too."""
    monkeypatch.setattr(data_parallel, "SMALLEST_SHARD", 16)


@pytest.fixture
def torch_set_to():
    """Give torch's own number of threads back after a test."""
    before = torch.get_num_threads()
    yield torch.set_num_threads
    torch.set_num_threads(before)


def dataset(texts, kind):
    """Targets of three labels, for many of the third: one per text, several, or probabilities."""
    rng = np.random.default_rng(0)
    targets = np.minimum(rng.integers(0, 6, len(texts)), 2)
    weights = rng.uniform(0.1, 5.0, len(texts)).astype(np.float32) if "weighed" in kind else None
    if "several" in kind:
        targets = (rng.random((len(texts), 3)) < (0.1, 0.3, 0.8)).astype(np.int64)
        if weights is not None:
            weights = weights[:, None] * np.float32([1.0, 2.0, 3.0])
    soft = rng.dirichlet([0.3] * 3, len(texts)).astype(np.float32) if "taught" in kind else None
    return Dataset(texts, targets, None, weights=weights, soft_targets=soft)


@pytest.fixture
def begun(settings, examples, torch_set_to):
    """A trainer before its first update, whose batches are cut among so many threads."""

    def begin(threads, kind="plain", **changes):
        torch_set_to(threads)
        train = dataset(examples(2 * N_TEXTS).texts, kind)
        chosen = settings(batch_size=N_TEXTS, min_updates=0, **changes)
        encoder, encoded = TextEncoder.fit(train.texts, max_tokens=50)
        data = EncodedData(
            encoded, encoded, FitData(train, train, ["a", "b", "c"]), encoder.vocabulary.unknown
        )
        vectors = random_embeddings(encoder.vocabulary, chosen, 0).vectors
        pretrained = np.zeros(vectors.shape, bool)
        pretrained[5:20, :2] = True
        return LSTMTrainer(
            data, EmbeddingInit(vectors, pretrained), chosen, RunContext(0, Silent(), "cpu")
        )

    return begin


def made(trainer, n_updates=2, start=0):
    """Make updates from a number on; give all arrays, and the metrics of each update."""
    batches, metrics = trainer.batches(0, start), []
    for _ in range(n_updates):
        prepared = next(batches)
        metrics.append(trainer.update(prepared).tolist())
    return {name: array.copy() for name, array in trainer.arrays().items()}, metrics


CHANCE = {
    "lstm.word_dropout": 0.2,
    "lstm.input_dropout": 0.2,
    "lstm.recurrent_dropout": 0.2,
    "lstm.output_dropout": 0.2,
}
WAYS = {
    "plain": ("plain", {}),
    "balanced": ("plain", {"class_weight": "balanced", "lstm.label_smoothing": 0.1}),
    "weights": ("weighed", {"class_weight": "balanced"}),
    "several labels": ("several", {"class_weight": "balanced"}),
    "several labels with weights": ("several weighed", {"lstm.label_smoothing": 0.1}),
    "a teacher": ("taught weighed", {}),
    "focal": ("plain", {"loss.function": "focal", "class_weight": "balanced"}),
    "focal, several labels": ("several weighed", {"loss.function": "focal"}),
    "both directions": (
        "plain",
        {**CHANCE, "lstm.bidirectional": True, "lstm.pooling": "last+max+mean"},
    ),
    "masks for each text": ("plain", {**CHANCE, "lstm.dropout_masks": "text"}),
    "as Keras": (
        "plain",
        {**CHANCE, "lstm.dropout_masks": "gate", "lstm.embedding_updates": "keras"},
    ),
}


@pytest.mark.parametrize("way", WAYS)
def test_a_cut_batch_has_the_gradient_of_the_whole(begun, way):
    """Adam's moments are means of the gradients and of their squares."""
    kind, changes = WAYS[way]
    whole, cut = (begun(threads, kind, **changes) for threads in (1, THREADS))
    assert len(next(cut.batches(0, 0)).shards) == THREADS
    (expected, loss), (found, cut_loss) = made(whole, 1), made(cut, 1)
    assert np.array(cut_loss) == pytest.approx(np.array(loss), rel=1e-5)
    for name, array in expected.items():
        if "moment" in name:
            largest = float(np.abs(array).max())
            assert largest > 0.0, name
            assert found[name] == pytest.approx(array, rel=1e-3, abs=3e-5 * largest), name


def test_each_number_of_threads_gives_its_own_bits_every_time(begun):
    changes = {**CHANCE, "lstm.bidirectional": True, "lstm.weight_averaging": 0.5}
    first, again, whole = (made(begun(threads, **changes)) for threads in (THREADS, THREADS, 1))
    assert first[1] == again[1]
    assert all(np.array_equal(first[0][name], again[0][name]) for name in first[0])
    for name, array in whole[0].items():
        assert first[0][name] == pytest.approx(array, abs=2e-2), name


def test_a_cut_training_goes_on_in_the_same_bits(begun):
    trainer = begun(THREADS, **CHANCE, weight_averaging=0.5)
    kept = {name: array.copy() for name, array in made(trainer, 1)[0].items()}
    expected = made(trainer, 1, start=1)
    resumed = begun(THREADS, **CHANCE, weight_averaging=0.5)
    resumed.restore(kept, 1)
    found = made(resumed, 1, start=1)
    assert found[1] == expected[1]
    assert all(np.array_equal(found[0][name], array) for name, array in expected[0].items())


def test_a_fit_on_two_threads_is_repeatable_and_close_to_that_on_one(examples, fit_model):
    train, changes = examples(160), {"epochs": 2, "lstm.batch_size": 40, "lstm.min_updates": 0}
    two, again, one = (fit_model(train, threads=n, **changes) for n in (2, 2, 1))
    assert two.engine["threads"] == "2"
    arrays, repeated = (fitted.model.state()[1] for fitted in (two, again))
    assert all(np.array_equal(arrays[name], repeated[name]) for name in arrays)
    assert two.model.log_proba(train.texts) == pytest.approx(
        one.model.log_proba(train.texts), abs=1e-2
    )


@pytest.mark.parametrize(
    ("n_texts", "threads", "shards"),
    [(64, 1, 1), (64, 2, 2), (64, 16, 4), (31, 2, 1), (32, 2, 2), (1, 8, 1), (128, 3, 3)],
)
def test_small_batches_are_cut_into_fewer_shards(n_texts, threads, shards):
    assert count_shards(n_texts, threads) == shards


@pytest.mark.parametrize(("length", "count"), [(10, 3), (2, 3), (0, 2), (7, 1)])
def test_slices_cover_a_length(length, count):
    slices = even_slices(length, count)
    assert len(slices) == count
    assert [place for own in slices for place in range(length)[own]] == list(range(length))


def test_each_shard_has_a_thread_of_its_own_which_uses_no_other(torch_set_to):
    torch_set_to(2)
    together = threading.Barrier(3, timeout=60)

    def work(item):
        together.wait()
        return item, threading.get_ident(), torch.get_num_threads()

    threads = ShardThreads()
    results = threads.map(work, ["a", "b", "c"])
    assert [item for item, _, _ in results] == ["a", "b", "c"]
    assert results[0][1] == threading.get_ident()
    assert len({thread for _, thread, _ in results}) == 3
    assert [used for _, _, used in results] == [1, 1, 1]
    assert torch.get_num_threads() == 2
    assert threads.map(work, ["d", "e", "f"])[1][1:] == results[1][1:]
    assert threads.map(lambda _: torch.get_num_threads(), ["alone"]) == [2]


@pytest.mark.parametrize("wrong", [0, 1])
def test_what_goes_wrong_in_a_shard_is_raised_when_all_have_ended(torch_set_to, wrong):
    torch_set_to(2)
    ended = []

    def work(item):
        if item == wrong:
            raise ValueError("shard")
        ended.append(item)

    with pytest.raises(ValueError, match="shard"):
        ShardThreads().map(work, [0, 1, 2])
    assert sorted(ended) == [item for item in range(3) if item != wrong]
    assert torch.get_num_threads() == 2
