"""Text encoder: tokenizer, vocabulary and length limit, fitted on the training texts alone.

Shapes: ``n`` texts, ``total`` tokens of all texts, concatenated.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import partial
from itertools import chain, islice, repeat
from typing import Any, Literal

import numpy as np
from numpy.typing import ArrayLike, NDArray

from wordgate.errors import BundleError, DataError, SettingsError, did_you_mean
from wordgate.storage.arrays import GrowingArray, row_indices
from wordgate.text.piece_cache import PieceCache
from wordgate.text.token_lists import TEXTS_AT_ONCE, TokenLists
from wordgate.text.tokenizers import TOKENIZERS, Tokenizer, get_tokenizer
from wordgate.text.vocabulary import PADDING, UNKNOWN, Vocabulary

Truncate = Literal["end", "front"]
_TRUNCATE: tuple[Truncate, ...] = ("end", "front")


@dataclass(frozen=True)
class EncodedTexts:
    """Texts as word ids, without padding.

    Args:
        ids: int32 [total], the concatenated ids of all texts, without padding.
        offsets: int64 [n + 1]; the ids of text i are ``ids[offsets[i]:offsets[i + 1]]``.
        n_truncated: The number of truncated texts.
    """

    ids: NDArray[np.int32]
    offsets: NDArray[np.int64]
    n_truncated: int = 0

    def __post_init__(self) -> None:
        if self.ids.ndim != 1 or self.offsets.ndim != 1 or len(self.offsets) == 0:
            raise ValueError(
                f"ids and offsets must be [total] and [n + 1], but are {list(self.ids.shape)} "
                f"and {list(self.offsets.shape)}"
            )
        if self.ids.dtype != np.int32 or self.offsets.dtype != np.int64:
            raise ValueError(
                f"ids and offsets must be int32 and int64, not {self.ids.dtype} "
                f"and {self.offsets.dtype}"
            )
        if self.offsets[0] != 0 or self.offsets[-1] != len(self.ids):
            raise ValueError(
                f"offsets must go from 0 to {len(self.ids)}, the number of ids, but go from "
                f"{self.offsets[0]} to {self.offsets[-1]}"
            )
        if (self.lengths < 0).any():
            raise ValueError("offsets must not decrease")
        if (self.ids <= PADDING).any():
            raise ValueError(f"ids must be above {PADDING}, which is padding")

    def __len__(self) -> int:
        """The number of texts."""
        return len(self.offsets) - 1

    @property
    def lengths(self) -> NDArray[np.int64]:
        """Tokens of each text: int64 [n]."""
        return self.offsets[1:] - self.offsets[:-1]

    @property
    def rows(self) -> NDArray[np.int64]:
        """The index of the text of each token: int64 [total]."""
        return row_indices(self.lengths)

    def select(self, indices: ArrayLike) -> "EncodedTexts":
        """Select texts by indices, int [m], in this order, or by a mask, bool [n].

        The number of truncated texts is known only for all texts together: here it is 0.
        """
        rows = np.arange(len(self))[np.asarray(indices)]
        lengths = self.lengths[rows]
        return EncodedTexts(ids=self.ids_of(rows, lengths), offsets=as_offsets(lengths))

    def ids_of(self, rows: NDArray[np.int64], lengths: NDArray[np.int64]) -> NDArray[np.int32]:
        """Concatenate the ids of texts: their indices, int64 [m], and their lengths, int64 [m]."""
        before = lengths.cumsum() - lengths
        starts = (self.offsets[rows] - before).repeat(lengths)
        return self.ids[np.arange(len(starts)) + starts]


@dataclass(frozen=True)
class TextEncoder:
    """Converts texts to word ids, in training and in prediction.

    Args:
        tokenizer: Splits texts into tokens.
        vocabulary: The ids of the tokens.
        max_tokens: The maximum number of tokens of a text; longer texts are truncated.
        truncate: The end of a long text at which tokens are removed.
    """

    tokenizer: Tokenizer
    vocabulary: Vocabulary
    max_tokens: int
    truncate: Truncate = "end"
    _ids_of_pieces: PieceCache[bytes] = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        if self.max_tokens < 1:
            raise SettingsError(f"max_tokens must be at least 1, not {self.max_tokens}")
        if self.truncate not in _TRUNCATE:
            raise SettingsError(
                f"no truncate '{self.truncate}'{did_you_mean(self.truncate, _TRUNCATE)}"
            )
        ids_of = PieceCache(partial(_ids_of_piece, self.tokenizer, self.vocabulary))
        object.__setattr__(self, "_ids_of_pieces", ids_of)

    @classmethod
    def fit(
        cls,
        texts: Iterable[str],
        *,
        tokenizer: str = "messages",
        max_tokens: int,
        truncate: Truncate = "end",
        groups: Sequence[str] | None = None,
        min_count: int = 1,
        min_groups: int = 1,
        max_words: int | None = None,
        unknown: bool = True,
        ties: Literal["word", "first"] = "word",
    ) -> tuple["TextEncoder", EncodedTexts]:
        """Learn the vocabulary of the training texts, and encode them.

        `tokenizer` is the name of a tokenizer, `max_tokens` and `truncate` are those of the class,
        and the other arguments those of `Vocabulary.fit`.

        Returns:
            The encoder, and the training texts encoded by it, tokenized only once.

        Raises:
            SettingsError: A setting is unknown or out of range.
            DataError: Something among the texts is not a string.
        """
        cut = get_tokenizer(tokenizer)
        tokens = TokenLists.of(map(cut, checked(texts)))
        vocabulary = Vocabulary.fit(
            tokens,
            groups=groups,
            min_count=min_count,
            min_groups=min_groups,
            max_words=max_words,
            unknown=unknown,
            ties=ties,
        )
        encoder = cls(cut, vocabulary, max_tokens, truncate)
        return encoder, encoder._encoded(tokens)

    def extend(self, more: Sequence[str]) -> "TextEncoder":
        """Add words to the vocabulary; the ids of other words do not change."""
        words = (*self.vocabulary.words, *more)
        return replace(self, vocabulary=Vocabulary(words, self.vocabulary.unknown))

    def encode(self, texts: Iterable[str]) -> EncodedTexts:
        """Convert texts to word ids; a text without tokens has none.

        Raises:
            DataError: Something among the texts is not a string.
        """
        ids = map(self._ids, checked(texts))
        first = list(islice(ids, TEXTS_AT_ONCE))
        if len(first) < TEXTS_AT_ONCE:
            return self._joined(first)
        parts = chain([first], iter(lambda: list(islice(ids, TEXTS_AT_ONCE)), []))
        return concatenate(map(self._joined, parts))

    def _ids(self, text: str) -> bytes:
        """Return the ids of a text, int32 in bytes."""
        return b"".join(map(self._ids_of_pieces.__getitem__, self.tokenizer.pieces(text)))

    def _joined(self, ids: Sequence[bytes]) -> EncodedTexts:
        lengths = np.fromiter(map(len, ids), np.int64, len(ids)) // np.dtype(np.int32).itemsize
        return self.truncated(np.frombuffer(bytearray().join(ids), np.int32), lengths)

    def _encoded(self, tokens: TokenLists) -> EncodedTexts:
        """Encode the texts on whose tokens the vocabulary was fitted."""
        lookup = map(self.vocabulary.index.get, tokens.words, repeat(PADDING))
        id_of = np.fromiter(lookup, np.int32, len(tokens.words))
        ends = tokens.lengths.cumsum()

        def parts() -> Iterator[EncodedTexts]:
            for start in range(0, len(ends), TEXTS_AT_ONCE):
                lengths = tokens.lengths[start : start + TEXTS_AT_ONCE]
                end = int(ends[start + len(lengths) - 1])
                numbers = tokens.numbers[end - int(lengths.sum()) : end]
                yield self._known(id_of[numbers], lengths)

        return concatenate(parts())

    def _known(self, ids: NDArray[np.int32], lengths: NDArray[np.int64]) -> EncodedTexts:
        """Replace or drop unknown words, whose ids are `PADDING`, and truncate texts."""
        missing = ids == PADDING
        if self.vocabulary.unknown is not None:
            ids[missing] = self.vocabulary.unknown
        elif missing.any():
            kept_before = as_offsets((~missing).astype(np.int64))
            ids, lengths = ids[~missing], np.diff(kept_before[as_offsets(lengths)])
        return self.truncated(ids, lengths)

    def truncated(self, ids: NDArray[np.int32], lengths: NDArray[np.int64]) -> EncodedTexts:
        """Truncate texts, whose ids are concatenated, int32 [total], to the length limit."""
        n_truncated = int(np.count_nonzero(lengths > self.max_tokens))
        if n_truncated:
            position = np.arange(len(ids)) - (lengths.cumsum() - lengths).repeat(lengths)
            if self.truncate == "front":
                position = lengths.repeat(lengths) - 1 - position
            ids = ids[position < self.max_tokens]
            lengths = np.minimum(lengths, self.max_tokens)
        return EncodedTexts(ids, as_offsets(lengths), n_truncated)

    def state(self) -> dict[str, Any]:
        """Return the arguments of ``from_state`` as JSON values."""
        return {
            "tokenizer": self.tokenizer.name,
            "max_tokens": self.max_tokens,
            "truncate": self.truncate,
            "unknown": self.vocabulary.unknown,
            "words": list(self.vocabulary.words),
        }

    @classmethod
    def from_state(cls, state: Mapping[str, Any]) -> "TextEncoder":
        """Rebuild an encoder from its `state`.

        Raises:
            BundleError: A field is missing, unknown or invalid; the message names it.
        """
        _check_state(state)
        return cls(
            tokenizer=get_tokenizer(state["tokenizer"]),
            vocabulary=Vocabulary(words=tuple(state["words"]), unknown=state["unknown"]),
            max_tokens=state["max_tokens"],
            truncate=state["truncate"],
        )


def concatenate(parts: Iterable[EncodedTexts]) -> EncodedTexts:
    """Concatenate encoded texts; the ids of many texts are in a temporary file."""
    ids, lengths, n_truncated = GrowingArray(np.int32), GrowingArray(np.int64), 0
    for part in parts:
        ids.append(part.ids)
        lengths.append(part.lengths)
        n_truncated += part.n_truncated
    return EncodedTexts(ids.array(), as_offsets(lengths.array()), n_truncated)


def checked(texts: Iterable[str]) -> Iterator[str]:
    """Pass texts on.

    Raises:
        DataError: It is one text, or something among them is not a string.
    """
    if isinstance(texts, str):
        raise DataError("expected a list of texts, not one text; put it in a list: [text]")
    for position, text in enumerate(texts):
        if not isinstance(text, str):
            raise DataError(
                f"text {position} is {text!r}, a {type(text).__name__}; every text must be a string"
            )
        yield text


def as_offsets(lengths: NDArray[np.int64]) -> NDArray[np.int64]:
    """Return the start of each text, and the end of the last one: int64 [n + 1]."""
    offsets = np.zeros(len(lengths) + 1, dtype=np.int64)
    lengths.cumsum(out=offsets[1:])
    return offsets


def _ids_of_piece(tokenizer: Tokenizer, vocabulary: Vocabulary, piece: str) -> bytes:
    """Return the ids of a piece, int32 in bytes."""
    return np.array(vocabulary.ids(tokenizer.tokens_of(piece)), np.int32).tobytes()


def _check_state(state: Mapping[str, Any]) -> None:
    """Refuse a state whose fields are missing, unknown or invalid."""
    for name in (*_STATE, *state):
        if name not in state:
            raise BundleError(f"the text encoder has no field '{name}': the bundle is incomplete")
        if name not in _STATE:
            raise BundleError(
                f"the text encoder has a field '{name}' that this version of wordgate does not know"
            )
    for name, (allowed, is_allowed) in _STATE.items():
        if not is_allowed(state[name]):
            shown = f"{state[name]!r:.80}"
            raise BundleError(f"the text encoder's field '{name}' must be {allowed}, not {shown}")


_STATE: dict[str, tuple[str, Callable[[Any], bool]]] = {
    "tokenizer": ("the name of a tokenizer", lambda v: isinstance(v, str) and v in TOKENIZERS),
    "max_tokens": ("a whole number of at least 1", lambda v: type(v) is int and v >= 1),
    "truncate": ("'end' or 'front'", lambda v: v in _TRUNCATE),
    "unknown": (f"{UNKNOWN} or null", lambda v: v is None or (type(v) is int and v == UNKNOWN)),
    "words": (
        "a list of distinct, non-empty strings",
        lambda v: (
            isinstance(v, list)
            and all(isinstance(word, str) and word for word in v)
            and len(set(v)) == len(v)
        ),
    ),
}
