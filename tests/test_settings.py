from importlib import resources

import pytest

from wordgate.errors import SettingsError
from wordgate.families import FAMILIES
from wordgate.settings import (
    format_setting,
    load_settings,
    parse_assignments,
    recipe_names,
    recipe_toml,
    setting_fields,
)


def refusal(recipe, overrides=None):
    with pytest.raises(SettingsError) as caught:
        load_settings(recipe, overrides)
    return str(caught.value)


def own_recipe(folder, content):
    file = folder / "mine.toml"
    file.write_text(content, encoding="utf-8")
    return file


def test_both_recipes_are_there():
    assert {"default", "notebook-fast"} <= set(recipe_names())


@pytest.mark.parametrize("recipe", recipe_names())
def test_every_recipe_has_every_setting(recipe):
    assert list(load_settings(recipe).flat()) == list(setting_fields())


def test_every_setting_is_described():
    assert all(field.description for field in setting_fields().values())


def test_overrides_beat_the_recipe_and_may_be_typed_as_words():
    own = {"lstm.hidden_size": "32", "lstm.bidirectional": "yes", "lstm.pooling": "last + max"}
    lstm = load_settings("default", own).lstm
    assert (lstm.hidden_size, lstm.bidirectional) == (32, True)
    assert lstm.pooling == ("last", "max")
    assert lstm.schedule == load_settings("default").lstm.schedule


def test_overrides_may_stand_in_tables_as_in_a_recipe():
    nested = {"lstm": {"hidden_size": 32, "warmup": 0.1}, "test_size": 0.3}
    named = {"lstm.hidden_size": 32, "lstm.warmup": 0.1, "test_size": 0.3}
    assert load_settings("default", nested) == load_settings("default", named)


@pytest.mark.parametrize(
    ("name", "tables"),
    [
        ("bidirectional", "'lstm.bidirectional'"),
        ("hidden_size", "'mlp.hidden_size' or 'lstm.hidden_size'"),
        ("models", "'teacher.models'"),
        ("mlp_epochs", "'mlp.epochs'"),
        ("epoch", "'mlp.epochs' or 'lstm.epochs' or 'transformer.epochs'"),
    ],
)
def test_a_setting_without_its_table_is_refused_with_the_tables_that_have_one(name, tables):
    message = refusal("default", {name: 3})
    assert message.splitlines()[1:] == [f"  no setting '{name}'; did you mean {tables}?"]


def test_an_unknown_setting_is_refused_with_a_suggestion():
    assert refusal("default", {"lstm.hiden_size": 3}) == (
        "these settings (recipe 'default') cannot be used:\n"
        "  no setting 'lstm.hiden_size'; did you mean 'lstm.hidden_size'?"
    )


def test_an_unknown_setting_that_is_near_none_lists_them():
    message = refusal("default", {"zzzz": 3})
    assert message.splitlines()[1].startswith("  no setting 'zzzz'; available: split, test_size,")


def test_several_errors_are_reported_at_once():
    message = refusal(
        "default", {"lstm.hiden_size": 3, "lstm.epochs": "0", "text.truncate": "middle"}
    )
    assert sorted(message.splitlines()[1:]) == [
        "  lstm.epochs is '0'; it must be at least 1",
        "  no setting 'lstm.hiden_size'; did you mean 'lstm.hidden_size'?",
        "  text.truncate is 'middle'; it must be 'end' or 'front'",
    ]


@pytest.mark.parametrize(
    ("name", "value", "expected"),
    [
        ("lstm.hidden_size", 64.5, "lstm.hidden_size is 64.5; it must be a whole number"),
        ("lstm.hidden_size", "many", "lstm.hidden_size is 'many'; it must be a whole number"),
        ("lstm.hidden_size", None, "lstm.hidden_size is None; it must be a whole number"),
        ("lstm.hidden_size", 10**9, "lstm.hidden_size is 1000000000; it must be at most 4096"),
        ("test_size", 1.0, "test_size is 1.0; it must be below 1.0"),
        ("test_size", 0, "test_size is 0; it must be above 0.0"),
        ("lstm.learning_rate", "fast", "lstm.learning_rate is 'fast'; it must be a number"),
        ("lstm.learning_rate", "inf", "lstm.learning_rate is 'inf'; it must be a finite number"),
        ("lstm.weight_decay", float("nan"), "lstm.weight_decay is nan; it must be a finite number"),
        ("lstm.bidirectional", "maybe", "lstm.bidirectional is 'maybe'; it must be true or false"),
        ("lstm.pooling", "last+maxi", "lstm.pooling is 'maxi'; it must be 'last', 'max' or 'mean'"),
        (
            "lstm.pooling",
            [],
            "lstm.pooling is []; it must be one or several values, joined by '+'",
        ),
        ("split", "grouping", "split is 'grouping'; it must be 'grouped' or 'random'"),
    ],
)
def test_a_bad_value_is_named_with_what_is_allowed(name, value, expected):
    assert refusal("default", {name: value}).splitlines()[1:] == [f"  {expected}"]


@pytest.mark.parametrize(
    ("recipe", "changes", "expected"),
    [
        (
            "notebook-fast",
            {"lstm.word_dropout": 0.3},
            "lstm.word_dropout replaces words by the unknown word, and with text.unknown_words=drop"
            " there is none; set lstm.word_dropout=0 or text.unknown_words=id",
        ),
        (
            "notebook",
            {"lstm.bidirectional": True},
            "lstm.embedding_updates=keras does not work with lstm.bidirectional=true; set"
            " lstm.bidirectional=false or lstm.embedding_updates=batch",
        ),
        (
            "notebook",
            {"lstm.precision": "bfloat16"},
            "lstm.dropout_masks=gate with lstm.recurrent_dropout computes in float32; set"
            " lstm.precision=float32 or lstm.dropout_masks=batch",
        ),
        (
            "taught",
            {"teacher.models": "minilm+none"},
            "teacher.models=none is among other teachers; leave it out",
        ),
        (
            "taught",
            {"teacher.models": "minilm+a/b+minilm"},
            "teacher.models names 'minilm' more than once; give each teacher once",
        ),
    ],
)
def test_settings_that_would_have_no_effect_together_are_refused(recipe, changes, expected):
    assert refusal(recipe, changes).splitlines()[1:] == [f"  {expected}"]


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
    assert refusal(file) == (f"the recipe '{file}' has 40,005 bytes; a recipe has at most 16,384")


def test_of_many_faults_the_first_are_reported(tmp_path):
    file = tmp_path / "mine.toml"
    file.write_text("\n".join(f"x{n} = 1" for n in range(1000)))
    lines = refusal(file).splitlines()
    assert len(lines) == 102
    assert lines[-1] == "  and 900 more"


def test_a_value_that_is_too_long_is_shown_in_part(tmp_path):
    file = tmp_path / "mine.toml"
    for value in (repr("x" * 9000), f"0x{'f' * 9000}"):
        file.write_text(f"epochs = {value}")
        assert len(refusal(file)) < 10_000


def test_a_users_recipe_is_a_toml_file_that_may_extend_another(tmp_path):
    changes = '[lstm]\nhidden_size = 17\npooling = "last+mean"\n'
    settings = load_settings(
        own_recipe(tmp_path, f'extends = "taught"\ntest_size = 0.3\n{changes}')
    )
    own = {"test_size": 0.3, "lstm.hidden_size": 17, "lstm.pooling": "last+mean"}
    assert settings == load_settings("taught", own)


@pytest.mark.parametrize("base", ['"mine.toml"', '"defalt"', "3", "[1]"])
def test_a_recipe_that_extends_what_is_no_recipe_is_refused(tmp_path, base):
    message = refusal(own_recipe(tmp_path, f"extends = {base}"))
    assert "mine.toml' extends" in message
    assert "default" in message


@pytest.mark.parametrize(
    ("content", "own"),
    [
        ("", {}),
        ("[lstm]\nepochs = 3\n", {"lstm.epochs": 3}),
        (
            'test_size = 0.3\n[count]\nwords = 2\nc = "1+3"\n',
            {"test_size": 0.3, "count.words": 2, "count.c": "1+3"},
        ),
        ("[lstm]\nhidden_size = 20\n", {"lstm.hidden_size": 20}),
    ],
)
def test_a_users_recipe_inherits_from_default(tmp_path, content, own):
    assert load_settings(own_recipe(tmp_path, content)) == load_settings("default", own)


def test_a_single_setting_beats_a_users_recipe(tmp_path):
    recipe = own_recipe(tmp_path, "[lstm]\nepochs = 3\npatience = 4\n")
    settings = load_settings(recipe, {"lstm.epochs": 5})
    assert (settings.lstm.epochs, settings.lstm.patience) == (5, 4)
    assert settings.set_by_user == {"lstm.epochs", "lstm.patience"}


def test_a_fault_in_a_short_recipe_is_all_that_is_reported(tmp_path):
    message = refusal(own_recipe(tmp_path, "[lstm]\nepoch = 3\n"))
    assert message.splitlines()[1:] == ["  no setting 'lstm.epoch'; did you mean 'lstm.epochs'?"]


def test_a_copy_of_a_recipe_does_what_the_recipe_does(tmp_path):
    """Only what was changed in it is set by a user, and adapts to no data."""
    whole = (resources.files("wordgate") / "recipes" / "default.toml").read_text("utf-8")
    assert load_settings(own_recipe(tmp_path, whole)) == load_settings("default")
    changed = load_settings(own_recipe(tmp_path, whole.replace("epochs = 40 ", "epochs = 2 ")))
    assert changed == load_settings("default", {"lstm.epochs": 2})
    assert changed.set_by_user == {"lstm.epochs"}


def test_an_unknown_setting_in_a_copy_of_a_recipe_is_refused(tmp_path):
    message = refusal(own_recipe(tmp_path, f"epoch = 3\n{recipe_toml('default')}"))
    assert message.splitlines()[1].startswith("  no setting 'epoch'; did you mean 'mlp.epochs' or")


@pytest.mark.parametrize(
    ("own", "setting", "value"),
    [
        ({"lstm.epochs": 30}, "lstm.max_updates", 0),
        ({"lstm.patience": 3}, "lstm.patience_updates", 0),
        ({"lstm.patience": 3, "lstm.patience_updates": 5}, "lstm.patience_updates", 5),
        ({"lstm.hidden_size": 30}, "lstm.lighter_candidate", False),
    ],
)
def test_what_is_set_leaves_no_setting_that_would_overrule_it(tmp_path, own, setting, value):
    table = "\n".join(f"{name.removeprefix('lstm.')} = {one}" for name, one in own.items())
    for settings in (
        load_settings("default", own),
        load_settings(own_recipe(tmp_path, f"[lstm]\n{table}\n")),
    ):
        assert settings.flat()[setting] == value


@pytest.mark.parametrize("content", ["lstm = 3", "[lstm.a]\nb = 1", "[lsmt]\nhidden_size = 3"])
def test_tables_that_are_none_of_the_schema_are_refused(tmp_path, content):
    message = refusal(own_recipe(tmp_path, f'extends = "default"\n{content}\n'))
    assert message.splitlines()[1].startswith("  no setting 'ls")


def test_an_unknown_recipe_is_refused_with_a_suggestion():
    assert refusal("defalt") == "no recipe 'defalt'; did you mean 'default'?"
    assert refusal("qqq") == (
        f"no recipe 'qqq'; available: {', '.join(recipe_names())}, the path of your own .toml file"
    )


def test_a_recipe_that_cannot_be_read_is_refused_by_name(tmp_path):
    missing, broken, not_text = tmp_path / "a.toml", tmp_path / "b.toml", tmp_path / "c.toml"
    broken.write_text("split = [", encoding="utf-8")
    not_text.write_bytes(b"split = '\xff'")
    assert refusal(missing) == f"the recipe '{missing}' cannot be read: No such file or directory"
    assert refusal(broken).startswith(f"the recipe '{broken}' is not valid TOML: ")
    assert refusal(not_text).startswith(f"the recipe '{not_text}' is not valid TOML: 'utf-8' codec")


def test_assignments_are_cut_at_their_first_sign():
    assert parse_assignments(["lstm.hidden_size=64", " lstm.pooling = last+max ", "a=b=c"]) == {
        "lstm.hidden_size": "64",
        "lstm.pooling": "last+max",
        "a": "b=c",
    }


@pytest.mark.parametrize("assignment", ["hidden_size", "=64", " =64", ""])
def test_an_assignment_without_a_name_or_a_sign_is_refused(assignment):
    with pytest.raises(SettingsError) as caught:
        parse_assignments([assignment])
    assert str(caught.value) == (
        f"'{assignment}' is not a setting; write NAME=VALUE, such as lstm.hidden_size=64"
    )


def test_a_setting_that_is_set_twice_is_refused(tmp_path):
    """Neither `--set`, nor a dictionary, nor a recipe lets the last one silently win."""
    expected = "lstm.epochs is set more than once: 1 and 2; set it once"
    with pytest.raises(SettingsError) as caught:
        parse_assignments(["lstm.epochs=1", "text.max_words=5", "lstm.epochs = 2"])
    assert str(caught.value) == expected
    twice = {"lstm": {"epochs": 1}, "lstm.epochs": 2}
    with pytest.raises(SettingsError) as caught:
        load_settings("default", twice)
    assert str(caught.value) == expected
    recipe = tmp_path / "mine.toml"
    recipe.write_text('"lstm.epochs" = 1\n[lstm]\nepochs = 2\n', encoding="utf-8")
    with pytest.raises(SettingsError) as caught:
        load_settings(recipe)
    assert str(caught.value) == expected


def test_teachers_are_joined_by_plus_and_none_is_none():
    def teacher(**changes):
        return load_settings("taught", {f"teacher.{k}": v for k, v in changes.items()}).teacher

    assert teacher().models == ("minilm",)
    assert teacher(models="minilm + a/b").models == ("minilm", "a/b")
    assert teacher(models=("a+b",)).models == ("a+b",)  # from --teacher
    assert teacher().is_given
    assert not teacher(models="none").is_given
    assert not load_settings("default").teacher.is_given


COSTS = {
    "spam": {"false_positive": 1.0, "false_negative": 5.0},
    "two words": {"false_positive": 0.5, "false_negative": 1.0},
}


def costs_file(tmp_path, content):
    path = tmp_path / "costs.toml"
    path.write_text(content, encoding="utf-8")
    return path


@pytest.mark.parametrize(
    "value",
    [
        COSTS,
        {"spam": {"false_negative": "5"}, "two words": {"false_positive": 0.5}},
        "spam=1:5, two words = .5:1",
    ],
)
def test_costs_by_label_are_typed_or_given(value):
    settings = load_settings("default", {"objective": value})
    assert settings.flat()["objective"] == COSTS
    assert format_setting(settings.objective) == "spam=1:5,two words=0.5:1"


def test_costs_by_label_stand_in_a_file_or_in_a_table_of_a_recipe(tmp_path):
    table = '[{0}spam]\nfalse_negative = 5\n[{0}"two words"]\nfalse_positive = 0.5\n'
    file = costs_file(tmp_path, table.format(""))
    for given in (file, str(file)):
        settings = load_settings("default", {"objective": given})
        assert (settings.objective, settings.set_by_user) == (COSTS, {"objective"})
    recipe = own_recipe(tmp_path, table.format("objective."))
    assert load_settings(recipe).objective == COSTS
    again = own_recipe(tmp_path, recipe_toml(recipe))
    assert load_settings(again).objective == COSTS


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        (
            "accuracy",
            "objective is 'accuracy'; it must be auto, none, f1, precision@P, recall@R,"
            " cost@FALSE-POSITIVE:FALSE-NEGATIVE, or costs by label"
            " (a .toml file, or for example spam=1:5)",
        ),
        (
            {"spam": 5},
            "objective gives 'spam' 5; it must be costs, such as {false_positive = 1,"
            " false_negative = 5}",
        ),
        (
            {"spam": {"false_negativ": 5}},
            "objective gives 'spam' an unknown cost 'false_negativ'; did you mean"
            " 'false_negative'?",
        ),
        (
            {"spam": {"false_negative": -5}},
            "objective gives 'spam' the false_negative -5; it must be a finite number above 0",
        ),
        (
            "spam=1:much",
            "objective gives 'spam' the false_negative 'much'; it must be a finite number above 0",
        ),
        ("recall@7", "objective is 'recall@7'; its value must be above 0 and at most 1"),
        ("precision@0", "objective is 'precision@0'; its value must be above 0 and at most 1"),
        ("cost@0:5", "objective is 'cost@0:5'; its costs must be finite numbers above 0"),
        ("cost@1:0.0", "objective is 'cost@1:0.0'; its costs must be finite numbers above 0"),
        (
            "spam=1:5,ham=2:1, spam=1:1",
            "objective names the label 'spam' more than once: name it once",
        ),
    ],
)
def test_costs_by_label_that_are_none_are_named(value, expected):
    assert refusal("default", {"objective": value}).splitlines()[1:] == [f"  {expected}"]


@pytest.mark.parametrize("objective", ["recall@1", "precision@.5", "cost@0.5:5", "f1", "auto"])
def test_objectives_within_their_range_are_taken(objective):
    assert load_settings("default", {"objective": f" {objective} "}).objective == objective


def test_a_label_is_given_one_weight():
    for given in ("spam=5, spam=1", {1: 5, "1": 1}):
        assert " more than once: name it once" in refusal("default", {"class_weight": given})


def test_a_file_of_costs_may_name_thousands_of_labels(tmp_path):
    lines = [
        f'"label {i}" = {{ false_positive = 1, false_negative = {i} }}' for i in range(1, 3001)
    ]
    costs = load_settings(
        "default", {"objective": costs_file(tmp_path, "\n".join(lines))}
    ).objective
    assert len(costs) == 3000
    assert costs["label 3000"] == {"false_positive": 1.0, "false_negative": 3000.0}


@pytest.mark.parametrize(
    ("content", "expected"),
    [
        ("#\n" * 600_000, "has 1,200,000 bytes; a file of costs has at most 1,048,576"),
        (f"{'a.' * 20_000}a = 1", "has a line of 40,005 bytes; a line has at most 4,096"),
    ],
)
def test_a_file_of_costs_larger_than_any_is_refused_at_once(tmp_path, content, expected):
    file = costs_file(tmp_path, content)
    assert refusal("default", {"objective": file}) == f"the file of costs '{file}' {expected}"


@pytest.mark.parametrize(
    ("content", "expected"),
    [
        (None, "the file of costs '{}' cannot be read: No such file or directory"),
        ("", "the file of costs '{}' names no label"),
        ("spam = {", "the file of costs '{}' is not valid TOML: "),
    ],
)
def test_a_file_of_costs_that_is_none_is_named(tmp_path, content, expected):
    path = tmp_path / "costs.toml" if content is None else costs_file(tmp_path, content)
    with pytest.raises(SettingsError) as error:
        load_settings("default", {"objective": path})
    assert str(error.value).startswith(expected.format(path))


def test_settings_of_teachers_are_read_by_the_families_that_can_be_taught():
    for family in FAMILIES.values():
        assert family.reads("teacher.weight") == family.can_be_taught
    assert {family.name for family in FAMILIES.values() if family.can_be_taught} == {"lstm", "mlp"}


def test_each_setting_is_read_by_some_family():
    for name in setting_fields():
        assert any(family.reads(name) for family in FAMILIES.values())


def test_epochs_that_a_user_sets_are_all_trained():
    def most(**changes):
        return load_settings(
            "default", {f"lstm.{k}": v for k, v in changes.items()}
        ).lstm.max_updates

    assert most()
    assert not most(epochs=30)
    assert most(epochs=30, max_updates=7) == 7


def test_the_last_epoch_is_kept_only_where_the_schedule_has_an_end():
    with pytest.raises(SettingsError, match=r"set lstm\.schedule=one-cycle or another"):
        load_settings("default", {"lstm.epoch_score": "last"})


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        ("balanced", "balanced"),
        (" none ", "none"),
        ("spam=5,ham=1", {"spam": 5.0, "ham": 1.0}),
        (" two words = 0.5 , a=b=2", {"two words": 0.5, "a=b": 2.0}),
        ({"spam": "5", 1: 2}, {"spam": 5.0, "1": 2.0}),
    ],
)
def test_weights_of_labels_are_typed_or_given(value, expected):
    assert load_settings("default", {"class_weight": value}).flat()["class_weight"] == expected


def test_weights_of_labels_stand_in_a_table_of_a_recipe(tmp_path):
    recipe = own_recipe(tmp_path, '[class_weight]\nspam = 5\n"a,b=c.d" = 0.5\n')
    settings = load_settings(recipe)
    assert settings.class_weight == {"spam": 5.0, "a,b=c.d": 0.5}
    assert settings.set_by_user == {"class_weight"}
    assert load_settings(recipe, {"class_weight": "none"}).class_weight == "none"


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        (
            "heavy",
            "class_weight is 'heavy'; it must be 'none', 'moderate', 'balanced', or labels with"
            " their weights, such as spam=5,ham=1",
        ),
        (
            {},
            "class_weight is {}; it must be 'none', 'moderate', 'balanced', or labels with their"
            " weights, such as spam=5,ham=1",
        ),
        (
            "spam=5,ham",
            "class_weight is 'spam=5,ham'; it must be 'none', 'moderate', 'balanced', or labels"
            " with their weights, such as spam=5,ham=1",
        ),
        (
            "spam=much",
            "class_weight gives 'spam' the weight 'much'; it must be a finite number above 0",
        ),
        (
            {"spam": 0},
            "class_weight gives 'spam' the weight 0; it must be a finite number above 0",
        ),
        (
            {"spam": float("inf")},
            "class_weight gives 'spam' the weight inf; it must be a finite number above 0",
        ),
    ],
)
def test_weights_of_labels_that_are_none_are_named(value, expected):
    assert refusal("default", {"class_weight": value}).splitlines()[1:] == [f"  {expected}"]
