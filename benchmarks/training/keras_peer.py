"""A peer of `make bench-train`: Keras, as the tutorial notebook uses it and at its best.

Runs in an environment of its own that has Keras with TensorFlow or torch, but not wordgate. It
reads the rows and the first word vectors from a file that `rows.py` has written, and appends one
JSON object an epoch to the file of results, and one in the end with the accuracy on test.

    KERAS_BACKEND=tensorflow python keras_peer.py notebook ROWS.npz RESULTS.jsonl --seed 0
"""

import argparse
import json
import os
import resource
import time
from pathlib import Path

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

import keras
import numpy as np

TIME = 96
BATCH = 128


def main() -> None:
    """Train one model, and write down what each epoch came to."""
    options = parsed()
    limit_threads(options.threads)
    keras.utils.set_random_seed(options.seed)
    rows = dict(np.load(options.rows))
    parts = {name: Part.of(rows, name) for name in ("train", "valid", "test")}
    model = build(rows["vectors"], int(rows["targets"].max()) + 1, options.variant)
    callbacks = [
        Recorder(options.results, options.stop_at),
        keras.callbacks.EarlyStopping(
            monitor="val_accuracy", patience=5, restore_best_weights=True
        ),
    ]
    if options.variant == "notebook":
        train, valid, test = (part.padded() for part in parts.values())
        model.fit(
            *train, batch_size=BATCH, epochs=options.epochs, validation_data=valid, verbose=0,
            callbacks=callbacks,
        )  # fmt: skip
    else:
        sets = {name: Trimmed(part, shuffled=name == "train") for name, part in parts.items()}
        test = (sets["test"],)
        model.fit(
            sets["train"], epochs=options.epochs, validation_data=sets["valid"], verbose=0,
            callbacks=callbacks,
        )  # fmt: skip
    loss, accuracy = model.evaluate(*test, verbose=0)
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1e3
    record(
        options.results,
        test_loss=loss,
        test_accuracy=accuracy,
        peak_memory_mb=peak,
        keras=keras.__version__,
        backend=keras.backend.backend(),
    )


def parsed() -> argparse.Namespace:
    """Read the command line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("variant", choices=["notebook", "best"])
    parser.add_argument("rows", type=Path)
    parser.add_argument("results", type=Path)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--epochs", type=int, default=35)
    parser.add_argument("--threads", type=int, default=0)
    parser.add_argument("--stop-at", type=float, default=2.0)
    return parser.parse_args()


def limit_threads(threads: int) -> None:
    """Hold the backend to so many threads; 0 leaves it alone."""
    if not threads:
        return
    if keras.backend.backend() == "tensorflow":
        import tensorflow as tf

        tf.config.threading.set_intra_op_parallelism_threads(threads)
        tf.config.threading.set_inter_op_parallelism_threads(1)
    else:
        import torch

        torch.set_num_threads(threads)


def build(vectors: np.ndarray, n_classes: int, variant: str) -> keras.Model:
    """Build the notebook's network; at its best, without recurrent dropout and faster."""
    words, size = vectors.shape
    at_best = variant == "best"
    model = keras.Sequential(
        [
            keras.Input((None if at_best else TIME,), dtype="int32"),
            keras.layers.Embedding(words, size, mask_zero=True, name="embedding"),
            keras.layers.LSTM(128, dropout=0.2, recurrent_dropout=0.0 if at_best else 0.2),
            keras.layers.Dropout(0.2),
            keras.layers.Dense(n_classes, activation="softmax"),
        ]
    )
    model.get_layer("embedding").set_weights([vectors])
    model.compile(
        optimizer=keras.optimizers.Adam(2e-3 if at_best else 1e-4),
        loss="sparse_categorical_crossentropy",
        metrics=["accuracy"],
    )
    return model


class Part:
    """Texts of one part of the split, as word ids laid end to end."""

    def __init__(self, ids: np.ndarray, offsets: np.ndarray, targets: np.ndarray):
        self.ids, self.offsets, self.targets = ids, offsets, targets
        self.lengths = np.diff(offsets)

    @classmethod
    def of(cls, rows: dict[str, np.ndarray], name: str) -> "Part":
        """Take a part of the file's rows."""
        chosen, offsets = rows[name], rows["offsets"]
        pieces = [rows["ids"][offsets[row] : offsets[row + 1]] for row in chosen]
        starts = np.concatenate([[0], np.cumsum([len(piece) for piece in pieces])])
        return cls(np.concatenate(pieces), starts, rows["targets"][chosen])

    def padded(self, chosen: np.ndarray | None = None, time: int = TIME) -> tuple:
        """Pad at the front, as `pad_sequences` does: ids int32 [n, time], targets int64 [n]."""
        chosen = np.arange(len(self.targets)) if chosen is None else chosen
        ids = np.zeros((len(chosen), time), np.int32)
        for place, row in enumerate(chosen):
            text = self.ids[self.offsets[row] : self.offsets[row + 1]]
            if len(text):
                ids[place, -len(text) :] = text
        return ids, self.targets[chosen]


class Trimmed(keras.utils.PyDataset):
    """Batches of similar length, padded to the longest, rounded up to a multiple of eight."""

    def __init__(self, part: Part, *, shuffled: bool):
        super().__init__()
        self.part, self.shuffled = part, shuffled
        self.on_epoch_end()

    def __len__(self) -> int:
        """Count the batches."""
        return len(self.batches)

    def __getitem__(self, index: int) -> tuple:
        """Pad a batch."""
        chosen = self.batches[index]
        longest = max(1, int(self.part.lengths[chosen].max()))
        return self.part.padded(chosen, time=-(-longest // 8) * 8)

    def on_epoch_end(self) -> None:
        """Draw the batches anew: sorted by length within fifty batches' worth of shuffled rows."""
        n = len(self.part.targets)
        order = np.random.permutation(n) if self.shuffled else np.arange(n)
        chunks = [order[i : i + 50 * BATCH] for i in range(0, n, 50 * BATCH)]
        ordered = np.concatenate(
            [chunk[np.argsort(self.part.lengths[chunk], kind="stable")] for chunk in chunks]
        )
        self.batches = [ordered[i : i + BATCH] for i in range(0, n, BATCH)]
        if self.shuffled:
            np.random.shuffle(self.batches)


class Recorder(keras.callbacks.Callback):
    """Write down each epoch, and the time its updates took without validation."""

    def __init__(self, results: Path, stop_at: float):
        super().__init__()
        self.results, self.stop_at = results, stop_at

    def on_epoch_begin(self, epoch: int, logs: dict | None = None) -> None:
        """Start the clock."""
        self.started = time.perf_counter()
        self.updated = self.started

    def on_train_batch_end(self, batch: int, logs: dict | None = None) -> None:
        """Stop the clock of the updates."""
        self.updated = time.perf_counter()

    def on_epoch_end(self, epoch: int, logs: dict | None = None) -> None:
        """Write the epoch, and end the training where it is good enough."""
        record(
            self.results,
            epoch=epoch + 1,
            seconds=self.updated - self.started,
            seconds_with_validation=time.perf_counter() - self.started,
            **{name: float(value) for name, value in logs.items()},
        )
        if logs["val_accuracy"] >= self.stop_at:
            self.model.stop_training = True


def record(results: Path, **facts: object) -> None:
    """Append one JSON object."""
    with results.open("a", encoding="utf-8") as stream:
        stream.write(json.dumps(facts) + "\n")


if __name__ == "__main__":
    main()
