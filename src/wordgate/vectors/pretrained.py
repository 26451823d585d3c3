"""A file of word vectors as a training uses it: opened early, read once, remembered."""

import time
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from pathlib import Path

from wordgate.progress import Progress
from wordgate.tables.encoding import without_surrogates
from wordgate.text.tokenizers import Tokenizer
from wordgate.vectors import cache
from wordgate.vectors.matching import Found, Spelling, find_words, ways
from wordgate.vectors.named import locate_vectors
from wordgate.vectors.reading import VectorFile, open_vectors

WORTH_KEEPING = 0.2
"""Seconds of reading from which on an answer is kept for the next run."""


@dataclass(frozen=True)
class Pretrained:
    """Word vectors to begin a training with.

    Attributes:
        file: The file they stand in.
        called: What metrics and messages call them; None for the file's name. Those that have a
            name of their own were made for one run, and answers from them are not remembered.
    """

    file: VectorFile
    called: str | None = None

    @classmethod
    def open(cls, vectors: str | Path, progress: Progress) -> "Pretrained":
        """Find word vectors by file or by name, and see what kind they are; nothing more is read.

        Raises:
            DataError: There is no such file or name, it can't be fetched, or it is no such file.
            MissingExtraError: It needs fetching, and kagglehub isn't installed.
        """
        return cls(open_vectors(locate_vectors(vectors, progress)))

    @property
    def size(self) -> int:
        """Numbers a vector."""
        return self.file.size

    @property
    def name(self) -> str:
        """What they are called: without a name of their own, as the file without its folder."""
        return self.called or without_surrogates(self.file.path.name)

    def look_up(self, words: Sequence[str], spelling: Spelling, progress: Progress) -> Found:
        """Find a vocabulary's words: in what an earlier run kept, else in the file.

        Raises:
            DataError: The file is broken.
        """
        if self.called is not None:
            return find_words(self.file, words, spelling)
        key = cache.question_key(self.file.path, words, spelling)
        found = cache.kept_answer(key)
        if found is not None:
            progress.say(f"Word vectors of {self.file.path}, as an earlier run found them.")
            return found
        started = time.monotonic()
        progress.say(f"Looking {len(words):,} words up in {self.file.path}.")
        found = find_words(self.file, words, spelling)
        if time.monotonic() - started >= WORTH_KEEPING:
            self._keep(key, found, progress)
        return found

    def more_words(
        self, tokenizer: Tokenizer, known: Collection[str], limit: int, spelling: Spelling
    ) -> list[str]:
        """Name the first words of the table that texts could have and a vocabulary hasn't.

        Phrases, joined by ``_``, are left out, and so is what `look_up` would not find again.

        Args:
            tokenizer: What cuts the texts; a word counts if it cuts it into one token.
            known: The vocabulary.
            limit: How many words to name at most.
            spelling: How `look_up` will look for them.

        Returns:
            The words as the tokenizer gives them.

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
                if word in ways(tokens[0], spelling) and word.encode() == entry:
                    more[tokens[0]] = None
                if len(more) == limit:
                    return list(more)
        return list(more)

    @staticmethod
    def _keep(key: str, found: Found, progress: Progress) -> None:
        try:
            folder = cache.keep_answer(key, found)
        except OSError as error:
            progress.say(f"The vectors found could not be kept for the next run: {error}")
            return
        progress.say(f"The vectors found are kept for the next run in {folder}.")
