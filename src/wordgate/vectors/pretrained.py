"""Pretrained word vectors: found by file or name, looked up in one pass, results cached."""

from __future__ import annotations

import time
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from pathlib import Path

from wordgate.data.named import KaggleFile, fetch
from wordgate.errors import DataError, did_you_mean, near_miss
from wordgate.runtime.progress import Progress
from wordgate.storage.files import expand_home
from wordgate.tables.encoding import without_surrogates
from wordgate.tables.source import is_file, missing_file
from wordgate.text.tokenizers import Tokenizer
from wordgate.vectors.formats import open_vectors
from wordgate.vectors.lookup import LookupResult, Spelling, lookup_words, spellings
from wordgate.vectors.lookup_cache import cache_key, read_cache, write_cache
from wordgate.vectors.vector_file import VectorFile

CACHED_FROM_SECONDS = 0.2
"""Minimum seconds of reading for which a result is cached."""


@dataclass(frozen=True, kw_only=True)
class NamedVectors(KaggleFile):
    """Public word vectors that have a name of their own."""

    gigabytes: float  # how large the file is, unpacked


NAMED_VECTORS = {
    named.name: named
    for named in (
        NamedVectors(  # 3 million words and phrases of news, 300 numbers each, case-sensitive
            name="googlenews",
            kaggle="leadbest/googlenewsvectorsnegative300",
            file="GoogleNews-vectors-negative300.bin",
            gigabytes=3.6,
        ),
        NamedVectors(  # 2.2 million words of web pages, 300 numbers each, case-sensitive
            name="glove",
            kaggle="takuok/glove840b300dtxt",
            file="glove.840B.300d.txt",
            gigabytes=5.6,
        ),
        NamedVectors(  # 1.2 million words of tweets, 100 numbers each, lower-cased
            name="glove-twitter",
            kaggle="bertcarremans/glovetwitter27b100dtxt",
            file="glove.twitter.27B.100d.txt",
            gigabytes=1.0,
        ),
        NamedVectors(  # 2 million words of web pages, 300 numbers each, case-sensitive
            name="fasttext",
            kaggle="yekenot/fasttext-crawl-300d-2m",
            file="crawl-300d-2M.vec",
            gigabytes=4.5,
        ),
    )
}


def locate_vectors(name_or_path: str | Path, progress: Progress | None = None) -> Path:
    """Turn a file, or one of `NAMED_VECTORS`, into the path of a file; a file wins over a name.

    What the file holds is not looked at.

    Raises:
        DataError: There is no such file and no such name, or Kaggle can't be reached.
        MissingExtraError: The file has to be fetched, and kagglehub isn't installed.
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
    missing = missing_file(path)
    hint = near_miss(name, list(NAMED_VECTORS))
    if path.suffix or len(path.parts) > 1 or ("did you mean" in missing and not hint):
        raise DataError(missing)
    hint = hint or did_you_mean(name, NAMED_VECTORS)
    raise DataError(f"no file or word vectors '{name}'{hint}")


@dataclass(frozen=True)
class PretrainedVectors:
    """Word vectors to begin a training with.

    Attributes:
        file: The file they stand in.
        called: What metrics and messages call them; None for the file's name. Those that have a
            name of their own were made for one run, and lookups in them are not cached.
    """

    file: VectorFile
    called: str | None = None

    @classmethod
    def open(cls, vectors: str | Path, progress: Progress) -> PretrainedVectors:
        """Find word vectors by file or by name, and see what kind they are; nothing more is read.

        Raises:
            DataError: There is no such file or name, it can't be fetched, or it is no such file.
            MissingExtraError: It needs fetching, and kagglehub isn't installed.
        """
        return cls(open_vectors(locate_vectors(vectors, progress)))

    @property
    def dim(self) -> int:
        """The dimensions of a vector."""
        return self.file.dim

    @property
    def name(self) -> str:
        """Name of the vectors: their public name, or the file name."""
        return self.called or without_surrogates(self.file.path.name)

    def lookup(self, words: Sequence[str], spelling: Spelling, progress: Progress) -> LookupResult:
        """Find a vocabulary's words: in what an earlier run kept, else in the file.

        Raises:
            DataError: The file is broken.
        """
        if self.called is not None:
            return lookup_words(self.file, words, spelling)
        key = cache_key(self.file.path, words, spelling)
        found = read_cache(key)
        if found is not None:
            progress.detail(f"Word vectors of {self.file.path}, from the cache of an earlier run.")
            return found
        started = time.monotonic()
        progress.detail(f"Looking {len(words):,} words up in {self.file.path}.")
        found = lookup_words(self.file, words, spelling)
        if time.monotonic() - started >= CACHED_FROM_SECONDS:
            try:
                folder = write_cache(key, found)
                progress.detail(f"The vectors found are cached for the next run in {folder}.")
            except (DataError, OSError) as error:
                progress.say(f"The vectors found could not be cached for the next run: {error}")
        return found

    def more_words(
        self, tokenizer: Tokenizer, known: Collection[str], limit: int, spelling: Spelling
    ) -> list[str]:
        """Name the first words of the table that texts could have and a vocabulary hasn't.

        A word counts if the tokenizer makes one token of it. Phrases, joined by ``_``, are left
        out, and so is what `lookup` would not find again.

        Raises:
            DataError: The file is broken.
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
