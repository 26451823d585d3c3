"""What `make bench-predict` measures with: texts, bundles, and the weights for other libraries."""

import json
import random
import subprocess
import sys
from pathlib import Path

import numpy as np

from real_data import real_file
from word_vectors import distilled
from wordgate.bundle.folder import BundleFolder
from wordgate.data import read_table

TWEETS = "twitter_training.csv"
DROPPED = "Irrelevant"
REPEATS = 5
TEXTS = 11_000
TRAINED_ON = 10_000

WORDGATE = str(Path(sys.executable).parent / "wordgate")


def write_texts(file: Path) -> dict[str, int]:
    """Write the tweets' distinct texts: each repeat has its own, so no text is predicted twice.

    Returns:
        How many there are for what.
    """
    table = read_table(real_file(TWEETS), drop_labels=[DROPPED])
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
    return _trained(folder / "lstm128", "--recipe", "notebook-fast", "--vectors", _vectors())


def default(folder: Path) -> Path:
    """Train recipe `default` as the README's first example does."""
    return _trained(folder / "default")


def transformer(folder: Path) -> Path:
    """Fine-tune MiniLM a little: how fast it is depends on no weight."""
    few = ("--limit", "2000", "--set", "transformer.epochs=1", "--set", "transformer.min_updates=0")
    return _trained(folder / "transformer", "--model", "transformer", *few)


def _vectors() -> str:
    table = read_table(real_file(TWEETS), drop_labels=[DROPPED])
    return str(distilled("predict-tweets", table.texts))


def _trained(out: Path, *options: str) -> Path:
    print(f"training {out.name}", file=sys.stderr, flush=True)
    command = [WORDGATE, "train", str(real_file(TWEETS)), "--drop-label", DROPPED]
    done = subprocess.run(
        [*command, "--seed", "0", "--out", str(out), *options], capture_output=True, text=True
    )
    if done.returncode:
        sys.exit(f"{out.name} can't be trained: {done.stderr[-2000:]}")
    return out


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
