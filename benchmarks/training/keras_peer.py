"""A peer of `make bench-train`: Keras, as the tutorial notebook uses it and at its best.

Runs in an environment of its own that has Keras with TensorFlow or torch, but not wordgate. It
reads the rows and the first word vectors from a file that `rows.py` has written, and appends one
JSON object per epoch to the file of results, and one at the end with the accuracy on test.

``notebook`` is the notebook's program to the letter: padded to 96, recurrent dropout, Adam at
1e-4. ``best`` is what Keras can do: no recurrent dropout, 2e-3, batches of similar length. Tried
for it on TensorFlow: XLA (`jit_compile`) was slower; `mixed_bfloat16`, several steps per execution,
lengths rounded to 8, and no mask but the state read at the last real step made no difference that
stood out on a busy machine.

    KERAS_BACKEND=tensorflow python keras_peer.py notebook ROWS.npz RESULTS.jsonl --seed 0
"""

import argparse
import os
import time
from pathlib import Path

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

import keras
import numpy as np
from journal import asked_for, record, record_end
from parts import BATCH, LONGEST, Part, bucketed, by_length, read_parts

MULTIPLE = 4
WARM_UP_BATCHES = 20


def main() -> None:
    """Train one model, and write down what each epoch came to."""
    options = asked_for(["notebook", "best"], __doc__)
    limit_threads(options.threads)
    keras.utils.set_random_seed(options.seed)
    parts, vectors = read_parts(options.rows)
    model = build(vectors, int(parts["train"].targets.max()) + 1, options.variant)
    recorder = Recorder(options.results, options.stop_at)
    if options.timed:
        time_epochs(model, parts, options, recorder)
        scores = {}
    else:
        scores = train_whole(model, parts, options, recorder)
    record_end(options.results, **scores, keras=keras.__version__, backend=keras.backend.backend())


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
            keras.Input((None if at_best else LONGEST,), dtype="int32"),
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


def train_whole(
    model: keras.Model,
    parts: dict[str, Part],
    options: argparse.Namespace,
    recorder: "Recorder",
) -> dict[str, float]:
    """Train until validation has stalled or is good enough, and judge the best epoch on test."""
    stopping = keras.callbacks.EarlyStopping(
        monitor="val_accuracy", patience=options.patience, restore_best_weights=True
    )
    fit(model, parts, options.variant, options.epochs, [recorder, stopping])
    test = fed(parts["test"], options.variant, drawn=False)
    loss, accuracy = model.evaluate(*test, verbose=0)
    return {"test_loss": loss, "test_accuracy": accuracy}


def time_epochs(
    model: keras.Model,
    parts: dict[str, Part],
    options: argparse.Namespace,
    recorder: "Recorder",
) -> None:
    """Have everything compiled by a few batches of all lengths, then time whole epochs."""
    few = {name: spread(part, WARM_UP_BATCHES) for name, part in parts.items()}
    fit(model, few, options.variant, 1, [])
    fit(model, parts, options.variant, options.timed, [recorder])


def spread(part: Part, batches: int) -> Part:
    """Take a few batches' worth of a part, from the shortest texts to the longest."""
    rows = np.argsort(part.lengths, kind="stable")
    chosen = np.linspace(0, len(rows) - 1, min(batches * BATCH, len(rows))).astype(int)
    return part.some(rows[chosen])


def fit(
    model: keras.Model, parts: dict[str, Part], variant: str, epochs: int, callbacks: list
) -> None:
    """Run Keras' own loop; the notebook has it shuffle, bucketed batches come ready."""
    valid = fed(parts["valid"], variant, drawn=False)
    model.fit(
        *fed(parts["train"], variant, drawn=True),
        batch_size=BATCH if variant == "notebook" else None,
        epochs=epochs,
        validation_data=valid if variant == "notebook" else valid[0],
        callbacks=callbacks,
        verbose=0,
    )


def fed(part: Part, variant: str, *, drawn: bool) -> tuple:
    """Give a part as the variant has it: ids [n, 96] and targets [n], or a set of batches."""
    if variant == "best":
        return (Bucketed(part, drawn=drawn),)
    return part.padded(np.arange(len(part)), LONGEST, "front"), part.targets


class Bucketed(keras.utils.PyDataset):
    """Batches of similar length, padded at the front to the longest, rounded up."""

    def __init__(self, part: Part, *, drawn: bool):
        # With one worker, tf.data's autotuner holds up the end of each epoch for some seconds.
        super().__init__(workers=2)
        self.part, self.drawn = part, drawn
        self.on_epoch_end()

    def __len__(self) -> int:
        """Count the batches."""
        return len(self.batches)

    def __getitem__(self, index: int) -> tuple[np.ndarray, np.ndarray]:
        """Pad a batch: ids int32 [batch, time], targets int64 [batch]."""
        rows = self.batches[index]
        time = self.part.width(rows, MULTIPLE)
        return self.part.padded(rows, time, "front"), self.part.targets[rows]

    def on_epoch_end(self) -> None:
        """Deal the batches anew."""
        batches = bucketed(self.part, np.random) if self.drawn else by_length(self.part)
        self.batches = self.widths_differ_first(batches)

    def widths_differ_first(self, batches: list[np.ndarray]) -> list[np.ndarray]:
        """Let the first two differ in width: Keras takes what they share for the shape of all."""
        widths = [self.part.width(rows, MULTIPLE) for rows in batches]
        other = next((place for place, width in enumerate(widths) if width != widths[0]), None)
        if other is not None:
            batches[1], batches[other] = batches[other], batches[1]
        return batches


class Recorder(keras.callbacks.Callback):
    """Write down each epoch, and the time its updates took without validation."""

    def __init__(self, results: Path, stop_at: float):
        super().__init__()
        self.results, self.stop_at = results, stop_at

    def on_epoch_begin(self, epoch: int, logs: dict | None = None) -> None:  # noqa: ARG002
        """Start the clock."""
        self.started = time.perf_counter()
        self.updated = self.started

    def on_train_batch_end(self, batch: int, logs: dict | None = None) -> None:  # noqa: ARG002
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


if __name__ == "__main__":
    main()
