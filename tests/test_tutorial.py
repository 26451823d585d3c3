"""The tutorial runs, and its stored outputs are complete."""

import ast
import csv
import importlib.util
import json
import re
from itertools import islice, pairwise
from pathlib import Path

import pytest
from tests.conftest import write_reviews

import wordgate

FOLDER = Path(__file__).parents[1] / "docs" / "tutorial"
NOTEBOOKS = sorted(FOLDER.glob("*.ipynb"))
LIMITS = 300, 600  # 50 tweets: enough for every cell to have something to do; or 100
TEST_ROWS = "2,399"  # of the sample that the notebooks use by default
ABSOLUTE = re.compile(
    r"(?<![\w.:/])/(?:tmp|work|home|root|Users|usr|opt|var|mnt|content)/|[A-Z]:\\\\"
)

every_notebook = pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)


def read(path):
    return json.loads(path.read_text(encoding="utf-8"))


def code_cells(path):
    return [cell for cell in read(path)["cells"] if cell["cell_type"] == "code"]


def printed(path):
    """All that a notebook's outputs hold, as one text."""
    return json.dumps([cell["outputs"] for cell in code_cells(path)], ensure_ascii=False)


def run(source, names):
    """Run a cell as a notebook does: its last expression is shown."""
    *steps, last = ast.parse(source).body
    if not isinstance(last, ast.Expr):
        steps.append(last)
    exec(compile(ast.Module(steps, []), "cell", "exec"), names)
    if isinstance(last, ast.Expr):
        shown = eval(compile(ast.Expression(last.value), "cell", "eval"), names)
        if hasattr(shown, "_repr_html_"):
            shown._repr_html_()


@pytest.fixture(scope="module")
def place(tmp_path_factory, twitter_training):
    """A folder that all notebooks run in, and some tweets where wordgate looks for them."""
    folder = tmp_path_factory.mktemp("tutorial")
    file = folder / "data" / "twitter-entity-sentiment" / twitter_training.name
    file.parent.mkdir(parents=True)
    with twitter_training.open(encoding="utf-8", newline="") as whole:
        write_reviews(file, islice(csv.reader(whole), 6000), header=None)
    return folder


@pytest.mark.slow
@pytest.mark.real_data
@every_notebook
def test_a_notebook_runs_on_few_rows(path, place, monkeypatch, how_many):
    pytest.importorskip("sentence_transformers", reason="needs the extra 'distill'")
    plt = pytest.importorskip("matplotlib.pyplot", reason="needs the dependency group 'tutorial'")
    monkeypatch.chdir(place)
    monkeypatch.setenv("WORDGATE_DATA_HOME", str(place / "data"))
    monkeypatch.setenv("WORDGATE_TUTORIAL_LIMIT", str(how_many(*LIMITS)))
    names = {"__name__": "__main__"}
    for cell in code_cells(path):
        run("".join(cell["source"]), names)
    plt.close("all")
    results = names["results"]()
    assert len(results) >= 2
    assert results["accuracy"].between(0, 1).all()


@every_notebook
def test_only_the_public_interface_is_used(path):
    for cell in code_cells(path):
        for node in ast.walk(ast.parse("".join(cell["source"]))):
            if isinstance(node, ast.ImportFrom):
                assert not node.module.startswith("wordgate"), ast.unparse(node)
            if isinstance(node, ast.Import):
                assert not any(name.name.startswith("wordgate.") for name in node.names)
            if isinstance(node, ast.Attribute) and ast.unparse(node.value) == "wordgate":
                assert node.attr in wordgate.__all__


@every_notebook
def test_it_shows_a_figure(path):
    assert '"image/png"' in printed(path)


def test_there_are_five_in_their_order():
    assert [path.stem[:2] for path in NOTEBOOKS] == ["1-", "2-", "3-", "4-", "5-"]


@every_notebook
def test_every_cell_that_shows_something_has_its_output(path):
    for cell in code_cells(path):
        source = "".join(cell["source"])
        shows = isinstance(ast.parse(source).body[-1], ast.Expr) or "print(" in source
        assert bool(cell["outputs"]) == shows, source


@every_notebook
def test_no_output_is_an_error_or_a_warning(path):
    for cell in code_cells(path):
        for output in cell["outputs"]:
            assert output["output_type"] != "error"
            assert output.get("name") != "stderr", output["text"]


@every_notebook
def test_nothing_reveals_where_or_when_it_ran(path):
    assert not ABSOLUTE.search(path.read_text(encoding="utf-8"))
    assert read(path)["metadata"] == {
        "kernelspec": {"display_name": "Python 3", "language": "python", "name": "python3"},
        "language_info": {"name": "python"},
    }
    assert all(cell["metadata"] == {} for cell in read(path)["cells"])


@every_notebook
def test_the_stored_run_used_the_default_sample(path):
    n_rows = re.findall(r"evaluated on ([\d,]+) rows", printed(path))
    assert n_rows
    assert set(n_rows) == {TEST_ROWS}, "run: make tutorial"


@every_notebook
def test_its_links_lead_somewhere(path):
    text = "\n".join("".join(cell["source"]) for cell in read(path)["cells"])
    links = re.findall(r"\]\(([^)]+)\)", text)
    assert links
    assert [link for link in links if not (FOLDER / link).exists()] == []


def test_each_leads_to_the_next():
    for path, following in pairwise(NOTEBOOKS):
        assert f"({following.name})" in "".join(read(path)["cells"][-1]["source"])


def test_the_runner_stores_outputs_without_a_trace_of_the_machine(tmp_path):
    nbformat = pytest.importorskip("nbformat")
    pytest.importorskip("nbclient")
    spec = importlib.util.spec_from_file_location("run_tutorial", FOLDER / "run.py")
    runner = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(runner)
    cell = nbformat.v4.new_code_cell("import os\nprint(os.listdir())\n6 * 7", metadata={"a": 1})
    done = runner.execute(nbformat.v4.new_notebook(cells=[cell]), tmp_path)
    stream, result = done.cells[0].outputs
    assert (stream.text, result.data) == ("[]\n", {"text/plain": "42"})
    assert done.cells[0].metadata == {}
    assert done.metadata.language_info == {"name": "python"}
