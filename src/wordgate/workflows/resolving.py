"""From what a user asked for to what a training takes: settings, and word vectors."""

from collections.abc import Mapping
from pathlib import Path

from wordgate.errors import SettingsError
from wordgate.progress import Progress
from wordgate.settings import LARGEST_EMBEDDING, Settings, load_settings
from wordgate.vectors.pretrained import Pretrained

_IN_PLACE = {
    "embedding_size": "vectors_extra_size, by which they are wider than in their file",
    "embedding_learning_rate": "vectors_learning_rate, or vectors_drawn_learning_rate",
}
"""What to set where there are pretrained vectors."""


def resolve_settings(
    recipe: str | Path,
    overrides: Mapping[str, object],
    vectors: str | Path | None,
    *,
    family: str,
) -> Settings:
    """Read a recipe, and refuse what would have no effect, before anything is fetched or read.

    Args:
        recipe: The recipe's name, or the path of a ``.toml`` file.
        overrides: Single settings that beat the recipe's.
        vectors: A file of word vectors or the name of a public one; None to draw them.
        family: The family of the model.

    Raises:
        SettingsError: Recipe or settings are unknown, or the word vectors leave one without effect
            or have none themselves.
    """
    settings = load_settings(recipe, overrides)
    if vectors is None:
        for setting in overrides:
            if setting.startswith("vectors_"):
                raise SettingsError(
                    f"{setting} has no effect without --vectors: give some, or leave it out"
                )
        return settings
    if family == "count":
        raise SettingsError(f"--vectors {vectors} has no effect: word counts read no word vectors")
    for setting, instead in _IN_PLACE.items():
        if setting in overrides:
            raise SettingsError(f"{setting} has no effect with --vectors; set {instead}")
    return settings


def resolve_vectors(
    vectors: str | Path | None, settings: Settings, progress: Progress
) -> tuple[Settings, Pretrained | None]:
    """Find word vectors, fetch them if need be, and see what kind they are.

    Args:
        vectors: A file or a name; None to draw them.
        settings: The settings without them.
        progress: Where a download is told.

    Returns:
        The settings with the size of the word vectors, and these.

    Raises:
        DataError: The word vectors can't be found, fetched or read.
        SettingsError: They are larger than word vectors can be.
        MissingExtraError: They need fetching, and kagglehub isn't installed.
    """
    if vectors is None:
        return settings, None
    pretrained = Pretrained.open(vectors, progress)
    size = pretrained.size + settings.vectors_extra_size
    if size > LARGEST_EMBEDDING:
        raise SettingsError(
            f"the word vectors have {pretrained.size:,} numbers, {size:,} with vectors_extra_size;"
            f" the most is {LARGEST_EMBEDDING:,}"
        )
    return settings.with_vectors_of(pretrained.size), pretrained
