"""Small settings and small examples for the tests of training."""

import math

import numpy as np
import pytest

from wordgate.data.dataset import Dataset
from wordgate.runtime.progress import Silent
from wordgate.settings import load_settings, setting_fields
from wordgate.training.families import fit
from wordgate.training.fitting import FitData, RunContext
from wordgate.vectors.pretrained import PretrainedVectors
from wordgate.vectors.vector_file import VectorBatch
from wordgate.vectors.writing import write_vectors

SMALL = {
    "split": "grouped",
    "test_size": 0.2,
    "valid_size": 0.1,
    "stratify": True,
    "empty_texts": "drop",
    "text.tokenizer": "messages",
    "text.max_tokens": 50,
    "text.truncate": "end",
    "text.vocabulary_from": "train",
    "text.unknown_words": "id",
    "text.min_groups": 1,
    "text.min_count": 1,
    "text.max_words": 100_000,
    "lstm.embedding_size": 6,
    "lstm.embedding_scale": 0.5,
    "vectors.stored": "float32",
    "vectors.spelling": "any",
    "lstm.vectors_missing": "spread",
    "lstm.vectors_scale": 0.0,
    "lstm.vectors_extra_size": 0,
    "vectors.more_words": 0,
    "lstm.vectors_learning_rate": 0.0,
    "lstm.vectors_random_learning_rate": 1e-2,
    "lstm.vectors_frozen_epochs": 0,
    "lstm.hidden_size": 5,
    "lstm.bidirectional": False,
    "lstm.pooling": "max",
    "lstm.word_dropout": 0.0,
    "lstm.input_dropout": 0.0,
    "lstm.recurrent_dropout": 0.0,
    "lstm.output_dropout": 0.0,
    "lstm.dropout_masks": "batch",
    "lstm.weight_decay": 0.0,
    "lstm.label_smoothing": 0.0,
    "lstm.class_weight": "none",
    "lstm.lighter_candidate": False,
    "lstm.lighter_hidden_size": 7,
    "lstm.lighter_word_dropout": 0.0,
    "lstm.lighter_embedding_rates": 2.0,
    "lstm.precision": "float32",
    "lstm.batch_size": 8,
    "lstm.batches": "similar",
    "lstm.epochs": 3,
    "lstm.min_updates": 1,
    "lstm.max_updates": 0,
    "lstm.learning_rate": 1e-2,
    "lstm.embedding_learning_rate": 1e-2,
    "lstm.embedding_updates": "batch",
    "lstm.schedule": "one-cycle",
    "lstm.warmup": 0.3,
    "lstm.weight_averaging": 0.0,
    "lstm.gradient_clip": 1.0,
    "lstm.patience": 5,
    "lstm.patience_updates": 0,
    "lstm.epoch_score": "accuracy",
    "lstm.epoch_ties": "loss",
    "calibration": "temperature",
    "class_weight": "none",
    "count.words": 3,
    "count.characters": 5,
    "count.weights": "tfidf",
    "count.min_texts": 2,
    "count.c": "0.1+0.3+1+3+30+1000",
    "average.weights": "best",
    "logreg.c": "0.0001+0.001+0.01+1",
    "loss.function": "cross-entropy",
    "loss.focal_gamma": 2.0,
    "mlp.hidden_size": 256,
    "mlp.input_dropout": 0.2,
    "mlp.output_dropout": 0.5,
    "mlp.batch_size": 256,
    "mlp.epochs": 20,
    "mlp.learning_rate": 0.001,
    "mlp.patience": 5,
    "transformer.model": "minilm",
    "transformer.precision": "float32",
    "transformer.max_tokens": 128,
    "transformer.texts_per_group": 1,
    "transformer.batch_size": 32,
    "transformer.epochs": 2,
    "transformer.min_updates": 300,
    "transformer.learning_rate": 0.0001,
    "transformer.weight_decay": 0.01,
    "transformer.warmup": 0.1,
    "transformer.patience": 2,
    "teacher.models": "none",
    "teacher.weight": 0.7,
    "teacher.texts": 1000,
    "teacher.variations": 5,
}
WITH_ALL_CHANCE = {
    "lstm.bidirectional": True,
    "lstm.word_dropout": 0.2,
    "lstm.input_dropout": 0.2,
    "lstm.recurrent_dropout": 0.2,
    "lstm.output_dropout": 0.2,
}


def dotted(name):
    """Give a setting's full name: keyword arguments can't have dots."""
    fields = setting_fields()
    table, _, short = name.partition("_")
    names = (name, f"lstm.{name}", f"text.{name}", f"{table}.{short}")
    return next(known for known in names if known in fields)


def make_settings(**changes):
    """Settings as a recipe would have them: none is one that a user has set."""
    named = {dotted(name): value for name, value in changes.items()}
    return load_settings("default", {**SMALL, **named}).with_user_settings(())


def make_examples(n, seed=0):
    """Texts of 1 to 12 words of thirty; the label is whether `w0` to `w4` stand in them."""
    rng = np.random.default_rng(seed)
    rows = [rng.integers(0, 30, length) for length in rng.integers(1, 13, n)]
    texts = [" ".join(f"w{word}" for word in row) for row in rows]
    return Dataset(texts, np.array([row.min() < 5 for row in rows], np.int64), None)


def fit_small(
    train, valid=None, *, seed=0, deadline=math.inf, progress=None, classes=2, checkpoint=None,
    vocabulary_of=None, vectors=None, device="cpu", threads=None, family="lstm", **changes,
):  # fmt: skip
    labels = [str(number) for number in range(classes)]
    data = FitData(train, train if valid is None else valid, labels, vocabulary_of, vectors)
    context = RunContext(seed, progress or Silent(), device, threads, deadline, checkpoint)
    return fit(family, data, make_settings(**changes), context)


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
def fit_any(request, fit_model):
    """Fit a model of any family, with the vectors or the small transformer that it begins with."""

    def call(family, train, valid=None, **options):
        own = {}
        if family in ("logreg", "mlp"):
            own["vectors"] = request.getfixturevalue("word_vectors")
        if family == "transformer":
            own["transformer.model"] = str(request.getfixturevalue("tiny_transformer"))
        return fit_model(train, valid, family=family, **{**own, **options})

    return call


@pytest.fixture
def all_chance():
    """Settings that leave no use of chance out."""
    return WITH_ALL_CHANCE
