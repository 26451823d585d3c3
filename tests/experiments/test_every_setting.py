"""Every setting of every family changes the result of training, or is refused with the reason."""

import numpy as np
import pytest
from tests.conftest import save_tiny_bert

import wordgate
from wordgate import WordgateClassifier
from wordgate.errors import SettingsError
from wordgate.families import FAMILIES
from wordgate.runtime.progress import Silent
from wordgate.settings import setting_fields
from wordgate.vectors.vector_file import VectorBatch
from wordgate.vectors.writing import write_vectors

BASE = {
    "count": {"count.c": "1"},
    "logreg": {"logreg.c": "0.1", "text.min_groups": 1, "average.weights": "plain"},
    "mlp": {
        "mlp.hidden_size": 5, "mlp.epochs": 2, "mlp.batch_size": 16, "text.min_groups": 1,
        "average.weights": "plain",
    },
    "lstm": {
        "lstm.hidden_size": 5, "lstm.epochs": 2, "lstm.batch_size": 16, "text.min_groups": 1,
        "lstm.learning_rate": 0.02, "lstm.precision": "float32",
    },
    "transformer": {
        "transformer.epochs": 1, "transformer.batch_size": 16, "transformer.max_tokens": 16,
        "transformer.precision": "float32", "transformer.learning_rate": 1e-3,
    },
}  # fmt: skip
"""What each family's trainings have in common: small, and over in no time."""

STILL = {
    "lstm.learning_rate": 1e-9, "lstm.embedding_learning_rate": 1e-9,
    "lstm.vectors_learning_rate": 1e-9, "lstm.vectors_random_learning_rate": 1e-9,
    "lstm.epochs": 9, "lstm.min_updates": 0, "lstm.epoch_score": "accuracy",
}  # fmt: skip
"""Nothing is learned, so that patience alone ends a training."""
PLANNED = {"lstm.schedule": "one-cycle"}
ONE_IS_POOR = {
    "lstm.hidden_size": 1, "lstm.word_dropout": 0.95, "lstm.input_dropout": 0.0,
    "lstm.embedding_learning_rate": 1e-3, "lstm.epochs": 8, "lstm.epoch_score": "accuracy",
    "lstm.vectors_learning_rate": 1e-3, "lstm.vectors_random_learning_rate": 1e-3,
}  # fmt: skip
TWO = {
    **ONE_IS_POOR, "lstm.lighter_candidate": True, "lstm.lighter_hidden_size": 9,
    "lstm.lighter_word_dropout": 0.0, "lstm.lighter_embedding_rates": 50.0,
}  # fmt: skip
"""Two candidates, of which the second is the better one."""

VALUES = {
    "valid_size": 0.3,
    "calibration": "none",
    "class_weight": "low=5,rare=2",
    "objective": "recall@0.9",
    "text.tokenizer": "keras",
    "text.max_tokens": 3,
    "text.truncate": "front",
    "text.vocabulary_from": "all",
    "text.unknown_words": "drop",
    "text.min_groups": 3,
    "text.min_count": 3,
    "text.max_words": 50,
    "vectors.stored": "int8",
    "vectors.spelling": "exact",
    "vectors.more_words": 0,
    "count.words": 1,
    "count.characters": 3,
    "count.weights": "counts",
    "count.min_texts": 9,
    "count.c": "100",
    "average.weights": "inverse-frequency",
    "logreg.c": "100",
    "loss.function": "focal",
    "loss.focal_gamma": 0.5,
    "mlp.hidden_size": 6,
    "mlp.input_dropout": 0.5,
    "mlp.output_dropout": 0.0,
    "mlp.batch_size": 8,
    "mlp.epochs": 3,
    "mlp.learning_rate": 1e-1,
    "mlp.patience": 3,
    "lstm.embedding_size": 6,
    "lstm.embedding_scale": 0.5,
    "lstm.embedding_learning_rate": 1e-1,
    "lstm.embedding_updates": "keras",
    "lstm.vectors_missing": "zeros",
    "lstm.vectors_scale": 0.5,
    "lstm.vectors_extra_size": 4,
    "lstm.vectors_learning_rate": 1e-1,
    "lstm.vectors_random_learning_rate": 1e-1,
    "lstm.vectors_frozen_epochs": 1,
    "lstm.hidden_size": 6,
    "lstm.bidirectional": True,
    "lstm.pooling": "last+mean",
    "lstm.word_dropout": 0.5,
    "lstm.input_dropout": 0.0,
    "lstm.recurrent_dropout": 0.5,
    "lstm.output_dropout": 0.5,
    "lstm.dropout_masks": "gate",
    "lstm.weight_decay": 0.9,
    "lstm.label_smoothing": 0.5,
    "lstm.class_weight": "balanced",
    "lstm.lighter_candidate": True,
    "lstm.lighter_hidden_size": 8,
    "lstm.lighter_word_dropout": 0.2,
    "lstm.lighter_embedding_rates": 20.0,
    "lstm.precision": "bfloat16",
    "lstm.batch_size": 8,
    "lstm.batches": "shuffled",
    "lstm.epochs": 3,
    "lstm.min_updates": 60,
    "lstm.max_updates": 9,
    "lstm.learning_rate": 1e-1,
    "lstm.schedule": "one-cycle",
    "lstm.warmup": 0.9,
    "lstm.weight_averaging": 0.0,
    "lstm.gradient_clip": 0.01,
    "lstm.patience": 3,
    "lstm.patience_updates": 30,
    "lstm.epoch_score": "accuracy",
    "lstm.epoch_ties": "first",
    "transformer.model": "other",
    "transformer.max_tokens": 4,
    "transformer.texts_per_group": 1,
    "transformer.batch_size": 8,
    "transformer.epochs": 2,
    "transformer.min_updates": 40,
    "transformer.learning_rate": 1e-2,
    "transformer.weight_decay": 0.9,
    "transformer.warmup": 0.9,
    "transformer.patience": 3,
    "transformer.precision": "bfloat16",
    "teacher.models": "other",
    "teacher.weight": 0.9,
    "teacher.texts": 200,
    "teacher.variations": 4,
}
"""A value of each setting, which is another than the one it has by itself or in `BASE`."""

BESIDE = {
    "text.truncate": {"text.max_tokens": 4},
    "text.vocabulary_from": {"vectors.more_words": 0},
    "text.unknown_words": {
        "lstm.word_dropout": 0.0,
        "text.max_words": 9,
        "text.max_tokens": 5,
        "vectors.more_words": 0,
    },
    "text.min_groups": {"vectors.more_words": 0},
    "text.min_count": {"vectors.more_words": 0},
    "text.max_words": {"vectors.more_words": 0},
    "loss.focal_gamma": {"loss.function": "focal"},
    "mlp.patience": {"mlp.learning_rate": 1e-9, "mlp.epochs": 9},
    "lstm.embedding_scale": {"lstm.vectors_extra_size": 3},
    "lstm.dropout_masks": {"lstm.recurrent_dropout": 0.2},
    "lstm.lighter_candidate": {**ONE_IS_POOR, "lstm.epochs": 25},
    "lstm.lighter_hidden_size": TWO,
    "lstm.lighter_word_dropout": TWO,
    "lstm.lighter_embedding_rates": TWO,
    "lstm.min_updates": {"lstm.min_updates": 20, "lstm.patience": 1},
    "lstm.max_updates": {"lstm.min_updates": 0, "lstm.epochs": 9},
    "lstm.warmup": PLANNED,
    "lstm.patience": STILL,
    "lstm.patience_updates": STILL,
    "lstm.epoch_score": {
        **STILL,
        **PLANNED,
        "lstm.epochs": 3,
        "lstm.learning_rate": 0.3,
        "lstm.weight_averaging": 0.0,
        "lstm.epoch_score": "last",
    },
    "lstm.epoch_ties": {
        "lstm.learning_rate": 1e-4,
        "lstm.epochs": 3,
        "lstm.epoch_score": "accuracy",
    },
    "transformer.patience": {"transformer.learning_rate": 1e-9, "transformer.epochs": 6},
    "teacher.variations": {"teacher.texts": 2000},
}
"""The settings beside which some have an effect."""

OF_FILES = {
    "split": ("grouped", "random"),
    "test_size": (0.2, 0.4),
    "stratify": (True, False, {"split": "random"}),
    "empty_texts": ("drop", "nan"),
}
"""Two values of those that say how a file is read and split, and the settings beside them."""

UNSET = {
    "lstm.embedding_size": "lstm.embedding_learning_rate",
    "lstm.min_updates": "lstm.batch_size lstm.epochs",
    "lstm.max_updates": "lstm.batch_size",
    "transformer.min_updates": "transformer.epochs",
}
"""Settings of `BASE` that would leave another one without effect."""


OF_THRESHOLDS = "objective"
"""Refused of three labels of which each text has one; test_multilabel.py has where it changes."""


def test_each_setting_is_tried():
    assert {*VALUES, *OF_FILES} == set(setting_fields())


@pytest.fixture(scope="module")
def world(tmp_path_factory):
    """Texts in pairs, of three labels of which one is rare; word vectors; teachers."""
    folder = tmp_path_factory.mktemp("world")
    rng = np.random.default_rng(0)
    texts, labels, groups = [], [], []
    for number in range(90):
        words = rng.integers(0, 30, rng.integers(2, 11))
        text = " ".join(f"W{word}!" if word % 7 == 3 else f"w{word}" for word in words)
        texts.append(f"{text} own{number // 3}")
        noisy = rng.random() < 0.2
        labels.append("rare" if number % 12 == 5 else "low" if (words.min() < 4) != noisy else "no")
        groups.append(f"g{number // 2}")
    words = [*(f"w{n}" for n in range(26)), "W27", *(f"own{n}" for n in range(25)), "other"]
    vectors = np.random.default_rng(1).normal(size=(len(words), 6)).astype(np.float32)
    block = VectorBatch([word.encode() for word in words], vectors)
    write_vectors(folder / "v.bin", [block], format="word2vec", count=len(words), dim=6)
    teachers = []
    for words_read in (1, 3):
        teacher = WordgateClassifier(model="count", settings={"count.words": words_read})
        teacher.fit(texts, labels, groups).save(folder / f"teacher{words_read}")
        teachers.append(str(folder / f"teacher{words_read}"))
    return {
        "data": (texts, labels, groups),
        "asked": [*texts, "w1 other w2 other", "w3 W3 w10"],
        "vectors": folder / "v.bin",
        "teacher.models": teachers,
    }


@pytest.fixture(scope="module")
def networks(tmp_path_factory):
    pytest.importorskip("transformers", reason="needs the extra 'transformer'")
    known = ([f"w{n}" for n in range(30)], [f"w{n}" for n in range(0, 30, 2)])
    return [str(save_tiny_bert(tmp_path_factory.mktemp("bert"), words)) for words in known]


WAYS = ["count", "logreg", "mlp", "lstm", "lstm with vectors", "lstm with a teacher"]


def came_to(family, options, settings, world):
    classifier = WordgateClassifier(model=family, settings=settings, threads=1, **options)
    classifier.fit(*world["data"])
    history = [(epoch.valid_loss, epoch.train_loss) for epoch in classifier.history_]
    return classifier.predict_log_proba(world["asked"]).tolist(), history


@pytest.fixture(scope="module")
def came_to_without():
    """What a training comes to without the setting that is tried; many have it in common."""
    known = {}

    def get(family, options, settings, world):
        key = repr((family, options, sorted(settings.items())))
        if key not in known:
            known[key] = came_to(family, options, settings, world)
        return known[key]

    return get


def settings_beside(way, setting, world):
    """Give the settings beside which one has an effect."""
    family, _, more = way.partition(" with ")
    chosen = BESIDE.get(setting, {})
    left_out = set(UNSET.get(setting, "").split()) - chosen.keys()
    base = {name: own for name, own in {**BASE[family], **chosen}.items() if name not in left_out}
    idle = ("transformer.",) if more == "a teacher" else ("transformer.", "teacher.")
    if more == "vectors":
        idle = (*idle, "lstm.embedding_learning_rate")
    elif FAMILIES[family].vectors != "required":
        idle = (*idle, "vectors.more_words", "lstm.vectors_")
    if more == "a teacher":
        base = {"teacher.models": world["teacher.models"][0], "teacher.texts": 80, **base}
    return {
        name: own
        for name, own in base.items()
        if FAMILIES[family].reads(name) and (family == "transformer" or not name.startswith(idle))
    }


def check_effect(way, setting, world, came_to_without, networks=None):
    """Train with a value of a setting and without; tell whether it changes that, or is refused."""
    family, _, more = way.partition(" with ")
    value = VALUES[setting]
    base = settings_beside(way, setting, world)
    needs_vectors = more == "vectors" or FAMILIES[family].vectors == "required"
    options = {"vectors": world["vectors"]} if needs_vectors else {}
    if family == "transformer":
        base["transformer.model"] = networks[0]
    choices = {"teacher.models": world["teacher.models"], "transformer.model": networks}
    if choices.get(setting):
        value = choices[setting][1]
    try:
        changed = came_to(family, options, {**base, setting: value}, world)
    except SettingsError as error:
        return "refused" if f"{setting} has no effect" in str(error) else str(error)
    assert changed != came_to_without(family, options, base, world), "it changed nothing"
    return "changes"


@pytest.mark.slow
@pytest.mark.parametrize("setting", VALUES)
@pytest.mark.parametrize("way", WAYS)
def test_a_setting_changes_something_or_is_refused(way, setting, world, came_to_without):
    outcome = check_effect(way, setting, world, came_to_without)
    family, _, more = way.partition(" with ")
    expected = "changes" if FAMILIES[family].reads(setting) else "refused"
    if family == "lstm" and more != "vectors":
        of_vectors = setting.startswith(("vectors.", "lstm.vectors_"))
        if of_vectors and setting != "vectors.stored":
            expected = "refused"
    if more == "vectors" and setting in ("lstm.embedding_size", "lstm.embedding_learning_rate"):
        expected = "refused"
    if more != "a teacher" and setting.startswith("teacher.") and setting != "teacher.models":
        expected = "refused"
    if setting == OF_THRESHOLDS:
        expected = "refused"
    assert outcome == expected


@pytest.mark.parametrize("setting", VALUES)
def test_a_setting_changes_a_transformer_or_is_refused(setting, world, came_to_without, networks):
    outcome = check_effect("transformer", setting, world, came_to_without, networks)
    reads = FAMILIES["transformer"].reads(setting) and setting != OF_THRESHOLDS
    assert outcome == ("changes" if reads else "refused")


@pytest.mark.parametrize("setting", OF_FILES)
def test_a_setting_about_files_is_refused_where_rows_are_given(setting, world):
    with pytest.raises(SettingsError, match=f"{setting} has no effect on WordgateClassifier"):
        came_to("count", {}, {setting: OF_FILES[setting][0]}, world)


@pytest.fixture(scope="module")
def file(tmp_path_factory, world):
    path = tmp_path_factory.mktemp("file") / "rows.csv"
    texts, labels, groups = world["data"]
    lines = [",".join(row) for row in zip(groups, labels, texts, strict=True)]
    lines += [f"e{n},low," for n in range(5)]
    path.write_text("\n".join(["id,label,text", *lines]), encoding="utf-8")
    return path


@pytest.mark.parametrize("setting", OF_FILES)
def test_a_setting_about_files_changes_something(setting, file):
    one, other, *besides = OF_FILES[setting]

    def facts(value):
        settings = {**(besides[0] if besides else {}), setting: value}
        made = wordgate.train(file, model="count", settings=settings, progress=Silent())
        return made.metrics.split, made.metrics.confusion

    assert facts(one) != facts(other)


@pytest.mark.parametrize(
    ("settings", "options", "expected"),
    [
        ({"stratify": False}, {}, "stratify has no effect with split=grouped, which always does"),
        (
            {"split": "random"},
            {"test": True},
            "split has no effect, because the subsets are given",
        ),
        ({"valid_size": 0.2}, {"valid": True}, "valid_size has no effect, because the subsets"),
        ({"stratify": True}, {"valid": True}, "stratify has no effect, because the subsets"),
        ({"test_size": 0.3}, {"test_size": 0.2}, "test_size is set twice, as a setting and by its"),
        ({"split": "random"}, {"split": "grouped"}, "split is set twice, as a setting and by its"),
    ],
)
def test_a_setting_that_options_leave_without_effect_is_refused(settings, options, expected, file):
    given = {name: file if value is True else value for name, value in options.items()}
    with pytest.raises(SettingsError, match=expected):
        wordgate.train(file, model="count", settings=settings, progress=Silent(), **given)
