import asyncio
import contextlib
import http.client
import importlib.util
import json
import os
import re
import signal
import subprocess
import sys
import threading
from importlib.util import find_spec
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest

from wordgate.bundle.config import Config

if not all(map(find_spec, ("uvicorn", "httptools", "orjson", "prometheus_client"))):
    # Without the extra 'serve' only the page and what needs no package can be tested.
    collect_ignore = [
        f"test_{name}.py"
        for name in ("access", "app", "batching", "openapi", "process", "requests")
    ]

COMMAND = [sys.executable, "-c", "from wordgate.cli.main import run; run()", "serve"]


@pytest.fixture(scope="module")
def standin():
    """The module of the server that answers from a lexicon."""
    spec = importlib.util.spec_from_file_location("standin", Path(__file__).with_name("standin.py"))
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture(scope="module")
def tab(browser):
    """A tab that the tests of a module take in turn: to open one takes most of a test's time."""
    tab = browser.new_page(reduced_motion="reduce")
    tab.set_default_timeout(60_000)
    yield tab
    tab.close()


@contextlib.contextmanager
def listening(tab):
    """Note what the console of a tab says and what the tab asks for; in the end it is as new."""
    console, asked = [], []
    listeners = {
        "console": lambda message: console.append(message.text),
        "pageerror": lambda error: console.append(str(error)),
        "request": lambda request: asked.append(request.url),
    }
    for event, listener in listeners.items():
        tab.on(event, listener)
    yield console, asked
    tab.unroute_all(behavior="ignoreErrors")
    tab.mouse.move(0, 0)
    tab.goto("about:blank")
    for event, listener in listeners.items():
        tab.remove_listener(event, listener)


@pytest.fixture(scope="module")
def site(standin):
    """The address of a server with the page and a model of three moods; ends in a slash."""
    with standin.serving(standin.Lexicon()) as address:
        yield address


class FakeModel:
    """Labels by length; notes every call. `hold` keeps it from answering until it is set."""

    labels = ("long", "short")
    metrics = None
    changed_files = ()

    def __init__(self):
        self.calls, self.hold = [], threading.Event()
        self.hold.set()
        self.at_once, self.most_at_once = 0, 0
        self.config = Config(
            family="fake", labels=self.labels, seed=0, recipe="none", settings={}, data={},
            environment={},
        )  # fmt: skip

    def predict_proba(self, texts):
        self.at_once += 1
        self.most_at_once = max(self.most_at_once, self.at_once)
        if not all(text.startswith("a text to warm up") for text in texts):
            self.calls.append(list(texts))
        self.hold.wait(60)
        self.at_once -= 1
        if "poison" in texts:
            raise ArithmeticError("poisoned")
        shares = np.array([min(len(text), 100) / 128 for text in texts])
        return np.stack([shares, 1 - shares], axis=1)

    def explain(self, text, *, label=None):
        self.calls.append(text)
        return SimpleNamespace(to_json=lambda: {"text": text})


class Answered:
    """What an ASGI application sent."""

    def __init__(self, messages):
        self.messages = messages
        self.status = messages[0]["status"]
        self.headers = dict(messages[0]["headers"])
        self.body = b"".join(message.get("body", b"") for message in messages[1:])

    @property
    def json(self):
        return json.loads(self.body)

    @property
    def code(self):
        return self.json["error"]["code"]


async def _ask(app, method, path, *parts, json_body=None, never_ends=False, **headers):
    """Ask an ASGI application; `parts` are the body as it comes, `headers` with underscores."""
    if json_body is not None:
        parts = (json.dumps(json_body).encode(),)
        headers = {"content_type": "application/json", **headers}
    given = {"host": "localhost", **headers}
    queue = [
        {"type": "http.request", "body": part, "more_body": never_ends or left > 0}
        for left, part in zip(range(len(parts) - 1, -1, -1), parts, strict=True)
    ] or [{"type": "http.request", "body": b"", "more_body": False}]
    sent = []

    async def receive():
        return queue.pop(0) if queue else {"type": "http.disconnect"}

    async def send(message):
        sent.append(message)

    scope = {
        "type": "http", "method": method, "path": path,
        "headers": [(k.replace("_", "-").encode(), v.encode()) for k, v in given.items()],
    }  # fmt: skip
    await app(scope, receive, send)
    return Answered(sent) if sent else None


@pytest.fixture
def ask():
    """Ask an ASGI application; see `_ask`."""
    return _ask


@pytest.fixture
def fake_model():
    return FakeModel()


@pytest.fixture
def running(fake_model):
    """Run a coroutine function with an application over the fake model, and close it."""
    from wordgate.serve.access import Access
    from wordgate.serve.app import Application
    from wordgate.serve.limits import Limits

    def run(work, access=None, **limits):
        async def inside():
            app = Application(fake_model, Limits(**limits), access or Access())
            app.batcher.start()
            try:
                return await work(app)
            finally:
                fake_model.hold.set()
                app.batcher.close()

        return asyncio.run(inside())

    return run


class Process:
    """`wordgate serve` as a process."""

    def __init__(self, bundle, *options, key=None):
        environment = {k: v for k, v in os.environ.items() if k != "WORDGATE_API_KEY"}
        environment |= {} if key is None else {"WORDGATE_API_KEY": key}
        self.process = subprocess.Popen(
            [*COMMAND, str(bundle), "--port", "0", *options],
            stderr=subprocess.PIPE, encoding="utf-8", env=environment,
        )  # fmt: skip
        self.log = ""
        for line in self.process.stderr:
            self.log += line
            if found := re.search(r" at http://\S+:(\d+)", line):
                self.port = int(found[1])
                break
        else:
            raise AssertionError(f"it did not start: {self.log}")

    def connect(self):
        return http.client.HTTPConnection("127.0.0.1", self.port, timeout=60)

    def ask(self, method, path, body=None, **headers):
        """Ask once, on a connection of its own: status, headers, body."""
        with contextlib.closing(self.connect()) as connection:
            given = {name.replace("_", "-"): value for name, value in headers.items()}
            if body is not None:
                given.setdefault("content-type", "application/json")
            connection.request(method, path, body, given)
            answer = connection.getresponse()
            return answer.status, answer.headers, answer.read()

    def predict(self, texts):
        """Ask for predictions: status and the JSON of the answer."""
        status, _, body = self.ask("POST", "/v1/predict", json.dumps({"texts": texts}))
        return status, json.loads(body)

    def end(self, number=signal.SIGTERM):
        """Send a signal, and give the exit code."""
        self.process.send_signal(number)
        return self.wait()

    def wait(self):
        code = self.process.wait(300)
        self.log += self.process.stderr.read()
        self.process.stderr.close()
        return code


@pytest.fixture
def started():
    """Start `wordgate serve`; what still runs at the end is killed."""
    processes = []

    def start(bundle, *options, **more):
        processes.append(Process(bundle, *options, **more))
        return processes[-1]

    yield start
    for one in processes:
        if one.process.poll() is None:
            one.process.kill()
        one.process.wait()
        one.process.stderr.close()


@pytest.fixture(scope="module")
def server(lstm_model):
    """One server for many tests."""
    process = Process(lstm_model.folder, "--drain-delay", "0")
    yield process
    code = process.end()
    assert (code, process.log.count("\n")) == (0, 1), process.log
