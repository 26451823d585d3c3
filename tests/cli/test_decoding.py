"""Texts on standard input that are not UTF-8 are warned of."""

import pytest


@pytest.mark.parametrize("command", [("predict",), ("explain", "-")])
@pytest.mark.parametrize("encoding", ["gb18030", "cp1252", "utf-8"])
def test_bytes_that_are_no_utf8_are_warned_of_once(wordgate, count_model, command, encoding):
    text = "这个好的灯" if encoding == "gb18030" else "un café"
    name, *rest = command
    found = wordgate(name, count_model.folder, *rest, stdin=f"{text}\n".encode(encoding) * 3)
    assert found.code == 0
    warned = found.err.count("standard input is not UTF-8: what doesn't fit was read as")
    assert warned == (encoding != "utf-8")
