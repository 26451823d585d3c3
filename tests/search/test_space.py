"""Ranges of settings: their files, and what is refused in them."""

import pytest

from wordgate.errors import SettingsError
from wordgate.families import FAMILIES
from wordgate.search.space import START_SMALL, Choices, Range, read_space, space_of
from wordgate.settings import load_settings


def space(tmp_path, content, families=("lstm",)):
    file = tmp_path / "space.toml"
    file.write_text(content, encoding="utf-8")
    return read_space(file, families)


def test_a_file_has_ranges_by_dotted_names_and_in_tables(tmp_path):
    content = """
    "lstm.hidden_size" = [32, 256]
    "lstm.learning_rate" = { low = 1e-4, high = 1e-2, log = true }
    class_weight = ["none", "moderate"]
    [text]
    min_groups = { choices = [1, 2] }
    """
    assert space(tmp_path, content) == {
        "lstm.hidden_size": Range(32, 256),
        "lstm.learning_rate": Range(1e-4, 1e-2, log=True),
        "class_weight": Choices(("none", "moderate")),
        "text.min_groups": Choices((1, 2)),
    }


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ('"lstm.hiden_size" = [1, 2]', "lstm.hiden_size is no setting; did you mean 'lstm.hidden"),
        ('"count.words" = [1, 2]', "count.words has no effect on lstm models: leave it out"),
        ("[lstm]\nhidden_size = [256, 32]", "lstm.hidden_size goes from 256 to 32; the first must"),
        ("[lstm]\nhidden_size = [0, 32]", "lstm.hidden_size is 0; it must be at"),
        ("[lstm]\npooling = ['max', 'top']", "lstm.pooling is 'top'; it must be"),
        ("[lstm]\nword_dropout = 0.3", "lstm.word_dropout is 0.3; write two numbers, such as"),
        (
            '"lstm.word_dropout" = {low = 0.0, high = 0.5, log = true}',
            "lstm.word_dropout begins at 0.0, and log = true needs more than 0",
        ),
        ('"lstm.epochs" = {low = 1, hi = 5}', "lstm.epochs has 'hi'; write two numbers"),
        (
            '"lstm.hidden_size" = [8, 16]\n[lstm]\nhidden_size = [32, 64]',
            "lstm.hidden_size is given more than once",
        ),
        ("test_size = [0.1, 0.3]", "test_size decides what is measured, so it cannot be searched"),
        ("", "names no setting"),
        ("[lstm", "is not valid TOML"),
    ],
)
def test_errors_in_a_file_are_reported_by_name_and_line(tmp_path, content, message):
    with pytest.raises(SettingsError) as error:
        space(tmp_path, content)
    assert message in str(error.value)
    assert str(tmp_path / "space.toml") in str(error.value)


@pytest.mark.parametrize("family", FAMILIES)
@pytest.mark.parametrize("vectors", [False, True])
def test_every_value_of_our_own_ranges_is_valid_and_read(family, vectors):
    found = space_of(family, {}, vectors=vectors, small=True)
    assert found or family == "logreg"
    for name, own in found.items():
        assert FAMILIES[family].reads(name)
        for value in own.ends():
            load_settings("default", {name: value})
    load_settings("default", START_SMALL.get(family, {}))


def test_a_user_s_range_takes_the_place_and_a_user_s_value_is_not_searched():
    own = {"count.words": Range(1, 2)}
    found = space_of("count", own, fixed=["count.min_texts"])
    assert found["count.words"] == Range(1, 2)
    assert "count.min_texts" not in found
    assert "count.characters" in found
