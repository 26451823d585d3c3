"""fastText in `make bench-predict`: its own classifier, with its own settings.

Runs in an environment of its own that has fasttext, but not wordgate. Predicting uses one thread,
so processes share the texts.

python fasttext_peer.py TEXTS
"""

import sys
import tempfile
from pathlib import Path

import fasttext
import numpy as np
from worker import in_processes, read_texts, serve


def main() -> None:
    """Train on what there is, and serve."""
    texts = read_texts(sys.argv[1])
    model = trained(texts["train"])

    def predict(some: list[str]) -> np.ndarray:
        found = model.predict([" ".join(text.split()) for text in some], k=-1)
        return in_order(*found, model.labels)

    serve(in_processes(predict), texts, ["fasttext", "numpy"])


def trained(rows: list[list[str]]):
    """Train fastText on texts and labels."""
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "train.txt"
        lines = (f"__label__{label} {' '.join(text.split())}\n" for text, label in rows)
        file.write_text("".join(lines), encoding="utf-8")
        return fasttext.train_supervised(str(file), verbose=0)


def in_order(labels: list[list[str]], found: list[np.ndarray], order: list[str]) -> np.ndarray:
    """Put probabilities, the largest first, in the order of the labels: float32 [n, classes]."""
    places = {label: place for place, label in enumerate(order)}
    proba = np.zeros((len(labels), len(order)), np.float32)
    rows = np.repeat(np.arange(len(labels)), [len(own) for own in labels])
    columns = [places[label] for own in labels for label in own]
    proba[rows, columns] = np.concatenate(found)
    return proba


if __name__ == "__main__":
    main()
