"""What a teacher gives its student besides itself: word vectors, variations, answers."""

import math
from collections import Counter
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from wordgate.experiments.distill import LONGEST_WORD, further_words, write_word_vectors
from wordgate.experiments.teacher_cache import VECTORS, TeacherCache
from wordgate.experiments.teachers import ModelTeacher
from wordgate.models.transformer import TransformerModel
from wordgate.runtime.cpu import torch_threads
from wordgate.runtime.progress import Progress
from wordgate.settings import Settings
from wordgate.text.augmentation import Augmenter, nearest_words
from wordgate.text.tokenizers import get_tokenizer
from wordgate.training.distillation import Teacher, TransferSet, ask
from wordgate.training.fitting import Examples
from wordgate.vectors.distilling import distill_words
from wordgate.vectors.formats import open_vectors
from wordgate.vectors.pretrained import PretrainedVectors

NEIGHBOURS = 8
"""Words that may stand for a word in a variation: its nearest by their vectors."""


def distilled_vectors(
    teachers: Sequence[ModelTeacher],
    texts: Sequence[str],
    folder: TeacherCache,
    progress: Progress,
    settings: Settings,
    threads: int | None,
) -> PretrainedVectors | None:
    """Distill word vectors from the first teacher that is a transformer; None if none is.

    Args:
        teachers: The teachers.
        texts: Texts whose words get a vector, besides the whole words of the teacher's vocabulary.
        folder: Where the vectors are kept, or are already.
        progress: Where it is told.
        settings: The recipe's settings.
        threads: As for `choose_threads`.
    """
    models = {each.name: each.model for each in teachers}
    found = ((name, model) for name, model in models.items() if isinstance(model, TransformerModel))
    name, model = next(found, ("", None))
    if model is None:
        return None
    file = folder.path / VECTORS
    if not file.exists():
        import torch

        from wordgate.training.pretrained_transformer import EncoderWords

        asked = EncoderWords(name, model.encoder, model.network)
        cut = get_tokenizer(settings.text.tokenizer)
        counts = Counter(word for text in texts for word in cut(text))
        frequent = counts.most_common(settings.text.max_words)
        words = [word for word, _ in frequent if len(word) <= LONGEST_WORD]
        words += further_words(asked, words, cut)
        progress.say(f"Distilling vectors of {len(words):,} words from the teacher.")
        with torch_threads(torch, threads):
            made = distill_words(words, asked, progress=progress)
        folder.path.mkdir(parents=True, exist_ok=True)
        write_word_vectors(file, "safetensors", made)
    return PretrainedVectors(open_vectors(file), called=f"distilled from {name}")


def make_augmenter(
    texts: Sequence[str], vectors: PretrainedVectors | None, settings: Settings, progress: Progress
) -> Augmenter:
    """Make variations of texts, with the nearest words by the word vectors if there are any.

    Args:
        texts: The texts whose words may be replaced, those that stand in more than one of them.
        vectors: The word vectors; None to replace none.
        settings: The recipe's settings.
        progress: Where reading the vectors is told.
    """
    tokenizer = get_tokenizer(settings.text.tokenizer)
    if vectors is None or not settings.teacher.variations:
        return Augmenter(tokenizer)
    counts = Counter(word for text in texts for word in dict.fromkeys(tokenizer(text)))
    words = [word for word, n in counts.items() if n > 1 and any(map(str.isalpha, word))]
    found = vectors.lookup(words, settings.vectors.spelling, progress)
    known = [word for word, is_known in zip(words, found.known.tolist(), strict=True) if is_known]
    return Augmenter(tokenizer, nearest_words(known, found.vectors[found.known], NEIGHBOURS))


def label_texts(
    teacher: Teacher,
    transfer: TransferSet,
    test: Examples,
    n_classes: int,
    folder: TeacherCache,
    progress: Progress,
    limit: float,
) -> dict[str, NDArray[np.float32]]:
    """Ask a teacher about the test rows, which nobody learns, and about the transfer set.

    Args:
        teacher: The teacher.
        transfer: The transfer set.
        test: The test rows.
        n_classes: How many labels there are.
        folder: Where the answers are kept, and some may be already.
        progress: Where to show how far it is.
        limit: The `time.monotonic()` from which on nothing more is asked.

    Returns:
        Log-probabilities ``test``, float32 [n_test, classes], and ``transfer``, float32 [n,
        classes], with NaN for what there was no time for.
    """
    shapes = {"transfer": (len(transfer), n_classes), "test": (len(test.texts), n_classes)}
    answers = folder.answers(shapes)
    try:
        for name, texts, order, until in (
            ("test", test.texts, np.arange(len(test.texts)), math.inf),
            ("transfer", transfer.texts, transfer.order, limit),
        ):
            ask(
                teacher,
                texts,
                order,
                answers[name],
                progress=progress,
                deadline=until,
                keep=lambda: folder.keep_answers(answers),
            )
    finally:
        folder.keep_answers(answers, at_once=True)
    return answers
