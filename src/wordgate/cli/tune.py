"""`wordgate tune`: settings of one family, searched and written as a recipe."""

from functools import partial
from pathlib import Path
from typing import Any

import click

from wordgate.cli import params
from wordgate.cli.live import LiveSearch, run_live
from wordgate.cli.streams import command, print_json, wrapped, write_result


@click.command(short_help="Tune the settings of one family, and write a recipe.")
@click.argument("data", type=params.FILE)
@params.reading
@params.option("--out", params.FILE, "The .toml file for the recipe.", required=True)
@params.flag("--overwrite", "Replace a recipe; restart an interrupted search.")
@params.flag("--resume", "Continue an interrupted search.")
@params.family("Family of models: count, logreg, mlp, lstm or transformer.")
@params.search_limits
@params.option(
    "--objective",
    "NAME",
    "The score to maximize: accuracy, macro_f1, or for multi-label data micro_f1 or macro_f1."
    "  [default: accuracy; macro_f1 if one label has 80% of the rows or more; or micro_f1]",
)
@params.option(
    "--space", params.FILE, "A .toml file with ranges of settings, in place of wordgate's own."
)
@params.split("the recipe's")
@params.fitting
@params.engine("the trials run")
@params.as_json
@params.verbosity
def tune(
    data: str,
    *,
    settings: dict[str, object],
    class_weight: str | None,
    as_json: bool,
    verbose: bool,
    quiet: bool,
    **options: Any,
) -> None:
    """Tune the settings of one family on DATA, and write them as a recipe.

    Models are fitted and scored on inner folds of the training rows: those that 'wordgate train'
    would train on with the same options. The test rows are not used.
    """
    from wordgate.experiments.tune import tune as search_settings
    from wordgate.report.search_text import (
        format_best,
        important_settings,
        search_facts,
        selection_score,
    )

    chosen = params.chosen_settings(settings, {"class_weight": class_weight})
    run = partial(search_settings, data, settings=chosen, **options)
    tuned = run_live(run, LiveSearch, verbose=verbose, quiet=quiet)
    if as_json:
        facts = {"family": tuned.family, "settings": dict(tuned.settings)}
        print_json({**facts, "recipe": tuned.recipe, "search": search_facts(tuned.search)})
        return
    search, out = tuned.search, options["out"]
    train = command("train", data, *params.given_again(*params.ROWS), "--family", tuned.family,
                    "--recipe", out, "--out", Path(out).stem)  # fmt: skip
    found = ", ".join(f"{name}={value}" for name, value in tuned.settings.items())
    lines = [
        wrapped(format_best(search), indent=2),
        "",
        wrapped(
            f"{found or 'The settings of the recipe'}: {selection_score(search)}"
            " The test rows were not used."
        ),
        wrapped(important_settings(search)),
        *map(wrapped, search.left_out),
        f"Saved to {out}. Train and test with it: {train}",
    ]
    write_result("\n".join(lines))
