"""A training killed at any instant is resumed to bit-identical results, and no model is lost."""

import json
import os
import subprocess
import sys
import tempfile
from collections import Counter
from pathlib import Path

import pytest

HERE = Path(__file__).parent
ONE_THREAD = {"OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1", "MKL_NUM_THREADS": "1"}

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(not hasattr(os, "fork"), reason="forks"),
]


def start(script, *arguments):
    command = [sys.executable, HERE / script, *arguments]
    return subprocess.Popen(
        [str(word) for word in command],
        env={**os.environ, **ONE_THREAD},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def reports(process):
    """Wait for a script to succeed; return its lines."""
    out, err = process.communicate()
    assert (process.returncode, err) == (0, "")
    return [json.loads(line) for line in out.splitlines()]


@pytest.fixture(scope="module")
def killed(few_reviews, how_many, on_disk):
    """Trainings that were killed and resumed; in the long form by two scripts at a time."""
    n_scripts, epochs, kills = how_many(1, 2), how_many(4, 25), how_many(2, 10)
    once, often = how_many(2, 200) // n_scripts, how_many(1, 20) // n_scripts
    running = [
        start(
            "killed_training.py", few_reviews, tempfile.mkdtemp(dir=on_disk), epochs, seed, once,
            often, kills,
        )
        for seed in range(n_scripts)
    ]  # fmt: skip
    reported = [line for process in running for line in reports(process) if "equal" in line]
    return (
        [each for each in reported if each["kind"] != "often"],
        [each for each in reported if each["kind"] == "often"],
    )


@pytest.mark.needs("torch")
def test_a_training_killed_at_a_random_instant_ends_in_the_same_bits(killed, found, how_many):
    once, _ = killed
    equal = sum(each["equal"] for each in once)
    writing = Counter(each["writing"][0] for each in once)
    found(
        "SIGKILL at a random instant, then --resume: weights, moments, best network, history",
        f"{equal} of {len(once)} equal; {writing[1]} died writing a checkpoint, {writing[2]} the"
        " bundle",
    )
    assert equal == len(once)
    assert 4 * (writing[1] + writing[2]) >= how_many(2, 200)  # more are tried until so many were


@pytest.mark.needs("torch")
def test_a_training_killed_many_times_ends_in_the_same_bits(killed, found):
    _, often = killed
    equal = sum(each["equal"] for each in often)
    kills = [len(each["writing"]) for each in often]
    found(f"the same, killed {kills[0]} times each", f"{equal} of {len(often)} equal")
    assert equal == len(often)


@pytest.mark.needs("torch")
def test_after_each_kill_there_is_a_checkpoint_that_can_be_read(killed, found):
    left = Counter(kept for part in killed for each in part for kept in each["kept"])
    needed = left.total() - left["none yet"] - left["its model"]
    found(
        "after each kill: a readable checkpoint, current or previous",
        f"{left['readable']} of {needed}; {left['none yet']} before the first,"
        f" {left['its model']} after the model",
    )
    assert left["readable"] == needed, left
    assert needed


@pytest.mark.needs("torch")
def test_nothing_is_left_beside_the_model_in_the_end(killed):
    assert [each["left"] for part in killed for each in part if each["left"]] == []


def test_a_model_killed_at_any_step_of_its_writing_is_the_old_or_the_new(
    count_model, lstm_model, tmp_path, found
):
    reported = reports(start("killed_writing.py", count_model.folder, lstm_model.folder, tmp_path))
    at_once = [each for each in reported if each["exchanges"]]
    one_by_one = [each for each in reported if not each["exchanges"]]
    found(
        "SIGKILL before each step of replacing a model",
        f"{len(reported)} steps, old or new each time",
    )
    assert min(len(at_once), len(one_by_one)) > 25
    assert {each["found"] for each in at_once} == {"old", "new"}
    assert {each["then"] for each in one_by_one} == {"old", "new"}
    assert [each["found"] for each in one_by_one].count("None") == 1
    assert all((each["end"], each["left"]) == ("new", ["m"]) for each in reported)
