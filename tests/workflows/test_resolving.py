"""Settings and word vectors without effect are refused before anything is read."""

import pytest

from wordgate.errors import SettingsError
from wordgate.settings import Settings, load_settings, reads_setting
from wordgate.training.families import FAMILIES
from wordgate.workflows.resolving import choose_recipe, resolve_settings

NONE_THERE = (
    "models of the family {} average word vectors, and there are none: give some by --vectors;"
    " 'wordgate vectors distill' makes some for your own words"
)


def refusal(overrides, *families, vectors=None):
    with pytest.raises(SettingsError) as caught:
        resolve_settings("default", overrides, vectors, families=families)
    return str(caught.value)


@pytest.mark.parametrize("family", FAMILIES)
def test_every_family_reads_what_all_share(family):
    for setting in ("split", "test_size", "valid_size", "empty_texts", "calibration"):
        assert reads_setting(family, setting)


@pytest.mark.parametrize("setting", Settings.model_fields)
def test_every_setting_has_an_effect_somewhere(setting):
    assert any(reads_setting(family, setting) for family in FAMILIES)


@pytest.mark.parametrize(
    ("setting", "families"),
    [
        ("count_c", {"count"}),
        ("average_weights", {"logreg", "mlp"}),
        ("average_c", {"logreg"}),
        ("mlp_epochs", {"mlp"}),
        ("min_groups", {"logreg", "mlp", "lstm"}),
        ("vectors_more_words", {"logreg", "mlp", "lstm"}),
        ("vectors_scale", {"lstm"}),
        ("hidden_size", {"lstm"}),
        ("epochs", {"lstm"}),
        ("precision", {"lstm", "transformer"}),
        ("transformer_epochs", {"transformer"}),
    ],
)
def test_who_reads_a_setting(setting, families):
    assert {family for family in FAMILIES if reads_setting(family, setting)} == families


@pytest.mark.parametrize(
    ("setting", "family"),
    [
        ("hidden_size", "count"),
        ("min_groups", "count"),
        ("mlp_epochs", "logreg"),
        ("average_c", "mlp"),
        ("epochs", "mlp"),
        ("count_c", "lstm"),
    ],
)
def test_a_setting_without_effect_is_refused(setting, family):
    value = getattr(load_settings("default"), setting)
    assert refusal({setting: value}, family, vectors="words.bin") == (
        f"{setting} has no effect on models of the family {family}: leave it out"
    )


def test_a_setting_that_one_of_several_families_reads_has_an_effect():
    settings = resolve_settings("default", {"epochs": 3}, None, families=("count", "lstm"))
    assert settings.epochs == 3
    assert refusal({"epochs": 3}, "count", "transformer") == (
        "epochs has no effect on models of the family count or transformer: leave it out"
    )


def test_families_that_average_word_vectors_need_some():
    assert refusal({}, "logreg") == NONE_THERE.format("logreg")
    assert refusal({}, "count", "logreg", "mlp") == NONE_THERE.format("logreg or mlp")


def test_word_vectors_that_nobody_reads_are_refused():
    assert refusal({}, "count", "transformer", vectors="words.bin") == (
        "--vectors words.bin has no effect: models of the family count or transformer read none"
    )


@pytest.mark.parametrize(
    ("changes", "told"),
    [
        (
            {"count_words": 0, "count_characters": 0},
            "count_words=0 and count_characters=0 leave nothing to count; set one of them",
        ),
        (
            {"count_characters": 1},
            "count_characters=1 leaves no characters to count, whose runs begin at 2; set 0, or 2"
            " and more",
        ),
        ({"count_c": "1+0"}, "count_c is '0'; it must be above 0.0"),
        ({"average_c": "1+much"}, "average_c is 'much'; it must be a number"),
        ({"count_c": ()}, "count_c is (); it must be one or several values, joined by '+'"),
        (
            {"average_weights": "tfidf"},
            "average_weights is 'tfidf'; it must be 'plain', 'inverse-frequency' or 'best'",
        ),
    ],
)
def test_values_that_can_not_be_are_named(changes, told):
    assert refusal(changes, "count").splitlines()[1:] == [f"  {told}"]


def test_strengths_are_typed_with_plus():
    settings = load_settings("default", {"count_c": "0.1 + 3", "average_c": 2})
    assert (settings.count_c, settings.average_c) == ((0.1, 3.0), (2.0,))


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
        ({"epochs": 3, "batch_size": 32}, True),
        ({"hidden_size": 32}, False),
        ({"word_dropout": "0.2"}, False),
        ({"embedding_learning_rate": 1e-3}, False),
        ({"hidden_size": 32, "lighter_hidden_size": 64}, True),
        ({"hidden_size": 32, "lighter_candidate": "yes"}, True),
        ({"lighter_candidate": False}, False),
    ],
)
def test_one_lstm_is_trained_where_a_user_says_what_it_is_to_be(overrides, two):
    settings = resolve_settings("default", overrides, None, families=["lstm"])
    assert settings.lighter_candidate is two


def test_rates_of_pretrained_vectors_leave_one_lstm_too():
    overrides = {"vectors_learning_rate": 1e-5}
    settings = resolve_settings("default", overrides, "words.bin", families=["lstm"])
    assert not settings.lighter_candidate


def test_what_the_second_lstm_is_to_be_is_refused_where_there_is_none():
    overrides = {"lighter_candidate": "no", "lighter_hidden_size": 96}
    assert refusal(overrides, "lstm") == (
        "lighter_hidden_size has no effect with lighter_candidate=false: leave it out, or set"
        " lighter_candidate=true"
    )


def test_word_dropout_of_the_second_lstm_needs_the_unknown_word():
    changes = {"unknown_words": "drop", "word_dropout": 0, "lighter_candidate": True}
    assert refusal(changes, "lstm").splitlines()[1:] == [
        "  lighter_word_dropout puts the unknown word in a word's place, and with"
        " unknown_words=drop there is none; set lighter_word_dropout=0 or unknown_words=id"
    ]
