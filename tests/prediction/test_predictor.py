import subprocess
import sys
import threading
from dataclasses import replace

import numpy as np
import pytest
from tests.conftest import RecordingProgress

import wordgate
from wordgate import families
from wordgate.errors import DataError, SettingsError
from wordgate.prediction.predictor import load_with_progress

FAMILIES = ("count", "logreg", "mlp", "lstm")


@pytest.fixture(scope="module", params=FAMILIES)
def kept(request):
    return request.getfixturevalue(f"{request.param}_model")


@pytest.fixture(scope="module")
def model(kept):
    return wordgate.load(kept.folder)


def test_probabilities_follow_the_labels_and_sum_to_one(model):
    proba = model.predict_proba(["We love this lamp", "We hate it"])
    assert model.labels == ("bad", "good")
    assert proba.shape == (2, 2)
    assert proba.dtype == np.float64
    assert proba.sum(axis=1) == pytest.approx([1.0, 1.0])


def test_the_label_is_the_most_probable_one(model):
    texts = ["We love this lamp", "We hate it", "!"]
    best = model.predict_proba(texts).argmax(axis=1)
    assert model.predict(texts) == [model.labels[i] for i in best]


@pytest.mark.parametrize("threads", [2, 7])
def test_the_number_of_threads_moves_no_bit(kept, threads):
    texts = [f"We love this lamp number {n} {'very ' * (n % 40)}much" for n in range(1500)]
    one, more = (wordgate.load(kept.folder, threads=n) for n in (1, threads))
    assert np.array_equal(more.predict_proba(texts), one.predict_proba(texts))
    assert one.n_threads == 1
    assert more.n_threads == (threads if more.config.family == "lstm" else 1)


def test_one_thread_starts_no_other(kept, monkeypatch):
    started = []
    monkeypatch.setattr(threading.Thread, "start", started.append)
    predictor = wordgate.load(kept.folder, threads=1)
    predictor.predict_proba([f"We love this lamp number {n}" for n in range(1500)])
    predictor.explain("We love " * 600)
    assert started == []


def test_a_number_of_threads_that_is_none_is_refused(kept, monkeypatch):
    with pytest.raises(SettingsError, match=r"^threads is 0; it must be a whole number from 1 to "):
        wordgate.load(kept.folder, threads=0)
    monkeypatch.setenv("WORDGATE_THREADS", "0")
    with pytest.raises(SettingsError, match=r"^the environment variable WORDGATE_THREADS is '0'; "):
        wordgate.load(kept.folder)


def test_any_column_of_texts_will_do(model):
    import pandas
    import polars

    texts = ["We love this lamp", "We hate it"]
    expected = model.predict_proba(texts)
    columns = [tuple(texts), np.array(texts), np.array(texts, object), pandas.Series(texts)]
    for column in [*columns, polars.Series(texts), iter(texts)]:
        assert (model.predict_proba(column) == expected).all()


def test_no_texts_give_no_answers(model):
    assert model.predict([]) == []
    assert model.predict_proba([]).shape == (0, 2)


INVISIBLE = ["\u200b", "\ufeff", "\0", " \u200b\u2060\xad ", "\u3164", "\u2800", "\ufe0f\u200d"]


def test_odd_texts_are_answered(model):
    texts = [
        "\u200bx",
        "!",
        "\0.",
        "\ud83d",
        "😀",
        "👩\u200d👧",
        "😀" * 500,
        "\ufffd",
        "مرحبا",
        "word " * 5000,
        "x" * 100_000,
    ]
    assert np.isfinite(model.log_proba(texts)).all()


@pytest.mark.parametrize("text", ["", " \n\t", "\u2028", "\x1c\u3000", *INVISIBLE])
def test_an_empty_text_is_refused_by_its_place(model, text):
    held = "whitespace" if text.isspace() else "invisible characters"
    what = f"contains only {held}" if text else "is empty"
    message = f"text 2 of 2 {what}, so it cannot have a label: leave it out"
    for ask in (model.predict, model.predict_proba, model.log_proba):
        with pytest.raises(DataError) as caught:
            ask(["We love it", text])
        assert str(caught.value) == message
    with pytest.raises(DataError, match=r"^text 1 of 1 (is empty|contains only)"):
        model.explain(text)


def test_a_loaded_model_has_its_scores(count_training):
    model = wordgate.load(count_training.folder)
    assert model.metrics == count_training.training.metrics
    assert model.config.recipe == "default"
    assert model.changed_files == ()


@pytest.mark.parametrize("family", FAMILIES)
def test_a_loaded_model_predicts_as_it_did_in_training(family, training_of):
    trained = training_of(family)
    model = wordgate.load(trained.folder)
    texts = ["We love this lamp", "We hate it", "!", "unheard of", "the or the"]
    expected = trained.training.predictor.predict_proba(texts)
    assert np.array_equal(model.predict_proba(texts), expected)
    assert model.config.family == trained.training.bundle.model.family == family


@pytest.mark.parametrize("family", FAMILIES)
def test_the_same_training_gives_the_same_model(family, model_of, training_of):
    one, other = model_of(family).folder, training_of(family).folder
    for name in ("model.json", "weights.safetensors"):
        assert (one / name).read_bytes() == (other / name).read_bytes()


def test_prediction_needs_no_training_packages(kept):
    """It is there at once, and where torch is not installed."""
    code = (
        "import sys, wordgate\n"
        f"print(wordgate.load({str(kept.folder)!r}).predict(['We love it']))\n"
        "print([name for name in ('torch', 'sklearn', 'scipy', 'pandas') if name in sys.modules])"
    )
    ended = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    answer, loaded = ended.stdout.splitlines()
    assert answer in ("['good']", "['bad']")
    assert loaded == "[]"


def test_loading_is_announced_if_it_takes_seconds(count_model, monkeypatch):
    pytest.importorskip("transformers", reason="needs the extra 'transformer'")
    quick, slow = RecordingProgress(), RecordingProgress()
    predicted = load_with_progress(count_model.folder, lambda: quick).predict("a text")
    assert quick.lines == []
    entry = replace(families.FAMILIES["count"], extra="transformer")
    monkeypatch.setitem(families.FAMILIES, "count", entry)
    assert load_with_progress(count_model.folder, lambda: slow).predict("a text") == predicted
    assert slow.lines == [f"Loading {count_model.folder} ..."]
