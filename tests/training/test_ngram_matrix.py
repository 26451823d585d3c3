"""Learning blocks and laying them side by side: scikit-learn's own matrices, on any texts."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.sparse import hstack
from sklearn.feature_extraction.text import CountVectorizer, TfidfVectorizer

from wordgate.text import ngrams
from wordgate.text.ngrams import NgramVectorizer
from wordgate.training.count import count_matrix

TEXT = st.one_of(
    st.text(max_size=20), st.text(alphabet="abAB İß_1.'\n\u3000😀", min_size=1, max_size=20)
)
TEXTS = st.lists(TEXT, min_size=1, max_size=12)
ANALYZERS = {
    "words": {"token_pattern": r"\w+", "ngram_range": (1, 3)},
    "characters": {"analyzer": "char_wb", "ngram_range": (2, 5)},
}


def vectorizer(kind, weights="tfidf", min_texts=1):
    options = {**ANALYZERS[kind], "min_df": min_texts, "dtype": np.float64}
    if weights == "counts":
        return CountVectorizer(**options)
    return TfidfVectorizer(**options, sublinear_tf=True)


@pytest.mark.parametrize("weights", ["counts", "tfidf"])
@pytest.mark.parametrize("kind", ANALYZERS)
@given(train=TEXTS, new=TEXTS, min_texts=st.integers(1, 3))
def test_it_is_scikit_learns_matrix(kind, weights, train, new, min_texts):
    theirs = vectorizer(kind, weights, min_texts)
    ours = NgramVectorizer.fit(train, kind, ANALYZERS[kind]["ngram_range"], min_texts, weights)
    try:
        theirs.fit(train)
    except ValueError:  # it refuses an empty vocabulary
        assert ours.vocabulary == []
        return
    assert ours.vocabulary == theirs.get_feature_names_out().tolist()
    for texts in (train, new):
        found, expected = count_matrix([ours], texts, np.float64), theirs.transform(texts)
        assert found.shape == expected.shape
        assert found.toarray() == pytest.approx(expected.toarray(), abs=1e-12)


def test_blocks_stand_side_by_side(examples, monkeypatch):
    monkeypatch.setattr(ngrams, "_TEXTS_AT_ONCE", 7)
    train, new = list(examples(50).texts), list(examples(30, seed=1).texts)
    vectorizers = [
        NgramVectorizer.fit(train, kind, options["ngram_range"], 2, "tfidf")
        for kind, options in ANALYZERS.items()
    ]
    theirs = [vectorizer(kind, min_texts=2).fit(train) for kind in ANALYZERS]
    found = count_matrix(vectorizers, new)
    assert found.dtype == np.float32
    assert found.toarray() == pytest.approx(
        hstack([one.transform(new) for one in theirs]).toarray(), abs=1e-6
    )


def test_a_run_must_stand_in_enough_texts_not_often_enough():
    texts = ["so so so", "no", "no"]
    assert NgramVectorizer.fit(texts, "words", (1, 2), 2, "tfidf").vocabulary == ["no"]
    assert NgramVectorizer.fit(texts, "characters", (2, 2), 2, "tfidf").vocabulary == [
        " n",
        "no",
        "o ",
    ]


@pytest.mark.parametrize("kind", ANALYZERS)
def test_the_order_of_the_texts_changes_no_block(examples, kind):
    texts = list(examples(50).texts)
    one, other = (
        NgramVectorizer.fit(order, kind, (1, 3), 2, "tfidf") for order in (texts, texts[::-1])
    )
    assert one.vocabulary == other.vocabulary
    assert np.array_equal(one.frequencies, other.frequencies)


def test_no_texts_and_no_runs_give_an_empty_matrix():
    vectorizers = [NgramVectorizer.fit(["a"], kind, (1, 2), 2, "tfidf") for kind in ANALYZERS]
    assert count_matrix(vectorizers, ["a", ""]).shape == (2, 0)
    vectorizers = [
        NgramVectorizer.fit(["a b", "a c"], kind, (1, 2), 2, "tfidf") for kind in ANALYZERS
    ]
    assert count_matrix(vectorizers, []).shape == (0, sum(map(len, vectorizers)))
