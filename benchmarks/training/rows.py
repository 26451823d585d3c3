"""The rows that every peer of `make bench-train` trains on, as the notebook encodes them."""

import sys
from pathlib import Path

import numpy as np

sys.path.insert(0, str(Path(__file__).parents[1]))

from real_data import real_file
from wordgate.data import Table, read_table
from wordgate.data.dataset import Dataset
from wordgate.split.splits import random_split
from wordgate.text.encoder import TextEncoder
from wordgate.training.rng import rng_for, word_vectors


def tweets() -> tuple[Table, np.ndarray]:
    """Read the tweets as the notebook does, and number their labels: int64 [n]."""
    table = read_table(
        real_file("twitter_training.csv"), drop_labels=["Irrelevant"], empty_text_as="nan"
    )
    labels = sorted(set(table.labels))
    return table, np.array([labels.index(label) for label in table.labels], np.int64)


def write_rows(file: Path, seed: int) -> None:
    """Encode the tweets, cut them at random and draw the first word vectors.

    The file holds `ids` int32 [total], `offsets` int64 [n + 1], `targets` int64 [n], the row
    numbers `train`, `valid` and `test`, and `vectors` float32 [vocabulary, 300].
    """
    table, targets = tweets()
    split = random_split(table.texts, table.labels, table.groups, seed=seed, stratify=False)
    encoder, encoded = TextEncoder.fit(
        table.texts, tokenizer="keras", max_tokens=96, truncate="front", unknown=False,
        ties="first",
    )  # fmt: skip
    vectors = word_vectors(rng_for(seed, "word vectors"), len(encoder.vocabulary), 300, 0.1)
    unfinished = file.with_suffix(".unfinished.npz")
    np.savez(
        unfinished,
        ids=encoded.ids,
        offsets=encoded.offsets,
        targets=targets,
        train=split.train,
        valid=split.valid,
        test=split.test,
        vectors=vectors,
    )
    unfinished.rename(file)


def read_datasets(file: Path) -> tuple[Dataset, list[Dataset]]:
    """Give all tweets, and cut as the file does: train, valid and test."""
    table, targets = tweets()
    everything = Dataset(table.texts, targets, groups=None)
    rows = np.load(file)
    return everything, [everything.part(rows[name]) for name in ("train", "valid", "test")]
