"""Small settings and small examples that every test of training can change."""

import math

import numpy as np
import pytest

from wordgate.runtime.progress import Silent
from wordgate.settings import Settings
from wordgate.training.families import fit
from wordgate.training.fitting import Examples
from wordgate.vectors.pretrained import PretrainedVectors
from wordgate.vectors.vector_file import VectorBatch
from wordgate.vectors.writing import write_vectors

SMALL = {
    "split": "grouped",
    "test_size": 0.2,
    "valid_size": 0.1,
    "stratify": True,
    "empty_texts": "drop",
    "tokenizer": "messages",
    "max_tokens": 50,
    "truncate": "end",
    "vocabulary_from": "train",
    "unknown_words": "id",
    "min_groups": 1,
    "min_count": 1,
    "max_words": 100_000,
    "embedding_size": 6,
    "embedding_scale": 0.5,
    "embedding_stored": "float32",
    "vectors_spelling": "any",
    "vectors_missing": "spread",
    "vectors_scale": 0.0,
    "vectors_extra_size": 0,
    "vectors_more_words": 0,
    "vectors_learning_rate": 0.0,
    "vectors_drawn_learning_rate": 1e-2,
    "vectors_frozen_epochs": 0,
    "hidden_size": 5,
    "bidirectional": False,
    "pooling": "max",
    "word_dropout": 0.0,
    "input_dropout": 0.0,
    "recurrent_dropout": 0.0,
    "output_dropout": 0.0,
    "dropout_masks": "batch",
    "weight_decay": 0.0,
    "label_smoothing": 0.0,
    "class_weight": "none",
    "lighter_candidate": False,
    "lighter_hidden_size": 7,
    "lighter_word_dropout": 0.0,
    "lighter_embedding_rates": 2.0,
    "precision": "float32",
    "batch_size": 8,
    "batches": "similar",
    "epochs": 3,
    "min_updates": 1,
    "max_updates": 0,
    "learning_rate": 1e-2,
    "embedding_learning_rate": 1e-2,
    "embedding_updates": "batch",
    "schedule": "one-cycle",
    "warmup": 0.3,
    "weight_averaging": 0.0,
    "gradient_clip": 1.0,
    "patience": 5,
    "patience_updates": 0,
    "epoch_score": "accuracy",
    "epoch_ties": "loss",
    "calibration": "temperature",
    "count_words": 3,
    "count_characters": 5,
    "count_weights": "tfidf",
    "count_min_texts": 2,
    "count_c": "0.1+0.3+1+3+30+1000",
    "average_weights": "best",
    "average_c": "0.0001+0.001+0.01+1",
    "mlp_hidden_size": 256,
    "mlp_input_dropout": 0.2,
    "mlp_output_dropout": 0.5,
    "mlp_batch_size": 256,
    "mlp_epochs": 20,
    "mlp_learning_rate": 0.001,
    "mlp_patience": 5,
    "transformer_model": "minilm",
    "transformer_max_tokens": 128,
    "transformer_texts_per_group": 1,
    "transformer_batch_size": 32,
    "transformer_epochs": 2,
    "transformer_min_updates": 300,
    "transformer_learning_rate": 0.0001,
    "transformer_weight_decay": 0.01,
    "transformer_warmup": 0.1,
    "transformer_patience": 2,
    "teacher": "none",
    "teacher_weight": 0.7,
    "teacher_texts": 1000,
    "teacher_variations": 5,
}
WITH_ALL_CHANCE = {
    "bidirectional": True,
    "word_dropout": 0.2,
    "input_dropout": 0.2,
    "recurrent_dropout": 0.2,
    "output_dropout": 0.2,
}


def make_settings(**changes):
    return Settings(**{**SMALL, **changes})


def make_examples(n, seed=0):
    """Texts of 1 to 12 words of thirty; the label is whether `w0` to `w4` stand in them."""
    rng = np.random.default_rng(seed)
    rows = [rng.integers(0, 30, length) for length in rng.integers(1, 13, n)]
    texts = [" ".join(f"w{word}" for word in row) for row in rows]
    return Examples(texts, np.array([row.min() < 5 for row in rows], np.int64), None)


def fit_small(
    train, valid=None, *, seed=0, deadline=math.inf, progress=None, classes=2, checkpoint=None,
    vocabulary_of=None, vectors=None, device="cpu", threads=None, family="lstm", **changes,
):  # fmt: skip
    return fit(
        family,
        train,
        train if valid is None else valid,
        classes,
        make_settings(**changes),
        seed=seed,
        device=device,
        progress=Silent() if progress is None else progress,
        deadline=deadline,
        checkpoint=checkpoint,
        vocabulary_of=vocabulary_of,
        vectors=vectors,
        threads=threads,
    )


@pytest.fixture(scope="session")
def word_vectors(tmp_path_factory) -> PretrainedVectors:
    """Vectors of six numbers for `w0` to `w24`, and for `x0` to `x9`, which no example holds.

    Those of `w0` to `w4` lie apart from the others; that of `w24` is zeros; the last number is the
    same in all others.
    """
    path = tmp_path_factory.mktemp("vectors") / "words.bin"
    rng = np.random.default_rng(0)
    vectors = rng.normal(size=(35, 6)).astype(np.float32)
    vectors[:5, 0] += 3
    vectors[:, 5] = 0.3
    vectors[24] = 0
    names = [*(f"w{n}" for n in range(25)), *(f"x{n}" for n in range(10))]
    block = VectorBatch([name.encode() for name in names], vectors)
    write_vectors(path, [block], format="word2vec", count=35, dim=6)
    return PretrainedVectors.open(path, Silent())


@pytest.fixture
def settings():
    return make_settings


@pytest.fixture
def examples():
    return make_examples


@pytest.fixture
def fit_model():
    return fit_small


@pytest.fixture
def all_chance():
    """Settings that leave no use of chance out."""
    return WITH_ALL_CHANCE
