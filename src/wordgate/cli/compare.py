"""`wordgate compare`: every family of models on the same splits, or saved models on one file."""

from functools import partial
from typing import TYPE_CHECKING, Any

import click

from wordgate.cli.compare_models import are_models, compare_saved
from wordgate.cli.options import (
    FILE_NAME,
    chosen_settings,
    engine_option,
    json_option,
    learning_options,
    overwrite_option,
    progress_of,
    reading_options,
    split_option,
    teaching_options,
    verbosity_options,
)
from wordgate.cli.streams import print_json, write_result
from wordgate.runtime.live import LiveTable

if TYPE_CHECKING:
    from wordgate.evaluation.comparison import Comparison


@click.command(
    short_help="Compare model families on the same splits, or saved models on the same rows.",
    epilog="Named data sets: twitter-entity-sentiment",
)
@click.argument("sources", type=FILE_NAME, nargs=-1, required=True, metavar="DATA | MODEL MODEL...")
@click.option(
    "--data", type=FILE_NAME, metavar="FILE", help="Labeled texts to compare saved models on."
)
@click.option(
    "--models",
    metavar="FAMILY,...",
    help="Families to compare: count, logreg, mlp, lstm, transformer, and taught (an LSTM distilled"
    " from a transformer).  [default: all available]",
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
@engine_option("the fits")
@click.option(
    "--out",
    type=FILE_NAME,
    metavar="FOLDER",
    default="wordgate-comparison",
    show_default=True,
    help="Where to write comparison.json and report.html.",
)
@overwrite_option
@click.option("--resume", is_flag=True, help="Continue an interrupted comparison.")
@json_option
@verbosity_options
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
        progress = progress_of(verbose=verbose, quiet=quiet)
        compare_saved(context, sources, data, options, progress, as_json=as_json)
        return
    from wordgate.experiments.compare import compare as run_comparison
    from wordgate.report.comparison import format_comparison

    families = None if models is None else [name.strip() for name in models.split(",")]
    flags = {"--class-weight": ("class_weight", class_weight)}
    run = partial(
        run_comparison,
        sources[0],
        models=families,
        settings=chosen_settings(settings, flags),
        out=out,
        **options,
    )
    progress = progress_of(verbose=verbose, quiet=quiet, console=_LiveComparison)
    if isinstance(progress, _LiveComparison):
        with progress:
            comparison = run(progress=progress, watch=progress.show)
    else:
        comparison = run(progress=progress)
    if as_json:
        print_json(comparison.to_json())
        return
    write_result(format_comparison(comparison))
    write_result(f"\nFull results: {out}/report.html")


class _LiveComparison(LiveTable):
    """The console while a comparison runs: the results stand below the remarks, and grow."""

    def show(self, comparison: "Comparison") -> None:
        """Show the results so far."""
        from wordgate.report.comparison import format_results
        from wordgate.report.text import format_share

        last = comparison.results[-1]
        name, value, _ = last.scores.main
        self.show_result(
            f"{last.family}, {last.kind} split: {name} {format_share(value)},"
            f" {last.train_seconds:.1f} s",
            lambda: format_results(comparison),
        )
