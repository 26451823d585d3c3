"""The notebook's training against real Keras: what record_keras.py has recorded."""

from pathlib import Path

import numpy as np
import pytest
import torch

from wordgate.data.dataset import Dataset
from wordgate.runtime.progress import Silent
from wordgate.settings import load_settings
from wordgate.text.batches import PaddedBatch
from wordgate.text.encoder import EncodedTexts
from wordgate.text.vocabulary import Vocabulary
from wordgate.training.fitting import EncodedData, FitData, RunContext
from wordgate.training.lstm_trainer import LSTMTrainer
from wordgate.training.rng import random_embeddings

STEPS = 4
NO_DROPOUT = {"lstm.input_dropout": 0.0, "lstm.recurrent_dropout": 0.0, "lstm.output_dropout": 0.0}
OURS = {
    "embedding": "embedding",
    "forward.input_weights": "kernel",
    "forward.hidden_weights": "recurrent_kernel",
    "forward.bias": "bias",
    "output.weights": "output_kernel",
    "output.bias": "output_bias",
}
"""Our names of Keras' weights; a kernel is ours transposed."""


@pytest.fixture(scope="module")
def recorded():
    with np.load(Path(__file__).parent / "fixtures" / "keras_lstm.npz") as file:
        return dict(file)


def ours(recorded, when):
    """Keras' weights at a time, as we name and lay them out."""
    keras = {name: recorded[f"{when}.{theirs}"] for name, theirs in OURS.items()}
    return {name: array if name == "embedding" else array.T for name, array in keras.items()}


def batch_of(ids):
    lengths = (ids != 0).sum(axis=1).astype(np.int64)
    right_padded = np.zeros(ids.shape, np.int64)
    right_padded[np.arange(ids.shape[1]) < lengths[:, None]] = ids[ids != 0]
    return PaddedBatch(np.arange(len(ids)), right_padded, lengths)


def begun(recorded, **changes):
    """Recipe `notebook` in Keras' sizes, at Keras' first weights."""
    words, embedding = recorded["initial.embedding"].shape
    hidden, classes = recorded["initial.output_kernel"].shape
    sizes = {"lstm.embedding_size": embedding, "lstm.hidden_size": hidden, **NO_DROPOUT, **changes}
    settings = load_settings("notebook", sizes)
    vocabulary = Vocabulary(tuple(map(str, range(1, words))), unknown=None)
    init = random_embeddings(vocabulary, settings, 0)
    targets = recorded["targets"].reshape(-1).astype(np.int64)
    texts = EncodedTexts(np.ones(len(targets), np.int32), np.arange(len(targets) + 1))
    rows = Dataset([""] * len(targets), targets)
    data = EncodedData(texts, texts, FitData(rows, rows, [str(n) for n in range(classes)]))
    trainer = LSTMTrainer(data, init, settings, RunContext(0, Silent(), "cpu"))
    tensors = {"embedding": trainer.embedding.vectors, **trainer.weights.named()}
    with torch.no_grad():
        for name, array in ours(recorded, "initial").items():
            tensors[name].copy_(torch.from_numpy(array.copy()))
    return trainer


@pytest.mark.parametrize(
    "way",
    [{}, {"lstm.recurrent_dropout": 1e-12, "lstm.dropout_masks": "gate"}],
    ids=["fused", "packed"],
)
def test_a_step_of_training_gives_keras_weights(recorded, way):
    """Both engines: a dropout that never drops makes the engine of masks per text run."""
    trainer = begun(recorded, **way)
    for step, (ids, targets) in enumerate(zip(recorded["ids"], recorded["targets"], strict=True)):
        prepared = trainer.prepare(
            batch_of(ids), targets.astype(np.int64), epoch=0, update=trainer.updates
        )
        loss, _ = trainer.update(prepared).tolist()
        assert loss / len(ids) == pytest.approx(recorded["losses"][step], rel=1e-5)
        if step + 1 in (1, STEPS):
            found = trainer.snapshot().arrays()
            for name, array in ours(recorded, f"after_{step + 1}").items():
                assert found[name] == pytest.approx(array, abs=1e-6), name


def test_the_recorded_steps_move_more_than_the_tolerance(recorded):
    for name, array in ours(recorded, "after_1").items():
        moved = np.abs(array - ours(recorded, "initial")[name]).max()
        assert moved > 0.9e-4, name
