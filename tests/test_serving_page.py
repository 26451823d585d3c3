"""docs/serving.md: commands work, responses look like the real ones, tables are complete."""

import json
import os
import re
import shutil
import subprocess
import sys
import time
from dataclasses import fields
from pathlib import Path

import pytest

pytest.importorskip("uvicorn", reason="needs the extra 'serve'")

PAGE = (Path(__file__).parents[1] / "docs" / "serving.md").read_text(encoding="utf-8")
CURLS = re.findall(
    r"^```sh\n(curl .+?)^```\n(?:\n```json\n(.+?)^```$)?", PAGE, re.MULTILINE | re.DOTALL
)
KEY = "s3cret"


def serving(bundle, stderr, key=None):
    """Start a server on a free port; give the process and the port."""
    code = "from wordgate.cli.main import run; run()"
    environment = {k: v for k, v in os.environ.items() if k != "WORDGATE_API_KEY"}
    command = [sys.executable, "-c", code, "serve", str(bundle), "--port", "0"]
    with stderr.open("w") as stream:
        process = subprocess.Popen(
            [*command, "--drain-delay", "0"],
            stderr=stream, env=environment | ({"WORDGATE_API_KEY": key} if key else {}),
        )  # fmt: skip
    for _ in range(6000):
        if found := re.search(r"127\.0\.0\.1:(\d+)", stderr.read_text()):
            return process, found[1]
        if process.poll() is not None:
            break
        time.sleep(0.05)
    process.kill()
    raise AssertionError(stderr.read_text())


@pytest.fixture(scope="module")
def ports(lstm_model, tmp_path_factory):
    """The ports of two servers by those that the page names: the second wants a key."""
    place = tmp_path_factory.mktemp("served")
    open_to_all, port = serving(lstm_model.folder, place / "open")
    keyed, keyed_port = serving(lstm_model.folder, place / "keyed", KEY)
    yield {"8000": port, "8001": keyed_port}
    for process in (open_to_all, keyed):
        process.terminate()
        assert process.wait(300) == 0


@pytest.mark.skipif(shutil.which("curl") is None, reason="needs curl")
@pytest.mark.parametrize(("command", "shown"), CURLS, ids=[c.split()[1][21:] for c, _ in CURLS])
def test_its_commands_are_answered_as_it_shows(ports, command, shown):
    for theirs, ours in ports.items():
        command = command.replace(f"127.0.0.1:{theirs}", f"127.0.0.1:{ours}")
    done = subprocess.run(
        ["sh", "-c", command.replace("curl ", "curl --silent --show-error ", 1)],
        capture_output=True, text=True, check=True,
    )  # fmt: skip
    if "/metrics" in command:
        assert "wordgate_requests_total" in done.stdout
    elif shown:
        assert form(json.loads(done.stdout)) == form(json.loads(shown))
    else:
        assert "error" not in json.loads(done.stdout)


def form(value, name=""):
    """Reduce an answer to its fields and kinds: labels, words and numbers are the model's own."""
    if name in ("probabilities", "start", "effects") and isinstance(value, dict):
        return "by label"
    if name == "label":  # which is null where the model abstains
        return "label"
    if isinstance(value, dict):
        return {key: form(one, key) for key, one in value.items()}
    if isinstance(value, list):
        return [form(one, name) for one in value[:1]] if name != "remarks" else "list"
    if isinstance(value, str):
        return value if name == "code" else "text"
    return "number" if isinstance(value, float | int) and not isinstance(value, bool) else value


def test_it_shows_every_path(ports, count_model):
    from wordgate.bundle.folder import BundleFolder
    from wordgate.serve.limits import Limits
    from wordgate.serve.openapi import document

    asked = {command.split()[1].removeprefix("http://127.0.0.1:8000") for command, _ in CURLS}
    config = BundleFolder.open(count_model.folder).config()
    assert set(document(Limits(), config, needs_key=False)["paths"]) - asked == {"/"}


def test_its_tables_hold_every_limit_and_every_code():
    from wordgate.arguments import option_name
    from wordgate.serve.limits import Limits
    from wordgate.serve.responses import CODES

    for limit in fields(Limits):
        default = limit.default
        number = f"{default:,}" if isinstance(default, int) else f"{default:g}"
        assert f"| `{option_name(limit.name)}` | {number} | {limit.metadata['help']} |" in PAGE
    for code, (status, meaning) in CODES.items():
        assert f"| {status} | `{code}` | {meaning} |" in PAGE
