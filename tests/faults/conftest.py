"""Tests of kills, full disks and lying files: a few of each in `make test`, many in `make faults`.

A test asks `how_many` for its numbers, and tells `found` what it saw; `make faults` prints that as
a table.
"""

import os

import pytest

LONG = os.environ.get("WORDGATE_FAULTS") == "long"
_FOUND = pytest.StashKey[list[tuple[str, str]]]()


def pytest_configure(config):
    config.stash[_FOUND] = []


@pytest.fixture(scope="session")
def how_many():
    """Choose the number of tries: the first in `make test`, the second in `make faults`."""

    def choose(short: int, long: int) -> int:
        return long if LONG else short

    return choose


@pytest.fixture(scope="session")
def found(request):
    """Tell what was tried, and with what result."""

    def tell(what: str, figure: str) -> None:
        request.config.stash[_FOUND].append((what, figure))

    return tell


def pytest_terminal_summary(terminalreporter, config):
    rows = config.stash[_FOUND]
    if not LONG or not rows:
        return
    terminalreporter.write_line("")
    terminalreporter.write_line("| test | figure |\n|---|---|")
    for what, figure in rows:
        terminalreporter.write_line(f"| {what} | {figure} |")
