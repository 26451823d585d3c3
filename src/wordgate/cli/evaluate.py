"""`wordgate evaluate`: a kept model on a file."""

import json
from dataclasses import asdict
from typing import Any

import click

from wordgate.cli.options import json_option, reading_options


@click.command()
@click.argument("bundle")
@click.argument("data")
@reading_options
@json_option
def evaluate(bundle: str, data: str, *, as_json: bool, **reading: Any) -> None:
    """Judge the model in BUNDLE on the labelled texts of DATA.

    Rows that had a part in the model's training are counted first: on them a score is memory.
    """
    from wordgate.cli.views import evaluation_view
    from wordgate.workflows.evaluate import evaluate as evaluate_workflow

    evaluation = evaluate_workflow(bundle, data, **reading)
    click.echo("\n".join(evaluation.reading.lines()), err=True)
    if not as_json:
        click.echo(evaluation_view(evaluation))
        return
    result = {
        "scores": asdict(evaluation.scores),
        "unseen": None if evaluation.unseen is None else asdict(evaluation.unseen),
        "seen": asdict(evaluation.seen),
    }
    click.echo(json.dumps(result, ensure_ascii=False))
