"""`wordgate vectors`: files of pretrained word vectors."""

import dataclasses
import json
import os
import shlex
from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING

import click

from wordgate.cli.distill import distill
from wordgate.cli.options import json_option

if TYPE_CHECKING:
    from wordgate.vectors.summary import VectorSummary
    from wordgate.vectors.vector_file import VectorBatch, VectorFile

_FORMATS = ("word2vec", "word2vec-text", "glove", "safetensors")


@click.group(short_help="Inspect, convert and make word vectors.")
def vectors() -> None:
    """Inspect, convert and make files of pretrained word vectors.

    Read are word2vec (binary or text), fastText's .vec, GloVe's text, each gzipped or not, and
    safetensors files that 'convert' writes. 'wordgate train' begins with them: --vectors FILE.
    """


vectors.add_command(distill)


@vectors.command(short_help="Describe a file of word vectors.")
@click.argument("file")
@json_option
def info(file: str, *, as_json: bool) -> None:
    """Describe the word vectors in FILE: format, rows, size, spread, words."""
    from wordgate.runtime.progress import Console
    from wordgate.vectors.formats import open_vectors
    from wordgate.vectors.pretrained import locate_vectors
    from wordgate.vectors.summary import summarize

    opened = open_vectors(locate_vectors(file, Console()))
    summary = summarize(opened, lambda batches: _watched(opened, batches, "reading"))
    if as_json:
        click.echo(json.dumps({"file": file, **dataclasses.asdict(summary)}, ensure_ascii=False))
        return
    click.echo(_view(file, summary))


@vectors.command(short_help="Write word vectors in another format.")
@click.argument("source", metavar="IN")
@click.argument("target", metavar="OUT")
@click.option(
    "--to",
    "format_",
    type=click.Choice(_FORMATS),
    help="The format of OUT.  [default: by its ending: .bin, .vec, .txt or .safetensors]",
)
@click.option("--overwrite", is_flag=True, help="Replace a file that is there.")
def convert(source: str, target: str, *, format_: str | None, overwrite: bool) -> None:
    """Write the word vectors in IN to OUT, in another format.

    Words and numbers stay what they are, to the byte. OUT is gzipped if it ends in .gz. A word that
    a format can't hold, such as one with a space in word2vec's binary, is refused.
    """
    from pathlib import Path

    from wordgate.errors import SettingsError
    from wordgate.runtime.progress import Console
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
    opened = open_vectors(locate_vectors(source, Console()))
    count = opened.rows()
    batches = _watched(opened, opened.batches(), "converting")
    write_vectors(target, batches, format=format_, count=count, dim=opened.dim)
    click.echo(f"Wrote {count:,} vectors of {opened.dim:,} numbers to {target} ({format_}).")


def _watched(
    file: "VectorFile", batches: "Iterable[VectorBatch]", doing: str
) -> "Iterator[VectorBatch]":
    """Pass on the blocks of a file, with a bar over the file's bytes."""
    from wordgate.runtime.progress import Console

    with Console().bar(100) as bar:
        shown = 0
        for block in batches:
            yield block
            while shown < int(100 * file.share_read):
                shown += 1
                bar.advance(f"{doing} {file.path.name}")


def _view(file: str, summary: "VectorSummary") -> str:
    """Show what a file holds."""
    from wordgate.cli.views import one_line

    packed = ", gzipped" if summary.compressed else ""
    declared = "" if summary.declared is None else ", as declared"  # else it had been refused
    lines = [
        f"{file}: {summary.format}{packed}",
        f"vectors: {summary.rows:,} rows{declared}, {summary.size:,} numbers each",
        f"numbers: standard deviation {summary.standard_deviation:.4f},"
        f" mean length of a vector {summary.mean_norm:.3f}",
        f"words: {summary.upper_case:.1%} with upper case, {summary.duplicates:,} repeated,"
        f" {summary.with_spaces:,} with spaces, {summary.not_utf8:,} not UTF-8",
        f"first words: {'  '.join(summary.first_words)}",
        f"Try: wordgate train DATA --vectors {shlex.quote(file)} --out model",
    ]
    return "\n".join(map(one_line, lines))
