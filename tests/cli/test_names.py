"""Names that a user gives: of files, of addresses, of formats; and names that are given back."""

import io
import os
import re
import shlex
import subprocess
import sys

import pandas
import pytest

import wordgate
from wordgate.cli.main import exit_code
from wordgate.cli.params import FILE
from wordgate.errors import BundleError, DataError, SettingsError, WordgateError
from wordgate.runtime.progress import Silent

ADDRESSES = ["https://example.com/data/rows.csv", "http://x.org/m", "s3://bucket/rows.parquet"]


def failed(capfd, *arguments):
    assert exit_code(list(map(str, arguments))) == 1
    return capfd.readouterr().err


@pytest.mark.parametrize("address", ADDRESSES)
@pytest.mark.parametrize(
    "command",
    [
        "train {rows} --recipe {url} --out {new}", "train {rows} --vectors {url} --out {new}",
        "predict {url} text", "info {url}", "evaluate {url} {rows}",
    ],
)  # fmt: skip
def test_an_address_is_named_as_one(capfd, tmp_path, reviews, count_model, command, address):
    names = {"url": address, "new": tmp_path / "new", "rows": reviews, "model": count_model.folder}
    message = failed(capfd, *(word.format(**names) for word in command.split()))
    assert f"'{address}' is a URL, and wordgate reads only local files" in message


@pytest.mark.parametrize(
    "command",
    [
        "train {rows} --model count --out {url}", "export {model} --out {url}",
        "audit {rows} --html {url}", "compare {rows} --out {url}",
    ],
)  # fmt: skip
def test_nothing_is_written_to_an_address(capfd, reviews, count_model, command):
    names = {"url": "https://example.com/m.csv", "rows": reviews, "model": count_model.folder}
    message = failed(capfd, *(word.format(**names) for word in command.split()))
    assert message.endswith(
        "'https://example.com/m.csv' is a URL, and wordgate writes only local files: give a path\n"
    )


def test_the_address_of_a_file_is_its_path(capfd, tmp_path, reviews):
    spaced = tmp_path / "my reviews.csv"
    spaced.write_bytes(reviews.read_bytes())
    assert exit_code(["audit", f"file://{tmp_path}/my%20reviews.csv"]) == 0
    assert "my reviews.csv" in capfd.readouterr().err
    message = failed(capfd, "audit", f"file://{tmp_path}/absent.csv")
    assert message.endswith(f"wordgate: no file '{tmp_path}/absent.csv'\n")


@pytest.mark.parametrize("command", ["audit {}", "evaluate {model} {}", "score {model} {} out.csv"])
@pytest.mark.parametrize("name", ["", "  "])
def test_an_empty_name_is_no_folder(capfd, count_model, command, name):
    words = [
        name if word == "{}" else word.format(model=count_model.folder) for word in command.split()
    ]
    assert "the name of the data is empty: give a file" in failed(capfd, *words)


@pytest.mark.parametrize("ending", ["xlsx", "XLS", "feather", "html", "pkl", "ods", "csv.zip"])
def test_a_result_of_a_format_that_is_not_written_is_refused(
    capfd, tmp_path, reviews, count_model, ending
):
    out = tmp_path / f"scored.{ending}"
    message = failed(capfd, "score", count_model.folder, reviews, out)
    assert "the formats are .csv, .tsv, .jsonl, .parquet, gzipped or not" in message
    assert not out.exists()


@pytest.mark.parametrize(
    ("name", "to"), [("a.csv.gz", None), ("a", None), ("a.txt", None), ("a.xlsx", "csv")]
)
def test_a_result_of_another_name_is_written(tmp_path, reviews, count_model, name, to):
    out = tmp_path / name
    scored = wordgate.score(count_model.folder, reviews, out, to=to)
    assert scored.scored == len(pandas.read_csv(reviews))
    packed = "gzip" if name.endswith(".gz") else None
    assert "label" in pandas.read_csv(out, compression=packed).columns


def test_a_tilde_is_the_home_in_every_option_of_a_file(monkeypatch):
    from wordgate.cli.commands import wordgate as commands

    monkeypatch.setenv("HOME", "/home/me")
    assert FILE.convert("~/m", None, None) == "/home/me/m"
    taking = ("bundle", "data", "files", "out", "target", "file", "model", "tokenizer", "html",
              "valid", "test", "unlabelled", "vectors", "teacher", "recipe")  # fmt: skip
    groups = [commands, commands.commands["vectors"]]
    found = [
        (command.name, parameter.name, getattr(parameter.type, "func", None) is os.path.expanduser)
        for group in groups
        for command in group.commands.values()
        for parameter in command.params
        if parameter.name in taking
        and not (parameter.name == "tokenizer" and command.name == "distill")
        and (parameter.name != "model" or command.name == "import-keras")
    ]
    assert len(found) > 30
    assert all(is_file for _, _, is_file in found), [one for one in found if not one[2]]


def test_a_tilde_is_the_home_in_python_too(monkeypatch, tmp_path, reviews, count_model):
    monkeypatch.setenv("HOME", str(tmp_path))
    recipe = tmp_path / "mine.toml"
    recipe.write_text("[count]\nwords = 1\n", encoding="utf-8")
    training = wordgate.train(
        reviews, out="~/m", model="count", recipe="~/mine.toml", progress=Silent()
    )
    assert training.bundle.config.settings["count"]["words"] == 1
    assert wordgate.load("~/m").predict(["a lamp"])
    training.save("~/other")
    assert wordgate.evaluate("~/other", reviews).scores.n
    assert {entry.name for entry in tmp_path.iterdir()} == {"m", "mine.toml", "other"}


def test_a_suggested_command_can_be_given_to_a_shell(capfd, tmp_path, reviews):
    out = tmp_path / "a model; of 'mine'"
    arguments = ["train", str(reviews), "--model", "count", "--out", str(out)]
    assert exit_code(arguments) == 0
    suggested = capfd.readouterr().out.splitlines()[-1].partition("Try: ")[2]
    assert exit_code(shlex.split(suggested)[1:]) == 0


def test_the_package_runs_as_a_module():
    command = [sys.executable, "-m", "wordgate", "--version"]
    run = subprocess.run(command, capture_output=True, text=True, check=True)
    assert run.stdout.startswith("wordgate, version ")


@pytest.mark.parametrize("labels", [["yes", "no"], ["0", "1"]])
def test_no_advice_leaves_no_rows(tmp_path, count_model, labels):
    file = tmp_path / "rows.csv"
    rows = [f"a fine lamp {n},{labels[n % 2]}" for n in range(20)]
    file.write_text("\n".join(["text,label", *rows]), encoding="utf-8")
    with pytest.raises(WordgateError) as caught:
        wordgate.evaluate(count_model.folder, file)
    message = str(caught.value)
    assert "the model has none of the labels of this data" in message
    assert "bad, good" in message
    assert "--drop-label" not in message


def test_labels_to_leave_out_are_quoted(tmp_path, count_model):
    file = tmp_path / "rows.csv"
    rows = [f"a fine lamp {n},{('good', 'bad', 'so so')[n % 3]}" for n in range(30)]
    file.write_text("\n".join(["text,label", *rows]), encoding="utf-8")
    with pytest.raises(WordgateError, match="To leave such rows out: --drop-label 'so so'"):
        wordgate.evaluate(count_model.folder, file)
    assert wordgate.evaluate(count_model.folder, file, drop_labels=["so so"]).scores.n == 20


def test_advice_of_training_leaves_two_labels(tmp_path):
    rows = [f"a fine lamp {n},ok,train" for n in range(20)]
    rows += [f"a broken lamp {n},{label},test" for n in range(9) for label in ("no", "ok")]
    file = tmp_path / "rows.csv"
    file.write_text("\n".join(["text,label,part", *rows]), encoding="utf-8")
    with pytest.raises(WordgateError) as caught:
        wordgate.train(file, split_column="part", model="count", progress=Silent())
    assert "no training row has the label 'no'" in str(caught.value)
    assert "--drop-label" not in str(caught.value)


def test_advice_of_training_leaves_rows_to_test(make_file, make_rows):
    rows = make_rows()
    test = make_file([(n, label.upper(), text) for n, label, text in rows[:40]], "test.csv")
    with pytest.raises(WordgateError) as caught:
        wordgate.train(make_file(rows[40:]), test=test, model="count", progress=Silent())
    assert str(caught.value) == (
        "no training row has the label 'BAD', which occurs in validation or test; did you mean"
        " 'bad'? Else give it training rows"
    )


def test_results_are_shown_in_a_line(reviews, count_model):
    training = wordgate.train(reviews, model="count", progress=Silent())
    evaluation = wordgate.evaluate(count_model.folder, reviews)
    audit = wordgate.audit(reviews)
    predictor = wordgate.load(count_model.folder)
    for shown, begin in (
        (repr(training), "Training(count, accuracy="),
        (repr(evaluation), "Evaluation(accuracy="),
        (repr(audit), "Audit(300 rows, split='grouped'"),
        (repr(predictor), "Predictor(count, accuracy="),
    ):
        assert shown.startswith(begin)
        assert len(shown) < 160
        assert "\n" not in shown


def test_the_tilde_of_an_unknown_user_is_part_of_a_name(capfd, monkeypatch, tmp_path, reviews):
    monkeypatch.chdir(tmp_path)
    assert failed(capfd, "predict", "~no-such-user/m", "a lamp") == (
        "wordgate: there is no model at ~no-such-user/m\n"
    )
    assert "no file '~no-such-user/rows.csv'" in failed(capfd, "audit", "~no-such-user/rows.csv")
    (tmp_path / "~no-such-user").mkdir()
    out = "./~no-such-user/m"
    assert exit_code(["train", str(reviews), "--model", "count", "--out", out]) == 0
    assert wordgate.load(out).predict(["a lamp"])


def test_a_tilde_is_the_home_of_an_exported_file(monkeypatch, tmp_path, count_model):
    pytest.importorskip("onnxruntime")
    monkeypatch.setenv("HOME", str(tmp_path))
    exported = wordgate.export_onnx(count_model.folder, "~/m.onnx")
    assert exported.out == tmp_path / "m.onnx"
    assert exported.out.is_file()


def test_a_tilde_is_the_home_of_word_vectors_and_of_keras_files(monkeypatch, tmp_path, reviews):
    monkeypatch.setenv("HOME", str(tmp_path))
    (tmp_path / "v.safetensors").write_text("there", encoding="utf-8")
    with pytest.raises(DataError, match=re.escape(str(tmp_path / "v.safetensors"))):
        wordgate.distill(reviews, out="~/v.safetensors", teacher="t", progress=Silent())
    (tmp_path / "t.json").write_text("{}", encoding="utf-8")
    with pytest.raises(BundleError, match=re.escape(str(tmp_path / "t.json"))):
        wordgate.import_keras("~/m.keras", "~/t.json", labels=["a", "b"])


@pytest.mark.parametrize(
    ("source", "kind"),
    [
        (pandas.DataFrame({"text": ["a lamp"]}), "DataFrame"),
        ({"text": ["a lamp"]}, "dict"),
        ([{"text": "a lamp"}], "list"),
        (io.StringIO("text\na lamp\n"), "StringIO"),
        (b"in.csv", "bytes"),
        (None, "NoneType"),
    ],
)
def test_anything_but_a_file_is_not_scored(tmp_path, count_model, source, kind):
    message = f"^the file to score must be a string or a path, or a list of these, not a {kind}$"
    with pytest.raises(DataError, match=message):
        wordgate.score(count_model.folder, source, tmp_path / "out.csv", progress=Silent())


@pytest.mark.parametrize("out", [None, 5, ["out.csv"], {"out": "out.csv"}])
def test_nothing_is_written_to_what_is_no_name(tmp_path, monkeypatch, reviews, count_model, out):
    monkeypatch.chdir(tmp_path)
    message = "^out must be the path of a file, or of a folder for several, not a "
    with pytest.raises(SettingsError, match=message):
        wordgate.score(count_model.folder, reviews, out, progress=Silent())
    assert not list(tmp_path.iterdir())


def test_a_frame_is_no_file_of_unlabelled_texts(reviews):
    frame = pandas.DataFrame({"text": ["a lamp"]})
    message = "^the file of unlabelled texts must be a string or a path, or a list of these, not a"
    for run in (wordgate.train, wordgate.compare):
        with pytest.raises(DataError, match=message):
            run(reviews, unlabelled=frame, progress=Silent())
    with pytest.raises(DataError, match=r"^a teacher must be a string or a path, .* not a int$"):
        wordgate.train(reviews, teacher=5, progress=Silent())


def test_a_frame_of_test_rows_is_named_by_its_kind(reviews):
    test = pandas.DataFrame({"phrase": ["a lamp"] * 99})
    with pytest.raises(DataError, match="'a DataFrame' is read with the columns of the training"):
        wordgate.train(reviews, test=test, model="count", progress=Silent())
