"""Tuning: a search over the settings of one family, which ends in a recipe."""

import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from typing_extensions import Unpack

from wordgate.errors import BundleError, SettingsError
from wordgate.evaluation.search import OBJECTIVE_NAMES, SearchResult
from wordgate.experiments.auto import check_kept, open_study, say_if_interrupted, training_rows
from wordgate.experiments.fitting import check_settings
from wordgate.experiments.reading import DataOptions, ReadingOptions, called, near_duplicates_of
from wordgate.experiments.resolving import with_options
from wordgate.experiments.search import Search, Watch
from wordgate.experiments.search_plan import SearchOptions, plan_search
from wordgate.experiments.search_trials import InnerFolds, SearchConfig
from wordgate.experiments.splits import split_table
from wordgate.runtime.cpu import choose_threads, limited_blas
from wordgate.runtime.progress import Console, Progress
from wordgate.search.budget import Budget
from wordgate.settings import checked_seed, own_recipe_toml
from wordgate.storage.files import atomic_write, check_file
from wordgate.training.families import check_family
from wordgate.training.fitting import RunContext

_WRITING_SECONDS = 0.5


@dataclass(frozen=True)
class Tuned:
    """The result of `wordgate.tune`: settings of one family.

    Attributes:
        family: The family.
        settings: The settings that differ from the recipe it started from.
        recipe: The content of a recipe with these settings, as TOML.
        search: The trials, and the score on inner folds; the test rows have no part in it.
    """

    family: str
    settings: Mapping[str, object]
    recipe: str
    search: SearchResult

    def __repr__(self) -> str:
        """Name the settings and the score: the trials are too much for a line."""
        name, score = self.search.objective, self.search.chosen_score
        return f"Tuned({self.family}, {name}={score:.3f}, {dict(self.settings)})"


def tune(
    data: Any,
    *,
    out: str | Path | None = None,
    overwrite: bool = False,
    resume: bool = False,
    model: str = "lstm",
    minutes: float | None = None,
    preset: str | None = None,
    max_ms: float | None = None,
    max_mb: float | None = None,
    objective: str | None = None,
    trials: int | None = None,
    space: str | Path | None = None,
    recipe: str | Path | None = None,
    settings: Mapping[str, object] | None = None,
    vectors: str | Path | None = None,
    split: Literal["grouped", "random"] | None = None,
    test_size: float | None = None,
    valid: str | Path | None = None,
    test: str | Path | None = None,
    split_column: str | None = None,
    weight: str | None = None,
    seed: int = 0,
    device: str = "auto",
    threads: int | None = None,
    progress: Progress | None = None,
    watch: Watch | None = None,
    **reading: Unpack[ReadingOptions],
) -> Tuned:
    """Search the settings of one family, and write them as a recipe.

    Models are fitted and scored on inner folds of the training rows: those that `wordgate.train`
    would train on with the same options. The test rows are left for it.

    Args:
        data: As for `wordgate.train`.
        out: The ``.toml`` file for the recipe; None keeps it in memory.
        overwrite: Replace an existing recipe, and restart an interrupted search.
        resume: Continue an interrupted search with its finished trials.
        model: The family.
        minutes: As for `wordgate.train`, like `preset`, `max_ms`, `max_mb`, `objective` and
            `trials`.
        preset: ``quick``, ``good`` or ``best``.
        max_ms: Maximum latency of one text in milliseconds.
        max_mb: Maximum size of the saved model, in 10^6 bytes.
        objective: ``accuracy``, ``macro_f1`` or ``micro_f1``.
        trials: Maximum number of trials.
        space: A ``.toml`` file with ranges of settings, which take the place of wordgate's own.
        recipe: The recipe to start from; None for ``default``.
        settings: Values of single settings, which are not searched.
        vectors: As for `wordgate.train`, like all other arguments.
        split: ``grouped`` or ``random``.
        test_size: The fraction of rows for the test set.
        valid: A file with the same columns for validation.
        test: A file with the same columns for testing.
        split_column: A column that contains ``train``, ``valid`` or ``test``.
        weight: A column of sample weights.
        seed: Random seed.
        device: ``auto``, ``cpu``, ``cuda`` or ``cuda:N``.
        threads: Number of CPU threads.
        progress: Shows progress; None for standard error.
        watch: Called after every trial, with the objective, all trials, and the
            `time.monotonic()` at which the search ends.
        **reading: How to read the data: see `ReadingOptions`.

    Returns:
        The settings, and the trials.

    Raises:
        WordgateError: Data, settings or destination cannot be used; the message says what to do.
        KeyboardInterrupt: The search was interrupted before any trial had finished.
    """
    started, progress = time.monotonic(), Console() if progress is None else progress
    file = None if out is None else _recipe_file(out, overwrite=overwrite)
    check_family(model)
    check_kept(file, resume=resume, overwrite=overwrite)
    options = DataOptions(
        data, reading, (), split, valid, test, split_column, weight, checked_seed(seed)
    )
    options.refuse_idle_test_size(test_size)
    overrides = with_options(settings, split=split, test_size=test_size)
    asked = SearchOptions(minutes, preset, max_ms, max_mb, objective, trials, watch)
    context = RunContext(options.seed, progress, device, threads, started=started)
    plan = plan_search(
        asked,
        context,
        families=(model,),
        recipe=recipe,
        overrides=overrides,
        vectors=vectors,
        space=space,
        refits=False,
    )
    progress.say(plan.sentence())
    grouped = plan.settings.split == "grouped"
    table = options.read(plan.settings, overrides, progress, grouped=grouped).table
    config = plan.config_for(table)
    with limited_blas(choose_threads(threads)):
        copies = near_duplicates_of(table, progress)
        splits = split_table(table, plan.settings, options.seed, copies)
        check_settings(plan.settings, splits.fit_data(None))
        rows = training_rows(splits)
        folds = InnerFolds.of(rows, splits.labels, plan.settings, options.seed)
        with open_study(config, rows, file, resume=resume) as study:
            budget = Budget(started, config.limits.minutes, _WRITING_SECONDS)
            found = Search(folds, config, budget, study, watch).run()
            say_if_interrupted(found, study, file, progress, "is written")
            result = found.result(config)
            tuned = _tuned(model, recipe or "default", config, result, called(data))
            if file is not None:
                _write_recipe(file, tuned.recipe)
            if found.ended_by != "interruption":
                study.clear()
    return tuned


def _recipe_file(out: str | Path, *, overwrite: bool) -> Path:
    file = Path(out).expanduser()
    if file.suffix != ".toml":
        raise SettingsError(f"--out {file} is no recipe: give a file that ends in .toml")
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
    """Write the recipe of a search's winner."""
    settings = dict(result.trial(result.chosen).settings)
    name = OBJECTIVE_NAMES[result.objective]
    remark = (
        f"{family}, tuned on {source} in {result.minutes:.1f} minutes and"
        f" {len(result.trials):,} trials.\n"
        f"{name} {result.chosen_score:.3f} on inner folds of the training rows: optimistic, as the"
        " best of several is."
    )
    changes = {**config.overrides, **settings}
    return Tuned(family, settings, own_recipe_toml(recipe, changes, remark), result)
