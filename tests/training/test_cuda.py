"""Training on a GPU gives nearly the same model as on the CPU."""

import shutil
from dataclasses import dataclass

import numpy as np
import pytest
import torch

from wordgate.runtime.progress import Silent
from wordgate.training import checkpoint, families
from wordgate.training.cuda_graphs import GraphedFunction
from wordgate.training.fitting import CheckpointConfig, FitData, RunContext

pytestmark = pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a CUDA device")

WAYS = {
    "default's": {"lstm.bidirectional": True, "lstm.pooling": "max", "lstm.dropout_masks": "batch"},
    "notebook's": {
        "lstm.bidirectional": False,
        "lstm.pooling": "last",
        "lstm.dropout_masks": "gate",
        "lstm.embedding_updates": "keras",
        "lstm.batches": "shuffled",
        "lstm.schedule": "constant",
    },
}
CLOSE = 2e-3  # float32 sums in another order, grown by two epochs of updates


@pytest.fixture
def trained(examples, fit_model, all_chance, word_vectors):
    """Train on a device, with every kind of chance and word vectors that are moved."""
    train, valid = examples(200), examples(60, seed=1)

    def call(device, **changes):
        chosen = {
            **all_chance,
            "lstm.vectors_extra_size": 3,
            "lstm.vectors_learning_rate": 1e-3,
            "lstm.epochs": 2,
        }
        return fit_model(train, valid, device=device, vectors=word_vectors, **{**chosen, **changes})

    return call


def furthest(fitted, other):
    """Give the largest difference between two models' numbers."""
    ours, theirs = fitted.model.state()[1], other.model.state()[1]
    assert ours.keys() == theirs.keys()
    return max(float(np.abs(array - theirs[name]).max()) for name, array in ours.items())


@pytest.mark.parametrize("way", WAYS)
def test_a_gpu_and_the_cpu_come_to_nearly_the_same_model(way, trained):
    on_card, on_processor = trained("cuda", **WAYS[way]), trained("cpu", **WAYS[way])
    assert furthest(on_card, on_processor) < CLOSE
    assert on_card.best_epoch == on_processor.best_epoch
    losses = ([epoch.train_loss for epoch in fitted.history] for fitted in (on_card, on_processor))
    assert np.allclose(*losses, atol=CLOSE)
    assert on_card.engine["device"] == torch.cuda.get_device_name()
    assert on_processor.engine["device"] == "cpu"


@pytest.mark.parametrize("way", WAYS)
def test_on_a_card_a_training_is_taken_up_again(way, trained, tmp_path, monkeypatch):
    kept, copies = CheckpointConfig(tmp_path / "model.checkpoint"), []
    real = checkpoint.Checkpoint.save

    def save_and_copy(self, state):
        real(self, state)
        copies.append(shutil.copy(self.file, tmp_path / f"copy-{len(copies)}"))

    with monkeypatch.context() as patched:
        patched.setattr(checkpoint.Checkpoint, "is_due", lambda self: True)
        patched.setattr(checkpoint.Checkpoint, "save", save_and_copy)
        whole = trained("cuda", checkpoint=kept, **WAYS[way])
    for copy in copies[:: len(copies) // 4]:
        resumed = trained(
            "cuda", checkpoint=CheckpointConfig(tmp_path / copy, resume=True), **WAYS[way]
        )
        assert furthest(resumed, whole) < CLOSE
        assert len(resumed.history) == len(whole.history)


@dataclass(frozen=True)
class Inputs:
    factors: list[torch.Tensor]
    added: torch.Tensor | None


def test_a_graph_computes_with_the_current_weights():
    weight = torch.ones(3, device="cuda")
    calls = []

    def function(inputs):
        calls.append(inputs)
        product = weight * inputs.factors[0] * inputs.factors[1]
        return [product if inputs.added is None else product + inputs.added]

    graphed = GraphedFunction(function)
    for number in range(6):
        weight.mul_(2.0)
        for size in (1, 3):  # in turn: what one graph keeps is no other's
            drawn = [torch.full((size,), float(number), device="cuda") for _ in range(3)]
            for inputs in (Inputs(drawn[:2], drawn[2]), Inputs(drawn[:2], None)):
                (found,) = graphed(inputs)
                expected = weight * drawn[0] * drawn[1]
                if inputs.added is not None:
                    expected = expected + inputs.added
                assert torch.equal(found, expected)
    assert len(calls) == 2 * 4  # each combination of shapes as it is, and to be captured


@pytest.mark.parametrize("way", WAYS)
def test_updates_are_launched_as_graphs(way, trained, monkeypatch):
    replayed, real = [], torch.cuda.CUDAGraph.replay
    monkeypatch.setattr(
        torch.cuda.CUDAGraph, "replay", lambda graph: replayed.append(graph) or real(graph)
    )
    fitted = trained("cuda", **WAYS[way])
    assert len(replayed) > 0.3 * 20 * len(fitted.history)
    assert len(set(replayed)) < len(replayed)


def test_the_precision_on_a_gpu_depends_on_its_capability(trained):
    assert trained("cuda", precision="auto").engine["precision"] in ("bfloat16", "float32")
    learned = trained("cuda", precision="bfloat16", epochs=12)
    assert learned.history[-1].valid_accuracy > 0.9


@pytest.mark.parametrize("precision", ["float32", "bfloat16"])
def test_a_transformer_is_fine_tuned_on_a_card_and_predicts_on_the_processor(
    precision, tiny_transformer, examples, settings
):
    pytest.importorskip("transformers", reason="needs the extra 'transformer'")
    train = examples(200)
    chosen = settings(
        transformer_model=str(tiny_transformer), transformer_max_tokens=16,
        transformer_epochs=6, transformer_min_updates=0, transformer_batch_size=16,
        transformer_learning_rate=1e-2, transformer_precision=precision,
    )  # fmt: skip
    data, context = FitData(train, train, ["0", "1"]), RunContext(0, Silent(), "cuda")
    fitted = families.fit("transformer", data, chosen, context)
    answers = fitted.model.log_proba(train.texts).argmax(axis=1)
    assert np.mean(answers == train.targets) > 0.8
    assert fitted.engine["device"] == torch.cuda.get_device_name()
