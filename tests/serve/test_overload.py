"""Requests that a full queue refuses by their heads, on connections that stay open."""

import asyncio
import contextlib
import json

import pytest
import uvicorn
from uvicorn.server import ServerState

from wordgate.serve.access import Access
from wordgate.serve.server import Connection

BODY = json.dumps({"texts": ["a"] * 9}).encode()
LENGTH = len(BODY)


def head(*lines, path="/v1/predict", length=LENGTH):
    kind = ("host: localhost", "content-type: application/json", f"content-length: {length}")
    return "\r\n".join([f"POST {path} HTTP/1.1", *kind, *lines, "", ""]).encode()


class Client:
    """A connection; `ask` sends parts one after another, and reads one response."""

    def __init__(self, reader, writer):
        self._reader, self._writer = reader, writer

    async def send(self, *parts):
        for part in parts:
            self._writer.write(part)
            await asyncio.sleep(0.01)

    async def answer(self):
        lines = (await self._reader.readuntil(b"\r\n\r\n")).decode().split("\r\n")[:-2]
        headers = dict(line.split(": ", 1) for line in lines[1:])
        body = await self._reader.readexactly(int(headers["content-length"]))
        return lines[0], headers, json.loads(body)

    async def ask(self, *parts):
        await self.send(*parts)
        return await self.answer()

    async def end(self):
        """Wait until the server closes the connection; return what it sends before."""
        return await asyncio.wait_for(self._reader.read(), 30)

    def close(self):
        self._writer.close()


@contextlib.asynccontextmanager
async def full(app, model):
    """Serve an application whose queue has no place; yields a function that connects."""
    config = uvicorn.Config(
        app, ws="none", lifespan="off", log_config=None, timeout_keep_alive=app.limits.keep_alive
    )
    config.load()
    state = ServerState()
    state.default_headers = [(b"date", b"today")]
    loop = asyncio.get_running_loop()
    server = await loop.create_server(
        lambda: Connection(app, config=config, server_state=state, app_state={}), "127.0.0.1", 0
    )
    port = server.sockets[0].getsockname()[1]
    clients = []

    async def connect():
        clients.append(Client(*await asyncio.open_connection("127.0.0.1", port)))
        return clients[-1]

    model.hold.clear()
    first = asyncio.create_task(app.batcher.predict(["first"] * 9))
    while not model.calls:
        await asyncio.sleep(0.001)
    waiting = asyncio.create_task(app.batcher.predict(["waiting"] * 9))
    await asyncio.sleep(0)
    yield connect
    model.hold.set()
    await asyncio.gather(first, waiting)
    for client in clients:
        client.close()
    server.close()


def test_a_refusal_takes_no_task_and_is_that_of_the_application(
    running, ask, fake_model, monkeypatch
):
    monkeypatch.setattr(Connection, "_start_asgi_task", None)

    async def work(app):
        async with full(app, fake_model) as connect:
            client = await connect()
            found = await client.ask(head("origin: http://a.example") + BODY)
            given = {"content_type": "application/json", "origin": "http://a.example"}
            expected = await ask(app, "POST", "/v1/predict", BODY, **given)
            counted = app.metrics.exposition()
        return found, expected, counted

    access = Access(origins=frozenset([b"http://a.example"]))
    (status, headers, body), expected, counted = running(work, access, max_queue=10, max_texts=10)
    assert status == "HTTP/1.1 503 Service Unavailable"
    assert headers.pop("date") == "today"
    assert headers == {k.decode(): v.decode() for k, v in expected.headers.items()}
    assert headers["retry-after"] == "1"
    assert headers["access-control-allow-origin"] == "http://a.example"
    assert body == expected.json
    assert body["error"]["message"] == "texts that are already waiting: 9; try again later"
    assert b'wordgate_requests_total{route="/v1/predict",status="503"} 2.0\n' in counted


@pytest.mark.parametrize(
    "parts", [(head() + BODY,), (head(), BODY), (head(), BODY[:5], BODY[5:])], ids=len
)
def test_the_connection_stays_open_however_the_body_arrives(running, fake_model, parts):
    async def work(app):
        async with full(app, fake_model) as connect:
            client = await connect()
            statuses = [(await client.ask(*parts))[0] for _ in range(3)]
            fake_model.hold.set()
            while app.batcher.refusal_if_full() is not None:
                await asyncio.sleep(0.001)
            statuses.append((await client.ask(*parts))[0])
            statuses.append((await client.ask(head(path="/nope") + BODY))[0])
        return statuses

    refused = "HTTP/1.1 503 Service Unavailable"
    answered = running(work, max_queue=10, max_texts=10)
    assert answered == [refused, refused, refused, "HTTP/1.1 200 OK", "HTTP/1.1 404 Not Found"]


@pytest.mark.parametrize(
    ("path", "status", "is_closing"),
    [("/v1/predict", "503", False), ("/v1/predict", "503", True), ("/nope", "404", False)],
)
def test_a_connection_is_closed_when_idle_even_if_its_body_follows_the_answer(
    running, fake_model, path, status, is_closing
):
    async def work(app):
        async with full(app, fake_model) as connect:
            client = await connect()
            found = await client.ask(head(path=path))
            app.is_closing = is_closing
            await client.send(BODY)
            return found[0].split()[1], await client.end()

    keep_alive = 600.0 if is_closing else 0.5
    answered = running(work, max_queue=10, max_texts=10, keep_alive=keep_alive)
    assert answered == (status, b"")


def test_requests_sent_ahead_are_answered_in_order(running, fake_model):
    async def work(app):
        async with full(app, fake_model) as connect:
            client = await connect()
            await client.send((head() + BODY) * 2 + head(path="/nope") + BODY + head() + BODY)
            return [(await client.answer())[0].split()[1] for _ in range(4)]

    assert running(work, max_queue=10, max_texts=10) == ["503", "503", "404", "503"]


@pytest.mark.parametrize(
    ("lines", "length", "status", "closes"),
    [
        (["authorization: Bearer wrong"], LENGTH, "401", False),
        (["authorization: Bearer right", "host: elsewhere"], LENGTH, "403", False),
        (["authorization: Bearer right"], LENGTH, "503", False),
        (["authorization: Bearer right", "connection: close"], LENGTH, "503", True),
        (["authorization: Bearer right"], 70_000, "503", True),
    ],
)
def test_a_key_is_needed_and_a_long_body_closes(running, fake_model, lines, length, status, closes):
    async def work(app):
        async with full(app, fake_model) as connect:
            client = await connect()
            return await client.ask(head(*lines, length=length) + BODY)

    access = Access(key=b"right", hosts=frozenset(["localhost"]))
    found, headers, _ = running(work, access, max_queue=10, max_texts=10)
    assert found.split()[1] == status
    assert (headers.get("connection") == "close") == closes
