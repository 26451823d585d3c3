"""The compiled encoder gives the ids of the text encoder, whatever the texts."""

import contextlib
import os
import signal
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
    *("\x00", "\u200b", "İ", "\u212a", "x" * 300, "long" * 60, "ΑΣ", "ΑΣ.Α", "\r", "_"),
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


def assert_same(slow, fast, texts):
    expected, found = slow.encode(texts), fast.encode(texts)
    assert np.array_equal(found.offsets, expected.offsets)
    assert np.array_equal(found.ids, expected.ids)
    assert found.n_truncated == expected.n_truncated


ENCODERS = [
    encoder(),
    encoder(truncate="front"),
    encoder(unknown=False),
    encoder(1000, unknown=False, truncate="front"),
    encoder(tokenizer="keras"),
    encoder(1000, tokenizer="keras", unknown=False, truncate="front"),
]
COMPILED = [CompiledEncoder(one) for one in ENCODERS]


@pytest.mark.parametrize("number", range(len(ENCODERS)))
@settings(
    max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(texts=TEXTS)
def test_any_texts(number, texts):
    assert_same(ENCODERS[number], COMPILED[number], texts)


def test_white_space_is_that_of_python():
    spaces = [code for code in range(sys.maxunicode + 1) if chr(code).isspace()]
    assert len(spaces) > 20
    assert set(ENCODERS[0].tokenizer.separators) == set(map(chr, spaces))
    texts = [f"the{chr(code)}lamp" for code in {*range(0x3400), *spaces}]
    for slow in ENCODERS[0], ENCODERS[4]:
        assert_same(slow, CompiledEncoder(slow), texts)


def test_tags_and_entities_that_hold_white_space():
    texts = ["<br />", "a <br />b", "<br\n>", "</b >", "&lt;br />", "a&nbsp;b", "<B\u200e />"]
    texts += ["&#60;b &#62;", "<3 />", "a < b > c", "<b <b />", "<br&#32; />"]
    assert_same(ENCODERS[0], CompiledEncoder(ENCODERS[0]), texts)
    assert_same(ENCODERS[0], CompiledEncoder(ENCODERS[0]), ["<br", "/>", "<br />", "&nbsp;"])


def test_tables_that_are_full_begin_anew(monkeypatch):
    monkeypatch.setattr(compiled_encoder, "_ENTRIES", 64)
    monkeypatch.setattr(compiled_encoder, "_BYTES_AT_ONCE", 200)
    fast, rng = CompiledEncoder(ENCODERS[0]), np.random.default_rng(0)
    for _ in range(20):
        texts = [" ".join(map(str, rng.integers(0, 200, 8))) for _ in range(40)]
        assert_same(ENCODERS[0], fast, texts)


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
            assert_same(ENCODERS[0], fast, texts)

    with ThreadPoolExecutor(4) as pool:
        list(pool.map(work, range(4)))


@pytest.mark.skipif(not hasattr(os, "fork"), reason="processes can't be forked here")
def test_a_forked_process_does_not_wait_for_a_thread_that_is_gone():
    fast = CompiledEncoder(ENCODERS[0])
    with fast._adding:  # as while another thread of the parent adds
        child = os.fork()
        if not child:
            signal.alarm(60)
            with contextlib.suppress(BaseException):
                assert_same(ENCODERS[0], fast, ["the lamp", "is good"])
                os._exit(0)
            os._exit(1)
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0


def test_anything_but_a_string_is_refused():
    with pytest.raises(DataError, match=r"text 1 is 3, a int; every text must be a string"):
        COMPILED[0].encode(["a", 3])


SCRIPTS = [(0x20, 0x7F), (0x20, 0x250), (0x370, 0x600), (0x600, 0x1000), (0x1000, 0x2000)]
SCRIPTS += [(0x2000, 0x3400), (0x3400, 0xD7FF), (0xE000, 0x10000), (0x1F000, 0x20000)]
SCRIPTS += [(0x10000, 0x1F000), (0x20000, sys.maxunicode + 1)]


def drawn_texts(rng, n):
    """Texts of a script's characters, of spaces, and of pieces with rules of their own."""
    for start, end in (SCRIPTS[number] for number in rng.integers(0, len(SCRIPTS), n).tolist()):
        characters = map(chr, rng.integers(start, end, rng.integers(0, 24)).tolist())
        others = rng.choice(PIECES + 4 * SPACES, rng.integers(0, 12)).tolist()
        parts = [*characters, *others]
        yield "".join(parts[i] for i in rng.permutation(len(parts)).tolist())


@pytest.mark.parametrize("number", [0, 4])
def test_texts_of_every_script(number, how_many):
    rng, fast = np.random.default_rng(number), CompiledEncoder(ENCODERS[number])
    for _ in range(how_many(2, 1000)):
        assert_same(ENCODERS[number], fast, list(drawn_texts(rng, 1000)))


@pytest.mark.slow
@pytest.mark.real_data
def test_real_texts(twitter_training):
    texts = twitter_training.read_text(encoding="utf-8").splitlines()
    for tokenizer in "messages", "keras":
        slow, _ = TextEncoder.fit(texts[:5000], tokenizer=tokenizer, max_tokens=30)
        assert_same(slow, CompiledEncoder(slow), texts)
