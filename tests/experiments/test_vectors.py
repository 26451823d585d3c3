"""Training from pretrained word vectors: options, reports, saved models, refusals."""

import json

import numpy as np
import pytest

import wordgate
from wordgate.bundle.folder import BundleFolder
from wordgate.errors import BundleError, DataError, SettingsError
from wordgate.runtime.progress import Silent
from wordgate.vectors.vector_file import VectorBatch
from wordgate.vectors.writing import write_vectors

SIZE = 4
WITH_VECTORS = {
    "lstm.epochs": 2,
    "lstm.min_updates": 1,
    "lstm.hidden_size": 8,
    "text.min_groups": 1,
    "lstm.schedule": "one-cycle",
    "lstm.warmup": 0.3,
    "lstm.weight_averaging": 0.0,
    "lstm.epoch_score": "accuracy",
    "lstm.class_weight": "none",
}


def known_words():
    """Some of the reviews' words, two of them in another case."""
    return ["love", "hate", "kettle", "lamp", "this", "number", "We", "FROM", "unheard"]


@pytest.fixture(scope="module")
def vectors(tmp_path_factory):
    path = tmp_path_factory.mktemp("vectors") / "words.bin"
    words = [word.encode() for word in known_words()]
    numbers = np.random.default_rng(0).normal(0, 2, (len(words), SIZE)).astype(np.float32)
    write_vectors(
        path, [VectorBatch(words, numbers)], format="word2vec", count=len(words), dim=SIZE
    )
    return path


@pytest.fixture(scope="module")
def trained(tmp_path_factory, reviews, vectors):
    folder = tmp_path_factory.mktemp("trained") / "model"
    training = wordgate.train(
        reviews, out=folder, vectors=vectors, settings=WITH_VECTORS, progress=Silent()
    )
    return training, folder


def embedding(training, word):
    words = training.bundle.model.encoder.vocabulary
    return training.bundle.model.network.embedding[words.id(word)]


def table(vectors):
    from wordgate.vectors.formats import open_vectors

    return dict(open_vectors(vectors).wanted({word.encode() for word in known_words()}))


def test_coverage_stands_in_the_metrics(trained):
    _, folder = trained
    facts = json.loads((folder / "metrics.json").read_text(encoding="utf-8"))["vectors"]
    assert (facts["file"], facts["format"], facts["size"]) == ("words.bin", "word2vec", SIZE)
    assert facts["found"]["types"] == 8
    rules = {rule: count["types"] for rule, count in facts["rules"].items()}
    assert rules == {"exact": 6, "title": 1, "upper": 1}
    assert sum(count["tokens"] for count in facts["rules"].values()) == facts["found"]["tokens"]
    assert 0 < facts["found"]["tokens"] < facts["vocabulary"]["tokens"]
    assert {missed["word"] for missed in facts["missed"]} >= {"the", "or"}


def test_the_model_records_its_word_vectors(trained):
    training, folder = trained
    config = BundleFolder.open(folder).config()
    assert config.vectors == "words.bin"
    assert (
        config.settings["lstm"]["embedding_size"]
        == SIZE + config.settings["lstm"]["vectors_extra_size"]
    )
    sentence = training.metrics.vectors.sentence()
    assert sentence.startswith("Word vectors: words.bin; 8 of ")
    assert sentence in (folder / "README.md").read_text(encoding="utf-8")
    assert wordgate.load(folder).predict(["We love this kettle"])


def test_frozen_vectors_stay_and_drawn_ones_move(reviews, vectors):
    frozen = {**WITH_VECTORS, "lstm.vectors_learning_rate": 0.0, "lstm.vectors_scale": 0.0}
    one, two = (
        wordgate.train(
            reviews, vectors=vectors, settings={**frozen, "lstm.epochs": epochs}, progress=Silent()
        )
        for epochs in (1, 2)
    )
    known = table(vectors)
    for word in ("love", "kettle"):
        for training in (one, two):
            assert np.array_equal(embedding(training, word)[:SIZE], known[word.encode()])
        assert not np.array_equal(embedding(one, word)[SIZE:], embedding(two, word)[SIZE:])
    assert not np.array_equal(embedding(one, "the"), embedding(two, "the"))


def test_vectors_are_released_after_their_epochs(reviews, vectors):
    settings = {
        **WITH_VECTORS, "lstm.vectors_learning_rate": 1e-2, "lstm.vectors_frozen_epochs": 1,
        "lstm.vectors_scale": 0.0, "lstm.schedule": "constant", "lstm.epochs": 1,
    }  # fmt: skip
    del settings["lstm.warmup"]  # a constant rate has none
    frozen = wordgate.train(reviews, vectors=vectors, settings=settings, progress=Silent())
    assert np.array_equal(embedding(frozen, "love")[:SIZE], table(vectors)[b"love"])
    released = wordgate.train(
        reviews, vectors=vectors, settings={**settings, "lstm.epochs": 4}, progress=Silent()
    )
    assert released.metrics.best_epoch > 1
    assert not np.array_equal(embedding(released, "love")[:SIZE], table(vectors)[b"love"])


def test_the_notebook_s_rule_is_exact_words_and_zeros(reviews, vectors):
    quick = {"lstm.hidden_size": 8, "lstm.epochs": 1, "lstm.learning_rate": 1e-30}
    quick |= {"lstm.vectors_random_learning_rate": 0.0, "lstm.vectors_learning_rate": 0.0}
    training = wordgate.train(
        reviews, recipe="notebook", vectors=vectors, settings=quick, progress=Silent()
    )
    assert set(training.metrics.vectors.rules) == {"exact"}
    assert training.metrics.vectors.found.types == 6
    assert np.array_equal(embedding(training, "love"), table(vectors)[b"love"])
    assert not embedding(training, "from").any()


def test_folds_and_the_estimator_take_vectors(reviews, vectors, make_rows):
    folds = wordgate.train(
        reviews, vectors=vectors, settings=WITH_VECTORS, folds=2, progress=Silent()
    ).metrics.folds
    assert len(folds.folds) == 2
    _, labels, texts = zip(*make_rows(), strict=True)
    classifier = wordgate.WordgateClassifier(vectors=vectors, settings=WITH_VECTORS)
    classifier.fit(texts, labels)
    assert classifier.coverage_.found.types == 8
    assert classifier.predictor_.config.vectors == "words.bin"


def test_other_vectors_are_another_training(reviews, vectors, tmp_path):
    out = tmp_path / "model"
    with pytest.raises(KeyboardInterrupt):
        wordgate.train(
            reviews, out=out, vectors=vectors, settings=WITH_VECTORS, progress=Interrupting()
        )
    with pytest.raises(BundleError, match="word vectors"):
        wordgate.train(
            reviews, out=out, resume=True, settings={**WITH_VECTORS, "lstm.embedding_size": 54},
            progress=Silent(),
        )  # fmt: skip
    resumed = wordgate.train(
        reviews, out=out, resume=True, vectors=vectors, settings=WITH_VECTORS, progress=Silent()
    )
    whole = wordgate.train(reviews, vectors=vectors, settings=WITH_VECTORS, progress=Silent())
    assert np.array_equal(embedding(resumed, "love"), embedding(whole, "love"))


class Interrupting(Silent):
    """Presses Ctrl-C when the first epoch is told."""

    def say(self, text):
        import os
        import signal

        if text.startswith("epoch"):
            os.kill(os.getpid(), signal.SIGINT)


def test_a_table_of_other_words_is_no_resumption(reviews, tmp_path):
    """Words of the table enter the vocabulary, so others are another training."""
    table, out = tmp_path / "words.vec", tmp_path / "model"
    rare = {**WITH_VECTORS, "text.min_groups": 2}

    def train(extra, **options):
        words = [b"love", b"hate", *extra]
        batches = [VectorBatch(words, np.ones((len(words), 2), np.float32))]
        write_vectors(table, batches, format="word2vec-text", count=len(words), dim=2)
        return wordgate.train(reviews, out=out, vectors=table, settings=rare, **options)

    with pytest.raises(KeyboardInterrupt):
        train([b"sofa", b"settee"], progress=Interrupting())
    with pytest.raises(BundleError, match="word vectors"):
        train([b"000", b"001"], resume=True, progress=Silent())


def test_a_table_of_another_language_is_refused(reviews, tmp_path, make_rows):
    table = tmp_path / "german.vec"
    batches = [VectorBatch([b"haus", b"hof"], np.ones((2, 2), np.float32))]
    write_vectors(table, batches, format="word2vec-text", count=2, dim=2)
    message = (
        rf"^none of the vocabulary's \d+ words has a vector in {table}: do language"
        r" and spelling match\?$"
    )
    with pytest.raises(DataError, match=message):
        wordgate.train(reviews, vectors=table, progress=Silent())
    _, labels, texts = zip(*make_rows(), strict=True)
    with pytest.raises(DataError, match=message):
        wordgate.WordgateClassifier(vectors=table).fit(texts, labels)


def test_texts_without_a_common_word_still_have_the_table_s(reviews, vectors, tmp_path):
    training = wordgate.train(
        reviews, vectors=vectors, settings={**WITH_VECTORS, "text.min_groups": 1000},
        out=tmp_path / "model", progress=Silent(),
    )  # fmt: skip
    facts = training.metrics.vectors
    assert (facts.vocabulary.types, facts.more) == (0, 9)
    assert facts.sentence().endswith(" 0 of 0 words have one, 0.0% of all occurrences.")


def test_nothing_is_fetched_for_a_training_that_can_t_be(reviews, lstm_model, monkeypatch):
    monkeypatch.setattr("wordgate.vectors.pretrained.fetch", None)
    with pytest.raises(BundleError, match="exists"):
        wordgate.train(reviews, out=lstm_model.folder, vectors="googlenews", progress=Silent())
    with pytest.raises(DataError, match="no file"):
        wordgate.train("nofile.csv", vectors="googlenews", progress=Silent())
    with pytest.raises(SettingsError, match="no family"):
        wordgate.WordgateClassifier(model="lstn", vectors="googlenews").fit(["a", "b"], [0, 1])


def test_vectors_larger_than_any_are_refused(reviews, tmp_path):
    table = tmp_path / "wide.bin"
    batches = [VectorBatch([b"love"], np.ones((1, 8190), np.float32))]
    write_vectors(table, batches, format="word2vec", count=1, dim=8190)
    with pytest.raises(SettingsError) as error:
        wordgate.train(reviews, vectors=table, progress=Silent())
    assert str(error.value) == (
        "the word vectors have 8,190 dimensions, 8,240 with lstm.vectors_extra_size; the maximum is"
        " 8,192"
    )


def test_settings_of_vectors_have_no_effect_without(reviews):
    with pytest.raises(SettingsError) as error:
        wordgate.train(reviews, settings={"lstm.vectors_scale": 0.7}, progress=Silent())
    assert str(error.value) == (
        "lstm.vectors_scale has no effect without --vectors: give a file with --vectors, or leave"
        " it out"
    )


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (
            {"model": "count"},
            "--vectors {} has no effect: count models do not use word vectors",
        ),
        (
            {"settings": {"lstm.embedding_size": 100}},
            "lstm.embedding_size has no effect with --vectors; set lstm.vectors_extra_size, by"
            " which they are wider than in their file",
        ),
        (
            {"settings": {"lstm.embedding_learning_rate": 1e-3}},
            "lstm.embedding_learning_rate has no effect with --vectors; set"
            " lstm.vectors_learning_rate, or lstm.vectors_random_learning_rate",
        ),
        (
            {"settings": {"lstm.vectors_frozen_epochs": 1, "lstm.vectors_learning_rate": 0}},
            "these settings (recipe 'default') cannot be used:\n  lstm.vectors_frozen_epochs has no"
            " effect with lstm.vectors_learning_rate=0, which always freezes pretrained vectors;"
            " set one of them to another value",
        ),
    ],
)
def test_options_without_effect_are_refused(reviews, vectors, options, message):
    with pytest.raises(SettingsError) as error:
        wordgate.train(reviews, vectors=vectors, progress=Silent(), **options)
    assert str(error.value) == message.format(vectors)


def test_a_broken_file_ends_in_one_sentence_before_any_training(reviews, vectors, tmp_path):
    cut = tmp_path / "cut.bin"
    cut.write_bytes(vectors.read_bytes()[:-3])
    with pytest.raises(DataError, match=r"cut\.bin' ends at byte 195 within row 9 of 9: it"):
        wordgate.train(reviews, vectors=cut, progress=Silent())


def test_no_file_and_no_name(reviews):
    with pytest.raises(DataError, match=r"^no file or word vectors 'googlenew'; did you mean"):
        wordgate.train(reviews, vectors="googlenew", progress=Silent())
