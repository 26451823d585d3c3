"""The same command gives the same model, in whatever process it runs."""

import hashlib
import os
import subprocess
import sys
from pathlib import Path

import pytest

pytestmark = pytest.mark.slow

# An LSTM with every use of chance, and word counts; one process trains both.
TRAIN = """
import sys
from wordgate.cli.main import exit_code
data, out = sys.argv[1:]
tiny = (
    "lstm.epochs=2 lstm.min_updates=1 lstm.hidden_size=8 lstm.embedding_size=8 text.min_groups=1"
    " lstm.recurrent_dropout=0.2"
)
settings = [word for setting in tiny.split() for word in ("--set", setting)]
failed = exit_code(["train", data, "--out", f"{out}-lstm", *settings])
sys.exit(failed or exit_code(["train", data, "--out", f"{out}-count", "--model", "count"]))
"""


def start(data, out, threads, seed):
    return subprocess.Popen(
        [sys.executable, "-c", TRAIN, str(data), str(out)],
        env={**os.environ, "PYTHONHASHSEED": str(seed), "OMP_NUM_THREADS": str(threads)},
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        text=True,
    )


def digest(out):
    """Give the hash of both models: weights, vocabulary, fingerprints."""
    content = hashlib.sha256()
    for family in ("lstm", "count"):
        for name in ("model.json", "weights.safetensors", "fingerprints.safetensors"):
            content.update((Path(f"{out}-{family}") / name).read_bytes())
    return content.hexdigest()


@pytest.mark.needs("torch")
@pytest.mark.parametrize("threads", [1, 2])
def test_fresh_processes_make_the_same_model(few_reviews, tmp_path, threads, how_many, found):
    if how_many(threads, 1) == 2:
        pytest.skip("two threads in the long form alone")
    seeds, hashes = range(how_many(2, 10)), set()
    for first in range(0, len(seeds), 2):  # two at a time
        pair = {
            seed: start(few_reviews, tmp_path / f"{seed}", threads, seed)
            for seed in seeds[first:][:2]
        }
        for seed, process in pair.items():
            assert (process.communicate()[1].count("Traceback"), process.returncode) == (0, 0)
            hashes.add(digest(tmp_path / f"{seed}"))
    what = "1 thread" if threads == 1 else f"{threads} threads"
    found(f"{len(seeds)} fresh processes, each its PYTHONHASHSEED, {what}", f"{len(hashes)} hash")
    assert len(hashes) == 1
