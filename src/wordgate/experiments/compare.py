"""Comparison of families on the same splits, random and grouped."""

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from typing_extensions import Unpack

from wordgate.bundle.config import environment
from wordgate.data import Table
from wordgate.errors import BundleError, SettingsError
from wordgate.evaluation.calibration import calibration
from wordgate.evaluation.comparison import (
    COMPARED,
    TAUGHT_LSTM,
    Comparison,
    ModelResult,
    PairedTest,
    family_of,
)
from wordgate.experiments.evaluator import analyse, predictions
from wordgate.experiments.fold_results import ResultStore, check_folder_is_own
from wordgate.experiments.reading import DataOptions, DataSource, near_duplicates_of
from wordgate.experiments.resolving import (
    as_names,
    available_families,
    check_n_folds,
    choose_recipe,
    given_teachers,
    refuse_unread,
    resolve_settings,
    resolve_vectors,
    unlabelled_files,
    with_options,
)
from wordgate.experiments.resuming import check_kept, kept_beside, telling_what_is_kept
from wordgate.experiments.split_scheme import (
    GIVEN,
    GROUPED,
    RANDOM,
    ComparisonConfig,
    SplitScheme,
    make_scheme,
    output_of,
    run_models,
)
from wordgate.experiments.students import ModelPlan, TeacherConfig, teacher_config
from wordgate.families import FAMILIES
from wordgate.report.audit import sections
from wordgate.report.comparison import comparison_page, recommend
from wordgate.runtime.engine import LOCAL, Engine
from wordgate.runtime.packages import require_extra
from wordgate.runtime.progress import Console, Progress, stage
from wordgate.runtime.threads import choose_threads, limited_blas
from wordgate.settings import NO_TEACHER, Settings, checked_seed, load_settings
from wordgate.split.audit import audit_table
from wordgate.storage.files import check_folder, expand_home, write_folder
from wordgate.tables.encoding import without_surrogates
from wordgate.training.families import check_device, check_family, check_pretrained
from wordgate.training.fitting import RunContext
from wordgate.vectors.pretrained import PretrainedVectors

FILES = ("comparison.json", "report.html")
_WHAT = "comparison"


def compare(
    data: Any,
    *,
    out: str | Path | None = None,
    overwrite: bool = False,
    resume: bool = False,
    models: Sequence[str] | None = None,
    recipe: str | Path | None = None,
    settings: Mapping[str, object] | None = None,
    vectors: str | Path | None = None,
    teacher: str | Sequence[str] | None = None,
    unlabelled: str | Path | Sequence[str | Path] = (),
    teaching_minutes: float | None = None,
    folds: int | None = None,
    seed: int = 0,
    device: str = "auto",
    threads: int | None = None,
    no_texts: bool = False,
    engine: str = LOCAL,
    progress: Progress | None = None,
    watch: Callable[[Comparison], None] | None = None,
    **options: Unpack[DataOptions],
) -> Comparison:
    """Train every family on the same splits, random and grouped, and compare them in paired tests.

    Args:
        data: As for `wordgate.train`.
        out: The folder for `comparison.json` and `report.html`; None keeps the result in memory.
        overwrite: Replace an existing comparison, and restart an interrupted one.
        resume: Continue an interrupted comparison into `out` after its last finished model.
        models: The families, in any order, and ``taught`` for an LSTM with a teacher. None for all
            available families, and ``taught`` if there is a teacher.
        recipe: As for `wordgate.train`; ``taught`` always uses the recipe of this name.
        settings: As for `wordgate.train`.
        vectors: As for `wordgate.train`; without them, families that average word vectors are left
            out.
        teacher: The teacher of ``taught``, as for `wordgate.train`; None for that of its recipe.
        unlabelled: As for `wordgate.train`, for the teacher of ``taught``.
        teaching_minutes: As for `wordgate.train`, for each split or fold.
        folds: Number of folds of a cross-validation, in place of a single test set.
        seed: Random seed, as for `wordgate.train`.
        device: ``auto``, ``cpu``, ``cuda`` or ``cuda:N``.
        threads: Number of CPU threads.
        no_texts: Leave the texts of the data out of the report.
        engine: Where models are fitted: ``local``, one after another in this process, or ``ray``,
            in parallel on the Ray cluster at RAY_ADDRESS or, if that is not set, on a local cluster
            with all cores. Each fit then takes one thread, or as many as `threads`; with ``cuda``,
            each takes a GPU, and ``auto`` means the CPU.
        progress: Shows progress; None for standard error.
        watch: Called with the comparison so far, after every model.
        **options: How to read and split the data, as for `wordgate.train`: see `DataOptions`.
            Without `split`, both kinds of split are compared.

    Returns:
        The comparison.

    Raises:
        WordgateError: Data, settings or destination cannot be used; the message says what to do.
        KeyboardInterrupt: The comparison was interrupted; finished models are kept next to `out`.
    """
    require_extra("train", "comparing models")
    progress = Console() if progress is None else progress
    out = None if out is None else expand_home(out)
    source = DataSource(data, options, unlabelled_files(unlabelled), checked_seed(seed))
    n_threads = choose_threads(threads)
    chosen_engine = Engine.of(engine, threads, device)
    names, left_out = _families(models, vectors, taught=bool(given_teachers(teacher)))
    families = tuple(dict.fromkeys(map(family_of, names)))
    overrides = with_options(settings, test_size=options.get("test_size"))
    recipe = choose_recipe(recipe, None)
    taught = _settings_of_taught(names, overrides, vectors, teacher)
    chosen = _settings_without_teacher(names, recipe, overrides, vectors, progress)
    teaching = teacher_config(
        taught, teaching_minutes, has_unlabelled=bool(source.unlabelled), progress=progress
    )
    _check_options(source, families, overrides, folds, device, progress)
    _check_out(out, overwrite=overwrite, resume=resume)
    networks = [check_pretrained(family, chosen, progress) for family in families]
    kinds = _kinds(source)
    table = source.read(
        chosen, overrides, progress, grouped=kinds == (GROUPED,), remarks=left_out
    ).table
    if teaching is not None:
        teaching = teaching.beside(table, source, progress)
    chosen, pretrained = resolve_vectors(vectors, chosen, progress)
    plans = _plans(names, chosen, taught, pretrained, teaching)
    copies = near_duplicates_of(table, progress)
    context = RunContext(source.seed, progress, device, threads)
    config = ComparisonConfig(plans, context, next(filter(None, networks), None), chosen_engine)
    with stage(progress, "Splitting"):
        schemes = [make_scheme(table, kind, copies, chosen, folds, context) for kind in kinds]
    store = ResultStore(None if out is None else kept_beside(out, "checkpoint"), progress)
    if not resume:
        store.clear()
    comparison = Comparison(
        source=table.reading.source,
        families=names,
        kinds=kinds,
        folds=folds,
        seed=source.seed,
        recipe=str(recipe),
        vectors=None if pretrained is None else pretrained.name,
        leaks={scheme.kind: scheme.leak() for scheme in schemes},
        left_out=left_out,
        environment=environment("torch", "transformers", "scikit-learn"),
    )
    with limited_blas(n_threads):
        comparison = _run(comparison, schemes, config, store, watch)
        if out is not None:
            with stage(progress, "Writing the report"):
                page = _page(comparison, table, schemes[-1], texts=not no_texts)
            _check_replaceable_folder(out, overwrite=overwrite)
            write_folder(out, _WHAT, _contents(comparison, page))
    store.clear()
    return comparison


def _check_options(
    source: DataSource,
    families: Sequence[str],
    overrides: Mapping[str, object],
    folds: int | None,
    device: str,
    progress: Progress,
) -> None:
    """Check the device and the options of the split before any data is read."""
    for family in [name for name in families if not FAMILIES[name].cpu_alone] or families[:1]:
        check_device(family, device, progress)
    check_n_folds(folds, parts_given=source.names_parts)
    _refuse_idle_settings(overrides, source.options.get("test"), folds)


def _kinds(source: DataSource) -> tuple[str, ...]:
    """Return the kinds of split to compare."""
    if source.names_parts:
        return (GIVEN,)
    split = source.options.get("split")
    return (split,) if split else (RANDOM, GROUPED)


def _plans(
    names: Sequence[str],
    settings: Settings,
    of_taught: Settings | None,
    vectors: PretrainedVectors | None,
    teaching: TeacherConfig | None,
) -> dict[str, ModelPlan]:
    """Plan the models: the distilled LSTM with its own settings and teacher, and all others."""
    plans = {
        name: ModelPlan(name, settings, None if FAMILIES[name].vectors == "none" else vectors)
        for name in names
        if name != TAUGHT_LSTM
    }
    if of_taught is not None:
        if vectors is not None:
            of_taught = of_taught.with_vectors_of(vectors.dim)
        plans[TAUGHT_LSTM] = ModelPlan(family_of(TAUGHT_LSTM), of_taught, vectors, teaching)
    return plans


def _settings_without_teacher(
    names: Sequence[str],
    recipe: str | Path,
    overrides: Mapping[str, object],
    vectors: str | Path | None,
    progress: Progress,
) -> Settings:
    """Return the settings of all models except the distilled LSTM."""
    families = tuple(dict.fromkeys(map(family_of, names)))
    if TAUGHT_LSTM in names:
        overrides = _settings_read_by(overrides, families, but="teacher")
    elif load_settings(recipe).teacher.is_given and "lstm" in families:
        progress.say(
            f"warning: the teacher of the recipe '{recipe}' is not used: to compare an LSTM"
            f" with a teacher, add {TAUGHT_LSTM} to --models"
        )
    if any(FAMILIES[family].reads("teacher.models") for family in families):
        overrides = {**overrides, "teacher.models": NO_TEACHER}
    return resolve_settings(recipe, overrides, vectors, families=families)


def _run(
    comparison: Comparison,
    schemes: Sequence[SplitScheme],
    config: ComparisonConfig,
    store: ResultStore,
    watch: Callable[[Comparison], None] | None,
) -> Comparison:
    """Fit and test each family on each kind of split, and recommend one."""
    with telling_what_is_kept(store.folder, "finished models are"):
        for scheme, result in run_models(comparison.families, schemes, config, store):
            comparison = _with_result(comparison, result, scheme)
            if watch is not None:
                watch(comparison)
    recommendation = recommend(comparison, schemes[-1].deciding_difference)
    return replace(comparison, recommendation=recommendation)


def _settings_of_taught(
    names: Sequence[str],
    overrides: Mapping[str, object],
    vectors: str | Path | None,
    teacher: str | Sequence[str] | None,
) -> Settings | None:
    """Return the settings of the distilled LSTM, from its own recipe; None if it is not compared.

    Raises:
        SettingsError: There is a teacher without a distilled LSTM, or a setting has no effect.
    """
    if TAUGHT_LSTM not in names:
        _refuse_idle_teacher(overrides, is_given=bool(given_teachers(teacher)))
        return None
    families = {family_of(name): None for name in names}
    refuse_unread(overrides, (*families, "transformer"))
    own = _settings_read_by(overrides, ("lstm", "transformer"))
    own = with_options(own, **{"teacher.models": as_names(teacher)})
    readers = ["lstm", "transformer"] if "transformer" in families else ["lstm"]
    return resolve_settings(TAUGHT_LSTM, own, vectors, families=readers)


def _settings_read_by(
    overrides: Mapping[str, object], families: Sequence[str], but: str | None = None
) -> dict[str, object]:
    """Select the settings that one of the families reads, except those with the prefix `but`."""
    return {
        name: value
        for name, value in overrides.items()
        if any(FAMILIES[family].reads(name) for family in families)
        and not (but is not None and name.startswith(but))
    }


def _families(
    models: Sequence[str] | None, vectors: str | Path | None, *, taught: bool
) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """Return the models to compare, the simplest first, and a sentence for each one left out."""
    if models is not None:
        for name in models:
            check_family(family_of(name))
        if len(set(models)) < len(models) or not models:
            raise SettingsError(f"models are {', '.join(models) or 'none'}: give each once")
        return tuple(name for name in COMPARED if name in models), ()
    available, left_out = available_families(vectors)
    if taught and "lstm" in available:
        available = (*available, TAUGHT_LSTM)
    return tuple(name for name in COMPARED if name in available), left_out


def _refuse_idle_settings(
    overrides: Mapping[str, object], test: str | Path | None, folds: int | None
) -> None:
    """Raise a `SettingsError` for settings of the split without effect."""
    if "split" in overrides:
        raise SettingsError(
            "split has no effect as a setting: both kinds are compared, or the one that --split"
            " names"
        )
    idle_with = "--test" if test is not None else "--folds" if folds is not None else None
    if "test_size" in overrides and idle_with is not None:
        raise SettingsError(f"test_size has no effect with {idle_with}: leave it out")


def _refuse_idle_teacher(overrides: Mapping[str, object], *, is_given: bool) -> None:
    """Raise a `SettingsError` for a teacher or its settings without a distilled LSTM."""
    idle = ["--teacher"] if is_given else []
    idle += [
        name
        for name, value in overrides.items()
        if name.startswith("teacher.")
        and (name, str(value).strip()) != ("teacher.models", NO_TEACHER)
    ]
    if idle:
        raise SettingsError(
            f"{idle[0]} has no effect without a distilled LSTM: add {TAUGHT_LSTM} to --models"
        )


def _check_out(out: Path | None, *, overwrite: bool, resume: bool) -> None:
    """Check the output and an interrupted comparison before the work."""
    if out is not None:
        check_folder_is_own(kept_beside(out, "checkpoint"))
    check_kept(out, "checkpoint", _WHAT, resume=resume, overwrite=overwrite)
    if out is not None:
        _check_replaceable_folder(out, overwrite=overwrite)


def _check_replaceable_folder(out: Path, *, overwrite: bool) -> None:
    check_folder(out, _WHAT, overwrite=overwrite, check_replaceable=_check_replaceable)


def _check_replaceable(path: Path) -> None:
    """Raise a `BundleError` unless a folder contains a comparison and nothing else."""
    names = {entry.name for entry in path.iterdir()} if path.is_dir() else {path.name}
    if names - set(FILES) or (names and FILES[0] not in names):
        raise BundleError(
            f"{path} exists and does not contain only a wordgate comparison, so it will not be"
            " replaced"
        )


def _with_result(comparison: Comparison, result: ModelResult, scheme: SplitScheme) -> Comparison:
    """Add a result, and its test against the next simpler family."""
    comparison = replace(comparison, results=(*comparison.results, result))
    position = comparison.families.index(result.family)
    if not position:
        return comparison
    simpler = comparison.result(comparison.families[position - 1], result.kind)
    if simpler is None:
        return comparison
    test = PairedTest(
        result.family,
        simpler.family,
        result.kind,
        scheme.difference(result, simpler),
        scheme.macro_f1_difference(result, simpler),
    )
    return replace(comparison, paired_tests=(*comparison.paired_tests, test))


def _page(comparison: Comparison, table: Table, scheme: SplitScheme, *, texts: bool) -> str:
    """Render the report, with an error analysis of each family on a kind of split."""
    evaluator, words = scheme.evaluator, scheme.words()
    targets = evaluator.test.targets
    analyses = {
        result.family: analyse(
            result.scores,
            predictions(table, evaluator.test, scheme.rows, output_of(result)),
            words,
            temperature=result.temperature,
            before=calibration(result.uncalibrated, targets),
            after=calibration(result.log_proba, targets),
            texts=texts,
            seed=evaluator.seed,
        )
        for result in comparison.results
        if result.kind == scheme.kind
    }
    audit = sections(audit_table(table, scheme.splits.copies))
    return comparison_page(comparison, analyses, audit)


def _contents(comparison: Comparison, page: str) -> dict[str, bytes]:
    facts = json.dumps(comparison.to_json(), ensure_ascii=False, indent=1) + "\n"
    contents = {"comparison.json": facts, "report.html": page}
    return {name: without_surrogates(text).encode() for name, text in contents.items()}
