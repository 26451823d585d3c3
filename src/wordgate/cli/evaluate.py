"""`wordgate evaluate`: a saved model on a file."""

import json
from dataclasses import asdict
from typing import Any

import click

from wordgate.cli.options import json_option, kernel_option, reading_options, threads_option
from wordgate.cli.streams import remark


@click.command(short_help="Evaluate a model on a file.")
@click.argument("bundle")
@click.argument("data")
@reading_options
@kernel_option
@threads_option
@json_option
def evaluate(
    bundle: str,
    data: str,
    *,
    kernel: str,
    threads: int | None,
    as_json: bool,
    **reading: Any,
) -> None:
    """Evaluate the model in BUNDLE on the labelled texts of DATA.

    Rows that had a part in the model's training are counted first: on them a score is memory. Of a
    model that was imported this can't be told, and it is said.
    """
    from wordgate.cli.views import change_warnings, evaluation_view
    from wordgate.experiments.evaluate import evaluate as run_evaluation

    evaluation = run_evaluation(bundle, data, kernel=kernel, threads=threads, **reading)
    remarks = [
        *change_warnings(bundle, evaluation.predictor.changed_files),
        *evaluation.reading.lines(),
    ]
    remark("\n".join(remarks))
    if not as_json:
        click.echo(evaluation_view(evaluation))
        return
    result = {
        "seen": None if evaluation.seen is None else asdict(evaluation.seen),
        "scores": evaluation.scores.model_dump(mode="json"),
        "unseen": None if evaluation.unseen is None else evaluation.unseen.model_dump(mode="json"),
    }
    click.echo(json.dumps(result, ensure_ascii=False))
