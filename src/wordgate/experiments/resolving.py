"""Resolving options: settings, word vectors, and what contradicts or has no effect."""

from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

from wordgate.errors import SettingsError
from wordgate.families import FAMILIES
from wordgate.runtime.progress import Progress
from wordgate.settings import (
    LARGEST_EMBEDDING,
    NO_TEACHER,
    Settings,
    flat_overrides,
    load_settings,
)
from wordgate.vectors.pretrained import PretrainedVectors

_IN_PLACE = {
    "lstm.embedding_size": "lstm.vectors_extra_size, by which they are wider than in their file",
    "lstm.embedding_learning_rate": "lstm.vectors_learning_rate, or"
    " lstm.vectors_drawn_learning_rate",
}
"""Settings to use where there are pretrained vectors."""


def as_names(value: Sequence[str | Path] | str | Path | None) -> tuple[str, ...] | None:
    """Give one name or several as a tuple; None for None."""
    if value is None:
        return None
    return tuple(map(str, [value] if isinstance(value, str | Path) else value)) or None


def choose_recipe(recipe: str | Path | None, teacher: str | Sequence[str] | None) -> str | Path:
    """Give the recipe that was named; else ``taught`` where a teacher was, ``default`` without."""
    if recipe is not None:
        return recipe
    return "default" if as_names(teacher) in (None, (NO_TEACHER,)) else "taught"


def resolve_settings(
    recipe: str | Path,
    overrides: Mapping[str, object],
    vectors: str | Path | None,
    *,
    families: Sequence[str],
) -> Settings:
    """Read a recipe, and refuse what would have no effect, before anything is fetched or read.

    Args:
        recipe: The recipe's name, or the path of a ``.toml`` file.
        overrides: Single settings that beat the recipe's.
        vectors: A file of word vectors or the name of a public one; None to draw them.
        families: The families of the models.

    Raises:
        SettingsError: Recipe or settings are unknown, or one has no effect; or word vectors are
            needed, or have no effect themselves.
    """
    settings, overrides = load_settings(recipe, overrides), flat_overrides(overrides)
    taught = settings.teacher.is_given and any(FAMILIES[f].can_be_taught for f in families)
    refuse_unread(overrides, (*families, "transformer") if taught else families)
    for setting in overrides:
        if setting.startswith("teacher.") and setting != "teacher.models" and not taught:
            raise SettingsError(f"{setting} has no effect without a teacher: give one by --teacher")
    _check_vectors(families, vectors, taught=taught)
    _check_candidates(settings, overrides)
    if vectors is None and not taught:
        for setting in overrides:
            if setting.startswith(("vectors.", "lstm.vectors_")) and setting != "vectors.stored":
                raise SettingsError(
                    f"{setting} has no effect without --vectors: give some, or leave it out"
                )
        return settings
    if vectors is None:
        return settings
    for setting, instead in _IN_PLACE.items():
        if setting in overrides:
            raise SettingsError(f"{setting} has no effect with --vectors; set {instead}")
    return settings


def refuse_unread(settings: Iterable[str], families: Sequence[str]) -> None:
    """Refuse settings that no family reads.

    Raises:
        SettingsError: There is one.
    """
    for setting in settings:
        if not any(FAMILIES[family].reads(setting) for family in families):
            raise SettingsError(f"{setting} has no effect on {_models(families)}: leave it out")


def _check_candidates(settings: Settings, overrides: Mapping[str, object]) -> None:
    """Refuse to say what the second LSTM is to be where there is none."""
    for setting in overrides:
        of_second = setting.startswith("lstm.lighter_") and setting != "lstm.lighter_candidate"
        if of_second and not settings.lstm.lighter_candidate:
            raise SettingsError(
                f"{setting} has no effect with lstm.lighter_candidate=false: leave it out, or set"
                " lstm.lighter_candidate=true"
            )


def given_options(**options: object) -> dict[str, object]:
    """Leave out the options that were not given, which are None."""
    return {name: value for name, value in options.items() if value is not None}


def refuse_idle_split(
    split: str | None,
    valid: str | Path | None,
    test: str | Path | None,
    split_column: str | None,
) -> None:
    """Refuse to say how to cut where the parts are given.

    Raises:
        SettingsError: Both were said.
    """
    given = given_options(**{"--valid": valid, "--test": test, "--split-column": split_column})
    if split is not None and given:
        raise SettingsError(
            f"--split {split} has no effect with {' and '.join(given)}: leave it out"
        )


def check_folds(
    n_folds: int | None,
    settings: Settings,
    *,
    parts_given: bool,
    max_minutes: float | None,
) -> None:
    """Refuse options that cross-validation would contradict.

    Raises:
        SettingsError: The parts are given or dealt at random, or the time is limited.
    """
    check_n_folds(n_folds, parts_given=parts_given)
    if n_folds is None:
        return
    if settings.split == "random":
        raise SettingsError("--folds keeps groups and copies together; leave out --split random")
    if max_minutes is not None:
        raise SettingsError("--folds trains a model a fold; leave out --max-minutes")


def check_n_folds(n_folds: int | None, *, parts_given: bool) -> None:
    """Refuse a number that is none of folds, and folds where the parts are given.

    Raises:
        SettingsError: There are fewer than two folds, or the parts are given.
    """
    if n_folds is None:
        return
    if n_folds < 2:
        raise SettingsError(f"folds is {n_folds}; it must be 2 or more")
    if parts_given:
        raise SettingsError(
            "--folds deals all rows anew; leave out --valid, --test and --split-column"
        )


def _check_vectors(families: Sequence[str], vectors: str | Path | None, *, taught: bool) -> None:
    """Refuse word vectors that no family reads, and their lack where no teacher gives some."""
    if vectors is not None and all(FAMILIES[family].vectors == "none" for family in families):
        raise SettingsError(f"--vectors {vectors} has no effect: {_models(families)} read none")
    needing = [
        family
        for family in families
        if FAMILIES[family].vectors == "required"
        and not (taught and FAMILIES[family].can_be_taught)
    ]
    if vectors is None and needing:
        raise SettingsError(
            f"{_models(needing)} average word vectors, and there are none: give some by --vectors;"
            " 'wordgate vectors distill' makes some for your own words"
        )


def _models(families: Sequence[str]) -> str:
    return f"models of the family {' or '.join(families)}"


def resolve_vectors(
    vectors: str | Path | None, settings: Settings, progress: Progress
) -> tuple[Settings, PretrainedVectors | None]:
    """Find word vectors, fetch them if need be, and see what kind they are.

    Args:
        vectors: A file or a name; None to draw them.
        settings: The settings without them.
        progress: Where a download is reported.

    Returns:
        The settings with the size of the word vectors, and these.

    Raises:
        DataError: The word vectors can't be found, fetched or read.
        SettingsError: They are larger than word vectors can be.
        MissingExtraError: They need fetching, and kagglehub isn't installed.
    """
    if vectors is None:
        return settings, None
    pretrained = PretrainedVectors.open(vectors, progress)
    size = pretrained.dim + settings.lstm.vectors_extra_size
    if size > LARGEST_EMBEDDING:
        raise SettingsError(
            f"the word vectors have {pretrained.dim:,} dimensions, {size:,} with"
            f" lstm.vectors_extra_size; the most is {LARGEST_EMBEDDING:,}"
        )
    return settings.with_vectors_of(pretrained.dim), pretrained
