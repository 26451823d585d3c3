import socket

import pytest

pytest.importorskip("uvicorn", reason="needs the extra 'serve'")

CALLS = {
    "serve": (2, "Missing argument 'MODEL'."),
    "serve NONE": (1, "wordgate: there is no model at "),
    "serve MODEL --port 70000": (2, "70000 is not in the range 0<=x<=65535"),
    "serve MODEL --max-texts 0": (
        1,
        "wordgate: --max-texts is 0; it must be a whole number of at least 1",
    ),
    "serve MODEL --timeout nan": (
        1,
        "wordgate: --timeout is nan; it must be a number of at least 0.001",
    ),
    "serve MODEL --allow-origin *": (
        1,
        "wordgate: --allow-origin '*' is not an origin; write it as",
    ),
    "serve MODEL --host 203.0.113.7": (1, "wordgate: cannot listen on 203.0.113.7, port 8000 ("),
    "serve MODEL --host no.such.host.invalid": (1, "choose another --host or --port"),
    "serve MODEL --port TAKEN": (1, "); choose another --host or --port"),
}


@pytest.mark.parametrize("call", CALLS)
def test_a_bad_call_ends_in_a_message(wordgate, lstm_model, tmp_path, call):
    with socket.create_server(("127.0.0.1", 0)) as taken:
        places = {
            "MODEL": lstm_model.folder,
            "NONE": tmp_path / "none",
            "TAKEN": taken.getsockname()[1],
        }
        code, message = CALLS[call]
        ended = wordgate(*(places.get(word, word) for word in call.split()))
    assert (ended.code, ended.out) == (code, "")
    assert message in ended.err
    assert "Traceback" not in ended.err


def test_an_empty_key_is_no_key(wordgate, lstm_model, monkeypatch):
    monkeypatch.setenv("WORDGATE_API_KEY", "")
    ended = wordgate("serve", lstm_model.folder)
    assert (ended.code, ended.err.split(":")[1]) == (1, " WORDGATE_API_KEY is empty")


def test_a_missing_package_ends_in_the_line_that_installs_it(wordgate, lstm_model, hide_packages):
    hide_packages("orjson")
    ended = wordgate("serve", lstm_model.folder)
    assert ended.code == 1
    assert ended.err == (
        "wordgate: serving a model needs the extra 'serve': pip install 'wordgate[serve]'\n"
    )
