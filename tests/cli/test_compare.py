"""`wordgate compare` in a terminal: tables on standard output, the rest on standard error."""

import json

import pytest

from wordgate.families import FAMILIES


@pytest.fixture
def compare(wordgate, reviews, tmp_path):
    """Compare word counts with nothing, on a grouped split, which is over at once."""
    usual = ("compare", reviews, "--models", "count", "--split", "grouped")
    return lambda *options: wordgate(*usual, "--out", tmp_path / "comparison", *options)


def test_compare_prints_results_on_standard_output_alone(wordgate, reviews, tmp_path, tiny):
    settings = [word for key, value in tiny.items() for word in ("--set", f"{key}={value}")]
    out = tmp_path / "comparison"
    ended = wordgate("compare", reviews, "--models", "count, lstm", "--out", out, *settings)
    assert ended.code == 0
    lines = ended.out.splitlines()
    assert lines[0].split("  ")[0] == "random split"
    assert [line.split()[0] for line in lines[1:3]] == ["count", "lstm"]
    assert lines[4].split("  ")[0] == "grouped split"
    assert [line.split()[0] for line in lines[5:7]] == ["count", "lstm"]
    assert any(line.startswith("lstm vs. count ") for line in lines)
    assert any(
        line.startswith("random split: Of 60 test rows, 60 (100.0%) share a group")
        for line in lines
    )
    assert "Evaluated on: the test rows of one split; seed 0, recipe default." in lines
    assert lines[-1] == f"Full results: {out}/report.html"
    assert ended.err.startswith(f"Reading {reviews} ...\nreviews.csv: 300 texts, 2 labels\n")
    assert "\nFitting count on the random split ...\n" in ended.err
    assert "\nlstm, grouped split: accuracy " in ended.err
    assert sorted(file.name for file in out.iterdir()) == ["comparison.json", "report.html"]


def test_families_that_can_not_take_part_are_named(wordgate, reviews, tmp_path, monkeypatch):
    few = {name: FAMILIES[name] for name in ("count", "mlp")}
    monkeypatch.setattr("wordgate.experiments.resolving.FAMILIES", few)
    ended = wordgate("compare", reviews, "--split", "grouped", "--out", tmp_path / "comparison")
    assert ended.code == 0
    sentence = "Left out: mlp, which averages word vectors: give a file with --vectors;"
    assert sentence in ended.out
    assert sentence in ended.err


def test_compare_with_json_prints_one_object(compare, tmp_path):
    ended = compare("--json", "--seed", 3)
    facts = json.loads(ended.out)
    kept = json.loads((tmp_path / "comparison" / "comparison.json").read_text(encoding="utf-8"))
    assert facts == kept
    assert [(one["family"], one["kind"]) for one in facts["results"]] == [("count", "grouped")]
    assert (facts["seed"], facts["results"][0]["scores"]["n"]) == (3, 60)


def test_options_reach_the_comparison(wordgate, reviews, review_vectors, tmp_path):
    ended = wordgate(
        "compare", reviews, "--models", "logreg", "--vectors", review_vectors, "--folds", 2,
        "--split", "grouped", "--limit", 200, "--set", "average.weights=plain", "--json",
        "--out", tmp_path / "comparison",
    )  # fmt: skip
    facts = json.loads(ended.out)
    assert (facts["vectors"], facts["folds"]) == (review_vectors.name, 2)
    assert facts["results"][0]["scores"]["n"] == 200
    assert "rare words weigh more" not in ended.err


def test_a_comparison_that_exists_is_replaced_only_on_request(compare, tmp_path):
    assert compare().code == 0
    ended = compare()
    assert (ended.code, ended.out) == (1, "")
    assert ended.err == (
        f"wordgate: {tmp_path}/comparison exists; choose another --out, or replace it with"
        " --overwrite\n"
    )
    assert compare("--overwrite").code == 0


def test_there_must_be_something_to_resume(compare, tmp_path):
    ended = compare("--resume")
    assert (ended.code, ended.out) == (1, "")
    assert ended.err == (
        f"wordgate: there is no {tmp_path}/comparison.checkpoint to resume from; leave out --resume"
        " to start\n"
    )
    assert list(tmp_path.iterdir()) == []
