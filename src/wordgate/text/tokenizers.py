"""Tokenizers by name: `messages`, for tweets, chats, tickets, reviews; and `keras`.

Examples of `messages` (each row is a test):

======================================  =====================================================
text                                    tokens, between spaces
======================================  =====================================================
``I'm SO happy, don’t @ me!``           ``i'm so happy , don't @ me !``
``@Verizon fix #5G``                    ``@ verizon fix # 5g``
``see https://t.co/x1 or twitch.tv/me`` ``see <url> or <url>``
``mail bob@example.com``                ``mail <email>``
``soooooo coooool!!!!!!``               ``sooo coool !!!``
``AT&amp;T… 10:30, $4,600.50``          ``at & t ... 10:30 , $ 4,600.50``
``:-) :'( <3 ;D ^_^``                   ``:-) :'( <3 ;d ^_^``
``👍🏽👩‍👩‍👧🇬🇧1️⃣❤️``                       ``👍🏽 👩‍👩‍👧 🇬🇧 1⃣ ❤``
``我爱 สวัสดี हिन्दी``                       ``我 爱 ส วั ส ดี हिन्दी``
======================================  =====================================================

The choices, and why:

- A link or an e-mail address becomes one class token: that there is one tells much, which one is
  never seen again.
- The sign of an @name or #tag is a token of its own. A name that is often written keeps its
  meaning, ``#love`` shares what ``love`` learned, a name nobody knows still says "somebody is
  spoken to", and ``@ name``, as some collectors write it, reads the same as ``@name``.
- A character standing more than three times in a row is cut to three, digits apart: "sooo" differs
  from "so", but not from "soooooo". A run of one punctuation mark is one token.
- Punctuation stays: with word and word-pair counts it added 0.6 and 1.2 points of accuracy on the
  unseen tweets of two grouped splits.
- Emoji are whole: skin tones, joined people, flags and keycaps. Variation selectors, which change
  only the look, go.
- Han, Hiragana, Katakana, Thai, Lao, Khmer and Myanmar are written without spaces between words:
  each character, with the marks upon it, is a token.

Invisible characters, unpaired surrogates and control characters are no tokens. Every step takes
time linear in the length of the text, whatever the text.
"""

from __future__ import annotations

import html
import re
import unicodedata
from dataclasses import dataclass
from itertools import chain
from typing import ClassVar, Protocol

import regex

from wordgate.errors import SettingsError, did_you_mean
from wordgate.text.normalizer import Normalizer, NormalizerStep
from wordgate.text.piece_cache import PieceCache

URL = "<url>"
EMAIL = "<email>"

SPACELESS = (
    r"\p{Han}\p{Hiragana}\p{Katakana}\u30FC\p{Thai}\p{Lao}\p{Khmer}\p{Myanmar}"  # U+30FC: Common
)

# Patterns below see text that is lower-cased already.
_TAG = r"</?[a-z][a-z0-9]*>"
_EMOTICON = "|".join(
    (
        r">?[:;=]'?-?(?:[)(\]\[|\\]+|/(?!/))",  # :-)  ;]  >:(  :'(  :/
        r"(?<![a-z0-9_])[:;=]'?-?[dpo3sx](?![a-z0-9_])",  # :d  ;p  :3, but not note:done
        r"\('?-?[:;=]",  # (:
        r"</?3+(?![.,]?[a-z0-9_])",  # <3  </3, but not <3.5
        r"-_+-|>[._]+<|\^[._-]?\^",  # -_-  >.<  ^_^
    )
)
_RUN = "|".join(rf"[{mark}]{{2,}}" for mark in ("!", "?", ".", ",", "*", "~", "=", r"\-"))


def _word(character: str) -> str:
    """The pattern of a word: inner apostrophes, and inside numbers the signs ``.,:``."""
    return rf"{character}+(?:(?:'|(?<=[0-9])[.,:](?=[0-9])){character}+)*"


# The look ahead only saves time: most characters can't begin a tag or an emoticon.
_SIGNS = rf"(?=[-(<>:;=^])(?:{_TAG}|{_EMOTICON})|{_RUN}"
# Both patterns give the same tokens on ASCII; this one is three times as fast.
_ASCII_TOKEN = re.compile(rf"{_word('[a-z0-9_]')}|{_SIGNS}|[!-/:-@\[-`{{-~]", re.ASCII)

_PICTOGRAPH = r"\p{Extended_Pictographic}\p{Emoji_Modifier}?[\U000E0020-\U000E007F]*"
_EMOJI = "|".join(
    (
        rf"{_PICTOGRAPH}(?:\u200D{_PICTOGRAPH})*",
        r"\p{Regional_Indicator}{1,2}",
        r"\p{Emoji_Modifier}",
        r"[0-9#*]\u20E3",
    )
)
_TOKEN = regex.compile(
    "|".join(
        (
            _EMOJI,
            # A character of a word may not start with a mark or joiner that hangs on nothing.
            r"(?![\p{M}\u200C\u200D])" + _word(rf"[\w--[{SPACELESS}]]"),
            # Grapheme clusters of these scripts; \X would take quadratic time on flags.
            rf"[{SPACELESS}][\p{{M}}\u0E33\u0EB3]*",
            r"¯\\_\([\u30C4\u30C3]\)_/¯",
            _SIGNS,
            r"[\p{P}\p{S}]",
        )
    ),
    regex.V1,
)

_ENTITY = re.compile(r"&(?:[A-Za-z][A-Za-z0-9]{1,30}|#[0-9]{1,7}|#[xX][0-9A-Fa-f]{1,6});")
_SPACED_TAG = re.compile(r"<(/?[a-z][a-z0-9]*)\s*/?>")
_OPEN_TAG = re.compile(r"</?[a-z][a-z0-9]*\Z")
# What takes the place of a match.
_CLOSED_TAG, _SHORTENED = r"<\1>", r"\1\1\1"
_SPACED_URL, _SPACED_EMAIL = f" {URL} ", f" {EMAIL} "
_HOST = r"(?:[a-z0-9-]+\.)+"
_ENDING = r"(?:com|org|net|edu|gov|info|tv|gg|ly|io|co|uk)(?![a-z0-9@-])"
# A bare host counts as a link where its ending is a frequent one or a path follows: "end.It" isn't.
_LINK = re.compile(
    r"(?<![a-z0-9@._-])(?:"
    r"(?:https?://|www\.)[!-~]*[a-z0-9/]"
    rf"|{_HOST}{_ENDING}(?:/[!-~]*[a-z0-9/]|/)?"
    rf"|{_HOST}[a-z]{{2,}}/[!-~]*[a-z0-9/])"
)
# What a bare host has somewhere; most texts lack it, and this search tells so in no time.
_LINK_HINT = re.compile(rf"\.(?:{_ENDING}|[a-z]{{2,}}/)")
_EMAIL = re.compile(rf"(?<![a-z0-9.+_-])[a-z0-9][a-z0-9.+_-]*@{_HOST}[a-z]{{2,}}")
_SHORT = 500  # characters; longer texts are seldom made of known pieces alone
_REPEATED = re.compile(r"(.)\1\1\1")
_STRETCHED = re.compile(r"([^\d\s])\1{3,}")
# Unicode's Stream-Safe Text Format (UAX 15) allows 30 marks in a row; sorting many more of them,
# as normalising does, takes quadratic time.
_MARKS_TOO_MANY = regex.compile(r"(\p{M}{30})\p{M}+")
# Directions, joiners of lines and variation selectors; not the joiners inside words and emoji.
_INVISIBLE = re.compile(
    "[\u00ad\u061c\u180e\u200e\u200f\u202a-\u202e\u2060-\u206f\ufe0e\ufe0f\ufeff\ufff9-\ufffb]"
)
_TYPOGRAPHY = (
    *((quote, "'") for quote in "’‘ʼ′´＇"),
    *((quote, '"') for quote in "“”„‟″«»"),
    *((dash, "-") for dash in "‐‑‒–—―"),
    ("…", "..."),
)


@dataclass(frozen=True)
class MessagesTokenizer:
    """Cut short messages into words, emoji, emoticons and punctuation; see the module's table."""

    name: ClassVar[str] = "messages"
    separators: ClassVar[str] = "".join(filter(str.isspace, map(chr, range(0x3001))))  # all of it

    def __call__(self, text: str) -> list[str]:
        """Cut one text into tokens, none of them empty or holding whitespace."""
        return list(chain.from_iterable(map(_TOKENS.__getitem__, self.pieces(text))))

    def pieces(self, text: str) -> list[str]:
        """Cut a text at whitespace, where no token can reach over it; see `Tokenizer`."""
        # Only ``<br />`` reaches over it, and entities such as ``&nbsp;`` stand for it.
        return [text] if len(text) > _SHORT or "<" in text or "&" in text else text.split()

    def tokens_of(self, piece: str) -> list[str]:
        """Cut a piece into tokens; see `Tokenizer`."""
        return _TOKENS[piece]

    def reads_alone(self, piece: str) -> bool:
        """Whether a piece's tokens are the same without the rest of the text; see `Tokenizer`.

        Not so are entities that stand for whitespace, and tags that may go on behind it.
        """
        text = _INVISIBLE.sub("", _unescape(piece).lower())
        return len(text.split()) <= 1 and not _OPEN_TAG.search(text.rstrip())

    def normalizer(self) -> Normalizer:
        """Return the same as data; what is left out here is there to save time alone."""
        typography = (
            NormalizerStep("replace", re.escape(fancy), plain) for fancy, plain in _TYPOGRAPHY
        )
        steps = (
            NormalizerStep("unescape", _ENTITY.pattern),
            NormalizerStep("lower"),
            NormalizerStep("replace", _INVISIBLE.pattern),
            *typography,
            NormalizerStep("replace", _MARKS_TOO_MANY.pattern, r"\1"),
            NormalizerStep("normalize"),
            NormalizerStep("replace", _SPACED_TAG.pattern, _CLOSED_TAG),
            NormalizerStep("replace", _EMAIL.pattern, _SPACED_EMAIL),
            NormalizerStep("replace", _LINK.pattern, _SPACED_URL),
            NormalizerStep("replace", _STRETCHED.pattern, _SHORTENED),
        )
        return Normalizer(steps, _TOKEN.pattern)


def _tokens(text: str) -> list[str]:
    text = _unescape(text).lower()
    if not text.isascii():
        text = _unify(text)
    if "<" in text:
        text = _SPACED_TAG.sub(_CLOSED_TAG, text)
    if "@" in text and "." in text:
        text = _EMAIL.sub(_SPACED_EMAIL, text)
    if "://" in text or "www." in text or _LINK_HINT.search(text):
        text = _LINK.sub(_SPACED_URL, text)
    if _REPEATED.search(text):
        text = _STRETCHED.sub(_SHORTENED, text)
    pattern = _ASCII_TOKEN if text.isascii() else _TOKEN
    tokens: list[str] = pattern.findall(text)
    return tokens


_TOKENS = PieceCache(_tokens)


def _unescape(text: str) -> str:
    return _ENTITY.sub(lambda entity: html.unescape(entity.group()), text) if "&" in text else text


def _unify(text: str) -> str:
    """Normalize characters that look or mean the same: NFC, plain quotes."""
    text = _INVISIBLE.sub("", text)
    for fancy, plain in _TYPOGRAPHY:
        text = text.replace(fancy, plain)
    return unicodedata.normalize("NFC", _MARKS_TOO_MANY.sub(r"\1", text))


KERAS_FILTERS = '!"#$%&()*+,-./:;<=>?@[\\]^_`{|}~\t\n'
_KERAS_BYTES = bytes.maketrans(KERAS_FILTERS.encode(), b" " * len(KERAS_FILTERS))


class Tokenizer(Protocol):
    """Anything with a name that cuts a text into tokens, and does so the same way every time."""

    @property
    def name(self) -> str:
        """Name in settings and bundles."""

    @property
    def separators(self) -> str:
        """Characters of which no token has any; beyond ASCII all whitespace, or none."""

    def __call__(self, text: str) -> list[str]:
        """Cut one text into its tokens, in order."""

    def pieces(self, text: str) -> list[str]:
        """Cut a text into pieces whose tokens, one after another, are those of the text."""

    def tokens_of(self, piece: str) -> list[str]:
        """Cut a piece, of `pieces`, into its tokens, in order."""

    def reads_alone(self, piece: str) -> bool:
        """Whether the tokens of what stands between separators are the same without the rest.

        Args:
            piece: A part of a text that holds no separator and is surrounded by them.
        """

    def normalizer(self) -> Normalizer:
        """Return the same as data, for programs without wordgate."""


@dataclass(frozen=True)
class KerasTokenizer:
    r"""The rules of Keras' legacy ``Tokenizer`` at its defaults, to the letter.

    They lower-case, put a space for each of their filter characters, and cut at U+0020 alone, so
    that ``\r`` and no-break spaces stay inside words (``keras/src/legacy/preprocessing/text.py``,
    3.15). Ids follow from ``Vocabulary.fit(..., unknown=False, ties="first")``.
    """

    name: ClassVar[str] = "keras"
    separators: ClassVar[str] = KERAS_FILTERS + " "

    def __call__(self, text: str) -> list[str]:
        """Cut one text into tokens, as ``text_to_word_sequence`` does."""
        return list(filter(None, self.pieces(text)))

    def pieces(self, text: str) -> list[str]:
        """Cut a text into its tokens and empty strings; see `Tokenizer`."""
        # The filters are ASCII, which stands nowhere inside the bytes of another character.
        raw = text.lower().encode("utf-8", "surrogatepass").translate(_KERAS_BYTES)
        return raw.decode("utf-8", "surrogatepass").split(" ")

    def tokens_of(self, piece: str) -> list[str]:
        """Return the token that a piece is, if it is not empty; see `Tokenizer`."""
        return [piece] if piece else []

    def reads_alone(self, piece: str) -> bool:
        """Whether a piece's tokens are the same without the rest of the text; see `Tokenizer`.

        Not so is a capital sigma: it is lower-cased by the letters around it, beyond full stops.
        """
        return "Σ" not in piece

    def normalizer(self) -> Normalizer:
        """Return the same as data."""
        filtered = f"[{re.escape(KERAS_FILTERS)}]"
        return Normalizer(
            (NormalizerStep("lower"), NormalizerStep("replace", filtered, " ")), "[^ ]+"
        )


TOKENIZERS: dict[str, Tokenizer] = {
    tokenizer.name: tokenizer for tokenizer in (MessagesTokenizer(), KerasTokenizer())
}


def get_tokenizer(name: str) -> Tokenizer:
    """Find a tokenizer by name, such as ``"messages"``.

    Raises:
        SettingsError: There is none of that name.
    """
    if name not in TOKENIZERS:
        raise SettingsError(f"no tokenizer '{name}'{did_you_mean(name, TOKENIZERS)}")
    return TOKENIZERS[name]
