import numpy as np
import pytest

from wordgate.bundle.config import Config
from wordgate.export.onnx_file import onnx_bytes
from wordgate.export.parity import Session
from wordgate.models.average import AverageModel, OutputLayer
from wordgate.models.count import CountModel
from wordgate.models.lstm import LSTMModel, Network
from wordgate.models.lstm_forward import Direction
from wordgate.text.encoder import EncodedTexts, TextEncoder
from wordgate.text.ngram_vectorizer import NgramVectorizer

WORDS = ["a", "good", "day", "and", "not", "one", "bad", "word", "of", "it", "all"]
TEXTS = (" ".join(WORDS), "not so good")
VOCABULARY = 2 + len(WORDS)
CLASSES = 3


def drawn(rng, *shape):
    return rng.normal(size=shape).astype(np.float32)


@pytest.fixture
def encoder():
    return TextEncoder.fit([" ".join(WORDS)], max_tokens=256)[0]


@pytest.fixture
def make_lstm(encoder):
    """Make an LSTM of drawn weights, large enough for its answers to be sure."""

    def make(pooling=("last",), directions=1, hidden=5, embedding=4):
        rng = np.random.default_rng(1)
        network = Network(
            drawn(rng, VOCABULARY, embedding),
            tuple(
                Direction(
                    drawn(rng, 4 * hidden, embedding),
                    drawn(rng, 4 * hidden, hidden),
                    drawn(rng, 4 * hidden),
                )
                for _ in range(directions)
            ),
            drawn(rng, CLASSES, hidden * directions * len(pooling)),
            drawn(rng, CLASSES),
            pooling,
        )
        return LSTMModel(encoder, network)

    return make


@pytest.fixture
def make_average(encoder):
    """Make a model over averaged words, two of which have no weight."""

    def make(family="mlp"):
        rng = np.random.default_rng(2)
        features = 6 if family == "mlp" else CLASSES
        weights = np.abs(drawn(rng, VOCABULARY))
        weights[[1, 4]] = 0
        output = OutputLayer(drawn(rng, CLASSES, 6), drawn(rng, CLASSES))
        return AverageModel(
            encoder,
            drawn(rng, VOCABULARY, features),
            weights,
            drawn(rng, features),
            output if family == "mlp" else None,
        )

    return make


@pytest.fixture
def make_count():
    """Make a linear model over n-grams of words and characters, weighed or counted."""

    def make(weights="tfidf", kinds=("words", "characters"), texts=TEXTS):
        rng = np.random.default_rng(4)
        ranges = {"words": (1, 2), "characters": (2, 4)}
        fitted = [NgramVectorizer.fit(texts, kind, ranges[kind], 1, weights) for kind in kinds]
        vectorizers = [vectorizer for vectorizer, _ in fitted]
        return CountModel(
            vectorizers,
            3 * drawn(rng, sum(map(len, vectorizers)), CLASSES),
            rng.normal(size=CLASSES),
        )

    return make


@pytest.fixture
def config():
    """What a bundle says of a model of three labels."""
    return lambda family="lstm", **more: Config(
        family=family, labels=("bad", "good", "so so"), seed=0, recipe="default", settings={},
        **{"data": {}, "environment": {}, **more},
    )  # fmt: skip


@pytest.fixture
def exported(config, tmp_path):
    """Export a model, and load the file."""

    def export(model, *, int8=False, temperature=1.0):
        file = tmp_path / "m.onnx"
        made = config(model.family, temperature=temperature)
        file.write_bytes(onnx_bytes(model, made, int8=int8))
        return Session(file, threads=2)

    return export


@pytest.fixture
def make_texts():
    """Make a batch of texts of given lengths: ids [batch, time], and the same without padding."""

    def make(*lengths, time=None):
        rng = np.random.default_rng(3)
        time = max(lengths) if time is None else time
        ids = rng.integers(1, VOCABULARY, (len(lengths), time))
        inside = np.arange(time) < np.array(lengths)[:, None]
        offsets = np.concatenate([[0], np.cumsum(lengths)])
        return ids * inside, EncodedTexts(ids[inside].astype(np.int32), offsets)

    return make
