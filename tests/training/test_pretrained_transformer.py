"""Vectors of single words out of a fine-tuned encoder."""

import numpy as np
import pytest

pytest.importorskip("transformers", reason="needs the extra 'transformer'")

from wordgate.runtime.progress import Silent
from wordgate.training.pretrained_transformer import EncoderWords, pretrained_transformer
from wordgate.vectors.distilling import distill_words

FRAME = 1  # [CLS] before a word's own subwords, and [SEP] behind them


@pytest.fixture
def asked(tiny_transformer):
    encoder, network = pretrained_transformer(str(tiny_transformer), 2, 16, 0)
    return EncoderWords("tiny", encoder, network)


def test_a_words_output_is_the_mean_over_its_own_pieces(asked):
    words = ["w3", "w29", "w3 w4"]
    found = asked.outputs(words)
    assert found.known.tolist() == [True, True, True]
    for word, mean in zip(words, found.means, strict=True):
        encoded = asked._encoder.encode([word])
        ids = encoded.ids.astype(np.int64)[None]
        outputs = asked._network.outputs(ids, np.array([ids.shape[1]]))
        np.testing.assert_allclose(mean, outputs[0, FRAME:-FRAME].mean(axis=0), rtol=1e-4)


def test_words_beside_change_nothing(asked):
    alone = asked.outputs(["w3"]).means[0]
    together = asked.outputs(["w3", "w1 w2 w5 w6", "w9"]).means[0]
    np.testing.assert_allclose(alone, together, rtol=1e-4, atol=1e-6)


def test_a_word_without_a_known_subword_is_unknown(asked):
    found = asked.outputs(["w1", "\N{SNOWMAN}", ""])
    assert found.known.tolist() == [True, False, False]


def test_pieces_are_counted_with_their_frame(asked):
    assert asked.count_subwords(["w1", "w1 w2"]) == [3, 4]


def test_the_whole_words_of_the_vocabulary_are_named(asked):
    assert asked.own_words()[:3] == ["w0", "w1", "w2"]
    assert not {"[CLS]", "[PAD]"} & set(asked.own_words())


def test_vectors_are_distilled_from_it(asked):
    made = distill_words([f"w{i}" for i in range(20)], asked, dim=4, progress=Silent())
    assert made.vectors.shape == (20, 4)
    assert np.isfinite(made.vectors).all()
