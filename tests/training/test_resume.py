"""Resuming a training from its checkpoint: bit-identical, from any update."""

import json
import math
import os
import platform
import shutil
import signal
import threading
from importlib import metadata

import numpy as np
import pytest
from safetensors import safe_open
from safetensors.numpy import load_file, save_file
from tests.conftest import RecordingProgress

from wordgate.errors import BundleError
from wordgate.runtime.interrupt import deferred_interruption
from wordgate.storage.resumable import RunFingerprint, digest
from wordgate.text.encoder import TextEncoder
from wordgate.text.vocabulary import Vocabulary
from wordgate.training import checkpoint as checkpoint_module
from wordgate.training.checkpoint import Checkpoint
from wordgate.training.fitting import CheckpointConfig
from wordgate.training.loop import TrainingLoop
from wordgate.training.lstm_trainer import LSTMTrainer
from wordgate.vectors.pretrained import PretrainedVectors

WAYS = {
    "default's": {},
    "fast": {"lstm.pooling": "last", "text.unknown_words": "drop", "lstm.word_dropout": 0.0},
    "notebook's": {
        "lstm.bidirectional": False,
        "lstm.dropout_masks": "gate",
        "lstm.embedding_updates": "keras",
        "lstm.batches": "shuffled",
        "lstm.schedule": "constant",
        "lstm.gradient_clip": 0.0,
        "lstm.epoch_ties": "first",
    },
    "without a planned end": {"lstm.schedule": "warm-constant", "lstm.weight_averaging": 0.5},
}


def outcome(fitted):
    """All that must be the same: every array, the history but for its times, the best epoch."""
    arrays = {name: array.tobytes() for name, array in fitted.model.state()[1].items()}
    history = [
        {name: value for name, value in vars(epoch).items() if "second" not in name}
        for epoch in fitted.history
    ]
    return arrays, history, fitted.best_epoch, fitted.remarks


@pytest.fixture
def kept(tmp_path):
    return CheckpointConfig(tmp_path / "model.checkpoint")


@pytest.fixture
def every_update(monkeypatch):
    """Make checkpoints due after every update, and keep a copy of each under its number."""
    monkeypatch.setattr(Checkpoint, "is_due", lambda self: True)
    real = Checkpoint.save

    def save_and_copy(self, state):
        real(self, state)
        number = len(list(self.file.parent.glob("copy-*"))) + 1
        shutil.copy(self.file, self.file.parent / f"copy-{number:03d}")

    monkeypatch.setattr(Checkpoint, "save", save_and_copy)


@pytest.mark.slow
@pytest.mark.parametrize("way", WAYS)
def test_a_training_resumed_at_any_update_ends_in_the_same_bits(
    way, examples, fit_model, all_chance, every_update, kept, monkeypatch, how_many
):
    """In the short form at every ninth update; epochs end after the 23rd and the 46th."""
    train, valid = examples(90), examples(40, seed=1)
    changes = {**all_chance, "lstm.epochs": 2, **WAYS[way]}
    expected = outcome(fit_model(train, valid, checkpoint=kept, **changes))
    assert outcome(fit_model(train, valid, **changes)) == expected
    copies = sorted(kept.file.parent.glob("copy-*"))
    assert len(copies) == 2 * math.ceil(90 / 4)
    monkeypatch.undo()
    for updates in sorted({*range(1, len(copies) + 1, how_many(9, 1)), 23, 24, 46}):
        copy = copies[updates - 1]
        progress = RecordingProgress()
        resumed = fit_model(
            train,
            valid,
            checkpoint=CheckpointConfig(copy, resume=True),
            progress=progress,
            **changes,
        )
        assert outcome(resumed) == expected, updates
        assert progress.starts[-1] == updates
        of = "of at most" if way == "without a planned end" else "of"
        assert f"Resumed from {copy} after {updates} {of} {len(copies)} updates." in progress.lines


def test_two_candidates_resumed_at_any_update_end_in_the_same_bits(
    examples, fit_model, all_chance, every_update, kept, monkeypatch, how_many
):
    train, valid = examples(90), examples(40, seed=1)
    changes = {
        **all_chance,
        "lstm.epochs": 1,
        "lstm.lighter_candidate": True,
        "lstm.weight_averaging": 0.5,
    }
    expected = fit_model(train, valid, checkpoint=kept, **changes)
    copies = sorted(kept.file.parent.glob("copy-*"))
    assert len(copies) == 2 * 23
    monkeypatch.undo()
    for updates in sorted({*range(1, 47, how_many(9, 1)), 23, 24, 46}):
        progress = RecordingProgress()
        resumed = fit_model(
            train,
            valid,
            checkpoint=CheckpointConfig(copies[updates - 1], resume=True),
            progress=progress,
            **changes,
        )
        assert outcome(resumed) == outcome(expected), updates
        assert resumed.settings == expected.settings
        kept_line = [line for line in progress.lines if line.startswith("Kept ")]
        assert len(kept_line) == 1
        begun = [line for line in progress.lines if line.startswith("Training the ")]
        assert len(begun) == (2 if updates <= 23 else 1)


def test_without_time_a_second_candidate_is_evaluated_as_it_is(
    examples, fit_model, every_update, kept, monkeypatch
):
    train, changes = examples(90), {"lstm.epochs": 1, "lstm.lighter_candidate": True}
    fit_model(train, checkpoint=kept, **changes)
    copies = sorted(kept.file.parent.glob("copy-*"))
    monkeypatch.undo()
    for updates, choices in ((23, 0), (30, 1)):
        progress = RecordingProgress()
        fitted = fit_model(
            train,
            checkpoint=CheckpointConfig(copies[updates - 1], resume=True),
            progress=progress,
            deadline=-math.inf,
            **changes,
        )
        assert len([line for line in progress.lines if line.startswith("Kept ")]) == choices
        assert any(remark.startswith("The time limit ") for remark in fitted.remarks)


def test_early_stopping_counts_on_through_an_interruption(
    examples, fit_model, every_update, kept, monkeypatch
):
    """Validation labels are turned over: the first epoch stays the best, and patience ends."""
    train = examples(60)
    valid = type(train)(train.texts, 1 - train.targets, None)
    changes = {
        "lstm.epochs": 12,
        "lstm.patience": 2,
        "lstm.warmup": 0.0,
        "lstm.learning_rate": 0.05,
    }
    expected = outcome(fit_model(train, valid, checkpoint=kept, **changes))
    assert expected[-1] == ["No better validation accuracy in 2 epochs: stopped early."]
    monkeypatch.undo()
    for copy in sorted(kept.file.parent.glob("copy-*"))[::7]:
        resumed = fit_model(train, valid, checkpoint=CheckpointConfig(copy, resume=True), **changes)
        assert outcome(resumed) == expected


def interrupt_after(monkeypatch, updates, number=signal.SIGINT):
    """Send this process a signal in the middle of its n-th update."""
    real, made = LSTMTrainer.update, []

    def update(trainer, prepared):
        made.append(1)
        if len(made) == updates:
            os.kill(os.getpid(), number)
        return real(trainer, prepared)

    monkeypatch.setattr(LSTMTrainer, "update", update)


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
@pytest.mark.parametrize("updates", [1, 17, 20, 40])
def test_a_signal_ends_it_after_the_update_with_all_kept(
    updates, number, examples, fit_model, kept, monkeypatch
):
    train = examples(100)
    expected = outcome(fit_model(train, epochs=2))
    with monkeypatch.context() as patched:
        interrupt_after(patched, updates, number)
        with pytest.raises(KeyboardInterrupt) as interruption:
            fit_model(train, epochs=2, checkpoint=kept)
    assert interruption.value.args == (
        f"the checkpoint is kept in {kept.file}; run the same command with --resume to continue",
    )
    resumed = fit_model(train, epochs=2, checkpoint=CheckpointConfig(kept.file, resume=True))
    assert outcome(resumed) == expected


def test_the_time_of_earlier_runs_is_added(examples, fit_model, kept, monkeypatch):
    train = examples(100)
    with monkeypatch.context() as patched:
        interrupt_after(patched, 30)
        with pytest.raises(KeyboardInterrupt):
            fit_model(train, epochs=2, checkpoint=kept)
    resumed = fit_model(train, epochs=2, checkpoint=CheckpointConfig(kept.file, resume=True))
    assert resumed.earlier_wall_seconds >= resumed.earlier_seconds > 0.0
    assert fit_model(train, epochs=2).earlier_seconds == 0.0


@pytest.mark.parametrize(
    ("updates", "epochs"), [(7, 1), (20, 1), (33, 2)], ids=["no epoch yet", "one", "and a half"]
)
def test_without_time_a_resumed_training_gives_the_best_so_far(
    updates, epochs, examples, fit_model, kept, monkeypatch
):
    train = examples(100)
    with monkeypatch.context() as patched:
        interrupt_after(patched, updates)
        with pytest.raises(KeyboardInterrupt):
            fit_model(train, epochs=3, checkpoint=kept)
    fitted = fit_model(
        train, epochs=3, checkpoint=CheckpointConfig(kept.file, resume=True), deadline=-math.inf
    )
    assert len(fitted.history) == epochs
    assert fitted.remarks == [f"The time limit ended the training in epoch {epochs}."]
    assert np.isfinite(fitted.model.log_proba(["w1 w2"])).all()


def test_an_epoch_cut_by_the_time_limit_and_interrupted_is_resumed_in_its_middle(
    examples, fit_model, kept, monkeypatch
):
    train = examples(100)
    expected = outcome(fit_model(train, epochs=2))
    real, made = LSTMTrainer.update, []

    def update(trainer, prepared):
        made.append(1)
        if len(made) == 27:
            monkeypatch.setattr(TrainingLoop, "is_late", lambda self: True)
        return real(trainer, prepared)

    def evaluate(trainer, snapshot):
        if trainer.updates > trainer.plan.updates_per_epoch:
            os.kill(os.getpid(), signal.SIGINT)
        return evaluated(trainer, snapshot)

    evaluated = LSTMTrainer.evaluate
    with monkeypatch.context() as patched:
        patched.setattr(LSTMTrainer, "update", update)
        patched.setattr(LSTMTrainer, "evaluate", evaluate)
        with pytest.raises(KeyboardInterrupt):
            fit_model(train, epochs=2, checkpoint=kept)
    monkeypatch.undo()
    progress = RecordingProgress()
    resumed = fit_model(
        train, epochs=2, checkpoint=CheckpointConfig(kept.file, resume=True), progress=progress
    )
    assert progress.starts[-1] == 27
    assert outcome(resumed) == expected


def refusal(fit_model, *arguments, **options):
    with pytest.raises(BundleError) as refused:
        fit_model(*arguments, **options)
    return str(refused.value)


@pytest.fixture
def interrupted(examples, fit_model, kept, monkeypatch):
    """A training that was interrupted after 30 updates of 60: its examples and its checkpoint."""
    train = examples(100)
    with monkeypatch.context() as patched:
        interrupt_after(patched, 30)
        with pytest.raises(KeyboardInterrupt):
            fit_model(train, epochs=3, checkpoint=kept)
    return train, CheckpointConfig(kept.file, resume=True)


def test_another_training_is_refused(interrupted, examples, fit_model):
    train, config = interrupted
    end = "give the same command as before, or start over with --overwrite"
    keeps = f"{config.file} contains a training with"
    assert refusal(fit_model, train, epochs=3, checkpoint=config, seed=1) == (
        f"{keeps} seed 0 instead of 1; {end}"
    )
    assert refusal(fit_model, train, epochs=4, hidden_size=6, checkpoint=config) == (
        f"{keeps} lstm.hidden_size 5 instead of 6, lstm.epochs 3 instead of 4; {end}"
    )
    assert refusal(fit_model, examples(100, seed=3), epochs=3, checkpoint=config) == (
        f"{keeps} other data; {end}"
    )
    changed = train.targets.copy()
    changed[50] = 1 - changed[50]
    other = type(train)(train.texts, changed, None)
    assert refusal(fit_model, other, epochs=3, checkpoint=config) == f"{keeps} other data; {end}"


def test_more_labels_and_other_word_vectors_are_refused(
    examples, fit_model, kept, monkeypatch, word_vectors, tmp_path
):
    train, vectors = examples(100), tmp_path / "words.bin"
    shutil.copy(word_vectors.file.path, vectors)

    def fit(**options):
        return fit_model(
            train, epochs=3, vectors=PretrainedVectors.open(vectors, RecordingProgress()), **options
        )

    with monkeypatch.context() as patched:
        interrupt_after(patched, 30)
        with pytest.raises(KeyboardInterrupt):
            fit(checkpoint=kept)
    config = CheckpointConfig(kept.file, resume=True)
    message = refusal(fit, classes=3, checkpoint=config)
    assert message.startswith(f"{kept.file} contains a training with labels 2 instead of 3; give")
    content = bytearray(vectors.read_bytes())
    content[len(b"35 6\nw0 ")] ^= 1  # the last bit of the first word's first number
    vectors.write_bytes(content)
    message = refusal(fit, checkpoint=config)
    assert message.startswith(f"{kept.file} contains a training with other word vectors; give")
    shutil.copy(word_vectors.file.path, vectors)
    assert fit(checkpoint=config).history


@pytest.mark.parametrize("pretrained", [False, True])
def test_texts_that_read_as_other_words_are_refused(
    pretrained, examples, fit_model, kept, monkeypatch, word_vectors
):
    train, options = examples(100), {"epochs": 3, "vectors": word_vectors if pretrained else None}
    with monkeypatch.context() as patched:
        interrupt_after(patched, 30)
        with pytest.raises(KeyboardInterrupt):
            fit_model(train, checkpoint=kept, **options)
    config = CheckpointConfig(kept.file, resume=True)
    real = Vocabulary.fit.__func__

    def reversed_order(cls, *arguments, **named):
        fitted = real(cls, *arguments, **named)
        return cls(fitted.words[::-1], fitted.unknown)

    with monkeypatch.context() as patched:
        patched.setattr(Vocabulary, "fit", classmethod(reversed_order))
        message = refusal(fit_model, train, checkpoint=config, **options)
        seed = refusal(fit_model, train, checkpoint=config, seed=1, **options)
    assert message == (
        f"{kept.file} contains a training with a different tokenization of the same texts, such as"
        " by other word vectors or another version of wordgate, Python or regex; continue with the"
        " same ones as before, or start over with --overwrite"
    )
    assert "seed 0 instead of 1; give the same command as before" in seed
    assert fit_model(train, checkpoint=config, **options).history


def test_validation_texts_that_read_as_other_words_are_refused(interrupted, fit_model, monkeypatch):
    train, config = interrupted
    real = TextEncoder.encode

    def without_first_words(encoder, texts):
        return real(encoder, [text.partition(" ")[2] for text in texts])

    monkeypatch.setattr(TextEncoder, "encode", without_first_words)
    message = refusal(fit_model, train, epochs=3, checkpoint=config)
    assert "contains a training with a different tokenization of the same texts" in message


def test_another_engine_is_warned_of(interrupted, fit_model):
    train, config = interrupted
    with safe_open(config.file, framework="numpy") as kept:
        content = json.loads(kept.metadata()["wordgate"])
    content["environment"] |= {"threads": "64", "torch": "1.0", "wordgate": "0.0", "device": "B200"}
    content["environment"] |= {"python": "3.1.4", "regex": "2020.1"}
    arrays = load_file(config.file)
    content["digest"] = digest(content, arrays)
    save_file(arrays, config.file, {"wordgate": json.dumps(content)})
    progress = RecordingProgress()
    fit_model(train, epochs=3, checkpoint=config, progress=progress)
    text = "\n".join(progress.lines)
    assert "The training was started with device B200 instead of cpu, threads 64 instead " in text
    assert f", python 3.1.4 instead of {platform.python_version()}" in text
    assert ", torch 1.0 instead of " in text
    assert f", regex 2020.1 instead of {metadata.version('regex')}" in text
    assert ", wordgate 0.0 instead of " in text
    assert "its result may differ slightly from that of an uninterrupted one." in text


def test_a_damaged_checkpoint_is_refused(interrupted, fit_model):
    train, config = interrupted
    whole = config.file.read_bytes()
    for size in (0, 7, 100, len(whole) // 2, len(whole) - 1):
        config.file.write_bytes(whole[:size])
        message = refusal(fit_model, train, epochs=3, checkpoint=config)
        assert message.startswith(f"{config.file} is damaged (")
        assert message.endswith("; start over with --overwrite")
    save_file({"a": np.zeros(3)}, config.file)
    assert refusal(fit_model, train, epochs=3, checkpoint=config) == (
        f"{config.file} is damaged (it was not written by wordgate); start over with --overwrite"
    )


def test_a_changed_byte_of_a_checkpoint_is_noticed(interrupted, fit_model):
    train, config = interrupted
    whole = config.file.read_bytes()
    config.file.write_bytes(whole[:-5] + bytes([whole[-5] ^ 1]) + whole[-4:])
    assert refusal(fit_model, train, epochs=3, checkpoint=config) == (
        f"{config.file} is damaged (its digest differs: at least one byte has changed"
        "); start over with --overwrite"
    )


def test_a_checkpoint_of_another_layout_is_refused(interrupted, fit_model):
    train, config = interrupted
    save_file({}, config.file, {"wordgate": json.dumps({"layout": 99})})
    assert refusal(fit_model, train, epochs=3, checkpoint=config) == (
        f"{config.file} has layout 99, and this version of wordgate reads 5; start over with"
        " --overwrite"
    )


def test_a_full_disk_is_reported_and_the_checkpoint_before_stays(
    interrupted, fit_model, monkeypatch
):
    train, config = interrupted
    before = config.file.read_bytes()

    def full(*_):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("wordgate.storage.files.os.fsync", full)
    monkeypatch.setattr(Checkpoint, "is_due", lambda self: True)
    assert refusal(fit_model, train, epochs=3, checkpoint=config) == (
        f"{config.file} could not be written: No space left on device"
    )
    assert config.file.read_bytes() == before
    assert [file.name for file in config.file.parent.iterdir()] == [config.file.name]


def test_checkpoints_take_a_fiftieth_of_the_time(monkeypatch, tmp_path):
    class State:
        def facts(self):
            return {}

        def arrays(self):
            clock[0] += 3.0
            return {}

    clock = [100.0]
    monkeypatch.setattr(checkpoint_module.time, "monotonic", lambda: clock[0])
    kept = Checkpoint(tmp_path / "file", RunFingerprint({}), size=4_000)
    clock[0] += 1.9
    assert not kept.is_due()
    clock[0] += 0.1
    assert kept.is_due()
    kept.save(State())
    clock[0] += 149.9
    assert not kept.is_due()
    clock[0] += 0.1
    assert kept.is_due()


def test_a_large_state_is_first_kept_when_it_has_paid(monkeypatch, tmp_path):
    clock = [100.0]
    monkeypatch.setattr(checkpoint_module.time, "monotonic", lambda: clock[0])
    kept = Checkpoint(tmp_path / "file", RunFingerprint({}), size=200_000_000)
    clock[0] += 49.9
    assert not kept.is_due()
    clock[0] += 0.1
    assert kept.is_due()


def test_a_second_signal_acts_at_once():
    with deferred_interruption() as interruption:
        os.kill(os.getpid(), signal.SIGINT)
        assert interruption.asked
        with pytest.raises(KeyboardInterrupt):
            os.kill(os.getpid(), signal.SIGINT)
    assert signal.getsignal(signal.SIGINT) is signal.default_int_handler


def test_other_threads_leave_signals_alone():
    before = signal.getsignal(signal.SIGINT)
    seen = []

    def enter():
        with deferred_interruption() as interruption:
            seen.append((interruption.asked, signal.getsignal(signal.SIGINT)))

    thread = threading.Thread(target=enter)
    thread.start()
    thread.join()
    assert seen == [(False, before)]
