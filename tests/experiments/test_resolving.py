"""Settings and word vectors without effect are refused before anything is read."""

import pytest

from wordgate.errors import SettingsError
from wordgate.experiments.resolving import choose_recipe, resolve_settings
from wordgate.families import FAMILIES
from wordgate.settings import load_settings, setting_fields

NONE_THERE = (
    "{} models need word vectors: give a file with --vectors;"
    " 'wordgate vectors distill' creates them for your vocabulary"
)


def refusal(overrides, *families, vectors=None):
    with pytest.raises(SettingsError) as caught:
        resolve_settings("default", overrides, vectors, families=families)
    return str(caught.value)


@pytest.mark.parametrize("family", FAMILIES)
def test_every_family_reads_what_all_share(family):
    for setting in (
        *("split", "test_size", "valid_size", "empty_texts", "calibration", "class_weight"),
    ):
        assert FAMILIES[family].reads(setting)


@pytest.mark.parametrize("setting", setting_fields())
def test_every_setting_has_an_effect_somewhere(setting):
    assert any(family.reads(setting) for family in FAMILIES.values())


@pytest.mark.parametrize(
    ("setting", "families"),
    [
        ("count.c", {"count"}),
        ("average.weights", {"logreg", "mlp"}),
        ("logreg.c", {"logreg"}),
        ("mlp.epochs", {"mlp"}),
        ("text.min_groups", {"logreg", "mlp", "lstm"}),
        ("vectors.more_words", {"logreg", "mlp", "lstm"}),
        ("loss.function", {"mlp", "lstm", "transformer"}),
        ("loss.focal_gamma", {"mlp", "lstm", "transformer"}),
        ("lstm.vectors_scale", {"lstm"}),
        ("lstm.hidden_size", {"lstm"}),
        ("lstm.epochs", {"lstm"}),
        ("lstm.precision", {"lstm"}),
        ("transformer.precision", {"transformer"}),
        ("transformer.epochs", {"transformer"}),
    ],
)
def test_who_reads_a_setting(setting, families):
    assert {family.name for family in FAMILIES.values() if family.reads(setting)} == families


@pytest.mark.parametrize(
    ("setting", "family"),
    [
        ("lstm.hidden_size", "count"),
        ("text.min_groups", "count"),
        ("mlp.epochs", "logreg"),
        ("logreg.c", "mlp"),
        ("lstm.epochs", "mlp"),
        ("count.c", "lstm"),
    ],
)
def test_a_setting_without_effect_is_refused(setting, family):
    value = load_settings("default").flat()[setting]
    assert refusal({setting: value}, family, vectors="words.bin") == (
        f"{setting} has no effect on {family} models: leave it out"
    )


def test_a_setting_that_one_of_several_families_reads_has_an_effect():
    settings = resolve_settings("default", {"lstm.epochs": 3}, None, families=("count", "lstm"))
    assert settings.lstm.epochs == 3
    assert refusal({"lstm.epochs": 3}, "count", "transformer") == (
        "lstm.epochs has no effect on count or transformer models: leave it out"
    )


def test_families_that_average_word_vectors_need_some():
    assert refusal({}, "logreg") == NONE_THERE.format("logreg")
    assert refusal({}, "count", "logreg", "mlp") == NONE_THERE.format("logreg or mlp")


def test_word_vectors_that_nobody_reads_are_refused():
    assert refusal({}, "count", "transformer", vectors="words.bin") == (
        "--vectors words.bin has no effect: count or transformer models do not use word vectors"
    )


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        (
            {"count.words": 0, "count.characters": 0},
            "count.words=0 and count.characters=0 leave no n-grams to count; set one of them",
        ),
        (
            {"count.characters": 1},
            "count.characters=1 has no effect: character n-grams have at least 2 characters; set"
            " 0, or 2 or more",
        ),
        ({"count.c": "1+0"}, "count.c is '0'; it must be above 0.0"),
        ({"logreg.c": "1+much"}, "logreg.c is 'much'; it must be a number"),
        ({"count.c": ()}, "count.c is (); it must be one or several values, joined by '+'"),
        (
            {"average.weights": "tfidf"},
            "average.weights is 'tfidf'; it must be 'plain', 'inverse-frequency' or 'best'",
        ),
    ],
)
def test_values_that_can_not_be_are_named(changes, expected):
    assert refusal(changes, "count").splitlines()[1:] == [f"  {expected}"]


def test_regularization_values_are_joined_by_plus():
    settings = load_settings("default", {"count.c": "0.1 + 3", "logreg.c": 2})
    assert (settings.count.c, settings.logreg.c) == ((0.1, 3.0), (2.0,))


@pytest.mark.parametrize(
    ("recipe", "teacher", "chosen"),
    [
        (None, None, "default"),
        (None, (), "default"),  # as the command line gives none
        (None, "none", "default"),
        (None, "minilm", "taught"),
        (None, ("minilm", "a/b"), "taught"),
        ("notebook-fast", "minilm", "notebook-fast"),
    ],
)
def test_a_teacher_chooses_the_recipe_where_none_is_named(recipe, teacher, chosen):
    assert choose_recipe(recipe, teacher) == chosen


@pytest.mark.parametrize(
    ("overrides", "two"),
    [
        ({}, True),
        ({"lstm.epochs": 3, "lstm.batch_size": 32}, True),
        ({"lstm.hidden_size": 32}, False),
        ({"lstm.word_dropout": "0.2"}, False),
        ({"lstm.embedding_learning_rate": 1e-3}, False),
        ({"lstm.hidden_size": 32, "lstm.lighter_hidden_size": 64}, True),
        ({"lstm.hidden_size": 32, "lstm.lighter_candidate": "yes"}, True),
        ({"lstm.lighter_candidate": False}, False),
    ],
)
def test_one_lstm_is_trained_if_a_user_sets_its_size(overrides, two):
    settings = resolve_settings("default", overrides, None, families=["lstm"])
    assert settings.lstm.lighter_candidate is two


def test_rates_of_pretrained_vectors_leave_one_lstm_too():
    overrides = {"lstm.vectors_learning_rate": 1e-5}
    settings = resolve_settings("default", overrides, "words.bin", families=["lstm"])
    assert not settings.lstm.lighter_candidate


def test_settings_of_a_second_candidate_are_refused_without_one():
    overrides = {"lstm.lighter_candidate": "no", "lstm.lighter_hidden_size": 96}
    assert refusal(overrides, "lstm") == (
        "lstm.lighter_hidden_size has no effect with lstm.lighter_candidate=false: leave it out, or"
        " set lstm.lighter_candidate=true"
    )


@pytest.mark.parametrize("family", ["lstm", "mlp"])
def test_without_unknown_words_word_dropout_need_not_be_set(family):
    changes = {"text.unknown_words": "drop"}
    settings = resolve_settings("default", changes, "words.bin", families=[family])
    assert settings.lstm.word_dropout == settings.lstm.lighter_word_dropout == 0
    with pytest.raises(SettingsError, match="drop there is none; set"):
        load_settings("default", {**changes, "lstm.word_dropout": 0.1})


def test_word_dropout_of_the_second_lstm_needs_the_unknown_word():
    changes = {
        "text.unknown_words": "drop",
        "lstm.lighter_word_dropout": 0.1,
        "lstm.lighter_candidate": True,
    }
    assert refusal(changes, "lstm").splitlines()[1:] == [
        "  lstm.lighter_word_dropout replaces words by the unknown word, and with"
        " text.unknown_words=drop there is none; set lstm.lighter_word_dropout=0 or"
        " text.unknown_words=id"
    ]


@pytest.mark.parametrize(
    ("overrides", "expected"),
    [
        (
            {"lstm.class_weight": "balanced", "class_weight": "spam=5"},
            "lstm.class_weight has no effect with class_weight, which takes its place: leave it"
            " out",
        ),
        (
            {"lstm.class_weight": "balanced", "class_weight": "none"},
            "lstm.class_weight has no effect with class_weight, which takes its place: leave it"
            " out",
        ),
        (
            {"loss.focal_gamma": 3},
            "loss.focal_gamma has no effect with loss.function=cross-entropy: leave it out",
        ),
    ],
)
def test_weights_and_losses_without_effect_are_refused(overrides, expected):
    assert refusal(overrides, "lstm") == expected


def test_every_family_takes_weights_and_only_networks_a_loss():
    families = list(FAMILIES)
    overrides = {"class_weight": "balanced", "loss.function": "focal", "loss.focal_gamma": 1}
    settings = resolve_settings("default", overrides, "words.bin", families=families)
    assert (settings.class_weight, settings.loss.focal_gamma) == ("balanced", 1.0)
    assert refusal({"loss.function": "focal"}, "count") == (
        "loss.function has no effect on count models: leave it out"
    )
