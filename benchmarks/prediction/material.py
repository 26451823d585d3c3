"""Texts, bundles, and weights for other libraries, for `make bench-predict`."""

import json
import random
import sys
from pathlib import Path

import numpy as np

from command import trained
from real_data import read_tweets
from word_vectors import distilled
from wordgate.bundle.folder import BundleFolder

REPEATS = 5
TEXTS = 11_000
TRAINED_ON = 10_000


def write_texts(file: Path) -> dict[str, int]:
    """Write the tweets' distinct texts: each repeat has its own, so no text is predicted twice.

    Returns:
        How many there are for what.
    """
    table = read_tweets()
    labels = dict(zip(table.texts, table.labels, strict=True))
    texts = list(labels)
    random.Random(0).shuffle(texts)
    repeats = [texts[i * TEXTS : (i + 1) * TEXTS] for i in range(REPEATS)]
    warm = texts[REPEATS * TEXTS :]
    train = [[text, labels[text]] for text in texts[:TRAINED_ON]]
    content = {"warm": warm, "repeats": repeats, "train": train}
    file.write_text(json.dumps(content), encoding="utf-8")
    return {"repeats": REPEATS, "of texts": TEXTS, "to warm up": len(warm)}


def lstm128(folder: Path) -> Path:
    """Train the notebook's LSTM(128) over distilled vectors."""
    vectors = distilled("predict-tweets", read_tweets().texts)
    return trained(folder / "lstm128", "--recipe", "notebook-fast", "--vectors", str(vectors))


def transformer(folder: Path) -> Path:
    """Fine-tune MiniLM a little: how fast it is depends on no weight."""
    few = ("--limit", "2000", "--set", "transformer.epochs=1", "--set", "transformer.min_updates=0")
    return trained(folder / "transformer", "--model", "transformer", *few)


def write_network(bundle: Path, file: Path) -> dict[str, int]:
    """Write the words and the weights of a notebook's LSTM for what can't read a bundle.

    Returns:
        Its sizes.
    """
    folder = BundleFolder.open(bundle)
    model = folder.model(folder.config())
    network = getattr(model, "network", None)
    if getattr(network, "pooling", ()) != ("last",) or len(network.directions) > 1:
        sys.exit(f"{bundle} is no LSTM as the notebook's: one direction, its last state classified")
    (forward,) = network.directions
    np.savez(
        file,
        words=np.array(model.encoder.vocabulary.words),
        embedding=network.embedding,
        input_weights=forward.input_weights,
        hidden_weights=forward.hidden_weights,
        bias=forward.bias,
        output_weights=network.output_weights,
        output_bias=network.output_bias,
    )
    words, embedding = network.embedding.shape
    return {"words": words, "word vectors": embedding, "hidden": forward.hidden_weights.shape[1]}
