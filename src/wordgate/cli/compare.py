"""`wordgate compare`: every family of models on the same splits, or saved models on one file."""

from collections.abc import Iterator
from contextlib import contextmanager
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
from wordgate.runtime.display import one_line
from wordgate.runtime.progress import Console, ProgressBar

if TYPE_CHECKING:
    from types import TracebackType

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


class _LiveComparison(Console):
    """The console while a comparison runs: the results stand below the remarks, and grow.

    In a log file a line is written for each model instead.
    """

    def __enter__(self) -> "_LiveComparison":
        from rich.live import Live
        from rich.text import Text

        self._running: Live | None = None
        self._table, self._status = "", ""
        self._text = Text
        if self._live:
            self._running = Live(console=self._console, refresh_per_second=4, transient=True)
            self._running.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: "TracebackType | None",
    ) -> None:
        if self._running is not None:
            self._running.stop()

    def show(self, comparison: "Comparison") -> None:
        """Show the results so far."""
        if self._running is None:
            from wordgate.report.text import format_share

            last = comparison.results[-1]
            name, value, _ = last.scores.main
            self.say(
                f"{last.family}, {last.kind} split: {name} {format_share(value)},"
                f" {last.train_seconds:.1f} s"
            )
            return
        from wordgate.report.comparison import format_results

        self._table = format_results(comparison)
        self._draw()

    @contextmanager
    def bar(self, total: int | None, done: int = 0) -> Iterator[ProgressBar]:
        """Show the progress of the model at work in a line below the results."""
        if self._running is None:
            with super().bar(total, done) as bar:
                yield bar
            return
        self._total, self._done = total, done
        yield self
        self._status = ""
        self._draw()

    def advance(self, label: str) -> None:
        """Count one more unit of the model's work."""
        self._done += 1
        share = "" if self._total is None else f"  {self._done / max(1, self._total):.0%}"
        self._status = label + share
        self._draw()

    def tick(self, label: str) -> None:
        """Say what is being done, without a unit of work more."""
        self._status = label
        self._draw()

    def _draw(self) -> None:
        if self._running is not None:
            shown = "\n\n".join(filter(None, (self._table, self._status)))
            self._running.update(self._text("\n".join(map(one_line, shown.split("\n")))))
