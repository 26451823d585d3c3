"""Subword ids of texts by the tokenizer of a pretrained transformer."""

from __future__ import annotations

import json
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from wordgate.errors import BundleError
from wordgate.runtime.threads import choose_threads
from wordgate.tables.encoding import without_surrogates
from wordgate.text.encoder import EncodedTexts, as_offsets

if TYPE_CHECKING:
    from tokenizers import Encoding, Tokenizer

FIRST_ID = 1
"""Added to a tokenizer's ids, because 0 is padding here and an ordinary subword there."""

_UNKNOWN = ("[UNK]", "<unk>")  # names of the unknown token
_AT_ONCE = 4096  # texts: a tokenizer's result takes far more memory than the ids


class SubwordSpan(NamedTuple):
    """A word that a tokenizer splits into subwords."""

    start: int  # offset of its first character in the text, in code points
    end: int  # offset after the last character of its subwords
    known: bool  # whether none of its subwords is the unknown token


class SubwordEncoder:
    """Converts texts to ids of subwords, in training and in prediction.

    Args:
        tokenizer: The tokenizer, which adds the special tokens of its model. Its padding is
            disabled and its truncation is set to `max_tokens`.
        max_tokens: Maximum subwords of a text, special tokens included; the end is cut off.
    """

    def __init__(self, tokenizer: Tokenizer, max_tokens: int):
        tokenizer.no_padding()
        tokenizer.enable_truncation(max_length=max_tokens)
        self._tokenizer = tokenizer
        self.max_tokens = max_tokens

    @property
    def vocab_size(self) -> int:
        """The number of possible ids: the highest plus one."""
        return max(self._tokenizer.get_vocab(with_added_tokens=True).values(), default=-1) + 1

    def special_ids(self) -> frozenset[int]:
        """Return the ids, as from `encode`, of special tokens and of the unknown token."""
        special = {id_ for id_, token in self._added().items() if token.special}
        return frozenset(id_ + FIRST_ID for id_ in special | self._unknown_ids())

    def whole_words(self) -> list[str]:
        """Return the whole words of the tokenizer's vocabulary, in its order."""
        decoder = self._tokenizer.decoder
        return whole_words(
            self._tokenizer.get_vocab(with_added_tokens=False),
            {token.content for token in self._added().values() if token.special},
            lambda token: token if decoder is None else decoder.decode([token]),
        )

    def _unknown_ids(self) -> set[int]:
        ids = map(self._tokenizer.token_to_id, _UNKNOWN)
        return {id_ for id_ in ids if id_ is not None}

    def _added(self) -> Mapping[int, Any]:
        return self._tokenizer.get_added_tokens_decoder()

    def encode(self, texts: Sequence[str], *, threads: int | None = None) -> EncodedTexts:
        """Encode texts; each id is that of the tokenizer plus `FIRST_ID`.

        With one thread (see `choose_threads`) the calling thread is used; otherwise the thread pool
        of the library tokenizers, with a thread per core or RAYON_NUM_THREADS threads.
        """
        alone = len(texts) == 1 or choose_threads(threads) == 1
        ids: list[NDArray[np.int32]] = []
        n_truncated = 0
        for start in range(0, len(texts), _AT_ONCE):
            part = [without_surrogates(text) for text in texts[start : start + _AT_ONCE]]
            with _usable_tokenizer():
                if alone:
                    encodings = [self._tokenizer.encode(text) for text in part]
                else:
                    encodings = self._tokenizer.encode_batch_fast(part)
            for encoding in encodings:
                ids.append(np.array(encoding.ids, np.int32) + np.int32(FIRST_ID))
                n_truncated += len(ids[-1]) == self.max_tokens and bool(encoding.overflowing)
        offsets = as_offsets(np.fromiter(map(len, ids), np.int64, len(ids)))
        return EncodedTexts(np.concatenate([np.zeros(0, np.int32), *ids]), offsets, n_truncated)

    def words(self, text: str) -> tuple[list[SubwordSpan], int]:
        """Return the words with subwords within `max_tokens`.

        Args:
            text: A text without lone surrogates.

        Returns:
            The words, whose spans increase and do not overlap; and the number of words of the whole
            text.
        """
        encoding = self._tokenizer.encode(text)
        parts = [encoding, *encoding.overflowing]
        n_words = len({word for part in parts for word in part.word_ids if word is not None})
        words = self._joined(encoding, text)
        return words, max(n_words, len(words))

    def _joined(self, encoding: Encoding, text: str) -> list[SubwordSpan]:
        """Join the subwords of each word; special tokens, which have no characters, are omitted."""
        words: list[SubwordSpan] = []
        before = None
        unknown = self._unknown_ids()
        for subword, (start, end), word in zip(
            encoding.ids, encoding.offsets, encoding.word_ids, strict=True
        ):
            covered = text[start:end]
            start += len(covered) - len(covered.lstrip())
            end = start + len(covered.strip())
            known = subword not in unknown
            if words and word is not None and word == before:
                last = words[-1]
                words[-1] = SubwordSpan(last.start, max(last.end, end), last.known and known)
            elif (start := max(start, words[-1].end if words else 0)) < end:
                words.append(SubwordSpan(start, end, known))
                before = word
        return words

    def state(self) -> dict[str, Any]:
        """Return the encoder as JSON values."""
        return {"tokenizer": json.loads(self._tokenizer.to_str()), "max_tokens": self.max_tokens}

    @classmethod
    def from_state(cls, state: Mapping[str, Any]) -> SubwordEncoder:
        """Restore an encoder from its `state`.

        Raises:
            BundleError: A part is missing or not valid.
        """
        from tokenizers import Tokenizer

        for name in ("tokenizer", "max_tokens"):
            if name not in state:
                raise BundleError(f"the model has no part '{name}'; train it again")
        limit = state["max_tokens"]
        if type(limit) is not int or limit < 1:
            raise BundleError(f"the model's max_tokens is {limit!r:.80}, not a number above 0")
        with _usable_tokenizer():
            tokenizer = Tokenizer.from_str(json.dumps(state["tokenizer"]))
            frame = tokenizer.num_special_tokens_to_add(is_pair=False)
            encoder = cls(tokenizer, limit)
        if limit <= frame:  # then it would cut nothing
            raise BundleError(
                f"the model's max_tokens is {limit}, and its tokenizer frames a text by {frame}"
            )
        return encoder


def whole_words(
    ids: Mapping[str, int], special: Collection[str], spelled: Callable[[str], str]
) -> list[str]:
    """Return the whole words of a vocabulary of subwords, in the order of their ids.

    Args:
        ids: The ids of the subwords.
        special: The special tokens, which are left out.
        spelled: Returns the characters of a subword that begins a word.
    """
    tokens = [token for token in sorted(ids, key=ids.__getitem__) if token not in special]
    # Most vocabularies mark subwords that begin a word; BERT's marks those that continue one. Each
    # mark may also be an ordinary character of a vocabulary: the most frequent one is its mark.
    marked = {
        mark: [token for token in tokens if token.startswith(mark)] for mark in ("##", "▁", "Ġ")
    }
    mark = max(marked, key=lambda mark: len(marked[mark]))
    if mark == "##":
        return [token for token in tokens if not token.startswith(mark)]
    words = (spelled(token).replace(mark, " ").strip() for token in marked[mark])
    return [word for word in words if word]


@contextmanager
def _usable_tokenizer() -> Iterator[None]:
    """Convert errors of the library tokenizers to a `BundleError`."""
    try:
        yield
    except BaseException as error:
        # The library has no class of errors, and its panics are not subclasses of `Exception`.
        if not isinstance(error, Exception) and type(error).__name__ != "PanicException":
            raise
        raise BundleError(f"the model's tokenizer cannot be used: {error!s:.200}") from error
