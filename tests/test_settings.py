import pytest

from wordgate.errors import SettingsError
from wordgate.settings import (
    Settings,
    load_settings,
    parse_assignments,
    reads_setting,
    recipe_names,
    tomllib,
)
from wordgate.training.families import FAMILIES


def refusal(recipe, overrides=None):
    with pytest.raises(SettingsError) as caught:
        load_settings(recipe, overrides)
    return str(caught.value)


def own_recipe(folder, **changes):
    values = load_settings("default").model_dump(mode="json") | changes
    lines = [
        f"{key} = {str(v).lower() if isinstance(v, bool) else repr(v)}" for key, v in values.items()
    ]
    file = folder / "mine.toml"
    file.write_text("\n".join(lines), encoding="utf-8")
    return file


def test_both_recipes_are_there():
    assert {"default", "notebook-fast"} <= set(recipe_names())


@pytest.mark.parametrize("recipe", recipe_names())
def test_every_recipe_names_every_setting(recipe):
    from importlib import resources

    text = (resources.files("wordgate") / "recipes" / f"{recipe}.toml").read_text(encoding="utf-8")
    assert set(tomllib.loads(text)) == set(Settings.model_fields)
    assert isinstance(load_settings(recipe), Settings)


def test_every_setting_is_described():
    assert all(field.description for field in Settings.model_fields.values())


def test_overrides_beat_the_recipe_and_may_be_typed_as_words():
    settings = load_settings(
        "default", {"hidden_size": "32", "bidirectional": "yes", "pooling": "last + max"}
    )
    assert (settings.hidden_size, settings.bidirectional) == (32, True)
    assert settings.pooling == ("last", "max")
    assert settings.epochs == load_settings("default").epochs


def test_an_unknown_setting_is_refused_with_the_near_miss():
    assert refusal("default", {"hiden_size": 3}) == (
        "these settings (recipe 'default') can't be used:\n"
        "  no setting 'hiden_size'; did you mean 'hidden_size'?"
    )


def test_an_unknown_setting_that_is_near_none_lists_them():
    message = refusal("default", {"zzzz": 3})
    assert message.splitlines()[1].startswith("  no setting 'zzzz'; there are: split, test_size,")


def test_several_faults_are_told_at_once():
    message = refusal("default", {"hiden_size": 3, "epochs": "0", "truncate": "middle"})
    assert sorted(message.splitlines()[1:]) == [
        "  epochs is '0'; it must be at least 1",
        "  no setting 'hiden_size'; did you mean 'hidden_size'?",
        "  truncate is 'middle'; it must be 'end' or 'front'",
    ]


@pytest.mark.parametrize(
    ("name", "value", "told"),
    [
        ("hidden_size", 64.5, "hidden_size is 64.5; it must be a whole number"),
        ("hidden_size", "many", "hidden_size is 'many'; it must be a whole number"),
        ("hidden_size", None, "hidden_size is None; it must be a whole number"),
        ("hidden_size", 10**9, "hidden_size is 1000000000; it must be at most 4096"),
        ("test_size", 1.0, "test_size is 1.0; it must be below 1.0"),
        ("test_size", 0, "test_size is 0; it must be above 0.0"),
        ("learning_rate", "fast", "learning_rate is 'fast'; it must be a number"),
        ("learning_rate", "inf", "learning_rate is 'inf'; it must be a finite number"),
        ("weight_decay", float("nan"), "weight_decay is nan; it must be a finite number"),
        ("bidirectional", "maybe", "bidirectional is 'maybe'; it must be true or false"),
        ("pooling", "last+maxi", "pooling is 'maxi'; it must be 'last', 'max' or 'mean'"),
        (
            "pooling",
            [],
            "pooling is []; it must be one or several values, joined by '+'",
        ),
        ("split", "grouping", "split is 'grouping'; it must be 'grouped' or 'random'"),
    ],
)
def test_a_bad_value_is_named_with_what_is_allowed(name, value, told):
    assert refusal("default", {name: value}).splitlines()[1:] == [f"  {told}"]


@pytest.mark.parametrize(
    ("recipe", "changes", "told"),
    [
        (
            "notebook-fast",
            {"word_dropout": 0.3},
            "word_dropout puts the unknown word in a word's place, and with unknown_words=drop"
            " there is none; set word_dropout=0 or unknown_words=id",
        ),
        (
            "notebook",
            {"bidirectional": True},
            "embedding_updates=keras squares the gradient of each occurrence, which reading a text"
            " twice takes apart; set bidirectional=false or embedding_updates=batch",
        ),
        (
            "notebook",
            {"precision": "bfloat16"},
            "dropout_masks=gate with recurrent_dropout computes in float32; set precision=float32"
            " or dropout_masks=batch",
        ),
        (
            "taught",
            {"teacher": "minilm+none"},
            "teacher=none stands beside other teachers; leave it out",
        ),
    ],
)
def test_settings_that_would_have_no_effect_together_are_refused(recipe, changes, told):
    assert refusal(recipe, changes).splitlines()[1:] == [f"  {told}"]


@pytest.mark.parametrize(
    "content",
    [f"epochs = {'[' * 5000}{']' * 5000}", f"epochs = {'9' * 5000}"],
    ids=["deep", "long"],
)
def test_a_recipe_too_deep_or_too_long_is_refused(tmp_path, content):
    file = tmp_path / "mine.toml"
    file.write_text(content)
    assert refusal(file).startswith(f"the recipe '{file}' is not valid TOML: ")


def test_a_recipe_larger_than_any_is_refused_at_once(tmp_path):
    file = tmp_path / "mine.toml"
    file.write_text(f"{'a.' * 20_000}a = 1")  # which the parser would take seconds for
    assert refusal(file) == (f"the recipe '{file}' has 40,005 bytes; more than 16,384 is no recipe")


def test_of_many_faults_the_first_are_told(tmp_path):
    file = tmp_path / "mine.toml"
    file.write_text("\n".join(f"x{n} = 1" for n in range(1000)))
    lines = refusal(file).splitlines()
    assert len(lines) == 102
    assert lines[-1] == f"  and {1000 + len(Settings.model_fields) - 100:,} more"


def test_a_value_that_is_too_long_is_shown_in_part(tmp_path):
    file = tmp_path / "mine.toml"
    for value in (repr("x" * 9000), f"0x{'f' * 9000}"):
        file.write_text(f"epochs = {value}")
        assert len(refusal(file)) < 10_000


def test_a_recipe_of_ones_own_is_a_toml_file(tmp_path):
    file = own_recipe(tmp_path, hidden_size=17, pooling="last+mean")
    settings = load_settings(file)
    assert (settings.hidden_size, settings.pooling) == (17, ("last", "mean"))


def test_a_recipe_of_ones_own_must_be_complete(tmp_path):
    file = tmp_path / "mine.toml"
    file.write_text("split = 'grouped'\n", encoding="utf-8")
    faults = refusal(file).splitlines()[1:]
    assert faults == [f"  {name} is missing" for name in Settings.model_fields if name != "split"]


def test_an_unknown_recipe_is_refused_with_the_near_miss():
    assert refusal("defalt") == "no recipe 'defalt'; did you mean 'default'?"
    assert refusal("qqq") == (
        f"no recipe 'qqq'; there are: {', '.join(recipe_names())},"
        " the path of a .toml file of your own"
    )


def test_a_recipe_that_cannot_be_read_is_refused_by_name(tmp_path):
    missing, broken, not_text = tmp_path / "a.toml", tmp_path / "b.toml", tmp_path / "c.toml"
    broken.write_text("split = [", encoding="utf-8")
    not_text.write_bytes(b"split = '\xff'")
    assert refusal(missing) == f"the recipe '{missing}' can't be read: No such file or directory"
    assert refusal(broken).startswith(f"the recipe '{broken}' is not valid TOML: ")
    assert refusal(not_text).startswith(f"the recipe '{not_text}' is not valid TOML: 'utf-8' codec")


def test_assignments_are_cut_at_their_first_sign():
    assert parse_assignments(["hidden_size=64", " pooling = last+max ", "a=b=c"]) == {
        "hidden_size": "64",
        "pooling": "last+max",
        "a": "b=c",
    }


@pytest.mark.parametrize("assignment", ["hidden_size", "=64", " =64", ""])
def test_an_assignment_without_a_name_or_a_sign_is_refused(assignment):
    with pytest.raises(SettingsError) as caught:
        parse_assignments([assignment])
    assert str(caught.value) == (
        f"'{assignment}' is not a setting; write KEY=VALUE, such as hidden_size=64"
    )


def test_teachers_are_joined_by_plus_and_none_is_none():
    assert load_settings("taught").teacher == ("minilm",)
    assert load_settings("taught", {"teacher": "minilm + a/b"}).teacher == ("minilm", "a/b")
    assert load_settings("taught", {"teacher": ("a+b",)}).teacher == ("a+b",)  # from --teacher
    assert load_settings("taught").is_taught
    assert not load_settings("taught", {"teacher": "none"}).is_taught
    assert not load_settings("default").is_taught


def test_settings_of_teaching_are_read_by_those_that_can_be_taught():
    readers = {family for family in FAMILIES if reads_setting(family, "teacher_weight")}
    assert readers == {family for family in FAMILIES if reads_setting(family, "teacher")}
    assert readers == {"lstm", "mlp"}


def test_who_sets_the_epochs_means_all_of_them():
    assert load_settings("default").max_updates
    assert not load_settings("default", {"epochs": 30}).max_updates
    assert load_settings("default", {"epochs": 30, "max_updates": 7}).max_updates == 7


def test_the_last_epoch_is_kept_only_where_the_schedule_has_an_end():
    with pytest.raises(SettingsError, match="set schedule=one-cycle or another epoch_score"):
        load_settings("default", {"epoch_score": "last"})
