import asyncio
import json

import pytest

from wordgate.serve.access import Access

PATHS = {
    "/v1/predict": b"POST", "/v1/explain": b"POST", "/v1/model": b"GET, HEAD",
    "/metrics": b"GET, HEAD", "/openapi.json": b"GET, HEAD", "/v2/health/live": b"GET, HEAD",
    "/v2/health/ready": b"GET, HEAD",
}  # fmt: skip
ONE_TEXT = {"texts": ["abc"]}


def test_predictions_stand_in_the_order_of_the_texts(running, ask):
    async def work(app):
        texts = ["x" * 100, "y", "x" * 64]
        return await ask(app, "POST", "/v1/predict", json_body={"texts": texts})

    answered = running(work)
    assert answered.status == 200
    assert answered.headers[b"content-type"] == b"application/json"
    assert answered.json == {
        "predictions": [
            {"label": "long", "probabilities": {"long": 100 / 128, "short": 28 / 128}},
            {"label": "short", "probabilities": {"long": 1 / 128, "short": 127 / 128}},
            {"label": "long", "probabilities": {"long": 0.5, "short": 0.5}},
        ]
    }


def test_below_the_threshold_there_is_no_label(running, ask):
    async def work(app):
        body = {"texts": ["x" * 64, "x"], "abstain_below": 0.6}
        return await ask(app, "POST", "/v1/predict", json_body=body)

    labels = [one["label"] for one in running(work).json["predictions"]]
    assert labels == [None, "short"]


def test_an_explanation_is_the_models_own(running, ask):
    answered = running(lambda app: ask(app, "POST", "/v1/explain", json_body={"text": "ab c"}))
    assert (answered.status, answered.json) == (200, {"text": "ab c"})


@pytest.mark.parametrize("path", PATHS)
@pytest.mark.parametrize("method", ["GET", "POST", "PUT", "DELETE", "OPTIONS", "HEAD", "TRACE"])
def test_other_methods_are_refused_and_the_right_ones_named(running, ask, path, method):
    answered = running(lambda app: ask(app, method, path))
    if method in PATHS[path].decode().split(", "):
        assert answered.status != 405
    else:
        assert (answered.status, answered.code) == (405, "method_not_allowed")
        assert answered.headers[b"allow"] == PATHS[path]


@pytest.mark.parametrize("path", ["/v1/predict/", "/v1", "/v2/health", "/page/../x", "/page/no.js"])
def test_an_unknown_path_is_not_found(running, ask, path):
    answered = running(lambda app: ask(app, "GET", path))
    assert (answered.status, answered.code) == (404, "not_found")


def post(ask, app, *parts, **headers):
    return ask(app, "POST", "/v1/predict", *parts, **headers)


@pytest.mark.parametrize(
    "headers",
    [
        {},
        {"content_type": "text/plain"},
        {"content_type": "application/json; charset=latin-1"},
        {"content_type": "application/x-www-form-urlencoded"},
        {"content_type": "application/json", "content_encoding": "gzip"},
        {"content_type": "application/json", "content_encoding": "gzip, identity"},
    ],
)
def test_bodies_other_than_json_are_refused_unread(running, ask, headers):
    answered = running(lambda app: post(ask, app, b"{}", **headers))
    assert (answered.status, answered.code) == (415, "unsupported_media_type")


def test_a_content_type_may_have_the_charset_utf8(running, ask):
    body, kind = json.dumps(ONE_TEXT).encode(), 'Application/JSON; charset="UTF-8"'
    answered = running(lambda app: post(ask, app, body, content_type=kind))
    assert answered.status == 200


def test_a_body_may_come_in_parts_up_to_the_limit_and_not_a_byte_more(running, ask):
    body = json.dumps(ONE_TEXT).encode()
    parts = [body[start : start + 5] for start in range(0, len(body), 5)]

    async def work(app):
        kind = {"content_type": "application/json", "transfer_encoding": "chunked"}
        return (
            await post(ask, app, *parts, **kind),
            await post(ask, app, *parts, b" ", **kind),
            await post(ask, app, *parts[:-1], parts[-1] + b" ", never_ends=True, **kind),
        )

    fits, ended, endless = running(work, max_body_bytes=len(body))
    assert fits.status == 200
    for answered in (ended, endless):
        assert (answered.status, answered.code) == (413, "body_too_large")
    assert b"connection" not in ended.headers
    assert endless.headers[b"connection"] == b"close"


def test_a_declared_length_beyond_the_limit_is_refused_unread(running, ask):
    kind = {"content_type": "application/json", "content_length": "10000000000"}
    answered = running(lambda app: post(ask, app, b"{", never_ends=True, **kind))
    assert (answered.status, answered.code) == (413, "body_too_large")


def test_bodies_together_have_a_limit_too(running, ask):
    half = json.dumps({"texts": ["x" * 700]}).encode()
    kind = {"content_type": "application/json", "transfer_encoding": "chunked"}

    async def work(app):
        gate = asyncio.Event()
        first = asyncio.create_task(slow_post(app, gate, half, kind))
        await asyncio.sleep(0)
        second = await post(ask, app, half[:300], half[300:], **kind)
        gate.set()
        third = await first
        return second, third, await post(ask, app, half[:300], half[300:], **kind)

    async def slow_post(app, gate, body, headers):
        messages = [{"type": "http.request", "body": body, "more_body": True},
                    {"type": "http.request", "body": b"", "more_body": False}]  # fmt: skip
        sent = []

        async def receive():
            if len(messages) == 1:
                await gate.wait()
            return messages.pop(0)

        async def send(message):
            sent.append(message)

        named = [(k.replace("_", "-").encode(), v.encode()) for k, v in headers.items()]
        scope = {"type": "http", "method": "POST", "path": "/v1/predict", "headers": named}
        await app(scope, receive, send)
        return sent[0]["status"]

    refused, first, again = running(work, max_body_bytes=1000, max_buffered_bytes=1000)
    assert (refused.status, refused.code) == (503, "overloaded")
    assert (first, again.status) == (200, 200)


def test_a_full_queue_refuses_before_the_body_is_read(running, ask, fake_model):
    async def work(app):
        fake_model.hold.clear()
        tasks = [asyncio.create_task(app.batcher.predict(["a"]))]
        while not fake_model.calls:
            await asyncio.sleep(0.001)
        tasks.append(asyncio.create_task(app.batcher.predict(["a"])))
        await asyncio.sleep(0)
        answered = await post(ask, app, b"no JSON at all", content_type="application/json")
        fake_model.hold.set()
        await asyncio.gather(*tasks)
        return answered

    answered = running(work, max_queue=1, max_texts=1, batch_wait=0)
    assert (answered.status, answered.code) == (503, "overloaded")
    assert int(answered.headers[b"retry-after"]) >= 1


def test_a_client_that_goes_away_gets_nothing(running, ask):
    gone = running(
        lambda app: post(ask, app, b"{", never_ends=True, content_type="application/json")
    )
    assert gone is None


def test_an_internal_error_is_not_shown_to_clients(running, ask, capsys):
    answered = running(lambda app: ask(app, "POST", "/v1/predict", json_body={"texts": ["poison"]}))
    assert (answered.status, answered.code) == (500, "internal_error")
    assert b"poison" not in answered.body
    assert "ArithmeticError: poisoned" in capsys.readouterr().err


KEYED = Access(key=b"s3cret")


@pytest.mark.parametrize("path", ["/v1/predict", "/v1/explain", "/v1/model", "/metrics"])
@pytest.mark.parametrize("given", [None, "Bearer", "Bearer s3cre", "Basic s3cret", "s3cret"])
def test_without_the_key_there_is_no_answer(running, ask, path, given):
    method = "POST" if PATHS[path] == b"POST" else "GET"
    headers = {} if given is None else {"authorization": given}
    answered = running(lambda app: ask(app, method, path, **headers), access=KEYED)
    assert (answered.status, answered.code) == (401, "unauthorized")
    assert answered.headers[b"www-authenticate"] == b"Bearer"


@pytest.mark.parametrize("path", ["/v2/health/live", "/v2/health/ready", "/openapi.json"])
def test_health_and_description_are_open(running, ask, path):
    assert running(lambda app: ask(app, "GET", path), access=KEYED).status == 200


def test_with_the_key_there_is_an_answer(running, ask):
    headers = {"authorization": "bearer s3cret"}
    answered = running(
        lambda app: ask(app, "POST", "/v1/predict", json_body=ONE_TEXT, **headers), access=KEYED
    )
    assert answered.status == 200


def test_another_host_is_refused_on_every_path(running, ask):
    access = Access(hosts=frozenset({"localhost", "[::1]"}))

    async def work(app):
        return [
            (await ask(app, "GET", path, host=host)).status
            for path in ("/v1/model", "/v2/health/live", "/")
            for host in ("evil.example", "evil.example:8000", "localhost.evil.example")
        ], [
            (await ask(app, "GET", "/v1/model", host=host)).status
            for host in ("localhost", "LOCALHOST:8000", "[::1]:8000", "[::1]")
        ]

    refused, let_in = running(work, access=access)
    assert set(refused) == {403}
    assert set(let_in) == {200}


def test_other_sites_have_no_access_unless_named(running, ask):
    preflight = {
        "access_control_request_method": "POST",
        "access_control_request_headers": "content-type",
    }

    async def work(app):
        return [
            (
                await ask(app, "OPTIONS", "/v1/predict", origin=origin, **preflight),
                await ask(app, "POST", "/v1/predict", json_body=ONE_TEXT, origin=origin),
            )
            for origin in ("https://good.example", "https://evil.example")
        ]

    named = Access(key=b"k", origins=frozenset({b"https://good.example"}))
    (flight, answer), (evil_flight, evil) = running(work, access=named)
    assert (flight.status, flight.body) == (204, b"")
    assert flight.headers[b"access-control-allow-methods"] == b"GET, POST"
    assert flight.headers[b"access-control-allow-headers"] == b"authorization, content-type"
    # Even a refusal can be read by a site that may ask.
    assert answer.headers[b"access-control-allow-origin"] == b"https://good.example"
    assert answer.headers[b"vary"] == evil.headers[b"vary"] == b"Origin"
    assert evil_flight.status == 405
    assert b"access-control-allow-origin" not in {**evil.headers, **evil_flight.headers}
    unnamed = running(lambda app: ask(app, "GET", "/v1/model", origin="https://good.example"))
    assert not [name for name in unnamed.headers if name.startswith(b"access-control")]


def test_not_ready_while_the_server_ends(running, ask):
    async def work(app):
        before = await ask(app, "GET", "/v2/health/ready")
        app.is_draining = True
        return [before, *[await ask(app, "GET", f"/v2/health/{x}") for x in ("ready", "live")]]

    answered = [(one.status, one.json) for one in running(work)]
    assert answered == [(200, {"ready": True}), (503, {"ready": False}), (200, {"live": True})]


def test_metrics_count_what_was_answered(running, ask):
    async def work(app):
        await ask(app, "POST", "/v1/predict", json_body={"texts": ["a", "b"]})
        await ask(app, "POST", "/v1/predict", json_body={"texts": []})
        await ask(app, "GET", "/no/such/path")
        return await ask(app, "GET", "/metrics")

    answered = running(work)
    assert answered.headers[b"content-type"].startswith(b"text/plain; version=0.0.4")
    for line in (
        'wordgate_requests_total{route="/v1/predict",status="200"} 1.0',
        'wordgate_requests_total{route="/v1/predict",status="422"} 1.0',
        'wordgate_requests_total{route="none",status="404"} 1.0',
        'wordgate_request_seconds_count{route="/v1/predict"} 2.0',
        "wordgate_texts_total 66.0",  # with the 64 it warmed up with
        "wordgate_batch_texts_sum 66.0",
        "wordgate_queue_texts 0.0",
    ):
        assert f"{line}\n".encode() in answered.body


def test_the_page_may_load_nothing_from_elsewhere(running, ask, tmp_path, monkeypatch):
    (tmp_path / "index.html").write_text("<!doctype html>", encoding="utf-8")
    (tmp_path / "page.js").write_text("1", encoding="utf-8")
    (tmp_path / "notes.txt").write_text("not served", encoding="utf-8")
    monkeypatch.setattr("wordgate.serve.responses.PAGE_FOLDER", tmp_path)

    async def work(app):
        return [await ask(app, "GET", path) for path in ("/", "/page/page.js", "/page/notes.txt")]

    index, script, notes = running(work)
    assert (index.status, script.status, notes.status) == (200, 200, 404)
    assert index.headers[b"content-type"] == b"text/html; charset=utf-8"
    assert script.headers[b"content-type"] == b"text/javascript; charset=utf-8"
    policy = dict(
        part.split(b" ", 1) for part in index.headers[b"content-security-policy"].split(b"; ")
    )
    assert policy[b"default-src"] == b"'none'"
    assert policy[b"script-src"] == policy[b"connect-src"] == policy[b"style-src"] == b"'self'"
