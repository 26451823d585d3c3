"""`wordgate compare`: every family of models on the same splits, or saved models on one file."""

import sys
from collections.abc import Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click
from click.core import ParameterSource

from wordgate.cli import params
from wordgate.cli.evaluate import format_seen
from wordgate.cli.live import LiveComparison, run_live
from wordgate.cli.streams import line_width, print_json, warn_of_changes, wrapped, write_result
from wordgate.runtime.display import counted

if TYPE_CHECKING:
    from wordgate.experiments.compare_models import ModelComparison, ModelEvaluation
    from wordgate.runtime.progress import Progress

_READ = {"sources", "data", "threads", "as_json", "verbose", "quiet"}
"""Parameters of `wordgate compare` with an effect on saved models, in addition to reading."""


@click.command(
    short_help="Compare model families on the same splits, or saved models on the same rows.",
    epilog="Named data sets: twitter-entity-sentiment",
)
@click.argument(
    "sources", type=params.FILE, nargs=-1, required=True, metavar="DATA | MODEL MODEL..."
)
@params.option("--data", params.FILE, "Labeled texts to compare saved models on.")
@params.option(
    "--models",
    "FAMILY,...",
    "Families to compare: count, logreg, mlp, lstm, transformer, and taught (an LSTM distilled"
    " from a transformer).  [default: all available]",
)
@params.reading
@params.split("both kinds")
@params.learning
@params.teaching
@params.folds("Cross-validate: test each row once, in K folds, instead of one test set.")
@params.engine("models are fitted")
@params.option(
    "--out",
    params.FOLDER,
    "Where to write comparison.json and report.html.",
    default="wordgate-comparison",
)
@params.overwrite
@params.flag("--resume", "Continue an interrupted comparison.")
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
    if _are_models(sources, data) and data is not None:
        progress = params.progress_of(verbose=verbose, quiet=quiet)
        _compare_saved(context, sources, data, options, progress, as_json=as_json)
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
    write_result(wrapped(format_comparison(comparison, line_width(sys.stdout))))
    write_result(f"\nFull results: {out}/report.html")


def _are_models(sources: Sequence[str], data: str | None) -> bool:
    """Return whether the arguments are saved models, not a source of data."""
    are_models = [Path(source, "config.json").is_file() for source in sources]
    if not any(are_models) and len(sources) == 1:
        if data is not None:
            raise click.UsageError(
                f"--data {data} has no effect without saved models, and '{sources[0]}' is not one:"
                " leave it out"
            )
        return False
    if not all(are_models):
        raise click.UsageError(
            "give one DATA, or the folders of saved models:"
            f" '{sources[are_models.index(False)]}' is not a model"
        )
    if len(sources) == 1:
        raise click.UsageError(
            f"give two models or more to compare; to evaluate one: wordgate evaluate {sources[0]}"
            f" {data or 'DATA'}"
        )
    if data is None:
        raise click.UsageError("name the labeled texts to compare the models on: --data FILE")
    return True


def _compare_saved(
    context: click.Context,
    bundles: Sequence[str],
    data: str,
    options: Mapping[str, Any],
    progress: "Progress",
    *,
    as_json: bool,
) -> None:
    """Compare saved models, and print the result; refuse options that have no effect on them."""
    from wordgate.experiments.compare_models import compare_models
    from wordgate.experiments.reading import ReadingOptions

    reading = ReadingOptions.__optional_keys__ & options.keys()
    for option in context.command.params:
        given = context.get_parameter_source(option.name or "") is ParameterSource.COMMANDLINE
        if given and option.name not in _READ | reading:
            raise click.UsageError(f"{option.opts[0]} has no effect on saved models: leave it out")
    comparison = compare_models(
        bundles,
        data,
        threads=options["threads"],
        progress=progress,
        **{name: options[name] for name in reading},
    )
    for model in comparison.models:
        warn_of_changes(model.path, model.predictor.changed_files)
    report = comparison.reading
    progress.say("\n".join(report.summary(len(comparison.models[0].predictor.labels))))
    progress.detail("\n".join(["", *report.lines()]))
    if as_json:
        print_json(comparison.to_json())
    else:
        write_result(_format_model_comparison(comparison))


def _format_model_comparison(comparison: "ModelComparison") -> str:
    """Format a comparison of saved models for a terminal, rows seen in training first."""
    models = comparison.models
    parts = [
        wrapped("\n".join(f"{model.name}: {format_seen(model.seen)}" for model in models)),
        _tables(
            comparison,
            f"all {counted(comparison.n, 'row')}",
            [model.evaluation for model in models],
        ),
    ]
    unseen = [model.unseen for model in models if model.unseen is not None]
    if unseen and comparison.known is not None:
        n_unseen = comparison.n - comparison.known
        parts.append(_tables(comparison, counted(n_unseen, "unseen row"), unseen))
    parts.append(wrapped("\n".join(_sentences(comparison, unseen))))
    return "\n\n".join(parts)


def _tables(
    comparison: "ModelComparison", rows: str, evaluations: "Sequence[ModelEvaluation]"
) -> str:
    """Format the scores of the models on some rows, and their differences from the first."""
    from wordgate.experiments.compare_models import DIFFERENCE_HEADER
    from wordgate.report.text import score_cells, score_header, text_table

    names = [model.title() for model in comparison.models]
    pairs = list(zip(names, evaluations, strict=True))
    scores = [(name, *score_cells(one.scores)) for name, one in pairs]
    differences = [(name, *one.difference_cells()) for name, one in pairs[1:]]
    header = score_header(evaluations[0].scores.main.name)
    return "\n".join(
        [
            *text_table([(rows, *header), *scores]),
            "",
            *text_table([(f"vs. {comparison.models[0].name}", *DIFFERENCE_HEADER), *differences]),
        ]
    )


def _sentences(comparison: "ModelComparison", unseen: "Sequence[ModelEvaluation]") -> list[str]:
    """Describe which models are better or worse than the first, and explain the columns."""
    from wordgate.report.text import format_difference, skewed_labels

    first, *others = comparison.models
    evaluations = list(unseen) or [model.evaluation for model in comparison.models]
    where = " on the unseen rows" if unseen else ""
    lines, methods = [], set()
    for model, one in zip(others, evaluations[1:], strict=True):
        if (difference := one.difference) is None:
            continue
        macro_f1 = one.macro_f1_difference
        facts = format_difference(difference, macro_f1)
        methods |= {one.method for one in (difference, macro_f1) if one is not None}
        proven = (macro_f1 or difference).proven
        verdict = f"{proven} than" if proven else "not significantly different from"
        lines.append(f"{model.name} is {verdict} {first.name}{where}: {facts}.")
    scores = evaluations[0].scores
    if scores.deciding != scores.main:
        lines.append(skewed_labels(scores))
    return [
        *lines,
        *(["Unseen rows are those that none of the models was trained on."] if unseen else []),
        f"points: difference in {scores.main.name} from {first.name} on the same rows, in"
        f" percentage points, paired by group ({'; '.join(sorted(methods))}). agreement: fraction"
        " of rows for which both predict the same label.",
    ]
