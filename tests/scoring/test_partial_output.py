"""Killed at any instant and resumed, scoring ends in the same result."""

import errno
import gzip
import io
import os
import shutil
import signal
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace

import pytest

import wordgate
from wordgate.errors import BundleError, DataError, SettingsError
from wordgate.runtime.packages import installed_versions
from wordgate.runtime.progress import Silent
from wordgate.scoring import partial_output, scoring
from wordgate.scoring.options import ScoreOptions
from wordgate.scoring.partial_output import Counts, PartialOutput, ScoringState
from wordgate.storage.resumable import RunFingerprint, read_resumable, write_resumable

ROWS = 400
OUTS = ["out.csv", "out.tsv", "out.jsonl", "out.csv.gz"]


@pytest.fixture
def messy(write):
    """400 rows with errors among them, so that a batch of 20 lines has some."""
    kinds = ["{},We love this lamp\n", '{},"We hate\nit"\n', "{},\n", "{},x,y\n", '{},"We, we"\n']
    return write("in.csv", "id,text\n" + "".join(kinds[i % 5].format(i) for i in range(ROWS)))


@pytest.fixture
def stopped(score, monkeypatch):
    """Score, but fail when the rows have been written so many times."""

    def run(*files, after, **options):
        written = partial_output.PartialOutput.write
        calls = iter(range(after))

        def write(kept, content):
            if next(calls, None) is None:
                raise DataError("stopped")
            written(kept, content)

        with monkeypatch.context() as patched:
            patched.setattr(partial_output.PartialOutput, "write", write)
            with pytest.raises(DataError, match=r"^stopped$"):
                score(*files, checkpoint_seconds=0.0, batch=20, **options)

    return run


@pytest.mark.parametrize("out", OUTS)
def test_an_interrupted_run_ends_in_the_same_bytes(score, messy, here, stopped, out):
    score(messy, f"whole-{out}", batch=20)
    for after in (0, 1, 2, 7, 15):
        stopped(messy, out, after=after, overwrite=True)
        counted = score(messy, out, batch=20, resume=True)
        assert (here / out).read_bytes() == (here / f"whole-{out}").read_bytes()
        assert (counted.rows, counted.errors) == (ROWS, 160)
        assert not (here / f"{out}.checkpoint").exists()


@pytest.mark.parametrize("source", ["in.parquet", "in.csv.gz"])
def test_sources_that_cannot_be_cut_are_resumed(score, messy, here, stopped, source):
    from pyarrow import parquet

    score(messy, source)  # the columns that were added once are of the input now
    score(source, "whole.parquet", batch=20)
    stopped(source, "out.parquet", after=9)
    score(source, "out.parquet", batch=20, resume=True)
    assert parquet.read_table("out.parquet").equals(parquet.read_table("whole.parquet"))


@pytest.mark.parametrize("source", ["in.csv", "in.jsonl"])
def test_blank_lines_between_do_not_move_what_follows(score, write, here, stopped, source):
    record = '{{"text": "We love {}"}}\n' if source == "in.jsonl" else "{},We love it\n"
    blanks = ["", "\n", "\n" * 50, "\r\n" * 9]
    lines = [record.format(i) + blanks[i % 4] for i in range(40)]
    write(source, ("" if source == "in.jsonl" else "id,text\n") + "".join(lines))
    score(source, "whole.jsonl", batch=20)
    for after in range(8):
        stopped(source, "out.jsonl", after=after, overwrite=True)
        assert score(source, "out.jsonl", batch=20, resume=True).rows == 40
        assert (here / "out.jsonl").read_bytes() == (here / "whole.jsonl").read_bytes()


@pytest.mark.parametrize("resume", [True, False])
@pytest.mark.parametrize("is_there", [True, False])
def test_a_scoring_of_an_older_layout_is_refused_and_loses_nothing(
    score, messy, here, stopped, resume, is_there
):
    older = here / "out.csv.checkpoint"
    older.mkdir()
    (older / "note.json").write_text('{"layout": 4}')
    (older / "rows").write_text("id,text,label\n1,We love it,good\n")
    if is_there:
        (here / "out.csv").write_text("an earlier result")
    kept = {file: file.read_bytes() for file in here.rglob("*") if file.is_file()}
    with pytest.raises(BundleError) as refused:
        score(messy, "out.csv", resume=resume)
    assert str(refused.value) == (
        "out.csv.checkpoint contains an interrupted run in an older layout (note.json), which this"
        " version of wordgate cannot continue: finish it with the version that started it, move the"
        " folder away, or start over with --overwrite"
    )
    with pytest.raises(BundleError, match=r"^there is no model at nowhere$"):
        wordgate.score("nowhere", messy, "out.csv", overwrite=True, progress=Silent())
    assert {file: file.read_bytes() for file in kept} == kept
    score(messy, "out.csv", overwrite=True, batch=20)
    score(messy, "whole.csv", batch=20)
    assert (here / "out.csv").read_bytes() == (here / "whole.csv").read_bytes()
    assert not older.exists()


def test_a_half_written_note_that_a_kill_left_is_no_failure(score, messy, here, stopped):
    stopped(messy, "out.csv", after=9)
    (here / "out.csv.checkpoint" / ".state.safetensors.new").write_bytes(b"9")
    assert score(messy, "out.csv", batch=20, resume=True, checkpoint_seconds=600.0).rows == ROWS
    assert sorted(file.name for file in here.iterdir()) == ["in.csv", "out.csv"]


def test_nothing_is_begun_over_what_was_interrupted_unless_asked(score, messy, here, stopped):
    stopped(messy, "out.csv", after=5)
    message = (
        r"^scoring into out\.csv was interrupted and left out\.csv\.checkpoint: continue it"
        r" with --resume, or start over with --overwrite$"
    )
    with pytest.raises(BundleError, match=message):
        score(messy, "out.csv", batch=20)
    score(messy, "out.csv", batch=20, overwrite=True)
    assert sorted(file.name for file in here.iterdir()) == ["in.csv", "out.csv"]


def test_other_work_is_not_resumed(score, messy, write, stopped):
    stopped(messy, "out.csv", after=5)
    with pytest.raises(BundleError, match=r"contains a scoring with batch 20 instead of 10; give"):
        score(messy, "out.csv", resume=True, batch=10)
    with pytest.raises(BundleError, match=r"abstain_below 0\.0 instead of 0\.5"):
        score(messy, "out.csv", resume=True, batch=20, abstain_below=0.5)
    write("in.csv", "id,text\n1,We love it\n")
    with pytest.raises(
        BundleError, match=r"^out\.csv\.checkpoint contains a scoring with other input;"
    ):
        score(messy, "out.csv", resume=True, batch=20)


def test_other_versions_than_then_are_reported(messy, count_model, stopped, monkeypatch, progress):
    stopped(messy, "out.csv", after=9)
    now = installed_versions("wordgate", "regex") | {"numpy": "9.9"}
    monkeypatch.setattr(
        scoring, "installed_versions", lambda *names: {name: now[name] for name in names}
    )
    wordgate.score(count_model.folder, messy, "out.csv", batch=20, resume=True, progress=progress)
    version = installed_versions("numpy")["numpy"]
    warning = next(line for line in progress.lines if line.startswith("warning: "))
    assert warning.startswith(
        f"warning: The scoring was started with numpy {version} instead of 9.9:"
        " its result may differ slightly from"
    )


@pytest.mark.parametrize(
    ("family", "kernel", "packages"),
    [
        ("lstm", "numpy", []),
        ("lstm", "numba", ["numba", "llvmlite"]),
        ("transformer", "numpy", ["torch", "transformers", "tokenizers"]),
    ],
)
def test_the_kernel_is_recorded(family, kernel, packages, monkeypatch):
    monkeypatch.setattr(scoring, "installed_versions", lambda *names: dict.fromkeys(names, "1"))
    model = SimpleNamespace(config=SimpleNamespace(family=family), n_threads=3)
    always = ["python", "threads", "processor", "numpy", "regex"]
    engine = scoring._environment(model, kernel)
    assert list(engine) == always + packages
    assert engine["threads"] == "3"


def test_another_number_of_threads_than_then_is_reported(messy, lstm_model, here, progress):
    def score(**options):
        options = {"batch": 20, "checkpoint_seconds": 0.0, "progress": progress, **options}
        wordgate.score(lstm_model.folder, messy, "out.csv", **options)

    def stop(kept):
        raise DataError("stopped")

    score(threads=2)
    whole = (here / "out.csv").read_bytes()
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(partial_output.PartialOutput, "close", stop)
        with pytest.raises(DataError, match=r"^stopped$"):
            score(threads=3, overwrite=True)
    score(threads=1, resume=True)
    warning = next(line for line in progress.lines if line.startswith("warning: "))
    assert warning.startswith(
        "warning: The scoring was started with threads 3 instead of 1: its result"
    )
    assert (here / "out.csv").read_bytes() == whole


def test_rows_that_were_lost_are_noticed(score, messy, here, stopped):
    stopped(messy, "out.csv", after=9)
    (here / "out.csv.checkpoint" / "rows").write_bytes(b"")
    with pytest.raises(BundleError, match=r"^out\.csv\.checkpoint is damaged \(0 bytes where "):
        score(messy, "out.csv", resume=True, batch=20)
    (here / "out.csv.checkpoint" / "state.safetensors").write_text("{}")
    with pytest.raises(BundleError, match=r"is damaged \(.+\); start over with --overwrite$"):
        score(messy, "out.csv", resume=True, batch=20)


def test_a_changed_state_is_refused(score, messy, here, stopped):
    stopped(messy, "out.csv", after=9)
    file = here / "out.csv.checkpoint" / "state.safetensors"
    whole, (content, _) = file.read_bytes(), read_resumable(file)
    position = f'\\"position\\": {content["state"]["position"]}'.encode()
    assert position in whole
    file.write_bytes(whole.replace(position, position[:-1] + b"1"))
    message = r"is damaged \(its digest differs: at least one byte has changed\); start over with"
    with pytest.raises(BundleError, match=message):
        score(messy, "out.csv", batch=20, resume=True)
    state = content["state"]
    for name, value in (("position", -1), ("length", 1e9), ("position", float("inf"))):
        write_resumable(file, {**content, "state": {**state, name: value}}, {})
        with pytest.raises(BundleError, match=rf"is damaged \({name}: Input should be "):
            score(messy, "out.csv", batch=20, resume=True)
    counts = {**state["counts"], "scored": state["counts"]["scored"] + 1}
    write_resumable(file, {**content, "state": {**state, "counts": counts}}, {})
    with pytest.raises(BundleError, match=r"is damaged \(its counts are rows="):
        score(messy, "out.csv", batch=20, resume=True)
    write_resumable(file, {**content, "layout": 4}, {})
    with pytest.raises(BundleError, match=r"state\.safetensors has layout 4, and this version of"):
        score(messy, "out.csv", batch=20, resume=True)


@pytest.fixture
def victim(here):
    """A file of somebody else's, with what a folder beside a result may lead to it by."""
    (here / "victim.txt").write_text("theirs")
    (here / "out.csv.checkpoint").mkdir()
    return here / "victim.txt"


@pytest.mark.parametrize("name", ["rows", "state.safetensors", ".state.safetensors.new", "begun"])
def test_a_link_that_waits_beside_the_result_is_not_followed(score, messy, here, victim, name):
    (here / "out.csv.checkpoint" / name).symlink_to("../victim.txt")
    before = victim.stat()
    assert score(messy, "out.csv", overwrite=True).rows == ROWS
    assert (victim.read_text(), victim.stat().st_mtime_ns) == ("theirs", before.st_mtime_ns)
    assert (here / "out.csv").read_text().startswith("id,text,label,")
    assert sorted(file.name for file in here.iterdir()) == ["in.csv", "out.csv", "victim.txt"]


def test_a_link_that_leads_nowhere_makes_no_file_there(score, messy, here):
    (here / "out.csv.checkpoint").mkdir()
    (here / "out.csv.checkpoint" / "begun").symlink_to("../new.txt")
    score(messy, "out.csv")
    assert sorted(file.name for file in here.iterdir()) == ["in.csv", "out.csv"]


@pytest.mark.parametrize("name", ["rows", "state.safetensors"])
def test_a_link_is_not_resumed(score, messy, here, stopped, name):
    stopped(messy, "out.csv", after=9)
    kept = here / "out.csv.checkpoint" / name
    content = kept.read_bytes()
    kept.rename(here / "theirs")
    kept.symlink_to("../theirs")
    message = rf"^out\.csv\.checkpoint is damaged \({name} is a link\); start over with"
    with pytest.raises(BundleError, match=message):
        score(messy, "out.csv", batch=20, resume=True)
    assert (here / "theirs").read_bytes() == content


def test_the_folder_is_on_the_disk_before_its_first_row(score, messy, here, monkeypatch):
    done = []
    synced, written = partial_output.sync_folder, partial_output.PartialOutput.write
    monkeypatch.setattr(partial_output, "sync_folder", lambda at: (done.append(at), synced(at)))
    monkeypatch.setattr(
        partial_output.PartialOutput,
        "write",
        lambda kept, rows: (done.append("rows"), written(kept, rows)),
    )
    score(messy, here / "out.csv")
    assert here in done[: done.index("rows")]


def test_a_link_in_place_of_the_working_folder_is_refused(score, messy, here):
    (here / "theirs").mkdir()
    (here / "out.csv.checkpoint").symlink_to("theirs")
    message = r"^out\.csv\.checkpoint, the working folder, is a link: remove it$"
    with pytest.raises(BundleError, match=message):
        score(messy, "out.csv", overwrite=True)
    assert list((here / "theirs").iterdir()) == []


def test_resume_begins_where_nothing_was_and_leaves_alone_what_is_whole(score, messy, here):
    assert score(messy, "out.csv", resume=True).rows == ROWS
    assert score(messy, "out.csv", resume=True).was_complete
    os.utime(messy, ns=(2**62, 2**62))
    with pytest.raises(
        BundleError, match=r"^out\.csv is complete, and older than in\.csv: score again"
    ):
        score(messy, "out.csv", resume=True)


def test_a_home_in_a_name_is_that_of_the_same_file(messy, count_model, here, monkeypatch):
    monkeypatch.setenv("HOME", str(here))
    shutil.copytree(count_model.folder, "model")

    def score(out, **options):
        wordgate.score("~/model", f"~/{messy}", out, progress=Silent(), **options)

    with pytest.raises(SettingsError, match=r"/in\.csv is the input: write the result to another"):
        score(f"~/{messy}", overwrite=True)
    score("~/out.csv")
    os.utime("model/manifest.json", ns=(2**62, 2**62))
    with pytest.raises(BundleError, match=r"/out\.csv is complete, and older than .*/model/"):
        score("~/out.csv", resume=True)


@pytest.mark.needs("openpyxl", "python_calamine")
def test_a_workbook_that_is_newer_than_its_result_is_scored_again(score, here):
    from openpyxl import Workbook

    book = Workbook()
    for row in (["text"], ["We love it"]):
        book.active.append(row)
    book.save("book.xlsx")
    score("book.xlsx#Sheet", "out.csv")
    os.utime("book.xlsx", ns=(2**62, 2**62))
    with pytest.raises(BundleError, match=r"^out\.csv is complete, and older than book\.xlsx: "):
        score("book.xlsx#Sheet", "out.csv", resume=True)


@pytest.fixture
def moved(score, messy, here, monkeypatch):
    """Score, but be killed when the result is in its place and the note still beside it."""

    def run(out):
        class Killed(BaseException):
            pass

        def clear(kept):
            kept.rows.unlink(missing_ok=True)
            raise Killed

        with monkeypatch.context() as patched:
            patched.setattr(partial_output.PartialOutput, "clear", clear)
            with pytest.raises(Killed):
                score(messy, out, batch=20)

    return run


@pytest.mark.parametrize("out", ["out.csv", "out.parquet", "out.jsonl.gz"])
def test_a_result_in_its_place_is_whole_for_the_same_command_alone(score, messy, here, moved, out):
    moved(out)
    whole = (here / out).read_bytes()
    with pytest.raises(BundleError, match=r"abstain_below 0\.0 instead of 0\.9"):
        score(messy, out, batch=20, resume=True, abstain_below=0.9)
    found = score(messy, out, batch=20, resume=True)
    assert found.was_complete
    assert (here / out).read_bytes() == whole
    assert sorted(file.name for file in here.iterdir()) == ["in.csv", out]
    again = score(messy, f"again-{out}", batch=20)
    assert again.rows > again.errors > 0
    for name in ("rows", "scored", "abstained", "errors", "first_errors", "added"):
        assert getattr(found, name) == getattr(again, name)


@pytest.mark.parametrize(
    ("state", "why"), [(b"{}", r".*header"), (b"garbage", r".*header"), (None, "its rows")]
)
def test_a_foreign_result_is_not_called_complete_because_of_files_beside_it(
    score, messy, here, moved, state, why
):
    moved("out.csv")
    (here / "out.csv").write_text("theirs")
    if state is not None:
        (here / "out.csv.checkpoint" / "state.safetensors").write_bytes(state)
    with pytest.raises(BundleError, match=rf"^out\.csv\.checkpoint\S* is damaged \({why}"):
        score(messy, "out.csv", batch=20, resume=True)
    assert (here / "out.csv").read_text() == "theirs"


def test_a_complete_result_is_reported_as_compared_by_times_alone(
    score, messy, count_model, progress
):
    score(messy, "out.csv")
    wordgate.score(
        count_model.folder, messy, "out.csv", resume=True, abstain_below=0.9, progress=progress
    )
    assert progress.lines == [
        f"out.csv already exists and is newer than {count_model.folder} and in.csv: there is"
        " nothing to do. Only these times were compared, not the contents or the options;"
        " --overwrite scores again"
    ]


def test_an_old_result_stands_until_the_new_one_is_whole(score, messy, write, here, stopped):
    write("out.csv", "old")
    stopped(messy, "out.csv", after=9, overwrite=True)
    assert (here / "out.csv").read_text() == "old"
    score(messy, "out.csv", batch=20, resume=True)
    assert (here / "out.csv").read_text().startswith("id,text,label,")


def test_two_processes_do_not_write_the_same_result(here, monkeypatch):
    monkeypatch.setattr("wordgate.storage.files._PATIENCE", 0.0)
    run, state = RunFingerprint({}), ScoringState(position=0, length=5, counts=Counts())
    busy = pytest.raises(
        BundleError, match=r"^another process is busy with scoring into out\.csv \("
    )
    with PartialOutput(Path("out.csv"), 0.0) as first:
        first.begin(b"text\n", run)
        with busy, PartialOutput(Path("out.csv"), 0.0) as second:
            second.begin(b"other\n", run)
        with busy, PartialOutput(Path("out.csv"), 0.0) as second:
            second.resume(state)
        first.write(b"a lamp\n")
        first.close()
        assert first.rows.read_bytes() == b"text\na lamp\n"
    with PartialOutput(Path("out.csv"), 0.0) as second:  # what the first has kept
        second.resume(state)
        assert second.rows.read_bytes() == b"text\n"


def test_who_is_refused_leaves_the_rows_of_the_other_process(here, monkeypatch):
    monkeypatch.setattr("wordgate.storage.files._PATIENCE", 0.0)
    Path("out.csv").write_text("old")
    options = ScoreOptions(overwrite=True)
    with (
        PartialOutput(Path("out.csv"), 0.0) as second,
        PartialOutput(Path("out.csv"), 0.0) as first,
    ):
        for kept in (second, first):  # the second one is the first to claim the place
            assert not kept.is_complete(options, None, Path("model"))
        first.begin(b"text\n", None)
        with pytest.raises(BundleError, match=r"^another process is busy"), second:
            second.begin(b"other\n", None)
        assert first.rows.read_bytes() == b"text\n"
        first.close()
        first.rows.rename("out.csv")
        first.clear()
    assert not Path("out.csv.checkpoint").exists()


def test_a_system_that_removes_no_open_file_ends_a_scoring(here, monkeypatch):
    """Windows is such a system."""

    def unlink(path, missing_ok=False):
        if path.name == "lock" and not kept._lock.closed:
            raise PermissionError(errno.EACCES, "The process cannot access the file")
        remove(path, missing_ok=missing_ok)

    remove = Path.unlink
    monkeypatch.setattr(Path, "unlink", unlink)
    with PartialOutput(Path("out.csv"), 0.0) as kept:
        kept.begin(b"text\n", None)
        kept.close()
        kept.rows.rename("out.csv")
        kept.clear()
    assert not Path("out.csv.checkpoint").exists()


def test_who_waited_for_a_result_that_became_whole_leaves_it_alone(here, monkeypatch):
    state = ScoringState(position=0, length=5, counts=Counts())
    with (
        PartialOutput(Path("out.csv"), 0.0) as first,
        PartialOutput(Path("out.csv"), 0.0) as second,
    ):
        first.begin(b"text\na lamp\n", RunFingerprint({}))
        first.close()

        def finish(seconds):
            first.rows.rename("out.csv")
            first.clear()

        monkeypatch.setattr("time.sleep", finish)
        with pytest.raises(
            BundleError, match=r"^another process has just ended scoring into out\."
        ):
            second.resume(state)
    assert Path("out.csv").read_bytes() == b"text\na lamp\n"
    assert not Path("out.csv.checkpoint").exists()


@pytest.mark.parametrize("change", ["cut", "removed", "none"])
def test_a_file_that_changes_while_it_is_scored_is_told_of(messy, count_model, progress, change):
    def say(text):
        progress.lines.append(text)
        if text.startswith("new columns") and change == "cut":
            os.truncate(messy, 0)
        elif text.startswith("new columns") and change == "removed":
            os.remove(messy)

    progress.say = say
    wordgate.score(count_model.folder, messy, "out.csv", progress=progress)
    warnings = [line for line in progress.lines if line.startswith("warning: ")]
    assert warnings == ([] if change == "none" else [
        f"warning: {messy} was changed while it was scored: out.csv may lack rows, or mix old and"
        " new ones; --overwrite scores again"
    ])  # fmt: skip


def test_a_failure_before_the_first_row_leaves_no_files(score, messy, write, here):
    write("out.csv", "old")
    with pytest.raises(DataError, match=r"^no column 'x'"):
        score(messy, "out.csv", overwrite=True, text="x")
    assert sorted(file.name for file in here.iterdir()) == ["in.csv", "out.csv"]


def test_a_failure_keeps_the_earlier_checkpoint(score, messy, stopped):
    stopped(messy, "out.csv", after=9)
    with pytest.raises(DataError, match=r"^no column 'x'"):
        score(messy, "out.csv", overwrite=True, text="x")
    assert score(messy, "out.csv", resume=True, batch=20).rows == ROWS


def test_a_pipe_that_breaks_off_leaves_nothing(score, messy, here, monkeypatch):
    packed = gzip.compress((here / messy).read_bytes())[:-9]
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(packed)))
    with pytest.raises(DataError, match=r"^'standard input' is a damaged gzip file"):
        score("-", "out.csv")
    assert [file.name for file in here.iterdir()] == ["in.csv"]


def test_the_bar_continues_where_it_was(messy, count_model, stopped, progress):
    stopped(messy, "out.csv", after=15)
    wordgate.score(count_model.folder, messy, "out.csv", batch=20, resume=True, progress=progress)
    assert progress.lines[-1].startswith("continuing after 232 rows")
    assert progress.bars[0][0] == 1000


FORKS = """
import warnings
warnings.filterwarnings("ignore", "This process .* is multi-threaded", DeprecationWarning)
"""
"""Python 3.12 and newer warn of a fork where other threads only wait for work."""

# One process loads the model and forks for every run, since that is what takes the time.
NURSERY = (
    FORKS
    + """
import gc, os, random, signal, sys, time
import wordgate
from wordgate.scoring import scoring
from wordgate.runtime.progress import Silent

bundle, source, out, kills = *sys.argv[1:4], int(sys.argv[4])
predictor = scoring.load_with_progress(bundle, None)
scoring.load_with_progress = lambda *_, **__: predictor
options = dict(batch=20, checkpoint_seconds=0.0, progress=Silent())

def run(**more):
    child = os.fork()
    if not child:
        wordgate.score(bundle, source, out, **options, **more)
        os._exit(0)
    return child

wordgate.score(bundle, source, out, **options)  # here, so that no child imports anything
gc.freeze()  # a collection in a child would copy all of it
result = open(out, "rb").read()
os.unlink(out)
started = time.monotonic()
os.waitpid(run(), 0)
whole = time.monotonic() - started
chance = random.Random(0)
total = 0
while total < kills:
    os.unlink(out)
    child, killed = run(resume=True), 0
    while True:
        time.sleep(chance.uniform(0, 0.9 * whole))
        os.kill(child, signal.SIGKILL)
        status = os.waitpid(child, 0)[1]
        if status == 0:
            whole /= 2  # it was measured while the machine was busier
            break
        killed += 1
        if killed == 3:
            os.waitpid(run(resume=True), 0)
            break
        child = run(resume=True)
    total += killed
    assert open(out, "rb").read() == result, f"after {total} kills"
"""
)


@pytest.mark.skipif(not hasattr(os, "fork"), reason="forks")
def test_killed_at_random_instants_the_result_is_the_same(messy, count_model, here):
    command = [sys.executable, "-c", NURSERY, count_model.folder, messy, "out.csv", "12"]
    ended = subprocess.run(command, capture_output=True, text=True, check=False, timeout=600)
    assert (ended.returncode, ended.stderr) == (0, "")
    assert sorted(file.name for file in here.iterdir()) == ["in.csv", "out.csv"]


# Kills itself at its so-many-th call of what changes the disk.
SUICIDE = """
import wordgate
from wordgate.scoring import scoring
from wordgate.runtime.progress import Silent

bundle, source, out = sys.argv[1:4]
predictor = scoring.load_with_progress(bundle, None)
scoring.load_with_progress = lambda *_, **__: predictor
options = dict(resume=True, batch=200, checkpoint_seconds=0.0, progress=Silent())

def run(step):
    child = os.fork()
    if not child:
        die_at(step)
        wordgate.score(bundle, source, out, **options)
        os._exit(0)
    return os.waitpid(child, 0)[1]

wordgate.score(bundle, source, out, **options)  # here, so that no child imports anything
gc.freeze()  # a collection in a child would copy all of it
result = open(out, "rb").read()
steps = 0
while True:
    steps += 1
    os.unlink(out)
    if run(steps) == 0:
        break
    assert run(0) == 0
    assert open(out, "rb").read() == result, f"step {steps}"
print(steps)
"""


@pytest.mark.slow
@pytest.mark.skipif(not hasattr(os, "fork"), reason="forks")
@pytest.mark.parametrize(
    "out", ["out.csv", pytest.param("out.parquet", marks=pytest.mark.needs("pyarrow"))]
)
def test_killed_at_each_step_the_result_is_the_same(messy, count_model, here, out, mortal):
    command = [sys.executable, "-c", mortal + SUICIDE, count_model.folder, messy, out]
    ended = subprocess.run(command, capture_output=True, text=True, check=False, timeout=600)
    assert (ended.returncode, ended.stderr) == (0, "")
    assert int(ended.stdout) > 15
    assert sorted(file.name for file in here.iterdir()) == ["in.csv", out]


def test_an_interruption_is_noted_and_resumed(messy, count_model, here, score):
    class Interrupting(Silent):
        def bar(self, total, done=0):
            os.kill(os.getpid(), signal.SIGINT)
            return super().bar(total, done)

    message = (
        r"^20 rows are kept in out\.csv\.checkpoint; run the same command with"
        r" --resume to continue$"
    )
    with pytest.raises(KeyboardInterrupt, match=message):
        wordgate.score(count_model.folder, messy, "out.csv", batch=24, progress=Interrupting())
    content, _ = read_resumable(here / "out.csv.checkpoint" / "state.safetensors")
    assert content["state"]["counts"]["rows"] == 20
    assert score(messy, "out.csv", batch=24, resume=True).rows == ROWS
