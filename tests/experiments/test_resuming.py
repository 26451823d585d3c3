"""An interrupted `wordgate train`: the files that it leaves, and how it is resumed."""

import hashlib
import json
import os
import re
import shutil
import signal

import pytest
from safetensors import safe_open
from tests.conftest import forks

import wordgate
from wordgate.errors import BundleError, SettingsError
from wordgate.runtime.progress import Silent
from wordgate.training import checkpoint
from wordgate.training.lstm_trainer import LSTMTrainer
from wordgate.training.mlp import MLPTrainer
from wordgate.training.transformer import TransformerTrainer

SMALL = {
    "lstm.patience": 100,
    "lstm.min_updates": 1,
    "lstm.hidden_size": 8,
    "lstm.embedding_size": 8,
    "text.min_groups": 1,
    "lstm.recurrent_dropout": 0.2,
}
FINE_TUNED = {"transformer.epochs": 2, "transformer.min_updates": 0, "transformer.max_tokens": 16,
              "transformer.batch_size": 8}  # fmt: skip


class Commands:
    """Runs `wordgate train` with one seed, in children of a process that has all loaded.

    Args:
        forks: The process.
        data: The file to train on.
        epochs: How many epochs.
    """

    def __init__(self, forks, data, epochs):
        self.forks, self.data, self.epochs = forks, data, epochs

    def run(self, out, *options, stop=None):
        """Run the training into a folder; give its exit code and what it said."""
        settings = {**SMALL, "lstm.epochs": self.epochs}.items()
        words = [word for name, value in settings for word in ("--set", f"{name}={value}")]
        arguments = ["train", self.data, "--out", out, "--seed", "3", *words, *options]
        ended = self.forks.run(out.parent, *arguments, stop=stop)
        return ended.returncode, ended.stderr.decode()

    def run_and_stop(self, out, number, *, waits):
        """Run it until there is a checkpoint, and end it by a signal."""
        kept = out.with_name(f"{out.name}.checkpoint")
        code, reported = self.run(out, stop={"signal": number, "after": str(kept), "waits": waits})
        assert kept.exists(), reported
        assert not out.exists()
        return code, reported


def weights(folder):
    return hashlib.sha256((folder / "weights.safetensors").read_bytes()).hexdigest()


@pytest.fixture(scope="module")
def commands(few_reviews, how_many):
    with forks(few_reviews, "--torch", environment={}) as started:
        yield Commands(started, few_reviews, epochs=how_many(10, 100))


@pytest.fixture(scope="module")
def uninterrupted(commands, tmp_path_factory):
    out = tmp_path_factory.mktemp("whole") / "model"
    code, reported = commands.run(out)
    assert code == 0, reported
    return out


@pytest.mark.slow
@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGTERM, signal.SIGINT])
def test_a_killed_command_resumed_writes_the_same_model(
    number, commands, uninterrupted, how_many, tmp_path
):
    """In the long form the training doesn't wait to be killed."""
    out = tmp_path / "model"
    code, reported = commands.run_and_stop(out, number, waits=how_many(True, False))
    if number == signal.SIGKILL:
        assert code == -signal.SIGKILL
    else:
        assert code == 130
        assert reported.endswith(
            f"wordgate: interrupted: the checkpoint is kept in {out}.checkpoint; run the same"
            " command with --resume to continue\n"
        )
    assert commands.run(out) == (
        1,
        f"wordgate: a training into {out} was interrupted and left {out}.checkpoint: continue it"
        " with --resume, or start over with --overwrite\n",
    )
    code, reported = commands.run(out, "--resume")
    assert code == 0, reported
    assert f"Resumed from {out}.checkpoint after " in reported
    assert weights(out) == weights(uninterrupted)
    assert [file.name for file in tmp_path.iterdir()] == ["model"]


def interrupt(epoch, reviews, tiny, out, monkeypatch):
    """Interrupt a training into a folder when so many epochs and ten updates are over."""
    real = LSTMTrainer.update

    def update(trainer, prepared):
        if trainer.updates == epoch * trainer.plan.updates_per_epoch + 10:
            os.kill(os.getpid(), signal.SIGINT)
        return real(trainer, prepared)

    with monkeypatch.context() as patched:
        patched.setattr(LSTMTrainer, "update", update)
        with pytest.raises(KeyboardInterrupt):
            wordgate.train(reviews, out=out, settings=tiny, progress=Silent())
    assert out.with_name("model.checkpoint").exists()


@pytest.fixture
def interrupted(reviews, tiny, tmp_path, monkeypatch):
    """A training into `model` that was interrupted in its first epoch."""
    interrupt(0, reviews, tiny, tmp_path / "model", monkeypatch)
    return tmp_path / "model"


def train(data, out, tiny, **options):
    return wordgate.train(data, out=out, settings=tiny, progress=Silent(), **options)


def test_zero_minutes_make_a_model_of_the_best_so_far(interrupted, reviews, tiny):
    with safe_open(interrupted.with_name("model.checkpoint"), framework="numpy") as kept:
        spent = json.loads(kept.metadata()["wordgate"])["state"]["seconds"]
    training = train(reviews, interrupted, tiny, resume=True, max_minutes=0)
    assert training.metrics.train_seconds > spent > 0.0
    assert training.metrics.epochs == 1
    assert training.metrics.remarks == ["The time limit ended the training in epoch 1."]
    assert wordgate.load(interrupted).predict(["We love this lamp"])
    assert not interrupted.with_name("model.checkpoint").exists()


def test_an_overwriting_command_that_fails_leaves_the_checkpoint(interrupted, reviews, tiny):
    kept = interrupted.with_name("model.checkpoint")
    for options in ({"device": "gpu"}, {"model": "lsmt"}, {"text": "nowhere"}):
        with pytest.raises(wordgate.WordgateError):
            train(reviews, interrupted, tiny, overwrite=True, **options)
        assert kept.exists()


def test_overwrite_begins_anew(interrupted, reviews, tiny, lstm_model):
    train(reviews, interrupted, tiny, overwrite=True)
    assert weights(interrupted) == weights(lstm_model.folder)
    assert not interrupted.with_name("model.checkpoint").exists()


def test_resume_replaces_a_model_only_with_overwrite(interrupted, reviews, tiny, lstm_model):
    train(reviews, interrupted.with_name("other"), tiny)
    interrupted.with_name("other").rename(interrupted)
    assert refusal(BundleError, reviews, interrupted, tiny, resume=True) == (
        f"both {interrupted} and {interrupted}.checkpoint exist: if the training was stopped just"
        f" after it had written {interrupted}, that is complete, and you can delete"
        f" {interrupted}.checkpoint; if it was to replace {interrupted}, add --overwrite"
    )
    train(reviews, interrupted, tiny, resume=True, overwrite=True)
    assert weights(interrupted) == weights(lstm_model.folder)


@pytest.fixture
def killed_at_the_end(reviews, tiny, tmp_path, monkeypatch):
    """A training that was killed when its model was written and its checkpoint still there."""
    monkeypatch.setattr(checkpoint, "_SOONEST", 0.0)
    monkeypatch.setattr(checkpoint, "_SHARE", 1.0)

    def kill(file):
        raise ZeroDivisionError

    with monkeypatch.context() as patched:
        patched.setattr("wordgate.experiments.resuming.remove", kill)
        with pytest.raises(ZeroDivisionError):
            train(reviews, tmp_path / "model", tiny)
    return tmp_path / "model"


def test_a_training_killed_with_its_model_written_ends_by_itself(
    killed_at_the_end, reviews, tiny, lstm_model
):
    before = (killed_at_the_end / "metrics.json").read_bytes()
    train(reviews, killed_at_the_end, tiny, resume=True)
    assert weights(killed_at_the_end) == weights(lstm_model.folder)
    assert (killed_at_the_end / "metrics.json").read_bytes() != before
    assert list(killed_at_the_end.parent.iterdir()) == [killed_at_the_end]


@pytest.mark.parametrize("sizes", [(8, 12), (12, 8)])
def test_a_training_of_two_candidates_killed_with_its_model_written_ends_by_itself(
    sizes, reviews, tiny, tmp_path, monkeypatch
):
    """Whichever is chosen; and `config.json` has the settings of that one, which give it again."""
    hidden, lighter = sizes
    two = {
        **tiny,
        "lstm.lighter_candidate": True,
        "lstm.hidden_size": hidden,
        "lstm.lighter_hidden_size": lighter,
    }
    monkeypatch.setattr(checkpoint, "_SOONEST", 0.0)
    monkeypatch.setattr(checkpoint, "_SHARE", 1.0)
    out = tmp_path / "model"
    with monkeypatch.context() as patched:
        patched.setattr("wordgate.experiments.resuming.remove", lambda file: 1 / 0)
        with pytest.raises(ZeroDivisionError):
            train(reviews, out, two)
    before = weights(out)
    train(reviews, out, two, resume=True)
    assert weights(out) == before
    chosen = json.loads((out / "config.json").read_text())["settings"]
    assert chosen["lstm"]["hidden_size"] in sizes
    assert not chosen["lstm"]["lighter_candidate"]
    own = ("hidden_size", "word_dropout", "embedding_learning_rate")
    alone = {f"lstm.{name}": chosen["lstm"][name] for name in own}
    train(reviews, tmp_path / "again", {**tiny, **alone})
    assert weights(tmp_path / "again") == before


def test_only_the_end_of_the_very_training_is_taken_for_it(
    killed_at_the_end, reviews, tiny, tmp_path, monkeypatch
):
    out, kept = killed_at_the_end, killed_at_the_end.with_name("model.checkpoint")
    both = f"both {out} and {kept} exist: "
    limited = {"resume": True, "max_minutes": 0}
    assert refusal(BundleError, reviews, out, tiny, **limited).startswith(both)
    written = kept.read_bytes()
    train(reviews, out, tiny, overwrite=True)  # the same bits, of another run
    kept.write_bytes(written)
    assert refusal(BundleError, reviews, out, tiny, resume=True).startswith(both)
    shutil.rmtree(out)
    kept.unlink()
    interrupt(1, reviews, tiny, out, monkeypatch)
    written = kept.read_bytes()
    train(reviews, out, tiny, **limited)
    kept.write_bytes(written)  # a model of the best so far, which may be gone on from
    assert refusal(BundleError, reviews, out, tiny, resume=True).startswith(both)
    kept.write_bytes(b"")
    assert refusal(BundleError, reviews, out, tiny, resume=True).startswith(both)


@pytest.fixture(params=["mlp", "transformer"])
def train_other(request, reviews, tmp_path):
    """Train a model of another family into `model`; an update of it can be patched."""
    if request.param == "mlp":
        options = {
            "vectors": request.getfixturevalue("review_vectors"),
            "settings": request.getfixturevalue("tiny_mlp"),
        }
    else:
        folder = request.getfixturevalue("tiny_bert")
        options = {"settings": {**FINE_TUNED, "transformer.model": str(folder)}}

    def call(out=tmp_path / "model", **more):
        return wordgate.train(
            reviews, out=out, model=request.param, progress=Silent(), **options, **more
        )

    call.trainer = {"mlp": MLPTrainer, "transformer": TransformerTrainer}[request.param]
    call.family = request.param
    return call


@pytest.fixture
def interrupted_other(train_other, tmp_path, monkeypatch):
    """A training into `model` that was interrupted in its second epoch."""
    real = train_other.trainer.update

    def update(trainer, batch):
        if trainer.updates == trainer.plan.updates_per_epoch + 2:
            os.kill(os.getpid(), signal.SIGINT)
        return real(trainer, batch)

    with monkeypatch.context() as patched:
        patched.setattr(train_other.trainer, "update", update)
        with pytest.raises(KeyboardInterrupt) as interruption:
            train_other()
    assert interruption.value.args == (
        f"the checkpoint is kept in {tmp_path / 'model.checkpoint'}; run the same command with"
        " --resume to continue",
    )
    return tmp_path / "model"


def test_an_interrupted_training_of_another_family_writes_the_same_model(
    interrupted_other, train_other
):
    out = interrupted_other
    with pytest.raises(BundleError, match=r"was interrupted and left .*: continue it with --resum"):
        train_other()
    resumed = train_other(resume=True)
    whole = train_other(out.with_name("whole"))
    assert weights(out) == weights(out.with_name("whole"))
    assert resumed.metrics.log_loss == whole.metrics.log_loss
    assert sorted(file.name for file in out.parent.iterdir()) == ["model", "whole"]


def test_zero_minutes_make_a_model_of_another_family(interrupted_other, train_other):
    training = train_other(resume=True, max_minutes=0)
    assert training.metrics.epochs >= 1
    assert any(line.startswith("The time limit ended ") for line in training.metrics.remarks)
    assert wordgate.load(interrupted_other).predict(["We love this lamp"])
    assert [file.name for file in interrupted_other.parent.iterdir()] == ["model"]


def test_a_training_of_another_family_killed_with_its_model_written_ends_by_itself(
    train_other, tmp_path, monkeypatch
):
    monkeypatch.setattr(checkpoint, "_SOONEST", 0.0)
    monkeypatch.setattr(checkpoint, "_SHARE", 0.0)
    with monkeypatch.context() as patched:
        patched.setattr("wordgate.experiments.resuming.remove", lambda file: 1 / 0)
        with pytest.raises(ZeroDivisionError):
            train_other()
    before = weights(tmp_path / "model")
    train_other(resume=True)
    assert weights(tmp_path / "model") == before
    assert [file.name for file in tmp_path.iterdir()] == ["model"]


def test_a_checkpoint_of_another_family_is_not_resumed(interrupted, reviews, train_other):
    kept = f"{interrupted}.checkpoint contains a training with family lstm instead of "
    with pytest.raises(BundleError, match=rf"^{re.escape(kept)}{train_other.family}, "):
        train_other(resume=True)


def test_a_training_that_ends_well_leaves_no_checkpoint(reviews, tiny, tmp_path):
    train(reviews, tmp_path / "model", tiny)
    assert [file.name for file in tmp_path.iterdir()] == ["model"]


def test_files_of_an_interrupted_distillation_are_deleted_when_a_training_starts_over(
    few_reviews, tiny, tmp_path
):
    """Else the next training into the folder would be told of an interruption long over."""
    out, kept = tmp_path / "model", tmp_path / "model.teaching"
    kept.mkdir()
    (kept / "answers.safetensors").write_bytes(b"")
    with pytest.raises(BundleError, match=f"was interrupted and left {re.escape(str(kept))}"):
        train(few_reviews, out, tiny)
    train(few_reviews, out, tiny, overwrite=True)
    assert [file.name for file in tmp_path.iterdir()] == ["model"]


def test_half_written_files_of_a_killed_run_are_deleted_with_the_checkpoint(
    interrupted, reviews, tiny
):
    half = interrupted.with_name(".model.checkpoint.new")
    half.write_bytes(b"half of it")
    train(reviews, interrupted, tiny, resume=True)  # so short that nothing is kept again
    assert list(interrupted.parent.iterdir()) == [interrupted]


def refusal(kind, *arguments, **options):
    with pytest.raises(kind) as refused:
        train(*arguments, **options)
    return str(refused.value)


def test_a_folder_where_its_checkpoint_would_be_is_reported_before_the_work(
    reviews, tiny, tmp_path
):
    kept = tmp_path / "model.checkpoint"
    kept.mkdir()
    for options in ({}, {"overwrite": True}, {"resume": True}):
        assert refusal(BundleError, reviews, tmp_path / "model", tiny, **options) == (
            f"{kept} is not a file, but a training is kept in a file of this name; move it, or"
            " choose another --out"
        )
    assert list(tmp_path.iterdir()) == [kept]
    train(reviews, tmp_path / "model", {}, model="count")  # which keeps none


def test_checkpoints_that_cannot_be_resumed_are_refused(reviews, tiny, tmp_path):
    out = tmp_path / "model"
    assert refusal(BundleError, reviews, out, tiny, resume=True) == (
        f"there is no {out}.checkpoint to resume from; leave out --resume to start"
    )
    assert refusal(SettingsError, reviews, out, {}, resume=True, model="count") == (
        "--resume has no effect: a count model is fitted in one step; only mlp,"
        " lstm, transformer models have checkpoints"
    )
    assert refusal(SettingsError, reviews, None, tiny, resume=True) == (
        "give the output of the training to resume as `out`"
    )
    assert refusal(SettingsError, reviews, out, tiny, max_minutes=0) == (
        "max_minutes is 0; it must be a number above 0"
    )
