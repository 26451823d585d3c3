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

The rules, and the reasons:

- A link or an e-mail address is replaced by one token: its presence is informative, but the same
  one hardly occurs again.
- The sign of an @name or #tag is a token of its own. So frequent names and ``#love`` share the
  embedding of the word, an unknown name still shows that somebody is addressed, and ``@ name``, as
  in some data sets, is equal to ``@name``.
- More than three equal characters in a row are reduced to three, except digits: "sooo" differs from
  "so", but not from "soooooo". A run of one punctuation mark is one token.
- Punctuation is kept: with word and word-pair counts it added 0.6 and 1.2 points of accuracy on the
  unseen tweets of two grouped splits.
- Emoji are single tokens, with skin tones, joined people, flags and keycaps. Variation selectors,
  which change only the appearance, are removed.
- Han, Hiragana, Katakana, Thai, Lao, Khmer and Myanmar are written without spaces between words:
  each character, with its marks, is a token.

Invisible characters, unpaired surrogates and control characters are not tokens. Every step takes
time linear in the length of the text.
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

# The patterns below are for lower-cased text.
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
    """Return the pattern of a word with inner apostrophes, and the signs ``.,:`` in numbers."""
    return rf"{character}+(?:(?:'|(?<=[0-9])[.,:](?=[0-9])){character}+)*"


# The lookahead only saves time: most characters cannot begin a tag or an emoticon.
_SIGNS = rf"(?=[-(<>:;=^])(?:{_TAG}|{_EMOTICON})|{_RUN}"
# Both patterns match the same tokens in ASCII; this one is three times as fast.
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
            # A word must not begin with a mark or joiner without a base character.
            r"(?![\p{M}\u200C\u200D])" + _word(rf"[\w--[{SPACELESS}]]"),
            # Grapheme clusters of these scripts; \X takes quadratic time on flags.
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
# Replacements.
_CLOSED_TAG, _SHORTENED = r"<\1>", r"\1\1\1"
_SPACED_URL, _SPACED_EMAIL = f" {URL} ", f" {EMAIL} "
_HOST = r"(?:[a-z0-9-]+\.)+"
_ENDING = r"(?:com|org|net|edu|gov|info|tv|gg|ly|io|co|uk)(?![a-z0-9@-])"
# A host without a scheme is a link if its ending is frequent or a path follows: not "end.It".
_LINK = re.compile(
    r"(?<![a-z0-9@._-])(?:"
    r"(?:https?://|www\.)[!-~]*[a-z0-9/]"
    rf"|{_HOST}{_ENDING}(?:/[!-~]*[a-z0-9/]|/)?"
    rf"|{_HOST}[a-z]{{2,}}/[!-~]*[a-z0-9/])"
)
# Every link without a scheme matches this; most texts do not, and this search is fast.
_LINK_HINT = re.compile(rf"\.(?:{_ENDING}|[a-z]{{2,}}/)")
_EMAIL = re.compile(rf"(?<![a-z0-9.+_-])[a-z0-9][a-z0-9.+_-]*@{_HOST}[a-z]{{2,}}")
_SHORT = 500  # characters; longer texts rarely consist of known pieces only
_REPEATED = re.compile(r"(.)\1\1\1")
_STRETCHED = re.compile(r"([^\d\s])\1{3,}")
# Unicode's Stream-Safe Text Format (UAX 15) allows 30 marks in a row; normalization sorts them,
# which takes quadratic time.
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
    """Splits short messages into words, emoji, emoticons and punctuation; see the module."""

    name: ClassVar[str] = "messages"
    separators: ClassVar[str] = "".join(filter(str.isspace, map(chr, range(0x3001))))  # all of it

    def __call__(self, text: str) -> list[str]:
        """Split a text into non-empty tokens without whitespace."""
        return list(chain.from_iterable(map(_TOKENS.__getitem__, self.pieces(text))))

    def pieces(self, text: str) -> list[str]:
        """Split a text at whitespace, over which no token extends; see `Tokenizer`."""
        # Only ``<br />`` extends over whitespace, and entities such as ``&nbsp;`` represent it.
        return [text] if len(text) > _SHORT or "<" in text or "&" in text else text.split()

    def tokens_of(self, piece: str) -> list[str]:
        """Split a piece into tokens; see `Tokenizer`."""
        return _TOKENS[piece]

    def reads_alone(self, piece: str) -> bool:
        """Return whether the tokens of a piece do not depend on the rest; see `Tokenizer`.

        They do for entities of whitespace, and for tags that may continue after whitespace.
        """
        text = _INVISIBLE.sub("", _unescape(piece).lower())
        return len(text.split()) <= 1 and not _OPEN_TAG.search(text.rstrip())

    def normalizer(self) -> Normalizer:
        """Return the tokenizer as data, without what only saves time."""
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
    """Unify characters that look or mean the same: NFC, plain quotes and dashes."""
    text = _INVISIBLE.sub("", text)
    for fancy, plain in _TYPOGRAPHY:
        text = text.replace(fancy, plain)
    return unicodedata.normalize("NFC", _MARKS_TOO_MANY.sub(r"\1", text))


KERAS_FILTERS = '!"#$%&()*+,-./:;<=>?@[\\]^_`{|}~\t\n'
_KERAS_BYTES = bytes.maketrans(KERAS_FILTERS.encode(), b" " * len(KERAS_FILTERS))


class Tokenizer(Protocol):
    """A deterministic function from a text to its tokens."""

    @property
    def name(self) -> str:
        """The name in settings and bundles."""

    @property
    def separators(self) -> str:
        """Characters that no token contains; beyond ASCII all whitespace, or none."""

    def __call__(self, text: str) -> list[str]:
        """Split a text into its tokens, in order."""

    def pieces(self, text: str) -> list[str]:
        """Split a text into pieces whose concatenated tokens are those of the text."""

    def tokens_of(self, piece: str) -> list[str]:
        """Split a piece, as returned by `pieces`, into its tokens, in order."""

    def reads_alone(self, piece: str) -> bool:
        """Return whether the tokens of a piece do not depend on the rest of the text.

        Args:
            piece: A part of a text between separators.
        """

    def normalizer(self) -> Normalizer:
        """Return the tokenizer as data, for programs without wordgate."""


@dataclass(frozen=True)
class KerasTokenizer:
    r"""The same tokens as the legacy ``Tokenizer`` of Keras with its default arguments.

    It converts to lower case, replaces filter characters by spaces, and splits at U+0020 only, so
    that ``\r`` and no-break spaces stay in words (``keras/src/legacy/preprocessing/text.py``,
    3.15). ``Vocabulary.fit(..., unknown=False, ties="first")`` results in the same ids.
    """

    name: ClassVar[str] = "keras"
    separators: ClassVar[str] = KERAS_FILTERS + " "

    def __call__(self, text: str) -> list[str]:
        """Split a text into tokens, as ``text_to_word_sequence`` does."""
        return list(filter(None, self.pieces(text)))

    def pieces(self, text: str) -> list[str]:
        """Split a text into its tokens and empty strings; see `Tokenizer`."""
        # The filters are ASCII, which does not occur in the bytes of other characters.
        raw = text.lower().encode("utf-8", "surrogatepass").translate(_KERAS_BYTES)
        return raw.decode("utf-8", "surrogatepass").split(" ")

    def tokens_of(self, piece: str) -> list[str]:
        """Return the token that a piece is, if it is not empty; see `Tokenizer`."""
        return [piece] if piece else []

    def reads_alone(self, piece: str) -> bool:
        """Return whether the tokens of a piece do not depend on the rest; see `Tokenizer`.

        They do for a capital sigma: its lower case depends on neighbors, also beyond full stops.
        """
        return "Σ" not in piece

    def normalizer(self) -> Normalizer:
        """Return the tokenizer as data."""
        filtered = f"[{re.escape(KERAS_FILTERS)}]"
        return Normalizer(
            (NormalizerStep("lower"), NormalizerStep("replace", filtered, " ")), "[^ ]+"
        )


TOKENIZERS: dict[str, Tokenizer] = {
    tokenizer.name: tokenizer for tokenizer in (MessagesTokenizer(), KerasTokenizer())
}


def get_tokenizer(name: str) -> Tokenizer:
    """Return the tokenizer of a name, such as ``"messages"``.

    Raises:
        SettingsError: There is no such tokenizer.
    """
    if name not in TOKENIZERS:
        raise SettingsError(f"no tokenizer '{name}'{did_you_mean(name, TOKENIZERS)}")
    return TOKENIZERS[name]
