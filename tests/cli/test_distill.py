import json

import pytest


@pytest.fixture
def run(wordgate, tiny_teacher, tmp_path, monkeypatch):
    """Distill by the command line, where the folder holds data.csv."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "data.csv").write_text('label,text\npos,good lamp 🤣\nneg,"bad lamps, good"\n')
    (tmp_path / "teacher").symlink_to(tiny_teacher)
    return lambda *arguments: wordgate("vectors", "distill", *arguments)


USUAL = ("--teacher", "teacher", "--data", "data.csv", "--out", "words.bin")


def test_distill_prints_the_result_and_reports_the_rest_on_standard_error(run):
    ended = run(*USUAL)
    assert ended.code == 0
    assert ended.out == (
        "words: 6 (4 of the data, 2 more of the teacher)\n"
        "dimensions: 5, which explain 100.0% of the variance\n"
        "left out: 2 words unknown to the teacher (,, 🤣)\n"
        "Saved to words.bin. Try: wordgate train DATA --vectors words.bin --out model\n"
    )
    assert ended.err.startswith("Reading data.csv ...\ndata.csv: ")
    *_, words, loading, distilling, _, writing = ended.err.splitlines()
    assert words == "words: 6 distinct"
    assert loading.startswith("Loading the teacher ")
    assert (distilling, writing) == ("Distilling vectors of 8 words ...", "Writing words.bin ...")


def test_options_reach_the_distilling(run):
    options = ("--no-teacher-words", "--size", 2, "--drop-label", "neg", "--label", "label")
    ended = run(*USUAL, "--data", "data.csv", *options, "--tokenizer", "keras")
    assert ended.code == 1
    assert ended.err.endswith("wordgate: size is 2, but 2 words give 1 components at most\n")
    ended = run(*USUAL, "--no-teacher-words", "--size", 2, "--json")
    assert json.loads(ended.out) == {
        "out": "words.bin",
        "n_words": 4,
        "n_data_words": 4,
        "size": 2,
        "variance": pytest.approx(0.8, abs=0.2),
        "unknown": [",", "🤣"],
    }
    assert run(*USUAL).err == (
        "wordgate: words.bin exists; choose another --out, or replace it with --overwrite\n"
    )
    assert run(*USUAL, "--overwrite").code == 0


CALLS = {
    "--teacher teacher --data data.csv": (2, "Missing option '--out'"),
    "--teacher teacher --out w.bin": (2, "Missing option '--data'"),
    "--data data.csv --out w.bin": (2, "Missing option '--teacher'"),
    "--teacher teacher --data data.csv --out w.bin --size 0": (2, "'--size'"),
    "--teacher techer --data data.csv --out w.bin": (1, "did you mean 'teacher'?"),
    "--teacher teacher --data date.csv --out w.bin": (1, "did you mean 'data.csv'?"),
    "--teacher teacher --data data.csv --out no/w.bin": (1, "there is no folder 'no'"),
    "--teacher teacher --data data.csv --out w.bin --drop-label nge": (1, "did you mean 'neg'?"),
    "--teacher teacher --data data.csv --out w.bin --text txt": (1, "did you mean 'text'?"),
}


@pytest.mark.parametrize("call", CALLS)
def test_a_bad_call_ends_in_a_message(run, tmp_path, call):
    code, message = CALLS[call]
    ended = run(*call.split())
    assert (ended.code, ended.out) == (code, "")
    assert message in ended.err
    assert "Traceback" not in ended.err
    assert sorted(entry.name for entry in tmp_path.iterdir()) == ["data.csv", "teacher"]
