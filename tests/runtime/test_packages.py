"""Optional packages: what is missing ends in one sentence, and the base does without them."""

import json
import subprocess
import sys
from importlib import metadata

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from wordgate.data import read_table
from wordgate.errors import MissingExtraError, WordgateError
from wordgate.runtime import packages


def base_distributions(name="wordgate"):
    """Give what `pip install wordgate` brings here, as the installed packages tell it."""
    found = {canonicalize_name(name)}
    for line in metadata.requires(name) or ():
        requirement = Requirement(line)
        if requirement.marker is None or requirement.marker.evaluate({"extra": ""}):
            found |= base_distributions(requirement.name)
    return found


BASE = base_distributions()
NOT_IN_THE_BASE = frozenset(
    package
    for package, distributions in metadata.packages_distributions().items()
    if BASE.isdisjoint(map(canonicalize_name, distributions))
)
"""Everything that is installed here and would not be by `pip install wordgate`."""

WITHOUT = f"""
import sys

class Absent:
    def find_spec(self, name, path=None, target=None):
        if name.partition(".")[0] in {NOT_IN_THE_BASE!r}:
            raise ModuleNotFoundError(f"No module named {{name!r}}", name=name)

sys.meta_path.insert(0, Absent())
import importlib.util
find_spec = importlib.util.find_spec
importlib.util.find_spec = (
    lambda name, package=None: None if name in {NOT_IN_THE_BASE!r} else find_spec(name, package)
)
"""
"""Begins a program that finds nothing but the base."""


COMMAND_LINE = f"""{WITHOUT}
import contextlib, io, json
from wordgate.cli.main import exit_code

for line in sys.stdin:
    out, err = io.StringIO(), io.StringIO()
    with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
        code = exit_code(json.loads(line))
    print(json.dumps([code, out.getvalue(), err.getvalue()]), flush=True)
"""
"""Runs the commands whose arguments it reads, a list a line."""


@pytest.fixture(scope="module")
def in_the_base():
    """Run a command where no extra is installed; give its status and what it writes."""
    with subprocess.Popen(
        [sys.executable, "-c", COMMAND_LINE],
        stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True,
    ) as process:  # fmt: skip

        def run(*arguments):
            process.stdin.write(json.dumps([str(argument) for argument in arguments]) + "\n")
            process.stdin.flush()
            return json.loads(process.stdout.readline())

        yield run
        process.stdin.close()


def test_a_missing_extra_names_the_line_that_installs_it(hide_packages):
    hide_packages("numba")
    with pytest.raises(MissingExtraError) as error:
        packages.require_extra("numba", "kernel 'numba'")
    assert str(error.value) == (
        "kernel 'numba' needs the extra 'numba': pip install 'wordgate[numba]'"
    )
    assert isinstance(error.value, WordgateError)
    assert isinstance(error.value, ImportError)


def test_further_packages_are_asked_for(hide_packages):
    hide_packages(packages.TORCH)
    with pytest.raises(MissingExtraError):
        packages.require_extra("parquet", "this", packages.TORCH)


@pytest.mark.parametrize("family", ["count_model", "lstm_model", "logreg_model", "mlp_model"])
def test_every_family_without_torch_predicts_and_explains_in_the_base(request, in_the_base, family):
    model = request.getfixturevalue(family).folder
    for command, key in (("predict", "predictions"), ("explain", "label")):
        code, out, err = in_the_base(command, model, "We love this lamp", "--json")
        assert (code, err) == (0, "")
        assert key in json.loads(out)


def test_csv_and_json_lines_are_scored_in_the_base(in_the_base, count_model, tmp_path):
    (tmp_path / "in.csv").write_text("id,text\n1,We love it\n2,We hate it\n", encoding="utf-8")
    files = (tmp_path / "in.csv", tmp_path / "out.jsonl")
    code, _, err = in_the_base("score", count_model.folder, *files)
    assert code == 0, err
    rows = [json.loads(line) for line in (tmp_path / "out.jsonl").read_text().splitlines()]
    assert [(row["id"], row["label"]) for row in rows] == [("1", "good"), ("2", "bad")]


@pytest.mark.parametrize("command", [("--help",), ("--version",), ("info", "MODEL")])
def test_the_rest_of_the_command_line_runs_in_the_base(in_the_base, count_model, command):
    arguments = [count_model.folder if word == "MODEL" else word for word in command]
    code, out, err = in_the_base(*arguments)
    assert (code, err) == (0, "")
    assert out


@pytest.mark.parametrize(
    ("arguments", "purpose", "extra"),
    [
        (("train", "DATA", "--out", "OUT"), "training an LSTM", "train"),
        (("train", "DATA", "--model", "count", "--out", "OUT"), "training on word counts", "train"),
        (("audit", "DATA"), "auditing a data set", "train"),
        (("compare", "DATA"), "comparing models", "train"),
        (("evaluate", "MODEL", "DATA"), "evaluating a model", "train"),
        (("demo", "--out", "OUT"), "the demo", "train"),
        (("score", "MODEL", "DATA", "OUT.parquet"), "writing a Parquet file", "parquet"),
        (("score", "MODEL", "FILE.parquet"), "reading a Parquet file", "parquet"),
        (("score", "MODEL", "DATA", "OUT", "--engine", "ray"), "--engine ray", "ray"),
        (("predict", "MODEL", "a text", "--kernel", "numba"), "kernel 'numba'", "numba"),
        (("serve", "MODEL"), "serving a model", "serve"),
        (("export", "MODEL", "--out", "OUT"), "writing an ONNX file", "onnx"),
        (
            ("vectors", "distill", "--teacher", "minilm", "--data", "DATA", "--out", "OUT.bin"),
            "distilling word vectors",
            "distill",
        ),
    ],
)
def test_commands_that_need_an_extra_name_it_and_leave_no_files(
    in_the_base, lstm_model, tmp_path, arguments, purpose, extra
):
    (tmp_path / "there.parquet").write_bytes(b"PAR1" + bytes(8) + b"PAR1")
    names = {
        "DATA": lstm_model.data, "MODEL": lstm_model.folder, "OUT": tmp_path / "out",
        "OUT.parquet": tmp_path / "out.parquet", "OUT.bin": tmp_path / "out.bin",
        "FILE.parquet": tmp_path / "there.parquet",
    }  # fmt: skip
    code, out, err = in_the_base(*(names.get(word, word) for word in arguments))
    assert (code, out) == (1, "")
    assert err.splitlines()[-1] == (
        f"wordgate: {purpose} needs the extra '{extra}': pip install 'wordgate[{extra}]'"
    )
    assert [file.name for file in tmp_path.iterdir()] == ["there.parquet"]


@pytest.mark.parametrize(
    ("code", "purpose"),
    [
        ("from wordgate import WordgateClassifier", "WordgateClassifier"),
        (
            "from wordgate import GroupedSplit; list(GroupedSplit(2).split(['a', 'b', 'c', 'd']))",
            "finding near duplicates",
        ),
        ("import wordgate; wordgate.audit([])", "auditing a data set"),
    ],
)
def test_from_python_too_a_missing_extra_is_named(code, purpose):
    program = f"{WITHOUT}\ntry:\n    {code}\nexcept ImportError as error:\n    print(error)"
    ended = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=True
    )
    assert ended.stdout == f"{purpose} needs the extra 'train': pip install 'wordgate[train]'\n"


def test_a_data_frame_needs_the_extra(hide_packages):
    hide_packages("narwhals")
    with pytest.raises(MissingExtraError, match=r"^reading a data frame needs the extra 'train'"):
        read_table({"text": ["a", "b"]})
