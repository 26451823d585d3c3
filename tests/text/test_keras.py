"""Keras' legacy rules, against what Keras' own code gave (fixtures/record_keras.py)."""

import csv
import hashlib
import json
from pathlib import Path

import numpy as np
import pytest

from wordgate.text.encoder import TextEncoder
from wordgate.text.tokenizers import get_tokenizer

KERAS = json.loads((Path(__file__).parent / "fixtures" / "keras.json").read_text())
NASTY = KERAS["nasty"]


def fit_as_keras(texts):
    return TextEncoder.fit(
        texts, tokenizer="keras", unknown=False, ties="first", max_tokens=10_000, truncate="front"
    )


def as_lists(encoded):
    return [ids.tolist() for ids in np.split(encoded.ids, encoded.offsets[1:-1])]


def test_tokens_are_those_of_keras():
    tokenizer = get_tokenizer("keras")
    assert [tokenizer(text) for text in NASTY["texts"]] == NASTY["tokens"]


def test_words_and_ids_are_those_of_keras():
    encoder, _ = fit_as_keras(NASTY["texts"][::2])
    assert list(encoder.vocabulary.words) == NASTY["words_of_every_second_text"]
    assert as_lists(encoder.encode(NASTY["texts"])) == NASTY["sequences"]


@pytest.mark.real_data
def test_notebook_rows_get_the_ids_the_notebook_shows(twitter_training):
    with twitter_training.open(encoding="utf-8", newline="") as file:
        rows = list(csv.reader(file))[1:]  # the notebook took the first tweet for a header
    texts = [row[3] or "nan" for row in rows if row[2] != "Irrelevant"]
    encoder, encoded = fit_as_keras(texts)

    assert len(texts) == KERAS["notebook"]["rows"] == 61_691
    assert as_lists(encoder.encode(["Hello World"])) == [[737, 162]]
    assert len(encoder.vocabulary.words) == KERAS["notebook"]["words"]
    separated = np.insert(encoded.ids, encoded.offsets[1:], 0)
    recorded = KERAS["notebook"]["sha256_of_int32_ids_with_a_0_after_each_text"]
    assert hashlib.sha256(separated.tobytes()).hexdigest() == recorded
