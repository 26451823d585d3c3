"""The cost of checkpoints, measured in the long form only."""

import time

import numpy as np
import pytest

from wordgate.data.dataset import Dataset
from wordgate.experiments.resolving import resolve_settings
from wordgate.runtime.progress import Silent
from wordgate.training.checkpoint import Checkpoint
from wordgate.training.families import fit
from wordgate.training.fitting import CheckpointConfig, FitData, RunContext


def made_up(n, words):
    """Texts of 20 words each, and labels that have nothing to do with them."""
    rng = np.random.default_rng(0)
    texts = [" ".join(f"w{word}" for word in rng.integers(0, words, 20)) for _ in range(n)]
    return Dataset(texts, rng.integers(0, 2, n), None)


@pytest.mark.parametrize(
    ("n", "words", "size", "epochs"),
    [(4_000, 2_000, 32, 60), (6_000, 40_000, 200, 3), (20_000, 40_000, 200, 24)],
    ids=["small", "large but short", "large"],
)
def test_checkpoints_cost_less_than_3_percent(
    n, words, size, epochs, how_many, found, tmp_path, monkeypatch
):
    if not how_many(0, 1):
        pytest.skip("measured in the long form alone")
    spent, sizes, real = [], [], Checkpoint.save

    def save(checkpoint, state):
        started = time.monotonic()
        real(checkpoint, state)
        spent.append(time.monotonic() - started)
        sizes.append(checkpoint.file.stat().st_size / 1e6)

    monkeypatch.setattr(Checkpoint, "save", save)
    changes = {
        "lstm.epochs": epochs,
        "lstm.patience": epochs,
        "lstm.embedding_size": size,
        "lstm.min_updates": 0,
    }
    changes |= {"text.min_groups": 1, "lstm.hidden_size": 64}
    settings = resolve_settings("default", changes, None, families=["lstm"])
    train = made_up(n, words)
    started = time.monotonic()
    checkpoint = CheckpointConfig(tmp_path / "kept")
    data = FitData(train, train.part(np.arange(500)), ["0", "1"])
    fit("lstm", data, settings, RunContext(0, Silent(), "cpu", checkpoint=checkpoint))
    whole = time.monotonic() - started
    found(
        "what checkpoints cost",
        f"{sum(spent) / whole:.1%} of {whole:.0f} s: {len(spent)} of"
        f" {max(sizes, default=0.0):.1f} MB",
    )
    assert sum(spent) < 0.03 * whole
