"""`wordgate compare`: every family of models on the same splits."""

import json
from typing import Any

import click

from wordgate.cli.options import (
    json_option,
    learning_options,
    reading_options,
    split_option,
    teaching_options,
)


@click.command(
    short_help="Compare every family of models on the same splits.",
    epilog="Named data sets: twitter-entity-sentiment",
)
@click.argument("data")
@click.option(
    "--models",
    metavar="FAMILY,...",
    help="The families: some of count, logreg, mlp, lstm, transformer; and taught, an LSTM that"
    " a transformer taught.  [default: all that can take part]",
)
@reading_options
@split_option("both kinds")
@learning_options
@teaching_options
@click.option(
    "--folds",
    metavar="K",
    type=click.IntRange(min=2),
    help="Cross-validate: test each row once, in K folds, instead of one test set.",
)
@click.option(
    "--out",
    metavar="FOLDER",
    default="wordgate-comparison",
    show_default=True,
    help="Where to write comparison.json and report.html.",
)
@click.option("--overwrite", is_flag=True, help="Replace a comparison that is there.")
@click.option("--resume", is_flag=True, help="Go on with the comparison that was interrupted.")
@json_option
def compare(
    data: str,
    *,
    models: str | None,
    assignments: tuple[str, ...],
    as_json: bool,
    out: str,
    **options: Any,
) -> None:
    """Fit every family of models on the same splits of DATA, random beside grouped.

    From word counts to a transformer: accuracy and macro F1 with intervals that resample groups,
    what each family gains over the next simpler one, in paired tests, and what it costs. Families
    that average word vectors need --vectors.
    """
    from wordgate.cli.live_comparison import LiveComparison
    from wordgate.experiments.compare import compare as run_comparison
    from wordgate.report.comparison import format_comparison
    from wordgate.settings import parse_assignments

    families = None if models is None else [name.strip() for name in models.split(",")]
    with LiveComparison() as live:
        comparison = run_comparison(
            data,
            models=families,
            settings=parse_assignments(assignments),
            out=out,
            progress=live,
            watch=live.show,
            **options,
        )
    if as_json:
        click.echo(json.dumps(comparison.to_json(), ensure_ascii=False))
        return
    click.echo(format_comparison(comparison))
    click.echo(f"\nThe same in pictures: {out}/report.html")
