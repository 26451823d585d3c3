"""`wordgate recipe`: its output can be saved and used for training."""

import json

import pytest

from wordgate.settings import load_settings, recipe_names


def trains_the_same(one, other):
    """Compare all that a recipe decides: its settings, and which of them a user set."""
    one, other = load_settings(one), load_settings(other)
    return (one, one.set_by_user) == (other, other.set_by_user)


@pytest.fixture
def saved(wordgate, tmp_path):
    """Save what `recipe show` prints of a recipe."""

    def save(recipe):
        ended = wordgate("recipe", "show", recipe)
        assert (ended.code, ended.err) == (0, "")
        file = tmp_path / "saved.toml"
        file.write_text(ended.out, encoding="utf-8")
        return file

    return save


def test_the_recipes_are_listed_with_a_line_each(wordgate):
    lines = wordgate("recipe", "list").out.splitlines()
    assert [line.split()[0] for line in lines] == recipe_names()
    assert lines[0] == "default        For your own data: chosen by accuracy on unseen groups."
    assert all(line.endswith(".") for line in lines)
    assert list(json.loads(wordgate("recipe", "list", "--json").out)) == recipe_names()


@pytest.mark.parametrize("name", recipe_names())
def test_a_recipe_that_is_shown_and_saved_trains_the_same(saved, name):
    file = saved(name)
    assert trains_the_same(file, name)
    assert "# " not in file.read_text(encoding="utf-8")


@pytest.mark.parametrize(
    "content",
    [
        "[lstm]\nhidden_size = 32\n",
        'extends = "taught"\n[lstm]\nepochs = 5\npooling = ["last", "max"]\n',
        "[lstm]\nepochs = 40\n[count]\nc = [0.5, 2]\n",
        'extends = "notebook"\nsplit = "grouped"\n',
        "",
    ],
)
def test_a_users_recipe_that_is_shown_and_saved_trains_the_same(saved, tmp_path, content):
    mine = tmp_path / "mine.toml"
    mine.write_text(content, encoding="utf-8")
    assert trains_the_same(saved(mine), mine)


def test_inherited_settings_of_a_users_recipe_are_shown_as_comments(saved, tmp_path):
    mine = tmp_path / "mine.toml"
    mine.write_text("[lstm]\nepochs = 7\n", encoding="utf-8")
    lines = saved(mine).read_text(encoding="utf-8").splitlines()
    assert lines[:3] == ['extends = "default"', "", '# split = "grouped"']
    assert "epochs = 7" in lines
    assert "# max_updates = 0" in lines  # since the epochs are set
    assert [line for line in lines[3:] if line and not line.startswith(("#", "["))] == [
        "epochs = 7"
    ]


def test_a_value_that_is_changed_in_a_saved_recipe_is_set_by_the_user(saved):
    file = saved("taught")
    content = file.read_text(encoding="utf-8")
    file.write_text(content.replace("batch_size = 128\n", "batch_size = 64\n"), encoding="utf-8")
    settings = load_settings(file)
    assert (settings.lstm.batch_size, settings.lstm.epochs) == (64, 5)
    assert settings.set_by_user == {"lstm.batch_size"}


def test_a_recipe_is_shown_as_json(wordgate):
    settings = json.loads(wordgate("recipe", "show", "taught", "--json").out)
    assert settings == load_settings("taught").model_dump(mode="json")


def test_a_recipe_that_is_not_there_is_refused(wordgate):
    ended = wordgate("recipe", "show", "defualt")
    assert (ended.code, ended.out) == (1, "")
    assert ended.err == "wordgate: no recipe 'defualt'; did you mean 'default'?\n"
