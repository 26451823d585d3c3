"""Ray on the cores of this machine gives what one process gives."""

import json
import os
import signal
import socket
import subprocess
import sys
import time
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path
from threading import Event, Thread

import numpy as np
import pytest
from tests.conftest import RecordingProgress, own_environment

import wordgate
from wordgate.data.columns import ColumnError
from wordgate.errors import DataError, MissingExtraError, SettingsError, WordgateError
from wordgate.experiments import search_plan
from wordgate.runtime.engine import Engine, Tasks, map_tasks
from wordgate.runtime.progress import Silent
from wordgate.training import families
from wordgate.training.processes import start_workers

pytestmark = [
    pytest.mark.slow,
    pytest.mark.needs("ray"),
    pytest.mark.filterwarnings("ignore::ResourceWarning"),  # of Ray's own logs
    pytest.mark.filterwarnings("ignore::FutureWarning:ray"),
    pytest.mark.filterwarnings("ignore::DeprecationWarning:ray"),
]

ON_RAY = Engine("ray")


@pytest.fixture(scope="module", autouse=True)
def cluster():
    """Two CPUs, whatever this machine has; what `--engine ray` finds when it begins."""
    import ray

    ray.init(
        num_cpus=2, address="local", include_dashboard=False, log_to_driver=False,
        logging_level="ERROR", object_store_memory=100 * 2**20,
    )  # fmt: skip
    yield
    ray.shutdown()


@pytest.fixture
def shards(tmp_path):
    """A folder of files in several formats, one of them empty but for its header."""
    folder = tmp_path / "in"
    folder.mkdir()
    for number in range(4):
        lines = [f'{row},"We {("love", "hate")[row % 2]} it, {row}"' for row in range(9)]
        lines[number] = f"{number},"  # a row without a text
        text = "\n".join(["id,text", *lines[: 0 if number == 3 else None]]) + "\n"
        (folder / f"part-{number}.csv").write_text(text, encoding="utf-8")
    (folder / "more.jsonl").write_text('{"text": "We love it"}\n{"text": "We hate it"}\n')
    return folder


def contents(folder):
    """Give the files of a folder, hidden ones and the times in them aside."""
    return {file.relative_to(folder): file.read_bytes() for file in folder.rglob("*.*")}


def test_files_are_scored_byte_for_byte(shards, count_model, tmp_path):
    def score(out, **options):
        return wordgate.score(count_model.folder, shards, out, progress=Silent(), **options)

    here, there = score(tmp_path / "here"), score(tmp_path / "there", engine="ray")
    assert contents(tmp_path / "there") == contents(tmp_path / "here")
    assert (there.rows, there.errors) == (here.rows, here.errors) == (29, 3)
    assert score(tmp_path / "there", engine="ray", resume=True).was_complete


def test_an_unreadable_file_ends_it_as_without_ray(shards, count_model, tmp_path):
    (shards / "part-1.csv").write_text("id,body\n1,We love it\n", encoding="utf-8")
    out = tmp_path / "out"

    def score(**options):
        return wordgate.score(
            count_model.folder, shards, out, text="text", engine="ray", progress=Silent(), **options
        )

    with pytest.raises(DataError, match="no column 'text'"):
        score()
    (shards / "part-1.csv").write_text("id,text\n1,We love it\n", encoding="utf-8")
    assert score(resume=True).rows == 21


def test_a_task_whose_worker_is_killed_is_run_again(tmp_path):
    def square(folder, number):
        if number == 1:
            with open(folder / "attempts", "a") as attempts:
                attempts.write("x")
            if os.path.getsize(folder / "attempts") < 3:
                os.kill(os.getpid(), signal.SIGKILL)
        return number**2

    results = dict(map_tasks(square, tmp_path, range(40), ON_RAY))
    assert results == {number: number**2 for number in range(40)}
    assert (tmp_path / "attempts").read_text() == "xxx"


@pytest.mark.parametrize(
    ("make", "kind", "message"),
    [
        (lambda: ColumnError("text", "no column"), DataError, "^no column$"),
        (lambda: MissingExtraError("this", "x"), WordgateError, "^this needs the extra 'x'"),
        (lambda: ZeroDivisionError("a defect"), ZeroDivisionError, "a defect"),
    ],
)
def test_an_error_in_a_task_is_raised_in_the_driver(make, kind, message):
    def fail(_, __):
        raise make()

    with pytest.raises(kind, match=message):
        list(map_tasks(fail, None, [0], ON_RAY))


def test_a_task_has_the_threads_that_it_asks_for_and_the_same_place(tmp_path, monkeypatch):
    def look(_, __):
        from wordgate.runtime.threads import choose_threads

        return choose_threads(), os.getcwd()

    monkeypatch.chdir(tmp_path)
    for threads in (1, 2):
        assert list(map_tasks(look, None, [0], Engine("ray", threads))) == [
            (0, (threads, str(tmp_path)))
        ]
    with pytest.raises(
        SettingsError, match=r"^no node of the Ray cluster has the 3 CPUs that a task"
    ):
        list(map_tasks(look, None, [0], Engine("ray", 3)))


def summary(comparison):
    """Give what decides each result, times aside."""
    return [
        (result.family, result.kind, result.scores, result.temperature, result.log_proba.tolist())
        for result in comparison.results
    ]


def test_a_comparison_is_the_same_and_can_be_resumed(few_reviews, review_vectors, tmp_path):
    options = {
        "models": ["count", "logreg"], "vectors": review_vectors, "split": "grouped", "folds": 2,
        "threads": 1, "progress": Silent(),
    }  # fmt: skip
    here = wordgate.compare(few_reviews, **options)

    def interrupt(comparison):
        raise KeyboardInterrupt

    out = tmp_path / "comparison"
    with pytest.raises(KeyboardInterrupt, match="finished models are kept in"):
        wordgate.compare(few_reviews, engine="ray", out=out, watch=interrupt, **options)
    kept = {file.name for file in (tmp_path / "comparison.checkpoint").iterdir()}
    assert {"grouped-count-1.safetensors", "grouped-count-2.safetensors"} <= kept
    there = wordgate.compare(few_reviews, engine="ray", out=out, resume=True, **options)
    assert summary(there) == summary(here)
    assert not (tmp_path / "comparison.checkpoint").exists()


def test_folds_of_a_training_are_the_same(few_reviews, review_vectors):
    options = {"model": "logreg", "vectors": review_vectors, "folds": 2, "threads": 1}
    here, there = (
        wordgate.train(few_reviews, engine=engine, progress=Silent(), **options).metrics
        for engine in ("local", "ray")
    )
    assert there.folds == here.folds


SEARCH = {"model": "count", "settings": {"count.c": "1"}, "minutes": 20.0, "progress": Silent()}
SLOWER = {**SEARCH, "settings": {"count.c": [0.1, 0.3, 1, 3, 10, 30, 100]}}


def facts(search):
    """Give what each trial found, without the time it took."""
    return [
        (trial.number, trial.settings, trial.state, trial.fold_scores) for trial in search.trials
    ]


@pytest.fixture
def count_alone(monkeypatch):
    """Let a search be among one family: the others take seconds each."""
    monkeypatch.setattr(search_plan, "available_families", lambda _: (("count",), ()))


def own_processes():
    """List this process and all that it has started, those of its clusters included."""
    found = [os.getpid()]
    for process in found:
        for children in Path(f"/proc/{process}/task").glob("*/children"):
            with suppress(OSError):
                found += map(int, children.read_text().split())
    return found


def is_at_work(process):
    """Tell whether a process is a worker of Ray that runs a task."""
    with suppress(OSError):
        return Path(f"/proc/{process}/cmdline").read_bytes().startswith(b"ray::_call")
    return False


@contextmanager
def signals_to_workers(number, most):
    """Send so many workers of this process's clusters a signal while they run tasks; list them."""
    found, done = [], Event()

    def send():
        while len(found) < most and not done.wait(0.1):
            for process in own_processes():
                if process not in found and is_at_work(process):
                    with suppress(OSError):
                        os.kill(process, number)
                        found.append(process)
                        break

    thread = Thread(target=send)
    thread.start()
    try:
        yield found
    finally:
        done.set()
        thread.join()
        for process in found:
            with suppress(ProcessLookupError):
                os.kill(process, signal.SIGKILL)


def test_a_search_of_one_trial_at_a_time_is_that_of_one_process(few_reviews):
    options = {**SEARCH, "trials": 6, "threads": 2}  # a task takes both CPUs
    here = wordgate.tune(few_reviews, **options)
    there = wordgate.tune(few_reviews, engine="ray", **options)
    assert facts(there.search) == facts(here.search)
    assert there.settings == here.settings


def test_trials_run_at_the_same_time_and_no_killed_worker_loses_one(reviews):
    at_once = []

    def watch(objective, trials, deadline):
        at_once.append(sum(trial.state == "running" for trial in trials))

    with signals_to_workers(signal.SIGKILL, 3) as killed:
        found = wordgate.tune(reviews, engine="ray", trials=8, watch=watch, **SLOWER).search
    assert len(killed) == 3
    assert max(at_once) == 1  # besides the one that has just ended
    assert len(found.trials) == 8
    assert {trial.state for trial in found.trials} <= {"complete", "pruned"}
    assert found.ended_by == "trials"


def test_a_fit_that_does_not_end_is_not_waited_for_when_the_time_is_over(reviews):
    stopped = []

    def watch(objective, trials, deadline):
        if not stopped:  # after the first trial, whenever that is
            stopped.append(context.enter_context(signals_to_workers(signal.SIGSTOP, 1)))

    started = time.monotonic()
    with ExitStack() as context:
        options = {**SLOWER, "minutes": 0.3}
        found = wordgate.tune(reviews, engine="ray", watch=watch, **options).search
    assert time.monotonic() - started > 12.0  # a stopped worker would be waited for without end
    assert found.ended_by == "minutes"
    assert "failed" in [trial.state for trial in found.trials]


def test_an_interrupted_search_trains_the_best_and_can_be_resumed(
    few_reviews, tmp_path, count_alone
):
    out, options = tmp_path / "model", {**SEARCH, "model": "auto", "engine": "ray", "trials": 6}

    def interrupt(objective, trials, deadline):
        if sum(trial.state == "complete" for trial in trials) == 2:
            raise KeyboardInterrupt

    ended = wordgate.train(few_reviews, out=out, watch=interrupt, **options).search
    assert ended.ended_by == "interruption"
    whole = wordgate.train(few_reviews, out=out, resume=True, overwrite=True, **options).search
    kept = [fact for fact in facts(ended) if fact[2] != "failed"]
    assert len(kept) >= 2
    assert [fact for fact in facts(whole) if fact in kept] == kept
    assert sum(trial.state != "failed" for trial in whole.trials) == 6


def test_when_the_driver_is_killed_no_finished_trial_is_lost(few_reviews, tmp_path):
    """The driver has a cluster of its own, which ends with it."""
    out = tmp_path / "mine.toml"
    script = (
        "import os, signal, sys, wordgate\n"
        "def watch(objective, trials, deadline):\n"
        "    if sum(trial.state in ('complete', 'pruned') for trial in trials) == 3:\n"
        "        os.kill(os.getpid(), signal.SIGKILL)\n"
        "wordgate.tune(sys.argv[1], out=sys.argv[2], model='count', settings={'count.c': '1'},"
        " minutes=20.0, trials=6, engine='ray', watch=watch)\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", script, str(few_reviews), str(out)],
        env=own_environment(), capture_output=True, check=False, timeout=300,
    )  # fmt: skip
    assert done.returncode == -signal.SIGKILL, done.stderr
    fitted = []
    found = wordgate.tune(
        few_reviews, out=out, resume=True, engine="ray", trials=6,
        watch=lambda _, trials, __: fitted.append(len(trials)), **SEARCH,
    ).search  # fmt: skip
    ended = [trial for trial in found.trials if trial.state != "failed"]
    assert len(ended) == 6
    assert len(fitted) <= 3 + sum(trial.seconds == 0.0 for trial in ended)
    assert not out.with_name("mine.toml.search").exists()


def test_ray_reports_killed_workers_on_standard_error(reviews, tmp_path):
    command = ["tune", str(reviews), "--family", "count", "--trials", "3", "--minutes", "20"]
    command += ["--engine", "ray", "--json", "--out", str(tmp_path / "mine.toml")]
    with signals_to_workers(signal.SIGKILL, 1) as killed:
        done = subprocess.run(
            [sys.executable, "-m", "wordgate", *command],
            env=own_environment(), capture_output=True, text=True, check=False, timeout=300,
        )  # fmt: skip
    assert killed
    assert done.returncode == 0, done.stderr
    assert len(json.loads(done.stdout)["search"]["trials"]) == 3
    assert "(raylet)" in done.stderr


def test_a_pipeline_of_ray_data_has_the_model(count_model):
    import ray.data

    ray.data.DataContext.get_current().enable_progress_bars = False
    rows = ray.data.from_items([{"text": text} for text in ("We love it", "", "We hate it")])
    scored = rows.map_batches(
        wordgate.ray.Scorer, fn_constructor_args=[count_model.folder], concurrency=1, batch_size=2
    )
    found = {row["text"]: (row["label"], row["error"]) for row in scored.take_all()}
    assert found == {
        "We love it": ("good", None), "": (None, "the text is empty"), "We hate it": ("bad", None),
    }  # fmt: skip


@pytest.mark.parametrize(
    ("family", "changes"),
    [
        ("mlp", {}),
        ("lstm", {"lstm.lighter_candidate": False, "lstm.batch_size": 16}),
        pytest.param("transformer", {}, marks=pytest.mark.needs("transformers")),
    ],
)
def test_a_group_of_the_cluster_trains_the_same_bits(
    few_reviews, review_vectors, tiny_bert, monkeypatch, family, changes
):
    options = {
        "model": family,
        "settings": {f"{family}.epochs": 2, **changes},
        "threads": 1,
        "progress": Silent(),
    }
    if family == "transformer":
        options["settings"]["transformer.model"] = str(tiny_bert)
    else:
        options["vectors"] = review_vectors
    there = wordgate.train(few_reviews, engine="ray", workers=2, **options)
    from wordgate.training.local_group import LocalGroup

    with start_workers(1, 1) as workers:
        workers.check()
        group = LocalGroup(0, 2, workers.sockets)
        monkeypatch.setattr(families, "current_group", lambda: group)
        here = wordgate.train(few_reviews, **options)
        group.send(None)
    assert there.bundle.config.environment["processes"] == "2"
    found, expected = (one.bundle.model.state()[1] for one in (there, here))
    assert found.keys() == expected.keys()
    assert all(np.array_equal(found[name], expected[name]) for name in found)


def test_a_training_whose_process_is_killed_continues_from_its_checkpoint(
    few_reviews, review_vectors, monkeypatch, tmp_path
):
    from wordgate.training import checkpoint

    saves, save, progress = [], checkpoint.Checkpoint.save, RecordingProgress()

    def save_and_kill(self, state):
        save(self, state)
        saves.append((state.position, state.trainer.updates))
        if len(saves) in (2, 5):
            [worker] = filter(is_at_work, own_processes())
            os.kill(worker, signal.SIGKILL)

    monkeypatch.setattr(checkpoint, "_SOONEST", 0.0)
    monkeypatch.setattr(checkpoint, "_SHARE", 0.0)  # a checkpoint after every update
    options = {
        "model": "mlp", "vectors": review_vectors, "threads": 1, "engine": "ray", "workers": 2,
        "settings": {"mlp.epochs": 2, "mlp.batch_size": 16},
    }  # fmt: skip
    whole = wordgate.train(few_reviews, out=tmp_path / "whole", progress=Silent(), **options)
    monkeypatch.setattr(checkpoint.Checkpoint, "save", save_and_kill)
    killed = wordgate.train(few_reviews, out=tmp_path / "killed", progress=progress, **options)
    assert saves == sorted({*saves})  # no update is made again, of either candidate
    assert [line.rpartition("(")[2] for line in progress.lines if "new processes" in line] == [
        "restart 1 of 3).", "restart 2 of 3).",
    ]  # fmt: skip
    found, expected = (one.bundle.model.state()[1] for one in (killed, whole))
    assert all(np.array_equal(found[name], expected[name]) for name in expected)


def test_tasks_that_need_each_other_run_at_the_same_time_and_only_once(tmp_path):
    def meet(folder, number):
        (folder / str(number)).touch()
        while len(list(folder.iterdir())) < 2:
            time.sleep(0.01)
        if number == 1:
            os.kill(os.getpid(), signal.SIGKILL)
        return number

    with Tasks(meet, tmp_path, ON_RAY, together=2) as tasks:
        for number in range(2):
            tasks.start(number)
        results = dict(tasks.wait() for _ in range(2))
        assert results[0]() == 0
        with pytest.raises(WordgateError, match="a task failed because its worker died"):
            results[1]()
    with pytest.raises(SettingsError, match=r"^the Ray cluster has room for 2 of 3 tasks with 1"):
        Tasks(meet, tmp_path, ON_RAY, together=3)
    list(map_tasks(meet, tmp_path, [0], ON_RAY))  # what was reserved is free again


def test_an_address_where_no_cluster_is_fails_at_once(few_reviews, monkeypatch):
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        address = f"127.0.0.1:{free.getsockname()[1]}"
    monkeypatch.setenv("RAY_ADDRESS", address)
    with pytest.raises(WordgateError) as error:
        wordgate.compare(few_reviews, engine="ray", progress=Silent())
    assert str(error.value) == (
        f"the Ray cluster at {address} (RAY_ADDRESS) cannot be reached: [Errno 111] Connection"
        " refused"
    )


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (
            lambda data, out: wordgate.score("model", data, out, engine="ray"),
            "--engine ray has no effect on one file: give a folder, a glob pattern or several"
            " files, or leave it out",
        ),
        (
            lambda data, out: wordgate.train(data, out=out, model="count", engine="ray"),
            "--engine ray has no effect without --folds, whose models it fits, or --workers, which"
            " it starts: leave it out",
        ),
        (
            lambda data, out: wordgate.compare(data, engine="rai"),
            "no engine 'rai'; did you mean 'ray'?",
        ),
    ],
)
def test_an_engine_without_effect_is_refused(few_reviews, tmp_path, call, message):
    with pytest.raises(SettingsError) as error:
        call(few_reviews, tmp_path / "out")
    assert str(error.value) == message
