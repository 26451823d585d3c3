"""The vocabulary of Keras' legacy ``Tokenizer``, from what its ``to_json()`` writes."""

import json
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from wordgate.errors import BundleError
from wordgate.runtime.display import brief, shown
from wordgate.tables.encoding import without_surrogates
from wordgate.text.vocabulary import UNKNOWN, Vocabulary

LARGEST_FILE = 2**29
WRITE = "write it with: open('tokenizer.json', 'w').write(tokenizer.to_json())"
# What wordgate's tokenizer `keras` does; the defaults of Keras' own.
_DEFAULTS = {
    "filters": '!"#$%&()*+,-./:;<=>?@[\\]^_`{|}~\t\n',
    "lower": True,
    "split": " ",
    "char_level": False,
}


def read_vocabulary(path: Path) -> Vocabulary:
    """Read the words that a tokenizer gives ids to, and the fate of all others.

    Args:
        path: The file that holds what ``to_json()`` gave.

    Returns:
        The words by their ids. Unknown words have the id 1 if there is an ``oov_token``, and none
        if there isn't: then Keras drops them.

    Raises:
        BundleError: It is no such file, or its tokenizer cuts texts in another way.
    """
    config = _config(_json(path))
    for field, expected in _DEFAULTS.items():
        if config.get(field) != expected:
            raise BundleError(
                f"the tokenizer has {field}={config.get(field)!r}; only Keras' default"
                f" {field}={expected!r} can be imported"
            )
    words = _words(config)
    oov, limit = config.get("oov_token"), config.get("num_words")
    if oov is not None and (not isinstance(oov, str) or words[:1] != [oov]):
        raise BundleError(f"the tokenizer's oov_token {brief(oov)} does not have the index 1")
    if limit is not None and (type(limit) is not int or limit < 1):
        raise BundleError(
            f"the tokenizer has num_words={brief(limit)}; it must be a whole number from 1, or none"
        )
    known = words if limit is None else words[: limit - 1]  # Keras keeps ids below num_words
    return Vocabulary(
        words=tuple(known if oov is None else known[1:]), unknown=None if oov is None else UNKNOWN
    )


def _json(path: Path) -> Any:
    if not os.path.isfile(path):  # which takes a path too long for the system, too
        raise BundleError("there is no such file")
    if path.stat().st_size > LARGEST_FILE:
        raise BundleError(f"the file has more than {LARGEST_FILE:,} bytes, which are not read")
    try:
        content = path.read_bytes()
    except OSError as error:
        raise BundleError(f"the file can't be read: {error.strerror}") from error
    try:
        return json.loads(content)
    except (ValueError, RecursionError) as error:
        raise BundleError(f"the file is not JSON ({shown(str(error), 200)}); {WRITE}") from error


def _config(content: Any) -> Mapping[str, Any]:
    config = content.get("config") if isinstance(content, dict) else None
    if not isinstance(config, dict) or content.get("class_name") != "Tokenizer":
        raise BundleError(f"the file does not hold Keras' legacy Tokenizer; {WRITE}")
    return config


def _words(config: Mapping[str, Any]) -> list[str]:
    """Give all words in the order of their indices, which must be 1, 2, 3 and so on."""
    index = config.get("word_index")
    try:
        index = json.loads(index) if isinstance(index, str) else index
    except (ValueError, RecursionError) as error:
        raise BundleError(
            f"the tokenizer's word_index is not JSON ({shown(str(error), 200)})"
        ) from error
    if not isinstance(index, dict) or not all(type(number) is int for number in index.values()):
        raise BundleError("the tokenizer's word_index must give each word a whole number")
    words = sorted(index, key=index.__getitem__)
    for expected, word in enumerate(words, start=1):
        if index[word] != expected:
            raise BundleError(
                f"the tokenizer's word_index must count 1, 2, 3 and so on, but {brief(word)} has"
                f" {index[word]} where {expected} belongs"
            )
        if not word or without_surrogates(word) != word:
            raise BundleError(
                f"the tokenizer's word {brief(word)} can't be kept: a word is a text that UTF-8"
                " can write"
            )
    return words
