"""`wordgate train`: from a file to an evaluated model in a folder."""

import json
from typing import Any

import click

from wordgate.cli.options import json_option, reading_options, training_options


@click.command(
    short_help="Train a classifier, evaluate it and save it.",
    epilog="Named data sets: twitter-entity-sentiment",
)
@click.argument("data")
@reading_options
@training_options
@click.option(
    "--folds",
    metavar="K",
    type=click.IntRange(min=2),
    help="Cross-validate, too: K more models, each tested on a fold of whole groups it has not"
    " seen. The model kept is that of the ordinary split.",
)
@json_option
def train(data: str, *, assignments: tuple[str, ...], as_json: bool, **options: Any) -> None:
    """Train a classifier on DATA, evaluate it on rows it has not seen, and save it.

    DATA is a CSV, TSV, JSONL or Parquet file, gzipped or not, or the name of a data set. Columns
    are inferred and reported.
    """
    from wordgate.cli.views import folds_view, one_line, training_view
    from wordgate.experiments.train import train as run_training
    from wordgate.settings import parse_assignments

    settings = parse_assignments(assignments)
    training = run_training(data, settings=settings, **options)
    if as_json:
        click.echo(json.dumps(training.metrics.model_dump(mode="json"), ensure_ascii=False))
        return
    click.echo(training_view(training))
    if training.metrics.folds is not None:
        click.echo(f"\n{folds_view(training.metrics.folds)}")
    text = one_line(training.predictor.config.text_form() or "a text")
    click.echo(f'\nSaved in {options["out"]}. Try: wordgate predict {options["out"]} "{text}"')
