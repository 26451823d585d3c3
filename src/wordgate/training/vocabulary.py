"""The vocabulary of a training, and pretrained vectors for its words."""

import hashlib
import json
from dataclasses import dataclass

import numpy as np

from wordgate.errors import DataError
from wordgate.runtime.progress import Progress, stage
from wordgate.settings import Settings
from wordgate.text.encoder import EncodedTexts, TextEncoder
from wordgate.text.vocabulary import Vocabulary
from wordgate.training.fitting import FitData
from wordgate.vectors.lookup import LookupResult, VocabularyCoverage
from wordgate.vectors.pretrained import PretrainedVectors


@dataclass(frozen=True)
class VocabularyWithVectors:
    """A vocabulary with pretrained vectors."""

    encoder: TextEncoder  # the encoder
    encoded: EncodedTexts  # the training texts
    found: LookupResult  # the vectors found for the vocabulary's words, in their order
    coverage: VocabularyCoverage  # the number of words that have one

    def vectors_digest(self) -> str:
        """Return a SHA-256 of the vectors."""
        content = hashlib.sha256(np.ascontiguousarray(self.found.vectors).data)
        content.update(np.ascontiguousarray(self.found.known).data)
        return content.hexdigest()


def fit_vocabulary(data: FitData, settings: Settings) -> tuple[TextEncoder, EncodedTexts]:
    """Fit the vocabulary on the training texts, or others if given; encode the training texts."""
    source = data.train if data.vocabulary_of is None else data.vocabulary_of
    encoder, encoded = TextEncoder.fit(
        source.texts,
        groups=source.groups,
        tokenizer=settings.text.tokenizer,
        max_tokens=settings.text.max_tokens,
        truncate=settings.text.truncate,
        unknown=settings.text.unknown_words == "id",
        ties="first" if settings.text.tokenizer == "keras" else "word",
        min_groups=settings.text.min_groups,
        min_count=settings.text.min_count,
        max_words=settings.text.max_words,
    )
    return encoder, encoded if source is data.train else encoder.encode(data.train.texts)


def fit_vocabulary_with_vectors(
    data: FitData, vectors: PretrainedVectors, settings: Settings, progress: Progress
) -> VocabularyWithVectors:
    """Fit the vocabulary, add words that have vectors, and find the vectors of all words.

    Raises:
        DataError: No word of the training texts has a vector, or the file is broken.
    """
    with stage(progress, f"Tokenizing {len(data.train):,} texts"):
        encoder, encoded = fit_vocabulary(data, settings)
    learned = encoder.vocabulary
    spelling, limit = settings.vectors.spelling, settings.vectors.more_words
    with stage(progress, f"Looking words up in {vectors.name}"):
        more = vectors.more_words(encoder.tokenizer, learned.index, limit, spelling)
        if more:
            encoder = encoder.extend(more)
            encoded = encoder.encode(data.train.texts)
    found = vectors.lookup(encoder.vocabulary.words, spelling, progress)
    if not (found.first(len(learned.words)) if learned.words else found).known.any():
        raise DataError(
            f"none of the vocabulary's {len(learned.words):,} words has a vector in"
            f" {vectors.file.path}: do language and spelling match?"
        )
    tokens = np.bincount(encoded.ids, minlength=len(learned))[learned.first_id : len(learned)]
    coverage = VocabularyCoverage.of(
        learned.words, tokens, found.first(len(learned.words)), len(more)
    )
    summary, *details = coverage.lines()
    progress.say(summary)
    progress.detail("\n".join(details))
    return VocabularyWithVectors(encoder, encoded, found, coverage)


def vocabulary_digest(vocabulary: Vocabulary, *encoded: EncodedTexts) -> str:
    """Return a SHA-256 of the vocabulary, its ids and the tokenized texts."""
    words = json.dumps([vocabulary.unknown, *vocabulary.words])
    return hashlib.sha256(f"{words}{ids_digest(*encoded)}".encode()).hexdigest()


def ids_digest(*encoded: EncodedTexts) -> str:
    """Return a SHA-256 of ids and tokenized texts."""
    content = hashlib.sha256()
    for texts in encoded:
        content.update(texts.offsets.tobytes() + texts.ids.tobytes())
    return content.hexdigest()


def vocabulary_remarks(data: FitData, encoded: EncodedTexts, settings: Settings) -> list[str]:
    """Describe limitations of the vocabulary, and training texts that were truncated."""
    remarks = []
    if data.vocabulary_of is not None:
        remarks.append(
            "The vocabulary was fitted on all rows, not only on the training rows"
            " (text.vocabulary_from=all): the model knows words of the test rows that it would not"
            " know in new texts."
        )
    if encoded.n_truncated:
        remarks.append(
            f"{encoded.n_truncated:,} of {len(encoded):,} training texts are longer than"
            f" {settings.text.max_tokens} tokens and were truncated at the"
            f" {settings.text.truncate}."
        )
    return remarks
