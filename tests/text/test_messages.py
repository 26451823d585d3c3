"""The messages tokenizer, on ordinary and hostile texts."""

import re

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from wordgate.text import tokenizers
from wordgate.text.tokenizers import get_tokenizer

tokenize = get_tokenizer("messages")
DOCUMENTED = re.findall(r"^``(.+?)`` +``(.+?)``$", tokenizers.__doc__, re.MULTILINE)

# Any string at all, and strings of the pieces that the rules are about.
PIECES = [
    *("http://", "www.", ".com", "/x", "@", "bob", "#", "'", "’", "don't", "1", "2.5", ",", ":"),
    *(
        "...",
        "…",
        "!",
        "-",
        "_",
        "<",
        ">",
        "<br />",
        "<url>",
        "&amp;",
        "&",
        ";",
        ")",
        "(",
        "3",
        "D",
    ),
    *(" ", "\n", "\x00", "\u200b", "\u200d", "\ufe0f", "\u20e3", "\u0301", "\ud83d", "\udc4d"),
    *(
        "👍",
        "🏽",
        "👩\u200d👧",
        "🇬",
        "🇧",
        "我",
        "สวั",
        "ー",
        "हिन्दी",
        "Σ",
        "İ",
        "K",
        "ﾊ",
        "¯\\_(ツ)_/¯",
    ),
]
ANY_TEXT = st.one_of(
    st.text(st.characters(), max_size=60), st.lists(st.sampled_from(PIECES)).map("".join)
)


@pytest.mark.parametrize(("text", "tokens"), DOCUMENTED)
def test_the_documented_examples_hold(text, tokens):
    assert " ".join(tokenize(text)) == tokens


def test_the_documentation_has_examples():
    assert len(DOCUMENTED) == 9


@pytest.mark.parametrize(
    ("text", "tokens"),
    [
        # links and addresses
        ("https://t.co/Ab1, http://a.b/c?d=e#f.", "<url> , <url> ."),
        ("pic.twitter.com/x9Z twitch.tv youtube.com!", "<url> <url> <url> !"),
        ("(www.example.org/a_(b))", "( <url> ) )"),
        ("the end.It was yes.no and/or", "the end . it was yes . no and / or"),
        ("看https://t.co/x这里", "看 <url> 这 里"),
        ("game.company dot.community", "game . company dot . community"),
        ("Bob.Smith+x@mail.example.com.", "<email> ."),
        ("@bob.hey @ bob", "@ bob . hey @ bob"),
        # words
        ("I’m we'll rock'n'roll 'quoted' players'", "i'm we'll rock'n'roll ' quoted ' players '"),
        ("NBA2K_MyTEAM ps5 6Game", "nba2k_myteam ps5 6game"),
        ("Cafe\u0301 Caf\u00e9", "caf\u00e9 caf\u00e9"),
        ("soft\u00adhyphen \u2066isolated\u2069 zero\u200bwidth", "softhyphen isolated zero width"),
        ("می\u200cخواهم", "می\u200cخواهم"),
        ("noooooooo hmmm xxxx 10000000", "nooo hmmm xxx 10000000"),
        # numbers
        ("2.5k 3,000 10:30pm v1.2 3. 4", "2.5k 3,000 10:30pm v1.2 3 . 4"),
        ("£5 50% 1/2", "£ 5 50 % 1 / 2"),
        # punctuation and emoticons
        ("what?!?? no.... “so” – well—yes", 'what ? ! ?? no ... " so " - well - yes'),
        (":) :-( ;) :/ :D xD =] :'-( >:( (: </3 <33", ":) :-( ;) :/ :d xd =] :'-( >:( (: </3 <33"),
        (":)))))))) -_- >.< ^^", ":))) -_- >.< ^^"),
        ("note:done (a): b x=3 10:3 <3.5", "note : done ( a ) : b x = 3 10:3 < 3.5"),
        ("¯\\_(ツ)_/¯", "¯\\_(ツ)_/¯"),
        ("a<br />b <b>bold</b> <unk>", "a <br> b <b> bold </b> <unk>"),
        ("&lt;3 &#x1F44D; &hearts; &nosuch; AT&T", "<3 👍 ♥ & nosuch ; at & t"),
        # emoji
        ("😂😂😂😂😂😂 👍👍🏿", "😂 😂 😂 👍 👍🏿"),
        ("🤦🏽\u200d♀\ufe0f❤\ufe0f❤©", "🤦🏽\u200d♀ ❤ ❤ ©"),
        ("🇬🇧🇫🇷🇩 #\ufe0f\u20e3*\u20e3", "🇬🇧 🇫🇷 🇩 #\u20e3 *\u20e3"),
        ("🏴\U000e0067\U000e0062\U000e0065\U000e006e\U000e0067\U000e007f!", None),
        # scripts without spaces
        ("哈哈哈哈哈 iPhone真好", "哈 哈 哈 iphone 真 好"),
        ("ラーメンがだいすき", "ラ ー メ ン が だ い す き"),
        ("น้ำ ភាសា မြန်", "น้ำ ភា សា မြ န်"),
        ("한국어 좋아요", "한국어 좋아요"),
        # nothing at all
        ("", ""),
        (" \t\r\n\xa0\u3000", ""),
        ("\x00\u200b\u200d\ufeff\ud800\u0301", ""),
    ],
)
def test_tokens(text, tokens):
    if tokens is None:  # the flag of England: one token that can't be read in an editor
        tokens = f"{text[:-1]} !"
    assert tokenize(text) == tokens.split()


N = 100_000


@pytest.mark.parametrize(
    ("text", "n_tokens", "longest"),
    [
        ("a" * N, 1, 3),
        ("ab" * N, 1, 2 * N),
        ("1" * N, 1, N),
        ("1." * N, 2, 2 * N - 1),
        ("a." * N, 2 * N, 1),
        ("a.b-" * N, 4 * N, 1),
        ("a'" * N, 2, 2 * N - 1),
        ("a@" * N, 2 * N, 1),
        ("a@b." * N, 4 * N, 1),
        ("<a " * N, 2 * N, 1),
        ("<a" + " " * N, 2, 1),
        (":'-" * N, 3 * N, 1),
        ("&a" * N, 2 * N, 1),
        ("http://" * N, 1, 5),
        ("!" * N, 1, 3),
        ("?!" * N, 2 * N, 1),
        ("a" + "\u0300\u0316" * N, 1, 7),
        ("\u0300" * N, 0, 0),
        ("👩\u200d" * N, 1, 2 * N - 1),
        ("👩👨" * N, 2 * N, 1),
        ("🇬🇧" * N, N, 2),
        ("我们" * N, 2 * N, 1),
        ("ก" + "\u0e31\u0e49" * N, 1, 31),
        ("\ud83d\ud83e" * N, 0, 0),
        ("\x00" * N, 0, 0),
        (" " * N, 0, 0),
    ],
)
def test_hostile_texts_of_100_000_characters(text, n_tokens, longest):
    tokens = tokenize(text)
    assert len(tokens) == n_tokens
    assert max(map(len, tokens), default=0) == longest


@settings(max_examples=300, deadline=None)
@given(ANY_TEXT)
def test_any_text_gives_tokens_that_stay_as_they_are(text):
    tokens = tokenize(text)
    assert all(token and not re.search(r"\s", token) for token in tokens)
    assert tokenize(" ".join(tokens)) == tokens


@settings(max_examples=300, deadline=None)
@given(
    st.one_of(
        st.text(st.characters(max_codepoint=127)),
        st.lists(st.sampled_from(PIECES[:34])).map("".join),
    )
)
def test_the_fast_pattern_for_ascii_gives_the_same_tokens_as_the_full_one(text):
    plain = "".join(character for character in text.lower() if character.isascii())
    assert tokenizers._ASCII_TOKEN.findall(plain) == tokenizers._TOKEN.findall(plain)


@settings(max_examples=300, deadline=None)
@given(st.one_of(ANY_TEXT, st.lists(st.sampled_from([*PIECES, " ", "\u2028"])).map("".join)))
def test_a_text_cut_at_white_space_gives_the_same_tokens(text):
    assert tokenize(text) == tokenizers._tokens(text)
