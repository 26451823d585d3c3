"""Folders, patterns and lists of files: an output each, and a manifest when all are complete."""

import hashlib
import json
import os
import pickle
import subprocess
import sys

import pytest

import wordgate
from wordgate.errors import BundleError, DataError, WordgateError
from wordgate.prediction.predictor import Predictor
from wordgate.runtime.progress import Silent
from wordgate.scoring import sharded
from wordgate.scoring.options import ScoreOptions
from wordgate.scoring.partial_output import PartialOutput
from wordgate.scoring.sharded import ShardJob, score_shard
from wordgate.scoring.shards import Shard
from wordgate.storage import files

OUTPUTS = ["a.csv", "b.csv.gz", "part=1/c.jsonl", "part=1/d"]


def rows(n, mark=""):
    return "id,text\n" + "".join(
        f"{i},We {'love' if i % 3 else 'hate'} it {mark}\n" for i in range(n)
    )


@pytest.fixture
def inputs(here, write):
    """Four files in two folders, and what Spark and Hadoop leave beside them."""
    import gzip

    (here / "in" / "part=1").mkdir(parents=True)
    write("in/a.csv", rows(50, "a") + "50,\n")
    write("in/b.csv.gz", gzip.compress(rows(40, "b").encode()))
    write("in/part=1/c.jsonl", '{"text": "We love c"}\n' * 30)
    write("in/part=1/d", rows(20, "d"))
    for name in ("_SUCCESS", ".a.csv.crc", "_temporary", ".hidden"):
        write(f"in/{name}", "x")
    (here / "in" / "_logs").mkdir()
    write("in/_logs/e.csv", rows(3))
    return "in"


def tree(folder):
    """All files of a folder and what they contain, hidden ones included."""
    files = (path for path in folder.rglob("*") if path.is_file())
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in files}


def test_each_file_has_the_output_that_it_has_alone(score, inputs, here):
    scored = score(inputs, "out", batch=20)
    written = tree(here / "out")
    assert sorted(written) == sorted([*OUTPUTS, "_manifest.json"])
    for name in OUTPUTS:
        score(f"in/{name}", name.replace("/", "-"), batch=20)
        assert written[name] == (here / name.replace("/", "-")).read_bytes()
    assert (scored.rows, scored.scored, scored.errors) == (141, 140, 1)
    assert scored.first_errors == [(51, "in/a.csv: the text is empty")]
    assert [shard.name for shard in scored.shards] == OUTPUTS
    assert (here / "in").exists()


def test_the_manifest_lists_what_there_is(score, inputs, here, count_model):
    score(inputs, "out", abstain_below=0.1)
    manifest = json.loads((here / "out" / "_manifest.json").read_text())
    assert manifest["wordgate_manifest"] == 1
    assert manifest["model"]["name"] == str(count_model.folder)
    assert manifest["run"]["abstain_below"] == "0.1"
    size = sum((here / "out" / name).stat().st_size for name in OUTPUTS)
    assert manifest["totals"] == {
        "shards": 4, "rows": 141, "scored": 140, "abstained": 0, "errors": 1, "bytes": size
    }  # fmt: skip
    assert manifest["failed"] == []
    for shard, name in zip(manifest["shards"], OUTPUTS, strict=True):
        content = (here / "out" / name).read_bytes()
        assert (shard["input"], shard["output"]) == (f"in/{name}", name)
        assert (shard["bytes"], shard["sha256"]) == (
            len(content),
            hashlib.sha256(content).hexdigest(),
        )


@pytest.mark.parametrize(
    ("source", "out", "outputs"),
    [
        ("in/", "out", OUTPUTS),
        ("in/*.csv*", "out/", ["a.csv", "b.csv.gz"]),
        ("in/**/*", "out/", OUTPUTS),
        ("i[n]/part=*/c.jsonl", "out", ["in/part=1/c.jsonl"]),
        (["in/a.csv", "in/part=1"], "out", ["a.csv", "c.jsonl", "d"]),
        ("in/a.csv", "out/", ["a.csv"]),
        ("in", "in/out", OUTPUTS),
    ],
)
def test_outputs_are_called_as_inputs_are(score, inputs, here, source, out, outputs):
    for _ in range(2):  # an output in the folder of the inputs is no input
        assert [shard.name for shard in score(source, out, overwrite=True).shards] == outputs


@pytest.mark.needs("pyarrow")
def test_the_format_of_all_outputs_can_be_given(score, inputs, here):
    csv = score(inputs, "csv", to="csv")
    assert [shard.name for shard in csv.shards] == [
        "a.csv", "b.csv.gz", "part=1/c.csv", "part=1/d.csv"
    ]  # fmt: skip
    again = score("csv", "parquet", to="parquet")  # whose manifest is no input
    assert [shard.name for shard in again.shards] == [
        "a.parquet", "b.parquet", "part=1/c.parquet", "part=1/d.parquet"
    ]  # fmt: skip
    assert again.rows == csv.rows


@pytest.mark.parametrize(
    ("source", "out", "options", "message"),
    [
        ("in", "-", {}, "several files are scored into a folder: name one, such as scored/"),
        (["in/a.csv", "-"], "out", {},
         "standard input cannot be one of several inputs: name files"),
        ("in", "in/", {}, "in is the input: write the results to another folder"),
        ("in/*.csv", "in/", {}, "there is no file in 'in/*.csv' that could be scored"),
        (["in/a.csv"], "in", {}, "in/a.csv is the input: write the results to another folder"),
        (["in/a.csv", "other/a.csv"], "out", {},
         "the outputs of 'in/a.csv' and 'other/a.csv' would both be 'out/a.csv': rename one, or"
         " score them into different folders"),
        (["in/a.csv", "in/part=1/c.jsonl", "other/a.jsonl"], "out", {"to": "csv"},
         "the outputs of 'in/a.csv' and 'other/a.jsonl' would both be 'out/a.csv': rename one, or"
         " score them into different folders"),
        (["other/_manifest.json"], "out", {},
         "the output of 'other/_manifest.json' would be called _manifest.json as the list of all"
         " outputs is: rename it"),
        ("in/*.tsv", "out", {}, "no file matches 'in/*.tsv'"),
        ("empty", "out", {}, "there is no file in 'empty' that could be scored"),
        (["in/b.csv"], "out", {}, "no file 'in/b.csv'; did you mean 'a.csv'?"),
        ("in", "no/out", {}, "there is no folder 'no' to write 'out' into"),
        ("in", "in/a.csv", {}, "in/a.csv is a file: name a folder for the results"),
        ("in", "old", {},
         "old/a.csv exists; choose another folder, or replace it with --overwrite"),
        ("in", "out", {"to": "xls"}, "no format 'xls'; available: csv, tsv, jsonl, parquet"),
        ("in", "out", {"resume": True, "overwrite": True},
         "--resume continues and --overwrite starts over: give one of them"),
        ("in/a.csv", "a.csv", {"skip_errors": True},
         "--skip-errors has no effect on one file: leave it out"),
    ],
)  # fmt: skip
def test_errors_are_reported_before_the_work(
    score, inputs, write, here, source, out, options, message
):
    for folder in ("other", "empty", "old"):
        (here / folder).mkdir()
    for name in ("other/a.csv", "other/a.jsonl", "other/_manifest.json", "old/a.csv"):
        write(name, rows(2))
    with pytest.raises(WordgateError) as raised:
        score(source, out, **options)
    assert str(raised.value) == message
    assert not (here / "out").exists()


@pytest.fixture
def texts_scored(monkeypatch):
    """Count the texts that models predict."""
    counted, predict = [], Predictor.predict_proba

    def counting(predictor, texts):
        counted.append(len(texts))
        return predict(predictor, texts)

    monkeypatch.setattr(Predictor, "predict_proba", counting)
    return counted


def test_what_is_whole_is_left_alone_and_what_is_not_is_made_again(
    score, inputs, here, write, texts_scored, progress, count_model
):
    score(inputs, "out")
    whole, manifest = tree(here / "out"), here / "out" / "_manifest.json"
    texts_scored.clear()
    assert score(inputs, "out", resume=True).was_complete
    (here / "out" / "part=1" / "d").unlink()
    (here / "out" / "a.csv").write_text("changed")
    scored = wordgate.score(count_model.folder, inputs, "out", resume=True, progress=progress)
    assert tree(here / "out") == whole
    assert sorted(texts_scored) == [20, 50]
    assert [shard.was_complete for shard in scored.shards] == [False, True, True, False]
    assert (
        "warning: in/part=1/d: out/part=1/d is missing or was changed, and is written again"
        in progress.lines
    )
    write("in/part=1/d", rows(7))
    wordgate.score(count_model.folder, inputs, "out", resume=True, progress=progress)
    assert (
        "warning: in/part=1/d: it has changed since it was scored, and is scored again"
        in progress.lines
    )
    assert json.loads(manifest.read_text())["totals"]["rows"] == 128
    write("in/new.csv", rows(5))
    assert score(inputs, "out", resume=True).rows == 133
    assert "new.csv" in manifest.read_text()


@pytest.mark.parametrize("is_complete", [True, False])
def test_other_work_is_not_resumed(score, inputs, here, is_complete, lstm_model):
    score(inputs, "out")
    if not is_complete:
        (here / "in" / "z.csv").write_bytes(b"")
        with pytest.raises(DataError, match=r"^'in/z.csv' is empty\n"):
            score(inputs, "out", resume=True)
    before = tree(here / "out")
    with pytest.raises(BundleError, match=r"^out contains a scoring with format default inst"):
        score(inputs, "out", to="jsonl", resume=True)
    with pytest.raises(BundleError, match=r"^out contains a scoring with other model; give the"):
        wordgate.score(lstm_model.folder, inputs, "out", resume=True, progress=Silent())
    with pytest.raises(BundleError, match=r"--overwrite$"):
        score(inputs, "out")
    with pytest.raises(BundleError, match=r"^out/part=1/c\.jsonl is the result of a file that is"):
        score(["in/*.csv*"], "out", resume=True)
    assert tree(here / "out") == before
    (here / "in" / "z.csv").unlink(missing_ok=True)
    score(["in/*.csv*"], "out", overwrite=True)
    assert sorted(tree(here / "out")) == ["_manifest.json", "a.csv", "b.csv.gz"]


def test_a_file_at_fault_stops_the_others_or_is_left_out(score, inputs, here, write):
    write("in/part=1/c.jsonl", '{"body": 1}\n')
    message = (
        r"^'in/part=1/c\.jsonl': no column 'text'; available: body\n2 files scored, and kept in"
        r" out: correct this one and continue with --resume, or leave out what cannot be scored"
        r" with --skip-errors$"
    )
    with pytest.raises(DataError, match=message):
        score(inputs, "out", text="text")
    assert (here / "out" / "b.csv.gz").exists()
    assert not (here / "out" / "_manifest.json").exists()
    with pytest.raises(BundleError, match=r"^scoring into out was interrupted: continue it with"):
        score(inputs, "out", text="text")
    scored = score(inputs, "out", text="text", resume=True, skip_errors=True)
    assert [shard.error is None for shard in scored.shards] == [True, True, False, True]
    manifest = json.loads((here / "out" / "_manifest.json").read_text())
    assert [shard["output"] for shard in manifest["shards"]] == ["a.csv", "b.csv.gz", "part=1/d"]
    assert manifest["failed"][0]["input"] == "in/part=1/c.jsonl"
    write("in/part=1/c.jsonl", '{"text": "We love it"}\n')
    assert score(inputs, "out", text="text", resume=True).rows == 112
    with pytest.raises(DataError, match=r"^no file could be scored; 1 file left out$"):
        score(inputs + "/_logs/*.csv", "logs", text="body", skip_errors=True)


def test_an_interruption_keeps_what_is_finished(score, inputs, here, count_model, monkeypatch):
    score(inputs, "whole")
    scored_one = sharded.score_shard

    def interrupted(job, shard, progress=None):
        if shard.name == "part=1/c.jsonl":
            raise KeyboardInterrupt
        return scored_one(job, shard, progress)

    message = (
        r"^2 of 4 files scored, and kept in out; run the same command with --resume to"
        r" continue$"
    )
    with monkeypatch.context() as patched:
        patched.setattr(sharded, "score_shard", interrupted)
        with pytest.raises(KeyboardInterrupt, match=message):
            score(inputs, "out")
    score(inputs, "out", resume=True)
    assert tree(here / "out") == tree(here / "whole")


@pytest.mark.parametrize("is_changed", [False, True])
def test_a_file_that_was_interrupted_is_continued_unless_it_has_changed(
    score, inputs, here, write, count_model, progress, monkeypatch, is_changed
):
    save = PartialOutput.save

    def interrupted(*state):
        save(*state)
        raise KeyboardInterrupt

    with monkeypatch.context() as patched:
        patched.setattr(PartialOutput, "save", interrupted)
        with pytest.raises(KeyboardInterrupt, match=r"^0 of 4 files scored"):
            score(inputs, "out")
    if is_changed:
        write("in/a.csv", rows(9, "new"))
    wordgate.score(count_model.folder, inputs, "out", resume=True, progress=progress)
    warning = "warning: in/a.csv: it has changed since it was interrupted, and is scored again"
    assert (warning in progress.lines) == is_changed
    assert ("in/a.csv: continuing after 0 rows" in progress.lines) != is_changed
    score(inputs, "whole")
    assert tree(here / "out") == tree(here / "whole")


def test_one_bar_goes_over_all_files(inputs, count_model, progress):
    wordgate.score(count_model.folder, inputs, "out", progress=progress, batch=10)
    assert progress.bars == [[1000, 1000]]
    assert sum(line.startswith("read ") for line in progress.lines) == 1


def test_a_shard_can_be_scored_elsewhere(inputs, here, count_model):
    """As by a cluster: what goes there and comes back can be pickled, and is done once."""
    job = ShardJob(str(count_model.folder), "out", ScoreOptions())
    job, shard = pickle.loads(pickle.dumps((job, Shard("in/a.csv", "x/a.csv", 0))))
    result = pickle.loads(pickle.dumps(score_shard(job, shard)))
    assert (result.rows, result.was_complete) == (51, False)
    assert result.sha256 == hashlib.sha256((here / "out/x/a.csv").read_bytes()).hexdigest()
    assert score_shard(job, shard).was_complete
    assert score_shard(job, Shard("in/none.csv", "none.csv", 0)).error.startswith("cannot read")


def test_no_two_processes_score_the_same(score, inputs, here, count_model, monkeypatch):
    monkeypatch.setattr(files, "_PATIENCE", 0.0)
    job = ShardJob(str(count_model.folder), "out", ScoreOptions())
    shard = Shard("in/a.csv", "a.csv", 0)
    working = here / "out" / ".wordgate" / "partial"
    working.mkdir(parents=True)
    busy = pytest.raises(BundleError, match=r"^another process is busy with the scoring of in/a")
    with files.exclusive(working / ".a.csv.lock", "it"), busy:
        score_shard(job, shard)
    busy = pytest.raises(BundleError, match=r"^another process is busy with scoring into out \(/")
    with files.exclusive(here / "out" / ".wordgate" / "partial.lock", "it"), busy:
        score(inputs, "out")
    assert score_shard(job, shard).rows == 51


def test_no_input_is_passed_over_in_silence(score, inputs, here):
    (here / "linked").mkdir()
    (here / "linked" / "e.csv").write_text(rows(5))
    (here / "in" / "links").symlink_to(here / "linked")
    (here / "linked" / "back").symlink_to(here / "in")
    (here / "in" / ".#lock").symlink_to("nothing")
    assert [shard.name for shard in score(inputs, "out").shards] == [
        *OUTPUTS[:2],
        "links/e.csv",
        *OUTPUTS[2:],
    ]
    (here / "in" / "gone.csv").symlink_to("nothing")
    with pytest.raises(DataError, match=r"^cannot read 'in/gone.csv': No such file"):
        score(inputs, "other")
    with pytest.raises(DataError, match=r"^no file 'a+"):
        score("a" * 5000, "out/")


@pytest.mark.skipif(sys.platform != "linux", reason="names of files are bytes on Linux alone")
def test_the_name_of_a_file_may_be_no_unicode(score, inputs, here):
    name = os.fsdecode(b"caf\xe9.csv")
    (here / "in" / name).write_text(rows(3))
    assert score(inputs, "out").shards[2].name == name
    written = json.loads((here / "out" / "_manifest.json").read_text(encoding="utf-8"))
    assert written["shards"][2]["output"] == name
    assert score(inputs, "out", resume=True).was_complete


@pytest.mark.parametrize("name", ["../mine.csv", "x/../../mine.csv", "/mine.csv", None])
def test_a_manifest_leads_to_no_file_elsewhere(score, inputs, here, write, name):
    write("mine.csv", "mine")
    score(inputs, "out")
    manifest = here / "out" / "_manifest.json"
    content = json.loads(manifest.read_text())
    content["shards"][0]["output"] = f"{here}{name}" if name == "/mine.csv" else name
    manifest.write_text(json.dumps(content, indent=1))
    for options in ({"overwrite": True}, {"resume": True}):
        with pytest.raises(
            BundleError, match=r"^out/_manifest\.json is damaged or was not written"
        ):
            score(inputs, "out", **options)
    assert (here / "mine.csv").read_text() == "mine"


@pytest.mark.needs("openpyxl", "python_calamine")
def test_a_workbook_is_scored_into_another_format(score, here):
    from openpyxl import Workbook

    book = Workbook()
    book.active.append(["id", "text"])
    book.active.append([1, "We love it"])
    for row in (["text"], ["We hate it"]):
        (book["Other"] if "Other" in book else book.create_sheet("Other")).append(row)
    book.save("book.xlsx")
    score("book.xlsx", "out")
    assert (here / "out").read_text().startswith("id,text,label,probability,")
    score("book.xlsx#Other", "o.jsonl")
    assert (here / "o.jsonl").read_text().startswith('{"text": "We hate it", "label": "bad"')
    assert score(["book.xlsx"], "all").shards[0].name == "book.xlsx.csv"
    with pytest.raises(WordgateError, match=r"^'o\.xlsx' ends in \.xlsx; the formats are \.csv, "):
        score("book.xlsx", "o.xlsx")


# Kills itself at a random call of what changes the disk, until it comes to an end.
KILLED = """
import random
import wordgate
from wordgate.runtime.progress import Silent
from wordgate.scoring import sharded

bundle, tries = sys.argv[1], int(sys.argv[2])
options = dict(batch=20, checkpoint_seconds=0.0, progress=Silent())
predictor = wordgate.load(bundle)
sharded.load_with_progress = lambda *_, **__: predictor

def run(step, **more):
    child = os.fork()
    if not child:
        die_at(step)
        wordgate.score(bundle, "in", "out", **options, **more)
        os._exit(0)
    return os.waitpid(child, 0)[1]

def tree():
    files = (path for path in pathlib.Path("out").rglob("*") if path.is_file())
    return {str(path): path.read_bytes() for path in files}

wordgate.score(bundle, "in", "out", **options)
gc.freeze()  # a collection in a child would copy all of it
result, chance, kills = tree(), random.Random(0), 0
for number in range(tries):
    more = {"overwrite": True}
    while (status := run(chance.randint(1, 120), **more)) != 0:
        assert status == signal.SIGKILL, "it failed"
        kills += 1
        more = {"resume": True}
        assert not pathlib.Path("out/_manifest.json").exists() or tree().items() >= result.items()
    assert tree() == result, f"run {number}"
print(kills)
"""


@pytest.mark.slow
@pytest.mark.skipif(not hasattr(os, "fork"), reason="forks")
def test_killed_at_random_instants_the_outputs_are_the_same(
    inputs, count_model, here, how_many, mortal
):
    tries = how_many(12, 300)
    command = [sys.executable, "-c", mortal + KILLED, count_model.folder, str(tries)]
    ended = subprocess.run(command, capture_output=True, text=True, check=False, timeout=3000)
    assert (ended.returncode, ended.stderr) == (0, "")
    assert int(ended.stdout) >= tries
    assert sorted(file.name for file in here.iterdir()) == ["in", "out"]
