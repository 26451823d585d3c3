"""The vocabulary of a training, and the pretrained vectors of its words."""

import re

import numpy as np
import pytest
from tests.conftest import RecordingProgress

from wordgate.data.dataset import Dataset
from wordgate.errors import DataError
from wordgate.runtime.progress import Silent
from wordgate.training.fitting import FitData
from wordgate.training.vocabulary import (
    fit_vocabulary,
    fit_vocabulary_with_vectors,
    vocabulary_remarks,
)


def data(train, vocabulary_of=None):
    return FitData(train, train, ["0"], vocabulary_of)


def of(*texts, groups=None):
    return Dataset(texts, np.zeros(len(texts), np.int64), groups)


def test_the_vocabulary_is_of_train_alone_unless_asked(settings):
    train, every = of("so good", "so"), of("so good", "so", "bad")
    encoder, encoded = fit_vocabulary(data(train), settings())
    assert set(encoder.vocabulary.words) == {"so", "good"}
    assert encoded.lengths.tolist() == [2, 1]
    encoder, encoded = fit_vocabulary(data(train, every), settings())
    assert set(encoder.vocabulary.words) == {"so", "good", "bad"}
    assert encoded.lengths.tolist() == [2, 1]


def test_the_settings_reach_the_vocabulary(settings):
    train = of("so so No!", "no yes so", groups=["g", "h"])

    def words(**changes):
        return fit_vocabulary(data(train), settings(**changes))[0].vocabulary.words

    assert words() == ("so", "no", "!", "yes")
    assert words(tokenizer="keras") == ("so", "no", "yes")
    assert words(min_groups=2) == ("so", "no")
    assert words(min_count=3) == ("so",)
    assert words(max_words=2) == ("so", "no")
    encoder, encoded = fit_vocabulary(
        data(train), settings(unknown_words="drop", max_tokens=2, truncate="front")
    )
    assert encoder.vocabulary.unknown is None
    assert [encoder.vocabulary.words[i - 1] for i in encoded.ids] == ["no", "!", "yes", "so"]


def test_vectors_stand_in_the_order_of_the_words(settings, word_vectors):
    known = fit_vocabulary_with_vectors(
        data(of("w1 w0", "w1 w29")), word_vectors, settings(), Silent()
    )
    table = dict(word_vectors.file.wanted({b"w0", b"w1"}))
    assert known.encoder.vocabulary.words == ("w1", "w0", "w29")
    assert known.found.known.tolist() == [True, True, False]
    assert np.array_equal(known.found.vectors[:2], [table[b"w1"], table[b"w0"]])
    assert not known.found.vectors[2].any()
    assert (known.coverage.found.types, known.coverage.vocabulary.tokens) == (2, 4)


def test_words_of_the_table_are_known_beyond_those_of_train(settings, word_vectors):
    train, changes = of("w1 w0", "w1 x3"), {"vectors.more_words": 3, "text.min_count": 2}
    known = fit_vocabulary_with_vectors(data(train), word_vectors, settings(**changes), Silent())
    assert known.encoder.vocabulary.words == ("w1", "w0", "w2", "w3")
    assert known.found.known.all()
    assert known.coverage.more == 3
    assert (known.coverage.vocabulary.types, known.coverage.vocabulary.tokens) == (1, 2)
    assert np.array_equal(known.encoded.ids, known.encoder.encode(train.texts).ids)


def test_a_table_that_knows_none_of_the_words_is_refused(settings, word_vectors):
    for more in (0, 5):  # words that the table adds make no difference
        message = (
            f"none of the vocabulary's 2 words has a vector in {word_vectors.file.path}: do"
            " language and spelling match?"
        )
        with pytest.raises(DataError, match=f"^{re.escape(message)}$"):
            fit_vocabulary_with_vectors(
                data(of("so good")), word_vectors, settings(vectors_more_words=more), Silent()
            )


def test_the_words_found_are_reported(settings, word_vectors):
    progress = RecordingProgress()
    fit_vocabulary_with_vectors(data(of("w1 W0", "w29 w29")), word_vectors, settings(), progress)
    assert progress.lines[-2:] == [
        "2 of 3 words have a vector (66.7%), which cover 50.0% of all word occurrences in the"
        " training texts.",
        "Most frequent words without a vector: w29 (2).",
    ]


def test_remarks_on_the_vocabulary_and_on_long_texts(settings):
    train, short = of("a b c", "a"), settings(max_tokens=2, truncate="front")
    _, encoded = fit_vocabulary(data(train), short)
    assert vocabulary_remarks(data(train), encoded, settings()) == [
        "1 of 2 training texts are longer than 50 tokens and were truncated at the end."
    ]
    first, second = vocabulary_remarks(data(train, train), encoded, short)
    assert first.startswith("The vocabulary was fitted on all rows, not only on the training rows")
    assert (
        second == "1 of 2 training texts are longer than 2 tokens and were truncated at the front."
    )
    _, whole = fit_vocabulary(data(train), settings())
    assert vocabulary_remarks(data(train), whole, settings()) == []
