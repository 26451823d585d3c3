"""Readers of untrusted Keras files: a `.keras` archive, and the JSON file of a tokenizer.

A `.keras` file is a zip archive of two JSON files and one HDF5 file. Only members with known names
are extracted. Members have limits of size and compression ratio.
"""

from __future__ import annotations

import io
import json
import os
import re
import tempfile
import zipfile
import zlib
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any

from wordgate.errors import BundleError
from wordgate.interchange.hdf5 import SIGNATURE, ArrayFile
from wordgate.runtime.display import brief, shown
from wordgate.tables.encoding import without_surrogates
from wordgate.text.tokenizers import KERAS_FILTERS
from wordgate.text.vocabulary import UNKNOWN, Vocabulary

METADATA, CONFIG, WEIGHTS = "metadata.json", "config.json", "model.weights.h5"
LIMITS = {METADATA: 2**20, CONFIG: 2**24, WEIGHTS: 2**33}
"""Maximum uncompressed bytes of a member."""
EXPANSION = 100
"""Maximum compression ratio of a member; Keras itself does not compress."""
SMALL = 2**20
"""Members up to this size may have a higher ratio."""
RESAVE = "load it in Keras 3 and save it with model.save('model.keras')"
_BLOCK = 2**20
_PLAIN = (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED)
_ENCRYPTED = 0x1
_VERSION = re.compile(r"(\d{1,4})(\.[0-9A-Za-z]{1,16}){1,5}")
# Errors of zipfile for damaged files.
_DAMAGE = (
    zipfile.BadZipFile, zlib.error, EOFError, LookupError, NotImplementedError, OverflowError,
    RuntimeError, ValueError,
)  # fmt: skip


@dataclass(frozen=True)
class KerasArchive:
    """The content of a `.keras` file."""

    version: str  # the version of Keras
    config: Mapping[str, Any]  # the architecture
    weights: ArrayFile


@contextmanager
def open_keras(path: Path) -> Iterator[KerasArchive]:
    """Open a `.keras` file.

    Raises:
        BundleError: It is not such a file, is damaged, or has impossible sizes.
    """
    _check_kind(path)
    with tempfile.TemporaryFile() as weights:
        try:
            with zipfile.ZipFile(path) as archive:
                version = _version(_object(archive, METADATA))
                config = _object(archive, CONFIG)
                size = _copy(archive, WEIGHTS, weights)
        except _DAMAGE as error:
            raise BundleError(f"the file is damaged: {shown(str(error), 200)}") from error
        except OSError as error:  # for example, a seek to an invalid position
            raise BundleError(f"the file cannot be unpacked: {error.strerror}") from error
        yield KerasArchive(version, config, ArrayFile(weights, size))


def _check_kind(path: Path) -> None:
    """Raise a `BundleError` for a file that is not a zip archive, and describe its type."""
    if os.path.isdir(path):  # also accepts a path too long for the system
        raise BundleError(f"this is a folder, not a .keras file; {RESAVE}")
    if not os.path.isfile(path):
        raise BundleError("there is no such file")
    try:
        with path.open("rb") as file:
            start = file.read(len(SIGNATURE))
    except OSError as error:
        raise BundleError(f"the file cannot be read: {error.strerror}") from error
    if start == SIGNATURE:
        raise BundleError(f"this is an HDF5 file, the older format of Keras; {RESAVE}")
    if not zipfile.is_zipfile(path):
        raise BundleError("this is not a .keras file (a zip archive), or it is truncated")


def _version(metadata: Mapping[str, Any]) -> str:
    """Return the version of Keras; refuse versions with another file layout."""
    version = metadata.get("keras_version")
    match = _VERSION.fullmatch(version) if isinstance(version, str) else None
    if match is None:
        raise BundleError(
            f"{METADATA} has the keras_version {brief(version)}, which is not a version"
        )
    if match[1] != "3":
        raise BundleError(
            f"it was saved by Keras {match[0]}, and only Keras 3 is supported; {RESAVE}"
        )
    return match[0]


def _object(archive: zipfile.ZipFile, name: str) -> Mapping[str, Any]:
    """Read a member that contains a JSON object."""
    content = io.BytesIO()
    _copy(archive, name, content)
    value = _parsed(content.getvalue(), f"{name} in it")
    if not isinstance(value, dict):
        raise BundleError(f"{name} in it is not a JSON object but {brief(value)}")
    return value


def _copy(archive: zipfile.ZipFile, name: str, to: IO[bytes]) -> int:
    """Extract a member, and return its size in bytes."""
    info = _checked(archive, name)
    copied = 0
    with archive.open(info) as member:
        while block := member.read(_BLOCK):
            copied += len(block)
            if copied > info.file_size:
                break
            to.write(block)
    if copied != info.file_size:
        raise BundleError(
            f"the file is damaged: {name} has {copied:,} bytes where {info.file_size:,} belong"
        )
    return copied


def _checked(archive: zipfile.ZipFile, name: str) -> zipfile.ZipInfo:
    """Find a member; refuse impossible sizes."""
    members = [info for info in archive.infolist() if info.filename == name]
    if not members:
        raise BundleError(f"this is not a model saved by Keras 3: there is no {name} in it")
    if len(members) > 1:
        raise BundleError(f"the file is damaged: it contains {name} {len(members)} times")
    info = members[0]
    if info.flag_bits & _ENCRYPTED or info.compress_type not in _PLAIN:
        raise BundleError(f"{name} in it is encrypted or packed in a way that Keras never does")
    if info.file_size > LIMITS[name]:
        raise BundleError(
            f"{name} in it claims {info.file_size:,} bytes; the maximum is {LIMITS[name]:,}"
        )
    if info.file_size > max(SMALL, EXPANSION * info.compress_size):
        raise BundleError(
            f"{name} in it claims {info.file_size:,} bytes from {info.compress_size:,} compressed"
            " bytes, like a zip bomb"
        )
    return info


LARGEST_FILE = 2**29
WRITE = "write it with: open('tokenizer.json', 'w').write(tokenizer.to_json())"
# The configuration of wordgate's tokenizer `keras`, which is Keras' default.
_DEFAULTS = {"filters": KERAS_FILTERS, "lower": True, "split": " ", "char_level": False}


def read_vocabulary(path: Path) -> Vocabulary:
    """Read the vocabulary of a tokenizer from its JSON file.

    Unknown words have the id 1 if there is an ``oov_token``; otherwise Keras drops them.

    Raises:
        BundleError: It is not such a file, or its tokenizer is configured differently.
    """
    config = _tokenizer_config(path)
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


def _tokenizer_config(path: Path) -> Mapping[str, Any]:
    if not os.path.isfile(path):  # also accepts a path too long for the system
        raise BundleError("there is no such file")
    if path.stat().st_size > LARGEST_FILE:
        raise BundleError(f"the file has more than {LARGEST_FILE:,} bytes, which is the maximum")
    try:
        raw = path.read_bytes()
    except OSError as error:
        raise BundleError(f"the file cannot be read: {error.strerror}") from error
    content = _parsed(raw, "the file", f"; {WRITE}")
    config = content.get("config") if isinstance(content, dict) else None
    if not isinstance(config, dict) or content.get("class_name") != "Tokenizer":
        raise BundleError(f"the file does not contain Keras' legacy Tokenizer; {WRITE}")
    return config


def _words(config: Mapping[str, Any]) -> list[str]:
    """Return all words in the order of their indices, which must be 1, 2, 3 and so on."""
    index = config.get("word_index")
    if isinstance(index, str):
        index = _parsed(index, "the tokenizer's word_index")
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
                f"the tokenizer's word {brief(word)} cannot be imported: it cannot be encoded in"
                " UTF-8"
            )
    return words


def _parsed(content: str | bytes, name: str, remedy: str = "") -> Any:
    try:
        return json.loads(content)
    except (ValueError, RecursionError) as error:
        raise BundleError(f"{name} is not JSON ({shown(str(error), 200)}){remedy}") from error
