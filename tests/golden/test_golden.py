"""The results for the first generated tables against `small.json`: values, not sentences.

`small.json` holds for every machine and every Python: how tables are read, which rows are in
which part, copies and what a split of them leaks, and what scoring writes where. There are no
probabilities in it, and of labels those alone that are much more probable than the other: training
and prediction add up floating-point numbers in an order that depends on the processor and on the
libraries, which moves last bits, and with them a close call. `record.py` compares such numbers,
too, on one machine.
"""

import json
import sys
from pathlib import Path

import pytest

sys.path.append(str(Path(__file__).parent))
import record  # ruff: isort: skip
from facts import Difference, Facts, differences  # ruff: isort: skip


@pytest.mark.slow
@pytest.mark.parametrize("stage", record.STAGES)
def test_tables_give_the_recorded_results(stage, count_model, tmp_path, monkeypatch):
    golden = json.loads(record.SMALL.read_text(encoding="utf-8"))[stage]
    monkeypatch.chdir(tmp_path)
    found = record.small_stage(stage, count_model.folder, record.N_SMALL)
    assert found.keys() == golden.keys()
    changed = {
        name: {key for key in found[name].keys() | golden[name].keys()
               if found[name].get(key, "absent") != golden[name].get(key, "absent")}
        for name in golden
    }  # fmt: skip
    assert {name: keys for name, keys in changed.items() if keys} == {}


@pytest.fixture
def facts():
    """Make the record of a case from what is put into it."""

    def make(**found):
        facts = Facts()
        for key, value in found.items():
            facts.put(key, value)
        return facts.to_json()

    return make


def test_a_changed_value_is_no_changed_sentence(facts):
    before = facts(scores={"accuracy": 0.5, "reason": "4 of 8 are right"})
    assert list(differences(before, before)) == []
    after = facts(scores={"accuracy": 0.25, "reason": "right: 4 out of 8"})
    assert list(differences(before, after)) == [
        Difference("values", "scores/accuracy", 0.5, 0.25),
        Difference("wording", "scores/reason", "4 of 8 are right", "right: 4 out of 8"),
    ]


def test_another_number_in_a_sentence_is_distinguished_from_other_words(facts):
    before, after = facts(message="4 of 8 are right"), facts(message="4 of 9 are right")
    (difference,) = differences(before, after)
    assert difference.kind == "numbers"


def test_a_sentence_that_is_lost_is_a_difference_in_values(facts):
    before, after = facts(warnings=["few groups", "few rows"]), facts(warnings=["few rows"])
    assert [one.kind for one in differences(before, after)] == ["values"]
    assert [one.kind for one in differences(before, facts())] == ["values"]


def test_times_and_sizes_are_left_out(facts):
    def run(seconds, printed):
        return facts(metrics={"accuracy": 0.5, "train_seconds": seconds}, stdout=[printed])

    one = run(1.5, "Trained in 1.5 s for 2 epochs; 350 texts/s, peak memory 1,024 MB.")
    other = run(20.0, "Trained in 20.0 s for 2 epochs; 35 texts/s, peak memory 999 MB.")
    assert one == other
    assert one["sentences"]["stdout"] == ["Trained in #s for 2 epochs; #texts/s, peak memory #MB."]


def test_long_values_are_digests_that_differ(facts):
    one, other = facts(rows=list(range(300))), facts(rows=[*range(299), 300])
    assert one["values"]["rows"]["n"] == 300
    assert [found.kind for found in differences(one, other)] == ["values"]
