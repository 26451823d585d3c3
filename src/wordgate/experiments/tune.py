"""Tuning: a search over the settings of one family, which ends in a recipe."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from typing_extensions import Unpack

from wordgate.data import Table
from wordgate.errors import BundleError, SettingsError
from wordgate.evaluation.search import SearchResult
from wordgate.experiments.auto import SEARCH, searching, training_rows
from wordgate.experiments.fitting import check_settings
from wordgate.experiments.reading import DataSource, called, near_duplicates_of
from wordgate.experiments.resuming import check_kept
from wordgate.experiments.search_plan import (
    SearchConfig,
    TrainingOptions,
    plan_search,
    search_and_data,
)
from wordgate.experiments.search_ranking import Found
from wordgate.experiments.splits import split_table
from wordgate.report.search_text import selection_score
from wordgate.runtime.command_start import command_started
from wordgate.runtime.contention import Contention
from wordgate.runtime.display import counted
from wordgate.runtime.engine import LOCAL
from wordgate.runtime.progress import Console, Progress
from wordgate.runtime.threads import choose_threads, limited_blas
from wordgate.settings import checked_seed, own_recipe_toml
from wordgate.storage.files import atomic_write, check_file, expand_home
from wordgate.training.families import check_family
from wordgate.training.fitting import RunContext

_WRITING_CPU_SECONDS = 1.0


@dataclass(frozen=True)
class Tuned:
    """The result of `wordgate.tune`: settings of one family.

    Attributes:
        family: The family.
        settings: The settings that differ from the recipe it started from.
        recipe: The content of a recipe with these settings, as TOML.
        search: The trials, and the score on inner folds; the test rows are not used.
    """

    family: str
    settings: Mapping[str, object]
    recipe: str
    search: SearchResult

    def __repr__(self) -> str:
        """Show the settings and the score."""
        name, score = self.search.objective, self.search.chosen_score
        return f"Tuned({self.family}, {name}={score:.3f}, {dict(self.settings)})"


def tune(
    data: Any,
    *,
    out: str | Path | None = None,
    overwrite: bool = False,
    resume: bool = False,
    model: str = "lstm",
    space: str | Path | None = None,
    recipe: str | Path | None = None,
    settings: Mapping[str, object] | None = None,
    vectors: str | Path | None = None,
    seed: int = 0,
    device: str = "auto",
    threads: int | None = None,
    engine: str = LOCAL,
    progress: Progress | None = None,
    **options: Unpack[TrainingOptions],
) -> Tuned:
    """Tune the settings of one family, and write them as a recipe.

    Models are fitted and scored on inner folds of the training rows: those that `wordgate.train`
    would train on with the same options. The test rows are not used.

    Args:
        data: As for `wordgate.train`.
        out: The ``.toml`` file for the recipe; None keeps it in memory.
        overwrite: Replace an existing recipe, and restart an interrupted search.
        resume: Continue an interrupted search with its finished trials.
        model: The family.
        space: A ``.toml`` file with ranges of settings, which take the place of wordgate's own.
        recipe: The recipe to start from; None for ``default``.
        settings: Values of single settings, which are not searched.
        vectors: As for `wordgate.train`, like all other arguments.
        seed: Random seed.
        device: ``auto``, ``cpu``, ``cuda`` or ``cuda:N``.
        threads: Number of CPU threads.
        engine: Where trials are fitted: ``local``, one after another in this process, or ``ray``,
            at the same time on the Ray cluster of RAY_ADDRESS or on the cores of this machine.
        progress: Shows progress; None for standard error.
        **options: How to read and split the data, and what to search for and how long, as for
            `wordgate.train` with ``auto``: see `DataOptions` and `SearchOptions`.

    Returns:
        The settings, and the trials.

    Raises:
        WordgateError: Data, settings or destination cannot be used; the message says what to do.
        KeyboardInterrupt: The search was interrupted before any trial had finished.
    """
    started, progress = command_started(), Console() if progress is None else progress
    file = None if out is None else _recipe_file(out, overwrite=overwrite)
    check_family(model)
    check_kept(file, "search", SEARCH, resume=resume, overwrite=overwrite)
    search, of_data = search_and_data(options)
    source = DataSource(data, of_data, seed=checked_seed(seed))
    overrides = source.overrides(settings)
    config = plan_search(
        search,
        RunContext(source.seed, progress, device, threads, started=started),
        families=(model,),
        recipe=recipe,
        overrides=overrides,
        vectors=vectors,
        space=space,
        refits=False,
        engine=engine,
    )
    progress.say(config.sentence())
    table = source.read(config.settings, overrides, progress).table
    config = config.for_table(table)
    with limited_blas(choose_threads(threads)), _searching(config, table, file, resume) as found:
        tuned = _tuned(model, recipe or "default", config, found.result(config), called(data))
        if file is not None:
            _write_recipe(file, tuned.recipe)
    return tuned


@contextmanager
def _searching(
    config: SearchConfig, table: Table, file: Path | None, resume: bool
) -> Iterator[Found]:
    """Split a table, and search on its training rows; trials are kept until the context ends."""
    contention, progress = Contention(), config.context.progress
    copies = near_duplicates_of(table, progress)
    splits = split_table(table, config.settings, config.context.seed, copies)
    check_settings(config.settings, splits.fit_data(None))
    if not config.engine.is_local:
        contention = contention.before_waiting()
    with searching(
        config,
        training_rows(splits),
        splits.labels,
        file,
        resume=resume,
        finish=lambda: _WRITING_CPU_SECONDS * contention.slowdown(),
        slowdown=contention.slowdown(),
        then="is written",
    ) as found:
        yield found


def _recipe_file(out: str | Path, *, overwrite: bool) -> Path:
    file = expand_home(out)
    if file.suffix != ".toml":
        raise SettingsError(f"--out {file} is not a recipe: give a file name that ends in .toml")
    check_file(file, overwrite=overwrite)
    return file


def _write_recipe(file: Path, content: str) -> None:
    try:
        with atomic_write(file) as aside:
            aside.write_text(content, encoding="utf-8")
    except OSError as error:
        raise BundleError(f"{file} could not be written: {error.strerror or error}") from error


def _tuned(
    family: str, recipe: str | Path, config: SearchConfig, result: SearchResult, source: str
) -> Tuned:
    """Write the recipe of the selected trial."""
    settings = dict(result.trial(result.chosen).settings)
    remark = (
        f"{family}, tuned on {source} in {result.minutes:.1f} minutes and"
        f" {counted(len(result.trials), 'trial')}.\n{selection_score(result)}"
    )
    changes = {**config.overrides, **settings}
    return Tuned(family, settings, own_recipe_toml(recipe, changes, remark), result)
