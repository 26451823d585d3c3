"""Variations of texts: what each operation does, and its randomness."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from wordgate.text import augmentation
from wordgate.text.augmentation import Augmenter, nearest_words
from wordgate.text.tokenizers import get_tokenizer

TEXTS = [
    "We love this lamp, it is good!",
    "The kettle broke after 2 days :(",
    "Never again. What a waste of money",
]


def augmenter(**neighbours):
    return Augmenter(get_tokenizer("messages"), neighbours)


def varied(texts, n=200, seed=0, **neighbours):
    return list(augmenter(**neighbours).variations(texts, n, np.random.default_rng(seed)))


@pytest.fixture
def only(monkeypatch):
    """Let only one operation run, by making the others give the text itself."""

    def choose(name):
        for other in ("_crop", "_delete", "_join"):
            if other != f"_{name}":
                monkeypatch.setattr(
                    augmentation, other, lambda own, *_: own.text(range(len(own.tokens)), {})
                )

    return choose


def test_variations_differ_from_their_text_and_have_its_index():
    found = varied(TEXTS)
    assert {source for source, _ in found} == {0, 1, 2}
    assert all(text and text != TEXTS[source] for source, text in found)
    assert len({text for _, text in found}) > 100


def test_each_text_is_varied_as_often_as_the_others():
    counts = np.bincount([source for source, _ in varied(TEXTS, n=300)])
    assert counts.min() >= 90
    assert counts.max() <= 100


def test_a_crop_is_one_run_of_the_text(only):
    only("crop")
    found = varied(TEXTS)
    assert found
    assert all(text in TEXTS[source] for source, text in found)
    shares = [len(text.split()) / len(TEXTS[source].split()) for source, text in found]
    assert min(shares) < 0.5 < max(shares)


def test_deletion_keeps_the_order_of_what_is_left(only):
    only("delete")
    cut = get_tokenizer("messages")
    found = varied(TEXTS)
    assert found
    for source, text in found:
        left = iter(cut(TEXTS[source]))
        assert all(token in left for token in cut(text)), text


def test_a_join_begins_as_one_text_and_ends_as_another(only):
    only("join")
    found = varied(TEXTS)
    assert found
    for source, text in found:
        assert text.split()[0] == TEXTS[source].split()[0]
        assert any(text.endswith(other[-3:]) for other in TEXTS)
    assert any(not text.endswith(TEXTS[source][-3:]) for source, text in found)


def test_words_are_replaced_by_their_neighbours_alone(only):
    only("none")
    found = varied(["a good lamp", "the good"], good=["fine", "great"])
    assert {text for _, text in found} == {
        "a fine lamp", "a great lamp", "the fine", "the great",
    }  # fmt: skip


def test_texts_without_spaces_are_varied_without_spaces():
    found = varied(["我爱这个灯它很好", "今天天气不错"], 我=["你"])
    assert len({text for _, text in found}) > 20
    assert not any(" " in text for _, text in found)


def test_too_short_texts_have_no_variations():
    assert varied(["", "   ", "lamp", "👍"]) == []
    assert {source for source, _ in varied(["lamp", "two lamps"])} == {1}
    assert varied([]) == []


def test_of_more_texts_than_variations_some_are_varied():
    found = varied([f"lamp number {i} is good" for i in range(1000)], n=50)
    assert 40 <= len({source for source, _ in found}) <= 50


def test_chance_decides_by_its_generator_alone():
    assert varied(TEXTS, seed=1) == varied(TEXTS, seed=1)
    assert varied(TEXTS, seed=1) != varied(TEXTS, seed=2)


@given(st.lists(st.text(), max_size=5), st.sampled_from(["messages", "keras"]))
def test_any_strings_can_be_varied(texts, tokenizer):
    texts = [text.encode(errors="replace").decode() for text in texts]
    found = Augmenter(get_tokenizer(tokenizer), {"0": ["1"]}).variations(
        texts, 20, np.random.default_rng(0)
    )
    assert all(text.strip() for _, text in found)


def test_nearest_words_are_those_of_the_highest_cosine(monkeypatch):
    words = ["good", "great", "bad", "none"]
    vectors = np.array([[1, 0.1], [5, 0], [-1, 0.2], [0, 0]], np.float32)
    found = nearest_words(words, vectors, 2)
    assert found["good"][0] == "great"
    assert found["great"][0] == "good"
    assert "bad" not in found["good"] or found["good"].index("bad") == 1
    assert all(word not in found[word] for word in words)
    assert nearest_words(["alone"], vectors[:1], 2) == {}
    rng = np.random.default_rng(0)
    many = rng.normal(size=(50, 4)).astype(np.float32)
    names = [f"w{i}" for i in range(50)]
    units = many / np.linalg.norm(many, axis=1, keepdims=True)
    cosines = units @ units.T - 2 * np.eye(50)
    expected = {names[i]: [names[j] for j in np.argsort(-cosines[i])[:5]] for i in range(50)}
    assert nearest_words(names, many, 5) == expected
    monkeypatch.setattr(augmentation, "_COSINES_AT_ONCE", 100)  # two words at a time
    assert nearest_words(names, many, 5) == expected
