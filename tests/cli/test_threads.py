"""`--threads`: which commands have it, and that everything below a command respects it."""

import importlib.util

import pytest

from wordgate.experiments import demo

HAVE_IT = (
    *("demo", "train", "compare", "evaluate", "predict", "explain", "score", "serve", "export"),
    "vectors distill",
)
COMPUTE_IN_ONE = ("audit", "info", "import-keras", "vectors info", "vectors convert")
HELP = (
    "--threads N Number of CPU threads. [default: WORDGATE_THREADS, else OMP_NUM_THREADS, else the"
    " available cores]"
)
REFUSED = (
    "wordgate: the environment variable WORDGATE_THREADS is 'abc'; it must be a whole number from 1"
    " to 4096\n"
)
CALLS = {
    "train": "DATA --out OUT TINY",
    "train counts": "DATA --model count --out OUT --folds 2",
    "compare": "DATA --models count,lstm --out OUT --split grouped TINY",
    "evaluate": "MODEL DATA",
    "predict": "MODEL text",
    "explain": "MODEL text",
    "score": "MODEL DATA OUT --to csv",
    "export": "MODEL --out OUT --int8 --data DATA",
    "vectors distill": "--teacher TEACHER --data DATA --out OUT.bin",
    "demo": "--out OUT",
}
NEEDED = {"export": "onnxruntime", "vectors distill": "sentence_transformers"}


@pytest.fixture
def run(wordgate, request, reviews, lstm_model, tiny, tmp_path, monkeypatch):
    """Run a call of the list, while the environment's number of threads is none."""
    monkeypatch.setenv("WORDGATE_THREADS", "abc")
    monkeypatch.setenv("OMP_NUM_THREADS", "abc")
    train, corpus = demo.train, demo.demo_corpus
    monkeypatch.setattr(demo, "train", lambda *a, **options: train(*a, model="count", **options))
    monkeypatch.setattr(demo, "demo_corpus", lambda seed: corpus(seed, n_groups=40))
    settings = [word for key, value in tiny.items() for word in ("--set", f"{key}={value}")]
    places = {
        "DATA": [reviews],
        "MODEL": [lstm_model.folder],
        "OUT": [tmp_path / "out"],
        "OUT.bin": [tmp_path / "out.bin"],
        "TINY": settings,
    }

    def call(name, *more):
        if name in NEEDED and importlib.util.find_spec(NEEDED[name]) is None:
            pytest.skip(f"needs {NEEDED[name]}")
        if name == "vectors distill":
            places["TEACHER"] = [request.getfixturevalue("tiny_teacher")]
        words = [one for word in CALLS[name].split() for one in places.get(word, [word])]
        return wordgate(*name.removesuffix(" counts").split(), *words, *more)

    return call


@pytest.mark.parametrize("command", HAVE_IT)
def test_commands_that_compute_have_it(wordgate, command):
    assert HELP in " ".join(wordgate(*command.split(), "--help").out.split())


@pytest.mark.parametrize("command", COMPUTE_IN_ONE)
def test_commands_on_which_it_has_no_effect_lack_it(wordgate, command):
    ended = wordgate(*command.split(), "a", "b", "--threads", 2)
    assert (ended.code, ended.out) == (2, "")
    assert "No such option '--threads'" in ended.err


@pytest.mark.parametrize("number", ["0", "-1", "2.5", "4097", "all"])
def test_a_number_that_is_none_is_wrong_usage(wordgate, count_model, number):
    ended = wordgate("predict", count_model.folder, "text", "--threads", number)
    assert (ended.code, ended.out) == (2, "")
    assert "Invalid value for '--threads': " in ended.err


@pytest.mark.parametrize("name", CALLS)
def test_a_variable_that_is_no_number_is_reported_before_the_work(run, tmp_path, name):
    ended = run(name)
    assert (ended.code, ended.out, ended.err) == (1, "", REFUSED)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("name", CALLS)
def test_it_beats_the_variable_wherever_threads_are_counted(run, name):
    ended = run(name, "--threads", 2)
    assert (ended.code, "WORDGATE_THREADS" in ended.err) == (0, False)


def test_it_reaches_the_server(wordgate, lstm_model, monkeypatch):
    pytest.importorskip("uvicorn", reason="needs the extra 'serve'")
    served = []
    monkeypatch.setattr("wordgate.serve.server.serve", lambda model, **_: served.append(model))
    assert wordgate("serve", lstm_model.folder, "--threads", 3).code == 0
    assert served[0].n_threads == 3
