"""Resuming the training of an MLP and of a transformer: bit-identical, from any update."""

import math
import os
import shutil
import signal

import numpy as np
import pytest
import torch
from tests.conftest import RecordingProgress

from wordgate.data.dataset import Dataset
from wordgate.errors import BundleError
from wordgate.runtime.progress import Silent
from wordgate.text.vocabulary import Vocabulary
from wordgate.training.checkpoint import Checkpoint
from wordgate.training.fitting import CheckpointConfig
from wordgate.training.mlp import MLPTrainer
from wordgate.training.transformer import TransformerTrainer
from wordgate.vectors.pretrained import PretrainedVectors

MLP = {
    "family": "mlp",
    "average_weights": "best",
    "mlp_hidden_size": 8,
    "mlp_batch_size": 16,
    "mlp_epochs": 3,
    "mlp_learning_rate": 1e-2,
    "mlp_input_dropout": 0.2,
    "mlp_output_dropout": 0.5,
}
TRANSFORMER = {
    "family": "transformer",
    "transformer_max_tokens": 16,
    "transformer_epochs": 3,
    "transformer_min_updates": 0,
    "transformer_batch_size": 16,
    "transformer_learning_rate": 1e-2,
}
UPDATES = 6  # an epoch: 90 texts in batches of 16


@pytest.fixture(params=["mlp", "transformer"])
def fit_family(request, fit_model):
    """Fit a model of a family on 90 texts, grouped by two and two for a transformer's draw."""

    def call(train, valid, **options):
        if request.param == "mlp":
            own = {**MLP, "vectors": request.getfixturevalue("word_vectors")}
        else:
            own = {
                **TRANSFORMER,
                "transformer.model": str(request.getfixturevalue("tiny_transformer")),
            }
        return fit_model(train, valid, **{**own, **options})

    call.family = request.param
    return call


@pytest.fixture
def rows(examples):
    """90 training texts; for a transformer 180 in pairs, of which an epoch draws one each."""

    def call(family="mlp"):
        n = 180 if family == "transformer" else 90
        train = examples(n)
        groups = [str(number // 2) for number in range(n)]
        return Dataset(train.texts, train.targets, groups), examples(40, seed=1)

    return call


def outcome(fitted):
    """All that must be the same: every array, the history but for its times, the best epoch."""
    arrays = {name: array.tobytes() for name, array in fitted.model.state()[1].items()}
    history = [
        {name: value for name, value in vars(epoch).items() if "second" not in name}
        for epoch in fitted.history
    ]
    return arrays, history, fitted.best_epoch, fitted.remarks


@pytest.fixture
def copies(tmp_path, monkeypatch):
    """Fit with a checkpoint after every update; give what came of it, and a copy of each."""

    def call(fit, *arguments, **options):
        made, real = [], Checkpoint.save

        def save_and_copy(self, state):
            real(self, state)
            made.append(shutil.copy(self.file, tmp_path / f"copy-{len(made):03d}"))

        with monkeypatch.context() as patched:
            patched.setattr(Checkpoint, "is_due", lambda self: True)
            patched.setattr(Checkpoint, "save", save_and_copy)
            file = tmp_path / "model.checkpoint"
            fitted = fit(*arguments, checkpoint=CheckpointConfig(file), **options)
        return fitted, made

    return call


def test_a_training_resumed_at_any_update_ends_in_the_same_bits(fit_family, rows, copies, how_many):
    own = rows(fit_family.family)
    fitted, files = copies(fit_family, *own)
    expected = outcome(fitted)
    assert outcome(fit_family(*own)) == expected
    candidates = 2 if fit_family.family == "mlp" else 1
    assert len(files) == candidates * 3 * UPDATES
    for number in sorted({*range(1, len(files) + 1, how_many(6, 1)), UPDATES, 18, len(files)}):
        progress = RecordingProgress()
        config = CheckpointConfig(files[number - 1], resume=True)
        resumed = fit_family(*own, checkpoint=config, progress=progress)
        assert outcome(resumed) == expected, number
        assert resumed.earlier_seconds > 0.0
        of = "of at most" if fit_family.family == "mlp" else "of"
        updates = (number - 1) % 18 + 1
        where = f"Resumed from {files[number - 1]} after {updates} {of} 18 updates."
        assert where in progress.lines


def test_dropout_continues_where_it_was(fit_family, rows, copies):
    """In the middle of an epoch, whatever has been drawn elsewhere since."""
    own = rows(fit_family.family)
    fitted, files = copies(fit_family, *own)
    torch.manual_seed(1)
    before = torch.get_rng_state()
    resumed = fit_family(*own, checkpoint=CheckpointConfig(files[2], resume=True))
    assert outcome(resumed) == outcome(fitted)
    assert torch.equal(torch.get_rng_state(), before)


def test_an_interrupted_training_is_kept(fit_family, rows, tmp_path, monkeypatch):
    own = rows(fit_family.family)
    expected = outcome(fit_family(*own))
    config = CheckpointConfig(tmp_path / "model.checkpoint")
    trainer = MLPTrainer if fit_family.family == "mlp" else TransformerTrainer
    real = trainer.update

    def update(self, batch):
        if self.updates == UPDATES + 1:
            os.kill(os.getpid(), signal.SIGINT)
        return real(self, batch)

    with monkeypatch.context() as patched:
        patched.setattr(trainer, "update", update)
        with pytest.raises(KeyboardInterrupt, match="run the same command with --resume"):
            fit_family(*own, checkpoint=config)
    resumed = fit_family(*own, checkpoint=CheckpointConfig(config.file, resume=True))
    assert outcome(resumed) == expected


def test_without_time_a_resumed_training_gives_the_best_so_far(fit_family, rows, copies):
    own = rows(fit_family.family)
    _, files = copies(fit_family, *own)
    for number, epochs in ((3, 1), (UPDATES, 1), (UPDATES + 2, 2)):
        config = CheckpointConfig(files[number - 1], resume=True)
        fitted = fit_family(*own, checkpoint=config, deadline=-math.inf)
        assert len(fitted.history) == epochs
        assert f"The time limit ended the training in epoch {epochs}." in fitted.remarks
        assert np.isfinite(fitted.model.log_proba(["w1 w2"])).all()


def refusal(fit, *arguments, **options):
    with pytest.raises(BundleError) as refused:
        fit(*arguments, **options)
    return str(refused.value)


def test_another_training_is_refused(fit_family, rows, copies, examples):
    own = rows(fit_family.family)
    _, files = copies(fit_family, *own)
    config = CheckpointConfig(files[3], resume=True)
    end = "; give the same command as before, or start over with --overwrite"
    keeps = f"{files[3]} contains a training with"
    assert refusal(fit_family, *own, checkpoint=config, seed=1) == (
        f"{keeps} seed 0 instead of 1{end}"
    )
    other = examples(40, seed=2)
    assert refusal(fit_family, own[0], other, checkpoint=config) == f"{keeps} other data{end}"


def test_a_checkpoint_of_another_family_is_refused(fit_family, rows, copies, fit_model):
    own = rows(fit_family.family)
    _, files = copies(fit_model, *own, epochs=1)
    config = CheckpointConfig(files[3], resume=True)
    message = refusal(fit_family, *own, checkpoint=config)
    assert f"contains a training with family lstm instead of {fit_family.family}, " in message


def test_a_changed_byte_of_a_checkpoint_is_noticed(fit_family, rows, copies, tmp_path):
    own = rows(fit_family.family)
    _, files = copies(fit_family, *own)
    file = tmp_path / "broken"
    whole = (tmp_path / files[3]).read_bytes()
    file.write_bytes(whole[:-5] + bytes([whole[-5] ^ 1]) + whole[-4:])
    message = refusal(fit_family, *own, checkpoint=CheckpointConfig(file, resume=True))
    assert message.startswith(f"{file} is damaged (its digest differs")


def test_other_word_vectors_are_refused_by_an_mlp(rows, copies, fit_model, word_vectors, tmp_path):
    own = rows()
    vectors = tmp_path / "words.bin"
    shutil.copy(word_vectors.file.path, vectors)

    def fit(*arguments, **options):
        opened = PretrainedVectors.open(vectors, Silent())
        return fit_model(*arguments, **{**MLP, "vectors": opened, **options})

    _, files = copies(fit, *own)
    content = bytearray(vectors.read_bytes())
    content[len(b"35 6\nw0 ")] ^= 1  # the last bit of the first word's first number
    vectors.write_bytes(content)
    message = refusal(fit, *own, checkpoint=CheckpointConfig(files[3], resume=True))
    assert message.startswith(f"{files[3]} contains a training with other word vectors; give")


def test_texts_that_read_as_other_words_are_refused_by_an_mlp(
    rows, copies, fit_model, word_vectors, monkeypatch
):
    own = rows()
    options = {**MLP, "vectors": word_vectors}
    _, files = copies(fit_model, *own, **options)
    real = Vocabulary.fit.__func__

    def reversed_order(cls, *arguments, **named):
        fitted = real(cls, *arguments, **named)
        return cls(fitted.words[::-1], fitted.unknown)

    monkeypatch.setattr(Vocabulary, "fit", classmethod(reversed_order))
    config = CheckpointConfig(files[3], resume=True)
    message = refusal(fit_model, *own, checkpoint=config, **options)
    assert "contains a training with a different tokenization of the same texts" in message


def test_other_pretrained_weights_are_refused_by_a_transformer(
    rows, copies, fit_model, tiny_transformer, tmp_path
):
    own = rows("transformer")
    from safetensors.numpy import load_file, save_file

    folder = shutil.copytree(tiny_transformer, tmp_path / "changed")
    options = {**TRANSFORMER, "transformer.model": str(folder)}
    _, files = copies(fit_model, *own, **options)
    arrays = load_file(folder / "model.safetensors")
    arrays["embeddings.word_embeddings.weight"][7] += 1.0
    save_file(arrays, folder / "model.safetensors", metadata={"format": "pt"})
    config = CheckpointConfig(files[3], resume=True)
    message = refusal(fit_model, *own, checkpoint=config, **options)
    assert message.startswith(f"{files[3]} contains a training with other pretrained weights; give")


def test_a_second_weighting_is_left_out_without_time(rows, copies, fit_model, word_vectors):
    """The first was trained before the interruption: its averages are made again."""
    own = rows()
    options = {**MLP, "vectors": word_vectors}
    _, files = copies(fit_model, *own, **options)
    config = CheckpointConfig(files[3 * UPDATES + 1], resume=True)
    fitted = fit_model(*own, checkpoint=config, deadline=-math.inf, **options)
    chosen = [line for line in fitted.remarks if " selected " in line]
    assert len(chosen) == 1
    assert fitted.remarks[-1] == "The time limit ended the training in epoch 1."
    config = CheckpointConfig(files[UPDATES], resume=True)
    fitted = fit_model(*own, checkpoint=config, deadline=-math.inf, **options)
    assert fitted.remarks[-1] == (
        "The time limit left no time for averages weighted by inverse-frequency."
    )
