"""Resolution of options to settings and word vectors; options without effect are refused."""

from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

from wordgate.arguments import whole_number
from wordgate.bundle.folder import MANIFEST, BundleFolder
from wordgate.errors import MissingExtraError, SettingsError
from wordgate.families import FAMILIES
from wordgate.runtime.progress import Progress
from wordgate.settings import LARGEST_EMBEDDING, NO_TEACHER, Settings, flat_overrides, load_settings
from wordgate.storage.files import expand_home
from wordgate.tables.listing import given_names
from wordgate.training.families import check_family
from wordgate.vectors.pretrained import PretrainedVectors

_IN_PLACE = {
    "lstm.embedding_size": "lstm.vectors_extra_size, by which they are wider than in their file",
    "lstm.embedding_learning_rate": "lstm.vectors_learning_rate, or"
    " lstm.vectors_random_learning_rate",
}
"""Settings to use in place of others with pretrained vectors."""
_FINE_TUNED = "a transformer to fine-tune"


def as_names(value: Sequence[str | Path] | str | Path | None) -> tuple[str, ...] | None:
    """Return one name of a teacher or several as a tuple; None for None."""
    return None if value is None else given_names(value, "a teacher") or None


def unlabelled_files(value: Sequence[str | Path] | str | Path | None) -> tuple[str, ...]:
    """Return the names of the files of unlabelled texts; none for None."""
    return () if value is None else given_names(value, "the file of unlabelled texts")


def given_teachers(teacher: str | Sequence[str] | None) -> tuple[str, ...]:
    """Return the names of the teachers; none for ``none``."""
    names = as_names(teacher) or ()
    return () if names == (NO_TEACHER,) else names


def choose_recipe(recipe: str | Path | None, teacher: str | Sequence[str] | None) -> str | Path:
    """Return the named recipe; else ``taught`` with a teacher, ``default`` without."""
    if recipe is not None:
        return recipe
    return "taught" if given_teachers(teacher) else "default"


def resolve_settings(
    recipe: str | Path,
    overrides: Mapping[str, object],
    vectors: str | Path | None,
    *,
    families: Sequence[str],
) -> Settings:
    """Load a recipe with overrides; refuse settings without effect before any data is read."""
    settings, overrides = load_settings(recipe, overrides), flat_overrides(overrides)
    taught = settings.teacher.is_given and any(FAMILIES[f].can_be_taught for f in families)
    refuse_unread(overrides, (*families, "transformer") if taught else families)
    if not taught:
        _refuse(overrides, "teacher.", "without a teacher: give one with --teacher", "models")
    _check_vectors(families, vectors, taught=taught)
    if not settings.lstm.lighter_candidate:
        why = "with lstm.lighter_candidate=false: leave it out, or set lstm.lighter_candidate=true"
        _refuse(overrides, "lstm.lighter_", why, "candidate")
    _refuse_idle(settings, overrides, vectors=vectors is not None)
    teachers = _families_of_teachers(settings) if taught else set()
    if taught and "transformer" not in families:
        _refuse_unread_by_teachers(overrides, teachers)
    if vectors is not None:
        for setting, instead in _IN_PLACE.items():
            if setting in overrides:
                raise SettingsError(f"{setting} has no effect with --vectors; set {instead}")
    elif not teachers & {_FINE_TUNED, "transformer"}:
        why = "without --vectors: give a file with --vectors, or leave it out"
        _refuse(overrides, "vectors.", why, "stored")
        _refuse(overrides, "lstm.vectors_", why)
    return settings


def _refuse(overrides: Iterable[str], prefix: str, why: str, but: str | None = None) -> None:
    """Raise a `SettingsError` for settings with a prefix, except one, as having no effect."""
    for setting in overrides:
        if setting.startswith(prefix) and setting.removeprefix(prefix) != but:
            raise SettingsError(f"{setting} has no effect {why}")


def refuse_unread(settings: Iterable[str], families: Sequence[str]) -> None:
    """Raise a `SettingsError` for settings that no family reads."""
    for setting in settings:
        if not any(FAMILIES[family].reads(setting) for family in families):
            raise SettingsError(f"{setting} has no effect on {_models(families)}: leave it out")


def _refuse_idle(settings: Settings, overrides: Mapping[str, object], *, vectors: bool) -> None:
    """Raise a `SettingsError` for settings without effect because of others, or of word vectors."""
    for setting, (is_idle, why) in _idle_settings(settings, vectors=vectors).items():
        if is_idle and setting in overrides:
            raise SettingsError(f"{setting} has no effect {why}: leave it out")
    lstm = settings.lstm
    if {"lstm.min_updates", "lstm.max_updates"} <= settings.set_by_user and (
        0 < lstm.max_updates < lstm.min_updates
    ):
        raise SettingsError(
            f"lstm.max_updates={lstm.max_updates} is below lstm.min_updates={lstm.min_updates}:"
            " leave one of them out"
        )


def _idle_settings(settings: Settings, *, vectors: bool) -> dict[str, tuple[bool, str]]:
    """Return, for settings that others can disable, whether they do, and why."""
    lstm, transformer, is_set = settings.lstm, settings.transformer, settings.set_by_user
    open_end = lstm.schedule == "warm-constant"
    keeps_last = (lstm.epoch_score == "last", "with lstm.epoch_score=last, which keeps the last")
    return {
        "lstm.patience": keeps_last,
        "lstm.patience_updates": keeps_last,
        "lstm.epoch_ties": keeps_last,
        "lstm.warmup": (
            lstm.schedule == "constant" or (open_end and not lstm.min_updates),
            f"with lstm.schedule={lstm.schedule}"
            + (" and lstm.min_updates=0, of which it is a fraction" if open_end else ""),
        ),
        "lstm.class_weight": (
            settings.class_weight != "none" or "class_weight" in is_set,
            "with class_weight, which takes its place",
        ),
        "loss.focal_gamma": (
            settings.loss.function != "focal",
            f"with loss.function={settings.loss.function}",
        ),
        "lstm.min_updates": (
            lstm.min_updates > 0 and not open_end and is_set >= {"lstm.epochs", "lstm.batch_size"},
            "with lstm.epochs and lstm.batch_size, which it would adapt",
        ),
        "lstm.dropout_masks": (
            not lstm.recurrent_dropout and (not lstm.input_dropout or lstm.dropout_masks == "gate"),
            "without lstm.recurrent_dropout"
            + ("" if lstm.input_dropout else " and lstm.input_dropout"),
        ),
        "lstm.embedding_scale": (
            vectors and not lstm.vectors_extra_size,
            "with --vectors and lstm.vectors_extra_size=0",
        ),
        "transformer.min_updates": (
            transformer.min_updates > 0
            and is_set >= {"transformer.epochs", "transformer.texts_per_group"},
            "with transformer.epochs and transformer.texts_per_group, which it would adapt",
        ),
    }


def _families_of_teachers(settings: Settings) -> set[str]:
    """Return the families of teachers that are saved models, and `_FINE_TUNED` for others."""
    folders = {name: expand_home(name) for name in settings.teacher.models}
    return {
        BundleFolder.open(folder).config().family if (folder / MANIFEST).is_file() else _FINE_TUNED
        for folder in folders.values()
    }


def _refuse_unread_by_teachers(overrides: Mapping[str, object], teachers: set[str]) -> None:
    """Raise a `SettingsError` for settings of a transformer that no teacher reads."""
    if "transformer.model" in overrides:
        raise SettingsError(
            "transformer.model has no effect on a teacher, which --teacher names: leave it out"
        )
    if _FINE_TUNED not in teachers:
        read = "precision" if "transformer" in teachers else None
        _refuse(overrides, "transformer.", "on a saved teacher: leave it out", read)


def refuse_idle_sizes(
    overrides: Mapping[str, object], parts: Sequence[str] | None, *, grouped: bool
) -> None:
    """Raise a `SettingsError` for settings of the split without effect on given subsets."""
    named = set(parts or ())
    idle = {
        "split": bool(named),
        "stratify": bool(named),
        "test_size": "test" in named,
        "valid_size": "valid" in named,
    }
    for setting, is_idle in idle.items():
        if is_idle and setting in overrides:
            listed = ", ".join(part for part in ("train", "valid", "test") if part in named)
            raise SettingsError(
                f"{setting} has no effect, because the subsets are given ({listed}): leave it out"
            )
    if grouped and "stratify" in overrides:
        raise SettingsError(
            "stratify has no effect with split=grouped, which always does: leave it out"
        )


def with_options(settings: Mapping[str, object] | None, **options: object) -> dict[str, object]:
    """Add options, named like settings, to settings; refuse one that is given twice."""
    overrides, given = flat_overrides(settings), given_options(**options)
    for name in given:
        if name in overrides:
            raise SettingsError(
                f"{name} is set twice, as a setting and by its own option: leave one out"
            )
    return {**overrides, **given}


def given_options(**options: object) -> dict[str, object]:
    """Leave out the options that are None."""
    return {name: value for name, value in options.items() if value is not None}


def check_folds(
    n_folds: int | None, settings: Settings, *, parts_given: bool, max_minutes: float | None
) -> None:
    """Raise a `SettingsError` for folds with given subsets, a random split or a time limit."""
    check_n_folds(n_folds, parts_given=parts_given)
    if n_folds is None:
        return
    if settings.split == "random":
        raise SettingsError(
            "--folds keeps groups and duplicates together; leave out --split random"
        )
    if max_minutes is not None:
        raise SettingsError("--folds trains a model for each fold; leave out --max-minutes")


def check_n_folds(n_folds: int | None, *, parts_given: bool) -> None:
    """Raise a `SettingsError` for an invalid number of folds, or folds with given subsets."""
    if n_folds is None:
        return
    whole_number(n_folds, "folds", "a whole number of at least 2", 2)
    if parts_given:
        raise SettingsError(
            "--folds assigns all rows to folds; leave out --valid, --test and --split-column"
        )


def _check_vectors(families: Sequence[str], vectors: str | Path | None, *, taught: bool) -> None:
    """Raise a `SettingsError` for word vectors that no family reads, or that are missing."""
    if vectors is not None and all(FAMILIES[family].vectors == "none" for family in families):
        raise SettingsError(
            f"--vectors {vectors} has no effect: {_models(families)} do not use word vectors"
        )
    needing = [
        family
        for family in families
        if FAMILIES[family].vectors == "required"
        and not (taught and FAMILIES[family].can_be_taught)
    ]
    if vectors is None and needing:
        raise SettingsError(
            f"{_models(needing)} need word vectors: give a file with --vectors;"
            " 'wordgate vectors distill' creates them for your vocabulary"
        )


def available_families(vectors: str | Path | None) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """Return the families that can be trained, the simplest first; a sentence for each other."""
    families, left_out = [], []
    for family in FAMILIES:
        try:
            check_family(family)
        except MissingExtraError as error:
            left_out.append(f"Left out: {family}. {error}.")
            continue
        if vectors is None and FAMILIES[family].vectors == "required":
            left_out.append(
                f"Left out: {family}, which averages word vectors: give a file with --vectors;"
                " 'wordgate vectors distill' creates them for your vocabulary."
            )
            continue
        families.append(family)
    return tuple(families), tuple(left_out)


def _models(families: Sequence[str]) -> str:
    return f"{' or '.join(families)} models"


def resolve_vectors(
    vectors: str | Path | None, settings: Settings, progress: Progress
) -> tuple[Settings, PretrainedVectors | None]:
    """Find or download word vectors; return the settings with their size, and the vectors."""
    if vectors is None:
        return settings, None
    pretrained = PretrainedVectors.open(vectors, progress)
    size = pretrained.dim + settings.lstm.vectors_extra_size
    if size > LARGEST_EMBEDDING:
        raise SettingsError(
            f"the word vectors have {pretrained.dim:,} dimensions, {size:,} with"
            f" lstm.vectors_extra_size; the maximum is {LARGEST_EMBEDDING:,}"
        )
    return settings.with_vectors_of(pretrained.dim), pretrained
