"""Training in several processes, from the command line, of which any may be lost."""

import os
import random
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from safetensors.numpy import load_file
from tests.conftest import own_environment

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(not Path("/proc").is_dir(), reason="finds processes as Linux has them"),
]

PYTHON = {
    "workers": [sys.executable, "-m"],
    "ray": [sys.executable, "-m"],
    "torchrun": [sys.executable, "-m", "torch.distributed.run", "--nproc-per-node", "2", "-m"],
}
OWN = {
    "workers": ["--workers", "2", "--threads", "2"],
    "ray": ["--workers", "2", "--engine", "ray"],  # each in one thread, as below torchrun
    "torchrun": ["--threads", "2"],
}
WAYS = ["workers", "torchrun", pytest.param("ray", marks=pytest.mark.needs("ray"))]


@pytest.fixture(scope="module")
def table(tmp_path_factory):
    """Texts of two labels, of which some words tell something."""
    rng, file = random.Random(0), tmp_path_factory.mktemp("processes") / "texts.csv"
    lines = ["text,label"]
    for _ in range(600):
        label = rng.choice(["good", "bad"])
        words = [rng.choice([f"{label}{rng.randrange(9)}", f"word{rng.randrange(99)}"])]
        words += [f"word{rng.randrange(300)}" for _ in range(rng.randrange(4, 12))]
        lines.append(f"{' '.join(rng.sample(words, len(words)))},{label}")
    file.write_text("\n".join(lines) + "\n")
    return file


def command(way, table, out, *more, epochs=2):
    """Give a command that trains in two processes, cut into small batches."""
    settings = ["lstm.lighter_candidate=false", "lstm.batch_size=16", "lstm.patience=1000"]
    return [
        *PYTHON[way],
        "wordgate",
        *("train", str(table), "--out", str(out), "--epochs", str(epochs)),
        *(part for setting in settings for part in ("--set", setting)),
        *("--text", "text", "--label", "label", "--group", "none", *OWN[way], *more),
    ]


def run(arguments):
    return subprocess.run(
        arguments, capture_output=True, text=True, env=own_environment(), check=False, timeout=600
    )


@pytest.mark.parametrize("way", WAYS[1:])
def test_all_ways_train_the_same_model_and_one_process_reports(table, tmp_path, way):
    results = {}
    for each in ("workers", way):
        done = run(command(each, table, tmp_path / each))
        assert done.returncode == 0, done.stderr
        assert done.stdout.count("Accuracy on") == 1
        assert done.stderr.count("Splitting") == 1
        results[each] = load_file(tmp_path / each / "weights.safetensors")
    assert set(os.listdir(tmp_path)) == {"workers", way}
    assert all((results[way][name] == array).all() for name, array in results["workers"].items())


@pytest.mark.parametrize("way", WAYS[:2])  # on Ray it continues: see test_ray.py
def test_when_a_process_is_killed_the_training_can_be_resumed(table, tmp_path, way):
    out, checkpoint = tmp_path / "model", tmp_path / "model.checkpoint"
    started = subprocess.Popen(
        command(way, table, out, epochs=100_000),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env=own_environment(),
    )
    wait_for(checkpoint.exists, started)
    os.kill(worker_of(started.pid, way), signal.SIGKILL)
    _, errors = started.communicate(timeout=120)
    assert started.returncode == 1
    assert "of the 2 training processes," in errors
    assert f"the checkpoint is kept in {checkpoint}; run the same command with --resume" in errors
    assert not out.exists()
    resumed = run(command(way, table, out, "--resume", "--max-minutes", "0", epochs=100_000))
    assert resumed.returncode == 0, resumed.stderr
    assert f"Resumed from {checkpoint}" in resumed.stderr
    assert out.is_dir()
    assert not checkpoint.exists()


def test_both_candidates_are_kept_at_an_interruption_and_resumed(table, tmp_path):
    """The script sets the least number of texts: the data is small."""
    out, checkpoint = tmp_path / "model", tmp_path / "model.checkpoint"
    script = (
        "import sys; from wordgate.training import processes; processes.FEWEST_TEXTS = 1;"
        " from wordgate.cli.main import run; run(sys.argv[1:])"
    )
    epochs, patience = ["--epochs", "100000"], ["--set", "lstm.patience=100000"]
    arguments = [
        *(sys.executable, "-c", script, "train", str(table), "--out", str(out), "--threads", "2"),
        *("--text", "text", "--label", "label", "--group", "none", *epochs, *patience),
    ]
    started = subprocess.Popen(
        arguments, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=own_environment()
    )
    second = Path(f"{checkpoint}-2")
    wait_for(lambda: checkpoint.exists() and second.exists(), started)
    started.send_signal(signal.SIGINT)
    _, errors = started.communicate(timeout=120)
    assert started.returncode == 130
    assert f"the checkpoint is kept in {checkpoint}" in errors
    resumed = run([*arguments, "--resume", "--max-minutes", "0"])
    assert resumed.returncode == 0, resumed.stderr
    assert f"Resumed from {checkpoint} after" in resumed.stderr
    assert f"Resumed from {second} after" in resumed.stderr
    assert not checkpoint.exists()
    assert not second.exists()


def wait_for(condition, process):
    """Wait until something holds, two minutes at most."""
    for _ in range(1200):
        if condition():
            return
        assert process.poll() is None, process.communicate()[1]
        time.sleep(0.1)
    raise TimeoutError


def worker_of(parent, way):
    """Find the worker process: its arguments or variables name its rank."""
    file, begins = {"workers": ("cmdline", "1 2 "), "torchrun": ("environ", "RANK=1")}[way]
    found = [parent]
    for process in found:
        parts = Path(f"/proc/{process}/{file}").read_text().split("\0")
        if any(part.startswith(begins) for part in parts):
            return int(process)
        found += Path(f"/proc/{process}/task/{process}/children").read_text().split()
    raise LookupError(begins)
