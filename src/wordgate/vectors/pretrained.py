"""Pretrained word vectors: located by file or name, looked up in one pass, results cached."""

from __future__ import annotations

import time
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from pathlib import Path

from wordgate.data.named import KaggleFile, fetch, unknown_name
from wordgate.errors import DataError
from wordgate.runtime.progress import Progress
from wordgate.storage.files import expand_home
from wordgate.tables.encoding import without_surrogates
from wordgate.tables.source import is_file
from wordgate.text.tokenizers import Tokenizer
from wordgate.vectors.formats import open_vectors
from wordgate.vectors.lookup import LookupResult, Spelling, lookup_words, spellings
from wordgate.vectors.lookup_cache import cache_key, read_cache, write_cache
from wordgate.vectors.vector_file import VectorFile

CACHED_FROM_SECONDS = 0.2
"""Minimum seconds of reading for which a result is cached."""


@dataclass(frozen=True, kw_only=True)
class NamedVectors(KaggleFile):
    """Named public word vectors."""

    gigabytes: float  # size of the unpacked file


NAMED_VECTORS = {
    named.name: named
    for named in (
        # 3 million words and phrases of news, 300 dimensions, case-sensitive
        NamedVectors(
            name="googlenews",
            kaggle="leadbest/googlenewsvectorsnegative300",
            file="GoogleNews-vectors-negative300.bin",
            gigabytes=3.6,
        ),
        # 2.2 million words of web pages, 300 dimensions, case-sensitive
        NamedVectors(
            name="glove",
            kaggle="takuok/glove840b300dtxt",
            file="glove.840B.300d.txt",
            gigabytes=5.6,
        ),
        # 1.2 million words of tweets, 100 dimensions, lower-cased
        NamedVectors(
            name="glove-twitter",
            kaggle="bertcarremans/glovetwitter27b100dtxt",
            file="glove.twitter.27B.100d.txt",
            gigabytes=1.0,
        ),
        # 2 million words of web pages, 300 dimensions, case-sensitive
        NamedVectors(
            name="fasttext",
            kaggle="yekenot/fasttext-crawl-300d-2m",
            file="crawl-300d-2M.vec",
            gigabytes=4.5,
        ),
    )
}


def locate_vectors(name_or_path: str | Path, progress: Progress | None = None) -> Path:
    """Return the path of a file, or of one of `NAMED_VECTORS`; a file has precedence over a name.

    The content of the file is not read.

    Raises:
        DataError: There is no such file or name, or Kaggle cannot be reached.
        MissingExtraError: The file must be downloaded, and kagglehub is not installed.
    """
    name = str(name_or_path)
    if not name.strip():
        names = ", ".join(NAMED_VECTORS)
        raise DataError(f"the name of the word vectors is empty: give a file or one of {names}")
    path = expand_home(name)
    is_folder = is_file(path) and path.is_dir()
    if is_file(path) and not is_folder:
        return path
    if name in NAMED_VECTORS:
        named = NAMED_VECTORS[name]
        remark = (
            f"{name}: {named.gigabytes:g} GB are downloaded with kagglehub ({named.file} of"
            f" the Kaggle data set {named.kaggle}), unless they are in its cache"
        )
        return fetch(named, given_as="--vectors", remark=remark, progress=progress)
    if is_folder:
        raise DataError(f"'{path}' is a folder; give the file of word vectors in it")
    raise unknown_name(name, path, NAMED_VECTORS, "word vectors")


@dataclass(frozen=True)
class PretrainedVectors:
    """Word vectors to initialize a training.

    Attributes:
        file: Their file.
        called: Their name in metrics and messages; None for the file name. Vectors with another
            name were made for one run, and lookups in them are not cached.
    """

    file: VectorFile
    called: str | None = None

    @classmethod
    def open(cls, vectors: str | Path, progress: Progress) -> PretrainedVectors:
        """Locate word vectors by file or by name, and detect their format.

        Raises:
            DataError: There is no such file or name, it cannot be downloaded, or its format is
                unknown.
            MissingExtraError: It must be downloaded, and kagglehub is not installed.
        """
        return cls(open_vectors(locate_vectors(vectors, progress)))

    @property
    def dim(self) -> int:
        """The dimensions of a vector."""
        return self.file.dim

    @property
    def name(self) -> str:
        """The name of the vectors: `called`, or the file name."""
        return self.called or without_surrogates(self.file.path.name)

    def lookup(self, words: Sequence[str], spelling: Spelling, progress: Progress) -> LookupResult:
        """Look up the words of a vocabulary in the cache, or else in the file.

        Raises:
            DataError: The file is damaged.
        """
        if self.called is not None:
            return lookup_words(self.file, words, spelling)
        key = cache_key(self.file.path, words, spelling)
        result = read_cache(key)
        if result is not None:
            progress.detail(f"Word vectors of {self.file.path}, from the cache of an earlier run.")
            return result
        started = time.monotonic()
        progress.detail(f"Looking {len(words):,} words up in {self.file.path}.")
        result = lookup_words(self.file, words, spelling)
        if time.monotonic() - started >= CACHED_FROM_SECONDS:
            try:
                folder = write_cache(key, result)
                progress.detail(f"The vectors found are cached for the next run in {folder}.")
            except (DataError, OSError) as error:
                progress.say(f"The vectors found could not be cached for the next run: {error}")
        return result

    def more_words(
        self, tokenizer: Tokenizer, known: Collection[str], limit: int, spelling: Spelling
    ) -> list[str]:
        """Return the first `limit` words of the table that are not in a vocabulary.

        These are words that the tokenizer keeps as one token, without phrases (joined by ``_``)
        and words that `lookup` would not find.

        Raises:
            DataError: The file is damaged.
        """
        if not limit:
            return []
        more: dict[str, None] = {}
        for words in self.file.words():
            for entry in words:
                word = entry.decode(errors="replace")
                tokens = tokenizer(word)
                if len(tokens) != 1 or "_" in tokens[0] or tokens[0] in known:
                    continue
                if word in spellings(tokens[0], spelling) and word.encode() == entry:
                    more[tokens[0]] = None
                if len(more) == limit:
                    return list(more)
        return list(more)
