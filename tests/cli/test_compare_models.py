"""`wordgate compare MODEL MODEL --data FILE` in a terminal."""

import json

import pytest

import wordgate as package


@pytest.fixture
def compare(wordgate, count_model, lstm_model):
    """Compare two models on a file."""
    return lambda *options: wordgate("compare", count_model.folder, lstm_model.folder, *options)


def test_models_are_compared_on_a_file(compare, count_model, lstm_model):
    ended = compare("--data", count_model.data)
    assert ended.code == 0
    one, two = count_model.folder, lstm_model.folder
    found = package.compare_models([one, two], count_model.data)
    lines = ended.out.splitlines()
    assert lines[0].startswith(f"{one}: {found.models[0].seen.rows} of these 300 rows were seen ")
    assert lines[1].startswith(f"{two}: ")
    tables = [line.split("  ")[0] for line in lines if "95% interval  " in line]
    against = f"vs. {one}"
    assert tables == ["all 300 rows", against, f"{300 - found.known} unseen rows", against]
    scores, difference, *_ = [line.split() for line in lines if line.startswith(f"{two} (LSTM)")]
    judged = found.models[1].evaluation
    assert scores[2] == f"{judged.scores.accuracy:.3f}"
    assert difference[2] == f"{100 * judged.difference.difference:+.1f}"
    assert difference[-1] == f"{judged.agreement:.1%}"
    difference = 100 * found.models[1].unseen.difference.difference
    verdict = next(line for line in lines if line.startswith(f"{two} ") and "points" in line)
    assert f": {difference:+.1f} points, 95% interval " in verdict
    assert lines[-1].startswith(f"points: difference in accuracy from {one} on the same rows, in ")
    assert ended.err.startswith(f"Reading {count_model.data}, and looking for rows seen during")
    assert "\nreviews.csv: 300 texts, 2 labels\n" in ended.err
    assert compare("--data", count_model.data, "-q").err == ""


def test_the_comparison_of_models_as_json(compare, count_model, lstm_model):
    found = json.loads(compare("--data", count_model.data, "--json").out)
    assert (found["n"], [one["family"] for one in found["models"]]) == (300, ["count", "lstm"])
    first, second = found["models"]
    assert first["difference"] is first["agreement"] is None
    assert second["difference"].keys() == {"difference", "low", "high", "p_value", "method"}
    assert second["scores"]["n"] == 300
    assert second["unseen"]["scores"]["n"] == 300 - found["known"]
    assert first["seen"]["rows"] > 0


def test_options_of_reading_have_an_effect_on_saved_models(compare, count_model):
    found = json.loads(compare("--data", count_model.data, "--limit", 100, "--json").out)
    assert found["n"] == 100


@pytest.mark.parametrize(
    ("options", "expected"),
    [
        (["--split", "random"], "--split has no effect on saved models: leave it out"),
        (["--models", "count"], "--models has no effect on saved models: leave it out"),
        (["--out", "x"], "--out has no effect on saved models: leave it out"),
        (["--set", "lstm.epochs=3"], "--set has no effect on saved models: leave it out"),
    ],
)
def test_an_option_without_effect_on_saved_models_is_refused(
    compare, count_model, options, expected
):
    ended = compare("--data", count_model.data, *options)
    assert (ended.code, ended.out) == (2, "")
    assert expected in ended.err


def test_models_are_distinguished_from_data(wordgate, count_model, lstm_model, reviews):
    model = count_model.folder
    needed = "name the labeled texts to compare the models on: --data FILE"
    not_one = f"give one DATA, or the folders of saved models: '{reviews}' is not a model"
    alone = f"to evaluate one: wordgate evaluate {model} {reviews}"
    idle = f"--data {reviews} has no effect without saved models, and '{reviews}' is not one"
    for arguments, expected in (
        ([model, lstm_model.folder], needed),
        ([model, reviews], not_one),
        ([reviews, reviews], not_one),
        ([model, "--data", reviews], alone),
        ([reviews, "--data", reviews], idle),
    ):
        ended = wordgate("compare", *arguments)
        assert (ended.code, ended.out) == (2, "")
        assert expected in " ".join(ended.err.split())


def test_a_changed_file_of_a_model_is_warned_of(wordgate, count_model, copied):
    folder = copied(count_model)
    (folder / "README.md").write_text("changed")
    ended = wordgate("compare", count_model.folder, folder, "--data", count_model.data)
    assert ended.code == 0
    assert f"wordgate: warning: {folder}/README.md was changed or is missing" in ended.err
