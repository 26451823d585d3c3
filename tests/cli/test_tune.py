"""`wordgate tune` prints the command that trains with the recipe on the same rows."""

import shlex

import pytest


@pytest.fixture
def tuned(wordgate, reviews, tmp_path):
    pytest.importorskip("optuna", reason="needs the extra 'tune'")
    options = ["--family", "count", "--set", "count.c=1", "--minutes", "5", "--trials", "1"]
    rows = ["--label", "label", "--group", "id", "--drop-label", "so, so", "--test-size", "0.3"]
    out = tmp_path / "mine.toml"
    return wordgate("tune", reviews, *options, *rows, "--seed", "3", "-q", "--out", out), out


def test_the_suggested_training_has_the_options_of_the_rows(wordgate, reviews, tuned, tmp_path):
    ended, out = tuned
    *_, last = ended.out.splitlines()
    messages, _, written = last.partition(" Train and test with it: ")
    assert messages == f"Saved to {out}."
    words = shlex.split(written)
    assert words[1:-2] == [
        "train", str(reviews), "--label", "label", "--group", "id", "--drop-label", "so, so",
        "--test-size", "0.3", "--seed", "3", "--family", "count", "--recipe", str(out),
    ]  # fmt: skip
    assert wordgate(*words[1:-1], tmp_path / "m").code == 0


def test_a_single_score_is_not_the_highest_of_several(tuned):
    ended, out = tuned
    assert "The settings of the recipe: accuracy 0." in ended.out
    assert "inner folds of the training rows. The test rows were not used." in ended.out
    assert "inner folds of the training rows.\n" in out.read_text(encoding="utf-8")
