"""`wordgate score`: a file of any size, or a stream."""

from dataclasses import asdict
from typing import TYPE_CHECKING, Any

import click

from wordgate.cli import params
from wordgate.cli.streams import print_json, remark, write_result

if TYPE_CHECKING:
    from wordgate.scoring.results import Scored

_ERROR_WIDTH = 200


@click.command(short_help="Predict the labels of files of any size.")
@click.argument("bundle", type=params.FILE, metavar="MODEL")
@click.argument("files", type=params.FILE, metavar="[IN ...] [OUT]", nargs=-1)
@params.option(
    "--text",
    params.COLUMN,
    "Column of the texts: a name or a number; several, such as entity,text, are joined."
    "  [default: as in training, or inferred]",
)
@params.option("--encoding", "NAME", "The encoding of IN, such as cp1252.  [default: detected]")
@params.option(
    "--to",
    "FORMAT",
    "csv, tsv, jsonl or parquet.  [default: inferred from the file extension of OUT,"
    " else the format of IN]",
)
@params.abstain_below
@params.threshold
@params.top
@params.flag(
    "--escape-formulas",
    "Put an apostrophe before cells that a spreadsheet would interpret as formulas.",
)
@params.option(
    "--batch",
    "N",
    "Maximum number of rows scored together.",
    type=click.IntRange(min=1),
    default=8192,
)
@params.kernel
@params.threads
@params.engine("the files of a folder are scored")
@params.flag("--resume", "Continue an interrupted run; start one if there is none.")
@params.flag("--overwrite", "Replace OUT; restart an interrupted run.")
@params.flag(
    "--skip-errors",
    "Of several files, leave out those that cannot be scored; the manifest lists them.",
)
@params.as_json
def score(bundle: str, files: tuple[str, ...], *, as_json: bool, **options: Any) -> None:
    """Predict labels for the texts in IN with MODEL, and write all columns and predictions to OUT.

    IN and OUT are CSV, TSV, JSONL or Parquet files, gzipped or not, of any size, or URLs such as
    s3://bucket/in.csv; if omitted or '-', they are standard input and output. The new columns are
    the label, its probability, the probability of each label, and an error for rows that cannot be
    read. With several labels per text, or with --top, a 'labels' column contains them, most
    probable first: a list in JSONL and Parquet; in CSV and TSV, joined by the separator of the
    training data, or a semicolon.

    If IN is a folder, a quoted glob pattern, or several files, or if OUT ends with a slash, OUT is
    a folder: it gets one output per file, with the same relative name, and at the end
    _manifest.json, which lists them.

    An interrupted run continues with --resume, with the same result as without the interruption.
    """
    from wordgate.scoring.score import score as score_texts
    from wordgate.tables.source import STANDARD

    source, out = _in_and_out(files)
    if as_json and out == STANDARD:
        raise click.UsageError("--json has no effect on standard output, where the rows go.")
    scored = score_texts(bundle, source, out, **options)
    if as_json:
        print_json(asdict(scored))
    else:
        write = remark if out == STANDARD else write_result
        for line in _lines(scored, out):
            write(line)


def _in_and_out(files: tuple[str, ...]) -> tuple[str | tuple[str, ...], str]:
    """Separate the inputs from the output, which is last if there are two or more."""
    if len(files) < 2:
        return (files[0] if files else "-"), "-"
    *sources, out = files
    return (sources[0] if len(sources) == 1 else tuple(sources)), out


def _lines(scored: "Scored", out: str) -> list[str]:
    from wordgate.runtime.display import counted, shown

    if scored.was_complete:
        return []
    lines = [f"Scored {scored.scored:,} of {counted(scored.rows, 'row')}"]
    if scored.shards:
        failed = sum(shard.error is not None for shard in scored.shards)
        lines[0] += f" in {counted(len(scored.shards) - failed, 'file')}"
        lines[0] += f", {failed:,} left out" if failed else ""
    if scored.abstained:
        lines[0] += f", {scored.abstained:,} without a label"
    if scored.errors:
        lines[0] += f"; {scored.errors:,} with an error:"
        lines += [f"  row {row:,}: {shown(why, _ERROR_WIDTH)}" for row, why in scored.first_errors]
        if scored.errors > len(scored.first_errors):
            lines.append("  ...")
    where = "" if out == "-" else f" Saved to {_shown(out)}."
    lines.append(f"{scored.seconds:,.1f} s, {scored.texts_per_second:,.0f} texts/s.{where}")
    return lines


def _shown(out: str) -> str:
    """Return a name without secrets of a URL."""
    from wordgate.storage.remote import display_url, url_of

    url = url_of(out)
    return out if url is None else display_url(url)
