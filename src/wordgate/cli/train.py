"""`wordgate train`: from a file to an evaluated model in a folder."""

import sys
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from wordgate.cli import params
from wordgate.cli.live import LiveSearch, run_live
from wordgate.cli.streams import (
    command,
    in_colour,
    line_width,
    print_json,
    wrapped,
    write_result,
)
from wordgate.families import AUTO, FAMILIES

if TYPE_CHECKING:
    from wordgate.bundle.metrics import AnyMetrics, CrossValidation, MultilabelCrossValidation
    from wordgate.experiments.train import Training

_SETTINGS = ("epochs", "learning_rate", "batch_size", "objective", "class_weight")
"""Options that set a setting."""
_COLOURS = {"better": "green", "worse": "red"}


@click.command(
    short_help="Train a classifier, evaluate it and save it.",
    epilog="Named data sets: twitter-entity-sentiment",
)
@click.argument("data", type=params.FILE)
@params.reading
@params.training
@params.search_limits
@params.folds(
    "Also cross-validate: K more models, each tested on an unseen fold of whole groups and"
    " compared with the count baseline on the same folds. The saved model is still that of the"
    " single split."
)
@params.workers
@params.engine("the models of --folds are fitted and the trials of --family auto run")
@params.as_json
@params.verbosity
def train(
    data: str,
    *,
    settings: dict[str, object],
    as_json: bool,
    verbose: bool,
    quiet: bool,
    **options: Any,
) -> None:
    """Train a classifier on DATA, evaluate it on unseen rows, and save it.

    DATA is a CSV, TSV, JSONL, Parquet or Excel file, a folder or quoted glob pattern of such files,
    a URL, or the name of a data set. Columns are inferred and reported.
    """
    from wordgate.training.torchrun import distributed

    with distributed() as is_first:
        if is_first:
            _train(data, settings, as_json=as_json, verbose=verbose, quiet=quiet, options=options)


def _train(
    data: str,
    settings: dict[str, object],
    *,
    as_json: bool,
    verbose: bool,
    quiet: bool,
    options: dict[str, Any],
) -> None:
    from wordgate.experiments.train import train as run_training
    from wordgate.report.search_text import format_search
    from wordgate.runtime.display import one_line

    family, flags = options["model"], {name: options.pop(name) for name in _SETTINGS}
    objective = _search_objective(flags["objective"], family)
    if objective is not None:
        flags["objective"] = None
    if family in (*FAMILIES, AUTO):  # the training refuses others
        settings = params.chosen_settings(settings, flags, family)
    run = partial(run_training, data, settings=settings, objective=objective, **options)
    if family == AUTO:
        training = run_live(run, LiveSearch, verbose=verbose, quiet=quiet)
    else:
        training = run(progress=params.progress_of(verbose=verbose, quiet=quiet))
    if as_json:
        print_json(training.metrics.model_dump(mode="json"))
        return
    write_result(_format_training(training, verbose=verbose))
    if training.search is not None:
        write_result(f"\n{wrapped(format_search(training.search))}")
    if training.metrics.folds is not None:
        family = training.bundle.config.family
        write_result(f"\n{_format_folds(family, training.metrics, training.metrics.folds)}")
    out = options["out"]
    text = one_line(training.predictor.config.text_form() or "a text")
    lines = [
        *_next_steps(training, data),
        *([] if quiet or training.search is not None else [wrapped(_search_hint(training))]),
        f"Full results: {Path(out, 'report.html')}" + ("" if verbose else " (-v prints them here)"),
        f"Saved to {out}. Try: {command('predict', out, text)}",
    ]
    write_result("\n" + "\n".join(lines))


def _search_objective(value: str | None, family: str) -> str | None:
    """Return the score to maximize in a search; None for an objective of thresholds, or none."""
    from wordgate.evaluation.search import OBJECTIVE_NAMES

    if value not in OBJECTIVE_NAMES:
        return None
    if family != AUTO:
        raise click.UsageError(
            f"--objective {value} is a score for a search to maximize: add --family auto;"
            " thresholds are chosen for f1, precision@SHARE, recall@SHARE or cost@A:B"
        )
    return value


def _search_hint(training: "Training") -> str:
    """Describe in a line how long a search would take, and its first family."""
    from wordgate.experiments.search_plan import DEFAULT_PRESET, PRESETS
    from wordgate.report.text import outcome

    metrics, family = training.metrics, training.bundle.config.family
    first = family
    if family != "count" and outcome(family, metrics) != "better":
        first = "count"
    seconds = metrics.train_seconds if first == family else metrics.baselines.count.train_seconds
    name = "the count baseline" if first == "count" != family else first
    return (
        f"To search over families and settings, add --family {AUTO}"
        f" ({PRESETS[DEFAULT_PRESET]:.0f} minutes, or --minutes N). The search would start with"
        f" {name}, which took {max(seconds, 0.1):.1f} s here."
    )


def _format_training(training: "Training", *, verbose: bool) -> str:
    """Format the result: scores with baselines, the verdict, and warnings."""
    from wordgate.report import text

    metrics, family = training.metrics, training.bundle.config.family
    colour = _COLOURS.get(text.outcome(family, metrics) or "")
    verdict = in_colour(wrapped(text.verdict(family, metrics)), colour)
    notes = [*(f"Note: {remark}" for remark in training.remarks), *metrics.sentences("teacher")]
    warnings = [text.leak_warning(metrics.split), *text.weakest_label(metrics)]
    warnings += [*metrics.threshold_sentences(), *notes]
    caveats, costs = wrapped("\n".join(warnings)), text.costs(metrics)
    if not verbose:
        headline = _cells_whole(text.headline(family, metrics))
        return "\n".join(["", headline, "", verdict, caveats, wrapped(costs)])
    parts = [
        *text.label_tables(metrics, line_width(sys.stdout)),
        text.threshold_table(metrics),
        text.scores_beside_baselines(family, metrics),
        verdict,
        caveats,
        *map(wrapped, metrics.sentences("vectors")),
        wrapped("\n".join(text.calibration_sentences(metrics))),
        wrapped(costs),
    ]
    return "\n\n".join(filter(None, parts))


def _cells_whole(text: str) -> str:
    """Break long lines only between cells, which are three spaces apart."""
    cells = text.replace("   ", "\0").replace(" ", "\xa0").replace("\0", "   ")
    lines = [line.replace("\xa0\xa0", "  ", 1) for line in cells.splitlines()]
    return wrapped("\n".join(lines)).replace("\xa0", " ")


def _next_steps(training: "Training", data: str) -> list[str]:
    """Suggest word vectors and distillation for an LSTM without them."""
    metrics = training.metrics
    if training.bundle.config.family != "lstm" or metrics.teacher is not None:
        return []
    taught = wrapped(
        "To distill a transformer into the LSTM (about half an hour), add --teacher minilm."
    )
    if metrics.vectors is not None:
        return [taught]
    columns = params.given_again(*params.COLUMNS)
    distill = ["distill", "--teacher", "minilm", "--data", data, *columns, "--out", "words.bin"]
    return [
        "Word vectors usually help (a few minutes). Distill them with",
        f"  {command('vectors', *distill)}",
        "and train again with --vectors words.bin.",
        taught,
    ]


def _format_folds(
    family: str, metrics: "AnyMetrics", validation: "CrossValidation | MultilabelCrossValidation"
) -> str:
    """Format each fold's scores, the main score over all rows, its interval, and the verdict."""
    from wordgate.report.text import format_share, format_verdict, points_of

    main = validation.main
    lines = [f"{'cross-validation':<20}{'test rows':>12}{main.name:>12}{'macro F1':>12}"]
    for number, fold in enumerate(validation.folds, start=1):
        scores = f"{format_share(fold.main):>12}{format_share(fold.macro_f1):>12}"
        lines.append(f"{f'fold {number}':<20}{fold.n_test:>12,}{scores}")
    n_rows = sum(fold.n_test for fold in validation.folds)
    lines.append(f"{'all rows':<20}{n_rows:>12,}{format_share(main.value):>12}")
    lines.append(
        f"95% interval {main.interval}, groups resampled. Each row was tested once, by a model"
        " trained without its group; the saved model is that of the single split."
    )
    if validation.difference_to_count is not None:
        difference, unit = validation.difference_to_count, points_of(metrics)
        macro_f1 = validation.macro_f1_difference_to_count
        verdict = format_verdict(family, "the count baseline", difference, unit, macro_f1)
        lines.append(f"Over all folds: {verdict}")
    return "\n".join(lines)
