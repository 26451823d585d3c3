"""`wordgate compare`: every family of models on the same splits, or saved models on one file."""

from functools import partial
from typing import Any

import click

from wordgate.cli import params
from wordgate.cli.compare_models import are_models, compare_saved
from wordgate.cli.live import LiveComparison, run_live
from wordgate.cli.streams import print_json, write_result


@click.command(
    short_help="Compare model families on the same splits, or saved models on the same rows.",
    epilog="Named data sets: twitter-entity-sentiment",
)
@click.argument(
    "sources", type=params.FILE, nargs=-1, required=True, metavar="DATA | MODEL MODEL..."
)
@click.option("--data", type=params.FILE, help="Labeled texts to compare saved models on.")
@click.option(
    "--models",
    metavar="FAMILY,...",
    help="Families to compare: count, logreg, mlp, lstm, transformer, and taught (an LSTM distilled"
    " from a transformer).  [default: all available]",
)
@params.reading
@params.split("both kinds")
@params.learning
@params.teaching
@click.option(
    "--folds",
    metavar="K",
    type=click.IntRange(min=2),
    help="Cross-validate: test each row once, in K folds, instead of one test set.",
)
@params.engine("the fits")
@click.option(
    "--out",
    type=params.FOLDER,
    default="wordgate-comparison",
    show_default=True,
    help="Where to write comparison.json and report.html.",
)
@params.overwrite
@click.option("--resume", is_flag=True, help="Continue an interrupted comparison.")
@params.as_json
@params.verbosity
@click.pass_context
def compare(
    context: click.Context,
    /,
    sources: tuple[str, ...],
    *,
    data: str | None,
    models: str | None,
    settings: dict[str, object],
    class_weight: str | None,
    as_json: bool,
    out: str,
    verbose: bool,
    quiet: bool,
    **options: Any,
) -> None:
    """Compare all model families on the same splits of DATA, random and grouped.

    The result has accuracy and macro F1 with intervals that resample groups, paired tests of each
    family against the next simpler one, training time, speed and size. Families that average word
    vectors need --vectors.

    To compare saved models on a file: 'wordgate compare MODEL MODEL --data FILE'. Each MODEL is
    the folder of a model, and is compared with the first one. Rows seen during training are
    counted, and scores are also given without them. Only the options for reading FILE have an
    effect.
    """
    if are_models(sources, data) and data is not None:
        progress = params.progress_of(verbose=verbose, quiet=quiet)
        compare_saved(context, sources, data, options, progress, as_json=as_json)
        return
    from wordgate.experiments.compare import compare as run_comparison
    from wordgate.report.comparison import format_comparison

    families = None if models is None else [name.strip() for name in models.split(",")]
    run = partial(
        run_comparison,
        sources[0],
        models=families,
        settings=params.chosen_settings(settings, {"class_weight": class_weight}),
        out=out,
        **options,
    )
    comparison = run_live(run, LiveComparison, verbose=verbose, quiet=quiet)
    if as_json:
        print_json(comparison.to_json())
        return
    write_result(format_comparison(comparison))
    write_result(f"\nFull results: {out}/report.html")
