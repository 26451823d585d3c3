"""Fitting n-gram counts: the same as scikit-learn's pipeline, and sound with little data."""

import json
import time
from functools import partial

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.sparse import hstack
from sklearn.feature_extraction.text import CountVectorizer, TfidfVectorizer
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import GroupShuffleSplit

from wordgate.data.dataset import Dataset
from wordgate.data.demo import demo_corpus
from wordgate.models.base import model_from_state
from wordgate.storage import arrays
from wordgate.text import ngram_counts, ngrams
from wordgate.text.ngram_vectorizer import NgramVectorizer
from wordgate.training import count, logistic
from wordgate.training.count import count_matrix

ANALYZERS = {
    "words": {"token_pattern": r"\w+", "ngram_range": (1, 3)},
    "characters": {"analyzer": "char_wb", "ngram_range": (2, 5)},
}


def vectorizer(kind, weights="tfidf", min_texts=1):
    options = {**ANALYZERS[kind], "min_df": min_texts, "dtype": np.float64}
    if weights == "counts":
        return CountVectorizer(**options)
    return TfidfVectorizer(**options, sublinear_tf=True)


@pytest.fixture
def fit_tuned(fit_any, examples):
    def run(train=None, valid=None, **options):
        train = examples(80) if train is None else train
        return fit_any("count", train, examples(60, seed=1) if valid is None else valid, **options)

    return run


def test_words_and_characters_are_scikit_learns_pipeline(fit_tuned, examples, monkeypatch):
    monkeypatch.setattr(logistic, "fit_path", partial(logistic.fit_path, most_steps=500))
    train, new = examples(80), [*examples(40, seed=2).texts, "unheard of", ""]
    ours = fit_tuned(train, count_c=5.0).model
    vectorizers = [vectorizer(kind, min_texts=2) for kind in ANALYZERS]
    features = hstack([one.fit_transform(train.texts) for one in vectorizers]).tocsr()
    # One column stands for two classes there, so its penalty is twice that of two columns.
    theirs = LogisticRegression(C=2 * 5.0, max_iter=1000, tol=1e-8).fit(features, train.targets)
    expected = theirs.predict_proba(hstack([one.transform(new) for one in vectorizers]).tocsr())
    assert np.exp(ours.log_proba(new)) == pytest.approx(expected, abs=5e-3)


@pytest.mark.parametrize("weights", ["counts", "tfidf"])
def test_temporary_files_change_nothing(fit_tuned, monkeypatch, weights):
    options = {"count.weights": weights}
    in_memory = fit_tuned(**options).model
    monkeypatch.setattr(arrays, "IN_MEMORY", 1)
    monkeypatch.setattr(ngram_counts, "_KEYS_AT_ONCE", 5)
    monkeypatch.setattr(ngrams, "TEXTS_AT_ONCE", 7)
    monkeypatch.setattr(logistic, "_SQUARED_AT_ONCE", 11)
    on_disk = fit_tuned(**options).model
    for one, other in zip(in_memory.vectorizers, on_disk.vectorizers, strict=True):
        assert one.vocabulary == other.vocabulary
        np.testing.assert_array_equal(one.frequencies, other.frequencies)
    np.testing.assert_array_equal(in_memory.coefficients, on_disk.coefficients)
    np.testing.assert_array_equal(in_memory.intercepts, on_disk.intercepts)


@pytest.mark.parametrize(
    ("changes", "vectorizers"),
    [
        ({}, [("words", (1, 3), True), ("characters", (2, 5), True)]),
        ({"count.words": 0}, [("characters", (2, 5), True)]),
        ({"count.characters": 0, "count.words": 1}, [("words", (1, 1), True)]),
        (
            {"count.weights": "counts", "count.characters": 3},
            [("words", (1, 3), False), ("characters", (2, 3), False)],
        ),
    ],
)
def test_the_settings_say_what_is_counted(fit_tuned, examples, changes, vectorizers):
    model, train = fit_tuned(**changes).model, examples(80)
    assert [
        (vectorizer.analyzer, vectorizer.ngram_range, vectorizer.frequencies is not None)
        for vectorizer in model.vectorizers
    ] == vectorizers
    log_proba = model.log_proba(train.texts)
    assert (log_proba.argmax(axis=1) == train.targets).mean() > 0.9


def test_a_run_is_counted_if_it_stands_in_enough_texts(fit_tuned):
    train = Dataset(["so so", "no", "no so"], np.array([0, 1, 0]), None)
    model = fit_tuned(train, train, count_characters=0).model
    assert model.vectorizers[0].vocabulary == ["no", "so"]
    assert model.vectorizers[0].frequencies.tolist() == [2, 2]
    assert fit_tuned(train, train, count_min_texts=1).model.vectorizers[0].vocabulary == [
        "no", "no so", "so", "so so",
    ]  # fmt: skip


def test_validation_chooses_the_penalty(fit_tuned, examples):
    valid = examples(60, seed=1)

    def worth(model):
        log_proba = model.log_proba(valid.texts)
        right = log_proba.argmax(axis=1) == valid.targets
        return right.mean(), log_proba[np.arange(60), valid.targets].mean()

    worths = {c: worth(fit_tuned(valid=valid, count_c=c).model) for c in (0.001, 1.0)}
    chosen = fit_tuned(valid=valid, count_c="1+0.001")
    best = max(worths, key=worths.get)
    # A fit begins where that of the stronger penalty ended, so it is not quite the one alone.
    assert worth(chosen.model) == pytest.approx(worths[best], abs=0.05)
    assert chosen.remarks == [
        f"C = {best:g} was selected from 0.001, 1 by validation accuracy"
        f" ({worth(chosen.model)[0]:.3f})."
    ]


def test_no_chance_has_a_part_in_it(fit_tuned):
    one, other = (fit_tuned(seed=seed).model.state()[1] for seed in (0, 1))
    assert all(np.array_equal(one[name], other[name]) for name in one)


def test_a_tuned_model_is_the_same_from_its_state(fit_tuned, examples):
    model, texts = fit_tuned().model, [*examples(40, seed=2).texts, "", "unheard of"]
    description, arrays = model.state()
    again = model_from_state("count", json.loads(json.dumps(description)), arrays)
    assert np.array_equal(again.log_proba(texts), model.log_proba(texts))


def test_a_class_absent_from_train_has_the_probability_0(fit_tuned, examples):
    train = examples(80)
    spread_out = Dataset(train.texts, 2 * train.targets, None)
    log_proba = fit_tuned(spread_out, spread_out, classes=4).model.log_proba(["w0 w1", "w9", ""])
    assert np.isfinite(log_proba).all()
    assert np.exp(log_proba)[:, [1, 3]].max() == 0.0


def test_texts_of_no_common_run_give_about_the_frequencies(fit_tuned):
    train = Dataset(["alpha", "beta", "?", "!"], np.array([0, 1, 1, 1]), None)
    model = fit_tuned(train, train, count_characters=0).model
    assert [len(vectorizer) for vectorizer in model.vectorizers] == [0]
    assert np.exp(model.log_proba(["alpha"])) == pytest.approx(np.array([[0.25, 0.75]]), abs=1e-3)


def test_time_that_is_up_leaves_characters_and_weaker_penalties_out(fit_tuned):
    fitted = fit_tuned(deadline=time.monotonic())
    assert fitted.remarks[1:] == [
        "The time limit ended the search after 1 of 6 values of C.",
        "The time limit left no time for n-grams of characters.",
    ]
    assert [vectorizer.analyzer for vectorizer in fitted.model.vectorizers] == ["words"]
    assert np.isfinite(fitted.model.log_proba(["w0", ""])).all()


def test_time_that_is_up_between_finding_and_counting_leaves_characters_out(fit_tuned, monkeypatch):
    deadline, find = time.monotonic() + 3600.0, NgramVectorizer.fit.__func__

    def find_slowly(cls, texts, analyzer, *options):
        found = find(cls, texts, analyzer, *options)
        if analyzer == "characters":
            monkeypatch.setattr(logistic.time, "monotonic", lambda: deadline)
        return found

    monkeypatch.setattr(NgramVectorizer, "fit", classmethod(find_slowly))
    fitted = fit_tuned(deadline=deadline)
    assert fitted.remarks[-1] == "The time limit left no time for n-grams of characters."
    assert [vectorizer.analyzer for vectorizer in fitted.model.vectorizers] == ["words"]


@pytest.mark.parametrize(("late", "n_cut", "n_counted"), [("cutting", 10, 0), ("counting", 80, 1)])
def test_n_grams_of_characters_end_within_a_kind_when_half_of_the_time_is_over(
    fit_tuned, monkeypatch, late, n_cut, n_counted
):
    """Cutting texts and counting n-grams look at the clock before each chunk of texts."""
    monkeypatch.setattr(ngrams, "TEXTS_AT_ONCE", 10)
    now, cut, counted = time.monotonic(), [], []
    spaced_words, count_chunk = ngrams.spaced_words, ngram_counts.count_occurrences

    def time_is_up():
        monkeypatch.setattr(count.time, "monotonic", lambda: now + 51.0)

    def cut_text(text):
        cut.append(text)
        if late == "cutting":
            time_is_up()
        return spaced_words(text)

    def count_ngrams(ids, lengths, n_ngrams):
        counted.append(n_ngrams)
        if n_ngrams != counted[0]:  # those of words come first
            time_is_up()
        return count_chunk(ids, lengths, n_ngrams)

    monkeypatch.setattr(ngram_counts, "spaced_words", cut_text)
    monkeypatch.setattr(ngram_counts, "count_occurrences", count_ngrams)
    fitted = fit_tuned(deadline=now + 100.0)
    assert (len(cut), sum(n != counted[0] for n in counted)) == (n_cut, n_counted)
    assert [vectorizer.analyzer for vectorizer in fitted.model.vectorizers] == ["words"]
    assert fitted.remarks[-1] == "The time limit left no time for n-grams of characters."


def test_only_as_many_texts_are_read_as_there_is_time_for(fit_tuned, examples, monkeypatch):
    """Half of the time is for n-grams; texts from the beginning to the end are read."""
    read, find = [], NgramVectorizer.fit.__func__

    def noting(cls, texts, *options):
        read.append(list(texts))
        return find(cls, texts, *options)

    monkeypatch.setattr(count._Pace, "of", lambda *_: count._Pace(10.0, 2.0, 5))
    monkeypatch.setattr(NgramVectorizer, "fit", classmethod(noting))
    train = examples(80)
    fitted = fit_tuned(train, deadline=time.monotonic() + 401.0)
    assert read[0] == list(train.texts[::4])
    assert fitted.remarks[-1] == (
        "The time limit left no time for the n-grams of all texts: the model was fitted on 20 of"
        " 80."
    )
    read.clear()
    fit_tuned(train, deadline=time.monotonic())
    assert read[0] == list(train.texts[::16])
    read.clear()
    assert len(fit_tuned(train, deadline=time.monotonic() + 1700.0).remarks) == 1
    assert read[0] == list(train.texts)


def test_the_speed_is_measured_on_texts_spread_over_all(monkeypatch):
    """Each second of a clock that goes on with every look at it is one of the work."""
    seconds = iter(range(100))
    monkeypatch.setattr(count.time, "monotonic", lambda: float(next(seconds)))
    read = []

    def find(texts, kind):
        read.append((kind, list(texts)))
        return NgramVectorizer.fit(texts, kind, (1, 2), 1, "tfidf")

    texts = [f"text number {number:03}" for number in range(300)]  # 15 characters each
    monkeypatch.setattr(count, "_PROBED_CHARACTERS", 450)
    pace = count._Pace.of(texts, ["words", "characters"], find)
    assert read == [("words", texts[::10]), ("characters", texts[::10])]
    assert pace == count._Pace(1.0 / 30, 2.0 / 30, 30)
    monkeypatch.setattr(count, "_PROBED_CHARACTERS", 451)
    assert count._Pace.of(texts, ["words"], find) == count._Pace(0.0, 0.0, 0)


def test_long_texts_are_cut_into_chunks_of_few(monkeypatch):
    monkeypatch.setattr(ngrams, "_CHARACTERS_AT_ONCE", 10)
    texts = ["four", "four", "four", "a text of many", "four", ""]
    chunks = list(ngrams.text_chunks(texts))
    assert chunks == [["four", "four"], ["four"], ["a text of many"], ["four", ""]]
    assert list(ngrams.text_chunks([])) == []


def test_the_only_n_grams_and_the_only_penalty_are_fitted_even_when_time_is_up(fit_tuned):
    fitted = fit_tuned(deadline=time.monotonic(), count_words=0, count_c=5.0)
    assert fitted.remarks[1:] == ["The time limit stopped the fit with C = 5 early."]
    assert [vectorizer.analyzer for vectorizer in fitted.model.vectorizers] == ["characters"]


def test_the_device_is_reported(fit_tuned):
    engine = fit_tuned().engine
    assert (engine["device"], engine["threads"]) == ("cpu", "1")
    assert "scipy" in engine


def test_it_cannot_read_the_order_of_words(fit_tuned):
    texts, labels, groups = demo_corpus(n_groups=200)
    targets = np.array([label == "pleased" for label in labels], dtype=np.int64)
    split = GroupShuffleSplit(2, test_size=0.2, random_state=0).split(texts, None, groups)
    (train, test), (_, valid) = split
    part = lambda rows: Dataset([texts[i] for i in rows], targets[rows])  # noqa: E731
    model = fit_tuned(part(np.setdiff1d(train, valid)), part(np.intersect1d(train, valid))).model
    predicted = model.log_proba([texts[i] for i in test]).argmax(axis=1)
    assert (predicted == targets[test]).mean() <= 0.6


TEXT = st.one_of(
    st.text(max_size=20), st.text(alphabet="abAB İß_1.'\n\u3000😀", min_size=1, max_size=20)
)
ODD_TEXTS = st.lists(TEXT, min_size=1, max_size=12)


@pytest.mark.parametrize("weights", ["counts", "tfidf"])
@pytest.mark.parametrize("kind", ANALYZERS)
@given(train=ODD_TEXTS, new=ODD_TEXTS, min_texts=st.integers(1, 3))
def test_it_is_scikit_learns_matrix(kind, weights, train, new, min_texts):
    theirs = vectorizer(kind, weights, min_texts)
    ngram_range = ANALYZERS[kind]["ngram_range"]
    ours, counts = NgramVectorizer.fit(train, kind, ngram_range, min_texts, weights)
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
    of_counts, of_texts = count._matrix_of_counts([(ours, counts)]), count_matrix([ours], train)
    assert (of_counts != of_texts).nnz == 0


def test_blocks_stand_side_by_side(examples, monkeypatch):
    monkeypatch.setattr(ngrams, "TEXTS_AT_ONCE", 7)
    train, new = list(examples(50).texts), list(examples(30, seed=1).texts)
    vectorizers = [
        NgramVectorizer.fit(train, kind, options["ngram_range"], 2, "tfidf")[0]
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
    words, _ = NgramVectorizer.fit(texts, "words", (1, 2), 2, "tfidf")
    assert words.vocabulary == ["no"]
    characters, _ = NgramVectorizer.fit(texts, "characters", (2, 2), 2, "tfidf")
    assert characters.vocabulary == [" n", "no", "o "]


@pytest.mark.parametrize("kind", ANALYZERS)
def test_the_order_of_the_texts_changes_no_block(examples, kind):
    texts = list(examples(50).texts)
    one, other = (
        NgramVectorizer.fit(order, kind, (1, 3), 2, "tfidf")[0] for order in (texts, texts[::-1])
    )
    assert one.vocabulary == other.vocabulary
    assert np.array_equal(one.frequencies, other.frequencies)


def test_no_texts_and_no_runs_give_an_empty_matrix():
    vectorizers = [NgramVectorizer.fit(["a"], kind, (1, 2), 2, "tfidf")[0] for kind in ANALYZERS]
    assert count_matrix(vectorizers, ["a", ""]).shape == (2, 0)
    vectorizers = [
        NgramVectorizer.fit(["a b", "a c"], kind, (1, 2), 2, "tfidf")[0] for kind in ANALYZERS
    ]
    assert count_matrix(vectorizers, []).shape == (0, sum(map(len, vectorizers)))
