"""`logreg` and `mlp` trained from a file, saved, compared, and as an estimator."""

import json

import numpy as np
import pytest

import wordgate
from wordgate.bundle.folder import BundleFolder
from wordgate.errors import SettingsError
from wordgate.runtime.progress import Silent

both = pytest.mark.parametrize("family", ["logreg", "mlp"])


@both
def test_the_model_records_its_training(family, model_of, review_vectors):
    kept = model_of(family)
    config = BundleFolder.open(kept.folder).config()
    assert (config.family, config.vectors) == (family, review_vectors.name)
    assert config.environment["threads"] == "1"
    metrics = json.loads((kept.folder / "metrics.json").read_text(encoding="utf-8"))
    assert metrics["vectors"]["size"] == 5
    assert metrics["epochs"] == len(metrics["history"]) == (3 if family == "mlp" else 0)
    reported = [line for line in metrics["remarks"] if " selected " in line]
    assert len(reported) == (2 if family == "logreg" else 1)
    card = (kept.folder / "README.md").read_text(encoding="utf-8")
    assert reported[0] in card


@both
def test_the_folder_holds_no_more_than_the_layers_and_the_words(family, training_of):
    trained = training_of(family)
    state = trained.training.bundle.model.state()
    assert set(state[0]) == {"encoder"}
    loaded = BundleFolder.open(trained.folder)
    again = loaded.model(loaded.config()).state()
    assert again[0] == state[0]
    assert all(np.array_equal(again[1][name], array) for name, array in state[1].items())


@pytest.mark.parametrize("family", ["count", "logreg", "mlp"])
def test_the_kept_model_is_worth_what_its_metrics_say(
    make_file, make_rows, review_vectors, tiny_mlp, tmp_path, family
):
    rows = make_rows()
    train, test = make_file(rows[:240], "train.csv"), make_file(rows[240:], "test.csv")
    training = wordgate.train(
        train, test=test, out=tmp_path / "m", model=family, progress=Silent(),
        vectors=None if family == "count" else review_vectors,
        settings=tiny_mlp if family == "mlp" else None,
    )  # fmt: skip
    scores = wordgate.evaluate(tmp_path / "m", test).scores
    assert scores.confusion == training.metrics.confusion
    assert scores.log_loss == training.metrics.log_loss


def test_the_seed_moves_mlp_and_not_logreg(make_file, make_rows, review_vectors, tiny_mlp):
    """Where the parts are given, so that the seed has no part in who is in which."""
    rows = make_rows()
    train, valid, test = (
        make_file(part, f"{name}.csv")
        for name, part in {"a": rows[:200], "b": rows[200:250], "c": rows[250:]}.items()
    )

    def log_losses(family, settings=None):
        return [
            wordgate.train(
                train, valid=valid, test=test, model=family, vectors=review_vectors, seed=seed,
                settings=settings, progress=Silent(),
            ).metrics.log_loss
            for seed in (0, 1)
        ]  # fmt: skip

    one, other = log_losses("logreg")
    assert one == other
    one, other = log_losses("mlp", tiny_mlp)
    assert one != other


def test_the_estimator_takes_word_vectors(make_rows, review_vectors, tmp_path):
    groups, labels, texts = zip(*make_rows(), strict=True)
    classifier = wordgate.WordgateClassifier(model="logreg", vectors=review_vectors)
    classifier.fit(texts, labels, groups)
    assert classifier.score(texts, labels) > 0.9
    assert [missed.word for missed in classifier.coverage_.missed] == ["the", "or"]
    classifier.save(tmp_path / "m")
    loaded = wordgate.load(tmp_path / "m")
    assert np.array_equal(loaded.predict_proba(texts), classifier.predict_proba(texts))


def test_the_estimator_needs_word_vectors(make_rows):
    _, labels, texts = zip(*make_rows(), strict=True)
    with pytest.raises(SettingsError, match=r"^mlp models need word vectors"):
        wordgate.WordgateClassifier(model="mlp").fit(texts, labels)
    with pytest.raises(SettingsError, match=r"^lstm\.hidden_size has no effect on count models"):
        wordgate.WordgateClassifier(model="count", hidden_size=3).fit(texts, labels)


def test_a_comparison_gives_word_vectors_to_those_that_read_them(reviews, review_vectors):
    comparison = wordgate.compare(
        reviews, models=["count", "logreg"], vectors=review_vectors, split="grouped",
        progress=Silent(),
    )  # fmt: skip
    assert [one.family for one in comparison.results] == ["count", "logreg"]
    assert comparison.vectors == review_vectors.name
    assert any(" selected " in line for line in comparison.results[1].remarks)
