"""Tokenizers as data: the standard library alone computes the same tokens from them."""

import html
import json
import re
import unicodedata

import numpy as np
import pytest
import regex
from hypothesis import given, settings
from hypothesis import strategies as st

from wordgate.export.tokenizing import ngram_settings, plain, tokenizer_settings
from wordgate.models.count import CountModel
from wordgate.tables.encoding import without_surrogates
from wordgate.text.encoder import TextEncoder
from wordgate.text.ngram_vectorizer import NgramVectorizer
from wordgate.text.tokenizers import TOKENIZERS, get_tokenizer

PIECES = [
    *("http://", "www.", ".com", "/x", "@", "bob", "#", "'", "’", "don't", "1", "2.5", ",", ":"),
    *("...", "…", "!!!!", "-", "_", "<", ">", "<br />", "&amp;", "&#39;", "&", ";", ")", "(", "3"),
    *(" ", "\n", "\r", "\x1c", "\x00", "\xa0", "\u200b", "\u200d", "\ufe0f", "\u20e3", "\u0301"),
    *("👍", "🏽", "👩\u200d👧", "🇬", "🇧", "我", "สวั", "ー", "हिन्दी", "Σ", "İ", "K", "ﾊ", "٣", "½"),
    *("\ud83d", "\ufffd", "soooo", "¯\\_(ツ)_/¯", "bob@example.com", "D", "e\u0301", "«", "–"),
]
ANY_TEXT = st.one_of(
    st.text(st.characters(exclude_categories=["Cs"]), max_size=60),
    st.lists(st.sampled_from(PIECES)).map("".join),
)


def cut_by(normalizer, text):
    """Cut a text as the settings say, with the standard library."""
    for kind, pattern, replacement in normalizer["steps"]:
        if kind == "replace":
            text = re.sub(pattern, replacement, text)
        elif kind == "unescape":
            text = re.sub(pattern, lambda found: html.unescape(found.group()), text)
        else:
            change = {"lower": str.lower, "normalize": lambda t: unicodedata.normalize("NFC", t)}
            text = change[kind](text)
    return re.findall(normalizer["token"], text)


def rules_of(name):
    encoder, _ = TextEncoder.fit(["a"], tokenizer=name, max_tokens=5)
    return json.loads(json.dumps(tokenizer_settings(encoder)))


RULES = {name: rules_of(name) for name in TOKENIZERS}


@pytest.mark.parametrize("name", RULES)
@settings(max_examples=200, deadline=None)
@given(text=ANY_TEXT)
def test_any_text_is_cut_the_same(name, text):
    assert cut_by(RULES[name], text) == get_tokenizer(name)(without_surrogates(text))


ANY_NGRAMS = [
    *(
        "good",
        "so",
        "not good",
        "1",
        "_",
        "don't",
        " s",
        "so ",
        "oo",
        "👍🏽",
        "\u0301",
        "i̇",
        "σ",
        "ς",
        "我",
    ),
    *(
        "½",
        "\ud83d",
        " 👍",
        "İ",
        "&amp;",
        "..",
        "www",
        "x.c",
        "हि",
        "न्",
        "k",
        "ﾊ",
        "٣",
        "b c",
        " a ",
    ),
]


def ngrams_of(kind, tokens):
    """List the n-grams of tokens, as docs/onnx.md says in words."""
    sequences = [tokens] if kind["kind"] == "words" else [f" {token} " for token in tokens]
    join = " " if kind["kind"] == "words" else ""
    for sequence in sequences:
        shortest = min(kind["shortest"], len(sequence))
        for n in range(shortest, min(kind["longest"], len(sequence)) + 1):
            yield from (join.join(sequence[i : i + n]) for i in range(len(sequence) - n + 1))


COUNTED = CountModel(
    [
        NgramVectorizer("words", (1, 2), ANY_NGRAMS),
        NgramVectorizer("characters", (4, 5), [*ANY_NGRAMS, " 我 ", " so "]),
    ],
    np.zeros((2 * len(ANY_NGRAMS) + 2, 2)),
    np.zeros(2),
)
NGRAMS = json.loads(json.dumps(ngram_settings(COUNTED)))


@settings(max_examples=200, deadline=None)
@given(text=st.one_of(ANY_TEXT, st.lists(st.sampled_from([*ANY_NGRAMS, *PIECES])).map(" ".join)))
def test_any_text_has_the_same_ngrams(text):
    found = []
    for kind in NGRAMS["kinds"]:
        known = {ngram: id_ for id_, ngram in enumerate(kind["ngrams"], kind["first_id"])}
        tokens = cut_by({"steps": NGRAMS["steps"], "token": kind["token"]}, text)
        found += [known[ngram] for ngram in ngrams_of(kind, tokens) if ngram in known]
    assert sorted(found) == sorted(COUNTED.encode([text]).ids.tolist())


def test_settings_of_both_kinds_of_ngrams():
    words, characters = NGRAMS["kinds"]
    assert (words["kind"], words["shortest"], words["longest"], words["first_id"]) == (
        "words",
        1,
        2,
        1,
    )
    assert (characters["kind"], characters["first_id"]) == ("characters", 1 + len(ANY_NGRAMS))
    assert words["ngrams"] == ANY_NGRAMS
    assert NGRAMS["steps"] == [["lower", "", ""]]


def test_settings_of_both_kinds_of_unknown_of_unknown_words():
    kept, _ = TextEncoder.fit(["b a a"], max_tokens=7)
    dropped, _ = TextEncoder.fit(["b a a"], max_tokens=9, truncate="front", unknown=False)
    names = ("words", "first_id", "unknown", "max_tokens", "truncate")
    assert [tokenizer_settings(kept)[name] for name in names] == [["a", "b"], 2, 1, 7, "end"]
    assert [tokenizer_settings(dropped)[n] for n in names] == [["a", "b"], 1, None, 9, "front"]


def test_sets_are_spelled_out_and_the_rest_stays():
    assert plain(r"a\[b[c-e]+\\") == r"a\[b[c-e]+\\"
    assert plain(r"x[[a-f]--[b-e]]\p{Emoji_Modifier}") == r"x[\u0061\u0066][\U0001f3fb-\U0001f3ff]"


@pytest.mark.parametrize("part", [r"[\p{P}\p{S}]", r"\p{M}", r"[\w--[\p{Han}\p{Thai}]]"])
def test_a_set_spelled_out_has_the_same_characters(part):
    every = "".join(map(chr, range(0x110000)))
    assert re.findall(plain(part), every) == regex.findall(part, every, regex.V1)
