"""Fitting and predicting in a child that was forked after the same was done in its parent."""

import json
import os
import subprocess
import sys

import numpy as np
import pytest
from tests.conftest import review_rows

pytest.importorskip("torch", reason="needs torch")
if not hasattr(os, "fork"):
    pytest.skip("there is no fork here", allow_module_level=True)

# For each family, told one by one: a line of JSON in, a line of JSON out.
SCRIPT = """
import json, multiprocessing, sys
import wordgate
from wordgate import WordgateClassifier
from wordgate.errors import SettingsError

rows = json.loads(sys.argv[1])
texts, labels = [row[2] for row in rows], [row[1] for row in rows]
seconds = 120  # a child that hangs is a failure


def fit(options, threads=None):
    classifier = WordgateClassifier(threads=threads, **options).fit(texts, labels)
    proba = classifier.predict_proba(texts).tolist()
    return proba, classifier.predictor_.config.environment["threads"]


def predict(_):
    return loaded.predict_proba(texts).tolist()


def refused(options):
    try:
        fit(options, threads=2)
    except SettingsError as error:
        return str(error)
    return "nothing"


for line in sys.stdin:
    folder, options = json.loads(line)
    first = WordgateClassifier(threads=2, **options).fit(texts, labels)
    import torch
    torch.ones(2000, 2000).sum()  # wakes OpenMP's threads, whatever the family
    torch.ones(500, 500) @ torch.ones(500, 500)
    first.save(folder, overwrite=True)
    loaded = wordgate.load(folder)
    told = {"before": loaded.predict_proba(texts).tolist()}
    with multiprocessing.get_context("fork").Pool(1) as pool:
        told["proba"], told["threads"] = pool.apply_async(fit, (options,)).get(seconds)
        told["loaded"] = pool.apply_async(predict, (0,)).get(seconds)
        told["refused"] = pool.apply_async(refused, (options,)).get(seconds)
    print(json.dumps(told), flush=True)
"""


@pytest.fixture(scope="module")
def forked():
    """Let one process do all this for a family after the other."""
    with subprocess.Popen(
        [sys.executable, "-c", SCRIPT, json.dumps(review_rows(30))],
        stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True,
        env={**os.environ, "OMP_NUM_THREADS": "2"},
    ) as process:  # fmt: skip

        def tell(folder, options):
            process.stdin.write(f"{json.dumps([str(folder), options])}\n")
            process.stdin.flush()
            return json.loads(process.stdout.readline())

        yield tell
        process.stdin.close()


@pytest.mark.slow
@pytest.mark.parametrize("family", ["count", "logreg", "mlp", "lstm", "transformer"])
def test_a_forked_child_fits_and_predicts_in_one_thread(
    tmp_path, family, forked, ways, tiny_transformer
):
    options = {"model": family}
    if family == "transformer":
        options["settings"] = {
            "transformer.model": str(tiny_transformer), "transformer.epochs": 1,
            "transformer.min_updates": 1,            "transformer.max_tokens": 12,
        }  # fmt: skip
    else:
        options |= {name: value for name, value in ways[family].items() if name == "settings"}
        if "vectors" in ways[family]:
            options["vectors"] = str(ways[family]["vectors"])
    reported = forked(tmp_path / "model", options)
    assert reported["threads"] == "1"
    assert np.allclose(reported["loaded"], reported["before"], atol=1e-6)
    assert len(reported["proba"]) == len(reported["before"])
    if family in ("lstm", "transformer"):
        assert reported["refused"].startswith("threads is 2, but torch can use only one in a")
