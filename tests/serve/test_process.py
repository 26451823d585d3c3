"""The real process, on a free port: behavior that only a connection shows."""

import contextlib
import http.client
import json
import signal
import socket
import threading
import time

import pytest

import wordgate

TEXTS = [
    "We love this lamp number 7",
    "!",
    "we hate the kettle 😀 from the cellar",
    "praise " * 300,
]


def talk(server, *parts, pause=0.0):
    """Send raw bytes on a connection of its own, and read until the server closes it."""
    with contextlib.closing(socket.create_connection(("127.0.0.1", server.port), 60)) as line:
        for part in parts:
            line.sendall(part)
            time.sleep(pause)
        return received(line)


def until(condition):
    """Wait until the server is as it is to be, on a busy machine too."""
    deadline = time.monotonic() + 120
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.01)


def refuses_connections(server):
    try:
        socket.create_connection(("127.0.0.1", server.port), 60).close()
    except ConnectionRefusedError:
        return True
    return False


def received(line):
    answer = b""
    with contextlib.suppress(ConnectionResetError):
        while part := line.recv(65536):
            answer += part
    return answer


def error_of(answer):
    """Take an answer apart: its status, and the code of its error."""
    head, _, body = answer.partition(b"\r\n\r\n")
    assert b"content-type: application/json" in head
    assert b"connection: close" in head
    return int(head.split()[1]), json.loads(body)["error"]["code"]


def head(*lines, path="/v1/predict", method="POST"):
    kind = ("host: localhost", "content-type: application/json")
    return "\r\n".join([f"{method} {path} HTTP/1.1", *kind, *lines, "", ""]).encode()


def test_probabilities_are_the_predictors_to_the_last_digit(server, lstm_model):
    status, response = server.predict(TEXTS)
    assert status == 200
    predictor = wordgate.load(lstm_model.folder)
    rows = [list(one["probabilities"].values()) for one in response["predictions"]]
    assert rows == predictor.predict_proba(TEXTS).tolist()
    assert [one["label"] for one in response["predictions"]] == predictor.predict(TEXTS)
    assert {tuple(one["probabilities"]) for one in response["predictions"]} == {predictor.labels}


def test_many_at_once_each_get_their_own(server, lstm_model):
    texts = [f"{mood} the lamp number {n}" for n in range(8) for mood in ("love", "hate", "x")]
    alone = wordgate.load(lstm_model.folder).predict_proba(texts)
    found = {}

    def one(text):
        found[text] = list(server.predict([text])[1]["predictions"][0]["probabilities"].values())

    threads = [threading.Thread(target=one, args=(text,)) for text in texts]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    for text, row in zip(texts, alone, strict=True):
        assert found[text] == pytest.approx(row, abs=1e-6)


def test_one_connection_carries_many_requests(server):
    with contextlib.closing(server.connect()) as connection:
        for path, expected in [("/v2/health/live", 200), ("/nope", 404), ("/v2/health/ready", 200)]:
            connection.request("GET", path)
            answer = connection.getresponse()
            answer.read()
            assert answer.status == expected
            assert not answer.will_close


def test_a_client_may_end_its_side_and_still_listen(server):
    body = b'{"texts": ["a"]}'
    with contextlib.closing(socket.create_connection(("127.0.0.1", server.port), 60)) as line:
        line.sendall(head(f"content-length: {len(body)}") + body)
        line.shutdown(socket.SHUT_WR)
        answer = received(line)
    assert answer.startswith(b"HTTP/1.1 200 ")
    assert answer.endswith(b"}}]}")


def test_head_has_no_body(server):
    status, headers, body = server.ask("HEAD", "/v2/health/live")
    assert (status, headers["content-length"], body) == (200, "13", b"")


def test_a_long_body_is_answered_413_and_the_answer_is_read(server):
    part = b"10000\r\n" + b" " * 0x10000 + b"\r\n"
    answer = talk(server, head("transfer-encoding: chunked"), *[part] * 140, b"0\r\n\r\n")
    assert error_of(answer) == (413, "body_too_large")


def test_an_endless_body_is_cut_off(server):
    part = b"10000\r\n" + b" " * 0x10000 + b"\r\n"
    with contextlib.closing(socket.create_connection(("127.0.0.1", server.port), 60)) as line:
        line.sendall(head("transfer-encoding: chunked"))
        with pytest.raises(ConnectionError):
            line.sendall(part * 4_000)  # 262 MB


def test_a_declared_length_beyond_the_limit_is_answered_at_once(server):
    answer = talk(server, head("content-length: 10000000000"))
    assert error_of(answer) == (413, "body_too_large")


def test_a_client_that_expects_100_continue_is_refused_before_it_sends(server):
    answer = talk(server, head("content-length: 10000000000", "expect: 100-continue"))
    assert error_of(answer) == (413, "body_too_large")


def test_a_compressed_body_is_refused_unread(server):
    status, headers, body = server.ask(
        "POST", "/v1/predict", b"\x1f\x8b" + b"0" * 9000, content_encoding="gzip"
    )
    assert (status, json.loads(body)["error"]["code"]) == (415, "unsupported_media_type")
    assert headers["accept-encoding"] == "identity"


@pytest.mark.parametrize(
    "sent",
    [
        b"nonsense\r\n\r\n",
        b"GET / HTTP/9.9\r\n\r\n",
        b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03",  # TLS
        head("content-length: 5", "transfer-encoding: chunked") + b"hello",
        head("content-length: 5", "content-length: 6") + b"hello!",
        head("content-length: -1"),
        head("transfer-encoding: chunked") + b"zz\r\n",
        b"GET  HTTP/1.1\r\n\r\n",
    ],
)
def test_what_is_no_http_is_refused_in_the_usual_form(server, sent):
    assert error_of(talk(server, sent)) == (400, "bad_request")


def test_more_bytes_than_declared_are_not_taken_for_the_body(server):
    body = b'{"texts": ["a"]}'
    answer = talk(server, head(f"content-length: {len(body)}") + body, b"and more", pause=0.2)
    first, _, second = answer.partition(b"}HTTP/1.1 ")
    assert first.startswith(b"HTTP/1.1 200 ")
    assert second.startswith(b"400 ")


@pytest.mark.parametrize(
    "sent",
    [
        b"GET /" + b"a" * 200_000,
        b"GET / HTTP/1.1\r\nx: " + b"a" * 200_000,
        b"GET / HTTP/1.1\r\n" + b"x: y\r\n" * 40_000,
        head("transfer-encoding: chunked") + b"1\r\n \r\n0\r\n" + b"x: y\r\n" * 40_000,
        head("transfer-encoding: chunked") + b"1;" + b"x" * 200_000,
    ],
    ids=["path", "header", "headers", "trailers", "chunk extension"],
)
def test_a_head_without_end_is_refused(server, sent):
    assert error_of(talk(server, *[sent[i : i + 8192] for i in range(0, len(sent), 8192)])) in (
        (431, "head_too_large"),
        (400, "bad_request"),  # the parser has limits of its own
    )


@pytest.mark.slow
def test_slow_clients_are_turned_away_and_others_served(started, lstm_model):
    server = started(
        lstm_model.folder, "--head-timeout", "0.5", "--body-timeout", "0.5", "--drain-delay", "0"
    )
    assert error_of(talk(server)) == (408, "too_slow")
    assert error_of(talk(server, b"GET / HT")) == (408, "too_slow")
    assert error_of(talk(server, head("content-length: 10") + b"{")) == (408, "too_slow")
    dripping = [bytes([byte]) for byte in head("content-length: 10")]
    assert error_of(talk(server, *dripping[:12], pause=0.1)) == (408, "too_slow")
    empty_lines = talk(server, head(path="/v2/health/live", method="GET"), b"\r\n", pause=0.1)
    assert empty_lines.startswith(b"HTTP/1.1 200 ")  # and is closed at all
    assert server.predict(["a"])[0] == 200
    _, _, response = server.ask("GET", "/metrics")
    assert b'wordgate_requests_total{route="none",status="408"} 5.0\n' in response


def test_connections_have_a_limit(started, lstm_model):
    server = started(lstm_model.folder, "--max-connections", "3", "--drain-delay", "0")
    lines = [socket.create_connection(("127.0.0.1", server.port), 60) for _ in range(3)]
    status, code = error_of(talk(server))
    assert (status, code) == (503, "overloaded")
    for line in lines:
        line.close()
    until(lambda: server.ask("GET", "/v2/health/live")[0] == 200)


def test_another_host_is_refused(server):
    status, _, body = server.ask("GET", "/v1/model", host="evil.example")
    assert (status, json.loads(body)["error"]["code"]) == (403, "unknown_host")


def test_the_key_comes_from_the_environment(started, lstm_model):
    server = started(lstm_model.folder, "--drain-delay", "0", key="s3cret")
    assert server.ask("GET", "/v1/model")[0] == 401
    assert server.ask("GET", "/v1/model", authorization="Bearer s3cret")[0] == 200
    assert server.ask("GET", "/v2/health/ready")[0] == 200


def load(server, answers, clients=6):
    """Ask on and on from several connections until the server refuses connections.

    Every request that was sent whole is noted with its status, or with what happened instead.
    """

    def client(number):
        for turn in range(100_000):
            try:
                connection = server.connect()
                connection.connect()
            except ConnectionRefusedError:
                return
            with contextlib.closing(connection):
                while True:
                    text = f"we love client {number} turn {turn}"
                    connection.request(
                        "POST", "/v1/predict", json.dumps({"texts": [text] * 8}),
                        {"content-type": "application/json"},
                    )  # fmt: skip
                    try:
                        answer = connection.getresponse()
                        whole = json.loads(answer.read())
                        answers.append((answer.status, len(whole["predictions"])))
                    except (OSError, http.client.HTTPException) as error:
                        answers.append(repr(error))
                        return
                    if answer.will_close:
                        break

    threads = [threading.Thread(target=client, args=(number,)) for number in range(clients)]
    for thread in threads:
        thread.start()
    return threads


@pytest.mark.parametrize("delay", ["0", "0.2"])
def test_sigterm_under_load_loses_no_request(started, lstm_model, delay):
    server = started(lstm_model.folder, "--drain-delay", delay)
    answers = []
    threads = load(server, answers)
    until(lambda: len(answers) > 20)
    assert server.end() == 0
    for thread in threads:
        thread.join(300)
    assert set(answers) == {(200, 8)}
    assert "Traceback" not in server.log


@pytest.mark.slow
def test_while_it_ends_it_is_not_ready_and_still_answers(started, lstm_model):
    server = started(lstm_model.folder, "--drain-delay", "3")
    server.process.send_signal(signal.SIGTERM)
    until(lambda: server.ask("GET", "/v2/health/ready")[0] == 503)
    assert server.ask("GET", "/v2/health/live")[0] == 200
    assert server.predict(["a"])[0] == 200
    assert server.wait() == 0


def test_a_request_half_sent_is_still_answered(started, lstm_model):
    server = started(lstm_model.folder, "--drain-delay", "0")
    body = b'{"texts": ["a"]}'
    whole = head(f"content-length: {len(body)}") + body
    with contextlib.closing(socket.create_connection(("127.0.0.1", server.port), 60)) as line:
        line.sendall(whole[:30])
        assert server.ask("GET", "/v2/health/live")[0] == 200  # after it has read these bytes
        server.process.send_signal(signal.SIGTERM)
        until(lambda: refuses_connections(server))
        line.sendall(whole[30:])
        answer = received(line)
    assert answer.startswith(b"HTTP/1.1 200 ")
    assert b"connection: close" in answer
    assert server.wait() == 0


def test_ctrl_c_ends_it_without_delay(started, lstm_model):
    server = started(lstm_model.folder, "--drain-delay", "1000")
    assert server.end(signal.SIGINT) == 0


def test_a_second_signal_ends_it_at_once(started, lstm_model):
    server = started(lstm_model.folder, "--drain-delay", "1000")
    server.process.send_signal(signal.SIGTERM)
    until(lambda: server.ask("GET", "/v2/health/ready")[0] == 503)  # two at once count as one
    assert server.end() == -signal.SIGTERM
