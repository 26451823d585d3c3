import io
import sys

import pytest

from wordgate.cli.main import exit_code


class Ended:
    """A command that has run: its exit code and what it wrote."""

    def __init__(self, code, out, err):
        self.code, self.out, self.err = code, out, err


@pytest.fixture
def wordgate(capfd, monkeypatch, skip_if_missing):
    """Run a command in this process; `stdin` is what is piped to it, in bytes."""

    def run(*arguments, stdin=b""):
        monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(stdin), encoding="utf-8"))
        capfd.readouterr()
        code = exit_code([str(argument) for argument in arguments])
        ended = Ended(code, *capfd.readouterr())
        skip_if_missing(ended.err)
        return ended

    return run
