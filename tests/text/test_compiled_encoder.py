"""The compiled encoder gives the ids of the text encoder, whatever the texts."""

import sys
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

pytest.importorskip("numba", reason="needs the extra 'numba'")

from wordgate.errors import DataError
from wordgate.text import compiled_encoder
from wordgate.text.compiled_encoder import CompiledEncoder
from wordgate.text.encoder import TextEncoder

WORDS = [
    *("the", "lamp", "is", "good", "and", "not", "bad", ",", "it's", "a", "<url>", "#", "@", "3"),
    *("lovely", "<3", ":)", "!", "br", "我", "爱", "ส", "วั", "👍", "é"),
]
PIECES = [
    *WORDS,
    *("<", "<b", "<br", "</br", "/>", ">", "/ >", "<br />", "<b\u200e", "<b>", "<unk>", "<3"),
    *("&", "&amp;", "&lt;br", "&nbsp;", "&#32;", "&#x3c;b", "&#769;", "&ensp;x", "AT&T"),
    *("http://a.b/c", "me@a.de", "sooooo", "!!!!!", "…", "e\u0301", "\u0301", "\ud83d", "\udc4d"),
    *("\x00", "\u200b", "İ", "\u212a", "x" * 300, "long" * 60),
]
SPACES = [" ", "  ", "\n", "\t", "\x1c", "\x85", "\xa0", "\u2003", "\u2028", "\u3000", "\u1680", ""]
TEXTS = st.lists(
    st.one_of(
        st.text(st.characters(), max_size=40),
        st.lists(st.sampled_from(PIECES + SPACES), max_size=30).map("".join),
        st.lists(st.tuples(st.sampled_from(PIECES), st.sampled_from(SPACES)), max_size=20).map(
            lambda pairs: "".join(map("".join, pairs))
        ),
    ),
    max_size=20,
)


@pytest.fixture(autouse=True)
def _even_few_texts(monkeypatch):
    monkeypatch.setattr(compiled_encoder, "_FEW", 0)


def encoder(max_tokens=12, **options):
    return TextEncoder.fit(WORDS, max_tokens=max_tokens, **options)[0]


def assert_same(slow, fast, texts, **options):
    expected, found = slow.encode(texts), fast.encode(texts, **options)
    assert np.array_equal(found.offsets, expected.offsets)
    assert np.array_equal(found.ids, expected.ids)
    assert found.n_truncated == expected.n_truncated


ENCODERS = [
    encoder(),
    encoder(truncate="front"),
    encoder(unknown=False),
    encoder(1000, unknown=False, truncate="front"),
]
COMPILED = [CompiledEncoder(one) for one in ENCODERS]


@pytest.mark.parametrize("number", range(len(ENCODERS)))
@settings(
    max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(texts=TEXTS)
def test_any_texts(number, texts):
    assert_same(ENCODERS[number], COMPILED[number], texts)


def test_white_space_is_what_python_takes_for_it():
    spaces = [code for code in range(sys.maxunicode + 1) if chr(code).isspace()]
    assert len(spaces) > 20
    texts = [f"the{chr(code)}lamp" for code in {*range(0x3400), *spaces}]
    assert_same(ENCODERS[0], CompiledEncoder(ENCODERS[0]), texts)


def test_tags_and_entities_that_hold_white_space():
    texts = ["<br />", "a <br />b", "<br\n>", "</b >", "&lt;br />", "a&nbsp;b", "<B\u200e />"]
    texts += ["&#60;b &#62;", "<3 />", "a < b > c", "<b <b />"]
    assert_same(ENCODERS[0], CompiledEncoder(ENCODERS[0]), texts)
    assert_same(ENCODERS[0], CompiledEncoder(ENCODERS[0]), ["<br", "/>", "<br />", "&nbsp;"])


@pytest.mark.parametrize("threads", [1, 3])
def test_tables_that_are_full_begin_anew(monkeypatch, threads):
    monkeypatch.setattr(compiled_encoder, "_ENTRIES", 64)
    monkeypatch.setattr(compiled_encoder, "_BYTES_AT_ONCE", 200)
    fast, rng = CompiledEncoder(ENCODERS[0]), np.random.default_rng(0)
    for _ in range(20):
        texts = [" ".join(map(str, rng.integers(0, 200, 8))) for _ in range(40)]
        assert_same(ENCODERS[0], fast, texts, threads=threads)


def test_more_pieces_than_a_table_has_room_for(monkeypatch):
    monkeypatch.setattr(compiled_encoder, "_ENTRIES", 64)
    assert_same(ENCODERS[0], CompiledEncoder(ENCODERS[0]), [str(n) for n in range(500)])


def test_several_callers_at_once(monkeypatch):
    monkeypatch.setattr(compiled_encoder, "_ENTRIES", 1024)
    fast = CompiledEncoder(ENCODERS[0])

    def work(seed):
        rng = np.random.default_rng(seed)
        for _ in range(30):
            texts = [" ".join(map(str, rng.integers(0, 400, 6))) for _ in range(50)]
            assert_same(ENCODERS[0], fast, texts, threads=2)

    with ThreadPoolExecutor(4) as pool:
        list(pool.map(work, range(4)))


def test_a_table_in_use_by_a_thread_that_is_gone_is_not_waited_for():
    fast = CompiledEncoder(ENCODERS[0])
    fast._adding.acquire()  # as in a process that was forked while another thread held it
    assert_same(ENCODERS[0], fast, ["the lamp", "is good"])


def test_what_is_no_string_is_refused():
    with pytest.raises(DataError, match=r"text 1 is 3, a int; every text must be a string"):
        COMPILED[0].encode(["a", 3])


def test_only_the_tokenizer_whose_pieces_stand_alone():
    with pytest.raises(TypeError, match="not a MessagesTokenizer"):
        CompiledEncoder(TextEncoder.fit(["a"], tokenizer="keras", max_tokens=5)[0])


@pytest.mark.real_data
def test_real_texts(twitter_training):
    texts = twitter_training.read_text(encoding="utf-8").splitlines()
    slow, _ = TextEncoder.fit(texts[:5000], max_tokens=30)
    assert_same(slow, CompiledEncoder(slow), texts)
