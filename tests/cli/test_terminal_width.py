"""Results on a terminal are wrapped between words, at its width."""

import io
import os
import sys

import pytest

import wordgate
from wordgate.cli import streams, train
from wordgate.report.audit import format_audit


class _Terminal(io.StringIO):
    def isatty(self):
        return True


@pytest.fixture
def terminal(monkeypatch):
    """Make standard output and standard error a terminal of 40 columns, from a call on."""

    def use():
        monkeypatch.setattr(sys, "stdout", _Terminal())
        monkeypatch.setattr(sys, "stderr", _Terminal())
        size = os.terminal_size((40, 24))
        monkeypatch.setattr(streams.shutil, "get_terminal_size", lambda: size)

    return use


LINE = "  The model is not significantly better than the count baseline."


def test_lines_break_between_words_and_keep_their_margin(terminal):
    terminal()
    assert streams.wrapped(f"{LINE}\n\nshort") == (
        "  The model is not significantly better\n  than the count baseline.\n\nshort"
    )
    assert streams.wrapped(LINE, indent=6).splitlines()[1] == "      than the count baseline."


def test_remarks_are_wrapped_on_standard_error(terminal):
    terminal()
    streams.remark(LINE)
    assert sys.stderr.getvalue() == (
        "  The model is not significantly better\n  than the count baseline.\n"
    )


def test_the_parts_of_a_headline_stay_whole(terminal):
    terminal()
    text = "Accuracy\n  this model (LSTM) 0.654   count 0.664   most frequent label 0.364"
    assert train._cells_whole(text) == (
        "Accuracy\n  this model (LSTM) 0.654   count 0.664\n  most frequent label 0.364"
    )


def test_a_file_has_long_lines(monkeypatch):
    monkeypatch.setattr(sys, "stdout", io.StringIO())
    assert streams.wrapped(LINE) == LINE
    assert streams.line_width(sys.stdout) is None
    assert streams.line_width(None) is None


def test_an_audit_has_lines_of_the_width(reviews):
    audit = wordgate.audit(reviews)
    narrow, wide = format_audit(audit, 80), format_audit(audit)
    assert max(map(len, narrow.splitlines())) <= 80 < max(map(len, wide.splitlines())) <= 96
    assert narrow.split() == wide.split()
