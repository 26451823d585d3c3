"""What the commands that search have in common: the objective, and a table that grows."""

from collections.abc import Callable
from typing import TypeVar

import click

from wordgate.cli.live_search import LiveSearch
from wordgate.cli.options import progress_of

Result = TypeVar("Result")


def search_objective(value: str | None, family: str) -> str | None:
    """Give the score that a search maximizes; None where thresholds or nothing was named.

    Raises:
        UsageError: A score was named, and there is no search.
    """
    from wordgate.evaluation.search import OBJECTIVE_NAMES

    if value not in OBJECTIVE_NAMES:
        return None
    if family != "auto":
        raise click.UsageError(
            f"--objective {value} is a score for a search to maximize: add --family auto;"
            " thresholds are chosen for f1, precision@SHARE, recall@SHARE or cost@A:B"
        )
    return value


def run_search(run: Callable[..., Result], *, verbose: bool, quiet: bool) -> Result:
    """Run a search, and show its trials meanwhile."""
    progress = progress_of(verbose=verbose, quiet=quiet, console=LiveSearch)
    if not isinstance(progress, LiveSearch):
        return run(progress=progress)
    with progress:
        return run(progress=progress, watch=progress.show)
