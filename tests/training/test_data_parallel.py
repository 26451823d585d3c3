"""A batch split among processes: the gradients of the whole, bit-identical when repeated."""

import errno
import re
import sys
import time
from dataclasses import replace
from functools import partial
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
import torch
from tests.conftest import RecordingProgress, pid_started_by, wait_until_gone

from wordgate.data.dataset import Dataset
from wordgate.errors import SettingsError
from wordgate.families import FAMILIES
from wordgate.runtime import threads as thread_numbers
from wordgate.runtime.engine import Engine
from wordgate.runtime.processes import ProcessStartError
from wordgate.runtime.progress import Silent
from wordgate.text.encoder import TextEncoder
from wordgate.training import device, families, processes
from wordgate.training.checkpoint import kept_histories
from wordgate.training.data_parallel import own_part, replicated_updates
from wordgate.training.families import check_workers
from wordgate.training.fitting import CheckpointConfig, EncodedData, FitData, RunContext
from wordgate.training.local_group import LocalGroup
from wordgate.training.loop import TrainingLoop
from wordgate.training.lstm_trainer import LSTMTrainer
from wordgate.training.mlp import MLPTrainer
from wordgate.training.pretrained_transformer import pretrained_transformer
from wordgate.training.processes import LostProcessError, choose_processes, start_workers
from wordgate.training.rng import EmbeddingInit, random_embeddings
from wordgate.training.transformer import TransformerTrainer

N_TEXTS = 50
PROCESSES = 3


@pytest.fixture(autouse=True)
def one_thread():
    """Compute as each process of a group does."""
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


@pytest.fixture
def importable(monkeypatch):
    """Let workers import this module: they are sent functions of it."""
    monkeypatch.syspath_prepend(str(Path(__file__).parents[2]))


@pytest.fixture(scope="module")
def group():
    """This process and two others, which are started once."""
    with start_workers(PROCESSES - 1, 1) as workers:
        workers.check()
        own = LocalGroup(0, PROCESSES, workers.sockets)
        yield own
        own.send(None)


def dataset(texts, kind):
    """Targets of three labels, for many of the third: one per text, several, or probabilities."""
    rng = np.random.default_rng(0)
    targets = np.minimum(rng.integers(0, 6, len(texts)), 2)
    weights = rng.uniform(0.1, 5.0, len(texts)).astype(np.float32) if "weighed" in kind else None
    if "several" in kind:
        targets = (rng.random((len(texts), 3)) < (0.1, 0.3, 0.8)).astype(np.int64)
        if weights is not None:
            weights = weights[:, None] * np.float32([1.0, 2.0, 3.0])
    soft = rng.dirichlet([0.3] * 3, len(texts)).astype(np.float32) if "taught" in kind else None
    return Dataset(texts, targets, None, weights=weights, soft_targets=soft)


@pytest.fixture
def begun(settings, examples):
    """A trainer before its first update, whose batches a group computes, or this process alone."""

    def begin(group, kind="plain", n_texts=2 * N_TEXTS, **changes):
        train = dataset(examples(n_texts).texts, kind)
        chosen = settings(batch_size=N_TEXTS, min_updates=0, **changes)
        encoder, encoded = TextEncoder.fit(train.texts, max_tokens=50)
        data = EncodedData(
            encoded, encoded, FitData(train, train, ["a", "b", "c"]), encoder.vocabulary.unknown
        )
        vectors = random_embeddings(encoder.vocabulary, chosen, 0).vectors
        pretrained = np.zeros(vectors.shape, bool)
        pretrained[5:20, :2] = True
        context = RunContext(0, Silent(), "cpu", group=group)
        return LSTMTrainer(data, EmbeddingInit(vectors, pretrained), chosen, context)

    return begin


def made(trainer, n_updates=2, start=0):
    """Make updates from a number on; give all arrays, and the metrics of each update."""
    batches, metrics = trainer.batches(0, start), []
    with replicated_updates(trainer, trainer._group):
        for _ in range(n_updates):
            prepared = next(batches)
            trainer._group.next_update(more=True)
            metrics.append(trainer.update(prepared).tolist())
    return {name: array.copy() for name, array in trainer.arrays().items()}, metrics


CHANCE = {
    "lstm.word_dropout": 0.2,
    "lstm.input_dropout": 0.2,
    "lstm.recurrent_dropout": 0.2,
    "lstm.output_dropout": 0.2,
}
WAYS = {
    "plain": ("plain", {}),
    "balanced": ("plain", {"class_weight": "balanced", "lstm.label_smoothing": 0.1}),
    "weights": ("weighed", {"class_weight": "balanced"}),
    "several labels": ("several", {"class_weight": "balanced"}),
    "several labels with weights": ("several weighed", {"lstm.label_smoothing": 0.1}),
    "a teacher": ("taught weighed", {}),
    "focal": ("plain", {"loss.function": "focal", "class_weight": "balanced"}),
    "focal, several labels": ("several weighed", {"loss.function": "focal"}),
    "both directions": (
        "plain",
        {**CHANCE, "lstm.bidirectional": True, "lstm.pooling": "last+max+mean"},
    ),
    "masks for each text": ("plain", {**CHANCE, "lstm.dropout_masks": "text"}),
    "as Keras": (
        "plain",
        {**CHANCE, "lstm.dropout_masks": "gate", "lstm.embedding_updates": "keras"},
    ),
}


@pytest.mark.parametrize("way", WAYS)
def test_a_cut_batch_has_the_gradient_of_the_whole(begun, group, way):
    """Adam's moments are means of the gradients and of their squares."""
    kind, changes = WAYS[way]
    whole, cut = (begun(each, kind, **changes) for each in (None, group))
    assert len(next(cut.batches(0, 0)).own.targets) == -(-N_TEXTS // PROCESSES)
    (expected, loss), (found, cut_loss) = made(whole, 1), made(cut, 1)
    assert np.array(cut_loss) == pytest.approx(np.array(loss), rel=1e-5)
    for name, array in expected.items():
        if "moment" in name:
            largest = float(np.abs(array).max())
            assert largest > 0.0, name
            assert found[name] == pytest.approx(array, rel=1e-3, abs=3e-5 * largest), name


@pytest.mark.parametrize(
    "changes", [{"lstm.bidirectional": True}, {"lstm.embedding_updates": "keras"}]
)
def test_each_number_of_processes_gives_its_own_bits_every_time(begun, group, changes):
    changes = {**CHANCE, **changes, "lstm.weight_averaging": 0.5}
    first, again, whole = (made(begun(each, **changes)) for each in (group, group, None))
    assert first[1] == again[1]
    assert all(np.array_equal(first[0][name], again[0][name]) for name in first[0])
    for name, array in whole[0].items():
        assert first[0][name] == pytest.approx(array, abs=2e-2), name


def test_a_cut_training_is_resumed_to_the_same_bits(begun, group):
    trainer = begun(group, **CHANCE, weight_averaging=0.5)
    made(trainer, 1)
    kept = {name: array.copy() for name, array in trainer.arrays().items()}
    expected = made(trainer, 1, start=1)
    resumed = begun(group, **CHANCE, weight_averaging=0.5)
    resumed.restore(kept, 1)
    found = made(resumed, 1, start=1)
    assert found[1] == expected[1]
    assert all(np.array_equal(found[0][name], array) for name, array in expected[0].items())


def test_a_batch_of_fewer_texts_than_processes_leaves_some_without(begun, group):
    whole, cut = (begun(each, n_texts=N_TEXTS + 2, batches="shuffled") for each in (None, group))
    sizes = [len(batch.targets) for batch in cut.batches(0, 0)]
    assert min(sizes) == 2 < PROCESSES
    (expected, losses), (found, cut_losses) = made(whole), made(cut)
    assert np.array(cut_losses) == pytest.approx(np.array(losses), rel=1e-4)
    assert all(found[name] == pytest.approx(array, abs=1e-2) for name, array in expected.items())


def test_a_killed_worker_is_reported(begun):
    with start_workers(1, 1) as workers:
        workers.check()
        trainer = begun(LocalGroup(0, 2, workers.sockets))
        workers.started[0].kill()
        message = "of the 2 training processes, number 2 ended unexpectedly"
        with pytest.raises(LostProcessError, match=message):
            made(trainer, 10)


def fail(group):
    """Fail in a worker process."""
    raise ZeroDivisionError(f"in rank {group.rank}")


@pytest.mark.usefixtures("importable")
@pytest.mark.parametrize("learns_of_it", ["reading", "writing"])
def test_the_traceback_of_a_worker_that_fails_is_shown(learns_of_it):
    with start_workers(1, 1) as workers:
        workers.check()
        group = LocalGroup(0, 2, workers.sockets)
        group.send(fail)
        message = r"(?s)number 2 failed:.*Traceback.*in fail.*ZeroDivisionError: in rank 1"
        if learns_of_it == "writing":
            workers.started[0].wait()
        learn = {"reading": group.receive, "writing": partial(group.next_update, more=True)}
        with pytest.raises(LostProcessError, match=message):
            learn[learns_of_it]()


def echo(group):
    """Send back what comes, with a change to prove that arrays can be written to."""
    array, text = group.receive()
    array += 1
    group.send((array, text))


@pytest.mark.usefixtures("importable")
def test_messages_keep_arrays_of_every_layout():
    numbers = np.arange(24.0).reshape(4, 6)
    with start_workers(1, 1) as workers:
        workers.check()
        pair = LocalGroup(0, 2, workers.sockets)
        pair.send(echo)
        for array in (numbers, numbers.T, numbers[:, ::2], numbers[:0], np.float32(3)):
            pair.send((array, "text"))
            back, text = pair.receive()
            assert np.array_equal(back, array + 1)
            assert text == "text"
            pair.send(echo)


def test_workers_end_with_their_context_and_leave_no_descriptors():
    before = open_descriptors()
    with start_workers(2, 1) as workers:
        workers.check()
        LocalGroup(0, 3, workers.sockets).send(max)
        assert [one.poll() for one in workers.started] == [None, None]
    assert all(one.poll() is not None for one in workers.started)
    assert open_descriptors() == before


def open_descriptors():
    """Count the open files of this process, where the system lists them."""
    folder = Path("/dev/fd")
    return len(list(folder.iterdir())) if folder.is_dir() else 0


def test_workers_import_nothing_of_a_script_and_end_with_it(tmp_path):
    """A script without `if __name__ == "__main__"` must not run again in each of them."""
    pid = pid_started_by(
        tmp_path / "script.py",
        "import os, signal\n"
        "from wordgate.training.processes import start_workers\n"
        "with start_workers(1, 1) as workers:\n"
        "    print(workers.started[0].pid, flush=True)\n",
    )
    assert wait_until_gone(pid)


@pytest.mark.parametrize(
    ("changes", "n_texts", "threads", "count"),
    [
        ({"lstm.batch_size": 128}, 10_000, 2, 2),
        ({"lstm.batch_size": 128}, 10_000, 16, 2),
        ({"lstm.batch_size": 64}, 10_000, 2, 1),
        ({"lstm.batch_size": 64, "lstm.lighter_candidate": True}, 10_000, 4, 2),
        ({"lstm.batch_size": 64, "lstm.lighter_candidate": True}, 10_000, 1, 1),
        ({"lstm.batch_size": 128}, 1000, 2, 1),
    ],
)
def test_how_many_processes_train(settings, changes, n_texts, threads, count):
    assert choose_processes(settings(**changes), n_texts, threads) == count


def test_a_frozen_program_is_no_python_to_start_workers_with(settings, monkeypatch):
    monkeypatch.setattr(sys, "frozen", True, raising=False)
    assert choose_processes(settings(**{"lstm.batch_size": 128}), 10_000, 2) == 1


@pytest.fixture
def prepared(settings, monkeypatch):
    """Whether a fit of two candidates is given workers, and what is reported of it."""
    monkeypatch.setattr(processes, "FEWEST_TEXTS", 1)
    monkeypatch.delenv(thread_numbers.THREADS_VARIABLE, raising=False)
    monkeypatch.delenv("OMP_NUM_THREADS", raising=False)
    monkeypatch.setattr(thread_numbers, "available_cores", lambda: 4)
    chosen = settings(lighter_candidate=True)

    def prepare(threads=None, workers=None):
        progress = RecordingProgress()
        context = RunContext(0, progress, "cpu", threads, processes=workers)
        with families._prepared(FAMILIES["lstm"], 10, chosen, context) as given:
            return (given.worker or given.group) is not None, progress.lines

    return prepare


def test_two_candidates_are_given_a_worker(prepared):
    torch.set_num_threads(2)
    assert prepared() == (True, [])
    assert prepared(threads=1) == (False, [])


def test_a_number_of_threads_set_in_torch_holds_for_workers_too(prepared):
    torch.set_num_threads(1)
    assert prepared() == (False, [])


def test_a_forked_process_starts_workers_only_if_threads_are_asked_for(prepared, monkeypatch):
    torch.set_num_threads(4)
    monkeypatch.setattr(thread_numbers, "_was_forked", True)
    assert prepared() == (False, [])
    assert prepared(threads=2) == (True, [])


def refuse(*_):
    raise BlockingIOError(errno.EAGAIN, "Resource temporarily unavailable")


@pytest.mark.parametrize(
    ("what", "instead", "why"),
    [
        ("_start", refuse, "a worker process can't be started: Resource temporarily unavailable"),
        ("shared_memory", refuse, "a worker process can't be started: Resource temporarily"),
        ("sys.executable", "/bin/true", "'/bin/true' does not start a worker process"),
    ],
)
def test_where_no_worker_starts_one_process_trains_unless_workers_are_asked_for(
    prepared, monkeypatch, what, instead, why
):
    monkeypatch.setattr(f"wordgate.training.processes.{what}", instead)
    has_worker, lines = prepared(threads=2)
    assert not has_worker
    assert len(lines) == 1
    assert lines[0].startswith(f"Training in one process: {why}")
    with pytest.raises(ProcessStartError, match=re.escape(why)):
        prepared(threads=2, workers=2)


def test_no_worker_is_kept_where_a_gpu_is_chosen(prepared, monkeypatch):
    started = []
    start = processes._start
    monkeypatch.setattr(processes, "_start", lambda *of: started.append(start(*of)) or started[-1])
    monkeypatch.setattr(device, "choose_device", lambda _: torch.device("cuda"))
    assert prepared(threads=2) == (False, [])
    with pytest.raises(SettingsError, match="--workers 2 has no effect: on GPUs"):
        prepared(threads=2, workers=2)
    assert [one.poll() is not None for one in started] == [True, True]


@pytest.mark.parametrize(
    ("family", "workers", "device", "engine", "message"),
    [
        ("lstm", 0, "cpu", "local", "workers is 0; it must be a whole number of at least 1"),
        ("lstm", True, "cpu", "local", "workers is True; it must be a whole number of at least 1"),
        ("count", 2, "auto", "ray", "--workers 2 has no effect: count models are {in_one}"),
        ("mlp", 2, "auto", "local", "--workers 2 has no effect: mlp models are {in_one}"),
        ("lstm", 2, "cuda", "local", "--workers 2 has no effect: {on_gpus}"),
        ("transformer", 2, "cuda", "ray", "--workers 2 has no effect: {on_gpus}"),
    ],
)
def test_workers_without_effect_are_refused(family, workers, device, engine, message):
    with pytest.raises(SettingsError) as error:
        check_workers(family, workers, device, Engine(engine))
    assert str(error.value) == message.format(
        in_one="trained in one process", on_gpus="on GPUs, processes are started by torchrun"
    )


def test_a_cluster_trains_what_one_process_of_this_machine_cannot_cut():
    for family in ("mlp", "lstm", "transformer"):
        check_workers(family, 2, "auto", Engine("ray"))


def test_candidates_trained_at_the_same_time_are_those_trained_in_turn(
    examples, fit_model, monkeypatch
):
    train, changes = examples(160), {"lstm.epochs": 2, "lstm.lighter_candidate": True}
    alone = fit_model(train, threads=1, **changes)
    monkeypatch.setattr(processes, "FEWEST_TEXTS", 1)
    both = fit_model(train, threads=2, **changes)
    assert both.engine == alone.engine
    arrays, others = (fitted.model.state()[1] for fitted in (both, alone))
    assert all(np.array_equal(arrays[name], others[name]) for name in others)
    assert [one.valid_loss for one in both.history] == [one.valid_loss for one in alone.history]


@pytest.mark.slow
def test_candidates_that_the_time_limit_cut_are_resumed_to_the_same_bits(
    examples, fit_model, monkeypatch, tmp_path
):
    monkeypatch.setattr(processes, "FEWEST_TEXTS", 1)
    train, kept = examples(160), CheckpointConfig(tmp_path / "checkpoint")
    changes = {"lstm.epochs": 2, "lstm.lighter_candidate": True, "threads": 2}
    whole = fit_model(train, **changes)
    cut = fit_model(train, **changes, checkpoint=kept, deadline=time.monotonic())
    assert any("The time limit" in remark for remark in cut.remarks)
    assert kept.file.exists()
    assert kept.beside.file.exists()
    resumed = fit_model(train, **changes, checkpoint=replace(kept, resume=True))
    assert not kept.beside.file.exists()  # both are in the joint one
    again = fit_model(train, **changes, checkpoint=replace(kept, resume=True))
    for fitted in (resumed, again):
        arrays, expected = (each.model.state()[1] for each in (fitted, whole))
        assert all(np.array_equal(arrays[name], expected[name]) for name in expected)


@pytest.mark.slow
def test_an_interruption_while_the_second_candidate_is_awaited_keeps_the_first(
    examples, fit_model, monkeypatch, tmp_path
):
    def interrupt(_):
        raise KeyboardInterrupt

    monkeypatch.setattr(processes, "FEWEST_TEXTS", 1)
    train, kept = examples(160), CheckpointConfig(tmp_path / "checkpoint")
    changes = {"lstm.epochs": 2, "lstm.lighter_candidate": True, "threads": 2}
    whole = fit_model(train, **changes)
    with monkeypatch.context() as interrupted:
        interrupted.setattr(LocalGroup, "receive", interrupt)
        with pytest.raises(KeyboardInterrupt, match="run the same command with --resume"):
            fit_model(train, **changes, checkpoint=kept)
    assert len(kept_histories(kept.file)[0]) == 2
    resumed = fit_model(train, **changes, checkpoint=replace(kept, resume=True))
    arrays, expected = (each.model.state()[1] for each in (resumed, whole))
    assert all(np.array_equal(arrays[name], expected[name]) for name in expected)


def test_a_training_resumed_in_another_number_of_processes_says_so(
    examples, fit_model, monkeypatch, tmp_path
):
    monkeypatch.setattr(processes, "FEWEST_TEXTS", 1)
    monkeypatch.setattr(processes, "SMALLEST_SHARD", 20)
    train, kept = examples(160), CheckpointConfig(tmp_path / "checkpoint")
    changes = {"epochs": 2, "lstm.batch_size": 40, "lstm.min_updates": 0}
    fit_model(train, threads=2, checkpoint=kept, deadline=time.monotonic(), **changes)
    progress = RecordingProgress()
    resumed = replace(kept, resume=True)
    fit_model(train, threads=1, checkpoint=resumed, progress=progress, **changes)
    assert "was started with processes 2 instead of 1: its result may differ" in "\n".join(
        progress.lines
    )


def test_a_new_training_leaves_no_second_checkpoint_of_another_one(
    examples, fit_model, monkeypatch, tmp_path
):
    def interrupt(_):
        raise KeyboardInterrupt

    monkeypatch.setattr(processes, "FEWEST_TEXTS", 1)
    monkeypatch.setattr(TrainingLoop, "run", interrupt)
    kept = CheckpointConfig(tmp_path / "checkpoint")
    kept.beside.file.write_text("of another training")
    with pytest.raises(KeyboardInterrupt):
        fit_model(examples(160), threads=2, checkpoint=kept, **{"lstm.lighter_candidate": True})
    assert not (
        kept.beside.file.exists() and kept.beside.file.read_bytes() == b"of another training"
    )


@pytest.mark.slow
def test_a_fit_cut_among_processes_is_repeatable_and_close_to_that_of_one(
    examples, fit_model, monkeypatch
):
    train, changes = examples(160), {"epochs": 2, "lstm.batch_size": 40, "lstm.min_updates": 0}
    one = fit_model(train, threads=1, **changes)
    monkeypatch.setattr(processes, "FEWEST_TEXTS", 1)
    monkeypatch.setattr(processes, "SMALLEST_SHARD", 20)
    two, again = (fit_model(train, threads=2, **changes) for _ in range(2))
    assert two.engine == {**one.engine, "processes": "2"}
    arrays, repeated = (fitted.model.state()[1] for fitted in (two, again))
    assert all(np.array_equal(arrays[name], repeated[name]) for name in arrays)
    assert two.model.log_proba(train.texts) == pytest.approx(
        one.model.log_proba(train.texts), abs=1e-2
    )


@pytest.mark.slow
def test_the_layers_of_an_mlp_are_cut_among_processes_too(settings, group):
    rng = np.random.default_rng(0)
    averages = rng.normal(size=(50, 4)).astype(np.float32)
    train = Dataset([""] * 50, averages[:, :3].argmax(axis=1))
    data = FitData(train, train, ["a", "b", "c"])
    chosen = settings(**{"mlp.hidden_size": 6, "mlp.batch_size": 16, "class_weight": "balanced"})
    whole, first, again = (
        made(MLPTrainer(averages, averages, data, chosen, 0, each), 4)
        for each in (None, group, group)
    )
    assert np.array(first[1]) == pytest.approx(np.array(whole[1]), rel=1e-5)
    for name, array in whole[0].items():
        assert first[0][name] == pytest.approx(array, rel=1e-3, abs=1e-5), name
        assert np.array_equal(first[0][name], again[0][name])


@pytest.fixture
def tiny(tiny_transformer, settings, examples):
    """Texts, and settings to fine-tune a tiny transformer by."""
    changes = {"max_tokens": 16, "epochs": 1, "min_updates": 0, "batch_size": 16}
    chosen = settings(
        **{f"transformer.{name}": value for name, value in changes.items()},
        **{"transformer.model": str(tiny_transformer), "class_weight": "balanced"},
    )
    train = examples(40)
    return FitData(train, train, ["a", "b"]), chosen


def test_a_transformer_is_cut_among_processes_too(tiny, group, monkeypatch):
    context = RunContext(0, Silent(), "cpu", 1)
    whole = families.fit("transformer", *tiny, context)
    monkeypatch.setattr(families, "current_group", lambda: group)
    first, again = (families.fit("transformer", *tiny, context) for _ in range(2))
    assert first.engine == {**whole.engine, "processes": str(PROCESSES)}
    assert first.history[0].train_loss == pytest.approx(whole.history[0].train_loss, abs=0.1)
    arrays, repeated = (each.model.state()[1] for each in (first, again))
    assert all(np.array_equal(array, repeated[name]) for name, array in arrays.items())


def test_the_parts_of_a_transformers_batch_have_the_gradient_of_the_whole(tiny):
    """Without dropout, which each process draws for its own texts."""
    data, chosen = tiny
    encoder, network = pretrained_transformer(chosen.transformer.model, 2, 16, 0, multilabel=False)
    encoded = encoder.encode(data.train.texts)
    texts, context = EncodedData(encoded, encoded, data), RunContext(0, Silent(), "cpu")
    trainer = TransformerTrainer(network, texts, chosen, context)
    network.modules.eval()
    batch = next(trainer.batches(0, 0))

    def gradients(parts):
        metrics = sum(trainer._backward(part, batch) for part in parts)
        found = [weight.grad.clone() for weight in trainer._weights.values()]
        trainer._optimizer.zero_grad()
        return metrics.tolist(), found

    loss, whole = gradients([batch])
    groups = [SimpleNamespace(rank=rank, world_size=3) for rank in range(3)]
    cut_loss, cut = gradients([own_part(batch, group) for group in groups])
    assert cut_loss == pytest.approx(loss, rel=1e-5)
    for expected, found in zip(whole, cut, strict=True):
        assert found.numpy() == pytest.approx(expected.numpy(), rel=1e-3, abs=1e-6)
