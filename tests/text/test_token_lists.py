"""Tests of the tokens of many texts as numbers, and of vocabularies and ids made of them."""

import tracemalloc
from collections import Counter
from itertools import chain

import numpy as np
import pytest

from wordgate.storage import arrays
from wordgate.text import encoder as encoders
from wordgate.text import token_lists
from wordgate.text.encoder import TextEncoder
from wordgate.text.token_lists import TokenLists


@pytest.fixture(params=[(1, 1), (3, 5), (8192, 1 << 20)], ids=str)
def at_once(request, monkeypatch):
    texts, tokens = request.param
    for module in (token_lists, encoders):
        monkeypatch.setattr(module, "TEXTS_AT_ONCE", texts)
    monkeypatch.setattr(token_lists, "_TOKENS_AT_ONCE", tokens)
    monkeypatch.setattr(arrays, "IN_MEMORY", texts)
    return request.param


@pytest.fixture
def lists():
    rng = np.random.default_rng(0)
    words = [f"w{number}" for number in rng.zipf(1.5, 400) % 50]
    ends = np.sort(rng.integers(0, 400, 90))
    return [words[start:end] for start, end in zip([0, *ends], [*ends, 400], strict=True)]


def test_tokens_are_numbered_as_they_come(at_once, lists):
    tokens = TokenLists.of(iter(lists))
    assert tokens.words == list(dict.fromkeys(chain.from_iterable(lists)))
    assert [tokens.words[n] for n in tokens.numbers] == [*chain.from_iterable(lists)]
    assert tokens.lengths.tolist() == list(map(len, lists))
    counted = Counter(chain.from_iterable(lists))
    assert tokens.counts().tolist() == [counted[word] for word in tokens.words]


@pytest.mark.parametrize("n_groups", [None, 1, 7, 60])
def test_groups_are_counted(at_once, lists, n_groups):
    groups, named = None, list(range(len(lists)))
    if n_groups is not None:
        named = [f"g{n}" for n in np.random.default_rng(1).integers(0, n_groups, len(lists))]
        groups = named
    expected = Counter(
        word for word, _ in {(w, g) for g, one in zip(named, lists, strict=True) for w in one}
    )
    tokens = TokenLists.of(lists)
    assert tokens.group_counts(groups).tolist() == [expected[word] for word in tokens.words]


def test_no_texts_have_no_tokens():
    for nothing in ([], [[]]):
        tokens = TokenLists.of(nothing)
        assert (tokens.words, len(tokens.numbers)) == ([], 0)
        assert tokens.counts().tolist() == tokens.group_counts(None).tolist() == []


@pytest.mark.parametrize("unknown", [False, True])
def test_encoded_while_fitting_or_afterwards_is_the_same(at_once, lists, unknown):
    texts = [" ".join(one) for one in lists]
    encoder, encoded = TextEncoder.fit(texts, max_tokens=6, min_count=3, unknown=unknown)
    again = encoder.encode(texts)
    index = encoder.vocabulary.index
    for row, one in enumerate(lists):
        ids = [index.get(word, encoder.vocabulary.unknown) for word in one]
        ids = [number for number in ids if number is not None]
        for found in (encoded, again):
            assert found.select([row]).ids.tolist() == ids[:6]
    assert encoded.n_truncated == again.n_truncated > 0


def test_tokens_of_many_texts_take_little_memory(monkeypatch):
    """Lists of strings took more than 1,200 bytes a text of twenty words."""
    monkeypatch.setattr(arrays, "IN_MEMORY", 1 << 16)
    monkeypatch.setattr(token_lists, "TEXTS_AT_ONCE", 256)
    n_texts = 20_000
    texts = (
        " ".join(f"word{(row * 7 + i * 13) % 997}" for i in range(20)) for row in range(n_texts)
    )
    tracemalloc.start()
    try:
        tokens = TokenLists.of(text.split() for text in texts)
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert len(tokens.numbers) == 20 * n_texts
    assert peak < 50 * n_texts
