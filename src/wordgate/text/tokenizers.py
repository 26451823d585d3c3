"""Tokenizers by name: `messages` and `keras`."""

import re
from dataclasses import dataclass
from typing import ClassVar, Protocol

from wordgate.errors import SettingsError, did_you_mean
from wordgate.text.messages import MessagesTokenizer
from wordgate.text.normalizer import Normalizer, NormalizerStep

_KERAS_FILTERS = '!"#$%&()*+,-./:;<=>?@[\\]^_`{|}~\t\n'
_KERAS_BYTES = bytes.maketrans(_KERAS_FILTERS.encode(), b" " * len(_KERAS_FILTERS))


class Tokenizer(Protocol):
    """Anything with a name that cuts a text into tokens, and does so the same way every time."""

    @property
    def name(self) -> str:
        """What settings and bundles call it."""

    def __call__(self, text: str) -> list[str]:
        """Cut one text into its tokens, in order."""

    def normalizer(self) -> Normalizer:
        """Give the same as data, for programs without wordgate."""


@dataclass(frozen=True)
class KerasTokenizer:
    r"""The rules of Keras' legacy ``Tokenizer`` at its defaults, to the letter.

    They lower-case, put a space for each of their filter characters, and cut at U+0020 alone, so
    that ``\r`` and no-break spaces stay inside words (``keras/src/legacy/preprocessing/text.py``,
    3.15). Ids follow from ``Vocabulary.fit(..., unknown=False, ties="first")``.
    """

    name: ClassVar[str] = "keras"

    def __call__(self, text: str) -> list[str]:
        """Cut one text into tokens, as ``text_to_word_sequence`` does."""
        # The filters are ASCII, which stands nowhere inside the bytes of another character.
        raw = text.lower().encode("utf-8", "surrogatepass").translate(_KERAS_BYTES)
        spaced = raw.decode("utf-8", "surrogatepass")
        return list(filter(None, spaced.split(" ")))

    def normalizer(self) -> Normalizer:
        """Give the same as data."""
        filtered = f"[{re.escape(_KERAS_FILTERS)}]"
        return Normalizer(
            (NormalizerStep("lower"), NormalizerStep("replace", filtered, " ")), "[^ ]+"
        )


_TOKENIZERS: dict[str, Tokenizer] = {
    tokenizer.name: tokenizer for tokenizer in (MessagesTokenizer(), KerasTokenizer())
}


def get_tokenizer(name: str) -> Tokenizer:
    """Find a tokenizer by name.

    Args:
        name: ``"messages"`` or ``"keras"``.

    Returns:
        The tokenizer.

    Raises:
        SettingsError: There is none of that name.
    """
    if name not in _TOKENIZERS:
        raise SettingsError(f"no tokenizer '{name}'{did_you_mean(name, _TOKENIZERS)}")
    return _TOKENIZERS[name]
