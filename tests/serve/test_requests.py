import json
from types import SimpleNamespace

import pytest

from wordgate.serve.limits import Limits
from wordgate.serve.request_body import explain_request, predict_request
from wordgate.serve.responses import HTTPError

LIMITS = Limits(max_texts=3, max_text_length=5, max_explain_length=4, max_queue=3)
CONFIG = SimpleNamespace(labels=("long", "short"), multilabel=False, thresholds=None)

REFUSED = {
    b"": ("invalid_json", "Expecting value at character 0"),
    b"{": ("invalid_json", "Expecting property name enclosed in double quotes at character 1"),
    b'{"texts": ["a\xff"]}': ("invalid_json", "byte 13 of the body is not UTF-8"),
    b'\xef\xbb\xbf{"texts": ["a"]}': (
        "invalid_json", "the body begins with a byte order mark; send UTF-8 without one",
    ),
    '{"texts": ["a"]}'.encode("utf-16"): ("invalid_json", "byte 0 of the body is not UTF-8"),
    b'{"texts": ["a"], "abstain_below": NaN}': ("invalid_json", "NaN is not JSON"),
    b'{"texts": ["a"], "abstain_below": -Infinity}': ("invalid_json", "-Infinity is not JSON"),
    b'{"texts": ["a"], "texts": ["b"]}': (
        "invalid_json", """the field "texts" occurs twice in an object""",
    ),
    b'{"texts": ["a"], "x": {"y": 1, "y": 1}}': (
        "invalid_json", """the field "y" occurs twice in an object""",
    ),
    b'{"texts": ["a"]} {}': ("invalid_json", "Extra data at character 17"),
    b'{"texts": ["a\nb"]}': ("invalid_json", "Invalid control character at character 13"),
    b"[" * 100_000: ("invalid_json", "lists and objects are nested too deep"),
    b'{"texts": ' * 100_000: ("invalid_json", "lists and objects are nested too deep"),
    b'{"texts": ["a"], "abstain_below": ' + b"9" * 5000 + b"}": (
        "invalid_json", "a number has too many digits",
    ),
    b"null": ("invalid_request", "the body is null; it must be an object with 'texts'"),
    b'["a"]': ("invalid_request", "the body is a list; it must be an object with 'texts'"),
    b"{}": ("invalid_request", "the field 'texts' is missing"),
    b'{"text": ["a"]}': ("invalid_request", """unknown field "text"; did you mean 'texts'?"""),
    b'{"texts": ["a"], "\\ud800": 1}': (
        "invalid_request",
        """unknown field "\\ud800"; available: texts, abstain_below, threshold""",
    ),
    b'{"texts": "a"}': ("invalid_request", "'texts' is a string; it must be a list of strings"),
    b'{"texts": {"0": "a"}}': (
        "invalid_request", "'texts' is an object; it must be a list of strings",
    ),
    b'{"texts": []}': ("invalid_request", "'texts' is empty; give one text or more"),
    b'{"texts": ["a", 1.5]}': ("invalid_request", "text 2 of 2 is a number; it must be a string"),
    b'{"texts": [null]}': ("invalid_request", "text 1 of 1 is null; it must be a string"),
    b'{"texts": ["a", "b", "c", "d"]}': (
        "too_many_texts", "there are 4 texts; a request can have at most 3: send several requests",
    ),
    b'{"texts": ["a", "bcdefg"]}': (
        "text_too_long", "text 2 of 2 has 6 characters; at most 5 are allowed",
    ),
    b'{"texts": ["a", "ab\\udc00c"]}': (
        "invalid_request", "text 2 of 2 has an unpaired surrogate, \\udc00, at character 2",
    ),
    b'{"texts": ["a"], "abstain_below": "0.5"}': (
        "invalid_request", "'abstain_below' is a string; it must be a number from 0 to 1",
    ),
    b'{"texts": ["a", ""]}': (
        "invalid_request", "text 2 of 2 is empty, so it cannot have a label: leave it out",
    ),
    b'{"texts": [" \\n", "a"]}': (
        "invalid_request",
        "text 1 of 2 contains only whitespace, so it cannot have a label: leave it out",
    ),
    b'{"texts": ["a"], "abstain_below": true}': (
        "invalid_request", "'abstain_below' is a boolean; it must be a number from 0 to 1",
    ),
    b'{"texts": ["a"], "abstain_below": 1e999}': (
        "invalid_request", "'abstain_below' must be a probability, from 0 to 1",
    ),
}  # fmt: skip


@pytest.mark.parametrize("body", REFUSED, ids=lambda body: ascii(body[:40]))
def test_invalid_requests_are_refused_with_the_reason(body):
    with pytest.raises(HTTPError) as caught:
        predict_request(body, LIMITS, CONFIG)
    assert (caught.value.code, caught.value.message) == REFUSED[body]
    assert json.loads(caught.value.response().body)["error"]["message"] == REFUSED[body][1]


def test_every_string_of_characters_is_a_text():
    texts = ["\u200bb", "a\0b", "\ud83d\ude00".encode("utf-16", "surrogatepass").decode("utf-16")]
    for escaped in (True, False):
        body = json.dumps({"texts": texts, "abstain_below": 1}, ensure_ascii=escaped).encode()
        read, rule = predict_request(body, LIMITS, CONFIG)
        assert (read, rule.abstain_below) == (texts, 1.0)


def test_lengths_count_characters_not_bytes():
    body = json.dumps({"texts": ["😀" * 5]}, ensure_ascii=False).encode()
    assert predict_request(body, LIMITS, CONFIG)[0] == ["😀" * 5]


def test_a_text_to_explain_may_be_shorter():
    assert explain_request(b'{"text": "abcd"}', LIMITS, CONFIG) == ("abcd", None)
    with pytest.raises(HTTPError, match="'text' is empty, so it cannot have a label: leave it out"):
        explain_request(b'{"text": ""}', LIMITS, CONFIG)
    with pytest.raises(HTTPError, match="'text' has 5 characters; at most 4"):
        explain_request(b'{"text": "abcde"}', LIMITS, CONFIG)
    with pytest.raises(HTTPError, match="unknown field \"texts\"; did you mean 'text'"):
        explain_request(b'{"texts": ["a"]}', LIMITS, CONFIG)
