"""Keras on TensorFlow in `make bench-predict`: a bundle's weights in the notebook's network.

Runs in an environment of its own that has Keras, but not wordgate. ``notebook`` predicts as the
notebook does: Keras' tokenizer, all texts padded to 96, `model.predict` in batches of 512. ``best``
is what Keras can do: batches of similar length, one compiled function for all of their widths.

python keras_peer.py TEXTS NETWORK.npz {notebook,best}
"""

import os
import sys

os.environ["TF_CPP_MIN_LOG_LEVEL"] = "3"
os.environ["KERAS_BACKEND"] = "tensorflow"

import keras
import numpy as np
import tensorflow as tf
from keras.src.legacy.preprocessing.text import Tokenizer
from keras.utils import pad_sequences
from worker import Predict, read_texts, serve

LONGEST = 96
BATCH = 512
MULTIPLE = 4


def main() -> None:
    """Build and serve."""
    file, network, variant = sys.argv[1:]
    arrays = np.load(network)
    tokenizer, model = Tokenizer(), built(arrays)
    tokenizer.word_index = {word: i for i, word in enumerate(arrays["words"].tolist(), start=1)}
    predict = (as_notebook if variant == "notebook" else at_best)(tokenizer, model)
    serve(predict, read_texts(file), ["keras", "tensorflow", "numpy"])


def built(arrays: dict[str, np.ndarray]) -> keras.Model:
    """Build the notebook's network with the bundle's weights."""
    words, size = arrays["embedding"].shape
    hidden, classes = arrays["hidden_weights"].shape[1], len(arrays["output_bias"])
    layers = [
        keras.layers.Embedding(words, size, mask_zero=True),
        keras.layers.LSTM(hidden, dropout=0.2, recurrent_dropout=0.2),
        keras.layers.Dense(classes, activation="softmax"),
    ]
    model = keras.Sequential([keras.Input((None,), dtype="int32"), *layers])
    layers[0].set_weights([arrays["embedding"]])
    layers[1].set_weights([arrays["input_weights"].T, arrays["hidden_weights"].T, arrays["bias"]])
    layers[2].set_weights([arrays["output_weights"].T, arrays["output_bias"]])
    return model


def as_notebook(tokenizer: Tokenizer, model: keras.Model) -> Predict:
    """Predict as the notebook does."""

    def predict(texts: list[str]) -> np.ndarray:
        ids = pad_sequences(tokenizer.texts_to_sequences(texts), maxlen=LONGEST)
        return model.predict(ids, batch_size=BATCH, verbose=0)

    return predict


def at_best(tokenizer: Tokenizer, model: keras.Model) -> Predict:
    """Predict as fast as Keras can."""

    @tf.function(input_signature=[tf.TensorSpec((None, None), tf.int32)])
    def run(ids: tf.Tensor) -> tf.Tensor:
        return model(ids, training=False)

    def predict(texts: list[str]) -> np.ndarray:
        ids = tokenizer.texts_to_sequences(texts)
        lengths = np.minimum([len(own) for own in ids], LONGEST)
        order = np.argsort(lengths, kind="stable")
        proba = np.empty((len(texts), model.output_shape[-1]), np.float32)
        for start in range(0, len(texts), BATCH):
            rows = order[start : start + BATCH]
            time = max(1, -(-lengths[rows[-1]] // MULTIPLE)) * MULTIPLE
            proba[rows] = run(pad_sequences([ids[row] for row in rows], maxlen=time)).numpy()
        return proba

    return predict


if __name__ == "__main__":
    main()
